// SPDX-License-Identifier: Apache-2.0
/* http.c
 *
 * Threads    client   owns the curl multi handle: starts requests, answers them
 *            callers  kc_http_send(), kc_http_cancel(), kc_http_stop(), any number
 * Queue      open: requests that wait or are on the wire, max_open; full: send() refuses.
 *            They start in the order they came, but those of a busy origin are passed over.
 * Shutdown   close() has the client answer what is open with KC_STOPPED, joins it. Nothing is
 *            waited for: connections are dropped, lookups of names are left to end by
 * themselves */
#include "net/http.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "net/exchange.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARALLEL       128
#define MAX_PER_ORIGIN     32
#define MAX_OPEN           4096
#define CONNECT_TIMEOUT_MS 10000
#define POLL_MS            1000 /* looked at again even if nobody woke us */

/* Where requests go; lives while one is open. */
struct kc_origin {
    struct kc_origin *next;
    char *name;
    int running, open;
};

struct kc_http {
    struct kc_http_conf conf;
    char **allow;
    char *user_agent;
    CURLM *multi;
    pthread_t thread;
    bool has_ended; /* client only: something ended, so that something may start */

    pthread_mutex_t lock;
    struct kc_exchange *first, *last; /* open ones, in the order they came; needs lock */
    struct kc_origin *origins;        /* needs lock, and so do all that follow */
    int open, running;
    int64_t next_deadline_ms; /* of those that wait; INT64_MAX: none does */
    bool has_news;            /* there is something to start or to end */
    bool is_stopped;
};

/* --- the open requests; all need lock --- */

static struct kc_origin *find_origin(struct kc_http *h, const char *name)
{
    struct kc_origin *o = h->origins;
    while (o && strcmp(o->name, name) != 0)
        o = o->next;
    if (!o) {
        o = kc_new0(struct kc_origin);
        o->name = kc_strdup(name);
        o->next = h->origins;
        h->origins = o;
    }
    return o;
}

static void drop_origin(struct kc_http *h, struct kc_origin *o)
{
    struct kc_origin **at = &h->origins;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    free(o->name);
    free(o);
}

static void add(struct kc_http *h, struct kc_exchange *e)
{
    e->origin = find_origin(h, e->url.origin);
    e->origin->open++;
    e->previous = h->last;
    *(h->last ? &h->last->next : &h->first) = e;
    h->last = e;
    h->open++;
}

static void take_out(struct kc_http *h, struct kc_exchange *e)
{
    *(e->previous ? &e->previous->next : &h->first) = e->next;
    *(e->next ? &e->next->previous : &h->last) = e->previous;
    h->open--;
    if (e->is_running) {
        h->running--;
        e->origin->running--;
    }
    if (--e->origin->open == 0)
        drop_origin(h, e->origin);
}

static bool may_start(const struct kc_http *h, const struct kc_exchange *e)
{
    return h->running < h->conf.max_parallel && e->origin->running < h->conf.max_per_origin;
}

/* Looks at one request: true when it is to be started or, taken out, to be ended. */
static bool is_due(struct kc_http *h, struct kc_exchange *e, int64_t now_ms)
{
    bool is_late = !e->is_running && now_ms >= e->deadline_ms;
    if (e->is_cancelled || h->is_stopped || is_late) {
        e->fate = is_late ? KC_EXCHANGE_LATE : KC_EXCHANGE_STOPPED;
        take_out(h, e);
        return true;
    }
    if (e->is_running)
        return false;
    if (may_start(h, e)) {
        e->fate = KC_EXCHANGE_STARTS;
        e->is_running = true;
        e->origin->running++;
        h->running++;
        return true;
    }
    if (e->deadline_ms < h->next_deadline_ms)
        h->next_deadline_ms = e->deadline_ms;
    return false;
}

/* --- the client's thread --- */

/* All that is to be started or ended now, in the order it came. */
static struct kc_exchange *collect(struct kc_http *h)
{
    struct kc_exchange *due = NULL, **end = &due, *next;
    int64_t now_ms = kc_now_ms();
    pthread_mutex_lock(&h->lock);
    if (h->has_news || h->has_ended || now_ms >= h->next_deadline_ms) {
        h->next_deadline_ms = INT64_MAX;
        for (struct kc_exchange *e = h->first; e; e = next) {
            next = e->next;
            if (is_due(h, e, now_ms)) {
                *end = e;
                end = &e->due;
            }
        }
        h->has_news = false;
        h->has_ended = false;
    }
    *end = NULL;
    pthread_mutex_unlock(&h->lock);
    return due;
}

static void end_one(struct kc_http *h, struct kc_exchange *e)
{
    pthread_mutex_lock(&h->lock);
    take_out(h, e);
    pthread_mutex_unlock(&h->lock);
    h->has_ended = true;
}

static void start_or_end(struct kc_http *h, struct kc_exchange *e)
{
    if (e->fate == KC_EXCHANGE_LATE) {
        kc_exchange_fail(e, KC_TIMEOUT,
                         "its turn did not come in time: too much is on the way");
    } else if (e->fate == KC_EXCHANGE_STOPPED) {
        kc_exchange_fail(e, KC_STOPPED, "stopped before the answer came");
    } else if (!kc_exchange_start(e, h->multi)) {
        end_one(h, e);
        kc_exchange_fail(e, KC_INTERNAL, "libcurl did not take the request");
    } else {
        return;
    }
    h->has_ended = true;
    kc_exchange_free(e);
}

static void answer_all(struct kc_http *h)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct kc_exchange *e = NULL;
        CURLcode result = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &e);
        if (m->msg != CURLMSG_DONE || !e)
            continue;
        end_one(h, e);
        kc_exchange_answer(e, result);
        kc_exchange_free(e);
    }
}

/* How long there is nothing to do unless the network or a caller says so; -1: the end. */
static int wait_ms(struct kc_http *h)
{
    pthread_mutex_lock(&h->lock);
    bool is_over = h->is_stopped && h->open == 0;
    int64_t next_ms = h->has_news || h->has_ended ? 0 : h->next_deadline_ms;
    pthread_mutex_unlock(&h->lock);
    return is_over ? -1 : kc_ms_until(next_ms, POLL_MS);
}

static void *run(void *arg)
{
    struct kc_http *h = arg;
    struct kc_exchange *due, *next;
    int on_wire, idle_ms;
    do {
        for (due = collect(h); due; due = next) {
            next = due->due;
            start_or_end(h, due);
        }
        (void)curl_multi_perform(h->multi, &on_wire);
        answer_all(h);
        idle_ms = wait_ms(h);
        if (idle_ms > 0)
            (void)curl_multi_poll(h->multi, NULL, 0, idle_ms, NULL);
    } while (idle_ms >= 0);
    return NULL;
}

/* --- opening and closing --- */

static int or_else(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static bool copy_allow(struct kc_http *h, const char *const *allow, struct kc_error *err)
{
    size_t count = 0;
    while (allow && allow[count])
        count++;
    h->allow = kc_new0_array(char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!kc_allow_check(allow[i], err))
            return false;
        h->allow[i] = kc_strdup(allow[i]);
    }
    return true;
}

static void free_http(struct kc_http *h)
{
    for (size_t i = 0; h->allow[i]; i++)
        free(h->allow[i]);
    free(h->allow);
    free(h->user_agent);
    curl_multi_cleanup(h->multi);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

bool kc_http_open(struct kc_http **out, const struct kc_http_conf *conf, struct kc_error *err)
{
    struct kc_http *h = kc_new0(struct kc_http);
    pthread_mutex_init(&h->lock, NULL);
    h->next_deadline_ms = INT64_MAX;
    if (!copy_allow(h, conf->allow, err))
        goto fail;
    h->user_agent =
        kc_strdup(conf->user_agent ? conf->user_agent : "kafka-component/" KC_VERSION);
    h->conf = (struct kc_http_conf){
        .allow = (const char *const *)h->allow,
        .user_agent = h->user_agent,
        .max_parallel = or_else(conf->max_parallel, MAX_PARALLEL),
        .max_per_origin = or_else(conf->max_per_origin, MAX_PER_ORIGIN),
        .max_open = or_else(conf->max_open, MAX_OPEN),
        .connect_timeout_ms = or_else(conf->connect_timeout_ms, CONNECT_TIMEOUT_MS),
        .uses_proxy = conf->uses_proxy,
    };
    /* Counted by libcurl, and never taken back: librdkafka uses it too, and lookups of names
     * may outlive the client. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        h->multi = curl_multi_init();
    if (!h->multi) {
        kc_error_set(err, KC_INTERNAL, 0, "libcurl did not start");
        goto fail;
    }
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->conf.max_parallel);
    kc_thread_start(&h->thread, "kc-http", run, h);
    *out = h;
    return true;
fail:
    free_http(h);
    kc_error_wrap(err, "open the HTTP client");
    return false;
}

void kc_http_stop(struct kc_http *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_stopped = true;
    h->has_news = true;
    pthread_mutex_unlock(&h->lock);
    curl_multi_wakeup(h->multi);
}

void kc_http_close(struct kc_http *h)
{
    if (!h)
        return;
    kc_http_stop(h);
    pthread_join(h->thread, NULL);
    free_http(h);
}

/* --- sending --- */

bool kc_http_send(struct kc_http *h, const struct kc_http_request *request,
                  struct kc_error *err)
{
    struct kc_exchange *e = kc_exchange_new(&h->conf, request, err);
    if (!e)
        return false;
    pthread_mutex_lock(&h->lock);
    bool is_stopped = h->is_stopped;
    bool is_taken = !is_stopped && h->open < h->conf.max_open;
    if (is_taken) {
        add(h, e);
        h->has_news = true;
    }
    pthread_mutex_unlock(&h->lock);
    if (is_taken) {
        curl_multi_wakeup(h->multi);
        return true;
    }
    if (is_stopped)
        kc_error_set(err, KC_STOPPED, 0, "the HTTP client was stopped");
    else
        kc_error_set(err, KC_BUSY, 0, "%d requests are on the way already", h->conf.max_open);
    kc_error_wrap(err, "%s %s", e->method, e->url.shown);
    kc_exchange_free(e);
    return false;
}

void kc_http_cancel(struct kc_http *h, const void *arg)
{
    pthread_mutex_lock(&h->lock);
    for (struct kc_exchange *e = h->first; e; e = e->next) {
        if (e->arg == arg) {
            e->is_cancelled = true;
            h->has_news = true;
        }
    }
    pthread_mutex_unlock(&h->lock);
    curl_multi_wakeup(h->multi);
}

const char *kc_http_library(void)
{
    return curl_version();
}
