// SPDX-License-Identifier: Apache-2.0
#include "transport/http/stream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/entries.h"
#include "runtime/event.h"
#include "runtime/message.h"
#include "transport/http/metrics.h"
#include "transport/http/unsettled.h"

#include <stdlib.h>

#define BLOCK_BYTES ((size_t)64 * 1024)  /* goes to the server without waiting for more */
#define ROOM_BYTES  ((size_t)512 * 1024) /* not taken by the socket: no more from Kafka */
#define BEGIN_MS    1000                 /* so long an error may still be the whole answer */
#define COMMITS_MAX 64                   /* that wait to be answered */

struct kc_stream {
    struct kc_stream_ask ask;
    struct kc_exchange *x; /* NULL once it was answered */
    struct kc_step step;
    struct kc_tally tally;
    uint64_t records_told, bytes_told; /* to the metrics, of the tally's; owner only */
    struct kc_outlet outlet;

    /* the owner's */
    struct kc_cursor cursor; /* of the last message; only positions change, and are lent */
    struct kc_buf token;     /* `"cursor":"…",` */
    struct kc_buf out;       /* what the server has not got yet */
    bool has_begun;
    int64_t begin_by_ms;
    int64_t spoke_ms;        /* when the server got something last */
    struct kc_error failure; /* the last one, while the answer has not begun */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t taken; /* the socket took something, or the client went */
    void *entry;          /* kc_consume's; NULL before and after */
    bool is_over;         /* no commits any more */
    bool is_gone;
    bool is_stopping;
    int stop_ms;
    uint64_t bytes_out; /* formatted so far */
    uint64_t bytes_taken;
    const struct kc_ack *ack;
    struct kc_unsettled unsettled;
    struct kc_exchange *commits[COMMITS_MAX];
    size_t commit_count;
};

static struct kc_stream *stream_of(struct kc_outlet *o)
{
    return (struct kc_stream *)(void *)((char *)o - offsetof(struct kc_stream, outlet));
}

/* --- the server's loop tells us --- */

static void settle(struct kc_stream *s) /* needs lock */
{
    if (s->unsettled.tag_count > 0)
        s->ack->settle(s->ack->arg, s->unsettled.tags, s->unsettled.tag_count, true);
    s->unsettled.tag_count = 0;
}

static void on_taken(void *arg, uint64_t bytes)
{
    struct kc_stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->bytes_taken = bytes;
    if (!s->ask.acks_by_client && !s->is_over) {
        kc_unsettled_take_written(&s->unsettled, bytes);
        settle(s);
    }
    pthread_cond_signal(&s->taken);
    pthread_mutex_unlock(&s->lock);
}

static void on_gone(void *arg)
{
    struct kc_stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->is_gone = true;
    pthread_cond_signal(&s->taken);
    pthread_mutex_unlock(&s->lock);
    kc_stream_stop(s, 0); /* what was not settled is not committed, and comes again */
}

/* --- the flow --- */

const char *kc_stream_media_type(bool is_sse)
{
    return is_sse ? "text/event-stream" : "application/x-ndjson";
}

static void begin(struct kc_stream *s)
{
    const struct kc_flow_listener listener = { on_taken, on_gone, s };
    s->has_begun = true;
    s->spoke_ms = kc_now_ms();
    kc_exchange_set_header(s->x, "X-Accel-Buffering", "no"); /* a proxy must not collect it */
    kc_exchange_begin(s->x, kc_stream_media_type(s->ask.is_sse), &listener);
}

static void send_off(struct kc_stream *s)
{
    if (s->out.len == 0)
        return;
    if (!s->has_begun)
        begin(s);
    kc_exchange_write(s->x, kc_buf_peek(&s->out));
    kc_buf_clear(&s->out);
    s->spoke_ms = kc_now_ms();
}

/* An event's lines: its JSON alone, or with what server-sent events put before and behind. */
static void open_event(struct kc_stream *s, const char *kind, struct kc_text id)
{
    if (!s->ask.is_sse)
        return;
    if (id.p) {
        kc_buf_puts(&s->out, "id: ");
        kc_buf_text(&s->out, id);
        kc_buf_puts(&s->out, "\n");
    }
    kc_buf_printf(&s->out, "event: %s\ndata: ", kind);
}

static void close_event(struct kc_stream *s)
{
    if (s->ask.is_sse)
        kc_buf_puts(&s->out, "\n");
}

static void beat_if_due(struct kc_stream *s)
{
    if (!s->has_begun || s->out.len > 0 || kc_now_ms() - s->spoke_ms < s->ask.heartbeat_ms)
        return;
    kc_buf_puts(&s->out, s->ask.is_sse ? ":\n\n" : "\n");
    pthread_mutex_lock(&s->lock);
    s->bytes_out += s->out.len;
    pthread_mutex_unlock(&s->lock);
}

/* --- commits --- */

static void print_positions(struct kc_buf *out, const char *topic,
                            const struct kc_positions *positions)
{
    kc_buf_puts(out, "{\"offsets\":[");
    for (size_t i = 0; i < positions->count; i++)
        kc_buf_printf(out, "%s{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld}",
                      i ? "," : "", topic, (int)positions->list[i].partition,
                      (long long)positions->list[i].offset);
    kc_buf_puts(out, "]}\n");
}

static void answer_commit(const struct kc_stream *s, struct kc_exchange *x,
                          const struct kc_positions *positions, const struct kc_error *err)
{
    struct kc_buf body;
    if (err->code) {
        kc_exchange_problem(x, 0, err, KC_NO_TEXT);
        return;
    }
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    print_positions(&body, s->ask.topic, positions);
    kc_exchange_reply(x, 200, "application/json", &body);
}

/* Commits for all who wait for it. */
static void serve_commits(struct kc_stream *s)
{
    struct kc_exchange *waiting[COMMITS_MAX];
    struct kc_positions positions = { NULL, 0, 0 };
    struct kc_error err = { 0 };
    pthread_mutex_lock(&s->lock);
    size_t count = s->commit_count;
    for (size_t i = 0; i < count; i++)
        waiting[i] = s->commits[i];
    s->commit_count = 0;
    const struct kc_ack *ack = s->ack;
    pthread_mutex_unlock(&s->lock);
    if (count == 0)
        return;
    if (ack && !ack->commit(ack->arg, &positions, &err))
        kc_error_wrap(&err, "commit for group '%s'", s->ask.group_id);
    for (size_t i = 0; i < count; i++)
        answer_commit(s, waiting[i], &positions, &err);
    kc_positions_free(&positions);
}

bool kc_stream_commit(struct kc_stream *s, const struct kc_cursor *cursor,
                      struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    pthread_mutex_lock(&s->lock);
    bool is_open = !s->is_over;
    bool is_full = s->commit_count == COMMITS_MAX;
    if (is_open && !is_full) {
        kc_unsettled_take_up_to(&s->unsettled, &cursor->positions);
        settle(s);
        s->commits[s->commit_count++] = x;
    }
    pthread_mutex_unlock(&s->lock);
    if (is_open && is_full) {
        kc_error_set(&err, KC_TOO_MANY, 0,
                     "%d commits of this stream wait for Kafka already: commit a later cursor "
                     "less often",
                     COMMITS_MAX);
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    }
    return is_open;
}

/* --- the outlet: owner only --- */

static void put_cursor(struct kc_stream *s, const struct kc_positions *positions)
{
    struct kc_error err = { 0 };
    kc_buf_clear(&s->token);
    s->cursor.positions = *positions;
    kc_buf_puts(&s->token, "\"cursor\":\"");
    if (!kc_cursor_encode(&s->cursor, &s->token, &err)) {
        kc_buf_clear(&s->token);
        kc_log(KC_ERROR, "cursor_too_large", KC_E(&err));
        return;
    }
    kc_buf_puts(&s->token, "\",");
}

static struct kc_text token_of(const struct kc_stream *s)
{
    const size_t before = sizeof("\"cursor\":\"") - 1, behind = sizeof("\",") - 1;
    if (s->token.len == 0)
        return KC_NO_TEXT;
    return (struct kc_text){ s->token.data + before, s->token.len - before - behind };
}

static void say_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct kc_stream *s = stream_of(o);
    char id[KC_ID_SIZE];
    size_t before = s->out.len;
    kc_message_id(id);
    put_cursor(s, data->positions);
    open_event(s, "data", token_of(s));
    kc_event_data(&s->out, kc_buf_peek(&s->token), id, data);
    close_event(s);
    pthread_mutex_lock(&s->lock);
    s->ack = data->ack;
    s->bytes_out += s->out.len - before;
    if (kc_unsettled_is_full(&s->unsettled))
        kc_unsettled_drop(&s->unsettled, data->ack->is_awaited, data->ack->arg);
    kc_unsettled_add(&s->unsettled, s->bytes_out, data->origin->partition, data->origin->last,
                     data->tag);
    pthread_mutex_unlock(&s->lock);
    if (s->out.len >= BLOCK_BYTES)
        send_off(s);
}

static void say_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct kc_stream *s = stream_of(o);
    size_t before = s->out.len;
    kc_tally_error(&s->tally);
    kc_metrics_error(s->ask.service, err->code);
    if (!s->has_begun)
        s->failure = *err;
    if (!s->has_begun && atomic_load(&s->tally.reach) == KC_OUT_OF_REACH)
        kc_stream_stop(s, 0); /* it ends with this answer, and the client tries again */
    open_event(s, "error", KC_NO_TEXT);
    kc_event_error(&s->out, KC_NO_TEXT, err, details);
    close_event(s);
    pthread_mutex_lock(&s->lock);
    s->bytes_out += s->out.len - before;
    pthread_mutex_unlock(&s->lock);
}

static void tell_metrics(struct kc_stream *s)
{
    uint64_t records = atomic_load(&s->tally.records), bytes = atomic_load(&s->tally.bytes);
    if (records == s->records_told)
        return;
    kc_tally_add(kc_metrics_tally(s->ask.service, KC_WAY_STREAM), records - s->records_told,
                 bytes - s->bytes_told);
    s->records_told = records;
    s->bytes_told = bytes;
}

/* An error that ended it all before anything else was said is the whole answer. */
static void say_end(struct kc_outlet *o)
{
    struct kc_stream *s = stream_of(o);
    tell_metrics(s);
    if (!s->has_begun && s->failure.code) {
        kc_exchange_problem(s->x, 0, &s->failure, KC_NO_TEXT);
    } else {
        open_event(s, "end", KC_NO_TEXT);
        kc_event_end(&s->out, KC_NO_TEXT);
        close_event(s);
        send_off(s);
        kc_exchange_finish(s->x);
    }
    s->x = NULL;
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    struct kc_stream *s = stream_of(o);
    serve_commits(s);
    tell_metrics(s);
    if (!s->has_begun && kc_now_ms() >= s->begin_by_ms &&
        atomic_load(&s->tally.reach) == KC_REACHED)
        begin(s);
    beat_if_due(s);
    if (s->has_begun || s->failure.code == KC_NONE)
        send_off(s);
    pthread_mutex_lock(&s->lock);
    if (wait_ms > 0 && s->bytes_out - s->bytes_taken >= ROOM_BYTES && !s->is_gone)
        kc_cond_wait(&s->taken, &s->lock, wait_ms);
    bool has_room = s->bytes_out - s->bytes_taken < ROOM_BYTES || s->is_gone;
    pthread_mutex_unlock(&s->lock);
    return has_room;
}

static const struct kc_outlet_ops ops = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
};

/* --- life --- */

void kc_stream_ask_deinit(struct kc_stream_ask *ask)
{
    kc_cursor_deinit(&ask->from);
    kc_request_deinit(&ask->request);
    free(ask->topic);
    free(ask->group_id);
    *ask = (struct kc_stream_ask){ .count = 0 };
}

struct kc_stream *kc_stream_new(struct kc_exchange *x, struct kc_stream_ask *ask)
{
    struct kc_stream *s = kc_new0(struct kc_stream);
    s->ask = *ask;
    *ask = (struct kc_stream_ask){ .count = 0 };
    s->x = x;
    s->outlet.ops = &ops;
    s->step = (struct kc_step){
        .config = s->ask.request.config,
        .credentials = s->ask.credentials,
        .unknown_fields = KC_UNKNOWN_IS_ERROR,
        .tally = &s->tally,
        .lags = kc_metrics_lags(s->ask.service),
        .is_one_of_many = true,
        .tells_outage = true,
        .faults = &s->ask.request.faults,
        .count_max = s->ask.count,
        .until_end = s->ask.until_end,
        .from = s->ask.from.positions.count > 0 ? &s->ask.from.positions : NULL,
    };
    s->cursor = (struct kc_cursor){ .kind = KC_CURSOR_STREAM, .number = s->ask.number };
    s->cursor.topic = kc_strdup(s->ask.topic);
    s->cursor.server = kc_strdup(s->ask.server);
    s->cursor.group_id = kc_strdup(s->ask.group_id);
    atomic_store(&s->tally.lag, -1);
    kc_buf_init(&s->token, KC_BUF_UNBOUNDED);
    kc_buf_init(&s->out, KC_BUF_UNBOUNDED);
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->taken);
    return s;
}

static bool open_entry(struct kc_stream *s)
{
    struct kc_error err = { 0 };
    void *entry;
    if (!kc_consume.open(&entry, &s->step, &err)) {
        if (s->step.faults->count > 0)
            kc_exchange_refuse(s->x, err.code, s->step.faults);
        else
            kc_exchange_problem(s->x, 0, &err, KC_NO_TEXT);
        s->x = NULL;
        return false;
    }
    pthread_mutex_lock(&s->lock);
    s->entry = entry;
    if (s->is_stopping)
        kc_consume.stop(entry, s->stop_ms);
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Commits that came too late: what they settled may not have been committed any more. */
static void refuse_commits(struct kc_stream *s)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_STOPPED, 0,
                 "the stream ended before its offsets were committed; open it again with this "
                 "cursor to go on after it");
    pthread_mutex_lock(&s->lock);
    s->is_over = true;
    size_t count = s->commit_count;
    s->commit_count = 0;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count; i++)
        kc_exchange_problem(s->commits[i], 0, &err, KC_NO_TEXT);
}

void kc_stream_run(struct kc_stream *s)
{
    if (!open_entry(s))
        return;
    kc_log(KC_INFO, "stream_opened", KC_S("topic", s->ask.topic),
           KC_S("groupId", s->ask.group_id));
    s->begin_by_ms = kc_now_ms() + BEGIN_MS;
    void *entry = s->entry;
    kc_consume.process(entry, NULL, &s->outlet);
    refuse_commits(s);
    pthread_mutex_lock(&s->lock);
    s->entry = NULL;
    pthread_mutex_unlock(&s->lock);
    kc_consume.close(entry);
    kc_log(KC_INFO, "stream_ended", KC_S("topic", s->ask.topic),
           KC_S("groupId", s->ask.group_id),
           KC_I("records", (int64_t)atomic_load(&s->tally.records)));
}

void kc_stream_stop(struct kc_stream *s, int drain_ms)
{
    pthread_mutex_lock(&s->lock);
    if (s->ask.acks_by_client)
        drain_ms = 0; /* who has to commit by another request may not get it through any more */
    if (!s->is_stopping || drain_ms < s->stop_ms)
        s->stop_ms = drain_ms;
    s->is_stopping = true;
    if (s->entry)
        kc_consume.stop(s->entry, s->stop_ms);
    pthread_mutex_unlock(&s->lock);
}

uint64_t kc_stream_number(const struct kc_stream *s)
{
    return s->ask.number;
}

const struct kc_doc *kc_stream_credentials(const struct kc_stream *s)
{
    return s->ask.request.credentials;
}

void kc_stream_free(struct kc_stream *s)
{
    if (!s)
        return;
    s->cursor.positions = (struct kc_positions){ NULL, 0, 0 }; /* lent */
    kc_cursor_deinit(&s->cursor);
    kc_stream_ask_deinit(&s->ask);
    kc_unsettled_deinit(&s->unsettled);
    kc_buf_deinit(&s->token);
    kc_buf_deinit(&s->out);
    pthread_cond_destroy(&s->taken);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
