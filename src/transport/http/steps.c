// SPDX-License-Identifier: Apache-2.0
/* steps.c
 *
 * Threads    loop     kc_steps_find(), kc_steps_push(), kc_steps_ask(): never waits
 *            worker   one per step that has something to do: runs jobs, ends when idle
 *            desk     reads what is large or has settings, opens steps, refuses what waited too
 *                     long, closes what nobody asks for; never waits for Kafka
 * Queues     a step's, QUEUE_JOBS and QUEUE_BYTES; the desk's, DESK_JOBS and DESK_BYTES; full:
 *            the job is refused
 * Locks      steps->lock before step->lock
 * Life       a step is closed when it has no jobs and no worker, and is not found any more
 * Shutdown   stop(0) has the entry points answer all at once; close() waits for the workers */
#include "transport/http/steps.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/entries.h"
#include "kafka/producers.h"
#include "transport/http/request.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX       256
#define PRODUCERS_MAX   64
#define PRODUCER_MS     (10 * 60 * 1000) /* unused for so long: closed */
#define STEP_MS         60000            /* the same of a step, which is cheap to open again */
#define WORKER_MS       10000
#define QUEUE_JOBS      4096
#define QUEUE_BYTES     ((size_t)32 * 1024 * 1024)
#define DESK_JOBS       4096
#define DESK_BYTES      ((size_t)64 * 1024 * 1024)
#define GATHER_JOBS     32
#define GATHER_MS       1
#define PATIENCE_PART   5       /* of the step's timeoutMs a job may wait for its turn */
#define LOOK_MS         50      /* how often the desk looks after queues */
#define REST_MS         10000   /* … and after steps, where there are no workers */
#define TIMEOUT_MS_TEXT "25000" /* below the half minute that many HTTP clients wait */

struct queue {
    struct kc_job *first, *last;
    size_t count, bytes;
};

struct kc_opened {
    struct kc_opened *next; /* needs steps->lock */
    struct kc_steps *all;
    char *key;
    size_t key_len;
    uint32_t hash;
    void *self; /* the entry point's */
    struct kc_doc *config;
    struct kc_doc *credentials; /* NULL: the start's */
    int patience_ms;
    bool is_fallback;
    bool is_due; /* loop only: its worker is to be woken after this round */
    struct kc_opened *next_due;

    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_cond_t idle;
    struct queue queue; /* needs lock, as what follows */
    size_t jobs;        /* not over */
    int64_t used_ms;
    bool has_worker;
    bool is_waiting;   /* the worker, for jobs */
    bool is_gathering; /* … and for more of them */
    bool is_closing;   /* nobody finds it any more */
};

struct kc_steps {
    struct kc_service *service;
    struct kc_producers *producers;
    struct kc_opened *fallback; /* the start's; NULL: it names no broker or no topic */
    void *warm; /* the start's without a topic, so that its client is there; may be NULL */

    struct kc_opened *due; /* loop only; each is held */

    pthread_t desk;
    bool has_desk;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct kc_opened *list; /* needs lock, as what follows */
    size_t count;
    size_t workers;
    struct queue asked;
    bool is_stopped; /* all is answered at once */
    bool is_closing;
};

/* --- queues --- */

static bool has_room(const struct queue *q, const struct kc_job *job, size_t jobs, size_t bytes)
{
    return q->count == 0 || (q->count < jobs && q->bytes + job->bytes <= bytes);
}

static void append(struct queue *q, struct kc_job *job)
{
    job->next = NULL;
    if (q->last)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
    q->count++;
    q->bytes += job->bytes;
}

static struct kc_job *pop(struct queue *q)
{
    struct kc_job *job = q->first;
    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    q->bytes -= job->bytes;
    return job;
}

static void drop(struct kc_opened *step);

static void refuse(struct kc_job *job, const struct kc_error *err)
{
    struct kc_opened *step = job->step;
    job->refuse(job, err);
    if (step)
        drop(step);
}

static void refuse_full(struct kc_job *job, const struct queue *q)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TOO_MANY, 0, "%zu requests of %zu bytes wait already: try again",
                 q->count, q->bytes);
    refuse(job, &err);
}

/* --- a step --- */

static void close_step(struct kc_opened *step)
{
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

static uint32_t hash_of(struct kc_text key)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.p[i]) * 16777619u;
    return h;
}

static struct kc_opened *new_step(struct kc_steps *all, struct kc_text key,
                                  struct kc_doc *config, struct kc_doc *credentials)
{
    struct kc_opened *step = kc_new0(struct kc_opened);
    if (!key.p)
        key = KC_LIT("");
    step->all = all;
    step->key = kc_strndup(key.p, key.len);
    step->key_len = key.len;
    step->hash = hash_of(key);
    step->config = config;
    step->credentials = credentials;
    step->patience_ms = kc_fields_int(kc_produce.fields, "timeoutMs", config) / PATIENCE_PART;
    step->used_ms = kc_now_ms();
    pthread_mutex_init(&step->lock, NULL);
    kc_cond_init(&step->more);
    kc_cond_init(&step->idle);
    return step;
}

static void hold(struct kc_opened *step)
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

void kc_steps_done(struct kc_job *job)
{
    drop(job->step);
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
    struct kc_job *job = pop(&step->queue); /* NULL: it was taken out as too late */
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
    bool fits = has_room(&step->queue, job, QUEUE_JOBS, QUEUE_BYTES);
    struct queue full = step->queue;
    if (fits)
        append(&step->queue, job);
    if (fits && holds_once_more)
        step->jobs++;
    pthread_mutex_unlock(&step->lock);
    if (!fits)
        refuse_full(job, &full);
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

void kc_steps_push(struct kc_opened *step, struct kc_job *job)
{
    if (queue(step, job, true)) {
        wake_worker(step);
        drop(step);
    }
}

void kc_steps_push_later(struct kc_opened *step, struct kc_job *job)
{
    bool is_first = !step->is_due;
    if (queue(step, job, is_first) && is_first) {
        step->is_due = true;
        step->next_due = step->all->due;
        step->all->due = step;
    }
}

void kc_steps_rounded(struct kc_service *s)
{
    while (s->steps && s->steps->due) {
        struct kc_opened *step = s->steps->due;
        s->steps->due = step->next_due;
        step->is_due = false;
        wake_worker(step);
        drop(step);
    }
}

/* --- finding and opening --- */

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
            hold(step);
        return step;
    }
    pthread_mutex_lock(&all->lock);
    step = find(all, key);
    if (step)
        hold(step);
    pthread_mutex_unlock(&all->lock);
    return step;
}

/* Takes it out of the list, unless it is in use. Closing it waits for nothing then but for a
 * worker to notice. */
static bool forget(struct kc_steps *all, struct kc_opened **at) /* needs lock */
{
    struct kc_opened *step = *at;
    pthread_mutex_lock(&step->lock);
    bool is_idle = step->jobs == 0 && !step->is_fallback;
    if (is_idle) {
        step->is_closing = true;
        pthread_cond_signal(&step->more);
    }
    pthread_mutex_unlock(&step->lock);
    if (is_idle) {
        *at = step->next;
        all->count--;
    }
    return is_idle;
}

static void wait_and_close(struct kc_opened *step)
{
    pthread_mutex_lock(&step->lock);
    while (step->has_worker || step->jobs > 0)
        kc_cond_wait(&step->idle, &step->lock, REST_MS);
    pthread_mutex_unlock(&step->lock);
    close_step(step);
}

/* The idle step that was used the longest ago goes. Desk only. */
static bool make_room(struct kc_steps *all, struct kc_error *err)
{
    struct kc_opened *gone = NULL;
    pthread_mutex_lock(&all->lock);
    bool is_full = all->count >= STEPS_MAX;
    struct kc_opened **oldest = NULL;
    for (struct kc_opened **at = &all->list; is_full && *at; at = &(*at)->next) {
        pthread_mutex_lock(&(*at)->lock);
        bool is_idle = (*at)->jobs == 0 && !(*at)->is_fallback;
        int64_t used_ms = (*at)->used_ms;
        pthread_mutex_unlock(&(*at)->lock);
        if (is_idle && (!oldest || used_ms < (*oldest)->used_ms))
            oldest = at;
    }
    if (oldest) {
        struct kc_opened *step = *oldest;
        gone = forget(all, oldest) ? step : NULL;
    }
    pthread_mutex_unlock(&all->lock);
    if (gone)
        wait_and_close(gone);
    if (is_full && !gone)
        kc_error_set(err, KC_TOO_MANY, 0,
                     "%d steps with different settings are at work: try again later",
                     STEPS_MAX);
    return !is_full || gone;
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
    struct kc_opened *step = new_step(all, key, config, credentials);
    if (is_stopped(all, err) || !make_room(all, err) ||
        !open_entry(all, &step->self, config, credentials, false, faults, err)) {
        close_step(step);
        return NULL;
    }
    step->jobs = 1;
    pthread_mutex_lock(&all->lock);
    step->next = all->list;
    all->list = step;
    all->count++;
    pthread_mutex_unlock(&all->lock);
    return step;
}

/* --- the desk --- */

void kc_steps_ask(struct kc_steps *all, struct kc_job *job)
{
    pthread_mutex_lock(&all->lock);
    bool fits = has_room(&all->asked, job, DESK_JOBS, DESK_BYTES);
    struct queue full = all->asked;
    if (fits) {
        append(&all->asked, job);
        pthread_cond_broadcast(&all->wake);
    }
    pthread_mutex_unlock(&all->lock);
    if (!fits)
        refuse_full(job, &full);
}

/* Jobs that waited too long for their turn, of all steps, as one list. */
static struct kc_job *take_late(struct kc_steps *all) /* needs lock */
{
    struct queue late = { 0 };
    int64_t now_ms = kc_now_ms();
    for (struct kc_opened *step = all->list; step; step = step->next) {
        pthread_mutex_lock(&step->lock);
        while (step->queue.first && now_ms - step->queue.first->queued_ms > step->patience_ms)
            append(&late, pop(&step->queue));
        pthread_mutex_unlock(&step->lock);
    }
    return late.first;
}

static void refuse_late(struct kc_job *job)
{
    while (job) {
        struct kc_job *next = job->next;
        struct kc_error err = { 0 }, cause = { 0 };
        const struct kc_opened *step = job->step;
        if (kc_produce.trouble(step->self, &cause))
            kc_error_set(&err, KC_UNAVAILABLE, cause.native, "%s", cause.text);
        else
            kc_error_set(&err, KC_BUSY, 0, "the requests before it are not answered yet");
        kc_error_wrap(&err, "waited %d ms for its turn, nothing of it was written",
                      (int)(kc_now_ms() - job->queued_ms));
        refuse(job, &err);
        job = next;
    }
}

/* Steps that nobody asked for in a while. */
static struct kc_opened *take_unused(struct kc_steps *all) /* needs lock */
{
    struct kc_opened *unused = NULL;
    int64_t before_ms = kc_now_ms() - STEP_MS;
    for (struct kc_opened **at = &all->list; *at;) {
        struct kc_opened *step = *at;
        pthread_mutex_lock(&step->lock);
        bool is_old = !step->has_worker && step->used_ms < before_ms;
        pthread_mutex_unlock(&step->lock);
        if (!is_old || !forget(all, at)) {
            at = &step->next;
            continue;
        }
        step->next = unused;
        unused = step;
    }
    return unused;
}

static void close_all(struct kc_opened *list)
{
    while (list) {
        struct kc_opened *step = list;
        list = step->next;
        wait_and_close(step);
    }
}

static void *run_desk(void *arg)
{
    struct kc_steps *all = arg;
    pthread_mutex_lock(&all->lock);
    for (;;) {
        struct kc_job *late = take_late(all), *job = pop(&all->asked);
        struct kc_opened *unused = take_unused(all);
        if (!late && !job && !unused) {
            if (all->is_closing)
                break;
            kc_cond_wait(&all->wake, &all->lock, all->workers > 0 ? LOOK_MS : REST_MS);
            continue;
        }
        pthread_mutex_unlock(&all->lock);
        refuse_late(late);
        close_all(unused);
        if (job)
            job->read(job, all->service);
        pthread_mutex_lock(&all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* --- the start's own --- */

struct kc_doc *kc_steps_config(const struct kc_service *s)
{
    struct kc_doc *config = kc_start_config(s, kc_produce.fields);
    if (!kc_doc_has(config, "timeoutMs"))
        kc_doc_put(config, "timeoutMs", TIMEOUT_MS_TEXT);
    return config;
}

bool kc_steps_has_broker(struct kc_steps *all)
{
    return all->fallback || all->warm;
}

bool kc_steps_trouble(struct kc_steps *all, struct kc_error *err)
{
    void *self = all->fallback ? all->fallback->self : all->warm;
    return self && kc_produce.trouble(self, err);
}

/* Opens its client now: that takes half a second, which the first request need not wait. */
static bool open_start(struct kc_steps *all, struct kc_error *err)
{
    struct kc_doc *config = kc_steps_config(all->service);
    if (kc_doc_is_empty(start_credentials(all))) { /* requests bring theirs */
        kc_doc_free(config);
        return true;
    }
    struct kc_opened *step = new_step(all, KC_LIT(""), config, NULL);
    struct kc_error why = { 0 };
    if (open_entry(all, &step->self, config, NULL, true, NULL, &why)) {
        step->is_fallback = true;
        all->fallback = all->list = step;
        all->count = 1;
        return true;
    }
    kc_doc_put(config, "topicFromMessage", "true"); /* where only the topic is missing */
    bool ok = open_entry(all, &all->warm, config, NULL, true, NULL, err);
    close_step(step);
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
    kc_thread_start(&all->desk, "kc-desk", run_desk, all);
    all->has_desk = true;
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
    if (all->has_desk)
        pthread_join(all->desk, NULL);
    close_all(all->list);
    pthread_mutex_lock(&all->lock);
    while (all->workers > 0) /* the last one may still be leaving */
        kc_cond_wait(&all->wake, &all->lock, LOOK_MS);
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
