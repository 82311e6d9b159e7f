// SPDX-License-Identifier: Apache-2.0
/* subscriptions.h - consume, pushed to callbacks: what can be created, looked at, paused and
 * deleted at /v1/triggers/consume/subscriptions, or stands in the operator's file.
 *
 * With --state a subscription that was created is stored before its creation is answered, and
 * starts again with the server. Those of --subscriptions belong to the file: SIGHUP reads it
 * again, and requests may only pause and resume them. */
#ifndef KC_TRANSPORT_HTTP_SUBSCRIPTIONS_H
#define KC_TRANSPORT_HTTP_SUBSCRIPTIONS_H

#include "transport/http/service.h"
#include "transport/webhook/subscription.h"

#define KC_SUBSCRIPTIONS_MAX 100

/* Routes. The first {word} is the id. */
void kc_route_subscribe(struct kc_service *s, struct kc_exchange *x);
void kc_route_subscriptions(struct kc_service *s, struct kc_exchange *x);
void kc_route_subscription(struct kc_service *s, struct kc_exchange *x);
void kc_route_pause(struct kc_service *s, struct kc_exchange *x);
void kc_route_resume(struct kc_service *s, struct kc_exchange *x);
void kc_route_unsubscribe(struct kc_service *s, struct kc_exchange *x);

/* For metrics: each subscription that is there. Any thread; fn must not block. NULL is fine. */
void kc_subscriptions_each(struct kc_subscriptions *r,
                           void (*fn)(void *arg, const struct kc_spec *spec,
                                      const struct kc_subscription_status *status,
                                      const struct kc_tally *tally),
                           void *arg);

#endif
