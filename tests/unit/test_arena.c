// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "unit/unit.h"

#include <stdalign.h>

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct kc_arena a = { 0 };
    char *pieces[1000];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        size_t size = i % 37;
        pieces[i] = kc_arena_alloc(&a, size);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i & 0x7f), size);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        for (size_t k = 0; k < i % 37; k++)
            assert_int_equal(pieces[i][k], i & 0x7f);
    }
    kc_arena_deinit(&a);
}

static void a_piece_may_be_larger_than_a_block(void **state)
{
    (void)state;
    struct kc_arena a = { 0 };
    char *small = kc_arena_alloc(&a, 10);
    memcpy(small, "unchanged", 10);
    char *large = kc_arena_alloc(&a, 1000000);
    memset(large, 1, 1000000);
    memset(kc_arena_alloc(&a, 10), 2, 10);
    assert_string_equal(small, "unchanged");
    kc_arena_deinit(&a);
}

static void a_cleared_arena_uses_its_block_again_zeroed(void **state)
{
    (void)state;
    struct kc_arena a = { 0 };
    char *first = kc_arena_alloc(&a, 100);
    memset(first, 1, 100);
    (void)kc_arena_alloc(&a, 100000);
    kc_arena_clear(&a);
    char *again = kc_arena_alloc(&a, 100);
    assert_ptr_equal(again, first);
    assert_int_equal(again[99], 0);
    kc_arena_deinit(&a);
}

static void an_arena_that_was_given_up_is_a_new_one(void **state)
{
    (void)state;
    struct kc_arena a = { 0 };
    kc_arena_clear(&a);
    kc_arena_deinit(&a);
    assert_non_null(kc_arena_alloc(&a, 0));
    kc_arena_deinit(&a);
    assert_null(a.blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_piece_may_be_larger_than_a_block),
        cmocka_unit_test(a_cleared_arena_uses_its_block_again_zeroed),
        cmocka_unit_test(an_arena_that_was_given_up_is_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
