// SPDX-License-Identifier: Apache-2.0
/* What a push makes of an answer, how long it waits, and what it calls a message. */
#include "transport/webhook/verdict.h"

#include "transport/webhook/backoff.h"
#include "unit/unit.h"

/* --- waiting --- */

static void a_wait_is_within_a_bound_that_doubles(void **state)
{
    (void)state;
    static const int bounds[] = { 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
    for (unsigned i = 0; i < COUNT_OF(bounds); i++) {
        int least = INT32_MAX, most = 0;
        for (uint32_t chance = 0; chance < 200000; chance += 7) {
            int ms = kc_backoff_ms(i + 1, 500, 60000, chance);
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        assert_int_equal(least, KC_BACKOFF_LEAST_MS);
        assert_in_range(most, bounds[i] - 10, bounds[i]);
    }
}

static void no_number_of_failures_or_chance_is_too_large(void **state)
{
    (void)state;
    assert_in_range(kc_backoff_ms(UINT32_MAX, 500, 60000, UINT32_MAX), KC_BACKOFF_LEAST_MS,
                    60000);
    assert_int_equal(kc_backoff_ms(0, 500, 60000, 0), KC_BACKOFF_LEAST_MS);
    assert_int_equal(kc_backoff_ms(5, 10, 20, 12345), KC_BACKOFF_LEAST_MS);
}

/* --- answers --- */

static enum kc_verdict judge(int status, enum kc_code failed, const char *body,
                             struct kc_error *err)
{
    struct kc_http_answer answer = { .status = status, .retry_after_ms = -1 };
    answer.body = kc_text(body);
    if (failed != KC_NONE)
        kc_error_set(&answer.error, failed, 0, "why");
    kc_error_clear(err);
    return kc_push_judge(&answer, err);
}

static void only_2xx_accepts(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    for (int status = 200; status < 600; status++) {
        enum kc_verdict wanted = status < 300 ? KC_PUSH_ACCEPTED
                                 : status >= 500 || status == 408 || status == 429
                                     ? KC_PUSH_AGAIN
                                     : KC_PUSH_PAUSE;
        assert_int_equal(judge(status, KC_NONE, NULL, &err), wanted);
        assert_int_equal(err.code == KC_NONE, wanted == KC_PUSH_ACCEPTED);
    }
}

static void what_did_not_arrive_is_tried_again(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    const enum kc_code codes[] = { KC_TIMEOUT, KC_UNREACHABLE, KC_UNTRUSTED, KC_BAD_ANSWER,
                                   KC_BUSY };
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        assert_int_equal(judge(0, codes[i], NULL, &err), KC_PUSH_AGAIN);
        assert_int_equal(err.code, codes[i]);
    }
    assert_int_equal(judge(200, KC_TIMEOUT, NULL, &err), KC_PUSH_AGAIN); /* not whole */
    assert_int_equal(judge(0, KC_ADDRESS_REFUSED, NULL, &err), KC_PUSH_PAUSE);
    assert_int_equal(judge(0, KC_CONFIG, NULL, &err), KC_PUSH_PAUSE);
}

static void an_answer_that_is_too_long_counts_by_its_status(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    assert_int_equal(judge(200, KC_BAD_ANSWER, NULL, &err), KC_PUSH_ACCEPTED);
    assert_int_equal(judge(500, KC_BAD_ANSWER, NULL, &err), KC_PUSH_AGAIN);
    assert_int_equal(judge(404, KC_BAD_ANSWER, NULL, &err), KC_PUSH_PAUSE);
}

static void the_beginning_of_what_was_said_is_told(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    judge(400, KC_NONE, "no\r\nsuch\tfield", &err);
    assert_string_equal(err.text, "the receiver answered 400: no  such field");
    assert_int_equal(err.native, 400);
    char *much = repeated("\xc3\xa4", 300);
    judge(400, KC_NONE, much, &err);
    assert_int_equal(strlen(err.text), strlen("the receiver answered 400: ") + 200);
    judge(400, KC_NONE, "a\xff\x80", &err);
    assert_string_equal(err.text, "the receiver answered 400: a??");
    free(much);
}

/* --- keys --- */

static void a_key_names_the_run_of_offsets(void **state)
{
    (void)state;
    char key[KC_PUSH_KEY_SIZE];
    struct kc_origin origin = { "cars.v-1_x", 7, 1200, 1299, 100 };
    kc_push_key(&origin, key);
    assert_string_equal(key, "cars.v-1_x-7-1200-1299");
    origin = (struct kc_origin){ "a b\r\nX: y\xc3\xa4", 0, INT64_MAX - 1, INT64_MAX, 1 };
    kc_push_key(&origin, key);
    assert_string_equal(key, "a_b__X__y__-0-9223372036854775806-9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_within_a_bound_that_doubles),
        cmocka_unit_test(no_number_of_failures_or_chance_is_too_large),
        cmocka_unit_test(only_2xx_accepts),
        cmocka_unit_test(what_did_not_arrive_is_tried_again),
        cmocka_unit_test(an_answer_that_is_too_long_counts_by_its_status),
        cmocka_unit_test(the_beginning_of_what_was_said_is_told),
        cmocka_unit_test(a_key_names_the_run_of_offsets),
    };
    return cmocka_run_group_tests_name("unit/push", tests, NULL, NULL);
}
