// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/job.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/sailor/sailor_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define META_PREFIX "x-eio-meta-"

/* --- the headers of what it leads to --- */

static void copy_meta(struct kc_table *base, const struct kc_table *headers)
{
    const amqp_table_t *native = kc_table_native(headers);
    for (int i = 0; i < native->num_entries; i++) {
        const amqp_table_entry_t *e = &native->entries[i];
        if (e->key.len < sizeof(META_PREFIX) - 1 ||
            strncasecmp(e->key.bytes, META_PREFIX, sizeof(META_PREFIX) - 1) != 0)
            continue;
        char *name = kc_strndup(e->key.bytes, e->key.len);
        for (char *c = name; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        kc_table_value(base, name, &e->value);
        free(name);
    }
}

static void put_thread_id(struct kc_table *base, const struct kc_table *headers)
{
    char fresh[KC_ID_SIZE];
    struct kc_text id = kc_table_get_text(headers, "threadId");
    if (id.len == 0)
        id = kc_table_get_text(base, META_PREFIX "trace-id");
    if (id.len == 0) {
        kc_message_id(fresh);
        id = kc_text(fresh);
    }
    kc_table_text(base, "threadId", id);
}

static struct kc_table *base_of(const struct kc_sailor *s, const struct kc_table *headers)
{
    struct kc_table *base = kc_table_copy(s->common);
    struct kc_text parent = kc_table_get_text(headers, "messageId");
    struct kc_text reply_to = kc_table_get_text(headers, "reply_to");
    copy_meta(base, headers);
    if (reply_to.len > 0)
        kc_table_text(base, "reply_to", reply_to);
    if (parent.p)
        kc_table_text(base, "parentMessageId", parent);
    put_thread_id(base, headers);
    kc_table_int(base, "start", kc_wall_ms());
    return base;
}

/* --- the outlet --- */

static struct kc_job *job_of(struct kc_outlet *o)
{
    return (struct kc_job *)(void *)((char *)o - offsetof(struct kc_job, outlet));
}

static void say_data(struct kc_outlet *o, const struct kc_data *data)
{
    kc_emit_data(job_of(o), data);
}

static void say_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct kc_job *job = job_of(o);
    struct kc_sailor *s = job->sailor;
    kc_tally_error(s->step.tally);
    kc_emit_error(job, err, details);
    if (err->code != KC_AUTH || s->entry->kind != KC_ACTION)
        return;
    /* No sign-in was accepted yet, and librdkafka gives up: all that comes would fail like this
     * one. They wait for whoever starts with a sign-in that works. */
    atomic_store(&job->is_lost, true);
    kc_sailor_fail(s);
}

static void say_rebound(struct kc_outlet *o, const struct kc_error *err)
{
    kc_emit_rebound(job_of(o), err);
}

static void say_reply(struct kc_outlet *o, const struct kc_reply *reply)
{
    kc_emit_reply(job_of(o), reply);
}

static void say_snapshot(struct kc_outlet *o, struct kc_text json, bool is_update)
{
    kc_emit_snapshot(job_of(o), json, is_update);
}

static void say_end(struct kc_outlet *o)
{
    struct kc_job *job = job_of(o);
    struct kc_sailor *s = job->sailor;
    pthread_mutex_lock(&s->lock);
    s->speaking--;
    kc_sailor_changed(s);
    pthread_mutex_unlock(&s->lock);
    kc_job_release(job);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    return kc_publisher_has_room(job_of(o)->sailor->publisher, wait_ms);
}

static const struct kc_outlet_ops ops = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
    .rebound = say_rebound,
    .snapshot = say_snapshot,
};

static const struct kc_outlet_ops ops_with_reply = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
    .rebound = say_rebound,
    .reply = say_reply,
    .snapshot = say_snapshot,
};

/* --- life --- */

struct kc_job *kc_job_new(struct kc_sailor *s, struct kc_delivery *d)
{
    struct kc_job *job = kc_new0(struct kc_job);
    job->sailor = s;
    job->delivery = d;
    job->wire = d->body;
    job->wire_len = d->body_len;
    job->headers = d->headers;
    job->properties = d->properties;
    d->body = NULL;
    d->headers = NULL;
    d->properties = NULL;
    job->version = (int)kc_table_get_int(job->headers, "protocolVersion", 1);
    if (job->version == 0)
        job->version = 1;
    job->in_step_id = kc_table_get_text(job->headers, "stepId");
    job->reply_to = kc_table_get_text(job->headers, "reply_to");
    if (job->reply_to.len == 0) /* as good as none */
        job->reply_to = KC_NO_TEXT;
    job->outlet.ops = job->reply_to.p ? &ops_with_reply : &ops;
    job->base = base_of(s, job->headers);
    job->log = (struct kc_log_context){
        .thread_id = kc_table_get_text(job->base, "threadId"),
        .message_id = kc_table_get_text(job->headers, "messageId"),
        .parent_message_id = kc_table_get_text(job->headers, "parentMessageId"),
    };
    kc_message_id(job->message_id);
    kc_buf_init(&job->plain, KC_BUF_UNBOUNDED);
    kc_buf_init(&job->fetched, KC_BUF_UNBOUNDED);
    atomic_store(&job->open, 1);
    pthread_mutex_lock(&s->lock);
    s->jobs++;
    s->speaking++;
    pthread_mutex_unlock(&s->lock);
    return job;
}

static bool decrypt(struct kc_job *job, struct kc_error *err)
{
    struct kc_sailor *s = job->sailor;
    struct kc_text wire = { job->wire, job->wire_len };
    if (s->env->input_is_error) {
        struct kc_buf headers;
        kc_buf_init(&headers, KC_BUF_UNBOUNDED);
        kc_table_print(job->headers, &headers);
        bool ok = kc_envelope_print_error_input(wire, kc_buf_peek(&headers), s->cipher,
                                                &job->plain, err);
        kc_buf_deinit(&headers);
        return ok;
    }
    return job->version < 2 ? kc_cipher_decrypt_base64(s->cipher, wire, &job->plain, err)
                            : kc_cipher_decrypt(s->cipher, wire, &job->plain, err);
}

bool kc_job_read(struct kc_job *job, struct kc_error *err)
{
    if (!job->wire) {
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0,
                     "the message has %zu bytes, more than the %lld that are taken",
                     job->wire_len, (long long)job->sailor->env->message_max_bytes);
        return false;
    }
    if (!decrypt(job, err) || !kc_envelope_read(&job->in, kc_buf_peek(&job->plain), err)) {
        kc_error_wrap(err, "the message cannot be read (protocol version %d)", job->version);
        return false;
    }
    job->is_readable = true;
    return true;
}

char *kc_job_message(struct kc_job *job, size_t *len, struct kc_error *err)
{
    struct kc_buf text;
    if (!kc_envelope_fetch_bodies(&job->in, job->sailor->storage, &job->fetched, err))
        return NULL;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_envelope_print_message(&job->in, job->reply_to, &text);
    *len = text.len;
    kc_buf_append(&text, "\0\0\0\0", KC_JSON_PADDING);
    return kc_buf_take(&text);
}

void kc_job_hold(struct kc_job *job)
{
    atomic_fetch_add(&job->open, 1);
}

/* False where no time was left for it. */
static bool answer(struct kc_job *job)
{
    struct kc_sailor *s = job->sailor;
    pthread_mutex_lock(&s->lock);
    bool is_abandoned = s->is_abandoned;
    pthread_mutex_unlock(&s->lock);
    if (!job->delivery)
        return true;
    if (is_abandoned || atomic_load(&job->is_lost))
        kc_inbox_drop(s->inbox, job->delivery);
    else
        kc_inbox_answer(s->inbox, job->delivery, atomic_load(&job->errors) == 0);
    job->delivery = NULL;
    return !is_abandoned;
}

void kc_job_release(struct kc_job *job)
{
    struct kc_sailor *s = job->sailor;
    int before = atomic_fetch_sub(&job->open, 1);
    if (before == 2) {
        pthread_mutex_lock(&s->lock);
        kc_sailor_changed(s);
        pthread_mutex_unlock(&s->lock);
    }
    if (before > 1)
        return;
    bool is_answered = answer(job);
    free(job->wire);
    kc_table_free(job->headers);
    kc_properties_free(job->properties);
    kc_table_free(job->base);
    kc_buf_deinit(&job->plain);
    kc_buf_deinit(&job->fetched);
    free(job);
    pthread_mutex_lock(&s->lock);
    s->jobs--;
    s->dropped += !is_answered;
    kc_sailor_changed(s);
    pthread_mutex_unlock(&s->lock);
}

void kc_job_accept(struct kc_job *job)
{
    kc_inbox_answer(job->sailor->inbox, job->delivery, true);
    job->delivery = NULL;
}
