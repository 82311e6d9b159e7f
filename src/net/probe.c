// SPDX-License-Identifier: Apache-2.0
#include "net/probe_private.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE_MS 50 /* how soon an instant that was brought forward is seen */

bool kc_probe_fail(struct kc_probe *p, enum kc_probe_fault fault, enum kc_code code, int native,
                   const char *fmt, ...)
{
    char text[KC_ERROR_TEXT_SIZE];
    va_list args;
    if (p->fault != KC_PROBE_FINE)
        return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    p->fault = fault;
    kc_error_set(&p->err, code, native, "%s", text);
    return false;
}

static bool fail_late(struct kc_probe *p, const char *what)
{
    return kc_probe_fail(p, KC_PROBE_TIMEOUT, KC_TIMEOUT, 0, "%s", what);
}

bool kc_probe_wait(struct kc_probe *p, short events)
{
    struct pollfd one = { .fd = p->fd, .events = events };
    int left;
    while ((left = kc_until_left(p->until)) > 0) {
        int n = poll(&one, 1, left < SLICE_MS ? left : SLICE_MS);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return kc_probe_fail(p, KC_PROBE_BROKEN, KC_UNREACHABLE, errno, "poll: %s",
                                 strerror(errno));
    }
    return fail_late(p, "nothing was answered in time");
}

/* --- TCP: all addresses at once, the first that answers is taken --- */

static int start_connect(const struct kc_names *names, size_t i, int *why)
{
    const struct sockaddr *to = (const struct sockaddr *)&names->list[i];
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0) {
        *why = errno;
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, to, names->len[i]) == 0 || errno == EINPROGRESS)
        return fd;
    *why = errno;
    close(fd);
    return -1;
}

/* -1 while none is connected; those that failed leave the list. */
static int connected(struct pollfd *sockets, size_t count, int *why)
{
    for (size_t i = 0; i < count; i++) {
        int error = 0;
        socklen_t len = sizeof(error);
        if (sockets[i].fd < 0 || !sockets[i].revents)
            continue;
        if (getsockopt(sockets[i].fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
        if (error == 0) {
            int fd = sockets[i].fd;
            sockets[i].fd = -1;
            return fd;
        }
        *why = error;
        close(sockets[i].fd);
        sockets[i].fd = -1;
    }
    return -1;
}

static bool has_any(const struct pollfd *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sockets[i].fd >= 0)
            return true;
    }
    return false;
}

static bool say_not_connected(struct kc_probe *p, bool is_late, int why)
{
    if (is_late)
        return fail_late(p, "the connection was not answered in time");
    if (why == ECONNREFUSED)
        return kc_probe_fail(p, KC_PROBE_REFUSED, KC_UNREACHABLE, why,
                             "nobody listens there (connection refused)");
    if (why == ETIMEDOUT)
        return fail_late(p, "the connection was not answered");
    return kc_probe_fail(p, KC_PROBE_UNREACHABLE, KC_UNREACHABLE, why, "no way there: %s",
                         strerror(why));
}

static bool connect_any(struct kc_probe *p, const struct kc_names *names)
{
    struct pollfd sockets[KC_NAMES_MAX];
    int why = ECONNREFUSED, left = 1;
    for (size_t i = 0; i < names->count; i++)
        sockets[i] = (struct pollfd){ .fd = start_connect(names, i, &why), .events = POLLOUT };
    while (p->fd < 0 && has_any(sockets, names->count) &&
           (left = kc_until_left(p->until)) > 0) {
        int n = poll(sockets, names->count, left < SLICE_MS ? left : SLICE_MS);
        if (n > 0)
            p->fd = connected(sockets, names->count, &why);
    }
    bool is_late = p->fd < 0 && has_any(sockets, names->count);
    for (size_t i = 0; i < names->count; i++) {
        if (sockets[i].fd >= 0)
            close(sockets[i].fd);
    }
    return p->fd >= 0 || say_not_connected(p, is_late, why);
}

static bool find(struct kc_probe *p, int port, int family, struct kc_names *names)
{
    struct kc_error err = { 0 };
    if (kc_names_find(names, p->host, port, family, p->until, NULL, &err)) {
        kc_names_show(names, p->addresses);
        return true;
    }
    bool nobody_said = err.code == KC_TIMEOUT || err.code == KC_BUSY;
    return kc_probe_fail(p, nobody_said ? KC_PROBE_TIMEOUT : KC_PROBE_NO_NAME, err.code,
                         err.native, "%s", err.text);
}

bool kc_probe_open(struct kc_probe *p, const char *host, int port, int family,
                   const struct kc_until *until)
{
    struct kc_names names;
    *p = (struct kc_probe){
        .until = until, .host = kc_strdup(host), .fd = -1, .ms = { -1, -1, -1 }
    };
    int64_t at_ms = kc_now_ms();
    bool ok = find(p, port, family, &names);
    p->ms[KC_PROBE_NAME] = kc_now_ms() - at_ms;
    if (!ok)
        return false;
    p->stage = KC_PROBE_TCP;
    at_ms = kc_now_ms();
    ok = connect_any(p, &names);
    p->ms[KC_PROBE_TCP] = kc_now_ms() - at_ms;
    if (ok)
        p->stage = KC_PROBE_OPEN;
    return ok;
}

/* --- bytes --- */

bool kc_probe_send(struct kc_probe *p, struct kc_text bytes)
{
    if (p->ssl)
        return kc_probe_tls_send(p, bytes);
    while (bytes.len > 0) {
        ssize_t n = send(p->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!kc_probe_wait(p, POLLOUT))
                return false;
            continue;
        }
        if (n < 0)
            return kc_probe_fail(p, KC_PROBE_CLOSED, KC_UNREACHABLE, errno,
                                 "the connection broke: %s", strerror(errno));
        bytes.p += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

bool kc_probe_receive(struct kc_probe *p, void *bytes, size_t len)
{
    char *to = bytes;
    if (p->ssl)
        return kc_probe_tls_receive(p, to, len);
    while (len > 0) {
        ssize_t n = recv(p->fd, to, len, 0);
        if (n == 0)
            return kc_probe_fail(p, KC_PROBE_CLOSED, KC_UNREACHABLE, 0,
                                 "they closed the connection");
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!kc_probe_wait(p, POLLIN))
                return false;
            continue;
        }
        if (n < 0)
            return kc_probe_fail(p, KC_PROBE_CLOSED, KC_UNREACHABLE, errno,
                                 "the connection broke: %s", strerror(errno));
        to += n;
        len -= (size_t)n;
    }
    return true;
}

void kc_probe_close(struct kc_probe *p)
{
    if (!p->host)
        return;
    kc_probe_tls_close(p);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    free(p->host);
    p->host = NULL;
}
