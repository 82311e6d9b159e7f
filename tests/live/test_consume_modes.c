// SPDX-License-Identifier: Apache-2.0
/* test_consume_modes.c - the trigger as elastic.io's ordinary and sample flows run it, on
 * Apache Kafka: from the start to the end again and again, and examples that leave nothing
 * behind. */
#include "support/component.h"
#include "support/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_RUN ((struct mock_ends){ .until_end = true, .from_start = true })
#define SAMPLE  ((struct mock_ends){ .is_sample = true })
#define SOON_MS 10000 /* far from the 20 s that a sample may wait for a first record */

static struct mock *start(void)
{
    return mock_on(kafka->plaintext, witness);
}

static struct mock_step *begin(struct mock *m, struct mock_ends how, const char *topic,
                               const char *group, const char *more)
{
    char settings[500];
    snprintf(settings, sizeof(settings), "{'topic': '%s', 'groupId': '%s'%s}", topic, group,
             more);
    return mock_consume(m, how, settings);
}

/* Accepts `count` messages and waits for the end, which comes by itself; their values, each
 * followed by a space. */
static void assert_gives(struct mock_step *s, size_t count, const char *values)
{
    char text[2000] = "";
    size_t len = 0;
    mock_accept_until(s, count);
    mock_wait_end(s, SOON_MS);
    for (size_t i = 0; i < mock_handed_count(s); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
                                event_str(mock_handed(s, i).body, "value"));
    assert_string_equal(text, values);
    assert_int_equal(mock_error_count(s), 0);
}

/* "0" to "count-1", a second apart, to each partition in turn. */
static void write_numbers(const char *topic, int partitions, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        struct witness_record record = witness_text(NULL, value, i % partitions);
        record.timestamp = 1767225600000 + 1000 * i;
        witness_write(witness, topic, &record);
    }
}

/* --- Ordinary flows --- */

static void each_run_reads_what_came_since_the_last_from_the_start_on(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *group = witness_fresh_name(witness, "group");
    write_numbers(topic, 1, 0, 3);
    struct mock_step *s = begin(m, ONE_RUN, topic, group, ", 'startFrom': 'latest'");
    assert_gives(s, 3, "0 1 2 ");
    mock_close(s);
    assert_int_equal(witness_committed(witness, group, topic, 0), 3);

    s = begin(m, ONE_RUN, topic, group, "");
    assert_gives(s, 0, ""); /* nothing came */
    mock_close(s);

    write_numbers(topic, 1, 3, 2);
    s = begin(m, ONE_RUN, topic, group, "");
    assert_gives(s, 2, "3 4 ");
    mock_close(s);
    assert_int_equal(witness_committed(witness, group, topic, 0), 5);
}

static void a_run_on_a_topic_without_records_ends(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 3, NULL);
    assert_gives(begin(m, ONE_RUN, topic, witness_fresh_name(witness, "group"), ""), 0, "");
}

static void a_run_that_was_cut_short_is_made_up_for_by_the_next(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *group = witness_fresh_name(witness, "group");
    write_numbers(topic, 1, 0, 5);
    struct mock_step *s = begin(m, ONE_RUN, topic, group, "");
    assert_true(mock_hands_out(s, 5, WAIT_MS));
    mock_accept(s, 0);
    mock_accept(s, 1);
    mock_accept(s, 3); /* 2 and 4 were never confirmed */
    mock_stop(s, 0);
    mock_wait_end(s, SOON_MS);
    mock_close(s);
    assert_gives(begin(m, ONE_RUN, topic, group, ""), 3, "2 3 4 ");
}

/* --- Samples --- */

static void a_sample_shows_the_youngest_of_all_partitions(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 3, NULL);
    write_numbers(topic, 3, 0, 60);
    assert_gives(begin(m, SAMPLE, topic, "g", ""), 10, "50 51 52 53 54 55 56 57 58 59 ");
}

static void a_sample_from_the_earliest_shows_what_is_left_there(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 1, NULL);
    write_numbers(topic, 1, 0, 30);
    witness_delete_records(witness, topic, 0, 7);
    assert_gives(begin(m, SAMPLE, topic, "g", ", 'startFrom': 'earliest'"), 10,
                 "7 8 9 10 11 12 13 14 15 16 ");
    witness_delete_records(witness, topic, 0, 27);
    assert_gives(begin(m, SAMPLE, topic, "g", ""), 3, "27 28 29 ");
}

static void a_sample_shows_what_comes_from_a_time_on(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 1, NULL);
    write_numbers(topic, 1, 0, 30); /* "0" at 2026-01-01T00:00:00Z */
    assert_gives(begin(m, SAMPLE, topic, "g", ", 'startFrom': '2026-01-01T00:00:26Z'"), 4,
                 "26 27 28 29 ");
}

static void a_sample_looks_behind_what_was_aborted(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 1, NULL);
    write_numbers(topic, 1, 0, 12);
    for (int i = 0; i < 30; i++)
        witness_write_transaction(witness, topic, ARGS("x", "y"), false);
    assert_gives(begin(m, SAMPLE, topic, "g", ""), 10, "2 3 4 5 6 7 8 9 10 11 ");
}

static void between_the_marks_of_transactions_ten_are_found(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 2, NULL);
    const char *const values[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l" };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        witness_write_transaction(witness, topic, ARGS(values[i]), true);
    assert_gives(begin(m, SAMPLE, topic, "g", ""), 10, "c d e f g h i j k l ");
}

static void a_topic_without_records_shows_the_first_that_comes(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct mock_step *s = begin(m, SAMPLE, topic, "g", "");
    assert_false(mock_hands_out(s, 1, 1000));
    write_numbers(topic, 2, 7, 1);
    assert_gives(s, 1, "7 ");
}

static void a_sample_leaves_nothing_behind(void **state)
{
    (void)state;
    struct mock *m = start();
    const char *topic = witness_new_topic(witness, 2, NULL);
    const char *group = witness_fresh_name(witness, "sampled");
    const char *other = witness_fresh_name(witness, "committed");
    write_numbers(topic, 2, 0, 20);
    witness_commit(witness, other, topic, 0, 4);
    const char *const groups[] = { group, other };
    for (size_t i = 0; i < 2; i++) {
        struct mock_step *s = begin(m, SAMPLE, topic, groups[i], "");
        mock_accept_until(s, 10);
        mock_wait_end(s, SOON_MS);
        mock_close(s);
    }
    struct run run =
        run_component(ARGS("models", "groups"),
                      &(struct process_options){ .env = ARGS(no_sign_in()) }, "", WAIT_MS);
    assert_exit(&run, 0);
    assert_null(strstr(run.out, group));
    assert_non_null(strstr(run.out, other));
    run_free(&run);
    assert_int_equal(witness_committed(witness, other, topic, 0), 4);
}

static void a_sample_of_a_missing_topic_says_so(void **state)
{
    (void)state;
    struct mock *m = start();
    struct mock_step *s = begin(m, SAMPLE, "no-such-topic", "g", "");
    mock_wait_end(s, SOON_MS);
    assert_int_equal(mock_handed_count(s), 0);
    assert_int_equal(mock_error_count(s), 1);
    assert_event_str(mock_error(s, 0), "name", "topic_missing");
}

static int tidy(void **state)
{
    mock_free_all(state);
    return live_tidy(state);
}

#define modes_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        modes_test(each_run_reads_what_came_since_the_last_from_the_start_on),
        modes_test(a_run_on_a_topic_without_records_ends),
        modes_test(a_run_that_was_cut_short_is_made_up_for_by_the_next),
        modes_test(a_sample_shows_the_youngest_of_all_partitions),
        modes_test(a_sample_from_the_earliest_shows_what_is_left_there),
        modes_test(a_sample_shows_what_comes_from_a_time_on),
        modes_test(a_sample_looks_behind_what_was_aborted),
        modes_test(between_the_marks_of_transactions_ten_are_found),
        modes_test(a_topic_without_records_shows_the_first_that_comes),
        modes_test(a_sample_leaves_nothing_behind),
        modes_test(a_sample_of_a_missing_topic_says_so),
    };
    return cmocka_run_group_tests_name("live/consume_modes", tests, live_setup, live_teardown);
}
