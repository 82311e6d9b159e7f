// SPDX-License-Identifier: Apache-2.0
#include "transport/lines.h"

#include "base/alloc.h"
#include "runtime/json.h"

#include <string.h>

#define READ_BYTES ((size_t)64 * 1024)

void kc_lines_init(struct kc_lines *l, size_t line_max_bytes)
{
    *l = (struct kc_lines){ .max = line_max_bytes };
    kc_buf_init(&l->buf, KC_BUF_UNBOUNDED); /* bounded by max: see forget_long_head() */
}

void kc_lines_deinit(struct kc_lines *l)
{
    kc_buf_deinit(&l->buf);
}

static void forget_long_head(struct kc_lines *l)
{
    if (l->scanned <= l->max)
        return;
    l->is_long = true;
    kc_buf_clear(&l->buf);
    l->start = l->scanned = 0;
}

char *kc_lines_room(struct kc_lines *l, size_t *len)
{
    kc_buf_consume(&l->buf, l->start);
    l->start = 0;
    *len = READ_BYTES;
    return kc_buf_reserve(&l->buf, READ_BYTES);
}

void kc_lines_add(struct kc_lines *l, size_t len)
{
    l->buf.len += len;
}

bool kc_lines_next(struct kc_lines *l, bool is_end, struct kc_line *line)
{
    const char *from = l->buf.data + l->start;
    size_t available = l->buf.len - l->start;
    const char *newline =
        available > l->scanned ? memchr(from + l->scanned, '\n', available - l->scanned) : NULL;
    size_t len = newline ? (size_t)(newline - from) : available;
    l->scanned = len;
    if (!newline && (!is_end || (len == 0 && !l->is_long))) {
        forget_long_head(l);
        return false;
    }

    line->number = ++l->number;
    line->is_too_long = l->is_long || len > l->max;
    line->text = line->is_too_long ? KC_NO_TEXT : (struct kc_text){ from, len };
    l->start += len + (newline != NULL);
    l->scanned = 0;
    l->is_long = false;
    return true;
}

bool kc_line_is_blank(struct kc_text line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (!strchr(" \t\r", line.p[i]))
            return false;
    }
    return true;
}

char *kc_line_copy(struct kc_text line)
{
    char *copy = kc_realloc(NULL, line.len + KC_JSON_PADDING, 1);
    memcpy(copy, line.p, line.len);
    memset(copy + line.len, 0, KC_JSON_PADDING);
    return copy;
}
