// SPDX-License-Identifier: Apache-2.0
/* consumer.c
 *
 * Threads    owner   takes, and inside that serves rebalances, commits, refused messages
 *            others  kc_consumer_settle() only
 * Queue      librdkafka's, as much as struct ahead says; what the caller takes bounds
 *            the windows
 * Slots      the topic's partition numbers: parts[n] is partition n while it is assigned
 * Tags       generation of the assignment, slot, number in the window: an answer that comes
 *            after the partition went finds another generation and is ignored */
#include "kafka/consumer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/consumer_private.h"

#include <stdio.h>
#include <stdlib.h>

/* What is read ahead. librdkafka counts the bytes of values only, and asks for more until there
 * is as much, a partition's bytes at a time. */
struct ahead {
    const char *kbytes, *records, *partition_bytes;
};
static const struct ahead much = { "4096", "10000", "1048576" };
static const struct ahead little = { "2048", "4000", "131072" };

#define SEEK_MS   5000
#define COMMIT_MS 5000

struct kc_consumer *kc_consumer_of(void *opaque)
{
    return (struct kc_consumer *)(void *)((char *)opaque -
                                          offsetof(struct kc_consumer, health));
}

struct kc_part *kc_part_at(struct kc_consumer *c, int32_t partition)
{
    if (partition < 0 || (size_t)partition >= c->part_count || !c->parts[partition].is_assigned)
        return NULL;
    return &c->parts[partition];
}

void kc_consumer_tell(struct kc_consumer *c, const struct kc_error *err, bool is_final)
{
    c->is_over |= is_final;
    c->listener->trouble(c->listener->arg, err, is_final);
}

rd_kafka_topic_partition_list_t *kc_one_partition(struct kc_consumer *c, size_t slot,
                                                  int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->topic, (int32_t)slot)->offset = offset;
    return list;
}

bool kc_seek(struct kc_consumer *c, size_t slot, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = kc_one_partition(c, slot, offset);
    rd_kafka_error_t *failed = rd_kafka_seek_partitions(c->rk, list, SEEK_MS);
    /* it succeeds as a whole where each partition has failed */
    rd_kafka_resp_err_t code = failed ? rd_kafka_error_code(failed) : list->elems[0].err;
    if (code)
        kc_log(KC_WARN, "seek_failed",
               KC_S("reason", failed ? rd_kafka_error_string(failed) : rd_kafka_err2str(code)));
    rd_kafka_error_destroy(failed);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- opening --- */

static rd_kafka_conf_t *build_conf(struct kc_consumer *c, const struct kc_consumer_conf *conf,
                                   struct kc_error *err)
{
    char session[16], heartbeat[16];
    const struct ahead *ahead = conf->is_one_of_many ? &little : &much;
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
        { "max.partition.fetch.bytes", ahead->partition_bytes },
        { "queued.max.messages.kbytes", ahead->kbytes },
        { "queued.min.messages", ahead->records },
        { "check.crcs", "true" },
        { "enable.partition.eof", conf->until_end ? "true" : "false" },
        { "allow.auto.create.topics", "false" },
        { NULL, NULL },
    };
    rd_kafka_conf_t *rk_conf =
        kc_client_conf(RD_KAFKA_CONSUMER, conf->credentials, own, &c->health, err);
    if (rk_conf) {
        rd_kafka_conf_set_rebalance_cb(rk_conf, kc_on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(rk_conf, kc_on_committed);
    }
    return rk_conf;
}

bool kc_consumer_open(struct kc_consumer **out, const struct kc_consumer_conf *conf,
                      struct kc_error *err)
{
    struct kc_consumer *c = kc_new0(struct kc_consumer);
    c->listener = conf->listener;
    c->topic = conf->topic;
    c->start = conf->start;
    for (size_t i = 0; conf->from && i < conf->from->count; i++)
        kc_positions_put(&c->from, conf->from->list[i].partition, conf->from->list[i].offset);
    c->until_end = conf->until_end;
    c->outage.is_watched = conf->tells_outage;
    c->committed_ms = kc_now_ms();
    c->commit_ms = conf->commit_ms > 0 ? conf->commit_ms : COMMIT_MS;
    kc_health_init(&c->health);
    pthread_mutex_init(&c->lock, NULL);

    rd_kafka_conf_t *rk_conf = build_conf(c, conf, err);
    if (!rk_conf)
        goto fail; /* err already names the property */
    c->rk = kc_client_new(RD_KAFKA_CONSUMER, rk_conf, conf->credentials, &c->health, err);
    if (!c->rk)
        goto fail;
    rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    if (!kc_subscribe(c, err))
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
    struct kc_part *p = kc_part_at(c, partition);
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
    struct kc_part *p = kc_part_at(c, m->partition);
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
        kc_consumer_tell(c, &err, ends_the_run(c, m->err));
    }
}

/* --- taking --- */

static void do_duties(struct kc_consumer *c)
{
    struct kc_error err = { 0 };
    if (atomic_load(&c->health.is_refused) && !c->is_over) {
        kc_health_refused(&c->health, &err);
        kc_consumer_tell(c, &err, true);
    }
    if (c->must_rejoin)
        kc_rejoin(c);
    kc_look_for_outage(c);
    kc_skip_what_is_gone(c);
    kc_look_after_refused(c);
    kc_commit_if_due(c);
}

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

/* False for a record that is not to be handed out: not ours, known already, or one that came
 * although its partition was paused, and will come again. */
static bool take_in(struct kc_consumer *c, rd_kafka_message_t *m, struct kc_fetched *r)
{
    struct kc_part *p = kc_part_at(c, m->partition);
    if (!p || p->is_paused)
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
    if (seen == KC_AGAIN && m->offset < r->again_last)
        p->is_at_end = false; /* what was handed out may lie beyond the end of then */
    return seen != KC_KNOWN;
}

static void destroy_messages(struct kc_consumer *c)
{
    for (size_t i = 0; i < c->message_count; i++)
        rd_kafka_message_destroy(c->messages[i]);
    c->message_count = 0;
}

/* The batch call waits until it is full or the time is over: so it is asked for one record
 * first, and then for those that are there already. */
static void fetch(struct kc_consumer *c, int wait_ms, size_t max)
{
    size_t room = max < KC_TAKE_MAX ? max : KC_TAKE_MAX;
    ssize_t n = rd_kafka_consume_batch_queue(c->queue, wait_ms, c->messages, 1);
    c->message_count = n > 0 ? 1 : 0;
    if (n <= 0 || room == 1)
        return;
    n = rd_kafka_consume_batch_queue(c->queue, 0, c->messages + 1, room - 1);
    c->message_count += n > 0 ? (size_t)n : 0;
}

/* A record that came although its partition was being paused will be read again. */
static void give_back(struct kc_consumer *c, const rd_kafka_message_t *m)
{
    struct kc_part *p = kc_part_at(c, m->partition);
    if (!p || p->is_paused) /* that goes back by itself */
        return;
    p->next = m->offset;
    if (!kc_seek(c, (size_t)m->partition, m->offset))
        c->must_rejoin = true; /* the committed offset is a safe place to start from */
}

static void poll_without_taking(struct kc_consumer *c, int wait_ms)
{
    kc_hold(c);
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
    kc_unhold(c);
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

static uint32_t slot_of(uint64_t tag)
{
    return tag >> 32 & (KC_SLOT_MAX - 1);
}

/* NULL where it has gone since; needs lock. */
static struct kc_part *part_of(struct kc_consumer *c, uint64_t tag)
{
    return tag >> 52 == c->generation ? kc_part_at(c, (int32_t)slot_of(tag)) : NULL;
}

static void settle_one(struct kc_consumer *c, uint64_t tag, bool is_accepted)
{
    struct kc_part *p = part_of(c, tag);
    if (!p)
        return;
    uint32_t records = kc_window_settle(&p->window, (uint32_t)tag, is_accepted);
    if (records == 0)
        return;
    c->counts.unanswered--;
    c->counts.records_open -= records;
    if (is_accepted) {
        c->counts.records_accepted += records;
        c->settled += records;
        p->has_settled = true;
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

void kc_consumer_take_back(struct kc_consumer *c, const uint64_t *tags, size_t count)
{
    uint32_t slot = count > 0 ? slot_of(tags[0]) : 0;
    bool is_any = false;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < count; i++) {
        struct kc_part *p = part_of(c, tags[i]);
        uint32_t records = p ? kc_window_settle(&p->window, (uint32_t)tags[i], false) : 0;
        c->counts.unanswered -= records > 0;
        c->counts.records_open -= records;
        is_any |= records > 0;
    }
    pthread_mutex_unlock(&c->lock);
    if (is_any)
        kc_rest(c, slot);
}

bool kc_consumer_is_awaited(struct kc_consumer *c, uint64_t tag)
{
    pthread_mutex_lock(&c->lock);
    bool is_awaited = part_of(c, tag) != NULL;
    pthread_mutex_unlock(&c->lock);
    return is_awaited;
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
        const struct kc_part *p = &c->parts[i];
        if (p->is_assigned && (!p->is_at_end || p->is_refused || p->is_paused || p->is_gone))
            is_at_end = false;
    }
    pthread_mutex_unlock(&c->lock);
    return is_at_end;
}

size_t kc_consumer_lags(struct kc_consumer *c, struct kc_lag **list)
{
    size_t count = 0;
    *list = kc_new0_array(struct kc_lag, c->part_count + 1);
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count; i++) {
        const struct kc_part *p = &c->parts[i];
        int64_t low, high, position = p->window.position < 0 ? p->begun : p->window.position;
        if (p->is_assigned && position >= 0 &&
            !rd_kafka_get_watermark_offsets(c->rk, c->topic, (int32_t)i, &low, &high) &&
            high >= 0)
            (*list)[count++] = (struct kc_lag){ (int32_t)i, position, high };
    }
    pthread_mutex_unlock(&c->lock);
    return count;
}

static size_t assigned_count(const struct kc_consumer *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->part_count; i++)
        count += c->parts[i].is_assigned;
    return count;
}

int64_t kc_consumer_lag(struct kc_consumer *c)
{
    struct kc_lag *list;
    size_t count = kc_consumer_lags(c, &list);
    int64_t lag = 0;
    for (size_t i = 0; i < count; i++)
        lag += list[i].end > list[i].position ? list[i].end - list[i].position : 0;
    free(list);
    bool is_known = c->was_assigned && count == assigned_count(c) &&
                    kc_consumer_reach(c) != KC_OUT_OF_REACH;
    return is_known ? lag : -1;
}

void kc_consumer_close(struct kc_consumer *c)
{
    if (!c)
        return;
    c->is_closing = true;
    destroy_messages(c);
    if (c->rk) {
        if (c->was_assigned)
            kc_commit_now(c);
        rd_kafka_consumer_close(c->rk);
    }
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    kc_client_free(c->rk, 0);
    for (size_t i = 0; i < c->part_count; i++)
        kc_window_deinit(&c->parts[i].window);
    free(c->parts);
    kc_positions_free(&c->from);
    kc_health_deinit(&c->health);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
