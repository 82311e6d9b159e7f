// SPDX-License-Identifier: Apache-2.0
#include "transport/http/steps.h"

#include "base/alloc.h"
#include "kafka/producers.h"
#include "transport/http/request.h"
#include "transport/http/steps_private.h"

#include <stdlib.h>
#include <string.h>

#define PRODUCERS_MAX   64
#define PRODUCER_MS     (10 * 60 * 1000) /* unused for so long: closed */
#define TIMEOUT_MS_TEXT "25000"          /* below the half minute that many HTTP clients wait */

/* --- finding --- */

static uint32_t hash_of(struct kc_text key)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.p[i]) * 16777619u;
    return h;
}

static struct kc_opened *find(const struct kc_steps *all, struct kc_text key) /* needs lock */
{
    uint32_t hash = hash_of(key);
    for (struct kc_opened *step = all->list; step; step = step->next) {
        if (step->hash == hash && step->key_len == key.len &&
            memcmp(step->key, key.p, key.len) == 0)
            return step;
    }
    return NULL;
}

struct kc_opened *kc_steps_find(struct kc_steps *all, struct kc_text key)
{
    struct kc_opened *step = all->fallback;
    if (key.len == 0) {
        if (step)
            kc_opened_hold(step);
        return step;
    }
    pthread_mutex_lock(&all->lock);
    step = find(all, key);
    if (step)
        kc_opened_hold(step);
    pthread_mutex_unlock(&all->lock);
    return step;
}

/* --- opening --- */

static const struct kc_doc *start_credentials(const struct kc_steps *all)
{
    return all->service->env->step.credentials;
}

static bool open_entry(struct kc_steps *all, void **self, const struct kc_doc *config,
                       const struct kc_doc *credentials, bool is_permanent,
                       struct kc_faults *faults, struct kc_error *err)
{
    const struct kc_step step = {
        .config = config,
        .credentials = credentials ? credentials : start_credentials(all),
        .unknown_fields = KC_UNKNOWN_IS_ERROR,
        .tally = all->service->env->step.tally,
        .producers = all->producers,
        .is_permanent = is_permanent,
        .faults = faults,
    };
    return kc_produce.open(self, &step, err);
}

static bool is_stopped(struct kc_steps *all, struct kc_error *err)
{
    pthread_mutex_lock(&all->lock);
    bool is = all->is_stopped;
    pthread_mutex_unlock(&all->lock);
    if (is)
        kc_error_set(err, KC_STOPPED, 0, "stopping; nothing of this message was written");
    return is;
}

struct kc_opened *kc_steps_open(struct kc_steps *all, struct kc_text key, struct kc_doc *config,
                                struct kc_doc *credentials, struct kc_faults *faults,
                                struct kc_error *err)
{
    struct kc_opened *step = kc_opened_new(all, key, config, credentials);
    if (is_stopped(all, err) || !kc_desk_make_room(all, err) ||
        !open_entry(all, &step->self, config, credentials, false, faults, err)) {
        kc_opened_close(step);
        return NULL;
    }
    step->hash = hash_of(key);
    step->jobs = 1;
    pthread_mutex_lock(&all->lock);
    step->next = all->list;
    all->list = step;
    all->count++;
    pthread_mutex_unlock(&all->lock);
    return step;
}

/* --- the start's own --- */

struct kc_doc *kc_steps_config(const struct kc_service *s)
{
    struct kc_doc *config = kc_start_config(s, kc_produce.fields);
    if (!kc_doc_has(config, "timeoutMs"))
        kc_doc_put(config, "timeoutMs", TIMEOUT_MS_TEXT);
    return config;
}

/* Opens its client now: that takes half a second, which the first request need not wait. */
static bool open_start(struct kc_steps *all, struct kc_error *err)
{
    struct kc_doc *config = kc_steps_config(all->service);
    if (kc_doc_is_empty(start_credentials(all))) { /* requests bring theirs */
        kc_doc_free(config);
        return true;
    }
    struct kc_opened *step = kc_opened_new(all, KC_LIT(""), config, NULL);
    struct kc_error why = { 0 };
    if (open_entry(all, &step->self, config, NULL, true, NULL, &why)) {
        step->is_fallback = true;
        all->fallback = all->list = step;
        all->count = 1;
        return true;
    }
    kc_doc_put(config, "topicFromMessage", "true"); /* where only the topic is missing */
    bool ok = open_entry(all, &all->warm, config, NULL, true, NULL, err);
    kc_opened_close(step);
    return ok;
}

/* --- the room --- */

static bool open_(struct kc_service *s, struct kc_error *err)
{
    struct kc_steps *all = kc_new0(struct kc_steps);
    s->steps = all;
    all->service = s;
    all->producers = kc_producers_new(PRODUCERS_MAX, PRODUCER_MS);
    pthread_mutex_init(&all->lock, NULL);
    kc_cond_init(&all->wake);
    if (!open_start(all, err))
        return false;
    kc_desk_start(all);
    return true;
}

/* Requests that are here are answered; there is time for that, or they are answered now. */
static void stop(struct kc_service *s, int drain_ms)
{
    struct kc_steps *all = s->steps;
    if (!all || drain_ms > 0)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_stopped = true;
    for (struct kc_opened *step = all->list; step; step = step->next)
        kc_produce.stop(step->self, 0);
    pthread_mutex_unlock(&all->lock);
}

static void close_(struct kc_service *s)
{
    struct kc_steps *all = s->steps;
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_closing = true;
    pthread_cond_broadcast(&all->wake);
    for (struct kc_opened *step = all->list; step; step = step->next) {
        pthread_mutex_lock(&step->lock);
        step->is_closing = true;
        pthread_cond_signal(&step->more);
        pthread_mutex_unlock(&step->lock);
    }
    pthread_mutex_unlock(&all->lock);
    kc_desk_join(all);
    kc_opened_close_all(all->list);
    pthread_mutex_lock(&all->lock);
    while (all->workers > 0) /* the last one may still be leaving */
        kc_cond_wait(&all->wake, &all->lock, KC_STEPS_LOOK_MS);
    pthread_mutex_unlock(&all->lock);
    kc_produce.close(all->warm);
    kc_producers_free(all->producers);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
    s->steps = NULL;
}

const struct kc_room kc_steps_room = { open_, stop, close_ };

struct kc_producers *kc_steps_producers(struct kc_steps *all)
{
    return all->producers;
}

void kc_steps_measure(struct kc_steps *all, struct kc_steps_measure *out)
{
    *out = (struct kc_steps_measure){ 0 };
    pthread_mutex_lock(&all->lock);
    out->steps = all->count;
    for (struct kc_opened *step = all->list; step; step = step->next) {
        pthread_mutex_lock(&step->lock);
        out->waiting += step->queue.count;
        pthread_mutex_unlock(&step->lock);
    }
    pthread_mutex_unlock(&all->lock);
}
