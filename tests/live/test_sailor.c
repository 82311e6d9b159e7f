// SPDX-License-Identifier: Apache-2.0
/* test_sailor.c - produce and consume as steps of a flow, on a real RabbitMQ and a real Kafka:
 * what reaches Kafka and the next step, what is acknowledged and when, and what a Kafka offset
 * waits for. */
#include "support/component.h"
#include "support/fail.h"
#include "support/platform.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct platform *platform;
static struct mq *mq;
static struct mq_step step;

static int begin(void **state)
{
    (void)state;
    platform = platform_start();
    mq = mq_connect(rabbit->uri);
    mq_step_declare(mq, &step);
    return 0;
}

static int tidy(void **state)
{
    process_free_all(state);
    mq_close_all(state);
    platform_free_all(state);
    rabbit_tidy(state);
    return live_tidy(state);
}

#define sailor_test(test) cmocka_unit_test_setup_teardown(test, begin, tidy)

/* --- steps --- */

/* The step's settings as the platform keeps them: how to reach Kafka over TLS with SCRAM, and
 * what `more` says, each member with a comma before it. */
static void set_step(const char *topic, const char *more)
{
    char ca[4096] = "", *pem = read_text_file(kafka->certs.ca), *text = NULL;
    size_t n = 0;
    for (const char *c = pem; *c && n < sizeof(ca) - 3; c++) {
        if (*c == '\n') {
            ca[n++] = '\\';
            ca[n++] = 'n';
        } else {
            ca[n++] = *c;
        }
    }
    ca[n] = '\0';
    assert_true(asprintf(&text,
                         "{'config': {'brokers': '%s', 'username': '%s', 'password': '%s', "
                         "'caCertificate': '%s', 'topic': '%s', '_account': 'acc1'%s}, "
                         "'is_passthrough': true}",
                         kafka->sasl_ssl, KAFKA_USER, KAFKA_PASSWORD, ca, topic, more) > 0);
    platform_set_step(platform, NULL, text);
    free(text);
    free(pem);
}

static struct process *start(const char *function, const char *more)
{
    char name[64];
    snprintf(name, sizeof(name), "ELASTICIO_FUNCTION=%s", function);
    struct process *p = component_start(
        ARGS("sailor"), &(struct process_options){ .env = platform_env(
                                                       platform, rabbit, &step,
                                                       ARGS(name, more ? more : "UNUSED=1")) });
    return p;
}

static void await_ready(struct process *p)
{
    const char *line;
    do
        line = process_line(p, WAIT_MS);
    while (line && !strstr(line, "Fully initialized"));
    assert_non_null(line);
}

static void stop(struct process *p)
{
    process_signal(p, SIGTERM);
    struct process_end end = process_wait(p, WAIT_MS);
    if (end.exit_code != 0)
        print_message("%s\n", process_stdout(p));
    assert_int_equal(end.exit_code, 0);
}

static void send(const char *message, const char *id)
{
    platform_send(mq, &step, message, 1, MQ_TABLE(mq_text("messageId", id)));
}

/* --- produce --- */

static void a_message_becomes_records_and_its_results_the_next_step_s_messages(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, "");
    struct process *p = start("produce", NULL);
    await_ready(p);
    send("{'id':'i1','body':{'messages':[{'key':'a','value':'one'},{'key':'a','value':'two'}]},"
         "'passthrough':{'step_1':{'body':{'p':1}}}}",
         "m1");
    struct mq_message *m = mq_take(mq, step.data, WAIT_MS);
    json_t *out = platform_read(m);
    assert_event_str(out, "body.topicName", topic);
    assert_event_str(out, "body.baseOffset", "0");
    assert_event_str(out, "body.errorCode", "0");
    assert_json(out, "passthrough.step_1", "{\"body\":{\"p\":1}}");
    assert_event_str(out, "passthrough.step_2.body.topicName", topic);
    assert_json(m->headers, "parentMessageId", "\"m1\"");
    stop(p);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    json_decref(out);
}

static int setup(void **state)
{
    return live_setup(state) || rabbit_setup(state);
}

static int teardown(void **state)
{
    return rabbit_teardown(state) || live_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sailor_test(a_message_becomes_records_and_its_results_the_next_step_s_messages),
    };
    return cmocka_run_group_tests_name("live/sailor", tests, setup, teardown);
}
