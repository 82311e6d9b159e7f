// SPDX-License-Identifier: Apache-2.0
/* stdio.c - drives an entry point by lines: messages on stdin, events on stdout.
 *
 * Threads    main    an action: reads lines, runs entry->process(); a trigger: is its owner
 *            acks    a trigger's, with acks on stdin: reads {"ack":ID} and {"nack":ID} lines
 *            writer  the output's
 *            others  the entry point's: they speak through outlets
 * Queues     answers  open lines, in order; full: main waits
 *            output   bytes to write; full: an action's answers wait, a trigger takes none
 * Shutdown   stop() wakes main: it reads no more, has its lines answered, and returns */
#include "transport/transport.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sync.h"
#include "runtime/event.h"
#include "transport/answers.h"
#include "transport/lines.h"
#include "transport/output.h"
#include "transport/pending.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

struct stdio {
    const struct kc_env *env;
    void *entry; /* the entry point's self */
    struct kc_output *output;
    struct kc_lines lines;
    struct kc_json_reader *reader; /* of whoever reads stdin */
    int wake_fd;                   /* readable once we are to stop */
    atomic_bool is_stopping;

    struct kc_answers *answers; /* an action's */

    struct kc_outlet outlet;  /* a trigger's */
    const struct kc_ack *ack; /* a trigger's, once it has handed out anything */
    struct kc_pending *pending;
    pthread_t acks;
};

/* --- stopping --- */

static void wake(struct stdio *s)
{
    const uint64_t one = 1;
    atomic_store(&s->is_stopping, true);
    if (write(s->wake_fd, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}

static void stop(void *self, int drain_ms)
{
    struct stdio *s = self;
    if (s->answers) /* an action; a trigger's acks are read for as long as it waits for some */
        wake(s);
    s->env->entry->stop(s->entry, drain_ms);
}

/* Nothing more can be delivered: what was not is not committed, and comes again. */
static void on_reader_gone(void *self)
{
    kc_log(KC_INFO, "stdout_closed");
    stop(self, 0);
}

static void on_final_error(void *self)
{
    wake(self);
}

/* --- reading lines --- */

enum outcome {
    GOT_BYTES,
    AT_END,
    STOPPED
};

static enum outcome read_more(struct stdio *s)
{
    size_t len;
    struct pollfd fds[] = { { .fd = s->env->in_fd, .events = POLLIN },
                            { .fd = s->wake_fd, .events = POLLIN } };
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return AT_END;
        if (atomic_load(&s->is_stopping))
            return STOPPED;
        if (!(fds[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)))
            continue;
        char *room = kc_lines_room(&s->lines, &len);
        ssize_t n = read(s->env->in_fd, room, len);
        if (n > 0) {
            kc_lines_add(&s->lines, (size_t)n);
            return GOT_BYTES;
        }
        if (n == 0)
            return AT_END;
        if (errno != EINTR && errno != EAGAIN) {
            kc_log(KC_ERROR, "input_failed", KC_S("reason", strerror(errno)));
            return AT_END;
        }
    }
}

static void too_long(const struct stdio *s, struct kc_error *err)
{
    kc_error_set(err, KC_INPUT_TOO_LARGE, 0,
                 "the line is longer than %zu bytes: split the message, or raise --max-body",
                 s->env->body_max);
}

/* Reads lines until the input ends or we are to stop; lines that are here are handled either
 * way. */
static void for_each_line(struct stdio *s,
                          void (*handle)(struct stdio *s, const struct kc_line *line))
{
    enum outcome outcome = GOT_BYTES;
    struct kc_line line;
    while (outcome == GOT_BYTES) {
        outcome = read_more(s);
        while (kc_lines_next(&s->lines, outcome == AT_END, &line)) {
            if (line.is_too_long || !kc_line_is_blank(line.text))
                handle(s, &line);
        }
    }
}

/* --- an action --- */

static void refuse(struct stdio *s, const struct kc_line *line, const struct kc_value *id,
                   const struct kc_error *err)
{
    struct kc_outlet *outlet = kc_answers_open(s->answers, line->number, id);
    kc_outlet_error(outlet, err, KC_NO_TEXT);
    kc_outlet_end(outlet);
}

static void handle_message(struct stdio *s, const struct kc_line *line)
{
    struct kc_error err = { 0 };
    struct kc_message message;
    if (line->is_too_long) {
        too_long(s, &err);
        refuse(s, line, NULL, &err);
        return;
    }
    if (!kc_message_read(&message, s->reader, kc_line_copy(line->text), line->text.len, &err)) {
        refuse(s, line, NULL, &err);
    } else {
        struct kc_outlet *outlet = kc_answers_open(s->answers, line->number, message.id);
        if (message.is_skipped)
            kc_outlet_end(outlet);
        else
            s->env->entry->process(s->entry, &message, outlet);
    }
    kc_message_deinit(&message);
}

static void serve_action(struct stdio *s)
{
    for_each_line(s, handle_message);
    kc_answers_wait(s->answers);
}

/* --- a trigger --- */

static struct stdio *stdio_of(struct kc_outlet *o)
{
    return (struct stdio *)(void *)((char *)o - offsetof(struct stdio, outlet));
}

static void say_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct stdio *s = stdio_of(o);
    char id[KC_ID_SIZE];
    struct kc_data said = *data;
    kc_message_id(id);
    s->ack = data->ack;
    if (s->pending) {
        kc_pending_add(s->pending, id, data->tag);
        said.id = KC_NO_TEXT; /* what is answered by its id needs one that is unique */
    }
    kc_event_data(kc_output_begin(s->output), KC_NO_TEXT, id, &said);
    if (s->pending)
        kc_output_end(s->output);
    else
        kc_output_end_with(s->output, data->ack, data->tag);
}

static void say_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct stdio *s = stdio_of(o);
    kc_event_error(kc_output_begin(s->output), KC_NO_TEXT, err, details);
    kc_output_end(s->output);
    kc_tally_error(s->env->step.tally); /* the entry point knows which of them stay */
}

static void say_end(struct kc_outlet *o)
{
    struct stdio *s = stdio_of(o);
    kc_event_end(kc_output_begin(s->output), KC_NO_TEXT);
    kc_output_end(s->output);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    return kc_output_has_room(stdio_of(o)->output, wait_ms);
}

static const struct kc_outlet_ops trigger_ops = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
};

static bool read_ack(struct stdio *s, const struct kc_value *root, uint64_t *tag,
                     bool *is_accepted, struct kc_error *err)
{
    const struct kc_value *ack = kc_value_get(root, "ack");
    const struct kc_value *nack = kc_value_get(root, "nack");
    *is_accepted = ack != NULL;
    if (!ack == !nack) {
        kc_error_set(err, KC_INPUT, 0, "an answer is {\"ack\": ID} or {\"nack\": ID}");
        return false;
    }
    if (kc_pending_take(s->pending, kc_value_text(ack ? ack : nack), tag))
        return true;
    kc_error_set(err, KC_INPUT, 0, "no message of that id waits for an answer");
    return false;
}

static void refuse_ack(struct stdio *s, const struct kc_error *err)
{
    kc_outlet_error(&s->outlet, err, KC_NO_TEXT);
    kc_tally_fail(s->env->step.tally, err->code);
}

static void handle_ack(struct stdio *s, const struct kc_line *line)
{
    struct kc_error err = { 0 };
    uint64_t tag;
    bool is_accepted;
    if (line->is_too_long) {
        too_long(s, &err);
        refuse_ack(s, &err);
        return;
    }
    char *text = kc_line_copy(line->text);
    const struct kc_value *root = kc_json_read(s->reader, text, line->text.len, &err);
    if (root && read_ack(s, root, &tag, &is_accepted, &err)) {
        s->ack->settle(s->ack->arg, &tag, 1, is_accepted);
    } else {
        kc_error_wrap(&err, "line %llu of stdin", (unsigned long long)line->number);
        refuse_ack(s, &err);
    }
    free(text);
}

/* Nobody is left to answer when stdin ends: then there is no point in handing out more. */
static void *run_acks(void *self)
{
    struct stdio *s = self;
    for_each_line(s, handle_ack);
    if (!atomic_load(&s->is_stopping))
        stop(s, 0);
    return NULL;
}

static void serve_trigger(struct stdio *s)
{
    if (s->pending)
        kc_thread_start(&s->acks, "kc-acks", run_acks, s);
    s->env->entry->process(s->entry, NULL, &s->outlet);
    wake(s);
    if (s->pending)
        pthread_join(s->acks, NULL);
}

/* --- life --- */

static void close_(void *self)
{
    struct stdio *s = self;
    if (!s)
        return;
    kc_output_free(s->output); /* first: its thread may still be telling the entry point */
    s->env->entry->close(s->entry);
    kc_answers_free(s->answers);
    kc_pending_free(s->pending);
    kc_json_reader_free(s->reader);
    kc_lines_deinit(&s->lines);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    free(s);
}

static bool open_(void **self, const struct kc_env *env, struct kc_error *err)
{
    struct stdio *s = kc_new0(struct stdio);
    s->env = env;
    s->reader = kc_json_reader_new();
    kc_lines_init(&s->lines, env->body_max);
    s->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (s->wake_fd < 0) {
        kc_error_set(err, KC_INTERNAL, errno, "eventfd: %s", strerror(errno));
        goto fail;
    }
    if (!env->entry->open(&s->entry, &env->step, err))
        goto fail;
    s->output = kc_output_new(env->out_fd, on_reader_gone, s);
    s->outlet.ops = &trigger_ops;
    if (env->entry->kind == KC_ACTION)
        s->answers =
            kc_answers_new(kc_output_sink(s->output), env->step.tally, on_final_error, s);
    else if (env->acks_on_stdin)
        s->pending = kc_pending_new();
    *self = s;
    return true;
fail:
    close_(s);
    return false;
}

static int serve(void *self)
{
    struct stdio *s = self;
    if (s->env->entry->kind == KC_ACTION)
        serve_action(s);
    else
        serve_trigger(s);
    kc_output_drain(s->output);
    return kc_output_is_gone(s->output) ? EX_OK : atomic_load(&s->env->step.tally->exit_code);
}

const struct kc_transport kc_stdio = { "stdio", open_, serve, stop, close_ };
