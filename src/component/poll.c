// SPDX-License-Identifier: Apache-2.0
/* poll.c - one call of the stateless consume: settings and a cursor in, records and the next
 * cursor out. The clients are the pool's, poll_pool.c. */
#include "component/poll.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "component/choices.h"
#include "component/consume_body.h"
#include "component/poll_conf.h"
#include "component/poll_pool.h"
#include "runtime/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLICE_MS  100   /* how long a stop may stay unseen */
#define LOOK_MS   10000 /* how long a new partition may, while a call waits */
#define SILENT_MS 1000  /* "nothing there" is said only where Kafka was heard within that */
#define HEAR_MS   20    /* between two looks at partitions that have not answered yet */

struct kc_poll {
    struct kc_pool *pool;
    atomic_uint_fast64_t records, bytes;
};

/* What a call consists of; freed by end_call(). */
struct call {
    struct kc_poll *poll;
    struct kc_poll_conf conf;
    struct kc_start start;
    struct kc_credentials credentials;
    struct kc_cursor cursor; /* without a topic where none came */
    struct kc_pool_client *client;
};

/* --- life --- */

struct kc_poll *kc_poll_new(void)
{
    struct kc_poll *p = kc_new0(struct kc_poll);
    p->pool = kc_pool_new(KC_POLL_IDLE_MS);
    return p;
}

void kc_poll_stop(struct kc_poll *p)
{
    kc_pool_stop(p->pool);
}

void kc_poll_free(struct kc_poll *p)
{
    if (!p)
        return;
    kc_pool_free(p->pool);
    free(p);
}

struct kc_poll_counts kc_poll_counts(struct kc_poll *p)
{
    struct kc_poll_counts counts = { .records = atomic_load(&p->records),
                                     .bytes = atomic_load(&p->bytes) };
    kc_pool_counts(p->pool, &counts);
    return counts;
}

void kc_poll_answer_deinit(struct kc_poll_answer *a)
{
    kc_buf_deinit(&a->messages);
    kc_buf_deinit(&a->losses);
    free(a->cursor);
    *a = (struct kc_poll_answer){ .count = 0 };
}

/* --- reading what the caller said --- */

static void add_under(struct kc_faults *faults, const char *parent, const struct kc_faults *own)
{
    char pointer[256];
    for (size_t i = 0; i < own->count; i++) {
        snprintf(pointer, sizeof(pointer), "%s%s", parent, own->list[i].pointer);
        kc_faults_add(faults, pointer, "%s", own->list[i].text);
    }
    faults->dropped += own->dropped;
}

static void read_config(struct call *c, const struct kc_doc *config, bool needs_group,
                        struct kc_faults *faults)
{
    struct kc_faults own;
    kc_faults_init(&own);
    (void)!kc_fields_read(kc_poll_fields, &c->conf, config, KC_UNKNOWN_IS_ERROR, &own);
    kc_topic_check(c->conf.topic, &own);
    kc_start_read(c->conf.start_from, &c->start, &own);
    if (needs_group && !c->conf.group_id)
        kc_faults_add(&own, "/groupId", "required");
    add_under(faults, "/config", &own);
    kc_faults_deinit(&own);
}

void kc_poll_check(const struct kc_doc *config, struct kc_faults *faults)
{
    struct call c = { .poll = NULL };
    read_config(&c, config, false, faults);
    kc_fields_free(kc_poll_fields, &c.conf);
}

static void read_credentials(struct call *c, const struct kc_doc *credentials,
                             struct kc_faults *faults)
{
    struct kc_faults own;
    kc_faults_init(&own);
    (void)!kc_credentials_read(&c->credentials, credentials, KC_UNKNOWN_IS_ERROR, &own);
    add_under(faults, "/credentials", &own);
    kc_faults_deinit(&own);
}

static void check_ask(const struct kc_poll_ask *ask, struct kc_faults *faults)
{
    char pointer[64];
    for (const struct kc_field *f = kc_poll_ask_fields; f->name; f++) {
        if (f->type != KC_INT)
            continue;
        int value = *(const int *)(const void *)((const char *)ask + f->offset);
        snprintf(pointer, sizeof(pointer), "/%s", f->name);
        if (value < f->min)
            kc_faults_add(faults, pointer, "%d is below %d", value, f->min);
        else if (value > f->max)
            kc_faults_add(faults, pointer, "%d is above %d", value, f->max);
    }
}

static bool read_cursor(struct call *c, const char *text, struct kc_error *err)
{
    return kc_cursor_decode(&c->cursor, kc_text(text), err) &&
           kc_cursor_check(&c->cursor, KC_CURSOR_POLL, c->conf.topic, err);
}

static bool take_client(struct call *c, int wait_ms, struct kc_error *err)
{
    const struct kc_pool_key key = { &c->credentials, c->conf.group_id,
                                     kc_isolations[c->conf.isolation].name };
    c->client =
        kc_pool_take(c->poll->pool, &key, c->cursor.topic ? &c->cursor : NULL, wait_ms, err);
    return c->client != NULL;
}

static void end_call(struct call *c, const struct kc_error *err)
{
    if (c->client)
        kc_pool_give(c->poll->pool, c->client, err->code != KC_AUTH);
    kc_cursor_deinit(&c->cursor);
    kc_credentials_free(&c->credentials);
    kc_fields_free(kc_poll_fields, &c->conf);
}

/* --- collecting records --- */

struct collection {
    struct kc_reader *reader;
    struct kc_body_writer *writer;
    const struct kc_poll_ask *ask;
    struct kc_poll_answer *answer;
    uint64_t bytes;
    bool is_full;
};

/* Adds the record, unless it does not fit any more. */
static bool add_record(struct collection *c, const struct kc_fetched *r)
{
    struct kc_buf *out = &c->answer->messages;
    size_t before = out->len;
    kc_buf_puts(out, c->answer->count ? "," : "[");
    kc_body_write(c->writer, r, out);
    if (c->answer->count > 0 && out->len + 1 > (size_t)c->ask->max_bytes) {
        out->len = before;
        return false;
    }
    c->answer->count++;
    c->bytes += r->key.len + r->value.len;
    return true;
}

static void add_records(struct collection *c)
{
    const struct kc_fetched *r;
    while (!c->is_full && (r = kc_reader_peek(c->reader))) {
        if (add_record(c, r))
            kc_reader_pass(c->reader);
        else
            c->is_full = true;
        c->is_full |= c->answer->count >= (size_t)c->ask->max_messages;
    }
}

/* Waits for the first records and takes what has come with them. The wait that was asked for
 * begins to count at once, but a partition's first answer is waited for beyond it: so that an
 * empty answer means that nothing is there. */
static bool collect(struct collection *c, const atomic_bool *is_stopping, int64_t wait_end_ms,
                    struct kc_error *err)
{
    int64_t end_ms = wait_end_ms + KC_POLL_REACH_MS;
    for (;;) {
        if (!kc_reader_fill(c->reader, 0, err))
            return c->answer->count > 0;
        size_t before = c->answer->count;
        add_records(c);
        if (c->is_full || atomic_load(is_stopping))
            return true;
        if (c->answer->count > before)
            continue;
        if (c->answer->count > 0)
            return true;
        int left_ms = kc_ms_until(wait_end_ms, SLICE_MS);
        if (left_ms == 0 && kc_reader_is_heard(c->reader))
            return kc_reader_look_around(c->reader, SILENT_MS, end_ms, err);
        if (kc_ms_until(end_ms, 1) == 0) {
            kc_reader_complain(c->reader, err);
            return false;
        }
        if (!kc_reader_look_around(c->reader, LOOK_MS, end_ms, err) ||
            !kc_reader_fill(c->reader, left_ms ? left_ms : HEAR_MS, err))
            return false;
    }
}

/* --- the answer --- */

static void add_loss(struct kc_poll_answer *answer, const char *topic, const struct kc_loss *l)
{
    struct kc_error err = { 0 };
    char details[512];
    long long wanted = (long long)l->wanted, low = (long long)l->low, end = (long long)l->end;
    long long gone = low > wanted ? low - wanted : 0;
    if (end < 0)
        kc_error_set(&err, KC_OFFSET_GONE, 0,
                     "%s has no partition %d any more: it was made anew with fewer", topic,
                     (int)l->partition);
    else if (gone > 0)
        kc_error_set(&err, KC_OFFSET_GONE, 0,
                     "offsets %lld to %lld of %s/%d were deleted before they were read; going "
                     "on at %lld",
                     wanted, low - 1, topic, (int)l->partition, low);
    else
        kc_error_set(
            &err, KC_OFFSET_GONE, 0,
            "offset %lld of %s/%d lies beyond its end, %lld: the topic was cut or made "
            "anew; going on at %lld",
            wanted, topic, (int)l->partition, end, low);
    int len = snprintf(details, sizeof(details),
                       "[{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"count\":%lld,"
                       "\"next\":%lld}]",
                       topic, (int)l->partition, wanted, gone, low);
    kc_buf_puts(&answer->losses, answer->loss_count++ ? "," : "[");
    kc_error_print(&answer->losses, &err, (struct kc_text){ details, (size_t)len });
}

static void add_losses(struct kc_poll_answer *answer, const char *topic,
                       struct kc_reader *reader)
{
    const struct kc_loss *loss;
    for (size_t i = 0; (loss = kc_reader_loss(reader, i)); i++)
        add_loss(answer, topic, loss);
    kc_buf_puts(&answer->losses, answer->loss_count ? "]" : "[]");
    kc_reader_forget_losses(reader);
}

static bool add_cursor(struct call *c, struct kc_poll_answer *answer, struct kc_error *err)
{
    struct kc_buf token;
    struct kc_cursor next = { .kind = KC_CURSOR_POLL,
                              .topic = kc_strdup(c->conf.topic),
                              .number = c->client->chain };
    kc_buf_init(&token, KC_CURSOR_MAX_BYTES + 4);
    kc_reader_positions(c->client->reader, &next.positions);
    bool ok = kc_cursor_encode(&next, &token, err);
    if (ok)
        answer->cursor = kc_buf_take(&token);
    kc_buf_deinit(&token);
    kc_cursor_deinit(&next);
    return ok;
}

/* --- a call --- */

static uint64_t chain_number(const struct kc_cursor *cursor)
{
    uint32_t number = 0; /* 0, where there is no chance to be had, is as good as any */
    if (cursor->topic)
        return cursor->number;
    (void)!getrandom(&number, sizeof(number), 0);
    return number;
}

static bool go_there(struct call *c, struct kc_error *err)
{
    struct kc_reader *reader = c->client->reader;
    int64_t deadline = kc_now_ms() + KC_POLL_REACH_MS;
    c->client->chain = chain_number(&c->cursor);
    kc_reader_forget_losses(reader);
    if (c->cursor.topic)
        return kc_reader_seek(reader, c->conf.topic, &c->cursor.positions, deadline, err);
    return kc_reader_begin(reader, c->conf.topic, &c->start, deadline, err);
}

static bool serve(struct call *c, const struct kc_poll_ask *ask, struct kc_poll_answer *answer,
                  struct kc_error *err)
{
    int64_t wait_end_ms = kc_now_ms() + ask->max_wait_ms;
    if (!take_client(c, ask->max_wait_ms, err) || !go_there(c, err))
        return false;
    struct collection all = {
        .reader = c->client->reader,
        .writer = kc_body_writer_new((enum kc_encoding)c->conf.key_encoding,
                                     (enum kc_encoding)c->conf.value_encoding),
        .ask = ask,
        .answer = answer,
    };
    bool ok = collect(&all, kc_pool_is_stopping(c->poll->pool), wait_end_ms, err);
    kc_body_writer_free(all.writer);
    if (!ok)
        return false;
    kc_error_clear(err);
    kc_buf_puts(&answer->messages, answer->count ? "]" : "[]");
    add_losses(answer, c->conf.topic, c->client->reader);
    atomic_fetch_add(&c->poll->records, answer->count);
    atomic_fetch_add(&c->poll->bytes, all.bytes);
    return add_cursor(c, answer, err);
}

bool kc_poll(struct kc_poll *p, const struct kc_doc *credentials, const struct kc_doc *config,
             const struct kc_poll_ask *ask, struct kc_poll_answer *answer,
             struct kc_faults *faults, struct kc_error *err)
{
    struct call c = { .poll = p, .start = { KC_START_LATEST, 0 } };
    *answer = (struct kc_poll_answer){ .count = 0 };
    kc_buf_init(&answer->messages, KC_BUF_UNBOUNDED); /* by max_bytes and one record */
    kc_buf_init(&answer->losses, KC_BUF_UNBOUNDED);   /* by the number of partitions */
    read_config(&c, config, false, faults);
    read_credentials(&c, credentials, faults);
    check_ask(ask, faults);
    bool ok = kc_faults_none(faults, KC_CONFIG, err) &&
              (!ask->cursor || read_cursor(&c, ask->cursor, err)) &&
              serve(&c, ask, answer, err);
    if (!ok) {
        kc_poll_answer_deinit(answer);
        if (c.conf.topic)
            kc_error_wrap(err, "poll '%s'", c.conf.topic);
    }
    end_call(&c, err);
    return ok;
}

/* --- commit --- */

static void print_committed(const struct kc_cursor *cursor, struct kc_buf *out)
{
    kc_buf_puts(out, "[");
    for (size_t i = 0; i < cursor->positions.count; i++) {
        const struct kc_position *p = &cursor->positions.list[i];
        kc_buf_printf(out, "%s{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld}",
                      i ? "," : "", cursor->topic, (int)p->partition, (long long)p->offset);
    }
    kc_buf_puts(out, "]");
}

/* The cursor names the topic, where config does not. */
static struct kc_doc *with_topic(const struct kc_doc *config, const struct kc_cursor *cursor)
{
    struct kc_doc *doc = kc_doc_new();
    kc_doc_overlay(doc, config);
    if (!kc_doc_has(doc, "topic") && cursor->topic)
        kc_doc_put(doc, "topic", cursor->topic);
    return doc;
}

bool kc_poll_commit(struct kc_poll *p, const struct kc_doc *credentials,
                    const struct kc_doc *config, const char *cursor, struct kc_buf *out,
                    struct kc_faults *faults, struct kc_error *err)
{
    struct call c = { .poll = p };
    if (!cursor)
        kc_faults_add(faults, "/cursor", "required");
    else if (!kc_cursor_decode(&c.cursor, kc_text(cursor), err))
        return false;
    struct kc_doc *whole = with_topic(config, &c.cursor);
    read_config(&c, whole, true, faults);
    kc_doc_free(whole);
    read_credentials(&c, credentials, faults);
    bool ok = kc_faults_none(faults, KC_CONFIG, err) &&
              kc_cursor_check(&c.cursor, KC_CURSOR_POLL, c.conf.topic, err) &&
              take_client(&c, KC_POLL_REACH_MS, err) &&
              kc_reader_commit(c.client->reader, c.conf.topic, &c.cursor.positions,
                               kc_now_ms() + KC_POLL_REACH_MS, err);
    if (ok)
        print_committed(&c.cursor, out);
    else
        kc_error_wrap(err, "commit");
    end_call(&c, err);
    return ok;
}
