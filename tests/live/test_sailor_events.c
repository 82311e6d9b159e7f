// SPDX-License-Identifier: Apache-2.0
/* test_sailor_events.c - every event of a step on a real RabbitMQ, as the platform's protocol
 * has it: the step that echoes does what a message orders, and what leaves is compared to the
 * last byte, header and field type.
 *
 * What a step must keep to, and where that is tested (`life` is test_sailor_life.c, the names
 * without a file are below):
 *
 *     encryption, both ways        unit/test_cipher, unit/test_envelope, and the examples below
 *     variables that are missing   unit/test_environment, life: the_first_variable_...
 *     numbers and booleans         unit/test_environment
 *     names of further headers     unit/test_environment, version_2_...
 *     all headers, their kinds     a_data_message_..., version_2_..., and every event's own
 *     errors and their input       an_error_is_told_..., the_input_of_an_error_...
 *     rebounds                     a_rebound_..., a_message_rebounds_...
 *     passthrough, four cases      passthrough_...
 *     large bodies                 a_large_body_... to a_body_that_cannot_be_fetched_...
 *     refused, returned, retried   test_sailor_publisher.c
 *     a connection that ends       life: a_handler_runs_once_..., test_sailor_inbox.c
 *     SIGTERM                      life: a_message_is_finished_... and those around it
 *     the shutdown hook            life: the_shutdown_hook_needs_no_broker
 *     neighbours in Node.js        interop/test_sailor_node.c */
#include "support/component.h"
#include "support/fail.h"
#include "support/flow.h"
#include "support/node_step.h"

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

#define QUIET_MS 300 /* what did not come by then does not come */

static struct step *echo;

/* --- the step --- */

#define start(...) start_with(ARGS("ELASTICIO_FUNCTION=echo", __VA_ARGS__))
static void start_with(const char *const env[])
{
    echo = step_start(STEP_ECHO, platform_env(platform, rabbit, &step, env));
    step_wait_ready(echo, WAIT_MS);
}

static void stop(void)
{
    step_stop(echo, WAIT_MS);
}

#define ID_1 "3f9d2a10-0000-4000-8000-000000000001"
#define ID_2 "3f9d2a10-0000-4000-8000-000000000002"

static void send_orders(const char *orders, const amqp_table_entry_t *headers)
{
    char *text;
    assert_true(asprintf(&text, "{'id':'" ID_1 "','body':{'orders':[%s]}}", orders) > 0);
    platform_send(mq, &step, text, 1, headers);
    free(text);
}

static void order(const char *orders)
{
    send_orders(orders, MQ_TABLE(mq_text("messageId", "m1"), mq_text("threadId", "t1")));
}

/* As it is, with these headers and no others. */
static void publish(const void *body, size_t len, const amqp_table_entry_t *headers)
{
    assert_int_equal(mq_publish(mq, &(struct mq_publish){ .exchange = step.exchange,
                                                          .key = step.input_key,
                                                          .body = body,
                                                          .body_len = len,
                                                          .is_mandatory = true,
                                                          .headers = headers }),
                     MQ_ACKED);
}

/* --- what leaves it --- */

static struct mq_message *take(const char *queue)
{
    return mq_take(mq, queue, WAIT_MS);
}

/* Nothing more has come out, and what came in is answered. */
static void assert_done(int rejected)
{
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    mq_wait_count(mq, step.rejected, rejected, WAIT_MS);
    assert_int_equal(mq_count(mq, step.data), 0);
    assert_int_equal(mq_count(mq, step.error), 0);
    assert_int_equal(mq_count(mq, step.reply), 0);
    assert_int_equal(mq_count(mq, step.snapshot), 0);
    assert_int_equal(mq_count(mq, step.rebound), 0);
    stop();
}

static void assert_body(const struct mq_message *m, const char *text)
{
    if (m->body_len != strlen(text) || memcmp(m->body, text, m->body_len) != 0)
        fail_test("the body is\n%s\nnot\n%s", m->body, text);
}

/* The plain text of a data message is this, to the byte. */
static void assert_plain(const struct mq_message *m, const char *text)
{
    bool is_raw = json_integer_value(json_object_get(m->headers, "protocolVersion")) >= 2;
    char *plain = is_raw ? platform_decrypt_v2(m->body, m->body_len)
                         : platform_decrypt_v1(m->body, m->body_len);
    assert_string_equal(plain, text);
    free(plain);
}

static bool is_uuid_v4(const char *s)
{
    static const char shape[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof(shape); i++) {
        const char *may = shape[i] == 'x'   ? "0123456789abcdef"
                          : shape[i] == 'v' ? "89ab"
                                            : NULL;
        if (may ? !s[i] || !strchr(may, s[i]) : s[i] != shape[i])
            return false;
    }
    return true;
}

/* Only what Node.js can read. */
static void assert_kinds(const struct mq_message *m)
{
    const char *name;
    json_t *value;
    json_object_foreach(m->headers, name, value)
    {
        const char *kind = json_string_value(json_object_get(m->kinds, name));
        const char *may = json_is_string(value)    ? "S"
                          : json_is_integer(value) ? "bsIl"
                          : json_is_boolean(value) ? "t"
                                                   : "";
        if (!kind || !strstr(may, kind))
            fail_test("header %s is of kind %s", name, kind ? kind : "?");
    }
}

/* Times are about now, and then 0; a fresh id is then '*'. */
static json_t *settled(json_t *headers, json_t *wanted)
{
    static const char *const times[] = { "start", "end" };
    json_t *copy = json_deep_copy(headers), *value;
    const char *name;
    for (size_t i = 0; i < 2; i++) {
        int64_t now = (int64_t)time(NULL) * 1000;
        json_t *t = json_object_get(copy, times[i]);
        if (t && llabs(json_integer_value(t) - now) < 60000)
            json_object_set_new(copy, times[i], json_integer(0));
    }
    json_object_foreach(wanted, name, value)
    {
        const char *id = json_string_value(json_object_get(copy, name));
        if (json_is_string(value) && strcmp(json_string_value(value), "*") == 0 && id &&
            is_uuid_v4(id))
            json_object_set_new(copy, name, json_string("*"));
    }
    return copy;
}

/* It has these headers and no others. */
static void assert_headers(const struct mq_message *m, const char *text)
{
    json_t *wanted = json_loads(json(text), 0, NULL);
    assert_non_null(wanted);
    json_t *is = settled(m->headers, wanted);
    if (!json_equal(is, wanted))
        fail_test("headers are %s", json_dumps(is, JSON_COMPACT | JSON_SORT_KEYS));
    assert_kinds(m);
    json_decref(is);
    json_decref(wanted);
}

static void assert_properties(const struct mq_message *m, const char *text)
{
    assert_json(m->properties, "", json(text));
}

#define PROPERTIES                                                                             \
    "{'content_encoding':'utf8','content_type':'application/json','delivery_mode':1}"

/* What everything has that leaves, and what it has besides where it follows a message m1 of
 * thread t1. */
#define OURS                                                                                   \
    "'execId':'exec1','taskId':'flow1','workspaceId':'ws1','containerId':'cont1',"             \
    "'userId':'user1','stepId':'step_2','compId':'comp1','function':'echo'"
#define FOLLOWS OURS ",'start':0,'threadId':'t1','parentMessageId':'m1'"

/* --- data: the protocol's examples --- */

#define EXAMPLE_IN                                                                             \
    "q+TdH5SulJfCLjBxZ5bp5iWl2S5sDncuOJYR4tdbtoyehSSKiE2fr1dZ5ItvTE/h2mnS1pypFx5TGRwTwPMRWHfv" \
    "kuesYsiJfKmq2we53QgrNZHSWkGJXZAOKLJUHiaq9J1QMRpvEGzfRW1FBNAEGi1p+ajohRBpDHAlsEj3Si5w5dPB" \
    "FVryRt740PzPkLpr"
#define EXAMPLE_OUT                                                                            \
    "q+TdH5SulJfCLjBxZ5bp5iWl2S5sDncuOJYR4tdbtoxe/ae7x0UFrZEyqvGj00QrXLcaQo+1cZrP4GZzkOrsVGW8" \
    "GpbF80DtU3GfOlK6VxGUGYJYSDfVyTKyBUc9JIYTyfSAXC++aXZtAjpapKVnZa+Hkt4r8jto0ZdF2c/cqLX+FrI2" \
    "VcK8G4CAQ+aT1suoLKSIAXzOeBOTpRS6ThWTeIMxvLiNe4RG3UItiVigCvNkwv1vSulibSt+kYHUT+Max1VInxG/" \
    "WhFm/WLdzf8gHFFsgdeP6ddjWyN0gWdrbWM="

static void a_data_message_is_the_protocol_s_example_to_the_byte(void **state)
{
    (void)state;
    platform_set_step(platform, NULL, "{'is_passthrough':true,'config':{}}");
    start(NULL);
    platform_send(mq, &step,
                  "{'id':'" ID_1 "','body':{'orders':[{'data':{'y':2},'id':'" ID_2
                  "'}]},'headers':{},'passthrough':{'step_1':{'body':{'p':1},'headers':{}}}}",
                  1,
                  MQ_TABLE(mq_text("messageId", "m1"), mq_text("parentMessageId", "pm"),
                           mq_text("threadId", "t1"), mq_text("stepId", "step_1"),
                           mq_text("X-EIO-Meta-Foo", "bar"), mq_text("taskId", "flowX"),
                           mq_text("extra", "x")));
    struct mq_message *m = take(step.data);
    assert_body(m, EXAMPLE_OUT);
    assert_headers(m, "{" FOLLOWS ",'x-eio-meta-foo':'bar','end':0,'protocolVersion':1,"
                      "'messageId':'" ID_2 "'}");
    assert_string_equal(event_str(m->kinds, "start"), "l");
    assert_string_equal(event_str(m->kinds, "end"), "l");
    assert_properties(m, PROPERTIES);
    assert_string_equal(m->exchange, step.exchange);
    assert_string_equal(m->key, step.data_key);
    assert_done(0);
}

static void a_message_that_the_platform_encrypted_is_read(void **state)
{
    (void)state;
    platform_set_step(platform, NULL, "{'is_passthrough':true,'config':{}}");
    start(NULL);
    publish(EXAMPLE_IN, 0, MQ_TABLE(mq_text("messageId", "m1")));
    json_t *out = platform_read(take(step.data));
    assert_json(out, "body", "{\"x\":1}");
    assert_json(out, "passthrough.step_1", "{\"body\":{\"p\":1},\"headers\":{}}");
    json_decref(out);
    assert_done(0);
}

static void version_2_a_routing_key_no_self_and_variables_as_headers(void **state)
{
    (void)state;
    platform_set_step(platform, NULL, "{'is_passthrough':true}");
    mq_declare_queue(mq, "custom", NULL);
    mq_bind(mq, "custom", step.exchange, "rk.custom");
    start("ELASTICIO_PROTOCOL_VERSION=2", "ELASTICIO_NO_SELF_PASSTRHOUGH=1",
          ("ELASTICIO_ADDITIONAL_VARS_FOR_HEADERS=ELASTICIO_FOO_BAR, "
           "PLAIN_Var2,ELASTICIO_MISSING"),
          "ELASTICIO_FOO_BAR=fb", "PLAIN_Var2=pv");
    const char *body = "{'orders':[{'data':{'a':1},'id':'" ID_2
                       "','headers':{'keep':'me','X-Eio-Routing-Key':'rk.custom'}}]}";
    char text[600];
    snprintf(text, sizeof(text),
             "{'id':'aaa','body':%s,'headers':{'h':1},'passthrough':{'step_1':{'body':{}}}}",
             body);
    platform_send(mq, &step, text, 2,
                  MQ_TABLE(mq_text("messageId", "m2"), mq_text("threadId", "t1"),
                           mq_text("stepId", "step_1")));
    struct mq_message *m = take("custom");
    assert_string_equal(m->key, "rk.custom");
    char plain[800];
    snprintf(plain, sizeof(plain),
             "{'id':'" ID_2 "','body':{'a':1},'headers':{'keep':'me'},'passthrough':"
             "{'step_1':{'id':'aaa','body':%s,'headers':{'h':1}}}}",
             body);
    assert_plain(m, json(plain));
    assert_headers(m, "{" OURS ",'start':0,'end':0,'threadId':'t1','parentMessageId':'m2',"
                      "'messageId':'" ID_2 "','protocolVersion':2,'fooBar':'fb',"
                      "'plainVar2':'pv'}");
    mq_delete_queue(mq, "custom");
    assert_done(0);
}

/* --- data: ids --- */

static void each_message_has_an_id_of_its_own(void **state)
{
    (void)state;
    start(NULL);
    order("{'data':1,'times':3},{'data':2,'id':'mine'}");
    char ids[4][64];
    for (int i = 0; i < 4; i++) {
        struct mq_message *m = take(step.data);
        json_t *out = platform_read(m);
        snprintf(ids[i], sizeof(ids[i]), "%s", event_str(m->headers, "messageId"));
        assert_event_str(out, "id", ids[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
        assert_true(i == 3 ? strcmp(ids[i], "mine") == 0 : is_uuid_v4(ids[i]));
        json_decref(out);
    }
    assert_done(0);
}

static void a_message_without_any_id_is_worked_at_and_acknowledged(void **state)
{
    (void)state;
    start(NULL);
    char *body = platform_encrypt_v1("{\"body\":{\"n\":1}}");
    publish(body, 0, MQ_TABLE(mq_text("x", "y")));
    struct mq_message *m = take(step.data);
    assert_headers(m, "{" OURS ",'start':0,'end':0,'threadId':'*','messageId':'*',"
                      "'protocolVersion':1}");
    rabbit_wait_queue(rabbit, step.input, 0, 0, WAIT_MS);
    mq_publish(mq, &(struct mq_publish){ .exchange = step.exchange, /* not even a table */
                                         .key = step.input_key,
                                         .body = body,
                                         .has_no_headers = true });
    take(step.data);
    free(body);
    assert_done(0);
}

static void a_thread_begins_with_the_trace_where_there_is_one(void **state)
{
    (void)state;
    start(NULL);
    send_orders("{'data':1}", MQ_TABLE(mq_text("X-Eio-Meta-Trace-Id", "trace")));
    struct mq_message *m = take(step.data);
    assert_event_str(m->headers, "threadId", "trace");
    assert_event_str(m->headers, "x-eio-meta-trace-id", "trace");
    send_orders("{'data':1}", MQ_TABLE(mq_text("X-Eio-Meta-Trace-Id", "trace"),
                                       mq_text("threadId", "thread")));
    assert_event_str(take(step.data)->headers, "threadId", "thread");
    assert_done(0);
}

static void two_messages_of_one_id_are_two_messages(void **state)
{
    (void)state;
    start("ELASTICIO_RABBITMQ_PREFETCH_SAILOR=2");
    send_orders("{'wait':300},{'data':1}", MQ_TABLE(mq_text("messageId", "same")));
    send_orders("{'wait':100},{'data':2}", MQ_TABLE(mq_text("messageId", "same")));
    send_orders("{'wait':100},{'data':2}", MQ_TABLE(mq_text("messageId", "same")));
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        json_t *out = platform_read(take(step.data));
        sum += (int)event_int(out, "body");
        json_decref(out);
    }
    assert_int_equal(sum, 5);
    assert_done(0);
}

/* --- what comes in --- */

static void the_version_of_the_protocol_is_understood_in_any_kind(void **state)
{
    (void)state;
    start(NULL);
    size_t len;
    void *raw = platform_encrypt_v2("{\"body\":{\"n\":1}}", &len);
    publish(raw, len, MQ_TABLE(mq_i8("protocolVersion", 2)));
    publish(raw, len, MQ_TABLE(mq_text("protocolVersion", "2")));
    publish(raw, len, MQ_TABLE(mq_i64("protocolVersion", 2)));
    publish(raw, len, MQ_TABLE(mq_u8("protocolVersion", 2)));
    publish(raw, len, MQ_TABLE(mq_f64("protocolVersion", 2)));
    free(raw);
    char *text = platform_encrypt_v1("{\"body\":{\"n\":1}}");
    publish(text, 0, MQ_TABLE(mq_i8("protocolVersion", 0)));
    publish(text, 0, MQ_TABLE(mq_text("protocolVersion", "")));
    free(text);
    for (int i = 0; i < 7; i++) {
        json_t *out = platform_read(take(step.data));
        assert_json(out, "body", "{\"n\":1}");
        json_decref(out);
    }
    assert_done(0);
}

static void the_message_says_whom_a_reply_goes_to(void **state)
{
    (void)state;
    start(NULL);
    send_orders("{'see':true}", MQ_TABLE(mq_text("reply_to", step.reply_key)));
    struct mq_message *m = take(step.data);
    json_t *out = platform_read(m);
    assert_event_str(out, "body.headers.reply_to", step.reply_key);
    assert_event_str(out, "body.id", ID_1);
    assert_event_str(m->headers, "reply_to", step.reply_key);
    json_decref(out);
    assert_done(0);
}

/* The error is said without its input, and the message rejected. */
static void assert_unreadable(void)
{
    struct mq_message *m = take(step.error);
    assert_json(m->headers, "parentMessageId", "\"bad\"");
    json_t *raw = json_loads(m->body, 0, NULL);
    assert_int_equal(json_object_size(raw), 1);
    json_decref(raw);
    json_t *error = platform_read_error(m);
    assert_non_null(strstr(event_str(error, "error.message"), "cannot be read"));
    assert_null(event_at(error, "errorInput"));
    json_decref(error);
    m = take(step.rejected);
    assert_event_str(m->headers, "messageId", "bad");
}

#define A2_V1 "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ="

static void what_cannot_be_read_is_an_error_and_rejected(void **state)
{
    (void)state;
    start("ELASTICIO_ERROR_RATE_LIMIT=100");
    const amqp_table_entry_t *v1 =
        MQ_TABLE(mq_text("messageId", "bad"), mq_i8("protocolVersion", 1));
    const amqp_table_entry_t *v2 =
        MQ_TABLE(mq_text("messageId", "bad"), mq_i8("protocolVersion", 2));
    publish("not base64!", 0, v1);
    assert_unreadable();
    publish("fifteen bytes..", 0, v2);
    assert_unreadable();
    publish("", 0, v1);
    assert_unreadable();
    publish("", 0, v2);
    assert_unreadable();
    publish(A2_V1, 0, v2); /* 44 bytes are no multiple of 16 */
    assert_unreadable();
    size_t len;
    void *sealed = platform_seal("another password", PLATFORM_IV, "{\"body\":{}}", &len);
    publish(sealed, len, v2);
    assert_unreadable();
    free(sealed);
    const char *const no_objects[] = { "{\"body\":", "[1]", "null", "\"text\"", "5" };
    for (size_t i = 0; i < sizeof(no_objects) / sizeof(*no_objects); i++) {
        char *text = platform_encrypt_v1(no_objects[i]);
        publish(text, 0, v1);
        assert_unreadable();
        free(text);
    }
    order("{'data':'and the next one is served'}");
    take(step.data);
    assert_done(0);
}

static void what_is_too_large_is_an_error_and_rejected(void **state)
{
    (void)state;
    start("KAFKA_COMPONENT_MESSAGE_MAX_BYTES=300000");
    char *body = calloc(1, 300001); /* of many frames */
    const amqp_table_entry_t *headers = MQ_TABLE(mq_text("messageId", "big"));
    assert_non_null(body);
    publish(body, 300001, headers);
    struct mq_message *m = take(step.error);
    assert_json(m->headers, "parentMessageId", "\"big\"");
    json_t *error = platform_read_error(m);
    assert_event_str(error, "error.message",
                     "the message has 300001 bytes, more than the 300000 that are taken");
    assert_null(event_at(error, "errorInput"));
    json_decref(error);
    assert_event_str(take(step.rejected)->headers, "messageId", "big");
    publish(body, 300000, headers); /* this one is taken, and cannot be read */
    error = platform_read_error(take(step.error));
    assert_non_null(strstr(event_str(error, "error.message"), "cannot be read"));
    json_decref(error);
    take(step.rejected);
    order("{'data':'and the next one is served'}");
    take(step.data);
    assert_done(0);
    free(body);
}

static void base64_with_line_breaks_is_read(void **state)
{
    (void)state;
    start(NULL);
    publish("Tr4yMVgk/jAY3bMw\r\nHIA5g4FpYR72SnQx\nIwf+BG4ZmjQ=\n", 0,
            MQ_TABLE(mq_i8("protocolVersion", 1)));
    json_t *out = platform_read(take(step.data)); /* there is no body in it */
    assert_json(out, "body", "{}");
    json_decref(out);
    assert_done(0);
}

#define A3_V1 "aKX8sUhxINZt0EZ2ZFzO/lovVvYKyxu3KNG/vRZNRjM="
#define A6_V1                                                                                  \
    "+PAlXNRj+5HdYNSuw3cyrcwe2/G86AfL5nfMe6TSI1dNkz3kxJXX30D4otEMXimD0oVEIvAMqp8hweyLOMvHFpbf" \
    "8HtYcK9hYeCjQTBOkTU="

static void a_step_that_handles_errors_gets_them_in_the_clear(void **state)
{
    (void)state;
    start("ELASTICIO_INPUT_FORMAT=error");
    publish(
        "{\"error\":\"" A6_V1 "\",\"errorInput\":\"" A3_V1 "\",\"orders\":[{\"see\":true}]}", 0,
        MQ_TABLE(mq_text("messageId", "m1"), mq_i8("protocolVersion", 2),
                 mq_bool("flag", true)));
    json_t *out = platform_read(take(step.data));
    assert_json(
        out, "body.body.error",
        "{\"message\":\"boom\",\"name\":\"Error\",\"stack\":\"Error: boom\\n    at f\"}");
    assert_json(out, "body.body.errorInput", "{\"body\":{\"n\":1}}");
    assert_json(out, "body.headers",
                "{\"flag\":true,\"messageId\":\"m1\",\"protocolVersion\":2}");
    json_decref(out);
    assert_done(0);
}

static void one_that_fails_itself_hands_on_what_it_got_as_it_came(void **state)
{
    (void)state;
    const char *text = "{\"error\":\"" A6_V1 "\",\"orders\":[{\"throw\":\"again\"}]}";
    start("ELASTICIO_INPUT_FORMAT=error");
    publish(text, 0, MQ_TABLE(mq_text("messageId", "m1"), mq_i8("protocolVersion", 2)));
    json_t *body = json_loads(take(step.error)->body, 0, NULL);
    assert_event_str(body, "errorInput", text);
    json_decref(body);
    take(step.rejected);
    assert_done(0);
}

/* --- errors --- */

/* Sends an order to fail in this version of the protocol; gives back what came in, as base64,
 * and the message about it. */
static struct mq_message *fail_once(int version, char **input)
{
    const char *text = "{\"body\":{\"orders\":[{\"throw\":\"boom\"}]}}";
    *input = platform_encrypt_v1(text);
    platform_send(mq, &step, text, version,
                  MQ_TABLE(mq_text("messageId", "m4"), mq_text("threadId", "t1"),
                           mq_text("reply_to", step.reply_key)));
    struct mq_message *m = take(step.error);
    take(step.rejected);
    return m;
}

#define FAILED OURS ",'start':0,'end':0,'threadId':'t1','parentMessageId':'m4','messageId':'*'"

static void an_error_is_told_with_its_input_and_replied(void **state)
{
    (void)state;
    start(NULL);
    char *input, *sealed = platform_encrypt_v1("{\"name\":\"InputError\",\"message\":\"boom\","
                                               "\"stack\":\"InputError: boom\"}");
    char *wanted;
    struct mq_message *m = fail_once(1, &input);
    assert_true(asprintf(&wanted, "{\"error\":\"%s\",\"errorInput\":\"%s\"}", sealed, input) >
                0);
    assert_body(m, wanted);
    char headers[600];
    snprintf(headers, sizeof(headers), "{" FAILED ",'reply_to':'%s'}", step.reply_key);
    assert_headers(m, headers);
    assert_properties(m, PROPERTIES);

    struct mq_message *reply = take(step.reply);
    assert_body(reply, sealed);
    snprintf(headers, sizeof(headers),
             "{" FAILED ",'reply_to':'%s','x-eio-error-response':true}", step.reply_key);
    assert_headers(reply, headers);
    assert_event_str(reply->headers, "messageId", event_str(m->headers, "messageId"));
    free(input);

    m = fail_once(2, &input); /* the same, whatever came */
    assert_body(m, wanted);
    assert_body(take(step.reply), sealed);
    free(input);
    free(wanted);
    free(sealed);
    assert_done(0);
}

/* Nobody takes what goes to this queue, and the message waits until somebody does. */
static void assert_waits_for(const char *queue, const char *key, const char *other)
{
    mq_delete_queue(mq, queue);
    send_orders("{'error':'boom'}", MQ_TABLE(mq_text("reply_to", step.reply_key)));
    take(other);
    usleep(QUIET_MS * 1000);
    assert_int_equal(rabbit_queue(rabbit, step.input).unacked, 1);
    assert_int_equal(mq_count(mq, step.rejected), 0);
    mq_declare_queue(mq, queue, NULL);
    mq_bind(mq, queue, step.exchange, key);
    take(queue);
    take(step.rejected);
}

static void a_message_that_failed_waits_for_its_error_and_for_the_reply(void **state)
{
    (void)state;
    start("ELASTICIO_AMQP_PUBLISH_RETRY_DELAY=50",
          "ELASTICIO_AMQP_PUBLISH_MAX_RETRY_DELAY=100");
    assert_waits_for(step.reply, step.reply_key, step.error);
    assert_waits_for(step.error, step.error_key, step.reply);
    assert_done(0);
}

static void the_input_of_an_error_is_what_came_to_the_byte(void **state)
{
    (void)state;
    start("ELASTICIO_OUTGOING_MESSAGE_SIZE_LIMIT=1");
    const char *wire = "aKX8sUhxINZt0EZ2ZFzO/lovVvYKyxu3\nKNG/vRZNRjM"; /* nearly base64 */
    publish(wire, 0, MQ_TABLE(mq_text("a", "b")));
    json_t *error = json_loads(take(step.error)->body, 0, NULL);
    assert_event_str(error, "errorInput", wire);
    json_decref(error);
    assert_done(1);
}

static void errors_are_not_replied_where_nobody_wants_them(void **state)
{
    (void)state;
    start("ELASTICIO_NO_ERROR_REPLIES=true");
    char *input;
    struct mq_message *m = fail_once(1, &input);
    assert_event_str(m->headers, "reply_to", step.reply_key);
    free(input);
    assert_done(0);
}

static void data_and_errors_of_one_message_all_go_out_and_it_is_rejected(void **state)
{
    (void)state;
    start(NULL);
    order("{'data':1},{'error':'one'},{'data':2},{'error':'two'}");
    take(step.data);
    take(step.data);
    json_t *one = platform_read_error(take(step.error));
    json_t *two = platform_read_error(take(step.error));
    assert_event_str(one, "error.message", "one");
    assert_event_str(two, "error.message", "two");
    json_decref(one);
    json_decref(two);
    assert_done(1);
}

/* --- rebounds --- */

static void a_rebound_is_what_came_and_when_to_come_again(void **state)
{
    (void)state;
    start(NULL);
    char *body = platform_encrypt_v1("{\"body\":{\"orders\":[{\"rebound\":\"later\"}]}}");
    publish(body, 0,
            MQ_TABLE(mq_text("messageId", "m5"), mq_i8("reboundIteration", 2),
                     mq_text("zzz", "keep")));
    struct mq_message *m = take(step.rebound);
    assert_body(m, body);
    assert_headers(m, "{'messageId':'m5','zzz':'keep','reboundIteration':3,"
                      "'reboundReason':'later','end':0}");
    assert_properties(m, "{'delivery_mode':1,'expiration':'60000'}");
    assert_string_equal(m->key, step.rebound_key);
    free(body);
    assert_done(0);
}

static void a_rebound_keeps_every_property_and_header(void **state)
{
    (void)state;
    start("ELASTICIO_AMQP_PERSISTENT_MESSAGES=1");
    amqp_basic_properties_t more = { ._flags =
                                         AMQP_BASIC_PRIORITY_FLAG |
                                         AMQP_BASIC_CORRELATION_ID_FLAG |
                                         AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                                         AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG |
                                         AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_APP_ID_FLAG,
                                     .priority = 3,
                                     .correlation_id = amqp_cstring_bytes("corr"),
                                     .reply_to = amqp_cstring_bytes("nobody"),
                                     .message_id = amqp_cstring_bytes("mid"),
                                     .timestamp = 1700000000,
                                     .type = amqp_cstring_bytes("kind"),
                                     .user_id = amqp_cstring_bytes(RABBIT_GUEST),
                                     .app_id = amqp_cstring_bytes("app") };
    size_t len;
    void *body = platform_encrypt_v2("{\"body\":{\"orders\":[{\"rebound\":\"r\"}]}}", &len);
    const amqp_table_entry_t *death = MQ_TABLE(
        mq_i64("count", 1), mq_text("reason", "expired"), mq_time("time", 1700000000),
        mq_array("routing-keys", MQ_VALUES(mq_text("", "rk"), mq_void(""), mq_i8("", -1))));
    assert_int_equal(
        mq_publish(
            mq,
            &(struct mq_publish){
                .exchange = step.exchange,
                .key = step.input_key,
                .body = body,
                .body_len = len,
                .content_type = "text/x",
                .content_encoding = "enc",
                .delivery_mode = 1,
                .more = &more,
                .headers = MQ_TABLE(
                    mq_array("x-death", MQ_VALUES(mq_table("", death))), mq_bool("t", true),
                    mq_i8("b", -5), mq_i16("s", -300), mq_i32("I", -70000),
                    mq_i64("l", -5000000000), mq_f32("f", 0.5F), mq_f64("d", 1.25),
                    mq_decimal("D", 2, 314), mq_time("T", 5), mq_bytes("x", "bytes"),
                    mq_void("V"), mq_table("F", MQ_TABLE(mq_text("in", "side"))),
                    mq_i8("protocolVersion", 2)) }),
        MQ_ACKED);
    struct mq_message *m = take(step.rebound);
    assert_int_equal(m->body_len, len);
    assert_memory_equal(m->body, body, len);
    free(body);
    assert_properties(m, "{'app_id':'app','content_encoding':'enc','content_type':'text/x',"
                         "'correlation_id':'corr','delivery_mode':2,'expiration':'15000',"
                         "'message_id':'mid','priority':3,'reply_to':'nobody',"
                         "'timestamp':1700000000,'type':'kind'}");
    json_object_del(m->kinds, "end");
    json_object_del(m->kinds, "reboundIteration");
    assert_json(
        m->kinds, "",
        json("{'D':'D','F':{'in':'S'},'I':'I','T':'T','V':'V','b':'b','d':'d',"
             "'f':'f','l':'l','protocolVersion':'b','reboundReason':'S','s':'s','t':'t',"
             "'x':'x','x-death':[{'count':'l','reason':'S','routing-keys':"
             "['S','V','b'],'time':'T'}]}"));
    assert_json(m->headers, "x-death.0.count", "1");
    assert_json(m->headers, "x-death.0.time", "1700000000");
    assert_json(m->headers, "x-death.0.routing-keys", "[\"rk\",null,-1]");
    assert_json(m->headers, "l", "-5000000000");
    assert_json(m->headers, "d", "1.25");
    assert_json(m->headers, "reboundIteration", "1");
    assert_done(0);
}

/* Waits for a message in the rebound queue whose iteration is this; it stays there. */
static json_t *wait_for_rebound(int iteration)
{
    int64_t deadline = now_ms() + WAIT_MS;
    while (now_ms() < deadline) {
        struct mq_message *m = mq_get(mq, step.rebound);
        if (m) {
            bool is_it = event_int(m->headers, "reboundIteration") == iteration;
            json_t *headers = is_it ? json_deep_copy(m->headers) : NULL;
            mq_reject(mq, m, true);
            if (is_it)
                return headers;
        }
        usleep(20 * 1000);
    }
    fail_test("there is no rebound %d", iteration);
}

static void a_message_rebounds_until_the_limit_and_is_then_acknowledged(void **state)
{
    (void)state;
    start("ELASTICIO_REBOUND_INITIAL_EXPIRATION=1000", "ELASTICIO_REBOUND_LIMIT=3");
    send_orders("{'rebound':'not yet'}",
                MQ_TABLE(mq_text("messageId", "m1"), mq_text("threadId", "t1"),
                         mq_text("reply_to", step.reply_key)));
    json_t *third = wait_for_rebound(3);
    assert_json(third, "x-death.0.count", "2"); /* the broker has found its own entry again */
    json_decref(third);
    struct mq_message *m = take(step.error);
    char headers[600];
    snprintf(headers, sizeof(headers), "{" FOLLOWS ",'messageId':'*','reply_to':'%s'}",
             step.reply_key);
    assert_headers(m, headers); /* no `end` */
    json_t *error = platform_read_error(m);
    assert_event_str(error, "error.message", "Rebound limit exceeded");
    assert_event_str(error, "errorInput.id", ID_1);
    json_decref(error);
    m = take(step.reply);
    assert_json(m->headers, "x-eio-error-response", "true");
    assert_done(0); /* acknowledged, not rejected */
}

/* --- passthrough --- */

static void assert_passthrough(const char *step_data, const char *setting, const char *step_id,
                               const char *wanted)
{
    platform_set_step(platform, NULL, step_data);
    start(setting);
    platform_send(mq, &step,
                  "{'id':'in','body':{'orders':[{'data':{'y':2},'id':'out'}]},"
                  "'headers':{},'more':1.50,'passthrough':{'step_0':{'body':{'p':1e2}},"
                  "'step_2':{'body':'old'}}}",
                  1,
                  step_id ? MQ_TABLE(mq_text("stepId", step_id)) : MQ_TABLE(mq_text("a", "b")));
    assert_plain(take(step.data), json(wanted));
    assert_done(0);
}

#define OUT "{'id':'out','body':{'y':2},'headers':{}"

static void passthrough_off_is_none(void **state)
{
    (void)state;
    assert_passthrough("{'is_passthrough':'true'}", NULL, "step_1", OUT "}");
}

static void passthrough_is_what_came_and_what_we_said(void **state)
{
    (void)state;
    assert_passthrough("{'is_passthrough':true}", NULL, "step_1",
                       OUT ",'passthrough':{'step_0':{'body':{'p':1e2}},'step_2':" OUT "}}}");
}

static void passthrough_without_self_is_what_came_and_who_said_it(void **state)
{
    (void)state;
    assert_passthrough(
        "{'is_passthrough':true}", "ELASTICIO_NO_SELF_PASSTRHOUGH=true", "step_1",
        OUT ",'passthrough':{'step_0':{'body':{'p':1e2}},'step_2':{'body':'old'},"
            "'step_1':{'id':'in','body':{'orders':[{'data':{'y':2},'id':'out'}]},"
            "'headers':{},'more':1.50}}}");
}

static void passthrough_without_self_from_nobody_is_what_came(void **state)
{
    (void)state;
    assert_passthrough("{'is_passthrough':true}", "ELASTICIO_NO_SELF_PASSTRHOUGH=true", NULL,
                       OUT ",'passthrough':{'step_0':{'body':{'p':1e2}},"
                           "'step_2':{'body':'old'}}}");
}

/* --- lightweight messages --- */

#define HELLO       "{'property1':'Hello world'}" /* 27 bytes, vector A2 */
#define STORAGE_ID  "x-ipaas-object-storage-id"
#define LIGHTWEIGHT "ELASTICIO_EMIT_LIGHTWEIGHT_MESSAGE=true"

static const unsigned char a2_raw[] = { 0x4e, 0xbe, 0x32, 0x31, 0x58, 0x24, 0xfe, 0x30,
                                        0x18, 0xdd, 0xb3, 0x30, 0x1c, 0x80, 0x39, 0x83,
                                        0x81, 0x69, 0x61, 0x1e, 0xf6, 0x4a, 0x74, 0x31,
                                        0x23, 0x07, 0xfe, 0x04, 0x6e, 0x19, 0x9a, 0x34 };

static void a_large_body_goes_to_the_storage(void **state)
{
    (void)state;
    start(LIGHTWEIGHT, "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=26");
    platform_fail(platform, "POST /objects", 1,
                  &(struct stub_answer){ .status = 201, .body = "{\"objectId\":\"obj-1\"}" });
    order("{'data':" HELLO ",'id':'out'}");
    assert_plain(take(step.data),
                 json("{'id':'out','body':{},'headers':{'" STORAGE_ID "':'obj-1'}}"));
    const struct stub_request *r = platform_last_call(platform, "POST /objects");
    assert_int_equal(r->body_len, sizeof(a2_raw));
    assert_memory_equal(r->body, a2_raw, sizeof(a2_raw));
    assert_string_equal(stub_header(r, "content-type"), "application/json");
    assert_string_equal(stub_header(r, "authorization"), "Bearer " PLATFORM_TOKEN);
    assert_string_equal(stub_header(r, "x-request-id"), "f:flow1;s:step_2;m:");
    assert_done(0);
}

static void a_body_of_just_the_threshold_is_sent_as_it_is(void **state)
{
    (void)state;
    start(LIGHTWEIGHT, "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=27");
    order("{'data':" HELLO ",'id':'out'}");
    assert_plain(take(step.data), json("{'id':'out','body':" HELLO ",'headers':{}}"));
    assert_int_equal(platform_calls(platform, "POST /objects"), 0);
    assert_done(0);
}

static void what_is_stored_already_is_not_stored_again(void **state)
{
    (void)state;
    platform_set_step(platform, NULL, "{'is_passthrough':true}");
    start(LIGHTWEIGHT, "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=10");
    const char *id = platform_add_object(platform, a2_raw, sizeof(a2_raw));
    char text[500];
    snprintf(text, sizeof(text),
             "{'body':{'orders':[{'data':" HELLO ",'id':'out'}]},'passthrough':{'a':{'body':{},"
             "'headers':{'" STORAGE_ID "':'%s'}},'b':{'body':" HELLO ",'headers':{'h':1}}}}",
             id);
    platform_send(mq, &step, text, 1, NULL);
    json_t *out = platform_read(take(step.data));
    assert_event_str(out, "passthrough.a.headers." STORAGE_ID, id);
    assert_json(out, "passthrough.a.body", "{}");
    const char *b = event_str(out, "passthrough.b.headers." STORAGE_ID);
    const char *own = event_str(out, "headers." STORAGE_ID);
    assert_string_not_equal(b, own);
    assert_event_str(out, "passthrough.step_2.headers." STORAGE_ID, own);
    size_t len;
    assert_memory_equal(platform_object(platform, b, &len), a2_raw, sizeof(a2_raw));
    assert_memory_equal(platform_object(platform, own, &len), a2_raw, sizeof(a2_raw));
    assert_int_equal(platform_calls(platform, "POST /objects"), 2);
    json_decref(out);
    assert_done(0);
}

static void a_body_that_cannot_be_stored_is_an_error_and_no_data(void **state)
{
    (void)state;
    start(LIGHTWEIGHT, "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=10");
    platform_fail(platform, "POST /objects", 1, &(struct stub_answer){ .status = 403 });
    order("{'data':" HELLO "}");
    json_t *error = platform_read_error(take(step.error));
    assert_non_null(strstr(event_str(error, "error.message"),
                           "Lightweight message/passthrough body upload error"));
    assert_event_str(error, "errorInput.id", ID_1);
    json_decref(error);
    assert_done(1);
}

static void bodies_in_the_storage_are_fetched(void **state)
{
    (void)state;
    platform_set_step(platform, NULL, "{'is_passthrough':true}");
    start(NULL);
    size_t len;
    void *orders = platform_encrypt_v2("{\"orders\":[{\"see\":true}]}", &len);
    const char *own = platform_add_object(platform, orders, len);
    const char *other = platform_add_object(platform, a2_raw, sizeof(a2_raw));
    char text[500];
    snprintf(text, sizeof(text),
             "{'body':{},'headers':{'" STORAGE_ID "':'%s'},'passthrough':{'a':{'body':{},"
             "'headers':{'" STORAGE_ID "':'%s'}}}}",
             own, other);
    platform_send(mq, &step, text, 2, NULL);
    json_t *out = platform_read(take(step.data));
    assert_event_str(out, "body.headers." STORAGE_ID, own);
    assert_event_str(out, "passthrough.a.headers." STORAGE_ID, other);
    assert_json(out, "passthrough.a.body", json(HELLO));
    assert_string_equal(
        stub_header(platform_last_call(platform, "GET /objects"), "authorization"),
        "Bearer " PLATFORM_TOKEN);
    json_decref(out);
    free(orders);
    assert_done(0);
}

static void a_body_that_cannot_be_fetched_is_an_error_and_nobody_is_called(void **state)
{
    (void)state;
    start(NULL);
    platform_send(mq, &step,
                  "{'id':'in','body':{'orders':[{'data':1}]},'headers':{'" STORAGE_ID
                  "':'gone'}}",
                  1, MQ_TABLE(mq_text("messageId", "m1")));
    json_t *error = platform_read_error(take(step.error));
    assert_non_null(
        strstr(event_str(error, "error.message"), "Failed to get message body with id=gone"));
    assert_event_str(error, "errorInput.headers." STORAGE_ID, "gone");
    json_decref(error);
    assert_done(1);
}

/* --- replies --- */

#define A7_V1                                                                                  \
    "WJdJ8/DYmfLEd+fjsUVTom1xWoAMWXT8WhQYppoJRue88BF2D05dGLP6jSVJU6is4z+WHvfwoNx/pi4bQUlvH5LE" \
    "zmWYjK2Kyf0v9WYuDRk="

static void a_reply_is_of_version_1_always(void **state)
{
    (void)state;
    start("ELASTICIO_PROTOCOL_VERSION=2");
    send_orders("{'reply':{'status':200,'body':'Ok','headers':{'content-type':'text/plain',"
                "'X-EIO-Routing-Key':'elsewhere'}}}",
                MQ_TABLE(mq_text("messageId", "m1"), mq_text("threadId", "t1"),
                         mq_text("reply_to", step.reply_key)));
    struct mq_message *m = take(step.reply);
    assert_body(m, A7_V1);
    char headers[600];
    snprintf(headers, sizeof(headers),
             "{" FOLLOWS ",'messageId':'*','protocolVersion':1,'reply_to':'%s'}",
             step.reply_key);
    assert_headers(m, headers);
    assert_properties(m, PROPERTIES);
    assert_done(0);
}

/* --- snapshots --- */

static void a_snapshot_and_what_changed_in_it_go_out_in_the_clear(void **state)
{
    (void)state;
    start(NULL);
    order("{'snapshot':{'last':5}},{'update':{'page':2}}");
    struct mq_message *m = take(step.snapshot);
    assert_body(m, "{\"last\":5}");
    assert_headers(m, "{" FOLLOWS ",'messageId':'*','snapshotEvent':'snapshot'}");
    assert_properties(m, PROPERTIES);
    m = take(step.snapshot);
    assert_body(m, "{\"page\":2}");
    assert_headers(m, "{" FOLLOWS ",'messageId':'*','snapshotEvent':'updateSnapshot'}");
    assert_done(0);
}

static void a_snapshot_that_nobody_takes_is_logged_and_not_sent_again(void **state)
{
    (void)state;
    start(NULL);
    mq_unbind(mq, step.snapshot, step.exchange, step.snapshot_key);
    order("{'snapshot':{'last':5}},{'data':1,'id':'out'}");
    assert_plain(take(step.data), json("{'id':'out','body':1,'headers':{}}"));
    step_expect_log(echo, "snapshot_returned", WAIT_MS);
    assert_done(0);
}

static void a_change_of_a_snapshot_must_be_an_object_without_orders(void **state)
{
    (void)state;
    start(NULL);
    order("{'update':[1]},{'update':'text'},{'update':{'$set':{'a':1}}},{'data':1}");
    take(step.data);
    step_expect_log(echo, "snapshot_update_is_no_object", WAIT_MS);
    step_expect_log(echo, "$set is not supported any more", WAIT_MS);
    assert_done(0);
}

/* --- limits --- */

/* {"id":"i","body":"…","headers":{}}, so many bytes. */
static void order_data_of(size_t size)
{
    char text[300], fill[200] = "";
    size_t around = strlen("{'id':'i','body':'','headers':{}}");
    assert_true(size >= around && size - around < sizeof(fill));
    memset(fill, 'x', size - around);
    snprintf(text, sizeof(text), "{'data':'%s','id':'i'}", fill);
    order(text);
}

static void assert_too_large(const char *text)
{
    json_t *error = platform_read_error(take(step.error));
    assert_event_str(error, "error.message", text);
    assert_event_str(error, "errorInput.id", ID_1);
    json_decref(error);
    take(step.rejected);
}

static void a_message_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    (void)state;
    start("ELASTICIO_OUTGOING_MESSAGE_SIZE_LIMIT=64");
    order_data_of(47);
    assert_int_equal(take(step.data)->body_len, 64);
    order_data_of(48); /* encrypted 64, as base64 88 */
    assert_too_large("Outgoing message size 88 exceeds limit of 64.");
    assert_done(0);
    start("ELASTICIO_OUTGOING_MESSAGE_SIZE_LIMIT=64", "ELASTICIO_PROTOCOL_VERSION=2");
    order_data_of(63);
    assert_int_equal(take(step.data)->body_len, 64);
    order_data_of(64);
    assert_too_large("Outgoing message size 80 exceeds limit of 64.");
    send_orders("{'reply':{'status':200,'body':'a text of some length'}}",
                MQ_TABLE(mq_text("reply_to", step.reply_key)));
    assert_too_large("Outgoing message size 88 exceeds limit of 64.");
    take(step.reply);
    assert_done(0);
}

static void messages_are_persistent_where_that_is_wanted(void **state)
{
    (void)state;
    start("ELASTICIO_AMQP_PERSISTENT_MESSAGES=true");
    order("{'data':1},{'error':'e'},{'snapshot':{}}");
    assert_json(take(step.data)->properties, "delivery_mode", "2");
    assert_json(take(step.error)->properties, "delivery_mode", "2");
    assert_json(take(step.snapshot)->properties, "delivery_mode", "2");
    assert_done(1);
    start("KAFKA_COMPONENT_PERSISTENT_MESSAGES=true"); /* the operator's own switch */
    order("{'data':1}");
    assert_json(take(step.data)->properties, "delivery_mode", "2");
    assert_done(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        flow_test(a_data_message_is_the_protocol_s_example_to_the_byte),
        flow_test(a_message_that_the_platform_encrypted_is_read),
        flow_test(version_2_a_routing_key_no_self_and_variables_as_headers),
        flow_test(each_message_has_an_id_of_its_own),
        flow_test(a_message_without_any_id_is_worked_at_and_acknowledged),
        flow_test(a_thread_begins_with_the_trace_where_there_is_one),
        flow_test(two_messages_of_one_id_are_two_messages),
        flow_test(the_version_of_the_protocol_is_understood_in_any_kind),
        flow_test(the_message_says_whom_a_reply_goes_to),
        flow_test(what_cannot_be_read_is_an_error_and_rejected),
        flow_test(what_is_too_large_is_an_error_and_rejected),
        flow_test(base64_with_line_breaks_is_read),
        flow_test(a_step_that_handles_errors_gets_them_in_the_clear),
        flow_test(one_that_fails_itself_hands_on_what_it_got_as_it_came),
        flow_test(an_error_is_told_with_its_input_and_replied),
        flow_test(a_message_that_failed_waits_for_its_error_and_for_the_reply),
        flow_test(the_input_of_an_error_is_what_came_to_the_byte),
        flow_test(errors_are_not_replied_where_nobody_wants_them),
        flow_test(data_and_errors_of_one_message_all_go_out_and_it_is_rejected),
        flow_test(a_rebound_is_what_came_and_when_to_come_again),
        flow_test(a_rebound_keeps_every_property_and_header),
        flow_test(a_message_rebounds_until_the_limit_and_is_then_acknowledged),
        flow_test(passthrough_off_is_none),
        flow_test(passthrough_is_what_came_and_what_we_said),
        flow_test(passthrough_without_self_is_what_came_and_who_said_it),
        flow_test(passthrough_without_self_from_nobody_is_what_came),
        flow_test(a_large_body_goes_to_the_storage),
        flow_test(a_body_of_just_the_threshold_is_sent_as_it_is),
        flow_test(what_is_stored_already_is_not_stored_again),
        flow_test(a_body_that_cannot_be_stored_is_an_error_and_no_data),
        flow_test(bodies_in_the_storage_are_fetched),
        flow_test(a_body_that_cannot_be_fetched_is_an_error_and_nobody_is_called),
        flow_test(a_reply_is_of_version_1_always),
        flow_test(a_snapshot_and_what_changed_in_it_go_out_in_the_clear),
        flow_test(a_snapshot_that_nobody_takes_is_logged_and_not_sent_again),
        flow_test(a_change_of_a_snapshot_must_be_an_object_without_orders),
        flow_test(a_message_may_be_as_large_as_the_limit_and_no_larger),
        flow_test(messages_are_persistent_where_that_is_wanted),
    };
    return cmocka_run_group_tests_name("live/sailor_events", tests, rabbit_setup,
                                       rabbit_teardown);
}
