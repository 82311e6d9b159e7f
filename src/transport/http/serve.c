// SPDX-License-Identifier: Apache-2.0
/* serve.c - the way of a request: door, body, route, answer. All of it on the loop. */
#include "transport/http/server_private.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BYTES_A_SECOND 1024           /* what is slower than that, from some start on, is cut */
#define DRAIN_BYTES    (1024U * 1024) /* of a refused body: then its client reads the answer */
#define DRAIN_TLS      16 /* times as much, where no answer goes past libmicrohttpd */
#define BODIES_FACTOR  8  /* all bodies together: so many of the largest */

/* --- opening --- */

static struct kc_exchange *open_exchange(struct kc_server *s, struct kc_connection *c,
                                         const char *method)
{
    struct kc_exchange *x = kc_new0(struct kc_exchange);
    x->server = s;
    x->connection = c;
    x->method = method;
    x->started_us = kc_now_us();
    x->body_due_ms = x->started_us / 1000 + s->conf.body_ms;
    atomic_store(&x->holders, 2);
    kc_buf_init(&x->body, KC_BUF_UNBOUNDED);
    pthread_mutex_init(&x->lock, NULL);
    atomic_fetch_add(&s->open, 1);
    kc_connection_enter(x->connection, KC_PHASE_BODY, x->body_due_ms);
    return x;
}

static void begin_upload(struct kc_exchange *x)
{
    const struct kc_upload *upload = x->route->upload;
    if (upload && kc_exchange_is(x, upload->media_type))
        x->upload = upload->begin(x->server->conf.service, x);
}

/* --- answering --- */

static enum MHD_Result queue_answer(struct kc_exchange *x)
{
    int64_t now_ms = kc_now_ms();
    if (x->flow) {
        (void)MHD_set_connection_option(x->connection->native, MHD_CONNECTION_OPTION_TIMEOUT,
                                        0U);
        kc_connection_enter(x->connection, KC_PHASE_FLOW, INT64_MAX);
    } else {
        kc_connection_enter(x->connection, KC_PHASE_SENDING,
                            now_ms + x->server->conf.body_ms +
                                (int64_t)(x->reply.len / BYTES_A_SECOND) * 1000);
    }
    return MHD_queue_response(x->connection->native, (unsigned int)x->status,
                              kc_exchange_response(x));
}

static enum MHD_Result answer_or_wait(struct kc_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    bool is_answered = x->status != 0;
    if (!is_answered) {
        kc_connection_enter(x->connection, KC_PHASE_ANSWER, INT64_MAX);
        kc_exchange_suspend(x);
    }
    pthread_mutex_unlock(&x->lock);
    return is_answered ? queue_answer(x) : MHD_YES;
}

/* libmicrohttpd sends nothing while a body comes, so the answer goes past it. */
static enum MHD_Result answer_and_cut(struct kc_exchange *x)
{
    char head[256];
    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Type: "
                   "application/problem+json\r\nContent-Length: %zu\r\n\r\n",
                   x->status, x->reply.len);
    kc_connection_say(x->connection, head, x->reply);
    return MHD_NO;
}

/* --- the body --- */

/* What was kept of a body that is refused now is room for others. */
static void forget_body(struct kc_exchange *x)
{
    atomic_fetch_sub(&x->server->bodies, x->body.len);
    kc_buf_deinit(&x->body);
}

static void refuse_large(struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_INPUT_TOO_LARGE, 0,
                 "the body has more than the %zu bytes that are taken (--max-body)",
                 x->server->conf.body_max);
    forget_body(x);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

static void refuse_busy(struct kc_exchange *x)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_BUSY, 0, "too many bytes of other bodies are being worked on");
    forget_body(x);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
}

static void keep(struct kc_exchange *x, const char *piece, size_t len)
{
    struct kc_server *s = x->server;
    if (x->body.len + len > s->conf.body_max) {
        refuse_large(x);
    } else if (atomic_fetch_add(&s->bodies, len) + len > s->conf.body_max * BODIES_FACTOR) {
        atomic_fetch_sub(&s->bodies, len);
        refuse_busy(x);
    } else {
        (void)kc_buf_append(&x->body, piece, len);
    }
}

/* How many bytes the upload took; fewer than there are: it is held back until it resumes. */
static size_t take(struct kc_exchange *x, const char *piece, size_t len)
{
    if (x->held_ms)
        x->body_due_ms += kc_now_ms() - x->held_ms;
    x->held_ms = 0;
    size_t n = x->route->upload->take(x->upload, piece, len);
    while (n < len) {
        pthread_mutex_lock(&x->lock);
        bool once_more = x->wants_more;
        x->wants_more = false;
        if (!once_more) {
            x->held_ms = kc_now_ms();
            kc_connection_enter(x->connection, KC_PHASE_ANSWER, INT64_MAX);
            kc_exchange_suspend(x);
        }
        pthread_mutex_unlock(&x->lock);
        if (!once_more)
            break;
        n += x->route->upload->take(x->upload, piece + n, len - n);
    }
    return n;
}

static enum MHD_Result take_piece(struct kc_exchange *x, const char *piece, size_t *len)
{
    size_t n = *len;
    if (x->upload) {
        n = take(x, piece, *len);
    } else if (x->status) {
        bool has_tls = x->server->conf.tls_cert != NULL;
        if (x->body_seen > x->server->conf.body_max + (has_tls ? DRAIN_TLS : 1) * DRAIN_BYTES)
            return has_tls ? MHD_NO : answer_and_cut(x);
    } else {
        keep(x, piece, *len);
    }
    x->body_seen += n;
    if (n == *len)
        kc_connection_enter(x->connection, KC_PHASE_BODY,
                            x->body_due_ms + (int64_t)(x->body_seen / BYTES_A_SECOND) * 1000);
    *len -= n;
    return MHD_YES;
}

static void body_is_over(struct kc_exchange *x)
{
    x->is_body_over = true;
    if (x->upload)
        x->route->upload->end(x->upload, true);
    else if (!x->status && x->route->has_body && strcmp(x->method, "HEAD") == 0)
        kc_exchange_reply(x, 200, NULL, NULL); /* what it would start is not for looking */
    else if (!x->status)
        x->route->handle(x->server->conf.service, x);
}

/* Whether there is no use in waiting for the body of a request that was refused. */
static bool is_hopeless(const struct kc_exchange *x)
{
    const char *length = kc_exchange_header(x, "Content-Length");
    int64_t bytes = 0;
    return x->must_close || (length && kc_text_int(kc_text(length), 0, INT64_MAX, &bytes) &&
                             bytes > (int64_t)(x->server->conf.body_max + DRAIN_BYTES));
}

enum MHD_Result kc_exchange_serve(void *server, struct MHD_Connection *native, const char *url,
                                  const char *method, const char *version, const char *piece,
                                  size_t *piece_len, void **request)
{
    struct kc_exchange *x = *request;
    if (!x) {
        struct kc_connection *c = kc_connection_of(native);
        if (c->excess == KC_EXCESS_LENGTH && !((struct kc_server *)server)->conf.tls_cert)
            return MHD_NO; /* it was answered */
        *request = x = open_exchange(server, c, method);
        if (kc_door_check(x, url, version))
            begin_upload(x);
        return x->status && is_hopeless(x) ? queue_answer(x) : MHD_YES;
    }
    if (*piece_len > 0)
        return take_piece(x, piece, piece_len);
    if (!x->is_body_over)
        body_is_over(x);
    return answer_or_wait(x);
}

void kc_exchange_break_off(struct kc_exchange *x)
{
    if (x->is_body_over)
        return;
    x->is_body_over = true;
    if (x->upload)
        x->route->upload->end(x->upload, false);
    else if (!x->status)
        kc_exchange_drop(x); /* its route has never heard of it */
}
