// SPDX-License-Identifier: Apache-2.0
#include "unit/unit.h"

#include <ctype.h>

static void the_first_cause_is_kept_and_later_ones_are_ignored(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TIMEOUT, 7, "no answer for %d ms", 30000);
    kc_error_set(&err, KC_INTERNAL, 0, "cleaning up failed too");
    assert_int_equal(err.code, KC_TIMEOUT);
    assert_int_equal(err.native, 7);
    assert_string_equal(err.text, "no answer for 30000 ms");
}

static void context_goes_in_front(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_FORBIDDEN, 29, "Broker: Topic authorization failed");
    kc_error_wrap(&err, "subscribe to '%s'", "orders");
    kc_error_wrap(&err, "open consumer group 'billing'");
    assert_string_equal(err.text, "open consumer group 'billing': subscribe to 'orders': "
                                  "Broker: Topic authorization failed");
}

static void where_space_runs_out_the_context_is_cut_and_the_cause_stays(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *long_context = repeated("c", 2000), *cause = repeated("x", 1000);
    kc_error_set(&err, KC_TIMEOUT, 0, "%s", cause);
    kc_error_wrap(&err, "%s", long_context);
    assert_int_equal(strlen(err.text), KC_ERROR_TEXT_SIZE - 1);
    assert_string_equal(strchr(err.text, ':') + 2, cause);
    free(long_context);
    free(cause);
}

static void a_cause_that_fills_the_text_takes_no_context(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *cause = repeated("x", 3000);
    kc_error_set(&err, KC_TIMEOUT, 0, "%s", cause);
    kc_error_wrap(&err, "context");
    assert_int_equal(strlen(err.text), KC_ERROR_TEXT_SIZE - 1);
    assert_int_equal(strspn(err.text, "x"), KC_ERROR_TEXT_SIZE - 1);
    free(cause);
}

static void a_cleared_error_can_be_set_again(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TIMEOUT, 7, "late");
    kc_error_clear(&err);
    assert_int_equal(err.code, KC_NONE);
    assert_int_equal(err.native, 0);
    assert_string_equal(err.text, "");
    kc_error_set(&err, KC_CONFIG, 0, "wrong");
    assert_int_equal(err.code, KC_CONFIG);
}

/* --- the table of codes --- */

static const enum kc_code all_codes[] = {
#define X(code, ...) KC_##code,
    KC_ERROR_CODES(X)
#undef X
};

static void every_code_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_codes); i++) {
        const char *name = kc_code_name(all_codes[i]);
        assert_true(strlen(name) > 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_true(strlen(kc_code_sentence(all_codes[i])) > 0);
        assert_false(isupper((unsigned char)kc_code_sentence(all_codes[i])[0]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name, kc_code_name(all_codes[k]));
    }
}

static void every_code_but_none_has_a_class_and_a_status_of_failure(void **state)
{
    (void)state;
    assert_int_equal(kc_code_class(KC_NONE), KC_CLASS_NONE);
    assert_int_equal(kc_code_http(KC_NONE), 200);
    for (size_t i = 1; i < COUNT_OF(all_codes); i++) {
        assert_int_not_equal(kc_code_class(all_codes[i]), KC_CLASS_NONE);
        assert_in_range(kc_code_http(all_codes[i]), 400, 599);
    }
}

static void exactly_what_is_transient_may_be_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_codes); i++)
        assert_int_equal(kc_code_retriable(all_codes[i]),
                         kc_code_class(all_codes[i]) == KC_CLASS_TRANSIENT);
}

static void a_class_has_the_exit_code_that_the_help_promises(void **state)
{
    (void)state;
    assert_int_equal(kc_class_exit(KC_CLASS_NONE), 0);
    assert_int_equal(kc_class_exit(KC_CLASS_INPUT), 65);
    assert_int_equal(kc_class_exit(KC_CLASS_PERMANENT), 65);
    assert_int_equal(kc_class_exit(KC_CLASS_TRANSIENT), 69);
    assert_int_equal(kc_class_exit(KC_CLASS_INTERNAL), 70);
    assert_int_equal(kc_class_exit(KC_CLASS_AUTH), 77);
    assert_int_equal(kc_class_exit(KC_CLASS_CONFIG), 78);
    assert_string_equal(kc_class_name(KC_CLASS_PERMANENT), "PermanentError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_cause_is_kept_and_later_ones_are_ignored),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(where_space_runs_out_the_context_is_cut_and_the_cause_stays),
        cmocka_unit_test(a_cause_that_fills_the_text_takes_no_context),
        cmocka_unit_test(a_cleared_error_can_be_set_again),
        cmocka_unit_test(every_code_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(every_code_but_none_has_a_class_and_a_status_of_failure),
        cmocka_unit_test(exactly_what_is_transient_may_be_tried_again),
        cmocka_unit_test(a_class_has_the_exit_code_that_the_help_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
