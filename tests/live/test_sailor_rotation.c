// SPDX-License-Identifier: Apache-2.0
/* test_sailor_rotation.c - passwords that change while a step runs: the step is read again from
 * the platform, nothing is lost, no restart is needed, and no message holds a secret. The
 * broker wants a new sign-in every 10 s. */
#include "support/component.h"
#include "support/fail.h"
#include "support/flow.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REAUTH_MS 10000
#define PATIENCE  (REAUTH_MS + 30000)
#define NEW       "rotated-Secret-2b6e"
#define STEP      "GET /v1/tasks"

static int begin(void **state)
{
    witness_set_password(witness, KAFKA_USER, KAFKA_PASSWORD);
    return flow_begin(state);
}

#define rotation_test(test) cmocka_unit_test_setup_teardown(test, begin, flow_tidy)

static void set_step(const char *topic, const char *password, const char *more)
{
    char text[600];
    snprintf(text, sizeof(text),
             "{'config': {'brokers': '%s', 'securityProtocol': 'SASL_PLAINTEXT', 'username': "
             "'%s', 'password': '%s', 'topic': '%s'%s}}",
             kafka->sasl_plaintext, KAFKA_USER, password, topic, more);
    platform_set_step(platform, NULL, text);
}

static struct process *start(const char *function)
{
    char name[64];
    snprintf(name, sizeof(name), "ELASTICIO_FUNCTION=%s", function);
    return component_start(
        ARGS("sailor", "--log-level", "debug"),
        &(struct process_options){ .env = platform_env(platform, rabbit, &step, ARGS(name)) });
}

static void await_log(struct process *p, const char *text, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    const char *line;
    do
        line = process_line(p, wait_ms);
    while (line && !strstr(line, text) && now_ms() < deadline);
    assert_true(line && strstr(line, text));
}

static void stop(struct process *p)
{
    process_signal(p, SIGTERM);
    assert_int_equal(process_wait(p, PATIENCE).exit_code, 0);
}

static void
a_changed_password_is_read_from_the_platform_and_every_message_is_answered(void **state)
{
    (void)state;
    enum {
        COUNT = 40
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, KAFKA_PASSWORD, "");
    struct process *p = start("produce");
    await_log(p, "Fully initialized", WAIT_MS);
    platform_send(mq, &step, "{'body':{'value':'first'}}", 1, NULL);
    mq_take(mq, step.data, WAIT_MS); /* signed in */
    assert_int_equal(platform_calls(platform, STEP), 1);
    witness_set_password(witness, KAFKA_USER, NEW);
    for (int i = 0; i < COUNT; i++)
        platform_send(mq, &step, "{'body':{'value':'x'}}", 1, NULL);
    await_log(p, "kafka_trouble", PATIENCE); /* the broker asked for a new sign-in */
    for (int i = 0; i < COUNT; i++)
        platform_send(mq, &step, "{'body':{'value':'y'}}", 1, NULL);
    set_step(topic, NEW, "");
    for (int i = 0; i < 2 * COUNT; i++) {
        json_t *out = platform_read(mq_take(mq, step.data, PATIENCE));
        assert_event_str(out, "body.errorCode", "0");
        json_decref(out);
    }
    assert_true(platform_calls(platform, STEP) > 1);
    assert_null(mq_take_if_any(mq, step.error, 100));
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, 2 * COUNT + 1);
    stop(p);
}

/* The step ends, and the message waits for one that is let in. */
static void a_refused_sign_in_is_an_error_event_without_the_password(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, NEW, ""); /* not the one that Kafka knows */
    struct process *p = start("produce");
    await_log(p, "Fully initialized", WAIT_MS);
    platform_send(mq, &step, "{'body':{'value':'x'}}", 1, NULL);
    platform_send(mq, &step, "{'body':{'value':'y'}}", 1, NULL);
    struct mq_message *m = mq_take(mq, step.error, PATIENCE);
    json_t *error = platform_read_error(m);
    char *text = json_dumps(error, 0), *headers = json_dumps(m->headers, 0);
    assert_event_str(error, "error.name", "AuthError");
    assert_null(strstr(text, NEW));
    assert_null(strstr(headers, NEW));
    json_t *out = platform_read(mq_take(mq, step.data, WAIT_MS)); /* what failed, and how */
    char *result = json_dumps(out, 0);
    assert_null(strstr(result, NEW));
    assert_event_str(out, "body.stored", "no");
    free(result);
    free(headers);
    free(text);
    json_decref(out);
    json_decref(error);
    assert_int_equal(process_wait(p, PATIENCE).exit_code, EXIT_FAILURE);
    rabbit_wait_queue(rabbit, step.input, 2, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, step.rejected), 0);

    set_step(topic, KAFKA_PASSWORD, "");
    p = start("produce");
    await_log(p, "Fully initialized", WAIT_MS);
    for (int i = 0; i < 2; i++) {
        out = platform_read(mq_take(mq, step.data, PATIENCE));
        assert_event_str(out, "body.errorCode", "0");
        json_decref(out);
    }
    stop(p);
}

static int setup(void **state)
{
    static const char *const properties[] = { "connections.max.reauth.ms=10000", NULL };
    return live_start(&(struct kafka_options){ .properties = properties }) ||
           rabbit_setup(state);
}

static int teardown(void **state)
{
    return rabbit_teardown(state) || live_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rotation_test(
            a_changed_password_is_read_from_the_platform_and_every_message_is_answered),
        rotation_test(a_refused_sign_in_is_an_error_event_without_the_password),
    };
    return cmocka_run_group_tests_name("live/sailor_rotation", tests, setup, teardown);
}
