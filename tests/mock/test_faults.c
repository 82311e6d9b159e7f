// SPDX-License-Identifier: Apache-2.0
/* test_faults.c - rarer faults: one partition of many, a full queue, a fatal error under load,
 * a coordinator that is not ready, a member that was forgotten, offsets that are gone. */
#include "support/fail.h"
#include "support/mock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPIC    "cars"
#define GROUP    "garage"
#define SETTINGS "'topic': '" TOPIC "', 'groupId': '" GROUP "', 'sessionTimeoutMs': 6000"
#define EARLIEST "{" SETTINGS ", 'startFrom': 'earliest'}"
#define FOREVER  ((struct mock_ends){ 0 })

/* --- produce --- */

static void one_partition_of_two_may_fail(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "'}");
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    json_t *events = mock_answered(mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                                " {'value': 'b', 'partition': 1}]}"),
                                   MOCK_WAIT_MS);
    assert_event_str(events, "0.body.errorCode", "0");
    assert_event_str(events, "1.body.errorCode", "87");
    const char *stored = event_str(events, "0.body.partition");
    assert_json(events, "1.body.indexes", strcmp(stored, "0") == 0 ? "[1]" : "[0]");
    assert_event_str(events, "2.event", "error");
    assert_json(events, "2.details.0.indexes", strcmp(stored, "0") == 0 ? "[1]" : "[0]");
    assert_event_str(events, "3.event", "end");
}

static void failures_are_told_by_partition(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "'}");
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
              RD_KAFKA_RESP_ERR_INVALID_RECORD);
    json_t *events = mock_answered(mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                                " {'value': 'b', 'partition': 1}]}"),
                                   MOCK_WAIT_MS);
    assert_event_str(events, "0.body.partition", "0");
    assert_json(events, "0.body.indexes", "[0]");
    assert_event_str(events, "1.body.partition", "1");
    assert_json(events, "1.body.indexes", "[1]");
    assert_int_equal(json_array_size(event_at(events, "2.details")), 2);
    assert_event_str(events, "3.event", "end");
}

static void with_batch_all_results_are_one_message(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s =
        mock_produce(m, false, "{'topic': '" TOPIC "', 'emitBehavior': 'batch'}");
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    json_t *events = mock_answered(mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                                " {'value': 'b', 'partition': 1}]}"),
                                   MOCK_WAIT_MS);
    assert_int_equal(json_array_size(event_at(events, "0.body.results")), 2);
    assert_event_str(events, "0.body.results.0.errorCode", "0");
    assert_event_str(events, "0.body.results.1.errorCode", "87");
    assert_event_str(events, "1.event", "error");
    assert_event_str(events, "2.event", "end");
}

static void a_missing_topic_is_answered_long_before_the_delivery_timeout(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    rd_kafka_mock_topic_set_error(m->cluster, TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "', 'timeoutMs': 600000}");
    json_t *events = mock_answered(mock_send(s, "{'value': 'x'}"), MOCK_WAIT_MS);
    assert_event_str(events, "0.body.errorCode", "3");
    assert_event_str(events, "0.body.stored", "no");
    assert_event_str(events, "1.error.name", "topic_missing");
}

/* Enough at once that they go through the crowd's writer; the client that fails as a whole is
 * that one or the other. What is answered as stored is there, once; the rest says "maybe". */
static void in_a_crowd_every_answer_is_true_at_a_fatal_error(void **state)
{
    (void)state;
    enum {
        CROWD = 64,
        ROUNDS = 4
    };
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "', 'timeoutMs': 20000}");
    struct mock_answer *answers[2 * CROWD];
    char is_good[ROUNDS * 2 * CROWD] = { 0 };
    mock_answered(mock_send(s, "{'value': 'warm'}"), MOCK_WAIT_MS);
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 20);
    for (int i = 0; i < CROWD; i++)
        answers[i] = mock_send(s, "{'value': 'first'}");
    for (int i = 0; i < CROWD; i++)
        mock_answered(answers[i], MOCK_WAIT_MS);
    usleep(1800000); /* its writer is given that time to connect */
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2 * CROWD; i++) {
            if (i == CROWD && round > 0)
                mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
            answers[i] = mock_send(s, "{'value': '%d'}", round * 2 * CROWD + i);
        }
        for (int i = 0; i < 2 * CROWD; i++) {
            json_t *events = mock_answered(answers[i], 2 * MOCK_WAIT_MS);
            bool is = strcmp(event_str(events, "0.body.errorCode"), "0") == 0;
            is_good[round * 2 * CROWD + i] = is;
            if (!is)
                assert_event_str(events, "0.body.stored", "maybe");
        }
        json_t *next = mock_answered(mock_send(s, "{'value': 'next'}"), MOCK_WAIT_MS);
        assert_event_str(next, "0.body.errorCode", "0");
    }
    struct witness_records records = witness_read(m->witness, TOPIC);
    int found[ROUNDS * 2 * CROWD] = { 0 };
    for (size_t i = 0; i < records.count; i++) {
        char text[16], *end;
        snprintf(text, sizeof(text), "%.*s", (int)records.at[i].value_size,
                 (const char *)records.at[i].value);
        long n = strtol(text, &end, 10);
        if (end != text)
            found[n]++;
    }
    int good = 0;
    for (int i = 0; i < ROUNDS * 2 * CROWD; i++) {
        assert_in_range(found[i], is_good[i] ? 1 : 0, 1);
        good += is_good[i];
    }
    assert_true(good >= 2 * CROWD); /* the first round at least */
    witness_records_free(&records);
}

/* With a long way to the broker some requests are under way and the rest waits when the first
 * one fails the client as a whole. */
static void at_a_fatal_error_under_load_every_answer_is_true(void **state)
{
    (void)state;
    enum {
        COUNT = 12
    };
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, false, "{'topic': '" TOPIC "', 'timeoutMs': 20000}");
    struct mock_answer *answers[COUNT];
    mock_answered(mock_send(s, "{'value': 'warm'}"), MOCK_WAIT_MS);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 300);
    for (int i = 0; i < COUNT; i++) {
        int sent = mock_count_requests(m, MOCK_PRODUCE);
        answers[i] = mock_send(s, "{'value': '%d'}", i);
        if (i < 4) /* each in a request of its own */
            mock_wait_requests(m, MOCK_PRODUCE, sent + 1);
    }
    bool is_good[COUNT];
    for (int i = 0; i < COUNT; i++) {
        json_t *events = mock_answered(answers[i], 2 * MOCK_WAIT_MS);
        is_good[i] = strcmp(event_str(events, "0.body.errorCode"), "0") == 0;
        if (!is_good[i])
            assert_event_str(events, "0.body.stored", "maybe");
    }
    assert_false(is_good[0]);
    assert_true(is_good[COUNT - 1]);

    /* what was answered as stored is there, once, in its order */
    struct witness_records records = witness_read(m->witness, TOPIC);
    int next = 0, last = -1;
    for (size_t i = 1; i < records.count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%.*s", (int)records.at[i].value_size,
                 (const char *)records.at[i].value);
        int n = (int)strtol(text, NULL, 10);
        if (!is_good[n])
            continue;
        assert_true(n > last);
        last = n;
        next++;
    }
    for (int i = 0; i < COUNT; i++)
        next -= is_good[i];
    assert_int_equal(next, 0);
    witness_records_free(&records);
}

/* --- a full queue --- */

#define BIG_RECORDS 1000 /* of a message; 20,000 fit into librdkafka's queue */
#define BIG_COUNT   40

struct flood {
    struct mock_step *step;
    const char *text;
    struct mock_answer *answers[BIG_COUNT];
    atomic_int sent;
};

static void *send_flood(void *arg)
{
    struct flood *f = arg;
    for (int i = 0; i < BIG_COUNT; i++) {
        f->answers[i] = mock_send(f->step, "%s", f->text);
        f->sent++;
    }
    return NULL;
}

static void a_full_queue_makes_the_next_message_wait_and_loses_none(void **state)
{
    (void)state;
    static char text[BIG_RECORDS * 16 + 32];
    size_t len = (size_t)sprintf(text, "{'messages': [");
    for (int i = 0; i < BIG_RECORDS; i++)
        len += (size_t)sprintf(text + len, "%s{'value':'x'}", i ? "," : "");
    sprintf(text + len, "]}");

    pthread_t thread;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce(m, true, "{'topic': '" TOPIC "', 'timeoutMs': 600000}");
    struct flood f = { .step = s, .text = text };
    mock_answered(mock_send(s, "{'value': 'warm'}"), MOCK_WAIT_MS);
    mock_down(m);
    pthread_create(&thread, NULL, send_flood, &f);
    int64_t deadline = now_ms() + 3 * MOCK_WAIT_MS;
    while (f.sent < 20 && now_ms() < deadline)
        usleep(10000);
    usleep(300000); /* what does not wait would go on */
    assert_in_range(f.sent, 19, 21);
    mock_up(m);
    pthread_join(thread, NULL);
    for (int i = 0; i < BIG_COUNT; i++)
        assert_event_str(mock_answered(f.answers[i], 3 * MOCK_WAIT_MS), "0.body.errorCode",
                         "0");
    int64_t low, high;
    witness_watermarks(m->witness, TOPIC, 0, &low, &high);
    assert_int_equal(high, BIG_COUNT * BIG_RECORDS + 1);
}

/* --- consume --- */

static void a_coordinator_that_is_not_ready_is_waited_for(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 5);
    mock_fail(m, MOCK_JOIN_GROUP, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
              RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    mock_fail(m, MOCK_OFFSET_FETCH, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
              RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true }, EARLIEST);
    mock_accept_until(s, 5);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(mock_error_count(s), 0);
    assert_int_equal(witness_committed(m->witness, GROUP, TOPIC, 0), 5);
}

static void a_commit_that_fails_is_made_again(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 5);
    mock_fail(m, MOCK_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 5);
    mock_wait_requests(m, MOCK_OFFSET_COMMIT, 1);
    int64_t committed = witness_committed(m->witness, GROUP, TOPIC, 0);
    if (mock_count_requests(m, MOCK_OFFSET_COMMIT) == 1) /* it was not made again meanwhile */
        assert_int_equal(committed, -1);
    mock_stop(s, 5000);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(witness_committed(m->witness, GROUP, TOPIC, 0), 5);
}

static void a_rebalance_repeats_nothing_that_was_accepted(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 5);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 5);
    assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, 0, 5, MOCK_WAIT_MS));
    int joins = mock_count_requests(m, MOCK_JOIN_GROUP);
    mock_fail(m, MOCK_HEARTBEAT, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    mock_wait_requests(m, MOCK_JOIN_GROUP, joins + 1);
    witness_write_numbers(m->witness, TOPIC, 1, 5, 5);
    mock_accept_until(s, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(mock_handed(s, i).offset, i);
}

/* The coordinator has forgotten us: the partitions are lost, without a good-bye. */
static void answers_for_partitions_that_were_lost_are_ignored(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 3);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 3, MOCK_WAIT_MS));
    mock_fail(m, MOCK_HEARTBEAT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(mock_handed(s, 3 + i).offset, i); /* they come again */
    for (size_t i = 0; i < 3; i++)
        mock_accept(s, i); /* late */
    mock_accept(s, 3);
    mock_stop(s, 0);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(witness_committed(m->witness, GROUP, TOPIC, 0), 1);
}

static void an_offset_beyond_the_end_is_told_and_all_is_read_from_the_start(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 5);
    witness_commit(m->witness, GROUP, TOPIC, 0, 50);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 5);
    assert_event_str(mock_error(s, 0), "name", "offset_gone");
    const char *message = event_str(mock_error(s, 0), "message");
    if (!strstr(message, "offset 50 of cars/0 lies beyond its end, 5"))
        fail_msg("%s", message);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(mock_handed(s, i).offset, i);
}

static void the_start_of_latest_is_committed_before_any_record(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    witness_write_numbers(m->witness, TOPIC, 2, 0, 10);
    struct mock_step *s = mock_consume(m, FOREVER, "{" SETTINGS "}");
    assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, 0, 5, MOCK_WAIT_MS));
    assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, 1, 5, MOCK_WAIT_MS));
    assert_int_equal(mock_handed_count(s), 0);
    witness_write_numbers(m->witness, TOPIC, 2, 10, 2);
    mock_accept_until(s, 2);
    assert_int_equal(mock_handed(s, 0).offset, 5);
    assert_int_equal(mock_handed(s, 1).offset, 5);
}

static void a_refused_batch_comes_again_as_it_was(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    witness_write_numbers(m->witness, TOPIC, 1, 0, 5);
    struct mock_step *s = mock_consume(m, FOREVER,
                                       "{" SETTINGS ", 'startFrom': 'earliest',"
                                       " 'batchSize': 3, 'batchTimeoutMs': 3000}");
    assert_true(mock_hands_out(s, 2, MOCK_WAIT_MS));
    mock_accept(s, 0);
    mock_refuse(s, 1); /* which was not full */
    struct mock_handed again = mock_handed(s, 2);
    assert_int_equal(again.offset, 3);
    assert_int_equal(again.records, 2);
    assert_true(json_equal(again.body, mock_handed(s, 1).body));
    mock_accept(s, 2);
    mock_stop(s, 5000);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(witness_committed(m->witness, GROUP, TOPIC, 0), 5);
}

static void a_topic_that_is_not_there_ends_it_with_a_word(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    rd_kafka_mock_topic_set_error(m->cluster, TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_event_str(mock_error(s, 0), "name", "topic_missing");
    mock_wait_end(s, MOCK_WAIT_MS);
}

#define TEST(name) cmocka_unit_test_teardown(name, mock_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_partition_of_two_may_fail),
        TEST(with_batch_all_results_are_one_message),
        TEST(a_missing_topic_is_answered_long_before_the_delivery_timeout),
        TEST(failures_are_told_by_partition),
        TEST(in_a_crowd_every_answer_is_true_at_a_fatal_error),
        TEST(at_a_fatal_error_under_load_every_answer_is_true),
        TEST(a_full_queue_makes_the_next_message_wait_and_loses_none),
        TEST(a_coordinator_that_is_not_ready_is_waited_for),
        TEST(a_commit_that_fails_is_made_again),
        TEST(a_rebalance_repeats_nothing_that_was_accepted),
        TEST(answers_for_partitions_that_were_lost_are_ignored),
        TEST(an_offset_beyond_the_end_is_told_and_all_is_read_from_the_start),
        TEST(the_start_of_latest_is_committed_before_any_record),
        TEST(a_refused_batch_comes_again_as_it_was),
        TEST(a_topic_that_is_not_there_ends_it_with_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
