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
#include "runtime/message.h"
#include "runtime/shutdown.h"
#include "transport/http/metrics.h"
#include "transport/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX 64
#define PATH       "/v1/triggers/consume/subscriptions"
#define WAIT_MS    1000
#define OPEN_MS    5000 /* to open a consumer, which asks nobody */
#define LEAVE_MS   5000 /* for what is on the wire when a subscription is removed */

#define BY_REQUEST "paused by a request"

/* --- the list --- */

struct kc_held *kc_subscriptions_find(struct kc_subscriptions *r, const char *id)
{
    for (struct kc_held *h = r->held; h; h = h->next) {
        if (!h->is_leaving && strcmp(kc_subscription_spec(h->subscription)->id, id) == 0)
            return h;
    }
    return NULL;
}

static size_t count(const struct kc_subscriptions *r)
{
    size_t n = 0;
    for (const struct kc_held *h = r->held; h; h = h->next)
        n++;
    return n;
}

static struct kc_held *start(struct kc_subscriptions *r, struct kc_spec *spec,
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

static void send_away(struct kc_subscriptions *r, struct kc_held *h, int drain_ms)
{
    pthread_mutex_lock(&r->lock);
    h->is_leaving = true;
    pthread_mutex_unlock(&r->lock);
    kc_subscription_stop(h->subscription, drain_ms);
}

/* Waits for its end. */
static void let_go(struct kc_subscriptions *r, struct kc_held *h)
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

/* --- storing --- */

static bool store(struct kc_subscriptions *r, const struct kc_spec *spec, bool is_paused,
                  const char *reason, struct kc_error *err)
{
    struct kc_buf text;
    if (!r->store)
        return true;
    struct kc_spec as_it_is = *spec;
    as_it_is.is_paused = is_paused;
    as_it_is.reason = is_paused ? (char *)(uintptr_t)reason : NULL;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_spec_print(&as_it_is, &text);
    bool ok = kc_store_put(r->store, spec->id, kc_buf_peek(&text), err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    kc_buf_deinit(&text);
    if (!ok)
        kc_error_wrap(err, "store subscription '%s'", spec->id);
    return ok;
}

/* A pause that the receiver caused cannot be refused: it is stored as soon as that works. */
static void store_change(struct kc_subscriptions *r, struct kc_held *h)
{
    struct kc_error err = { 0 };
    struct kc_subscription_status *st = kc_new0(struct kc_subscription_status);
    kc_subscription_status(h->subscription, st);
    bool ok = h->is_from_file || store(r, kc_subscription_spec(h->subscription),
                                       st->delivery.is_paused, st->delivery.reason, &err);
    if (!ok && !h->must_store)
        kc_log(KC_ERROR, "subscription_not_stored", KC_E(&err));
    h->must_store = !ok;
    free(st);
}

/* --- orders: on the keeper --- */

static void show(struct kc_held *h, int status, struct kc_exchange *x)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_subscription_show(h, &out);
    kc_exchange_reply(x, status, "application/json", &out);
}

static void refuse(struct kc_exchange *x, enum kc_code code, const char *text)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, code, 0, "%s", text);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

/* The subscription that the path names; otherwise the request is answered. */
static struct kc_held *find_or_refuse(struct kc_subscriptions *r, struct kc_exchange *x)
{
    struct kc_held *h = kc_subscriptions_find(r, kc_exchange_word(x, 0));
    if (!h)
        refuse(x, KC_NOT_FOUND, "there is no subscription of that id");
    return h;
}

static bool read_spec(struct kc_subscriptions *r, struct kc_exchange *x, struct kc_spec *spec)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    const struct kc_http_options *o = r->service->env->http;
    const char *name, *value;
    size_t len;
    char *text = kc_exchange_take_body(x, &len);
    struct kc_doc *query = kc_doc_new();
    for (size_t i = 0; kc_exchange_query(x, i, &name, &value); i++)
        kc_doc_put(query, name, value);
    const struct kc_spec_rules rules = {
        .start_config = r->start_config,
        .over_config = query,
        .allow = o->allow_callback,
    };
    struct kc_doc *doc = kc_doc_parse((struct kc_text){ text, len }, &err);
    bool ok = doc != NULL, is_forbidden = false;
    explicit_bzero(text, len);
    free(text);
    kc_faults_init(&faults);
    if (doc && o->no_request_credentials && !kc_doc_is_null(doc, "credentials"))
        is_forbidden = true;
    if (is_forbidden)
        refuse(x, KC_FORBIDDEN,
               "this server takes no credentials from requests: leave them out");
    else if (!ok)
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    else if (!(ok = kc_spec_read(spec, doc, &rules, &faults)))
        kc_exchange_refuse(x, KC_CONFIG, &faults);
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    kc_doc_free(query);
    return ok && !is_forbidden;
}

static void set_location(struct kc_exchange *x, const char *id)
{
    char location[sizeof(PATH) + KC_STORE_NAME_MAX + 2];
    snprintf(location, sizeof(location), PATH "/%s", id);
    kc_exchange_set_header(x, "Location", location);
}

static void start_new(struct kc_subscriptions *r, struct kc_exchange *x, struct kc_spec *spec)
{
    struct kc_error err = { 0 }, again = { 0 };
    if (!store(r, spec, false, NULL, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
        return;
    }
    struct kc_held *h = start(r, spec, false);
    const char *id = kc_subscription_spec(h->subscription)->id;
    if (kc_subscription_opened(h->subscription, OPEN_MS, &err)) {
        set_location(x, id);
        show(h, 201, x);
        return;
    }
    if (r->store && !kc_store_remove(r->store, id, &again))
        kc_log(KC_ERROR, "subscription_not_removed", KC_E(&again));
    send_away(r, h, 0);
    let_go(r, h);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

static void subscribe(struct kc_subscriptions *r, struct kc_exchange *x)
{
    struct kc_spec spec = { 0 };
    struct kc_held *h;
    char id[KC_ID_SIZE];
    if (!read_spec(r, x, &spec)) {
        kc_spec_deinit(&spec);
        return;
    }
    if (!spec.id) {
        kc_message_id(id);
        spec.id = kc_strdup(id);
    }
    if ((h = kc_subscriptions_find(r, spec.id)) &&
        kc_spec_is_same(&spec, kc_subscription_spec(h->subscription))) {
        set_location(x, spec.id);
        show(h, 200, x);
    } else if (h) {
        refuse(x, KC_CONFLICT,
               "a subscription of that id is there, with other settings: delete it first");
    } else if (count(r) >= KC_SUBSCRIPTIONS_MAX) {
        refuse(x, KC_TOO_MANY, "there are as many subscriptions as this server takes");
    } else {
        start_new(r, x, &spec);
    }
    kc_spec_deinit(&spec);
}

static void pause_or_resume(struct kc_subscriptions *r, struct kc_exchange *x, bool is_paused)
{
    struct kc_error err = { 0 };
    struct kc_held *h = find_or_refuse(r, x);
    if (!h)
        return;
    if (!h->is_from_file && !store(r, kc_subscription_spec(h->subscription), is_paused,
                                   is_paused ? BY_REQUEST : NULL, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
        return;
    }
    h->must_store = false;
    if (is_paused)
        kc_subscription_pause(h->subscription, BY_REQUEST);
    else
        kc_subscription_resume(h->subscription);
    kc_log(KC_INFO, is_paused ? "subscription_paused" : "subscription_resumed",
           KC_S("subscription", kc_subscription_spec(h->subscription)->id));
    show(h, 200, x);
}

static void pause_(struct kc_subscriptions *r, struct kc_exchange *x)
{
    pause_or_resume(r, x, true);
}

static void resume(struct kc_subscriptions *r, struct kc_exchange *x)
{
    pause_or_resume(r, x, false);
}

static void unsubscribe(struct kc_subscriptions *r, struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    struct kc_held *h = find_or_refuse(r, x);
    if (!h)
        return;
    if (h->is_from_file) {
        refuse(x, KC_CONFLICT,
               "it stands in the file of --subscriptions: remove it there and send SIGHUP");
    } else if (r->store &&
               !kc_store_remove(r->store, kc_subscription_spec(h->subscription)->id, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    } else {
        h->leaving = x; /* answered when it has committed and left its group */
        send_away(r, h, LEAVE_MS);
    }
}

/* --- the file again --- */

static const struct kc_spec *find_spec(const struct kc_spec_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->specs[i].id && strcmp(list->specs[i].id, id) == 0)
            return &list->specs[i];
    }
    return NULL;
}

/* Those of the file that are not in it any more, or not so, go first: a member that takes the
 * place of one that is still there would only get its records twice. */
static void remove_changed(struct kc_subscriptions *r, const struct kc_spec_list *list)
{
    struct kc_held *next;
    for (struct kc_held *h = r->held; h; h = h->next) {
        const struct kc_spec *old = kc_subscription_spec(h->subscription);
        const struct kc_spec *new = find_spec(list, old->id);
        if (h->is_from_file && !h->is_leaving && (!new || !kc_spec_is_same(old, new)))
            send_away(r, h, LEAVE_MS);
    }
    for (struct kc_held *h = r->held; h; h = next) {
        next = h->next;
        if (h->is_from_file && h->is_leaving)
            let_go(r, h);
    }
}

static void check_against_others(struct kc_subscriptions *r, const struct kc_spec_list *list,
                                 struct kc_faults *faults)
{
    size_t others = 0;
    for (const struct kc_held *h = r->held; h; h = h->next) {
        const struct kc_spec *spec = kc_subscription_spec(h->subscription);
        if (h->is_from_file || h->is_leaving)
            continue;
        others++;
        if (find_spec(list, spec->id))
            kc_faults_add(faults, "", "'%s' was created by a request: delete it there first",
                          spec->id);
    }
    if (others + list->count > KC_SUBSCRIPTIONS_MAX)
        kc_faults_add(faults, "", "more than %d subscriptions in all", KC_SUBSCRIPTIONS_MAX);
}

static void start_all(struct kc_subscriptions *r, struct kc_spec_list *list, bool is_from_file)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!kc_subscriptions_find(r, list->specs[i].id))
            start(r, &list->specs[i], is_from_file);
    }
}

static void log_faults(const struct kc_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        kc_log(KC_ERROR, "subscriptions_fault", KC_S("pointer", faults->list[i].pointer),
               KC_S("fault", faults->list[i].text));
}

static void reload(struct kc_subscriptions *r)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_spec_list list = { NULL, 0 };
    kc_faults_init(&faults);
    if (kc_subscriptions_read_file(r, &list, &faults, &err))
        check_against_others(r, &list, &faults);
    if (err.code != KC_NONE || faults.count > 0) {
        log_faults(&faults);
        kc_log(KC_ERROR, "reload_failed",
               KC_S("file", r->service->env->http->subscriptions_file), KC_E(&err));
    } else {
        remove_changed(r, &list);
        start_all(r, &list, true);
        kc_log(KC_INFO, "reloaded", KC_S("file", r->service->env->http->subscriptions_file),
               KC_I("subscriptions", list.count));
    }
    kc_spec_list_deinit(&list);
    kc_faults_deinit(&faults);
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
            store_change(r, h);
        if (h->is_leaving && kc_subscription_has_ended(h->subscription))
            let_go(r, h);
    }
}

static void obey(struct kc_subscriptions *r, struct kc_order *order)
{
    if (atomic_load(&r->service->is_stopping))
        refuse(order->x, KC_STOPPED, "the server is stopping");
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
            reload(r);
        look_after_all(r);
    }
    while (r->held)
        let_go(r, r->held);
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
        refuse(x, KC_TOO_MANY, "too many changes of subscriptions wait for their turn");
    }
}

void kc_route_subscribe(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, subscribe);
}

void kc_route_pause(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, pause_);
}

void kc_route_resume(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, resume);
}

void kc_route_unsubscribe(struct kc_service *s, struct kc_exchange *x)
{
    give_order(s, x, unsubscribe);
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
        refuse(x, KC_NOT_FOUND, "there is no subscription of that id");
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
        if (find_spec(listed, stored->specs[i].id))
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
        start_all(r, &stored, false);
        start_all(r, &listed, true);
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
