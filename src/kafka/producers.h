// SPDX-License-Identifier: Apache-2.0
/* producers.h - producers that several steps share.
 *
 * Opening one costs half a second and a few threads, and the records of all its users go out
 * together: so there is one for each distinct (credentials, compression, time-out, flood). One
 * that nobody uses is closed after a while, on the pool's own thread; a permanent one never.
 * Any thread. */
#ifndef KC_KAFKA_PRODUCERS_H
#define KC_KAFKA_PRODUCERS_H

#include "kafka/producer.h"

struct kc_producers; /* opaque */

/* At most `max` are open; one that was not used for idle_ms is closed. */
struct kc_producers *kc_producers_new(size_t max, int idle_ms);

/* Closes all: they were given back. Waits for their reports. NULL is fine. */
void kc_producers_free(struct kc_producers *pool);

/* A producer that fits, opened if there is none yet; the topic is asked about either way. What
 * conf points to need not outlive the call. TOO_MANY when all are in use. */
bool kc_producers_take(struct kc_producers *pool, const struct kc_producer_conf *conf,
                       bool is_permanent, struct kc_producer **out,
                       struct kc_error *err) KC_MUST_CHECK;

/* After everything that was sent through it by this user is answered. NULL is fine. */
void kc_producers_give(struct kc_producers *pool, struct kc_producer *producer);

/* Shows each that is open, under the pool's lock. */
void kc_producers_each(struct kc_producers *pool, void (*see)(void *arg, struct kc_producer *p),
                       void *arg);

size_t kc_producers_count(struct kc_producers *pool);

#endif
