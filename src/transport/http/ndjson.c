// SPDX-License-Identifier: Apache-2.0
/* ndjson.c - a body of any length with a message a line, answered by the events of stdout.
 *
 * Threads    loop    brings the body's bytes; is told how the answer fares
 *            upload  one per body: reads lines, runs the entry point, then writes the answer
 *            others  the producer's: their answers go, in order of the lines, to the spill
 * Queues     inbox   loop -> upload, INBOX_BYTES; full: nothing is read from the client
 *            lines and records on the way: as over stdin (answers.c, produce.c)
 *            spill   the answers: in memory, then in a file, since no client reads before it
 *                    has sent all
 *            flow    FLOW_BYTES; full: the upload thread waits for the client
 * Life       the upload is the loop's until end() and the thread's until it has answered
 * Shutdown   stop(0): what is on the way is answered now, and the body counts as broken off */
#include "transport/http/produce.h"

#include "base/alloc.h"
#include "base/sync.h"
#include "component/entries.h"
#include "runtime/event.h"
#include "transport/answers.h"
#include "transport/http/metrics.h"
#include "transport/http/request.h"
#include "transport/http/spill.h"
#include "transport/http/steps.h"
#include "transport/lines.h"

#include <stdlib.h>
#include <string.h>

#define UPLOADS_MAX 64
#define INBOX_BYTES ((size_t)256 * 1024)
#define SPILL_BYTES ((size_t)1024 * 1024)
#define FLOW_BYTES  ((size_t)256 * 1024)
#define BLOCK_BYTES ((size_t)64 * 1024)
#define WAIT_MS     1000

struct upload {
    struct kc_service *service;
    struct kc_exchange *x;
    struct upload *next, *previous; /* needs uploads->lock */

    /* The upload thread's. */
    struct kc_doc *config;
    void *self; /* the entry point's; needs lock to change */
    struct kc_lines lines;
    struct kc_json_reader *reader;
    struct kc_answers *answers;
    struct kc_tally failures; /* of one body: its exit code means nothing here */
    struct kc_buf bytes;      /* what was the inbox */

    struct kc_spill *spill; /* by whoever puts answers, then by the upload thread */
    struct kc_error spill_err;

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct kc_buf inbox; /* needs lock, as what follows */
    bool is_held;        /* the loop waits for room */
    bool is_over;        /* nothing more comes … */
    bool is_complete;    /* … and that was all */
    bool is_stopped;
    bool is_gone; /* the client, while it was answered */
    int holders;
};

struct kc_uploads {
    pthread_mutex_t lock;
    pthread_cond_t less;
    struct upload *list; /* needs lock */
    size_t count;
    bool is_stopped;
};

/* --- life --- */

static void upload_free(struct upload *u)
{
    kc_doc_free(u->config);
    kc_buf_deinit(&u->inbox);
    pthread_cond_destroy(&u->more);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

static void drop(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    bool is_last = --u->holders == 0;
    pthread_mutex_unlock(&u->lock);
    if (is_last)
        upload_free(u);
}

static bool add(struct kc_uploads *all, struct upload *u, struct kc_error *err)
{
    pthread_mutex_lock(&all->lock);
    bool is_taken = all->count < UPLOADS_MAX && !all->is_stopped;
    if (is_taken) {
        u->next = all->list;
        if (u->next)
            u->next->previous = u;
        all->list = u;
        all->count++;
    } else if (all->is_stopped) {
        kc_error_set(err, KC_STOPPED, 0, "stopping; nothing was written");
    } else {
        kc_error_set(err, KC_TOO_MANY, 0, "%d bodies of lines are read already: try again",
                     UPLOADS_MAX);
    }
    pthread_mutex_unlock(&all->lock);
    return is_taken;
}

static void remove_(struct kc_uploads *all, struct upload *u)
{
    pthread_mutex_lock(&all->lock);
    if (u->next)
        u->next->previous = u->previous;
    if (u->previous)
        u->previous->next = u->next;
    else
        all->list = u->next;
    all->count--;
    pthread_cond_signal(&all->less);
    pthread_mutex_unlock(&all->lock);
}

/* --- the answers --- */

static void put(void *arg, struct kc_text lines)
{
    struct upload *u = arg;
    struct kc_error err = { 0 };
    if (!kc_spill_put(u->spill, lines, &err) && !u->spill_err.code)
        u->spill_err = err;
}

static void on_final(void *arg)
{
    (void)arg; /* every line is answered, also where the broker refuses the sign-in */
}

/* --- the upload thread: lines --- */

/* Waits for bytes and moves them to u->bytes; false when there will be none. */
static bool take_bytes(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    while (u->inbox.len == 0 && !u->is_over && !u->is_stopped)
        kc_cond_wait(&u->more, &u->lock, WAIT_MS);
    bool is_more = u->inbox.len > 0 && !u->is_stopped;
    struct kc_buf filled = u->inbox;
    u->inbox = u->bytes;
    u->bytes = filled;
    bool was_held = u->is_held;
    u->is_held = false;
    pthread_mutex_unlock(&u->lock);
    if (was_held)
        kc_exchange_resume(u->x);
    return is_more;
}

static void refuse(struct upload *u, const struct kc_line *line, const struct kc_error *err)
{
    struct kc_outlet *outlet = kc_answers_open(u->answers, line->number, NULL);
    kc_outlet_error(outlet, err, KC_NO_TEXT);
    kc_outlet_end(outlet);
}

static void handle_line(struct upload *u, const struct kc_line *line)
{
    struct kc_error err = { 0 };
    struct kc_message message;
    if (line->is_too_long) {
        kc_error_set(
            &err, KC_INPUT_TOO_LARGE, 0,
            "the line is longer than %zu bytes: split the message, or raise --max-body",
            u->service->env->body_max);
        refuse(u, line, &err);
        return;
    }
    if (!kc_message_read(&message, u->reader, kc_line_copy(line->text), line->text.len, &err)) {
        refuse(u, line, &err);
    } else {
        struct kc_outlet *outlet = kc_answers_open(u->answers, line->number, message.id);
        if (message.is_skipped)
            kc_outlet_end(outlet);
        else
            kc_produce.process(u->self, &message, outlet);
    }
    kc_message_deinit(&message);
}

static void handle_lines(struct upload *u, bool is_end)
{
    struct kc_line line;
    while (kc_lines_next(&u->lines, is_end, &line)) {
        if (line.is_too_long || !kc_line_is_blank(line.text))
            handle_line(u, &line);
    }
}

static void cut_into_lines(struct upload *u)
{
    size_t room;
    for (size_t done = 0; done < u->bytes.len;) {
        char *to = kc_lines_room(&u->lines, &room);
        size_t n = u->bytes.len - done < room ? u->bytes.len - done : room;
        memcpy(to, u->bytes.data + done, n);
        kc_lines_add(&u->lines, n);
        done += n;
        handle_lines(u, false);
    }
    kc_buf_clear(&u->bytes);
}

static void read_lines(struct upload *u)
{
    kc_lines_init(&u->lines, u->service->env->body_max);
    u->reader = kc_json_reader_new();
    while (take_bytes(u))
        cut_into_lines(u);
    pthread_mutex_lock(&u->lock);
    bool is_complete = u->is_complete;
    pthread_mutex_unlock(&u->lock);
    if (is_complete) /* half a line of a body that broke off is no line */
        handle_lines(u, true);
    kc_answers_wait(u->answers);
    kc_json_reader_free(u->reader);
    kc_lines_deinit(&u->lines);
}

/* --- the upload thread: the answer --- */

static void on_taken(void *arg, uint64_t bytes)
{
    struct upload *u = arg;
    (void)bytes;
    pthread_mutex_lock(&u->lock);
    pthread_cond_signal(&u->more);
    pthread_mutex_unlock(&u->lock);
}

static void on_gone(void *arg)
{
    struct upload *u = arg;
    pthread_mutex_lock(&u->lock);
    u->is_gone = true;
    pthread_cond_signal(&u->more);
    pthread_mutex_unlock(&u->lock);
}

/* False when nobody reads any more. */
static bool wait_for_reader(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    while (!u->is_gone && !u->is_stopped && kc_exchange_waiting(u->x) > FLOW_BYTES)
        kc_cond_wait(&u->more, &u->lock, WAIT_MS);
    bool is_there = !u->is_gone && !u->is_stopped;
    pthread_mutex_unlock(&u->lock);
    return is_there;
}

static void write_answer(struct upload *u)
{
    char *block = kc_realloc(NULL, BLOCK_BYTES, 1);
    size_t n = 1;
    const struct kc_flow_listener listener = { on_taken, on_gone, u };
    kc_exchange_begin(u->x, "application/x-ndjson", &listener);
    while (n > 0 && wait_for_reader(u)) {
        n = kc_spill_read(u->spill, block, BLOCK_BYTES);
        kc_exchange_write(u->x, (struct kc_text){ block, n });
    }
    if (u->spill_err.code) {
        struct kc_buf event;
        kc_buf_init(&event, KC_BUF_UNBOUNDED);
        kc_error_wrap(&u->spill_err, "lines after these were processed, but their answers "
                                     "could not be kept");
        kc_event_error(&event, KC_NO_TEXT, &u->spill_err, KC_NO_TEXT);
        kc_exchange_write(u->x, kc_buf_peek(&event));
        kc_buf_deinit(&event);
    }
    free(block);
    kc_exchange_finish(u->x);
}

static void answer(struct upload *u)
{
    struct kc_error err = { 0 };
    pthread_mutex_lock(&u->lock);
    bool is_complete = u->is_complete, is_stopped = u->is_stopped;
    pthread_mutex_unlock(&u->lock);
    if (is_complete) {
        write_answer(u);
    } else if (is_stopped) {
        kc_error_set(&err, KC_STOPPED, 0, "stopped while the lines came");
        kc_exchange_problem(u->x, 0, &err, KC_NO_TEXT);
    } else {
        kc_exchange_reply(u->x, 400, NULL, NULL); /* nobody is left to read it */
    }
}

/* --- the upload thread --- */

static bool open_self(struct upload *u, struct kc_faults *faults, struct kc_error *err)
{
    const struct kc_step step = {
        .config = u->config,
        .credentials = u->service->env->step.credentials,
        .unknown_fields = KC_UNKNOWN_IS_ERROR,
        .tally = u->service->env->step.tally,
        .producers = kc_steps_producers(u->service->steps),
        .faults = faults,
        .is_flood = true,
    };
    void *self = NULL;
    bool ok = kc_produce.open(&self, &step, err);
    pthread_mutex_lock(&u->lock);
    u->self = self;
    pthread_mutex_unlock(&u->lock);
    return ok;
}

static void close_self(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    void *self = u->self;
    u->self = NULL;
    pthread_mutex_unlock(&u->lock);
    kc_produce.close(self);
}

/* The rest of a body that is refused as a whole is thrown away, so that its client reads why.
 */
static void refuse_body(struct upload *u, const struct kc_faults *faults,
                        const struct kc_error *err)
{
    while (take_bytes(u))
        kc_buf_clear(&u->bytes);
    if (faults->count > 0)
        kc_exchange_refuse(u->x, KC_CONFIG, faults);
    else
        kc_exchange_problem(u->x, 0, err, KC_NO_TEXT);
}

static void serve(struct upload *u)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    kc_faults_init(&faults);
    if (open_self(u, &faults, &err)) {
        u->spill = kc_spill_new(SPILL_BYTES);
        u->failures.by_code = kc_metrics_errors(u->service);
        u->answers = kc_answers_new((struct kc_sink){ put, u }, &u->failures, on_final, u);
        read_lines(u);
        kc_answers_free(u->answers);
        close_self(u);
        answer(u);
        kc_spill_free(u->spill);
    } else {
        refuse_body(u, &faults, &err);
    }
    kc_faults_deinit(&faults);
}

static void *run(void *arg)
{
    struct upload *u = arg;
    struct kc_uploads *all = u->service->uploads;
    kc_buf_init(&u->bytes, KC_BUF_UNBOUNDED);
    serve(u);
    kc_buf_deinit(&u->bytes);
    kc_doc_free(u->config); /* before `all` goes: it shares values with the settings */
    u->config = NULL;
    for (uint64_t i = atomic_load(&u->failures.errors); i > 0; i--)
        kc_tally_error(u->service->env->step.tally);
    pthread_mutex_lock(&u->lock);
    u->is_stopped = true; /* what still comes goes nowhere */
    pthread_mutex_unlock(&u->lock);
    remove_(all, u); /* `all` may go from here on */
    drop(u);
    return NULL;
}

/* --- the loop --- */

static struct upload *upload_new(struct kc_service *s, struct kc_exchange *x)
{
    struct upload *u = kc_new0(struct upload);
    u->service = s;
    u->x = x;
    u->holders = 2;
    u->config = kc_steps_config(s);
    kc_buf_init(&u->inbox, KC_BUF_UNBOUNDED); /* take() bounds it */
    pthread_mutex_init(&u->lock, NULL);
    kc_cond_init(&u->more);
    return u;
}

static void *begin(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    struct kc_request request = { 0 };
    struct upload *u = NULL;
    pthread_t thread;
    if (!kc_request_read_settings(&request, s, x, kc_produce.fields, NULL)) {
        kc_request_refuse(&request, x);
    } else {
        u = upload_new(s, x);
        kc_doc_overlay(u->config, request.config);
        if (add(s->uploads, u, &err)) {
            kc_thread_start(&thread, "kc-upload", run, u);
            pthread_detach(thread);
        } else {
            kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
            upload_free(u);
            u = NULL;
        }
    }
    kc_request_deinit(&request);
    return u;
}

static size_t take(void *self, const char *bytes, size_t len)
{
    struct upload *u = self;
    pthread_mutex_lock(&u->lock);
    size_t room = u->inbox.len < INBOX_BYTES ? INBOX_BYTES - u->inbox.len : 0;
    size_t n = u->is_stopped || len < room ? len : room;
    if (!u->is_stopped && n > 0)
        (void)kc_buf_append(&u->inbox, bytes, n);
    u->is_held = n < len;
    pthread_cond_signal(&u->more);
    pthread_mutex_unlock(&u->lock);
    return n;
}

static void end(void *self, bool is_complete)
{
    struct upload *u = self;
    pthread_mutex_lock(&u->lock);
    u->is_over = true;
    u->is_complete = is_complete && !u->is_stopped;
    pthread_cond_signal(&u->more);
    pthread_mutex_unlock(&u->lock);
    drop(u);
}

const struct kc_upload kc_upload_produce = { "application/x-ndjson", begin, take, end };

/* --- the room --- */

static bool open_(struct kc_service *s, struct kc_error *err)
{
    (void)err;
    s->uploads = kc_new0(struct kc_uploads);
    pthread_mutex_init(&s->uploads->lock, NULL);
    kc_cond_init(&s->uploads->less);
    return true;
}

static void stop_one(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    u->is_stopped = true;
    if (u->self)
        kc_produce.stop(u->self, 0);
    pthread_cond_signal(&u->more);
    pthread_mutex_unlock(&u->lock);
}

static void stop(struct kc_service *s, int drain_ms)
{
    struct kc_uploads *all = s->uploads;
    if (!all || drain_ms > 0)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_stopped = true;
    for (struct upload *u = all->list; u; u = u->next)
        stop_one(u);
    pthread_mutex_unlock(&all->lock);
}

static void close_(struct kc_service *s)
{
    struct kc_uploads *all = s->uploads;
    if (!all)
        return;
    stop(s, 0);
    pthread_mutex_lock(&all->lock);
    while (all->count > 0)
        kc_cond_wait(&all->less, &all->lock, WAIT_MS);
    pthread_mutex_unlock(&all->lock);
    pthread_cond_destroy(&all->less);
    pthread_mutex_destroy(&all->lock);
    free(all);
    s->uploads = NULL;
}

const struct kc_room kc_uploads_room = { open_, stop, close_ };
