// SPDX-License-Identifier: Apache-2.0
#include "kafka/window.h"

#include "unit/unit.h"

static int setup(void **state)
{
    struct kc_window *w = kc_new0(struct kc_window);
    kc_window_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    kc_window_deinit(*state);
    free(*state);
    return 0;
}

/* Hands out messages of one record each, from this offset on; gives the first one's number. */
static uint32_t push(struct kc_window *w, int64_t offset, int count)
{
    uint32_t first = w->next;
    for (int i = 0; i < count; i++)
        kc_window_push(w, offset + i, offset + i, 1);
    return first;
}

static void accept(struct kc_window *w, uint32_t number)
{
    assert_int_equal(kc_window_settle(w, number, true), 1);
}

static void refuse(struct kc_window *w, uint32_t number)
{
    assert_int_equal(kc_window_settle(w, number, false), 1);
}

/* Nothing from this offset on may be committed. */
static void assert_unmoved(const struct kc_window *w, int64_t offset)
{
    assert_true(w->position <= offset);
}

static enum kc_seen look(struct kc_window *w, int64_t offset)
{
    uint32_t number;
    int64_t last;
    return kc_window_look(w, offset, &number, &last);
}

static void before_anything_was_handed_out_there_is_no_position(void **state)
{
    struct kc_window *w = *state;
    assert_int_equal(w->position, -1);
    assert_int_equal(look(w, 0), KC_NEW);
    assert_null(kc_window_refused(w));
}

static void what_was_handed_out_and_not_answered_moves_nothing(void **state)
{
    struct kc_window *w = *state;
    push(w, 100, 3);
    assert_unmoved(w, 100);
}

static void only_the_accepted_messages_at_the_front_move_the_position(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 100, 4);
    accept(w, n + 2);
    accept(w, n + 1);
    assert_unmoved(w, 100);
    accept(w, n);
    assert_int_equal(w->position, 103);
    accept(w, n + 3);
    assert_int_equal(w->position, 104);
}

static void in_every_order_of_answers_the_position_is_the_settled_front(void **state)
{
    (void)state;
    int order[5];
    for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        bool is_used[5] = { false }, is_accepted[5] = { false }, is_permutation = true;
        for (int i = 0, rest = code; i < 5; i++, rest /= 5) {
            order[i] = rest % 5;
            is_permutation &= !is_used[order[i]];
            is_used[order[i]] = true;
        }
        if (!is_permutation)
            continue;
        struct kc_window w;
        kc_window_init(&w);
        uint32_t n = push(&w, 0, 5);
        for (int i = 0; i < 5; i++) {
            accept(&w, n + (uint32_t)order[i]);
            is_accepted[order[i]] = true;
            int front = 0;
            while (front < 5 && is_accepted[front])
                front++;
            if (front == 0)
                assert_unmoved(&w, 0);
            else
                assert_int_equal(w.position, front);
        }
        kc_window_deinit(&w);
    }
}

static void a_message_of_many_records_is_settled_as_one(void **state)
{
    struct kc_window *w = *state;
    uint32_t a = kc_window_push(w, 10, 19, 10);
    uint32_t b = kc_window_push(w, 20, 40, 7); /* with gaps, as compaction leaves them */
    assert_int_equal(kc_window_settle(w, b, true), 7);
    assert_unmoved(w, 10);
    assert_int_equal(kc_window_settle(w, a, true), 10);
    assert_int_equal(w->position, 41);
}

static void an_answer_counts_once(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 0, 2);
    accept(w, n + 1);
    assert_int_equal(kc_window_settle(w, n + 1, true), 0);
    assert_int_equal(kc_window_settle(w, n + 1, false), 0);
    accept(w, n);
    assert_int_equal(kc_window_settle(w, n, true), 0); /* it has left */
    assert_int_equal(kc_window_settle(w, n + 2, true), 0);
    assert_int_equal(kc_window_settle(w, n - 1, true), 0);
    assert_int_equal(w->position, 2);
}

static void a_late_answer_does_not_count_for_the_message_that_took_its_place(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 0, 16);
    for (uint32_t i = 0; i < 16; i++)
        accept(w, n + i);
    push(w, 16, 16); /* in the same places of the ring */
    assert_int_equal(w->size, 16);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(kc_window_settle(w, n + i, true), 0);
    assert_int_equal(w->position, 16);
}

static void a_refused_message_holds_the_position_until_it_was_accepted(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 0, 3);
    refuse(w, n);
    accept(w, n + 1);
    assert_unmoved(w, 0);
    assert_int_equal(kc_window_refused(w)->first, 0);
    assert_int_equal(kc_window_settle(w, n, true), 0); /* no answer is due */
    kc_window_again(w, n);
    assert_null(kc_window_refused(w));
    accept(w, n);
    assert_int_equal(w->position, 2);
}

static void of_several_refused_messages_the_oldest_is_named(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 50, 5);
    refuse(w, n + 3);
    refuse(w, n + 1);
    assert_int_equal(kc_window_refused(w)->first, 51);
    kc_window_again(w, n + 1);
    assert_int_equal(kc_window_refused(w)->first, 53);
}

static void what_is_read_again_is_known_unless_it_was_refused(void **state)
{
    struct kc_window *w = *state;
    uint32_t number;
    int64_t last;
    uint32_t n = push(w, 10, 1);
    kc_window_push(w, 11, 15, 4);
    push(w, 16, 1);
    accept(w, n);
    assert_int_equal(kc_window_settle(w, n + 1, false), 4);
    assert_int_equal(look(w, 9), KC_KNOWN);
    assert_int_equal(look(w, 10), KC_KNOWN); /* accepted, and has left */
    for (int64_t offset = 11; offset <= 15; offset++) {
        assert_int_equal(kc_window_look(w, offset, &number, &last), KC_AGAIN);
        assert_int_equal(number, n + 1);
        assert_int_equal(last, 15);
    }
    assert_int_equal(look(w, 16), KC_KNOWN); /* still open */
    assert_int_equal(look(w, 17), KC_NEW);
    kc_window_push(w, 17, 26, 10);
    assert_int_equal(look(w, 18), KC_KNOWN); /* in the midst of what came last */
    assert_int_equal(look(w, 26), KC_KNOWN);
    assert_int_equal(look(w, 27), KC_NEW);
}

static void in_an_empty_window_everything_from_the_position_on_is_new(void **state)
{
    struct kc_window *w = *state;
    accept(w, push(w, 7, 1));
    assert_int_equal(look(w, 7), KC_KNOWN);
    assert_int_equal(look(w, 8), KC_NEW);
}

static void it_grows_and_forgets_nothing(void **state)
{
    struct kc_window *w = *state;
    uint32_t n = push(w, 0, 10);
    for (uint32_t i = 0; i < 10; i++)
        accept(w, n + i); /* the front is not at the ring's beginning any more */
    n = push(w, 10, 1000);
    assert_in_range(w->size, 1000, 2048);
    for (uint32_t i = 1; i < 1000; i += 2)
        accept(w, n + i);
    assert_int_equal(w->position, 10);
    for (uint32_t i = 0; i < 1000; i += 2)
        accept(w, n + i);
    assert_int_equal(w->position, 1010);
}

static void a_ring_that_empties_as_fast_as_it_fills_does_not_grow(void **state)
{
    struct kc_window *w = *state;
    for (int64_t i = 0; i < 100000; i++)
        accept(w, push(w, i, 1));
    assert_in_range(w->size, 1, 16);
    assert_int_equal(w->position, 100000);
}

static void the_32_bit_number_may_wrap_around(void **state)
{
    struct kc_window *w = *state;
    w->front = w->next = UINT32_MAX - 5;
    uint32_t n = push(w, 0, 40); /* grows on the way */
    assert_true(w->next < n);
    refuse(w, n + 10);
    for (uint32_t i = 39; i > 10; i--)
        accept(w, n + i);
    for (uint32_t i = 0; i < 10; i++)
        accept(w, n + i);
    assert_int_equal(w->position, 10);
    assert_int_equal(look(w, 10), KC_AGAIN);
    assert_int_equal(look(w, 39), KC_KNOWN);
    assert_int_equal(look(w, 40), KC_NEW);
    assert_int_equal(kc_window_settle(w, w->next, true), 0);
    assert_int_equal(kc_window_settle(w, n, true), 0);
    kc_window_again(w, n + 10);
    accept(w, n + 10);
    assert_int_equal(w->position, 40);
}

static void offsets_beyond_what_a_double_can_hold_are_exact(void **state)
{
    struct kc_window *w = *state;
    int64_t offset = INT64_C(9007199254740993);
    accept(w, push(w, offset, 1));
    assert_true(w->position == offset + 1);
}

#define window_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void a_message_without_an_answer_is_open(void **state)
{
    struct kc_window *w = *state;
    assert_false(kc_window_is_open(w));
    uint32_t n = push(w, 100, 3);
    assert_true(kc_window_is_open(w));
    refuse(w, n + 1);
    refuse(w, n + 2);
    assert_true(kc_window_is_open(w));
    accept(w, n);
    assert_false(kc_window_is_open(w));
    kc_window_again(w, n + 2);
    assert_true(kc_window_is_open(w));
}

static void what_does_not_exist_any_more_holds_nothing_back(void **state)
{
    struct kc_window *w = *state;
    uint32_t open = kc_window_push(w, 0, 9, 10), n = kc_window_push(w, 10, 19, 10);
    kc_window_push(w, 20, 29, 10);
    assert_int_equal(kc_window_settle(w, n, false), 10);
    assert_int_equal(kc_window_settle(w, n + 1, false), 10);
    kc_window_skip(w, 25);
    assert_unmoved(w, 0); /* an open one may be answered still */
    assert_int_equal(kc_window_settle(w, open, true), 10);
    assert_int_equal(w->position, 20);
    assert_int_equal(kc_window_refused(w)->first, 25); /* what is left of it */
    assert_int_equal(kc_window_refused(w)->last, 29);
    kc_window_skip(w, 30);
    assert_int_equal(w->position, 30);
    assert_null(kc_window_refused(w));
}

static void offsets_that_begin_anew_are_new_and_late_answers_count_for_nothing(void **state)
{
    struct kc_window *w = *state;
    uint64_t records;
    uint32_t n = push(w, 500, 40), batch = kc_window_push(w, 540, 600, 61);
    refuse(w, n);
    for (uint32_t i = 2; i < 40; i++)
        accept(w, n + i);
    assert_int_equal(kc_window_open(w, &records), 2);
    assert_int_equal(records, 62);
    assert_int_equal(kc_window_restart(w, 0, &records), 2);
    assert_int_equal(records, 62);
    assert_int_equal(w->position, 0);
    assert_false(kc_window_is_open(w));
    assert_null(kc_window_refused(w));
    assert_int_equal(look(w, 0), KC_NEW);
    assert_int_equal(look(w, 550), KC_NEW);
    uint32_t anew = push(w, 0, 50);
    assert_int_equal(kc_window_settle(w, n + 1, true), 0);
    assert_int_equal(kc_window_settle(w, batch, true), 0);
    assert_int_equal(look(w, 49), KC_KNOWN);
    assert_int_equal(look(w, 50), KC_NEW);
    assert_int_equal(w->position, 0);
    accept(w, anew);
    assert_int_equal(w->position, 1);
}

static void
offsets_that_begin_anew_before_anything_was_handed_out_leave_no_position(void **state)
{
    struct kc_window *w = *state;
    uint64_t records;
    assert_int_equal(kc_window_restart(w, 0, &records), 0);
    assert_int_equal(records, 0);
    assert_int_equal(w->position, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        window_test(before_anything_was_handed_out_there_is_no_position),
        window_test(a_message_without_an_answer_is_open),
        window_test(what_does_not_exist_any_more_holds_nothing_back),
        window_test(offsets_that_begin_anew_are_new_and_late_answers_count_for_nothing),
        window_test(offsets_that_begin_anew_before_anything_was_handed_out_leave_no_position),
        window_test(what_was_handed_out_and_not_answered_moves_nothing),
        window_test(only_the_accepted_messages_at_the_front_move_the_position),
        window_test(in_every_order_of_answers_the_position_is_the_settled_front),
        window_test(a_message_of_many_records_is_settled_as_one),
        window_test(an_answer_counts_once),
        window_test(a_late_answer_does_not_count_for_the_message_that_took_its_place),
        window_test(a_refused_message_holds_the_position_until_it_was_accepted),
        window_test(of_several_refused_messages_the_oldest_is_named),
        window_test(what_is_read_again_is_known_unless_it_was_refused),
        window_test(in_an_empty_window_everything_from_the_position_on_is_new),
        window_test(it_grows_and_forgets_nothing),
        window_test(a_ring_that_empties_as_fast_as_it_fills_does_not_grow),
        window_test(the_32_bit_number_may_wrap_around),
        window_test(offsets_beyond_what_a_double_can_hold_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
