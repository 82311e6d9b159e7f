// SPDX-License-Identifier: Apache-2.0
/* probe.c - asks a server whether it is well, for health checks in an image that has no
 * curl. */
#include "cli/commands.h"

#include "net/http.h"

#include <stdio.h>
#include <sysexits.h>

#define DEFAULT_URL "http://127.0.0.1:8080/readyz"
#define TIMEOUT_MS  3000

static bool is_well(const char *url, struct kc_error *err)
{
    struct kc_http *http = NULL;
    struct kc_http_answer answer;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    const struct kc_http_request request = { .url = url, .timeout_ms = TIMEOUT_MS };
    bool ok = kc_http_open(&http, &(struct kc_http_conf){ .max_parallel = 1 }, err) &&
              kc_http_call(http, &request, &answer, &body, err);
    if (ok && (answer.status < 200 || answer.status > 299)) {
        kc_error_set(err, KC_BAD_ANSWER, answer.status, "GET %s: %d", url, answer.status);
        ok = false;
    }
    kc_http_close(http);
    kc_buf_deinit(&body);
    return ok;
}

int kc_command_probe(const struct kc_options *o)
{
    struct kc_error err = { 0 };
    const char *url = o->words[1] ? o->words[1] : DEFAULT_URL;
    if (o->words[1] && o->words[2]) {
        kc_error_set(&err, KC_CONFIG, 0, "probe takes one URL");
        return kc_usage_error(o, &err);
    }
    if (!kc_http_check_url(url, NULL, &err))
        return kc_usage_error(o, &err);
    if (is_well(url, &err))
        return EX_OK;
    fprintf(stderr, "kafka-component: %s\n", err.text);
    return EX_UNAVAILABLE;
}
