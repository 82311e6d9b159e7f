// SPDX-License-Identifier: Apache-2.0
/* http.h - a small HTTP client for tests, on libcurl. Requests that no proper client would send
 * are raw.h's; serve.h starts the server that is asked.
 *
 *     struct http_answer *a = http_post(server->base, "/v1/actions/produce", NULL,
 *                                       json("{'messages': [{'value': 'red'}]}"));
 *     assert_http(a, 200);
 *     assert_json(a->json, "messages.0.body.baseOffset", "\"0\"");
 *
 * Every wait has a deadline; one that passes fails the running test with what came until then.
 * What is returned is never NULL unless it says so, and belongs to the test until
 * http_free_all(), its teardown, or to whoever frees it earlier. Nothing is followed
 * or sent by libcurl on its own (no redirects, no "Expect", no proxy). Connections are kept and
 * used again, and one that the server closed meanwhile is replaced without a word: what counts
 * requests while servers die wants is_alone. One thread. */
#ifndef TESTS_SUPPORT_HTTP_H
#define TESTS_SUPPORT_HTTP_H

#include "event.h"

#define HTTP_WAIT_MS 15000 /* the deadline of calls that name none */

struct http_answer {
    int status;
    char *head;     /* the status line and the headers as they came */
    char *body;     /* NUL-terminated; "" where there is none */
    size_t size;    /* of the body */
    json_t *json;   /* the body, where it is JSON; else NULL */
    int64_t ms;     /* from sending to the last byte */
    bool is_reused; /* came over a connection that was there before */
};

/* A header's value, a loan until the answer goes; NULL where there is none. The first of
 * several; http_header_count() says how many there are. */
const char *http_header(const struct http_answer *a, const char *name);
size_t http_header_count(const struct http_answer *a, const char *name);

/* Fails with the whole answer where the status, or the header's text, is another one. */
void assert_http(const struct http_answer *a, int status);
void assert_header(const struct http_answer *a, const char *name, const char *value);

/* It is a problem (RFC 9457) with this status in line and body, this `code`, and all members
 * that ours have: type, title, detail. code NULL: any. */
void assert_problem(const struct http_answer *a, int status, const char *code);

void http_answer_free(struct http_answer *a); /* NULL is fine */

/* For those that read answers by other means: takes over head and body (heap). */
struct http_answer *http_answer_new(char *head, char *body, size_t size, int64_t ms);

/* --- Whole requests --- */

/* base is "http://127.0.0.1:PORT"; path begins with '/' and is sent as it stands. headers:
 * ARGS("Name: value", …), "Name;" for an empty one and "Name:" to leave out one of curl's own;
 * may be NULL. A body without a Content-Type among the headers is application/json. */
struct http_answer *http_get(const char *base, const char *path, const char *const headers[]);
struct http_answer *http_head(const char *base, const char *path, const char *const headers[]);
struct http_answer *http_delete(const char *base, const char *path,
                                const char *const headers[]);
struct http_answer *http_post(const char *base, const char *path, const char *const headers[],
                              const char *body);

/* --- Any request, whole or bit by bit --- */

struct http_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *base, *path;
    const char *const *headers;
    const char *body;    /* copied */
    size_t size;         /* of body; 0: it is a text */
    bool is_upload;      /* chunked: what http_send() gives, until http_send_end() */
    const char *ca_path; /* https: who signed the server; NULL: 127.0.0.1's is not checked */
    const char *certificate_path; /* a client certificate and its key, PEM */
    const char *tls; /* the one version to speak: "1.1", "1.2", "1.3"; NULL: what there is */
    bool is_alone;   /* on a connection of its own */
    int answer_max;  /* bytes the socket takes in before anyone reads; 0: as usual */
};

struct http; /* opaque; one exchange. Nothing of it moves unless a call waits for it. */

/* Sends the request; returns as soon as it is written (of an upload, its head). */
struct http *http_start(const struct http_request *request);

/* Starts and finishes in one. */
struct http_answer *http_ask(const struct http_request *request, int wait_ms);

/* Takes in the whole answer; the exchange is freed. http_finish_if_any() returns NULL where the
 * server closes without an answer. */
struct http_answer *http_finish(struct http *h, int wait_ms);
struct http_answer *http_finish_if_any(struct http *h, int wait_ms);

void http_free(struct http *h);  /* hangs up where it stands; NULL is fine */
int http_free_all(void **state); /* a test's teardown: exchanges, answers, kept connections */

/* --- Of an answer that comes bit by bit --- */

int http_status(struct http *h, int wait_ms); /* waits for the head */
const char *http_head_text(struct http *h);   /* as it came, a loan */

/* The next line of the body without its newline: a loan until the next call. NULL at the end of
 * a body that is complete; a body that breaks off fails. */
const char *http_line(struct http *h, int wait_ms);
/* The same, but NULL too when none came in time; http_is_over() tells which. */
const char *http_line_if_any(struct http *h, int wait_ms);
/* The same, NULL too where the body broke off. */
const char *http_line_until_cut(struct http *h, int wait_ms);

/* The next NDJSON line, which must be an event (event.h): the caller's, until json_decref();
 * NULL at the end. */
json_t *http_event(struct http *h, int wait_ms);

/* The next server-sent event; its texts are loans until the next call. */
struct http_sse {
    const char *id;    /* the last id that came, in this event or before; "" for none */
    const char *event; /* "message" where it was not named */
    const char *data;  /* its lines joined by newlines */
};
bool http_sse(struct http *h, struct http_sse *out, int wait_ms); /* false at the end */
bool http_sse_if_any(struct http *h, struct http_sse *out, int wait_ms);
size_t http_sse_comments(const struct http *h); /* lines that began with ':', heartbeats */

/* Whether the answer is complete or broken off (it takes what is there now). */
bool http_is_over(struct http *h);

/* --- Of an upload --- */

/* Gives these bytes as one chunk; fails when the server does not take them in time. Where the
 * server has answered already, they go nowhere. */
void http_send(struct http *h, const void *bytes, size_t size, int wait_ms);
void http_say(struct http *h, const char *line); /* a text and a newline */

/* Gives what the server takes until it has taken nothing for settle_ms, or everything. Returns
 * the bytes given; those that were not stay out. */
size_t http_stuff(struct http *h, const void *bytes, size_t size, int settle_ms);

void http_send_end(struct http *h);

#endif
