// SPDX-License-Identifier: Apache-2.0
/* streams.h - answers that do not end: POST and GET /v1/triggers/consume, and the commits of
 * their cursors.
 *
 * A stream is a member of its consumer group for as long as its client stays. Its events carry
 * cursors, which name this server and the stream: only here can they be committed, but any
 * server goes on after them. */
#ifndef KC_TRANSPORT_HTTP_STREAMS_H
#define KC_TRANSPORT_HTTP_STREAMS_H

#include "component/cursor.h"
#include "transport/http/request.h"

#define KC_STREAMS_MAX      100 /* at once; each has a thread and a Kafka client */
#define KC_HEARTBEAT_MS     15000
#define KC_HEARTBEAT_MIN_MS 1000
#define KC_HEARTBEAT_MAX_MS 60000

void kc_route_consume(struct kc_service *s, struct kc_exchange *x);

/* Commits a stream's cursor and answers x with {"offsets":[…]}: 409 where the stream is another
 * server's, 410 where it has ended, 403 where it was opened with other credentials than the
 * request's own, 400 where the request names another topic or group. */
void kc_streams_commit(struct kc_service *s, const struct kc_cursor *cursor,
                       const struct kc_request *request, struct kc_exchange *x);

/* For metrics. Any thread. */
struct kc_streams_figures {
    size_t open;
    uint64_t opened; /* since the start */
};
void kc_streams_measure(struct kc_service *s, struct kc_streams_figures *out);

#endif
