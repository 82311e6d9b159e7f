// SPDX-License-Identifier: Apache-2.0
/* names.h - host names become addresses, without anybody waiting for a resolver that hangs.
 *
 * Each look-up has a thread of its own, which is left behind when the time is over: it ends
 * when the resolver does. Only so many may be left behind; then nothing is looked up any more
 * until one of them has ended. Those that somebody waits for are as many as wait. Any thread.
 */
#ifndef KC_NET_NAMES_H
#define KC_NET_NAMES_H

#include "base/error.h"

#include <netdb.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* A monotonic instant that another thread may bring forward: who waits sees it soon. */
struct kc_until {
    atomic_llong ms;
};

/* Milliseconds that are left, never negative. */
int kc_until_left(const struct kc_until *until);

#define KC_NAMES_MAX        8   /* addresses of a name that are used */
#define KC_NAMES_LEFT_MAX   64  /* look-ups left behind */
#define KC_NAMES_SHOWN_SIZE 256 /* for kc_names_show() */

struct kc_names {
    struct sockaddr_storage list[KC_NAMES_MAX];
    socklen_t len[KC_NAMES_MAX];
    size_t count;
};

/* What looks names up: getaddrinfo() but in tests. */
typedef int kc_names_look(const char *host, const char *port, const struct addrinfo *hints,
                          struct addrinfo **out);

/* The addresses of a host of one family (AF_UNSPEC: of any), or of a literal. False:
 * UNREACHABLE where there is no such name, TIMEOUT where nobody has said, BUSY where too many
 * hang, or no thread can be had. look NULL: the system's. */
bool kc_names_find(struct kc_names *out, const char *host, int port, int family,
                   const struct kc_until *until, kc_names_look *look,
                   struct kc_error *err) KC_MUST_CHECK;

/* The same with getaddrinfo()'s words, for whoever has to have those; EAI_AGAIN where nobody
 * has said, or it is BUSY. The list is to be given to freeaddrinfo(). */
int kc_names_list(const char *host, const char *port, const struct addrinfo *hints,
                  const struct kc_until *until, struct addrinfo **out);

/* "127.0.0.1, ::1" */
void kc_names_show(const struct kc_names *names, char out[KC_NAMES_SHOWN_SIZE]);

#endif
