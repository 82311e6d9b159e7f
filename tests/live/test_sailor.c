// SPDX-License-Identifier: Apache-2.0
/* test_sailor.c - produce and consume as steps of a flow, on a real RabbitMQ and a real Kafka:
 * what reaches Kafka and the next step, what is acknowledged and when, and what a Kafka offset
 * waits for. */
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
#include <unistd.h>

#include <cmocka.h>

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
        ARGS("sailor"),
        &(struct process_options){ .env = platform_env(platform, rabbit, &step,
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

/* The same, without time to empty a queue that is full. */
static void stop_soon(struct process *p)
{
    process_signal(p, SIGTERM);
    (void)process_wait(p, 40000);
}

static void send(const char *message, const char *id)
{
    platform_send(mq, &step, message, 1, MQ_TABLE(mq_text("messageId", id)));
}

static void tick(const char *id)
{
    send("{'body':{}}", id);
}

/* The next data message, decrypted; *m is its envelope. */
static json_t *take_data(struct mq_message **m)
{
    struct mq_message *taken = mq_take(mq, step.data, WAIT_MS);
    if (m)
        *m = taken;
    return platform_read(taken);
}

static void write_records(const char *topic, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char value[16];
        int n = snprintf(value, sizeof(value), "v%d", i);
        witness_write(witness, topic,
                      &(struct witness_record){ .value = value, .value_size = (size_t)n });
    }
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

static void a_failed_record_is_an_error_and_the_message_is_rejected(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, "");
    struct process *p = start("produce", NULL);
    await_ready(p);
    send("{'body':{'messages':[{'value':'one','partition':7}]}}", "m1");
    json_t *error = platform_read_error(mq_take(mq, step.error, WAIT_MS));
    assert_event_str(error, "error.name", "PermanentError");
    assert_non_null(strstr(event_str(error, "error.message"), "partition"));
    assert_int_equal(event_int(error, "errorInput.body.messages.0.partition"), 7);
    struct mq_message *rejected = mq_take(mq, step.rejected, WAIT_MS);
    assert_json(rejected->headers, "messageId", "\"m1\"");
    send("{'body':{'value':'fine'}}", "m2"); /* the next one is served */
    json_t *first = take_data(NULL), *second = take_data(NULL);
    assert_event_str(first, "body.errorCode", "3");
    assert_event_str(second, "body.errorCode", "0");
    stop(p);
    json_decref(error);
    json_decref(first);
    json_decref(second);
}

static void bad_input_names_the_field_and_the_next_message_is_served(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, "");
    struct process *p = start("produce", NULL);
    await_ready(p);
    send("{'body':{'messages':[{'vlaue':'one'}]}}", "m1");
    json_t *error = platform_read_error(mq_take(mq, step.error, WAIT_MS));
    assert_event_str(error, "error.name", "InputError");
    assert_non_null(strstr(event_str(error, "error.stack"), "/body/messages/0"));
    mq_take(mq, step.rejected, WAIT_MS);
    send("{'body':{'value':'fine'}}", "m2");
    json_t *out = take_data(NULL);
    assert_event_str(out, "body.errorCode", "0");
    stop(p);
    json_decref(error);
    json_decref(out);
}

static void who_waits_for_a_reply_gets_the_results(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, "");
    struct process *p = start("produce", NULL);
    await_ready(p);
    platform_send(mq, &step, "{'body':{'value':'one'}}", 1,
                  MQ_TABLE(mq_text("messageId", "m1"), mq_text("reply_to", step.reply_key)));
    struct mq_message *m = mq_take(mq, step.reply, WAIT_MS);
    json_t *reply = platform_read(m);
    assert_int_equal(event_int(reply, "statusCode"), 200);
    assert_event_str(reply, "body.messages.0.body.errorCode", "0");
    assert_json(m->headers, "protocolVersion", "1");
    assert_null(event_at(m->headers, "end"));
    json_t *out = take_data(NULL);
    stop(p);
    json_decref(reply);
    json_decref(out);
}

/* --- consume --- */

static void the_first_tick_starts_it_and_each_record_is_a_message_of_its_own(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'rt', 'startFrom': 'earliest'");
    write_records(topic, 0, 3);
    struct process *p = start("consume", NULL);
    await_ready(p);
    tick("t1");
    char ids[3][64];
    for (int i = 0; i < 3; i++) {
        struct mq_message *m;
        json_t *out = take_data(&m);
        assert_int_equal(event_int(out, "body.offset"), i);
        assert_json(m->headers, "parentMessageId", "\"t1\"");
        snprintf(ids[i], sizeof(ids[i]), "%s", event_str(m->headers, "messageId"));
        assert_string_equal(ids[i], event_str(out, "id"));
        json_decref(out);
    }
    assert_string_not_equal(ids[0], ids[1]);
    tick("t2");
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    write_records(topic, 3, 1);
    json_t *out = take_data(NULL);
    assert_int_equal(event_int(out, "body.offset"), 3);
    json_decref(out);
    stop(p);
    assert_int_equal(witness_committed(witness, "rt", topic, 0), 4);
    assert_null(mq_take_if_any(mq, step.data, 200));
}

static void an_offset_moves_only_after_the_publisher_confirm(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    mq_step_limit_data(
        mq, &step,
        MQ_TABLE(mq_i32("x-max-length", 2), mq_text("x-overflow", "reject-publish")));
    set_step(topic, ", 'groupId': 'full', 'startFrom': 'earliest', 'sessionTimeoutMs': 6000");
    write_records(topic, 0, 10);
    struct process *p = start("consume", NULL);
    await_ready(p);
    tick("t1");
    mq_wait_count(mq, step.data, 2, WAIT_MS);
    usleep(8000 * 1000); /* longer than the session: the membership is kept */
    stop_soon(p);
    const char *assigned = strstr(process_stdout(p), "partitions_assigned");
    assert_non_null(assigned);
    assert_null(strstr(assigned + 1, "partitions_assigned"));
    assert_null(strstr(process_stdout(p), "partitions_lost"));
    int64_t committed = witness_committed(witness, "full", topic, 0);
    assert_in_range(committed, 2, 3);
    process_free(p);

    p = start("consume", NULL); /* the rest comes when there is room */
    await_ready(p);
    tick("t2");
    int seen = 0;
    for (int i = 0; i < 10 && seen < 9; i++) {
        json_t *out = take_data(NULL);
        seen = (int)event_int(out, "body.offset");
        json_decref(out);
    }
    assert_int_equal(seen, 9);
    stop(p);
    assert_int_equal(witness_committed(witness, "full", topic, 0), 10);
}

/* So that a kill brings little again: elsewhere it is every five seconds. A busy machine may be
 * slow to see some of them. */
static void what_is_confirmed_is_committed_within_a_second(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *group = witness_fresh_name(witness, "often");
    char more[100];
    snprintf(more, sizeof(more), ", 'groupId': '%s', 'startFrom': 'earliest'", group);
    set_step(topic, more);
    struct process *p = start("consume", NULL);
    await_ready(p);
    tick("tick1");
    int64_t shortest = INT64_MAX, before = 0;
    for (int i = 0; i < 6 && shortest > 3000; i++) {
        write_records(topic, i, 1);
        json_decref(take_data(NULL));
        assert_true(witness_wait_committed(witness, group, topic, 0, i + 1, WAIT_MS));
        if (i > 0 && now_ms() - before < shortest)
            shortest = now_ms() - before;
        before = now_ms();
    }
    assert_in_range(shortest, 0, 3000);
    stop(p);
}

static void in_an_ordinary_flow_each_tick_is_a_run_from_the_beginning_to_the_end(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'ordinary'");
    write_records(topic, 0, 5);
    struct process *p = start("consume", "ELASTICIO_FLOW_TYPE=ordinary");
    await_ready(p);
    for (int run = 0; run < 2; run++) {
        tick(run ? "t2" : "t1");
        for (int i = 0; i < 5; i++) {
            struct mq_message *m;
            json_t *out = take_data(&m);
            assert_int_equal(event_int(out, "body.offset"), run * 5 + i);
            assert_json(m->headers, "parentMessageId", run ? "\"t2\"" : "\"t1\"");
            json_decref(out);
        }
        rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
        assert_int_equal(witness_committed(witness, "ordinary", topic, 0), run * 5 + 5);
        write_records(topic, 5, 5);
    }
    assert_true(process_is_running(p));
    stop(p);
}

static void a_run_ends_though_its_messages_are_given_up(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'given-up'");
    write_records(topic, 0, 3);
    mq_unbind(mq, step.data, step.exchange, step.data_key);
    struct process *p = component_start(
        ARGS("sailor"),
        &(struct process_options){
            .env =
                platform_env(platform, rabbit, &step,
                             ARGS("ELASTICIO_FUNCTION=consume", "ELASTICIO_FLOW_TYPE=ordinary",
                                  "ELASTICIO_AMQP_PUBLISH_RETRY_ATTEMPTS=2")) });
    await_ready(p);
    tick("t1");
    for (int i = 0; i < 3; i++)
        json_decref(platform_read_error(mq_take(mq, step.error, WAIT_MS)));
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    assert_int_equal(witness_committed(witness, "given-up", topic, 0), 3);
    stop(p);
}

static void a_sample_is_ten_records_and_leaves_no_trace(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'sampled'");
    write_records(topic, 0, 25);
    struct process *p = start("consume", "FLOW_TYPE=debug");
    await_ready(p);
    tick("t1");
    mq_wait_count(mq, step.data, 10, WAIT_MS);
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, step.data), 10);
    assert_int_equal(witness_committed(witness, "sampled", topic, 0), -1);
    stop(p);
}

static void many_records_in_one_message_go_beyond_the_platform_s_limit(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'batch', 'startFrom': 'earliest', 'batchSize': '100', "
                    "'batchTimeoutMs': '200'");
    write_records(topic, 0, 500);
    struct process *p = start("consume", NULL);
    await_ready(p);
    tick("t1");
    size_t records = 0;
    while (records < 500) {
        json_t *out = take_data(NULL);
        records += json_array_size(event_at(out, "body.messages"));
        json_decref(out);
    }
    assert_int_equal(records, 500);
    stop(p);
}

/* Each of these records is small enough for itself, and a hundred of them are not. */
static void a_message_of_many_records_keeps_within_the_platform_s_size(void **state)
{
    (void)state;
    enum {
        LIMIT = 8000
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'sized', 'startFrom': 'earliest', 'batchSize': '100', "
                    "'batchTimeoutMs': '500'");
    write_records(topic, 0, 200);
    struct process *p = start("consume", "ELASTICIO_OUTGOING_MESSAGE_SIZE_LIMIT=8000");
    await_ready(p);
    tick("t1");
    size_t records = 0, messages = 0, largest = 0;
    for (; records < 200; messages++) {
        struct mq_message *m;
        json_t *out = take_data(&m);
        records += json_array_size(event_at(out, "body.messages"));
        largest = m->body_len > largest ? m->body_len : largest;
        json_decref(out);
    }
    assert_int_equal(records, 200);
    assert_in_range(largest, LIMIT / 2, LIMIT);
    assert_in_range(messages, 2, 50);
    assert_null(mq_take_if_any(mq, step.error, 100));
    stop(p);
}

static struct process *start_lightweight(void)
{
    return component_start(
        ARGS("sailor", "--drain-ms", "1000"),
        &(struct process_options){
            .env = platform_env(platform, rabbit, &step,
                                ARGS("ELASTICIO_FUNCTION=consume",
                                     "ELASTICIO_EMIT_LIGHTWEIGHT_MESSAGE=true",
                                     "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=10")) });
}

static void what_the_storage_does_not_take_comes_again(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'stored', 'startFrom': 'earliest'");
    write_records(topic, 0, 3);
    platform_fail(platform, "POST /objects", -1, &(struct stub_answer){ .status = 403 });
    struct process *p = start_lightweight();
    await_ready(p);
    tick("t1");
    json_t *error = platform_read_error(mq_take(mq, step.error, WAIT_MS));
    assert_non_null(strstr(event_str(error, "error.message"), "it comes again"));
    json_decref(error);
    assert_int_equal(mq_count(mq, step.data), 0);
    assert_int_equal(witness_committed(witness, "stored", topic, 0), -1);
    platform_fail(platform, "POST /objects", 0, NULL);
    for (int i = 0; i < 3; i++) {
        json_t *out = platform_read(mq_take(mq, step.data, 2 * WAIT_MS));
        assert_non_null(event_at(out, "headers.x-ipaas-object-storage-id"));
        json_decref(out);
    }
    assert_true(witness_wait_committed(witness, "stored", topic, 0, 3, WAIT_MS));
    stop(p);
    assert_non_null(strstr(process_stdout(p), "record_not_sent"));
}

static void a_storage_that_does_not_answer_does_not_hold_up_the_end(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'held', 'startFrom': 'earliest'");
    write_records(topic, 0, 20);
    platform_fail(platform, "POST /objects", -1,
                  &(struct stub_answer){ .never_answers = true });
    struct process *p = start_lightweight();
    await_ready(p);
    tick("t1");
    int64_t deadline = now_ms() + WAIT_MS;
    while (platform_calls(platform, "POST /objects") == 0 && now_ms() < deadline)
        usleep(20 * 1000);
    process_signal(p, SIGTERM);
    (void)process_wait(p, WAIT_MS);
    /* The request was broken off, which would have taken ten seconds by itself. */
    assert_non_null(strstr(process_stdout(p), "record_not_sent"));
    assert_int_equal(witness_committed(witness, "held", topic, 0), -1);
}

static void with_the_default_limit_it_is_exactly_the_limit(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    set_step(topic, ", 'groupId': 'limited', 'startFrom': 'earliest'");
    witness_write_numbers(witness, topic, 1, 0, 2500);
    struct process *p = start("consume", NULL);
    await_ready(p);
    tick("t1");
    mq_wait_count(mq, step.data, 10, WAIT_MS);
    double rate = 0; /* where this machine halts for a moment, the next two seconds tell */
    for (int tries = 0; tries < 10 && !(rate > 90 && rate < 106); tries++) {
        int64_t began = now_ms();
        int before = mq_count(mq, step.data);
        while (now_ms() - began < 2000)
            usleep(20 * 1000);
        rate = (mq_count(mq, step.data) - before) * 1000.0 / (double)(now_ms() - began);
        print_message("%.1f messages a second\n", rate);
    }
    assert_true(rate > 90 && rate < 106);
    stop(p);
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
        flow_test(a_message_becomes_records_and_its_results_the_next_step_s_messages),
        flow_test(a_failed_record_is_an_error_and_the_message_is_rejected),
        flow_test(bad_input_names_the_field_and_the_next_message_is_served),
        flow_test(who_waits_for_a_reply_gets_the_results),
        flow_test(the_first_tick_starts_it_and_each_record_is_a_message_of_its_own),
        flow_test(an_offset_moves_only_after_the_publisher_confirm),
        flow_test(what_is_confirmed_is_committed_within_a_second),
        flow_test(in_an_ordinary_flow_each_tick_is_a_run_from_the_beginning_to_the_end),
        flow_test(a_run_ends_though_its_messages_are_given_up),
        flow_test(a_sample_is_ten_records_and_leaves_no_trace),
        flow_test(many_records_in_one_message_go_beyond_the_platform_s_limit),
        flow_test(a_message_of_many_records_keeps_within_the_platform_s_size),
        flow_test(what_the_storage_does_not_take_comes_again),
        flow_test(a_storage_that_does_not_answer_does_not_hold_up_the_end),
        flow_test(with_the_default_limit_it_is_exactly_the_limit),
    };
    return cmocka_run_group_tests_name("live/sailor", tests, setup, teardown);
}
