// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/delivery_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "net/digest.h"
#include "transport/webhook/backoff.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS      60000
#define LOG_EVERY    20  /* attempts at one message, after the first */
#define PARALLEL_MAX 512 /* requests of all deliveries at once */

void kc_pusher_wake(struct kc_pusher *p)
{
    pthread_mutex_lock(&p->wake_lock);
    p->is_woken = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->wake_lock);
}

/* --- answers: on the HTTP client's thread --- */

static void plan_again(struct lane *lane, const struct kc_http_answer *answer)
{
    struct kc_delivery *d = lane->delivery;
    uint32_t chance;
    kc_random_bytes(&chance, sizeof(chance));
    lane->failures++;
    int64_t wait_ms = kc_backoff_ms(lane->failures, KC_PUSH_FIRST_MS, KC_PUSH_MAX_MS, chance);
    if (answer->retry_after_ms > 0 && (answer->status == 429 || answer->status == 503)) {
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
    enum kc_verdict verdict = kc_push_judge(answer, &err);
    d->status.attempts++;
    if (verdict == KC_PUSH_ACCEPTED) {
        note_accepted(lane);
        return kc_lane_shift(lane);
    }
    if (answer->error.code == KC_STOPPED)
        return NULL; /* we gave it up ourselves */
    d->status.failures++;
    kc_delivery_note_error(d, &err, answer->status);
    if (verdict == KC_PUSH_AGAIN) {
        plan_again(lane, answer);
    } else if (!d->status.is_paused) {
        kc_delivery_note_pause(d, err.text);
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
    kc_pusher_wake(p);
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
    if (lane->tried_ms == 0)
        lane->tried_ms = kc_now_ms();
    if (try_send(lane, &answer.error))
        return;
    lane->is_on_wire = false;
    d->on_wire--;
    (void)take_answer(lane, &answer, &d->must_tell);
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
            kc_lane_drop_unawaited(lane);
            if (lane->first && !d->status.is_paused)
                send_first(lane);
            at = lane->due_ms; /* where it could not even be sent */
        }
        if (lane->first && !lane->is_on_wire && at < *due_ms)
            *due_ms = at;
    }
    d->turn++;
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
    struct message *refused = kc_delivery_take_waiting(d);
    d->is_refusing = true;
    pthread_mutex_unlock(&d->lock);
    for (struct message *m = refused; m; m = m->next)
        m->ack->settle(m->ack->arg, &m->tag, 1, false);
    kc_messages_free(refused);
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

/* --- life --- */

void kc_pusher_add(struct kc_pusher *p, struct kc_delivery *d)
{
    pthread_mutex_lock(&p->lock);
    d->next = p->deliveries;
    p->deliveries = d;
    pthread_mutex_unlock(&p->lock);
}

void kc_pusher_remove(struct kc_pusher *p, struct kc_delivery *d)
{
    pthread_mutex_lock(&p->lock);
    struct kc_delivery **at = &p->deliveries;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    pthread_mutex_unlock(&p->lock);
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
