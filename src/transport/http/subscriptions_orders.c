// SPDX-License-Identifier: Apache-2.0
/* subscriptions_orders.c - what requests ask for, on the keeper's thread. */
#include "transport/http/subscriptions_private.h"

#include "base/alloc.h"
#include "base/log.h"
#include "runtime/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH       "/v1/triggers/consume/subscriptions"
#define OPEN_MS    5000 /* to open a consumer, which asks nobody */
#define BY_REQUEST "paused by a request"

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
void kc_held_store_change(struct kc_subscriptions *r, struct kc_held *h)
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

/* --- orders --- */

static void show(struct kc_held *h, int status, struct kc_exchange *x)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_subscription_show(h, &out);
    kc_exchange_reply(x, status, "application/json", &out);
}

void kc_subscriptions_refuse(struct kc_exchange *x, enum kc_code code, const char *text)
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
        kc_subscriptions_refuse(x, KC_NOT_FOUND, "there is no subscription of that id");
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
        kc_subscriptions_refuse(
            x, KC_FORBIDDEN, "this server takes no credentials from requests: leave them out");
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
    struct kc_held *h = kc_held_start(r, spec, false);
    const char *id = kc_subscription_spec(h->subscription)->id;
    if (kc_subscription_opened(h->subscription, OPEN_MS, &err)) {
        set_location(x, id);
        show(h, 201, x);
        return;
    }
    if (r->store && !kc_store_remove(r->store, id, &again))
        kc_log(KC_ERROR, "subscription_not_removed", KC_E(&again));
    kc_held_send_away(r, h, 0);
    kc_held_let_go(r, h);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

void kc_order_subscribe(struct kc_subscriptions *r, struct kc_exchange *x)
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
        kc_subscriptions_refuse(
            x, KC_CONFLICT,
            h->is_from_file
                ? "a subscription of that id stands in the file of --subscriptions, with other "
                  "settings: change it there and send SIGHUP"
                : "a subscription of that id is there, with other settings: delete it first");
    } else if (kc_held_count(r) >= KC_SUBSCRIPTIONS_MAX) {
        kc_subscriptions_refuse(x, KC_TOO_MANY,
                                "there are as many subscriptions as this server takes");
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

void kc_order_pause(struct kc_subscriptions *r, struct kc_exchange *x)
{
    pause_or_resume(r, x, true);
}

void kc_order_resume(struct kc_subscriptions *r, struct kc_exchange *x)
{
    pause_or_resume(r, x, false);
}

void kc_order_unsubscribe(struct kc_subscriptions *r, struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    struct kc_held *h = find_or_refuse(r, x);
    if (!h)
        return;
    if (h->is_from_file) {
        kc_subscriptions_refuse(
            x, KC_CONFLICT,
            "it stands in the file of --subscriptions: remove it there and send SIGHUP");
    } else if (r->store &&
               !kc_store_remove(r->store, kc_subscription_spec(h->subscription)->id, &err)) {
        kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    } else {
        h->leaving = x; /* answered when it has committed and left its group */
        kc_held_send_away(r, h, KC_SUBSCRIPTION_LEAVE_MS);
    }
}
