// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "unit/unit.h"

static void what_is_appended_stands_there_in_order(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    assert_true(kc_buf_append(&b, "a\0b", 3));
    assert_true(kc_buf_puts(&b, "cd"));
    assert_true(kc_buf_text(&b, KC_LIT("e")));
    assert_true(kc_buf_printf(&b, "%d", 42));
    assert_same_bytes(kc_buf_peek(&b), BYTES("a\0bcde42"));
    kc_buf_deinit(&b);
}

static void an_empty_append_to_an_empty_buffer_succeeds(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 10);
    assert_true(kc_buf_append(&b, "", 0));
    assert_true(kc_buf_text(&b, KC_NO_TEXT));
    assert_non_null(kc_buf_reserve(&b, 0));
    assert_int_equal(b.len, 0);
    assert_false(b.is_full);
    kc_buf_deinit(&b);
}

static void an_empty_buffer_can_be_looked_at(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 10);
    assert_text(kc_buf_peek(&b), "");
    char *taken = kc_buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
    kc_buf_deinit(&b);
}

static void the_ceiling_is_reached_and_never_passed(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 5);
    assert_true(kc_buf_puts(&b, "12345"));
    assert_false(b.is_full);
    assert_false(kc_buf_puts(&b, "6"));
    assert_true(b.is_full);
    assert_text(kc_buf_peek(&b), "12345");
    kc_buf_deinit(&b);
}

static void after_one_append_that_failed_all_fail_until_it_is_cleared(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 5);
    assert_false(kc_buf_puts(&b, "too long"));
    assert_false(kc_buf_puts(&b, "x"));
    assert_false(kc_buf_printf(&b, "x"));
    assert_null(kc_buf_reserve(&b, 1));
    kc_buf_clear(&b);
    assert_true(kc_buf_puts(&b, "x"));
    assert_text(kc_buf_peek(&b), "x");
    kc_buf_deinit(&b);
}

static void a_size_near_the_largest_there_is_does_not_wrap_around(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 100);
    assert_true(kc_buf_puts(&b, "abc"));
    assert_null(kc_buf_reserve(&b, SIZE_MAX - 1));
    assert_text(kc_buf_peek(&b), "abc");
    kc_buf_deinit(&b);
}

static void it_grows_by_itself_and_keeps_what_it_holds(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    for (int i = 0; i < 20000; i++)
        assert_true(kc_buf_printf(&b, "%05d", i));
    assert_int_equal(b.len, 100000);
    assert_memory_equal(b.data + 5 * 12345, "12345", 5);
    kc_buf_deinit(&b);
}

static void the_front_can_be_dropped(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 10);
    kc_buf_puts(&b, "abcdef");
    kc_buf_consume(&b, 2);
    assert_text(kc_buf_peek(&b), "cdef");
    kc_buf_consume(&b, 4);
    assert_text(kc_buf_peek(&b), "");
    kc_buf_deinit(&b);
}

static void what_was_taken_is_a_string_and_the_buffer_is_empty(void **state)
{
    (void)state;
    struct kc_buf b;
    kc_buf_init(&b, 10);
    kc_buf_puts(&b, "abc");
    char *taken = kc_buf_take(&b);
    assert_string_equal(taken, "abc");
    assert_int_equal(b.len, 0);
    assert_int_equal(b.max, 10);
    assert_true(kc_buf_puts(&b, "next"));
    free(taken);
    kc_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_stands_there_in_order),
        cmocka_unit_test(an_empty_append_to_an_empty_buffer_succeeds),
        cmocka_unit_test(an_empty_buffer_can_be_looked_at),
        cmocka_unit_test(the_ceiling_is_reached_and_never_passed),
        cmocka_unit_test(after_one_append_that_failed_all_fail_until_it_is_cleared),
        cmocka_unit_test(a_size_near_the_largest_there_is_does_not_wrap_around),
        cmocka_unit_test(it_grows_by_itself_and_keeps_what_it_holds),
        cmocka_unit_test(the_front_can_be_dropped),
        cmocka_unit_test(what_was_taken_is_a_string_and_the_buffer_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
