// SPDX-License-Identifier: Apache-2.0
/* inbox.c - what others see of an inbox; consuming.c is its thread. */
#include "transport/sailor/inbox_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PREFETCH_MAX 65535 /* what the protocol can say */

static struct kc_inbox *inbox_new(const struct kc_inbox_conf *conf)
{
    struct kc_inbox *in = kc_new0(struct kc_inbox);
    in->conf = *conf;
    if (in->conf.prefetch < 1)
        in->conf.prefetch = 1;
    if (in->conf.prefetch > PREFETCH_MAX)
        in->conf.prefetch = PREFETCH_MAX;
    if (in->conf.body_max == 0)
        in->conf.body_max = SIZE_MAX;
    in->queue = kc_strdup(conf->queue);
    in->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&in->lock, NULL);
    kc_cond_init(&in->changed);
    in->seen = kc_seen_new(in->conf.prefetch);
    in->answers_end = &in->answers;
    return in;
}

static void inbox_free(struct kc_inbox *in)
{
    if (in->link)
        kc_link_close(in->link, true);
    while (in->answers) {
        struct kc_delivery *d = in->answers;
        in->answers = d->behind;
        kc_inbox_delivery_free(d);
    }
    kc_inbox_parts_clear(&in->parts);
    kc_seen_free(in->seen);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    if (in->wake_fd >= 0)
        (void)close(in->wake_fd);
    free(in->queue);
    free(in->tag);
    free(in);
}

static bool connect_at_first(struct kc_inbox *in, int attempts, int timeout_ms,
                             struct kc_error *err)
{
    for (int i = 0; !kc_inbox_connect(in, KC_INBOX_CONNECT_MS, err); i++) {
        if (i >= attempts || !kc_link_wait_to_retry("read", timeout_ms, in->conf.halt, err))
            return false;
    }
    return true;
}

bool kc_inbox_open(struct kc_inbox **out, const struct kc_inbox_conf *conf, int attempts,
                   int timeout_ms, struct kc_error *err)
{
    struct kc_inbox *in = inbox_new(conf);
    *out = NULL;
    if (in->wake_fd < 0) {
        kc_error_set(err, KC_UNREACHABLE, errno, "no more descriptors: %s", strerror(errno));
        inbox_free(in);
        return false;
    }
    if (!connect_at_first(in, attempts, timeout_ms, err)) {
        inbox_free(in);
        return false;
    }
    kc_thread_start(&in->thread, "kc-inbox", kc_inbox_run, in);
    *out = in;
    return true;
}

/* Needs the lock. */
static void wake(struct kc_inbox *in)
{
    in->has_news = true;
    if (!in->is_waiting)
        return;
    in->is_waiting = false; /* one is enough */
    (void)!write(in->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

bool kc_inbox_start(struct kc_inbox *in, struct kc_error *err)
{
    pthread_mutex_lock(&in->lock);
    in->start = KC_START_WANTED;
    wake(in);
    while (in->start == KC_START_WANTED)
        pthread_cond_wait(&in->changed, &in->lock);
    bool ok = in->start == KC_STARTED;
    if (!ok)
        kc_error_set(err, in->start_error.code, in->start_error.native, "%s",
                     in->start_error.text);
    pthread_mutex_unlock(&in->lock);
    return ok;
}

void kc_inbox_answer(struct kc_inbox *in, struct kc_delivery *d, bool is_accepted)
{
    kc_inbox_delivery_empty(d);
    pthread_mutex_lock(&in->lock);
    d->answer = is_accepted ? KC_ANSWER_ACK : KC_ANSWER_REJECT;
    d->behind = NULL;
    *in->answers_end = d;
    in->answers_end = &d->behind;
    in->answers_count++;
    wake(in);
    pthread_mutex_unlock(&in->lock);
}

void kc_inbox_drop(struct kc_inbox *in, struct kc_delivery *d)
{
    pthread_mutex_lock(&in->lock);
    kc_seen_remove(in->seen, d);
    pthread_mutex_unlock(&in->lock);
    kc_inbox_delivery_free(d);
}

void kc_inbox_cancel(struct kc_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->is_cancelled = true;
    wake(in);
    pthread_mutex_unlock(&in->lock);
}

int64_t kc_inbox_down_ms(struct kc_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    int64_t down_ms = in->down_at_ms ? kc_now_ms() - in->down_at_ms : 0;
    pthread_mutex_unlock(&in->lock);
    return down_ms;
}

size_t kc_inbox_unanswered(struct kc_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    size_t count = kc_seen_out(in->seen) - in->answers_count;
    pthread_mutex_unlock(&in->lock);
    return count;
}

bool kc_inbox_close(struct kc_inbox *in, int wait_ms)
{
    if (!in)
        return true;
    pthread_mutex_lock(&in->lock);
    in->is_cancelled = true;
    in->is_closing = true;
    in->close_by_ms = kc_now_ms() + wait_ms;
    wake(in);
    pthread_mutex_unlock(&in->lock);
    pthread_join(in->thread, NULL);
    bool is_clean = !in->answers && kc_seen_unwritten(in->seen) == 0;
    inbox_free(in);
    return is_clean;
}
