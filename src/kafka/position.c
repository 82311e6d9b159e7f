// SPDX-License-Identifier: Apache-2.0
#include "kafka/position.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void kc_positions_free(struct kc_positions *p)
{
    free(p->list);
    *p = (struct kc_positions){ .list = NULL };
}

/* Where the partition is, or would be. */
static size_t place_of(const struct kc_positions *p, int32_t partition)
{
    size_t low = 0, high = p->count;
    if (p->count > 0 && p->list[p->count - 1].partition < partition)
        return p->count; /* as it is when they come in order */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->list[middle].partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kc_positions_put(struct kc_positions *p, int32_t partition, int64_t offset)
{
    size_t at = place_of(p, partition);
    if (at < p->count && p->list[at].partition == partition) {
        p->list[at].offset = offset;
        return;
    }
    if (p->count == p->size) {
        p->size = p->size ? p->size * 2 : 8;
        p->list = kc_realloc(p->list, p->size, sizeof(*p->list));
    }
    memmove(&p->list[at + 1], &p->list[at], (p->count - at) * sizeof(*p->list));
    p->list[at] = (struct kc_position){ partition, offset };
    p->count++;
}

struct kc_position *kc_positions_find(const struct kc_positions *p, int32_t partition)
{
    size_t at = place_of(p, partition);
    return at < p->count && p->list[at].partition == partition ? &p->list[at] : NULL;
}

void kc_positions_remove(struct kc_positions *p, int32_t partition)
{
    struct kc_position *found = kc_positions_find(p, partition);
    if (!found)
        return;
    size_t behind = (size_t)(p->list + p->count - (found + 1));
    memmove(found, found + 1, behind * sizeof(*found));
    p->count--;
}
