// SPDX-License-Identifier: Apache-2.0
/* test_consume.c - the trigger: what it hands out, what it commits, and what it survives. */
#include "support/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPIC    "cars"
#define GROUP    "garage"
#define SETTINGS "'topic': '" TOPIC "', 'groupId': '" GROUP "', 'sessionTimeoutMs': 6000"
#define EARLIEST "{" SETTINGS ", 'startFrom': 'earliest'}"
#define FOREVER  ((struct mock_ends){ 0 })

static void write_numbers(struct mock *m, int partitions, int64_t from, int64_t count)
{
    witness_write_numbers(m->witness, TOPIC, partitions, from, count);
}

static int64_t committed(struct mock *m, int partition)
{
    return witness_committed(m->witness, GROUP, TOPIC, partition);
}

static void assert_place(struct mock_handed h, int partition, int64_t offset)
{
    if (h.partition != partition || h.offset != offset)
        fail_msg("%d/%lld was handed out where %d/%lld was due", h.partition,
                 (long long)h.offset, partition, (long long)offset);
}

/* Each partition's offsets were handed out from 0, one by one, and none twice. */
static void assert_in_order(struct mock_step *s, size_t count)
{
    int64_t next[16] = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct mock_handed h = mock_handed(s, i);
        assert_place(h, h.partition, next[h.partition]++);
    }
    assert_int_equal(mock_handed_count(s), count);
}

/* --- Handing out --- */

static void records_come_in_order_with_all_their_fields(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct witness_record record = witness_text("red", "one", 1);
    record.timestamp = 1767225600123;
    record.header_count = 2;
    record.headers[0] = (struct witness_header){ "trace", "abc", 3 };
    record.headers[1] = (struct witness_header){ "empty", NULL, 0 };
    witness_write(m->witness, TOPIC, &record);
    write_numbers(m, 2, 0, 19);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true }, EARLIEST);
    mock_accept_until(s, 20);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_order(s, 20);
    size_t first = 0;
    while (mock_handed(s, first).partition != 1)
        first++;
    assert_json(mock_handed(s, first).body, "",
                "{\"headers\":{\"empty\":null,\"trace\":\"abc\"},\"key\":\"red\",\"offset\":0,"
                "\"partition\":\"1\",\"timestamp\":1767225600123,"
                "\"timestampType\":\"CreateTime\",\"topic\":\"cars\",\"value\":\"one\"}");
}

static void no_more_than_max_in_flight_wait_for_their_answer(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_numbers(m, 2, 0, 30);
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .until_end = true },
                     "{" SETTINGS ", 'startFrom': 'earliest', 'maxInFlight': 3}");
    assert_true(mock_hands_out(s, 3, MOCK_WAIT_MS));
    assert_false(mock_hands_out(s, 4, 300));
    mock_accept_until(s, 30);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_order(s, 30);
    assert_int_equal(mock_peak(s), 3);
}

static void it_ends_by_itself_after_so_many_records(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 10);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .count_max = 4 }, EARLIEST);
    mock_accept_until(s, 4);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_order(s, 4);
    assert_int_equal(committed(m, 0), 4);
}

static void until_end_waits_for_the_last_answer(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 3);
    write_numbers(m, 2, 0, 10); /* one partition stays empty */
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true }, EARLIEST);
    mock_accept_until(s, 9);
    assert_true(mock_hands_out(s, 10, MOCK_WAIT_MS));
    assert_false(mock_has_ended(s));
    mock_accept_all(s);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_order(s, 10);
    assert_int_equal(committed(m, 0) + committed(m, 1), 10);
}

static void batches_are_full_or_due(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 7);
    struct mock_step *s = mock_consume(
        m, FOREVER,
        "{" SETTINGS ", 'startFrom': 'earliest', 'batchSize': 3, 'batchTimeoutMs': 3000}");
    struct mock_handed rest = mock_handed(s, 2);
    assert_int_equal(mock_handed(s, 0).records, 3);
    assert_int_equal(mock_handed(s, 1).records, 3);
    assert_int_equal(rest.records, 1);
    assert_int_equal(rest.offset, 6);
    assert_in_range(rest.at_ms - mock_handed(s, 1).at_ms, 2900, MOCK_WAIT_MS);
    mock_accept(s, 0);
    mock_accept(s, 2);
    mock_stop(s, 0);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 3);
}

/* --- Where it begins --- */

static void an_offset_is_where_a_new_group_begins(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 5);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true },
                                       "{" SETTINGS ", 'startFrom': '3'}");
    mock_accept_until(s, 2);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_place(mock_handed(s, 0), 0, 3);
    assert_int_equal(mock_handed_count(s), 2);
}

static void latest_is_what_comes_after_the_join(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 5);
    struct mock_step *s = mock_consume(m, FOREVER, "{" SETTINGS ", 'startFrom': 'latest'}");
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    for (int64_t n = 5; !mock_hands_out(s, 1, 100) && now_ms() < deadline; n++)
        write_numbers(m, 1, n, 1);
    assert_true(mock_handed(s, 0).offset >= 5);
}

static void a_step_may_begin_at_the_start_whatever_start_from_says(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_numbers(m, 2, 0, 6);
    const struct mock_ends run = { .until_end = true, .from_start = true };
    struct mock_step *s = mock_consume(m, run, "{" SETTINGS ", 'startFrom': 'latest'}");
    mock_accept_until(s, 6);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_in_order(s, 6);
    assert_int_equal(committed(m, 0), 3);
    mock_close(s);
    write_numbers(m, 2, 6, 2); /* the next run goes on where the group is */
    s = mock_consume(m, run, "{" SETTINGS ", 'startFrom': '2026-01-31T12:00:00Z'}");
    mock_accept_until(s, 2);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(mock_handed_count(s), 2);
    assert_int_equal(mock_handed(s, 0).offset, 3);
}

static void committed_offsets_come_before_start_from(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 5);
    witness_commit(m->witness, GROUP, TOPIC, 0, 2);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true }, EARLIEST);
    mock_accept_until(s, 3);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_place(mock_handed(s, 0), 0, 2);
}

/* --- Answers and commits --- */

static void nothing_is_committed_before_its_answer(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 6);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 6, MOCK_WAIT_MS));
    mock_stop(s, 0);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_event_str(mock_error(s, 0), "name", "stopped");
    assert_int_equal(committed(m, 0), -1);
}

static void what_was_accepted_without_a_gap_is_committed(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 6);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 6, MOCK_WAIT_MS));
    mock_accept(s, 0);
    mock_accept(s, 1);
    mock_accept(s, 3); /* 2 is missing */
    mock_accept(s, 4);
    assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, 0, 2, MOCK_WAIT_MS));
    mock_accept(s, 2);
    mock_stop(s, 0); /* 5 is missing */
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 5);
}

static void an_answer_after_the_end_is_ignored(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 2);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 2, MOCK_WAIT_MS));
    mock_accept(s, 0);
    mock_stop(s, 0);
    mock_wait_end(s, MOCK_WAIT_MS);
    mock_accept(s, 1);
    assert_int_equal(committed(m, 0), 1);
}

static void write_one(struct mock *m, int partition)
{
    struct witness_record record = witness_text(NULL, "one", partition);
    witness_write(m->witness, TOPIC, &record);
}

/* Refuses number i, which was refused n times before. */
static void refuse(struct mock_step *s, size_t i, size_t n)
{
    char pause[32];
    mock_refuse(s, i);
    json_t *error = mock_error(s, n);
    assert_event_str(error, "name", "refused");
    snprintf(pause, sizeof(pause), "comes again in %d ms", 1000 << n);
    if (!strstr(event_str(error, "message"), pause))
        fail_msg("%s", event_str(error, "message"));
}

static void a_refused_message_comes_again_and_only_its_partition_waits(void **state)
{
    (void)state;
    size_t at = 1;
    struct mock *m = mock_start(TOPIC, 2);
    for (int i = 0; i < 3; i++) {
        struct witness_record record = witness_text(NULL, "first", 0);
        witness_write(m->witness, TOPIC, &record);
    }
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 3, MOCK_WAIT_MS));
    mock_accept(s, 0);
    mock_accept(s, 2);
    write_one(m, 0); /* it may come before the refused one, or with it; it may not come twice */
    for (size_t n = 0; n < 2; n++) {
        int64_t refused_ms = now_ms();
        refuse(s, at++, n);
        while (mock_handed(s, at).offset != 1)
            at++;
        assert_in_range(mock_handed(s, at).at_ms - refused_ms, 900 << n, MOCK_WAIT_MS);
    }
    refuse(s, at, 2); /* for so long that the other partition is seen to go on */
    at = mock_handed_count(s);

    struct witness_record waits = witness_text(NULL, "waits", 0);
    struct witness_record goes_on = witness_text(NULL, "goes on", 1);
    witness_write(m->witness, TOPIC, &waits);
    witness_write(m->witness, TOPIC, &goes_on);
    assert_place(mock_handed(s, at), 1, 0);
    assert_place(mock_handed(s, at + 1), 0, 1);
    mock_accept_until(s, 9);
    assert_int_equal(mock_error_count(s), 3);
    mock_stop(s, 5000);
    mock_wait_end(s, MOCK_WAIT_MS);
    int times[5] = { 0 };
    for (size_t i = 0; i < mock_handed_count(s); i++)
        if (mock_handed(s, i).partition == 0)
            times[mock_handed(s, i).offset]++;
    assert_int_equal(times[0], 1);
    assert_int_equal(times[1], 4);
    assert_int_equal(times[2], 1);
    assert_int_equal(times[3], 1);
    assert_int_equal(times[4], 1);
    assert_int_equal(committed(m, 0), 5);
    assert_int_equal(committed(m, 1), 1);
}

static void what_is_taken_back_comes_again_behind_what_was_kept(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    for (int i = 0; i < 6; i++)
        write_one(m, 0);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 6, MOCK_WAIT_MS));
    mock_give_back(s, 2, 4);
    write_one(m, 0);
    write_one(m, 1);
    assert_place(mock_handed(s, 6), 1, 0); /* the other partition goes on */
    mock_accept(s, 1);
    assert_false(mock_hands_out(s, 8, 500)); /* the one before it is open */
    mock_accept(s, 0);
    for (size_t i = 7; i < 12; i++)
        assert_place(mock_handed(s, i), 0, (int64_t)i - 5);
    assert_false(mock_hands_out(s, 13, 300));
    assert_int_equal(mock_error_count(s), 0);
    mock_accept_all(s);
    mock_stop(s, 5000);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 7);
    assert_int_equal(committed(m, 1), 1);
}

static void a_run_does_not_end_before_what_was_taken_back_came_again(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    for (int i = 0; i < 4; i++)
        write_one(m, 0);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .until_end = true }, EARLIEST);
    assert_true(mock_hands_out(s, 4, MOCK_WAIT_MS));
    mock_give_back(s, 1, 3);
    mock_accept(s, 0);
    for (size_t i = 4; i < 7; i++)
        assert_place(mock_handed(s, i), 0, (int64_t)i - 3);
    mock_accept_all(s);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 4);
}

static void write_many(struct mock *m, int partition, int count)
{
    for (int i = 0; i < count; i++)
        write_one(m, partition);
}

/* Less is taken at once than the message has records. */
static void a_refused_batch_comes_whole_before_the_count_is_full(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_many(m, 0, 50);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .count_max = 40 },
                                       "{" SETTINGS ", 'startFrom': 'earliest',"
                                       " 'batchSize': 30, 'batchTimeoutMs': 600000,"
                                       " 'maxInFlight': 20}");
    assert_int_equal(mock_handed(s, 0).records, 30);
    assert_int_equal(mock_handed(s, 1).records, 10); /* that is all: nothing to wait for */
    mock_refuse(s, 0);
    assert_int_equal(mock_handed(s, 2).records, 30);
    assert_true(json_equal(mock_handed(s, 2).body, mock_handed(s, 0).body));
    mock_accept(s, 1);
    mock_accept(s, 2);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 40);
    assert_int_equal(mock_counted(s), 40); /* what came again is not counted twice */
}

static void a_refused_batch_comes_whole_though_others_fill_the_count(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    write_many(m, 0, 30);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .count_max = 40 },
                                       "{" SETTINGS ", 'startFrom': 'earliest',"
                                       " 'batchSize': 30, 'batchTimeoutMs': 600000}");
    for (size_t i = 0; i < 3; i++) { /* it waits long enough for the others to come first */
        assert_int_equal(mock_handed(s, i).records, 30);
        refuse(s, i, i);
    }
    write_many(m, 1, 15); /* so 25 are left, and 30 to come again */
    assert_int_equal(mock_handed(s, 3).records, 15);
    mock_accept(s, 3);
    assert_int_equal(mock_handed(s, 4).records, 30);
    assert_true(json_equal(mock_handed(s, 4).body, mock_handed(s, 0).body));
    mock_accept(s, 4);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 30);
    assert_int_equal(committed(m, 1), 15);
}

/* --- What it survives --- */

static void a_topic_made_anew_is_read_from_its_start_whatever_is_unanswered(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_many(m, 0, 5);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    assert_true(mock_hands_out(s, 5, MOCK_WAIT_MS));
    mock_accept(s, 1);
    /* librdkafka overwrites the error of the first answer at the end with its own EOF */
    mock_wait_requests(m, MOCK_FETCH, mock_count_requests(m, MOCK_FETCH) + 2);
    mock_fail(m, MOCK_FETCH, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    assert_event_str(mock_error(s, 0), "name", "offset_gone");
    for (size_t i = 0; i < 5; i++)
        assert_place(mock_handed(s, 5 + i), 0, (int64_t)i);
    mock_accept(s, 0); /* late: that was another record */
    mock_accept(s, 2);
    mock_accept(s, 5);
    mock_stop(s, 0);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 1);
    if (!strstr(event_str(mock_error(s, 1), "message"), "4 messages"))
        fail_msg("%s", event_str(mock_error(s, 1), "message"));
}

#define FAR_MS 300 /* longer than a look takes at first */

static void a_short_outage_of_a_far_broker_is_not_worth_a_word(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_many(m, 0, 1);
    mock_far(m, FAR_MS);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .tells_outage = true }, EARLIEST);
    mock_accept_until(s, 1);
    mock_down(m);
    usleep(1000000);
    mock_up(m);
    write_many(m, 0, 1);
    mock_accept_until(s, 2);
    for (int64_t by_ms = now_ms() + 9000; now_ms() < by_ms; usleep(100000)) {
        assert_int_equal(mock_reach(s), KC_REACHED);
        assert_int_equal(mock_error_count(s), 0);
    }
}

static void a_far_broker_that_was_gone_for_long_is_known_to_be_back(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_many(m, 0, 1);
    mock_far(m, FAR_MS);
    /* the group stays as it is: no assignment tells that the broker is back */
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .tells_outage = true },
                                       "{'topic': '" TOPIC "', 'groupId': '" GROUP "',"
                                       " 'sessionTimeoutMs': 60000, 'startFrom': 'earliest'}");
    mock_accept_until(s, 1);
    mock_down(m);
    assert_event_str(mock_error(s, 0), "name", "unavailable");
    assert_int_equal(mock_reach(s), KC_OUT_OF_REACH);
    mock_up(m);
    int64_t by_ms = now_ms() + 2 * MOCK_WAIT_MS;
    while (mock_reach(s) != KC_REACHED && now_ms() < by_ms)
        usleep(10000);
    assert_int_equal(mock_reach(s), KC_REACHED);
}

static void without_room_it_takes_nothing_and_stays_in_the_group(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 1);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 1);
    int joins = mock_count_requests(m, MOCK_JOIN_GROUP);
    mock_set_room(s, false);
    write_numbers(m, 1, 1, 20);
    assert_false(mock_hands_out(s, 2, 3000));
    mock_set_room(s, true);
    mock_accept_until(s, 21);
    assert_in_order(s, 21);
    assert_int_equal(mock_count_requests(m, MOCK_JOIN_GROUP), joins);
    assert_int_equal(mock_error_count(s), 0);
}

static void fetch_errors_are_survived(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 5);
    mock_fail(m, MOCK_FETCH, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
              RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 5);
    write_numbers(m, 1, 5, 5);
    mock_accept_until(s, 10);
    assert_in_order(s, 10);
}

static void a_broker_that_comes_back_is_read_on(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    write_numbers(m, 1, 0, 5);
    struct mock_step *s = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(s, 5);
    mock_down(m);
    assert_false(mock_hands_out(s, 6, 500));
    mock_up(m);
    write_numbers(m, 1, 5, 5);
    mock_accept_until(s, 10);
    assert_in_order(s, 10);
    mock_stop(s, 5000);
    mock_wait_end(s, MOCK_WAIT_MS);
    assert_int_equal(committed(m, 0), 10);
}

#define MEMBERS_MAX 200 /* records of a partition in the next test */

/* Counts what a member was handed out, by partition and offset. */
static void count_handed(struct mock_step *s, int times[4][MEMBERS_MAX])
{
    size_t count = mock_handed_count(s);
    for (size_t i = 0; i < count; i++) {
        struct mock_handed h = mock_handed(s, i);
        assert_in_range(h.offset, 0, MEMBERS_MAX - 1);
        times[h.partition][h.offset]++;
    }
}

/* Writes a record to each partition, again and again until the second one is handed some: then
 * it is a member, and all that both have is committed. Returns how many were written. */
static int64_t wait_for_second(struct mock *m, struct mock_step *first,
                               struct mock_step *second, int64_t written)
{
    int64_t deadline = now_ms() + 2 * MOCK_WAIT_MS;
    do {
        if (now_ms() > deadline)
            fail_msg("the second one is handed nothing");
        write_numbers(m, 4, written, 4);
        written += 4;
        mock_accept_all(first);
    } while (!mock_hands_out(second, 1, 1000));
    for (int p = 0; p < 4;) {
        mock_accept_all(first);
        mock_accept_all(second);
        p += committed(m, p) == written / 4;
        if (now_ms() > deadline)
            fail_msg("partition %d is not committed", p);
    }
    return written;
}

/* The mock refuses commits as soon as a member asks to join, where Kafka takes them until all
 * have joined, and may need a second try to let one in: so what is written meanwhile may come
 * twice, and only what is there before and afterwards is counted. What is unanswered at that
 * moment is a matter for tests/live. */
static void a_second_member_takes_over_without_loss_or_repetition(void **state)
{
    (void)state;
    int times[4][MEMBERS_MAX] = { 0 };
    struct mock *m = mock_start(TOPIC, 4);
    write_numbers(m, 4, 0, 40);
    struct mock_step *first = mock_consume(m, FOREVER, EARLIEST);
    mock_accept_until(first, 40);
    for (int p = 0; p < 4; p++)
        assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, p, 10, MOCK_WAIT_MS));

    struct mock_step *second = mock_consume(m, FOREVER, EARLIEST);
    int64_t written = wait_for_second(m, first, second, 40);
    size_t by_first = mock_handed_count(first), by_second = mock_handed_count(second);
    write_numbers(m, 4, written, 40);
    assert_true(mock_hands_out(first, by_first + 20, MOCK_WAIT_MS));
    assert_true(mock_hands_out(second, by_second + 20, MOCK_WAIT_MS));
    mock_accept_all(first);
    mock_accept_all(second);
    for (int p = 0; p < 4; p++) /* else what the first one leaves comes again */
        assert_true(witness_wait_committed(m->witness, GROUP, TOPIC, p, (written + 40) / 4,
                                           MOCK_WAIT_MS));
    mock_stop(first, 5000);
    mock_stop(second, 5000);
    mock_wait_end(first, MOCK_WAIT_MS);
    mock_wait_end(second, MOCK_WAIT_MS);
    assert_int_equal(mock_handed_count(first), by_first + 20);
    assert_int_equal(mock_handed_count(second), by_second + 20);
    count_handed(first, times);
    count_handed(second, times);
    for (int p = 0; p < 4; p++)
        for (int i = 0; i < (written + 40) / 4; i++) {
            bool is_meanwhile = i >= 10 && i < written / 4;
            if (times[p][i] < 1 || (times[p][i] > 1 && !is_meanwhile))
                fail_msg("%d/%d came %d times", p, i, times[p][i]);
        }
}

/* --- Where it was told to begin --- */

static void positions_count_more_than_what_the_group_committed(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 2);
    struct kc_positions from = { NULL, 0, 0 };
    write_numbers(m, 2, 0, 20);
    witness_commit(m->witness, GROUP, TOPIC, 0, 8);
    witness_commit(m->witness, GROUP, TOPIC, 1, 9);
    kc_positions_put(&from, 0, 7);
    kc_positions_put(&from, 5, 3); /* never ours: kept for whoever goes on after us */
    struct mock_step *s =
        mock_consume(m, (struct mock_ends){ .until_end = true, .from = &from }, EARLIEST);
    mock_accept_until(s, 4);
    mock_wait_end(s, MOCK_WAIT_MS);
    int64_t next[2] = { 7, 9 };
    for (size_t i = 0; i < 4; i++) {
        struct mock_handed h = mock_handed(s, i);
        assert_place(h, h.partition, next[h.partition]++);
        char places[64];
        snprintf(places, sizeof(places), "0:%lld 1:%lld 5:3 ", (long long)next[0],
                 (long long)next[1]);
        assert_string_equal(h.places, places);
    }
    assert_int_equal(committed(m, 0), 10);
    kc_positions_free(&from);
}

static size_t times_from(struct mock_step *s, int64_t offset)
{
    size_t times = 0, count = mock_handed_count(s);
    for (size_t i = 0; i < count; i++)
        times += mock_handed(s, i).offset == offset;
    return times;
}

/* Another member comes and goes before anything was settled: the group still stands further on
 * than whoever told us where to begin. */
static void a_position_counts_until_something_was_committed(void **state)
{
    (void)state;
    struct mock *m = mock_start(TOPIC, 1);
    struct kc_positions from = { NULL, 0, 0 };
    write_numbers(m, 1, 0, 10);
    witness_commit(m->witness, GROUP, TOPIC, 0, 8);
    kc_positions_put(&from, 0, 3);
    struct mock_step *s = mock_consume(m, (struct mock_ends){ .from = &from }, EARLIEST);
    assert_true(mock_hands_out(s, 7, MOCK_WAIT_MS));
    struct mock_step *other = mock_consume(m, FOREVER, EARLIEST);
    int64_t deadline = now_ms() + 3 * MOCK_WAIT_MS;
    while (mock_handed_count(other) == 0 && times_from(s, 3) < 2 && now_ms() < deadline)
        usleep(10000);
    mock_close(other);
    while (times_from(s, 3) < 2 && now_ms() < deadline)
        usleep(10000);
    assert_in_range(times_from(s, 3), 2, 3);
    kc_positions_free(&from);
}

#define TEST(name) cmocka_unit_test_teardown(name, mock_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_in_order_with_all_their_fields),
        TEST(no_more_than_max_in_flight_wait_for_their_answer),
        TEST(it_ends_by_itself_after_so_many_records),
        TEST(until_end_waits_for_the_last_answer),
        TEST(batches_are_full_or_due),
        TEST(an_offset_is_where_a_new_group_begins),
        TEST(latest_is_what_comes_after_the_join),
        TEST(a_step_may_begin_at_the_start_whatever_start_from_says),
        TEST(committed_offsets_come_before_start_from),
        TEST(nothing_is_committed_before_its_answer),
        TEST(what_was_accepted_without_a_gap_is_committed),
        TEST(an_answer_after_the_end_is_ignored),
        TEST(a_refused_message_comes_again_and_only_its_partition_waits),
        TEST(what_is_taken_back_comes_again_behind_what_was_kept),
        TEST(a_run_does_not_end_before_what_was_taken_back_came_again),
        TEST(a_refused_batch_comes_whole_before_the_count_is_full),
        TEST(a_refused_batch_comes_whole_though_others_fill_the_count),
        TEST(a_topic_made_anew_is_read_from_its_start_whatever_is_unanswered),
        TEST(a_short_outage_of_a_far_broker_is_not_worth_a_word),
        TEST(a_far_broker_that_was_gone_for_long_is_known_to_be_back),
        TEST(without_room_it_takes_nothing_and_stays_in_the_group),
        TEST(fetch_errors_are_survived),
        TEST(a_broker_that_comes_back_is_read_on),
        TEST(a_second_member_takes_over_without_loss_or_repetition),
        TEST(positions_count_more_than_what_the_group_committed),
        TEST(a_position_counts_until_something_was_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
