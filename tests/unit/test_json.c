// SPDX-License-Identifier: Apache-2.0
#include "runtime/json.h"

#include "unit/unit.h"

/* A reader, a writer and the text that is being read, for one test. */
struct fixture {
    struct kc_json_reader *reader;
    struct kc_json_writer *writer;
    struct kc_buf out;
    char *text;
    struct kc_error err;
};

static int setup(void **state)
{
    struct fixture *f = kc_new0(struct fixture);
    f->reader = kc_json_reader_new();
    f->writer = kc_json_writer_new();
    kc_buf_init(&f->out, KC_BUF_UNBOUNDED);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    kc_json_reader_free(f->reader);
    kc_json_writer_free(f->writer);
    kc_buf_deinit(&f->out);
    free(f->text);
    free(f);
    return 0;
}

/* Reads a text that is the caller's no more. */
static const struct kc_value *try_read_owned(struct fixture *f, char *text)
{
    free(f->text);
    f->text = text;
    kc_error_clear(&f->err);
    return kc_json_read(f->reader, f->text, strlen(f->text), &f->err);
}

static const struct kc_value *try_read(struct fixture *f, const char *text)
{
    return try_read_owned(f, json(text));
}

static const struct kc_value *read_json(struct fixture *f, const char *text)
{
    const struct kc_value *v = try_read(f, text);
    if (!v)
        fail_msg("%s: %s", text, f->err.text);
    return v;
}

static void assert_refused(struct fixture *f, const char *text)
{
    if (try_read(f, text))
        fail_msg("accepted: %s", text);
    assert_int_equal(f->err.code, KC_INPUT);
}

static void assert_prints(struct fixture *f, const struct kc_value *v, const char *wanted)
{
    char *text = json(wanted);
    kc_buf_clear(&f->out);
    kc_value_print(v, &f->out);
    assert_text(kc_buf_peek(&f->out), text);
    free(text);
}

/* --- reading --- */

static void every_kind_of_value_is_told_apart(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *name;
        enum kc_value_type type;
    } rows[] = {
        { "null", "null", KC_IS_NULL },      { "true", "a boolean", KC_IS_BOOL },
        { "1e5", "a number", KC_IS_NUMBER }, { "'a'", "a string", KC_IS_STRING },
        { "[1]", "an array", KC_IS_ARRAY },  { "{'a':1}", "an object", KC_IS_OBJECT },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kc_value *v = read_json(f, rows[i].text);
        assert_int_equal(kc_value_type(v), rows[i].type);
        assert_string_equal(kc_value_type_name(v), rows[i].name);
    }
}

static void strings_are_loans_into_the_text(void **state)
{
    struct fixture *f = *state;
    struct kc_text t = kc_value_text(read_json(f, "'a\\u20ac\\n\\'b'"));
    assert_text(t, "a\xe2\x82\xac\n\"b");
    assert_true(t.p >= f->text && t.p < f->text + 20);
    assert_int_equal(t.p[t.len], '\0');
}

static void a_nul_in_a_string_is_kept(void **state)
{
    assert_same_bytes(kc_value_text(read_json(*state, "'a\\u0000b'")), BYTES("a\0b"));
}

static void numbers_stay_as_they_were_typed(void **state)
{
    static const char *const numbers[] = {
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e400",
        "-0",
        "1e2",
        "1.10",
        "0.1e1000000",
        "-9223372036854775809",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const struct kc_value *v = read_json(f, numbers[i]);
        assert_text(kc_value_text(v), numbers[i]);
        assert_prints(f, v, numbers[i]);
    }
}

static void booleans_are_texts_too_and_containers_are_none(void **state)
{
    struct fixture *f = *state;
    assert_text(kc_value_text(read_json(f, "true")), "true");
    assert_text(kc_value_text(read_json(f, "false")), "false");
    assert_text(kc_value_text(read_json(f, "null")), NULL);
    assert_text(kc_value_text(read_json(f, "[]")), NULL);
    assert_text(kc_value_text(read_json(f, "{}")), NULL);
}

static void a_whole_number_is_read_from_a_number_or_where_allowed_a_text(void **state)
{
    struct fixture *f = *state;
    int64_t n;
    assert_true(kc_value_int(read_json(f, "9223372036854775807"), false, 0, INT64_MAX, &n));
    assert_true(n == INT64_MAX);
    assert_true(kc_value_int(read_json(f, "'7'"), true, 0, 10, &n));
    assert_int_equal(n, 7);
    assert_false(kc_value_int(read_json(f, "'7'"), false, 0, 10, &n));
    assert_false(kc_value_int(read_json(f, "7.0"), true, 0, 10, &n));
    assert_false(kc_value_int(read_json(f, "7e0"), true, 0, 10, &n));
    assert_false(kc_value_int(read_json(f, "11"), true, 0, 10, &n));
    assert_false(kc_value_int(read_json(f, "true"), true, 0, 10, &n));
    assert_false(kc_value_int(read_json(f, "[]"), true, 0, 10, &n));
}

static void of_several_members_with_one_name_the_last_wins_and_all_are_printed(void **state)
{
    struct fixture *f = *state;
    const struct kc_value *v = read_json(f, "{'a':1,'b':2,'a':3}");
    assert_text(kc_value_text(kc_value_get(v, "a")), "3");
    assert_text(kc_value_text(kc_value_get(v, "b")), "2");
    assert_null(kc_value_get(v, "c"));
    assert_prints(f, v, "{'a':1,'b':2,'a':3}");
}

static void members_are_asked_of_objects_only(void **state)
{
    struct fixture *f = *state;
    assert_null(kc_value_get(NULL, "a"));
    assert_null(kc_value_get(read_json(f, "['a']"), "a"));
    assert_null(kc_value_get(read_json(f, "'a'"), "a"));
}

static void elements_and_members_are_walked_in_order(void **state)
{
    struct fixture *f = *state;
    const struct kc_value *array = read_json(f, "[1,[2,3],{'a':[4]},5]");
    const struct kc_value *v = kc_value_first(array);
    assert_int_equal(kc_value_count(array), 4);
    assert_text(kc_value_text(v), "1");
    v = kc_value_next(v);
    assert_int_equal(kc_value_count(v), 2);
    v = kc_value_next(v);
    assert_int_equal(kc_value_type(v), KC_IS_OBJECT);
    v = kc_value_next(v);
    assert_text(kc_value_text(v), "5");

    const struct kc_value *key = kc_value_first(read_json(f, "{'a':[1,2],'b':{'c':3}}"));
    assert_text(kc_value_text(key), "a");
    key = kc_value_next(kc_value_of(key));
    assert_text(kc_value_text(key), "b");
    assert_int_equal(kc_value_type(kc_value_of(key)), KC_IS_OBJECT);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    static const char *const wrong[] = {
        "",           "{",
        "{'a':1,}",   "[1,]",
        "{'a' 1}",    "{a:1}",
        "nul",        "+1",
        "01",         "1.",
        ".5",         "NaN",
        "Infinity",   "// c\n1",
        "1 2",        "{} x",
        "'a\nb'",     "'\x01'",
        "'\\x41'",    "'\xff'",
        "'\xc0\xaf'", "'\xed\xa0\x80'",
        "'\\ud800'",  "'\\udc00\\ud800'",
        "'\xe2\x82'", "'a",
        "[1}",        "\xff\xfe{\x00",
        "-",          "'\\u12'",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_refused(f, wrong[i]);
    assert_refused(f, "{'a':tru}");
    assert_holds(f->err.text, "at byte 6");
}

static void characters_that_only_look_odd_are_taken(void **state)
{
    struct fixture *f = *state;
    assert_text(kc_value_text(read_json(f, "'\xe2\x80\xa8\xef\xbf\xbf\x7f'")),
                "\xe2\x80\xa8\xef\xbf\xbf\x7f");
    assert_text(kc_value_text(read_json(f, " \t\r\n1 \r\n")), "1");
}

/* --- bounds --- */

static char *nested(const char *open, const char *inside, const char *close, size_t depth)
{
    char *front = repeated(open, depth), *back = repeated(close, depth);
    size_t size = strlen(front) + strlen(inside) + strlen(back) + 5;
    char *all = kc_alloc0(size, 1);
    snprintf(all, size, "%s%s%s", front, inside, back);
    free(front);
    free(back);
    return all;
}

static void nesting_is_taken_512_deep_and_no_deeper(void **state)
{
    struct fixture *f = *state;
    assert_non_null(try_read_owned(f, nested("[", "1", "]", 512)));
    assert_null(try_read_owned(f, nested("[", "1", "]", 513)));
    assert_error(&f->err, KC_INPUT, "deeper than 512");
    assert_non_null(try_read_owned(f, nested("[", "[]", "]", 511)));
    assert_null(try_read_owned(f, nested("[", "[]", "]", 512)));
    assert_non_null(try_read_owned(f, nested("{\"a\":", "{}", "}", 511)));
    assert_null(try_read_owned(f, nested("{\"a\":", "{}", "}", 512)));
    assert_null(try_read_owned(f, nested("[", "", "]", 100000)));
}

static void nesting_side_by_side_is_not_depth(void **state)
{
    struct fixture *f = *state;
    char *many = repeated("[[1],{}],", 2000);
    many[strlen(many) - 1] = '\0';
    char *text = nested("[", many, "]", 510);
    assert_non_null(try_read_owned(f, text));
    free(many);
}

static void a_large_text_may_not_be_all_values(void **state)
{
    struct fixture *f = *state;
    char *zeros = repeated("0,", 3 * 1024 * 1024);
    zeros[strlen(zeros) - 1] = ' ';
    assert_null(try_read_owned(f, nested("[", zeros, "]", 1)));
    free(zeros);
    assert_error(&f->err, KC_INPUT_TOO_LARGE, "too many JSON values");
}

static void a_small_text_may_be_all_values_and_a_large_one_full_of_text(void **state)
{
    struct fixture *f = *state;
    char *zeros = repeated("0,", 100000);
    zeros[strlen(zeros) - 1] = ' ';
    assert_non_null(try_read_owned(f, nested("[", zeros, "]", 1)));
    free(zeros);
    char *large = repeated("\"0123456789012345678901234567890123456789\",", 300000);
    large[strlen(large) - 1] = ' ';
    char *text = nested("[", large, "]", 1);
    assert_non_null(try_read_owned(f, text));
    free(large);
    assert_text(kc_value_text(read_json(f, "1")), "1"); /* and a small one after it */
}

/* --- base64 --- */

static void base64_is_decoded_where_it_stands(void **state)
{
    struct fixture *f = *state;
    struct kc_text bytes;
    assert_true(kc_value_decode(read_json(f, "'/wAB'"), &bytes));
    assert_same_bytes(bytes, BYTES("\xff\x00\x01"));
    assert_true(kc_value_decode(read_json(f, "''"), &bytes));
    assert_same_bytes(bytes, BYTES(""));
    assert_false(kc_value_decode(read_json(f, "'?'"), &bytes));
    assert_false(kc_value_decode(read_json(f, "1234"), &bytes));
    assert_false(kc_value_decode(read_json(f, "null"), &bytes));
}

/* --- writing --- */

static void assert_writes(struct fixture *f, const char *wanted)
{
    char *text = json(wanted);
    kc_buf_clear(&f->out);
    assert_true(kc_json_finish(f->writer, &f->out));
    assert_text(kc_buf_peek(&f->out), text);
    free(text);
}

static void a_document_is_written_compactly(void **state)
{
    struct fixture *f = *state;
    struct kc_json_writer *w = f->writer;
    kc_json_begin(w);
    kc_json_text(w, KC_LIT("text"), KC_LIT("a\"\\\n\x01\xe2\x82\xac"));
    kc_json_text(w, KC_LIT("absent"), KC_NO_TEXT);
    kc_json_int(w, KC_LIT("int"), INT64_MIN);
    kc_json_bool(w, KC_LIT("bool"), true);
    kc_json_null(w, KC_LIT("null"));
    kc_json_raw(w, KC_LIT("raw"), KC_LIT("[1e2]"));
    kc_json_array(w, KC_LIT("array"));
    kc_json_int(w, KC_NO_TEXT, 1);
    kc_json_object(w, KC_NO_TEXT);
    kc_json_end(w);
    kc_json_end(w);
    kc_json_object(w, KC_LIT("open"));
    assert_writes(f, "{'text':'a\\'\\\\\\n\\u0001\xe2\x82\xac','absent':'',"
                     "'int':-9223372036854775808,'bool':true,'null':null,'raw':[1e2],"
                     "'array':[1,{}],'open':{}}");
}

static void a_writer_begins_anew_as_often_as_it_is_asked(void **state)
{
    struct fixture *f = *state;
    kc_json_begin(f->writer);
    kc_json_array(f->writer, KC_LIT("left open"));
    kc_json_begin(f->writer);
    assert_writes(f, "{}");
    kc_json_begin(f->writer);
    kc_json_int(f->writer, KC_LIT("a"), 1);
    assert_writes(f, "{'a':1}");
}

static void bytes_that_are_not_utf8_are_refused_and_nothing_is_written(void **state)
{
    struct fixture *f = *state;
    kc_json_begin(f->writer);
    kc_json_text(f->writer, KC_LIT("a"), KC_LIT("\xff"));
    assert_false(kc_json_finish(f->writer, &f->out));
    kc_json_begin(f->writer);
    kc_json_text(f->writer, KC_LIT("\xc3("), KC_LIT("a name"));
    assert_false(kc_json_finish(f->writer, &f->out));
    kc_json_begin(f->writer);
    kc_json_text(f->writer, KC_LIT("surrogate"), KC_LIT("\xed\xa0\x80"));
    assert_false(kc_json_finish(f->writer, &f->out));
    assert_int_equal(f->out.len, 0);
}

static void a_nul_is_written_and_read_again(void **state)
{
    struct fixture *f = *state;
    kc_json_begin(f->writer);
    kc_json_text(f->writer, KC_LIT("a"), BYTES("x\0y"));
    assert_writes(f, "{'a':'x\\u0000y'}");
}

static void a_text_alone_is_mended_and_quoted(void **state)
{
    struct fixture *f = *state;
    kc_json_print_text("a\"\n\xff\xe2\x82\xac", &f->out);
    assert_text(kc_buf_peek(&f->out), "\"a\\\"\\n?\xe2\x82\xac\"");
}

#define json_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        json_test(every_kind_of_value_is_told_apart),
        json_test(strings_are_loans_into_the_text),
        json_test(a_nul_in_a_string_is_kept),
        json_test(numbers_stay_as_they_were_typed),
        json_test(booleans_are_texts_too_and_containers_are_none),
        json_test(a_whole_number_is_read_from_a_number_or_where_allowed_a_text),
        json_test(of_several_members_with_one_name_the_last_wins_and_all_are_printed),
        json_test(members_are_asked_of_objects_only),
        json_test(elements_and_members_are_walked_in_order),
        json_test(what_is_not_json_is_refused_with_its_place),
        json_test(characters_that_only_look_odd_are_taken),
        json_test(nesting_is_taken_512_deep_and_no_deeper),
        json_test(nesting_side_by_side_is_not_depth),
        json_test(a_large_text_may_not_be_all_values),
        json_test(a_small_text_may_be_all_values_and_a_large_one_full_of_text),
        json_test(base64_is_decoded_where_it_stands),
        json_test(a_document_is_written_compactly),
        json_test(a_writer_begins_anew_as_often_as_it_is_asked),
        json_test(bytes_that_are_not_utf8_are_refused_and_nothing_is_written),
        json_test(a_nul_is_written_and_read_again),
        json_test(a_text_alone_is_mended_and_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
