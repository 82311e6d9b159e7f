// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/alloc.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4096

struct kc_arena_block {
    struct kc_arena_block *older;
    size_t size, used;
    alignas(max_align_t) char data[];
};

void *kc_arena_alloc(struct kc_arena *a, size_t size)
{
    size_t aligned = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct kc_arena_block *b = a->blocks;
    if (!b || b->size - b->used < aligned) {
        size_t wanted = aligned > BLOCK_BYTES ? aligned : BLOCK_BYTES;
        b = kc_realloc(NULL, 1, sizeof(*b) + wanted);
        b->older = a->blocks;
        b->size = wanted;
        b->used = 0;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += aligned;
    return memset(p, 0, size);
}

void kc_arena_clear(struct kc_arena *a)
{
    struct kc_arena_block *kept = NULL;
    while (a->blocks) {
        struct kc_arena_block *b = a->blocks;
        a->blocks = b->older;
        if (!kept && b->size == BLOCK_BYTES) {
            kept = b;
            kept->older = NULL;
            kept->used = 0;
        } else {
            free(b);
        }
    }
    a->blocks = kept;
}

void kc_arena_deinit(struct kc_arena *a)
{
    kc_arena_clear(a);
    free(a->blocks);
    a->blocks = NULL;
}
