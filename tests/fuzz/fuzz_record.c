// SPDX-License-Identifier: Apache-2.0
/* fuzz_record.c - a record that consume prints is the record that produce writes.
 *
 * An input is: flags, a timestamp's byte, the key and its length before it, the headers and
 * their number before them, and all that is left is the value. librdkafka alone can make a
 * message with headers, so kc_fetched_header() is replaced here: the record's native is a list
 * of ours. */
#include "component/consume_body.h"
#include "component/produce_input.h"

#include "fuzz.h"

#define HEADERS_MAX 40 /* more than consume writes as an object */

struct header_list {
    size_t count;
    struct kc_header list[HEADERS_MAX];
    char *owned[2 * HEADERS_MAX];
};

bool kc_fetched_header(const struct kc_fetched *r, size_t i, struct kc_header *out)
{
    const struct header_list *headers = r->native;
    if (i >= headers->count)
        return false;
    *out = headers->list[i];
    return true;
}

enum flag {
    HAS_KEY = 1,
    HAS_VALUE = 2,
    HAS_TIME = 4,
    IS_APPEND_TIME = 8,
};

/* A name is a C string in librdkafka. A value's length of 255 is a null value. */
static void take_headers(struct kc_text *in, struct header_list *headers)
{
    size_t count = take_byte(in) % (HEADERS_MAX + 1);
    for (size_t i = 0; i < count && in->len; i++) {
        struct kc_header *h = &headers->list[headers->count++];
        char *name = copy_of(take(in, take_byte(in)), 1);
        h->name = kc_text(name);
        headers->owned[2 * i] = name;
        uint8_t len = take_byte(in);
        if (len == 255)
            continue;
        struct kc_text value = take(in, len);
        headers->owned[2 * i + 1] = copy_of(value, 0);
        h->value = (struct kc_text){ headers->owned[2 * i + 1], value.len };
    }
}

static void check_headers(const struct kc_headers *written, const struct header_list *read)
{
    CHECK((written ? written->count : 0) == read->count);
    for (size_t i = 0; i < read->count; i++) {
        CHECK(is_equal(written->list[i].name, read->list[i].name));
        CHECK(is_equal(written->list[i].value, read->list[i].value));
    }
}

/* With encoding json, what is JSON is the same JSON, and a string its text. */
static bool is_same_json(struct kc_text written, struct kc_text read)
{
    json_error_t why;
    int flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_t *r = json_loadb(read.p, read.len, flags, &why);
    if (!r)
        return json_error_code(&why) == json_error_numeric_overflow ||
               json_error_code(&why) == json_error_null_byte_in_key;
    json_t *w = json_loadb(written.p, written.len, flags, &why);
    bool is_same = w && json_equal(w, r);
    if (json_is_string(r))
        is_same =
            is_equal(written, (struct kc_text){ json_string_value(r), json_string_length(r) });
    json_decref(r);
    json_decref(w);
    return is_same;
}

static void check_record(const struct kc_record *w, const struct kc_fetched *r,
                         enum kc_encoding encoding)
{
    struct kc_text value = { w->value, w->value_len };
    CHECK(is_equal((struct kc_text){ w->key, w->key_len }, r->key));
    if (!is_equal(value, r->value))
        CHECK(encoding == KC_JSON && value.p && r->value.p && is_same_json(value, r->value));
    CHECK(w->timestamp == (r->timestamp == KC_NO_TIME ? 0 : r->timestamp));
    CHECK(w->partition == KC_ANY_PARTITION &&
          !w->topic); /* where it was is not where it goes */
    check_headers(w->headers, r->native);
}

static void run(const struct kc_fetched *r, enum kc_encoding key, enum kc_encoding value)
{
    struct kc_body_writer *writer = kc_body_writer_new(key, value);
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_input_rules rules = { .topic = "cars" };
    struct kc_arena arena = { 0 };
    struct kc_faults faults;
    struct kc_error err = { 0 };
    struct kc_message m;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_faults_init(&faults);

    kc_buf_puts(&body, "{\"body\":{\"messages\":[");
    kc_body_write(writer, r, &body);
    kc_buf_puts(&body, "]}}");
    CHECK(!memchr(body.data, '\n', body.len));
    check_json(kc_buf_peek(&body));
    bool ok = kc_message_read(&m, reader, copy_of(kc_buf_peek(&body), KC_JSON_PADDING),
                              body.len, &err);
    CHECK_SAY(ok, err.text);
    struct kc_batch *b = kc_produce_input(&m, &rules, &arena, &faults);
    CHECK_SAY(b && b->count == 1, faults.count ? faults.list[0].text : "");
    check_record(&b->records[0], r, value);

    kc_batch_free(b);
    kc_faults_deinit(&faults);
    kc_arena_deinit(&arena);
    kc_message_deinit(&m);
    kc_buf_deinit(&body);
    kc_json_reader_free(reader);
    kc_body_writer_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text in = { (const char *)data, size };
    struct header_list headers = { 0 };
    struct kc_fetched r = { .topic = "cars", .offset = INT64_MAX, .native = &headers };
    uint8_t flags = take_byte(&in);
    uint8_t time = take_byte(&in);
    r.timestamp = flags & HAS_TIME ? (int64_t)(UINT64_C(1) << (time % 63)) - 1 : KC_NO_TIME;
    r.is_append_time = flags & IS_APPEND_TIME;
    r.partition = time;
    struct kc_text key = take(&in, take_byte(&in));
    char *key_copy = copy_of(key, 0);
    take_headers(&in, &headers);
    char *value_copy = copy_of(in, 0);
    if (flags & HAS_KEY)
        r.key = (struct kc_text){ key_copy, key.len };
    if (flags & HAS_VALUE)
        r.value = (struct kc_text){ value_copy, in.len };

    for (int k = KC_UTF8; k <= KC_BASE64; k++)
        for (int v = KC_UTF8; v <= KC_JSON; v++)
            run(&r, (enum kc_encoding)k, (enum kc_encoding)v);
    for (size_t i = 0; i < 2 * HEADERS_MAX; i++)
        free(headers.owned[i]);
    free(key_copy);
    free(value_copy);
    return 0;
}
