// SPDX-License-Identifier: Apache-2.0
/* inbox_link.c - the connections of an inbox, one after the other. */
#include "transport/sailor/inbox_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <sys/random.h>

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS   30000
#define SAY_AGAIN_MS   60000
#define WELL_MS        1000 /* a connection that lasts this long ends a row of failures */

bool kc_inbox_connect(struct kc_inbox *in, int timeout_ms, struct kc_error *err)
{
    const struct kc_link_conf conf = { .uri = in->conf.uri,
                                       .role = "read",
                                       .timeout_ms = timeout_ms };
    if (!kc_link_open(&in->link, &conf, err))
        return false;
    pthread_mutex_lock(&in->lock);
    in->generation++;
    pthread_mutex_unlock(&in->lock);
    in->consumer = KC_CONSUMER_NONE;
    in->is_readable = true;
    in->up_at_ms = kc_now_ms();
    return true;
}

/* 100 ms, 200 ms, ... each between a half and the whole of it. */
static int pause_ms(int failures)
{
    uint32_t dice = 0;
    int pause = failures < 9 ? RETRY_FIRST_MS << failures : RETRY_MAX_MS;
    pause = pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS;
    (void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
    return pause / 2 + (int)(dice % (uint32_t)(pause / 2 + 1));
}

static void say_lost(struct kc_inbox *in, bool is_first, int pause)
{
    int64_t now = kc_now_ms();
    bool is_told_again = !is_first && now - in->said_at_ms >= SAY_AGAIN_MS;
    if (is_first || is_told_again)
        in->said_at_ms = now;
    if (is_told_again) {
        kc_log(KC_WARN, "amqp_still_lost", KC_S("connection", "read"), KC_S("queue", in->queue),
               KC_I("afterMs", now - in->lost_at_ms), KC_E(&in->lost_error));
    } else if (is_first) {
        kc_log(KC_WARN, "amqp_lost", KC_S("connection", "read"), KC_S("queue", in->queue),
               KC_E(&in->lost_error));
    } else {
        kc_log(KC_DEBUG, "amqp_retry", KC_S("connection", "read"), KC_S("queue", in->queue),
               KC_I("failures", in->failures), KC_I("pauseMs", pause), KC_E(&in->lost_error));
    }
}

/* Who waits for the start hears of it, and the log does not. */
static bool fail_start(struct kc_inbox *in, const struct kc_error *err)
{
    pthread_mutex_lock(&in->lock);
    bool is_waited_for = in->start == KC_START_WANTED;
    if (is_waited_for) {
        in->start = KC_START_FAILED;
        in->start_error = *err;
        pthread_cond_broadcast(&in->changed);
    }
    pthread_mutex_unlock(&in->lock);
    return is_waited_for;
}

static void set_down_at(struct kc_inbox *in, int64_t at_ms)
{
    pthread_mutex_lock(&in->lock);
    in->down_at_ms = at_ms;
    pthread_mutex_unlock(&in->lock);
}

void kc_inbox_lose(struct kc_inbox *in, const struct kc_error *err)
{
    int64_t now = kc_now_ms();
    if (in->link) {
        if (now - in->up_at_ms >= WELL_MS)
            in->failures = 0;
        kc_link_close(in->link, true); /* one that only lost its consumer ends in order */
        in->link = NULL;
    }
    in->lost_error = *err;
    kc_inbox_parts_clear(&in->parts);
    kc_seen_broke(in->seen);
    int pause = pause_ms(in->failures++);
    in->retry_at_ms = now + pause;
    bool is_first = in->lost_at_ms == 0;
    if (is_first)
        in->lost_at_ms = now;
    if (err->code == KC_NOT_FOUND) {
        set_down_at(in, 0);
        in->gone_at_ms = in->gone_at_ms ? in->gone_at_ms : now;
    } else { /* a broker that is away says nothing of its queues */
        set_down_at(in, in->down_at_ms ? in->down_at_ms : now);
        in->gone_at_ms = 0;
    }
    if (!fail_start(in, err))
        say_lost(in, is_first, pause);
}

void kc_inbox_say_restored(struct kc_inbox *in)
{
    if (in->lost_at_ms == 0)
        return;
    kc_log(KC_INFO, "amqp_restored", KC_S("connection", "read"), KC_S("queue", in->queue),
           KC_I("afterMs", kc_now_ms() - in->lost_at_ms));
    in->gone_at_ms = in->lost_at_ms = 0;
    set_down_at(in, 0);
    in->lost_was_told = false;
}

void kc_inbox_reconnect(struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    struct kc_error err = { 0 };
    int64_t now = kc_now_ms();
    if (now < in->retry_at_ms)
        return;
    int timeout =
        w->close ? kc_ms_until(w->close_by_ms, KC_INBOX_CONNECT_MS) : KC_INBOX_CONNECT_MS;
    if (!kc_inbox_connect(in, timeout, &err))
        kc_inbox_lose(in, &err);
    else if (!w->consume)
        kc_inbox_say_restored(in);
}

bool kc_inbox_is_losing(const struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    return in->gone_at_ms != 0 && !in->lost_was_told && in->conf.lost_ms > 0 && !w->cancel;
}

void kc_inbox_tell_lost(struct kc_inbox *in, const struct kc_inbox_wishes *w)
{
    if (!kc_inbox_is_losing(in, w) || kc_now_ms() - in->gone_at_ms < in->conf.lost_ms)
        return;
    in->lost_was_told = true;
    in->conf.on_lost(in->conf.arg, &in->lost_error);
}
