// SPDX-License-Identifier: Apache-2.0
/* publisher.h - publishes to the platform's exchange and answers when the broker has confirmed.
 *
 * Threads    kc-publisher  owns the publishing connection; may block in a write while the
 *                          broker blocks the connection, woken by shutting its socket
 *            others        send
 * Queue      in the order of send(), where no rate limit holds something back:
 *            KC_PUBLISHER_MAX messages or KC_PUBLISHER_BYTES, unconfirmed ones included; full:
 *            has_room() says no, and what is sent all the same is still taken
 * Retry      what the broker refuses (nack), returns as unroutable, or never answered since the
 *            connection broke, is published again, in order, with a `retry` header, up to
 *            attempts (0: for ever). Refused and returned ones wait first, twice as long each
 *            time; meanwhile later ones of the same routing key wait behind them
 * Blocked    while the broker blocks the connection nothing is published, and nothing times out
 * Reconnect  for ever, from 100 ms to 30 s, with jitter */
#ifndef KC_TRANSPORT_SAILOR_PUBLISHER_H
#define KC_TRANSPORT_SAILOR_PUBLISHER_H

#include "base/error.h"
#include "base/sync.h"
#include "transport/sailor/link.h"
#include "transport/sailor/table.h"

#define KC_PUBLISHER_MAX   1000
#define KC_PUBLISHER_BYTES (16 << 20)

struct kc_publisher; /* opaque */

enum kc_rate {
    KC_RATE_NONE, /* rebounds, replies: at once */
    KC_RATE_DATA,
    KC_RATE_ERROR,
    KC_RATE_SNAPSHOT,
    KC_RATES
};

struct kc_publisher_conf {
    const struct kc_amqp_uri *uri; /* a loan until close() */
    const char *exchange;
    int rate_limits[KC_RATES]; /* starts per window; that of KC_RATE_NONE does not count */
    int rate_interval_ms;
    int retry_delay_ms, retry_max_delay_ms;
    int64_t retry_attempts; /* in all; 0: endless */
    bool is_persistent;     /* delivery mode 2, else 1 */
    struct kc_halt *halt;   /* ends the tries to connect for the first time; NULL: none */
    int reply_patience_ms;  /* how long a reply may stay unroutable; 0: a minute */
};

/* A message to publish. What it owns is the publisher's from send() on. */
struct kc_publishing {
    char *routing_key; /* owned */
    char *body;        /* owned */
    size_t body_len;
    struct kc_table *headers; /* owned */
    enum kc_rate rate;
    bool is_mandatory; /* one that no queue takes has failed */
    bool is_reply;     /* one that stays unroutable for long is given up: nobody waits */
    bool is_snapshot;  /* one that is unroutable is not published again, and as good as done */
    const char *content_type, *content_encoding; /* static, or owned by props */
    amqp_basic_properties_t *props; /* owned; a deep copy of received ones (rebound), in place
                                       of content_type and content_encoding; or NULL */
    struct kc_properties *props_owner; /* what holds the memory of props; see inbox.h */
    int64_t expiration_ms;             /* -1: none */

    /* Once, on the publisher's thread or in kc_publisher_close(): confirmed, or given up (err
     * says why; its text is the platform's: "Failed on publishing … message to MQ: …"). Must
     * not block; of the publisher it may call kc_publisher_send(), but not while that closes:
     * then err is KC_STOPPED. */
    void (*done)(void *arg, bool is_confirmed, const struct kc_error *err);
    void *arg;

    struct kc_publishing *next; /* private, as all below */
    struct kc_stall *stall;
    uint64_t sequence;
    uint32_t tries;      /* that failed */
    int64_t due_ms;      /* not before */
    int64_t returned_ms; /* when it was unroutable for the first time; 0: never */
    bool is_returned;    /* since it was published last */
};

/* Connects, trying `attempts` times more, timeout_ms apart; then starts the thread.
 * STOPPED where the halt was said. */
bool kc_publisher_open(struct kc_publisher **out, const struct kc_publisher_conf *conf,
                       int attempts, int timeout_ms, struct kc_error *err) KC_MUST_CHECK;

/* Never waits; p is the publisher's. Any thread. */
void kc_publisher_send(struct kc_publisher *p, struct kc_publishing *publishing);

/* Waits up to wait_ms for room. Any thread. */
bool kc_publisher_has_room(struct kc_publisher *p, int wait_ms);

/* Until everything is answered or wait_ms is over; true when nothing is left. */
bool kc_publisher_drain(struct kc_publisher *p, int wait_ms);

/* Whether the connection is up (a blocked one is), and if not, since when and why. Any thread;
 * err may be NULL. */
bool kc_publisher_is_well(struct kc_publisher *p, struct kc_error *err);

/* For how long there is no connection; 0: there is one. Any thread. */
int64_t kc_publisher_down_ms(struct kc_publisher *p);

/* What is left is answered as not confirmed (KC_STOPPED). Ends a write that is stuck; takes a
 * second at most to say goodbye, or five where it is just connecting. NULL is fine. */
void kc_publisher_close(struct kc_publisher *p);

#endif
