// SPDX-License-Identifier: Apache-2.0
/* post.c
 *
 * Threads    worker  kc_post_run(): one outlet for each message
 *            others  the entry point's: speak to the outlets, each by one thread at a time; the
 *                    last one to end writes the answer */
#include "transport/http/post.h"

#include "base/alloc.h"
#include "runtime/event.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES 512 /* room for the usual one */

/* What is said to one message. */
struct part {
    struct kc_outlet outlet; /* first: the entry point knows nothing else */
    struct kc_post *post;
    struct kc_buf messages; /* separated by commas */
    bool has_messages;
    bool has_written;
    struct kc_error *err; /* owned; NULL: none */
    struct kc_buf details;
    char at[32]; /* its pointer, of several */
};

struct kc_post {
    struct kc_post_conf conf;
    atomic_size_t left; /* parts that have not ended, and one for kc_post_run() */
    size_t count;
    struct part parts[];
};

static struct part *part_of(struct kc_outlet *o)
{
    return (struct part *)(void *)o;
}

/* --- errors in an answer --- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The records that the groups of failed ones name, sorted: the caller's. */
static int64_t *collect_indexes(const struct kc_value *groups, size_t *count)
{
    size_t room = 0;
    const struct kc_value *g = kc_value_first(groups);
    for (size_t i = kc_value_count(groups); i > 0; i--, g = kc_value_next(g)) {
        const struct kc_value *list = kc_value_get(g, "indexes");
        room += list ? kc_value_count(list) : 0;
    }
    int64_t *indexes = kc_new0_array(int64_t, room + 1);
    *count = 0;
    g = kc_value_first(groups);
    for (size_t i = kc_value_count(groups); i > 0; i--, g = kc_value_next(g)) {
        const struct kc_value *list = kc_value_get(g, "indexes");
        const struct kc_value *v = list ? kc_value_first(list) : NULL;
        for (size_t k = list ? kc_value_count(list) : 0; k > 0; k--, v = kc_value_next(v)) {
            if (kc_value_int(v, false, 0, INT64_MAX, &indexes[*count]))
                ++*count;
        }
    }
    qsort(indexes, *count, sizeof(*indexes), by_number);
    return indexes;
}

/* Which records of the only message failed. */
static void print_failed_records(struct kc_buf *out, struct kc_text details)
{
    static const char padding[KC_JSON_PADDING] = { 0 };
    struct kc_error err = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_text(&text, details);
    kc_buf_append(&text, padding, sizeof(padding));
    const struct kc_value *groups = kc_json_read(reader, text.data, details.len, &err);
    if (groups && kc_value_type(groups) == KC_IS_ARRAY) {
        size_t count;
        int64_t *indexes = collect_indexes(groups, &count);
        for (size_t i = 0; i < count; i++)
            kc_buf_printf(out, "%s%lld", i ? "," : "", (long long)indexes[i]);
        free(indexes);
    }
    kc_buf_deinit(&text);
    kc_json_reader_free(reader);
}

/* The error as on stdout, and which elements of the request's `messages` it is about. */
static void print_error(const struct kc_post *post, const struct part *p, struct kc_buf *out)
{
    struct kc_text details = kc_buf_peek(&p->details);
    kc_error_print(out, p->err, details);
    out->len--; /* its closing brace */
    kc_buf_puts(out, ",\"indexes\":[");
    if (post->count > 1)
        kc_buf_printf(out, "%zu", (size_t)(p - post->parts));
    else if (details.p)
        print_failed_records(out, details);
    kc_buf_puts(out, "]}");
}

static void print_errors(const struct kc_post *post, struct kc_buf *out)
{
    bool has_any = false;
    for (size_t i = 0; i < post->count; i++) {
        if (!post->parts[i].err)
            continue;
        kc_buf_puts(out, has_any ? "," : "");
        print_error(post, &post->parts[i], out);
        has_any = true;
    }
}

/* --- the answer --- */

static const struct part *first_failed(const struct kc_post *post)
{
    for (size_t i = 0; i < post->count; i++) {
        if (post->parts[i].err)
            return &post->parts[i];
    }
    return NULL;
}

static bool has_written(const struct kc_post *post)
{
    for (size_t i = 0; i < post->count; i++) {
        if (post->parts[i].has_written)
            return true;
    }
    return false;
}

static bool is_only_input(const struct kc_post *post)
{
    for (size_t i = 0; i < post->count; i++) {
        if (post->parts[i].err && post->parts[i].err->code != KC_INPUT)
            return false;
    }
    return true;
}

/* The faults of all messages in one array: their pointers are of the whole body. */
static void join_faults(const struct kc_post *post, struct kc_buf *out)
{
    kc_buf_puts(out, "[");
    for (size_t i = 0; i < post->count; i++) {
        struct kc_text list = kc_buf_peek(&post->parts[i].details); /* "[…]" */
        if (list.len <= 2)
            continue;
        kc_buf_puts(out, out->len > 1 ? "," : "");
        kc_buf_append(out, list.p + 1, list.len - 2);
    }
    kc_buf_puts(out, "]");
}

static void answer_problem(struct kc_post *post, const struct part *failed)
{
    struct kc_text only = kc_buf_peek(&failed->details);
    struct kc_buf details;
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    if (post->count == 1) {
        kc_exchange_problem(post->conf.exchange, 0, failed->err, only);
        return;
    }
    if (is_only_input(post)) {
        join_faults(post, &details);
    } else {
        kc_buf_puts(&details, "[");
        print_errors(post, &details);
        kc_buf_puts(&details, "]");
    }
    kc_exchange_problem(post->conf.exchange, 0, failed->err, kc_buf_peek(&details));
    kc_buf_deinit(&details);
}

static void answer_messages(struct kc_post *post, int status)
{
    struct kc_buf *out = &post->parts[0].messages;
    bool has_any = post->parts[0].has_messages;
    for (size_t i = 1; i < post->count; i++) {
        struct part *p = &post->parts[i];
        if (!p->has_messages)
            continue;
        kc_buf_puts(out, has_any ? "," : "");
        kc_buf_text(out, kc_buf_peek(&p->messages));
        has_any = true;
    }
    kc_buf_puts(out, "],\"errors\":[");
    print_errors(post, out);
    kc_buf_puts(out, "]}\n");
    kc_exchange_reply(post->conf.exchange, status, "application/json", out);
}

static void tell_failures(const struct kc_post *post)
{
    for (size_t i = 0; i < post->count; i++) {
        if (post->parts[i].err)
            post->conf.failed(post->conf.arg, post->parts[i].err->code);
    }
}

static void post_free(struct kc_post *post)
{
    for (size_t i = 0; i < post->count; i++) {
        kc_buf_deinit(&post->parts[i].messages);
        kc_buf_deinit(&post->parts[i].details);
        free(post->parts[i].err);
    }
    free(post);
}

static void release(struct kc_post *post)
{
    if (atomic_fetch_sub(&post->left, 1) > 1)
        return;
    struct kc_post_conf conf = post->conf;
    const struct part *failed = first_failed(post);
    if (failed && !has_written(post)) {
        answer_problem(post, failed);
    } else {
        tell_failures(post);
        answer_messages(post, failed ? 207 : 200);
    }
    post_free(post);
    conf.answered(conf.arg);
}

/* --- the outlet --- */

static void say_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct part *p = part_of(o);
    struct kc_buf *out = &p->messages;
    char id[KC_ID_SIZE];
    kc_message_id(id);
    kc_buf_puts(out, p->has_messages ? ",{\"id\":\"" : "{\"id\":\"");
    kc_buf_append(out, id, KC_ID_SIZE - 1);
    kc_buf_puts(out, "\",\"headers\":{},\"body\":");
    kc_buf_text(out, data->body);
    kc_buf_append(out, "}", 1);
    p->has_messages = true;
    p->has_written |= !data->is_failure;
}

static void say_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct part *p = part_of(o);
    kc_tally_error(p->post->conf.tally);
    if (p->err)
        return;
    p->err = kc_new0(struct kc_error);
    *p->err = *err;
    if (details.p)
        kc_buf_text(&p->details, details);
}

static void say_end(struct kc_outlet *o)
{
    release(part_of(o)->post);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    (void)o;
    (void)wait_ms;
    return true; /* asked by triggers only */
}

static const struct kc_outlet_ops ops = {
    .data = say_data,
    .error = say_error,
    .end = say_end,
    .has_room = has_room,
};

/* --- giving --- */

static struct kc_post *post_new(const struct kc_post_conf *conf, size_t count)
{
    struct kc_post *post = kc_alloc0(1, sizeof(struct kc_post) + count * sizeof(struct part));
    post->conf = *conf;
    post->count = count;
    atomic_init(&post->left, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct part *p = &post->parts[i];
        p->outlet.ops = &ops;
        p->post = post;
        kc_buf_init(&p->messages, KC_BUF_UNBOUNDED);
        kc_buf_init(&p->details, KC_BUF_UNBOUNDED);
    }
    kc_buf_reserve(&post->parts[0].messages, ANSWER_BYTES);
    kc_buf_puts(&post->parts[0].messages, "{\"messages\":[");
    return post;
}

static void refuse(struct part *p, const char *at, const struct kc_error *err)
{
    struct kc_faults faults;
    struct kc_buf details;
    kc_faults_init(&faults);
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    kc_faults_add(&faults, at, "%s", err->text);
    kc_faults_print(&faults, &details);
    kc_outlet_error(&p->outlet, err, kc_buf_peek(&details));
    kc_outlet_end(&p->outlet);
    kc_buf_deinit(&details);
    kc_faults_deinit(&faults);
}

static void give(struct part *p, const struct kc_value *value, size_t text_len, const char *at,
                 const struct kc_entry *entry, void *self)
{
    struct kc_error err = { 0 };
    struct kc_message m;
    if (!kc_message_of(&m, value, text_len, &err)) {
        refuse(p, at, &err);
        return;
    }
    m.at = at;
    m.beside = at[0] ? NULL : kc_http_envelope_beside;
    if (m.is_skipped)
        kc_outlet_end(&p->outlet);
    else
        entry->process(self, &m, &p->outlet);
}

void kc_post_run(const struct kc_post_conf *conf, const struct kc_http_envelope *e,
                 size_t text_len, const struct kc_entry *entry, void *self)
{
    struct kc_post *post = post_new(conf, e->count);
    if (!e->list) {
        give(&post->parts[0], e->value, text_len, e->at, entry, self);
    } else {
        const struct kc_value *v = kc_value_first(e->list);
        for (size_t i = 0; i < e->count; i++, v = kc_value_next(v)) {
            struct part *p = &post->parts[i];
            snprintf(p->at, sizeof(p->at), "/messages/%zu", i);
            give(p, v, text_len / e->count, p->at, entry, self);
        }
    }
    release(post);
}
