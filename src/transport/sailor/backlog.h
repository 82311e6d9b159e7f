// SPDX-License-Identifier: Apache-2.0
/* backlog.h - what waits to be published: what goes next, and when.
 *
 * Fresh      in the order of send(); each kind waits for its own rate limit only
 * Again      what a lost connection left unconfirmed: first of all, in its old order
 * Stalled    a routing key whose messages the broker refuses: they wait in order, one of them
 * is tried when its pause is over, and with each that is taken one more may be under way
 *
 * No locks, no clock of its own: it belongs to the publisher's thread, and so do the messages
 * in it. Bounded by the publisher's queue. */
#ifndef KC_TRANSPORT_SAILOR_BACKLOG_H
#define KC_TRANSPORT_SAILOR_BACKLOG_H

#include "transport/sailor/flight.h"
#include "transport/sailor/limiter.h"

struct kc_backlog {
    struct kc_limiter limiters[KC_RATES];
    int delay_ms, max_delay_ms; /* of retries */
    int reply_patience_ms;
    struct kc_publish_list fresh[KC_RATES], again;
    struct kc_stall *stalls;
    int64_t stalls_at_ms; /* no stalled message may go before */
};

void kc_backlog_init(struct kc_backlog *b, const struct kc_publisher_conf *conf);

void kc_backlog_add(struct kc_backlog *b, struct kc_publishing *publishing);

/* Takes what is to be published now. NULL: nothing may go; *wait_ms until something may, -1
 * where nothing waits. */
struct kc_publishing *kc_backlog_next(struct kc_backlog *b, int64_t now_ms, int64_t *wait_ms);

/* How what next() gave ended: confirmed or given up (the caller keeps it); refused, to be tried
 * again after a pause, for which reason is logged; or unknown, as its connection broke. */
void kc_backlog_answered(struct kc_backlog *b, struct kc_publishing *publishing,
                         bool is_confirmed);
void kc_backlog_refused(struct kc_backlog *b, struct kc_publishing *publishing, int64_t now_ms,
                        const char *reason);
void kc_backlog_lost(struct kc_backlog *b, struct kc_publish_list *lost);

/* Everything in it, one by one, in no order; NULL at the end. */
struct kc_publishing *kc_backlog_take(struct kc_backlog *b);

#endif
