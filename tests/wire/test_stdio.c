// SPDX-License-Identifier: Apache-2.0
/* test_stdio.c - the pipes themselves: order, back-pressure, long lines, closed ends, signals;
 * and consume's ways to end and to be answered. */
#include "support/event.h"
#include "support/fail.h"
#include "support/kafka_server.h" /* read_text_file() */
#include "support/tally.h"
#include "support/witness.h"

#include "kafka/embedded.h"

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

#define WAIT_MS   20000
#define SETTLE_MS 500 /* nothing moved for so long: it has stopped */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PEAK_MAX_KB (2048 * 1024) /* a sanitizer's own memory */
#else
#define PEAK_MAX_KB (64 * 1024)
#endif

/* --- One broker in this process, a topic for each test --- */

static struct kc_embedded *broker;
static struct witness *witness;
static char credentials[256]; /* a line of the environment */

static int start_broker(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    if (!kc_embedded_open(&broker, &err))
        fail_msg("%s", err.text);
    snprintf(credentials, sizeof(credentials),
             "KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"%s\",\"mechanism\":\"none\","
             "\"securityProtocol\":\"PLAINTEXT\"}",
             kc_embedded_brokers(broker));
    witness = witness_open(kc_embedded_brokers(broker));
    return 0;
}

static int stop_broker(void **state)
{
    witness_close(witness);
    kc_embedded_close(broker);
    return process_free_all(state);
}

static const char *new_topic(void)
{
    static char name[32];
    static int count;
    struct kc_error err = { 0 };
    snprintf(name, sizeof(name), "cars-%d", ++count);
    if (!kc_embedded_topic(broker, name, 1, &err))
        fail_msg("%s", err.text);
    return name;
}

static struct process *start(const char *entry, const char *topic, const char *const more[],
                             const struct process_options *options)
{
    static const char *const env[] = { credentials, NULL };
    const char *args[24] = { "run", entry, "--set" };
    char setting[64];
    struct process_options with_env = options ? *options : (struct process_options){ 0 };
    size_t n = 4;
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    args[3] = setting;
    for (; more && *more && n < 23; more++)
        args[n++] = *more;
    if (!with_env.env)
        with_env.env = env;
    return component_start(args, &with_env);
}

/* A consumer of a group of the topic's own, from the start where nothing is committed. */
static struct process *start_consume(const char *topic, const char *const more[])
{
    const char *args[20] = { "--set", NULL, "--set", "startFrom=earliest" };
    char group[64];
    snprintf(group, sizeof(group), "groupId=readers-of-%s", topic);
    args[1] = group;
    for (size_t n = 4; more && *more && n < 19; more++)
        args[n++] = *more;
    return start("consume", topic, args, NULL);
}

static struct process_end ends_with(struct process *p, int exit_code, int wait_ms)
{
    struct process_end end = process_wait(p, wait_ms);
    if (end.exit_code != exit_code)
        fail_msg("exit code %d (signal %d) in place of %d\n%s", end.exit_code, end.signal,
                 exit_code, process_stderr(p));
    return end;
}

/* A file of `count` lines {"id":N,"body":{"value":"N…"}} with values of `size` bytes; the
 * caller unlinks it. */
static const char *file_of_lines(int count, int size)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/kc-stdio.XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        fail_test("%s cannot be made", path);
    for (int i = 1; i <= count; i++)
        fprintf(f, "{\"id\":%d,\"body\":{\"value\":\"%0*d\"}}\n", i, size, i);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* The next answer, which must be the given line's: stored as the next record, and its end.
 * False when none has begun in time. */
static bool takes_answer_if_any(struct process *p, int64_t line, int wait_ms)
{
    const char *text = process_line_if_any(p, wait_ms);
    if (!text)
        return false;
    json_t *data = event_parse(text), *end = event_expect(p, "end", WAIT_MS);
    char offset[24];
    snprintf(offset, sizeof(offset), "%lld", (long long)line - 1);
    assert_event_str(data, "event", "data");
    assert_int_equal(event_int(data, "line"), line);
    assert_int_equal(event_int(data, "inReplyTo"), line);
    assert_event_str(data, "body.baseOffset", offset);
    assert_int_equal(event_int(end, "line"), line);
    assert_int_equal(event_int(end, "inReplyTo"), line);
    json_decref(data);
    json_decref(end);
    return true;
}

static void takes_answer(struct process *p, int64_t line)
{
    if (!takes_answer_if_any(p, line, WAIT_MS))
        fail_msg("line %d has no answer; stderr:\n%s", (int)line, process_stderr(p));
}

/* --- produce: order and back-pressure --- */

static void ten_thousand_lines_are_answered_in_their_order(void **state)
{
    (void)state;
    const char *path = file_of_lines(10000, 10);
    struct process *p =
        start("produce", new_topic(), NULL, &(struct process_options){ .in_path = path });
    for (int64_t line = 1; line <= 10000; line++)
        takes_answer(p, line);
    assert_null(process_line(p, WAIT_MS));
    ends_with(p, 0, WAIT_MS);
    process_free(p);
    unlink(path);
}

/* An answer comes while its asker waits for it, not when a buffer is full or stdin ends. */
static void each_line_is_answered_while_stdin_stays_open(void **state)
{
    (void)state;
    struct process *p = start("produce", new_topic(), NULL, NULL);
    for (int64_t line = 1; line <= 20; line++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"id\":%d,\"body\":{\"value\":1}}", (int)line);
        process_say(p, text);
        takes_answer(p, line);
    }
    process_close_stdin(p);
    ends_with(p, 0, WAIT_MS);
    process_free(p);
}

static void a_reader_who_stops_makes_us_stop_and_loses_nothing(void **state)
{
    (void)state;
    enum {
        LINES = 30000,
        PIECE = 65536
    };
    const char *path = file_of_lines(LINES, 400);
    FILE *f = fopen(path, "re");
    size_t room = (size_t)LINES * 500;
    char *input = malloc(room);
    if (!f || !input)
        fail_test("%s cannot be read", path);
    size_t size = fread(input, 1, room, f);
    fclose(f);
    unlink(path);

    struct process *p = start("produce", new_topic(), NULL, NULL);
    size_t taken = strcspn(input, "\n") + 1;
    process_write(p, input, taken, WAIT_MS);
    takes_answer(p, 1); /* it is signed in, and as fast as it gets */
    taken += process_stuff(p, input + taken, size - taken, SETTLE_MS);
    assert_true(taken < size / 2); /* bounded by what is kept, not by what there is */
    int64_t line = 2;
    while (taken < size) { /* and now one who reads as fast as we write */
        size_t piece = size - taken < PIECE ? size - taken : PIECE;
        process_write(p, input + taken, piece, WAIT_MS);
        taken += piece;
        while (takes_answer_if_any(p, line, 0))
            line++;
    }
    process_close_stdin(p);
    for (; line <= LINES; line++)
        takes_answer(p, line);
    assert_null(process_line(p, WAIT_MS));
    assert_true(ends_with(p, 0, WAIT_MS).rss_peak_kb < PEAK_MAX_KB);
    process_free(p);
    free(input);
}

/* --- produce: long lines --- */

static void a_line_too_long_is_answered_without_being_kept(void **state)
{
    (void)state;
    enum {
        LONG = 80 * 1024 * 1024
    };
    struct process *p = start("produce", new_topic(), ARGS("--max-body", "1024"), NULL);
    char *text = malloc(LONG);
    assert_non_null(text);
    memset(text, 'x', LONG);
    text[0] = '"';

    process_say(p, "{\"id\":1,\"body\":{\"value\":1}}");
    process_write(p, text, LONG, WAIT_MS * 2);
    process_say(p, "\"");
    process_say(p, "{\"id\":3,\"body\":{\"value\":3}}");
    text[1025] = '\n'; /* a byte more than fits, without being long */
    process_write(p, text, 1026, WAIT_MS);
    process_write(p, text, 1025, WAIT_MS); /* and at the end of input */
    process_close_stdin(p);
    ends_with(p, 65, WAIT_MS);

    json_t *events = events_parse(process_stdout(p));
    assert_int_equal(json_array_size(events), 10);
    static const int lines_too_long[] = { 2, 6, 8 }; /* where their errors are */
    for (size_t i = 0; i < 3; i++) {
        json_t *event = json_array_get(events, (size_t)lines_too_long[i]);
        assert_event_str(event, "error.code", "input_too_large");
        assert_non_null(strstr(event_str(event, "error.message"), "longer than 1024 bytes"));
        assert_true(json_is_null(event_at(event, "inReplyTo")));
    }
    assert_int_equal(event_int(events, "2.line"), 2);
    assert_int_equal(event_int(events, "4.line"), 3);
    assert_event_str(events, "4.event", "data");
    assert_int_equal(event_int(events, "8.line"), 5);
    json_decref(events);
    assert_true(process_wait(p, 0).rss_peak_kb < PEAK_MAX_KB);
    process_free(p);
    free(text);
}

static void a_line_as_long_as_allowed_is_served(void **state)
{
    (void)state;
    struct process *p = start("produce", new_topic(), ARGS("--max-body", "1024"), NULL);
    char text[1026];
    snprintf(text, sizeof(text), "{\"id\":1,\"body\":{\"value\":\"%0*d\"}}", 1024 - 28, 7);
    assert_int_equal(strlen(text), 1024);
    process_say(p, text);
    takes_answer(p, 1);
    process_close_stdin(p);
    ends_with(p, 0, WAIT_MS);
    process_free(p);
}

/* --- produce: ends --- */

static void a_reader_who_closes_stdout_ends_us_with_0(void **state)
{
    (void)state;
    struct process *p = start("produce", new_topic(), NULL, NULL);
    process_say(p, "{\"id\":1,\"body\":{\"value\":1}}");
    takes_answer(p, 1); /* as `| head -2` would */
    process_close_stdout(p);
    process_say(p, "{\"id\":2,\"body\":{\"value\":1}}");
    ends_with(p, 0, WAIT_MS); /* while its stdin stays open */
    process_free(p);
}

static void after_sigterm_all_that_was_read_is_answered(void **state)
{
    (void)state;
    char topic[32];
    snprintf(topic, sizeof(topic), "%s", new_topic());
    struct process *p = start("produce", topic, NULL, NULL);
    char line[64];
    for (int i = 1; i <= 3000; i++) {
        snprintf(line, sizeof(line), "{\"id\":%d,\"body\":{\"value\":1}}", i);
        process_say(p, line);
    }
    process_signal(p, SIGTERM); /* stdin stays open, and holds more than was read */
    ends_with(p, 0, WAIT_MS);

    json_t *events = events_parse(process_stdout(p));
    int64_t answered = (int64_t)json_array_size(events) / 2, low, high;
    assert_true(answered > 0);
    for (int64_t i = 0; i < answered; i++) {
        json_t *data = json_array_get(events, (size_t)i * 2);
        json_t *end = json_array_get(events, (size_t)i * 2 + 1);
        assert_event_str(data, "event", "data");
        assert_event_str(end, "event", "end");
        assert_int_equal(event_int(end, "line"), i + 1);
    }
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, answered); /* nothing was written that was not answered */
    json_decref(events);
    process_free(p);
}

static const char nobody[] =
    "KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"127.0.0.1:1\",\"mechanism\":\"none\","
    "\"securityProtocol\":\"PLAINTEXT\"}";

/* With lines that were read and that no broker takes. The first is answered at once, the others
 * came in the same piece. */
static struct process *start_without_broker(const char *drain_ms)
{
    static const char lines[] =
        "nonsense\n{\"id\":2,\"body\":{\"value\":1}}\n"
        "{\"id\":3,\"body\":{\"messages\":[{\"value\":1},{\"value\":2}]}}\n";
    struct process *p =
        start("produce", "cars", ARGS("--drain-ms", drain_ms, "--set", "timeoutMs=600000"),
              &(struct process_options){ .env = ARGS(nobody) });
    process_write(p, lines, strlen(lines), WAIT_MS);
    json_decref(event_expect(p, "error", WAIT_MS));
    json_decref(event_expect(p, "end", WAIT_MS));
    return p;
}

static void without_a_broker_sigterm_ends_in_time_and_says_what_is_left(void **state)
{
    (void)state;
    struct process *p = start_without_broker("300");
    int64_t began_ms = now_ms();
    process_signal(p, SIGTERM);
    ends_with(p, 69, WAIT_MS);
    assert_true(now_ms() - began_ms < 7000); /* sooner than without --drain-ms */

    json_t *events = events_parse(process_stdout(p));
    assert_int_equal(json_array_size(events),
                     6); /* of two lines: the failed records, why, end */
    for (size_t i = 0; i < 2; i++) {
        json_t *data = json_array_get(events, i * 3),
               *error = json_array_get(events, i * 3 + 1);
        assert_event_str(data, "event", "data");
        assert_event_str(data, "body.baseOffset", "-1");
        assert_int_equal(event_int(error, "line"), (int64_t)i + 2);
        assert_event_str(error, "error.name", "TransientError");
        assert_true(json_is_true(event_at(error, "error.retriable")));
        assert_event_str(json_array_get(events, i * 3 + 2), "event", "end");
    }
    assert_int_equal(json_array_size(event_at(events, "3.body.indexes")), 2);
    json_decref(events);
    process_free(p);
}

static void a_second_sigterm_ends_at_once(void **state)
{
    (void)state;
    struct process *p = start_without_broker("600000");
    process_signal(p, SIGTERM);
    process_expect_stderr(p, "\"msg\":\"stopping\"", WAIT_MS);
    int64_t began_ms = now_ms();
    process_signal(p, SIGTERM);
    ends_with(p, 69, WAIT_MS);
    assert_true(now_ms() - began_ms < 7000);
    process_free(p);
}

/* --- consume: how it ends --- */

/* The values "0", "1", … in partition 0. */
static const char *topic_of_numbers(int64_t count)
{
    const char *topic = new_topic();
    if (count > 0)
        witness_write_numbers(witness, topic, 1, 0, count);
    return topic;
}

/* The next event, which must be the record of this number; gives its id, the caller frees. */
static char *takes_number(struct process *p, int64_t number)
{
    json_t *event = event_expect(p, "data", WAIT_MS);
    char value[24];
    snprintf(value, sizeof(value), "%lld", (long long)number);
    assert_event_str(event, "body.value", value);
    assert_int_equal(event_int(event, "body.offset"), number);
    assert_null(event_at(event, "inReplyTo"));
    assert_null(event_at(event, "line"));
    char *id = strdup(event_str(event, "id"));
    json_decref(event);
    return id;
}

static void takes_numbers(struct process *p, int64_t from, int64_t to)
{
    for (int64_t n = from; n < to; n++)
        free(takes_number(p, n));
}

static void takes_end(struct process *p, int exit_code)
{
    json_decref(event_expect(p, "end", WAIT_MS));
    assert_null(process_line(p, WAIT_MS));
    ends_with(p, exit_code, WAIT_MS);
    process_free(p);
}

/* Where the next run of the topic's own group goes on. (It does in tests/live: here the
 * embedded broker lets a group that was left wait for most of a session before it is joined
 * again.) */
static void has_committed(const char *topic, int64_t offset)
{
    char group[64];
    snprintf(group, sizeof(group), "readers-of-%s", topic);
    assert_int_equal(witness_committed(witness, group, topic, 0), offset);
}

static void count_ends_after_so_many_records(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(10);
    struct process *p = start_consume(topic, ARGS("--count", "3"));
    takes_numbers(p, 0, 3);
    takes_end(p, 0);
    has_committed(topic, 3);
}

static void until_end_reads_what_is_there(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(5);
    struct process *p = start_consume(topic, ARGS("--until", "end"));
    takes_numbers(p, 0, 5);
    takes_end(p, 0);
    has_committed(topic, 5);
}

static void an_empty_topic_is_at_its_end(void **state)
{
    (void)state;
    takes_end(start_consume(topic_of_numbers(0), ARGS("--until", "end")), 0);
}

static void sigterm_commits_what_was_written_and_ends_with_0(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(4);
    struct process *p = start_consume(topic, NULL);
    takes_numbers(p, 0, 4);
    process_signal(p, SIGTERM);
    takes_end(p, 0);
    has_committed(topic, 4);
}

static void a_batch_is_one_message_of_many_records(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(10);
    struct process *p = start_consume(topic, ARGS("--set", "batchSize=4", "--until", "end"));
    static const int sizes[] = { 4, 4, 2 };
    int64_t next = 0;
    for (size_t i = 0; i < 3; i++) {
        json_t *event = event_expect(p, "data", WAIT_MS), *record;
        json_t *records = event_at(event, "body.messages");
        size_t k;
        assert_int_equal(json_array_size(records), sizes[i]);
        json_array_foreach(records, k, record)
            assert_int_equal(event_int(record, "offset"), next++);
        json_decref(event);
    }
    takes_end(p, 0);
}

#define PIPE_FULL 4096 /* a page at least; more, where the system gives more */

/* Waits until stdout, which nobody reads, is full: nothing was added for a while. */
static void wait_until_it_stands_still(const struct process *p)
{
    size_t last = 0;
    int64_t since_ms = now_ms(), deadline_ms = since_ms + WAIT_MS;
    while (now_ms() - since_ms < SETTLE_MS) {
        size_t unread = process_unread(p);
        if (unread != last || unread < PIPE_FULL)
            since_ms = now_ms();
        last = unread;
        assert_true(now_ms() < deadline_ms);
        usleep(10000);
    }
}

static void a_reader_of_records_who_pauses_gets_them_all(void **state)
{
    (void)state;
    enum {
        RECORDS = 20000
    };
    const char *topic = topic_of_numbers(RECORDS);
    struct process *p =
        start_consume(topic, ARGS("--set", "maxInFlight=100000", "--until", "end"));
    wait_until_it_stands_still(p);
    assert_true(process_is_running(p));
    struct tally tally;
    tally_init(&tally, RECORDS);
    tally_lines(&tally, p, RECORDS, WAIT_MS);
    assert_int_equal(tally.different, RECORDS);
    assert_int_equal(tally.again, 0);
    tally_deinit(&tally);
    json_decref(event_expect(p, "end", WAIT_MS));
    assert_true(ends_with(p, 0, WAIT_MS).rss_peak_kb < PEAK_MAX_KB);
    process_free(p);
}

static void a_reader_of_records_who_goes_away_ends_us_with_0(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(5000);
    struct process *p = start_consume(topic, NULL);
    takes_numbers(p, 0, 2);
    process_close_stdout(p);
    witness_write_numbers(witness, topic, 1, 5000, 1); /* so that there is something to say */
    ends_with(p, 0, WAIT_MS);
    process_free(p);
}

/* --- consume: answers on stdin --- */

static void says(struct process *p, const char *word, const char *id)
{
    char line[128];
    snprintf(line, sizeof(line), "{\"%s\":\"%s\"}", word, id);
    process_say(p, line);
}

static void what_was_acked_is_committed_and_the_rest_is_not(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(3);
    struct process *p = start_consume(topic, ARGS("--ack", "stdin"));
    char *ids[3];
    for (int64_t n = 0; n < 3; n++)
        ids[n] = takes_number(p, n);
    says(p, "ack", ids[1]); /* out of order: the first one is still open */
    says(p, "ack", ids[0]);
    process_close_stdin(p); /* nobody is left to answer for the third */
    json_t *error = event_expect(p, "error", WAIT_MS);
    assert_event_str(error, "error.code", "stopped");
    json_decref(error);
    takes_end(p, 69);
    for (size_t i = 0; i < 3; i++)
        free(ids[i]);

    has_committed(topic, 2);
}

static void the_end_of_stdin_ends_a_consumer_whose_messages_are_all_answered(void **state)
{
    (void)state;
    struct process *p = start_consume(topic_of_numbers(1), ARGS("--ack", "stdin"));
    char *id = takes_number(p, 0);
    says(p, "ack", id);
    process_close_stdin(p);
    takes_end(p, 0);
    free(id);
}

static void an_ack_after_sigterm_still_counts(void **state)
{
    (void)state;
    const char *topic = topic_of_numbers(1);
    struct process *p = start_consume(topic, ARGS("--ack", "stdin"));
    char *id = takes_number(p, 0);
    process_signal(p, SIGTERM);
    process_expect_stderr(p, "\"msg\":\"stopping\"", WAIT_MS);
    says(p, "ack", id);
    takes_end(p, 0);
    has_committed(topic, 1);
    free(id);
}

/* It has said what is left, and commits and leaves its group: that takes a moment. */
static void an_ack_after_the_time_to_end_is_too_late_and_harmless(void **state)
{
    (void)state;
    struct process *p =
        start_consume(topic_of_numbers(30), ARGS("--ack", "stdin", "--drain-ms", "1"));
    char *ids[30];
    for (int64_t n = 0; n < 30; n++)
        ids[n] = takes_number(p, n);
    process_signal(p, SIGTERM);
    json_t *error = event_expect(p, "error", WAIT_MS);
    assert_event_str(error, "error.code", "stopped");
    json_decref(error);
    char acks[30 * 64] = "", *at = acks;
    for (size_t n = 0; n < 30; n++) {
        at += snprintf(at, 64, "{\"ack\":\"%s\"}\n", ids[n]);
        free(ids[n]);
    }
    process_offer(p, acks, (size_t)(at - acks), WAIT_MS); /* it may be gone already */
    takes_end(p, 69);
}

static void file_comes_to_hold(const char *path, const char *text)
{
    for (int64_t deadline_ms = now_ms() + WAIT_MS;; usleep(10000)) {
        char *held = read_text_file(path);
        bool is_there = strstr(held, text);
        free(held);
        if (is_there)
            return;
        if (now_ms() > deadline_ms)
            fail_msg("'%s' did not come to %s", text, path);
    }
}

/* The same where the line itself is late: a reader who pauses takes it after all. */
static void a_line_that_is_read_after_the_time_to_end_is_harmless(void **state)
{
    (void)state;
    char log[] = "/tmp/kc-stdio.XXXXXX";
    close(mkstemp(log));
    struct process *p =
        start("consume", topic_of_numbers(10000),
              ARGS("--set", "groupId=late", "--set", "startFrom=earliest", "--drain-ms", "1"),
              &(struct process_options){ .err_path = log });
    wait_until_it_stands_still(p);
    process_signal(p, SIGTERM);
    file_comes_to_hold(log, "partitions_revoked"); /* it has given up, and left its group */
    bool has_ended = false;
    for (json_t *event; (event = event_next(p, WAIT_MS)); json_decref(event))
        has_ended = strcmp(event_str(event, "event"), "end") == 0;
    ends_with(p, 69, WAIT_MS);
    assert_true(has_ended);
    process_free(p);
    unlink(log);
}

static void count_ends_once_so_many_were_acked(void **state)
{
    (void)state;
    struct process *p =
        start_consume(topic_of_numbers(5), ARGS("--ack", "stdin", "--count", "2"));
    char *first = takes_number(p, 0), *second = takes_number(p, 1);
    says(p, "ack", first);
    assert_true(process_is_running(p));
    says(p, "ack", second);
    takes_end(p, 0);
    free(first);
    free(second);
}

static void a_nacked_record_comes_again_and_an_error_event_says_so(void **state)
{
    (void)state;
    struct process *p =
        start_consume(topic_of_numbers(1), ARGS("--ack", "stdin", "--count", "1"));
    char *id = takes_number(p, 0);
    says(p, "nack", id);
    json_t *error = event_expect(p, "error", WAIT_MS);
    assert_event_str(error, "error.code", "refused");
    assert_true(json_is_true(event_at(error, "error.retriable")));
    json_decref(error);
    char *again = takes_number(p, 0);
    assert_string_not_equal(again, id);
    says(p, "ack", again);
    takes_end(p, 0); /* in the end it was accepted */
    free(id);
    free(again);
}

static void an_answer_that_fits_nothing_is_an_error_event_and_life_goes_on(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"ack\":\"no-such-id\"}",
        "{\"nack\":7}",
        "{\"ack\":\"a\",\"nack\":\"b\"}",
        "{\"ok\":1}",
        "nonsense",
        "[\"ack\"]",
        "{\"ack\":null}",
    };
    struct process *p =
        start_consume(topic_of_numbers(1), ARGS("--ack", "stdin", "--count", "1"));
    char *id = takes_number(p, 0), where[32];
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        process_say(p, answers[i]);
        json_t *error = event_expect(p, "error", WAIT_MS);
        assert_event_str(error, "error.name", "InputError");
        snprintf(where, sizeof(where), "line %zu of stdin: ", i + 1);
        assert_non_null(strstr(event_str(error, "error.message"), where));
        json_decref(error);
    }
    says(p, "ack", id);
    takes_end(p, 65);
    free(id);
}

static void no_more_than_max_in_flight_wait_for_an_answer(void **state)
{
    (void)state;
    struct process *p = start_consume(
        topic_of_numbers(4), ARGS("--ack", "stdin", "--set", "maxInFlight=2", "--count", "4"));
    char *ids[4];
    ids[0] = takes_number(p, 0);
    ids[1] = takes_number(p, 1);
    assert_null(process_line_if_any(p, SETTLE_MS));
    says(p, "ack", ids[0]);
    ids[2] = takes_number(p, 2);
    assert_null(process_line_if_any(p, SETTLE_MS));
    says(p, "ack", ids[1]);
    ids[3] = takes_number(p, 3);
    says(p, "ack", ids[2]);
    says(p, "ack", ids[3]);
    takes_end(p, 0);
    for (size_t i = 0; i < 4; i++)
        free(ids[i]);
}

#define stdio_test(test) cmocka_unit_test_teardown(test, process_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stdio_test(ten_thousand_lines_are_answered_in_their_order),
        stdio_test(each_line_is_answered_while_stdin_stays_open),
        stdio_test(a_reader_who_stops_makes_us_stop_and_loses_nothing),
        stdio_test(a_line_too_long_is_answered_without_being_kept),
        stdio_test(a_line_as_long_as_allowed_is_served),
        stdio_test(a_reader_who_closes_stdout_ends_us_with_0),
        stdio_test(after_sigterm_all_that_was_read_is_answered),
        stdio_test(without_a_broker_sigterm_ends_in_time_and_says_what_is_left),
        stdio_test(a_second_sigterm_ends_at_once),
        stdio_test(count_ends_after_so_many_records),
        stdio_test(until_end_reads_what_is_there),
        stdio_test(an_empty_topic_is_at_its_end),
        stdio_test(sigterm_commits_what_was_written_and_ends_with_0),
        stdio_test(a_batch_is_one_message_of_many_records),
        stdio_test(a_reader_of_records_who_pauses_gets_them_all),
        stdio_test(a_reader_of_records_who_goes_away_ends_us_with_0),
        stdio_test(what_was_acked_is_committed_and_the_rest_is_not),
        stdio_test(the_end_of_stdin_ends_a_consumer_whose_messages_are_all_answered),
        stdio_test(an_ack_after_sigterm_still_counts),
        stdio_test(an_ack_after_the_time_to_end_is_too_late_and_harmless),
        stdio_test(a_line_that_is_read_after_the_time_to_end_is_harmless),
        stdio_test(count_ends_once_so_many_were_acked),
        stdio_test(a_nacked_record_comes_again_and_an_error_event_says_so),
        stdio_test(an_answer_that_fits_nothing_is_an_error_event_and_life_goes_on),
        stdio_test(no_more_than_max_in_flight_wait_for_an_answer),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
