// SPDX-License-Identifier: Apache-2.0
/* checks.h - questions to a Kafka cluster: can it be signed in to, which topics are there, is
 * it still there.
 *
 * They are asked by a few threads, one question each; more wait in a short queue, and what does
 * not fit in there is refused as busy. A question ends within its time, whatever the cluster
 * does. */
#ifndef KC_TRANSPORT_HTTP_CHECKS_H
#define KC_TRANSPORT_HTTP_CHECKS_H

#include "base/buf.h"
#include "transport/http/service.h"

extern const struct kc_room kc_checks_room;

/* Appends how the start's cluster was when it was last asked: {"state":"reachable"}. Does not
 * wait. Any thread. */
void kc_checks_broker(struct kc_service *s, struct kc_buf *out);

void kc_route_verify(struct kc_service *s, struct kc_exchange *x);
void kc_route_model(struct kc_service *s, struct kc_exchange *x);

#endif
