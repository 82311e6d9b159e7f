// SPDX-License-Identifier: Apache-2.0
/* test_http_stop.c - how `serve` ends: everything that is open gets its end, in a bounded time.
 */
#include "support/component.h"
#include "support/http.h"
#include "support/raw.h"
#include "support/serve.h"
#include "support/stub.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS  50
#define DRAIN_MS 8000 /* what serve gives itself, unless it is told otherwise */

static struct serve *serve_topic(const char *topic)
{
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    return serve_start(ARGS(no_sign_in()), ARGS("--set", setting));
}

static void fill(struct serve *s, int records)
{
    char body[64];
    for (int i = 0; i < records; i++) {
        snprintf(body, sizeof(body), "{\"value\":\"%d\"}", i);
        assert_http(http_post(s->base, "/v1/actions/produce", NULL, body), 200);
    }
}

static struct http *open_stream(struct serve *s, const char *query)
{
    char path[160];
    snprintf(path, sizeof(path), "/v1/triggers/consume?startFrom=earliest&%s", query);
    struct http *h = http_start(&(struct http_request){ .base = s->base, .path = path });
    assert_int_equal(http_status(h, WAIT_MS), 200);
    return h;
}

/* Its one record is with librdkafka, whose broker does not answer. */
static struct http *start_produce_to_frozen(struct serve *s)
{
    kafka_freeze(kafka);
    struct http *h = http_start(&(struct http_request){
        .base = s->base, .path = "/v1/actions/produce", .body = "{\"value\":\"b\"}" });
    serve_expect_metric(s, "kafka_component_producer_queue_records{client=\"0\"} 1\n", WAIT_MS);
    return h;
}

/* It has all that is there, and waits for more: its server knows the client and the cursor. */
static struct http *start_poll(struct serve *s)
{
    static const char path[] = "/v1/triggers/consume/poll";
    char body[2000];
    struct http_answer *a = http_post(s->base, path, NULL, "{\"maxWaitMs\":0}");
    assert_http(a, 200);
    snprintf(body, sizeof(body), "{\"cursor\":\"%s\",\"maxWaitMs\":60000}",
             json_string_value(json_object_get(a->json, "cursor")));
    struct http *h =
        http_start(&(struct http_request){ .base = s->base, .path = path, .body = body });
    serve_expect_metric(s, "kafka_component_poll_running 1\n", WAIT_MS);
    return h;
}

/* Reads the rest of a stream; the last event is its end. */
static void assert_ends(struct http *h)
{
    const char *line;
    char last[32] = "";
    while ((line = http_line(h, WAIT_MS))) {
        if (line[0])
            snprintf(last, sizeof(last), "%s", line);
    }
    assert_string_equal(last, "{\"event\":\"end\"}");
    http_free(h);
}

static int64_t committed(const char *topic, const char *group)
{
    return witness_committed(witness, group, topic, 0);
}

static void streams_polls_and_pushes_get_their_end_and_what_was_taken_is_committed(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct stub *receiver = stub_start(NULL);
    char body[400];
    fill(s, RECORDS);
    stub_always(receiver, &(struct stub_answer){ .delay_ms = 300 });
    snprintf(body, sizeof(body),
             "{\"config\":{\"groupId\":\"pushed\",\"startFrom\":\"earliest\",\"batchSize\":10},"
             "\"callbackUrl\":\"%s\"}",
             stub_url(receiver, "/hook"));
    assert_http(http_post(s->base, "/v1/triggers/consume/subscriptions", NULL, body), 201);
    struct http *stream = open_stream(s, "groupId=streamed");
    for (int i = 0; i < RECORDS; i++)
        json_decref(http_event(stream, WAIT_MS));
    struct http *poll = start_poll(s);
    stub_wait(receiver, 0, WAIT_MS);

    int64_t start_ms = now_ms();
    process_signal(s->process, SIGTERM);
    assert_ends(stream);
    struct http_answer *nothing = http_finish(poll, WAIT_MS);
    assert_http(nothing, 200);
    assert_int_equal(json_array_size(json_object_get(nothing->json, "messages")), 0);
    assert_int_equal(process_wait(s->process, DRAIN_MS + 2000).exit_code, 0);
    assert_in_range(now_ms() - start_ms, 0, DRAIN_MS);
    assert_int_equal(committed(topic, "streamed"), RECORDS);
    /* each batch of ten that was answered, and no other */
    assert_int_equal(committed(topic, "pushed"), 10 * (int64_t)stub_count(receiver));
    stub_stop(receiver);
}

static void a_second_signal_ends_at_once(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    fill(s, 1);
    struct http *open = start_produce_to_frozen(s);
    process_signal(s->process, SIGTERM);
    serve_expect_log(s, "stopping", WAIT_MS);
    int64_t start_ms = now_ms();
    process_signal(s->process, SIGTERM);
    assert_int_equal(process_wait(s->process, WAIT_MS).exit_code, 69);
    assert_in_range(now_ms() - start_ms, 0, DRAIN_MS / 2);
    http_free(open);
    kafka_thaw(kafka);
}

static void a_broker_that_never_comes_does_not_hold_the_end_up(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct serve *s =
        serve_start(ARGS(no_sign_in()), ARGS("--set", setting, "--drain-ms", "1500"));
    fill(s, 1);
    struct http *open = start_produce_to_frozen(s);
    int64_t start_ms = now_ms();
    process_signal(s->process, SIGTERM);
    struct http_answer *late = http_finish(open, WAIT_MS);
    assert_problem(late, 503, "stopped");
    process_wait(s->process, WAIT_MS);
    assert_in_range(now_ms() - start_ms, 1490, DRAIN_MS - 1000);
    kafka_thaw(kafka);
}

static void a_request_that_never_came_whole_holds_nothing_up_and_is_counted(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct serve *s =
        serve_start(ARGS(no_sign_in()), ARGS("--set", setting, "--drain-ms", "1000"));
    struct raw *r = raw_open(s->base);
    raw_say(r, "POST /v1/actions/produce HTTP/1.1\r\nHost: localhost\r\n"
               "Content-Length: 100\r\n\r\n{");
    serve_expect_metric(s, "kafka_component_http_connections 2\n", WAIT_MS);
    raw_expect_read(r, WAIT_MS);
    process_signal(s->process, SIGTERM);
    assert_int_equal(process_wait(s->process, WAIT_MS).exit_code, 0);
    serve_expect_log(s, "requests_unanswered", WAIT_MS);
    raw_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(streams_polls_and_pushes_get_their_end_and_what_was_taken_is_committed),
        live_test(a_second_signal_ends_at_once),
        live_test(a_broker_that_never_comes_does_not_hold_the_end_up),
        live_test(a_request_that_never_came_whole_holds_nothing_up_and_is_counted),
    };
    return cmocka_run_group_tests_name("live/http_stop", tests, live_setup, live_teardown);
}
