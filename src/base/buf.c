// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256

void kc_buf_init(struct kc_buf *b, size_t max_bytes)
{
    *b = (struct kc_buf){ .max = max_bytes };
}

void kc_buf_deinit(struct kc_buf *b)
{
    free(b->data);
    kc_buf_init(b, b->max);
}

void kc_buf_clear(struct kc_buf *b)
{
    b->len = 0;
    b->is_full = false;
}

char *kc_buf_reserve(struct kc_buf *b, size_t len)
{
    if (b->is_full || len > b->max - b->len) {
        b->is_full = true;
        return NULL;
    }
    size_t wanted = b->len + len;
    if (wanted > b->cap || !b->data) {
        size_t cap = b->cap ? b->cap : FIRST_BYTES;
        while (cap < wanted)
            cap *= 2;
        b->data = kc_realloc(b->data, cap, 1);
        b->cap = cap;
    }
    return b->data + b->len;
}

bool kc_buf_append(struct kc_buf *b, const void *p, size_t len)
{
    char *room = kc_buf_reserve(b, len);
    if (!room)
        return false;
    if (len)
        memcpy(room, p, len);
    b->len += len;
    return true;
}

bool kc_buf_text(struct kc_buf *b, struct kc_text t)
{
    return kc_buf_append(b, t.p, t.len);
}

bool kc_buf_puts(struct kc_buf *b, const char *s)
{
    return kc_buf_append(b, s, strlen(s));
}

bool kc_buf_printf(struct kc_buf *b, const char *fmt, ...)
{
    va_list args, again;
    size_t left = b->is_full || b->cap > b->max ? 0 : b->cap - b->len;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(left > 0 ? b->data + b->len : NULL, left, fmt, args);
    char *room = len < 0 ? NULL : kc_buf_reserve(b, (size_t)len + 1);
    if (room && (size_t)len >= left) /* it did not fit */
        vsnprintf(room, (size_t)len + 1, fmt, again);
    if (room)
        b->len += (size_t)len;
    va_end(again);
    va_end(args);
    return room != NULL;
}

void kc_buf_consume(struct kc_buf *b, size_t len)
{
    if (len < b->len)
        memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

struct kc_text kc_buf_peek(const struct kc_buf *b)
{
    return (struct kc_text){ b->data ? b->data : "", b->len };
}

char *kc_buf_take(struct kc_buf *b)
{
    char *data = kc_realloc(b->data, b->len + 1, 1);
    data[b->len] = '\0';
    kc_buf_init(b, b->max);
    return data;
}
