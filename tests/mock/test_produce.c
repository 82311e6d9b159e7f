// SPDX-License-Identifier: Apache-2.0
/* test_produce.c - the action while the broker answers with errors, hangs up or is gone. */
#include "support/fail.h"
#include "support/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPIC    "cars"
#define SETTINGS "{'topic': '" TOPIC "'}"
#define MANY     20
#define SOON_MS  (5000 + 2000 * SLOW) /* twice that is less than the default time-out */

static void assert_good(struct mock_answer *a)
{
    json_t *events = mock_answered(a, MOCK_WAIT_MS);
    assert_event_str(events, "0.body.errorCode", "0");
    assert_event_str(events, "1.event", "end");
}

/* One result with this code for these records, one error of that name, the end. */
static void assert_failed(struct mock_answer *a, int wait_ms, const char *code,
                          const char *name, const char *indexes)
{
    json_t *events = mock_answered(a, wait_ms);
    assert_event_str(events, "0.body.errorCode", code);
    assert_event_str(events, "0.body.baseOffset", "-1");
    assert_json(events, "0.body.indexes", indexes);
    assert_event_str(events, "1.event", "error");
    assert_event_str(events, "1.error.name", name);
    assert_json(events, "1.details.0.indexes", indexes);
    assert_event_str(events, "2.event", "end");
}

/* The topic holds these values in this order, and nothing else. */
static void assert_values(struct mock *m, size_t count, const char *const *values)
{
    struct witness_records records = witness_read(m->witness, TOPIC);
    for (size_t i = 0; i < records.count && i < count; i++)
        assert_bytes(records.at[i].value, records.at[i].value_size, values[i]);
    assert_int_equal(records.count, count);
    witness_records_free(&records);
}

/* --- What is made good --- */

static void is_retried_in_order(rd_kafka_resp_err_t code)
{
    struct mock *m = mock_start(TOPIC, 1);
    mock_far(m, 200); /* all wait until it knows the leader, and so go out as one request: of
                       * several the mock takes one, though the one before it has failed */
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    struct mock_answer *answers[MANY];
    char texts[MANY][16];
    const char *values[MANY];
    mock_fail(m, MOCK_PRODUCE, code, code);
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "v%d", i);
        values[i] = texts[i];
        answers[i] = mock_send(s, "{'value': '%s'}", texts[i]);
    }
    mock_far(m, 0);
    for (int i = 0; i < MANY; i++)
        assert_good(answers[i]);
    assert_values(m, MANY, values);
}

static void a_leader_that_moved_is_looked_for(void **state)
{
    (void)state;
    is_retried_in_order(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
}

static void missing_replicas_are_waited_for(void **state)
{
    (void)state;
    is_retried_in_order(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
}

static void a_broken_connection_loses_nothing_and_repeats_nothing(void **state)
{
    (void)state;
    is_retried_in_order(RD_KAFKA_RESP_ERR__TRANSPORT);
}

static void a_sequence_number_that_was_there_before_is_success_without_an_offset(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
    struct mock_answer *a = mock_send(s, "{'value': 'again'}");
    assert_good(a);
    assert_event_str(mock_answered(a, 0), "0.body.baseOffset", "-1");
}

static void a_batch_that_is_too_large_together_is_stored_record_by_record(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, true, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_good(mock_send(s, "{'messages': [{'value': 'a'}, {'value': 'b'}, {'value': 'c'}]}"));
    assert_values(m, 3, ARGS("a", "b", "c"));
}

static void a_right_that_came_back_counts_at_once(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_good(mock_send(s, "{'value': 'allowed'}"));
    assert_values(m, 1, ARGS("allowed"));
}

/* --- What is answered with an error --- */

static void only_the_record_that_stays_too_large_is_named(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, true, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
              RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    struct mock_answer *a =
        mock_send(s, "{'messages': [{'value': 'a'}, {'value': 'b'}, {'value': 'c'}]}");
    json_t *events = mock_answered(a, MOCK_WAIT_MS);
    assert_event_str(events, "0.body.errorCode", "0");
    assert_event_str(events, "1.body.errorCode", "10");
    assert_json(events, "1.body.indexes", "[0]");
    assert_event_str(events, "1.body.stored", "no");
    assert_event_str(events, "2.error.name", "record_too_large");
    assert_json(events, "2.details.0.indexes", "[0]");
    assert_event_str(events, "3.event", "end");
    assert_values(m, 2, ARGS("b", "c"));
}

static void a_missing_right_is_answered_and_the_next_message_passes(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
              RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED); /* it is asked for once more */
    assert_failed(mock_send(s, "{'value': 'bad'}"), SOON_MS, "29", "forbidden", "[0]");
    assert_good(mock_send(s, "{'value': 'good'}"));
    assert_values(m, 1, ARGS("good"));
}

static void a_record_that_the_broker_rejects_is_answered_and_the_next_passes(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    assert_failed(mock_send(s, "{'value': 'bad'}"), SOON_MS, "87", "rejected", "[0]");
    assert_good(mock_send(s, "{'value': 'good'}"));
    assert_values(m, 1, ARGS("good"));
}

static void after_a_fatal_error_the_next_message_is_stored_by_a_new_client(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    assert_good(mock_send(s, "{'value': 'before'}"));
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    json_t *events = mock_answered(mock_send(s, "{'value': 'lost'}"), MOCK_WAIT_MS);
    assert_event_str(events, "0.body.errorCode", "45");
    assert_event_str(events, "0.body.stored", "maybe");
    assert_good(mock_send(s, "{'value': 'after'}"));
    assert_values(m, 2, ARGS("before", "after"));
}

static void a_partition_that_does_not_exist_is_answered_with_3(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    /* cold: nothing is known of the topic yet; warm: it is */
    assert_failed(mock_send(s, "{'value': 'x', 'partition': 99}"), MOCK_WAIT_MS, "3",
                  "partition_missing", "[0]");
    assert_failed(mock_send(s, "{'value': 'x', 'partition': 99}"), MOCK_WAIT_MS, "3",
                  "partition_missing", "[0]");
    assert_good(mock_send(s, "{'value': 'x', 'partition': 1}"));
}

static void a_broker_that_is_down_is_named_in_time_and_back_at_once(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "', 'timeoutMs': 4000}");
    struct mock_answer *answers[3];
    assert_good(mock_send(s, "{'value': 'before'}"));
    mock_down(m);
    for (int i = 0; i < 3; i++)
        answers[i] = mock_send(s, "{'value': 'down'}");
    for (int i = 0; i < 3; i++) {
        assert_failed(answers[i], 2 * SOON_MS, "7", "unavailable", "[0]");
        const char *message = event_str(mock_answered(answers[i], 0), "1.error.message");
        if (!strstr(message, "refused") && !strstr(message, "isconnected"))
            fail_msg("no cause in: %s", message);
    }
    mock_up(m);
    struct mock_answer *a;
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    do {
        a = mock_send(s, "{'value': 'after'}");
    } while (json_array_size(mock_answered(a, 2 * SOON_MS)) > 2 && now_ms() < deadline);
    assert_good(a);
    assert_values(m, 2, ARGS("before", "after"));
}

static void a_stop_without_a_drain_answers_all_that_waits(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    struct mock_answer *answers[5];
    assert_good(mock_send(s, "{'value': 'before'}"));
    mock_down(m);
    for (int i = 0; i < 5; i++)
        answers[i] = mock_send(s, "{'value': 'waits'}");
    mock_stop(s, 0);
    for (int i = 0; i < 5; i++) {
        json_t *events = mock_answered(answers[i], SOON_MS);
        assert_event_str(events, "1.error.name", "stopped");
        assert_event_str(events, "2.event", "end");
    }
    json_t *late = mock_answered(mock_send(s, "{'value': 'too late'}"), SOON_MS);
    assert_event_str(late, "0.error.name", "stopped");
    mock_close(s);
    mock_up(m);
    assert_values(m, 1, ARGS("before"));
}

/* --- Where keys go --- */

#define VECTORS_MAX 100
#define PARTITIONS  7

static void keys_land_where_the_java_client_puts_them(void **state)
{
    (void)state;
    char path[1000], line[4096], key[4096];
    unsigned hashes[VECTORS_MAX];
    size_t count = 0;
    struct mock *m = mock_start(TOPIC, PARTITIONS);
    struct mock_step *s = mock_produce(m, false, SETTINGS);
    snprintf(path, sizeof(path), "%s/tests/unit/murmur2_vectors.txt", need_env("KC_TEST_ROOT"));
    FILE *file = fopen(path, "r");
    if (!file)
        fail_test("no %s", path);
    while (fgets(line, sizeof(line), file) && count < VECTORS_MAX) {
        key[0] = '\0';
        if (line[0] == '#' || sscanf(line, "%u %4095s", &hashes[count], key) < 1)
            continue;
        assert_good(
            mock_send(s, "{'key': '%s', 'keyEncoding': 'base64', 'value': '%zu'}", key, count));
        count++;
    }
    fclose(file);
    assert_true(count > 10);
    struct witness_records records = witness_read(m->witness, TOPIC);
    assert_int_equal(records.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct witness_record *r = &records.at[i];
        char number[8];
        snprintf(number, sizeof(number), "%.*s", (int)r->value_size, (const char *)r->value);
        unsigned hash = hashes[strtoul(number, NULL, 10)];
        if ((unsigned)r->partition != hash % PARTITIONS)
            fail_msg("key %s with hash %u is in partition %d", number, hash, r->partition);
    }
    witness_records_free(&records);
}

#define TEST(name) cmocka_unit_test_teardown(name, mock_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_leader_that_moved_is_looked_for),
        TEST(missing_replicas_are_waited_for),
        TEST(a_broken_connection_loses_nothing_and_repeats_nothing),
        TEST(a_sequence_number_that_was_there_before_is_success_without_an_offset),
        TEST(a_batch_that_is_too_large_together_is_stored_record_by_record),
        TEST(a_right_that_came_back_counts_at_once),
        TEST(only_the_record_that_stays_too_large_is_named),
        TEST(a_missing_right_is_answered_and_the_next_message_passes),
        TEST(a_record_that_the_broker_rejects_is_answered_and_the_next_passes),
        TEST(after_a_fatal_error_the_next_message_is_stored_by_a_new_client),
        TEST(a_partition_that_does_not_exist_is_answered_with_3),
        TEST(a_broker_that_is_down_is_named_in_time_and_back_at_once),
        TEST(a_stop_without_a_drain_answers_all_that_waits),
        TEST(keys_land_where_the_java_client_puts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
