// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void kc_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void kc_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int wait_ms)
{
    struct timespec until = kc_deadline(wait_ms);
    pthread_cond_timedwait(cond, lock, &until);
}

void kc_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        kc_log(KC_ERROR, "thread_start_failed", KC_S("thread", name),
               KC_S("error", strerror(failed)));
        abort();
    }
    pthread_setname_np(*thread, name);
}
