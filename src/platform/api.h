// SPDX-License-Identifier: Apache-2.0
/* api.h - the platform's REST calls about a step. Calls wait: three tries of 15 s at most, a
 * second apart. Any thread. */
#ifndef KC_PLATFORM_API_H
#define KC_PLATFORM_API_H

#include "base/buf.h"
#include "base/error.h"
#include "conf/doc.h"
#include "platform/environment.h"

struct kc_halt;
struct kc_http;

struct kc_api {
    struct kc_http *http;             /* borrowed */
    const struct kc_environment *env; /* borrowed */
    struct kc_halt *halt;             /* ends a call that waits to try again; NULL: none */
};

/* A step as the platform keeps it. */
struct kc_step_data {
    struct kc_doc *config; /* credentials' and step's fields in one; never NULL */
    char *snapshot;        /* JSON; "{}" where there is none */
    bool is_passthrough;
};

/* kc_step_data_deinit() is due either way. The error holds what the server answered. */
bool kc_api_get_step(const struct kc_api *api, struct kc_step_data *out,
                     struct kc_error *err) KC_MUST_CHECK;
void kc_step_data_deinit(struct kc_step_data *d); /* wipes secrets */

/* The state that a startup hook leaves for the shutdown hook. */
bool kc_api_put_startup_state(const struct kc_api *api, struct kc_text json,
                              struct kc_error *err) KC_MUST_CHECK; /* replaces an old one */
bool kc_api_get_startup_state(const struct kc_api *api, struct kc_buf *json,
                              struct kc_error *err) KC_MUST_CHECK;
bool kc_api_delete_startup_state(const struct kc_api *api, struct kc_error *err) KC_MUST_CHECK;

#endif
