// SPDX-License-Identifier: Apache-2.0
#include "platform/envelope.h"

#include "platform/parts.h"
#include "platform/slices.h"

#include <string.h>

#define ROUTING_KEY_MAX_BYTES 255 /* of AMQP's short strings */

static const char BOM[] = "\xef\xbb\xbf";

static void make_room(struct kc_buf *out, size_t size)
{
    if (!out->is_full && size <= out->max - out->len)
        (void)kc_buf_reserve(out, size);
}

/* --- what came in --- */

bool kc_envelope_read(struct kc_envelope *e, struct kc_text text, struct kc_error *err)
{
    struct kc_members m;
    if (!text.p)
        text = KC_LIT("");
    size_t skip = text.len >= 3 && memcmp(text.p, BOM, 3) == 0 ? 3 : 0;
    *e = (struct kc_envelope){ .text = { text.p + skip, text.len - skip } };
    kc_members_walk(&m, e->text);
    while (kc_members_next(&m)) {
        if (kc_slice_says(m.name, KC_LIT("id")))
            e->id = m.value;
        else if (kc_slice_says(m.name, KC_LIT("body")))
            e->body = m.value;
        else if (kc_slice_says(m.name, KC_LIT("headers")))
            e->headers = m.value;
        else if (kc_slice_says(m.name, KC_LIT("passthrough")))
            e->passthrough = m.value;
    }
    return kc_members_end(&m, err);
}

/* Falsy, as JavaScript says: headers like that are replaced by {}. */
static bool is_nothing(struct kc_text value)
{
    return !value.p || kc_text_is(value, "null") || kc_text_is(value, "false") ||
           kc_text_is(value, "0") || kc_text_is(value, "\"\"");
}

/* {…,"reply_to":"…"} */
static void print_reply_headers(struct kc_text headers, struct kc_text reply_to,
                                struct kc_buf *out)
{
    struct kc_members m;
    kc_buf_puts(out, "{");
    kc_members_walk(&m, headers);
    while (kc_members_next(&m)) {
        if (kc_slice_says(m.name, KC_LIT("reply_to")))
            continue;
        kc_buf_text(out, m.name);
        kc_buf_puts(out, ":");
        kc_buf_text(out, m.value);
        kc_buf_puts(out, ",");
    }
    kc_buf_puts(out, "\"reply_to\":");
    kc_slice_print_text(reply_to, out);
    kc_buf_puts(out, "}");
}

void kc_envelope_print_message(const struct kc_envelope *e, struct kc_text reply_to,
                               struct kc_buf *out)
{
    struct kc_changes changes = { .drops_passthrough = true };
    struct kc_text headers = is_nothing(e->headers) ? KC_LIT("{}") : e->headers;
    struct kc_buf with_reply;
    if (!e->passthrough.p && e->body.p && e->headers.p == headers.p && !reply_to.p) {
        kc_buf_text(out, e->text);
        return;
    }
    make_room(out, e->text.len - e->passthrough.len + reply_to.len + 64);
    kc_buf_init(&with_reply, KC_SLICE_MAX_BYTES);
    if (!e->body.p)
        changes.body = KC_LIT("{}");
    if (e->headers.p != headers.p)
        changes.headers = headers;
    if (reply_to.p && kc_slice_is_object(headers)) {
        print_reply_headers(headers, reply_to, &with_reply);
        changes.headers = kc_buf_peek(&with_reply);
    }
    kc_object_print(e->text, &changes, out);
    kc_buf_deinit(&with_reply);
}

static bool is_too_large(const struct kc_buf *out, struct kc_error *err)
{
    if (out->is_full)
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "the message has more than %zu bytes",
                     out->max);
    return out->is_full;
}

/* The message (the first part) with its passthrough (the others), as far as they were fetched.
 */
static void print_fetched(const struct kc_envelope *e, const struct kc_parts *parts,
                          struct kc_buf *out)
{
    struct kc_buf passthrough;
    struct kc_changes changes = { 0 };
    kc_buf_init(&passthrough, out->max);
    if (parts->list[0].fate == KC_PART_FETCHED)
        changes.body = kc_buf_peek(&parts->list[0].fetched);
    if (parts->count > 1) {
        for (size_t i = 1; i < parts->count; i++) {
            kc_buf_puts(&passthrough, i == 1 ? "{" : ",");
            kc_part_print(&parts->list[i], &passthrough);
        }
        kc_buf_puts(&passthrough, "}");
        changes.passthrough = kc_buf_peek(&passthrough);
    }
    kc_object_print(e->text, &changes, out);
    out->is_full |= passthrough.is_full;
    kc_buf_deinit(&passthrough);
}

bool kc_envelope_fetch_bodies(struct kc_envelope *e, struct kc_storage *storage,
                              struct kc_buf *memory, struct kc_error *err)
{
    struct kc_parts parts = { 0 };
    struct kc_buf text;
    bool is_any = false;
    kc_buf_init(&text, memory->max);
    kc_parts_add_object(&parts, KC_NO_TEXT, e->text);
    kc_parts_add_passthrough(&parts, e->passthrough, KC_NO_TEXT);
    bool ok = kc_parts_fetch(&parts, false, storage, err);
    for (size_t i = 0; i < parts.count; i++)
        is_any |= parts.list[i].fate == KC_PART_FETCHED;
    if (ok && is_any) {
        print_fetched(e, &parts, &text);
        ok = !is_too_large(&text, err) && kc_envelope_read(e, kc_buf_peek(&text), err);
        if (ok) { /* the old memory may be what the old text was a loan of */
            kc_buf_deinit(memory);
            *memory = text;
            kc_buf_init(&text, 0);
        }
    }
    kc_buf_deinit(&text);
    kc_parts_deinit(&parts);
    return ok;
}

/* --- what goes out --- */

/* The routing key that the headers ask for; of several the last counts. */
static bool read_routing_key(struct kc_text headers, bool *has_header, struct kc_buf *key,
                             struct kc_error *err)
{
    struct kc_text value = KC_NO_TEXT;
    struct kc_members m;
    if (!kc_slice_is_object(headers))
        return true;
    kc_members_walk(&m, headers);
    while (kc_members_next(&m)) {
        if (kc_is_routing_key_header(m.name))
            value = m.value;
    }
    if (!kc_members_end(&m, err))
        return false;
    *has_header = value.p != NULL;
    if (is_nothing(value))
        return true;
    size_t before = key->len;
    if (kc_slice_is_string(value))
        kc_slice_decode(value, key);
    size_t len = key->len - before;
    if (!kc_slice_is_string(value) || key->is_full || len > ROUTING_KEY_MAX_BYTES ||
        memchr(kc_buf_peek(key).p + before, '\0', len)) {
        kc_error_set(err, KC_INPUT, 0,
                     "header x-eio-routing-key: must be a text of at most %d bytes without NUL",
                     ROUTING_KEY_MAX_BYTES);
        return false;
    }
    return true;
}

/* The message as it is emitted: {"id","body","headers", its end still open. */
static void print_open(const struct kc_emitted *m, const struct kc_part *part,
                       bool drops_routing_key, struct kc_buf *out)
{
    bool is_stored = part->fate == KC_PART_STORED;
    if (m->id.p) {
        kc_buf_puts(out, "{\"id\":");
        kc_slice_print_text(m->id, out);
    }
    kc_buf_puts(out, m->id.p ? ",\"body\":" : "{\"body\":");
    kc_buf_text(out, is_stored ? KC_LIT("{}") : part->body);
    kc_buf_puts(out, ",\"headers\":");
    kc_headers_print(part->headers, drops_routing_key,
                     is_stored ? kc_buf_peek(&part->id) : KC_NO_TEXT, out);
}

/* The entries that came (the parts behind the first), and the message itself. */
static void print_passthrough(const struct kc_envelope_rules *rules, const struct kc_emitted *m,
                              const struct kc_parts *parts, struct kc_buf *out)
{
    bool is_first = true;
    kc_buf_puts(out, ",\"passthrough\":{");
    for (size_t i = 1; i < parts->count; i++, is_first = false) {
        if (!is_first)
            kc_buf_puts(out, ",");
        kc_part_print(&parts->list[i], out);
    }
    if (rules->passthrough == KC_PASSTHROUGH_SELF) {
        if (!is_first)
            kc_buf_puts(out, ",");
        kc_slice_print_text(kc_text(rules->step_id), out);
        kc_buf_puts(out, ":");
        print_open(m, &parts->list[0], false, out);
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "}");
}

/* in_step as JSON is kept in `name`. */
static void add_passthrough(struct kc_parts *parts, const struct kc_envelope_rules *rules,
                            const struct kc_envelope *in, struct kc_text in_step,
                            struct kc_buf *name)
{
    bool is_self = rules->passthrough == KC_PASSTHROUGH_SELF;
    struct kc_text own = is_self ? kc_text(rules->step_id) : in_step;
    if (!in || rules->passthrough == KC_PASSTHROUGH_OFF)
        return;
    kc_parts_add_passthrough(parts, in->passthrough, own);
    if (is_self || in_step.len == 0)
        return;
    kc_slice_print_text(in_step, name);
    struct kc_part *part = kc_parts_add(parts, kc_buf_peek(name), in->body, in->headers);
    part->object = in->text;
    part->is_incoming = true;
}

/* What it will take, mostly: so that large texts are not copied while the buffer grows. */
static size_t size_about(const struct kc_envelope_rules *rules, const struct kc_envelope *in,
                         const struct kc_emitted *m)
{
    size_t size = m->id.len + m->body.len + m->headers.len + 128;
    if (rules->passthrough == KC_PASSTHROUGH_SELF)
        size *= 2;
    if (in && rules->passthrough != KC_PASSTHROUGH_OFF)
        size += rules->passthrough == KC_PASSTHROUGH_SELF ? in->passthrough.len : in->text.len;
    return size;
}

bool kc_envelope_print(const struct kc_envelope_rules *rules, const struct kc_envelope *in,
                       struct kc_text in_step_id, const struct kc_emitted *m,
                       struct kc_buf *out, struct kc_buf *routing_key, struct kc_error *err)
{
    struct kc_text headers = m->headers.len > 0 ? m->headers : KC_LIT("{}");
    struct kc_parts parts = { 0 };
    struct kc_buf name;
    bool has_key_header = false;
    if (!read_routing_key(headers, &has_key_header, routing_key, err))
        return false;
    kc_buf_init(&name, KC_BUF_UNBOUNDED);
    kc_parts_add(&parts, KC_NO_TEXT, m->body.len > 0 ? m->body : KC_LIT("{}"), headers);
    add_passthrough(&parts, rules, in, in_step_id, &name);
    struct kc_parts entries = { parts.list + 1, parts.count - 1, 0 };
    bool ok = rules->is_lightweight
                  ? kc_parts_store(&parts, rules->storage_threshold, rules->storage, err)
                  : kc_parts_fetch(&entries, true, rules->storage, err);
    if (ok) {
        make_room(out, size_about(rules, in, m));
        print_open(m, &parts.list[0], has_key_header, out);
        if (rules->passthrough != KC_PASSTHROUGH_OFF)
            print_passthrough(rules, m, &parts, out);
        kc_buf_puts(out, "}");
        ok = !is_too_large(out, err);
    }
    kc_buf_deinit(&name);
    kc_parts_deinit(&parts);
    return ok;
}
