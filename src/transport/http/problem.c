// SPDX-License-Identifier: Apache-2.0
/* problem.c - errors as application/problem+json (RFC 9457), always of one shape. */
#include "transport/http/server_private.h"

#include "base/faults.h"
#include "runtime/json.h"

#define RETRY_AFTER_S "1"

static void print_problem(struct kc_buf *out, int status, const struct kc_error *err,
                          struct kc_text details)
{
    const char *name = kc_code_name(err->code);
    kc_buf_printf(out, "{\"type\":\"urn:kafka-component:problem:%s\",\"title\":", name);
    kc_json_print_text(kc_code_sentence(err->code), out);
    kc_buf_printf(out, ",\"status\":%d,\"detail\":", status);
    kc_json_print_text(err->text, out);
    kc_buf_printf(out, ",\"code\":\"%s\",\"name\":\"%s\",\"retriable\":%s", name,
                  kc_class_name(kc_code_class(err->code)),
                  kc_code_retriable(err->code) ? "true" : "false");
    if (details.p) {
        kc_buf_puts(out, ",\"errors\":");
        kc_buf_text(out, details);
    }
    kc_buf_puts(out, "}\n");
}

void kc_exchange_problem(struct kc_exchange *x, int status, const struct kc_error *err,
                         struct kc_text details)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    if (status == 0)
        status = kc_code_http(err->code);
    print_problem(&body, status, err, details);
    if (status == 429 || status == 503)
        kc_exchange_set_header(x, "Retry-After", RETRY_AFTER_S);
    x->code = err->code;
    kc_exchange_reply(x, status, "application/problem+json", &body);
}

void kc_exchange_refuse(struct kc_exchange *x, enum kc_code code,
                        const struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    struct kc_buf details;
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    if (!kc_faults_none(faults, code, &err))
        kc_faults_print(faults, &details);
    kc_exchange_problem(x, 0, &err, kc_buf_peek(&details));
    kc_buf_deinit(&details);
}
