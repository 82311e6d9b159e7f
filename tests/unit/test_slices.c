// SPDX-License-Identifier: Apache-2.0
#include "platform/slices.h"

#include "unit/unit.h"

static const char *const valid[] = {
    "{}",
    "[]",
    "0",
    "-0",
    "1e2",
    "1E+2",
    "-1.5e-3",
    "0.1e1000000",
    "123456789012345678901234567890",
    "true",
    "false",
    "null",
    "\"\"",
    " \t\r\n1\n ",
    "[1,2,3]",
    "[[],[[]],{}]",
    "{\"a\":{}}",
    "{ \"a\" : [ 1 , { } ] , \"b\" : null }",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\x7f\"",
    "\"12345678\\\"\"",
    "\"1234567\\\"\"",
    "{\"\":0}",
    "{\"a\":1,\"a\":2}",
    "\"\xff\xfe\"",
    "\"\xe2\x80\xa8\"",
};

static const char *const broken[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[}",
    "{]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{a:1}",
    "{1:1}",
    "{'a':1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "01",
    "+1",
    "1.",
    ".5",
    "-",
    "1e",
    "1e+",
    "--1",
    "0x10",
    "NaN",
    "Infinity",
    "tru",
    "True",
    "nul",
    "truex",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"\x1f\"",
    "\"1234567\n\"",
    "1 2",
    "{}{}",
    "{} x",
    "[1] // no",
    "/* */ 1",
    "\xef\xbb\xbf{}",
    "\"\\u123",
    "[\"a\":1]",
    "{\"a\":1]",
    "[1}",
};

static void assert_value(const char *text, bool is_valid)
{
    struct kc_error err = { 0 };
    struct kc_text value = KC_NO_TEXT;
    struct kc_text t = kc_text(text);
    char *copy = malloc(t.len + !t.len); /* without a NUL behind it, for the sanitizer */
    assert_non_null(copy);
    memcpy(copy, t.p, t.len);
    if (kc_slice_value((struct kc_text){ copy, t.len }, &value, &err) != is_valid)
        fail_msg("'%s' is %s", text, is_valid ? err.text : "valid");
    if (!is_valid)
        assert_error(&err, KC_INPUT, "not valid JSON: ");
    free(copy);
}

static void what_json_allows_is_taken_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(valid); i++)
        assert_value(valid[i], true);
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        assert_value(broken[i], false);
}

static void a_nul_is_never_the_end_of_a_text(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_text value;
    assert_false(kc_slice_value(BYTES("1\0"), &value, &err));
    assert_error(&err, KC_INPUT, "more text behind the end at byte 2");
    assert_false(kc_slice_value(BYTES("\0"), &value, &err));
    assert_error(&err, KC_INPUT, "no JSON value at byte 1");
    assert_false(kc_slice_value(BYTES("\"a\0b\""), &value, &err));
    assert_error(&err, KC_INPUT, "a control character in a string at byte 3");
    assert_false(kc_slice_value(BYTES("\"\\\0\""), &value, &err));
    assert_error(&err, KC_INPUT, "no such escape at byte 3");
    assert_false(kc_slice_value(KC_NO_TEXT, &value, &err));
    assert_error(&err, KC_INPUT, "a text that ends too early at byte 1");
}

/* Wherever a string's special byte stands, it is seen: eight bytes are looked at together. */
static void every_place_in_a_string_is_looked_at(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            static const char specials[] = { '"', '\\', '\n', 0x1f, 0x01 };
            for (size_t k = 0; k < sizeof(specials); k++) {
                struct kc_error err = { 0 };
                struct kc_text value;
                char text[32] = "\"";
                memset(text + 1, k % 2 ? '\x80' : 'a', len);
                text[1 + len] = '"';
                assert_true(kc_slice_value((struct kc_text){ text, len + 2 }, &value, &err));
                text[1 + at] = specials[k];
                assert_false(kc_slice_value((struct kc_text){ text, len + 2 }, &value, &err));
            }
        }
    }
}

static void as_many_levels_as_a_body_in_a_passthrough_may_have_and_no_more(void **state)
{
    (void)state;
    static const char *const pairs[][3] = { { "[", "1", "]" }, { "{\"a\":", "{}", "}" } };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        size_t most = KC_SLICE_DEPTH_MAX - (i == 1); /* {} is a level too */
        for (size_t levels = most; levels <= most + 1; levels++) {
            struct kc_error err = { 0 };
            struct kc_text value;
            struct kc_buf b;
            kc_buf_init(&b, KC_BUF_UNBOUNDED);
            for (size_t k = 0; k < levels; k++)
                kc_buf_puts(&b, pairs[i][0]);
            kc_buf_puts(&b, pairs[i][1]);
            for (size_t k = 0; k < levels; k++)
                kc_buf_puts(&b, pairs[i][2]);
            assert_int_equal(kc_slice_value(kc_buf_peek(&b), &value, &err), levels == most);
            kc_error_clear(&err);
            struct kc_members m; /* within an object a level is taken */
            struct kc_buf object;
            kc_buf_init(&object, KC_BUF_UNBOUNDED);
            kc_buf_puts(&object, "{\"a\":");
            kc_buf_text(&object, kc_buf_peek(&b));
            kc_buf_puts(&object, "}");
            kc_members_walk(&m, kc_buf_peek(&object));
            while (kc_members_next(&m))
                ;
            assert_false(kc_members_end(&m, &err));
            assert_error(&err, KC_INPUT, "too many levels");
            kc_buf_deinit(&object);
            kc_buf_deinit(&b);
        }
    }
    char *open = repeated("[", 1000000);
    struct kc_error err = { 0 };
    struct kc_text value;
    assert_false(kc_slice_value((struct kc_text){ open, 1000000 }, &value, &err));
    free(open);
}

static void members_are_spans_of_the_text(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_members m;
    kc_members_walk(
        &m, kc_text(" { \"a\\u0062\" \t: 1e2 , \"b\":[ 1, {\"c\":\"}\"} ],\"c\":\"\" } "));
    assert_true(kc_members_next(&m));
    assert_text(m.name, "\"a\\u0062\"");
    assert_text(m.value, "1e2");
    assert_true(kc_members_next(&m));
    assert_text(m.name, "\"b\"");
    assert_text(m.value, "[ 1, {\"c\":\"}\"} ]");
    assert_true(kc_members_next(&m));
    assert_text(m.value, "\"\"");
    assert_false(kc_members_next(&m));
    assert_false(kc_members_next(&m));
    assert_true(kc_members_end(&m, &err));
}

static void a_walk_says_what_is_wrong_with_an_object(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct kc_members m;
        kc_members_walk(&m, kc_text(broken[i]));
        while (kc_members_next(&m))
            ;
        if (kc_members_end(&m, &err))
            fail_msg("'%s' is an object", broken[i]);
        assert_error(&err, KC_INPUT, "not valid JSON: ");
    }
    static const char *const others[] = { "[]", "1", "\"{}\"", "null", "[{}]" };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct kc_members m;
        kc_members_walk(&m, kc_text(others[i]));
        assert_false(kc_members_next(&m));
        assert_false(kc_members_end(&m, &err));
        assert_error(&err, KC_INPUT, "no object at byte 1");
    }
}

static void strings_are_compared_by_what_they_say(void **state)
{
    (void)state;
    assert_true(kc_slice_says(kc_text("\"body\""), KC_LIT("body")));
    assert_true(kc_slice_says(kc_text("\"b\\u006fdy\""), KC_LIT("body")));
    assert_true(kc_slice_says(kc_text("\"\\u00fc\\ud83d\\ude00\\n\\/\""), KC_LIT("ü😀\n/")));
    assert_true(kc_slice_says(kc_text("\"\""), KC_LIT("")));
    assert_false(kc_slice_says(kc_text("\"body\""), KC_LIT("bod")));
    assert_false(kc_slice_says(kc_text("\"bod\""), KC_LIT("body")));
    assert_false(kc_slice_says(kc_text("\"\\u0062od\""), KC_LIT("body")));
    assert_false(kc_slice_says(kc_text("\"\\u0062odyy\""), KC_LIT("body")));
    assert_false(kc_slice_says(kc_text("\"\\u00fc\""), KC_LIT("\xc3")));
}

static void strings_are_decoded(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "\"\"", "" },
        { "\"plain\"", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t|\"", "\"\\/\b\f\n\r\t|" },
        { "\"a\\u0041\\u00e4\\u20ac\\uD83D\\uDE00z\"", "aAä€😀z" },
        { "\"\\ud800\"", "\xef\xbf\xbd" },
        { "\"\\udc00x\"", "\xef\xbf\xbdx" },
        { "\"\\udc00\\udc00\"", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                                "A" },
        { "\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd😀" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kc_buf b;
        kc_buf_init(&b, KC_BUF_UNBOUNDED);
        kc_slice_decode(kc_text(rows[i][0]), &b);
        assert_text(kc_buf_peek(&b), rows[i][1]);
        kc_buf_deinit(&b);
    }
}

static void texts_are_printed_as_node_prints_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "", "\"\"" },
        { "plain ä€😀", "\"plain ä€😀\"" },
        { "\"\\/\b\f\n\r\t\x01\x1f\x7f", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"" },
        { "a\xff"
          "b\xe2\x82",
          "\"a\xef\xbf\xbd"
          "b\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kc_buf b;
        kc_buf_init(&b, KC_BUF_UNBOUNDED);
        kc_slice_print_text(kc_text(rows[i][0]), &b);
        assert_text(kc_buf_peek(&b), rows[i][1]);
        kc_buf_deinit(&b);
    }
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_slice_print_text(BYTES("a\0b"), &b);
    assert_text(kc_buf_peek(&b), "\"a\\u0000b\"");
    kc_buf_deinit(&b);
}

static void of_members_twice_the_last_is_got(void **state)
{
    (void)state;
    struct kc_text object = kc_text("{\"a\":1,\"b\":2,\"\\u0061\":3}");
    assert_text(kc_slice_get(object, KC_LIT("a")), "3");
    assert_text(kc_slice_get(object, KC_LIT("b")), "2");
    assert_null(kc_slice_get(object, KC_LIT("c")).p);
    assert_null(kc_slice_get(kc_text("[1]"), KC_LIT("a")).p);
    assert_null(kc_slice_get(KC_NO_TEXT, KC_LIT("a")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_json_allows_is_taken_and_nothing_else),
        cmocka_unit_test(a_nul_is_never_the_end_of_a_text),
        cmocka_unit_test(every_place_in_a_string_is_looked_at),
        cmocka_unit_test(as_many_levels_as_a_body_in_a_passthrough_may_have_and_no_more),
        cmocka_unit_test(members_are_spans_of_the_text),
        cmocka_unit_test(a_walk_says_what_is_wrong_with_an_object),
        cmocka_unit_test(strings_are_compared_by_what_they_say),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(texts_are_printed_as_node_prints_them),
        cmocka_unit_test(of_members_twice_the_last_is_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
