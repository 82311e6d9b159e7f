// SPDX-License-Identifier: Apache-2.0
#include "transport/http/info.h"

#include "component/describe.h"
#include "transport/http/checks.h"
#include "transport/http/openapi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Descriptions change with the program only: a client that has one asks whether it is still
 * good. */
#define KEEP "no-cache"

/* --- probes --- */

void kc_route_healthz(struct kc_service *s, struct kc_exchange *x)
{
    (void)s;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_puts(&body, "{\"status\":\"ok\"}");
    kc_exchange_set_header(x, "Cache-Control", "no-store");
    kc_exchange_reply(x, 200, "application/json", &body);
}

/* A broker that is down does not make this server unready: others of its replicas would not
 * reach it either, and nobody would be left to say so. */
void kc_route_readyz(struct kc_service *s, struct kc_exchange *x)
{
    bool is_stopping = atomic_load(&s->is_stopping);
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_printf(&body, "{\"status\":\"%s\",\"broker\":", is_stopping ? "stopping" : "ready");
    kc_checks_broker(s, &body);
    kc_buf_puts(&body, "}");
    kc_exchange_set_header(x, "Cache-Control", "no-store");
    if (is_stopping)
        kc_exchange_set_header(x, "Retry-After", "5");
    kc_exchange_reply(x, is_stopping ? 503 : 200, "application/json", &body);
}

/* --- descriptions --- */

static uint64_t fnv1a(struct kc_text t)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < t.len; i++)
        hash = (hash ^ (unsigned char)t.p[i]) * 1099511628211u;
    return hash;
}

/* One of the tags that the client has is this one. */
static bool has_tag(const char *given, const char *tag)
{
    return given && (strcmp(given, "*") == 0 || strstr(given, tag));
}

static void reply_unless_known(struct kc_exchange *x, const char *media_type,
                               struct kc_buf *body)
{
    char tag[24];
    snprintf(tag, sizeof(tag), "\"%016" PRIx64 "\"", fnv1a(kc_buf_peek(body)));
    bool is_known = has_tag(kc_exchange_header(x, "If-None-Match"), tag);
    kc_exchange_set_header(x, "ETag", tag);
    kc_exchange_set_header(x, "Cache-Control", KEEP);
    if (is_known)
        kc_exchange_reply(x, 304, NULL, NULL);
    else
        kc_exchange_reply(x, 200, media_type, body);
    kc_buf_deinit(body);
}

void kc_route_component(struct kc_service *s, struct kc_exchange *x)
{
    (void)s;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_describe_component(&body);
    reply_unless_known(x, "application/json", &body);
}

void kc_route_schema(struct kc_service *s, struct kc_exchange *x)
{
    (void)s;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    if (kc_describe_schema(kc_exchange_word(x, 0), &body)) {
        reply_unless_known(x, "application/schema+json", &body);
        return;
    }
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_NOT_FOUND, 0,
                 "there are credentials, consume, consume.out, produce, produce.in and "
                 "produce.out");
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    kc_buf_deinit(&body);
}

void kc_route_openapi(struct kc_service *s, struct kc_exchange *x)
{
    (void)s;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_openapi_print(&body);
    reply_unless_known(x, "application/json", &body);
}
