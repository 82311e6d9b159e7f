// SPDX-License-Identifier: Apache-2.0
#include "kafka/written.h"

#include "unit/unit.h"

static void a_new_row_knows_nothing(void **state)
{
    (void)state;
    struct kc_written_table t = { 0 };
    const struct kc_written *row = kc_written_row(&t, "cars", 3);
    assert_string_equal(row->topic, "cars");
    assert_int_equal(row->partition, 3);
    assert_int_equal(row->base_offset, KC_NO_OFFSET);
    assert_int_equal(row->append_time, KC_NO_TIME);
    assert_int_equal(row->log_start, KC_NO_OFFSET);
    kc_written_deinit(&t);
}

static void a_row_is_found_again_by_topic_and_partition(void **state)
{
    (void)state;
    struct kc_written_table t = { 0 };
    char same_name[] = "cars"; /* at another address */
    kc_written_row(&t, "cars", 0)->base_offset = 1;
    kc_written_row(&t, "cars", 1)->base_offset = 2;
    kc_written_row(&t, "bikes", 0)->base_offset = 3;
    assert_int_equal(kc_written_row(&t, same_name, 0)->base_offset, 1);
    assert_int_equal(kc_written_row(&t, same_name, 1)->base_offset, 2);
    assert_int_equal(kc_written_row(&t, "bikes", 0)->base_offset, 3);
    assert_int_equal(t.count, 3);
    kc_written_deinit(&t);
}

static void rows_keep_the_order_in_which_they_came_however_many(void **state)
{
    (void)state;
    struct kc_written_table t = { 0 };
    for (int32_t i = 0; i < 3000; i++)
        kc_written_row(&t, i % 2 ? "cars" : "bikes", i)->base_offset = i;
    for (int32_t i = 2999; i >= 0; i--)
        assert_int_equal(kc_written_row(&t, i % 2 ? "cars" : "bikes", i)->base_offset, i);
    assert_int_equal(t.count, 3000);
    for (int32_t i = 0; i < 3000; i++)
        assert_int_equal(t.list[i].partition, i);
    kc_written_deinit(&t);
}

static void a_table_that_was_given_up_is_a_new_one(void **state)
{
    (void)state;
    struct kc_written_table t = { 0 };
    kc_written_row(&t, "cars", 0);
    kc_written_deinit(&t);
    assert_int_equal(t.count, 0);
    kc_written_row(&t, "cars", 0);
    assert_int_equal(t.count, 1);
    kc_written_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_row_knows_nothing),
        cmocka_unit_test(a_row_is_found_again_by_topic_and_partition),
        cmocka_unit_test(rows_keep_the_order_in_which_they_came_however_many),
        cmocka_unit_test(a_table_that_was_given_up_is_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
