// SPDX-License-Identifier: Apache-2.0
/* consuming.c - the thread of an inbox.
 *
 * A consumer that the broker cancels, a channel and a connection that it closes all end the
 * same way: with another connection. Tags of the former one are never answered on it. */
#include "transport/sailor/inbox_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_A_TURN 256 /* then answers have their turn */
#define WAIT_MAX_MS   60000

/* --- the consumer --- */

static bool begin(struct kc_inbox *in, struct kc_error *err)
{
    amqp_connection_state_t state = kc_link_state(in->link);
    (void)amqp_basic_qos(state, KC_LINK_CHANNEL, 0, (uint16_t)in->conf.prefetch, 0);
    if (kc_link_failed(in->link, "BasicQos", amqp_get_rpc_reply(state), err))
        return false;
    const amqp_basic_consume_ok_t *ok =
        amqp_basic_consume(state, KC_LINK_CHANNEL, amqp_cstring_bytes(in->queue),
                           amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    if (kc_link_failed(in->link, "BasicConsume", amqp_get_rpc_reply(state), err))
        return false;
    free(in->tag);
    in->tag = kc_strndup(ok->consumer_tag.bytes, ok->consumer_tag.len);
    return true;
}

static void consume(struct kc_inbox *in, bool is_cancelled)
{
    struct kc_error err = { 0 };
    if (!begin(in, &err)) {
        kc_inbox_lose(in, &err);
        return;
    }
    in->consumer = is_cancelled ? KC_CONSUMER_FOR_ANSWERS : KC_CONSUMER_ON;
    kc_inbox_say_restored(in);
    pthread_mutex_lock(&in->lock);
    in->start = KC_STARTED;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

static void cancel(struct kc_inbox *in)
{
    struct kc_error err = { 0 };
    amqp_basic_cancel_t m = { .consumer_tag = amqp_cstring_bytes(in->tag), .nowait = 1 };
    in->consumer = KC_CONSUMER_CANCELLED;
    int status = amqp_send_method(kc_link_state(in->link), KC_LINK_CHANNEL,
                                  AMQP_BASIC_CANCEL_METHOD, &m);
    if (kc_link_broke(in->link, "BasicCancel", status, &err))
        kc_inbox_lose(in, &err);
}

/* --- answers --- */

static int write_answer(struct kc_inbox *in, uint64_t tag, enum kc_answer answer)
{
    amqp_connection_state_t state = kc_link_state(in->link);
    return answer == KC_ANSWER_ACK ? amqp_basic_ack(state, KC_LINK_CHANNEL, tag, 0)
                                   : amqp_basic_reject(state, KC_LINK_CHANNEL, tag, 0);
}

/* d is gone from those out: its answer goes to the broker, or waits until d comes again. */
static void give(struct kc_inbox *in, const struct kc_delivery *d)
{
    struct kc_error err = { 0 };
    if (!in->link || d->generation != in->generation) {
        kc_seen_owed(in->seen, d);
        return;
    }
    if (kc_link_broke(in->link, "answering", write_answer(in, d->tag, d->answer), &err)) {
        kc_seen_owed(in->seen, d);
        kc_inbox_lose(in, &err);
        return;
    }
    kc_seen_sent(in->seen, d);
}

/* Several frames that are written one by one leave as few packets. */
static void hold_back(struct kc_inbox *in, int is_held)
{
    if (in->link)
        (void)setsockopt(kc_link_fd(in->link), IPPROTO_TCP, TCP_CORK, &is_held,
                         sizeof(is_held));
}

static void give_all(struct kc_inbox *in, struct kc_delivery *answers)
{
    bool are_many = answers && answers->behind;
    if (are_many)
        hold_back(in, 1);
    while (answers) {
        struct kc_delivery *d = answers;
        answers = d->behind;
        pthread_mutex_lock(&in->lock);
        kc_seen_remove(in->seen, d);
        in->answers_count--;
        pthread_mutex_unlock(&in->lock);
        give(in, d);
        kc_inbox_delivery_free(d);
    }
    if (are_many)
        hold_back(in, 0);
}

/* --- deliveries --- */

/* Looks at answers that were given meanwhile too: they are among those out until written. */
static enum kc_seen_as match(struct kc_inbox *in, struct kc_delivery *d)
{
    struct kc_text id = kc_table_get_text(d->headers, "messageId");
    d->generation = in->generation;
    d->hash =
        kc_seen_hash(in->seen, id, (struct kc_text){ d->body, d->body ? d->body_len : 0 }) +
        (uint64_t)kc_table_get_int(d->headers, "reboundIteration", 0);
    pthread_mutex_lock(&in->lock);
    enum kc_seen_as as = KC_SEEN_NEVER;
    if (in->parts.is_redelivered)
        as = kc_seen_match(in->seen, d, &d->answer);
    bool is_wanted = as == KC_SEEN_NEVER && !in->is_cancelled;
    if (is_wanted)
        kc_seen_add(in->seen, d);
    pthread_mutex_unlock(&in->lock);
    if (as == KC_SEEN_NEVER && !is_wanted)
        return KC_SEEN_OUT; /* it stays with the broker */
    return as;
}

static void take(struct kc_inbox *in)
{
    struct kc_delivery *d = kc_inbox_parts_take(&in->parts);
    enum kc_seen_as as = match(in, d);
    if (as == KC_SEEN_NEVER) {
        in->conf.on_delivery(in->conf.arg, d);
        return;
    }
    if (as == KC_SEEN_ANSWERED)
        give(in, d);
    kc_inbox_delivery_free(d);
}

static bool is_method(const amqp_frame_t *frame, amqp_method_number_t id)
{
    return frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == id;
}

static void take_frame(struct kc_inbox *in, const amqp_frame_t *frame)
{
    struct kc_error err = { 0 };
    if (frame->channel != KC_LINK_CHANNEL)
        return; /* connection.blocked and unblocked: we publish nothing here */
    if (is_method(frame, AMQP_BASIC_CANCEL_METHOD)) {
        kc_error_set(&err, KC_NOT_FOUND, 0, "the broker cancelled the consumer of queue '%s'",
                     in->queue);
        kc_inbox_lose(in, &err);
        return;
    }
    if (frame->frame_type == AMQP_FRAME_METHOD && !is_method(frame, AMQP_BASIC_DELIVER_METHOD))
        return;
    switch (kc_inbox_parts_add(&in->parts, frame, in->conf.body_max)) {
    case KC_DELIVERY_WHOLE:
        take(in);
        break;
    case KC_DELIVERY_BROKEN:
        kc_error_set(&err, KC_BAD_ANSWER, 0, "the broker sent frames out of order");
        kc_inbox_lose(in, &err);
        break;
    case KC_DELIVERY_UNFINISHED:
        break;
    }
}

/* Saves asking a socket that has nothing; but its heartbeats are looked after in asking. */
static bool has_frames(const struct kc_inbox *in)
{
    amqp_connection_state_t state = kc_link_state(in->link);
    return in->is_readable || amqp_data_in_buffer(state) || amqp_frames_enqueued(state) ||
           kc_now_ms() - in->looked_at_ms >= kc_link_heartbeat_ms(in->link);
}

/* True when there may be more. */
static bool read_frames(struct kc_inbox *in)
{
    struct kc_error err = { 0 };
    amqp_frame_t frame;
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        if (!in->link || !has_frames(in))
            return false;
        int got = kc_link_frame(in->link, 0, &frame, &err);
        in->looked_at_ms = kc_now_ms();
        if (got <= 0) {
            in->is_readable = false;
            if (got < 0)
                kc_inbox_lose(in, &err);
            return false;
        }
        if (!in->conf.uri->is_tls) /* OpenSSL may hold what poll() does not see */
            in->is_readable = false;
        take_frame(in, &frame);
        if (in->link)
            kc_link_release(in->link);
    }
    return true;
}

/* --- the thread --- */

static struct kc_inbox_wishes hear(struct kc_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    struct kc_inbox_wishes w = { .cancel = in->is_cancelled || in->start == KC_START_FAILED,
                                 .close = in->is_closing,
                                 .close_by_ms = in->close_by_ms,
                                 .answers = in->answers };
    /* After a cancel what is out still wants its answer, and so a delivery to answer to. */
    bool is_missed = kc_seen_out(in->seen) > 0 || kc_seen_unwritten(in->seen) > 0;
    bool is_started = in->start == KC_START_WANTED || in->start == KC_STARTED;
    w.consume = is_started && (!w.cancel || is_missed);
    w.link = w.consume || !w.cancel;
    in->answers = NULL;
    in->answers_end = &in->answers;
    in->has_news = false;
    pthread_mutex_unlock(&in->lock);
    return w;
}

static int wait_for_ms(const struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    int wait = WAIT_MAX_MS;
    if (in->link)
        wait = kc_link_heartbeat_ms(in->link);
    else if (w->link)
        wait = kc_ms_until(in->retry_at_ms, wait);
    if (kc_inbox_is_losing(in, w))
        wait = kc_ms_until(in->gone_at_ms + in->conf.lost_ms, wait);
    return w->close ? kc_ms_until(w->close_by_ms, wait) : wait;
}

static void wait_for_news(struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    struct pollfd fds[2] = { { .fd = in->wake_fd, .events = POLLIN },
                             { .fd = in->link ? kc_link_fd(in->link) : -1, .events = POLLIN } };
    uint64_t count;
    pthread_mutex_lock(&in->lock);
    bool must_wait = in->is_waiting = !in->has_news;
    pthread_mutex_unlock(&in->lock);
    if (!must_wait)
        return;
    (void)poll(fds, 2, wait_for_ms(in, w));
    pthread_mutex_lock(&in->lock);
    in->is_waiting = false;
    pthread_mutex_unlock(&in->lock);
    in->is_readable = in->is_readable || fds[1].revents;
    if (fds[0].revents)
        (void)!read(in->wake_fd, &count, sizeof(count));
}

static bool is_done(struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    if (!w->close)
        return false;
    pthread_mutex_lock(&in->lock);
    bool is_idle = !in->answers && kc_seen_unwritten(in->seen) == 0;
    pthread_mutex_unlock(&in->lock);
    return is_idle || kc_now_ms() >= w->close_by_ms;
}

/* One turn; false at the end of all. */
static bool turn(struct kc_inbox *in)
{
    struct kc_inbox_wishes w = hear(in);
    give_all(in, w.answers);
    if (is_done(in, &w))
        return false;
    if (!in->link && w.link)
        kc_inbox_reconnect(in, &w);
    if (in->link && w.consume && in->consumer == KC_CONSUMER_NONE)
        consume(in, w.cancel);
    if (in->link && w.cancel && in->consumer == KC_CONSUMER_ON)
        cancel(in);
    kc_inbox_tell_lost(in, &w);
    if (!read_frames(in))
        wait_for_news(in, &w);
    return true;
}

void *kc_inbox_run(void *arg)
{
    struct kc_inbox *in = arg;
    while (turn(in))
        continue;
    return NULL;
}
