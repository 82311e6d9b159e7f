// SPDX-License-Identifier: Apache-2.0
/* worker.c - takes deliveries to the entry point: an action's one after the other, which it
 * answers when it can; a trigger's are ticks.
 *
 * In a real-time flow the first tick starts the trigger, on a thread of its own, and later ones
 * change nothing. In an ordinary flow a tick is a run: it reads what is there, and ends. */
#include "transport/sailor/sailor_private.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sync.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 1000 /* looked at again even if nobody said anything */

/* --- the log --- */

/* What lines name while the entry point has a message: copied, since a job may be gone before
 * the call that was made for it is back. */
struct subject {
    struct kc_log_context context;
    char texts[3][KC_LOG_MEMBER_MAX];
};

static struct kc_text keep(struct kc_text t, char *copy)
{
    if (!t.p)
        return t;
    if (t.len > KC_LOG_MEMBER_MAX)
        t.len = KC_LOG_MEMBER_MAX;
    memcpy(copy, t.p, t.len);
    return (struct kc_text){ copy, t.len };
}

static void begin_subject(struct subject *to, const struct kc_job *job)
{
    to->context.thread_id = keep(job->log.thread_id, to->texts[0]);
    to->context.message_id = keep(job->log.message_id, to->texts[1]);
    to->context.parent_message_id = keep(job->log.parent_message_id, to->texts[2]);
    kc_log_set_context(&to->context);
}

static void end_subject(void)
{
    kc_log_set_context(NULL);
}

/* --- the queue --- */

void kc_sailor_push(struct kc_sailor *s, struct kc_delivery *d)
{
    struct kc_work *w = kc_new0(struct kc_work);
    w->delivery = d;
    pthread_mutex_lock(&s->lock);
    *s->last_work = w;
    s->last_work = &w->next;
    pthread_cond_signal(&s->wanted);
    pthread_mutex_unlock(&s->lock);
}

/* What it gives when there is no time left is not to be begun. */
static struct kc_work *pop(struct kc_sailor *s, bool *is_too_late)
{
    pthread_mutex_lock(&s->lock);
    s->is_working = false;
    kc_sailor_changed(s);
    while (!s->work && !s->worker_may_end)
        kc_cond_wait(&s->wanted, &s->lock, WAIT_MS);
    struct kc_work *w = s->work;
    if (w) {
        s->work = w->next;
        if (!s->work)
            s->last_work = &s->work;
        s->is_working = true;
    }
    *is_too_late = s->is_abandoned || s->worker_may_end;
    pthread_mutex_unlock(&s->lock);
    return w;
}

/* --- an action --- */

static void refuse(struct kc_job *job, const struct kc_error *err)
{
    kc_outlet_error(&job->outlet, err, KC_NO_TEXT);
    kc_outlet_end(&job->outlet);
}

static void act(struct kc_sailor *s, struct kc_job *job, struct kc_json_reader *reader)
{
    struct kc_error err = { 0 };
    struct kc_message message = { .text = NULL };
    size_t len;
    char *text = kc_job_message(job, &len, &err);
    if (!text) {
        refuse(job, &err);
        return;
    }
    if (kc_message_read(&message, reader, text, len, &err))
        s->entry->process(s->self, &message, &job->outlet);
    else
        refuse(job, &err);
    kc_message_deinit(&message);
}

/* --- a trigger in a real-time flow --- */

/* A stop that came before it was open would not have reached it. */
static bool open_entry(struct kc_sailor *s, struct kc_error *err)
{
    void *self;
    if (!s->entry->open(&self, &s->step, err))
        return false;
    pthread_mutex_lock(&s->lock);
    s->self = self;
    if (s->is_stopping)
        s->entry->stop(self, s->stop_ms);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void *run_trigger(void *arg)
{
    struct kc_job *job = arg;
    struct kc_sailor *s = job->sailor;
    struct subject subject;
    begin_subject(&subject, job);
    s->entry->process(s->self, NULL, &job->outlet); /* says end, and the job may be gone */
    end_subject();
    pthread_mutex_lock(&s->lock);
    bool is_expected = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    if (!is_expected) {
        kc_log(KC_ERROR, "trigger_ended", KC_S("entry", s->entry->name));
        kc_sailor_fail(s);
    }
    return NULL;
}

/* Settings that cannot work do not get better with the next tick. */
static void start_trigger(struct kc_sailor *s, struct kc_job *job)
{
    struct kc_error err = { 0 };
    if (!open_entry(s, &err)) {
        refuse(job, &err);
        kc_sailor_fail(s);
        return;
    }
    kc_job_accept(job);
    s->has_trigger = true;
    kc_thread_start(&s->trigger, "kc-trigger", run_trigger, job);
}

/* --- a trigger in an ordinary flow, and a sample --- */

/* The entry point's acks must not come after its end: all its messages are answered first. */
static bool wait_for_publishings(struct kc_sailor *s, struct kc_job *job)
{
    pthread_mutex_lock(&s->lock);
    s->is_waited_for = true;
    while (atomic_load(&job->open) > 1 && !s->is_abandoned)
        kc_cond_wait(&s->quiet, &s->lock, WAIT_MS);
    s->is_waited_for = s->is_stopping;
    bool is_answered = !s->is_abandoned;
    pthread_mutex_unlock(&s->lock);
    return is_answered;
}

static void end_run(struct kc_sailor *s)
{
    pthread_mutex_lock(&s->lock);
    void *self = s->self;
    s->self = NULL;
    pthread_mutex_unlock(&s->lock);
    s->entry->close(self);
}

static void run_once(struct kc_sailor *s, struct kc_job *job)
{
    struct kc_error err = { 0 };
    if (!open_entry(s, &err)) {
        refuse(job, &err);
        return;
    }
    kc_job_hold(job);
    s->entry->process(s->self, NULL, &job->outlet);
    bool is_answered = wait_for_publishings(s, job);
    kc_job_release(job);
    if (is_answered)
        end_run(s); /* otherwise it is closed when nothing can be published any more */
}

static void tick(struct kc_sailor *s, struct kc_job *job)
{
    if (s->env->flow_type != KC_FLOW_REALTIME) {
        run_once(s, job);
    } else if (s->has_trigger) {
        kc_log(KC_DEBUG, "tick_ignored", KC_S("entry", s->entry->name));
        kc_outlet_end(&job->outlet);
    } else {
        start_trigger(s, job);
    }
}

/* --- the thread --- */

static void handle(struct kc_sailor *s, struct kc_delivery *d, struct kc_json_reader *reader)
{
    struct kc_error err = { 0 };
    struct kc_job *job = kc_job_new(s, d);
    struct subject subject;
    begin_subject(&subject, job);
    if (!kc_job_read(job, &err))
        refuse(job, &err);
    else if (s->entry->kind == KC_TRIGGER)
        tick(s, job);
    else
        act(s, job, reader);
    end_subject();
}

void *kc_sailor_work(void *arg)
{
    struct kc_sailor *s = arg;
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_work *w;
    bool is_too_late;
    while ((w = pop(s, &is_too_late))) {
        if (is_too_late)
            kc_inbox_drop(s->inbox, w->delivery);
        else
            handle(s, w->delivery, reader);
        free(w);
    }
    kc_json_reader_free(reader);
    return NULL;
}
