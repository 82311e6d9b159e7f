// SPDX-License-Identifier: Apache-2.0
/* inbox.h - the queue of a step: deliveries come in, answers go back.
 *
 * Threads    kc-inbox  owns the consuming connection: deliveries, answers, heartbeats
 *            others    answer
 * Queue      what is unanswered: at most `prefetch`, which the broker sees to
 * Reconnect  for ever, from 100 ms to 30 s, with jitter; a consumer that the broker cancelled
 *            is begun again in the same way. A queue that the broker has not had for lost_ms
 *            is told to on_lost
 * Again      what was unanswered when a connection broke is delivered once more. It is known
 *            by its message id and a hash of its body, where the broker says "redelivered" and
 *            the connection is another one: it is not given out a second time, and its answer
 *            goes to the new delivery. The same holds for answers that may have been lost with
 *            the connection. Otherwise each delivery is a message of its own, be its id that of
 *            another one, or absent */
#ifndef KC_TRANSPORT_SAILOR_INBOX_H
#define KC_TRANSPORT_SAILOR_INBOX_H

#include "base/error.h"
#include "base/sync.h"
#include "transport/sailor/link.h"
#include "transport/sailor/table.h"

struct kc_inbox; /* opaque */

/* AMQP properties that own their memory; without headers. */
struct kc_properties {
    amqp_basic_properties_t native; /* headers and user_id left out */
    amqp_pool_t pool;
};
struct kc_properties *kc_properties_copy(const struct kc_properties *p);
void kc_properties_free(struct kc_properties *p); /* NULL is fine */

enum kc_answer {
    KC_ANSWER_NONE,
    KC_ANSWER_ACK,
    KC_ANSWER_REJECT /* not to be queued again */
};

/* A delivery. It is its taker's until it is answered, which frees it; what it points to the
 * taker may take away, leaving NULL. */
struct kc_delivery {
    char *body; /* NULL: it was larger than body_max, and was not kept */
    size_t body_len;
    struct kc_table *headers; /* empty where there were none */
    bool has_headers;
    struct kc_properties *properties;
    int64_t at_ms; /* wall clock, when it came */

    struct kc_delivery *next, *previous; /* private, as all below: among those out */
    struct kc_delivery *behind;          /* among the answers */
    uint64_t tag;
    uint32_t generation; /* of the connection */
    uint64_t hash;
    enum kc_answer answer;
};

struct kc_inbox_conf {
    const struct kc_amqp_uri *uri;
    const char *queue;
    int prefetch;
    size_t body_max;      /* bytes; 0: any */
    struct kc_halt *halt; /* ends the tries to connect for the first time; NULL: none */
    int lost_ms; /* 0: never given up; what counts is a queue that is gone, not a broker */

    /* On the inbox's thread; must not block, and may not close the inbox. */
    void (*on_delivery)(void *arg, struct kc_delivery *d);
    void (*on_lost)(void *arg, const struct kc_error *err);
    void *arg;
};

/* Connects, trying `attempts` times more, timeout_ms apart, and starts the thread, which keeps
 * the connection alive. Nothing is consumed yet. STOPPED where the halt was said. */
bool kc_inbox_open(struct kc_inbox **out, const struct kc_inbox_conf *conf, int attempts,
                   int timeout_ms, struct kc_error *err) KC_MUST_CHECK;

/* Begins to consume. An error is the broker's:
 * "Operation failed: BasicConsume; 404 (NOT-FOUND) …". */
bool kc_inbox_start(struct kc_inbox *in, struct kc_error *err) KC_MUST_CHECK;

/* Acknowledges the delivery, or rejects it (not to be queued again). Any thread; returns at
 * once. d is gone. */
void kc_inbox_answer(struct kc_inbox *in, struct kc_delivery *d, bool is_accepted);

/* Drops it without an answer: the broker delivers it again once the connection ends. */
void kc_inbox_drop(struct kc_inbox *in, struct kc_delivery *d);

/* No more deliveries; answers still go back, over another connection where this one breaks. Any
 * thread; returns at once. */
void kc_inbox_cancel(struct kc_inbox *in);

/* For how long there is no connection that consumes; 0: there is. Any thread. */
int64_t kc_inbox_down_ms(struct kc_inbox *in);

size_t
kc_inbox_unanswered(struct kc_inbox *in); /* given out, and neither answered nor dropped */

/* Waits up to wait_ms until answers that were given are written; then ends the connection. What
 * is still out may be neither answered nor dropped any more. A connection that is being made is
 * waited for (10 s at most). False when an answer was left. NULL is fine. */
bool kc_inbox_close(struct kc_inbox *in, int wait_ms);

#endif
