// SPDX-License-Identifier: Apache-2.0
#include "transport/answers.h"

#include "base/alloc.h"
#include "base/sync.h"
#include "runtime/event.h"

#include <inttypes.h>
#include <stdlib.h>

#define OPEN_MAX 4096 /* open lines: more than an entry point takes, so that bad ones pass */
#define WAIT_MS  1000

struct answer {
    struct kc_outlet outlet; /* first: callers know nothing else */
    struct kc_answers *all;
    struct answer *next; /* the line after */
    struct kc_buf first; /* "line" and "inReplyTo" */
    struct kc_buf text;  /* the events so far */
    bool has_ended;      /* needs all->lock */
};

struct kc_answers {
    struct kc_sink sink;
    struct kc_tally *tally;
    void (*on_final)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t less;
    struct answer *oldest, *newest; /* needs lock */
    size_t open;                    /* needs lock */
    bool is_flushing;               /* needs lock: one thread at a time moves answers out */
};

static struct answer *answer_of(struct kc_outlet *o)
{
    return (struct answer *)(void *)o;
}

static void answer_free(struct answer *answer)
{
    kc_buf_deinit(&answer->first);
    kc_buf_deinit(&answer->text);
    free(answer);
}

/* --- the outlet --- */

static void say_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct answer *answer = answer_of(o);
    char id[KC_ID_SIZE];
    kc_message_id(id); /* results need no ack: the line's end comes after them */
    kc_event_data(&answer->text, kc_buf_peek(&answer->first), id, data);
}

static void say_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct answer *answer = answer_of(o);
    struct kc_answers *a = answer->all;
    kc_event_error(&answer->text, kc_buf_peek(&answer->first), err, details);
    kc_tally_error(a->tally);
    kc_tally_fail(a->tally, err->code);
    enum kc_class class = kc_code_class(err->code);
    if (class == KC_CLASS_AUTH || class == KC_CLASS_CONFIG)
        a->on_final(a->arg);
}

/* The ended answers at the front, one by one, without the lock while the sink takes them. */
static void flush(struct kc_answers *a) /* needs lock */
{
    a->is_flushing = true;
    while (a->oldest && a->oldest->has_ended) {
        struct answer *answer = a->oldest;
        a->oldest = answer->next;
        if (!a->oldest)
            a->newest = NULL;
        pthread_mutex_unlock(&a->lock);
        a->sink.put(a->sink.arg, kc_buf_peek(&answer->text));
        answer_free(answer);
        pthread_mutex_lock(&a->lock);
        a->open--;
        pthread_cond_broadcast(&a->less);
    }
    a->is_flushing = false;
}

static void say_end(struct kc_outlet *o)
{
    struct answer *answer = answer_of(o);
    struct kc_answers *a = answer->all;
    kc_event_end(&answer->text, kc_buf_peek(&answer->first));
    pthread_mutex_lock(&a->lock);
    answer->has_ended = true;
    if (!a->is_flushing)
        flush(a);
    pthread_mutex_unlock(&a->lock);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    (void)o;
    (void)wait_ms;
    return true; /* asked by triggers only */
}

static const struct kc_outlet_ops answer_ops = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
};

/* --- all of them --- */

struct kc_answers *kc_answers_new(struct kc_sink sink, struct kc_tally *tally,
                                  void (*on_final)(void *arg), void *arg)
{
    struct kc_answers *a = kc_new0(struct kc_answers);
    a->sink = sink;
    a->tally = tally;
    a->on_final = on_final;
    a->arg = arg;
    pthread_mutex_init(&a->lock, NULL);
    kc_cond_init(&a->less);
    return a;
}

void kc_answers_free(struct kc_answers *a)
{
    if (!a)
        return;
    pthread_cond_destroy(&a->less);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct kc_outlet *kc_answers_open(struct kc_answers *a, uint64_t line,
                                  const struct kc_value *id)
{
    struct answer *answer = kc_new0(struct answer);
    answer->outlet.ops = &answer_ops;
    answer->all = a;
    kc_buf_init(&answer->first, KC_BUF_UNBOUNDED);
    kc_buf_init(&answer->text, KC_BUF_UNBOUNDED);
    kc_buf_printf(&answer->first, "\"line\":%" PRIu64 ",\"inReplyTo\":", line);
    if (id)
        kc_value_print(id, &answer->first);
    else
        kc_buf_puts(&answer->first, "null");
    kc_buf_puts(&answer->first, ",");

    pthread_mutex_lock(&a->lock);
    while (a->open >= OPEN_MAX)
        kc_cond_wait(&a->less, &a->lock, WAIT_MS);
    a->open++;
    if (a->newest)
        a->newest->next = answer;
    else
        a->oldest = answer;
    a->newest = answer;
    pthread_mutex_unlock(&a->lock);
    return &answer->outlet;
}

void kc_answers_wait(struct kc_answers *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->open > 0)
        kc_cond_wait(&a->less, &a->lock, WAIT_MS);
    pthread_mutex_unlock(&a->lock);
}
