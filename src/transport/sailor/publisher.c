// SPDX-License-Identifier: Apache-2.0
/* publisher.c - the queue, and the thread that empties it. The connection is in
 * publisher_link.c, the order of things in backlog.c, the unconfirmed in flight.c. */
#include "transport/sailor/publisher_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH             64 /* messages between two looks at what the broker says */
#define WAKE_MS           60000
#define STUCK_MS          200 /* so often a closing publisher's socket is shut */
#define REPLY_PATIENCE_MS 60000
#define EXCHANGE_MAX      255 /* of the protocol */

/* --- The thread --------------------------------------------------------------------------- */

/* Takes what has arrived and tells those who wait how much room there is. False: closing. */
static bool exchange_news(struct kc_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool is_closing = p->is_closing;
    struct kc_publish_list arrived = p->arrived;
    p->arrived = (struct kc_publish_list){ NULL, NULL };
    if (p->answered_count) {
        p->count -= p->answered_count;
        p->bytes -= p->answered_bytes;
        p->answered_count = p->answered_bytes = 0;
        if (p->waiters)
            pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    struct kc_publishing *publishing;
    while ((publishing = kc_publish_list_take(&arrived)))
        kc_backlog_add(&p->backlog, publishing);
    return !is_closing;
}

/* Small packets are held together while there are more: a third less work for both sides. */
static void cork(struct kc_publisher *p, int on)
{
    if (p->link)
        (void)setsockopt(kc_link_fd(p->link), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* Publishes what may be published, a batch at most. Gives the time until there may be more to
 * do; 0: look again at once, -1: not before something happens. */
static int64_t publish_batch(struct kc_publisher *p)
{
    int64_t now_ms = kc_now_ms(), wait_ms = -1;
    int written = 0;
    while (written < BATCH && !p->is_blocked && p->flight.count < p->window &&
           !kc_flight_is_full(&p->flight)) {
        struct kc_publishing *next = kc_backlog_next(&p->backlog, now_ms, &wait_ms);
        if (!next)
            break;
        if (++written == 2)
            cork(p, 1);
        if (!kc_publisher_write(p, next))
            return 0;
    }
    if (written >= 2)
        cork(p, 0);
    return written == BATCH ? 0 : wait_ms;
}

/* May sleep, unless something has come in the meantime. */
static bool fall_asleep(struct kc_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_asleep = !p->arrived.first && !p->is_closing && !p->answered_count;
    bool is_asleep = p->is_asleep;
    pthread_mutex_unlock(&p->lock);
    return is_asleep;
}

static void wake_up(struct kc_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_asleep = false;
    pthread_mutex_unlock(&p->lock);
}

/* Sleeps until the broker says something, a message arrives, or the time is over; 0: only
 * looks. True when there is something to hear, or to say to a broker that waits for a
 * heartbeat. */
static bool rest(struct kc_publisher *p, int64_t wait_ms)
{
    struct pollfd fds[2] = { { .fd = p->wake_fd, .events = POLLIN },
                             { .fd = p->link ? kc_link_fd(p->link) : -1, .events = POLLIN } };
    bool has_heard = p->link && kc_publisher_has_heard(p);
    int heartbeat_ms = p->link ? kc_link_heartbeat_ms(p->link) : 0;
    if (has_heard || (wait_ms && !fall_asleep(p)))
        wait_ms = 0;
    if (heartbeat_ms > 0 && (wait_ms < 0 || wait_ms > heartbeat_ms))
        wait_ms = heartbeat_ms;
    (void)poll(fds, 2, wait_ms < 0 ? -1 : wait_ms > WAKE_MS ? WAKE_MS : (int)wait_ms);
    if (wait_ms)
        wake_up(p);
    uint64_t wakes;
    if (fds[0].revents)
        (void)!read(p->wake_fd, &wakes, sizeof(wakes));
    return has_heard || fds[1].revents ||
           (heartbeat_ms > 0 && kc_now_ms() - p->heard_ms >= heartbeat_ms);
}

static void *run(void *arg)
{
    struct kc_publisher *p = arg;
    while (exchange_news(p)) {
        if (!p->link && p->connect_at_ms <= kc_now_ms())
            kc_publisher_reconnect(p);
        int64_t wait_ms = p->link ? publish_batch(p) : kc_ms_until(p->connect_at_ms, INT32_MAX);
        struct kc_error err = { 0 };
        if (rest(p, wait_ms) && p->link && !kc_publisher_hear(p, &err))
            kc_publisher_lose(p, &err);
    }
    pthread_mutex_lock(&p->lock);
    p->has_ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* --- For other threads -------------------------------------------------------------------- */

static void wake(struct kc_publisher *p)
{
    const uint64_t one = 1;
    (void)!write(p->wake_fd, &one, sizeof(one));
}

static bool connect_patiently(struct kc_publisher *p, int attempts, int timeout_ms,
                              struct kc_error *err)
{
    for (int i = 0; !kc_publisher_connect(p, err); i++) {
        if (i >= attempts || !kc_link_wait_to_retry("write", timeout_ms, p->conf.halt, err))
            return false;
    }
    return true;
}

bool kc_publisher_open(struct kc_publisher **out, const struct kc_publisher_conf *conf,
                       int attempts, int timeout_ms, struct kc_error *err)
{
    *out = NULL;
    if (strlen(conf->exchange) > EXCHANGE_MAX) {
        kc_error_set(err, KC_CONFIG, 0, "the exchange's name is longer than 255 bytes");
        return false;
    }
    struct kc_publisher *p = kc_new0(struct kc_publisher);
    p->conf = *conf;
    if (p->conf.reply_patience_ms <= 0)
        p->conf.reply_patience_ms = REPLY_PATIENCE_MS;
    p->exchange = amqp_cstring_bytes(kc_strdup(conf->exchange));
    p->window = KC_FLIGHT_MAX;
    kc_backlog_init(&p->backlog, &p->conf);
    kc_flight_init(&p->flight);
    pthread_mutex_init(&p->lock, NULL);
    kc_cond_init(&p->changed);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->wake_fd < 0) {
        kc_error_set(err, KC_UNREACHABLE, errno, "no more descriptors: %s", strerror(errno));
        goto fail;
    }
    if (!connect_patiently(p, attempts, timeout_ms, err))
        goto fail;
    kc_thread_start(&p->thread, "kc-publisher", run, p);
    p->has_thread = true;
    *out = p;
    return true;
fail:
    kc_publisher_close(p);
    return false;
}

void kc_publisher_send(struct kc_publisher *p, struct kc_publishing *publishing)
{
    publishing->stall = NULL;
    publishing->tries = 0;
    publishing->due_ms = publishing->returned_ms = 0;
    if (!publishing->headers)
        publishing->headers = kc_table_new();
    pthread_mutex_lock(&p->lock);
    publishing->sequence = ++p->sequence;
    kc_publish_list_push(&p->arrived, publishing);
    p->count++;
    p->bytes += publishing->body_len;
    bool is_asleep = p->is_asleep;
    p->is_asleep = false;
    pthread_mutex_unlock(&p->lock);
    if (is_asleep)
        wake(p);
}

static bool has_room(const struct kc_publisher *p)
{
    return p->count < KC_PUBLISHER_MAX && p->bytes < KC_PUBLISHER_BYTES;
}

static bool is_drained(const struct kc_publisher *p)
{
    return p->count == 0;
}

/* Waits until it is so; needs no lock. */
static bool await(struct kc_publisher *p, bool (*is_so)(const struct kc_publisher *),
                  int wait_ms)
{
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&p->lock);
    p->waiters++;
    for (int left_ms = wait_ms; !is_so(p) && left_ms > 0;) {
        kc_cond_wait(&p->changed, &p->lock, left_ms);
        left_ms = kc_ms_until(deadline_ms, wait_ms);
    }
    p->waiters--;
    bool is = is_so(p);
    pthread_mutex_unlock(&p->lock);
    return is;
}

bool kc_publisher_has_room(struct kc_publisher *p, int wait_ms)
{
    return await(p, has_room, wait_ms);
}

bool kc_publisher_drain(struct kc_publisher *p, int wait_ms)
{
    return await(p, is_drained, wait_ms);
}

bool kc_publisher_is_well(struct kc_publisher *p, struct kc_error *err)
{
    pthread_mutex_lock(&p->lock);
    bool is_well = p->open_link != NULL;
    if (!is_well && err) {
        *err = p->down;
        kc_error_wrap(err, "no connection to publish on for %d s",
                      (int)((kc_now_ms() - p->down_since_ms) / 1000));
    }
    pthread_mutex_unlock(&p->lock);
    return is_well;
}

int64_t kc_publisher_down_ms(struct kc_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t down_ms = p->open_link ? 0 : kc_now_ms() - p->down_since_ms;
    pthread_mutex_unlock(&p->lock);
    return down_ms;
}

static bool has_ended(const struct kc_publisher *p)
{
    return p->has_ended;
}

static void end_thread(struct kc_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_closing = true;
    pthread_mutex_unlock(&p->lock);
    wake(p);
    while (!await(p, has_ended, STUCK_MS)) {
        /* In a write that the broker does not read, or connecting, and then in such a write. */
        pthread_mutex_lock(&p->lock);
        if (p->open_link)
            kc_link_interrupt(p->open_link);
        pthread_mutex_unlock(&p->lock);
    }
    pthread_join(p->thread, NULL);
}

static void answer_rest(struct kc_publisher *p)
{
    static const char *const reason = "we were stopped before the broker confirmed it";
    struct kc_publish_list left = kc_flight_lost(&p->flight);
    struct kc_publishing *publishing;
    kc_backlog_lost(&p->backlog, &left);
    (void)exchange_news(p);
    while ((publishing = kc_backlog_take(&p->backlog)))
        kc_publisher_answer(p, publishing, false, KC_STOPPED, reason);
}

void kc_publisher_close(struct kc_publisher *p)
{
    if (!p)
        return;
    if (p->has_thread)
        end_thread(p);
    answer_rest(p);
    if (p->link)
        kc_link_close(p->link, !p->is_blocked);
    if (p->wake_fd >= 0)
        (void)close(p->wake_fd);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->exchange.bytes);
    free(p);
}
