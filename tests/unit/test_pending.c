// SPDX-License-Identifier: Apache-2.0
#include "transport/pending.h"

#include "runtime/message.h"
#include "unit/unit.h"

static int setup(void **state)
{
    *state = kc_pending_new();
    return 0;
}

static int teardown(void **state)
{
    kc_pending_free(*state);
    return 0;
}

#define ID "00000000-0000-4000-8000-00000000000a"

static void a_tag_is_found_by_its_id_once(void **state)
{
    uint64_t tag = 0;
    kc_pending_add(*state, ID, 77);
    assert_true(kc_pending_take(*state, KC_LIT(ID), &tag));
    assert_int_equal(tag, 77);
    assert_false(kc_pending_take(*state, KC_LIT(ID), &tag));
}

static void an_id_that_nobody_gave_is_not_found(void **state)
{
    uint64_t tag = 5;
    kc_pending_add(*state, ID, 77);
    assert_false(kc_pending_take(*state, KC_LIT("x"), &tag));
    assert_false(kc_pending_take(*state, KC_LIT(""), &tag));
    assert_false(kc_pending_take(*state, KC_NO_TEXT, &tag));
    assert_false(kc_pending_take(*state, BYTES(ID "\0"), &tag));
    assert_int_equal(tag, 5);
}

static void many_may_wait_and_are_answered_in_any_order(void **state)
{
    enum {
        COUNT = 20000
    };
    char(*ids)[KC_ID_SIZE] = kc_alloc0(COUNT, KC_ID_SIZE);
    for (uint64_t i = 0; i < COUNT; i++) {
        kc_message_id(ids[i]);
        kc_pending_add(*state, ids[i], i);
    }
    for (uint64_t k = 0; k < COUNT; k++) {
        uint64_t tag, i = k * 7919 % COUNT;
        assert_true(kc_pending_take(*state, kc_text(ids[i]), &tag));
        assert_int_equal(tag, i);
    }
    free(ids);
}

static void what_still_waits_at_the_end_is_forgotten(void **state)
{
    kc_pending_add(*state, ID, 1); /* teardown frees it: the address sanitizer looks */
    kc_pending_free(NULL);
}

#define pending_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pending_test(a_tag_is_found_by_its_id_once),
        pending_test(an_id_that_nobody_gave_is_not_found),
        pending_test(many_may_wait_and_are_answered_in_any_order),
        pending_test(what_still_waits_at_the_end_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
