// SPDX-License-Identifier: Apache-2.0
/* output.c
 *
 * Threads    any     kc_output_begin() … end()
 *            writer  writes, answers acks
 * Queue      the buffer being filled, ROOM_BYTES: beyond, kc_output_has_room() says no
 * Shutdown   free() lets the writer finish, joins it */
#include "transport/output.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sync.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)64 * 1024) /* enough to be written without waiting for more */
#define ROOM_BYTES  ((size_t)512 * 1024)
#define KEEP_BYTES  ((size_t)4 * 1024 * 1024) /* a larger buffer is given back */
#define WAIT_MS     1000

/* Lines, and the messages among them that are to be answered. */
struct block {
    struct kc_buf bytes;
    const struct kc_ack *ack;
    uint64_t *tags;
    size_t count, cap;
};

struct kc_output {
    int fd;
    void (*on_gone)(void *arg);
    void *arg;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t more;  /* there is something to write */
    pthread_cond_t less;  /* something was written */
    struct block filling; /* needs lock */
    struct block writing; /* writer only */
    bool is_due;          /* what is there is to be written now; needs lock */
    bool is_writing;
    bool is_gone;
    bool is_closing;
};

/* --- writer thread --- */

/* False when the reader is gone. */
static bool write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            (void)poll(&ready, 1, WAIT_MS);
        } else if (n < 0 && errno != EINTR) {
            if (errno != EPIPE)
                kc_log(KC_ERROR, "output_failed", KC_S("reason", strerror(errno)));
            return false;
        }
    }
    return true;
}

static void clear(struct block *b)
{
    if (b->bytes.cap > KEEP_BYTES)
        kc_buf_deinit(&b->bytes);
    kc_buf_clear(&b->bytes);
    b->count = 0;
}

/* The next block to write; false when there will be none. */
static bool take_block(struct kc_output *o)
{
    pthread_mutex_lock(&o->lock);
    o->is_writing = false;
    pthread_cond_broadcast(&o->less);
    while (!o->is_closing && !(o->filling.bytes.len > 0 && o->is_due))
        kc_cond_wait(&o->more, &o->lock, WAIT_MS);
    bool has_block = o->filling.bytes.len > 0 && !o->is_gone;
    if (has_block) {
        struct block filled = o->filling;
        o->filling = o->writing;
        o->writing = filled;
        o->is_due = false;
        o->is_writing = true;
    }
    pthread_mutex_unlock(&o->lock);
    return has_block;
}

static void *run(void *arg)
{
    struct kc_output *o = arg;
    while (take_block(o)) {
        struct block *b = &o->writing;
        if (!write_all(o->fd, b->bytes.data, b->bytes.len)) {
            pthread_mutex_lock(&o->lock);
            o->is_gone = true;
            o->is_writing = false;
            pthread_cond_broadcast(&o->less);
            pthread_mutex_unlock(&o->lock);
            o->on_gone(o->arg);
            break;
        }
        if (b->count > 0)
            b->ack->settle(b->ack->arg, b->tags, b->count, true);
        clear(b);
    }
    return NULL;
}

/* --- the others --- */

struct kc_output *kc_output_new(int fd, void (*on_gone)(void *arg), void *arg)
{
    struct kc_output *o = kc_new0(struct kc_output);
    o->fd = fd;
    o->on_gone = on_gone;
    o->arg = arg;
    kc_buf_init(&o->filling.bytes, KC_BUF_UNBOUNDED);
    kc_buf_init(&o->writing.bytes, KC_BUF_UNBOUNDED);
    pthread_mutex_init(&o->lock, NULL);
    kc_cond_init(&o->more);
    kc_cond_init(&o->less);
    kc_thread_start(&o->thread, "kc-output", run, o);
    return o;
}

void kc_output_free(struct kc_output *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    o->is_closing = true;
    pthread_cond_signal(&o->more);
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    kc_buf_deinit(&o->filling.bytes);
    kc_buf_deinit(&o->writing.bytes);
    free(o->filling.tags);
    free(o->writing.tags);
    pthread_cond_destroy(&o->more);
    pthread_cond_destroy(&o->less);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

static void send_off(struct kc_output *o) /* needs lock */
{
    if (o->is_due || o->filling.bytes.len == 0)
        return;
    o->is_due = true;
    pthread_cond_signal(&o->more);
}

struct kc_buf *kc_output_begin(struct kc_output *o)
{
    pthread_mutex_lock(&o->lock);
    if (o->is_gone)
        clear(&o->filling); /* nobody will read it, and it must not grow */
    return &o->filling.bytes;
}

void kc_output_end(struct kc_output *o)
{
    send_off(o);
    pthread_mutex_unlock(&o->lock);
}

void kc_output_end_with(struct kc_output *o, const struct kc_ack *ack, uint64_t tag)
{
    struct block *b = &o->filling;
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 256;
        b->tags = kc_realloc(b->tags, b->cap, sizeof(*b->tags));
    }
    b->ack = ack;
    b->tags[b->count++] = tag;
    if (b->bytes.len >= BLOCK_BYTES)
        send_off(o);
    pthread_mutex_unlock(&o->lock);
}

bool kc_output_has_room(struct kc_output *o, int wait_ms)
{
    pthread_mutex_lock(&o->lock);
    send_off(o);
    if (wait_ms > 0 && o->filling.bytes.len >= ROOM_BYTES && !o->is_gone)
        kc_cond_wait(&o->less, &o->lock, wait_ms);
    bool has_room = o->filling.bytes.len < ROOM_BYTES || o->is_gone;
    pthread_mutex_unlock(&o->lock);
    return has_room;
}

void kc_output_drain(struct kc_output *o)
{
    pthread_mutex_lock(&o->lock);
    send_off(o);
    while (!o->is_gone && (o->is_writing || o->filling.bytes.len > 0))
        kc_cond_wait(&o->less, &o->lock, WAIT_MS);
    pthread_mutex_unlock(&o->lock);
}

bool kc_output_is_gone(struct kc_output *o)
{
    pthread_mutex_lock(&o->lock);
    bool is_gone = o->is_gone;
    pthread_mutex_unlock(&o->lock);
    return is_gone;
}

static void put(void *arg, struct kc_text lines)
{
    struct kc_output *o = arg;
    kc_buf_text(kc_output_begin(o), lines);
    kc_output_end(o);
    while (!kc_output_has_room(o, WAIT_MS))
        continue;
}

struct kc_sink kc_output_sink(struct kc_output *o)
{
    return (struct kc_sink){ put, o };
}
