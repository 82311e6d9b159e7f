// SPDX-License-Identifier: Apache-2.0
/* test_http_produce.c - POST /v1/actions/produce on Apache Kafka: every status, each form of a
 * body, and what happens while a broker is slow, gone, or we are killed. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"
#include "support/tally.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PRODUCE "/v1/actions/produce"
#define LINES   "Content-Type: application/x-ndjson"
#define QUEUED  "kafka_component_producer_queue_records{client=\"0\"}"

static int setup(void **state)
{
    (void)state;
    return live_start(&(struct kafka_options){ .has_rights = true });
}

/* --- Asking --- */

static const char *setting(const char *name, const char *value)
{
    static char texts[8][128];
    static size_t next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof(texts[0]), "%s=%s", name, value);
    return text;
}

/* A server whose step writes to the topic, without sign-in. */
static struct serve *serve_topic(const char *topic)
{
    return serve_start(ARGS(no_sign_in()), ARGS("--set", setting("topic", topic)));
}

static struct http_answer *post(const struct serve *s, const char *body)
{
    return http_post(s->base, PRODUCE, NULL, json(body));
}

static struct http_answer *post_to(const struct serve *s, const char *query, const char *body)
{
    char path[512];
    snprintf(path, sizeof(path), "%s?%s", PRODUCE, query);
    return http_post(s->base, path, NULL, json(body));
}

static struct http_answer *post_lines(const struct serve *s, const char *lines)
{
    return http_post(s->base, PRODUCE, ARGS(LINES), json(lines));
}

/* An envelope with these members beside a message with this value. */
static struct http_answer *post_beside(const struct serve *s, const char *members,
                                       const char *value)
{
    char body[2048];
    snprintf(body, sizeof(body), "{%s, 'messages': [{'value': '%s'}]}", members, value);
    return post(s, body);
}

/* The credentials alone, as a member of an envelope. */
static const char *credentials_of(const char *env)
{
    static char text[1024];
    snprintf(text, sizeof(text), "\"credentials\": %s", strchr(env, '=') + 1);
    return text;
}

static const char *guest(void)
{
    return sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512", KAFKA_GUEST,
                   KAFKA_GUEST_PASSWORD, NULL);
}

/* The topic holds these values, in this order, and nothing else. */
static void assert_values(const char *topic, const char *const values[])
{
    struct witness_records records = witness_read(witness, topic);
    size_t count = 0;
    for (; values[count]; count++) {
        assert_true(count < records.count);
        assert_bytes(records.at[count].value, records.at[count].value_size, values[count]);
    }
    assert_int_equal(records.count, count);
    witness_records_free(&records);
}

static const char *repeated(char letter, size_t times)
{
    static char text[4096];
    assert_true(times < sizeof(text));
    memset(text, letter, times);
    text[times] = '\0';
    return text;
}

/* --- What is answered --- */

static void a_message_is_answered_when_it_is_stored(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http_answer *a =
        post(s, "{'messages': [{'key': 'Car status', 'value': 'arrived'}, {'value': 'left'}]}");
    assert_http(a, 200);
    assert_header(a, "Content-Type", "application/json");
    assert_event_str(a->json, "messages.0.body.topicName", topic);
    assert_json(a->json, "messages.0.body.errorCode", "\"0\"");
    assert_json(a->json, "messages.0.body.baseOffset", "\"0\"");
    assert_json(a->json, "messages.0.headers", "{}");
    assert_int_equal(strlen(event_str(a->json, "messages.0.id")), 36);
    assert_json(a->json, "errors", "[]");
    assert_values(topic, ARGS("arrived", "left"));
    serve_stop(s, 0, WAIT_MS);
}

static void every_form_of_a_body_writes_the_same(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "{'messages': [{'value': 'red'}]}",
        "{'value': 'red'}",
        "{'id': 'm1', 'body': {'value': 'red'}}",
        "{'message': {'value': 'red'}}",
        "{'message': {'body': {'messages': [{'value': 'red'}]}}}",
        "{'messages': [{'body': {'value': 'red'}}]}",
        "{'config': {}, 'messages': [{'value': 'red'}]}",
        "{'config': {}, 'value': 'red'}",
        "{'config': {'emitBehavior': 'individual'}, 'body': {'value': 'red'}}",
        "{'config': null, 'credentials': null, 'message': {'body': {'value': 'red'}}}",
        "{'\\u0063onfig': {'timeoutMs': 9000}, 'value': 'red'}",
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    size_t count = sizeof(forms) / sizeof(forms[0]);
    for (size_t i = 0; i < count; i++) {
        char offset[16];
        struct http_answer *a = post(s, forms[i]);
        if (a->status != 200)
            fail_test("%s: %s", forms[i], a->body);
        snprintf(offset, sizeof(offset), "\"%zu\"", i);
        assert_json(a->json, "messages.0.body.baseOffset", offset);
        assert_int_equal(json_array_size(event_at(a->json, "messages")), 1);
    }
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, count);
    for (size_t i = 0; i < count; i++)
        assert_bytes(records.at[i].value, records.at[i].value_size, "red");
    witness_records_free(&records);
}

static void several_whole_messages_are_processed_each(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http_answer *a = post(s, "{'messages': [{'body': {'value': 'a'}}, {'body': {}}, "
                                    "{'event': 'end', 'body': {}}, {'body': {'value': 'b'}}]}");
    assert_http(a, 207);
    assert_int_equal(json_array_size(event_at(a->json, "messages")), 2);
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 1);
    assert_json(a->json, "errors.0.indexes", "[1]");
    assert_json(a->json, "errors.0.code", "\"input\"");
    assert_json(a->json, "errors.0.details.0.pointer", "\"/messages/1/body/messages\"");
    assert_values(topic, ARGS("a", "b"));
}

static void a_mixture_of_messages_and_records_is_refused_as_a_whole(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http_answer *a =
        post(s, "{'messages': [{'value': 'a'}, {'body': {'value': 'b'}}, {'value': 'c'}]}");
    assert_problem(a, 422, "input");
    assert_json(a->json, "errors.0.pointer", "\"/messages/0\"");
    assert_json(a->json, "errors.1.pointer", "\"/messages/2\"");
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 2);
    assert_values(topic, ARGS(NULL));
}

static void every_fault_is_told_by_a_pointer_into_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer;
    } faults[] = {
        { "{'messages': [{'value': 'a'}, {'key': []}]}", "\"/messages/1/key\"" },
        { "{'body': {'messages': [{'partition': -1, 'value': 'a'}]}}",
          "\"/body/messages/0/partition\"" },
        { "{'message': {'values': 'a'}}", "\"/message/messages\"" },
        { "{'message': {'body': {'value': 'a', 'keys': 1}}}", "\"/message/body/keys\"" },
        { "{'message': 7}", "\"/message\"" },
        { "{'messages': [{'body': 5}, {'body': {'value': 'a', 'topic': 'other'}}]}",
          "\"/messages/0/body\"" },
        { "{'config': {}, 'messages': []}", "\"/messages\"" },
        { "{'config': {}}", "\"/messages\"" },
        { "[]", "\"\"" },
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct http_answer *a = post(s, faults[i].body);
        assert_problem(a, 422, "input");
        assert_json(a->json, "errors.0.pointer", faults[i].pointer);
    }
    assert_problem(post(s, ""), 422, "input");
    assert_problem(post(s, "{'value': "), 400, "bad_request");
    assert_values(topic, ARGS(NULL));
}

static void what_the_topic_refuses_is_told_by_record(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, ARGS("max.message.bytes=2000"));
    struct serve *s = serve_topic(topic);
    char body[8192];
    snprintf(body, sizeof(body),
             "{'messages': [{'value': 'a'}, {'value': '%s'}, {'value': 'b'}]}",
             repeated('x', 4000));
    struct http_answer *a = post(s, body);
    assert_http(a, 207);
    assert_json(a->json, "errors.0.code", "\"record_too_large\"");
    assert_json(a->json, "errors.0.indexes", "[1]");
    assert_json(a->json, "errors.0.retriable", "false");
    assert_json(a->json, "errors.0.details.0.stored", "\"no\"");
    assert_values(topic, ARGS("a", "b"));
    snprintf(body, sizeof(body), "{'value': '%s'}", repeated('x', 4000));
    a = post(s, body);
    assert_problem(a, 413, "record_too_large");
    assert_json(a->json, "errors.0.indexes", "[0]");
}

static void a_topic_that_is_not_there_is_404(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_fresh_name(witness, "missing"));
    int64_t started = now_ms();
    struct http_answer *a = post(s, "{'value': 'a'}");
    assert_problem(a, 404, "topic_missing");
    assert_in_range(now_ms() - started, 0, 12000); /* sooner than it is given up: 25 s */
}

static void an_account_without_the_right_is_403(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    assert_problem(post_beside(s, credentials_of(guest()), "a"), 403, "forbidden");
    assert_http(post(s, "{'value': 'b'}"), 200); /* the start's own are not touched */
    assert_values(topic, ARGS("b"));
}

static void a_refused_sign_in_is_403_and_told_at_once(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    const char *wrong = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512",
                                KAFKA_USER, "wrong-Secret-55aa", NULL);
    int64_t started = now_ms();
    struct http_answer *a = post_beside(s, credentials_of(wrong), "a");
    assert_problem(a, 403, "auth");
    assert_in_range(now_ms() - started, 0, 12000); /* as above */
    assert_null(strstr(a->body, "wrong-Secret-55aa"));
    assert_null(strstr(serve_log(s), "wrong-Secret-55aa"));
}

/* --- Settings --- */

static void any_field_may_be_a_query_parameter(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct http_answer *a = post(s, "{'value': 'a'}");
    assert_problem(a, 400, "config");
    assert_json(a->json, "errors.0.pointer", "\"/config/topic\"");

    char query[256];
    snprintf(query, sizeof(query), "%s&emitBehavior=batch", setting("topic", topic));
    a = post_to(s, query, "{'value': 'a'}");
    assert_http(a, 200);
    assert_json(a->json, "messages.0.body.results.0.baseOffset", "\"0\"");
    assert_http(post_to(s, setting("topic", topic), "{'value': 'b'}"), 200);
    assert_values(topic, ARGS("a", "b"));

    assert_problem(post_to(s, "topic=a/b", "{'value': 'a'}"), 400, "config");
    a = post_to(s, "topik=cars", "{'value': 'a'}");
    assert_problem(a, 400, "config");
    assert_non_null(strstr(a->body, "did you mean 'topic'?"));
    assert_problem(post_to(s, "topic=cars&password=secret", "{'value': 'a'}"), 400, "config");
    assert_problem(post_to(s, "topic=cars&timeoutMs=5", "{'value': 'a'}"), 400, "config");
}

static void wrong_settings_are_told_all_at_once(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    struct http_answer *a = post_beside(
        s, "'config': {'timeoutMs': 5, 'x': 1}, 'credentials': {'brokers': 'a:b'}", "a");
    assert_problem(a, 400, "config");
    assert_json(a->json, "errors.0.pointer", "\"/config/timeoutMs\"");
    assert_json(a->json, "errors.1.pointer", "\"/config/x\"");
    assert_json(a->json, "errors.2.pointer", "\"/credentials/username\"");
    assert_json(a->json, "errors.3.pointer", "\"/credentials/password\"");
    assert_json(a->json, "errors.4.pointer", "\"/credentials/brokers\"");
    a = http_post(s->base, PRODUCE, NULL,
                  json("{'config': {'topic': 'x y', 'compression': 'zz', 'timeoutMs': 1}, "
                       "'message': {'body': {'value': 'a'}}, 'x': 1}"));
    assert_problem(a, 400, "config");
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 4);
    assert_non_null(strstr(a->body, "'x' stands beside message"));
    assert_non_null(strstr(a->body, "/config/timeoutMs"));
    assert_non_null(strstr(a->body, "/config/compression"));
    assert_non_null(strstr(a->body, "/config/topic"));
    assert_problem(post_beside(s, "'config': 7", "a"), 400, "config");
    assert_problem(post_beside(s, "'config': {'a': 1, 'a': 2}", "a"), 400, "config");
}

/* Whose password goes to which broker is decided by one document alone. */
static void credentials_of_a_request_replace_the_starts_as_a_whole(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *alice = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512",
                                KAFKA_USER, KAFKA_PASSWORD, NULL);
    struct serve *s = serve_start(ARGS(alice), ARGS("--set", setting("topic", topic)));
    char members[256];
    snprintf(members, sizeof(members),
             "'credentials': {'brokers': '%s', 'securityProtocol': 'SASL_PLAINTEXT'}",
             kafka->sasl_plaintext);
    struct http_answer *a = post_beside(s, members, "a");
    assert_problem(a, 400, "config");
    assert_json(a->json, "errors.0.pointer", "\"/credentials/username\"");
    assert_json(a->json, "errors.1.pointer", "\"/credentials/password\"");

    snprintf(members, sizeof(members),
             "'credentials': {'brokers': '%s', 'mechanism': 'none', "
             "'securityProtocol': 'PLAINTEXT'}",
             kafka->plaintext);
    assert_http(post_beside(s, members, "b"), 200);
    assert_http(post(s, "{'value': 'c'}"), 200);
    assert_values(topic, ARGS("b", "c"));
    assert_null(strstr(serve_log(s), KAFKA_PASSWORD));
}

static void files_of_the_server_are_not_a_requests_to_name(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    char members[512];
    snprintf(members, sizeof(members),
             "'credentials': {'brokers': '%s', 'mechanism': 'none', "
             "'caCertificateFile': '/etc/passwd'}",
             kafka->ssl);
    struct http_answer *a = post_beside(s, members, "a");
    assert_problem(a, 400, "config");
    assert_json(a->json, "errors.0.pointer", "\"/credentials/caCertificateFile\"");
}

static void an_operator_may_refuse_credentials_of_requests(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_start(
        ARGS(no_sign_in()), ARGS("--set", setting("topic", topic), "--no-request-credentials"));
    struct http_answer *a = post_beside(s, credentials_of(no_sign_in()), "a");
    assert_problem(a, 403, "forbidden");
    assert_json(a->json, "errors.0.pointer", "\"/credentials\"");
    assert_http(post_beside(s, "'config': {}", "b"), 200);
    assert_values(topic, ARGS("b"));
}

/* --- One client for all --- */

static int threads_named(const struct serve *s, const char *name)
{
    char folder[64], path[512], comm[32];
    int count = 0;
    snprintf(folder, sizeof(folder), "/proc/%d/task", (int)process_pid(s->process));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof(path), "%s/%.64s/comm", folder, entry->d_name);
        FILE *f = fopen(path, "re");
        if (f && fgets(comm, sizeof(comm), f))
            count += strncmp(comm, name, strlen(name)) == 0;
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return count;
}

static void wait_for_threads(const struct serve *s, const char *name, int count)
{
    for (int64_t until = now_ms() + WAIT_MS; threads_named(s, name) != count;) {
        if (now_ms() >= until)
            fail_test("%d threads %s in place of %d", threads_named(s, name), name, count);
        usleep(5000);
    }
}

static void steps_that_sign_in_alike_share_one_client(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    for (int i = 0; i < 5; i++) {
        const char *topic = witness_new_topic(witness, 1, NULL);
        assert_http(post_to(s, setting("topic", topic), "{'value': 'a'}"), 200);
    }
    assert_int_equal(threads_named(s, "kc-reports"), 1);
    assert_problem(post_beside(s, credentials_of(guest()), "a"), 400, "config");
    assert_int_equal(threads_named(s, "kc-reports"), 1);
    char members[1200];
    snprintf(members, sizeof(members), "%s, 'config': {'topic': 'cars'}",
             credentials_of(guest()));
    assert_int_not_equal(post_beside(s, members, "a")->status, 200);
    wait_for_threads(s, "kc-reports", 2);
}

static void the_first_message_does_not_wait_for_a_client(void **state)
{
    (void)state;
    int64_t shortest = INT64_MAX; /* where this machine halts, the next server tells */
    for (int tries = 0; tries < 3 && shortest > 2000; tries++) {
        struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
        wait_for_threads(s, "kc-reports", 1); /* there it is */
        int64_t ms = post(s, "{'value': 'a'}")->ms;
        shortest = ms < shortest ? ms : shortest;
        assert_int_equal(threads_named(s, "kc-reports"), 1);
    }
    assert_in_range(shortest, 0, 2000);
}

/* --- A broker that is slow or gone --- */

/* Credentials of a port where nobody listens. */
#define NOBODY                                                                                 \
    "'credentials': {'brokers': '127.0.0.1:1', 'mechanism': 'none', "                          \
    "'securityProtocol': 'PLAINTEXT'}"

static void a_broker_that_is_down_is_503_in_time_and_holds_nobody_up(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    assert_http(post(s, "{'value': 'a'}"), 200);
    struct http *down[20];
    for (int i = 0; i < 20; i++)
        down[i] = http_start(&(struct http_request){
            .base = s->base,
            .path = PRODUCE,
            .body = json("{" NOBODY ", 'config': {'timeoutMs': 8000}, 'value': 'a'}") });
    int64_t worst = 0;
    for (int i = 0; i < 50; i++) {
        struct http_answer *a = post(s, "{'value': 'b'}");
        assert_http(a, 200);
        worst = a->ms > worst ? a->ms : worst;
    }
    assert_in_range(worst, 0, 7500); /* who is held up is so for 8000 */
    for (int i = 0; i < 20; i++) {
        struct http_answer *a = http_finish(down[i], 2 * WAIT_MS);
        assert_problem(a, 503, "unavailable");
        assert_non_null(http_header(a, "Retry-After"));
        assert_non_null(strstr(a->body, "Connection refused"));
        assert_in_range(a->ms, 0, 20000); /* seen late, but not as late as the usual 25 s */
    }
}

static void no_answer_in_time_is_504_and_may_have_been_stored(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    assert_http(post_to(s, "timeoutMs=6000", "{'value': 'a'}"), 200);
    kafka_freeze(kafka);
    struct http_answer *a = post_to(s, "timeoutMs=6000", "{'value': 'b'}");
    kafka_thaw(kafka);
    assert_problem(a, 504, "timeout");
    assert_json(a->json, "errors.0.stored", "\"maybe\"");
}

/* The worker waits inside the action, so that what comes behind waits for its turn. */
static void what_waits_too_long_for_its_turn_is_503_with_the_cause(void **state)
{
    (void)state;
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    assert_http(post_to(s, "timeoutMs=10000", "{'value': 'a'}"), 200);
    char *many = malloc(1100 * 32 + 64), *at = many;
    assert_non_null(many);
    at += sprintf(at, "{\"messages\":[");
    for (int i = 0; i < 1100; i++)
        at += sprintf(at, "%s{\"body\":{\"value\":\"a\"}}", i ? "," : "");
    sprintf(at, "]}");
    kafka_freeze(kafka);
    const struct http_request full = { .base = s->base,
                                       .path = PRODUCE "?timeoutMs=10000",
                                       .body = many };
    struct http *first = http_start(&full);
    serve_expect_metric(s, QUEUED " 1000\n", WAIT_MS); /* more are not on the way at once */
    struct http_answer *late = post_to(s, "timeoutMs=10000", "{'value': 'late'}");
    kafka_thaw(kafka);
    assert_problem(late, 503, NULL);
    assert_in_range(late->ms, 1990, 8000); /* a fifth of its time */
    assert_non_null(strstr(late->body, "for its turn"));
    assert_http(http_finish(first, WAIT_MS), 200);
    free(many);
}

static void a_stop_answers_what_is_open(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    assert_http(post(s, "{'value': 'a'}"), 200);
    kafka_freeze(kafka);
    const struct http_request request = { .base = s->base,
                                          .path = PRODUCE,
                                          .body = "{\"value\":\"b\"}" };
    struct http *open = http_start(&request);
    serve_expect_metric(s, QUEUED " 1\n", WAIT_MS);
    process_signal(s->process, 15);
    serve_expect_log(s, "stopping", WAIT_MS);
    kafka_thaw(kafka);
    assert_http(http_finish(open, WAIT_MS), 200);
    assert_int_equal(process_wait(s->process, WAIT_MS).exit_code, 0);
    assert_values(topic, ARGS("a", "b"));
}

/* --- Lines --- */

static void lines_are_answered_in_order_by_the_events_of_stdout(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http_answer *a =
        post_lines(s, "{'value': 'a'}\n\n{'id': 7, 'body': {'messages': [{'value': 'b'}]}}\nx\n"
                      "{'value': 'c'}");
    assert_http(a, 200);
    assert_header(a, "Content-Type", "application/x-ndjson");
    json_t *events = events_parse(a->body);
    static const struct {
        const char *event;
        int line;
    } wanted[] = { { "data", 1 },  { "end", 1 }, { "data", 3 }, { "end", 3 },
                   { "error", 4 }, { "end", 4 }, { "data", 5 }, { "end", 5 } };
    assert_int_equal(json_array_size(events), 8);
    for (size_t i = 0; i < 8; i++) {
        assert_event_str(json_array_get(events, i), "event", wanted[i].event);
        assert_int_equal(event_int(json_array_get(events, i), "line"), wanted[i].line);
    }
    assert_json(events, "2.inReplyTo", "7");
    json_decref(events);
    assert_values(topic, ARGS("a", "b", "c"));
    a = http_post(s->base, PRODUCE "?topik=x", ARGS(LINES), "{}");
    assert_problem(a, 400, "config");
}

static long memory_kb(const struct serve *s, const char *name)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(s->process));
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    }
    if (f)
        fclose(f);
    return kb;
}

#define LINE_BYTES 256
#define MANY       200000

/* `count` lines of LINE_BYTES with the numbers from `first` on. */
static char *numbered_lines(int64_t first, int64_t count)
{
    char *text = malloc((size_t)count * LINE_BYTES + 1);
    assert_non_null(text);
    for (int64_t i = 0; i < count; i++)
        snprintf(text + i * LINE_BYTES, LINE_BYTES + 1, "{\"value\":\"%-*lld\"}\n",
                 LINE_BYTES - 13, (long long)(first + i));
    return text;
}

static void count_values(const char *topic, struct tally *t)
{
    struct witness_records records = witness_read(witness, topic);
    for (size_t i = 0; i < records.count; i++)
        tally_add(t, strtoll(records.at[i].value, NULL, 10));
    witness_records_free(&records);
}

static void lines_without_end_take_bounded_memory(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 4, NULL);
    struct serve *s = serve_topic(topic);
    char *lines = numbered_lines(0, MANY);
    struct http_answer *a = http_ask(
        &(struct http_request){
            .base = s->base, .path = PRODUCE, .headers = ARGS(LINES), .body = lines },
        60000);
    assert_http(a, 200);
    int64_t ends = 0, errors = 0;
    for (const char *at = a->body; *at; at += strcspn(at, "\n") + 1) {
        ends += strncmp(at, "{\"event\":\"end\"", 14) == 0;
        errors += strncmp(at, "{\"event\":\"error\"", 16) == 0;
    }
    assert_int_equal(ends, MANY);
    assert_int_equal(errors, 0);
    assert_in_range(memory_kb(s, "VmHWM"), 1, 128 * 1024);
    struct tally t;
    tally_init(&t, MANY);
    count_values(topic, &t);
    assert_int_equal(t.different, MANY);
    assert_int_equal(t.again, 0);
    tally_deinit(&t);
    free(lines);
}

static void a_broker_that_pauses_holds_the_client_back(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http *h = http_start(&(struct http_request){
        .base = s->base, .path = PRODUCE, .headers = ARGS(LINES), .is_upload = true });
    char *lines = numbered_lines(0, MANY);
    http_send(h, lines, 100 * LINE_BYTES, WAIT_MS);
    kafka_freeze(kafka);
    size_t given = 100 * LINE_BYTES;
    given += http_stuff(h, lines + given, (size_t)MANY * LINE_BYTES - given, 2000);
    assert_in_range(given, 1000 * LINE_BYTES, MANY / 2 * LINE_BYTES);
    assert_in_range(memory_kb(s, "VmHWM"), 1, 128 * 1024);
    kafka_thaw(kafka);
    http_send(h, lines + given, (size_t)MANY * LINE_BYTES - given, 60000);
    http_send_end(h);
    int64_t ends = 0;
    for (const char *line; (line = http_line(h, 60000));)
        ends += strncmp(line, "{\"event\":\"end\"", 14) == 0;
    assert_int_equal(ends, MANY);
    http_free(h);
    free(lines);
}

static void lines_that_came_complete_are_written_though_the_body_breaks_off(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_topic(topic);
    struct http *h = http_start(&(struct http_request){ .base = s->base,
                                                        .path = PRODUCE,
                                                        .headers = ARGS(LINES),
                                                        .is_upload = true,
                                                        .is_alone = true });
    static const char part[] = "{\"value\":\"a\"}\n{\"value\":\"b\"}\n{\"value\":\"c\"}";
    http_send(h, part, sizeof(part) - 1, WAIT_MS);
    http_free(h);
    int64_t high = 0, low, deadline = now_ms() + WAIT_MS;
    while (high < 2 && now_ms() < deadline)
        witness_watermarks(witness, topic, 0, &low, &high);
    serve_stop(s, 0, WAIT_MS);
    assert_values(topic, ARGS("a", "b"));
}

static void bodies_of_lines_are_so_many_at_once(void **state)
{
    (void)state;
    enum {
        AT_ONCE = 64
    };
    struct serve *s = serve_topic(witness_new_topic(witness, 1, NULL));
    const struct http_request request = { .base = s->base,
                                          .path = PRODUCE,
                                          .headers = ARGS(LINES),
                                          .is_upload = true,
                                          .is_alone = true };
    struct http *open[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        open[i] = http_start(&request);
        http_say(open[i], "{\"value\":\"a\"}");
    }
    for (int64_t until = now_ms() + WAIT_MS;
         threads_named(s, "kc-upload") < AT_ONCE && now_ms() < until;)
        http_get(s->base, "/healthz", NULL);
    struct http_answer *a = post_lines(s, "{'value': 'b'}");
    assert_problem(a, 429, "too_many");
    assert_non_null(http_header(a, "Retry-After"));
    for (int i = 0; i < AT_ONCE; i++) {
        http_send_end(open[i]);
        assert_http(http_finish(open[i], WAIT_MS), 200);
    }
    assert_http(post_lines(s, "{'value': 'c'}"), 200);
}

/* --- kill -9 --- */

static void none_that_was_answered_is_lost_by_twenty_kills(void **state)
{
    (void)state;
    enum {
        KILLS = 20,
        CLIENTS = 8
    };
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct serve *s = serve_topic(topic);
    unsigned int seed = (unsigned int)now_ms(), random = seed;
    int64_t next = 0, answered = 0, repeated_posts = 0;
    int64_t numbers[CLIENTS];
    struct http *open[CLIENTS] = { NULL };
    char body[64];
    for (int i = 0; i < CLIENTS; i++)
        numbers[i] = -1;
    for (int kills = 0; kills <= KILLS; kills++) {
        int64_t until = now_ms() + (kills < KILLS ? 600 + rand_r(&random) % 600 : 0);
        bool is_last = kills == KILLS;
        for (int busy = 1; is_last ? busy > 0 : now_ms() < until;) {
            busy = 0;
            for (int i = 0; i < CLIENTS; i++) {
                if (numbers[i] < 0 && !is_last)
                    numbers[i] = next++;
                if (numbers[i] < 0)
                    continue;
                busy++;
                snprintf(body, sizeof(body), "{\"value\":\"%lld\"}", (long long)numbers[i]);
                if (!open[i])
                    open[i] = http_start(&(struct http_request){
                        .base = s->base, .path = PRODUCE, .body = body, .is_alone = true });
            }
            for (int i = 0; i < CLIENTS; i++) {
                struct http_answer *a = open[i] ? http_finish_if_any(open[i], WAIT_MS) : NULL;
                open[i] = NULL;
                if (a && a->status == 200) {
                    answered++;
                    numbers[i] = -1;
                } else if (numbers[i] >= 0) {
                    repeated_posts++;
                }
                http_answer_free(a);
            }
        }
        for (int i = 0; i < CLIENTS && !is_last; i++) { /* killed with requests on the way */
            numbers[i] = numbers[i] < 0 ? next++ : numbers[i];
            snprintf(body, sizeof(body), "{\"value\":\"%lld\"}", (long long)numbers[i]);
            open[i] = http_start(&(struct http_request){
                .base = s->base, .path = PRODUCE, .body = body, .is_alone = true });
        }
        if (is_last)
            break;
        usleep((useconds_t)(rand_r(&random) % 3000));
        serve_kill(s);
        for (int i = 0; i < CLIENTS; i++) {
            struct http_answer *a = http_finish_if_any(open[i], WAIT_MS);
            open[i] = NULL;
            if (a && a->status == 200) {
                answered++;
                numbers[i] = -1;
            } else {
                repeated_posts++;
            }
            http_answer_free(a);
        }
        serve_restart(s);
    }
    struct tally t;
    tally_init(&t, next);
    count_values(topic, &t);
    print_message(
        "%d kills, %lld records answered, %lld posts repeated: %lld lost, %lld twice; "
        "seed %u\n",
        KILLS, (long long)answered, (long long)repeated_posts, (long long)(next - t.different),
        (long long)t.again, seed);
    assert_int_equal(answered, next);
    assert_int_equal(t.different, next);
    tally_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_message_is_answered_when_it_is_stored),
        live_test(every_form_of_a_body_writes_the_same),
        live_test(several_whole_messages_are_processed_each),
        live_test(a_mixture_of_messages_and_records_is_refused_as_a_whole),
        live_test(every_fault_is_told_by_a_pointer_into_the_body),
        live_test(what_the_topic_refuses_is_told_by_record),
        live_test(a_topic_that_is_not_there_is_404),
        live_test(an_account_without_the_right_is_403),
        live_test(a_refused_sign_in_is_403_and_told_at_once),
        live_test(any_field_may_be_a_query_parameter),
        live_test(wrong_settings_are_told_all_at_once),
        live_test(credentials_of_a_request_replace_the_starts_as_a_whole),
        live_test(files_of_the_server_are_not_a_requests_to_name),
        live_test(an_operator_may_refuse_credentials_of_requests),
        live_test(steps_that_sign_in_alike_share_one_client),
        live_test(the_first_message_does_not_wait_for_a_client),
        live_test(a_broker_that_is_down_is_503_in_time_and_holds_nobody_up),
        live_test(no_answer_in_time_is_504_and_may_have_been_stored),
        live_test(what_waits_too_long_for_its_turn_is_503_with_the_cause),
        live_test(a_stop_answers_what_is_open),
        live_test(lines_are_answered_in_order_by_the_events_of_stdout),
        live_test(lines_without_end_take_bounded_memory),
        live_test(a_broker_that_pauses_holds_the_client_back),
        live_test(lines_that_came_complete_are_written_though_the_body_breaks_off),
        live_test(bodies_of_lines_are_so_many_at_once),
        live_test(none_that_was_answered_is_lost_by_twenty_kills),
    };
    return cmocka_run_group_tests_name("live/http_produce", tests, setup, live_teardown);
}
