// SPDX-License-Identifier: Apache-2.0
#include "transport/pending.h"

#include "base/alloc.h"
#include "runtime/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct waiting {
    struct waiting *next;
    uint64_t tag;
    char id[KC_ID_SIZE];
};

struct kc_pending {
    pthread_mutex_t lock;
    struct waiting *buckets[BUCKETS];
};

struct kc_pending *kc_pending_new(void)
{
    struct kc_pending *p = kc_new0(struct kc_pending);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void kc_pending_free(struct kc_pending *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (p->buckets[i]) {
            struct waiting *w = p->buckets[i];
            p->buckets[i] = w->next;
            free(w);
        }
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct waiting **bucket_of(struct kc_pending *p, struct kc_text id)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.p[i]) * 16777619u;
    return &p->buckets[h % BUCKETS];
}

void kc_pending_add(struct kc_pending *p, const char *id, uint64_t tag)
{
    struct waiting *w = kc_new0(struct waiting);
    memcpy(w->id, id, KC_ID_SIZE);
    w->tag = tag;
    pthread_mutex_lock(&p->lock);
    struct waiting **bucket = bucket_of(p, kc_text(id));
    w->next = *bucket;
    *bucket = w;
    pthread_mutex_unlock(&p->lock);
}

bool kc_pending_take(struct kc_pending *p, struct kc_text id, uint64_t *tag)
{
    struct waiting *found = NULL;
    pthread_mutex_lock(&p->lock);
    for (struct waiting **at = bucket_of(p, id); *at; at = &(*at)->next) {
        if (!kc_text_is(id, (*at)->id))
            continue;
        found = *at;
        *at = found->next;
        break;
    }
    pthread_mutex_unlock(&p->lock);
    if (found)
        *tag = found->tag;
    free(found);
    return found != NULL;
}
