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
#define START_MS    1000 /* for a start to break off what it waits for */
#define GRACE_MS    1500 /* beyond drain_ms, to say what is left and close the connections */

static struct {
    pthread_mutex_t lock;
    kc_shutdown_stop *stop; /* needs lock */
    void *arg;
    int drain_ms;
    bool is_starting;
    bool has_thread;
    int64_t asked_ms; /* when the signal came; 0: not yet */
    bool is_once;     /* a second one changes nothing */
    int exit_code;    /* of an end by force */
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
    if (!is_late)
        watch.asked_ms = kc_now_ms();
    if (watch.stop)
        watch.stop(watch.arg, is_late ? 0 : watch.drain_ms);
    pthread_mutex_unlock(&watch.lock);
}

/* What is left of the time that the end may take. A start has little, and is left by force
 * then; one that came through after all has as much as anybody. */
static int left_ms(int grace_ms)
{
    pthread_mutex_lock(&watch.lock);
    int all_ms = watch.drain_ms + grace_ms;
    int left = kc_ms_until(watch.asked_ms + all_ms, all_ms);
    if (left == 0 && watch.is_starting) {
        kc_log(KC_WARN, "start_left"); /* something is waited for that cannot be broken off */
        _exit(EX_OK);
    }
    pthread_mutex_unlock(&watch.lock);
    return left;
}

/* Whether a second signal came before that. */
static bool is_hurried(int grace_ms)
{
    do {
        if (wait_for_signal(left_ms(grace_ms)) > 0 && !watch.is_once)
            return true;
    } while (left_ms(grace_ms) > 0);
    return false;
}

static void *run(void *arg)
{
    (void)arg;
    while (wait_for_signal(-1) == SIGHUP)
        ask_to_reload();
    pthread_mutex_lock(&watch.lock);
    int drain_ms = watch.drain_ms; /* a start's becomes the whole run's */
    pthread_mutex_unlock(&watch.lock);
    kc_log(KC_INFO, "stopping", KC_I("drain_ms", drain_ms));
    ask(false);
    if (!is_hurried(0)) {
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

static void watch_with(kc_shutdown_stop *stop, void *arg, int drain_ms, bool is_starting)
{
    pthread_mutex_lock(&watch.lock);
    watch.stop = stop;
    watch.arg = arg;
    watch.drain_ms = drain_ms;
    watch.is_starting = is_starting;
    bool is_first = !watch.has_thread;
    watch.has_thread = true;
    if (watch.asked_ms)
        stop(arg, drain_ms);
    pthread_mutex_unlock(&watch.lock);
    pthread_t thread;
    if (is_first) {
        kc_thread_start(&thread, "kc-signals", run, NULL);
        pthread_detach(thread);
    }
}

void kc_shutdown_watch(kc_shutdown_stop *stop, void *arg, int drain_ms)
{
    watch_with(stop, arg, drain_ms, false);
}

void kc_shutdown_watch_start(kc_shutdown_stop *stop, void *arg)
{
    watch_with(stop, arg, START_MS, true);
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
