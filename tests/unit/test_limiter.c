// SPDX-License-Identifier: Apache-2.0
/* test_limiter.c - the platform's rate limit: a fixed window that opens with the first start.
 */
#include "transport/sailor/limiter.h"
#include "unit/unit.h"

/* Starts whatever may start at this time, as an endless backlog would. */
static int started_at(struct kc_limiter *l, int64_t now)
{
    int started = 0;
    while (started < 1000 && kc_limiter_wait_ms(l, now) == 0) {
        kc_limiter_start(l, now);
        started++;
    }
    return started;
}

static void a_window_takes_its_limit_and_no_more(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 3, 1000);

    assert_int_equal(started_at(&l, 5000), 3);
    assert_int_equal(kc_limiter_wait_ms(&l, 5000), 1000);
    assert_int_equal(kc_limiter_wait_ms(&l, 5999), 1);
    assert_int_equal(started_at(&l, 5999), 0);
    assert_int_equal(started_at(&l, 6000), 3);
}

static void the_window_opens_with_the_first_start_after_an_idle_time(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 2, 1000);

    kc_limiter_start(&l, 100);
    assert_int_equal(kc_limiter_wait_ms(&l, 900), 0);
    kc_limiter_start(&l, 900);
    assert_int_equal(kc_limiter_wait_ms(&l, 1000), 100);

    /* Nobody came for long: the next window does not begin where the last one ended. */
    assert_int_equal(kc_limiter_wait_ms(&l, 7300), 0);
    kc_limiter_start(&l, 7300);
    assert_int_equal(started_at(&l, 7400), 1);
    assert_int_equal(kc_limiter_wait_ms(&l, 7400), 900);
}

static void a_window_that_nobody_filled_leaves_no_credit(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 5, 1000);

    kc_limiter_start(&l, 0);
    assert_int_equal(started_at(&l, 1500), 5);
    assert_int_equal(kc_limiter_wait_ms(&l, 1500), 1000);
}

static void a_late_waker_loses_nothing_of_the_window(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 10, 1000);
    int started = 0;

    /* Awake 7 ms late each time, for a minute. */
    int64_t now = 0;
    while (now < 60000) {
        started += started_at(&l, now);
        now += kc_limiter_wait_ms(&l, now) + 7;
    }
    assert_int_equal(started, 600);
}

static void no_window_takes_more_than_the_limit_after_a_long_stop(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 10, 1000);

    assert_int_equal(started_at(&l, 0), 10);
    assert_int_not_equal(kc_limiter_wait_ms(&l, 1), 0);
    /* The broker was away for half a minute: the windows of that time are gone. */
    assert_int_equal(started_at(&l, 30000), 10);
    assert_int_equal(kc_limiter_wait_ms(&l, 30000), 1000);

    /* The same where the window that followed was opened but never used. */
    assert_int_equal(kc_limiter_wait_ms(&l, 31001), 0);
    assert_int_equal(started_at(&l, 60000), 10);
    assert_int_equal(kc_limiter_wait_ms(&l, 60000), 1000);
}

static void without_a_limit_nothing_waits(void **state)
{
    (void)state;
    struct kc_limiter l;
    kc_limiter_init(&l, 0, 1000);
    assert_int_equal(started_at(&l, 1), 1000);
    kc_limiter_init(&l, 5, 0);
    assert_int_equal(started_at(&l, 1), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_takes_its_limit_and_no_more),
        cmocka_unit_test(the_window_opens_with_the_first_start_after_an_idle_time),
        cmocka_unit_test(a_window_that_nobody_filled_leaves_no_credit),
        cmocka_unit_test(a_late_waker_loses_nothing_of_the_window),
        cmocka_unit_test(no_window_takes_more_than_the_limit_after_a_long_stop),
        cmocka_unit_test(without_a_limit_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
