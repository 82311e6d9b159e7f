// SPDX-License-Identifier: Apache-2.0
/* service.h - what the routes share: the start's settings, and the rooms behind them.
 *
 * Each room (steps, streams, polls, subscriptions, metrics) is a file with an opaque struct of
 * its own, opened here in this order and closed in the reverse one. */
#ifndef KC_TRANSPORT_HTTP_SERVICE_H
#define KC_TRANSPORT_HTTP_SERVICE_H

#include "transport/http/route.h"
#include "transport/http/server.h"
#include "transport/transport.h"

#include <stdatomic.h>

struct kc_service {
    const struct kc_env *env;
    struct kc_server *server;
    atomic_bool is_stopping;

    struct kc_metrics *metrics;
    struct kc_checks *checks;
    struct kc_steps *steps;                 /* produce: opened steps, shared by requests */
    struct kc_uploads *uploads;             /* produce: bodies of lines */
    struct kc_streams *streams;             /* consume: answers that flow */
    struct kc_polls *polls;                 /* consume: one answer a call */
    struct kc_subscriptions *subscriptions; /* consume: pushed to a callback */
};

/* One room. All of it may be NULL. */
struct kc_room {
    /* Any room opened before may be used. */
    bool (*open)(struct kc_service *s, struct kc_error *err);

    /* Take nothing new; answer what is open within drain_ms (0: now, with errors). Must not
     * wait. Any thread, and again with 0. */
    void (*stop)(struct kc_service *s, int drain_ms);

    /* After the server's loop has ended; every exchange is answered. Also after a failed open.
     */
    void (*close)(struct kc_service *s);
};

extern const struct kc_room kc_metrics_room, kc_steps_room, kc_uploads_room, kc_streams_room,
    kc_polls_room, kc_subscriptions_room;

#endif
