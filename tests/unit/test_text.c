// SPDX-License-Identifier: Apache-2.0
#include "unit/unit.h"

static void assert_int(const char *text, int64_t wanted)
{
    int64_t n = 12345;
    if (!kc_text_int(kc_text(text), INT64_MIN, INT64_MAX, &n))
        fail_msg("'%s' is a number", text);
    assert_true(n == wanted);
}

static void assert_no_int(const char *text, int64_t min, int64_t max)
{
    int64_t n = 12345;
    if (kc_text_int(kc_text(text), min, max, &n))
        fail_msg("'%s' is no number from %lld to %lld", text ? text : "(absent)",
                 (long long)min, (long long)max);
    assert_int_equal(n, 12345); /* untouched */
}

static void whole_numbers_are_read_up_to_the_ends_of_64_bits(void **state)
{
    (void)state;
    assert_int("0", 0);
    assert_int("-0", 0);
    assert_int("42", 42);
    assert_int("-1", -1);
    assert_int("9223372036854775807", INT64_MAX);
    assert_int("-9223372036854775808", INT64_MIN);
}

static void whole_numbers_are_written_as_they_are_read(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0", "7", "-1", "10", "1234567890", "-9223372036854775808", "9223372036854775807"
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char out[KC_INT_SIZE];
        int64_t n;
        assert_true(kc_text_int(kc_text(numbers[i]), INT64_MIN, INT64_MAX, &n));
        assert_true(kc_text_is(kc_int_text(n, out), numbers[i]));
    }
}

static void what_is_beyond_64_bits_is_no_number(void **state)
{
    (void)state;
    assert_no_int("9223372036854775808", INT64_MIN, INT64_MAX);
    assert_no_int("-9223372036854775809", INT64_MIN, INT64_MAX);
    assert_no_int("99999999999999999999999999", INT64_MIN, INT64_MAX);
}

static void blanks_signs_fractions_and_exponents_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { NULL,  "",    "-",   "+1",   " 1",  "1 ",  "01",
                                         "-01", "1.0", "1e2", "0x10", "1_0", "--1", "1-" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_no_int(wrong[i], INT64_MIN, INT64_MAX);
}

static void the_range_has_both_its_ends(void **state)
{
    (void)state;
    int64_t n;
    assert_true(kc_text_int(KC_LIT("1"), 1, 3, &n));
    assert_true(kc_text_int(KC_LIT("3"), 1, 3, &n));
    assert_no_int("0", 1, 3);
    assert_no_int("4", 1, 3);
}

static void absent_empty_and_equal_are_told_apart(void **state)
{
    (void)state;
    assert_null(kc_text(NULL).p);
    assert_false(kc_text_is(KC_NO_TEXT, ""));
    assert_true(kc_text_is(KC_LIT(""), ""));
    assert_true(kc_text_is(KC_LIT("abc"), "abc"));
    assert_false(kc_text_is(KC_LIT("abc"), "abcd"));
    assert_false(kc_text_is(KC_LIT("abcd"), "abc"));
    assert_false(kc_text_is(BYTES("a\0b"), "a"));
}

static const char *const known[] = { "topic", "topicFromMessage", "timeoutMs", "key", NULL };

static void a_typing_mistake_finds_the_name_that_was_meant(void **state)
{
    (void)state;
    assert_string_equal(kc_text_nearest(KC_LIT("topik"), known), "topic");
    assert_string_equal(kc_text_nearest(KC_LIT("Topic"), known), "topic");
    assert_string_equal(kc_text_nearest(KC_LIT("ssl"), (const char *const[]){ "SSL", NULL }),
                        "SSL");
    assert_string_equal(kc_text_nearest(KC_LIT("timoutms"), known), "timeoutMs");
    assert_string_equal(kc_text_nearest(KC_LIT("topicfromMesage"), known), "topicFromMessage");
}

static void what_is_near_to_nothing_finds_nothing(void **state)
{
    (void)state;
    assert_null(kc_text_nearest(KC_LIT("brokers"), known));
    assert_null(kc_text_nearest(KC_LIT("xyz"), known));
    assert_null(kc_text_nearest(KC_LIT(""), known));
}

static void names_of_any_length_are_compared(void **state)
{
    (void)state;
    char *long_name = repeated("k", 100000);
    static const char *const nothing[] = { NULL };
    assert_null(kc_text_nearest(kc_text(long_name), known));
    assert_null(kc_text_nearest(KC_LIT("topic"), nothing));
    free(long_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read_up_to_the_ends_of_64_bits),
        cmocka_unit_test(whole_numbers_are_written_as_they_are_read),
        cmocka_unit_test(what_is_beyond_64_bits_is_no_number),
        cmocka_unit_test(blanks_signs_fractions_and_exponents_are_refused),
        cmocka_unit_test(the_range_has_both_its_ends),
        cmocka_unit_test(absent_empty_and_equal_are_told_apart),
        cmocka_unit_test(a_typing_mistake_finds_the_name_that_was_meant),
        cmocka_unit_test(what_is_near_to_nothing_finds_nothing),
        cmocka_unit_test(names_of_any_length_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
