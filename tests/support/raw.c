// SPDX-License-Identifier: Apache-2.0
#include "raw.h"

#include "fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct raw {
    int fd;
    char *text; /* what came: text[taken..size), NUL-terminated */
    size_t size, room, taken;
    bool is_closed;   /* by the peer */
    int64_t began_ms; /* when it was opened, or the last answer taken */
    struct raw *next;
};

static struct raw *all;

/* --- Opening and closing --- */

static struct sockaddr_in parse(const char *base)
{
    const char *host = strstr(base, "://");
    host = host ? host + 3 : base;
    const char *colon = strchr(host, ':');
    char name[64];
    struct sockaddr_in at = { .sin_family = AF_INET };
    snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - host) : 0, host);
    if (!colon || inet_pton(AF_INET, name, &at.sin_addr) != 1)
        fail_test("not an IPv4 address with a port: %s", base);
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return at;
}

static struct raw *open_raw(const char *base, const char *address, int buffer)
{
    struct sockaddr_in to = parse(base), from = { .sin_family = AF_INET };
    struct raw *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->text = calloc(1, 1);
    assert_non_null(r->text);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->fd < 0)
        fail_test("socket: %s", strerror(errno));
    r->began_ms = now_ms();
    r->next = all;
    all = r;
    if (address && (inet_pton(AF_INET, address, &from.sin_addr) != 1 ||
                    bind(r->fd, (struct sockaddr *)&from, sizeof(from)) != 0))
        fail_test("from %s: %s", address, strerror(errno));
    if (buffer > 0)
        setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (connect(r->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        fail_test("connect to %s: %s", base, strerror(errno));
    int one = 1;
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* bytes go one by one */
    fcntl(r->fd, F_SETFL, O_NONBLOCK);
    return r;
}

struct raw *raw_open_from(const char *base, const char *address)
{
    return open_raw(base, address, 0);
}

struct raw *raw_open(const char *base)
{
    return open_raw(base, NULL, 0);
}

struct raw *raw_open_slow(const char *base)
{
    return open_raw(base, NULL, 1); /* rounded up to the least there is */
}

void raw_free(struct raw *r)
{
    if (!r)
        return;
    for (struct raw **at = &all; *at; at = &(*at)->next) {
        if (*at == r) {
            *at = r->next;
            break;
        }
    }
    close(r->fd);
    free(r->text);
    free(r);
}

int raw_free_all(void **state)
{
    while (all)
        raw_free(all);
    return http_free_all(state);
}

void raw_shut(struct raw *r)
{
    shutdown(r->fd, SHUT_WR);
}

void raw_reset(struct raw *r)
{
    struct linger hard = { .l_onoff = 1 };
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    raw_free(r);
}

/* --- Waiting --- */

static void drain(struct raw *r)
{
    while (!r->is_closed) {
        if (r->room - r->size < 1 << 14) {
            r->room = r->room * 2 + (1 << 15);
            char *text = realloc(r->text, r->room);
            if (!text)
                fail_test("out of memory");
            r->text = text;
        }
        ssize_t n = read(r->fd, r->text + r->size, r->room - r->size - 1);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            r->is_closed = true;
        else
            r->size += (size_t)n;
        r->text[r->size] = '\0';
    }
}

/* Takes in what comes within wait_ms. True: bytes can be sent. */
static bool serve(struct raw *r, bool wants_write, int64_t wait_ms)
{
    struct pollfd fd = { .fd = r->fd, .events = (short)(POLLIN | (wants_write ? POLLOUT : 0)) };
    if (r->is_closed)
        return false;
    poll(&fd, 1, wait_ms > 0 ? (int)wait_ms : 0);
    if (fd.revents & ~POLLOUT)
        drain(r);
    return (fd.revents & POLLOUT) != 0;
}

const char *raw_text(struct raw *r)
{
    return r->text + r->taken;
}

static _Noreturn void fail_raw(struct raw *r, const char *what)
{
    fail_test("%s after %lld ms; the connection is %s; what came is\n%.1500s", what,
              (long long)(now_ms() - r->began_ms), r->is_closed ? "closed" : "open",
              raw_text(r));
}

bool raw_is_answered(struct raw *r, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    serve(r, false, 0);
    while (r->size == r->taken && !r->is_closed && now_ms() < deadline)
        serve(r, false, deadline - now_ms());
    return r->size > r->taken;
}

bool raw_is_closed(struct raw *r, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    serve(r, false, 0);
    while (!r->is_closed && now_ms() < deadline)
        serve(r, false, deadline - now_ms());
    return r->is_closed;
}

int64_t raw_expect_close(struct raw *r, int wait_ms)
{
    int64_t began = now_ms();
    if (!raw_is_closed(r, wait_ms))
        fail_raw(r, "the peer did not close");
    return now_ms() - began;
}

/* --- Sending --- */

bool raw_send(struct raw *r, const void *bytes, size_t size, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    size_t done = 0;
    while (done < size && !r->is_closed) {
        if (serve(r, true, deadline - now_ms())) {
            ssize_t n = send(r->fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                break; /* reset: what was answered before may still be read */
            done += n > 0 ? (size_t)n : 0;
        } else if (now_ms() >= deadline && !r->is_closed)
            fail_raw(r, "the peer does not take what is sent");
    }
    return done == size;
}

size_t raw_stuff(struct raw *r, const void *bytes, size_t size, int settle_ms)
{
    size_t done = 0;
    struct pollfd fd = { .fd = r->fd, .events = POLLOUT };
    while (done < size && poll(&fd, 1, settle_ms) > 0) {
        ssize_t n = send(r->fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    return done;
}

/* Bytes that wait between these two: not taken by the peer's machine, or by the peer. */
static unsigned int bytes_between(const struct sockaddr_in *us, const struct sockaddr_in *them)
{
    unsigned int from, from_port, to, to_port, state, sending, received, sum = 0;
    char line[256];
    FILE *file = fopen("/proc/net/tcp", "re");
    if (!file)
        fail_test("/proc/net/tcp cannot be read");
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%*d: %x:%x %x:%x %x %x:%x", &from, &from_port, &to, &to_port, &state,
                   &sending, &received) != 7)
            continue;
        if (from == us->sin_addr.s_addr && from_port == ntohs(us->sin_port) &&
            to == them->sin_addr.s_addr && to_port == ntohs(them->sin_port))
            sum += sending;
        if (to == us->sin_addr.s_addr && to_port == ntohs(us->sin_port) &&
            from == them->sin_addr.s_addr && from_port == ntohs(them->sin_port))
            sum += received;
    }
    fclose(file);
    return sum;
}

void raw_expect_read(struct raw *r, int wait_ms)
{
    struct sockaddr_in us = { 0 }, them = { 0 };
    socklen_t us_size = sizeof(us), them_size = sizeof(them);
    int64_t deadline = now_ms() + wait_ms;
    if (getsockname(r->fd, (struct sockaddr *)&us, &us_size) != 0 ||
        getpeername(r->fd, (struct sockaddr *)&them, &them_size) != 0)
        return; /* the peer has closed: it reads nothing any more */
    while (bytes_between(&us, &them) > 0) {
        if (now_ms() >= deadline)
            fail_raw(r, "the peer does not read what was sent");
        usleep(2000);
    }
}

bool raw_say(struct raw *r, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    assert_true(size >= 0);
    bool is_sent = raw_send(r, text, (size_t)size, HTTP_WAIT_MS);
    free(text);
    return is_sent;
}

bool raw_chunk(struct raw *r, const char *text)
{
    return raw_say(r, "%zx\r\n%s\r\n", strlen(text), text);
}

int64_t raw_drip(struct raw *r, const char *bytes, int pace_ms, int wait_ms)
{
    int64_t began = now_ms();
    const char *at = bytes;
    while (!raw_is_answered(r, 0) && !r->is_closed && now_ms() < began + wait_ms) {
        if (send(r->fd, at, 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            break;
        at = at[1] ? at + 1 : bytes;
        raw_is_answered(r, pace_ms);
    }
    return now_ms() - began;
}

/* --- Answers --- */

/* What is known of an answer that may not be whole yet. */
struct shape {
    size_t head;     /* bytes up to and with the empty line; 0: not there yet */
    size_t consumed; /* bytes of head and body as they came; 0: not whole yet */
    char *body;      /* when whole */
    size_t body_size;
};

/* Decodes chunks; 0: not whole yet. */
static size_t decode_chunks(const char *at, size_t size, char *body, size_t *body_size)
{
    const char *start = at, *end = at + size;
    for (;;) {
        char *after;
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return 0;
        size_t chunk = strtoul(at, &after, 16);
        at = newline + 1;
        if ((size_t)(end - at) < chunk + 2)
            return 0;
        memcpy(body + *body_size, at, chunk);
        *body_size += chunk;
        at += chunk + 2;
        if (chunk == 0)
            return (size_t)(at - start);
    }
}

static bool head_says(const char *head, size_t size, const char *what, size_t *number)
{
    char *copy = strndup(head, size);
    assert_non_null(copy);
    const char *found = strcasestr(copy, what);
    if (found && number)
        *number = strtoul(found + strlen(what), NULL, 10);
    free(copy);
    return found != NULL;
}

static struct shape shape_of(struct raw *r, bool is_to_head)
{
    struct shape s = { 0 };
    const char *text = raw_text(r), *empty = strstr(text, "\r\n\r\n");
    if (!empty)
        return s;
    s.head = (size_t)(empty + 4 - text);
    size_t rest = r->size - r->taken - s.head, length = 0;
    int status = (int)strtol(text + strcspn(text, " "), NULL, 10);
    s.body = calloc(1, rest + 1);
    assert_non_null(s.body);
    if (is_to_head || status == 204 || status == 304 || status / 100 == 1) {
        s.consumed = s.head;
    } else if (head_says(text, s.head, "\r\nTransfer-Encoding: chunked", NULL)) {
        size_t used = decode_chunks(text + s.head, rest, s.body, &s.body_size);
        s.consumed = used ? s.head + used : 0;
    } else if (head_says(text, s.head, "\r\nContent-Length:", &length)) {
        s.body_size = length <= rest ? length : 0;
        s.consumed = length <= rest ? s.head + length : 0;
        memcpy(s.body, text + s.head, s.body_size);
    } else if (r->is_closed) {
        s.body_size = rest;
        s.consumed = s.head + rest;
        memcpy(s.body, text + s.head, rest);
    }
    return s;
}

static struct http_answer *answer(struct raw *r, int wait_ms, bool is_to_head)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        serve(r, false, 0);
        struct shape s = shape_of(r, is_to_head);
        if (s.consumed == 0) {
            free(s.body);
            if (r->is_closed || now_ms() >= deadline)
                fail_raw(r, "no whole answer came");
            serve(r, false, deadline - now_ms());
            continue;
        }
        char *head = strndup(raw_text(r), s.head);
        assert_non_null(head);
        r->taken += s.consumed;
        if (strncmp(head + strcspn(head, " "), " 100", 4) == 0) {
            free(head);
            free(s.body);
            continue;
        }
        int64_t began = r->began_ms;
        r->began_ms = now_ms();
        return http_answer_new(head, s.body, s.body_size, r->began_ms - began);
    }
}

struct http_answer *raw_answer(struct raw *r, int wait_ms)
{
    return answer(r, wait_ms, false);
}

struct http_answer *raw_answer_to_head(struct raw *r, int wait_ms)
{
    return answer(r, wait_ms, true);
}
