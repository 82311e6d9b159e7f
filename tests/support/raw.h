// SPDX-License-Identifier: Apache-2.0
/* raw.h - HTTP by hand, for requests that no proper client would send: bytes go out as they
 * are given, and what comes back is shown as it came.
 *
 *     struct raw *r = raw_open(server->base);
 *     raw_say(r, "GET /healthz HTTP/1.1\r\n\r\n");
 *     assert_http(raw_answer(r, 5000), 400);
 *     raw_expect_close(r, 5000);
 *
 * No TLS. Waits have deadlines that fail the test. Connections belong to the test until
 * raw_free_all(), its teardown; answers are http.h's. One thread. */
#ifndef TESTS_SUPPORT_RAW_H
#define TESTS_SUPPORT_RAW_H

#include "http.h"

struct raw; /* opaque; one connection */

struct raw *raw_open(const char *base); /* "http://127.0.0.1:PORT" or "127.0.0.1:PORT" */
/* From another loopback address, such as "127.0.0.2": another client to the server. */
struct raw *raw_open_from(const char *base, const char *address);
/* With a receive buffer as small as there is: soon full when nobody reads. */
struct raw *raw_open_slow(const char *base);
void raw_free(struct raw *r);   /* NULL is fine */
int raw_free_all(void **state); /* http_free_all() too; live_test() does both */

/* Sends what the peer takes. False, which is no failure, when it has closed before all was
 * sent; fails at the deadline. What comes meanwhile is kept for raw_answer(). */
bool raw_send(struct raw *r, const void *bytes, size_t size, int wait_ms);
bool raw_say(struct raw *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends without reading anything until the peer has taken nothing for settle_ms, or all.
 * Returns the bytes taken. */
size_t raw_stuff(struct raw *r, const void *bytes, size_t size, int settle_ms);

/* Sends `bytes`, again and again, one byte every pace_ms, until the peer closes, an answer
 * begins, or wait_ms are over. Returns the milliseconds it went on. */
int64_t raw_drip(struct raw *r, const char *bytes, int pace_ms, int wait_ms);

/* Waits until the peer, a process on this machine, has read all that was sent to it. */
void raw_expect_read(struct raw *r, int wait_ms);

/* Sends a text as one chunk of a chunked body; "" is the last one. */
bool raw_chunk(struct raw *r, const char *text);

void raw_shut(struct raw *r);  /* says that nothing more comes; still reads */
void raw_reset(struct raw *r); /* hangs up the hard way (RST) and frees */

/* The next whole answer: by its Content-Length, its chunks (decoded), or up to the close. A
 * "100 Continue" before it is passed over. Fails at the deadline with what came. Until
 * raw_free_all() or http_answer_free(). */
struct http_answer *raw_answer(struct raw *r, int wait_ms);
struct http_answer *raw_answer_to_head(struct raw *r, int wait_ms); /* to HEAD: no body comes */

/* Whether an answer begins within that time. */
bool raw_is_answered(struct raw *r, int wait_ms);

/* Waits until the peer closes (a reset counts); what came goes to raw_text(). Returns the
 * milliseconds it took; fails at the deadline. */
int64_t raw_expect_close(struct raw *r, int wait_ms);
bool raw_is_closed(struct raw *r, int wait_ms);

const char *raw_text(struct raw *r); /* what came and was not taken as an answer; a loan */

#endif
