// SPDX-License-Identifier: Apache-2.0
/* test_backlog.c - what is published next, and when. */
#include "base/log.h"
#include "transport/sailor/backlog.h"
#include "unit/unit.h"

static struct kc_backlog backlog;
static struct kc_publishing pool[20];
static uint64_t sequence;

static int setup(void **state)
{
    (void)state;
    const struct kc_publisher_conf conf = {
        .rate_limits = { [KC_RATE_DATA] = 2, [KC_RATE_ERROR] = 1 },
        .rate_interval_ms = 1000,
        .retry_delay_ms = 100,
        .retry_max_delay_ms = 250,
        .reply_patience_ms = 1000,
    };
    kc_backlog_init(&backlog, &conf);
    memset(pool, 0, sizeof(pool));
    sequence = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (kc_backlog_take(&backlog)) {
    }
    assert_null(backlog.stalls);
    for (uint64_t i = 0; i < sequence; i++) {
        free(pool[i].routing_key);
        kc_table_free(pool[i].headers);
    }
    return 0;
}

/* Message number `sequence`, from 0. */
static void add(const char *key, enum kc_rate rate)
{
    struct kc_publishing *p = &pool[sequence];
    p->routing_key = kc_strdup(key);
    p->headers = kc_table_new();
    p->rate = rate;
    p->sequence = ++sequence;
    kc_backlog_add(&backlog, p);
}

static void add_free(const char *key, int count)
{
    while (count--)
        add(key, KC_RATE_NONE);
}

/* The number of what comes next; -1: nothing, and then there is a wait. */
static int next_at(int64_t now_ms)
{
    int64_t wait_ms = -2;
    struct kc_publishing *next = kc_backlog_next(&backlog, now_ms, &wait_ms);
    if (!next)
        assert_true(wait_ms == -1 || wait_ms > 0);
    return next ? (int)(next - pool) : -1;
}

static int64_t wait_at(int64_t now_ms)
{
    int64_t wait_ms = -2;
    assert_null(kc_backlog_next(&backlog, now_ms, &wait_ms));
    return wait_ms;
}

static void refuse(int number, int64_t now_ms)
{
    pool[number].tries++;
    kc_backlog_refused(&backlog, &pool[number], now_ms, "message nacked");
}

static void confirm(int number)
{
    kc_backlog_answered(&backlog, &pool[number], true);
}

static void it_is_in_order_where_no_limit_holds_something_back(void **state)
{
    (void)state;
    add("a", KC_RATE_DATA);
    add("b", KC_RATE_ERROR);
    add("c", KC_RATE_NONE);
    add("a", KC_RATE_DATA);
    add("a", KC_RATE_DATA);
    add("b", KC_RATE_ERROR);
    add("c", KC_RATE_NONE);
    assert_int_equal(next_at(100), 0);
    assert_int_equal(next_at(100), 1);
    assert_int_equal(next_at(100), 2);
    assert_int_equal(next_at(150), 3);
    assert_int_equal(next_at(150), 6); /* 4 and 5 wait for their windows */
    assert_int_equal(wait_at(150), 950);
    assert_int_equal(next_at(1100), 4);
    assert_int_equal(next_at(1100), 5);
    assert_int_equal(wait_at(1100), -1);
}

static void a_refused_message_pauses_twice_as_long_each_time(void **state)
{
    (void)state;
    add_free("a", 1);
    static const int pauses[] = { 100, 200, 250, 250, 250 };
    int64_t now_ms = 5000;
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        assert_int_equal(next_at(now_ms), 0);
        refuse(0, now_ms);
        assert_int_equal(wait_at(now_ms), pauses[i]);
        now_ms += pauses[i];
    }
    pool[0].tries = 4000000000u; /* after centuries */
    assert_int_equal(next_at(now_ms), 0);
    refuse(0, now_ms);
    assert_int_equal(wait_at(now_ms), 250);
}

static void its_key_waits_behind_it_and_other_keys_go_on(void **state)
{
    (void)state;
    add_free("a", 3);
    add_free("b", 1);
    assert_int_equal(next_at(0), 0);
    assert_int_equal(next_at(0), 1);
    refuse(1, 0); /* answers come in any order */
    refuse(0, 10);
    assert_int_equal(next_at(20), 3);
    confirm(3);
    assert_int_equal(wait_at(20), 90);

    /* One is tried; with each that is taken one more is under way. */
    assert_int_equal(next_at(110), 0);
    assert_int_equal(next_at(110), -1);
    confirm(0);
    assert_int_equal(next_at(110), 1);
    assert_int_equal(next_at(110), 2);
    add_free("a", 2);
    assert_int_equal(next_at(110), -1);
    confirm(1);
    assert_int_equal(next_at(110), 4);
    assert_int_equal(next_at(110), 5);
    confirm(2);
    confirm(4);
    assert_non_null(backlog.stalls);
    confirm(5);
    assert_null(backlog.stalls);
}

static void a_refusal_on_the_way_begins_with_one_again(void **state)
{
    (void)state;
    add_free("a", 6);
    assert_int_equal(next_at(0), 0);
    refuse(0, 0);
    assert_int_equal(next_at(50), -1);
    assert_int_equal(next_at(100), 0);
    confirm(0);
    assert_int_equal(next_at(100), 1);
    assert_int_equal(next_at(100), 2);
    confirm(1);
    assert_int_equal(next_at(100), 3);
    refuse(2, 100);
    assert_int_equal(next_at(150), -1);
    confirm(3); /* was accepted meanwhile */
    assert_int_equal(next_at(150), -1);
    assert_int_equal(next_at(200), 2);
    assert_int_equal(next_at(200), 4); /* 3 had been taken: so two at a time */
    refuse(4, 200);
    refuse(2, 200);
    assert_int_equal(next_at(300), -1); /* the oldest first, and its pause is 200 now */
    assert_int_equal(next_at(400), 2);
    assert_int_equal(next_at(400), -1);
}

static void what_a_lost_connection_left_comes_first_and_in_order(void **state)
{
    (void)state;
    struct kc_publish_list lost = { NULL, NULL };
    add_free("a", 4);
    add_free("b", 2);
    for (int i = 0; i < 5; i++)
        assert_int_equal(next_at(0), i);
    refuse(0, 0); /* a is stalled; 1 to 4 are unconfirmed */
    for (int i = 1; i < 5; i++)
        kc_publish_list_push(&lost, &pool[i]);
    kc_backlog_lost(&backlog, &lost);
    assert_int_equal(next_at(50), 4);
    assert_int_equal(next_at(50), 5);
    assert_int_equal(next_at(100), 0);

    /* Lost again, with one that was on trial; what had not even gone out stays behind it. */
    lost = (struct kc_publish_list){ NULL, NULL };
    kc_publish_list_push(&lost, &pool[4]);
    kc_publish_list_push(&lost, &pool[5]);
    kc_publish_list_push(&lost, &pool[0]);
    kc_backlog_lost(&backlog, &lost);
    assert_int_equal(next_at(100), 0);
    confirm(0);
    assert_int_equal(next_at(100), 1);
    assert_int_equal(next_at(100), 2);
    assert_int_equal(next_at(100), 4);
    assert_int_equal(next_at(100), 5);
    confirm(1);
    assert_int_equal(next_at(100), 3);
}

static void a_reply_is_tried_a_last_time_when_its_patience_ends(void **state)
{
    (void)state;
    add_free("r", 1);
    pool[0].is_reply = true;
    pool[0].returned_ms = 1;
    assert_int_equal(next_at(900), 0);
    pool[0].tries = 5;
    refuse(0, 900);
    assert_int_equal(wait_at(900), 101);
}

#define backlog_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    kc_log_init(KC_ERROR, 2);
    const struct CMUnitTest tests[] = {
        backlog_test(it_is_in_order_where_no_limit_holds_something_back),
        backlog_test(a_refused_message_pauses_twice_as_long_each_time),
        backlog_test(its_key_waits_behind_it_and_other_keys_go_on),
        backlog_test(a_refusal_on_the_way_begins_with_one_again),
        backlog_test(what_a_lost_connection_left_comes_first_and_in_order),
        backlog_test(a_reply_is_tried_a_last_time_when_its_patience_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
