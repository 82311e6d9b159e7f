// SPDX-License-Identifier: Apache-2.0
#include "kafka/window.h"

#include "base/alloc.h"

#include <stdlib.h>

#define FIRST_SIZE 16

void kc_window_init(struct kc_window *w)
{
    *w = (struct kc_window){ .position = -1 };
}

void kc_window_deinit(struct kc_window *w)
{
    free(w->ring);
    kc_window_init(w);
}

static struct kc_handed *at(const struct kc_window *w, uint32_t number)
{
    return &w->ring[number & (w->size - 1)];
}

static void grow(struct kc_window *w)
{
    struct kc_window larger = *w;
    larger.size = w->size ? w->size * 2 : FIRST_SIZE;
    larger.ring = kc_new0_array(struct kc_handed, larger.size);
    for (uint32_t n = w->front; n != w->next; n++)
        *at(&larger, n) = *at(w, n);
    free(w->ring);
    *w = larger;
}

uint32_t kc_window_push(struct kc_window *w, int64_t first, int64_t last, uint32_t records)
{
    if (w->next - w->front == w->size)
        grow(w);
    if (w->position < 0)
        w->position = first;
    *at(w, w->next) = (struct kc_handed){ first, last, records, KC_FATE_OPEN };
    return w->next++;
}

static void move_on(struct kc_window *w)
{
    while (w->front != w->next && at(w, w->front)->fate == KC_FATE_ACCEPTED)
        w->position = at(w, w->front++)->last + 1;
}

uint32_t kc_window_settle(struct kc_window *w, uint32_t number, bool is_accepted)
{
    if (number - w->front >= w->next - w->front || at(w, number)->fate != KC_FATE_OPEN)
        return 0;
    uint32_t records = at(w, number)->records;
    at(w, number)->fate = is_accepted ? KC_FATE_ACCEPTED : KC_FATE_REFUSED;
    move_on(w);
    return records;
}

const struct kc_handed *kc_window_refused(const struct kc_window *w)
{
    for (uint32_t n = w->front; n != w->next; n++) {
        if (at(w, n)->fate == KC_FATE_REFUSED)
            return at(w, n);
    }
    return NULL;
}

bool kc_window_is_open(const struct kc_window *w)
{
    for (uint32_t n = w->front; n != w->next; n++) {
        if (at(w, n)->fate == KC_FATE_OPEN)
            return true;
    }
    return false;
}

enum kc_seen kc_window_look(const struct kc_window *w, int64_t offset, uint32_t *number,
                            int64_t *last)
{
    if (w->front == w->next)
        return offset < w->position ? KC_KNOWN : KC_NEW;
    if (offset > at(w, w->next - 1)->last)
        return KC_NEW;
    for (uint32_t n = w->front; n != w->next; n++) {
        const struct kc_handed *h = at(w, n);
        if (offset >= h->first && offset <= h->last && h->fate == KC_FATE_REFUSED) {
            *number = n;
            *last = h->last;
            return KC_AGAIN;
        }
    }
    return KC_KNOWN;
}

void kc_window_skip(struct kc_window *w, int64_t low)
{
    for (uint32_t n = w->front; n != w->next; n++) {
        struct kc_handed *h = at(w, n);
        if (h->fate == KC_FATE_REFUSED && h->last < low)
            h->fate = KC_FATE_ACCEPTED;
        else if (h->fate == KC_FATE_REFUSED && h->first < low)
            h->first = low;
    }
    move_on(w);
}

uint32_t kc_window_open(const struct kc_window *w, uint64_t *records)
{
    uint32_t messages = 0;
    *records = 0;
    for (uint32_t n = w->front; n != w->next; n++) {
        if (at(w, n)->fate != KC_FATE_OPEN)
            continue;
        messages++;
        *records += at(w, n)->records;
    }
    return messages;
}

uint32_t kc_window_restart(struct kc_window *w, int64_t low, uint64_t *records)
{
    uint32_t messages = kc_window_open(w, records);
    w->front = w->next; /* numbers go on: a late answer finds none of the new ones */
    if (w->position >= 0)
        w->position = low;
    return messages;
}

void kc_window_again(struct kc_window *w, uint32_t number)
{
    at(w, number)->fate = KC_FATE_OPEN;
}
