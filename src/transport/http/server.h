// SPDX-License-Identifier: Apache-2.0
/* server.h - the HTTP server: one loop, on libmicrohttpd, that reads requests, keeps the limits
 * and sends answers. It knows nothing of Kafka. */
#ifndef KC_TRANSPORT_HTTP_SERVER_H
#define KC_TRANSPORT_HTTP_SERVER_H

#include "transport/http/route.h"

struct kc_server; /* opaque */

/* Everything is borrowed until close. */
struct kc_server_conf {
    const char *listen;   /* "127.0.0.1:8080", "[::1]:0" */
    const char *tls_cert; /* PEM files; NULL: plain HTTP */
    const char *tls_key;
    const char *api_token; /* NULL: none, then only a loopback address is taken */
    size_t body_max;       /* bytes of a whole body */
    int connections_max;
    int connections_per_address;
    int header_ms; /* to send the whole of the headers */
    int body_ms;   /* to send the whole of a body, beside a second for each KiB */
    int idle_ms;   /* a connection without a request */
    const struct kc_route *routes;
    struct kc_service *service;

    /* The loop has been through all that was ready, and goes to wait: what was handed over
     * meanwhile may be sent off together. On the loop; NULL is fine. */
    void (*rounded)(struct kc_service *s);

    /* One request was answered; on the loop. route is NULL where there was none, code says
     * which problem it was answered with, if any. */
    void (*answered)(struct kc_service *s, const struct kc_route *route, const char *method,
                     int status, enum kc_code code, int64_t us);
};

bool kc_server_open(struct kc_server **out, const struct kc_server_conf *conf,
                    struct kc_error *err) KC_MUST_CHECK;

/* Serves until it was stopped and all that was accepted is answered, or until the time of the
 * stop is over. */
void kc_server_run(struct kc_server *s);

/* No new connections; requests that are here are answered. Any thread; again with a shorter
 * time is fine. */
void kc_server_stop(struct kc_server *s, int drain_ms);

void kc_server_close(struct kc_server *s); /* NULL is fine */

/* Where it listens: "127.0.0.1:41234". */
const char *kc_server_address(const struct kc_server *s);

/* How many connections there are now. Any thread. */
int kc_server_connections(const struct kc_server *s);

#endif
