// SPDX-License-Identifier: Apache-2.0
/* polls.h - consuming without a connection that stays: POST /v1/triggers/consume/poll gives
 * records and a cursor, …/commit makes a cursor's positions the group's. */
#ifndef KC_TRANSPORT_HTTP_POLLS_H
#define KC_TRANSPORT_HTTP_POLLS_H

#include "component/poll.h"
#include "transport/http/service.h"

#define KC_POLL_WORKERS_MAX 32  /* calls that wait for Kafka at once */
#define KC_POLL_QUEUE_MAX   256 /* calls that wait for one of those */

void kc_route_poll(struct kc_service *s, struct kc_exchange *x);

/* Of either kind of cursor. */
void kc_route_commit(struct kc_service *s, struct kc_exchange *x);

/* For metrics. Any thread. */
struct kc_polls_figures {
    size_t queued, busy; /* calls, workers */
    struct kc_poll_counts clients;
};
void kc_polls_measure(struct kc_service *s, struct kc_polls_figures *out);

#endif
