// SPDX-License-Identifier: Apache-2.0
/* reader.c - a reader's life, and where it stands.
 *
 * It uses librdkafka's simple consumer, not assign(): that needs a group even where none is
 * meant, asks brokers for its coordinator, and so needs rights to it. */
#include "kafka/reader.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/reader_private.h"
#include "kafka/start.h"

#include <stdlib.h>
#include <string.h>

#define READER_KBYTES  "4096"  /* fetched ahead */
#define READER_RECORDS "10000" /* the same; librdkafka counts the bytes of values only */
#define FIRST_TRY_MS   1000    /* enough for most; then what went wrong is looked at */
#define REACH_TRY_MS   4000
#define FRESH_MS       10000 /* how long a new partition may stay unseen */

/* --- life --- */

static rd_kafka_conf_t *build_conf(struct kc_reader *r, const struct kc_reader_conf *conf,
                                   struct kc_error *err)
{
    const struct kc_property own[] = {
        { "group.id", conf->group_id },
        { "enable.auto.commit", "false" },
        { "auto.commit.enable", "false" }, /* the simple consumer's own name for it */
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "error" }, /* librdkafka would jump over records in silence */
        { "isolation.level", conf->isolation },
        { "fetch.queue.backoff.ms", "10" },
        { "fetch.wait.max.ms", "200" },
        { "fetch.max.bytes", "1048576" },
        { "max.partition.fetch.bytes", "262144" }, /* the partitions' turns while fetching */
        { "queued.max.messages.kbytes", READER_KBYTES },
        { "queued.min.messages", READER_RECORDS },
        { "check.crcs", "true" },
        { "enable.partition.eof", "true" },
        { "allow.auto.create.topics", "false" },
        { NULL, NULL },
    };
    return kc_client_conf(RD_KAFKA_CONSUMER, conf->credentials, own, &r->health, err);
}

bool kc_reader_open(struct kc_reader **out, const struct kc_reader_conf *conf,
                    struct kc_error *err)
{
    struct kc_reader *r = kc_new0(struct kc_reader);
    r->is_stopping = conf->is_stopping;
    r->group_id = kc_strdup(conf->group_id);
    kc_health_init(&r->health);
    rd_kafka_conf_t *rk_conf = build_conf(r, conf, err);
    if (!rk_conf)
        goto fail; /* err already names the property */
    r->rk = kc_client_new(RD_KAFKA_CONSUMER, rk_conf, conf->credentials, &r->health, err);
    if (!r->rk)
        goto fail;
    if (r->group_id)
        rd_kafka_poll_set_consumer(r->rk);
    r->queue =
        r->group_id ? rd_kafka_queue_get_consumer(r->rk) : rd_kafka_queue_get_main(r->rk);
    *out = r;
    return true;
fail:
    kc_reader_close(r);
    kc_error_wrap(err, "open a reader");
    return false;
}

static void leave_topic(struct kc_reader *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        kc_reader_stop(r, &r->parts[i]);
    free(r->parts);
    r->parts = NULL;
    r->part_count = 0;
    kc_reader_begin_turns(r);
    free(r->topic);
    r->topic = NULL;
    r->looked_ms = 0;
    if (r->handle)
        rd_kafka_topic_destroy(r->handle);
    r->handle = NULL;
}

void kc_reader_close(struct kc_reader *r)
{
    if (!r)
        return;
    leave_topic(r);
    if (r->queue)
        rd_kafka_queue_destroy(r->queue);
    kc_client_free(r->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kc_health_deinit(&r->health);
    free(r->group_id);
    free(r->turns);
    free(r->losses);
    free(r);
}

/* --- asking --- */

static bool may_pass(const struct kc_error *err)
{
    return err->code == KC_TIMEOUT || err->code == KC_UNAVAILABLE;
}

/* What kept us from an answer, in the words of the header. */
void kc_reader_explain(struct kc_reader *r, struct kc_error *err)
{
    kc_reader_take_in(r, 0); /* librdkafka says its troubles there */
    if (!may_pass(err))
        return;
    if (atomic_load(&r->health.is_refused)) {
        kc_error_clear(err);
        kc_health_refused(&r->health, err);
        return;
    }
    err->code = atomic_load(r->is_stopping) ? KC_STOPPED : KC_UNAVAILABLE;
    kc_health_explain(&r->health, err);
}

static bool is_over(const struct kc_reader *r, int64_t deadline_ms)
{
    return kc_ms_until(deadline_ms, 1) == 0 || atomic_load(r->is_stopping) ||
           atomic_load(&r->health.is_refused);
}

/* The topic's partitions in ascending order, for the caller to destroy. */
static rd_kafka_topic_partition_list_t *ask(struct kc_reader *r, const char *topic,
                                            int64_t deadline_ms, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    int try_ms = FIRST_TRY_MS;
    do {
        kc_error_clear(err);
        list = kc_partitions_query(r->rk, topic, kc_ms_until(deadline_ms, try_ms), err);
        if (!list)
            kc_reader_take_in(r, 0);
        try_ms = REACH_TRY_MS;
    } while (!list && may_pass(err) && !is_over(r, deadline_ms));
    if (!list) {
        kc_reader_explain(r, err);
        return NULL;
    }
    kc_health_ok(&r->health);
    rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    return list;
}

/* --- where it stands --- */

static bool has_same_parts(const struct kc_reader *r,
                           const rd_kafka_topic_partition_list_t *list)
{
    if ((size_t)list->cnt != r->part_count)
        return false;
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].number != list->elems[i].partition)
            return false;
    }
    return true;
}

static bool stands_at(const struct kc_reader *r, const struct kc_reader_part *p, int64_t offset)
{
    return p->is_started && !r->is_off && p->next == offset;
}

/* Makes the parts those of the list, in its order; what they know and hold stays with them. */
static void take_parts(struct kc_reader *r, const rd_kafka_topic_partition_list_t *list)
{
    if (has_same_parts(r, list))
        return;
    struct kc_reader_part *parts = kc_new0_array(struct kc_reader_part, (size_t)list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        struct kc_reader_part *old = kc_reader_part(r, list->elems[i].partition);
        if (old) {
            parts[i] = *old;
            *old = (struct kc_reader_part){ .number = old->number };
        }
        parts[i].number = list->elems[i].partition;
    }
    for (size_t i = 0; i < r->part_count; i++)
        kc_reader_stop(r, &r->parts[i]);
    free(r->parts);
    r->parts = parts;
    r->part_count = (size_t)list->cnt;
    kc_reader_begin_turns(r);
}

/* Reads the partitions of the list, which are all, from their offsets there. Which partition is
 * begun first changes from time to time: brokers fill their answers in that order. */
static bool go_to(struct kc_reader *r, const char *topic,
                  const rd_kafka_topic_partition_list_t *list, struct kc_error *err)
{
    if (!r->topic || strcmp(r->topic, topic) != 0) {
        leave_topic(r);
        r->topic = kc_strdup(topic);
        r->handle = rd_kafka_topic_new(r->rk, topic, NULL);
        r->looked_ms = kc_now_ms();
    }
    take_parts(r, list);
    size_t from = (size_t)kc_now_ms();
    for (size_t i = 0; i < r->part_count; i++) {
        size_t at = (from + i) % r->part_count;
        struct kc_reader_part *p = &r->parts[at];
        if (stands_at(r, p, list->elems[at].offset))
            continue;
        p->next = list->elems[at].offset;
        if (!kc_reader_restart(r, p, err)) {
            r->is_off = true;
            return false;
        }
    }
    r->is_off = false;
    kc_error_clear(&r->failed);
    return true;
}

/* Sets the offset of each partition of the list by the positions, or where it begins. */
static bool set_offsets(struct kc_reader *r, rd_kafka_topic_partition_list_t *list,
                        const struct kc_positions *positions, int64_t deadline_ms,
                        struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(1);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *e = &list->elems[i];
        const struct kc_position *p = kc_positions_find(positions, e->partition);
        if (p)
            e->offset = p->offset;
        else
            rd_kafka_topic_partition_list_add(fresh, e->topic, e->partition);
    }
    bool ok = fresh->cnt == 0 ||
              kc_begins_query(r->rk, fresh, kc_ms_until(deadline_ms, REACH_TRY_MS), err);
    for (int i = 0; i < fresh->cnt && ok; i++)
        rd_kafka_topic_partition_list_find(list, fresh->elems[i].topic,
                                           fresh->elems[i].partition)
            ->offset = fresh->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(fresh);
    if (!ok)
        kc_reader_explain(r, err);
    return ok;
}

static void add_missing_parts(struct kc_reader *r, const struct kc_positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        const struct kc_position *p = &positions->list[i];
        if (!kc_reader_part(r, p->partition))
            kc_reader_add_loss(r, &(struct kc_loss){ p->partition, p->offset, -1, -1 });
    }
}

static bool move_to(struct kc_reader *r, const char *topic,
                    rd_kafka_topic_partition_list_t *list, const struct kc_positions *positions,
                    int64_t deadline_ms, struct kc_error *err)
{
    if (!set_offsets(r, list, positions, deadline_ms, err) || !go_to(r, topic, list, err))
        return false;
    add_missing_parts(r, positions);
    return true;
}

bool kc_reader_begin(struct kc_reader *r, const char *topic, const struct kc_start *start,
                     int64_t deadline_ms, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = ask(r, topic, deadline_ms, err);
    if (!list)
        return false;
    bool ok = kc_start_positions(r->rk, start, r->group_id != NULL, list,
                                 kc_ms_until(deadline_ms, REACH_TRY_MS), err);
    if (!ok)
        kc_reader_explain(r, err);
    ok = ok && go_to(r, topic, list, err);
    if (ok)
        r->looked_ms = kc_now_ms();
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static void put_offsets(const rd_kafka_topic_partition_list_t *list, struct kc_positions *out)
{
    for (int i = 0; i < list->cnt; i++)
        kc_positions_put(out, list->elems[i].partition, list->elems[i].offset);
}

bool kc_reader_bounds(struct kc_reader *r, const char *topic, struct kc_positions *begins,
                      struct kc_positions *ends, int64_t deadline_ms, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = ask(r, topic, deadline_ms, err);
    if (!list)
        return false;
    bool ok = kc_begins_query(r->rk, list, kc_ms_until(deadline_ms, REACH_TRY_MS), err);
    if (ok)
        put_offsets(list, begins);
    ok = ok && kc_ends_query(r->rk, list, kc_ms_until(deadline_ms, REACH_TRY_MS), err);
    if (ok)
        put_offsets(list, ends);
    else
        kc_reader_explain(r, err);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool kc_reader_is_at(const struct kc_reader *r, const char *topic,
                     const struct kc_positions *positions)
{
    if (!r->topic || strcmp(r->topic, topic) != 0 || r->part_count != positions->count)
        return false;
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].number != positions->list[i].partition ||
            !stands_at(r, &r->parts[i], positions->list[i].offset))
            return false;
    }
    return true;
}

/* The partitions as they are known, where that was asked a moment ago and is all that the
 * positions name. */
static rd_kafka_topic_partition_list_t *
known_parts(const struct kc_reader *r, const char *topic, const struct kc_positions *positions)
{
    if (!r->topic || strcmp(r->topic, topic) != 0 || r->is_off ||
        kc_now_ms() - r->looked_ms > FRESH_MS || r->part_count < positions->count)
        return NULL;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)r->part_count);
    size_t named = 0;
    for (size_t i = 0; i < r->part_count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, r->parts[i].number);
        named += kc_positions_find(positions, r->parts[i].number) != NULL;
    }
    if (named == positions->count)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

bool kc_reader_seek(struct kc_reader *r, const char *topic,
                    const struct kc_positions *positions, int64_t deadline_ms,
                    struct kc_error *err)
{
    if (kc_reader_is_at(r, topic, positions))
        return kc_reader_look_around(r, FRESH_MS, deadline_ms, err);
    rd_kafka_topic_partition_list_t *list = known_parts(r, topic, positions);
    bool is_news = list == NULL;
    if (!list)
        list = ask(r, topic, deadline_ms, err);
    bool ok = list && move_to(r, topic, list, positions, deadline_ms, err);
    if (ok && is_news)
        r->looked_ms = kc_now_ms();
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

void kc_reader_positions(const struct kc_reader *r, struct kc_positions *out)
{
    for (size_t i = 0; i < r->part_count; i++)
        kc_positions_put(out, r->parts[i].number, r->parts[i].next);
}

bool kc_reader_look_around(struct kc_reader *r, int max_age_ms, int64_t deadline_ms,
                           struct kc_error *err)
{
    if (kc_now_ms() - r->looked_ms <= max_age_ms)
        return true;
    struct kc_positions positions = { .list = NULL };
    rd_kafka_topic_partition_list_t *list = ask(r, r->topic, deadline_ms, err);
    if (!list)
        return false;
    kc_reader_positions(r, &positions);
    bool ok =
        has_same_parts(r, list) || move_to(r, r->topic, list, &positions, deadline_ms, err);
    if (ok)
        r->looked_ms = kc_now_ms();
    kc_positions_free(&positions);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

void kc_reader_complain(struct kc_reader *r, struct kc_error *err)
{
    size_t silent = 0, first = 0;
    for (size_t i = r->part_count; i-- > 0;) {
        if (!r->parts[i].is_heard) {
            silent++;
            first = i;
        }
    }
    kc_error_set(err, KC_UNAVAILABLE, 0, "%zu of %zu partitions do not answer, %d first",
                 silent, r->part_count, r->part_count ? (int)r->parts[first].number : 0);
    kc_reader_explain(r, err);
    r->is_off = true;
}

/* --- losses --- */

void kc_reader_add_loss(struct kc_reader *r, const struct kc_loss *loss)
{
    r->losses = kc_realloc(r->losses, r->loss_count + 1, sizeof(*r->losses));
    r->losses[r->loss_count++] = *loss;
}

const struct kc_loss *kc_reader_loss(const struct kc_reader *r, size_t i)
{
    return i < r->loss_count ? &r->losses[i] : NULL;
}

void kc_reader_forget_losses(struct kc_reader *r)
{
    r->loss_count = 0;
}

/* --- the group --- */

/* How brokers say that a group has members and takes commits from them alone. */
static bool says_active(int native)
{
    switch (native) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH:
    case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
        return true;
    default:
        return false;
    }
}

bool kc_reader_commit(struct kc_reader *r, const char *topic,
                      const struct kc_positions *positions, int64_t deadline_ms,
                      struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = ask(r, topic, deadline_ms, err);
    if (!list)
        return false; /* the topic's absence, or a refused sign-in, is said better there */
    rd_kafka_topic_partition_list_destroy(list);
    list = rd_kafka_topic_partition_list_new((int)positions->count);
    for (size_t i = 0; i < positions->count; i++)
        rd_kafka_topic_partition_list_add(list, topic, positions->list[i].partition)->offset =
            positions->list[i].offset;
    struct kc_error why = { 0 };
    bool ok = kc_commit(r->rk, list, kc_ms_until(deadline_ms, REACH_TRY_MS), &why);
    rd_kafka_topic_partition_list_destroy(list);
    if (ok)
        return true;
    if (says_active(why.native)) {
        kc_error_set(
            err, KC_GROUP_ACTIVE, why.native,
            "group '%s' has active members, and it takes commits from them alone; stop "
            "them, or poll without its groupId",
            r->group_id);
        return false;
    }
    *err = why;
    kc_reader_explain(r, err);
    kc_error_wrap(err, "group '%s'", r->group_id);
    return false;
}
