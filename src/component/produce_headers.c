// SPDX-License-Identifier: Apache-2.0
#include "component/produce_reading.h"

#include "base/pointer.h"

#include <stdio.h>
#include <string.h>

static bool has_nul(struct kc_text t)
{
    return t.len > 0 && memchr(t.p, '\0', t.len) != NULL;
}

/* {"base64": "…"} */
static const struct kc_value *base64_member(const struct kc_value *v)
{
    return kc_value_type(v) == KC_IS_OBJECT && kc_value_count(v) == 1
               ? kc_value_get(v, "base64")
               : NULL;
}

/* text, null where allowed, or {"base64": "…"} */
static bool read_bytes(const struct kc_value *v, bool may_be_null, struct kc_text *out)
{
    const struct kc_value *encoded = base64_member(v);
    *out = KC_NO_TEXT;
    if (encoded)
        return kc_value_decode(encoded, out);
    if (kc_value_type(v) == KC_IS_NULL)
        return may_be_null;
    *out = kc_value_text(v);
    return kc_value_type(v) == KC_IS_STRING;
}

/* False where the value is none that a header can have. */
static bool add_header(struct kc_headers *headers, struct kc_text name,
                       const struct kc_value *v)
{
    struct kc_header *h = &headers->list[headers->count++];
    h->name = name;
    return read_bytes(v, true, &h->value);
}

/* The space that the headers of an object or array need at most. */
static size_t count_headers(const struct kc_value *v)
{
    size_t n = 0;
    bool is_object = kc_value_type(v) == KC_IS_OBJECT;
    const struct kc_value *e = kc_value_first(v);
    for (size_t i = kc_value_count(v); i > 0; i--) {
        const struct kc_value *value = is_object ? kc_value_of(e) : e;
        n += is_object && kc_value_type(value) == KC_IS_ARRAY ? kc_value_count(value) : 1;
        e = kc_value_next(value);
    }
    return n;
}

/* "repeated": ["a", "b"] */
static void read_repeated_header(const struct kc_reading *in, struct kc_text name,
                                 const struct kc_value *values, struct kc_headers *headers)
{
    char part[KC_PART_MAX], pointer[KC_PART_MAX + 32];
    const struct kc_value *v = kc_value_first(values);
    size_t count = kc_value_count(values);
    for (size_t i = 0; i < count; i++, v = kc_value_next(v)) {
        if (add_header(headers, name, v))
            continue;
        snprintf(pointer, sizeof(pointer), "/headers%s/%zu",
                 kc_pointer_part(name, part, sizeof(part)), i);
        KC_FAULT(in, pointer, "must be text, null, or {\"base64\": \"…\"}");
    }
}

/* {"name": "value", "repeated": ["a", "b"]} */
static void read_header_object(const struct kc_reading *in, const struct kc_value *v,
                               struct kc_headers *headers)
{
    char part[KC_PART_MAX], pointer[KC_PART_MAX + 16];
    const struct kc_value *name = kc_value_first(v);
    for (size_t i = kc_value_count(v); i > 0; i--) {
        const struct kc_value *value = kc_value_of(name);
        struct kc_text text = kc_value_text(name);
        if (has_nul(text)) {
            KC_FAULT(in, "/headers", "a header's name must not hold a NUL character");
        } else if (kc_value_type(value) == KC_IS_ARRAY) {
            read_repeated_header(in, text, value, headers);
        } else if (!add_header(headers, text, value)) {
            snprintf(pointer, sizeof(pointer), "/headers%s",
                     kc_pointer_part(text, part, sizeof(part)));
            KC_FAULT(in, pointer,
                     "must be text, null, {\"base64\": \"…\"}, or an array of those");
        }
        name = kc_value_next(value);
    }
}

static void fault_pair(const struct kc_reading *in, size_t index, const char *member,
                       const char *says)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/headers/%zu%s", index, member);
    KC_FAULT(in, pointer, "%s", says);
}

/* [["name", "value"], …] */
static void read_header_pairs(const struct kc_reading *in, const struct kc_value *v,
                              struct kc_headers *headers)
{
    const struct kc_value *pair = kc_value_first(v);
    size_t count = kc_value_count(v);
    for (size_t i = 0; i < count; i++, pair = kc_value_next(pair)) {
        struct kc_text name = KC_NO_TEXT;
        if (kc_value_type(pair) != KC_IS_ARRAY || kc_value_count(pair) != 2)
            fault_pair(in, i, "", "must be [name, value]");
        else if (!read_bytes(kc_value_first(pair), false, &name))
            fault_pair(in, i, "/0", "must be text, or {\"base64\": \"…\"}");
        else if (has_nul(name))
            fault_pair(in, i, "/0", "a header's name must not hold a NUL character");
        else if (!add_header(headers, name, kc_value_next(kc_value_first(pair))))
            fault_pair(in, i, "/1", "must be text, null, or {\"base64\": \"…\"}");
    }
}

void kc_read_headers(const struct kc_reading *in, const struct kc_value *v, struct kc_record *r)
{
    if (!v || kc_value_type(v) == KC_IS_NULL)
        return;
    bool is_object = kc_value_type(v) == KC_IS_OBJECT;
    if (!is_object && kc_value_type(v) != KC_IS_ARRAY) {
        KC_FAULT(in, "/headers", "must be an object, or an array of [name, value]; this is %s",
                 kc_value_type_name(v));
        return;
    }
    struct kc_headers *headers = kc_arena_alloc(
        in->arena, sizeof(*headers) + count_headers(v) * sizeof(headers->list[0]));
    if (is_object)
        read_header_object(in, v, headers);
    else
        read_header_pairs(in, v, headers);
    if (headers->count > 0)
        r->headers = headers;
}
