// SPDX-License-Identifier: Apache-2.0
/* polls.c
 *
 * Threads    loop     the routes' functions: they read the request and put it into the queue
 *            workers  started when needed, KC_POLL_WORKERS_MAX: one call each, which blocks
 * Queue      KC_POLL_QUEUE_MAX calls; full: 429. What a call waited in it is taken off the time
 *            that it wants to wait for records
 * Shutdown   stop() has the calls that wait return what they have, and answers the queue with
 *            errors; close() joins the workers */
#include "transport/http/polls.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "runtime/message.h"
#include "transport/http/request.h"
#include "transport/http/streams.h"

#include <pthread.h>
#include <stdlib.h>

#define IDLE_WAIT_MS 60000 /* a worker looks around at least so often */

/* A call. */
struct job {
    struct job *next;
    struct kc_exchange *x;
    struct kc_request request;
    struct kc_poll_ask ask;
    const struct kc_doc *credentials;
    bool is_commit;
    int64_t since_ms;
};

struct kc_polls {
    struct kc_poll *pool;
    pthread_t workers[KC_POLL_WORKERS_MAX];

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;
    struct job *first, **last;
    size_t queued, busy, worker_count;
    bool is_stopping; /* calls are refused */
    bool is_closing;  /* workers end */
};

static void free_job(struct job *j)
{
    if (!j)
        return;
    kc_request_deinit(&j->request);
    free(j->ask.cursor);
    free(j);
}

/* --- answers --- */

/* Where the element of a JSON array that begins at p ends. It is our own JSON, without blanks.
 */
static const char *end_of_element(const char *p, const char *end)
{
    int depth = 0;
    bool is_text = false;
    for (; p < end; p++) {
        if (is_text) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                is_text = false;
        } else if (*p == '"') {
            is_text = true;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- == 0)
                return p;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
    }
    return end;
}

/* Each record becomes the body of a message. */
static void print_messages(struct kc_buf *out, struct kc_text records)
{
    const char *end = records.p + records.len;
    char id[KC_ID_SIZE];
    kc_buf_puts(out, "[");
    for (const char *p = records.p + 1, *stop; p + 1 < end; p = stop + 1) {
        stop = end_of_element(p, end);
        kc_message_id(id);
        kc_buf_printf(
            out, "%s{\"id\":\"%s\",\"headers\":{},\"body\":", p > records.p + 1 ? "," : "", id);
        kc_buf_append(out, p, (size_t)(stop - p));
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "]");
}

static void answer_records(struct kc_exchange *x, const struct kc_poll_answer *a)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_puts(&body, "{\"messages\":");
    print_messages(&body, kc_buf_peek(&a->messages));
    kc_buf_puts(&body, ",\"cursor\":\"");
    kc_buf_puts(&body, a->cursor);
    kc_buf_puts(&body, "\"");
    if (a->loss_count > 0) {
        kc_buf_puts(&body, ",\"errors\":");
        kc_buf_text(&body, kc_buf_peek(&a->losses));
    }
    kc_buf_puts(&body, "}\n");
    kc_exchange_reply(x, 200, "application/json", &body);
}

static void answer_offsets(struct kc_exchange *x, const struct kc_buf *offsets)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_puts(&body, "{\"offsets\":");
    kc_buf_text(&body, kc_buf_peek(offsets));
    kc_buf_puts(&body, "}\n");
    kc_exchange_reply(x, 200, "application/json", &body);
}

static void refuse(struct job *j, const struct kc_error *err)
{
    if (j->request.faults.count > 0)
        kc_exchange_refuse(j->x, err->code, &j->request.faults);
    else
        kc_exchange_problem(j->x, 0, err, KC_NO_TEXT);
}

/* --- workers --- */

static void do_poll(struct kc_polls *all, struct job *j)
{
    struct kc_error err = { 0 };
    struct kc_poll_answer answer = { .cursor = NULL };
    int64_t left_ms = j->ask.max_wait_ms - (kc_now_ms() - j->since_ms);
    j->ask.max_wait_ms = left_ms > 0 ? (int)left_ms : 0;
    if (kc_poll(all->pool, j->credentials, j->request.config, &j->ask, &answer,
                &j->request.faults, &err))
        answer_records(j->x, &answer);
    else
        refuse(j, &err);
    kc_poll_answer_deinit(&answer);
}

static void do_commit(struct kc_polls *all, struct job *j)
{
    struct kc_error err = { 0 };
    struct kc_buf offsets;
    kc_buf_init(&offsets, KC_BUF_UNBOUNDED);
    if (kc_poll_commit(all->pool, j->credentials, j->request.config, j->ask.cursor, &offsets,
                       &j->request.faults, &err))
        answer_offsets(j->x, &offsets);
    else
        refuse(j, &err);
    kc_buf_deinit(&offsets);
}

/* Waits for one; NULL when the worker is to end. */
static struct job *next_job(struct kc_polls *all)
{
    pthread_mutex_lock(&all->lock);
    while (!all->first && !all->is_closing)
        kc_cond_wait(&all->more, &all->lock, IDLE_WAIT_MS);
    struct job *j = all->first;
    if (j) {
        all->first = j->next;
        if (!all->first)
            all->last = &all->first;
        all->queued--;
        all->busy++;
    }
    pthread_mutex_unlock(&all->lock);
    return j;
}

static void *work(void *arg)
{
    struct kc_polls *all = arg;
    for (struct job *j; (j = next_job(all));) {
        (j->is_commit ? do_commit : do_poll)(all, j);
        free_job(j);
        pthread_mutex_lock(&all->lock);
        all->busy--;
        pthread_mutex_unlock(&all->lock);
    }
    return NULL;
}

/* The job is gone afterwards. */
static void queue(struct kc_polls *all, struct job *j)
{
    struct kc_error err = { 0 };
    j->since_ms = kc_now_ms();
    pthread_mutex_lock(&all->lock);
    if (all->is_stopping) {
        kc_error_set(&err, KC_STOPPED, 0, "the server is stopping");
    } else if (all->queued == KC_POLL_QUEUE_MAX) {
        kc_error_set(&err, KC_TOO_MANY, 0,
                     "%d calls wait for Kafka, and %d for one of them to end",
                     KC_POLL_WORKERS_MAX, KC_POLL_QUEUE_MAX);
    } else {
        j->next = NULL;
        *all->last = j;
        all->last = &j->next;
        all->queued++;
        if (all->queued + all->busy > all->worker_count &&
            all->worker_count < KC_POLL_WORKERS_MAX) {
            pthread_t *thread = &all->workers[all->worker_count++];
            kc_thread_start(thread, "kc-poll", work, all);
        }
        pthread_cond_signal(&all->more);
    }
    pthread_mutex_unlock(&all->lock);
    if (err.code) {
        kc_exchange_problem(j->x, 0, &err, KC_NO_TEXT);
        free_job(j);
    }
}

/* --- routes --- */

/* NULL where there is nothing to be read; otherwise there may be faults. */
static struct job *new_job(struct kc_service *s, struct kc_exchange *x,
                           const char *const *members)
{
    struct job *j = kc_new0(struct job);
    j->x = x;
    if (!kc_request_read(&j->request, s, x, kc_poll_fields, members) && !j->request.config) {
        kc_request_refuse(&j->request, x);
        free_job(j);
        return NULL;
    }
    struct kc_text cursor = kc_request_text(&j->request, x, "cursor");
    j->ask.cursor = cursor.p ? kc_strndup(cursor.p, cursor.len) : NULL;
    j->credentials = kc_request_credentials(&j->request, s);
    return j;
}

static int option(struct job *j, const char *name)
{
    const struct kc_field *f = kc_field_find(kc_poll_ask_fields, kc_text(name));
    int64_t fallback = 0;
    (void)kc_text_int(kc_text(f->fallback), f->min, f->max, &fallback);
    return (int)kc_request_int(&j->request, j->x, name, f->min, f->max, fallback);
}

/* With what the call itself would have found. */
static void refuse_all(struct job *j)
{
    struct kc_faults found;
    kc_faults_init(&found);
    kc_poll_check(j->request.config, &found);
    kc_request_add_faults(&j->request, &found);
    kc_request_refuse(&j->request, j->x);
    kc_faults_deinit(&found);
}

void kc_route_poll(struct kc_service *s, struct kc_exchange *x)
{
    static const char *const members[] = { "cursor", "maxMessages", "maxBytes", "maxWaitMs",
                                           NULL };
    struct job *j = new_job(s, x, members);
    if (!j)
        return;
    j->ask.max_messages = option(j, "maxMessages");
    j->ask.max_bytes = option(j, "maxBytes");
    j->ask.max_wait_ms = option(j, "maxWaitMs");
    if (j->request.faults.count == 0) {
        queue(s->polls, j);
        return;
    }
    refuse_all(j);
    free_job(j);
}

void kc_route_commit(struct kc_service *s, struct kc_exchange *x)
{
    static const char *const members[] = { "cursor", NULL };
    struct kc_error err = { 0 };
    struct kc_cursor cursor = { .kind = KC_CURSOR_POLL };
    struct job *j = new_job(s, x, members);
    if (!j)
        return;
    j->is_commit = true;
    if (!j->ask.cursor && j->request.faults.count == 0)
        kc_faults_add(&j->request.faults, "/cursor", "required");
    if (j->request.faults.count > 0) {
        kc_request_refuse(&j->request, x);
    } else if (!kc_cursor_decode(&cursor, kc_text(j->ask.cursor), &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    } else if (cursor.kind == KC_CURSOR_STREAM) {
        kc_streams_commit(s, &cursor, &j->request, x);
    } else {
        queue(s->polls, j);
        j = NULL;
    }
    kc_cursor_deinit(&cursor);
    free_job(j);
}

/* --- the room --- */

void kc_polls_measure(struct kc_service *s, struct kc_polls_figures *out)
{
    pthread_mutex_lock(&s->polls->lock);
    out->queued = s->polls->queued;
    out->busy = s->polls->busy;
    pthread_mutex_unlock(&s->polls->lock);
    out->clients = kc_poll_counts(s->polls->pool);
}

static bool open_(struct kc_service *s, struct kc_error *err)
{
    (void)err;
    struct kc_polls *all = kc_new0(struct kc_polls);
    all->pool = kc_poll_new();
    all->last = &all->first;
    pthread_mutex_init(&all->lock, NULL);
    kc_cond_init(&all->more);
    s->polls = all;
    return true;
}

static void stop(struct kc_service *s, int drain_ms)
{
    struct kc_polls *all = s->polls;
    struct kc_error err = { 0 };
    (void)drain_ms;
    kc_error_set(&err, KC_STOPPED, 0, "the server is stopping");
    pthread_mutex_lock(&all->lock);
    all->is_stopping = true;
    struct job *left = all->first;
    all->first = NULL;
    all->last = &all->first;
    all->queued = 0;
    pthread_mutex_unlock(&all->lock);
    kc_poll_stop(all->pool);
    for (struct job *next; left; left = next) {
        next = left->next;
        kc_exchange_problem(left->x, 0, &err, KC_NO_TEXT);
        free_job(left);
    }
}

static void close_(struct kc_service *s)
{
    struct kc_polls *all = s->polls;
    if (!all)
        return;
    stop(s, 0);
    pthread_mutex_lock(&all->lock);
    all->is_closing = true;
    pthread_cond_broadcast(&all->more);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < all->worker_count; i++)
        pthread_join(all->workers[i], NULL);
    kc_poll_free(all->pool);
    pthread_cond_destroy(&all->more);
    pthread_mutex_destroy(&all->lock);
    free(all);
    s->polls = NULL;
}

const struct kc_room kc_polls_room = { open_, stop, close_ };
