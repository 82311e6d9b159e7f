// SPDX-License-Identifier: Apache-2.0
#include "runtime/tally.h"

#include "unit/unit.h"

static void records_and_bytes_add_up(void **state)
{
    (void)state;
    struct kc_tally t = { 0 };
    kc_tally_add(&t, 2, 30);
    kc_tally_add(&t, 1, 5);
    assert_int_equal(t.records, 3);
    assert_int_equal(t.bytes, 35);
}

static void an_error_that_may_be_made_good_is_counted_and_no_more(void **state)
{
    (void)state;
    struct kc_tally t = { 0 };
    kc_tally_error(&t);
    kc_tally_error(&t);
    assert_int_equal(t.errors, 2);
    assert_int_equal(t.exit_code, 0);
}

static void the_highest_exit_code_wins_in_any_order(void **state)
{
    (void)state;
    struct kc_tally t = { 0 };
    kc_tally_fail(&t, KC_INPUT);
    assert_int_equal(t.exit_code, 65);
    kc_tally_fail(&t, KC_AUTH);
    kc_tally_fail(&t, KC_TIMEOUT);
    assert_int_equal(t.exit_code, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_bytes_add_up),
        cmocka_unit_test(an_error_that_may_be_made_good_is_counted_and_no_more),
        cmocka_unit_test(the_highest_exit_code_wins_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
