// SPDX-License-Identifier: Apache-2.0
/* test_http_setup.c - what a flow builder asks while a step is set up, on Apache Kafka: do
 * these credentials work, which topics are there; and what /metrics says of partitions. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERIFY "/v1/credentials/verify"
#define MODEL  "/v1/models/topics"

static int setup(void **state)
{
    (void)state;
    return live_start(&(struct kafka_options){ .has_rights = true });
}

/* A server without credentials of its own. */
static struct serve *start_alone(void)
{
    return serve_start(NULL, NULL);
}

/* A body with these credentials over SASL_PLAINTEXT, and more members. */
static const char *body(const char *user, const char *password, const char *more)
{
    static char texts[4][600];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof(texts[0]),
             "{\"credentials\":{\"brokers\":\"%s\",\"username\":\"%s\",\"password\":\"%s\","
             "\"securityProtocol\":\"SASL_PLAINTEXT\"}%s}",
             kafka->sasl_plaintext, user, password, more);
    return text;
}

static const char *member(const char *name, const char *value)
{
    static char text[200];
    snprintf(text, sizeof(text), ",\"%s\":\"%s\"", name, value);
    return text;
}

/* --- verify --- */

static void credentials_that_work_are_verified_step_by_step(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    const char *topic = witness_new_topic(witness, 3, NULL);
    char more[300];
    snprintf(more, sizeof(more), ",\"topic\":\"%s\",\"groupId\":\"nobody-yet\"", topic);
    struct http_answer *a =
        http_post(server->base, VERIFY, NULL, body(KAFKA_USER, KAFKA_PASSWORD, more));
    assert_http(a, 200);
    assert_json(a->json, "verified", "true");
    assert_json(a->json, "steps.0.name", "\"settings\"");
    static const char *const names[] = { "name",      "tcp",     "kafka",
                                         "mechanism", "sign-in", "metadata",
                                         "listeners", "topic",   "group" };
    for (int i = 0; i < 9; i++)
        assert_string_equal(
            event_str(json_array_get(event_at(a->json, "steps"), (size_t)i + 1), "name"),
            names[i]);
    assert_non_null(strstr(event_str(a->json, "steps.8.detail"), "3 partitions"));
    assert_non_null(strstr(event_str(a->json, "steps.9.detail"), "not there yet"));
    assert_null(strstr(a->body, KAFKA_PASSWORD));
}

static void a_wrong_password_is_told_at_once_and_by_its_name(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    struct http_answer *a =
        http_post(server->base, VERIFY, NULL, body(KAFKA_USER, "wrong-Secret-0001", ""));
    assert_http(a, 200);
    assert_json(a->json, "verified", "false");
    assert_json(a->json, "code", "\"sign_in_refused\"");
    assert_json(a->json, "steps.5.name", "\"sign-in\"");
    assert_json(a->json, "steps.5.ok", "false");
    assert_null(json_array_get(json_object_get(a->json, "steps"), 6));
    assert_true(a->ms < 9000); /* sooner than it gives up */
    assert_null(strstr(a->body, "wrong-Secret-0001"));
    assert_problem(
        http_post(server->base, MODEL, NULL, body(KAFKA_USER, "wrong-Secret-0001", "")), 403,
        "auth");
}

static void a_topic_that_is_missing_is_told(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    struct http_answer *a =
        http_post(server->base, VERIFY, NULL,
                  body(KAFKA_USER, KAFKA_PASSWORD, member("topic", "no-such-topic")));
    assert_http(a, 200);
    assert_json(a->json, "verified", "false");
    assert_json(a->json, "code", "\"topic_missing\"");
    assert_json(a->json, "steps.7.ok", "true");
}

static void what_the_account_may_not_see_is_told(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct http_answer *a =
        http_post(server->base, VERIFY, NULL,
                  body(KAFKA_GUEST, KAFKA_GUEST_PASSWORD, member("topic", topic)));
    assert_http(a, 200);
    assert_json(a->json, "verified", "false");
    assert_json(a->json, "code", "\"topic_missing_or_forbidden\"");
    a = http_post(server->base, VERIFY, NULL,
                  body(KAFKA_GUEST, KAFKA_GUEST_PASSWORD, member("groupId", "billing")));
    assert_http(a, 200);
    assert_json(a->json, "code", "\"group_forbidden\"");
    assert_json(a->json, "steps.8.name", "\"group\"");
}

/* --- models --- */

static void topics_are_listed_but_for_kafkas_own(void **state)
{
    (void)state;
    struct serve *server = serve_start(ARGS(no_sign_in()), NULL);
    const char *a_topic = witness_new_topic(witness, 1, NULL);
    const char *b_topic = witness_new_topic(witness, 1, NULL);
    witness_commit(witness, "somebody", a_topic, 0, 0); /* now __consumer_offsets is there */
    struct http_answer *a = http_post(server->base, MODEL, NULL, "");
    assert_http(a, 200);
    char label[300];
    snprintf(label, sizeof(label), "%s (1 partition)", a_topic);
    assert_string_equal(json_string_value(json_object_get(a->json, a_topic)), label);
    assert_non_null(json_object_get(a->json, b_topic));
    assert_null(strstr(a->body, "\"__"));
}

static void an_account_sees_its_own_topics_only(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    const char *hidden = witness_new_topic(witness, 1, NULL);
    struct http_answer *a =
        http_post(server->base, MODEL, NULL, body(KAFKA_GUEST, KAFKA_GUEST_PASSWORD, ""));
    assert_http(a, 200);
    assert_null(json_object_get(a->json, hidden));
}

/* --- metrics --- */

static void the_lag_of_a_partition_is_shown_while_it_is_read(void **state)
{
    (void)state;
    struct serve *server = serve_start(ARGS(no_sign_in()), NULL);
    const char *topic = witness_new_topic(witness, 2, NULL);
    char path[300], line[300];
    witness_write_numbers(witness, topic, 2, 0, 10);
    snprintf(path, sizeof(path),
             "/v1/triggers/consume?topic=%s&groupId=%s-g&startFrom=earliest&maxInFlight=3"
             "&ack=client",
             topic, topic);
    struct http *h = http_start(&(struct http_request){ .base = server->base, .path = path });
    assert_non_null(http_line(h, WAIT_MS));
    /* three of ten are handed out and not acked: no more is taken */
    serve_expect_metric(server, "kafka_component_consumer_lag{group=", WAIT_MS);
    snprintf(line, sizeof(line),
             "kafka_component_consumer_lag{group=\"%s-g\",topic=\"%s\",partition=\"1\"}", topic,
             topic);
    serve_expect_metric(server, line, WAIT_MS);
    serve_expect_metric(server, "kafka_component_streams 1\n", WAIT_MS);
    serve_expect_metric(server, "kafka_component_records_total{entry=\"consume_stream\"} 3\n",
                        WAIT_MS);
    http_free(h);
    serve_expect_metric(server, "kafka_component_streams 0\n", WAIT_MS);
    struct http_answer *a = http_get(server->base, "/metrics", NULL);
    assert_null(strstr(a->body, "\nkafka_component_consumer_lag{"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(credentials_that_work_are_verified_step_by_step),
        live_test(a_wrong_password_is_told_at_once_and_by_its_name),
        live_test(a_topic_that_is_missing_is_told),
        live_test(what_the_account_may_not_see_is_told),
        live_test(topics_are_listed_but_for_kafkas_own),
        live_test(an_account_sees_its_own_topics_only),
        live_test(the_lag_of_a_partition_is_shown_while_it_is_read),
    };
    return cmocka_run_group_tests(tests, setup, live_teardown);
}
