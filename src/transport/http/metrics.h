// SPDX-License-Identifier: Apache-2.0
/* metrics.h - what the server counts, and GET /metrics, which tells it in Prometheus' text
 * format.
 *
 * Counting is an atomic addition or two; any thread. What is only looked at when somebody asks
 * (queues, lag, memory) costs nothing otherwise. No label holds what a stranger can choose. */
#ifndef KC_TRANSPORT_HTTP_METRICS_H
#define KC_TRANSPORT_HTTP_METRICS_H

#include "runtime/tally.h"
#include "transport/http/service.h"

/* The ways that records go through this server. */
enum kc_way {
    KC_WAY_PRODUCE,
    KC_WAY_STREAM,
    KC_WAY_POLL,
    KC_WAY_PUSH,
    KC_WAYS
};

/* One request was answered; as kc_server_conf's `answered`. */
void kc_metrics_answered(struct kc_service *s, const struct kc_route *route, const char *method,
                         int status, enum kc_code code, int64_t us);

/* One error was told to somebody other than by a problem: as an event, or to a callback. */
void kc_metrics_error(struct kc_service *s, enum kc_code code);

/* The same, at the index of the code: for a tally's by_code. */
_Atomic uint64_t *kc_metrics_errors(struct kc_service *s);

/* Where the records and bytes of a way are counted: as the tally of its steps, or by
 * kc_tally_add(). */
struct kc_tally *kc_metrics_tally(struct kc_service *s, enum kc_way way);

/* What the steps of triggers get as their `lags`. */
struct kc_lags *kc_metrics_lags(struct kc_service *s);

void kc_route_metrics(struct kc_service *s, struct kc_exchange *x);

#endif
