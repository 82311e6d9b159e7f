// SPDX-License-Identifier: Apache-2.0
#include "transport/http/opened.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/http/steps_private.h"

#include <stdlib.h>
#include <string.h>

#define WORKER_MS     10000 /* without a job; then it ends */
#define QUEUE_JOBS    4096
#define QUEUE_BYTES   ((size_t)32 * 1024 * 1024)
#define GATHER_JOBS   32
#define GATHER_MS     1
#define PATIENCE_PART 5 /* of the step's timeoutMs a job may wait for its turn */

/* --- its life --- */

struct kc_opened *kc_opened_new(struct kc_steps *all, struct kc_text key, struct kc_doc *config,
                                struct kc_doc *credentials)
{
    struct kc_opened *step = kc_new0(struct kc_opened);
    if (!key.p)
        key = KC_LIT("");
    step->all = all;
    step->key = kc_strndup(key.p, key.len);
    step->key_len = key.len;
    step->config = config;
    step->credentials = credentials;
    step->patience_ms = kc_fields_int(kc_produce.fields, "timeoutMs", config) / PATIENCE_PART;
    step->used_ms = kc_now_ms();
    pthread_mutex_init(&step->lock, NULL);
    kc_cond_init(&step->more);
    kc_cond_init(&step->idle);
    return step;
}

void kc_opened_close(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    while (step->has_worker || step->jobs > 0)
        kc_cond_wait(&step->idle, &step->lock, KC_STEPS_REST_MS);
    pthread_mutex_unlock(&step->lock);
    if (step->self)
        kc_produce.close(step->self);
    if (step->key)
        explicit_bzero(step->key, step->key_len); /* it may hold a password */
    free(step->key);
    kc_doc_free(step->config);
    kc_doc_free(step->credentials);
    pthread_cond_destroy(&step->idle);
    pthread_cond_destroy(&step->more);
    pthread_mutex_destroy(&step->lock);
    free(step);
}

void kc_opened_close_all(struct kc_opened *list)
{
    while (list) {
        struct kc_opened *step = list;
        list = step->next;
        kc_opened_close(step);
    }
}

/* --- holding it --- */

void kc_opened_hold(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    step->jobs++;
    pthread_mutex_unlock(&step->lock);
}

static void drop(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    if (--step->jobs == step->queue.count && step->is_gathering)
        pthread_cond_signal(&step->more); /* nobody is on the way any more */
    if (step->jobs == 0) {
        step->used_ms = kc_now_ms();
        if (step->is_closing)
            pthread_cond_signal(&step->idle);
    }
    pthread_mutex_unlock(&step->lock);
}

void kc_opened_done(struct kc_job *job)
{
    drop(job->step);
}

void kc_opened_refuse(struct kc_job *job, const struct kc_error *err)
{
    struct kc_opened *step = job->step;
    job->refuse(job, err);
    if (step)
        drop(step);
}

void kc_opened_refuse_full(struct kc_job *job, const struct kc_jobs *q)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TOO_MANY, 0, "%zu requests of %zu bytes wait already: try again",
                 q->count, q->bytes);
    kc_opened_refuse(job, &err);
}

/* --- the worker --- */

/* Waits for jobs and says how many there are; none for a while: 0. While others are on their
 * way to Kafka, more are let come for a moment: they go out together, which costs half as much.
 * Who comes alone never waits. */
static size_t wait_for_jobs(struct kc_opened *step)
{
    int64_t until_ms = kc_now_ms() + WORKER_MS;
    pthread_mutex_lock(&step->lock);
    while (step->queue.count == 0 && !step->is_closing &&
           kc_ms_until(until_ms, WORKER_MS) > 0) {
        step->is_waiting = true;
        kc_cond_wait(&step->more, &step->lock, kc_ms_until(until_ms, WORKER_MS));
        step->is_waiting = false;
    }
    if (step->queue.count > 0 && step->queue.count < GATHER_JOBS &&
        step->jobs > step->queue.count) {
        step->is_gathering = true;
        kc_cond_wait(&step->more, &step->lock, GATHER_MS);
        step->is_gathering = false;
    }
    size_t count = step->queue.count;
    pthread_mutex_unlock(&step->lock);
    return count;
}

static struct kc_job *next_job(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    struct kc_job *job = kc_jobs_pop(&step->queue); /* NULL: it was taken out as too late */
    pthread_mutex_unlock(&step->lock);
    return job;
}

/* Nothing came meanwhile: the thread ends, and the step is not its to touch any more. */
static bool may_end(struct kc_opened *step)
{
    struct kc_steps *all = step->all;
    pthread_mutex_lock(&all->lock);
    pthread_mutex_lock(&step->lock);
    bool is_over = step->queue.count == 0;
    if (is_over) {
        step->has_worker = false;
        step->used_ms = kc_now_ms();
        all->workers--;
        pthread_cond_signal(&step->idle);
    }
    pthread_mutex_unlock(&step->lock);
    if (is_over)
        pthread_cond_broadcast(&all->wake);
    pthread_mutex_unlock(&all->lock);
    return is_over;
}

static void *run_worker(void *arg)
{
    struct kc_opened *step = arg;
    struct kc_json_reader *reader = kc_json_reader_new();
    do {
        size_t count;
        while ((count = wait_for_jobs(step)) > 0) {
            struct kc_job *job;
            while (count-- > 0 && (job = next_job(step)))
                job->run(job, step->self, reader);
        }
    } while (!may_end(step));
    kc_json_reader_free(reader);
    return NULL;
}

static void start_worker(struct kc_opened *step)
{
    struct kc_steps *all = step->all;
    pthread_t thread;
    pthread_mutex_lock(&all->lock);
    all->workers++;
    pthread_cond_broadcast(&all->wake); /* the desk looks after its queue from now on */
    pthread_mutex_unlock(&all->lock);
    kc_thread_start(&thread, "kc-worker", run_worker, step);
    pthread_detach(thread);
}

/* False where it was refused. */
static bool queue(struct kc_opened *step, struct kc_job *job, bool holds_once_more)
{
    job->step = step;
    job->queued_ms = kc_now_ms();
    pthread_mutex_lock(&step->lock);
    bool fits = kc_jobs_have_room(&step->queue, job, QUEUE_JOBS, QUEUE_BYTES);
    struct kc_jobs full = step->queue;
    if (fits)
        kc_jobs_append(&step->queue, job);
    if (fits && holds_once_more)
        step->jobs++;
    pthread_mutex_unlock(&step->lock);
    if (!fits)
        kc_opened_refuse_full(job, &full);
    return fits;
}

/* Its step is held. */
static void wake_worker(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    bool has_jobs = step->queue.count > 0, needs_worker = has_jobs && !step->has_worker;
    step->has_worker |= has_jobs;
    if (step->is_waiting && has_jobs) {
        step->is_waiting = false; /* one wake-up for all that come until then */
        pthread_cond_signal(&step->more);
    } else if (step->is_gathering && step->queue.count >= GATHER_JOBS) {
        pthread_cond_signal(&step->more);
    }
    pthread_mutex_unlock(&step->lock);
    if (needs_worker)
        start_worker(step);
}

void kc_opened_push(struct kc_opened *step, struct kc_job *job)
{
    if (queue(step, job, true)) {
        wake_worker(step);
        drop(step);
    }
}

void kc_opened_push_later(struct kc_opened *step, struct kc_job *job)
{
    bool is_first = !step->is_due;
    if (queue(step, job, is_first) && is_first) {
        step->is_due = true;
        step->next_due = step->all->due;
        step->all->due = step;
    }
}

void kc_opened_rounded(struct kc_service *s)
{
    while (s->steps && s->steps->due) {
        struct kc_opened *step = s->steps->due;
        s->steps->due = step->next_due;
        step->is_due = false;
        wake_worker(step);
        drop(step);
    }
}
