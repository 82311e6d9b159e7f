// SPDX-License-Identifier: Apache-2.0
/* http_answer.c - whole answers and what is said about them. */
#include "fail.h"
#include "http.h"
#include "http_private.h"
#include "secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

struct kept {
    struct http_answer answer; /* first: the test holds a pointer to it */
    struct kept *next;
};

static struct kept *all;

struct http_answer *http_answer_new(char *head, char *body, size_t size, int64_t ms)
{
    struct kept *kept = calloc(1, sizeof(*kept));
    assert_non_null(kept);
    struct http_answer *a = &kept->answer;
    a->head = head;
    a->body = body;
    a->size = size;
    a->ms = ms;
    secrets_check(head, strlen(head), "the head of an HTTP answer");
    secrets_check(body, size, "an HTTP answer");
    const char *space = strchr(head, ' ');
    a->status = space ? (int)strtol(space, NULL, 10) : 0;
    a->json = json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    kept->next = all;
    all = kept;
    return a;
}

void http_answer_free(struct http_answer *a)
{
    for (struct kept **at = &all; a && *at; at = &(*at)->next) {
        struct kept *kept = *at;
        if (&kept->answer != a)
            continue;
        *at = kept->next;
        json_decref(a->json);
        free(a->head);
        free(a->body);
        free(kept);
        return;
    }
}

void http_answer_free_all(void)
{
    while (all)
        http_answer_free(&all->answer);
}

/* The value of the first header of that name at or after *at, as a part of its line, and moves
 * *at behind it. NULL: there is none. */
static const char *find(const char **at, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    for (const char *line = *at; (line = strchr(line, '\n'));) {
        line++;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        const char *value = line + name_length + 1;
        value += strspn(value, " \t");
        *length = strcspn(value, "\r\n");
        *at = value;
        return value;
    }
    return NULL;
}

const char *http_header(const struct http_answer *a, const char *name)
{
    static char loans[8][2048];
    static size_t next;
    const char *at = a->head;
    size_t length;
    const char *value = find(&at, name, &length);
    if (!value)
        return NULL;
    next = (next + 1) % 8;
    snprintf(loans[next], sizeof(loans[next]), "%.*s", (int)length, value);
    return loans[next];
}

size_t http_header_count(const struct http_answer *a, const char *name)
{
    const char *at = a->head;
    size_t length, count = 0;
    while (find(&at, name, &length))
        count++;
    return count;
}

static void fail_answer(const struct http_answer *a, const char *what)
{
    fail_test("%s; the answer after %lld ms is\n%.600s%.1200s", what, (long long)a->ms, a->head,
              a->body);
}

void assert_http(const struct http_answer *a, int status)
{
    char what[64];
    snprintf(what, sizeof(what), "status %d in place of %d", a->status, status);
    if (a->status != status)
        fail_answer(a, what);
}

void assert_header(const struct http_answer *a, const char *name, const char *value)
{
    const char *is = http_header(a, name);
    char what[512];
    snprintf(what, sizeof(what), "%s is '%.200s' in place of '%.200s'", name,
             is ? is : "(not there)", value);
    if (!is || strcmp(is, value) != 0)
        fail_answer(a, what);
}

void assert_problem(const struct http_answer *a, int status, const char *code)
{
    assert_http(a, status);
    const char *type = http_header(a, "Content-Type");
    if (!type || strcmp(type, "application/problem+json") != 0)
        fail_answer(a, "its type is not application/problem+json");
    if (!json_is_object(a->json))
        fail_answer(a, "its body is no JSON object");
    static const char *const texts[] = { "type", "title", "detail", "code" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = json_string_value(json_object_get(a->json, texts[i]));
        char what[64];
        snprintf(what, sizeof(what), "it has no text in '%s'", texts[i]);
        if (!text || !*text)
            fail_answer(a, what);
    }
    if (json_integer_value(json_object_get(a->json, "status")) != status)
        fail_answer(a, "its status is not that of its first line");
    char what[128];
    snprintf(what, sizeof(what), "its code is not '%s'", code ? code : "");
    if (code && strcmp(json_string_value(json_object_get(a->json, "code")), code) != 0)
        fail_answer(a, what);
}
