// SPDX-License-Identifier: Apache-2.0
/* care.c - the partitions that need looking after: offsets that are gone, messages that were
 * refused or taken back, and a receiver that takes nothing. All on the owner's thread. */
#include "kafka/consumer_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/start.h"

#define BOUNDS_MS        5000
#define HOLD_MS          1000 /* not taking for longer: pause fetching and poll on */
#define REFUSED_FIRST_MS 1000
#define REFUSED_MAX_MS   30000

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
    kc_consumer_tell(c, &err, false);
}

static void skip_to(struct kc_consumer *c, struct kc_part *p, int64_t low)
{
    pthread_mutex_lock(&c->lock);
    kc_window_skip(&p->window, low);
    p->begun = low;
    if (p->window.position >= 0 && p->window.front == p->window.next)
        p->window.position = low; /* what is gone is not to be settled any more */
    pthread_mutex_unlock(&c->lock);
}

/* The offsets we know are those of other records now: what was handed out under them is neither
 * known nor waited for any more. */
static void forget_all(struct kc_consumer *c, size_t slot, int64_t low)
{
    struct kc_part *p = &c->parts[slot];
    uint64_t records;
    pthread_mutex_lock(&c->lock);
    c->counts.unanswered -= kc_window_restart(&p->window, low, &records);
    c->counts.records_open -= records;
    p->begun = low;
    p->is_refused = false;
    p->backoff_ms = 0;
    pthread_mutex_unlock(&c->lock);
    c->listener->forget(c->listener->arg, (uint32_t)slot);
}

/* librdkafka has stopped fetching these partitions; an assignment at the new offsets starts
 * them. */
void kc_skip_what_is_gone(struct kc_consumer *c)
{
    bool has_moved = false;
    for (size_t i = 0; i < c->part_count; i++) {
        struct kc_part *p = &c->parts[i];
        struct kc_error err = { 0 };
        int64_t low, end;
        if (!p->is_assigned || !p->is_gone)
            continue;
        if (!kc_bounds_query(c->rk, c->topic, (int32_t)i, BOUNDS_MS, &low, &end, &err)) {
            kc_log(KC_WARN, "bounds_unknown", KC_E(&err));
            continue; /* asked again with the next take */
        }
        tell_gone(c, i, low, end);
        if (p->next >= low)
            forget_all(c, i, low);
        else
            skip_to(c, p, low);
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

static void go_back_to_refused(struct kc_consumer *c, struct kc_part *p)
{
    pthread_mutex_lock(&c->lock);
    const struct kc_handed *refused = kc_window_refused(&p->window);
    if (refused)
        p->next = refused->first;
    pthread_mutex_unlock(&c->lock);
}

static void hold_refused(struct kc_consumer *c, size_t slot)
{
    struct kc_part *p = &c->parts[slot];
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

    rd_kafka_topic_partition_list_t *list = kc_one_partition(c, slot, 0);
    rd_kafka_pause_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    p->is_paused = true;
    p->retry_at_ms = kc_now_ms() + wait_ms;
    go_back_to_refused(c, p); /* an assignment may come before its time */
    c->listener->forget(c->listener->arg, (uint32_t)slot);
    kc_error_set(
        &err, KC_REFUSED, 0,
        "the record at %s/%zu offset %lld was refused; it comes again in %d ms, and its "
        "partition waits",
        c->topic, slot, offset, wait_ms);
    kc_consumer_tell(c, &err, false);
}

void kc_rest(struct kc_consumer *c, size_t slot)
{
    struct kc_part *p = &c->parts[slot];
    rd_kafka_topic_partition_list_t *list = kc_one_partition(c, slot, 0);
    rd_kafka_pause_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    p->is_paused = p->is_resting = true;
    go_back_to_refused(c, p);
    c->listener->forget(c->listener->arg, (uint32_t)slot);
    atomic_store(&c->has_refused, true);
    kc_log(KC_DEBUG, "partition_rests", KC_S("topic", c->topic),
           KC_I("partition", (int64_t)slot), KC_I("offset", p->next));
}

static void read_refused_again(struct kc_consumer *c, size_t slot)
{
    struct kc_part *p = &c->parts[slot];
    go_back_to_refused(c, p);
    if (!kc_seek(c, slot, p->next)) {
        p->retry_at_ms = kc_now_ms() + REFUSED_FIRST_MS;
        return;
    }
    rd_kafka_topic_partition_list_t *list = kc_one_partition(c, slot, p->next);
    rd_kafka_resume_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    p->is_paused = p->is_resting = false;
    p->is_at_end = false; /* it was, before it went back */
}

/* needs lock */
static bool may_go_on(const struct kc_consumer *c, const struct kc_part *p)
{
    return p->is_paused && !c->is_held && kc_now_ms() >= p->retry_at_ms &&
           !(p->is_resting && kc_window_is_open(&p->window));
}

void kc_look_after_refused(struct kc_consumer *c)
{
    if (!atomic_load_explicit(&c->has_refused, memory_order_relaxed))
        return;
    bool is_any_left = false;
    for (size_t i = 0; i < c->part_count; i++) {
        struct kc_part *p = &c->parts[i];
        if (!p->is_assigned)
            continue;
        pthread_mutex_lock(&c->lock);
        bool is_refused = p->is_refused, goes_on = !is_refused && may_go_on(c, p);
        pthread_mutex_unlock(&c->lock);
        if (is_refused)
            hold_refused(c, i);
        if (goes_on)
            read_refused_again(c, i);
        is_any_left |= p->is_paused;
    }
    pthread_mutex_lock(&c->lock); /* settle() sets both flags under it */
    for (size_t i = 0; i < c->part_count; i++)
        is_any_left |= c->parts[i].is_refused;
    atomic_store(&c->has_refused, is_any_left);
    pthread_mutex_unlock(&c->lock);
}

void kc_hold(struct kc_consumer *c)
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

void kc_unhold(struct kc_consumer *c)
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
