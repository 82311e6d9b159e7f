// SPDX-License-Identifier: Apache-2.0
/* poll_pool.c
 *
 * Threads    callers  take and give clients
 *            reaper   closes clients that were idle for long, every REAP_MS
 * Lock       pool->lock guards the slots; clients are opened and closed without it, for that
 *            takes time: their slot is busy meanwhile */
#include "component/poll_pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <stdlib.h>
#include <string.h>

#define REAP_MS 5000

struct slot {
    struct kc_pool_client client; /* first: a client is its slot */
    bool is_used, is_busy;
    struct kc_credentials credentials; /* the key: as the client was opened with */
    char *group_id;
    const char *isolation;
    int64_t idle_since_ms;
};

struct kc_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;                   /* a client came back, or the end is near */
    struct slot slots[KC_POLL_CLIENTS_MAX]; /* need lock, all but their busy clients */
    uint64_t opened;                        /* needs lock */
    int idle_ms;
    atomic_bool is_stopping;
    pthread_t reaper;
};

/* --- slots --- */

static void close_slot(struct slot *s)
{
    kc_reader_close(s->client.reader);
    kc_credentials_free(&s->credentials);
    free(s->group_id);
    s->client = (struct kc_pool_client){ .reader = NULL };
    s->group_id = NULL;
}

static bool is_same_text(const char *a, const char *b)
{
    return !a || !b ? !a && !b : strcmp(a, b) == 0;
}

static bool has_key(const struct slot *s, const struct kc_pool_key *key)
{
    return is_same_text(s->group_id, key->group_id) && !strcmp(s->isolation, key->isolation) &&
           kc_fields_equal(kc_credentials_fields, &s->credentials, key->credentials);
}

/* How well an idle client suits: one that need not seek, one that served this chain and has its
 * prefetch nearby, any of this key. */
enum fit {
    FIT_NOT,
    FIT_KEY,
    FIT_CHAIN,
    FIT_PLACE
};

static enum fit fit_of(const struct slot *s, const struct kc_pool_key *key,
                       const struct kc_cursor *at)
{
    if (!has_key(s, key))
        return FIT_NOT;
    if (at && kc_reader_is_at(s->client.reader, at->topic, &at->positions))
        return FIT_PLACE;
    return at && s->client.chain == at->number ? FIT_CHAIN : FIT_KEY;
}

/* What is there for a call. */
struct choice {
    struct slot *best;   /* an idle client of the key, the longest idle among equals */
    enum fit fit;        /* of it */
    struct slot *empty;  /* a slot without client */
    struct slot *oldest; /* the idle client that was used the longest time ago */
};

static struct choice look(struct kc_pool *pool, const struct kc_pool_key *key,
                          const struct kc_cursor *at)
{
    struct choice c = { .fit = FIT_NOT };
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++) {
        struct slot *s = &pool->slots[i];
        if (!s->is_used && !c.empty)
            c.empty = s;
        if (!s->is_used || s->is_busy)
            continue;
        if (!c.oldest || s->idle_since_ms < c.oldest->idle_since_ms)
            c.oldest = s;
        enum fit fit = fit_of(s, key, at);
        if (fit > c.fit || (fit && fit == c.fit && s->idle_since_ms < c.best->idle_since_ms)) {
            c.best = s;
            c.fit = fit;
        }
    }
    return c;
}

/* A call that begins a chain takes any client of its key. One that goes on with a chain leaves
 * those of other chains in peace while there is room for one more. */
static struct slot *choose(struct kc_pool *pool, const struct kc_pool_key *key,
                           const struct kc_cursor *at, bool *must_open)
{
    struct choice c = look(pool, key, at);
    *must_open = false;
    if (c.best && (!at || c.fit > FIT_KEY || !c.empty))
        return c.best;
    *must_open = true;
    return c.empty ? c.empty : c.oldest;
}

/* --- taking and giving --- */

/* The reader has the slot's own copies: it may need them again while it lives. */
static bool open_slot(struct kc_pool *pool, struct slot *s, const struct kc_pool_key *key,
                      struct kc_error *err)
{
    close_slot(s); /* another's, where there was no room */
    kc_fields_copy(kc_credentials_fields, &s->credentials, key->credentials,
                   sizeof(s->credentials));
    s->group_id = kc_strdup(key->group_id);
    s->isolation = key->isolation;
    const struct kc_reader_conf conf = {
        .credentials = &s->credentials,
        .group_id = s->group_id,
        .isolation = s->isolation,
        .is_stopping = &pool->is_stopping,
    };
    return kc_reader_open(&s->client.reader, &conf, err);
}

static struct slot *wait_for_slot(struct kc_pool *pool, const struct kc_pool_key *key,
                                  const struct kc_cursor *at, int wait_ms, bool *must_open)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    struct slot *s = NULL;
    int left;
    while (!atomic_load(&pool->is_stopping) && !(s = choose(pool, key, at, must_open)) &&
           (left = kc_ms_until(deadline, wait_ms)) > 0)
        kc_cond_wait(&pool->given, &pool->lock, left);
    return s;
}

struct kc_pool_client *kc_pool_take(struct kc_pool *pool, const struct kc_pool_key *key,
                                    const struct kc_cursor *at, int wait_ms,
                                    struct kc_error *err)
{
    bool must_open = false;
    pthread_mutex_lock(&pool->lock);
    struct slot *s = wait_for_slot(pool, key, at, wait_ms, &must_open);
    if (s) {
        s->is_used = s->is_busy = true;
        pool->opened += must_open;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!s && atomic_load(&pool->is_stopping))
        kc_error_set(err, KC_STOPPED, 0, "we are being stopped");
    else if (!s)
        kc_error_set(err, KC_BUSY, 0, "all %d clients for polling are busy; try again",
                     KC_POLL_CLIENTS_MAX);
    if (!s)
        return NULL;
    if (!must_open || open_slot(pool, s, key, err))
        return &s->client;
    kc_pool_give(pool, &s->client, false);
    return NULL;
}

void kc_pool_give(struct kc_pool *pool, struct kc_pool_client *client, bool is_good)
{
    struct slot *s = (struct slot *)client;
    if (!is_good)
        close_slot(s);
    pthread_mutex_lock(&pool->lock);
    s->is_used = is_good;
    s->is_busy = false;
    s->idle_since_ms = kc_now_ms();
    pthread_cond_broadcast(&pool->given); /* the reaper waits as well */
    pthread_mutex_unlock(&pool->lock);
}

/* --- life --- */

/* Takes one idle client out that is due to be closed. needs lock */
static struct slot *due(struct kc_pool *pool)
{
    int64_t now = kc_now_ms();
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++) {
        struct slot *s = &pool->slots[i];
        if (s->is_used && !s->is_busy && now - s->idle_since_ms >= pool->idle_ms) {
            s->is_busy = true;
            return s;
        }
    }
    return NULL;
}

static void *reap(void *arg)
{
    struct kc_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (!atomic_load(&pool->is_stopping)) {
        struct slot *s = due(pool);
        if (!s) {
            kc_cond_wait(&pool->given, &pool->lock,
                         pool->idle_ms < REAP_MS ? pool->idle_ms : REAP_MS);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        kc_pool_give(pool, &s->client, false);
        kc_log(KC_DEBUG, "poll_client_closed");
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct kc_pool *kc_pool_new(int idle_ms)
{
    struct kc_pool *pool = kc_new0(struct kc_pool);
    pool->idle_ms = idle_ms;
    pthread_mutex_init(&pool->lock, NULL);
    kc_cond_init(&pool->given);
    kc_thread_start(&pool->reaper, "kc-poll-reaper", reap, pool);
    return pool;
}

const atomic_bool *kc_pool_is_stopping(const struct kc_pool *pool)
{
    return &pool->is_stopping;
}

void kc_pool_stop(struct kc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_stopping, true);
    pthread_cond_broadcast(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

void kc_pool_free(struct kc_pool *pool)
{
    if (!pool)
        return;
    kc_pool_stop(pool);
    pthread_join(pool->reaper, NULL);
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++)
        close_slot(&pool->slots[i]);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void kc_pool_counts(struct kc_pool *pool, struct kc_poll_counts *out)
{
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++) {
        out->clients += pool->slots[i].is_used;
        out->busy += pool->slots[i].is_used && pool->slots[i].is_busy;
    }
    out->opened = pool->opened;
    pthread_mutex_unlock(&pool->lock);
}
