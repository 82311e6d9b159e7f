// SPDX-License-Identifier: Apache-2.0
/* test_http_poll.c - the stateless way to consume on Apache Kafka: nothing is kept between two
 * calls, any server takes the next one, and a cursor can be made the group's offsets. */
#include "support/component.h"
#include "support/reader.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FROM_START "'startFrom': 'earliest'"
#define RUNNING    "kafka_component_poll_running"
#define KILLS      20
#define RECORDS    20000

static const char *numbers(int partitions, int count)
{
    const char *topic = witness_new_topic(witness, partitions, NULL);
    witness_write_numbers(witness, topic, partitions, 0, count);
    return topic;
}

/* One call; cursor NULL: the first one. */
static struct http_answer *poll_(const struct serve *s, const char *topic, const char *cursor,
                                 const char *more)
{
    const char *body = jsonf("{'config': {'topic': '%s', " FROM_START "}%s%s%s%s%s}", topic,
                             cursor ? ", 'cursor': '" : "", cursor ? cursor : "",
                             cursor ? "'" : "", more ? ", " : "", more ? more : "");
    return http_post(s->base, POLL_PATH, NULL, body);
}

static int64_t count_in(struct tally *t, const struct http_answer *a)
{
    json_t *messages = event_at(a->json, "messages"), *message;
    size_t i;
    json_array_foreach(messages, i, message)
    {
        tally_add(t, strtoll(event_str(message, "body.value"), NULL, 10));
    }
    return (int64_t)json_array_size(messages);
}

static char *cursor_of(const struct http_answer *a)
{
    char *cursor = strdup(event_str(a->json, "cursor"));
    assert_non_null(cursor);
    return cursor;
}

/* --- What comes --- */

static void a_call_gives_whole_messages_and_a_cursor(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct witness_record odd = witness_text("k\"[{", "a,]}\\\"\n,{", 0);
    struct witness_record plain = witness_text(NULL, "", 0);
    witness_write(witness, topic, &odd);
    witness_write(witness, topic, &plain);
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a = poll_(s, topic, NULL, NULL);
    assert_http(a, 200);
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 2);
    assert_true(strlen(event_str(a->json, "messages.0.id")) > 0);
    assert_non_null(event_at(a->json, "messages.0.headers"));
    assert_event_str(a->json, "messages.0.body.key", "k\"[{");
    assert_event_str(a->json, "messages.0.body.value", "a,]}\\\"\n,{");
    assert_event_str(a->json, "messages.0.body.topic", topic);
    assert_event_str(a->json, "messages.1.body.value", "");
    assert_int_equal(event_int(a->json, "messages.1.body.offset"), 1);
    char *cursor = cursor_of(a);
    a = poll_(s, topic, cursor, "'maxWaitMs': 0");
    assert_http(a, 200);
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 0);
    assert_string_equal(event_str(a->json, "cursor"), cursor);
    free(cursor);
    serve_stop(s, 0, WAIT_MS);
}

static void a_call_waits_for_the_first_record(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    struct http_answer *a = poll_(s, topic, cursor, "'maxWaitMs': 700");
    assert_in_range(a->ms, 690, 4500); /* without it, it would be 5000 */
    struct http *h = http_start(&(struct http_request){
        .base = s->base,
        .path = POLL_PATH,
        .body = jsonf("{'config': {'topic': '%s'}, 'cursor': '%s', 'maxWaitMs': 10000}", topic,
                      cursor) });
    serve_expect_metric(s, RUNNING " 1\n", WAIT_MS);
    witness_write_numbers(witness, topic, 1, 1, 1);
    a = http_finish(h, WAIT_MS);
    assert_in_range(a->ms, 0, 9000);
    assert_event_str(a->json, "messages.0.body.value", "1");
    free(cursor);
}

static void limits_are_kept(void **state)
{
    (void)state;
    const char *topic = numbers(1, 300);
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a = poll_(s, topic, NULL, NULL);
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 100);
    a = poll_(s, topic, NULL, "'maxMessages': 7");
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 7);
    a = poll_(s, topic, NULL, "'maxMessages': 300, 'maxBytes': 1024");
    assert_in_range(json_array_size(event_at(a->json, "messages")), 1, 20);
    char path[200];
    snprintf(path, sizeof(path), POLL_PATH "?topic=%s&startFrom=earliest&maxMessages=3", topic);
    a = http_post(s->base, path, NULL, "{}");
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 3);
}

static void two_servers_answer_one_chain_alternately(void **state)
{
    (void)state;
    const char *topic = numbers(6, 3000);
    struct serve *servers[] = { serve_kafka(NULL), serve_kafka(NULL) };
    struct tally t;
    tally_init(&t, 3000);
    char *cursor = NULL;
    for (int i = 0; t.different < 3000; i++) {
        struct http_answer *a = poll_(servers[i % 2], topic, cursor, NULL);
        assert_http(a, 200);
        assert_true(count_in(&t, a) > 0);
        free(cursor);
        cursor = cursor_of(a);
        http_answer_free(a);
    }
    assert_int_equal(t.again, 0);
    free(cursor);
    tally_deinit(&t);
}

/* --- What is refused --- */

static void all_that_is_wrong_is_named_at_once(void **state)
{
    (void)state;
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a =
        http_post(s->base, POLL_PATH, NULL,
                  json("{'maxMessages': 'x', 'maxBytes': 1, 'maxWaitMs': -1, 'cursor': 7, "
                       "'foo': 1, 'config': {'bar': 1, 'startFrom': 'soon'}}"));
    assert_problem(a, 400, "config");
    static const char *const pointers[] = { "/foo",          "/config/bar",      "/cursor",
                                            "/maxMessages",  "/maxBytes",        "/maxWaitMs",
                                            "/config/topic", "/config/startFrom" };
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "\"pointer\":\"%s\"", pointers[i]);
        if (!strstr(a->body, text))
            fail_msg("%s is not named: %s", pointers[i], a->body);
    }
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 8);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1), *other = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    assert_problem(poll_(s, other, cursor, NULL), 400, "bad_cursor");
    assert_problem(poll_(s, topic, "broken", NULL), 400, "bad_cursor");
    assert_problem(poll_(s, topic, "", NULL), 400, "bad_cursor");
    struct http_answer *a = http_post(s->base, POLL_PATH, NULL,
                                      json("{'config': {'topic': 'a b', 'startFrom': 'x'}}"));
    assert_problem(a, 400, "config");
    assert_string_equal(event_str(a->json, "errors.0.pointer"), "/config/topic");
    assert_string_equal(event_str(a->json, "errors.1.pointer"), "/config/startFrom");
    assert_problem(poll_(s, topic, NULL, "'maxMessages': 0"), 400, "config");
    assert_problem(poll_(s, topic, NULL, "'maxWaitMs': 60001"), 400, "config");
    assert_problem(poll_(s, topic, NULL, "'maxRecords': 1"), 400, "config");
    assert_problem(poll_(s, "no-such-topic", NULL, NULL), 404, "topic_missing");
    free(cursor);
}

static void lost_records_are_told_beside_those_that_are_left(void **state)
{
    (void)state;
    const char *topic = numbers(1, 20);
    struct serve *s = serve_kafka(NULL), *cold = serve_kafka(NULL); /* without a prefetch */
    char *cursor = cursor_of(poll_(s, topic, NULL, "'maxMessages': 5"));
    witness_delete_records(witness, topic, 0, 10);
    struct http_answer *a = poll_(cold, topic, cursor, NULL);
    assert_http(a, 200);
    assert_event_str(a->json, "messages.0.body.value", "10");
    assert_event_str(a->json, "errors.0.code", "offset_gone");
    free(cursor);
}

/* Reads from the cursor until `count` records came; the first answer tells of what is gone. */
static void read_anew(struct serve *s, const char *topic, const char *from, int64_t count)
{
    struct tally tally;
    tally_init(&tally, count);
    char *cursor = strdup(from);
    int64_t deadline = now_ms() + WAIT_MS;
    size_t told = 0;
    while (tally.different < count || told == 0) {
        struct http_answer *a = poll_(s, topic, cursor, "'maxWaitMs': 1000");
        assert_http(a, 200);
        json_t *errors = event_at(a->json, "errors");
        told += json_array_size(errors);
        count_in(&tally, a);
        free(cursor);
        cursor = cursor_of(a);
        http_answer_free(a);
        assert_true(now_ms() < deadline);
    }
    assert_int_equal(told, 1);
    assert_int_equal(tally.again, 0);
    tally_deinit(&tally);
    free(cursor);
}

static void a_topic_made_anew_is_told_where_the_cursor_lies_beyond_its_end(void **state)
{
    (void)state;
    struct serve *warm = serve_kafka(NULL), *cold = serve_kafka(NULL);
    for (int left = 5; left >= 0; left -= 5) {
        const char *topic = numbers(1, 20);
        char *cursor = cursor_of(poll_(warm, topic, NULL, NULL));
        witness_delete_topic(witness, topic);
        witness_create_topic(witness, topic, 1, NULL);
        if (left)
            witness_write_numbers(witness, topic, 1, 0, left);
        read_anew(warm, topic, cursor, left);
        read_anew(cold, topic, cursor, left);
        free(cursor);
    }
}

static void a_broker_that_is_down_is_a_503_with_the_cause(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    kafka_kill(kafka);
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a = poll_(s, topic, NULL, "'maxWaitMs': 0");
    assert_problem(a, 503, "unavailable");
    assert_in_range(a->ms, 0, 9500);
    assert_non_null(http_header(a, "Retry-After"));
}

/* --- Committing --- */

static void a_committed_cursor_is_where_the_group_goes_on(void **state)
{
    (void)state;
    const char *topic = numbers(1, 10);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, "'maxMessages': 4"));
    struct http_answer *a =
        http_post(s->base, COMMIT_PATH, NULL,
                  jsonf("{'config': {'groupId': 'pollers'}, 'cursor': '%s'}", cursor));
    assert_http(a, 200);
    assert_json(a->json, "offsets", jsonf("[{'offset':4,'partition':0,'topic':'%s'}]", topic));
    assert_int_equal(witness_committed(witness, "pollers", topic, 0), 4);
    a = http_post(s->base, POLL_PATH, NULL,
                  jsonf("{'config': {'topic': '%s', 'groupId': 'pollers'}}", topic));
    assert_event_str(a->json, "messages.0.body.value", "4");
    a = http_post(s->base, COMMIT_PATH, NULL, jsonf("{'cursor': '%s'}", cursor));
    assert_problem(a, 400, "config");
    free(cursor);
}

static void a_group_that_has_members_takes_commits_from_them_alone(void **state)
{
    (void)state;
    const char *topic = numbers(1, 2);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    struct http *h = stream_open(
        s, NULL,
        jsonf("{'config': {'topic': '%s', 'groupId': 'manned', " FROM_START "}}", topic));
    free(stream_expect(h, "0", WAIT_MS));
    struct http_answer *a =
        http_post(s->base, COMMIT_PATH, NULL,
                  jsonf("{'config': {'groupId': 'manned'}, 'cursor': '%s'}", cursor));
    assert_problem(a, 409, "group_active");
    free(cursor);
}

/* --- How many, and how it ends --- */

/* 32 calls wait for Kafka, 256 for one of them to end. What these waited in the queue is part
 * of the time that they want to wait: so all end together. */
static void more_calls_than_can_wait_are_refused(void **state)
{
    (void)state;
    enum {
        AT_WORK = 32,
        IN_ALL = AT_WORK + 256,
        CALLS = IN_ALL + 32
    };
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    struct http *calls[CALLS];
    for (int i = 0; i < CALLS; i++) {
        calls[i] = http_start(&(struct http_request){
            .base = s->base,
            .path = POLL_PATH,
            .body = jsonf("{'config': {'topic': '%s'}, 'cursor': '%s', 'maxWaitMs': 12000}",
                          topic, cursor),
            .is_alone = true });
        if (i + 1 == AT_WORK)
            serve_expect_metric(s, RUNNING " 32\n", WAIT_MS);
        if (i + 1 == IN_ALL)
            serve_expect_metric(s, "kafka_component_poll_waiting 256\n", WAIT_MS);
    }
    int served = 0, refused = 0;
    for (int i = 0; i < CALLS; i++) {
        struct http_answer *a = http_finish(calls[i], 2 * WAIT_MS);
        served += a->status == 200;
        refused += a->status == 429 && http_header(a, "Retry-After");
    }
    assert_int_equal(served + refused, CALLS);
    assert_int_equal(refused, CALLS - IN_ALL);
    assert_http(poll_(s, topic, cursor, "'maxWaitMs': 0"), 200);
    free(cursor);
}

static void a_client_that_hangs_up_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    for (int i = 0; i < 50; i++) {
        struct http *h = http_start(&(struct http_request){
            .base = s->base,
            .path = POLL_PATH,
            .body = jsonf("{'config': {'topic': '%s'}, 'cursor': '%s', 'maxWaitMs': 1000}",
                          topic, cursor),
            .is_alone = true });
        http_free(h);
    }
    struct http_answer *a = poll_(s, topic, cursor, "'maxWaitMs': 500");
    assert_http(a, 200);
    free(cursor);
    serve_stop(s, 0, WAIT_MS);
}

static void a_stop_wakes_the_calls_that_wait(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    char *cursor = cursor_of(poll_(s, topic, NULL, NULL));
    struct http *h = http_start(&(struct http_request){
        .base = s->base,
        .path = POLL_PATH,
        .body = jsonf("{'config': {'topic': '%s'}, 'cursor': '%s', 'maxWaitMs': 60000}", topic,
                      cursor) });
    serve_expect_metric(s, RUNNING " 1\n", WAIT_MS);
    int64_t asked = now_ms();
    process_signal(s->process, SIGTERM);
    struct http_answer *a = http_finish(h, WAIT_MS);
    assert_http(a, 200);
    assert_string_equal(event_str(a->json, "cursor"), cursor);
    assert_int_equal(process_wait(s->process, WAIT_MS).exit_code, 0);
    assert_in_range(now_ms() - asked, 0, 7000); /* sooner than a stop gives up */
    free(cursor);
}

/* The client repeats a call that broke off, with the cursor that it has. */
static void a_server_that_is_killed_loses_nothing(void **state)
{
    (void)state;
    const char *topic = numbers(6, RECORDS);
    struct serve *s = serve_kafka(NULL);
    struct tally t;
    tally_init(&t, RECORDS);
    char *cursor = NULL;
    unsigned seed = 4711;
    for (int kills = 0; t.different < RECORDS;) {
        struct http *h = http_start(&(struct http_request){
            .base = s->base,
            .path = POLL_PATH,
            .body = jsonf(
                "{'config': {'topic': '%s', " FROM_START "}, 'maxMessages': 200%s%s%s}", topic,
                cursor ? ", 'cursor': '" : "", cursor ? cursor : "", cursor ? "'" : ""),
            .is_alone = true });
        bool is_to_die = kills < KILLS && rand_r(&seed) % 4 == 0;
        if (is_to_die) {
            usleep((useconds_t)(rand_r(&seed) % 15 * 1000));
            serve_kill(s);
            kills++;
        }
        struct http_answer *a = http_finish_if_any(h, WAIT_MS);
        if (a && a->status == 200 && a->json) {
            count_in(&t, a);
            free(cursor);
            cursor = cursor_of(a);
        }
        http_answer_free(a);
        if (is_to_die)
            serve_restart(s);
        if (t.different == RECORDS)
            assert_int_equal(kills, KILLS);
    }
    print_message("%d kills: %lld records, %lld twice\n", KILLS, (long long)t.different,
                  (long long)t.again);
    assert_int_equal(t.again, 0);
    free(cursor);
    tally_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_call_gives_whole_messages_and_a_cursor),
        live_test(a_call_waits_for_the_first_record),
        live_test(limits_are_kept),
        live_test(two_servers_answer_one_chain_alternately),
        live_test(what_is_wrong_is_named),
        live_test(all_that_is_wrong_is_named_at_once),
        live_test(lost_records_are_told_beside_those_that_are_left),
        live_test(a_topic_made_anew_is_told_where_the_cursor_lies_beyond_its_end),
        live_test(a_broker_that_is_down_is_a_503_with_the_cause),
        live_test(a_committed_cursor_is_where_the_group_goes_on),
        live_test(a_group_that_has_members_takes_commits_from_them_alone),
        live_test(more_calls_than_can_wait_are_refused),
        live_test(a_client_that_hangs_up_leaves_nothing_behind),
        live_test(a_stop_wakes_the_calls_that_wait),
        live_test(a_server_that_is_killed_loses_nothing),
    };
    return cmocka_run_group_tests_name("live/http_poll", tests, live_setup, live_teardown);
}
