// SPDX-License-Identifier: Apache-2.0
/* sync.h - condition variables that wait by the monotonic clock, and threads that have names.
 */
#ifndef KC_BASE_SYNC_H
#define KC_BASE_SYNC_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>

/* A word that is said once, to all who would wait for longer: that it is over. */
struct kc_halt {
    pthread_mutex_t lock;
    pthread_cond_t said;
    bool is_said; /* needs lock */
};
void kc_halt_init(struct kc_halt *h);
void kc_halt_deinit(struct kc_halt *h);
void kc_halt_say(struct kc_halt *h); /* any thread; twice is fine */

/* Waits for so long, or until it is said: then true. NULL: it never is. */
bool kc_halt_wait(struct kc_halt *h, int wait_ms);

void kc_cond_init(pthread_cond_t *cond);

/* Waits at most wait_ms; the caller looks at its condition again either way. */
void kc_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int wait_ms);

/* Starts a thread that takes no signals: those belong to the one that waits for them. A process
 * that can have no more threads ends, as one without memory does. */
void kc_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/* The same for whoever can do without; false, and it is in the log, where none can be had. */
bool kc_thread_try(pthread_t *thread, const char *name, void *(*run)(void *),
                   void *arg) KC_MUST_CHECK;

#endif
