// SPDX-License-Identifier: Apache-2.0
/* reader_fetch.c - takes records in as librdkafka has them, partition by partition in large
 * pieces, and deals them out in turns. */
#include "kafka/reader_private.h"

#include "base/alloc.h"
#include "base/log.h"
#include "kafka/start.h"

#include <stdlib.h>

#define HELD_MAX       10000             /* records; one call takes no more */
#define HELD_MAX_BYTES (4 * 1024 * 1024) /* of keys and values */
#define BOUNDS_MS      4000

struct kc_reader_part *kc_reader_part(struct kc_reader *r, int32_t number)
{
    size_t low = 0, high = r->part_count;
    if (number >= 0 && (size_t)number < high && r->parts[number].number == number)
        return &r->parts[number]; /* as it nearly always is */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->parts[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->part_count && r->parts[low].number == number ? &r->parts[low] : NULL;
}

/* --- turns --- */

static void add_turn(struct kc_reader *r, struct kc_reader_part *p)
{
    if (p->has_turn)
        return;
    p->has_turn = true;
    r->turns[(r->turn_first + r->turn_count++) % r->part_count] = (size_t)(p - r->parts);
}

static void end_turn(struct kc_reader *r, struct kc_reader_part *p)
{
    p->has_turn = false;
    r->turn_first = (r->turn_first + 1) % r->part_count;
    r->turn_count--;
}

void kc_reader_begin_turns(struct kc_reader *r)
{
    r->turns = kc_realloc(r->turns, r->part_count ? r->part_count : 1, sizeof(*r->turns));
    r->turn_first = r->turn_count = 0;
    r->has_fetched = false;
    for (size_t i = 0; i < r->part_count; i++) {
        r->parts[i].has_turn = false;
        if (r->parts[i].first)
            add_turn(r, &r->parts[i]);
    }
}

/* --- what is held --- */

static void hold(struct kc_reader *r, struct kc_reader_part *p, rd_kafka_message_t *m)
{
    struct kc_held *h = kc_new0(struct kc_held);
    h->message = m;
    if (p->last)
        p->last->next = h;
    else
        p->first = h;
    p->last = h;
    p->fetched = m->offset + 1;
    r->held_count++;
    r->held_bytes += m->len + m->key_len;
    add_turn(r, p);
}

static void drop_first(struct kc_reader *r, struct kc_reader_part *p)
{
    struct kc_held *h = p->first;
    p->first = h->next;
    if (!p->first)
        p->last = NULL;
    r->held_count--;
    r->held_bytes -= h->message->len + h->message->key_len;
    rd_kafka_message_destroy(h->message);
    free(h);
}

void kc_reader_stop(struct kc_reader *r, struct kc_reader_part *p)
{
    if (p->is_started)
        rd_kafka_consume_stop(r->handle, p->number);
    while (p->first)
        drop_first(r, p);
    p->is_started = p->is_heard = p->is_gone = false;
    r->has_fetched = false;
}

bool kc_reader_restart(struct kc_reader *r, struct kc_reader_part *p, struct kc_error *err)
{
    kc_reader_stop(r, p);
    p->fetched = p->next;
    if (rd_kafka_consume_start_queue(r->handle, p->number, p->next, r->queue) != 0) {
        kc_kafka_error(err, rd_kafka_last_error(), "read %s/%d", r->topic, (int)p->number);
        return false;
    }
    p->is_started = true;
    return true;
}

/* --- taking in --- */

/* What librdkafka tells of a partition in place of a record. */
static void on_event(struct kc_reader *r, struct kc_reader_part *p, const rd_kafka_message_t *m)
{
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        p->is_heard = true;
        if (m->offset > p->fetched)
            p->fetched = m->offset; /* what lies between are no records: marks, aborted ones */
        if (!p->first)
            p->next = p->fetched;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        p->is_heard = p->is_gone = r->has_gone = true;
        return;
    default:
        kc_error_set(&r->failed, kc_kafka_code(m->err), m->err, "read '%s': %s", r->topic,
                     rd_kafka_message_errstr(m));
        r->is_off = true; /* librdkafka says it once, and then tries on in silence */
        r->looked_ms = 0;
    }
}

/* True when the message is kept. */
static bool take_in(struct kc_reader *r, rd_kafka_message_t *m)
{
    struct kc_reader_part *p =
        m->rkt && m->rkt == r->handle ? kc_reader_part(r, m->partition) : NULL;
    if (!p) {
        if (m->err)
            kc_log(KC_DEBUG, "reader_event", KC_S("reason", rd_kafka_message_errstr(m)));
        return false;
    }
    if (m->err) {
        on_event(r, p, m);
        return false;
    }
    p->is_heard = true;
    if (m->offset < p->fetched)
        return false; /* a part of a compressed batch that lies before where we began */
    hold(r, p, m);
    return true;
}

static size_t take(struct kc_reader *r, int wait_ms, size_t max)
{
    rd_kafka_message_t *messages[KC_READER_TAKE];
    ssize_t n = rd_kafka_consume_batch_queue(r->queue, wait_ms, messages,
                                             max < KC_READER_TAKE ? max : KC_READER_TAKE);
    for (ssize_t i = 0; i < n; i++) {
        if (!take_in(r, messages[i]))
            rd_kafka_message_destroy(messages[i]);
    }
    return n > 0 ? (size_t)n : 0;
}

/* --- offsets that are gone --- */

static bool skip_gone(struct kc_reader *r, struct kc_reader_part *p, struct kc_error *err)
{
    struct kc_loss loss = { .partition = p->number, .wanted = p->next };
    if (!kc_bounds_query(r->rk, r->topic, p->number, BOUNDS_MS, &loss.low, &loss.end, err))
        return false;
    if (p->next < loss.low || p->next > loss.end) {
        kc_reader_add_loss(r, &loss);
        p->next = loss.low;
    }
    return kc_reader_restart(r, p, err);
}

/* What is held of the partition was read before and comes first. */
static bool skip_all_gone(struct kc_reader *r, struct kc_error *err)
{
    bool is_any_left = false;
    for (size_t i = 0; i < r->part_count; i++) {
        struct kc_reader_part *p = &r->parts[i];
        if (!p->is_gone)
            continue;
        if (p->first)
            is_any_left = true;
        else if (!skip_gone(r, p, err))
            return false;
    }
    r->has_gone = is_any_left;
    return true;
}

void kc_reader_take_in(struct kc_reader *r, int wait_ms)
{
    /* With a wait the call would go on until the array is full: so one record first. */
    if (r->held_count == 0 && wait_ms > 0)
        (void)take(r, wait_ms, 1);
    while (r->held_count < HELD_MAX && r->held_bytes < HELD_MAX_BYTES) {
        if (take(r, 0, KC_READER_TAKE) < KC_READER_TAKE)
            break;
    }
    if (r->held_count > 0)
        kc_health_ok(&r->health);
}

bool kc_reader_fill(struct kc_reader *r, int wait_ms, struct kc_error *err)
{
    kc_reader_take_in(r, wait_ms);
    if (r->failed.code != KC_NONE && r->held_count == 0) {
        *err = r->failed;
        kc_error_clear(&r->failed);
        return false;
    }
    if (!r->has_gone || skip_all_gone(r, err))
        return true;
    kc_reader_explain(r, err);
    return false;
}

/* --- dealing out --- */

static void fill(struct kc_fetched *f, const struct kc_reader *r, rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(m, &type);
    *f = (struct kc_fetched){
        .topic = r->topic,
        .key = { m->key, m->key_len },
        .value = { m->payload, m->len },
        .offset = m->offset,
        .timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? KC_NO_TIME : timestamp,
        .is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
        .partition = m->partition,
        .native = m,
    };
}

/* Whose turn it is; NULL where nothing is held. */
static struct kc_reader_part *whose_turn(struct kc_reader *r)
{
    while (r->turn_count > 0) {
        struct kc_reader_part *p = &r->parts[r->turns[r->turn_first]];
        if (p->first)
            return p;
        end_turn(r, p); /* what it held was dropped */
    }
    return NULL;
}

const struct kc_fetched *kc_reader_peek(struct kc_reader *r)
{
    const struct kc_reader_part *p = whose_turn(r);
    if (!p)
        return NULL;
    if (!r->has_fetched)
        fill(&r->fetched, r, p->first->message);
    r->has_fetched = true;
    return &r->fetched;
}

void kc_reader_pass(struct kc_reader *r)
{
    struct kc_reader_part *p = whose_turn(r);
    if (!p)
        return;
    p->next = p->first->message->offset + 1;
    drop_first(r, p);
    if (!p->first)
        p->next = p->fetched;
    r->has_fetched = false;
    end_turn(r, p);
    if (p->first)
        add_turn(r, p);
}

bool kc_reader_is_heard(const struct kc_reader *r)
{
    for (size_t i = 0; i < r->part_count; i++) {
        if (!r->parts[i].is_heard || r->parts[i].is_gone)
            return false;
    }
    return true;
}
