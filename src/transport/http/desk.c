// SPDX-License-Identifier: Apache-2.0
#include "transport/http/desk.h"

#include "base/clock.h"
#include "transport/http/steps_private.h"

#define STEPS_MAX  256
#define STEP_MS    60000 /* unused for so long: closed. It is cheap to open again */
#define DESK_JOBS  4096
#define DESK_BYTES ((size_t)64 * 1024 * 1024)

void kc_desk_ask(struct kc_steps *all, struct kc_job *job)
{
    pthread_mutex_lock(&all->lock);
    bool fits = kc_jobs_have_room(&all->asked, job, DESK_JOBS, DESK_BYTES);
    struct kc_jobs full = all->asked;
    if (fits) {
        kc_jobs_append(&all->asked, job);
        pthread_cond_broadcast(&all->wake);
    }
    pthread_mutex_unlock(&all->lock);
    if (!fits)
        kc_opened_refuse_full(job, &full);
}

/* --- what waited too long --- */

/* Jobs that waited too long for their turn, of all steps, as one list. */
static struct kc_job *take_late(struct kc_steps *all) /* needs lock */
{
    struct kc_jobs late = { 0 };
    int64_t now_ms = kc_now_ms();
    for (struct kc_opened *step = all->list; step; step = step->next) {
        pthread_mutex_lock(&step->lock);
        while (step->queue.first && now_ms - step->queue.first->queued_ms > step->patience_ms)
            kc_jobs_append(&late, kc_jobs_pop(&step->queue));
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
        kc_opened_refuse(job, &err);
        job = next;
    }
}

/* --- steps that are not needed --- */

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

bool kc_desk_make_room(struct kc_steps *all, struct kc_error *err)
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
        kc_opened_close(gone);
    if (is_full && !gone)
        kc_error_set(err, KC_TOO_MANY, 0,
                     "%d steps with different settings are at work: try again later",
                     STEPS_MAX);
    return !is_full || gone;
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

/* --- the thread --- */

static void *run_desk(void *arg)
{
    struct kc_steps *all = arg;
    pthread_mutex_lock(&all->lock);
    for (;;) {
        struct kc_job *late = take_late(all), *job = kc_jobs_pop(&all->asked);
        struct kc_opened *unused = take_unused(all);
        if (!late && !job && !unused) {
            if (all->is_closing)
                break;
            kc_cond_wait(&all->wake, &all->lock,
                         all->workers > 0 ? KC_STEPS_LOOK_MS : KC_STEPS_REST_MS);
            continue;
        }
        pthread_mutex_unlock(&all->lock);
        refuse_late(late);
        kc_opened_close_all(unused);
        if (job)
            job->read(job, all->service);
        pthread_mutex_lock(&all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

void kc_desk_start(struct kc_steps *all)
{
    kc_thread_start(&all->desk, "kc-desk", run_desk, all);
    all->has_desk = true;
}

void kc_desk_join(struct kc_steps *all)
{
    if (all->has_desk)
        pthread_join(all->desk, NULL);
}
