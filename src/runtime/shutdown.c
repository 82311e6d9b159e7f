// SPDX-License-Identifier: Apache-2.0
#include "runtime/shutdown.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define RELOADS_MAX 4
#define GRACE_MS    1500 /* beyond drain_ms, to say what is left and close the connections */

static struct {
    pthread_mutex_t lock;
    kc_shutdown_stop *stop; /* needs lock */
    void *arg;
    int drain_ms;
    bool has_thread;
    bool is_asked; /* the signal came */
    bool is_once;  /* a second one changes nothing */
    int exit_code; /* of an end by force */
    struct {
        void (*call)(void *arg);
        void *arg;
    } reload[RELOADS_MAX]; /* needs lock */
    size_t reloads;        /* needs lock */
    atomic_bool takes_reload;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .exit_code = EX_UNAVAILABLE };

static void signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

void kc_shutdown_block(void)
{
    sigset_t set;
    signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write() */
}

/* The signal that came; 0 or less when none did in time. */
static int wait_for_signal(int wait_ms)
{
    sigset_t set;
    signals(&set);
    if (wait_ms < 0 && atomic_load(&watch.takes_reload))
        sigaddset(&set, SIGHUP);
    const struct timespec t = { wait_ms / 1000, (long)(wait_ms % 1000) * 1000000 };
    int got;
    do
        got = wait_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &t);
    while (got < 0 && errno == EINTR);
    return got;
}

static void ask_to_reload(void)
{
    pthread_mutex_lock(&watch.lock);
    for (size_t i = 0; i < watch.reloads; i++)
        watch.reload[i].call(watch.reload[i].arg);
    pthread_mutex_unlock(&watch.lock);
}

static void ask(bool is_late)
{
    pthread_mutex_lock(&watch.lock);
    watch.is_asked = true;
    if (watch.stop)
        watch.stop(watch.arg, is_late ? 0 : watch.drain_ms);
    pthread_mutex_unlock(&watch.lock);
}

/* Whether a second signal came before that. */
static bool is_hurried(int wait_ms)
{
    int64_t by_ms = kc_now_ms() + wait_ms;
    do {
        if (wait_for_signal(kc_ms_until(by_ms, wait_ms)) > 0 && !watch.is_once)
            return true;
    } while (kc_ms_until(by_ms, wait_ms) > 0);
    return false;
}

static void *run(void *arg)
{
    (void)arg;
    while (wait_for_signal(-1) == SIGHUP)
        ask_to_reload();
    kc_log(KC_INFO, "stopping", KC_I("drain_ms", watch.drain_ms));
    ask(false);
    if (!is_hurried(watch.drain_ms)) {
        kc_log(KC_WARN, "drain_time_over");
        ask(true);
        if (!is_hurried(GRACE_MS))
            kc_log(KC_ERROR, "ended_unfinished",
                   KC_S("left", "what was not answered or committed"));
    }
    _exit(watch.exit_code);
}

void kc_shutdown_once(int exit_code)
{
    watch.is_once = true;
    watch.exit_code = exit_code;
}

void kc_shutdown_watch(kc_shutdown_stop *stop, void *arg, int drain_ms)
{
    pthread_mutex_lock(&watch.lock);
    watch.stop = stop;
    watch.arg = arg;
    watch.drain_ms = drain_ms;
    bool is_first = !watch.has_thread;
    watch.has_thread = true;
    if (watch.is_asked)
        stop(arg, drain_ms);
    pthread_mutex_unlock(&watch.lock);
    pthread_t thread;
    if (is_first) {
        kc_thread_start(&thread, "kc-signals", run, NULL);
        pthread_detach(thread);
    }
}

void kc_shutdown_ignore(void)
{
    pthread_mutex_lock(&watch.lock);
    watch.stop = NULL;
    watch.reloads = 0;
    pthread_mutex_unlock(&watch.lock);
}

void kc_shutdown_on_reload(void (*reload)(void *arg), void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_mutex_lock(&watch.lock);
    assert(watch.reloads < RELOADS_MAX);
    watch.reload[watch.reloads].call = reload;
    watch.reload[watch.reloads++].arg = arg;
    pthread_mutex_unlock(&watch.lock);
    atomic_store(&watch.takes_reload, true);
}
