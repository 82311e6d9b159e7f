// SPDX-License-Identifier: Apache-2.0
/* test_http_info.c - what a server tells of itself, what it is started with, and what it
 * refuses to start with. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "a-token-of-the-tests-8c1f"

/* A server that has no credentials: its requests bring theirs. */
static struct serve *start_alone(void)
{
    return serve_start(NULL, NULL);
}

/* --- probes --- */

static void the_process_is_well_and_ready_without_a_broker(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    struct http_answer *a = http_get(server->base, "/healthz", NULL);
    assert_http(a, 200);
    assert_string_equal(a->body, "{\"status\":\"ok\"}");
    assert_header(a, "Cache-Control", "no-store");
    a = http_get(server->base, "/readyz", NULL);
    assert_http(a, 200);
    assert_string_equal(a->body, "{\"status\":\"ready\",\"broker\":{\"state\":\"none\"}}");
}

/* Waits until the broker is in this state. */
static struct http_answer *wait_for_state(struct serve *server, const char *body)
{
    struct http_answer *a = NULL;
    for (int64_t by_ms = now_ms() + WAIT_MS; now_ms() < by_ms;) {
        a = http_get(server->base, "/readyz", NULL);
        if (strcmp(a->body, body) == 0)
            return a;
    }
    fail_test("not '%s' but '%s'", body, a ? a->body : "");
    return NULL;
}

static void readyz_tells_how_the_broker_is(void **state)
{
    (void)state;
    struct serve *here = serve_start(NULL, ARGS("--embedded-broker"));
    struct http_answer *a =
        wait_for_state(here, "{\"status\":\"ready\",\"broker\":{\"state\":\"reachable\"}}");
    assert_http(a, 200);
    struct serve *gone =
        serve_start(ARGS("KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"127.0.0.1:1\","
                         "\"mechanism\":\"none\"}"),
                    NULL);
    a = wait_for_state(gone, "{\"status\":\"ready\",\"broker\":{\"state\":\"unreachable\","
                             "\"code\":\"unavailable\"}}");
    assert_http(a, 200); /* others would not reach it either */
}

/* --- descriptions --- */

static void assert_file(const struct http_answer *a, const char *name)
{
    char path[400];
    json_error_t why;
    snprintf(path, sizeof(path), "%s/%s", need_env("KC_TEST_ROOT"), name);
    json_t *file = json_load_file(path, 0, &why);
    assert_non_null(file);
    assert_http(a, 200);
    if (!json_equal(file, a->json))
        fail_test("not what %s holds: %s", name, a->body);
    json_decref(file);
}

static void descriptions_are_those_of_the_root(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    assert_file(http_get(server->base, "/v1/component", NULL), "component.json");
    assert_file(http_get(server->base, "/v1/schemas/credentials", NULL),
                "credentials/schema.json");
    assert_file(http_get(server->base, "/v1/schemas/produce.in", NULL),
                "schemas/produce.in.json");
    assert_file(http_get(server->base, "/v1/schemas/produce.out", NULL),
                "schemas/produce.out.json");
    assert_file(http_get(server->base, "/v1/schemas/consume.out", NULL),
                "schemas/consume.out.json");
    struct http_answer *a = http_get(server->base, "/v1/schemas/consume", NULL);
    assert_http(a, 200);
    assert_header(a, "Content-Type", "application/schema+json");
    assert_json(a->json, "properties.groupId.type", "\"string\"");
    assert_problem(http_get(server->base, "/v1/schemas/orders", NULL), 404, "not_found");
}

static void a_description_that_is_known_is_not_sent_again(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    char known[64];
    struct http_answer *a = http_get(server->base, "/v1/component", NULL);
    assert_http(a, 200);
    snprintf(known, sizeof(known), "If-None-Match: %s", http_header(a, "ETag"));
    a = http_get(server->base, "/v1/component", ARGS(known));
    assert_http(a, 304);
    assert_int_equal(a->size, 0);
    assert_http(http_get(server->base, "/openapi.json", ARGS(known)), 200);
    assert_http(http_get(server->base, "/v1/component", ARGS("If-None-Match: \"other\"")), 200);
}

/* --- verify and models, where nobody is --- */

static void a_cluster_that_is_not_there_is_told_within_seconds(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    const char *body = json("{'credentials':{'brokers':'127.0.0.1:1','mechanism':'none'}}");
    struct http_answer *a = http_post(server->base, "/v1/credentials/verify", NULL, body);
    assert_http(a, 200);
    assert_json(a->json, "verified", "false");
    assert_json(a->json, "code", "\"tcp_refused\"");
    assert_json(a->json, "steps.0.name", "\"settings\"");
    assert_json(a->json, "steps.0.ok", "true");
    assert_json(a->json, "steps.2.name", "\"tcp\"");
    assert_json(a->json, "steps.2.ok", "false");
    assert_non_null(strstr(a->body, "127.0.0.1:1"));
    assert_true(a->ms < 9000);
    a = http_post(server->base, "/v1/models/topics", NULL, body);
    assert_problem(a, 503, "unavailable");
    assert_header(a, "Retry-After", "1");
    assert_true(a->ms < 9000);
}

static void what_cannot_be_asked_is_refused_at_once(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    struct http_answer *a = http_post(server->base, "/v1/credentials/verify", NULL,
                                      json("{'credentials':{'broker':'x'},'topik':'cars'}"));
    assert_problem(a, 400, "config");
    assert_non_null(strstr(a->body, "/credentials/broker"));
    assert_non_null(strstr(a->body, "did you mean 'brokers'?"));
    assert_non_null(strstr(a->body, "did you mean 'topic'?"));
    a = http_post(server->base, "/v1/credentials/verify", NULL, "{}");
    assert_http(a, 200); /* nobody said where Kafka is: that is an answer, too */
    assert_json(a->json, "verified", "false");
    assert_json(a->json, "code", "\"brokers_missing\"");
    assert_json(a->json, "errors.0.pointer", "\"/credentials/brokers\"");
    assert_problem(http_post(server->base, "/v1/models/colours", NULL,
                             json("{'credentials':{'brokers':'127.0.0.1:1','mechanism':"
                                  "'none'}}")),
                   404, "not_found");
    assert_problem(http_post(server->base, "/v1/credentials/verify", NULL, "[]"), 422, "input");
}

/* Each takes its time, and no more of them wait than a person would wait for. */
static void too_many_questions_are_refused_and_the_server_answers_others(void **state)
{
    (void)state;
    enum {
        MANY = 40
    };
    struct serve *server = start_alone();
    struct http *asked[MANY];
    int busy = 0;
    const struct http_request request = {
        .base = server->base,
        .path = "/v1/models/topics",
        .is_alone = true,
        .body = json("{'credentials':{'brokers':'127.0.0.1:1','mechanism':'none'}}")
    };
    int64_t began = now_ms();
    for (int i = 0; i < MANY; i++)
        asked[i] = http_start(&request);
    struct http_answer *a = http_get(server->base, "/healthz", NULL);
    assert_http(a, 200);
    assert_true(a->ms < 4000);
    int over = 4 * (int)((now_ms() - began) / 1000); /* four at once, and each takes longer */
    for (int i = 0; i < MANY; i++) {
        a = http_finish(asked[i], 2 * HTTP_WAIT_MS);
        busy += strstr(a->body, "\"busy\"") != NULL;
        assert_http(a, 503); /* nobody is there, or nobody could ask */
    }
    assert_true(busy >= MANY - 4 - 16 - over && busy < MANY);
}

static void a_stop_does_not_wait_for_questions_that_wait(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    struct http *asked[12];
    const struct http_request request = {
        .base = server->base,
        .path = "/v1/models/topics",
        .is_alone = true,
        .body = json("{'credentials':{'brokers':'127.0.0.1:1','mechanism':'none'}}")
    };
    for (int i = 0; i < 12; i++)
        asked[i] = http_start(&request);
    for (int i = 0; i < 10; i++) /* what was sent before has been read then */
        assert_http(http_get(server->base, "/healthz", NULL), 200);
    serve_stop(server, 0, WAIT_MS);
    for (int i = 0; i < 12; i++) {
        struct http_answer *a = http_finish(asked[i], HTTP_WAIT_MS);
        assert_http(a, 503);
    }
}

/* --- metrics --- */

static void what_was_asked_is_counted_by_route_and_nothing_else(void **state)
{
    (void)state;
    struct serve *server = start_alone();
    http_get(server->base, "/v1/schemas/consume", NULL);
    http_get(server->base, "/v1/schemas/nothing", NULL);
    http_head(server->base, "/healthz", NULL);
    http_get(server->base, "/a-path-of-a-stranger", NULL);
    struct http_answer *a = http_get(server->base, "/metrics", NULL);
    assert_http(a, 200);
    static const char *const lines[] = {
        "\nkafka_component_http_requests_total{route=\"/v1/schemas/{name}\",method=\"GET\","
        "status=\"200\"} 1\n",
        "\nkafka_component_http_requests_total{route=\"/v1/schemas/{name}\",method=\"GET\","
        "status=\"404\"} 1\n",
        "\nkafka_component_http_requests_total{route=\"/healthz\",method=\"HEAD\","
        "status=\"200\"} 1\n",
        "\nkafka_component_http_requests_total{route=\"\",method=\"\",status=\"404\"} 1\n",
        "\nkafka_component_errors_total{class=\"InputError\",code=\"not_found\"} 2\n",
        "\nkafka_component_http_request_duration_seconds_count{route=\"/v1/schemas/{name}\","
        "method=\"GET\"} 2\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!strstr(a->body, lines[i]))
            fail_test("no line %s in:\n%s", lines[i], a->body);
    }
    assert_null(strstr(a->body, "stranger"));
}

static void metrics_and_descriptions_want_the_token(void **state)
{
    (void)state;
    struct serve *server = serve_start(ARGS("KAFKA_COMPONENT_API_TOKEN=" TOKEN), NULL);
    assert_problem(http_get(server->base, "/metrics", NULL), 401, "unauthorized");
    assert_problem(http_get(server->base, "/v1/component", NULL), 401, "unauthorized");
    assert_http(http_get(server->base, "/readyz", NULL), 200);
    assert_http(http_get(server->base, "/metrics", ARGS("Authorization: Bearer " TOKEN)), 200);
}

/* --- the start --- */

static void assert_not_started(const char *const env[], const char *const args[], int code,
                               const char *says)
{
    const struct process_options options = { .env = env };
    struct run run = run_component(args, &options, "", WAIT_MS);
    assert_exit(&run, code);
    if (!strstr(run.err, says))
        fail_test("'%s' is not in: %s", says, run.err);
    run_free(&run);
}

static void wrong_settings_end_the_start_and_name_what_is_wrong(void **state)
{
    (void)state;
    assert_not_started(NULL, ARGS("serve", "--set", "tpic=cars"), 78, "did you mean 'topic'?");
    assert_not_started(NULL, ARGS("serve", "--set", "timeoutMs=5"), 78, "below 1000");
    assert_not_started(NULL, ARGS("serve", "--set", "password=x"), 78, "process list");
    assert_not_started(
        NULL, ARGS("serve", "--set", "brokers=127.0.0.1:1", "--set", "mechanism=plain"), 78,
        "username");
    assert_not_started(NULL, ARGS("serve", "--no-request-credentials"), 78,
                       "nobody else can say where Kafka is");
    assert_not_started(ARGS("KAFKA_COMPONENT_API_TOKEN=short"), ARGS("serve"), 78,
                       "shorter than 16");
    assert_not_started(ARGS("KAFKA_COMPONENT_API_TOKEN=a token with blanks in it"),
                       ARGS("serve"), 78, "blanks");
    assert_not_started(NULL, ARGS("serve", "--api-token-file", "/nonexistent"), 78,
                       "/nonexistent");
}

static void wrong_words_are_usage_errors(void **state)
{
    (void)state;
    assert_not_started(NULL, ARGS("serve", "produce"), 64,
                       "each request names its entry point");
    assert_not_started(NULL, ARGS("serve", "--tls-cert", "x"), 64, "go together");
    assert_not_started(NULL, ARGS("serve", "--max-connections", "0"), 64, "from 1");
    assert_not_started(NULL, ARGS("serve", "--listn", "x"), 64, "did you mean '--listen'?");
}

/* The fields of all entry points stand beside each other. */
static void settings_of_produce_and_of_consume_go_together(void **state)
{
    (void)state;
    struct serve *server =
        serve_start(NULL, ARGS("--embedded-broker", "--set", "topic=cars", "--set",
                               "groupId=billing", "--set", "compression=lz4"));
    assert_http(http_post(server->base, "/v1/actions/produce", NULL, "{\"value\":\"red\"}"),
                200);
    struct http_answer *a = http_post(server->base, "/v1/triggers/consume/poll", NULL,
                                      "{\"config\":{\"startFrom\":\"earliest\"}}");
    assert_http(a, 200);
    assert_json(a->json, "messages.0.body.value", "\"red\"");
}

#define info_test(f) cmocka_unit_test_teardown(f, teardown)

static int teardown(void **state)
{
    http_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        info_test(the_process_is_well_and_ready_without_a_broker),
        info_test(readyz_tells_how_the_broker_is),
        info_test(descriptions_are_those_of_the_root),
        info_test(a_description_that_is_known_is_not_sent_again),
        info_test(a_cluster_that_is_not_there_is_told_within_seconds),
        info_test(what_cannot_be_asked_is_refused_at_once),
        info_test(too_many_questions_are_refused_and_the_server_answers_others),
        info_test(a_stop_does_not_wait_for_questions_that_wait),
        info_test(what_was_asked_is_counted_by_route_and_nothing_else),
        info_test(metrics_and_descriptions_want_the_token),
        info_test(wrong_settings_end_the_start_and_name_what_is_wrong),
        info_test(wrong_words_are_usage_errors),
        info_test(settings_of_produce_and_of_consume_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
