// SPDX-License-Identifier: Apache-2.0
/* http.c - drives all entry points by HTTP requests.
 *
 * Threads    main    the server's loop: reads requests, sends answers, never waits for Kafka
 *            others  the rooms': they talk to Kafka and to callbacks, and answer exchanges
 * Shutdown   stop() closes the door, has the rooms end what is open, and the loop returns when
 *            all is answered */
#include "transport/http/service.h"

#include "base/alloc.h"
#include "base/log.h"
#include "transport/http/checks.h"
#include "transport/http/metrics.h"
#include "transport/http/opened.h"

#include <stdlib.h>
#include <sysexits.h>

/* Whoever is opened later may use those before. */
static const struct kc_room *const rooms[] = {
    &kc_metrics_room, &kc_checks_room, &kc_steps_room,         &kc_uploads_room,
    &kc_streams_room, &kc_polls_room,  &kc_subscriptions_room, NULL,
};

static void stop(void *self, int drain_ms)
{
    struct kc_service *s = self;
    atomic_store(&s->is_stopping, true);
    for (size_t i = 0; rooms[i]; i++) {
        if (rooms[i]->stop)
            rooms[i]->stop(s, drain_ms);
    }
    kc_server_stop(s->server, drain_ms);
}

static void close_(void *self)
{
    struct kc_service *s = self;
    size_t count = 0;
    if (!s)
        return;
    while (rooms[count])
        count++;
    while (count-- > 0) {
        if (rooms[count]->close)
            rooms[count]->close(s);
    }
    kc_server_close(s->server);
    free(s);
}

static bool open_server(struct kc_service *s, struct kc_error *err)
{
    const struct kc_http_options *o = s->env->http;
    const struct kc_server_conf conf = {
        .listen = o->listen,
        .tls_cert = o->tls_cert,
        .tls_key = o->tls_key,
        .api_token = o->api_token,
        .body_max = s->env->body_max,
        .connections_max = o->connections_max,
        .connections_per_address = o->connections_per_address,
        .header_ms = o->header_ms,
        .body_ms = o->body_ms,
        .idle_ms = o->idle_ms,
        .routes = kc_routes,
        .service = s,
        .answered = kc_metrics_answered,
        .rounded = kc_opened_rounded,
    };
    return kc_server_open(&s->server, &conf, err);
}

/* The server comes first, for the rooms may need its address; it answers nobody before serve().
 */
static bool open_(void **self, const struct kc_env *env, struct kc_error *err)
{
    struct kc_service *s = kc_new0(struct kc_service);
    s->env = env;
    bool ok = open_server(s, err);
    for (size_t i = 0; ok && rooms[i]; i++)
        ok = !rooms[i]->open || rooms[i]->open(s, err);
    if (!ok) {
        close_(s);
        return false;
    }
    *self = s;
    return true;
}

static int serve(void *self)
{
    struct kc_service *s = self;
    kc_log(KC_INFO, "listening", KC_S("address", kc_server_address(s->server)),
           KC_S("scheme", s->env->http->tls_cert ? "https" : "http"));
    kc_server_run(s->server);
    return EX_OK;
}

const struct kc_transport kc_http = { "http", open_, serve, stop, close_ };
