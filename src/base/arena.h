// SPDX-License-Identifier: Apache-2.0
/* arena.h - small pieces of memory that live and die together. One thread at a time. */
#ifndef KC_BASE_ARENA_H
#define KC_BASE_ARENA_H

#include <stddef.h>

struct kc_arena_block;

struct kc_arena {
    struct kc_arena_block *blocks; /* newest first; a zeroed arena is a new one */
};

void *kc_arena_alloc(struct kc_arena *a, size_t size); /* zeroed, aligned for anything */
void kc_arena_clear(struct kc_arena *a);               /* keeps one block for the next round */
void kc_arena_deinit(struct kc_arena *a);

#endif
