// SPDX-License-Identifier: Apache-2.0
/* connection.c - who is connected, and until when each has to have said what it wants.
 *
 * libmicrohttpd's own time-out counts inactivity only, so a byte every half second would keep a
 * connection for ever. A phase here has an end whatever is sent meanwhile. */
#include "transport/http/server_private.h"

#include "base/alloc.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define VANISHED_MS 60000 /* a peer that acknowledges nothing for so long is gone */

static void read_address(const struct sockaddr *from, struct in6_addr *out)
{
    *out = in6addr_any;
    if (from && from->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
               sizeof(*out));
    } else if (from && from->sa_family == AF_INET) {
        out->s6_addr[10] = out->s6_addr[11] = 0xff;
        memcpy(out->s6_addr + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr,
               4);
    }
}

static enum kc_excess look_for_excess(const struct kc_connections *all,
                                      const struct in6_addr *address)
{
    int same = 0;
    for (const struct kc_connection *c = all->first; c; c = c->next)
        same += memcmp(&c->address, address, sizeof(*address)) == 0;
    if (atomic_load(&all->count) >= all->max)
        return KC_EXCESS_ALL;
    return same >= all->max_per_address ? KC_EXCESS_ADDRESS : KC_EXCESS_NONE;
}

static void watch_for_vanished_peers(int fd)
{
    const int on = 1;
    const unsigned int ms = VANISHED_MS;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

struct kc_connection *kc_connection_of(struct MHD_Connection *native)
{
    return MHD_get_connection_info(native, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

struct kc_connection *kc_connection_add(struct kc_connections *all,
                                        struct MHD_Connection *native, int64_t due_ms)
{
    struct kc_connection *c = kc_new0(struct kc_connection);
    c->native = native;
    c->fd = MHD_get_connection_info(native, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    read_address(
        MHD_get_connection_info(native, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
        &c->address);
    c->excess = look_for_excess(all, &c->address);
    c->phase = KC_PHASE_HEADERS;
    c->due_ms = due_ms;
    watch_for_vanished_peers(c->fd);
    c->next = all->first;
    if (c->next)
        c->next->previous = c;
    all->first = c;
    atomic_fetch_add(&all->count, 1);
    return c;
}

void kc_connection_remove(struct kc_connections *all, struct kc_connection *c)
{
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        all->first = c->next;
    atomic_fetch_sub(&all->count, 1);
    free(c);
}

void kc_connection_enter(struct kc_connection *c, enum kc_phase phase, int64_t due_ms)
{
    c->phase = phase;
    c->due_ms = due_ms;
}

void kc_connection_cut(struct kc_connection *c)
{
    if (!c->is_cut)
        (void)shutdown(c->fd, SHUT_RDWR);
    c->is_cut = true;
}

void kc_connection_say(struct kc_connection *c, const char *head, struct kc_text body)
{
    char rest[4096];
    ssize_t len = (ssize_t)strlen(head);
    if (send(c->fd, head, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) != len ||
        send(c->fd, body.p, body.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
    (void)shutdown(c->fd, SHUT_WR);
    for (int i = 0; i < 64; i++) { /* unread bytes would make the close a reset */
        if (recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
            break;
    }
}

int kc_connections_cut_due(struct kc_connections *all, int64_t now_ms)
{
    int cut = 0;
    for (struct kc_connection *c = all->first; c; c = c->next) {
        if (c->due_ms <= now_ms && !c->is_cut) {
            kc_connection_cut(c);
            cut++;
        }
    }
    return cut;
}

void kc_connections_cut_idle(struct kc_connections *all)
{
    for (struct kc_connection *c = all->first; c; c = c->next) {
        if (c->phase == KC_PHASE_HEADERS)
            kc_connection_cut(c);
    }
}
