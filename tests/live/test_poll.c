// SPDX-License-Identifier: Apache-2.0
/* test_poll.c - the stateless consume on a real Kafka, by its C functions. A pool stands for a
 * server: what one server's answers say, another one's clients go on with. */
#include "component/poll.h"

#include "base/clock.h"
#include "support/component.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REACH_WAIT_MS (KC_POLL_REACH_MS + 4000) /* with what a loaded machine adds */
#define DEFAULT_BYTES 1048576

/* --- Calling --- */

/* One call and what came of it. */
struct reply {
    bool ok;
    struct kc_error err;
    json_t *messages, *losses; /* NULL where not ok */
    char cursor[4096];         /* "" where not ok */
    int64_t took_ms;
};

struct wish {
    const char *topic;
    const char *more;        /* further members of config: ",'groupId':'g'"; NULL: none */
    const char *cursor;      /* NULL or "": none */
    const char *credentials; /* "NAME={…}" as no_sign_in() gives it; NULL: that */
    int messages, bytes, wait_ms;
};

static struct kc_doc *doc(const char *text)
{
    struct kc_error err = { 0 };
    struct kc_doc *d = kc_doc_parse(kc_text(text), &err);
    if (!d)
        fail_msg("%s: %s", err.text, text);
    return d;
}

/* Any thread, for it does not fail the test. */
static void call(struct kc_poll *pool, struct kc_doc *credentials, struct kc_doc *config,
                 const struct kc_poll_ask *ask, struct reply *reply)
{
    struct kc_poll_answer answer;
    struct kc_faults faults;
    kc_faults_init(&faults);
    *reply = (struct reply){ .ok = false };
    int64_t start_ms = now_ms();
    reply->ok = kc_poll(pool, credentials, config, ask, &answer, &faults, &reply->err);
    reply->took_ms = now_ms() - start_ms;
    if (reply->ok) {
        reply->messages = json_loadb(answer.messages.data, answer.messages.len, 0, NULL);
        reply->losses = json_loadb(answer.losses.data, answer.losses.len, 0, NULL);
        snprintf(reply->cursor, sizeof(reply->cursor), "%s", answer.cursor);
        if (json_array_size(reply->messages) != answer.count ||
            json_array_size(reply->losses) != answer.loss_count)
            reply->ok = false;
    }
    kc_poll_answer_deinit(&answer);
    kc_faults_deinit(&faults);
    kc_doc_free(credentials);
    kc_doc_free(config);
}

static struct kc_doc *credentials_of(const struct wish *wish)
{
    return doc(strchr(wish->credentials ? wish->credentials : no_sign_in(), '=') + 1);
}

static struct kc_doc *config_of(const struct wish *wish)
{
    char text[512];
    snprintf(text, sizeof(text), "{'topic':'%s'%s}", wish->topic, wish->more ? wish->more : "");
    return doc(json(text));
}

static struct kc_poll_ask ask_of(const struct wish *wish, char *cursor)
{
    return (struct kc_poll_ask){
        .cursor = cursor,
        .max_messages = wish->messages ? wish->messages : 100,
        .max_bytes = wish->bytes ? wish->bytes : DEFAULT_BYTES,
        .max_wait_ms = wish->wait_ms,
    };
}

static struct reply try_poll(struct kc_poll *pool, const struct wish *wish)
{
    struct reply reply;
    char *cursor = wish->cursor && *wish->cursor ? strdup(wish->cursor) : NULL;
    struct kc_poll_ask ask = ask_of(wish, cursor);
    call(pool, credentials_of(wish), config_of(wish), &ask, &reply);
    free(cursor);
    return reply;
}

static void drop(struct reply *reply)
{
    json_decref(reply->messages);
    json_decref(reply->losses);
}

/* The same, and it must succeed without losses. */
static struct reply poll_(struct kc_poll *pool, const struct wish *wish)
{
    struct reply reply = try_poll(pool, wish);
    if (!reply.ok)
        fail_msg("%s: %s", kc_code_name(reply.err.code), reply.err.text);
    if (json_array_size(reply.losses) > 0)
        fail_msg("losses: %s", json_dumps(reply.losses, 0));
    return reply;
}

static size_t count_of(const struct reply *reply)
{
    return json_array_size(reply->messages);
}

static void fails_with(struct kc_poll *pool, const struct wish *wish, enum kc_code code,
                       const char *part)
{
    struct reply reply = try_poll(pool, wish);
    if (reply.ok || reply.err.code != code || !strstr(reply.err.text, part))
        fail_msg("%s: %s", kc_code_name(reply.err.code), reply.err.text);
    if (reply.took_ms > wish->wait_ms + REACH_WAIT_MS)
        fail_msg("took %lld ms", (long long)reply.took_ms);
}

/* --- Which records came --- */

#define NUMBERS_MAX    30000
#define PARTITIONS_MAX 16

struct seen {
    int times[NUMBERS_MAX];
    int64_t last[PARTITIONS_MAX]; /* offset */
    size_t count;
};

static struct seen *seen_new(void)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    assert_non_null(seen);
    for (int i = 0; i < PARTITIONS_MAX; i++)
        seen->last[i] = -1;
    return seen;
}

/* Counts the numbers that are the records' values; offsets of a partition only go up. */
static void see(struct seen *seen, const struct reply *reply)
{
    for (size_t i = 0; i < count_of(reply); i++) {
        json_t *message = json_array_get(reply->messages, i);
        int partition = atoi(event_str(message, "partition"));
        int64_t offset = event_int(message, "offset");
        int number = atoi(event_str(message, "value"));
        assert_in_range(partition, 0, PARTITIONS_MAX - 1);
        assert_in_range(number, 0, NUMBERS_MAX - 1);
        assert_true(offset > seen->last[partition]);
        seen->last[partition] = offset;
        seen->times[number]++;
        seen->count++;
    }
}

static void each_once(struct seen *seen, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        if (seen->times[i] != 1)
            fail_msg("%d came %d times", i, seen->times[i]);
    }
}

/* Calls from the cursor on until nothing is there; the cursor is moved. */
static void read_all(struct kc_poll *pool, struct wish wish, char cursor[4096],
                     struct seen *seen)
{
    size_t count;
    do {
        wish.cursor = cursor;
        struct reply reply = poll_(pool, &wish);
        see(seen, &reply);
        count = count_of(&reply);
        snprintf(cursor, 4096, "%s", reply.cursor);
        drop(&reply);
    } while (count > 0);
}

/* The same until so many were seen in all: a warm client may not have heard of the last yet. */
static void read_until(struct kc_poll *pool, struct wish wish, char cursor[4096],
                       struct seen *seen, size_t count)
{
    for (int64_t end_ms = now_ms() + WAIT_MS; seen->count < count;) {
        read_all(pool, wish, cursor, seen);
        if (now_ms() > end_ms)
            fail_msg("%zu records came, not %zu", seen->count, count);
    }
}

#define EARLIEST ",'startFrom':'earliest'"

/* --- Chains --- */

static void a_chain_reads_every_record_once_over_six_partitions(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 6, NULL);
    char cursor[4096] = "";
    struct seen *seen = seen_new();
    struct kc_poll *pool = kc_poll_new();
    witness_write_numbers(witness, topic, 6, 0, 20000);
    read_all(pool, (struct wish){ .topic = topic, .more = EARLIEST, .messages = 70 }, cursor,
             seen);
    each_once(seen, 0, 20000);
    witness_write_numbers(witness, topic, 6, 20000, 1000);
    read_until(pool, (struct wish){ .topic = topic, .messages = 10000, .wait_ms = 500 }, cursor,
               seen, 21000);
    each_once(seen, 0, 21000);
    assert_int_equal(kc_poll_counts(pool).clients, 1);
    assert_int_equal(kc_poll_counts(pool).records, 21000);
    kc_poll_free(pool);
    free(seen);
}

static void count_partitions(const struct reply *reply, int of[3])
{
    for (size_t i = 0; i < count_of(reply); i++)
        of[atoi(event_str(json_array_get(reply->messages, i), "partition"))]++;
}

static void partitions_take_turns(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 3, NULL);
    struct kc_poll *pool = kc_poll_new();
    char cursor[4096] = "";
    int of[3] = { 0 }, then[3] = { 0 };
    witness_write_numbers(witness, topic, 3, 0, 9000);
    while (!of[0] || !of[1] || !of[2] || then[0] + then[1] + then[2] < 300) {
        bool is_begun = of[0] && of[1] && of[2]; /* all have been fetched from */
        struct reply reply = poll_(pool, &(struct wish){ .topic = topic,
                                                         .more = EARLIEST,
                                                         .cursor = cursor,
                                                         .messages = 3,
                                                         .wait_ms = 5000 });
        assert_int_equal(count_of(&reply), 3);
        count_partitions(&reply, is_begun ? then : of);
        snprintf(cursor, sizeof(cursor), "%s", reply.cursor);
        drop(&reply);
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(then[i], 99, 102);
    kc_poll_free(pool);
}

static void two_servers_serve_one_chain_alternately(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 6, NULL);
    char cursor[4096] = "";
    struct seen *seen = seen_new();
    struct kc_poll *pools[] = { kc_poll_new(), kc_poll_new() };
    int written = 0;
    for (int i = 0; i < 40 || seen->count < 4000; i++) {
        if (written < 4000) {
            witness_write_numbers(witness, topic, 6, written, 200);
            written += 200;
        }
        struct reply reply = poll_(pools[i % 2], &(struct wish){ .topic = topic,
                                                                 .more = EARLIEST,
                                                                 .cursor = cursor,
                                                                 .messages = 150,
                                                                 .wait_ms = 1000 });
        see(seen, &reply);
        snprintf(cursor, sizeof(cursor), "%s", reply.cursor);
        drop(&reply);
        assert_true(i < 400);
    }
    each_once(seen, 0, 4000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kc_poll_counts(pools[i]).opened, 1); /* one chain, one client */
        kc_poll_free(pools[i]);
    }
    free(seen);
}

static void chains_do_not_take_each_others_clients(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    char cursors[3][4096] = { "", "", "" };
    struct seen *seen[3];
    struct kc_poll *pool = kc_poll_new();
    witness_write_numbers(witness, topic, 2, 0, 1000);
    for (int c = 0; c < 3; c++)
        seen[c] = seen_new();
    /* A call gives what has come by then, which may be less than it may give. */
    for (int i = 0; seen[0]->count < 1000 || seen[1]->count < 1000 || seen[2]->count < 1000;
         i++) {
        int c = i % 3;
        assert_true(i < 3000);
        struct reply reply = poll_(pool, &(struct wish){ .topic = topic,
                                                         .more = EARLIEST,
                                                         .cursor = cursors[c],
                                                         .messages = 50,
                                                         .wait_ms = 1000 });
        see(seen[c], &reply);
        snprintf(cursors[c], sizeof(cursors[c]), "%s", reply.cursor);
        drop(&reply);
    }
    for (int c = 0; c < 3; c++) {
        each_once(seen[c], 0, 1000);
        free(seen[c]);
    }
    assert_in_range(kc_poll_counts(pool).opened, 1, 3);
    kc_poll_free(pool);
}

static void the_second_call_finds_a_warm_client(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 6, NULL);
    struct kc_poll *pool = kc_poll_new();
    witness_write_numbers(witness, topic, 6, 0, 10000);
    struct reply reply =
        poll_(pool, &(struct wish){ .topic = topic, .more = EARLIEST, .wait_ms = 1000 });
    int64_t first_ms = reply.took_ms, rest_ms = 0;
    for (int i = 0; i < 50; i++) {
        struct reply next = poll_(
            pool, &(struct wish){ .topic = topic, .cursor = reply.cursor, .wait_ms = 1000 });
        assert_in_range(count_of(&next), 1, 100);
        rest_ms += next.took_ms;
        drop(&reply);
        reply = next;
    }
    drop(&reply);
    print_message("first call %lld ms, the next 50 together %lld ms\n", (long long)first_ms,
                  (long long)rest_ms);
    assert_true(rest_ms < 3000);
    assert_int_equal(kc_poll_counts(pool).opened, 1);
    kc_poll_free(pool);
}

/* --- Where it begins --- */

static void latest_without_a_cursor_misses_nothing_after_the_call(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 6, NULL);
    struct seen *seen = seen_new();
    witness_write_numbers(witness, topic, 6, 0, 100);
    struct kc_poll *first = kc_poll_new(), *other = kc_poll_new();
    struct reply reply = poll_(first, &(struct wish){ .topic = topic });
    assert_int_equal(count_of(&reply), 0);
    kc_poll_free(first); /* nothing of it is needed */
    witness_write_numbers(witness, topic, 6, 100, 300);
    char cursor[4096];
    snprintf(cursor, sizeof(cursor), "%s", reply.cursor);
    drop(&reply);
    read_all(other, (struct wish){ .topic = topic }, cursor, seen);
    each_once(seen, 100, 300);
    assert_int_equal(seen->count, 300);
    kc_poll_free(other);
    free(seen);
}

static void an_offset_and_a_time_are_places_to_start_from(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    for (int i = 0; i < 10; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        struct witness_record record = witness_text(NULL, value, 0);
        record.timestamp = 1700000000000 + i * 1000;
        witness_write(witness, topic, &record);
    }
    struct reply reply =
        poll_(pool, &(struct wish){ .topic = topic, .more = ",'startFrom':7" });
    assert_int_equal(count_of(&reply), 3);
    assert_event_str(reply.messages, "0.value", "7");
    drop(&reply);
    reply = poll_(
        pool, &(struct wish){ .topic = topic, .more = ",'startFrom':'2023-11-14T22:13:25Z'" });
    assert_int_equal(count_of(&reply), 5);
    assert_event_str(reply.messages, "0.value", "5");
    drop(&reply);
    reply = poll_(
        pool, &(struct wish){ .topic = topic, .more = ",'startFrom':'2039-01-01T00:00:00Z'" });
    assert_int_equal(count_of(&reply), 0);
    witness_write_numbers(witness, topic, 1, 10, 1);
    struct reply next =
        poll_(pool, &(struct wish){ .topic = topic, .cursor = reply.cursor, .wait_ms = 5000 });
    assert_int_equal(count_of(&next), 1);
    drop(&reply);
    drop(&next);
    kc_poll_free(pool);
}

/* --- Limits --- */

static void at_most_as_many_records_as_asked_for_come(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct kc_poll *pool = kc_poll_new();
    witness_write_numbers(witness, topic, 2, 0, 500);
    static const int limits[] = { 1, 2, 99, 100, 101 };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct reply reply = poll_(pool, &(struct wish){ .topic = topic,
                                                         .more = EARLIEST,
                                                         .messages = limits[i],
                                                         .wait_ms = 1000 });
        assert_in_range(count_of(&reply), 1, limits[i]);
        drop(&reply);
    }
    kc_poll_free(pool);
}

static void at_most_as_many_bytes_come_but_always_a_record(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct kc_poll_ask ask = { .max_messages = 10000, .max_bytes = 1024, .max_wait_ms = 2000 };
    static char large[5000];
    memset(large, 'x', sizeof(large) - 1);
    witness_write_numbers(witness, topic, 1, 0, 20);
    struct witness_record record = witness_text(NULL, large, 0);
    witness_write(witness, topic, &record);
    witness_write_numbers(witness, topic, 1, 20, 5);

    struct wish wish = { .topic = topic, .more = EARLIEST };
    size_t records = 0, alone = 0;
    while (records < 26) {
        struct kc_poll_answer answer;
        struct kc_faults faults;
        struct kc_error err = { 0 };
        struct kc_doc *credentials = credentials_of(&wish), *config = config_of(&wish);
        kc_faults_init(&faults);
        assert_true(kc_poll(pool, credentials, config, &ask, &answer, &faults, &err));
        assert_true(answer.count > 0);
        assert_true(answer.messages.len <= 1024 || answer.count == 1);
        alone += answer.messages.len > 1024;
        records += answer.count;
        free(ask.cursor);
        ask.cursor = strdup(answer.cursor);
        kc_poll_answer_deinit(&answer);
        kc_faults_deinit(&faults);
        kc_doc_free(credentials);
        kc_doc_free(config);
    }
    assert_int_equal(records, 26);
    assert_int_equal(alone, 1);
    free(ask.cursor);
    kc_poll_free(pool);
}

static void an_empty_answer_comes_when_the_wait_is_over(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct reply reply = poll_(pool, &(struct wish){ .topic = topic, .wait_ms = 700 });
    assert_int_equal(count_of(&reply), 0);
    assert_in_range(reply.took_ms, 650, 5000);
    struct reply next =
        poll_(pool, &(struct wish){ .topic = topic, .cursor = reply.cursor, .wait_ms = 0 });
    assert_int_equal(count_of(&next), 0);
    assert_in_range(next.took_ms, 0, 9000);
    drop(&reply);
    drop(&next);
    kc_poll_free(pool);
}

static void without_a_wait_what_is_there_comes_at_the_first_call(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 6, NULL);
    witness_write_numbers(witness, topic, 6, 0, 1);
    for (int i = 0; i < 5; i++) {
        struct kc_poll *pool = kc_poll_new();
        struct reply reply = poll_(pool, &(struct wish){ .topic = topic, .more = EARLIEST });
        assert_int_equal(count_of(&reply), 1);
        drop(&reply);
        kc_poll_free(pool);
    }
}

/* --- Waiting in threads --- */

struct waiter {
    pthread_t thread;
    struct kc_poll *pool;
    struct kc_doc *credentials, *config;
    struct kc_poll_ask ask;
    struct reply reply;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *w = arg;
    call(w->pool, w->credentials, w->config, &w->ask, &w->reply);
    return NULL;
}

static void start_waiter(struct waiter *w, struct kc_poll *pool, const struct wish *wish)
{
    *w = (struct waiter){ .pool = pool,
                          .credentials = credentials_of(wish),
                          .config = config_of(wish),
                          .ask = ask_of(wish, NULL) };
    assert_int_equal(pthread_create(&w->thread, NULL, wait_in_thread, w), 0);
}

static void wait_until_busy(struct kc_poll *pool, size_t count)
{
    for (int64_t end_ms = now_ms() + WAIT_MS; kc_poll_counts(pool).busy < count;) {
        assert_true(now_ms() < end_ms);
        struct timespec pause = { 0, 10000000 };
        nanosleep(&pause, NULL);
    }
}

static void a_waiting_call_returns_with_the_first_record(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct waiter w;
    start_waiter(&w, pool,
                 &(struct wish){ .topic = topic, .more = EARLIEST, .wait_ms = 30000 });
    wait_until_busy(pool, 1);
    int64_t written_ms = now_ms();
    witness_write_numbers(witness, topic, 2, 0, 1);
    pthread_join(w.thread, NULL);
    assert_true(w.reply.ok);
    assert_int_equal(count_of(&w.reply), 1);
    assert_true(now_ms() - written_ms < 20000);
    drop(&w.reply);
    kc_poll_free(pool);
}

static void a_stop_wakes_all_who_wait_at_once(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct waiter waiters[4];
    for (int i = 0; i < 4; i++) {
        start_waiter(&waiters[i], pool, &(struct wish){ .topic = topic, .wait_ms = 60000 });
        wait_until_busy(pool, (size_t)i + 1);
    }
    int64_t stopped_ms = now_ms();
    kc_poll_stop(pool);
    for (int i = 0; i < 4; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_true(waiters[i].reply.ok || waiters[i].reply.err.code == KC_STOPPED);
        drop(&waiters[i].reply);
    }
    assert_true(now_ms() - stopped_ms < 20000);
    fails_with(pool, &(struct wish){ .topic = topic }, KC_STOPPED, "stopped");
    kc_poll_free(pool);
}

static void more_calls_than_clients_wait_or_are_told(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct waiter waiters[KC_POLL_CLIENTS_MAX];
    for (int i = 0; i < KC_POLL_CLIENTS_MAX; i++)
        start_waiter(&waiters[i], pool, &(struct wish){ .topic = topic, .wait_ms = 10000 });
    wait_until_busy(pool, KC_POLL_CLIENTS_MAX);
    fails_with(pool, &(struct wish){ .topic = topic }, KC_BUSY, "busy");
    struct reply reply = poll_(pool, &(struct wish){ .topic = topic, .wait_ms = 20000 });
    drop(&reply); /* it got one of theirs */
    for (int i = 0; i < KC_POLL_CLIENTS_MAX; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_true(waiters[i].reply.ok);
        drop(&waiters[i].reply);
    }
    assert_int_equal(kc_poll_counts(pool).opened, KC_POLL_CLIENTS_MAX);
    kc_poll_free(pool);
}

/* --- What changes meanwhile --- */

static void a_new_partition_is_read_from_its_beginning(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char cursor[4096] = "", old[4096];
    struct seen *seen = seen_new(), *again = seen_new();
    struct kc_poll *pool = kc_poll_new(), *other = kc_poll_new();
    witness_write_numbers(witness, topic, 1, 0, 10);
    struct wish wish = { .topic = topic, .more = EARLIEST, .wait_ms = 200 };
    read_all(pool, wish, cursor, seen);
    snprintf(old, sizeof(old), "%s", cursor);
    witness_add_partitions(witness, topic, 3);
    witness_write_numbers(witness, topic, 3, 10, 30);
    read_all(other, wish, old, again); /* a client that never saw the topic */
    each_once(again, 10, 30);
    for (int64_t end_ms = now_ms() + WAIT_MS; seen->count < 40;) { /* one that knew it */
        read_all(pool, wish, cursor, seen);
        assert_true(now_ms() < end_ms);
    }
    each_once(seen, 0, 40);
    kc_poll_free(pool);
    kc_poll_free(other);
    free(seen);
    free(again);
}

/* The call tells of exactly one loss. */
static struct reply poll_with_loss(struct kc_poll *pool, const struct wish *wish)
{
    struct reply reply = try_poll(pool, wish);
    if (!reply.ok)
        fail_msg("%s: %s", kc_code_name(reply.err.code), reply.err.text);
    assert_int_equal(json_array_size(reply.losses), 1);
    assert_event_str(reply.losses, "0.code", "offset_gone");
    return reply;
}

static void deleted_records_are_told_and_reading_goes_on_behind_them(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new(), *other = kc_poll_new();
    witness_write_numbers(witness, topic, 1, 0, 100);
    struct reply reply = poll_(
        pool,
        &(struct wish){ .topic = topic, .more = EARLIEST, .messages = 10, .wait_ms = 900 });
    assert_int_equal(count_of(&reply), 10);
    witness_delete_records(witness, topic, 0, 60);
    struct reply next =
        poll_with_loss(other, &(struct wish){ .topic = topic, .cursor = reply.cursor });
    assert_json(next.losses, "0.details.0.count", "50");
    assert_json(next.losses, "0.details.0.next", "60");
    if (count_of(&next) == 0) { /* the records may come with the call after it */
        struct wish wish = { .topic = topic, .cursor = next.cursor, .wait_ms = 5000 };
        struct reply behind = poll_(other, &wish);
        drop(&next);
        next = behind;
    }
    assert_event_str(next.messages, "0.value", "60");
    assert_int_equal(count_of(&next), 40);
    drop(&next);

    char
        cursor[4096]; /* what was fetched ahead may be given still, and there is no loss then */
    struct seen *seen = seen_new();
    snprintf(cursor, sizeof(cursor), "%s", reply.cursor);
    read_until(pool, (struct wish){ .topic = topic, .wait_ms = 500 }, cursor, seen, 90);
    each_once(seen, 10, 90);
    free(seen);
    drop(&reply);
    kc_poll_free(pool);
    kc_poll_free(other);
}

static void a_topic_made_anew_is_told(void **state)
{
    (void)state;
    char topic[64];
    snprintf(topic, sizeof(topic), "%s", witness_fresh_name(witness, "anew"));
    struct kc_poll *pool = kc_poll_new(), *other = kc_poll_new();
    witness_create_topic(witness, topic, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 50);
    char cursor[4096] = "";
    struct seen *seen = seen_new();
    read_all(pool, (struct wish){ .topic = topic, .more = EARLIEST }, cursor, seen);
    witness_delete_topic(witness, topic);
    struct wish on = { .topic = topic, .cursor = cursor, .wait_ms = 3000 };
    fails_with(pool, &on, KC_TOPIC_MISSING, topic); /* by the client that read it */
    witness_create_topic(witness, topic, 1, NULL);
    witness_write_numbers(witness, topic, 1, 0, 5);
    struct kc_poll *both[] = { other, pool };
    for (int i = 0; i < 2; i++) {
        struct reply reply = poll_with_loss(both[i], &on);
        assert_int_equal(count_of(&reply), 5);
        assert_event_str(reply.messages, "0.value", "0");
        drop(&reply);
    }
    kc_poll_free(pool);
    kc_poll_free(other);
    free(seen);
}

/* --- What cannot be read --- */

static void a_missing_and_a_forbidden_topic_are_told_by_their_codes(void **state)
{
    (void)state;
    struct kc_poll *pool = kc_poll_new();
    fails_with(pool, &(struct wish){ .topic = "no-such-topic", .wait_ms = 0 }, KC_TOPIC_MISSING,
               "no-such-topic");
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *guest = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512",
                                KAFKA_GUEST, KAFKA_GUEST_PASSWORD, NULL);
    fails_with(pool, &(struct wish){ .topic = topic, .credentials = guest }, KC_FORBIDDEN,
               topic);
    witness_allow_writing(witness, KAFKA_GUEST, topic); /* it sees the topic now */
    fails_with(pool, &(struct wish){ .topic = topic, .credentials = guest, .more = EARLIEST },
               KC_FORBIDDEN, topic);
    const char *user = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512",
                               KAFKA_USER, KAFKA_PASSWORD, NULL);
    struct reply reply = poll_(pool, &(struct wish){ .topic = topic, .credentials = user });
    drop(&reply);
    kc_poll_free(pool);
}

static void a_refused_sign_in_is_told_and_its_client_not_kept(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    const char *wrong = sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512",
                                KAFKA_USER, "not-the-Secret", NULL);
    fails_with(pool, &(struct wish){ .topic = topic, .credentials = wrong }, KC_AUTH,
               "sign-in");
    assert_int_equal(kc_poll_counts(pool).clients, 0);
    kc_poll_free(pool);
}

static void a_broker_that_is_down_or_silent_is_told_in_time(void **state)
{
    (void)state;
    char topic[64];
    snprintf(topic, sizeof(topic), "%s", witness_new_topic(witness, 2, NULL));
    struct kc_poll *pool = kc_poll_new();
    witness_write_numbers(witness, topic, 2, 0, 10);
    struct wish wish = { .topic = topic, .more = EARLIEST, .wait_ms = 1000 };
    char cursor[4096] = "";
    struct seen *seen = seen_new();
    read_all(pool, wish, cursor, seen);
    assert_int_equal(seen->count, 10);
    struct wish on = { .topic = topic, .cursor = cursor, .wait_ms = 1500 };

    kafka_freeze(kafka);
    fails_with(pool, &wish, KC_UNAVAILABLE, topic); /* without a cursor */
    fails_with(pool, &on, KC_UNAVAILABLE, topic);   /* warm */
    struct kc_poll *cold = kc_poll_new();
    fails_with(cold, &on, KC_UNAVAILABLE, topic);
    kc_poll_free(cold);
    kafka_thaw(kafka);
    read_all(pool, on, cursor, seen);

    kafka_kill(kafka);
    fails_with(pool, &on, KC_UNAVAILABLE, "127.0.0.1"); /* the cause */
    cold = kc_poll_new();
    fails_with(cold, &on, KC_UNAVAILABLE, "127.0.0.1");
    kc_poll_free(cold);
    kafka_restart(kafka);
    for (int64_t end_ms = now_ms() + WAIT_MS; seen->count < 11;) {
        if (seen->count == 10 && seen->times[10] == 0) {
            witness_write_numbers(witness, topic, 2, 10, 1);
            seen->times[10] = -1;
        }
        struct reply reply = try_poll(pool, &on);
        if (reply.ok && count_of(&reply) > 0) {
            seen->times[10] = 0;
            see(seen, &reply);
        }
        drop(&reply);
        assert_true(now_ms() < end_ms);
    }
    each_once(seen, 0, 11);
    kc_poll_free(pool);
    free(seen);
}

/* --- The group --- */

static bool commit(struct kc_poll *pool, const char *config, const char *cursor,
                   struct kc_buf *out, struct kc_error *err)
{
    struct kc_faults faults;
    struct kc_doc *credentials = doc(strchr(no_sign_in(), '=') + 1);
    struct kc_doc *d = doc(json(config));
    kc_faults_init(&faults);
    kc_buf_init(out, 1 << 20);
    bool ok = kc_poll_commit(pool, credentials, d, cursor, out, &faults, err);
    kc_faults_deinit(&faults);
    kc_doc_free(credentials);
    kc_doc_free(d);
    return ok;
}

static void a_committed_cursor_is_where_the_group_goes_on(void **state)
{
    (void)state;
    char config[256], more[128], expected[512];
    const char *topic = witness_new_topic(witness, 2, NULL);
    const char *group = witness_fresh_name(witness, "group");
    struct kc_poll *pool = kc_poll_new(), *other = kc_poll_new();
    struct kc_error err = { 0 };
    struct kc_buf out;
    witness_write_numbers(witness, topic, 2, 0, 20);
    snprintf(more, sizeof(more), EARLIEST ",'groupId':'%s'", group);
    snprintf(config, sizeof(config), "{'groupId':'%s'}", group);
    struct wish wish = { .topic = topic, .more = more, .messages = 7, .wait_ms = 2000 };
    struct reply reply = poll_(pool, &wish);
    assert_int_equal(count_of(&reply), 7);
    assert_int_equal(witness_committed(witness, group, topic, 0), -1); /* not by itself */
    if (!commit(other, config, reply.cursor, &out, &err))
        fail_msg("%s", err.text);
    int64_t at[2] = { witness_committed(witness, group, topic, 0),
                      witness_committed(witness, group, topic, 1) };
    assert_int_equal(at[0] + at[1], 7);
    snprintf(expected, sizeof(expected),
             "[{\"topic\":\"%s\",\"partition\":0,\"offset\":%d},"
             "{\"topic\":\"%s\",\"partition\":1,\"offset\":%d}]",
             topic, (int)at[0], topic, (int)at[1]);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    kc_buf_deinit(&out);
    struct seen *seen = seen_new();
    see(seen, &reply);
    char cursor[4096] = "";
    read_all(other, wish, cursor, seen); /* without a cursor at first */
    each_once(seen, 0, 20);
    drop(&reply);
    kc_poll_free(pool);
    kc_poll_free(other);
    free(seen);
}

static void a_group_that_has_members_takes_no_commit(void **state)
{
    (void)state;
    char config[256];
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *group = witness_fresh_name(witness, "group");
    struct kc_poll *pool = kc_poll_new();
    struct kc_error err = { 0 };
    struct kc_buf out;
    witness_write_numbers(witness, topic, 1, 0, 3);
    struct reply reply =
        poll_(pool, &(struct wish){ .topic = topic, .more = EARLIEST, .wait_ms = 2000 });
    struct process *member =
        start_consume(topic, group, ARGS("--set", "startFrom=earliest", "--log-level", "info"));
    json_decref(event_expect(member, "data", WAIT_MS));
    snprintf(config, sizeof(config), "{'groupId':'%s','topic':'%s'}", group, topic);
    assert_false(commit(pool, config, reply.cursor, &out, &err));
    assert_int_equal(err.code, KC_GROUP_ACTIVE);
    assert_non_null(strstr(err.text, group));
    kc_error_clear(&err);
    terminate(member, 0);
    if (!commit(pool, config, reply.cursor, &out, &err)) /* it left */
        fail_msg("%s", err.text);
    kc_buf_deinit(&out);
    drop(&reply);
    kc_poll_free(pool);
}

static void a_commit_needs_a_group_and_a_cursor_of_its_topic(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    struct kc_error err = { 0 };
    struct kc_buf out;
    struct reply reply = poll_(pool, &(struct wish){ .topic = topic });
    assert_false(commit(pool, "{}", reply.cursor, &out, &err));
    assert_int_equal(err.code, KC_CONFIG);
    if (!strstr(err.text, "field 'config/groupId': required"))
        fail_msg("%s", err.text);
    kc_error_clear(&err);
    assert_false(commit(pool, "{'groupId':'g','topic':'other'}", reply.cursor, &out, &err));
    assert_int_equal(err.code, KC_BAD_CURSOR);
    assert_non_null(strstr(err.text, topic));
    assert_non_null(strstr(err.text, "'other'"));
    drop(&reply);
    kc_poll_free(pool);
}

/* --- Transactions --- */

static rd_kafka_t *open_transaction(const char *topic, const char *value)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->plaintext, NULL, 0);
    rd_kafka_conf_set(conf, "transactional.id", witness_fresh_name(witness, "open"), NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);
    assert_null(rd_kafka_init_transactions(rk, WAIT_MS));
    assert_null(rd_kafka_begin_transaction(rk));
    assert_int_equal(
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
        0);
    assert_int_equal(rd_kafka_flush(rk, WAIT_MS), 0);
    return rk;
}

static void transactions_are_seen_as_isolation_says(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct kc_poll *pool = kc_poll_new();
    witness_write_transaction(witness, topic, ARGS("100", "101"), false);
    witness_write_transaction(witness, topic, ARGS("0", "1"), true);
    rd_kafka_t *rk = open_transaction(topic, "2");
    witness_write_numbers(witness, topic, 1, 3, 1);
    struct seen *seen = seen_new(), *all = seen_new();
    char cursor[4096] = "", any[4096] = "";
    read_all(pool, (struct wish){ .topic = topic, .more = EARLIEST, .wait_ms = 500 }, cursor,
             seen);
    assert_int_equal(seen->count, 2); /* what stands behind the open one waits */
    read_all(pool,
             (struct wish){ .topic = topic,
                            .more = EARLIEST ",'isolation':'read_uncommitted'",
                            .wait_ms = 500 },
             any, all);
    assert_int_equal(all->count, 6);
    assert_null(rd_kafka_commit_transaction(rk, WAIT_MS));
    rd_kafka_destroy(rk);
    for (int64_t end_ms = now_ms() + WAIT_MS; seen->count < 4;) {
        read_all(pool, (struct wish){ .topic = topic, .wait_ms = 500 }, cursor, seen);
        assert_true(now_ms() < end_ms);
    }
    each_once(seen, 0, 4);
    assert_int_equal(seen->times[100], 0);
    kc_poll_free(pool);
    free(seen);
    free(all);
}

static int setup(void **state)
{
    (void)state;
    return live_start(&(struct kafka_options){ .has_rights = true });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_chain_reads_every_record_once_over_six_partitions),
        live_test(partitions_take_turns),
        live_test(two_servers_serve_one_chain_alternately),
        live_test(chains_do_not_take_each_others_clients),
        live_test(the_second_call_finds_a_warm_client),
        live_test(latest_without_a_cursor_misses_nothing_after_the_call),
        live_test(an_offset_and_a_time_are_places_to_start_from),
        live_test(at_most_as_many_records_as_asked_for_come),
        live_test(at_most_as_many_bytes_come_but_always_a_record),
        live_test(an_empty_answer_comes_when_the_wait_is_over),
        live_test(without_a_wait_what_is_there_comes_at_the_first_call),
        live_test(a_waiting_call_returns_with_the_first_record),
        live_test(a_stop_wakes_all_who_wait_at_once),
        live_test(more_calls_than_clients_wait_or_are_told),
        live_test(a_new_partition_is_read_from_its_beginning),
        live_test(deleted_records_are_told_and_reading_goes_on_behind_them),
        live_test(a_topic_made_anew_is_told),
        live_test(a_missing_and_a_forbidden_topic_are_told_by_their_codes),
        live_test(a_refused_sign_in_is_told_and_its_client_not_kept),
        live_test(a_committed_cursor_is_where_the_group_goes_on),
        live_test(a_group_that_has_members_takes_no_commit),
        live_test(a_commit_needs_a_group_and_a_cursor_of_its_topic),
        live_test(transactions_are_seen_as_isolation_says),
        live_test(a_broker_that_is_down_or_silent_is_told_in_time),
    };
    return cmocka_run_group_tests_name("live/poll", tests, setup, live_teardown);
}
