// SPDX-License-Identifier: Apache-2.0
/* flow.c - an answer that comes in pieces, as fast as its reader takes them.
 *
 * The writer appends to a buffer; libmicrohttpd asks for a block whenever the socket has taken
 * the one before. Where there is nothing to send the connection is suspended, and the loop
 * watches the socket by itself, to notice that the client has gone. */
#include "transport/http/server_private.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define BLOCK_BYTES 32768

struct kc_flow {
    struct kc_flow_listener listener;
    pthread_mutex_t telling; /* held while the listener is called, and to finish */
    struct kc_buf waiting;   /* the first `given` bytes are libmicrohttpd's already */
    size_t given;
    uint64_t taken;   /* what the listener knows; loop only */
    bool is_finished; /* the writer will give no more; needs both locks to change */
    bool is_gone;     /* the client has left */
    bool is_told;     /* … and the listener knows; loop only */
    bool is_watched;  /* loop only */
};

/* --- the loop's side --- */

static void watch(struct kc_exchange *x)
{
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLET,
                                 .data.ptr = x };
    if (!x->flow->is_watched)
        x->flow->is_watched =
            epoll_ctl(x->server->watch_fd, EPOLL_CTL_ADD, x->connection->fd, &event) == 0;
}

static void unwatch(struct kc_exchange *x)
{
    if (x->flow->is_watched)
        (void)epoll_ctl(x->server->watch_fd, EPOLL_CTL_DEL, x->connection->fd, NULL);
    x->flow->is_watched = false;
}

static void tell_gone(struct kc_exchange *x)
{
    struct kc_flow *f = x->flow;
    pthread_mutex_lock(&f->telling);
    pthread_mutex_lock(&x->lock);
    bool is_news = !f->is_told && !f->is_finished;
    f->is_told = f->is_gone = true;
    kc_buf_clear(&f->waiting);
    f->given = 0;
    pthread_mutex_unlock(&x->lock);
    if (is_news)
        f->listener.gone(f->listener.arg);
    pthread_mutex_unlock(&f->telling);
}

static void tell_taken(struct kc_flow *f, uint64_t bytes)
{
    if (bytes == f->taken)
        return;
    f->taken = bytes;
    pthread_mutex_lock(&f->telling);
    if (!f->is_finished)
        f->listener.taken(f->listener.arg, bytes);
    pthread_mutex_unlock(&f->telling);
}

static ssize_t next_block(void *arg, uint64_t position, char *block, size_t max)
{
    struct kc_exchange *x = arg;
    struct kc_flow *f = x->flow;
    watch(x);
    tell_taken(f, position);
    pthread_mutex_lock(&x->lock);
    size_t n = f->waiting.len - f->given;
    n = n < max ? n : max;
    ssize_t result = (ssize_t)n;
    if (f->is_gone) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n > 0) {
        memcpy(block, f->waiting.data + f->given, n);
        f->given += n;
        if (f->given == f->waiting.len) {
            kc_buf_clear(&f->waiting);
            f->given = 0;
        } else if (f->given >= f->waiting.len / 2) {
            kc_buf_consume(&f->waiting, f->given);
            f->given = 0;
        }
    } else if (f->is_finished) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        kc_exchange_suspend(x);
    }
    pthread_mutex_unlock(&x->lock);
    return result;
}

struct MHD_Response *kc_flow_response(struct kc_exchange *x,
                                      const struct kc_flow_listener *listener)
{
    x->flow = kc_new0(struct kc_flow);
    x->flow->listener = *listener;
    pthread_mutex_init(&x->flow->telling, NULL);
    kc_buf_init(&x->flow->waiting, KC_BUF_UNBOUNDED);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, next_block, x,
                                             NULL);
}

void kc_flow_cut(struct kc_exchange *x)
{
    tell_gone(x);
    pthread_mutex_lock(&x->lock);
    (void)kc_exchange_wake(x);
    pthread_mutex_unlock(&x->lock);
}

void kc_flow_over(struct kc_exchange *x)
{
    unwatch(x);
    tell_gone(x);
}

void kc_flow_free(struct kc_flow *f)
{
    if (!f)
        return;
    kc_buf_deinit(&f->waiting);
    pthread_mutex_destroy(&f->telling);
    free(f);
}

/* --- the writer's side --- */

void kc_exchange_write(struct kc_exchange *x, struct kc_text piece)
{
    pthread_mutex_lock(&x->lock);
    if (!x->flow->is_gone)
        (void)kc_buf_text(&x->flow->waiting, piece);
    (void)kc_exchange_wake(x);
    pthread_mutex_unlock(&x->lock);
}

size_t kc_exchange_waiting(struct kc_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    size_t n = x->flow->waiting.len - x->flow->given;
    pthread_mutex_unlock(&x->lock);
    return n;
}

void kc_exchange_finish(struct kc_exchange *x)
{
    pthread_mutex_lock(&x->flow->telling); /* a call to the listener comes to its end */
    pthread_mutex_lock(&x->lock);
    x->flow->is_finished = true;
    (void)kc_exchange_wake(x);
    pthread_mutex_unlock(&x->lock);
    pthread_mutex_unlock(&x->flow->telling);
    kc_exchange_drop(x);
}
