// SPDX-License-Identifier: Apache-2.0
/* fuzz_message.c - messages are read and printed as another JSON library would.
 *
 * jansson is the witness. Where the two may differ is written down: jansson refuses numbers
 * beyond its types and NULs in names, we refuse what is nested deeper than KC_JSON_DEPTH_MAX.
 */
#include "runtime/message.h"

#include "fuzz.h"

static size_t depth_of(const json_t *v)
{
    size_t deepest = 0, i;
    const char *name;
    json_t *e;
    if (!json_is_array(v) && !json_is_object(v))
        return 0;
    json_array_foreach(v, i, e)
    {
        size_t d = depth_of(e);
        deepest = d > deepest ? d : deepest;
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)v); at;
         at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
        name = json_object_iter_key(at);
        CHECK(name);
        size_t d = depth_of(json_object_iter_value(at));
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

static void check_same(const struct kc_value *v, json_t *w);

static void check_same_array(const struct kc_value *v, json_t *w)
{
    size_t count = kc_value_count(v);
    CHECK(count == json_array_size(w));
    const struct kc_value *e = kc_value_first(v);
    for (size_t i = 0; i < count; i++, e = kc_value_next(e))
        check_same(e, json_array_get(w, i));
}

/* Of equal names the last counts, in both. */
static void check_same_object(const struct kc_value *v, json_t *w)
{
    const char *name;
    json_t *value;
    CHECK(kc_value_count(v) >= json_object_size(w));
    json_object_foreach(w, name, value)
    {
        const struct kc_value *ours = kc_value_get(v, name);
        CHECK_SAY(ours, name);
        check_same(ours, value);
    }
}

static void check_same(const struct kc_value *v, json_t *w)
{
    struct kc_text text = kc_value_text(v);
    int64_t n;
    switch (kc_value_type(v)) {
    case KC_IS_NULL:
        CHECK(json_is_null(w));
        break;
    case KC_IS_BOOL:
        CHECK(json_is_boolean(w) && kc_text_is(text, json_is_true(w) ? "true" : "false"));
        break;
    case KC_IS_NUMBER:
        CHECK(json_is_number(w));
        if (json_is_integer(w) && kc_value_int(v, false, INT64_MIN, INT64_MAX, &n))
            CHECK(n == json_integer_value(w));
        break;
    case KC_IS_STRING:
        CHECK(json_is_string(w) &&
              is_equal(text, (struct kc_text){ json_string_value(w), json_string_length(w) }));
        break;
    case KC_IS_ARRAY:
        CHECK(json_is_array(w));
        check_same_array(v, w);
        break;
    case KC_IS_OBJECT:
        CHECK(json_is_object(w));
        check_same_object(v, w);
        break;
    }
}

/* What is printed reads back as what is printed. */
static void check_print(const struct kc_value *v)
{
    struct kc_buf once, twice;
    struct kc_error err = { 0 };
    kc_buf_init(&once, KC_BUF_UNBOUNDED);
    kc_buf_init(&twice, KC_BUF_UNBOUNDED);
    kc_value_print(v, &once);
    CHECK(!memchr(once.data, '\n', once.len));
    check_json(kc_buf_peek(&once));

    struct kc_json_reader *reader = kc_json_reader_new();
    char *copy = copy_of(kc_buf_peek(&once), KC_JSON_PADDING);
    const struct kc_value *again = kc_json_read(reader, copy, once.len, &err);
    CHECK_SAY(again, err.text);
    kc_value_print(again, &twice);
    CHECK(is_equal(kc_buf_peek(&once), kc_buf_peek(&twice)));
    free(copy);
    kc_json_reader_free(reader);
    kc_buf_deinit(&once);
    kc_buf_deinit(&twice);
}

static void check_accepted(const struct kc_message *m, json_t *w, const json_error_t *why)
{
    check_print(m->body);
    if (m->id)
        check_print(m->id);
    if (m->headers)
        check_print(m->headers);
    if (m->passthrough)
        check_print(m->passthrough);
    if (!w) {
        enum json_error_code code = json_error_code(why);
        CHECK_SAY(code == json_error_numeric_overflow || code == json_error_null_byte_in_key,
                  why->text);
        return;
    }
    CHECK(json_is_object(w) && m->is_bare == !json_object_get(w, "body"));
    CHECK(depth_of(w) <= KC_JSON_DEPTH_MAX);
    check_same(m->body, m->is_bare ? w : json_object_get(w, "body"));
    CHECK(!m->id == !json_object_get(w, "id"));
}

/* A tree has room for any valid text; brackets that nobody closes may fill it before that
 * shows. */
static void check_refused(json_t *w, const struct kc_error *err)
{
    CHECK(*err->text && (err->code == KC_INPUT || (err->code == KC_INPUT_TOO_LARGE && !w)));
    CHECK_SAY(!w || !json_is_object(w) || depth_of(w) > KC_JSON_DEPTH_MAX, err->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text text = { (const char *)data, size };
    struct kc_error err = { 0 };
    struct kc_message m;
    struct kc_json_reader *reader = kc_json_reader_new();
    bool ok = kc_message_read(&m, reader, copy_of(text, KC_JSON_PADDING), size, &err);

    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        (void)take(&text, 3); /* we skip one, jansson does not */
    json_error_t why = { 0 };
    json_t *witness =
        json_loadb(text.len ? text.p : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (ok)
        check_accepted(&m, witness, &why);
    else if (!size || !memchr(data, '\0', size))
        check_refused(witness, &err);
    json_decref(witness);
    kc_message_deinit(&m);
    kc_json_reader_free(reader);
    return 0;
}
