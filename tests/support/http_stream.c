// SPDX-License-Identifier: Apache-2.0
/* http_stream.c - answers and uploads bit by bit. */
#include "http_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLICE_BYTES 16384

int http_status(struct http *h, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!http_has_head(h)) {
        int64_t left = deadline - now_ms();
        if (h->is_over || left <= 0)
            http_fail(h, "no answer began before the deadline");
        http_move(h, left);
    }
    return (int)strtol(h->head.text + strcspn(h->head.text, " "), NULL, 10);
}

const char *http_head_text(struct http *h)
{
    return http_pile_rest(&h->head);
}

bool http_is_over(struct http *h)
{
    http_move(h, 0);
    return h->is_over && h->body.size == h->body.taken;
}

/* The next whole line that is there already. */
static const char *next_line(struct http *h)
{
    const char *start = http_pile_rest(&h->body);
    const char *newline = memchr(start, '\n', h->body.size - h->body.taken);
    if (!newline)
        return NULL;
    size_t length = (size_t)(newline - start);
    free(h->line);
    h->line = strndup(start, length);
    assert_non_null(h->line);
    h->body.taken += length + 1;
    return h->line;
}

enum patience {
    MUST_COME,
    MAY_COME,
    MAY_BREAK
};

static const char *wait_line(struct http *h, int wait_ms, enum patience patience)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        const char *line = next_line(h);
        if (line)
            return line;
        if (h->is_over && patience != MAY_BREAK && h->result != CURLE_OK)
            http_fail(h, "the answer broke off");
        if (h->is_over)
            return NULL;
        int64_t left = deadline - now_ms();
        if (left <= 0 && patience == MAY_COME)
            return NULL;
        if (left <= 0)
            http_fail(h, "no line came before the deadline");
        http_move(h, left);
    }
}

const char *http_line(struct http *h, int wait_ms)
{
    return wait_line(h, wait_ms, MUST_COME);
}

const char *http_line_if_any(struct http *h, int wait_ms)
{
    return wait_line(h, wait_ms, MAY_COME);
}

const char *http_line_until_cut(struct http *h, int wait_ms)
{
    return wait_line(h, wait_ms, MAY_BREAK);
}

json_t *http_event(struct http *h, int wait_ms)
{
    const char *line = http_line(h, wait_ms);
    return line ? event_parse(line) : NULL;
}

/* --- Server-sent events --- */

static void keep(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
    assert_non_null(*text);
}

/* Takes one line in; true when it ends an event that holds data. */
static bool take_sse_line(struct http *h, const char *line, size_t length)
{
    if (length == 0)
        return h->sse_data.size > 0;
    size_t name = strcspn(line, ":");
    const char *value = line + name + (line[name] == ':');
    value += *value == ' ';
    if (name == 0)
        h->sse_comments++;
    else if (strncmp(line, "id", name) == 0)
        keep(&h->sse_id, value);
    else if (strncmp(line, "event", name) == 0)
        keep(&h->sse_event, value);
    else if (strncmp(line, "data", name) == 0) {
        if (h->sse_data.size > 0)
            http_pile_add(&h->sse_data, "\n", 1);
        http_pile_add(&h->sse_data, value, strlen(value));
    }
    return false;
}

static bool wait_sse(struct http *h, struct http_sse *out, int wait_ms, enum patience patience)
{
    int64_t deadline = now_ms() + wait_ms;
    if (h->sse_is_lent) {
        h->sse_data.size = 0;
        keep(&h->sse_event, "");
        h->sse_is_lent = false;
    }
    for (;;) {
        int64_t left = deadline - now_ms();
        const char *line = wait_line(h, left > 0 ? (int)left : 0, patience);
        if (!line)
            return false;
        size_t length = strlen(line);
        if (length > 0 && line[length - 1] == '\r')
            h->line[--length] = '\0';
        if (!take_sse_line(h, line, length))
            continue;
        h->sse_is_lent = true;
        out->id = h->sse_id;
        out->event = *h->sse_event ? h->sse_event : "message";
        out->data = h->sse_data.text;
        return true;
    }
}

bool http_sse(struct http *h, struct http_sse *out, int wait_ms)
{
    return wait_sse(h, out, wait_ms, MUST_COME);
}

bool http_sse_if_any(struct http *h, struct http_sse *out, int wait_ms)
{
    return wait_sse(h, out, wait_ms, MAY_COME);
}

size_t http_sse_comments(const struct http *h)
{
    return h->sse_comments;
}

/* --- Uploads --- */

void http_send(struct http *h, const void *bytes, size_t size, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    http_pile_add(&h->out, bytes, size);
    http_feed(h);
    http_move(h, 0);
    while (!h->is_over && !h->is_hungry) {
        int64_t left = deadline - now_ms();
        if (left <= 0)
            http_fail(h, "the server does not take what is sent");
        http_move(h, left);
    }
}

void http_say(struct http *h, const char *line)
{
    http_pile_add(&h->out, line, strlen(line));
    http_send(h, "\n", 1, HTTP_WAIT_MS);
}

size_t http_stuff(struct http *h, const void *bytes, size_t size, int settle_ms)
{
    size_t given = 0;
    int64_t last = now_ms();
    while (!h->is_over && now_ms() - last < settle_ms) {
        size_t left = h->out.size - h->out.taken, before = left;
        if (left == 0 && given == size)
            break;
        if (left == 0) {
            size_t slice = size - given < SLICE_BYTES ? size - given : SLICE_BYTES;
            http_pile_add(&h->out, (const char *)bytes + given, slice);
            given += slice;
            before = slice;
            http_feed(h);
        }
        http_move(h, 0);
        if (h->out.size - h->out.taken < before)
            last = now_ms();
        else
            http_move(h, 10);
    }
    size_t out = h->out.size - h->out.taken;
    h->out.size -= out;
    return given - out;
}

void http_send_end(struct http *h)
{
    h->is_out_ended = true;
    http_feed(h);
    http_move(h, 0);
}
