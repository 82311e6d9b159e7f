// SPDX-License-Identifier: Apache-2.0
#include "runtime/event.h"

#include "runtime/json.h"

/* An id that comes from elsewhere may hold anything. */
static void print_id(struct kc_text id, struct kc_buf *out)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_text(&text, id);
    kc_buf_append(&text, "", 1);
    kc_json_print_text(text.data, out);
    kc_buf_deinit(&text);
}

void kc_event_data(struct kc_buf *out, struct kc_text first, const char *fresh_id,
                   const struct kc_data *data)
{
    kc_buf_puts(out, "{\"event\":\"data\",");
    kc_buf_text(out, first);
    kc_buf_puts(out, "\"id\":");
    if (data->id.p) {
        print_id(data->id, out);
    } else {
        kc_buf_puts(out, "\"");
        kc_buf_puts(out, fresh_id);
        kc_buf_puts(out, "\"");
    }
    kc_buf_puts(out, ",\"headers\":");
    kc_buf_text(out, data->headers.p ? data->headers : KC_LIT("{}"));
    kc_buf_puts(out, ",\"body\":");
    kc_buf_text(out, data->body);
    kc_buf_puts(out, "}\n");
}

void kc_error_print(struct kc_buf *out, const struct kc_error *err, struct kc_text details)
{
    kc_buf_printf(out, "{\"name\":\"%s\",\"code\":\"%s\",\"message\":",
                  kc_class_name(kc_code_class(err->code)), kc_code_name(err->code));
    kc_json_print_text(err->text, out);
    kc_buf_printf(out, ",\"retriable\":%s", kc_code_retriable(err->code) ? "true" : "false");
    if (details.p) {
        kc_buf_puts(out, ",\"details\":");
        kc_buf_text(out, details);
    }
    kc_buf_puts(out, "}");
}

void kc_event_error(struct kc_buf *out, struct kc_text first, const struct kc_error *err,
                    struct kc_text details)
{
    kc_buf_puts(out, "{\"event\":\"error\",");
    kc_buf_text(out, first);
    kc_buf_puts(out, "\"error\":");
    kc_error_print(out, err, details);
    kc_buf_puts(out, "}\n");
}

void kc_event_end(struct kc_buf *out, struct kc_text first)
{
    kc_buf_puts(out, "{\"event\":\"end\"");
    if (first.len > 0) {
        kc_buf_puts(out, ",");
        kc_buf_append(out, first.p, first.len - 1); /* without its last comma */
    }
    kc_buf_puts(out, "}\n");
}
