// SPDX-License-Identifier: Apache-2.0
/* test_sample.c - the trigger as a sample: which records it shows, how long it looks for them,
 * and that nothing stays behind. */
#include "support/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPIC      "cars"
#define GROUP      "garage"
#define BASICS     "'topic': '" TOPIC "', 'groupId': '" GROUP "'"
#define LATEST     "{" BASICS "}"
#define EARLIEST   "{" BASICS ", 'startFrom': 'earliest'}"
#define SAMPLE     ((struct mock_ends){ .is_sample = true, .sample_ms = 120000 })
#define SOON_MS    10000 /* well before the sample's wait is over */
#define FIRST_TIME 1767225600000

/* A record every second, "0" first, to each partition in turn. */
static void write_numbers(struct mock *m, int partitions, int count)
{
    for (int i = 0; i < count; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        struct witness_record record = witness_text(NULL, value, i % partitions);
        record.timestamp = FIRST_TIME + 1000 * i;
        witness_write(m->witness, TOPIC, &record);
    }
}

/* The values that it shows, each followed by a space; it has to end soon by itself. */
static void assert_shows(struct mock_step *s, size_t count, const char *values)
{
    char text[1000] = "";
    size_t len = 0;
    mock_accept_until(s, count);
    mock_wait_end(s, SOON_MS);
    assert_int_equal(mock_handed_count(s), count);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
                                event_str(mock_handed(s, i).body, "value"));
    assert_string_equal(text, values);
}

/* --- Which records --- */

static void latest_shows_the_youngest_of_all_partitions(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 3);
    write_numbers(m, 3, 50);
    assert_shows(mock_consume(m, SAMPLE, LATEST), 10, "40 41 42 43 44 45 46 47 48 49 ");
}

static void as_many_as_asked_for_are_shown(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_numbers(m, 2, 9);
    assert_shows(
        mock_consume(m, (struct mock_ends){ .is_sample = true, .count_max = 3 }, LATEST), 3,
        "6 7 8 ");
}

static void fewer_records_are_shown_at_once(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 3);
    write_numbers(m, 2, 4);
    assert_shows(mock_consume(m, SAMPLE, LATEST), 4, "0 1 2 3 ");
    struct mock_step *s = mock_consume(m, SAMPLE, EARLIEST); /* partitions in any order */
    mock_accept_until(s, 4);
    mock_wait_end(s, SOON_MS);
    assert_int_equal(mock_handed_count(s), 4);
}

static void earliest_shows_the_first(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 30);
    assert_shows(mock_consume(m, SAMPLE, EARLIEST), 10, "0 1 2 3 4 5 6 7 8 9 ");
}

static void an_offset_shows_what_comes_from_there(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 30);
    assert_shows(mock_consume(m, SAMPLE, "{" BASICS ", 'startFrom': '26'}"), 4, "26 27 28 29 ");
}

static void what_the_group_has_committed_does_not_matter(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 5);
    witness_commit(m->witness, GROUP, TOPIC, 0, 3);
    assert_shows(mock_consume(m, SAMPLE, EARLIEST), 5, "0 1 2 3 4 ");
    assert_int_equal(witness_committed(m->witness, GROUP, TOPIC, 0), 3);
}

/* --- How they come --- */

static void a_message_has_as_many_records_as_consume_would_put_into_it(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_numbers(m, 2, 20);
    struct mock_step *s = mock_consume(m, SAMPLE, "{" BASICS ", 'batchSize': 3}");
    mock_accept_until(s, 4); /* of each partition 3 and 2 */
    mock_wait_end(s, SOON_MS);
    assert_int_equal(mock_handed_count(s), 4);
    int64_t next[2] = { 5, 5 };
    for (size_t i = 0; i < 4; i++) {
        struct mock_handed h = mock_handed(s, i);
        assert_int_equal(h.offset, next[h.partition]);
        assert_int_equal(h.records, h.offset == 5 ? 3 : 2);
        next[h.partition] += (int64_t)h.records;
    }
}

static void bodies_are_those_of_consume(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct witness_record record = witness_text("red", "{\"speed\": 1}", 0);
    record.timestamp = FIRST_TIME;
    record.headers[record.header_count++] = (struct witness_header){ "trace", "abc", 3 };
    witness_write(m->witness, TOPIC, &record);
    struct mock_step *s = mock_consume(
        m, SAMPLE, "{" BASICS ", 'valueEncoding': 'json', 'keyEncoding': 'base64'}");
    mock_accept_until(s, 1);
    mock_wait_end(s, SOON_MS);
    assert_json(mock_handed(s, 0).body, "",
                "{\"headers\":{\"trace\":\"abc\"},\"key\":\"cmVk\",\"keyEncoding\":\"base64\","
                "\"offset\":0,\"partition\":\"0\",\"timestamp\":1767225600000,"
                "\"timestampType\":\"CreateTime\",\"topic\":\"cars\",\"value\":{\"speed\":1}}");
}

static void it_ends_when_all_is_answered_and_what_is_refused_does_not_come_again(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 3);
    struct mock_step *s = mock_consume(m, SAMPLE, LATEST);
    assert_true(mock_hands_out(s, 3, MOCK_WAIT_MS));
    mock_accept(s, 2);
    mock_refuse(s, 0);
    assert_false(mock_hands_out(s, 4, 300));
    assert_false(mock_has_ended(s));
    mock_accept(s, 1);
    mock_wait_end(s, SOON_MS);
    assert_int_equal(mock_handed_count(s), 3);
    assert_int_equal(mock_error_count(s), 0);
}

static void without_room_it_waits(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 3);
    struct mock_step *s = mock_consume(m, SAMPLE, LATEST);
    mock_set_room(s, false); /* what it had handed out by then is fine */
    size_t before = mock_handed_count(s);
    assert_false(mock_hands_out(s, before + 1, 1000));
    mock_set_room(s, true);
    assert_shows(s, 3, "0 1 2 ");
}

/* --- Where there is none --- */

static void an_empty_topic_is_watched_for_the_first_new_record(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .is_sample = true, .sample_ms = 120000 }, LATEST);
    assert_false(mock_hands_out(s, 1, 1000));
    write_numbers(m, 2, 1);
    assert_shows(s, 1, "0 ");
}

static void it_ends_without_an_example_when_the_wait_is_over(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    int64_t began = now_ms();
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .is_sample = true, .sample_ms = 4000 }, LATEST);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_range(now_ms() - began, 3900, MOCK_WAIT_MS);
    assert_int_equal(mock_handed_count(s), 0);
    assert_int_equal(mock_error_count(s), 0);
}

static void a_stop_ends_the_wait_at_once(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .is_sample = true, .sample_ms = 120000 }, LATEST);
    assert_false(mock_hands_out(s, 1, 500));
    mock_stop(s, 20000);
    mock_wait_end(s, 10000 * SLOW);
    assert_int_equal(mock_error_count(s), 0);
}

static void a_broker_that_is_gone_is_an_error_when_the_wait_is_over(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    mock_down(m);
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .is_sample = true, .sample_ms = 4000 }, LATEST);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(mock_error_count(s), 1);
    assert_event_str(mock_error(s, 0), "name", "unavailable");
    assert_non_null(strstr(event_str(mock_error(s, 0), "message"), "show records of 'cars'"));
}

/* --- What stays behind --- */

static void the_group_hears_nothing_of_it(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_numbers(m, 2, 20);
    struct mock_step *s = mock_consume(m, SAMPLE, LATEST);
    mock_accept_until(s, 10);
    mock_wait_end(s, SOON_MS);
    mock_close(s);
    assert_int_equal(mock_count_requests(m, MOCK_JOIN_GROUP), 0);
    assert_int_equal(mock_count_requests(m, MOCK_FIND_COORDINATOR), 0);
    assert_int_equal(mock_count_requests(m, MOCK_OFFSET_FETCH), 0);
    assert_int_equal(mock_count_requests(m, MOCK_OFFSET_COMMIT), 0);
    assert_true(mock_count_requests(m, MOCK_FETCH) > 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, mock_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(latest_shows_the_youngest_of_all_partitions),
        TEST(as_many_as_asked_for_are_shown),
        TEST(fewer_records_are_shown_at_once),
        TEST(earliest_shows_the_first),
        TEST(an_offset_shows_what_comes_from_there),
        TEST(what_the_group_has_committed_does_not_matter),
        TEST(a_message_has_as_many_records_as_consume_would_put_into_it),
        TEST(bodies_are_those_of_consume),
        TEST(it_ends_when_all_is_answered_and_what_is_refused_does_not_come_again),
        TEST(without_room_it_waits),
        TEST(an_empty_topic_is_watched_for_the_first_new_record),
        TEST(it_ends_without_an_example_when_the_wait_is_over),
        TEST(a_stop_ends_the_wait_at_once),
        TEST(a_broker_that_is_gone_is_an_error_when_the_wait_is_over),
        TEST(the_group_hears_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
