// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/delivery.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "base/utf8.h"
#include "net/digest.h"
#include "net/http.h"
#include "transport/webhook/backoff.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX     64 /* messages, and for each partition … */
#define WAITING_PER_ONE 4  /* … so many more */
#define IDLE_MS         60000
#define EXCERPT_MAX     200 /* bytes of an answer that are told */
#define LOG_EVERY       20  /* attempts at one message, after the first */
#define PARALLEL_MAX    512 /* requests of all deliveries at once */

struct message {
    struct message *next;
    const struct kc_ack *ack;
    uint64_t tag;
    uint32_t records;
    char key[KC_PUSH_KEY_SIZE];
    size_t len;
    char body[];
};

/* A partition: its messages in their order, the first of them on the wire or to be sent. */
struct lane {
    struct kc_delivery *delivery;
    struct message *first, *last;
    bool is_on_wire;
    unsigned failures; /* in a row, of the first message */
    int64_t due_ms;
};

struct kc_delivery {
    struct kc_outlet outlet;
    struct kc_pusher *pusher;
    struct kc_delivery_conf conf;
    struct kc_delivery *next; /* needs the pusher's lock */

    pthread_mutex_t lock; /* all below needs it */
    pthread_cond_t changed;
    struct lane **lanes; /* by partition; NULL: nothing came from it yet */
    size_t lane_count;
    size_t turn; /* the lane to begin with */
    size_t on_wire;
    bool must_tell;   /* a pause that came about under the lock */
    bool is_refusing; /* the pusher is settling what it took from the queues */
    bool is_stopping;
    size_t waiting_bytes;
    int64_t hold_until_ms; /* the receiver wants nothing before */
    struct kc_delivery_status status;
};

struct kc_pusher {
    struct kc_http *http;
    pthread_t thread;
    pthread_mutex_t lock; /* of the list; before a delivery's lock */
    struct kc_delivery *deliveries;
    pthread_mutex_t wake_lock; /* nothing else is locked under it */
    pthread_cond_t wake;
    bool is_woken;
    bool is_stopping;
};

static void wake(struct kc_pusher *p)
{
    pthread_mutex_lock(&p->wake_lock);
    p->is_woken = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->wake_lock);
}

/* --- what an answer means --- */

/* The beginning of what the receiver said, on one line. */
static void excerpt(struct kc_text body, char out[EXCERPT_MAX + 1])
{
    size_t len = body.len < EXCERPT_MAX ? body.len : EXCERPT_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = iscntrl((unsigned char)body.p[i]) ? ' ' : body.p[i];
    out[len] = '\0';
    kc_utf8_mend(out);
}

static void say_status(const struct kc_http_answer *answer, enum kc_code code,
                       struct kc_error *err)
{
    char said[EXCERPT_MAX + 1];
    excerpt(answer->body, said);
    kc_error_set(err, code, answer->status, "the receiver answered %d%s%s", answer->status,
                 *said ? ": " : "", said);
}

enum kc_verdict kc_delivery_judge(const struct kc_http_answer *answer, struct kc_error *err)
{
    int status = answer->status;
    enum kc_code failed = answer->error.code;
    if (failed == KC_ADDRESS_REFUSED || failed == KC_CONFIG) {
        *err = answer->error;
        return KC_PUSH_PAUSE; /* the address itself cannot work */
    }
    /* An answer that is larger than we read has its status all the same. */
    if (failed != KC_NONE && (failed != KC_BAD_ANSWER || status == 0)) {
        *err = answer->error;
        return KC_PUSH_AGAIN;
    }
    if (status >= 200 && status < 300)
        return KC_PUSH_ACCEPTED;
    if (status == 408 || status == 429 || status >= 500) {
        say_status(answer, KC_REFUSED, err);
        return KC_PUSH_AGAIN;
    }
    say_status(answer, KC_REFUSED, err);
    return KC_PUSH_PAUSE;
}

void kc_delivery_key(const struct kc_origin *origin, char out[KC_PUSH_KEY_SIZE])
{
    snprintf(out, KC_PUSH_KEY_SIZE, "%.249s-%d-%lld-%lld", origin->topic,
             (int)origin->partition, (long long)origin->first, (long long)origin->last);
    for (char *c = out; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            *c = '_';
    }
}

/* --- queues: all need the delivery's lock --- */

static struct message *shift(struct lane *lane)
{
    struct message *m = lane->first;
    lane->first = m->next;
    if (!lane->first)
        lane->last = NULL;
    m->next = NULL;
    lane->delivery->waiting_bytes -= m->len;
    lane->delivery->status.waiting--;
    return m;
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

static void note_error(struct kc_delivery *d, const struct kc_error *err, int status)
{
    d->status.last_error = *err;
    d->status.last_error_status = status;
    d->status.failed_at_ms = kc_wall_ms();
}

static void pause_with(struct kc_delivery *d, const char *reason)
{
    d->status.is_paused = true;
    snprintf(d->status.reason, sizeof(d->status.reason), "%s", reason);
}

/* --- answers: on the HTTP client's thread --- */

static void plan_again(struct lane *lane, const struct kc_http_answer *answer)
{
    struct kc_delivery *d = lane->delivery;
    uint32_t chance;
    kc_random_bytes(&chance, sizeof(chance));
    lane->failures++;
    int64_t wait_ms = kc_backoff_ms(lane->failures, KC_PUSH_FIRST_MS, KC_PUSH_MAX_MS, chance);
    if (answer->retry_after_ms >= 0 && (answer->status == 429 || answer->status == 503)) {
        wait_ms = answer->retry_after_ms < KC_PUSH_RETRY_AFTER_MAX_MS
                      ? answer->retry_after_ms
                      : KC_PUSH_RETRY_AFTER_MAX_MS;
        d->hold_until_ms = kc_now_ms() + wait_ms;
    }
    lane->due_ms = kc_now_ms() + wait_ms;
    enum kc_level level =
        lane->failures == 1 || lane->failures % LOG_EVERY == 0 ? KC_WARN : KC_DEBUG;
    kc_log(level, "push_failed", KC_S("subscription", d->conf.name),
           KC_S("key", lane->first->key), KC_I("attempt", lane->failures),
           KC_I("status", answer->status), KC_I("again_in_ms", wait_ms),
           KC_S("reason", answer->error.text));
}

static void note_accepted(struct lane *lane)
{
    struct kc_delivery *d = lane->delivery;
    if (lane->failures > 0)
        kc_log(KC_INFO, "push_recovered", KC_S("subscription", d->conf.name),
               KC_S("key", lane->first->key), KC_I("attempts", lane->failures + 1));
    lane->failures = 0;
    lane->due_ms = 0;
    d->status.messages++;
    d->status.records += lane->first->records;
    d->status.accepted_at_ms = kc_wall_ms();
}

/* The message that is accepted now, or NULL. *is_paused when this answer paused the delivery.
 */
static struct message *take_answer(struct lane *lane, const struct kc_http_answer *answer,
                                   bool *is_paused)
{
    struct kc_delivery *d = lane->delivery;
    struct kc_error err = { 0 };
    enum kc_verdict verdict = kc_delivery_judge(answer, &err);
    d->status.attempts++;
    if (verdict == KC_PUSH_ACCEPTED) {
        note_accepted(lane);
        return shift(lane);
    }
    if (answer->error.code == KC_STOPPED)
        return NULL; /* we gave it up ourselves */
    d->status.failures++;
    note_error(d, &err, answer->status);
    if (verdict == KC_PUSH_AGAIN) {
        plan_again(lane, answer);
    } else if (!d->status.is_paused) {
        pause_with(d, err.text);
        *is_paused = true;
        kc_log(KC_ERROR, "subscription_paused", KC_S("subscription", d->conf.name),
               KC_S("key", lane->first->key), KC_I("status", answer->status),
               KC_S("reason", answer->error.text));
    }
    return NULL;
}

static void on_answer(void *arg, const struct kc_http_answer *answer)
{
    struct lane *lane = arg;
    struct kc_delivery *d = lane->delivery;
    struct kc_pusher *p = d->pusher;
    bool is_paused = false;

    pthread_mutex_lock(&d->lock);
    struct message *accepted = take_answer(lane, answer, &is_paused);
    pthread_mutex_unlock(&d->lock);

    if (accepted)
        accepted->ack->settle(accepted->ack->arg, &accepted->tag, 1, true);
    free(accepted);
    if (is_paused)
        d->conf.paused(d->conf.arg);

    pthread_mutex_lock(&d->lock); /* from the unlock on, d may be gone */
    lane->is_on_wire = false;
    d->on_wire--;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    wake(p);
}

/* --- sending: on the pusher's thread --- */

static bool try_send(struct lane *lane, struct kc_error *err)
{
    struct kc_delivery *d = lane->delivery;
    struct message *m = lane->first;
    struct kc_text body = { m->body, m->len };
    char id[KC_PUSH_KEY_SIZE + 16], key[KC_PUSH_KEY_SIZE + 20], type[160], time[48];
    char signature[KC_WEBHOOK_SIGNATURE_SIZE], signed_by[sizeof(signature) + 24];
    int64_t now_s = kc_wall_ms() / 1000;

    snprintf(id, sizeof(id), "webhook-id: %s", m->key);
    snprintf(key, sizeof(key), "Idempotency-Key: %s", m->key);
    snprintf(type, sizeof(type), "Content-Type: %s", d->conf.media_type);
    snprintf(time, sizeof(time), "webhook-timestamp: %lld", (long long)now_s);
    const char *headers[] = { type, id, key, time, NULL, NULL };
    if (d->conf.secret) {
        if (!kc_webhook_sign(kc_text(d->conf.secret), kc_text(m->key), now_s, body, signature,
                             err))
            return false;
        snprintf(signed_by, sizeof(signed_by), "webhook-signature: %s", signature);
        headers[4] = signed_by;
    }
    const struct kc_http_request request = {
        .method = "POST",
        .url = d->conf.callback_url,
        .headers = headers,
        .body = body,
        .timeout_ms = d->conf.timeout_ms,
        .done = on_answer,
        .arg = lane,
    };
    return kc_http_send(d->pusher->http, &request, err);
}

static void send_first(struct lane *lane)
{
    struct kc_delivery *d = lane->delivery;
    struct kc_http_answer answer = { .retry_after_ms = -1 };
    lane->is_on_wire = true;
    d->on_wire++;
    if (try_send(lane, &answer.error))
        return;
    lane->is_on_wire = false;
    d->on_wire--;
    (void)take_answer(lane, &answer, &d->must_tell);
}

/* What belongs to partitions that went is not ours to deliver any more. */
static void drop_unawaited(struct lane *lane)
{
    while (lane->first && lane->first->ack->is_awaited &&
           !lane->first->ack->is_awaited(lane->first->ack->arg, lane->first->tag)) {
        free(shift(lane));
        lane->failures = 0;
        lane->due_ms = 0;
        pthread_cond_broadcast(&lane->delivery->changed);
    }
}

/* Sends what may be sent; *due_ms comes down to when the next one may. */
static void send_due(struct kc_delivery *d, int64_t *due_ms)
{
    int64_t now = kc_now_ms();
    if (d->status.is_paused)
        return;
    for (size_t n = 0; n < d->lane_count && d->on_wire < KC_PUSH_ON_WIRE_MAX; n++) {
        struct lane *lane = d->lanes[(d->turn + n) % d->lane_count];
        if (!lane || lane->is_on_wire || !lane->first)
            continue;
        int64_t at = lane->due_ms > d->hold_until_ms ? lane->due_ms : d->hold_until_ms;
        if (at <= now) {
            drop_unawaited(lane);
            if (lane->first && !d->status.is_paused)
                send_first(lane);
            at = lane->due_ms; /* where it could not even be sent */
        }
        if (lane->first && !lane->is_on_wire && at < *due_ms)
            *due_ms = at;
    }
    d->turn++;
}

/* All that waits and is not on the wire. */
static struct message *take_waiting(struct kc_delivery *d)
{
    struct message *all = NULL;
    for (size_t i = 0; i < d->lane_count; i++) {
        struct lane *lane = d->lanes[i];
        while (lane && lane->first && !lane->is_on_wire) {
            struct message *m = shift(lane);
            m->next = all;
            all = m;
        }
        if (!lane || !lane->is_on_wire)
            continue;
        while (lane->first->next) { /* behind the one on the wire */
            struct message *m = lane->first->next;
            lane->first->next = m->next;
            d->waiting_bytes -= m->len;
            d->status.waiting--;
            m->next = all;
            all = m;
        }
        lane->last = lane->first;
    }
    return all;
}

static void free_all(struct message *m)
{
    while (m) {
        struct message *next = m->next;
        free(m);
        m = next;
    }
}

static void look_after(struct kc_delivery *d, int64_t *due_ms)
{
    pthread_mutex_lock(&d->lock);
    if (!d->is_stopping) {
        send_due(d, due_ms);
        bool must_tell = d->must_tell;
        d->must_tell = false;
        pthread_mutex_unlock(&d->lock);
        if (must_tell)
            d->conf.paused(d->conf.arg);
        return;
    }
    struct message *refused = take_waiting(d);
    d->is_refusing = true;
    pthread_mutex_unlock(&d->lock);
    for (struct message *m = refused; m; m = m->next)
        m->ack->settle(m->ack->arg, &m->tag, 1, false);
    free_all(refused);
    pthread_mutex_lock(&d->lock);
    d->is_refusing = false;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

static void *run(void *arg)
{
    struct kc_pusher *p = arg;
    bool is_stopping = false;
    while (!is_stopping) {
        int64_t due_ms = kc_now_ms() + IDLE_MS;
        pthread_mutex_lock(&p->lock);
        for (struct kc_delivery *d = p->deliveries; d; d = d->next)
            look_after(d, &due_ms);
        pthread_mutex_unlock(&p->lock);

        pthread_mutex_lock(&p->wake_lock);
        while (!p->is_woken && !p->is_stopping && kc_ms_until(due_ms, IDLE_MS) > 0)
            kc_cond_wait(&p->wake, &p->wake_lock, kc_ms_until(due_ms, IDLE_MS));
        p->is_woken = false;
        is_stopping = p->is_stopping;
        pthread_mutex_unlock(&p->wake_lock);
    }
    return NULL;
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
    kc_delivery_key(data->origin, m->key);
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
    wake(d->pusher);
}

static void on_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    (void)details;
    struct kc_delivery *d = delivery_of(o);
    pthread_mutex_lock(&d->lock);
    bool is_ours = d->is_stopping; /* it tells what we refused ourselves */
    if (!is_ours)
        note_error(d, err, 0);
    pthread_mutex_unlock(&d->lock);
    if (!is_ours)
        kc_log(KC_WARN, "subscription_trouble", KC_S("subscription", d->conf.name),
               KC_S("code", kc_code_name(err->code)), KC_E(err));
}

static void on_end(struct kc_outlet *o)
{
    (void)o; /* whoever runs the trigger sees it */
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    struct kc_delivery *d = delivery_of(o);
    pthread_mutex_lock(&d->lock);
    if (wait_ms > 0 && !has_space(d))
        kc_cond_wait(&d->changed, &d->lock, wait_ms);
    bool has = has_space(d);
    pthread_mutex_unlock(&d->lock);
    return has;
}

static const struct kc_outlet_ops outlet_ops = { on_data, on_error, on_end, has_room };

struct kc_outlet *kc_delivery_outlet(struct kc_delivery *d)
{
    return &d->outlet;
}

/* --- orders --- */

void kc_delivery_pause(struct kc_delivery *d, const char *reason)
{
    pthread_mutex_lock(&d->lock);
    pause_with(d, reason);
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
        }
    }
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    wake(d->pusher);
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
    wake(d->pusher);
}

void kc_delivery_clear(struct kc_delivery *d)
{
    pthread_mutex_lock(&d->lock);
    bool was_stopping = d->is_stopping;
    d->is_stopping = true; /* so that nothing new is sent */
    give_up_wire(d);
    while (d->on_wire > 0 || d->is_refusing)
        kc_cond_wait(&d->changed, &d->lock, IDLE_MS);
    free_all(take_waiting(d));
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
    pthread_mutex_lock(&p->lock);
    d->next = p->deliveries;
    p->deliveries = d;
    pthread_mutex_unlock(&p->lock);
    return d;
}

void kc_delivery_free(struct kc_delivery *d)
{
    if (!d)
        return;
    kc_delivery_clear(d);
    pthread_mutex_lock(&d->pusher->lock);
    struct kc_delivery **at = &d->pusher->deliveries;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    pthread_mutex_unlock(&d->pusher->lock);
    free(d->lanes);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

bool kc_pusher_open(struct kc_pusher **out, const char *const *allow, struct kc_error *err)
{
    struct kc_pusher *p = kc_new0(struct kc_pusher);
    const struct kc_http_conf conf = { .allow = allow,
                                       .max_parallel = PARALLEL_MAX,
                                       .max_per_origin = KC_PUSH_ON_WIRE_MAX * 4 };
    if (!kc_http_open(&p->http, &conf, err)) {
        free(p);
        return false;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->wake_lock, NULL);
    kc_cond_init(&p->wake);
    kc_thread_start(&p->thread, "kc-push", run, p);
    *out = p;
    return true;
}

void kc_pusher_close(struct kc_pusher *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->wake_lock);
    p->is_stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->wake_lock);
    pthread_join(p->thread, NULL);
    kc_http_close(p->http);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->wake_lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
