// SPDX-License-Identifier: Apache-2.0
/* reader.h - a client of /v1/triggers/consume, for tests: opens streams and reads their events.
 *
 * Streams are http.h's exchanges, and hang up with http_free(). */
#ifndef TESTS_SUPPORT_READER_H
#define TESTS_SUPPORT_READER_H

#include "http.h"
#include "serve.h"
#include "tally.h"

#define STREAM_PATH "/v1/triggers/consume"
#define POLL_PATH   STREAM_PATH "/poll"
#define COMMIT_PATH STREAM_PATH "/commit"

/* A text made from a format in which ' stands for ": a loan, good for the next few calls. */
const char *jsonf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A server on the live Kafka without sign-in. more may be NULL. */
struct serve *serve_kafka(const char *const more[]);

/* POSTs the body and waits until the answer has begun, with 200. headers may be NULL. */
struct http *stream_open(const struct serve *s, const char *const headers[], const char *body);

/* The next event, heartbeats left out: the caller's, until json_decref(). NULL at the end of
 * the stream, and where it broke off; fails at the deadline. */
json_t *stream_next(struct http *h, int wait_ms);

/* The next event, which must be data with this value (NULL: any). Its cursor: the caller
 * frees. */
char *stream_expect(struct http *h, const char *value, int wait_ms);

/* Nothing but heartbeats comes for so long. */
void stream_expect_nothing(struct http *h, int for_ms);

/* Takes data events until `max` came, the end, or a break; counts their values. *cursor, where
 * not NULL, becomes the last one's (it is freed first). Returns how many came. */
int64_t stream_tally(struct http *h, struct tally *t, int64_t max, char **cursor, int wait_ms);

/* POSTs a cursor to /commit. */
struct http_answer *stream_commit(const struct serve *s, const char *cursor);

#endif
