// SPDX-License-Identifier: Apache-2.0
/* delivery.h - gives a trigger's messages to a callback: an outlet that POSTs.
 *
 * A message is accepted by a 2xx answer, and by nothing else; only then its records are
 * settled. Of each partition one message is on the wire at a time, so their order stays. What
 * the receiver answers decides what comes next:
 *   2xx                        accepted; the next one
 *   429, 503 with Retry-After  again after that time (KC_PUSH_RETRY_AFTER_MAX_MS at most), and
 *                              until then nothing else either
 *   5xx, 408, 429, no answer   again after a wait with jitter that doubles, without end
 *   any other                  the delivery pauses, with a reason, until it is resumed
 * An attempt has the bytes and the idempotency key of the one before. While messages wait there
 * is no room for more after a while, and the trigger keeps its place in the group.
 * A partition whose message is not accepted for KC_PUSH_STUCK_MS keeps that one only: what
 * waits behind it is given back, and comes again, the same, when it is accepted. So the room
 * that partitions share is left to the others.
 *
 * Threads    the trigger's    hands over messages
 *            pusher           sends, sends again, refuses what is left at a stop
 *            the HTTP client's brings the answers and settles
 *            any              pauses, resumes, stops, looks
 * Queue      one per partition; all of them together KC_PUSH_WAITING_MAX_BYTES, and as many
 *            messages as has_room() lets in; full: the trigger takes nothing and polls on */
#ifndef KC_TRANSPORT_WEBHOOK_DELIVERY_H
#define KC_TRANSPORT_WEBHOOK_DELIVERY_H

#include "runtime/outlet.h"

#define KC_PUSH_WAITING_MAX_BYTES  (8 * 1024 * 1024)
#define KC_PUSH_ON_WIRE_MAX        16 /* requests of one delivery at once */
#define KC_PUSH_FIRST_MS           500
#define KC_PUSH_MAX_MS             60000
#define KC_PUSH_STUCK_MS           2000 /* not accepted for so long: its partition rests */
#define KC_PUSH_RETRY_AFTER_MAX_MS (60 * 60 * 1000)

struct kc_pusher;   /* what deliveries share: the HTTP client, and a thread; opaque */
struct kc_delivery; /* opaque */

/* allow: exceptions of the address guard (net/address.h), copied. */
bool kc_pusher_open(struct kc_pusher **out, const char *const *allow,
                    struct kc_error *err) KC_MUST_CHECK;
void kc_pusher_close(struct kc_pusher *p); /* after its deliveries; NULL is fine */

/* Everything is borrowed until kc_delivery_free(). */
struct kc_delivery_conf {
    const char *name; /* for the log */
    const char *callback_url;
    const char *secret;     /* NULL: nothing is signed */
    const char *media_type; /* of the bodies */
    int timeout_ms;         /* of a request */

    /* The receiver's answer has paused the delivery. On the HTTP client's thread or the
     * pusher's, without locks: must not block, nor call the delivery. */
    void (*paused)(void *arg);
    void *arg;
};

struct kc_delivery *kc_delivery_new(struct kc_pusher *p, const struct kc_delivery_conf *conf);
void kc_delivery_free(struct kc_delivery *d); /* clears it first; NULL is fine */

/* What the trigger speaks through. */
struct kc_outlet *kc_delivery_outlet(struct kc_delivery *d);

/* Nothing is sent any more; what is on the wire is still answered. The reason is copied. */
void kc_delivery_pause(struct kc_delivery *d, const char *reason);
void kc_delivery_resume(struct kc_delivery *d);

/* The end is near: what waits is refused, so that it comes again elsewhere, and what is on the
 * wire is waited for; with drain_ms 0 that is given up too. Does not wait. */
void kc_delivery_stop(struct kc_delivery *d, int drain_ms);

/* After the trigger's process() has returned and before it is closed: gives up what is on the
 * wire and forgets what waits. Takes no time. Then another trigger may use the outlet. */
void kc_delivery_clear(struct kc_delivery *d);

struct kc_delivery_status {
    bool is_paused;
    char reason[KC_ERROR_TEXT_SIZE]; /* "" unless paused */
    size_t retrying;                 /* partitions whose last attempt failed */
    int64_t retry_in_ms;             /* until the next of those attempts; -1: none */
    size_t waiting;                  /* messages handed over and not accepted */
    uint64_t attempts;               /* requests sent and answered, or given up */
    uint64_t failures;               /* of them, not by 2xx */
    uint64_t messages;               /* accepted */
    uint64_t records;                /* in them */
    int64_t accepted_at_ms;          /* the last one, since 1970; 0: none yet */
    struct kc_error last_error;      /* of an attempt, or of the trigger; KC_NONE: none yet */
    int last_error_status;           /* HTTP; 0: none */
    int64_t failed_at_ms;            /* since 1970 */
};
void kc_delivery_status(struct kc_delivery *d, struct kc_delivery_status *out);

#endif
