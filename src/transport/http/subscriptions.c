// SPDX-License-Identifier: Apache-2.0
/* subscriptions.c
 *
 * Threads    loop      shows what is there, gives orders
 *            keeper    the only one that adds, removes, stores: one order after the other
 *            each one's own, the pusher's and the HTTP client's: transport/webhook/
 * Queue      orders, ORDERS_MAX; full: a request is answered with 429
 * Shutdown   stop() stops all of them, and orders are refused; the keeper ends when the last
 * one has ended; what is stored stays */
#include "transport/http/subscriptions_private.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/entries.h"
#include "runtime/shutdown.h"
#include "transport/http/metrics.h"
#include "transport/http/request.h"

#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX 64
#define WAIT_MS    1000

/* --- the list --- */

struct kc_held *kc_subscriptions_find(struct kc_subscriptions *r, const char *id)
{
    for (struct kc_held *h = r->held; h; h = h->next) {
        if (!h->is_leaving && strcmp(kc_subscription_spec(h->subscription)->id, id) == 0)
            return h;
    }
    return NULL;
}

size_t kc_held_count(const struct kc_subscriptions *r)
{
    size_t n = 0;
    for (const struct kc_held *h = r->held; h; h = h->next)
        n++;
    return n;
}

struct kc_held *kc_held_start(struct kc_subscriptions *r, struct kc_spec *spec,
                              bool is_from_file)
{
    struct kc_held *h = kc_new0(struct kc_held);
    kc_log(KC_INFO, "subscription_started", KC_S("subscription", spec->id));
    h->subscription = kc_subscription_new(spec, &r->env);
    h->is_from_file = is_from_file;
    pthread_mutex_lock(&r->lock);
    h->next = r->held;
    r->held = h;
    if (r->is_stopping)
        kc_subscription_stop(h->subscription, 0);
    pthread_mutex_unlock(&r->lock);
    return h;
}

void kc_held_send_away(struct kc_subscriptions *r, struct kc_held *h, int drain_ms)
{
    pthread_mutex_lock(&r->lock);
    h->is_leaving = true;
    pthread_mutex_unlock(&r->lock);
    kc_subscription_stop(h->subscription, drain_ms);
}

/* Waits for its end. */
void kc_held_let_go(struct kc_subscriptions *r, struct kc_held *h)
{
    pthread_mutex_lock(&r->lock);
    struct kc_held **at = &r->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    pthread_mutex_unlock(&r->lock);
    kc_subscription_free(h->subscription);
    if (h->leaving)
        kc_exchange_reply(h->leaving, 204, NULL, NULL);
    free(h);
}

/* --- the keeper --- */

static struct kc_order *next_order(struct kc_subscriptions *r, bool *must_reload,
                                   bool *is_closing)
{
    pthread_mutex_lock(&r->lock);
    if (!r->first && !r->is_woken && !r->must_reload)
        kc_cond_wait(&r->wake, &r->lock, WAIT_MS);
    struct kc_order *order = r->first;
    if (order) {
        r->first = order->next;
        r->orders--;
        if (!r->first)
            r->last = NULL;
    }
    r->is_woken = false;
    *must_reload = r->must_reload && !r->is_stopping;
    r->must_reload = false;
    *is_closing = r->is_closing && !order;
    pthread_mutex_unlock(&r->lock);
    return order;
}

static void look_after_all(struct kc_subscriptions *r)
{
    struct kc_held *next;
    for (struct kc_held *h = r->held; h; h = next) {
        next = h->next;
        if (!h->is_leaving && (kc_subscription_take_change(h->subscription) || h->must_store))
            kc_held_store_change(r, h);
        if (h->is_leaving && kc_subscription_has_ended(h->subscription))
            kc_held_let_go(r, h);
    }
}

static void obey(struct kc_subscriptions *r, struct kc_order *order)
{
    if (atomic_load(&r->service->is_stopping))
        kc_subscriptions_refuse(order->x, KC_STOPPED, "the server is stopping");
    else
        order->obey(r, order->x);
    free(order);
}

static void *keep(void *arg)
{
    struct kc_subscriptions *r = arg;
    bool must_reload = false, is_closing = false;
    while (!is_closing) {
        struct kc_order *order = next_order(r, &must_reload, &is_closing);
        if (order)
            obey(r, order);
        if (must_reload)
            kc_subscriptions_reload(r);
        look_after_all(r);
    }
    while (r->held)
        kc_held_let_go(r, r->held);
    return NULL;
}

static void wake(void *arg)
{
    struct kc_subscriptions *r = arg;
    pthread_mutex_lock(&r->lock);
    r->is_woken = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

static void on_reload(void *arg)
{
    struct kc_subscriptions *r = arg;
    pthread_mutex_lock(&r->lock);
    r->must_reload = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

/* --- routes: on the loop --- */

static void give_order(struct kc_service *s, struct kc_exchange *x,
                       void (*what)(struct kc_subscriptions *r, struct kc_exchange *x))
{
    struct kc_subscriptions *r = s->subscriptions;
    struct kc_order *order = kc_new0(struct kc_order);
    order->obey = what;
    order->x = x;
    pthread_mutex_lock(&r->lock);
    bool is_full = r->orders >= ORDERS_MAX;
    if (!is_full) {
        if (r->last)
            r->last->next = order;
        else
            r->first = order;
        r->last = order;
        r->orders++;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
    if (is_full) {
        free(order);
        kc_subscriptions_refuse(x, KC_TOO_MANY,
                                "too many changes of subscriptions wait for their turn");
    }
}

void kc_route_subscribe(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, kc_order_subscribe);
}

void kc_route_pause(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, kc_order_pause);
}

void kc_route_resume(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, kc_order_resume);
}

void kc_route_unsubscribe(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, kc_order_unsubscribe);
}

void kc_route_subscriptions(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_subscriptions *r = s->subscriptions;
    struct kc_buf out;
    bool is_first = true;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_buf_puts(&out, "{\"subscriptions\":[");
    pthread_mutex_lock(&r->lock);
    for (const struct kc_held *h = r->held; h; h = h->next) {
        if (h->is_leaving)
            continue;
        kc_buf_puts(&out, is_first ? "" : ",");
        kc_subscription_show(h, &out);
        is_first = false;
    }
    pthread_mutex_unlock(&r->lock);
    kc_buf_puts(&out, "]}");
    kc_exchange_reply(x, 200, "application/json", &out);
}

void kc_route_subscription(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_subscriptions *r = s->subscriptions;
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    pthread_mutex_lock(&r->lock);
    struct kc_held *h = kc_subscriptions_find(r, kc_exchange_word(x, 0));
    if (h)
        kc_subscription_show(h, &out);
    pthread_mutex_unlock(&r->lock);
    if (h)
        kc_exchange_reply(x, 200, "application/json", &out);
    else
        kc_subscriptions_refuse(x, KC_NOT_FOUND, "there is no subscription of that id");
}

void kc_subscriptions_each(struct kc_subscriptions *r,
                           void (*fn)(void *arg, const struct kc_spec *spec,
                                      const struct kc_subscription_status *status,
                                      const struct kc_tally *tally),
                           void *arg)
{
    if (!r)
        return;
    struct kc_subscription_status *st = kc_new0(struct kc_subscription_status);
    pthread_mutex_lock(&r->lock);
    for (const struct kc_held *h = r->held; h; h = h->next) {
        if (h->is_leaving)
            continue;
        kc_subscription_status(h->subscription, st);
        fn(arg, kc_subscription_spec(h->subscription), st,
           kc_subscription_tally(h->subscription));
    }
    pthread_mutex_unlock(&r->lock);
    free(st);
}

/* --- life --- */

static bool read_all(struct kc_subscriptions *r, struct kc_spec_list *stored,
                     struct kc_spec_list *listed, struct kc_error *err)
{
    const struct kc_http_options *o = r->service->env->http;
    struct kc_faults faults;
    kc_faults_init(&faults);
    bool ok = !o->state_dir || (kc_store_open(&r->store, o->state_dir, err) &&
                                kc_subscriptions_read_store(r, stored, err));
    ok = ok && (!o->subscriptions_file || kc_subscriptions_read_file(r, listed, &faults, err) ||
                faults.count > 0);
    for (size_t i = 0; ok && i < stored->count; i++) {
        if (kc_spec_list_find(listed, stored->specs[i].id))
            kc_faults_add(&faults, "",
                          "'%s' is in the state folder too: it was created by a "
                          "request; delete it there first",
                          stored->specs[i].id);
    }
    ok = ok && kc_faults_none(&faults, KC_CONFIG, err);
    if (faults.count > 0)
        kc_error_wrap(err, "subscriptions in '%s'", o->subscriptions_file);
    if (ok && stored->count + listed->count > KC_SUBSCRIPTIONS_MAX) {
        kc_error_set(err, KC_CONFIG, 0, "there are more than %d subscriptions",
                     KC_SUBSCRIPTIONS_MAX);
        ok = false;
    }
    kc_faults_deinit(&faults);
    return ok;
}

static void stop_(struct kc_service *s, int drain_ms)
{
    struct kc_subscriptions *r = s->subscriptions;
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->is_stopping = true;
    for (const struct kc_held *h = r->held; h; h = h->next)
        kc_subscription_stop(h->subscription, drain_ms);
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

static void close_(struct kc_service *s)
{
    struct kc_subscriptions *r = s->subscriptions;
    if (!r)
        return;
    if (!r->is_stopping)
        stop_(s, 0);
    pthread_mutex_lock(&r->lock);
    r->is_closing = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    if (r->has_keeper)
        pthread_join(r->keeper, NULL);
    kc_pusher_close(r->pusher);
    kc_store_close(r->store);
    kc_doc_free(r->start_config);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
    s->subscriptions = NULL;
}

static bool open_(struct kc_service *s, struct kc_error *err)
{
    struct kc_spec_list stored = { NULL, 0 }, listed = { NULL, 0 };
    struct kc_subscriptions *r = kc_new0(struct kc_subscriptions);
    s->subscriptions = r;
    r->service = s;
    pthread_mutex_init(&r->lock, NULL);
    kc_cond_init(&r->wake);
    r->start_config = kc_start_config(s, kc_consume.fields);
    bool ok = kc_pusher_open(&r->pusher, s->env->http->allow_callback, err) &&
              read_all(r, &stored, &listed, err);
    if (ok) {
        r->env = (struct kc_subscription_env){ .pusher = r->pusher,
                                               .credentials = s->env->step.credentials,
                                               .total = kc_metrics_tally(s, KC_WAY_PUSH),
                                               .lags = kc_metrics_lags(s),
                                               .paused = wake,
                                               .ended = wake,
                                               .arg = r };
        kc_subscriptions_start_all(r, &stored, false);
        kc_subscriptions_start_all(r, &listed, true);
        kc_thread_start(&r->keeper, "kc-keeper", keep, r);
        r->has_keeper = true;
        if (s->env->http->subscriptions_file)
            kc_shutdown_on_reload(on_reload, r);
    }
    kc_spec_list_deinit(&stored);
    kc_spec_list_deinit(&listed);
    return ok;
}

const struct kc_room kc_subscriptions_room = { open_, stop_, close_ };
