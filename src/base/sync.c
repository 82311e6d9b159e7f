// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
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

void kc_halt_init(struct kc_halt *h)
{
    pthread_mutex_init(&h->lock, NULL);
    kc_cond_init(&h->said);
    h->is_said = false;
}

void kc_halt_deinit(struct kc_halt *h)
{
    pthread_cond_destroy(&h->said);
    pthread_mutex_destroy(&h->lock);
}

void kc_halt_say(struct kc_halt *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_said = true;
    pthread_cond_broadcast(&h->said);
    pthread_mutex_unlock(&h->lock);
}

bool kc_halt_wait(struct kc_halt *h, int wait_ms)
{
    int64_t until_ms = kc_now_ms() + wait_ms;
    int left_ms = wait_ms;
    if (!h) {
        (void)poll(NULL, 0, wait_ms);
        return false;
    }
    pthread_mutex_lock(&h->lock);
    while (!h->is_said && left_ms > 0) {
        kc_cond_wait(&h->said, &h->lock, left_ms);
        left_ms = kc_ms_until(until_ms, wait_ms);
    }
    bool is_said = h->is_said;
    pthread_mutex_unlock(&h->lock);
    return is_said;
}

bool kc_thread_try(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        kc_log(KC_ERROR, "thread_start_failed", KC_S("thread", name),
               KC_S("error", strerror(failed)));
        return false;
    }
    pthread_setname_np(*thread, name);
    return true;
}

void kc_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    if (!kc_thread_try(thread, name, run, arg))
        abort();
}
