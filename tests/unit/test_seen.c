// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/seen.h"

#include "unit/unit.h"

static struct kc_delivery delivery(uint64_t tag, uint32_t generation, uint64_t hash)
{
    return (struct kc_delivery){ .tag = tag, .generation = generation, .hash = hash };
}

static enum kc_seen_as again(struct kc_seen *s, uint64_t tag, uint32_t generation,
                             uint64_t hash, enum kc_answer *answer)
{
    struct kc_delivery d = delivery(tag, generation, hash);
    return kc_seen_match(s, &d, answer);
}

static void the_hash_is_of_id_and_body(void **state)
{
    (void)state;
    struct kc_seen *s = kc_seen_new(1);
    uint64_t hash = kc_seen_hash(s, KC_LIT("id"), KC_LIT("a body of some bytes"));
    assert_true(hash == kc_seen_hash(s, KC_LIT("id"), KC_LIT("a body of some bytes")));
    assert_true(hash != kc_seen_hash(s, KC_LIT("ie"), KC_LIT("a body of some bytes")));
    assert_true(hash != kc_seen_hash(s, KC_LIT("id"), KC_LIT("a body of some bytet")));
    assert_true(hash != kc_seen_hash(s, KC_LIT("ida"), KC_LIT(" body of some bytes")));
    assert_true(hash != kc_seen_hash(s, KC_NO_TEXT, KC_LIT("a body of some bytes")));
    assert_true(kc_seen_hash(s, KC_NO_TEXT, KC_LIT("")) !=
                kc_seen_hash(s, KC_LIT(""), KC_LIT("")));
    assert_true(kc_seen_hash(s, KC_LIT("x"), BYTES("\0")) !=
                kc_seen_hash(s, KC_LIT("x"), BYTES("\0\0")));
    kc_seen_free(s);
}

static void what_is_out_takes_the_new_tag_of_another_connection(void **state)
{
    (void)state;
    enum kc_answer answer;
    struct kc_seen *s = kc_seen_new(2);
    struct kc_delivery d = delivery(5, 1, 77);
    kc_seen_add(s, &d);
    assert_int_equal(again(s, 6, 1, 77, &answer), KC_SEEN_NEVER); /* the same connection */
    assert_int_equal(again(s, 1, 2, 78, &answer), KC_SEEN_NEVER);
    assert_int_equal(again(s, 1, 2, 77, &answer), KC_SEEN_OUT);
    assert_int_equal(d.tag, 1);
    assert_int_equal(d.generation, 2);
    assert_int_equal(again(s, 2, 2, 77, &answer), KC_SEEN_NEVER); /* it is there already */
    kc_seen_remove(s, &d);
    assert_int_equal(again(s, 1, 3, 77, &answer), KC_SEEN_NEVER);
    kc_seen_free(s);
}

static void equal_ones_are_each_found_once(void **state)
{
    (void)state;
    enum kc_answer answer;
    struct kc_seen *s = kc_seen_new(3);
    struct kc_delivery d[3];
    for (int i = 0; i < 3; i++) {
        d[i] = delivery((uint64_t)i + 1, 1, 77);
        kc_seen_add(s, &d[i]);
    }
    kc_seen_remove(s, &d[1]);
    assert_int_equal(kc_seen_out(s), 2);
    for (uint64_t tag = 11; tag <= 12; tag++)
        assert_int_equal(again(s, tag, 2, 77, &answer), KC_SEEN_OUT);
    assert_int_equal(again(s, 13, 2, 77, &answer), KC_SEEN_NEVER);
    assert_int_equal(d[0].tag + d[2].tag, 23);
    assert_int_equal(d[1].tag, 2);
    kc_seen_free(s);
}

static void an_answer_sent_on_a_connection_that_broke_is_given_again(void **state)
{
    (void)state;
    enum kc_answer answer = KC_ANSWER_NONE;
    struct kc_seen *s = kc_seen_new(2);
    struct kc_delivery d = delivery(1, 1, 77);
    d.answer = KC_ANSWER_REJECT;
    kc_seen_sent(s, &d);
    assert_int_equal(again(s, 2, 1, 77, &answer), KC_SEEN_NEVER);
    kc_seen_broke(s);
    assert_int_equal(kc_seen_unwritten(s), 0);
    assert_int_equal(again(s, 1, 2, 77, &answer), KC_SEEN_ANSWERED);
    assert_int_equal(answer, KC_ANSWER_REJECT);
    assert_int_equal(again(s, 2, 2, 77, &answer), KC_SEEN_NEVER); /* once */
    kc_seen_free(s);
}

static void an_answer_that_came_too_late_waits_for_its_delivery(void **state)
{
    (void)state;
    enum kc_answer answer = KC_ANSWER_NONE;
    struct kc_seen *s = kc_seen_new(1);
    struct kc_delivery d = delivery(1, 1, 77);
    d.answer = KC_ANSWER_ACK;
    kc_seen_broke(s);
    kc_seen_owed(s, &d);
    assert_int_equal(kc_seen_unwritten(s), 1);
    assert_int_equal(again(s, 1, 2, 77, &answer), KC_SEEN_ANSWERED);
    assert_int_equal(answer, KC_ANSWER_ACK);
    assert_int_equal(kc_seen_unwritten(s), 0);
    kc_seen_free(s);
}

static void a_delivery_beyond_the_prefetch_count_proves_an_answer(void **state)
{
    (void)state;
    enum kc_answer answer;
    struct kc_seen *s = kc_seen_new(2);
    for (uint64_t tag = 1; tag <= 7; tag++) {
        struct kc_delivery d = delivery(tag, 1, tag);
        d.answer = KC_ANSWER_ACK;
        kc_seen_sent(s, &d);
    }
    kc_seen_broke(s);
    for (uint64_t hash = 1; hash <= 5; hash++)
        assert_int_equal(again(s, 1, 2, hash, &answer), KC_SEEN_NEVER);
    assert_int_equal(again(s, 1, 2, 7, &answer), KC_SEEN_ANSWERED);
    assert_int_equal(again(s, 2, 2, 6, &answer), KC_SEEN_ANSWERED);
    kc_seen_free(s);
}

static void answers_of_many_broken_connections_take_no_more_room(void **state)
{
    (void)state;
    enum kc_answer answer;
    struct kc_seen *s = kc_seen_new(1);
    for (uint32_t generation = 1; generation <= 1000; generation++) {
        struct kc_delivery d = delivery(1, generation, generation);
        d.answer = KC_ANSWER_ACK;
        kc_seen_owed(s, &d);
        kc_seen_sent(s, &d);
        kc_seen_broke(s);
    }
    assert_int_equal(again(s, 1, 1001, 1, &answer), KC_SEEN_NEVER);
    assert_int_equal(again(s, 1, 1001, 1000, &answer), KC_SEEN_ANSWERED);
    assert_int_equal(again(s, 1, 1001, 1000, &answer), KC_SEEN_ANSWERED);
    assert_int_equal(again(s, 1, 1001, 1000, &answer), KC_SEEN_NEVER);
    assert_in_range(kc_seen_unwritten(s), 1, 18);
    kc_seen_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_of_id_and_body),
        cmocka_unit_test(what_is_out_takes_the_new_tag_of_another_connection),
        cmocka_unit_test(equal_ones_are_each_found_once),
        cmocka_unit_test(an_answer_sent_on_a_connection_that_broke_is_given_again),
        cmocka_unit_test(an_answer_that_came_too_late_waits_for_its_delivery),
        cmocka_unit_test(a_delivery_beyond_the_prefetch_count_proves_an_answer),
        cmocka_unit_test(answers_of_many_broken_connections_take_no_more_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
