// SPDX-License-Identifier: Apache-2.0
/* push.h - a subscription whose records come to a stub. */
#ifndef TESTS_SUPPORT_PUSH_H
#define TESTS_SUPPORT_PUSH_H

#include "support/component.h"
#include "support/serve.h"
#include "support/stub.h"

#define SUBSCRIPTIONS "/v1/triggers/consume/subscriptions"

struct push {
    struct stub *stub;
    const char *topic, *group;
    char id[64];
    char path[160];       /* of the subscription */
    struct serve *server; /* where it was subscribed first */
};

/* A topic of its own, a group and a stub; push_tidy() is the test's teardown. */
struct push push_prepare(int partitions);
int push_tidy(void **state);

/* config and more: further members, JSON with ', each after a comma. */
void push_subscribe(struct push *p, struct serve *s, const char *config, const char *more);
json_t *push_show(const struct push *p); /* the caller's */
void push_unsubscribe(const struct push *p);

#endif
