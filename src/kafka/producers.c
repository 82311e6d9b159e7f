// SPDX-License-Identifier: Apache-2.0
/* producers.c
 *
 * Threads    callers  take and give; opening is done under the lock, so that two who want the
 *                     same do not open two: it takes milliseconds and waits for no broker
 *            closer   closes what was not used for a while or had to make room: that may wait
 * Bound      `max` open ones and as many that are being closed */
#include "kafka/producers.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000 /* looked at again even if nobody said anything */

struct shared {
    struct shared *next;
    struct kc_producer *producer;
    struct kc_producer_conf conf;      /* points to what follows */
    struct kc_credentials credentials; /* owned, as the text is */
    char *compression;
    size_t users; /* needs lock, as the rest */
    bool is_permanent;
    int64_t unused_since_ms;
};

struct kc_producers {
    size_t max;
    int idle_ms;
    pthread_t closer;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct shared *open; /* needs lock, as all below */
    struct shared *to_close;
    size_t open_count, closing_count;
    bool is_ending;
};

/* --- one of them --- */

static const char *name_of(const char *compression)
{
    return compression ? compression : "none";
}

static bool fits(const struct shared *s, const struct kc_producer_conf *conf)
{
    return s->conf.timeout_ms == conf->timeout_ms && s->conf.is_flood == conf->is_flood &&
           strcmp(s->compression, name_of(conf->compression)) == 0 &&
           kc_fields_equal(kc_credentials_fields, &s->credentials, conf->credentials);
}

static void shared_free(struct shared *s)
{
    kc_producer_close(s->producer);
    kc_credentials_free(&s->credentials);
    free(s->compression);
    free(s);
}

static struct shared *shared_open(const struct kc_producer_conf *conf, struct kc_error *err)
{
    struct shared *s = kc_new0(struct shared);
    kc_fields_copy(kc_credentials_fields, &s->credentials, conf->credentials,
                   sizeof(s->credentials));
    s->compression = kc_strdup(name_of(conf->compression));
    s->conf = *conf;
    s->conf.credentials = &s->credentials;
    s->conf.compression = s->compression;
    bool ok = kc_producer_open(&s->producer, &s->conf, err);
    s->conf.topic = NULL; /* a loan for the call */
    if (ok)
        return s;
    shared_free(s);
    return NULL;
}

/* --- closing --- */

static bool is_unused(const struct shared *s)
{
    return s->users == 0 && !s->is_permanent;
}

/* Moves it to those that are being closed. */
static void give_up(struct kc_producers *pool, struct shared **at) /* needs lock */
{
    struct shared *s = *at;
    *at = s->next;
    s->next = pool->to_close;
    pool->to_close = s;
    pool->open_count--;
    pool->closing_count++;
    pthread_cond_signal(&pool->wake);
}

/* Gives up what was not used for too long; says when the next one will be due. */
static int give_up_idle(struct kc_producers *pool) /* needs lock */
{
    int wait_ms = WAIT_MS;
    for (struct shared **at = &pool->open; *at;) {
        struct shared *s = *at;
        int left = kc_ms_until(s->unused_since_ms + pool->idle_ms, WAIT_MS);
        if (is_unused(s) && left == 0) {
            give_up(pool, at);
            continue;
        }
        if (is_unused(s) && left < wait_ms)
            wait_ms = left;
        at = &s->next;
    }
    return wait_ms;
}

static void *run_closer(void *arg)
{
    struct kc_producers *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (!pool->is_ending) {
        int wait_ms = give_up_idle(pool);
        struct shared *s = pool->to_close;
        if (!s) {
            kc_cond_wait(&pool->wake, &pool->lock, wait_ms);
            continue;
        }
        pool->to_close = s->next;
        pthread_mutex_unlock(&pool->lock);
        kc_log(KC_DEBUG, "producer_unused", KC_S("brokers", s->credentials.brokers));
        shared_free(s);
        pthread_mutex_lock(&pool->lock);
        pool->closing_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* --- the pool --- */

struct kc_producers *kc_producers_new(size_t max, int idle_ms)
{
    struct kc_producers *pool = kc_new0(struct kc_producers);
    pool->max = max;
    pool->idle_ms = idle_ms;
    pthread_mutex_init(&pool->lock, NULL);
    kc_cond_init(&pool->wake);
    kc_thread_start(&pool->closer, "kc-closer", run_closer, pool);
    return pool;
}

static void free_all(struct shared *list)
{
    while (list) {
        struct shared *s = list;
        list = s->next;
        assert(s->users == 0);
        shared_free(s);
    }
}

void kc_producers_free(struct kc_producers *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    pthread_join(pool->closer, NULL);
    free_all(pool->open);
    free_all(pool->to_close);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* The unused one that waited longest makes room for another. */
static bool make_room(struct kc_producers *pool, struct kc_error *err) /* needs lock */
{
    if (pool->open_count < pool->max)
        return true;
    struct shared **oldest = NULL;
    for (struct shared **at = &pool->open; *at; at = &(*at)->next) {
        if (is_unused(*at) && (!oldest || (*at)->unused_since_ms < (*oldest)->unused_since_ms))
            oldest = at;
    }
    if (!oldest || pool->closing_count >= pool->max) {
        kc_error_set(err, KC_TOO_MANY, 0,
                     "%zu Kafka clients with different credentials or settings are in use: "
                     "try again later",
                     pool->open_count);
        return false;
    }
    give_up(pool, oldest);
    return true;
}

static struct shared *find(struct kc_producers *pool,
                           const struct kc_producer_conf *conf) /* needs lock */
{
    for (struct shared *s = pool->open; s; s = s->next) {
        if (fits(s, conf))
            return s;
    }
    return NULL;
}

static struct shared *open_one(struct kc_producers *pool, const struct kc_producer_conf *conf,
                               struct kc_error *err) /* needs lock */
{
    struct shared *s = make_room(pool, err) ? shared_open(conf, err) : NULL;
    if (!s)
        return NULL;
    s->next = pool->open;
    pool->open = s;
    pool->open_count++;
    return s;
}

bool kc_producers_take(struct kc_producers *pool, const struct kc_producer_conf *conf,
                       bool is_permanent, struct kc_producer **out, struct kc_error *err)
{
    pthread_mutex_lock(&pool->lock);
    struct shared *s = find(pool, conf);
    if (s && conf->topic)
        kc_producer_warm(s->producer, conf->topic);
    else if (!s)
        s = open_one(pool, conf, err);
    if (s) {
        s->users++;
        s->is_permanent |= is_permanent;
        *out = s->producer;
    }
    pthread_mutex_unlock(&pool->lock);
    return s != NULL;
}

void kc_producers_give(struct kc_producers *pool, struct kc_producer *producer)
{
    if (!producer)
        return;
    pthread_mutex_lock(&pool->lock);
    struct shared *s = pool->open;
    while (s->producer != producer)
        s = s->next;
    s->users--;
    s->unused_since_ms = kc_now_ms();
    if (is_unused(s))
        pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

void kc_producers_each(struct kc_producers *pool, void (*see)(void *arg, struct kc_producer *p),
                       void *arg)
{
    pthread_mutex_lock(&pool->lock);
    for (struct shared *s = pool->open; s; s = s->next)
        see(arg, s->producer);
    pthread_mutex_unlock(&pool->lock);
}

size_t kc_producers_count(struct kc_producers *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t count = pool->open_count;
    pthread_mutex_unlock(&pool->lock);
    return count;
}
