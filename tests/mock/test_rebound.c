// SPDX-License-Identifier: Apache-2.0
/* test_rebound.c - the action in a flow that can try a message again: when it asks for that,
 * when it tells of an error instead, and what it replies. */
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
#define SHORT    "'topic': '" TOPIC "', 'timeoutMs': 1000"
#define REBOUNDS "{" SHORT ", 'enableRebound': true}"
#define ERRORS   "{" SHORT "}"

/* Waits until a record gets through, for a new client on a busy machine may need longer than a
 * short time-out: so what fails afterwards fails for its own reason. */
static void begin(struct mock_step *s)
{
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    json_t *events, *code;
    do {
        events =
            mock_answered(mock_send(s, "{'value': 'before', 'partition': 0}"), MOCK_WAIT_MS);
        code = event_at(events, "0.body.errorCode");
    } while ((!code || strcmp(json_string_value(code), "0") != 0) && now_ms() < deadline);
    assert_event_str(events, "0.body.errorCode", "0");
}

/* Nothing but the rebound, for this reason, and the end. */
static void assert_rebound(struct mock_answer *a, const char *name)
{
    json_t *events = mock_answered(a, MOCK_WAIT_MS);
    assert_event_str(events, "0.event", "rebound");
    assert_event_str(events, "0.error.name", name);
    assert_event_str(events, "1.event", "end");
    assert_int_equal(json_array_size(events), 2);
}

/* The results, one error of this name, the end; no rebound, and no reply. */
static void assert_error(struct mock_answer *a, const char *name)
{
    json_t *events = mock_answered(a, MOCK_WAIT_MS), *event;
    size_t i, count = json_array_size(events);
    assert_true(count >= 2);
    json_array_foreach(events, i, event)
    {
        assert_string_not_equal(event_str(event, "event"), "rebound");
        assert_string_not_equal(event_str(event, "event"), "reply");
    }
    event = json_array_get(events, count - 2);
    assert_event_str(event, "event", "error");
    assert_event_str(event, "error.name", name);
}

/* A partition whose records nobody takes: they wait here until their time is over. */
static void take_leader(struct mock *m, int partition)
{
    if (rd_kafka_mock_partition_set_leader(m->cluster, TOPIC, partition, -1))
        fail_msg("partition %d keeps its leader", partition);
}

/* --- Rebounds --- */

static void a_message_that_nobody_took_is_rebound(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    mock_down(m);
    struct mock_answer *a = mock_send(s, "{'messages': [{'value': 'a'}, {'value': 'b'}]}");
    assert_rebound(a, "unavailable");
    const char *reason = event_str(mock_answered(a, 0), "0.error.message");
    assert_non_null(strstr(reason, "write to 'cars': 2 of 2 records failed: "));
}

static void records_that_wait_for_a_leader_are_rebound(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 3);
    take_leader(m, 1);
    take_leader(m, 2);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    assert_rebound(mock_send(s, "{'messages': [{'value': 'a', 'partition': 1},"
                                "{'value': 'b', 'partition': 2}]}"),
                   "timeout");
}

static void what_waits_when_time_is_up_is_rebound_and_so_is_what_comes_later(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce_in_flow(
        m, "{'topic': '" TOPIC "', 'timeoutMs': 60000, 'enableRebound': true}");
    begin(s);
    mock_down(m);
    struct mock_answer *a = mock_send(s, "{'value': 'waits'}");
    mock_stop(s, 0);
    assert_rebound(a, "stopped");
    assert_rebound(mock_send(s, "{'value': 'too late'}"), "stopped");
}

/* --- Errors --- */

static void without_the_setting_it_is_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    take_leader(m, 1);
    struct mock_step *s = mock_produce_in_flow(m, ERRORS);
    begin(s);
    assert_error(mock_send(s, "{'value': 'a', 'partition': 1}"), "timeout");
    mock_stop(s, 0);
    json_t *late = mock_answered(mock_send(s, "{'value': 'too late'}"), MOCK_WAIT_MS);
    assert_event_str(late, "0.error.name", "stopped");
}

static void where_nobody_can_rebound_it_is_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    take_leader(m, 1);
    struct mock_step *s = mock_produce(m, false, REBOUNDS);
    begin(s);
    assert_error(mock_send(s, "{'value': 'a', 'partition': 1}"), "timeout");
}

static void a_stored_record_makes_it_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    take_leader(m, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    struct mock_answer *a = mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                         "{'value': 'b', 'partition': 1}]}");
    assert_error(a, "timeout");
    json_t *events = mock_answered(a, 0);
    assert_event_str(events, "0.body.errorCode", "0");
    assert_event_str(events, "1.body.stored", "no");
}

static void a_record_that_may_be_stored_makes_it_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 4000); /* it takes the record, and is silent */
    struct mock_answer *a = mock_send(s, "{'value': 'who knows'}");
    assert_error(a, "timeout");
    assert_event_str(mock_answered(a, 0), "0.body.stored", "maybe");
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 0);
}

static void a_failure_that_stays_makes_it_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    mock_fail(m, MOCK_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
              RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct mock_answer *a = mock_send(s, "{'value': 'a'}");
    assert_error(a, "forbidden");
    assert_event_str(mock_answered(a, 0), "0.body.stored", "no");
}

static void one_failure_that_stays_among_others_makes_it_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    take_leader(m, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    begin(s);
    assert_error(mock_send(s, "{'messages': [{'value': 'a', 'partition': 1},"
                              "{'value': 'b', 'partition': 99}]}"),
                 "timeout");
}

static void a_wrong_message_is_an_error(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct mock_step *s = mock_produce_in_flow(m, REBOUNDS);
    assert_error(mock_send(s, "{'vale': 'a'}"), "input");
}

/* --- Replies --- */

static void a_reply_says_what_the_data_say(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s = mock_produce_in_flow(m, "{'topic': '" TOPIC "'}");
    json_t *events = mock_answered(mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                                "{'value': 'b', 'partition': 1}]}"),
                                   MOCK_WAIT_MS);
    assert_int_equal(json_array_size(events), 4);
    assert_event_str(events, "2.event", "reply");
    assert_int_equal(event_int(events, "2.status"), 200);
    assert_json(events, "2.headers", "{\"content-type\":\"application/json\"}");
    assert_json(events, "2.body.errors", "[]");
    assert_int_equal(json_array_size(event_at(events, "2.body.messages")), 2);
    assert_true(
        json_equal(event_at(events, "2.body.messages.0.body"), event_at(events, "0.body")));
    assert_true(
        json_equal(event_at(events, "2.body.messages.1.body"), event_at(events, "1.body")));
    assert_event_str(events, "2.body.messages.1.id", event_str(events, "1.id"));
    assert_json(events, "2.body.messages.1.headers", "{}");
    assert_string_not_equal(event_str(events, "0.id"), event_str(events, "1.id"));
    assert_event_str(events, "3.event", "end");
}

static void a_reply_has_one_message_where_the_results_come_as_one(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct mock_step *s =
        mock_produce_in_flow(m, "{'topic': '" TOPIC "', 'emitBehavior': 'batch'}");
    json_t *events = mock_answered(mock_send(s, "{'messages': [{'value': 'a', 'partition': 0},"
                                                "{'value': 'b', 'partition': 1}]}"),
                                   MOCK_WAIT_MS);
    assert_event_str(events, "1.event", "reply");
    assert_int_equal(json_array_size(event_at(events, "1.body.messages")), 1);
    assert_event_str(events, "1.body.messages.0.body.results.1.errorCode", "0");
    assert_event_str(events, "2.event", "end");
}

#define TEST(name) cmocka_unit_test_teardown(name, mock_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_that_nobody_took_is_rebound),
        TEST(records_that_wait_for_a_leader_are_rebound),
        TEST(what_waits_when_time_is_up_is_rebound_and_so_is_what_comes_later),
        TEST(without_the_setting_it_is_an_error),
        TEST(where_nobody_can_rebound_it_is_an_error),
        TEST(a_stored_record_makes_it_an_error),
        TEST(a_record_that_may_be_stored_makes_it_an_error),
        TEST(a_failure_that_stays_makes_it_an_error),
        TEST(one_failure_that_stays_among_others_makes_it_an_error),
        TEST(a_wrong_message_is_an_error),
        TEST(a_reply_says_what_the_data_say),
        TEST(a_reply_has_one_message_where_the_results_come_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
