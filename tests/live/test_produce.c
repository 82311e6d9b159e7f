// SPDX-License-Identifier: Apache-2.0
/* test_produce.c - `run produce` on Apache Kafka: what it answers, against what the broker has.
 */
#include "support/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMED_MS 12000 /* 5 s, and what a busy machine adds; timeoutMs is 30 s */

static int setup(void **state)
{
    (void)state;
    return live_start(&(struct kafka_options){ .has_rights = true });
}

/* A message of `count` values of `size` letters each. */
static char *message_of(int count, const int sizes[])
{
    size_t room = 64;
    for (int i = 0; i < count; i++)
        room += (size_t)sizes[i] + 16;
    char *text = malloc(room), *at = text;
    assert_non_null(text);
    at += sprintf(at, "{\"messages\":[");
    for (int i = 0; i < count; i++) {
        at += sprintf(at, "%s{\"value\":\"", i ? "," : "");
        memset(at, 'a' + i, (size_t)sizes[i]);
        at += sizes[i];
        at += sprintf(at, "\"}");
    }
    sprintf(at, "]}");
    return text;
}

static void assert_code(json_t *answer, int entry, const char *code)
{
    char path[32];
    snprintf(path, sizeof(path), "%d.body.errorCode", entry);
    assert_event_str(answer, path, code);
}

/* One result of code 0, then the end. */
static void assert_good(json_t *answer)
{
    assert_code(answer, 0, "0");
    assert_event_str(answer, "1.event", "end");
    json_decref(answer);
}

/* One failed result of this code, an error, the end. */
static void assert_failed(json_t *answer, const char *code, const char *indexes)
{
    assert_int_equal(json_array_size(answer), 3);
    assert_code(answer, 0, code);
    assert_json(answer, "0.body.indexes", indexes);
    assert_event_str(answer, "0.body.baseOffset", "-1");
    assert_true(strlen(event_str(answer, "0.body.errorName")) > 0);
    assert_true(strlen(event_str(answer, "0.body.errorMessage")) > 0);
    assert_event_str(answer, "1.event", "error");
    assert_true(strlen(event_str(answer, "1.error.message")) > 0);
    json_decref(answer);
}

static void the_stored_ones_are(const char *topic, const char *first_letters)
{
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, strlen(first_letters));
    for (size_t i = 0; i < records.count; i++)
        assert_int_equal(*(const char *)records.at[i].value, first_letters[i]);
    witness_records_free(&records);
}

/* --- What a good answer says --- */

static void results_are_the_brokers_own(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, NULL);

    json_decref(ask(p, "{'messages':[{'value':'a'},{'value':'b'}]}"));
    json_t *answer =
        ask(p, "{'id':'second','body':{'messages':[{'value':'c'},{'value':'d'}]}}");
    assert_int_equal(json_array_size(answer), 2);
    assert_json(answer, "0.inReplyTo", "\"second\"");
    assert_json(answer, "0.line", "2");
    assert_event_str(answer, "0.body.topicName", topic);
    assert_event_str(answer, "0.body.partition", "0");
    assert_event_str(answer, "0.body.errorCode", "0");
    assert_event_str(answer, "0.body.baseOffset", "2");
    assert_event_str(answer, "0.body.logAppendTime", "-1");
    assert_event_str(answer, "0.body.logStartOffset", "0");
    assert_json(answer, "1.inReplyTo", "\"second\"");
    json_decref(answer);
    finish(p, 0);

    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 4);
    assert_bytes(records.at[2].value, records.at[2].value_size, "c");
    witness_records_free(&records);
}

static void log_append_time_is_what_a_reader_sees(void **state)
{
    (void)state;
    const char *topic =
        witness_new_topic(witness, 1, ARGS("message.timestamp.type=LogAppendTime"));
    struct process *p = start_produce(topic, NULL);
    json_t *answer = ask(p, "{'messages':[{'value':'a','timestamp':5}]}");
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 1);
    assert_true(records.at[0].is_log_append_time);
    assert_int_equal(atoll(event_str(answer, "0.body.logAppendTime")), records.at[0].timestamp);
    witness_records_free(&records);
    json_decref(answer);
    finish(p, 0);
}

static void log_start_offset_follows_deleted_records(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, NULL);
    json_decref(ask(p, "{'messages':[{'value':1},{'value':2},{'value':3},{'value':4}]}"));
    witness_delete_records(witness, topic, 0, 3);
    json_t *answer = ask(p, "{'messages':[{'value':5}]}");
    assert_event_str(answer, "0.body.baseOffset", "4");
    assert_event_str(answer, "0.body.logStartOffset", "3");
    json_decref(answer);
    finish(p, 0);
}

static void each_partition_has_a_result(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 3, NULL);
    json_t *events =
        produce(topic, NULL,
                json("{'messages':[{'value':'a','partition':2},{'value':'b','partition':'0'},"
                     "{'value':'c','partition':2}]}\n"),
                0);
    assert_int_equal(json_array_size(events), 3);
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 3);
    int partitions_seen = 0;
    for (int i = 0; i < 2; i++) {
        char path[32];
        snprintf(path, sizeof(path), "%d.body.partition", i);
        partitions_seen |= 1 << atoi(event_str(events, path));
        snprintf(path, sizeof(path), "%d.body.baseOffset", i);
        assert_event_str(events, path, "0");
    }
    assert_int_equal(partitions_seen, 1 << 0 | 1 << 2);
    assert_bytes(records.at[0].value, records.at[0].value_size, "b");
    assert_int_equal(records.at[0].partition, 0);
    assert_bytes(records.at[1].value, records.at[1].value_size, "a");
    assert_bytes(records.at[2].value, records.at[2].value_size, "c");
    assert_int_equal(records.at[2].partition, 2);
    witness_records_free(&records);
    json_decref(events);
}

static void emit_behavior_batch_gives_one_message(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    json_t *events = produce(
        topic, ARGS("--set", "emitBehavior=batch"),
        json("{'messages':[{'value':'a','partition':0},{'value':'b','partition':1}]}\n"), 0);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(json_array_size(event_at(events, "0.body.results")), 2);
    assert_event_str(events, "0.body.results.0.topicName", topic);
    assert_event_str(events, "0.body.results.1.baseOffset", "0");
    json_decref(events);
}

/* --- What is written --- */

static void records_of_every_shape_are_written_as_they_stand(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    json_decref(produce(
        topic, NULL,
        json("{'messages':["
             "{'key':'Car status','value':'arrived','timestamp':1700000000123},"
             "{'value':null},"
             "{'key':null,'value':''},"
             "{'key':'','value':{'a': [1.50, true]}},"
             "{'key':7,'value':12345678901234567890},"
             "{'key':'AP8=','keyEncoding':'base64','value':'/w==','valueEncoding':'base64'},"
             "{'value':'h','headers':{'a':'x','b':null,'c':{'base64':'gA=='},'d':['1',null,'']}"
             "},"
             "{'value':'i','headers':[['z','1'],['a','2'],['z',null]]},"
             "{'value':'gr\u00fc\u00df \\u20ac'}"
             "]}\n"),
        0));

    struct witness_records records = witness_read(witness, topic);
    const struct witness_record *r = records.at;
    assert_int_equal(records.count, 9);
    assert_bytes(r[0].key, r[0].key_size, "Car status");
    assert_bytes(r[0].value, r[0].value_size, "arrived");
    assert_int_equal(r[0].timestamp, 1700000000123);
    assert_bytes(r[1].key, r[1].key_size, NULL);
    assert_bytes(r[1].value, r[1].value_size, NULL);
    assert_bytes(r[2].key, r[2].key_size, NULL);
    assert_bytes(r[2].value, r[2].value_size, "");
    assert_bytes(r[3].key, r[3].key_size, "");
    json_t *value = json_loadb(r[3].value, r[3].value_size, 0, NULL);
    assert_json(value, "a", "[1.5,true]");
    json_decref(value);
    assert_bytes(r[4].key, r[4].key_size, "7");
    assert_bytes(r[4].value, r[4].value_size, "12345678901234567890");
    assert_int_equal(r[5].key_size, 2);
    assert_memory_equal(r[5].key, "\0\xff", 2);
    assert_bytes(r[5].value, r[5].value_size, "\xff");

    const char *names = "abcddd";
    const char *values[] = { "x", NULL, "\x80", "1", NULL, "" };
    assert_int_equal(r[6].header_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_bytes(r[6].headers[i].name, 1, (char[]){ names[i], '\0' });
        assert_bytes(r[6].headers[i].value, r[6].headers[i].size, values[i]);
    }
    const char *ordered[] = { "z", "a", "z" };
    const char *ordered_values[] = { "1", "2", NULL };
    assert_int_equal(r[7].header_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(r[7].headers[i].name, ordered[i]);
        assert_bytes(r[7].headers[i].value, r[7].headers[i].size, ordered_values[i]);
    }
    assert_bytes(r[8].value, r[8].value_size, "gr\u00fc\u00df \u20ac");
    witness_records_free(&records);
}

static void a_body_with_a_value_is_one_record(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    json_decref(
        produce(topic, NULL, json("{'key':'k','value':'v'}\n{'body':{'value':'w'}}"), 0));
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 2);
    assert_bytes(records.at[0].key, records.at[0].key_size, "k");
    assert_bytes(records.at[1].value, records.at[1].value_size, "w");
    witness_records_free(&records);
}

static void nothing_of_a_misshapen_body_is_written(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, NULL);
    json_t *answer =
        ask(p, "{'messages':[{'value':'good'},{'valeu':'x','value':'y'},{'key':'k'},"
               "{'value':'z','partition':'first'}]}");
    assert_int_equal(json_array_size(answer), 2);
    assert_event_str(answer, "0.event", "error");
    char *text = json_dumps(json_array_get(answer, 0), JSON_COMPACT);
    assert_non_null(strstr(text, "/messages/1/valeu"));
    assert_non_null(strstr(text, "/messages/2"));
    assert_non_null(strstr(text, "/messages/3/partition"));
    free(text);
    json_decref(answer);
    assert_good(ask(p, "{'messages':[{'value':'next'}]}"));
    finish(p, 65);

    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 1);
    assert_bytes(records.at[0].value, records.at[0].value_size, "next");
    witness_records_free(&records);
}

static void a_line_that_is_no_json_is_answered(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    json_t *events =
        produce(topic, NULL, json("{'value':'a'\n\n[]\n{'value':'b'}\n{'value':'c'}"), 65);
    json_t *ends = events_of(events, "end"), *errors = events_of(events, "error");
    assert_int_equal(json_array_size(ends), 4);
    assert_int_equal(json_array_size(errors), 2);
    assert_json(ends, "0.line", "1");
    assert_json(ends, "1.line", "3");
    assert_json(ends, "2.line", "4");
    assert_json(ends, "3.line", "5");
    json_decref(ends);
    json_decref(errors);
    json_decref(events);
}

static void half_a_line_at_the_end_is_said_and_not_written(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    json_t *events = produce(topic, NULL, json("{'value':'a'}\n{'value':'b'"), 65);
    json_t *errors = events_of(events, "error");
    assert_int_equal(json_array_size(errors), 1);
    json_decref(errors);
    json_decref(events);
    the_stored_ones_are(topic, "a");
}

/* --- What fails, and what comes after it --- */

static void a_record_too_large_for_the_topic_fails_alone(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, ARGS("max.message.bytes=2000"));
    struct process *p = start_produce(topic, NULL);
    char *message = message_of(4, (const int[]){ 100, 5000, 100, 100 });
    json_t *answer = ask(p, message);
    free(message);

    assert_int_equal(json_array_size(answer), 4);
    int good = strcmp(event_str(answer, "0.body.errorCode"), "0") == 0 ? 0 : 1;
    json_t *stored = json_array_get(answer, (size_t)good);
    json_t *failed = json_array_get(answer, (size_t)!good);
    assert_event_str(stored, "body.errorCode", "0");
    assert_event_str(stored, "body.baseOffset", "0");
    assert_event_str(failed, "body.errorCode", "10");
    assert_event_str(failed, "body.stored", "no");
    assert_event_str(failed, "body.baseOffset", "-1");
    assert_json(failed, "body.indexes", "[1]");
    assert_event_str(answer, "2.event", "error");
    json_decref(answer);
    assert_good(ask(p, "{'value':'eeee'}"));
    finish(p, 65);
    the_stored_ones_are(topic, "acde");
}

static void a_record_too_large_for_any_topic_fails_alone(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, NULL);
    char *message = message_of(3, (const int[]){ 100, 1500000, 100 });
    json_t *answer = ask(p, message);
    free(message);
    assert_int_equal(json_array_size(answer), 4);
    int good = strcmp(event_str(answer, "0.body.errorCode"), "0") == 0 ? 0 : 1;
    json_t *failed = json_array_get(answer, (size_t)!good);
    assert_event_str(failed, "body.errorCode", "10");
    assert_json(failed, "body.indexes", "[1]");
    json_decref(answer);
    assert_good(ask(p, "{'value':'dddd'}"));
    finish(p, 65);
    the_stored_ones_are(topic, "acd");
}

static void a_batch_larger_than_the_topic_allows_is_stored_all_the_same(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, ARGS("max.message.bytes=2000"));
    struct process *p = start_produce(topic, NULL);
    char *message = message_of(6, (const int[]){ 500, 500, 500, 500, 500, 500 });
    json_t *answer = ask(p, message);
    free(message);
    assert_event_str(answer, "0.body.baseOffset", "0");
    assert_good(answer);
    finish(p, 0);
    the_stored_ones_are(topic, "abcdef");
}

static void an_unknown_topic_is_named_within_five_seconds(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(NULL, ARGS("--set", "topicFromMessage=true"));
    char good[128];
    snprintf(good, sizeof(good), "{'messages':[{'topic':'%s','value':'x'}]}", topic);

    int64_t start = now_ms();
    assert_failed(ask(p, "{'messages':[{'topic':'nowhere','value':'x'}]}"), "3", "[0]");
    assert_in_range(now_ms() - start, 0, NAMED_MS);
    assert_good(ask(p, good));
    start = now_ms();
    assert_failed(ask(p, "{'messages':[{'topic':'nowhere','value':'x'}]}"), "3", "[0]");
    assert_in_range(now_ms() - start, 0, NAMED_MS);
    assert_good(ask(p, good));
    finish(p, 65);
}

static bool is_stored(struct process *p, const char *message)
{
    json_t *answer = ask(p, message);
    bool is_good = strcmp(event_str(answer, "0.body.errorCode"), "0") == 0;
    json_decref(answer);
    return is_good;
}

static void a_topic_that_appears_is_written_to(void **state)
{
    (void)state;
    const char *topic = witness_fresh_name(witness, "later");
    struct process *p = start_produce(topic, NULL);
    assert_failed(ask(p, "{'value':'x'}"), "3", "[0]");
    witness_create_topic(witness, topic, 1, NULL);
    int64_t deadline =
        now_ms() + 20000; /* librdkafka remembers for a moment that it was missing */
    while (!is_stored(p, "{'value':'y'}"))
        assert_true(now_ms() < deadline);
    finish(p, 65);
    the_stored_ones_are(topic, "y");
}

static void an_unknown_partition_is_named(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct process *p = start_produce(topic, NULL);
    assert_failed(ask(p, "{'messages':[{'value':'x','partition':7}]}"), "3", "[0]");
    assert_good(ask(p, "{'messages':[{'value':'y','partition':1}]}"));
    json_t *answer =
        ask(p, "{'messages':[{'value':'x','partition':9},{'value':'z','partition':1},"
               "{'value':'x','partition':9}]}");
    int good = strcmp(event_str(answer, "0.body.errorCode"), "0") == 0 ? 0 : 1;
    json_t *failed = json_array_get(answer, (size_t)!good);
    assert_event_str(failed, "body.partition", "9");
    assert_json(failed, "body.indexes", "[0,2]");
    json_decref(answer);
    finish(p, 65);
    the_stored_ones_are(topic, "yz");
}

static void a_forbidden_topic_is_named(void **state)
{
    (void)state;
    const char *open_topic = witness_new_topic(witness, 1, NULL);
    const char *closed_topic = witness_new_topic(witness, 1, NULL);
    witness_allow_writing(witness, KAFKA_GUEST, open_topic);
    const char *guest = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-256",
                                KAFKA_GUEST, KAFKA_GUEST_PASSWORD, NULL);
    struct process *p =
        component_start(ARGS("run", "produce", "--set", "topicFromMessage=true"),
                        &(struct process_options){ .env = ARGS(guest) });
    char good[128], bad[128];
    snprintf(good, sizeof(good), "{'messages':[{'topic':'%s','value':'x'}]}", open_topic);
    snprintf(bad, sizeof(bad), "{'messages':[{'topic':'%s','value':'x'}]}", closed_topic);
    for (int i = 0; i < 2; i++) {
        int64_t start = now_ms();
        assert_failed(ask(p, bad), "29", "[0]");
        assert_in_range(now_ms() - start, 0, NAMED_MS);
        assert_good(ask(p, good));
    }
    finish(p, 65);
    the_stored_ones_are(open_topic, "xx");
    the_stored_ones_are(closed_topic, "");
}

static void a_broker_that_is_down_is_said_in_time(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, ARGS("--set", "timeoutMs=8000"));
    assert_good(ask(p, "{'value':'a'}"));
    kafka_kill(kafka);
    int64_t start = now_ms();
    assert_failed(ask(p, "{'value':'b'}"), "7", "[0]");
    assert_in_range(now_ms() - start, 0, 13000);
    kafka_restart(kafka);
    assert_good(ask(p, "{'value':'c'}"));
    finish(p, 69);

    struct process *early = NULL;
    kafka_kill(kafka);
    early = start_produce(topic, ARGS("--set", "timeoutMs=8000"));
    start = now_ms();
    json_t *answer = ask(early, "{'value':'d'}");
    assert_in_range(now_ms() - start, 0, 13000);
    assert_event_str(answer, "0.body.stored", "no");
    json_decref(answer);
    kafka_restart(kafka);
    assert_good(ask(early, "{'value':'e'}"));
    finish(early, 69);
    the_stored_ones_are(topic, "ace");
}

static void a_time_out_does_not_claim_absence(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_produce(topic, ARGS("--set", "timeoutMs=4000"));
    assert_good(ask(p, "{'value':'a'}"));
    kafka_freeze(kafka);
    json_t *answer = ask(p, "{'value':'b'}");
    assert_event_str(answer, "0.body.stored", "maybe");
    assert_failed(answer, "7", "[0]");
    kafka_thaw(kafka);
    finish(p, 69);
}

/* --- Order and back-pressure --- */

static void answers_keep_the_order_of_the_inputs(void **state)
{
    (void)state;
    enum {
        COUNT = 2000
    };
    const char *topic = witness_new_topic(witness, 4, NULL);
    char *input = malloc(COUNT * 96), *at = input;
    assert_non_null(input);
    for (int i = 0; i < COUNT; i++) /* the first fails last, some at once, most are good */
        at += sprintf(
            at, "{\"id\":\"%d\",\"body\":{\"topic\":\"%s\",\"value\":%s,\"key\":\"%d\"}}\n", i,
            i == 0 ? "nowhere" : topic, i % 100 == 7 ? "" : "\"v\"", i);
    json_t *events = produce(NULL, ARGS("--set", "topicFromMessage=true"), input, 65);
    free(input);
    json_t *ends = events_of(events, "end");
    assert_int_equal(json_array_size(ends), COUNT);
    size_t i, answered = 0;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        char id[16];
        /* A line that is no JSON has no id, but a number. */
        if (json_is_string(event_at(event, "inReplyTo"))) {
            snprintf(id, sizeof(id), "%zu", answered);
            assert_event_str(event, "inReplyTo", id);
        }
        assert_int_equal(event_int(event, "line"), (int64_t)answered + 1);
        answered += strcmp(event_str(event, "event"), "end") == 0;
    }
    json_decref(ends);
    json_decref(events);
}

static void a_slow_reader_stops_the_reading_of_stdin(void **state)
{
    (void)state;
    enum {
        LINES = 30000,
        VALUE = 1000
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    size_t line_size = VALUE + 13, size = LINES * line_size;
    char *input = malloc(size + 1);
    assert_non_null(input);
    for (size_t i = 0; i < LINES; i++)
        sprintf(input + i * line_size, "{\"value\":\"%0*zu\"}\n", VALUE, i);

    struct process *p = start_produce(topic, NULL);
    size_t taken = process_stuff(p, input, size, 1500);
    assert_in_range(taken, line_size, size / 2);
    process_write(p, input + taken, size - taken, 4 * WAIT_MS);
    free(input);
    process_close_stdin(p);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    assert_in_range(process_wait(p, 0).rss_peak_kb, 1, 64 * 1024);
    size_t ends = 0;
    const char *line;
    while ((line = process_line(p, 0)) != NULL)
        ends += strstr(line, "{\"event\":\"end\"") == line;
    assert_int_equal(ends, LINES);
    process_free(p);
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(results_are_the_brokers_own),
        live_test(log_append_time_is_what_a_reader_sees),
        live_test(log_start_offset_follows_deleted_records),
        live_test(each_partition_has_a_result),
        live_test(emit_behavior_batch_gives_one_message),
        live_test(records_of_every_shape_are_written_as_they_stand),
        live_test(a_body_with_a_value_is_one_record),
        live_test(nothing_of_a_misshapen_body_is_written),
        live_test(a_line_that_is_no_json_is_answered),
        live_test(half_a_line_at_the_end_is_said_and_not_written),
        live_test(a_record_too_large_for_the_topic_fails_alone),
        live_test(a_record_too_large_for_any_topic_fails_alone),
        live_test(a_batch_larger_than_the_topic_allows_is_stored_all_the_same),
        live_test(an_unknown_topic_is_named_within_five_seconds),
        live_test(a_topic_that_appears_is_written_to),
        live_test(an_unknown_partition_is_named),
        live_test(a_forbidden_topic_is_named),
        live_test(a_broker_that_is_down_is_said_in_time),
        live_test(a_time_out_does_not_claim_absence),
        live_test(answers_keep_the_order_of_the_inputs),
        live_test(a_slow_reader_stops_the_reading_of_stdin),
    };
    return cmocka_run_group_tests_name("live/produce", tests, setup, live_teardown);
}
