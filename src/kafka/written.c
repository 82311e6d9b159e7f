// SPDX-License-Identifier: Apache-2.0
#include "kafka/written.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16

void kc_written_deinit(struct kc_written_table *t)
{
    free(t->list);
    free(t->buckets);
    memset(t, 0, sizeof(*t));
}

static size_t hash(const char *topic, int32_t partition)
{
    uint32_t h = (uint32_t)partition * 2654435761u;
    for (; *topic; topic++)
        h = (h ^ (unsigned char)*topic) * 16777619u;
    return h ^ h >> 15;
}

/* The bucket where the row is, or would go. */
static uint32_t *find(const struct kc_written_table *t, const char *topic, int32_t partition)
{
    size_t mask = t->bucket_count - 1;
    for (size_t i = hash(topic, partition) & mask;; i = (i + 1) & mask) {
        if (t->buckets[i] == 0)
            return &t->buckets[i];
        const struct kc_written *row = &t->list[t->buckets[i] - 1];
        if (row->partition == partition &&
            (row->topic == topic || strcmp(row->topic, topic) == 0))
            return &t->buckets[i];
    }
}

static void grow(struct kc_written_table *t)
{
    t->bucket_count = t->bucket_count ? t->bucket_count * 2 : FIRST_BUCKETS;
    free(t->buckets);
    t->buckets = kc_new0_array(uint32_t, t->bucket_count);
    t->list = kc_realloc(t->list, t->bucket_count / 2, sizeof(*t->list));
    for (size_t i = 0; i < t->count; i++)
        *find(t, t->list[i].topic, t->list[i].partition) = (uint32_t)i + 1;
}

struct kc_written *kc_written_row(struct kc_written_table *t, const char *topic,
                                  int32_t partition)
{
    if (t->count >= t->bucket_count / 2)
        grow(t);
    uint32_t *bucket = find(t, topic, partition);
    if (*bucket == 0) {
        t->list[t->count] =
            (struct kc_written){ topic, partition, KC_NO_OFFSET, KC_NO_TIME, KC_NO_OFFSET };
        *bucket = (uint32_t)++t->count;
    }
    return &t->list[*bucket - 1];
}
