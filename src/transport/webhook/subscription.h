// SPDX-License-Identifier: Apache-2.0
/* subscription.h - reads a topic as a member of a group and gives its records to a callback,
 * until it is stopped.
 *
 * It has a thread, which opens the consumer, runs it, and opens it again after a while when it
 * ended by itself (a sign-in that is refused, say). Paused, it keeps its place in the group and
 * what it has read, so that it goes on with the same bytes; started paused, it does not join
 * until it is resumed. All functions may be called from any thread, none of them waits. */
#ifndef KC_TRANSPORT_WEBHOOK_SUBSCRIPTION_H
#define KC_TRANSPORT_WEBHOOK_SUBSCRIPTION_H

#include "runtime/tally.h"
#include "transport/webhook/delivery.h"
#include "transport/webhook/spec.h"

struct kc_subscription; /* opaque */

/* Everything is borrowed and outlives the subscription. The functions are called on threads
 * that others wait for: they must not block, nor call the subscription. */
struct kc_subscription_env {
    struct kc_pusher *pusher;
    const struct kc_doc *credentials; /* the start's */
    struct kc_tally *total;           /* what all of them have done; may be NULL */
    struct kc_lags *lags;             /* may be NULL */
    void (*paused)(void *arg);        /* the receiver's answer has paused one: store that */
    void (*ended)(void *arg);         /* the thread of one ends after it was stopped */
    void *arg;
};

/* Starts it, paused if the spec says so. Takes what is in spec over and empties it. */
struct kc_subscription *kc_subscription_new(struct kc_spec *spec,
                                            const struct kc_subscription_env *env);

/* Until it was opened for the first time, or could not be: then false and err, although it goes
 * on trying. A paused one counts as opened. This one waits, wait_ms at most. */
bool kc_subscription_opened(struct kc_subscription *s, int wait_ms,
                            struct kc_error *err) KC_MUST_CHECK;

void kc_subscription_pause(struct kc_subscription *s, const char *reason);
void kc_subscription_resume(struct kc_subscription *s);

/* What is on the wire is answered within drain_ms, what is accepted is committed, then the
 * thread ends. Again with a shorter time is fine. */
void kc_subscription_stop(struct kc_subscription *s, int drain_ms);
bool kc_subscription_has_ended(struct kc_subscription *s);

void kc_subscription_free(struct kc_subscription *s); /* after a stop; waits for its end */

/* A loan that does not change; its is_paused and reason mean nothing here. */
const struct kc_spec *kc_subscription_spec(const struct kc_subscription *s);

/* Whether it became paused or was resumed since the last call: a state to be stored. */
bool kc_subscription_take_change(struct kc_subscription *s);

struct kc_subscription_status {
    const char *state; /* "starting", "running", "retrying", "paused", "failing", "stopping" */
    int64_t lag;       /* -1: not known */
    struct kc_delivery_status delivery;
};
void kc_subscription_status(struct kc_subscription *s, struct kc_subscription_status *out);

/* Of the trigger. */
const struct kc_tally *kc_subscription_tally(const struct kc_subscription *s);

#endif
