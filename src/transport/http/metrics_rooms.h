// SPDX-License-Identifier: Apache-2.0
/* metrics_rooms.h - what the other rooms have to show at GET /metrics. */
#ifndef KC_TRANSPORT_HTTP_METRICS_ROOMS_H
#define KC_TRANSPORT_HTTP_METRICS_ROOMS_H

#include "transport/http/service.h"

/* Appends their queues, clients, streams and subscriptions. */
void kc_metrics_rooms(struct kc_service *s, struct kc_buf *out);

/* Adds what polls have given out. */
void kc_metrics_polled(struct kc_service *s, uint64_t *records, uint64_t *bytes);

#endif
