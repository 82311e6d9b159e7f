// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/seen.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define OWED_MS    300000 /* two missed heartbeats of a minute each, and some */
#define OWED_EXTRA 16

struct answered {
    uint64_t hash;
    uint32_t generation;
    enum kc_answer answer;
    bool was_written;
    int64_t at_ms;
};

struct kc_seen {
    uint64_t salt;
    struct kc_delivery *first; /* of those out */
    size_t out;
    size_t prefetch;
    struct answered *sent; /* a ring of `prefetch`: the last ones of this connection */
    size_t sent_first, sent_count;
    struct answered *owed; /* of former connections, oldest first */
    size_t owed_count, owed_room;
};

struct kc_seen *kc_seen_new(int prefetch)
{
    struct kc_seen *s = kc_new0(struct kc_seen);
    if (getrandom(&s->salt, sizeof(s->salt), 0) != (ssize_t)sizeof(s->salt))
        s->salt = (uint64_t)kc_now_us();
    s->prefetch = (size_t)prefetch;
    s->sent = kc_new0_array(struct answered, s->prefetch);
    s->owed_room = 2 * s->prefetch + OWED_EXTRA;
    s->owed = kc_new0_array(struct answered, s->owed_room);
    return s;
}

void kc_seen_free(struct kc_seen *s)
{
    if (!s)
        return;
    free(s->sent);
    free(s->owed);
    free(s);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t add_text(uint64_t hash, struct kc_text t)
{
    if (!t.p)
        return mix(hash, UINT64_MAX);
    hash = mix(hash, t.len);
    for (size_t at = 0; at < t.len; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t len = t.len - at;
        memcpy(&word, t.p + at, len < sizeof(word) ? len : sizeof(word));
        hash = mix(hash, word);
    }
    return hash;
}

uint64_t kc_seen_hash(const struct kc_seen *s, struct kc_text id, struct kc_text body)
{
    return add_text(add_text(s->salt, id), body);
}

/* --- those out --- */

void kc_seen_add(struct kc_seen *s, struct kc_delivery *d)
{
    d->previous = NULL;
    d->next = s->first;
    if (s->first)
        s->first->previous = d;
    s->first = d;
    s->out++;
}

void kc_seen_remove(struct kc_seen *s, struct kc_delivery *d)
{
    if (d->previous)
        d->previous->next = d->next;
    else
        s->first = d->next;
    if (d->next)
        d->next->previous = d->previous;
    d->next = d->previous = NULL;
    s->out--;
}

size_t kc_seen_out(const struct kc_seen *s)
{
    return s->out;
}

/* --- answers --- */

static struct answered entry_of(const struct kc_delivery *d, bool was_written)
{
    return (struct answered){ d->hash, d->generation, d->answer, was_written, kc_now_ms() };
}

static void forget(struct kc_seen *s, size_t i)
{
    s->owed_count--;
    memmove(&s->owed[i], &s->owed[i + 1], (s->owed_count - i) * sizeof(*s->owed));
}

static void owe(struct kc_seen *s, struct answered entry)
{
    int64_t now = kc_now_ms();
    size_t old = 0;
    while (old < s->owed_count && now - s->owed[old].at_ms > OWED_MS)
        old++;
    if (old == 0 && s->owed_count == s->owed_room)
        old = 1;
    s->owed_count -= old;
    memmove(s->owed, s->owed + old, s->owed_count * sizeof(*s->owed));
    entry.at_ms = now;
    s->owed[s->owed_count++] = entry;
}

void kc_seen_sent(struct kc_seen *s, const struct kc_delivery *d)
{
    if (s->sent_count == s->prefetch) { /* the oldest has arrived */
        s->sent_first = (s->sent_first + 1) % s->prefetch;
        s->sent_count--;
    }
    s->sent[(s->sent_first + s->sent_count++) % s->prefetch] = entry_of(d, true);
}

void kc_seen_owed(struct kc_seen *s, const struct kc_delivery *d)
{
    owe(s, entry_of(d, false));
}

void kc_seen_broke(struct kc_seen *s)
{
    for (; s->sent_count > 0; s->sent_count--) {
        owe(s, s->sent[s->sent_first]);
        s->sent_first = (s->sent_first + 1) % s->prefetch;
    }
}

size_t kc_seen_unwritten(const struct kc_seen *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->owed_count; i++)
        count += !s->owed[i].was_written;
    return count;
}

/* --- again --- */

enum kc_seen_as kc_seen_match(struct kc_seen *s, const struct kc_delivery *d,
                              enum kc_answer *answer)
{
    for (struct kc_delivery *out = s->first; out; out = out->next) {
        if (out->hash != d->hash || out->generation == d->generation)
            continue;
        out->tag = d->tag;
        out->generation = d->generation;
        return KC_SEEN_OUT;
    }
    for (size_t i = 0; i < s->owed_count; i++) {
        const struct answered *a = &s->owed[i];
        if (a->hash != d->hash || a->generation == d->generation)
            continue;
        *answer = a->answer;
        forget(s, i);
        return KC_SEEN_ANSWERED;
    }
    return KC_SEEN_NEVER;
}
