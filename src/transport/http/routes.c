// SPDX-License-Identifier: Apache-2.0
/* routes.c - all that can be called. openapi.template.json describes each of them. */
#include "transport/http/checks.h"
#include "transport/http/info.h"
#include "transport/http/metrics.h"
#include "transport/http/polls.h"
#include "transport/http/produce.h"
#include "transport/http/route.h"
#include "transport/http/streams.h"
#include "transport/http/subscriptions.h"

#define SUBSCRIPTIONS "/v1/triggers/consume/subscriptions"

// clang-format off
const struct kc_route kc_routes[] = {
    /* method  path                          public  body   upload  handle */
    { "POST",  "/v1/actions/produce",        false,  true,
      &kc_upload_produce, kc_route_produce },
    { "POST",  "/v1/triggers/consume",       false,  true,  NULL,   kc_route_consume },
    { "GET",   "/v1/triggers/consume",       false,  false, NULL,   kc_route_consume },
    { "POST",  "/v1/triggers/consume/poll",  false,  true,  NULL,   kc_route_poll },
    { "POST",  "/v1/triggers/consume/commit", false, true,  NULL,   kc_route_commit },
    { "POST",  SUBSCRIPTIONS,                false,  true,  NULL,   kc_route_subscribe },
    { "GET",   SUBSCRIPTIONS,                false,  false, NULL,   kc_route_subscriptions },
    { "GET",   SUBSCRIPTIONS "/{id}",        false,  false, NULL,   kc_route_subscription },
    { "DELETE", SUBSCRIPTIONS "/{id}",       false,  false, NULL,   kc_route_unsubscribe },
    { "POST",  SUBSCRIPTIONS "/{id}/pause",  false,  false, NULL,   kc_route_pause },
    { "POST",  SUBSCRIPTIONS "/{id}/resume", false,  false, NULL,   kc_route_resume },
    { "POST",  "/v1/credentials/verify",     false,  true,  NULL,   kc_route_verify },
    { "POST",  "/v1/models/{name}",          false,  true,  NULL,   kc_route_model },
    { "GET",   "/v1/component",              false,  false, NULL,   kc_route_component },
    { "GET",   "/v1/schemas/{name}",         false,  false, NULL,   kc_route_schema },
    { "GET",   "/openapi.json",              false,  false, NULL,   kc_route_openapi },
    { "GET",   "/healthz",                   true,   false, NULL,   kc_route_healthz },
    { "GET",   "/readyz",                    true,   false, NULL,   kc_route_readyz },
    { "GET",   "/metrics",                   false,  false, NULL,   kc_route_metrics },
    { NULL,    NULL,                         false,  false, NULL,   NULL },
};
// clang-format on
