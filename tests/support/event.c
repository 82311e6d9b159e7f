// SPDX-License-Identifier: Apache-2.0
#include "event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

json_t *event_parse(const char *line)
{
    json_error_t why;
    json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(event))
        fail_msg("not a JSON object (%s): %.500s", why.text, line);
    const char *kind = json_string_value(json_object_get(event, "event"));
    if (!kind ||
        (strcmp(kind, "data") != 0 && strcmp(kind, "error") != 0 && strcmp(kind, "end") != 0 &&
         strcmp(kind, "rebound") != 0 && strcmp(kind, "snapshot") != 0))
        fail_msg("not an event: %.500s", line);
    return event;
}

json_t *event_next(struct process *p, int wait_ms)
{
    const char *line = process_line(p, wait_ms);
    return line ? event_parse(line) : NULL;
}

json_t *event_expect(struct process *p, const char *kind, int wait_ms)
{
    json_t *event = event_next(p, wait_ms);
    if (!event)
        fail_msg("stdout ended where '%s' was expected; stderr:\n%s", kind, process_stderr(p));
    assert_event_str(event, "event", kind);
    return event;
}

json_t *events_parse(const char *text)
{
    json_t *events = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        assert_non_null(line);
        json_array_append_new(events, event_parse(line));
        free(line);
        if (text[length] != '\n')
            fail_msg("the last line has no newline: %.500s", text);
        text += length + 1;
    }
    return events;
}

json_t *events_of(json_t *events, const char *kind)
{
    json_t *found = json_array(), *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        if (strcmp(event_str(event, "event"), kind) == 0)
            json_array_append(found, event);
    }
    return found;
}

json_t *event_at(json_t *event, const char *path)
{
    json_t *at = event;
    while (at && *path) {
        size_t length = strcspn(path, ".");
        char name[128];
        assert_true(length < sizeof(name));
        memcpy(name, path, length);
        name[length] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    return at;
}

static void fail_at(json_t *event, const char *path, const char *what)
{
    char *text = json_dumps(event, JSON_COMPACT);
    char copy[2000];
    snprintf(copy, sizeof(copy), "%s", text ? text : "(nothing)");
    free(text);
    fail_msg("'%s' %s in %s", path, what, copy);
}

const char *event_str(json_t *event, const char *path)
{
    json_t *at = event_at(event, path);
    if (!json_is_string(at))
        fail_at(event, path, "is no string");
    return json_string_value(at);
}

int64_t event_int(json_t *event, const char *path)
{
    json_t *at = event_at(event, path);
    if (!json_is_integer(at))
        fail_at(event, path, "is no integer");
    return json_integer_value(at);
}

void assert_json(json_t *event, const char *path, const char *expected)
{
    json_t *at = event_at(event, path);
    char *text = at ? json_dumps(at, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    bool is_equal = text && strcmp(text, expected) == 0;
    free(text);
    if (!is_equal) {
        char what[1000];
        snprintf(what, sizeof(what), "is not %s", expected);
        fail_at(event, path, what);
    }
}

void assert_event_str(json_t *event, const char *path, const char *expected)
{
    if (strcmp(event_str(event, path), expected) != 0) {
        char what[1000];
        snprintf(what, sizeof(what), "is not \"%s\"", expected);
        fail_at(event, path, what);
    }
}
