// SPDX-License-Identifier: Apache-2.0
/* table.c
 *
 * What a table holds lives in its arena: a value that is replaced or removed stays there until
 * the table goes, which is soon. */
#include "transport/sailor/table.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/base64.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is nested deeper becomes void: nobody sends that but to do harm. */
#define DEPTH_MAX 64

struct kc_table {
    amqp_table_t native; /* its entries are on the heap, what they point to in the arena */
    int room;
    struct kc_arena arena;
};

/* --- copying --- */

static void copy_value(struct kc_arena *a, amqp_field_value_t *out,
                       const amqp_field_value_t *in, int depth);

static amqp_bytes_t copy_bytes(struct kc_arena *a, const void *p, size_t len)
{
    amqp_bytes_t copy = { len, kc_arena_alloc(a, len + 1) };
    if (len > 0)
        memcpy(copy.bytes, p, len);
    return copy;
}

static void copy_table(struct kc_arena *a, amqp_table_t *out, const amqp_table_t *in, int depth)
{
    out->num_entries = in->num_entries;
    out->entries = kc_arena_alloc(a, (size_t)in->num_entries * sizeof(*out->entries) + 1);
    for (int i = 0; i < in->num_entries; i++) {
        const amqp_table_entry_t *from = &in->entries[i];
        out->entries[i].key = copy_bytes(a, from->key.bytes, from->key.len);
        copy_value(a, &out->entries[i].value, &from->value, depth + 1);
    }
}

static void copy_array(struct kc_arena *a, amqp_array_t *out, const amqp_array_t *in, int depth)
{
    out->num_entries = in->num_entries;
    out->entries = kc_arena_alloc(a, (size_t)in->num_entries * sizeof(*out->entries) + 1);
    for (int i = 0; i < in->num_entries; i++)
        copy_value(a, &out->entries[i], &in->entries[i], depth + 1);
}

static void copy_value(struct kc_arena *a, amqp_field_value_t *out,
                       const amqp_field_value_t *in, int depth)
{
    *out = *in;
    if (depth > DEPTH_MAX) {
        *out = (amqp_field_value_t){ .kind = AMQP_FIELD_KIND_VOID };
        return;
    }
    switch (in->kind) {
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
        out->value.bytes = copy_bytes(a, in->value.bytes.bytes, in->value.bytes.len);
        break;
    case AMQP_FIELD_KIND_TABLE:
        copy_table(a, &out->value.table, &in->value.table, depth);
        break;
    case AMQP_FIELD_KIND_ARRAY:
        copy_array(a, &out->value.array, &in->value.array, depth);
        break;
    default: /* numbers, which the assignment has copied */
        break;
    }
}

/* --- a table --- */

struct kc_table *kc_table_new(void)
{
    return kc_new0(struct kc_table);
}

static amqp_table_entry_t *append(struct kc_table *t)
{
    if (t->native.num_entries == t->room) {
        t->room = t->room > 0 ? t->room * 2 : 16;
        t->native.entries =
            kc_realloc(t->native.entries, (size_t)t->room, sizeof(*t->native.entries));
    }
    return &t->native.entries[t->native.num_entries++];
}

struct kc_table *kc_table_of(const amqp_table_t *native)
{
    struct kc_table *t = kc_table_new();
    for (int i = 0; i < native->num_entries; i++) {
        const amqp_table_entry_t *from = &native->entries[i];
        amqp_table_entry_t *e = append(t);
        e->key = copy_bytes(&t->arena, from->key.bytes, from->key.len);
        copy_value(&t->arena, &e->value, &from->value, 1);
    }
    return t;
}

struct kc_table *kc_table_copy(const struct kc_table *t)
{
    return kc_table_of(&t->native);
}

void kc_table_free(struct kc_table *t)
{
    if (!t)
        return;
    free(t->native.entries);
    kc_arena_deinit(&t->arena);
    free(t);
}

static amqp_table_entry_t *find(const struct kc_table *t, const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < t->native.num_entries; i++) {
        amqp_table_entry_t *e = &t->native.entries[i];
        if (e->key.len == len && memcmp(e->key.bytes, name, len) == 0)
            return e;
    }
    return NULL;
}

static amqp_field_value_t *slot(struct kc_table *t, const char *name)
{
    amqp_table_entry_t *e = find(t, name);
    if (!e) {
        e = append(t);
        e->key = copy_bytes(&t->arena, name, strlen(name));
    }
    return &e->value;
}

void kc_table_text(struct kc_table *t, const char *name, struct kc_text value)
{
    amqp_field_value_t *v = slot(t, name);
    v->kind = AMQP_FIELD_KIND_UTF8;
    v->value.bytes = copy_bytes(&t->arena, value.p, value.len);
}

void kc_table_int(struct kc_table *t, const char *name, int64_t value)
{
    amqp_field_value_t *v = slot(t, name);
    v->kind = AMQP_FIELD_KIND_I64;
    v->value.i64 = value;
}

void kc_table_bool(struct kc_table *t, const char *name, bool value)
{
    amqp_field_value_t *v = slot(t, name);
    v->kind = AMQP_FIELD_KIND_BOOLEAN;
    v->value.boolean = value;
}

void kc_table_value(struct kc_table *t, const char *name, const amqp_field_value_t *value)
{
    amqp_field_value_t copy; /* first: the value may be one of this table */
    copy_value(&t->arena, &copy, value, 1);
    *slot(t, name) = copy;
}

void kc_table_remove(struct kc_table *t, const char *name)
{
    amqp_table_entry_t *e = find(t, name);
    if (!e)
        return;
    int behind = t->native.num_entries - (int)(e - t->native.entries) - 1;
    memmove(e, e + 1, (size_t)behind * sizeof(*e));
    t->native.num_entries--;
}

/* --- looking --- */

const amqp_field_value_t *kc_table_get(const struct kc_table *t, const char *name)
{
    const amqp_table_entry_t *e = find(t, name);
    return e ? &e->value : NULL;
}

static struct kc_text text_of(const amqp_field_value_t *v)
{
    if (!v || (v->kind != AMQP_FIELD_KIND_UTF8 && v->kind != AMQP_FIELD_KIND_BYTES))
        return KC_NO_TEXT;
    return (struct kc_text){ v->value.bytes.bytes, v->value.bytes.len };
}

struct kc_text kc_table_get_text(const struct kc_table *t, const char *name)
{
    return text_of(kc_table_get(t, name));
}

/* False for what is no whole number of 64 bits. */
static bool int_of(const amqp_field_value_t *v, int64_t *out)
{
    switch (v->kind) {
    case AMQP_FIELD_KIND_I8:
        *out = (int)v->value.i8;
        return true;
    case AMQP_FIELD_KIND_U8:
        *out = v->value.u8;
        return true;
    case AMQP_FIELD_KIND_I16:
        *out = v->value.i16;
        return true;
    case AMQP_FIELD_KIND_U16:
        *out = v->value.u16;
        return true;
    case AMQP_FIELD_KIND_I32:
        *out = v->value.i32;
        return true;
    case AMQP_FIELD_KIND_U32:
        *out = v->value.u32;
        return true;
    case AMQP_FIELD_KIND_I64:
        *out = v->value.i64;
        return true;
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        *out = (int64_t)v->value.u64;
        return v->value.u64 <= INT64_MAX;
    default:
        return false;
    }
}

static bool double_of(const amqp_field_value_t *v, double *out)
{
    if (v->kind == AMQP_FIELD_KIND_F64)
        *out = v->value.f64;
    else if (v->kind == AMQP_FIELD_KIND_F32)
        *out = (double)v->value.f32;
    else
        return false;
    return true;
}

int64_t kc_table_get_int(const struct kc_table *t, const char *name, int64_t fallback)
{
    const amqp_field_value_t *v = kc_table_get(t, name);
    int64_t number;
    double real;
    if (!v)
        return fallback;
    if (int_of(v, &number) || kc_text_int(text_of(v), INT64_MIN, INT64_MAX, &number))
        return number;
    if (double_of(v, &real) && fabs(real) < 9007199254740992.0 && trunc(real) == real)
        return (int64_t)real;
    return fallback;
}

const amqp_table_t *kc_table_native(const struct kc_table *t)
{
    return &t->native;
}

/* --- as JSON --- */

static void print_value(const amqp_field_value_t *v, struct kc_buf *out, int depth);

static void print_string(amqp_bytes_t bytes, struct kc_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    struct kc_text t = { bytes.bytes, bytes.len };
    kc_buf_puts(out, "\"");
    if (!kc_utf8_is_valid(t)) {
        kc_base64_encode(out, t.p, t.len);
        t.len = 0;
    }
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.p[i];
        if (c == '"' || c == '\\')
            kc_buf_append(out, (char[]){ '\\', (char)c }, 2);
        else if (c < ' ')
            kc_buf_append(out, (char[]){ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] },
                          6);
        else
            kc_buf_append(out, &t.p[i], 1);
    }
    kc_buf_puts(out, "\"");
}

static void print_table(const amqp_table_t *t, struct kc_buf *out, int depth)
{
    kc_buf_puts(out, "{");
    for (int i = 0; i < t->num_entries; i++) {
        kc_buf_puts(out, i > 0 ? "," : "");
        print_string(t->entries[i].key, out);
        kc_buf_puts(out, ":");
        print_value(&t->entries[i].value, out, depth + 1);
    }
    kc_buf_puts(out, "}");
}

static void print_array(const amqp_array_t *a, struct kc_buf *out, int depth)
{
    kc_buf_puts(out, "[");
    for (int i = 0; i < a->num_entries; i++) {
        kc_buf_puts(out, i > 0 ? "," : "");
        print_value(&a->entries[i], out, depth + 1);
    }
    kc_buf_puts(out, "]");
}

/* As short as it can be without becoming another number. */
static void print_double(double real, struct kc_buf *out)
{
    char text[32];
    if (!isfinite(real)) {
        kc_buf_puts(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    kc_buf_puts(out, text);
}

/* Kinds that JSON lacks look as they do in the platform's other steps. */
static void print_value(const amqp_field_value_t *v, struct kc_buf *out, int depth)
{
    int64_t number;
    double real;
    if (v->kind == AMQP_FIELD_KIND_BOOLEAN)
        kc_buf_puts(out, v->value.boolean ? "true" : "false");
    else if (v->kind == AMQP_FIELD_KIND_TIMESTAMP)
        kc_buf_printf(out, "{\"!\":\"timestamp\",\"value\":%" PRIu64 "}", v->value.u64);
    else if (v->kind == AMQP_FIELD_KIND_DECIMAL)
        kc_buf_printf(out,
                      "{\"!\":\"decimal\",\"value\":{\"places\":%u,\"digits\":%" PRIu32 "}}",
                      (unsigned)v->value.decimal.decimals, v->value.decimal.value);
    else if (v->kind == AMQP_FIELD_KIND_U64)
        kc_buf_printf(out, "%" PRIu64, v->value.u64);
    else if (int_of(v, &number))
        kc_buf_printf(out, "%" PRId64, number);
    else if (double_of(v, &real))
        print_double(real, out);
    else if (v->kind == AMQP_FIELD_KIND_UTF8 || v->kind == AMQP_FIELD_KIND_BYTES)
        print_string(v->value.bytes, out);
    else if (v->kind == AMQP_FIELD_KIND_TABLE && depth <= DEPTH_MAX)
        print_table(&v->value.table, out, depth);
    else if (v->kind == AMQP_FIELD_KIND_ARRAY && depth <= DEPTH_MAX)
        print_array(&v->value.array, out, depth);
    else
        kc_buf_puts(out, "null");
}

void kc_table_print(const struct kc_table *t, struct kc_buf *out)
{
    print_table(&t->native, out, 0);
}
