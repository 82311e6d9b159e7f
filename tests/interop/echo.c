// SPDX-License-Identifier: Apache-2.0
/* echo.c - a step of ours, for the tests alone, that does what a message orders: the same as
 * node-step/lib/echo.js, which says how orders look. Whatever the platform's Node.js runtime
 * lets a component do passes through our outlet in this way, and both can be compared. */
#include "base/log.h"
#include "cli/sailor.h"
#include "runtime/shutdown.h"

#include <stdlib.h>
#include <unistd.h>

/* A message while its orders are carried out. */
struct task {
    const struct kc_message *message;
    struct kc_outlet *outlet;
};

static struct kc_buf printed(const struct kc_value *v)
{
    struct kc_buf json;
    kc_buf_init(&json, KC_BUF_UNBOUNDED);
    if (v)
        kc_value_print(v, &json);
    return json;
}

/* Absent where the order has nothing. */
static struct kc_text text_of(const struct kc_buf *json)
{
    return json->len ? kc_buf_peek(json) : KC_NO_TEXT;
}

static int64_t number(const struct kc_value *v, int64_t fallback)
{
    int64_t n;
    return v && kc_value_int(v, false, 0, INT32_MAX, &n) ? n : fallback;
}

static struct kc_error error_of(const struct kc_value *text)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_INPUT, 0, "%s", kc_value_text(text).p);
    return err;
}

/* --- The orders --- */

static void emit_data(const struct task *t, const struct kc_value *order,
                      const struct kc_value *body)
{
    struct kc_buf json = printed(body), headers = printed(kc_value_get(order, "headers"));
    const struct kc_value *id = kc_value_get(order, "id");
    const struct kc_data data = { .body = kc_buf_peek(&json),
                                  .headers = text_of(&headers),
                                  .id = id ? kc_value_text(id) : KC_NO_TEXT };
    for (int64_t i = number(kc_value_get(order, "times"), 1); i > 0; i--)
        kc_outlet_data(t->outlet, &data);
    kc_buf_deinit(&headers);
    kc_buf_deinit(&json);
}

static void emit_what_came(const struct task *t)
{
    static const char *const names[] = { "id", "headers", "body" };
    const struct kc_value *values[] = { t->message->id, t->message->headers, t->message->body };
    struct kc_buf json;
    kc_buf_init(&json, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < 3; i++) {
        if (!values[i])
            continue;
        kc_buf_printf(&json, "%s\"%s\":", json.len ? "," : "{", names[i]);
        kc_value_print(values[i], &json);
    }
    kc_buf_puts(&json, "}");
    kc_outlet_data(t->outlet, &(struct kc_data){ .body = kc_buf_peek(&json) });
    kc_buf_deinit(&json);
}

static void emit_error(const struct task *t, const struct kc_value *text)
{
    struct kc_error err = error_of(text);
    kc_outlet_error(t->outlet, &err, KC_NO_TEXT);
}

static void emit_rebound(const struct task *t, const struct kc_value *text)
{
    struct kc_error err = error_of(text);
    t->outlet->ops->rebound(t->outlet, &err);
}

static void emit_reply(const struct task *t, const struct kc_value *reply)
{
    struct kc_buf json = printed(kc_value_get(reply, "body"));
    struct kc_buf headers = printed(kc_value_get(reply, "headers"));
    t->outlet->ops->reply(
        t->outlet, &(struct kc_reply){ .status = (int)number(kc_value_get(reply, "status"), 0),
                                       .body = kc_buf_peek(&json),
                                       .headers = text_of(&headers) });
    kc_buf_deinit(&headers);
    kc_buf_deinit(&json);
}

static void emit_snapshot(const struct task *t, const struct kc_value *value, bool is_update)
{
    struct kc_buf json = printed(value);
    t->outlet->ops->snapshot(t->outlet, kc_buf_peek(&json), is_update);
    kc_buf_deinit(&json);
}

/* Says so: whoever wants to find it at work waits for that. */
static void rest(int64_t ms)
{
    kc_log(KC_INFO, "echo_waits", KC_I("ms", ms));
    usleep((useconds_t)ms * 1000);
}

/* False when no further order is to be carried out. */
static bool carry_out(const struct task *t, const struct kc_value *order)
{
    const struct kc_value *v;
    if ((v = kc_value_get(order, "data")))
        emit_data(t, order, v);
    else if (kc_value_get(order, "see"))
        emit_what_came(t);
    else if ((v = kc_value_get(order, "error")) || (v = kc_value_get(order, "throw")))
        emit_error(t, v);
    else if ((v = kc_value_get(order, "rebound")))
        emit_rebound(t, v);
    else if ((v = kc_value_get(order, "reply")))
        emit_reply(t, v);
    else if ((v = kc_value_get(order, "snapshot")) || (v = kc_value_get(order, "update")))
        emit_snapshot(t, v, kc_value_get(order, "update") != NULL);
    else if ((v = kc_value_get(order, "wait")))
        rest(number(v, 0));
    return !kc_value_get(order, "throw");
}

/* --- The entry point --- */

static bool echo_open(void **self, const struct kc_step *step, struct kc_error *err)
{
    (void)step;
    (void)err;
    *self = NULL;
    return true;
}

static void echo_process(void *self, struct kc_message *message, struct kc_outlet *outlet)
{
    (void)self;
    const struct task t = { message, outlet };
    const struct kc_value *orders = kc_value_get(message->body, "orders");
    if (!orders) {
        emit_data(&t, NULL, message->body);
    } else {
        const struct kc_value *order = kc_value_first(orders);
        for (size_t i = 0; i < kc_value_count(orders) && carry_out(&t, order); i++)
            order = kc_value_next(order);
    }
    kc_outlet_end(outlet);
}

static void echo_stop(void *self, int drain_ms)
{
    (void)self;
    (void)drain_ms;
}

static void echo_close(void *self)
{
    (void)self;
}

static const struct kc_field no_fields[] = { { 0 } };
static const struct kc_member no_members[] = { { 0 } };

static const struct kc_entry echo = {
    .name = "echo",
    .kind = KC_ACTION,
    .title = "Echo",
    .help = "Does what a message orders.",
    .fields = no_fields,
    .in = no_members,
    .out = no_members,
    .open = echo_open,
    .process = echo_process,
    .stop = echo_stop,
    .close = echo_close,
};

int main(void)
{
    static const struct kc_entry *const entries[] = { &echo, NULL };
    enum kc_level level = KC_INFO;
    const char *from_env = getenv("LOG_LEVEL");
    if (from_env)
        (void)kc_log_level_parse(kc_text(from_env), &level);
    int64_t drain_ms = KC_SAILOR_DRAIN_MS; /* or as a test says */
    (void)kc_text_int(kc_text(getenv("KC_ECHO_DRAIN_MS")), 1, 60000, &drain_ms);
    kc_shutdown_block();
    return kc_sailor_run(entries, level, (int)drain_ms);
}
