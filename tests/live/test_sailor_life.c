// SPDX-License-Identifier: Apache-2.0
/* test_sailor_life.c - a step from its start to its end, on a real RabbitMQ: what it needs and
 * in which order, how it says what is wrong, how it ends, what it logs, and what happens to a
 * message when the broker goes away from under it. */
#include "support/component.h"
#include "support/fail.h"
#include "support/flow.h"
#include "support/node_step.h"
#include "support/secrets.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GET_STEP "GET /v1/tasks"
#define STATE    " /sailor-support/hooks/task/flow1/startup/data"
#define ECHO     "ELASTICIO_FUNCTION=echo"

/* --- steps --- */

#define launch(...)                                                                            \
    step_start(STEP_ECHO, platform_env(platform, rabbit, &step, ARGS(__VA_ARGS__)))

#define start(...) start_with(ARGS(ECHO, __VA_ARGS__))
static struct step *start_with(const char *const env[])
{
    struct step *s = step_start(STEP_ECHO, platform_env(platform, rabbit, &step, env));
    step_wait_ready(s, WAIT_MS);
    return s;
}

static void order(const char *orders)
{
    char *text;
    assert_true(asprintf(&text, "{'id':'in','body':{'orders':[%s]}}", orders) > 0);
    platform_send(mq, &step, text, 1,
                  MQ_TABLE(mq_text("messageId", "m1"), mq_text("threadId", "t1"),
                           mq_text("parentMessageId", "p1")));
    free(text);
}

/* A handler is at work: it carries out an order to wait. */
static void wait_until_busy(struct step *s)
{
    step_expect_log(s, "echo_waits", WAIT_MS);
}

static void assert_ended(struct step *s, int exit_code)
{
    struct process_end end = step_wait(s, WAIT_MS);
    if (end.exit_code != exit_code)
        fail_test("exit code %d, not %d; its log:\n%s", end.exit_code, exit_code, step_log(s));
}

/* It ended with 1 and said this. */
static void assert_failed(struct step *s, const char *text)
{
    assert_ended(s, EXIT_FAILURE);
    if (!strstr(step_log(s), text))
        fail_test("'%s' is not in its log:\n%s", text, step_log(s));
    assert_null(strstr(step_log(s), "Fully initialized"));
}

/* The same, and the platform was told so, once. */
static struct mq_message *assert_reported(struct step *s, const char *text)
{
    assert_failed(s, text);
    struct mq_message *m = mq_take(mq, step.error, WAIT_MS);
    json_t *error = platform_read_error(m);
    if (!strstr(event_str(error, "error.message"), text))
        fail_test("'%s' was reported", event_str(error, "error.message"));
    assert_null(event_at(error, "errorInput"));
    json_decref(error);
    assert_int_equal(mq_count(mq, step.error), 0);
    return m;
}

static json_t *parse_line(const char *line, size_t len)
{
    json_t *parsed = json_loadb(line, len, 0, NULL);
    if (!json_is_object(parsed))
        fail_test("no line of a log: %.*s", (int)len, line);
    return parsed;
}

/* The line of the log that holds this text, the caller's. */
static json_t *log_line(struct step *s, const char *text)
{
    const char *log = step_log(s), *at = strstr(log, text);
    if (!at)
        fail_test("'%s' is not in the log:\n%s", text, log);
    while (at > log && at[-1] != '\n')
        at--;
    return parse_line(at, strcspn(at, "\n"));
}

/* --- what it must be told --- */

static const char *const mandatory[] = {
    "FLOW_ID",
    "EXEC_ID",
    "STEP_ID",
    "CONTAINER_ID",
    "WORKSPACE_ID",
    "USER_ID",
    "COMP_ID",
    "FUNCTION",
    "API_URI",
    "API_USERNAME",
    "API_KEY",
    "AMQP_URI",
    "LISTEN_MESSAGES_ON",
    "PUBLISH_MESSAGES_TO",
    "DATA_ROUTING_KEY",
    "ERROR_ROUTING_KEY",
    "REBOUND_ROUTING_KEY",
    "SNAPSHOT_ROUTING_KEY",
    "MESSAGE_CRYPTO_IV",
    "MESSAGE_CRYPTO_PASSWORD",
};
#define MANDATORY (sizeof(mandatory) / sizeof(*mandatory))

static void the_first_variable_that_is_missing_is_named(void **state)
{
    (void)state;
    for (size_t first = 0; first < MANDATORY; first++) {
        char lines[MANDATORY][64], text[80];
        const char *more[MANDATORY + 1] = { NULL };
        for (size_t i = first; i < MANDATORY; i++) { /* it and all behind it, unset or empty */
            snprintf(lines[i], sizeof(lines[i]), "ELASTICIO_%s%s", mandatory[i],
                     (i - first) % 2 ? "" : "=");
            more[i - first] = lines[i];
        }
        snprintf(text, sizeof(text), "ELASTICIO_%s is missing", mandatory[first]);
        struct step *s = step_start(STEP_OURS, platform_env(platform, rabbit, &step, more));
        assert_failed(s, text);
        json_t *line = log_line(s, text);
        assert_int_equal(event_int(line, "level"), 60);
        json_decref(line);
        step_free(s);
    }
    assert_int_equal(stub_count(platform->stub), 0);
    assert_int_equal(mq_count(mq, step.error), 0);
}

static void an_iv_of_another_length_is_refused_at_the_start(void **state)
{
    (void)state;
    struct step *s = launch(ECHO, "ELASTICIO_MESSAGE_CRYPTO_IV=fifteen bytes..");
    assert_failed(s, "ELASTICIO_MESSAGE_CRYPTO_IV has 15 bytes, it must have 16");
    assert_int_equal(stub_count(platform->stub), 0);
    assert_int_equal(mq_count(mq, step.error), 0);
}

/* --- RabbitMQ at the start --- */

static void a_broker_that_is_down_is_tried_four_times(void **state)
{
    (void)state;
    int64_t began = now_ms();
    assert_failed(launch(ECHO, "ELASTICIO_AMQP_URI=amqp://guest:guest@127.0.0.1:1"),
                  "start_failed");
    assert_in_range(now_ms() - began, 300, 5000);
    began = now_ms();
    assert_failed(launch(ECHO, "ELASTICIO_AMQP_URI=amqp://guest:guest@127.0.0.1:1",
                         "ELASTICIO_AMQP_RECONNECT_ATTEMPTS=2",
                         "ELASTICIO_AMQP_RECONNECT_TIMEOUT=1000"),
                  "start_failed");
    assert_in_range(now_ms() - began, 2000, 7000);
    assert_int_equal(stub_count(platform->stub), 0);
}

static void a_broker_that_does_not_let_us_in_is_the_end(void **state)
{
    (void)state;
    char uri[100];
    secrets_add("life-Wrong-9d02");
    snprintf(uri, sizeof(uri), "ELASTICIO_AMQP_URI=amqp://guest:life-Wrong-9d02@127.0.0.1:%d",
             rabbit->port);
    assert_failed(launch(ECHO, uri, "LOG_LEVEL=trace"), "start_failed");
    assert_int_equal(stub_count(platform->stub), 0);
    assert_failed(launch(ECHO, "ELASTICIO_AMQP_URI=http://127.0.0.1:5672"), "start_failed");
}

static void a_queue_that_is_not_there_is_reported(void **state)
{
    (void)state;
    struct mq_message *m = assert_reported(launch(ECHO, "ELASTICIO_LISTEN_MESSAGES_ON=nowhere"),
                                           "Operation failed: BasicConsume; 404 (NOT-FOUND)");
    json_t *error = platform_read_error(m);
    assert_memory_equal(event_str(error, "error.message"), "Operation failed: BasicConsume",
                        30);
    json_decref(error);
    assert_int_equal(platform_calls(platform, GET_STEP), 1);
}

/* --- the platform's API at the start --- */

static void a_step_that_cannot_be_read_is_tried_three_times_and_reported(void **state)
{
    (void)state;
    platform_fail(platform, GET_STEP, -1,
                  &(struct stub_answer){ .status = 500, .body = "it is on fire" });
    int64_t began = now_ms();
    assert_reported(launch(ECHO), "it is on fire");
    assert_in_range(now_ms() - began, 2000, 10000);
    assert_int_equal(platform_calls(platform, GET_STEP), 3);
}

static void a_step_that_is_not_there_is_asked_for_once(void **state)
{
    (void)state;
    platform_fail(
        platform, GET_STEP, -1,
        &(struct stub_answer){ .status = 404, .body = "{\"error\": \"no such step\"}" });
    struct mq_message *m = assert_reported(
        launch(ECHO, "ELASTICIO_ADDITIONAL_VARS_FOR_HEADERS=TENANT_NAME", "TENANT_NAME=acme"),
        "no such step");
    assert_int_equal(platform_calls(platform, GET_STEP), 1);
    assert_json(m->properties, "",
                json("{'content_encoding':'utf8','content_type':'application/json',"
                     "'delivery_mode':1}"));
    assert_int_equal(strlen(event_str(m->headers, "messageId")), 36);
    json_object_del(m->headers, "messageId");
    assert_json(m->headers, "",
                json("{'compId':'comp1','containerId':'cont1','execId':'exec1',"
                     "'function':'echo','stepId':'step_2','taskId':'flow1',"
                     "'tenantName':'acme','userId':'user1','workspaceId':'ws1'}"));
    const char *name;
    json_t *kind;
    json_object_foreach(m->kinds, name, kind) assert_string_equal(json_string_value(kind), "S");
}

static void an_answer_without_a_step_is_reported(void **state)
{
    (void)state;
    const char *const bodies[] = { "", "null", "<html>", "[]" };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        platform_fail(platform, GET_STEP, 1, &(struct stub_answer){ .body = bodies[i] });
        assert_reported(launch(ECHO), "the platform");
    }
    assert_reported(launch(ECHO, "ELASTICIO_API_KEY=wrong"), "");
}

static void a_function_that_is_not_there_is_reported(void **state)
{
    (void)state;
    struct mq_message *m = assert_reported(launch("ELASTICIO_FUNCTION=nope"), "nope");
    json_t *error = platform_read_error(m);
    assert_event_str(error, "error.message",
                     "Trigger or action \"nope\" is not found in component.json!");
    json_decref(error);
    assert_int_equal(platform_calls(platform, GET_STEP), 1);
}

static void settings_that_cannot_work_are_reported(void **state)
{
    (void)state;
    secrets_add("life-Password-77b1");
    platform_set_step(
        platform, NULL,
        "{'config':{'topic':'t','username':'u','password':'life-Password-77b1'}}");
    assert_reported(step_start(STEP_OURS, platform_env(platform, rabbit, &step,
                                                       ARGS("ELASTICIO_FUNCTION=produce",
                                                            "LOG_LEVEL=trace"))),
                    "brokers");
}

/* --- hooks --- */

static void where_a_startup_is_wanted_its_state_is_put(void **state)
{
    (void)state;
    platform_set_state(platform, "{'old':true}");
    struct step *s = start("ELASTICIO_STARTUP_REQUIRED=true");
    assert_string_equal(platform_state(platform), "{}");
    assert_int_equal(platform_calls(platform, "DELETE" STATE), 1);
    assert_int_equal(platform_calls(platform, "POST" STATE), 2);
    step_stop(s, WAIT_MS);
    platform_fail(platform, "POST" STATE, -1,
                  &(struct stub_answer){ .status = 403, .body = "{\"error\": \"not yours\"}" });
    assert_reported(launch(ECHO, "ELASTICIO_STARTUP_REQUIRED=1"), "not yours");
    assert_int_equal(rabbit_queue(rabbit, step.input).consumers, 0);
}

static struct step *launch_hook(const char *value, const char *more)
{
    char name[64];
    snprintf(name, sizeof(name), "ELASTICIO_HOOK_SHUTDOWN=%s", value);
    return step_start(
        STEP_ECHO, platform_env(platform, NULL, NULL, ARGS(ECHO, name, more ? more : "X=1")));
}

static void the_shutdown_hook_needs_no_broker(void **state)
{
    (void)state;
    platform_set_state(platform, "{'old':true}");
    assert_ended(launch_hook("true", NULL), EXIT_SUCCESS);
    assert_null(platform_state(platform));
    assert_int_equal(platform_calls(platform, GET_STEP), 1);
    assert_int_equal(platform_calls(platform, "GET" STATE), 1);
    assert_int_equal(platform_calls(platform, "DELETE" STATE), 1);
    platform_fail(platform, GET_STEP, 1, &(struct stub_answer){ .status = 404 });
    assert_ended(launch_hook("1", NULL), EXIT_FAILURE);
    assert_failed(launch_hook("false", NULL), "ELASTICIO_AMQP_URI is missing");
    assert_failed(launch_hook("true", "ELASTICIO_API_KEY="), "ELASTICIO_API_KEY is missing");
}

/* --- the log --- */

static void assert_step_s_line(json_t *line, const char *name)
{
    assert_event_str(line, "name", name);
    assert_event_str(line, "tag", "flow1");
    assert_event_str(line, "ELASTICIO_FLOW_ID", "flow1");
    assert_event_str(line, "ELASTICIO_STEP_ID", "step_2");
    assert_event_str(line, "ELASTICIO_API_USERNAME", PLATFORM_USERNAME);
    assert_event_str(line, "ELASTICIO_CONTAINER_ID", "cont1");
    assert_event_str(line, "ELASTICIO_TENANT_ID", "acme");
    assert_null(event_at(line, "ELASTICIO_API_KEY"));
    assert_int_equal(event_int(line, "v"), 0);
    assert_true(event_int(line, "pid") > 0);
    assert_true(strlen(event_str(line, "hostname")) > 0);
    const char *time = event_str(line, "time");
    assert_int_equal(strlen(time), strlen("2026-01-31T12:00:00.123Z"));
    assert_int_equal(time[23], 'Z');
}

static void a_line_names_the_step_and_the_message_it_is_about(void **state)
{
    (void)state;
    struct step *s = start("ELASTICIO_TENANT_ID=acme", "LOG_LEVEL=info");
    json_t *line = log_line(s, "Fully initialized and waiting for messages");
    assert_step_s_line(line, "sailor");
    assert_int_equal(event_int(line, "level"), 30);
    assert_null(event_at(line, "messageId"));
    json_decref(line);
    order("{'error':'boom'}");
    step_expect_log(s, "error_emitted", WAIT_MS);
    line = log_line(s, "error_emitted");
    assert_step_s_line(line, "component");
    assert_int_equal(event_int(line, "level"), 50);
    assert_event_str(line, "threadId", "t1");
    assert_event_str(line, "messageId", "m1");
    assert_event_str(line, "parentMessageId", "p1");
    assert_json(line, "err",
                json("{'message':'boom','name':'InputError','stack':'InputError: boom'}"));
    json_decref(line);
    const char *log = step_log(s);
    for (; *log; log += strcspn(log, "\n") + 1) /* each is JSON */
        json_decref(parse_line(log, strcspn(log, "\n")));
    step_stop(s, WAIT_MS);
}

static void what_is_logged_follows_the_platform_s_levels(void **state)
{
    (void)state;
    static const char *const shown[] = { "trace", "debug", "info", "warn",
                                         "10",    "20",    "30",   "40" };
    static const char *const hidden[] = { "error", "fatal", "50", "60" };
    for (size_t i = 0; i < 12; i++) {
        char level[32];
        bool is_shown = i < 8;
        snprintf(level, sizeof(level), "LOG_LEVEL=%s", is_shown ? shown[i] : hidden[i - 8]);
        platform_set_state(platform, "{}");
        struct step *s =
            step_start(STEP_OURS, platform_env(platform, NULL, NULL,
                                               ARGS("ELASTICIO_HOOK_SHUTDOWN=1", level)));
        assert_ended(s, EXIT_SUCCESS);
        assert_int_equal(is_shown, strstr(step_log(s), "hook_missing") != NULL);
        step_free(s);
    }
}

static void no_line_holds_a_body_or_a_secret(void **state)
{
    (void)state;
    secrets_add("life-Body-c0de");
    struct step *s = start("LOG_LEVEL=trace", "ELASTICIO_EMIT_LIGHTWEIGHT_MESSAGE=1",
                           "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=5");
    order("{'data':{'secret':'life-Body-c0de'}},{'snapshot':{'s':'life-Body-c0de'}},"
          "{'rebound':'r'}");
    mq_take(mq, step.data, WAIT_MS);
    mq_take(mq, step.rebound, WAIT_MS);
    platform_fail(platform, "POST /objects", -1, &(struct stub_answer){ .status = 500 });
    order("{'data':{'secret':'life-Body-c0de'}}");
    mq_take(mq, step.error, WAIT_MS);
    step_stop(s, WAIT_MS); /* looks through the log */
}

/* --- the end --- */

static void an_idle_step_ends_at_once(void **state)
{
    (void)state;
    static const int signals[] = { SIGTERM, SIGINT };
    for (int i = 0; i < 2; i++) {
        int64_t shortest = INT64_MAX; /* where this machine halts, the next one tells */
        for (int tries = 0; tries < 3 && shortest > 2000; tries++) {
            struct step *s = start(NULL);
            int64_t began = now_ms();
            process_signal(s->process, signals[i]);
            assert_ended(s, EXIT_SUCCESS);
            if (now_ms() - began < shortest)
                shortest = now_ms() - began;
            rabbit_wait_consumers(rabbit, step.input, 0, WAIT_MS);
            rabbit_wait_connections(rabbit, "-read", 0, WAIT_MS);
        }
        assert_in_range(shortest, 0, 2000);
    }
}

/* Of a start that waits: nothing came of it, and nobody was told. */
static void assert_gives_up_its_start(struct step *s)
{
    int64_t began = now_ms();
    process_signal(s->process, SIGTERM);
    assert_ended(s, EXIT_SUCCESS);
    assert_in_range(now_ms() - began, 0, 8000); /* not what it waits for: that is longer */
    assert_null(strstr(step_log(s), "Fully initialized"));
    assert_null(strstr(step_log(s), "start_failed"));
    assert_int_equal(mq_count(mq, step.error), 0);
    rabbit_wait_connections(rabbit, "-write", 0, WAIT_MS);
}

static void a_signal_ends_a_start_that_waits_for_the_platform(void **state)
{
    (void)state;
    static const struct stub_answer hangs = { .never_answers = true };
    platform_fail(platform, GET_STEP, 1, &hangs);
    struct step *s = launch(ECHO);
    stub_wait(platform->stub, 0, WAIT_MS);
    assert_gives_up_its_start(s);
    assert_int_equal(platform_calls(platform, GET_STEP), 1);

    platform_fail(platform, "POST" STATE, 1, &hangs);
    s = launch(ECHO, "ELASTICIO_STARTUP_REQUIRED=1");
    stub_wait(platform->stub, 2, WAIT_MS);
    assert_gives_up_its_start(s);
    assert_int_equal(rabbit_queue(rabbit, step.input).consumers, 0);
}

static void a_signal_ends_a_start_between_two_tries_of_the_platform(void **state)
{
    (void)state;
    platform_fail(platform, "POST" STATE, -1, &(struct stub_answer){ .status = 500 });
    struct step *s =
        launch(ECHO, "ELASTICIO_STARTUP_REQUIRED=1", "ELASTICIO_API_REQUEST_RETRY_DELAY=60000");
    step_expect_log(s, "platform_call_retry", WAIT_MS);
    assert_gives_up_its_start(s);
    assert_int_equal(platform_calls(platform, "POST" STATE), 1);
}

static void a_signal_ends_a_start_between_two_tries_of_the_broker(void **state)
{
    (void)state;
    struct step *s = launch(ECHO, "ELASTICIO_AMQP_URI=amqp://guest:guest@127.0.0.1:1",
                            "ELASTICIO_AMQP_RECONNECT_ATTEMPTS=1000",
                            "ELASTICIO_AMQP_RECONNECT_TIMEOUT=60000");
    step_expect_log(s, "amqp_connect_retry", WAIT_MS);
    assert_gives_up_its_start(s);
    assert_int_equal(stub_count(platform->stub), 0);
}

/* What cannot be broken off is left. */
static void a_signal_ends_a_start_whose_broker_does_not_answer(void **state)
{
    (void)state;
    char uri[100];
    struct stub *mute = stub_start(NULL); /* it waits for the end of an HTTP request */
    snprintf(uri, sizeof(uri), "ELASTICIO_AMQP_URI=amqp://guest:guest@127.0.0.1:%d",
             stub_port(mute));
    struct step *s = launch(ECHO, uri, "ELASTICIO_AMQP_RECONNECT_ATTEMPTS=1000");
    for (int64_t by_ms = now_ms() + WAIT_MS; stub_connections(mute) == 0; usleep(5000))
        assert_true(now_ms() < by_ms);
    assert_gives_up_its_start(s);
    assert_int_equal(stub_connections(mute), 1);
    assert_int_equal(stub_count(platform->stub), 0);
    stub_stop(mute);
}

/* The first of two messages is finished, the second is not begun. */
static void assert_finishes_what_it_has(int signals)
{
    struct step *s = start(NULL);
    order("{'wait':5000},{'data':'done'}");
    order("{'data':'never'}");
    wait_until_busy(s);
    for (int i = 0; i < signals; i++) {
        process_signal(s->process, SIGTERM);
        usleep(100 * 1000);
    }
    assert_true(process_is_running(s->process));
    assert_ended(s, EXIT_SUCCESS);
    json_t *out = platform_read(mq_take(mq, step.data, WAIT_MS));
    assert_json(out, "body", "\"done\"");
    json_decref(out);
    rabbit_wait_queue(rabbit, step.input, 1, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, step.data), 0);
    assert_false(mq_take(mq, step.input, WAIT_MS)->is_redelivered);
}

static void a_message_is_finished_before_the_end(void **state)
{
    (void)state;
    assert_finishes_what_it_has(1);
}

static void a_second_signal_changes_nothing(void **state)
{
    (void)state;
    assert_finishes_what_it_has(3);
}

/* The message is there again, for the next one. */
static void assert_comes_again(void)
{
    rabbit_wait_queue(rabbit, step.input, 1, 0, WAIT_MS);
    struct mq_message *m = mq_take(mq, step.input, WAIT_MS);
    assert_true(m->is_redelivered);
    assert_event_str(m->headers, "messageId", "m1");
    assert_int_equal(mq_count(mq, step.rejected), 0);
}

static void what_is_unfinished_when_time_is_over_comes_again(void **state)
{
    (void)state;
    struct step *s = start("KC_ECHO_DRAIN_MS=700");
    order("{'wait':60000},{'data':1}");
    wait_until_busy(s);
    int64_t began = now_ms();
    process_signal(s->process, SIGTERM);
    assert_ended(s, EXIT_FAILURE);
    assert_in_range(now_ms() - began, 700, 5000);
    assert_comes_again();
    assert_int_equal(mq_count(mq, step.data), 0);
}

/* Records that wait in librdkafka for a broker: whoever writes them has returned long ago. */
static void what_waits_for_kafka_when_time_is_over_comes_again(void **state)
{
    (void)state;
    platform_set_step(
        platform, NULL,
        "{'config':{'brokers':'127.0.0.1:1','topic':'t','username':'u','password':'p'}}");
    struct process *p = component_start(
        ARGS("sailor", "--drain-ms", "700"),
        &(struct process_options){
            .env = platform_env(
                platform, rabbit, &step,
                ARGS("ELASTICIO_FUNCTION=produce", "ELASTICIO_RABBITMQ_PREFETCH_SAILOR=2")) });
    platform_send(mq, &step, "{'body':{'value':'v'}}", 1, MQ_TABLE(mq_text("messageId", "m1")));
    /* One is handled after the other: when this one has failed, m1 is with librdkafka. */
    platform_send(mq, &step, "{'body':{'vlaue':'x'}}", 1, MQ_TABLE(mq_text("messageId", "m2")));
    mq_take(mq, step.error, WAIT_MS);
    mq_take(mq, step.rejected, WAIT_MS);
    process_signal(p, SIGTERM);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, EXIT_FAILURE);
    assert_comes_again();
}

/* --- the broker goes away and comes back --- */

/* Both connections end while a handler is at work: it runs once, and what it says arrives once.
 */
static void assert_survives(void (*end)(struct rabbit *, const char *))
{
    struct step *s = start(NULL);
    order("{'wait':1500},{'data':'once'}");
    wait_until_busy(s);
    end(rabbit, "-read");
    end(rabbit, "-write");
    json_t *out = platform_read(mq_take(mq, step.data, WAIT_MS));
    assert_json(out, "body", "\"once\"");
    json_decref(out);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    order("{'data':'next'}");
    out = platform_read(mq_take(mq, step.data, WAIT_MS));
    assert_json(out, "body", "\"next\"");
    json_decref(out);
    step_stop(s, WAIT_MS); /* does not wait for the one that was delivered twice */
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, step.data), 0);
    assert_int_equal(mq_count(mq, step.error), 0);
    assert_int_equal(mq_count(mq, step.rejected), 0);
}

static void a_handler_runs_once_though_its_connections_are_closed(void **state)
{
    (void)state;
    assert_survives(rabbit_close_connections);
}

static void a_handler_runs_once_though_its_connections_break(void **state)
{
    (void)state;
    assert_survives(rabbit_break_connections);
}

static void a_message_is_rejected_once_though_its_connection_is_closed(void **state)
{
    (void)state;
    struct step *s = start(NULL);
    order("{'wait':1500},{'error':'once'}");
    wait_until_busy(s);
    rabbit_close_connections(rabbit, "-read");
    mq_take(mq, step.error, WAIT_MS);
    mq_take(mq, step.rejected, WAIT_MS);
    step_stop(s, WAIT_MS);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, step.error), 0);
    assert_int_equal(mq_count(mq, step.rejected), 0);
}

static void a_signal_while_the_broker_is_away_still_finishes_the_message(void **state)
{
    (void)state;
    struct step *s = start(NULL);
    order("{'wait':1500},{'data':'once'}");
    wait_until_busy(s);
    rabbit_close_connections(rabbit, "-read");
    process_signal(s->process, SIGTERM);
    assert_ended(s, EXIT_SUCCESS);
    mq_take(mq, step.data, WAIT_MS);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
}

static void a_handler_may_take_longer_than_heartbeats(void **state)
{
    (void)state;
    char uri[128];
    snprintf(uri, sizeof(uri), "ELASTICIO_AMQP_URI=%s?heartbeat=3", rabbit->uri);
    struct step *s = start(uri);
    order("{'wait':12000},{'data':'late'}");
    mq_take(mq, step.data, 2 * WAIT_MS);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    assert_null(strstr(step_log(s), "_lost")); /* no connection was */
    step_stop(s, WAIT_MS);
}

static void a_queue_that_is_declared_again_is_consumed_again(void **state)
{
    (void)state;
    struct step *s = start(NULL);
    mq_delete_queue(mq, step.input);
    usleep(500 * 1000);
    assert_true(process_is_running(s->process));
    mq_declare_queue(mq, step.input, NULL);
    mq_bind(mq, step.input, step.exchange, step.input_key);
    order("{'data':'again'}");
    mq_take(mq, step.data, WAIT_MS);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    step_stop(s, WAIT_MS);
}

static void a_queue_that_stays_away_ends_the_step(void **state)
{
    (void)state;
    struct step *s = start("KAFKA_COMPONENT_QUEUE_LOST_MS=1000");
    int64_t began = now_ms();
    mq_delete_queue(mq, step.input);
    assert_ended(s, EXIT_FAILURE);
    assert_in_range(now_ms() - began, 900, 12000);
    assert_non_null(strstr(step_log(s), "queue_lost"));
}

/* Without a limit it is waited for: that is every other test that takes the broker away. */
static void a_broker_that_stays_away_ends_the_step_where_that_is_wanted(void **state)
{
    (void)state;
    struct step *s = start("KAFKA_COMPONENT_BROKER_LOST_MS=1500");
    int64_t began = now_ms();
    rabbit_kill(rabbit);
    assert_ended(s, EXIT_FAILURE);
    assert_in_range(now_ms() - began, 1400, 12000);
    assert_non_null(strstr(step_log(s), "broker_lost"));
    assert_null(strstr(step_log(s), "ended_unfinished"));
}

/* The two limits are told apart: this broker is there. */
static void a_queue_that_stays_away_is_no_broker_that_does(void **state)
{
    (void)state;
    struct step *s =
        start("KAFKA_COMPONENT_BROKER_LOST_MS=1000", "KAFKA_COMPONENT_QUEUE_LOST_MS=4000");
    mq_delete_queue(mq, step.input);
    assert_ended(s, EXIT_FAILURE);
    assert_non_null(strstr(step_log(s), "queue_lost"));
    assert_null(strstr(step_log(s), "broker_lost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        flow_test(the_first_variable_that_is_missing_is_named),
        flow_test(a_queue_that_stays_away_is_no_broker_that_does),
        flow_test(an_iv_of_another_length_is_refused_at_the_start),
        flow_test(a_broker_that_is_down_is_tried_four_times),
        flow_test(a_broker_that_does_not_let_us_in_is_the_end),
        flow_test(a_queue_that_is_not_there_is_reported),
        flow_test(a_step_that_cannot_be_read_is_tried_three_times_and_reported),
        flow_test(a_step_that_is_not_there_is_asked_for_once),
        flow_test(an_answer_without_a_step_is_reported),
        flow_test(a_function_that_is_not_there_is_reported),
        flow_test(settings_that_cannot_work_are_reported),
        flow_test(where_a_startup_is_wanted_its_state_is_put),
        flow_test(the_shutdown_hook_needs_no_broker),
        flow_test(a_line_names_the_step_and_the_message_it_is_about),
        flow_test(what_is_logged_follows_the_platform_s_levels),
        flow_test(no_line_holds_a_body_or_a_secret),
        flow_test(an_idle_step_ends_at_once),
        flow_test(a_signal_ends_a_start_that_waits_for_the_platform),
        flow_test(a_signal_ends_a_start_between_two_tries_of_the_platform),
        flow_test(a_signal_ends_a_start_between_two_tries_of_the_broker),
        flow_test(a_signal_ends_a_start_whose_broker_does_not_answer),
        flow_test(a_message_is_finished_before_the_end),
        flow_test(a_second_signal_changes_nothing),
        flow_test(what_is_unfinished_when_time_is_over_comes_again),
        flow_test(what_waits_for_kafka_when_time_is_over_comes_again),
        flow_test(a_handler_runs_once_though_its_connections_are_closed),
        flow_test(a_handler_runs_once_though_its_connections_break),
        flow_test(a_message_is_rejected_once_though_its_connection_is_closed),
        flow_test(a_signal_while_the_broker_is_away_still_finishes_the_message),
        flow_test(a_handler_may_take_longer_than_heartbeats),
        flow_test(a_queue_that_is_declared_again_is_consumed_again),
        flow_test(a_queue_that_stays_away_ends_the_step),
        flow_test(a_broker_that_stays_away_ends_the_step_where_that_is_wanted),
    };
    return cmocka_run_group_tests_name("live/sailor_life", tests, rabbit_setup,
                                       rabbit_teardown);
}
