// SPDX-License-Identifier: Apache-2.0
/* stream.h - one client that reads a topic as an answer that does not end: kc_consume, run for
 * it alone, whose messages become lines or server-sent events. streams.c has them all.
 *
 * Threads    owner  kc_stream_run(): opens the consumer, is its owner, formats
 *            loop   is told what the socket took, and that the client went; gives commits in
 * Queue      bytes that the socket has not taken, ROOM_BYTES; full: nothing is taken from
 *            Kafka, and after a while fetching rests, but the group is kept
 * Acks       written: a message counts when the socket took its last byte. client: when a
 *            commit came with its cursor or a later one
 * End        stop(), the client's going, or the consumer's own end: what is settled is
 *            committed, the end is said, and run() returns */
#ifndef KC_TRANSPORT_HTTP_STREAM_H
#define KC_TRANSPORT_HTTP_STREAM_H

#include "component/cursor.h"
#include "transport/http/request.h"

struct kc_stream; /* opaque */

/* What a client asked for. Texts are owned unless they say otherwise. */
struct kc_stream_ask {
    struct kc_service *service;
    struct kc_request request;        /* with a complete config */
    const struct kc_doc *credentials; /* that count: a loan */
    char *topic, *group_id;           /* of the config; NULL where it has none */
    const char *server;               /* our name in cursors; a loan that outlives the stream */
    struct kc_cursor from;            /* zeroed: where the group stands */
    uint64_t number;                  /* the stream's own, in its cursors */
    int64_t count;                    /* ends after so many records; 0: never */
    bool until_end;
    bool acks_by_client;
    bool is_sse; /* server-sent events; otherwise NDJSON */
    int heartbeat_ms;
};

void kc_stream_ask_deinit(struct kc_stream_ask *ask);

const char *kc_stream_media_type(bool is_sse);

/* Takes the exchange over, and what *ask owns, which is zeroed. */
struct kc_stream *kc_stream_new(struct kc_exchange *x, struct kc_stream_ask *ask);

/* Serves the client from beginning to end. Once. */
void kc_stream_run(struct kc_stream *s);

/* Ends it, within drain_ms. Any thread; again with a shorter time is fine. */
void kc_stream_stop(struct kc_stream *s, int drain_ms);

/* Settles everything up to the cursor, which is of this stream, commits, and answers x; all
 * that without waiting. False, and x is still the caller's, when the stream has ended. Any
 * thread. */
bool kc_stream_commit(struct kc_stream *s, const struct kc_cursor *cursor,
                      struct kc_exchange *x) KC_MUST_CHECK;

uint64_t kc_stream_number(const struct kc_stream *s);
const struct kc_doc *kc_stream_credentials(const struct kc_stream *s); /* NULL: the start's */

void kc_stream_free(struct kc_stream *s); /* after run; NULL is fine */

#endif
