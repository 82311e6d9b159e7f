// SPDX-License-Identifier: Apache-2.0
/* Positions stay in order and each partition stands once, however they come. */
#include "kafka/position.h"
#include "unit/unit.h"

static void put_all(struct kc_positions *p, const int *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kc_positions_put(p, partitions[i], partitions[i] * 10);
}

static void positions_stand_in_order_however_they_come(void **state)
{
    (void)state;
    static const int orders[][5] = { { 0, 1, 2, 5, 9 }, { 9, 5, 2, 1, 0 }, { 2, 9, 0, 5, 1 } };
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct kc_positions p = { .list = NULL };
        put_all(&p, orders[i], 5);
        assert_int_equal(p.count, 5);
        for (size_t k = 0; k < 5; k++) {
            assert_int_equal(p.list[k].partition, orders[0][k]);
            assert_int_equal(p.list[k].offset, orders[0][k] * 10);
        }
        kc_positions_free(&p);
    }
}

static void a_partition_that_is_put_again_moves(void **state)
{
    (void)state;
    static const int partitions[] = { 3, 1, 2 };
    struct kc_positions p = { .list = NULL };
    put_all(&p, partitions, 3);
    kc_positions_put(&p, 1, 7);
    kc_positions_put(&p, 3, INT64_MAX);
    assert_int_equal(p.count, 3);
    assert_int_equal(kc_positions_find(&p, 1)->offset, 7);
    assert_true(kc_positions_find(&p, 3)->offset == INT64_MAX);
    kc_positions_free(&p);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const int partitions[] = { 2, 4 };
    struct kc_positions p = { .list = NULL };
    assert_null(kc_positions_find(&p, 0));
    put_all(&p, partitions, 2);
    assert_null(kc_positions_find(&p, 1));
    assert_null(kc_positions_find(&p, 3));
    assert_null(kc_positions_find(&p, 5));
    kc_positions_free(&p);
    assert_int_equal(p.count, 0);
    assert_null(kc_positions_find(&p, 2));
}

static void what_is_removed_is_gone_and_the_rest_stays(void **state)
{
    (void)state;
    static const int partitions[] = { 2, 4, 6 };
    struct kc_positions p = { .list = NULL };
    kc_positions_remove(&p, 2);
    put_all(&p, partitions, 3);
    kc_positions_remove(&p, 3);
    assert_int_equal(p.count, 3);
    kc_positions_remove(&p, 4);
    kc_positions_remove(&p, 6);
    assert_int_equal(p.count, 1);
    assert_null(kc_positions_find(&p, 4));
    assert_int_equal(kc_positions_find(&p, 2)->offset, 20);
    kc_positions_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_stand_in_order_however_they_come),
        cmocka_unit_test(a_partition_that_is_put_again_moves),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(what_is_removed_is_gone_and_the_rest_stays),
    };
    return cmocka_run_group_tests_name("unit/position", tests, NULL, NULL);
}
