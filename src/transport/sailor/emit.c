// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/emit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "platform/parts.h"
#include "transport/sailor/sailor_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRATION_MAX_MS                                                                      \
    INT64_C(315360000000) /* ten years; a broker refuses what is too long */

/* A publishing on its way: what its answer means. */
struct sent {
    struct kc_sailor *sailor;
    struct kc_job *job;       /* NULL: nobody's */
    const struct kc_ack *ack; /* of a record; NULL: none */
    uint64_t tag;
    bool is_data; /* given up, it is an error */
};

/* --- answers --- */

static void settle(const struct kc_ack *ack, uint64_t tag, bool is_accepted)
{
    if (ack)
        ack->settle(ack->arg, &tag, 1, is_accepted);
}

static void send_error(struct kc_job *job, const struct kc_error *err, struct kc_text details,
                       const struct kc_ack *ack, uint64_t tag);

static void give_up(const struct sent *t, const struct kc_error *err)
{
    bool is_stopped = err->code == KC_STOPPED;
    if (is_stopped)
        atomic_store(&t->job->is_lost, true);
    if (t->is_data && !is_stopped)
        send_error(t->job, err, KC_NO_TEXT, t->ack, t->tag);
    else
        settle(t->ack, t->tag, false);
    kc_job_release(t->job);
}

static void on_done(void *arg, bool is_confirmed, const struct kc_error *err)
{
    struct sent *t = arg;
    if (is_confirmed) {
        settle(t->ack, t->tag, true);
        kc_job_release(t->job);
    } else {
        give_up(t, err);
    }
    free(t);
}

static bool is_abandoned(struct kc_sailor *s)
{
    pthread_mutex_lock(&s->lock);
    bool is = s->is_abandoned;
    pthread_mutex_unlock(&s->lock);
    return is;
}

void kc_sailor_send(struct kc_sailor *s, struct kc_publishing *p)
{
    struct kc_error err = { 0 };
    bool is_too_late = is_abandoned(s); /* what it comes from is delivered again */
    pthread_mutex_lock(&s->sending);
    if (s->publisher && !is_too_late) {
        kc_publisher_send(s->publisher, p);
        p = NULL;
    }
    pthread_mutex_unlock(&s->sending);
    if (!p)
        return;
    kc_error_set(&err, KC_STOPPED, 0, "stopped before it was published");
    p->done(p->arg, false, &err);
    free(p->routing_key);
    free(p->body);
    kc_table_free(p->headers);
    kc_properties_free(p->props_owner);
    free(p);
}

/* --- publishings --- */

static struct kc_publishing *publishing(struct kc_job *job, const char *routing_key,
                                        struct kc_buf *body, struct kc_table *headers)
{
    struct sent *t = kc_new0(struct sent);
    struct kc_publishing *p = kc_new0(struct kc_publishing);
    t->sailor = job->sailor;
    t->job = job;
    kc_job_hold(job);
    p->routing_key = kc_strdup(routing_key);
    p->body_len = body->len;
    p->body = kc_buf_take(body);
    p->headers = headers;
    p->is_mandatory = true;
    p->content_type = "application/json";
    p->content_encoding = "utf8";
    p->expiration_ms = -1;
    p->done = on_done;
    p->arg = t;
    return p;
}

static struct kc_table *headers_for(const struct kc_job *job, const char *message_id,
                                    bool has_end)
{
    struct kc_table *headers = kc_table_copy(job->base);
    kc_table_text(headers, "messageId", kc_text(message_id));
    if (has_end)
        kc_table_int(headers, "end", kc_wall_ms());
    return headers;
}

/* --- the log --- */

/* On whatever thread the entry point speaks, a line about its message names that. */
#define log_of(job, level, ...)                                                                \
    do {                                                                                       \
        const struct kc_log_context *before = kc_log_set_context(&(job)->log);                 \
        kc_log((level), __VA_ARGS__);                                                          \
        kc_log_set_context(before);                                                            \
    } while (0)

/* --- errors --- */

static bool wants_error_reply(const struct kc_job *job)
{
    return job->reply_to.p && !job->sailor->env->no_error_replies;
}

static char *text_of(struct kc_text t)
{
    return kc_strndup(t.p, t.len);
}

static void send_error_reply(struct kc_job *job, struct kc_buf *reply, bool has_end)
{
    struct kc_table *headers = headers_for(job, job->message_id, has_end);
    char *key = text_of(job->reply_to);
    kc_table_bool(headers, "x-eio-error-response", true);
    struct kc_publishing *p = publishing(job, key, reply, headers);
    p->is_reply = true;
    kc_sailor_send(job->sailor, p);
    free(key);
}

/* ack and tag: of the record that the error is said in place of. */
static void send_failure(struct kc_job *job, const struct kc_failure *failure,
                         enum kc_rate rate, bool has_end, const struct kc_ack *ack,
                         uint64_t tag)
{
    struct kc_sailor *s = job->sailor;
    struct kc_error err = { 0 };
    struct kc_buf body, reply;
    struct kc_text input = job->is_readable && job->wire_len > 0
                               ? (struct kc_text){ job->wire, job->wire_len }
                               : KC_NO_TEXT;
    int version = s->env->input_is_error ? 1 : job->version; /* a text that goes as it came */
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_init(&reply, KC_BUF_UNBOUNDED);
    if (!kc_failure_print(failure, s->cipher, input, version, &body, &reply, &err)) {
        log_of(job, KC_ERROR, "error_without_input", KC_E(&err));
        kc_buf_clear(&body);
        kc_buf_clear(&reply);
        kc_error_clear(&err);
        (void)!kc_failure_print(failure, s->cipher, KC_NO_TEXT, version, &body, &reply, &err);
    }
    struct kc_publishing *p = publishing(job, s->env->error_routing_key, &body,
                                         headers_for(job, job->message_id, has_end));
    struct sent *t = p->arg;
    p->rate = rate;
    t->ack = ack;
    t->tag = tag;
    kc_sailor_send(s, p);
    if (wants_error_reply(job))
        send_error_reply(job, &reply, has_end);
    kc_buf_deinit(&body);
    kc_buf_deinit(&reply);
}

static void send_error(struct kc_job *job, const struct kc_error *err, struct kc_text details,
                       const struct kc_ack *ack, uint64_t tag)
{
    struct kc_buf stack;
    const char *name = kc_class_name(kc_code_class(err->code));
    kc_buf_init(&stack, KC_BUF_UNBOUNDED);
    kc_buf_printf(&stack, "%s: %s", name, err->text);
    if (details.p) {
        kc_buf_puts(&stack, "\n    ");
        kc_buf_text(&stack, details);
    }
    char *text = kc_buf_take(&stack);
    const struct kc_failure failure = { name, err->text, text };
    atomic_fetch_add(&job->errors, 1);
    log_of(job, KC_ERROR, "error_emitted", KC_S("code", kc_code_name(err->code)), KC_E(err));
    send_failure(job, &failure, KC_RATE_ERROR, true, ack, tag);
    free(text);
}

void kc_emit_error(struct kc_job *job, const struct kc_error *err, struct kc_text details)
{
    send_error(job, err, details, NULL, 0);
}

/* --- data --- */

static void encode(const struct kc_sailor *s, int version, struct kc_text plain,
                   struct kc_buf *body)
{
    if (version < 2)
        kc_cipher_encrypt_base64(s->cipher, plain, body);
    else
        kc_cipher_encrypt(s->cipher, plain, body);
}

static bool is_small_enough(const struct kc_sailor *s, const struct kc_buf *body,
                            struct kc_error *err)
{
    if ((int64_t)body->len <= s->env->outgoing_size_limit)
        return true;
    kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "Outgoing message size %zu exceeds limit of %lld.",
                 body->len, (long long)s->env->outgoing_size_limit);
    return false;
}

static bool print_data(struct kc_job *job, const struct kc_data *data, struct kc_text id,
                       struct kc_buf *body, struct kc_buf *routing_key, struct kc_error *err)
{
    struct kc_sailor *s = job->sailor;
    struct kc_buf plain;
    const struct kc_emitted emitted = { id, data->body, data->headers };
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    bool ok = kc_envelope_print(&s->rules, &job->in, job->in_step_id, &emitted, &plain,
                                routing_key, err);
    if (ok)
        encode(s, s->env->protocol_version, kc_buf_peek(&plain), body);
    kc_buf_deinit(&plain);
    return ok && is_small_enough(s, body, err);
}

static void send_data(struct kc_job *job, const struct kc_data *data, const char *id,
                      struct kc_buf *body, struct kc_buf *routing_key)
{
    struct kc_sailor *s = job->sailor;
    struct kc_table *headers = headers_for(job, id, true);
    kc_table_int(headers, "protocolVersion", s->env->protocol_version);
    char *key = routing_key->len > 0 ? kc_buf_take(routing_key) : NULL;
    struct kc_publishing *p =
        publishing(job, key ? key : s->env->data_routing_key, body, headers);
    struct sent *t = p->arg;
    p->rate = KC_RATE_DATA;
    t->is_data = true;
    t->ack = data->ack;
    t->tag = data->tag;
    kc_sailor_send(s, p);
    free(key);
}

static void tell_origin(const struct kc_data *data, struct kc_error *err)
{
    if (data->origin)
        kc_error_wrap(err, "topic '%s', partition %d, offset %lld", data->origin->topic,
                      (int)data->origin->partition, (long long)data->origin->first);
}

/* What could go as it is later, the object storage being away or refusing us, is not read yet:
 * its record comes again. In place of one that never can the error counts as read. */
static void fail_data(struct kc_job *job, const struct kc_data *data, struct kc_error *err)
{
    tell_origin(data, err);
    if (!data->ack || kc_code_class(err->code) == KC_CLASS_INPUT) {
        send_error(job, err, KC_NO_TEXT, data->ack, data->tag);
        return;
    }
    log_of(job, KC_ERROR, "record_not_sent", KC_S("code", kc_code_name(err->code)), KC_E(err));
    settle(data->ack, data->tag, false);
}

void kc_emit_data(struct kc_job *job, const struct kc_data *data)
{
    struct kc_error err = { 0 };
    struct kc_buf body, routing_key;
    char fresh[KC_ID_SIZE], *given = data->id.len > 0 ? text_of(data->id) : NULL;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_init(&routing_key, KC_BUF_UNBOUNDED);
    if (!given)
        kc_message_id(fresh);
    const char *id = given ? given : fresh;
    if (print_data(job, data, kc_text(id), &body, &routing_key, &err))
        send_data(job, data, id, &body, &routing_key);
    else
        fail_data(job, data, &err);
    kc_buf_deinit(&body);
    kc_buf_deinit(&routing_key);
    free(given);
}

/* --- rebound --- */

static int64_t expiration_of(const struct kc_environment *env, int64_t iteration)
{
    int64_t ms = env->rebound_initial_expiration_ms;
    for (; iteration > 1 && ms > 0 && ms < EXPIRATION_MAX_MS; iteration--)
        ms *= 2;
    return ms < EXPIRATION_MAX_MS ? ms : EXPIRATION_MAX_MS;
}

void kc_emit_rebound(struct kc_job *job, const struct kc_error *err)
{
    struct kc_sailor *s = job->sailor;
    int64_t so_far = kc_table_get_int(job->headers, "reboundIteration", 0);
    int64_t iteration = so_far < 0 ? 1 : so_far < INT64_MAX ? so_far + 1 : so_far;
    if (iteration > s->env->rebound_limit) {
        const struct kc_failure failure = { "Error", "Rebound limit exceeded",
                                            "Not Available" };
        log_of(job, KC_ERROR, "rebound_limit_exceeded", KC_I("limit", s->env->rebound_limit));
        send_failure(job, &failure, KC_RATE_NONE, false, NULL, 0);
        return;
    }
    struct kc_table *headers = kc_table_copy(job->headers);
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_append(&body, job->wire, job->wire_len);
    kc_table_int(headers, "end", kc_wall_ms());
    kc_table_text(headers, "reboundReason", kc_text(err->text));
    kc_table_int(headers, "reboundIteration", iteration);
    log_of(job, KC_WARN, "rebound", KC_I("iteration", iteration), KC_E(err));
    struct kc_publishing *p = publishing(job, s->env->rebound_routing_key, &body, headers);
    struct sent *t = p->arg;
    t->is_data = true; /* given up, the message has failed */
    p->props_owner = kc_properties_copy(job->properties);
    p->props = &p->props_owner->native;
    p->is_mandatory = false;
    p->expiration_ms = expiration_of(s->env, iteration);
    kc_sailor_send(s, p);
}

/* --- replies and snapshots --- */

void kc_emit_reply(struct kc_job *job, const struct kc_reply *reply)
{
    struct kc_sailor *s = job->sailor;
    struct kc_error err = { 0 };
    struct kc_buf plain, body;
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_printf(&plain, "{\"statusCode\":%d,\"body\":", reply->status);
    kc_buf_text(&plain, reply->body.len > 0 ? reply->body : KC_LIT("null"));
    kc_buf_puts(&plain, ",\"headers\":");
    kc_headers_print(reply->headers.len > 0 ? reply->headers : KC_LIT("{}"), true, KC_NO_TEXT,
                     &plain);
    kc_buf_puts(&plain, "}");
    encode(s, 1, kc_buf_peek(&plain), &body);
    if (is_small_enough(s, &body, &err)) {
        struct kc_table *headers = headers_for(job, job->message_id, false);
        char *key = text_of(job->reply_to);
        kc_table_int(headers, "protocolVersion", 1);
        struct kc_publishing *p = publishing(job, key, &body, headers);
        p->is_reply = true;
        kc_sailor_send(s, p);
        free(key);
    } else {
        kc_emit_error(job, &err, KC_NO_TEXT);
    }
    kc_buf_deinit(&plain);
    kc_buf_deinit(&body);
}

/* An update must be an object, and no order of a database. */
static bool is_update_usable(struct kc_text json)
{
    struct kc_error err = { 0 };
    struct kc_doc *doc = kc_doc_parse(json, &err);
    bool has_set = doc && !kc_doc_is_null(doc, "$set");
    if (!doc)
        kc_log(KC_ERROR, "snapshot_update_is_no_object", KC_E(&err));
    if (has_set)
        kc_log(KC_WARN, "snapshot_update_ignored",
               KC_S("reason", "ERROR: $set is not supported any more in `updateSnapshot`"));
    kc_doc_free(doc);
    return doc && !has_set;
}

void kc_emit_snapshot(struct kc_job *job, struct kc_text json, bool is_update)
{
    struct kc_sailor *s = job->sailor;
    struct kc_buf body;
    if (is_update && !is_update_usable(json))
        return;
    struct kc_table *headers = headers_for(job, job->message_id, false);
    kc_table_text(headers, "snapshotEvent", kc_text(is_update ? "updateSnapshot" : "snapshot"));
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_text(&body, json);
    struct kc_publishing *p = publishing(job, s->env->snapshot_routing_key, &body, headers);
    p->rate = is_update ? KC_RATE_NONE : KC_RATE_SNAPSHOT;
    p->is_snapshot = true;
    kc_sailor_send(s, p);
    kc_buf_deinit(&body);
}

/* --- at the start --- */

static void on_reported(void *arg, bool is_confirmed, const struct kc_error *err)
{
    (void)arg;
    if (!is_confirmed)
        kc_log(KC_ERROR, "start_failure_unreported", KC_E(err));
}

void kc_emit_startup_error(struct kc_sailor *s, const struct kc_error *err, int wait_ms)
{
    struct kc_error failed = { 0 };
    struct kc_buf body;
    char id[KC_ID_SIZE];
    const struct kc_failure failure = { "Error", err->text, "Not Available" };
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_message_id(id);
    if (!kc_failure_print(&failure, s->cipher, KC_NO_TEXT, 1, &body, NULL, &failed))
        return;
    struct kc_publishing *p = kc_new0(struct kc_publishing);
    p->routing_key = kc_strdup(s->env->error_routing_key);
    p->body_len = body.len;
    p->body = kc_buf_take(&body);
    p->headers = kc_table_copy(s->common);
    kc_table_text(p->headers, "messageId", kc_text(id));
    p->is_mandatory = true;
    p->content_type = "application/json";
    p->content_encoding = "utf8";
    p->expiration_ms = -1;
    p->done = on_reported;
    kc_sailor_send(s, p);
    (void)kc_publisher_drain(s->publisher, wait_ms);
}
