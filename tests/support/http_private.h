// SPDX-License-Identifier: Apache-2.0
/* http_private.h - what http.c, http_stream.c and http_answer.c share. */
#ifndef TESTS_SUPPORT_HTTP_PRIVATE_H
#define TESTS_SUPPORT_HTTP_PRIVATE_H

#include "http.h"

#include <curl/curl.h>

/* Bytes that came and were not yet taken: text[taken..size). NUL-terminated once it has any. */
struct pile {
    char *text;
    size_t size, room, taken;
};

struct http {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char *method, *url;
    char why[CURL_ERROR_SIZE];
    struct pile head, body, out;
    bool is_upload, is_out_ended, is_hungry; /* hungry: libcurl waits for more to send */
    bool is_over, is_alone;
    CURLcode result;
    int answer_max;
    int64_t began_ms, ended_ms;
    char *line;               /* lent last */
    char *sse_id, *sse_event; /* "" or what came */
    struct pile sse_data;
    size_t sse_comments;
    bool sse_is_lent; /* what is there was given out */
    struct http *next;
};

void http_pile_add(struct pile *pile, const char *bytes, size_t size);
const char *http_pile_rest(const struct pile *pile); /* what was not taken; "" for nothing */

/* Moves what can be moved, waiting up to wait_ms for something to do. */
void http_move(struct http *h, int64_t wait_ms);

void http_feed(struct http *h); /* there is more to send, or nothing more will come */
bool http_has_head(const struct http *h);

/* Fails the test with what came. */
_Noreturn void http_fail(struct http *h, const char *what);

void http_answer_free_all(void);

#endif
