// SPDX-License-Identifier: Apache-2.0
/* fake_broker.c
 *
 * Threads    accept   until fake_broker_stop()
 *            one per connection, until the other side hangs up or this one does */
#include "fake_broker.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/sync.h"
#include "fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_MAX             65536
#define API_METADATA          3
#define API_SASL_HANDSHAKE    17
#define API_VERSIONS          18
#define UNSUPPORTED_VERSION   35
#define ILLEGAL_SASL_STATE    34
#define UNSUPPORTED_MECHANISM 33

struct fake_broker {
    struct fake_broker_options o;
    int listener, port;
    char at[32];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int open;           /* needs lock */
    int metadata_count; /* answers; needs lock */
};

struct connection {
    struct fake_broker *b;
    int fd;
};

/* --- words --- */

static void put(struct kc_buf *out, uint32_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        char byte = (char)(number >> (8 * i));
        (void)kc_buf_append(out, &byte, 1);
    }
}

static void put_text(struct kc_buf *out, const char *text)
{
    put(out, (uint32_t)strlen(text), 2);
    (void)kc_buf_puts(out, text);
}

/* The list is of version 0, which whoever asked for more is to ask for. */
static void say_versions(struct kc_buf *out, int version)
{
    static const int apis[][2] = { { API_METADATA, 1 },
                                   { API_SASL_HANDSHAKE, 1 },
                                   { API_VERSIONS, 0 } };
    put(out, version == 0 ? 0 : UNSUPPORTED_VERSION, 2);
    put(out, 3, 4);
    for (int i = 0; i < 3; i++) {
        put(out, (uint32_t)apis[i][0], 2);
        put(out, 0, 2);
        put(out, (uint32_t)apis[i][1], 2);
    }
}

static void say_mechanisms(const struct fake_broker *b, const char *asked, struct kc_buf *out)
{
    const char *has = b->o.mechanisms;
    put(out,
        !has                      ? ILLEGAL_SASL_STATE
        : strcmp(has, asked) == 0 ? 0
                                  : UNSUPPORTED_MECHANISM,
        2);
    put(out, has ? 1 : 0, 4);
    if (has)
        put_text(out, has);
}

/* Version 1: the brokers, the controller, no topics. */
static void say_metadata(const struct fake_broker *b, struct kc_buf *out)
{
    int count = b->o.brokers ? b->o.brokers : 1, first = b->o.port ? b->o.port : b->port;
    put(out, (uint32_t)count, 4);
    for (int i = 0; i < count; i++) {
        put(out, (uint32_t)i + 1, 4);
        put_text(out, b->o.host ? b->o.host : "127.0.0.1");
        put(out, (uint32_t)(count > 1 && i == 0 ? b->port : first + i), 4);
        put(out, UINT16_MAX, 2); /* no rack */
    }
    put(out, 1, 4);
    put(out, 0, 4);
}

/* --- one connection --- */

static bool take(int fd, unsigned char *to, size_t len)
{
    return recv(fd, to, len, MSG_WAITALL) == (ssize_t)len;
}

static uint32_t number(const unsigned char *at, int bytes)
{
    uint32_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | *at++;
    return n;
}

static bool answers_metadata(struct fake_broker *b)
{
    pthread_mutex_lock(&b->lock);
    bool does = !b->o.keeps_metadata && !b->o.drops_metadata &&
                (b->o.metadata_max == 0 || b->metadata_count < b->o.metadata_max);
    b->metadata_count += does;
    pthread_mutex_unlock(&b->lock);
    return does;
}

/* One request: api 2, version 2, number 4, client 2 + n, and the rest. False: it is over. */
static bool talk(struct connection *c, unsigned char *asked)
{
    struct kc_buf body, all;
    uint32_t len;
    if (!take(c->fd, asked, 4) || (len = number(asked, 4)) < 10 || len >= ASKED_MAX ||
        !take(c->fd, asked, len))
        return false;
    asked[len] = '\0';
    uint32_t api = number(asked, 2), client_len = number(asked + 8, 2);
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_init(&all, KC_BUF_UNBOUNDED);
    if (api == API_VERSIONS)
        say_versions(&body, (int)number(asked + 2, 2));
    else if (api == API_SASL_HANDSHAKE)
        say_mechanisms(c->b, (const char *)asked + 10 + client_len + 2, &body);
    else if (api == API_METADATA && answers_metadata(c->b))
        say_metadata(c->b, &body);
    put(&all, (uint32_t)body.len + 4, 4);
    put(&all, number(asked + 4, 4), 4);
    (void)kc_buf_text(&all, kc_buf_peek(&body));
    bool goes_on = body.len > 0 || !c->b->o.drops_metadata;
    if (body.len > 0)
        goes_on = send(c->fd, all.data, all.len, MSG_NOSIGNAL) == (ssize_t)all.len;
    kc_buf_deinit(&body);
    kc_buf_deinit(&all);
    return goes_on;
}

static void *run_connection(void *arg)
{
    struct connection *c = arg;
    struct fake_broker *b = c->b;
    unsigned char *asked = kc_alloc0(ASKED_MAX, 1);
    if (b->o.hang_up_ms)
        (void)poll(NULL, 0, b->o.hang_up_ms);
    while (!b->o.hang_up_ms && talk(c, asked))
        ;
    close(c->fd);
    free(asked);
    free(c);
    pthread_mutex_lock(&b->lock);
    b->open--;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void *run_accept(void *arg)
{
    struct fake_broker *b = arg;
    for (;;) {
        pthread_t thread;
        int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return NULL; /* shut by stop() */
        if (fd < 0)
            continue;
        struct connection *c = kc_new0(struct connection);
        *c = (struct connection){ b, fd };
        pthread_mutex_lock(&b->lock);
        b->open++;
        pthread_mutex_unlock(&b->lock);
        kc_thread_start(&thread, "fake-talk", run_connection, c);
        pthread_detach(thread);
    }
}

/* --- starting and stopping --- */

struct fake_broker *fake_broker_start(const struct fake_broker_options *options)
{
    struct fake_broker *b = kc_new0(struct fake_broker);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    b->o = *options;
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (b->listener < 0 || bind(b->listener, (struct sockaddr *)&at, len) != 0 ||
        listen(b->listener, 64) != 0 ||
        getsockname(b->listener, (struct sockaddr *)&at, &len) != 0)
        fail_test("the fake broker cannot listen: %s", strerror(errno));
    b->port = ntohs(at.sin_port);
    (void)snprintf(b->at, sizeof(b->at), "127.0.0.1:%d", b->port);
    pthread_mutex_init(&b->lock, NULL);
    kc_cond_init(&b->changed);
    kc_thread_start(&b->thread, "fake-accept", run_accept, b);
    return b;
}

const char *fake_broker_at(const struct fake_broker *b)
{
    return b->at;
}

void fake_broker_stop(struct fake_broker *b)
{
    shutdown(b->listener, SHUT_RDWR); /* wakes accept() */
    pthread_join(b->thread, NULL);
    close(b->listener);
    pthread_mutex_lock(&b->lock);
    while (b->open > 0)
        kc_cond_wait(&b->changed, &b->lock, 1000);
    pthread_mutex_unlock(&b->lock);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
