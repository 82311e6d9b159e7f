// SPDX-License-Identifier: Apache-2.0
/* membership.c - a consumer as a member of its group: which partitions are ours, where they are
 * begun, and what is committed for them. All on the owner's thread. */
#include "kafka/consumer_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/start.h"

#define COMMIT_SETTLED 10000 /* then it is not waited any longer for the next commit */
#define COMMIT_WAIT_MS 3000  /* for a commit that must be answered */
#define DRAIN_MS       5000  /* a rebalance waits this long for what was handed out */
#define RESOLVE_MS     60000 /* an assignment waits this long for its start offsets */

/* --- committing --- */

/* The positions that have moved since they were committed. */
static rd_kafka_topic_partition_list_t *moved_positions(struct kc_consumer *c)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count; i++) {
        struct kc_part *p = &c->parts[i];
        if (!p->is_assigned || !p->has_settled || p->window.position == p->committed)
            continue;
        rd_kafka_topic_partition_list_add(list, c->topic, (int32_t)i)->offset =
            p->window.position;
        p->committed = p->window.position;
    }
    c->settled = 0;
    pthread_mutex_unlock(&c->lock);
    c->committed_ms = kc_now_ms();
    return list;
}

/* A commit that failed is made again with the next one. */
void kc_on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    struct kc_consumer *c = kc_consumer_of(opaque);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    kc_log(KC_WARN, "commit_failed", KC_S("reason", rd_kafka_err2str(code)));
    for (int i = 0; offsets && i < offsets->cnt; i++) {
        struct kc_part *p = kc_part_at(c, offsets->elems[i].partition);
        if (p)
            p->committed = -1;
    }
}

static bool commit_moved(struct kc_consumer *c, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = moved_positions(c);
    bool ok = list->cnt == 0 || kc_commit(c->rk, list, COMMIT_WAIT_MS, err);
    for (int i = 0; i < list->cnt && !ok; i++)
        c->parts[list->elems[i].partition].committed = -1;
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

void kc_commit_now(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    if (!commit_moved(c, &err))
        kc_log(KC_WARN, "commit_failed", KC_E(&err));
}

bool kc_consumer_commit(struct kc_consumer *c, struct kc_positions *positions,
                        struct kc_error *err)
{
    for (size_t i = 0; i < c->part_count; i++)
        c->parts[i].committed = -1; /* an earlier commit may still be on its way, and fail */
    if (!commit_moved(c, err))
        return false;
    for (size_t i = 0; i < c->part_count; i++) {
        const struct kc_part *p = &c->parts[i];
        if (p->is_assigned && p->committed >= 0)
            kc_positions_put(positions, (int32_t)i, p->committed);
    }
    return true;
}

void kc_commit_if_due(struct kc_consumer *c)
{
    pthread_mutex_lock(&c->lock);
    size_t settled = c->settled;
    pthread_mutex_unlock(&c->lock);
    if (settled == 0 ||
        (settled < COMMIT_SETTLED && kc_now_ms() - c->committed_ms < c->commit_ms))
        return;
    rd_kafka_topic_partition_list_t *list = moved_positions(c);
    if (list->cnt > 0)
        rd_kafka_commit(c->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- rebalances --- */

static void begin_part(struct kc_consumer *c, const rd_kafka_topic_partition_t *from)
{
    size_t slot = (size_t)from->partition;
    if (slot >= KC_SLOT_MAX)
        return; /* no Kafka has that many partitions in a topic */
    if (slot >= c->part_count) {
        c->parts = kc_realloc(c->parts, slot + 1, sizeof(*c->parts));
        for (; c->part_count <= slot; c->part_count++)
            c->parts[c->part_count] = (struct kc_part){ .is_assigned = false };
    }
    c->parts[slot] = (struct kc_part){
        .is_assigned = true,
        .begun = from->offset,
        .next = from->offset,
        .end = -1,
        .committed = -1,
        .told = -1,
    };
    kc_window_init(&c->parts[slot].window);
    struct kc_position *told = kc_positions_find(&c->from, from->partition);
    if (told && told->offset >= 0) {
        c->parts[slot].told = told->offset;
        told->offset = -1;
    }
    c->listener->assigned(c->listener->arg, from->partition, from->offset);
}

/* A partition that we were told where to begin, and of which the group does not know yet how
 * far we got, is begun there again. */
static int64_t take_back(struct kc_consumer *c, int32_t partition)
{
    const struct kc_part *p = kc_part_at(c, partition);
    if (p->told < 0 || p->committed >= 0)
        return -1;
    int64_t offset = p->window.position >= 0 ? p->window.position : p->told;
    kc_positions_put(&c->from, partition, offset);
    return offset;
}

static void end_part(struct kc_consumer *c, int32_t partition)
{
    struct kc_part *p = kc_part_at(c, partition);
    if (!p)
        return;
    c->listener->forget(c->listener->arg, (uint32_t)partition);
    c->listener->revoked(c->listener->arg, partition, take_back(c, partition));
    uint64_t records;
    pthread_mutex_lock(&c->lock);
    c->counts.unanswered -= kc_window_open(&p->window, &records);
    c->counts.records_open -= records;
    kc_window_deinit(&p->window);
    *p = (struct kc_part){ .is_assigned = false };
    pthread_mutex_unlock(&c->lock);
}

static void note_ends(struct kc_consumer *c, const rd_kafka_topic_partition_list_t *assigned)
{
    struct kc_error err = { 0 };
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(assigned);
    if (kc_ends_query(c->rk, ends, RESOLVE_MS, &err)) {
        for (int i = 0; i < ends->cnt; i++) {
            struct kc_part *p = kc_part_at(c, ends->elems[i].partition);
            if (!p)
                continue;
            p->end = ends->elems[i].offset;
            p->is_at_end = p->next >= p->end || p->end == 0;
        }
    } else {
        kc_log(KC_WARN, "ends_unknown", KC_E(&err)); /* librdkafka's own "end" events remain */
    }
    rd_kafka_topic_partition_list_destroy(ends);
}

static void begin_where_told(const struct kc_consumer *c,
                             rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) {
        const struct kc_position *told =
            kc_positions_find(&c->from, partitions->elems[i].partition);
        if (told && told->offset >= 0)
            partitions->elems[i].offset = told->offset;
    }
}

static void assign(struct kc_consumer *c, rd_kafka_topic_partition_list_t *partitions)
{
    struct kc_error err = { 0 };
    if (!kc_start_resolve(c->rk, c->topic, &c->start, partitions, RESOLVE_MS, &err)) {
        kc_error_wrap(&err, "begin to read '%s'", c->topic);
        kc_consumer_tell(c, &err, false);
        rd_kafka_assign(c->rk, NULL);
        c->must_rejoin = true; /* with a new assignment it is tried again */
        return;
    }
    begin_where_told(c, partitions);
    pthread_mutex_lock(&c->lock);
    c->generation = c->generation % KC_GENERATION_MAX + 1;
    for (int i = 0; i < partitions->cnt; i++)
        begin_part(c, &partitions->elems[i]);
    pthread_mutex_unlock(&c->lock);
    if (c->until_end && partitions->cnt > 0)
        note_ends(c, partitions);
    rd_kafka_assign(c->rk, partitions);
    c->was_assigned = true;
    c->is_held = false;
    kc_outage_over(c);
    kc_log(KC_INFO, "partitions_assigned", KC_S("topic", c->topic),
           KC_I("count", partitions->cnt));
}

static void revoke(struct kc_consumer *c, rd_kafka_topic_partition_list_t *partitions)
{
    bool is_lost = rd_kafka_assignment_lost(c->rk);
    if (!is_lost && !c->is_closing) {
        c->listener->drain(c->listener->arg, DRAIN_MS);
        kc_commit_now(c);
    }
    for (int i = 0; i < partitions->cnt; i++)
        end_part(c, partitions->elems[i].partition);
    /* Those that we paused would come back paused. */
    rd_kafka_resume_partitions(c->rk, partitions);
    rd_kafka_assign(c->rk, NULL);
    kc_log(is_lost ? KC_WARN : KC_INFO, is_lost ? "partitions_lost" : "partitions_revoked",
           KC_S("topic", c->topic), KC_I("count", partitions->cnt));
}

void kc_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kc_consumer *c = kc_consumer_of(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !c->is_closing)
        assign(c, partitions);
    else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        revoke(c, partitions);
    else
        rd_kafka_assign(rk, NULL);
}

bool kc_subscribe(struct kc_consumer *c, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(c->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    kc_kafka_error(err, code, "subscribe to '%s'", c->topic);
    return false;
}

void kc_rejoin(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    rd_kafka_unsubscribe(c->rk);
    c->must_rejoin = !kc_subscribe(c, &err);
}
