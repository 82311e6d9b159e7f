// SPDX-License-Identifier: Apache-2.0
/* consumer.c
 *
 * Threads    owner   takes, and inside that serves rebalances, commits, retries what was
 * refused others  kc_consumer_settle() only Queue      librdkafka's, PREFETCH_KBYTES; the
 * caller's count of unanswered messages bounds the windows Slots      the topic's partition
 * numbers: parts[n] is partition n while it is assigned Tags       generation of the
 * assignment, slot, number in the window: an answer that comes after the partition went finds
 * another generation and is ignored */
#include "kafka/consumer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/start.h"
#include "kafka/window.h"

#include <stdio.h>
#include <stdlib.h>

#define TAKE_MAX         1000  /* records a call */
#define COMMIT_MS        5000  /* between two commits … */
#define COMMIT_SETTLED   10000 /* … or after this many settled messages */
#define COMMIT_WAIT_MS   3000  /* for a commit that must be answered */
#define DRAIN_MS         5000  /* a rebalance waits this long for what was handed out */
#define RESOLVE_MS       60000 /* an assignment waits this long for its start offsets */
#define BOUNDS_MS        5000
#define SEEK_MS          5000
#define HOLD_MS          1000 /* not taking for longer: pause fetching and poll on */
#define REFUSED_FIRST_MS 1000
#define REFUSED_MAX_MS   30000
#define PREFETCH_KBYTES  "4096"
#define SLOT_MAX         (1 << 20)
#define GENERATION_MAX   0xfff

struct part {
    bool is_assigned;
    bool is_refused; /* needs lock: a message was refused since the last look */
    bool is_gone;    /* its offset cannot be read any more */
    bool is_at_end;
    bool is_paused;          /* by us, until retry_at_ms */
    struct kc_window window; /* needs lock */
    int64_t next;            /* offset to be read next; logical before the first record */
    int64_t end;             /* of what was there at the assignment; -1 when not asked for */
    int64_t committed;
    int backoff_ms; /* needs lock */
    int64_t retry_at_ms;
};

struct kc_consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kc_health health; /* librdkafka's opaque, from which callbacks find the consumer */
    const struct kc_consumer_listener *listener;
    const char *topic;
    struct kc_start start;
    bool until_end;
    bool was_assigned; /* ever */
    bool is_closing;
    bool is_over;     /* a final trouble was told */
    bool must_rejoin; /* the last assignment could not be begun */
    bool is_held;     /* all partitions are paused because nothing is taken */
    int64_t held_since_ms;
    int64_t committed_ms; /* when */

    rd_kafka_message_t *messages[TAKE_MAX]; /* of the last take */
    size_t message_count;

    struct part *parts;
    size_t part_count;
    uint32_t generation; /* needs lock */

    pthread_mutex_t lock;
    struct kc_consumer_counts counts; /* needs lock */
    size_t settled;                   /* since the last commit; needs lock */
    atomic_bool has_refused;
};

static struct kc_consumer *consumer_of(void *opaque)
{
    return (struct kc_consumer *)(void *)((char *)opaque -
                                          offsetof(struct kc_consumer, health));
}

static struct part *part_at(struct kc_consumer *c, int32_t partition)
{
    if (partition < 0 || (size_t)partition >= c->part_count || !c->parts[partition].is_assigned)
        return NULL;
    return &c->parts[partition];
}

static void tell(struct kc_consumer *c, const struct kc_error *err, bool is_final)
{
    c->is_over |= is_final;
    c->listener->trouble(c->listener->arg, err, is_final);
}

/* --- committing --- */

/* The positions that have moved since they were committed. */
static rd_kafka_topic_partition_list_t *moved_positions(struct kc_consumer *c)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count; i++) {
        struct part *p = &c->parts[i];
        if (!p->is_assigned || p->window.position < 0 || p->window.position == p->committed)
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
static void on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    struct kc_consumer *c = consumer_of(opaque);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    kc_log(KC_WARN, "commit_failed", KC_S("reason", rd_kafka_err2str(code)));
    for (int i = 0; offsets && i < offsets->cnt; i++) {
        struct part *p = part_at(c, offsets->elems[i].partition);
        if (p)
            p->committed = -1;
    }
}

static void commit_now(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    rd_kafka_topic_partition_list_t *list = moved_positions(c);
    if (list->cnt > 0 && !kc_commit(c->rk, list, COMMIT_WAIT_MS, &err))
        kc_log(KC_WARN, "commit_failed", KC_E(&err));
    rd_kafka_topic_partition_list_destroy(list);
}

static void commit_if_due(struct kc_consumer *c)
{
    pthread_mutex_lock(&c->lock);
    size_t settled = c->settled;
    pthread_mutex_unlock(&c->lock);
    if (settled == 0 || (settled < COMMIT_SETTLED && kc_now_ms() - c->committed_ms < COMMIT_MS))
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
    if (slot >= SLOT_MAX)
        return; /* no Kafka has that many partitions in a topic */
    if (slot >= c->part_count) {
        c->parts = kc_realloc(c->parts, slot + 1, sizeof(*c->parts));
        for (; c->part_count <= slot; c->part_count++)
            c->parts[c->part_count] = (struct part){ .is_assigned = false };
    }
    c->parts[slot] =
        (struct part){ .is_assigned = true, .next = from->offset, .end = -1, .committed = -1 };
    kc_window_init(&c->parts[slot].window);
}

static void end_part(struct kc_consumer *c, int32_t partition)
{
    struct part *p = part_at(c, partition);
    if (!p)
        return;
    c->listener->forget(c->listener->arg, (uint32_t)partition);
    pthread_mutex_lock(&c->lock);
    for (uint32_t n = p->window.front; n != p->window.next; n++) {
        const struct kc_handed *h = &p->window.ring[n & (p->window.size - 1)];
        c->counts.unanswered -= h->fate == KC_FATE_OPEN;
        c->counts.records_open -= h->fate == KC_FATE_OPEN ? h->records : 0;
    }
    kc_window_deinit(&p->window);
    *p = (struct part){ .is_assigned = false };
    pthread_mutex_unlock(&c->lock);
}

static void note_ends(struct kc_consumer *c, const rd_kafka_topic_partition_list_t *assigned)
{
    struct kc_error err = { 0 };
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(assigned);
    if (kc_ends_query(c->rk, ends, RESOLVE_MS, &err)) {
        for (int i = 0; i < ends->cnt; i++) {
            struct part *p = part_at(c, ends->elems[i].partition);
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

static void assign(struct kc_consumer *c, rd_kafka_topic_partition_list_t *partitions)
{
    struct kc_error err = { 0 };
    if (!kc_start_resolve(c->rk, c->topic, &c->start, partitions, RESOLVE_MS, &err)) {
        kc_error_wrap(&err, "begin to read '%s'", c->topic);
        tell(c, &err, false);
        rd_kafka_assign(c->rk, NULL);
        c->must_rejoin = true; /* with a new assignment it is tried again */
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->generation = c->generation % GENERATION_MAX + 1;
    for (int i = 0; i < partitions->cnt; i++)
        begin_part(c, &partitions->elems[i]);
    pthread_mutex_unlock(&c->lock);
    if (c->until_end && partitions->cnt > 0)
        note_ends(c, partitions);
    rd_kafka_assign(c->rk, partitions);
    c->was_assigned = true;
    c->is_held = false;
    kc_health_ok(&c->health);
    kc_log(KC_INFO, "partitions_assigned", KC_S("topic", c->topic),
           KC_I("count", partitions->cnt));
}

static void revoke(struct kc_consumer *c, const rd_kafka_topic_partition_list_t *partitions)
{
    bool is_lost = rd_kafka_assignment_lost(c->rk);
    if (!is_lost && !c->is_closing) {
        c->listener->drain(c->listener->arg, DRAIN_MS);
        commit_now(c);
    }
    for (int i = 0; i < partitions->cnt; i++)
        end_part(c, partitions->elems[i].partition);
    rd_kafka_assign(c->rk, NULL);
    kc_log(is_lost ? KC_WARN : KC_INFO, is_lost ? "partitions_lost" : "partitions_revoked",
           KC_S("topic", c->topic), KC_I("count", partitions->cnt));
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kc_consumer *c = consumer_of(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !c->is_closing)
        assign(c, partitions);
    else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        revoke(c, partitions);
    else
        rd_kafka_assign(rk, NULL);
}

static bool subscribe(struct kc_consumer *c, struct kc_error *err)
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

static void rejoin(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    rd_kafka_unsubscribe(c->rk);
    c->must_rejoin = !subscribe(c, &err);
}

/* --- opening --- */

static rd_kafka_conf_t *build_conf(struct kc_consumer *c, const struct kc_consumer_conf *conf,
                                   struct kc_error *err)
{
    char session[16], heartbeat[16];
    snprintf(session, sizeof(session), "%d", conf->session_timeout_ms);
    snprintf(heartbeat, sizeof(heartbeat), "%d", conf->session_timeout_ms / 3);
    const struct kc_property own[] = {
        { "group.id", conf->group_id },
        { "group.instance.id", conf->group_instance_id },
        { "enable.auto.commit", "false" },
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "error" }, /* librdkafka would jump over records in silence */
        { "isolation.level", conf->isolation },
        { "session.timeout.ms", session },
        { "heartbeat.interval.ms", heartbeat },
        { "max.poll.interval.ms", "300000" },
        { "fetch.queue.backoff.ms",
          "10" }, /* its default, 1 s, starves a small prefetch queue */
        { "fetch.wait.max.ms", "200" },
        { "fetch.max.bytes", "1048576" },
        { "queued.max.messages.kbytes", PREFETCH_KBYTES },
        { "check.crcs", "true" },
        { "enable.partition.eof", conf->until_end ? "true" : "false" },
        { "allow.auto.create.topics", "false" },
        { NULL, NULL },
    };
    rd_kafka_conf_t *rk_conf = kc_client_conf(conf->credentials, own, &c->health, err);
    if (rk_conf) {
        rd_kafka_conf_set_rebalance_cb(rk_conf, on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(rk_conf, on_committed);
    }
    return rk_conf;
}

bool kc_consumer_open(struct kc_consumer **out, const struct kc_consumer_conf *conf,
                      struct kc_error *err)
{
    char why[512];
    struct kc_consumer *c = kc_new0(struct kc_consumer);
    c->listener = conf->listener;
    c->topic = conf->topic;
    c->start = conf->start;
    c->until_end = conf->until_end;
    c->committed_ms = kc_now_ms();
    kc_health_init(&c->health);
    pthread_mutex_init(&c->lock, NULL);

    rd_kafka_conf_t *rk_conf = build_conf(c, conf, err);
    if (!rk_conf)
        goto fail; /* err already names the property */
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, rk_conf, why, sizeof(why));
    if (!c->rk) {
        rd_kafka_conf_destroy(rk_conf);
        kc_error_set(err, KC_CONFIG, rd_kafka_last_error(), "librdkafka: %s", why);
        goto fail;
    }
    rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    if (!subscribe(c, err))
        goto fail;
    *out = c;
    return true;
fail:
    kc_consumer_close(c);
    kc_error_wrap(err, "open consumer group '%s'", conf->group_id);
    return false;
}

/* --- what does not come as a record --- */

static void on_gone(struct kc_consumer *c, int32_t partition)
{
    struct part *p = part_at(c, partition);
    if (p)
        p->is_gone = true; /* seen to by the next take: other records of this one come first */
}

static bool ends_the_run(const struct kc_consumer *c, rd_kafka_resp_err_t code)
{
    enum kc_code ours = kc_kafka_code(code);
    return code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           (!c->was_assigned &&
            (ours == KC_TOPIC_MISSING || ours == KC_FORBIDDEN || ours == KC_REJECTED ||
             code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL ||
             code == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT));
}

static void on_event(struct kc_consumer *c, const rd_kafka_message_t *m)
{
    struct kc_error err = { 0 };
    struct part *p = part_at(c, m->partition);
    switch ((int)m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (p)
            p->is_at_end = true;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        on_gone(c, m->partition);
        return;
    default:
        kc_error_set(&err, kc_kafka_code(m->err), m->err, "%s", rd_kafka_message_errstr(m));
        kc_error_wrap(&err, "read '%s'", c->topic);
        tell(c, &err, ends_the_run(c, m->err));
    }
}

/* --- duties --- */

static rd_kafka_topic_partition_list_t *one_partition(struct kc_consumer *c, size_t slot,
                                                      int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->topic, (int32_t)slot)->offset = offset;
    return list;
}

static rd_kafka_topic_partition_list_t *all_assigned(struct kc_consumer *c)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)c->part_count);
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].is_assigned)
            rd_kafka_topic_partition_list_add(list, c->topic, (int32_t)i)->offset =
                c->parts[i].next;
    }
    return list;
}

static void tell_gone(struct kc_consumer *c, size_t slot, int64_t low, int64_t end)
{
    struct kc_error err = { 0 };
    long long wanted = (long long)c->parts[slot].next;
    if (wanted < low)
        kc_error_set(
            &err, KC_OFFSET_GONE, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
            "offsets %lld to %lld of %s/%zu were deleted before they were read; going on at "
            "%lld",
            wanted, (long long)low - 1, c->topic, slot, (long long)low);
    else
        kc_error_set(
            &err, KC_OFFSET_GONE, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
            "offset %lld of %s/%zu lies beyond its end, %lld: the topic was cut or made anew; "
            "going on at %lld",
            wanted, c->topic, slot, (long long)end, (long long)low);
    tell(c, &err, false);
}

/* librdkafka has stopped fetching these partitions; an assignment at the new offsets starts
 * them. */
static void go_on_where_possible(struct kc_consumer *c)
{
    bool has_moved = false;
    for (size_t i = 0; i < c->part_count; i++) {
        struct part *p = &c->parts[i];
        struct kc_error err = { 0 };
        int64_t low, end;
        if (!p->is_assigned || !p->is_gone)
            continue;
        if (!kc_bounds_query(c->rk, c->topic, (int32_t)i, BOUNDS_MS, &low, &end, &err)) {
            kc_log(KC_WARN, "bounds_unknown", KC_E(&err));
            continue; /* asked again with the next take */
        }
        tell_gone(c, i, low, end);
        p->is_gone = false;
        p->next = low;
        p->is_at_end = c->until_end && low >= p->end;
        has_moved = true;
    }
    if (!has_moved)
        return;
    rd_kafka_topic_partition_list_t *list = all_assigned(c);
    rd_kafka_assign(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void hold_refused(struct kc_consumer *c, size_t slot)
{
    struct part *p = &c->parts[slot];
    struct kc_error err = { 0 };
    pthread_mutex_lock(&c->lock);
    const struct kc_handed *refused = kc_window_refused(&p->window);
    long long offset = refused ? (long long)refused->first : -1;
    p->is_refused = false;
    if (!refused || p->is_paused) {
        pthread_mutex_unlock(&c->lock);
        return;
    }
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : REFUSED_FIRST_MS;
    if (p->backoff_ms > REFUSED_MAX_MS)
        p->backoff_ms = REFUSED_MAX_MS;
    int wait_ms = p->backoff_ms;
    pthread_mutex_unlock(&c->lock);

    rd_kafka_topic_partition_list_t *list = one_partition(c, slot, 0);
    rd_kafka_pause_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    p->is_paused = true;
    p->retry_at_ms = kc_now_ms() + wait_ms;
    c->listener->forget(c->listener->arg, (uint32_t)slot);
    kc_error_set(
        &err, KC_REFUSED, 0,
        "the record at %s/%zu offset %lld was refused; it comes again in %d ms, and its "
        "partition waits",
        c->topic, slot, offset, wait_ms);
    tell(c, &err, false);
}

static void read_refused_again(struct kc_consumer *c, size_t slot)
{
    struct part *p = &c->parts[slot];
    pthread_mutex_lock(&c->lock);
    const struct kc_handed *refused = kc_window_refused(&p->window);
    if (refused)
        p->next = refused->first;
    pthread_mutex_unlock(&c->lock);

    rd_kafka_topic_partition_list_t *list = one_partition(c, slot, p->next);
    rd_kafka_error_t *failed = rd_kafka_seek_partitions(c->rk, list, SEEK_MS);
    if (failed) {
        kc_log(KC_WARN, "seek_failed", KC_S("reason", rd_kafka_error_string(failed)));
        rd_kafka_error_destroy(failed);
        p->retry_at_ms = kc_now_ms() + REFUSED_FIRST_MS;
    } else {
        rd_kafka_resume_partitions(c->rk, list);
        p->is_paused = false;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void look_after_refused(struct kc_consumer *c)
{
    if (!atomic_load_explicit(&c->has_refused, memory_order_relaxed))
        return;
    bool is_any_left = false;
    for (size_t i = 0; i < c->part_count; i++) {
        struct part *p = &c->parts[i];
        if (!p->is_assigned)
            continue;
        pthread_mutex_lock(&c->lock);
        bool is_refused = p->is_refused;
        pthread_mutex_unlock(&c->lock);
        if (is_refused)
            hold_refused(c, i);
        if (p->is_paused && kc_now_ms() >= p->retry_at_ms)
            read_refused_again(c, i);
        is_any_left |= p->is_paused;
    }
    pthread_mutex_lock(&c->lock); /* settle() sets both flags under it */
    for (size_t i = 0; i < c->part_count; i++)
        is_any_left |= c->parts[i].is_refused;
    atomic_store(&c->has_refused, is_any_left);
    pthread_mutex_unlock(&c->lock);
}

/* Nothing is taken for a while: fetching stops, polling goes on, the membership stays. */
static void hold(struct kc_consumer *c)
{
    if (c->held_since_ms == 0)
        c->held_since_ms = kc_now_ms();
    if (c->is_held || kc_now_ms() - c->held_since_ms < HOLD_MS)
        return;
    rd_kafka_topic_partition_list_t *list = all_assigned(c);
    rd_kafka_pause_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    c->is_held = true;
    kc_log(KC_DEBUG, "fetching_paused", KC_S("topic", c->topic));
}

static void unhold(struct kc_consumer *c)
{
    c->held_since_ms = 0;
    if (!c->is_held)
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)c->part_count);
    for (size_t i = 0; i < c->part_count; i++) {
        if (c->parts[i].is_assigned && !c->parts[i].is_paused)
            rd_kafka_topic_partition_list_add(list, c->topic, (int32_t)i);
    }
    rd_kafka_resume_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    c->is_held = false;
    kc_log(KC_DEBUG, "fetching_resumed", KC_S("topic", c->topic));
}

static void do_duties(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    if (atomic_load(&c->health.is_refused) && !c->is_over) {
        kc_health_refused(&c->health, &err);
        tell(c, &err, true);
    }
    if (c->must_rejoin)
        rejoin(c);
    go_on_where_possible(c);
    look_after_refused(c);
    commit_if_due(c);
}

/* --- taking --- */

static void fill(struct kc_fetched *r, const rd_kafka_message_t *m, struct kc_consumer *c)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(m, &type);
    *r = (struct kc_fetched){
        .topic = c->topic,
        .key = { m->key, m->key_len },
        .value = { m->payload, m->len },
        .offset = m->offset,
        .timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? KC_NO_TIME : timestamp,
        .is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
        .partition = m->partition,
        .slot = (uint32_t)m->partition,
    };
}

static uint64_t tag_of(const struct kc_consumer *c, uint32_t slot, uint32_t number)
{
    return (uint64_t)c->generation << 52 | (uint64_t)slot << 32 | number;
}

/* False for a record that is not to be handed out: not ours, or known already. */
static bool take_in(struct kc_consumer *c, rd_kafka_message_t *m, struct kc_fetched *r)
{
    struct part *p = part_at(c, m->partition);
    if (!p)
        return false;
    fill(r, m, c);
    r->native = m;
    p->next = m->offset + 1;
    if (p->end >= 0 && p->next >= p->end)
        p->is_at_end = true;

    uint32_t number;
    pthread_mutex_lock(&c->lock);
    enum kc_seen seen = kc_window_look(&p->window, m->offset, &number, &r->again_last);
    if (seen == KC_AGAIN)
        r->again_tag = tag_of(c, r->slot, number);
    pthread_mutex_unlock(&c->lock);
    return seen != KC_KNOWN;
}

static void destroy_messages(struct kc_consumer *c)
{
    for (size_t i = 0; i < c->message_count; i++)
        rd_kafka_message_destroy(c->messages[i]);
    c->message_count = 0;
}

static void fetch(struct kc_consumer *c, int wait_ms, size_t max)
{
    ssize_t n = rd_kafka_consume_batch_queue(c->queue, wait_ms, c->messages,
                                             max < TAKE_MAX ? max : TAKE_MAX);
    c->message_count = n > 0 ? (size_t)n : 0;
}

/* A record that came although its partition was being paused will be read again. */
static void give_back(struct kc_consumer *c, const rd_kafka_message_t *m)
{
    struct part *p = part_at(c, m->partition);
    if (!p)
        return;
    p->next = m->offset;
    rd_kafka_topic_partition_list_t *list = one_partition(c, (size_t)m->partition, m->offset);
    rd_kafka_error_t *failed = rd_kafka_seek_partitions(c->rk, list, SEEK_MS);
    if (failed) {
        kc_log(KC_WARN, "seek_failed", KC_S("reason", rd_kafka_error_string(failed)));
        rd_kafka_error_destroy(failed);
        c->must_rejoin = true; /* the committed offset is a safe place to start from */
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void poll_without_taking(struct kc_consumer *c, int wait_ms)
{
    hold(c);
    if (!c->is_held)
        return;
    fetch(c, wait_ms, 1);
    for (size_t i = 0; i < c->message_count; i++) {
        if (c->messages[i]->err)
            on_event(c, c->messages[i]);
        else
            give_back(c, c->messages[i]);
    }
}

size_t kc_consumer_take(struct kc_consumer *c, int wait_ms, struct kc_fetched *records,
                        size_t max)
{
    destroy_messages(c);
    do_duties(c);
    if (c->is_over)
        return 0;
    if (max == 0) {
        poll_without_taking(c, wait_ms);
        return 0;
    }
    unhold(c);
    fetch(c, wait_ms, max);
    size_t given = 0;
    for (size_t i = 0; i < c->message_count; i++) {
        rd_kafka_message_t *m = c->messages[i];
        if (m->err)
            on_event(c, m);
        else
            given += take_in(c, m, &records[given]);
    }
    return given;
}

bool kc_fetched_header(const struct kc_fetched *r, size_t i, struct kc_header *out)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;
    if (rd_kafka_message_headers(r->native, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_all(headers, i, &name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    out->name = kc_text(name);
    out->value = (struct kc_text){ value, len };
    return true;
}

/* --- handing out and settling --- */

uint64_t kc_consumer_hand_out(struct kc_consumer *c, const struct kc_fetched *first,
                              int64_t last, uint32_t records)
{
    uint64_t tag = first->again_tag;
    pthread_mutex_lock(&c->lock);
    struct kc_window *w = &c->parts[first->slot].window;
    if (tag)
        kc_window_again(w, (uint32_t)tag);
    else
        tag = tag_of(c, first->slot, kc_window_push(w, first->offset, last, records));
    c->counts.unanswered++;
    c->counts.records_open += records;
    pthread_mutex_unlock(&c->lock);
    return tag;
}

static void settle_one(struct kc_consumer *c, uint64_t tag, bool is_accepted)
{
    uint32_t slot = tag >> 32 & (SLOT_MAX - 1);
    struct part *p = part_at(c, (int32_t)slot);
    if (!p || tag >> 52 != c->generation)
        return;
    uint32_t records = kc_window_settle(&p->window, (uint32_t)tag, is_accepted);
    if (records == 0)
        return;
    c->counts.unanswered--;
    c->counts.records_open -= records;
    if (is_accepted) {
        c->counts.records_accepted += records;
        c->settled += records;
        if (p->backoff_ms && !kc_window_refused(&p->window))
            p->backoff_ms = 0;
    } else {
        p->is_refused = true;
        atomic_store(&c->has_refused, true);
    }
}

void kc_consumer_settle(struct kc_consumer *c, const uint64_t *tags, size_t count,
                        bool is_accepted)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < count; i++)
        settle_one(c, tags[i], is_accepted);
    pthread_mutex_unlock(&c->lock);
}

struct kc_consumer_counts kc_consumer_counts(struct kc_consumer *c)
{
    pthread_mutex_lock(&c->lock);
    struct kc_consumer_counts counts = c->counts;
    pthread_mutex_unlock(&c->lock);
    return counts;
}

/* --- the rest --- */

bool kc_consumer_is_at_end(struct kc_consumer *c)
{
    bool is_at_end = c->was_assigned;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count; i++) {
        const struct part *p = &c->parts[i];
        if (p->is_assigned && (!p->is_at_end || p->is_refused || p->is_paused || p->is_gone))
            is_at_end = false;
    }
    pthread_mutex_unlock(&c->lock);
    return is_at_end;
}

int64_t kc_consumer_lag(struct kc_consumer *c)
{
    int64_t lag = 0;
    for (size_t i = 0; i < c->part_count; i++) {
        int64_t low, high;
        if (c->parts[i].is_assigned && c->parts[i].next >= 0 &&
            !rd_kafka_get_watermark_offsets(c->rk, c->topic, (int32_t)i, &low, &high) &&
            high > c->parts[i].next)
            lag += high - c->parts[i].next;
    }
    return lag;
}

void kc_consumer_close(struct kc_consumer *c)
{
    if (!c)
        return;
    c->is_closing = true;
    destroy_messages(c);
    if (c->rk) {
        if (c->was_assigned)
            commit_now(c);
        rd_kafka_consumer_close(c->rk);
    }
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    if (c->rk)
        rd_kafka_destroy(c->rk);
    for (size_t i = 0; i < c->part_count; i++)
        kc_window_deinit(&c->parts[i].window);
    free(c->parts);
    kc_health_deinit(&c->health);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
