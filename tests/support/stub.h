// SPDX-License-Identifier: Apache-2.0
/* stub.h - an HTTP server that answers as the test says, in the test program itself.
 *
 * It listens on loopback, on a port of its own, and stands for whoever our client calls: a
 * webhook's receiver, a token server. It keeps every request for the test to look at.
 *
 *     struct stub *stub = stub_start(NULL);
 *     stub_next(stub, &(struct stub_answer){ .status = 503, .headers = ARGS("Retry-After: 1")
 * });
 *     ... have stub_url(stub, "/hook") called ...
 *     const struct stub_request *first = stub_wait(stub, 0, WAIT_MS);
 *     assert_string_equal(stub_header(first, "Content-Type"), "application/json");
 *
 * How a request is answered: by the first answer left that stub_next() queued; then by the
 * function of stub_decide(), if there is one; then by the answer of stub_always(), which is 200
 * without a body at first. Connections are kept alive, each has a thread, and all functions may
 * be called while requests come in. */
#ifndef TESTS_SUPPORT_STUB_H
#define TESTS_SUPPORT_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stub; /* opaque */

/* A request that came whole. It lives as long as the stub. */
struct stub_request {
    char *method;
    char *path;  /* as it came, with its query */
    char *head;  /* the lines of its header, without the first one */
    char *pairs; /* the same, as stub_header() wants it */
    char *body;  /* NUL-terminated; chunks are put together */
    size_t body_len;
    int connection;   /* 0 for the first connection, 1 for the second … */
    int64_t at_ms;    /* when it was complete, by now_ms() */
    int64_t began_ms; /* when its first byte came */
};

/* Zeroed, it is 200 with an empty body. Texts are copied when the answer is given. */
struct stub_answer {
    int status;                 /* 0: 200 */
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    const char *body;           /* NULL: empty */
    size_t body_len;            /* 0: strlen(body) */
    int delay_ms;               /* before the first byte of the answer */
    int drip_ms;                /* the body a byte at a time, so long apart */
    size_t cut_after;           /* closes when so many bytes of the body were sent */
    bool never_answers;         /* keeps the request until the connection or the stub ends */
    bool closes_first;          /* closes without a byte */
    bool closes_after;          /* "Connection: close" */
    bool is_endless;            /* the body again and again, in chunks, without an end */
    const char *raw;            /* these bytes in place of an answer, then it closes */
};

struct stub_options {
    const char *tls_pem;   /* speaks TLS with the key and certificate of this file (certs.h) */
    const char *client_ca; /* … and wants a certificate that its authority has signed */
    int port;              /* of a stub before, which comes back; 0: a free one */
    bool takes_secrets;    /* they are for it: headers are not searched */
};

/* options may be NULL. Never NULL. */
struct stub *stub_start(const struct stub_options *options);
void stub_stop(struct stub *stub); /* closes everything and frees; NULL is fine */

int stub_port(const struct stub *stub);

/* "http://127.0.0.1:PORT/path", or https; a loan until the stub ends. Up to 64 of them. */
const char *stub_url(struct stub *stub, const char *path);

/* --- what it answers --- */

void stub_next(struct stub *stub, const struct stub_answer *answer); /* one request, in order */
void stub_always(struct stub *stub, const struct stub_answer *answer);

/* Fills in the answer to a request; called on its connection's thread, several at once. What it
 * points to must live on. False: stub_always() answers. NULL takes the function away. */
typedef bool stub_decides(void *arg, const struct stub_request *request,
                          struct stub_answer *answer);
void stub_decide(struct stub *stub, stub_decides *decides, void *arg);

/* --- what came --- */

size_t stub_count(struct stub *stub);    /* complete requests so far */
int stub_connections(struct stub *stub); /* accepted so far */
int stub_open(struct stub *stub);        /* open now */
const struct stub_request *stub_get(struct stub *stub, size_t index); /* NULL: not there yet */

/* Waits until request number `index` (from 0) is there; fails the test at the deadline. */
const struct stub_request *stub_wait(struct stub *stub, size_t index, int wait_ms);

/* The value of a header, the first of that name in any case; NULL without. A loan. */
const char *stub_header(const struct stub_request *request, const char *name);

/* Ends every stub that a failed test left: a test's teardown. */
int stub_stop_all(void **state);

#endif
