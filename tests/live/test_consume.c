// SPDX-License-Identifier: Apache-2.0
/* test_consume.c - `run consume` on Apache Kafka: what it gives, in which order, and what it
 * commits when. */
#include "support/component.h"
#include "support/tally.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FROM_START "--set", "startFrom=earliest"
#define TO_END     "--until", "end"

/* The values of all data events, each followed by a space. The caller frees. */
static char *values_of(json_t *events)
{
    json_t *data = events_of(events, "data"), *event;
    size_t i, size = 0;
    char *text = NULL;
    FILE *memory = open_memstream(&text, &size);
    json_array_foreach(data, i, event)
    {
        json_t *value = event_at(event, "body.value");
        fprintf(memory, "%s ", json_is_null(value) ? "null" : event_str(event, "body.value"));
    }
    fclose(memory);
    json_decref(data);
    return text;
}

static void consumes(const char *topic, const char *group, const char *const more[],
                     const char *values)
{
    json_t *events = consume(topic, group, more, 0);
    char *text = values_of(events);
    assert_string_equal(text, values);
    free(text);
    json_decref(events);
}

static void wait_for_member(const char *group, const char *topic)
{
    int64_t deadline = now_ms() + WAIT_MS;
    while (witness_committed(witness, group, topic, 0) < 0)
        if (now_ms() > deadline)
            fail_msg("group '%s' committed no start offset", group);
}

/* --- What a message says --- */

static void a_record_becomes_a_message_with_all_it_has(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct witness_record record = witness_text("k\"ey", "v\xc3\xa4l\nue", 1);
    record.timestamp = 1700000000123;
    record.headers[0] = (struct witness_header){ "h", "1", 1 };
    record.headers[1] = (struct witness_header){ "n", NULL, 0 };
    record.header_count = 2;
    witness_write(witness, topic, &record);
    json_t *events = consume(topic, NULL, ARGS(FROM_START, TO_END), 0);
    json_t *event = json_array_get(events, 0);
    assert_event_str(event, "event", "data");
    assert_null(event_at(event, "inReplyTo"));
    assert_event_str(event, "body.key", "k\"ey");
    assert_event_str(event, "body.value", "v\xc3\xa4l\nue");
    assert_event_str(event, "body.partition", "1");
    assert_int_equal(event_int(event, "body.offset"), 0);
    assert_event_str(event, "body.topic", topic);
    assert_int_equal(event_int(event, "body.timestamp"), 1700000000123);
    assert_event_str(event, "body.timestampType", "CreateTime");
    assert_non_null(event_at(event, "body.headers"));
    assert_true(strlen(event_str(event, "id")) > 0);
    json_decref(events);
}

static void nothing_is_told_from_empty(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct witness_record nothing = witness_text(NULL, NULL, 0),
                          empty = witness_text("", "", 0);
    witness_write(witness, topic, &nothing);
    witness_write(witness, topic, &empty);
    json_t *events = consume(topic, NULL, ARGS(FROM_START, TO_END), 0);
    assert_null(event_at(events, "0.body.key"));
    assert_json(events, "0.body.value", "null");
    assert_event_str(events, "1.body.key", "");
    assert_event_str(events, "1.body.value", "");
    json_decref(events);
}

static void bytes_come_out_in_the_encoding_asked_for(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct witness_record text = witness_text("key", "{\"a\":[1,null]}", 0),
                          binary = witness_text("\xff", "\x80\x81", 0);
    witness_write(witness, topic, &text);
    witness_write(witness, topic, &binary);

    json_t *events = consume(topic, NULL, ARGS(FROM_START, TO_END), 0);
    assert_event_str(events, "0.body.value", "{\"a\":[1,null]}");
    assert_null(event_at(events, "0.body.valueEncoding"));
    assert_event_str(events, "1.body.value", "gIE=");
    assert_event_str(events, "1.body.valueEncoding", "base64");
    assert_event_str(events, "1.body.key", "/w==");
    assert_event_str(events, "1.body.keyEncoding", "base64");
    json_decref(events);

    events = consume(topic, NULL,
                     ARGS(FROM_START, TO_END, "--set", "valueEncoding=base64", "--set",
                          "keyEncoding=base64"),
                     0);
    assert_event_str(events, "0.body.key", "a2V5");
    assert_event_str(events, "0.body.value", "eyJhIjpbMSxudWxsXX0=");
    json_decref(events);

    events = consume(topic, NULL, ARGS(FROM_START, TO_END, "--set", "valueEncoding=json"), 0);
    assert_json(events, "0.body.value", "{\"a\":[1,null]}");
    assert_event_str(events, "1.body.valueEncoding", "base64");
    json_decref(events);
}

static void a_batch_holds_as_many_records_as_asked_for(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 25);
    json_t *events =
        consume(topic, "batches", ARGS(FROM_START, TO_END, "--set", "batchSize=10"), 0);
    json_t *data = events_of(events, "data"), *event;
    size_t i, sum = 0;
    json_array_foreach(data, i, event)
    {
        size_t size = json_array_size(event_at(event, "body.messages"));
        assert_in_range(size, 1, 10);
        char number[24];
        snprintf(number, sizeof(number), "%zu", sum);
        assert_event_str(event, "body.messages.0.value", number);
        sum += size;
    }
    assert_int_equal(sum, 25);
    assert_int_equal(witness_committed(witness, "batches", topic, 0), 25);
    json_decref(data);
    json_decref(events);
}

/* --- Where it begins and where it ends --- */

static void start_from_decides_where_a_group_begins(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    for (int i = 0; i < 6; i++) {
        struct witness_record record =
            witness_text(NULL, (const char[]){ (char)('a' + i), 0 }, 0);
        record.timestamp = 1700000000000 + i * 1000; /* 2023-11-14T22:13:20Z and on */
        witness_write(witness, topic, &record);
    }
    consumes(topic, NULL, ARGS("--set", "startFrom=earliest", TO_END), "a b c d e f ");
    consumes(topic, NULL, ARGS("--set", "startFrom=4", TO_END), "e f ");
    consumes(topic, NULL, ARGS("--set", "startFrom=2023-11-14T22:13:22Z", TO_END), "c d e f ");
    consumes(topic, NULL, ARGS("--set", "startFrom=2023-11-14T23:13:22.500+01:00", TO_END),
             "d e f ");
    consumes(topic, NULL, ARGS("--set", "startFrom=latest", TO_END), "");
}

static void a_committed_offset_counts_more_than_start_from(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 5);
    consumes(topic, "goes-on", ARGS(FROM_START, "--count", "2"), "0 1 ");
    assert_int_equal(witness_committed(witness, "goes-on", topic, 0), 2);
    consumes(topic, "goes-on", ARGS(FROM_START, TO_END), "2 3 4 ");
    consumes(topic, "goes-on", ARGS(FROM_START, TO_END), "");
}

static void count_ends_after_exactly_so_many(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 4, NULL);
    witness_write_numbers(witness, topic, 4, 0, 1000);
    json_t *events = consume(topic, "counted", ARGS(FROM_START, "--count", "333"), 0);
    json_t *data = events_of(events, "data");
    assert_int_equal(json_array_size(data), 333);
    json_decref(data);
    json_decref(events);
    int64_t committed = 0;
    for (int i = 0; i < 4; i++) {
        int64_t offset = witness_committed(witness, "counted", topic, i);
        committed += offset > 0 ? offset : 0;
    }
    assert_int_equal(committed, 333);
}

static void latest_means_what_is_written_from_now_on(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 3);
    struct process *p = start_consume(topic, "from-now", NULL);
    wait_for_member("from-now", topic);
    assert_int_equal(witness_committed(witness, "from-now", topic, 0), 3);
    witness_write_numbers(witness, topic, 1, 3, 1);
    json_t *event = event_expect(p, "data", WAIT_MS);
    assert_event_str(event, "body.value", "3");
    json_decref(event);
    terminate(p, 0);
}

static void a_crash_before_the_first_record_skips_none(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 3);
    struct process *p = start_consume(topic, "early-crash", NULL);
    wait_for_member("early-crash", topic);
    process_signal(p, SIGKILL);
    process_wait(p, WAIT_MS);
    process_free(p);
    witness_write_numbers(witness, topic, 1, 3, 2);
    consumes(topic, "early-crash", ARGS("--count", "2"), "3 4 ");
}

static void a_partition_added_later_is_read_from_its_beginning(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_consume(topic, "grows", NULL);
    wait_for_member("grows", topic);
    witness_add_partitions(witness, topic, 2);
    struct witness_record record = witness_text(NULL, "in the new one", 1);
    witness_write(witness, topic, &record);
    json_t *event = event_expect(p, "data", 40000);
    assert_event_str(event, "body.value", "in the new one");
    assert_event_str(event, "body.partition", "1");
    json_decref(event);
    terminate(p, 0);
}

static void a_missing_topic_is_said(void **state)
{
    (void)state;
    struct process *p = start_consume("nowhere", NULL, NULL);
    json_t *event = event_expect(p, "error", WAIT_MS);
    assert_non_null(strstr(event_str(event, "error.message"), "nowhere"));
    json_decref(event);
}

static void deleted_records_are_missed_aloud(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 10);
    consumes(topic, "late", ARGS(FROM_START, "--count", "2"), "0 1 ");
    witness_delete_records(witness, topic, 0, 5);
    struct process *p = start_consume(topic, "late", ARGS("--count", "5"));
    json_t *said = event_expect(p, "error", WAIT_MS);
    assert_non_null(strstr(event_str(said, "error.message"), topic));
    json_decref(said);
    for (int i = 5; i < 10; i++) {
        json_t *event = event_expect(p, "data", WAIT_MS);
        assert_int_equal(event_int(event, "body.offset"), i);
        json_decref(event);
    }
    process_wait(p, WAIT_MS);
    assert_int_equal(witness_committed(witness, "late", topic, 0), 10);
    process_free(p);
}

static void aborted_transactions_are_not_read(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_transaction(witness, topic, ARGS("a", "b"), false);
    witness_write_transaction(witness, topic, ARGS("c", "d"), true);
    witness_write_transaction(witness, topic, ARGS("e"), false);
    consumes(topic, NULL, ARGS(FROM_START, TO_END), "c d ");
    consumes(topic, NULL, ARGS(FROM_START, TO_END, "--set", "isolation=read_uncommitted"),
             "a b c d e ");
}

/* --- What is committed, and when --- */

static void order_is_kept_in_each_partition(void **state)
{
    (void)state;
    enum {
        PARTITIONS = 5,
        RECORDS = 20000
    };
    const char *topic = witness_new_topic(witness, PARTITIONS, NULL);
    witness_write_numbers(witness, topic, PARTITIONS, 0, RECORDS);
    struct process *p = start_consume(topic, "ordered", ARGS(FROM_START, TO_END));
    int64_t next[PARTITIONS] = { 0 }, count = 0;
    json_t *event;
    while ((event = event_next(p, WAIT_MS)) != NULL) {
        if (strcmp(event_str(event, "event"), "data") == 0) {
            int partition = atoi(event_str(event, "body.partition"));
            assert_int_equal(event_int(event, "body.offset"), next[partition]);
            next[partition]++;
            count++;
        }
        json_decref(event);
    }
    assert_int_equal(count, RECORDS);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    process_free(p);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, "ordered", topic, i), RECORDS / PARTITIONS);
}

static void only_what_was_written_is_committed(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 20000);
    struct process *p = start_consume(topic, "unread", ARGS(FROM_START));
    int64_t lines = 0;
    while (lines < 3000 && process_line(p, WAIT_MS))
        lines++;
    /* Nobody reads on: the pipe fills. A commit comes all the same, after a few seconds. */
    int64_t committed, deadline = now_ms() + WAIT_MS;
    while ((committed = witness_committed(witness, "unread", topic, 0)) <= 0)
        assert_true(now_ms() < deadline);
    process_signal(p, SIGKILL);
    while (process_line(p, WAIT_MS))
        lines++;
    print_message("%lld lines written, %lld committed\n", (long long)lines,
                  (long long)committed);
    assert_in_range(committed, 1, lines);
    assert_in_range(lines, 3000, 19999);
    process_free(p);
}

static void acknowledgements_on_stdin_decide_what_is_committed(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 5);
    struct process *p = start_consume(topic, "acks", ARGS(FROM_START, "--ack", "stdin"));
    char answers[5][200];
    for (int i = 0; i < 5; i++) {
        json_t *event = event_expect(p, "data", WAIT_MS);
        snprintf(answers[i], sizeof(answers[i]), "{\"ack\":\"%s\"}", event_str(event, "id"));
        json_decref(event);
    }
    process_say(p, answers[0]);
    process_say(p, answers[1]);
    process_say(p, answers[3]); /* not 2: 4 must wait */
    assert_true(witness_wait_committed(witness, "acks", topic, 0, 2, WAIT_MS));
    process_say(p, answers[2]);
    assert_true(witness_wait_committed(witness, "acks", topic, 0, 4, WAIT_MS));
    process_signal(p, SIGTERM); /* one is left: it is waited for, then said */
    process_say(p, answers[4]);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    assert_int_equal(witness_committed(witness, "acks", topic, 0), 5);
    process_free(p);
}

static void what_was_never_acknowledged_comes_again(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 3);
    struct process *p = start_consume(topic, "unacked",
                                      ARGS(FROM_START, "--ack", "stdin", "--drain-ms", "300"));
    for (int i = 0; i < 3; i++) {
        json_t *event = event_expect(p, "data", WAIT_MS);
        if (i == 0) {
            char answer[200];
            snprintf(answer, sizeof(answer), "{\"ack\":\"%s\"}", event_str(event, "id"));
            process_say(p, answer);
        }
        json_decref(event);
    }
    terminate(p, 69);
    assert_int_equal(witness_committed(witness, "unacked", topic, 0), 1);
    consumes(topic, "unacked", ARGS(TO_END), "1 2 ");
}

static void a_refused_record_comes_again_after_a_second(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 2);
    struct process *p = start_consume(
        topic, "nacks", ARGS(FROM_START, "--ack", "stdin", "--set", "maxInFlight=1"));
    char answer[200];
    int64_t refused_ms = 0;
    for (int tries = 0; tries < 3; tries++) {
        json_t *event = event_next(p, WAIT_MS);
        if (tries > 0) {
            assert_event_str(event, "event", "error");
            assert_non_null(strstr(event_str(event, "error.message"), topic));
            json_decref(event);
            event = event_next(p, WAIT_MS);
            /* 1 s, then 2 */
            assert_in_range(now_ms() - refused_ms, tries * 1000 - 10, tries * 1000 + 9000);
        }
        assert_event_str(event, "body.value", "0");
        snprintf(answer, sizeof(answer), "{\"%s\":\"%s\"}", tries < 2 ? "nack" : "ack",
                 event_str(event, "id"));
        json_decref(event);
        refused_ms = now_ms();
        process_say(p, answer);
    }
    json_t *event = event_expect(p, "data", WAIT_MS);
    assert_event_str(event, "body.value", "1");
    snprintf(answer, sizeof(answer), "{\"ack\":\"%s\"}", event_str(event, "id"));
    json_decref(event);
    process_say(p, answer);
    terminate(p, 0);
    assert_int_equal(witness_committed(witness, "nacks", topic, 0), 2);
}

static void a_signal_ends_it_with_everything_committed(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 50000);
    struct process *p = start_consume(topic, "signalled", ARGS(FROM_START));
    int64_t lines = 0;
    json_t *last = NULL, *event;
    while (lines < 1000) {
        json_decref(last);
        last = event_expect(p, "data", WAIT_MS);
        lines++;
    }
    process_signal(p, SIGTERM);
    while ((event = event_next(p, WAIT_MS)) != NULL) {
        bool is_data = strcmp(event_str(event, "event"), "data") == 0;
        lines += is_data;
        if (!is_data) {
            json_decref(event);
            continue;
        }
        json_decref(last);
        last = event;
    }
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    assert_int_equal(event_int(last, "body.offset"), lines - 1);
    assert_int_equal(witness_committed(witness, "signalled", topic, 0), lines);
    json_decref(last);
    process_free(p);
}

static void a_reader_that_goes_away_ends_it_with_0(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 20000);
    struct process *p = start_consume(topic, "head", ARGS(FROM_START));
    for (int i = 0; i < 5; i++)
        json_decref(event_expect(p, "data", WAIT_MS));
    process_close_stdout(p);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    assert_in_range(witness_committed(witness, "head", topic, 0) + 1, 0, 20000);
    process_free(p);
}

/* --- More than one of us --- */

#define ALL INT64_MAX

static void partitions_go_from_hand_to_hand_without_loss_or_repetition(void **state)
{
    (void)state;
    enum {
        PARTITIONS = 4,
        BATCH = 200,
        MAX = 4000000
    };
    const char *topic = witness_new_topic(witness, PARTITIONS, NULL);
    struct tally tally;
    tally_init(&tally, MAX);
    struct process *first = start_consume(topic, "hand-over", ARGS(FROM_START)), *second = NULL;
    int64_t written = 0, by_first = 0, by_second = 0, by_second_alone = 0;
    int64_t deadline = now_ms() + 60000;

    /* Records flow all the time: one reads, both read, the other one reads. */
    while (first || by_second_alone < 10 * BATCH || tally.different < written) {
        assert_true(now_ms() < deadline && written < MAX);
        bool is_enough = !first && by_second_alone >= 10 * BATCH;
        if (!is_enough && written - tally.different < 4 * BATCH) {
            witness_write_numbers(witness, topic, PARTITIONS, written, BATCH);
            written += BATCH;
        }
        if (first)
            by_first += tally_lines(&tally, first, ALL, 5);
        int64_t taken = second ? tally_lines(&tally, second, ALL, 5) : 0;
        by_second += taken;
        by_second_alone += first ? 0 : taken;
        if (!second && by_first >= 4 * BATCH)
            second = start_consume(topic, "hand-over", ARGS(FROM_START));
        if (first && by_second >= 10 * BATCH) {
            process_signal(first, SIGTERM);
            while (process_is_running(first))
                by_first += tally_lines(&tally, first, ALL, 5);
            by_first += tally_lines(&tally, first, ALL, 0);
            finish(first, 0);
            first = NULL;
        }
    }
    print_message("%lld by the first, %lld by the second, %lld twice\n", (long long)by_first,
                  (long long)by_second, (long long)tally.again);
    assert_int_equal(tally.different, written);
    assert_int_equal(tally.again, 0);
    tally_deinit(&tally);
    terminate(second, 0);
}

static void a_broker_that_comes_back_is_read_on(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 1);
    struct process *p = start_consume(topic, "steady", ARGS(FROM_START));
    json_decref(event_expect(p, "data", WAIT_MS));
    kafka_kill(kafka);
    kafka_restart(kafka);
    witness_write_numbers(witness, topic, 1, 1, 1);
    json_t *event;
    for (bool is_new = false; !is_new; json_decref(event)) {
        event = event_next(p, WAIT_MS * 2); /* an error may be said, and the first come again */
        is_new = strcmp(event_str(event, "event"), "data") == 0 &&
                 strcmp(event_str(event, "body.value"), "1") == 0;
    }
    terminate(p, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_record_becomes_a_message_with_all_it_has),
        live_test(nothing_is_told_from_empty),
        live_test(bytes_come_out_in_the_encoding_asked_for),
        live_test(a_batch_holds_as_many_records_as_asked_for),
        live_test(start_from_decides_where_a_group_begins),
        live_test(a_committed_offset_counts_more_than_start_from),
        live_test(count_ends_after_exactly_so_many),
        live_test(latest_means_what_is_written_from_now_on),
        live_test(a_crash_before_the_first_record_skips_none),
        live_test(a_partition_added_later_is_read_from_its_beginning),
        live_test(a_missing_topic_is_said),
        live_test(deleted_records_are_missed_aloud),
        live_test(aborted_transactions_are_not_read),
        live_test(order_is_kept_in_each_partition),
        live_test(only_what_was_written_is_committed),
        live_test(acknowledgements_on_stdin_decide_what_is_committed),
        live_test(what_was_never_acknowledged_comes_again),
        live_test(a_refused_record_comes_again_after_a_second),
        live_test(a_signal_ends_it_with_everything_committed),
        live_test(a_reader_that_goes_away_ends_it_with_0),
        live_test(partitions_go_from_hand_to_hand_without_loss_or_repetition),
        live_test(a_broker_that_comes_back_is_read_on),
    };
    return cmocka_run_group_tests_name("live/consume", tests, live_setup, live_teardown);
}
