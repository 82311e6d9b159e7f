// SPDX-License-Identifier: Apache-2.0
/* exchange.h - one HTTP request and its answer, as the routes see them.
 *
 * The server's loop makes an exchange when a request's headers are there, checks what can be
 * refused at the door, and hands it to its route. From then on the exchange is the route's
 * until it was answered, exactly once, from any thread; no thread waits for that. An answer is
 * either one reply, or a flow: begun, written piece by piece, and finished. */
#ifndef KC_TRANSPORT_HTTP_EXCHANGE_H
#define KC_TRANSPORT_HTTP_EXCHANGE_H

#include "base/buf.h"
#include "base/error.h"

struct kc_exchange; /* opaque */

/* --- the request: loans until the answer is given; any thread --- */

const char *kc_exchange_method(const struct kc_exchange *x);
const char *kc_exchange_header(const struct kc_exchange *x, const char *name); /* or NULL */

/* What the i-th {word} of the route's path stands for here. */
const char *kc_exchange_word(const struct kc_exchange *x, size_t i);

/* The i-th query parameter, decoded; false when there are no more. */
bool kc_exchange_query(const struct kc_exchange *x, size_t i, const char **name,
                       const char **value);

/* Whether the Accept header names this media type with a preference over application/json and
 * application/x-ndjson. */
bool kc_exchange_prefers(const struct kc_exchange *x, const char *media_type);

/* Whether the body is of this media type; its parameters do not count. */
bool kc_exchange_is(const struct kc_exchange *x, const char *media_type);

/* The whole body, with the zero bytes behind it that reading JSON in place needs: the caller's
 * to free. Never NULL; once. */
char *kc_exchange_take_body(struct kc_exchange *x, size_t *len);

/* --- one reply --- */

/* Before the reply. The value is checked: no control characters go out. */
void kc_exchange_set_header(struct kc_exchange *x, const char *name, const char *value);

/* Answers with this body, whose memory is taken over (the caller's buf is empty afterwards;
 * NULL: no body). The exchange is gone when this returns. */
void kc_exchange_reply(struct kc_exchange *x, int status, const char *media_type,
                       struct kc_buf *body);

/* Answers with application/problem+json (RFC 9457). status 0 takes the error's own; details is
 * a JSON array (faults by pointer, failed records) or absent. Retriable ones of 429 and 503 get
 * Retry-After unless it was set before. */
void kc_exchange_problem(struct kc_exchange *x, int status, const struct kc_error *err,
                         struct kc_text details);

/* The problem of a faults list. */
struct kc_faults;
void kc_exchange_refuse(struct kc_exchange *x, enum kc_code code,
                        const struct kc_faults *faults);

/* --- a flow --- */

/* Both are called on the server's loop, must not block, and may not write or finish. */
struct kc_flow_listener {
    /* The socket has taken this many bytes of the flow so far. */
    void (*taken)(void *arg, uint64_t bytes);

    /* The client went away, or was too slow: nothing more can be written. At most once. */
    void (*gone)(void *arg);

    void *arg;
};

/* Begins a 200 whose body comes in pieces. The listener (copied) is told how it fares until
 * finish. From here on the exchange is shared by the loop and the caller until finish. */
void kc_exchange_begin(struct kc_exchange *x, const char *media_type,
                       const struct kc_flow_listener *listener);

/* Appends to what is to be sent; any thread, one at a time. What is given after the client went
 * is thrown away. */
void kc_exchange_write(struct kc_exchange *x, struct kc_text piece);

/* Bytes that were written and not taken yet: the writer's measure for back-pressure. */
size_t kc_exchange_waiting(struct kc_exchange *x);

/* Nothing more comes: what waits is sent, then the answer ends. After that the listener is not
 * called any more, and the exchange is gone. */
void kc_exchange_finish(struct kc_exchange *x);

/* --- a body that is taken as it comes --- */

/* The route takes pieces again, after its upload said less than all (see route.h). Any thread.
 */
void kc_exchange_resume(struct kc_exchange *x);

#endif
