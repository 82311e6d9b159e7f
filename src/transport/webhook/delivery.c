// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/delivery_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX     64 /* messages, and for each partition … */
#define WAITING_PER_ONE 4  /* … so many more */
#define CLEAR_MS        60000

/* --- queues: all need the delivery's lock --- */

struct message *kc_lane_shift(struct lane *lane)
{
    struct message *m = lane->first;
    lane->first = m->next;
    if (!lane->first)
        lane->last = NULL;
    m->next = NULL;
    lane->tried_ms = 0;
    lane->delivery->waiting_bytes -= m->len;
    lane->delivery->status.waiting--;
    return m;
}

void kc_lane_drop_unawaited(struct lane *lane)
{
    while (lane->first && lane->first->ack->is_awaited &&
           !lane->first->ack->is_awaited(lane->first->ack->arg, lane->first->tag)) {
        free(kc_lane_shift(lane));
        lane->failures = 0;
        lane->due_ms = 0;
        pthread_cond_broadcast(&lane->delivery->changed);
    }
}

static struct lane *lane_of(struct kc_delivery *d, int32_t partition)
{
    size_t i = partition > 0 ? (size_t)partition : 0;
    if (i >= d->lane_count) {
        d->lanes = kc_realloc(d->lanes, i + 1, sizeof(struct lane *));
        while (d->lane_count <= i)
            d->lanes[d->lane_count++] = NULL;
    }
    if (!d->lanes[i]) {
        d->lanes[i] = kc_new0(struct lane);
        d->lanes[i]->delivery = d;
    }
    return d->lanes[i];
}

static bool has_space(const struct kc_delivery *d)
{
    return !d->is_stopping && !d->status.is_paused &&
           d->waiting_bytes < KC_PUSH_WAITING_MAX_BYTES &&
           d->status.waiting < WAITING_MAX + WAITING_PER_ONE * d->lane_count;
}

void kc_delivery_note_error(struct kc_delivery *d, const struct kc_error *err, int status)
{
    d->status.last_error = *err;
    d->status.last_error_status = status;
    d->status.failed_at_ms = kc_wall_ms();
}

void kc_delivery_note_pause(struct kc_delivery *d, const char *reason)
{
    d->status.is_paused = true;
    snprintf(d->status.reason, sizeof(d->status.reason), "%s", reason);
}

/* Takes what waits in a lane, but for what may be on the wire: while an answer is being seen
 * to, that has left the lane already. */
static struct message *take_rest(struct lane *lane, struct message *others)
{
    struct message **at = &lane->first;
    if (lane->is_on_wire && lane->first)
        at = &lane->first->next;
    lane->last = at == &lane->first ? NULL : lane->first;
    while (*at) {
        struct message *m = *at;
        *at = m->next;
        lane->delivery->waiting_bytes -= m->len;
        lane->delivery->status.waiting--;
        m->next = others;
        others = m;
    }
    return others;
}

struct message *kc_delivery_take_waiting(struct kc_delivery *d)
{
    struct message *all = NULL;
    for (size_t i = 0; i < d->lane_count; i++) {
        if (d->lanes[i])
            all = take_rest(d->lanes[i], all);
    }
    return all;
}

void kc_messages_free(struct message *m)
{
    while (m) {
        struct message *next = m->next;
        free(m);
        m = next;
    }
}

/* --- the outlet --- */

static struct kc_delivery *delivery_of(struct kc_outlet *o)
{
    return (struct kc_delivery *)(void *)((char *)o - offsetof(struct kc_delivery, outlet));
}

static void on_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct kc_delivery *d = delivery_of(o);
    struct message *m = kc_alloc0(1, sizeof(*m) + data->body.len);
    m->ack = data->ack;
    m->tag = data->tag;
    m->records = data->origin->records;
    kc_push_key(data->origin, m->key);
    m->len = data->body.len;
    memcpy(m->body, data->body.p, data->body.len);

    pthread_mutex_lock(&d->lock);
    struct lane *lane = lane_of(d, data->origin->partition);
    if (lane->last)
        lane->last->next = m;
    else
        lane->first = m;
    lane->last = m;
    d->waiting_bytes += m->len;
    d->status.waiting++;
    pthread_mutex_unlock(&d->lock);
    kc_pusher_wake(d->pusher);
}

static void on_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    (void)details;
    struct kc_delivery *d = delivery_of(o);
    pthread_mutex_lock(&d->lock);
    bool is_ours = d->is_stopping; /* it tells what we refused ourselves */
    if (!is_ours)
        kc_delivery_note_error(d, err, 0);
    pthread_mutex_unlock(&d->lock);
    if (!is_ours)
        kc_log(KC_WARN, "subscription_trouble", KC_S("subscription", d->conf.name),
               KC_S("code", kc_code_name(err->code)), KC_E(err));
}

static void on_end(struct kc_outlet *o)
{
    (void)o; /* whoever runs the trigger sees it */
}

static bool is_stuck(const struct lane *lane)
{
    return lane && lane->first && lane->tried_ms > 0 &&
           kc_now_ms() - lane->tried_ms >= KC_PUSH_STUCK_MS;
}

/* needs lock */
static struct message *cut_behind_first(struct lane *lane)
{
    struct message *rest = lane->first->next;
    lane->first->next = NULL;
    lane->last = lane->first;
    for (const struct message *m = rest; m; m = m->next) {
        lane->delivery->waiting_bytes -= m->len;
        lane->delivery->status.waiting--;
    }
    return rest;
}

/* What waits behind a message that is not accepted for long would fill the queues that all
 * partitions share. needs lock; NULL: nothing is to be given back. */
static struct message *cut_stuck(struct lane *lane)
{
    const struct kc_ack *ack = lane && lane->first ? lane->first->ack : NULL;
    if (!is_stuck(lane) || !ack->take_back)
        return NULL;
    if (!lane->is_on_wire)
        kc_lane_drop_unawaited(lane);
    if (!is_stuck(lane)) {
        kc_pusher_wake(lane->delivery->pusher); /* another message is the first now */
        return NULL;
    }
    if (!lane->first->next)
        return NULL;
    /* Behind one on the wire that nobody waits for any more, all would come again at once. */
    if (ack->is_awaited && !ack->is_awaited(ack->arg, lane->first->tag))
        return NULL;
    return cut_behind_first(lane);
}

static void give_back(struct message *first)
{
    size_t count = 0, i = 0;
    for (const struct message *m = first; m; m = m->next)
        count++;
    uint64_t *tags = kc_new0_array(uint64_t, count);
    for (const struct message *m = first; m; m = m->next)
        tags[i++] = m->tag;
    first->ack->take_back(first->ack->arg, tags, count);
    free(tags);
    kc_messages_free(first);
}

static void give_back_stuck(struct kc_delivery *d)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->lane_count; i++) {
        if (d->is_stopping || d->status.is_paused)
            break;
        struct message *rest = cut_stuck(d->lanes[i]);
        if (!rest)
            continue;
        pthread_mutex_unlock(&d->lock); /* the lanes are this thread's to add and free */
        give_back(rest);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    struct kc_delivery *d = delivery_of(o);
    give_back_stuck(d);
    pthread_mutex_lock(&d->lock);
    if (wait_ms > 0 && !has_space(d))
        kc_cond_wait(&d->changed, &d->lock, wait_ms);
    bool has = has_space(d);
    pthread_mutex_unlock(&d->lock);
    return has;
}

static const struct kc_outlet_ops outlet_ops = {
    .data = on_data,
    .error = on_error,
    .end = on_end,
    .has_room = has_room,
};

struct kc_outlet *kc_delivery_outlet(struct kc_delivery *d)
{
    return &d->outlet;
}

/* --- orders --- */

void kc_delivery_pause(struct kc_delivery *d, const char *reason)
{
    pthread_mutex_lock(&d->lock);
    kc_delivery_note_pause(d, reason);
    pthread_mutex_unlock(&d->lock);
}

void kc_delivery_resume(struct kc_delivery *d)
{
    pthread_mutex_lock(&d->lock);
    d->status.is_paused = false;
    d->status.reason[0] = '\0';
    d->hold_until_ms = 0;
    for (size_t i = 0; i < d->lane_count; i++) {
        if (d->lanes[i]) {
            d->lanes[i]->failures = 0;
            d->lanes[i]->due_ms = 0;
            d->lanes[i]->tried_ms = 0;
        }
    }
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    kc_pusher_wake(d->pusher);
}

/* needs lock */
static void give_up_wire(struct kc_delivery *d)
{
    for (size_t i = 0; i < d->lane_count; i++) {
        if (d->lanes[i] && d->lanes[i]->is_on_wire)
            kc_http_cancel(d->pusher->http, d->lanes[i]);
    }
}

void kc_delivery_stop(struct kc_delivery *d, int drain_ms)
{
    pthread_mutex_lock(&d->lock);
    d->is_stopping = true;
    if (drain_ms == 0)
        give_up_wire(d);
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    kc_pusher_wake(d->pusher);
}

void kc_delivery_clear(struct kc_delivery *d)
{
    pthread_mutex_lock(&d->lock);
    bool was_stopping = d->is_stopping;
    d->is_stopping = true; /* so that nothing new is sent */
    give_up_wire(d);
    while (d->on_wire > 0 || d->is_refusing)
        kc_cond_wait(&d->changed, &d->lock, CLEAR_MS);
    kc_messages_free(kc_delivery_take_waiting(d));
    for (size_t i = 0; i < d->lane_count; i++)
        free(d->lanes[i]);
    d->lane_count = 0;
    d->is_stopping = was_stopping;
    d->hold_until_ms = 0;
    pthread_mutex_unlock(&d->lock);
}

void kc_delivery_status(struct kc_delivery *d, struct kc_delivery_status *out)
{
    int64_t now = kc_now_ms(), next = INT64_MAX;
    pthread_mutex_lock(&d->lock);
    *out = d->status;
    out->retrying = 0;
    for (size_t i = 0; i < d->lane_count; i++) {
        const struct lane *lane = d->lanes[i];
        if (!lane || lane->failures == 0)
            continue;
        out->retrying++;
        if (!lane->is_on_wire && lane->due_ms < next)
            next = lane->due_ms;
    }
    pthread_mutex_unlock(&d->lock);
    out->retry_in_ms = next == INT64_MAX ? -1 : next > now ? next - now : 0;
}

/* --- life --- */

struct kc_delivery *kc_delivery_new(struct kc_pusher *p, const struct kc_delivery_conf *conf)
{
    struct kc_delivery *d = kc_new0(struct kc_delivery);
    d->outlet.ops = &outlet_ops;
    d->pusher = p;
    d->conf = *conf;
    pthread_mutex_init(&d->lock, NULL);
    kc_cond_init(&d->changed);
    kc_pusher_add(p, d);
    return d;
}

void kc_delivery_free(struct kc_delivery *d)
{
    if (!d)
        return;
    kc_delivery_clear(d);
    kc_pusher_remove(d->pusher, d);
    free(d->lanes);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
