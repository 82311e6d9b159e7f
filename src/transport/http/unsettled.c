// SPDX-License-Identifier: Apache-2.0
#include "transport/http/unsettled.h"

#include "base/alloc.h"

#include <stdlib.h>

#define FIRST_SIZE 64

static struct kc_unsettled_message *at(const struct kc_unsettled *u, size_t i)
{
    return &u->ring[i & (u->size - 1)];
}

static void grow(struct kc_unsettled *u)
{
    struct kc_unsettled larger = *u;
    larger.size = u->size ? u->size * 2 : FIRST_SIZE;
    larger.ring = kc_new0_array(struct kc_unsettled_message, larger.size);
    for (size_t i = u->front; i != u->next; i++)
        *at(&larger, i) = *at(u, i);
    free(u->ring);
    *u = larger;
}

static void take(struct kc_unsettled *u, uint64_t tag)
{
    if (u->tag_count == u->tag_size) {
        u->tag_size = u->tag_size ? u->tag_size * 2 : FIRST_SIZE;
        u->tags = kc_realloc(u->tags, u->tag_size, sizeof(*u->tags));
    }
    u->tags[u->tag_count++] = tag;
}

void kc_unsettled_deinit(struct kc_unsettled *u)
{
    free(u->ring);
    free(u->tags);
    *u = (struct kc_unsettled){ .ring = NULL };
}

void kc_unsettled_add(struct kc_unsettled *u, uint64_t end, int32_t partition, int64_t last,
                      uint64_t tag)
{
    if (kc_unsettled_is_full(u))
        grow(u);
    *at(u, u->next++) = (struct kc_unsettled_message){ end, last, tag, partition };
}

bool kc_unsettled_is_full(const struct kc_unsettled *u)
{
    return u->next - u->front == u->size;
}

void kc_unsettled_drop(struct kc_unsettled *u, bool (*is_awaited)(void *arg, uint64_t tag),
                       void *arg)
{
    size_t kept = u->front;
    for (size_t i = u->front; i != u->next; i++) {
        if (is_awaited(arg, at(u, i)->tag))
            *at(u, kept++) = *at(u, i);
    }
    u->next = kept;
}

void kc_unsettled_take_written(struct kc_unsettled *u, uint64_t bytes)
{
    while (u->front != u->next && at(u, u->front)->end <= bytes)
        take(u, at(u, u->front++)->tag);
}

/* A cursor covers a run from the front, but for messages of partitions that went meanwhile:
 * those it does not know, and nobody waits for them. So all are looked at. */
void kc_unsettled_take_up_to(struct kc_unsettled *u, const struct kc_positions *positions)
{
    size_t kept = u->front;
    for (size_t i = u->front; i != u->next; i++) {
        const struct kc_unsettled_message *m = at(u, i);
        const struct kc_position *p = kc_positions_find(positions, m->partition);
        if (p && m->last < p->offset)
            take(u, m->tag);
        else
            *at(u, kept++) = *m;
    }
    u->next = kept;
}
