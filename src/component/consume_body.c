// SPDX-License-Identifier: Apache-2.0
#include "component/consume_body.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond, finding out whether names repeat costs more than the plainer form saves. */
#define HEADERS_AS_OBJECT_MAX 32

/* A value stands within a message, its body, its messages and a record: 4 levels more. */
#define VALUE_DEPTH_MAX (KC_JSON_DEPTH_MAX - 4)

const struct kc_member kc_consume_out[] = {
    { "value", "string", true, "Value",
      "As text; base64 where it is none, then valueEncoding says so; null for a tombstone",
      NULL },
    { "key", "string", false, "Key", "As the value; absent where the record has none", NULL },
    { "partition", "string", true, "Partition", "The partition it came from", NULL },
    { "offset", "number", true, "Offset", "Its place in the partition", NULL },
    { "topic", "string", true, "Topic", "The topic it came from", NULL },
    { "timestamp", "number", false, "Timestamp", "Milliseconds since 1970", NULL },
    { "timestampType", "string", false, "Timestamp type", "CreateTime or LogAppendTime", NULL },
    { "headers", "object", false, "Headers",
      "Names and values, in the shape that Produce takes", NULL },
    { "keyEncoding", "string", false, "Key encoding", "Where the key is not plain text: base64",
      NULL },
    { "valueEncoding", "string", false, "Value encoding",
      "Where the value is not in the form that the step asks for: base64 or utf8", NULL },
    { 0 },
};

struct kc_body_writer {
    enum kc_encoding key, value;
    struct kc_json_writer *json;
    struct kc_json_reader *reader; /* of values that are JSON */
    struct kc_arena arena;         /* what the document borrows until it is finished */
};

struct kc_body_writer *kc_body_writer_new(enum kc_encoding key, enum kc_encoding value)
{
    struct kc_body_writer *w = kc_new0(struct kc_body_writer);
    w->key = key;
    w->value = value;
    w->json = kc_json_writer_new();
    w->reader = kc_json_reader_new();
    return w;
}

void kc_body_writer_free(struct kc_body_writer *w)
{
    if (!w)
        return;
    kc_json_writer_free(w->json);
    kc_json_reader_free(w->reader);
    kc_arena_deinit(&w->arena);
    free(w);
}

static struct kc_text keep(struct kc_body_writer *w, struct kc_buf *b)
{
    char *copy = kc_arena_alloc(&w->arena, b->len);
    if (b->len)
        memcpy(copy, b->data, b->len);
    struct kc_text text = { copy, b->len };
    kc_buf_deinit(b);
    return text;
}

static struct kc_text as_base64(struct kc_body_writer *w, struct kc_text bytes)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_base64_encode(&b, bytes.p, bytes.len);
    return keep(w, &b);
}

/* Text, or base64 with its mark. Unless is_careful, bytes are taken for text until the writer
 * finds that they are not: nearly all records are, and are checked once that way. */
static void put_bytes(struct kc_body_writer *w, struct kc_text name,
                      struct kc_text encoding_name, struct kc_text bytes, bool as_bytes,
                      bool is_careful)
{
    if (as_bytes || (is_careful && !kc_utf8_is_valid(bytes))) {
        kc_json_text(w->json, name, as_base64(w, bytes));
        kc_json_text(w->json, encoding_name, KC_LIT("base64"));
    } else {
        kc_json_text(w->json, name, bytes);
    }
}

/* A value that is JSON becomes part of the message, on one line. The text `null` stays a text:
 * as null it would be a tombstone. So does what is nested so deep that nobody, produce
 * included, would read the message. */
static bool put_json(struct kc_body_writer *w, struct kc_text name, struct kc_text value)
{
    struct kc_error ignored = { 0 };
    char *copy = kc_arena_alloc(&w->arena, value.len + KC_JSON_PADDING);
    if (value.len == 0)
        return false;
    memcpy(copy, value.p, value.len);
    const struct kc_value *v = kc_json_read(w->reader, copy, value.len, &ignored);
    if (!v || kc_value_type(v) == KC_IS_NULL || kc_value_is_deeper(v, VALUE_DEPTH_MAX))
        return false;
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_value_print(v, &b);
    kc_json_raw(w->json, name, keep(w, &b));
    return true;
}

static void put_value(struct kc_body_writer *w, struct kc_text value, bool is_careful)
{
    if (!value.p) {
        kc_json_null(w->json, KC_LIT("value"));
        return;
    }
    if (w->value == KC_JSON && put_json(w, KC_LIT("value"), value))
        return;
    put_bytes(w, KC_LIT("value"), KC_LIT("valueEncoding"), value, w->value == KC_BASE64,
              is_careful);
    if (w->value == KC_JSON && kc_utf8_is_valid(value))
        kc_json_text(w->json, KC_LIT("valueEncoding"), KC_LIT("utf8"));
}

/* --- headers --- */

static bool is_same(struct kc_text a, struct kc_text b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* An object keeps their order only where equal names stand together, and it needs names of
 * text. */
static bool fits_object(const struct kc_fetched *r, size_t count)
{
    struct kc_header h, earlier;
    if (count > HEADERS_AS_OBJECT_MAX)
        return false;
    for (size_t i = 0; kc_fetched_header(r, i, &h); i++) {
        if (!kc_utf8_is_valid(h.name))
            return false;
        for (size_t k = 0; k + 1 < i && kc_fetched_header(r, k, &earlier); k++) {
            struct kc_header before;
            if (is_same(earlier.name, h.name) && kc_fetched_header(r, i - 1, &before) &&
                !is_same(before.name, h.name))
                return false;
        }
    }
    return true;
}

static void put_header_value(struct kc_body_writer *w, struct kc_text name,
                             struct kc_text value, bool is_careful)
{
    if (!value.p) {
        kc_json_null(w->json, name);
    } else if (is_careful && !kc_utf8_is_valid(value)) {
        kc_json_object(w->json, name);
        kc_json_text(w->json, KC_LIT("base64"), as_base64(w, value));
        kc_json_end(w->json);
    } else {
        kc_json_text(w->json, name, value);
    }
}

static void put_header_object(struct kc_body_writer *w, const struct kc_fetched *r,
                              bool is_careful)
{
    struct kc_header h, next;
    bool is_repeating = false;
    kc_json_object(w->json, KC_LIT("headers"));
    for (size_t i = 0; kc_fetched_header(r, i, &h); i++) {
        bool repeats = kc_fetched_header(r, i + 1, &next) && is_same(h.name, next.name);
        if (repeats && !is_repeating)
            kc_json_array(w->json, h.name);
        put_header_value(w, repeats || is_repeating ? KC_NO_TEXT : h.name, h.value, is_careful);
        if (is_repeating && !repeats)
            kc_json_end(w->json);
        is_repeating = repeats;
    }
    kc_json_end(w->json);
}

static void put_header_pairs(struct kc_body_writer *w, const struct kc_fetched *r,
                             bool is_careful)
{
    struct kc_header h;
    kc_json_array(w->json, KC_LIT("headers"));
    for (size_t i = 0; kc_fetched_header(r, i, &h); i++) {
        kc_json_array(w->json, KC_NO_TEXT);
        put_header_value(w, KC_NO_TEXT, h.name, is_careful);
        put_header_value(w, KC_NO_TEXT, h.value, is_careful);
        kc_json_end(w->json);
    }
    kc_json_end(w->json);
}

static void put_headers(struct kc_body_writer *w, const struct kc_fetched *r, bool is_careful)
{
    struct kc_header h;
    size_t count = 0;
    while (kc_fetched_header(r, count, &h))
        count++;
    if (count == 0)
        return;
    if (fits_object(r, count))
        put_header_object(w, r, is_careful);
    else
        put_header_pairs(w, r, is_careful);
}

/* --- the whole --- */

static bool try_write(struct kc_body_writer *w, const struct kc_fetched *r, bool is_careful,
                      struct kc_buf *out)
{
    char partition[KC_INT_SIZE];
    kc_arena_clear(&w->arena);
    kc_json_begin(w->json);
    put_value(w, r->value, is_careful);
    if (r->key.p)
        put_bytes(w, KC_LIT("key"), KC_LIT("keyEncoding"), r->key, w->key == KC_BASE64,
                  is_careful);
    kc_json_text(w->json, KC_LIT("partition"), kc_int_text(r->partition, partition));
    kc_json_int(w->json, KC_LIT("offset"), r->offset);
    kc_json_text(w->json, KC_LIT("topic"), kc_text(r->topic));
    if (r->timestamp != KC_NO_TIME) {
        kc_json_int(w->json, KC_LIT("timestamp"), r->timestamp);
        kc_json_text(w->json, KC_LIT("timestampType"),
                     r->is_append_time ? KC_LIT("LogAppendTime") : KC_LIT("CreateTime"));
    }
    put_headers(w, r, is_careful);
    return kc_json_finish(w->json, out);
}

void kc_body_write(struct kc_body_writer *w, const struct kc_fetched *r, struct kc_buf *out)
{
    if (!try_write(w, r, false, out) && !try_write(w, r, true, out))
        abort(); /* every text was checked: this cannot be */
}

/* --- as a CloudEvent --- */

#define EXTENSION_NAME_MAX 20              /* what receivers have to expect */
#define EVENT_TIME_MAX     253402300799999 /* 9999-12-31: RFC 3339 has four digits */

/* What the specification or we give a meaning to: no header may stand there. */
static const char *const taken_names[] = {
    "specversion",     "id",           "source",     "type",
    "subject",         "time",         "data",       "dataschema",
    "datacontenttype", "partitionkey", "kafkatopic", "kafkapartition",
    "kafkaoffset",     "keyencoding",
};

/* Strings of a CloudEvent's context have no control characters and no code points that are
 * none.
 */
static bool fits_context(struct kc_text t)
{
    if (t.len == 0 || !kc_utf8_is_valid(t))
        return false;
    const unsigned char *p = (const unsigned char *)t.p;
    for (size_t i = 0; i < t.len; i++) {
        size_t left = t.len - i;
        bool is_control =
            p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && left > 1 && p[i + 1] < 0xa0);
        bool is_fdd0 = p[i] == 0xef && left > 2 && p[i + 1] == 0xb7 && p[i + 2] >= 0x90 &&
                       p[i + 2] <= 0xaf;
        bool is_fffe = p[i] == 0xef && left > 2 && p[i + 1] == 0xbf && p[i + 2] >= 0xbe;
        bool is_xfffe = p[i] >= 0xf0 && left > 3 && (p[i + 1] & 0x0f) == 0x0f &&
                        p[i + 2] == 0xbf && p[i + 3] >= 0xbe;
        if (is_control || is_fdd0 || is_fffe || is_xfffe)
            return false;
    }
    return true;
}

static bool fits_extension_name(struct kc_text name)
{
    if (name.len == 0 || name.len > EXTENSION_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && !(name.p[i] >= '0' && name.p[i] <= '9'))
            return false;
    }
    for (size_t i = 0; i < sizeof(taken_names) / sizeof(taken_names[0]); i++) {
        if (kc_text_is(name, taken_names[i]))
            return false;
    }
    return true;
}

/* Of several headers of one name the first stands. */
static void put_extensions(struct kc_body_writer *w, const struct kc_fetched *r)
{
    struct kc_header h, earlier;
    for (size_t i = 0; i < HEADERS_AS_OBJECT_MAX && kc_fetched_header(r, i, &h); i++) {
        bool is_first = true;
        for (size_t k = 0; is_first && k < i && kc_fetched_header(r, k, &earlier); k++)
            is_first = !is_same(earlier.name, h.name);
        if (is_first && fits_extension_name(h.name) && h.value.p && fits_context(h.value))
            kc_json_text(w->json, h.name, h.value);
    }
}

static void put_partition_key(struct kc_body_writer *w, struct kc_text key)
{
    if (key.len == 0)
        return; /* a CloudEvent's must not be empty */
    bool as_bytes = w->key == KC_BASE64 || !fits_context(key);
    kc_json_text(w->json, KC_LIT("partitionkey"), as_bytes ? as_base64(w, key) : key);
    if (as_bytes)
        kc_json_text(w->json, KC_LIT("keyencoding"), KC_LIT("base64"));
}

static void put_event_data(struct kc_body_writer *w, struct kc_text value)
{
    const struct kc_text type = KC_LIT("datacontenttype");
    if (!value.p)
        return; /* a tombstone: an event without data */
    if (w->value == KC_JSON && put_json(w, KC_LIT("data"), value)) {
        kc_json_text(w->json, type, KC_LIT("application/json"));
    } else if (w->value == KC_BASE64 || !kc_utf8_is_valid(value)) {
        kc_json_text(w->json, type, KC_LIT("application/octet-stream"));
        kc_json_text(w->json, KC_LIT("data_base64"), as_base64(w, value));
    } else {
        kc_json_text(w->json, type, KC_LIT("text/plain"));
        kc_json_text(w->json, KC_LIT("data"), value);
    }
}

static struct kc_text compose(struct kc_body_writer *w, const char *fmt, ...) KC_PRINTF(2, 3);
static struct kc_text compose(struct kc_body_writer *w, const char *fmt, ...)
{
    char text[320]; /* topics have 249 characters at most */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_buf_puts(&b, text);
    return keep(w, &b);
}

void kc_body_write_event(struct kc_body_writer *w, const struct kc_fetched *r,
                         struct kc_buf *out)
{
    char time[KC_ISO_SIZE];
    kc_arena_clear(&w->arena);
    kc_json_begin(w->json);
    kc_json_text(w->json, KC_LIT("specversion"), KC_LIT("1.0"));
    kc_json_text(w->json, KC_LIT("id"),
                 compose(w, "%s-%d-%lld", r->topic, (int)r->partition, (long long)r->offset));
    kc_json_text(w->json, KC_LIT("source"),
                 compose(w, "/kafka/%s/%d", r->topic, (int)r->partition));
    kc_json_text(w->json, KC_LIT("type"), KC_LIT(KC_EVENT_TYPE));
    if (r->timestamp >= 0 && r->timestamp <= EVENT_TIME_MAX) {
        kc_iso_format(r->timestamp, time);
        kc_json_text(w->json, KC_LIT("time"), kc_text(time));
    }
    put_partition_key(w, r->key);
    kc_json_text(w->json, KC_LIT("kafkatopic"), kc_text(r->topic));
    kc_json_int(w->json, KC_LIT("kafkapartition"), r->partition);
    kc_json_text(w->json, KC_LIT("kafkaoffset"), compose(w, "%lld", (long long)r->offset));
    put_extensions(w, r);
    put_event_data(w, r->value);
    if (!kc_json_finish(w->json, out))
        abort(); /* every text was checked: this cannot be */
}

/* --- as a message has it --- */

void kc_body_write_as(struct kc_body_writer *w, enum kc_body_style style,
                      const struct kc_fetched *r, struct kc_buf *out)
{
    if (style == KC_BODY_EVENTS)
        kc_body_write_event(w, r, out);
    else
        kc_body_write(w, r, out);
}

const char *kc_body_before(enum kc_body_style style, bool is_first)
{
    if (!is_first)
        return ",";
    return style == KC_BODY_EVENTS ? "[" : "{\"messages\":[";
}

const char *kc_body_behind(enum kc_body_style style)
{
    return style == KC_BODY_EVENTS ? "]" : "]}";
}
