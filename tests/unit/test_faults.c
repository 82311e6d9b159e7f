// SPDX-License-Identifier: Apache-2.0
#include "base/faults.h"

#include "runtime/json.h"
#include "unit/unit.h"

static int setup(void **state)
{
    struct kc_faults *faults = kc_new0(struct kc_faults);
    kc_faults_init(faults);
    *state = faults;
    return 0;
}

static int teardown(void **state)
{
    kc_faults_deinit(*state);
    free(*state);
    return 0;
}

static void without_faults_there_is_no_error(void **state)
{
    struct kc_error err = { 0 };
    assert_true(kc_faults_none(*state, KC_INPUT, &err));
    assert_int_equal(err.code, KC_NONE);
}

static void all_faults_of_one_object_become_one_error(void **state)
{
    struct kc_error err = { 0 };
    kc_faults_add(*state, "/messages/0/value", "required");
    kc_faults_add(*state, "/messages/7/key", "this is %s", "an array");
    assert_false(kc_faults_none(*state, KC_INPUT, &err));
    assert_int_equal(err.code, KC_INPUT);
    assert_string_equal(err.text,
                        "/messages/0/value: required; /messages/7/key: this is an array");
}

static void settings_are_named_as_fields(void **state)
{
    struct kc_error err = { 0 };
    kc_faults_add(*state, "/topic", "required");
    assert_false(kc_faults_none(*state, KC_CONFIG, &err));
    assert_string_equal(err.text, "field 'topic': required");
}

static void a_fault_of_the_whole_is_the_messages(void **state)
{
    struct kc_error err = { 0 };
    kc_faults_add(*state, "", "must be an object");
    assert_false(kc_faults_none(*state, KC_INPUT, &err));
    assert_string_equal(err.text, "the message: must be an object");
}

static void what_is_beyond_the_list_is_counted(void **state)
{
    struct kc_faults *faults = *state;
    struct kc_error err = { 0 };
    for (int i = 0; i < KC_FAULTS_MAX + 3; i++)
        kc_faults_add(faults, "/a", "b");
    assert_int_equal(faults->count, KC_FAULTS_MAX);
    assert_int_equal(faults->dropped, 3);
    assert_false(kc_faults_none(faults, KC_INPUT, &err));
    assert_holds(err.text, "; and 3 more");
}

static void a_list_without_end_stays_within_the_errors_text(void **state)
{
    struct kc_error err = { 0 };
    char *long_text = repeated("x", 5000);
    for (int i = 0; i < 1000; i++)
        kc_faults_add(*state, "/a", "%s", long_text);
    assert_false(kc_faults_none(*state, KC_INPUT, &err));
    assert_int_equal(strlen(err.text), KC_ERROR_TEXT_SIZE - 1);
    free(long_text);
}

static void a_list_that_was_emptied_can_be_filled_again(void **state)
{
    struct kc_faults *faults = *state;
    struct kc_error err = { 0 };
    kc_faults_add(faults, "/a", "b");
    kc_faults_deinit(faults);
    assert_true(kc_faults_none(faults, KC_INPUT, &err));
    kc_faults_add(faults, "/c", "d");
    assert_int_equal(faults->count, 1);
}

static void as_json_each_fault_has_its_pointer(void **state)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_faults_add(*state, "/headers/a\"b", "must be text\n\xff");
    kc_faults_add(*state, "", "no");
    kc_faults_print(*state, &out);
    assert_text(kc_buf_peek(&out),
                "[{\"pointer\":\"/headers/a\\\"b\",\"message\":\"must be text\\n?\"},"
                "{\"pointer\":\"\",\"message\":\"no\"}]");
    kc_buf_deinit(&out);
}

#define faults_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        faults_test(without_faults_there_is_no_error),
        faults_test(all_faults_of_one_object_become_one_error),
        faults_test(settings_are_named_as_fields),
        faults_test(a_fault_of_the_whole_is_the_messages),
        faults_test(what_is_beyond_the_list_is_counted),
        faults_test(a_list_without_end_stays_within_the_errors_text),
        faults_test(a_list_that_was_emptied_can_be_filled_again),
        faults_test(as_json_each_fault_has_its_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
