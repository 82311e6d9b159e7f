// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/subscription.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/entries.h"
#include "net/digest.h"
#include "transport/webhook/backoff.h"

#include <stdlib.h>

/* After a trigger that ended by itself. */
#define REOPEN_FIRST_MS 2000
#define REOPEN_MAX_MS   60000
#define HEALTHY_MS      60000 /* a run of so long makes the next failure the first */
#define WAIT_MS         1000

struct kc_subscription {
    struct kc_subscription_env env;
    struct kc_spec spec;
    struct kc_delivery *delivery;
    struct kc_tally tally;
    struct kc_step step;
    pthread_t thread;

    pthread_mutex_t lock; /* all below needs it; nothing of the delivery is called under it */
    pthread_cond_t changed;
    void *trigger; /* NULL unless one is open */
    bool is_paused;
    bool has_changed; /* is_paused did */
    bool was_opened;
    bool is_failing; /* the trigger could not be opened, or has ended by itself */
    bool is_stopping;
    bool has_ended;
    int64_t stop_by_ms;
    struct kc_error error; /* why it could not be opened */
};

/* --- the thread --- */

static void wait_until_resumed(struct kc_subscription *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->is_paused) {
        s->was_opened = true;
        pthread_cond_broadcast(&s->changed);
    }
    while (s->is_paused && !s->is_stopping)
        kc_cond_wait(&s->changed, &s->lock, WAIT_MS);
    pthread_mutex_unlock(&s->lock);
}

static bool is_stopping(struct kc_subscription *s)
{
    pthread_mutex_lock(&s->lock);
    bool is_stopping = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return is_stopping;
}

static bool open_trigger(struct kc_subscription *s)
{
    struct kc_error err = { 0 };
    void *trigger = NULL;
    atomic_store(&s->tally.lag, -1);
    atomic_store(&s->tally.reach, KC_REACH_UNKNOWN);
    bool ok = kc_consume.open(&trigger, &s->step, &err);
    pthread_mutex_lock(&s->lock);
    s->trigger = trigger;
    s->was_opened |= ok;
    s->is_failing = !ok;
    s->error = err;
    if (ok && s->is_stopping) /* the stop came before there was anything to be stopped */
        kc_consume.stop(trigger, kc_ms_until(s->stop_by_ms, INT32_MAX));
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (!ok)
        kc_outlet_error(kc_delivery_outlet(s->delivery), &err, KC_NO_TEXT);
    return ok;
}

static void run_trigger(struct kc_subscription *s)
{
    kc_consume.process(s->trigger, NULL, kc_delivery_outlet(s->delivery));
    kc_delivery_clear(s->delivery);
    pthread_mutex_lock(&s->lock);
    void *trigger = s->trigger;
    s->trigger = NULL;
    s->is_failing = !s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    kc_consume.close(trigger);
}

static void wait_for_another_try(struct kc_subscription *s, unsigned failures)
{
    uint32_t chance;
    kc_random_bytes(&chance, sizeof(chance));
    int64_t by_ms =
        kc_now_ms() + kc_backoff_ms(failures, REOPEN_FIRST_MS, REOPEN_MAX_MS, chance);
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping && kc_ms_until(by_ms, WAIT_MS) > 0)
        kc_cond_wait(&s->changed, &s->lock, kc_ms_until(by_ms, WAIT_MS));
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
    struct kc_subscription *s = arg;
    unsigned failures = 0;
    for (;;) {
        wait_until_resumed(s);
        if (is_stopping(s))
            break;
        int64_t began_ms = kc_now_ms();
        if (open_trigger(s))
            run_trigger(s);
        if (is_stopping(s))
            break;
        failures = kc_now_ms() - began_ms > HEALTHY_MS ? 1 : failures + 1;
        wait_for_another_try(s, failures);
    }
    kc_log(KC_INFO, "subscription_ended", KC_S("subscription", s->spec.id));
    pthread_mutex_lock(&s->lock);
    s->has_ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    s->env.ended(s->env.arg);
    return NULL;
}

/* --- orders --- */

static void on_paused(void *arg)
{
    struct kc_subscription *s = arg;
    pthread_mutex_lock(&s->lock);
    s->is_paused = true;
    s->has_changed = true;
    pthread_mutex_unlock(&s->lock);
    s->env.paused(s->env.arg);
}

void kc_subscription_pause(struct kc_subscription *s, const char *reason)
{
    kc_delivery_pause(s->delivery, reason);
    pthread_mutex_lock(&s->lock);
    s->is_paused = true;
    pthread_mutex_unlock(&s->lock);
}

void kc_subscription_resume(struct kc_subscription *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_paused = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    kc_delivery_resume(s->delivery);
}

void kc_subscription_stop(struct kc_subscription *s, int drain_ms)
{
    int64_t by_ms = kc_now_ms() + drain_ms;
    kc_delivery_stop(s->delivery, drain_ms);
    pthread_mutex_lock(&s->lock);
    if (!s->is_stopping || by_ms < s->stop_by_ms)
        s->stop_by_ms = by_ms;
    s->is_stopping = true;
    if (s->trigger)
        kc_consume.stop(s->trigger, drain_ms);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool kc_subscription_opened(struct kc_subscription *s, int wait_ms, struct kc_error *err)
{
    int64_t by_ms = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&s->lock);
    while (!s->was_opened && !s->is_failing && !s->has_ended && kc_ms_until(by_ms, WAIT_MS) > 0)
        kc_cond_wait(&s->changed, &s->lock, kc_ms_until(by_ms, WAIT_MS));
    bool ok = s->was_opened || !s->is_failing;
    if (!ok)
        *err = s->error;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

/* --- looking --- */

bool kc_subscription_has_ended(struct kc_subscription *s)
{
    pthread_mutex_lock(&s->lock);
    bool has_ended = s->has_ended;
    pthread_mutex_unlock(&s->lock);
    return has_ended;
}

bool kc_subscription_take_change(struct kc_subscription *s)
{
    pthread_mutex_lock(&s->lock);
    bool has_changed = s->has_changed;
    s->has_changed = false;
    pthread_mutex_unlock(&s->lock);
    return has_changed;
}

const struct kc_spec *kc_subscription_spec(const struct kc_subscription *s)
{
    return &s->spec;
}

const struct kc_tally *kc_subscription_tally(const struct kc_subscription *s)
{
    return &s->tally;
}

void kc_subscription_status(struct kc_subscription *s, struct kc_subscription_status *out)
{
    kc_delivery_status(s->delivery, &out->delivery);
    pthread_mutex_lock(&s->lock);
    bool is_open = s->trigger != NULL;
    int reach = atomic_load(&s->tally.reach);
    if (s->is_stopping)
        out->state = "stopping";
    else if (out->delivery.is_paused)
        out->state = "paused";
    else if (s->is_failing || reach == KC_OUT_OF_REACH)
        out->state = "failing";
    else if (!is_open || reach == KC_REACH_UNKNOWN)
        out->state = "starting";
    else
        out->state = out->delivery.retrying > 0 ? "retrying" : "running";
    pthread_mutex_unlock(&s->lock);
    out->lag = is_open ? atomic_load(&s->tally.lag) : -1;
}

/* --- life --- */

struct kc_subscription *kc_subscription_new(struct kc_spec *spec,
                                            const struct kc_subscription_env *env)
{
    struct kc_subscription *s = kc_new0(struct kc_subscription);
    s->env = *env;
    s->spec = *spec;
    *spec = (struct kc_spec){ 0 };
    atomic_store(&s->tally.lag, -1);
    s->tally.total = env->total;
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->changed);
    s->step = (struct kc_step){
        .config = s->spec.config,
        .credentials = s->spec.credentials ? s->spec.credentials : env->credentials,
        .unknown_fields = KC_UNKNOWN_IS_ERROR,
        .tally = &s->tally,
        .lags = env->lags,
        .is_one_of_many = true,
        .tells_outage = true,
        .body_style = s->spec.format == KC_PUSH_EVENTS ? KC_BODY_EVENTS : KC_BODY_MESSAGES,
    };
    s->delivery = kc_delivery_new(env->pusher, &(struct kc_delivery_conf){
                                                   .name = s->spec.id,
                                                   .callback_url = s->spec.callback_url,
                                                   .secret = s->spec.secret,
                                                   .media_type = kc_spec_media_type(&s->spec),
                                                   .timeout_ms = s->spec.timeout_ms,
                                                   .paused = on_paused,
                                                   .arg = s,
                                               });
    s->is_paused = s->spec.is_paused;
    if (s->is_paused)
        kc_delivery_pause(s->delivery, s->spec.reason ? s->spec.reason : "paused");
    kc_thread_start(&s->thread, "kc-subscription", run, s);
    return s;
}

void kc_subscription_free(struct kc_subscription *s)
{
    if (!s)
        return;
    pthread_join(s->thread, NULL);
    kc_delivery_free(s->delivery);
    kc_spec_deinit(&s->spec);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
