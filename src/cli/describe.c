// SPDX-License-Identifier: Apache-2.0
/* describe.c - prints what the component says of itself. */
#include "cli/commands.h"

#include "component/describe.h"
#include "transport/http/openapi.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int kc_command_describe(const struct kc_options *o)
{
    int code = EX_OK;
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    if (o->markdown) {
        kc_describe_markdown(&out);
    } else if (!o->schema) {
        kc_describe_component(&out);
    } else if (strcmp(o->schema, "openapi") == 0) {
        kc_openapi_print(&out);
    } else if (!kc_describe_schema(o->schema, &out)) {
        struct kc_error err = { 0 };
        kc_error_set(&err, KC_CONFIG, 0,
                     "--schema knows credentials, consume, produce, consume.out, produce.in, "
                     "produce.out and openapi");
        code = kc_usage_error(o, &err);
    }
    if (out.len > 0)
        fwrite(out.data, 1, out.len, stdout);
    kc_buf_deinit(&out);
    return code;
}
