// SPDX-License-Identifier: Apache-2.0
#include "runtime/lags.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LAGS_MAX 10000 /* partitions; each is a few lines for whoever collects them */

struct owned {
    struct owned *next;
    const void *owner;
    char *group, *topic;
    struct kc_lag *list;
    size_t count;
};

struct kc_lags {
    pthread_mutex_t lock;
    struct owned *first; /* needs lock, as what follows */
    size_t total;
};

struct kc_lags *kc_lags_new(void)
{
    struct kc_lags *l = kc_new0(struct kc_lags);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void free_owned(struct owned *o)
{
    free(o->group);
    free(o->topic);
    free(o->list);
    free(o);
}

void kc_lags_free(struct kc_lags *l)
{
    if (!l)
        return;
    for (struct owned *o = l->first, *next; o; o = next) {
        next = o->next;
        free_owned(o);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* needs lock */
static void forget(struct kc_lags *l, const void *owner)
{
    for (struct owned **at = &l->first; *at; at = &(*at)->next) {
        struct owned *o = *at;
        if (o->owner != owner)
            continue;
        l->total -= o->count;
        *at = o->next;
        free_owned(o);
        return;
    }
}

static bool is_in(const struct kc_lag *list, size_t count, int32_t partition)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].partition == partition)
            return true;
    }
    return false;
}

/* A partition that has gone from one consumer to another is shown once. Needs lock. */
static void take_over(struct kc_lags *l, const char *group, const char *topic,
                      const struct kc_lag *list, size_t count)
{
    for (struct owned *o = l->first; o; o = o->next) {
        if (strcmp(o->group, group) != 0 || strcmp(o->topic, topic) != 0)
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < o->count; i++) {
            if (!is_in(list, count, o->list[i].partition))
                o->list[kept++] = o->list[i];
        }
        l->total -= o->count - kept;
        o->count = kept;
    }
}

void kc_lags_put(struct kc_lags *l, const void *owner, const char *group, const char *topic,
                 const struct kc_lag *list, size_t count)
{
    if (!l)
        return;
    group = group ? group : "";
    pthread_mutex_lock(&l->lock);
    forget(l, owner);
    take_over(l, group, topic, list, count);
    if (count > LAGS_MAX - l->total)
        count = LAGS_MAX - l->total;
    if (count > 0) {
        struct owned *o = kc_new0(struct owned);
        *o = (struct owned){ .next = l->first,
                             .owner = owner,
                             .group = kc_strdup(group),
                             .topic = kc_strdup(topic),
                             .list = kc_new0_array(struct kc_lag, count),
                             .count = count };
        memcpy(o->list, list, count * sizeof(*list));
        l->first = o;
        l->total += count;
    }
    pthread_mutex_unlock(&l->lock);
}

void kc_lags_each(struct kc_lags *l,
                  void (*see)(void *arg, const char *group, const char *topic,
                              const struct kc_lag *lag),
                  void *arg)
{
    pthread_mutex_lock(&l->lock);
    for (const struct owned *o = l->first; o; o = o->next) {
        for (size_t i = 0; i < o->count; i++)
            see(arg, o->group, o->topic, &o->list[i]);
    }
    pthread_mutex_unlock(&l->lock);
}
