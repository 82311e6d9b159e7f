// SPDX-License-Identifier: Apache-2.0
#include "reader.h"

#include "component.h"
#include "fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *jsonf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&text, format, args) >= 0);
    va_end(args);
    const char *lent = json(text);
    free(text);
    return lent;
}

struct serve *serve_kafka(const char *const more[])
{
    return serve_start(ARGS(no_sign_in()), more);
}

struct http *stream_open(const struct serve *s, const char *const headers[], const char *body)
{
    struct http *h = http_start(&(struct http_request){
        .base = s->base, .path = STREAM_PATH, .headers = headers, .body = body });
    int status = http_status(h, WAIT_MS);
    if (status != 200)
        fail_test("the stream was refused: %s", http_head_text(h));
    return h;
}

json_t *stream_next(struct http *h, int wait_ms)
{
    const char *line;
    do {
        line = http_line_until_cut(h, wait_ms);
    } while (line && !*line);
    return line ? event_parse(line) : NULL;
}

char *stream_expect(struct http *h, const char *value, int wait_ms)
{
    json_t *event = stream_next(h, wait_ms);
    if (!event)
        fail_test("the stream ended before %s", value ? value : "a record");
    assert_event_str(event, "event", "data");
    if (value)
        assert_event_str(event, "body.value", value);
    char *cursor = strdup(event_str(event, "cursor"));
    assert_non_null(cursor);
    json_decref(event);
    return cursor;
}

void stream_expect_nothing(struct http *h, int for_ms)
{
    int64_t until = now_ms() + for_ms;
    for (int64_t left; (left = until - now_ms()) > 0;) {
        const char *line = http_line_if_any(h, (int)left);
        if (line && *line)
            fail_test("nothing was to come, and this came: %s", line);
        if (!line && http_is_over(h))
            fail_test("the stream ended");
    }
}

int64_t stream_tally(struct http *h, struct tally *t, int64_t max, char **cursor, int wait_ms)
{
    int64_t taken = 0;
    json_t *event;
    while (taken < max && (event = stream_next(h, wait_ms)) != NULL) {
        const char *kind = event_str(event, "event");
        if (strcmp(kind, "data") == 0) {
            tally_add(t, strtoll(event_str(event, "body.value"), NULL, 10));
            taken++;
        } else if (strcmp(kind, "error") == 0) {
            print_message("said: %s\n", event_str(event, "error.message"));
        }
        if (cursor && strcmp(kind, "data") == 0) {
            free(*cursor);
            *cursor = strdup(event_str(event, "cursor"));
        }
        json_decref(event);
    }
    return taken;
}

struct http_answer *stream_commit(const struct serve *s, const char *cursor)
{
    return http_post(s->base, COMMIT_PATH, NULL, jsonf("{'cursor': '%s'}", cursor));
}
