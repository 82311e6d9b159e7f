// SPDX-License-Identifier: Apache-2.0
/* subscriptions_private.h - what the files of the room share: subscriptions.c has the keeper
 * and its orders, subscriptions_orders.c obeys, subscriptions_load.c reads the operator's file
 * and the state folder, subscriptions_show.c makes the answers. */
#ifndef KC_TRANSPORT_HTTP_SUBSCRIPTIONS_PRIVATE_H
#define KC_TRANSPORT_HTTP_SUBSCRIPTIONS_PRIVATE_H

#include "transport/http/subscriptions.h"
#include "transport/webhook/store.h"

#include <pthread.h>

#define KC_SUBSCRIPTION_LEAVE_MS 5000 /* for what is on the wire when one is removed */

/* A subscription that is there, or that is on its way out. */
struct kc_held {
    struct kc_held *next;
    struct kc_subscription *subscription;
    bool is_from_file;
    bool is_leaving;
    bool must_store;             /* keeper only: a change that could not be stored yet */
    struct kc_exchange *leaving; /* keeper only: who asked for its end; NULL: nobody waits */
};

/* An order, from a request. */
struct kc_order {
    struct kc_order *next;
    void (*obey)(struct kc_subscriptions *r, struct kc_exchange *x);
    struct kc_exchange *x;
};

struct kc_subscriptions {
    struct kc_service *service;
    struct kc_pusher *pusher;
    struct kc_store *store;      /* keeper only; NULL: nothing is stored */
    struct kc_doc *start_config; /* what a subscription leaves out */
    struct kc_subscription_env env;
    pthread_t keeper;
    bool has_keeper;

    pthread_mutex_t lock; /* all below needs it; before a subscription's locks */
    pthread_cond_t wake;
    struct kc_held *held; /* only the keeper changes the list */
    struct kc_order *first, *last;
    size_t orders;
    bool is_woken;
    bool must_reload;
    bool is_stopping;
    bool is_closing;
};

/* A list of specs as they were read, for those who start them. */
struct kc_spec_list {
    struct kc_spec *specs;
    size_t count;
};

void kc_spec_list_deinit(struct kc_spec_list *list);

/* Adds what stands in the operator's file; all that is wrong is added to faults by pointers
 * into the file. err says what has no place in it. */
bool kc_subscriptions_read_file(struct kc_subscriptions *r, struct kc_spec_list *list,
                                struct kc_faults *faults, struct kc_error *err) KC_MUST_CHECK;

/* Adds what was stored. */
bool kc_subscriptions_read_store(struct kc_subscriptions *r, struct kc_spec_list *list,
                                 struct kc_error *err) KC_MUST_CHECK;

/* Appends a subscription as requests see it: no secrets. */
void kc_subscription_show(const struct kc_held *h, struct kc_buf *out);

/* --- on the keeper's thread, but for those that say otherwise --- */

/* Takes the spec over. */
struct kc_held *kc_held_start(struct kc_subscriptions *r, struct kc_spec *spec,
                              bool is_from_file);
void kc_held_send_away(struct kc_subscriptions *r, struct kc_held *h, int drain_ms);
void kc_held_let_go(struct kc_subscriptions *r, struct kc_held *h); /* waits for its end */
void kc_held_store_change(struct kc_subscriptions *r, struct kc_held *h);
size_t kc_held_count(const struct kc_subscriptions *r);

const struct kc_spec *kc_spec_list_find(const struct kc_spec_list *list, const char *id);
void kc_subscriptions_start_all(struct kc_subscriptions *r, struct kc_spec_list *list,
                                bool is_from_file);
void kc_subscriptions_reload(struct kc_subscriptions *r);

void kc_order_subscribe(struct kc_subscriptions *r, struct kc_exchange *x);
void kc_order_pause(struct kc_subscriptions *r, struct kc_exchange *x);
void kc_order_resume(struct kc_subscriptions *r, struct kc_exchange *x);
void kc_order_unsubscribe(struct kc_subscriptions *r, struct kc_exchange *x);

void kc_subscriptions_refuse(struct kc_exchange *x, enum kc_code code,
                             const char *text); /* any thread */
struct kc_held *kc_subscriptions_find(struct kc_subscriptions *r,
                                      const char *id); /* needs lock, but for the keeper */

#endif
