// SPDX-License-Identifier: Apache-2.0
/* server_private.h - what server.c, connection.c, door.c, exchange.c and flow.c share.
 *
 * Threads    loop    runs libmicrohttpd and everything here that does not say otherwise
 *            others  whoever answers an exchange: they take its lock and resume its connection
 * An exchange has two holders, the loop until libmicrohttpd is done with the request, and the
 * route until it has answered; the last one frees it. */
#ifndef KC_TRANSPORT_HTTP_SERVER_PRIVATE_H
#define KC_TRANSPORT_HTTP_SERVER_PRIVATE_H

#include "transport/http/server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

/* --- connections: connection.c; loop only --- */

enum kc_phase {
    KC_PHASE_HEADERS, /* reading, or waiting for, a request's headers */
    KC_PHASE_BODY,    /* reading a body */
    KC_PHASE_ANSWER,  /* a route works on the answer */
    KC_PHASE_SENDING, /* a reply is being sent */
    KC_PHASE_FLOW,    /* a flow: as slow as its reader likes */
};

/* Too many of them: answered so, and closed. */
enum kc_excess {
    KC_EXCESS_NONE,
    KC_EXCESS_ADDRESS,
    KC_EXCESS_ALL,
    KC_EXCESS_LENGTH, /* not of them, but of its request's address */
};

struct kc_connection {
    struct kc_connection *next, *previous;
    struct MHD_Connection *native;
    int fd;
    struct in6_addr address; /* IPv4 ones mapped */
    enum kc_excess excess;
    enum kc_phase phase;
    int64_t due_ms; /* when the phase must be over; INT64_MAX: whenever */
    bool is_cut;
};

struct kc_connections {
    struct kc_connection *first;
    atomic_int count;
    int max, max_per_address;
};

struct kc_connection *kc_connection_of(struct MHD_Connection *native); /* that was added */
struct kc_connection *kc_connection_add(struct kc_connections *all,
                                        struct MHD_Connection *native, int64_t due_ms);
void kc_connection_remove(struct kc_connections *all, struct kc_connection *c);
void kc_connection_enter(struct kc_connection *c, enum kc_phase phase, int64_t due_ms);
void kc_connection_cut(struct kc_connection *c); /* libmicrohttpd then sees it closed */

/* A last answer past libmicrohttpd, where that would send none. Not over TLS. */
void kc_connection_say(struct kc_connection *c, const char *head, struct kc_text body);
int kc_connections_cut_due(struct kc_connections *all, int64_t now_ms); /* how many */
void kc_connections_cut_idle(struct kc_connections *all);

/* --- the server --- */

struct kc_server {
    struct kc_server_conf conf;
    struct MHD_Daemon *daemon;
    int listen_fd;
    int wake_fd; /* readable when the loop is to look around */
    atomic_bool is_woken;
    int watch_fd; /* epoll: the daemon's set, wake_fd, and the sockets of flows */
    char address[80];
    bool is_loopback;
    struct kc_connections connections;
    _Atomic size_t bodies; /* bytes of all that are being read or wait for their route */
    atomic_int open;       /* exchanges */
    atomic_bool is_stopping;
    _Atomic int64_t stop_by_ms;
};

/* Has the loop look around, for libmicrohttpd says nothing by itself when a connection was
 * resumed. Any thread. */
void kc_server_wake(struct kc_server *s);

/* --- exchanges --- */

#define KC_REPLY_HEADERS_MAX 8

struct kc_flow; /* flow.c */

struct kc_exchange {
    struct kc_server *server;
    struct kc_connection *connection;
    const struct kc_route *route; /* NULL where none was found */
    const char *method;
    char *path;
    char *words[KC_WORDS_MAX_IN_PATH];
    int64_t started_us;
    atomic_int holders;

    /* The body as it comes; loop only, but for `body` once it is complete. */
    struct kc_buf body;
    size_t body_seen;    /* bytes, also those that were thrown away */
    int64_t body_due_ms; /* … and a second for each KiB seen */
    int64_t held_ms;     /* since when the upload takes nothing; 0: it does */
    bool is_body_over;
    void *upload; /* its self */

    /* The answer. */
    pthread_mutex_t lock;
    bool is_suspended; /* needs lock, as what follows */
    bool wants_more;   /* the upload asked for more before it was held back */
    bool must_close;
    int status;                    /* 0: not answered yet */
    enum kc_code code;             /* of the problem that is the answer */
    struct MHD_Response *response; /* loop only, but for a flow's */
    struct kc_text reply;          /* its bytes: ours, or the response's once there is one */
    const char *media_type;        /* of them, a literal; NULL: there are none */
    struct {
        const char *name;
        char *value;
    } headers[KC_REPLY_HEADERS_MAX];
    size_t header_count;
    struct kc_flow *flow;
};

/* libmicrohttpd's handler: whatever happens to a request until it was answered. */
enum MHD_Result kc_exchange_serve(void *server, struct MHD_Connection *native, const char *url,
                                  const char *method, const char *version, const char *piece,
                                  size_t *piece_len, void **request);

/* The request will not get any further, for its client has gone. */
void kc_exchange_break_off(struct kc_exchange *x);

/* The checks that need nothing but the headers. True when it may go on; else it was answered.
 */
bool kc_door_check(struct kc_exchange *x, const char *url, const char *version);

/* The answer, ready to be sent. Loop only: what one thread allocates and another frees costs
 * both of them several times as much. */
struct MHD_Response *kc_exchange_response(struct kc_exchange *x);

void kc_exchange_suspend(struct kc_exchange *x); /* loop only; needs x->lock */
bool kc_exchange_wake(struct kc_exchange *x);    /* needs x->lock; false: was not suspended */

/* Gives up one hold; any thread. */
void kc_exchange_drop(struct kc_exchange *x);

/* flow.c */
struct MHD_Response *kc_flow_response(struct kc_exchange *x,
                                      const struct kc_flow_listener *listener);
void kc_flow_over(struct kc_exchange *x); /* the client has it all, or is gone; loop only */
void kc_flow_cut(struct kc_exchange *x);  /* its socket was closed by the other side; loop */
void kc_flow_free(struct kc_flow *f);

#endif
