// SPDX-License-Identifier: Apache-2.0
/* ticket_cache.c - the file is a header, the principal whose tickets these are, and a row of
 * credentials; numbers are big-endian, and every text has its length in front. */
#include "kafka/ticket_cache.h"

#include <string.h>

#define VERSION 0x0504

struct cursor {
    const unsigned char *at, *end;
    bool is_short; /* something was read beyond the end: nothing counts any more */
};

static const unsigned char *skip(struct cursor *c, uint64_t size)
{
    const unsigned char *from = c->at;
    if (c->is_short || size > (uint64_t)(c->end - c->at)) {
        c->is_short = true;
        return NULL;
    }
    c->at += size;
    return from;
}

static uint32_t number(struct cursor *c, int size)
{
    const unsigned char *p = skip(c, (uint64_t)size);
    uint32_t n = 0;
    for (int i = 0; p && i < size; i++)
        n = n << 8 | p[i];
    return n;
}

static struct kc_text text(struct cursor *c)
{
    uint32_t len = number(c, 4);
    const unsigned char *p = skip(c, len);
    return p ? (struct kc_text){ (const char *)p, len } : KC_NO_TEXT;
}

/* Type, realm and parts; the first part goes to *first. */
static void principal(struct cursor *c, struct kc_text *first)
{
    (void)number(c, 4);
    uint32_t count = number(c, 4);
    (void)text(c); /* realm */
    *first = KC_NO_TEXT;
    for (uint32_t i = 0; i < count && !c->is_short; i++) {
        struct kc_text part = text(c);
        if (i == 0)
            *first = part;
    }
}

/* Addresses, or authorisation data: a count, and a type and a text each. */
static void list(struct cursor *c)
{
    uint32_t count = number(c, 4);
    for (uint32_t i = 0; i < count && !c->is_short; i++) {
        (void)number(c, 2);
        (void)text(c);
    }
}

bool kc_ticket_times(struct kc_text bytes, int64_t *start_s, int64_t *end_s)
{
    const unsigned char *start = (const unsigned char *)bytes.p;
    struct cursor c = { start, start + bytes.len, false };
    struct kc_text client, server;
    if (number(&c, 2) != VERSION)
        return false;
    (void)skip(&c, number(&c, 2)); /* tags, such as the clock's offset from the KDC's */
    principal(&c, &client);
    while (!c.is_short && c.at < c.end) {
        principal(&c, &client);
        principal(&c, &server);
        (void)number(&c, 2); /* the session key: its kind, and the key */
        (void)text(&c);
        uint32_t given_s = number(&c, 4), from_s = number(&c, 4), until_s = number(&c, 4);
        (void)number(&c, 4);   /* renewable until */
        (void)skip(&c, 1 + 4); /* whether its key is a session's, and flags */
        list(&c);
        list(&c);
        (void)text(&c); /* the ticket, and a second one */
        (void)text(&c);
        if (!c.is_short && kc_text_is(server, "krbtgt")) {
            *start_s = from_s ? from_s : given_s;
            *end_s = until_s;
            return *end_s > *start_s;
        }
    }
    return false;
}
