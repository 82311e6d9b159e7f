// SPDX-License-Identifier: Apache-2.0
/* test_http_stream_crash.c - streams when things go wrong on Apache Kafka: servers that are
 * killed, readers that are slow, members that come and go. Nothing is lost, and what comes
 * twice is counted. */
#include "support/component.h"
#include "support/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define KILLS     20
#define COMMITTED 15000
#define RECORDS   200000 /* a socket holds 10,000 and more of them */

static void pause_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

static void fill_number(struct witness_record *record, int64_t n, void *context)
{
    static char number[24];
    const char *key = context;
    snprintf(number, sizeof(number), "%lld", (long long)n);
    *record = witness_text(key, number, (int)(n % 3));
}

/* 0 … count-1 over three partitions, each with a key of that size. */
static const char *many_numbers(int64_t count, size_t key_size)
{
    const char *topic = witness_new_topic(witness, 3, NULL);
    char *key = calloc(key_size + 1, 1);
    assert_non_null(key);
    memset(key, 'k', key_size);
    witness_write_many(witness, topic, count, fill_number, key_size ? key : NULL);
    free(key);
    return topic;
}

/* A stream that comes back under the same name at once, as one would that is not to wait for
 * its own session to end. */
static struct http *open_static(struct serve *s, const char *topic, const char *group,
                                const char *ack, const char *cursor)
{
    struct http *h = http_start(&(struct http_request){
        .base = s->base,
        .path = STREAM_PATH,
        .body = jsonf("{'config': {'topic': '%s', 'groupId': '%s', 'groupInstanceId': 'one', "
                      "'maxInFlight': 5000, 'startFrom': 'earliest'}, 'ack': '%s'%s%s%s}",
                      topic, group, ack, cursor ? ", 'cursor': '" : "", cursor ? cursor : "",
                      cursor ? "'" : ""),
        .is_alone = true,
        .answer_max = 65536 });
    assert_int_equal(http_status(h, WAIT_MS), 200);
    return h;
}

/* --- Killed servers --- */

static void a_client_that_resumes_with_its_cursor_misses_nothing(void **state)
{
    (void)state;
    const char *topic = many_numbers(RECORDS, 0);
    struct serve *s = serve_kafka(NULL);
    struct tally t;
    tally_init(&t, RECORDS);
    char *cursor = NULL;
    unsigned seed = 42;
    for (int i = 0; i < KILLS; i++) {
        struct http *h = open_static(s, topic, "resumes", "written", cursor);
        stream_tally(h, &t, rand_r(&seed) % 4000, &cursor, WAIT_MS);
        pause_ms(rand_r(&seed) % 20);
        serve_kill(s);
        if (rand_r(&seed) % 4 == 0) /* what the socket holds may be read, or be lost */
            stream_tally(h, &t, RECORDS, &cursor, WAIT_MS);
        http_free(h);
        serve_restart(s);
    }
    struct http *h = open_static(s, topic, "resumes", "written", cursor);
    stream_tally(h, &t, RECORDS - t.different, &cursor, WAIT_MS);
    print_message("%d kills: %lld records, %lld lost, %lld twice\n", KILLS,
                  (long long)t.different, (long long)(RECORDS - t.different),
                  (long long)t.again);
    assert_int_equal(t.different, RECORDS);
    assert_int_equal(t.again, 0);
    http_free(h);
    free(cursor);
    tally_deinit(&t);
}

static void a_client_that_commits_misses_nothing(void **state)
{
    (void)state;
    const char *topic = many_numbers(COMMITTED, 0);
    struct serve *s = serve_kafka(NULL);
    struct tally t;
    tally_init(&t, COMMITTED);
    unsigned seed = 43;
    int committed = 0;
    for (int i = 0; i <= KILLS || t.different < COMMITTED; i++) {
        struct http *h = open_static(s, topic, "commits", "client", NULL);
        char *cursor = NULL;
        int64_t taken, uncommitted = 0;
        do {
            int64_t wanted = 1 + rand_r(&seed) % 400;
            int64_t left = COMMITTED - t.different;
            taken = stream_tally(h, &t, left < wanted ? left : wanted, &cursor, WAIT_MS);
            uncommitted += taken;
            if (cursor && rand_r(&seed) % 3) {
                committed += stream_commit(s, cursor)->status == 200;
                uncommitted = 0;
            }
        } while (taken > 0 && t.different < COMMITTED && uncommitted < 4000 &&
                 rand_r(&seed) % 5);
        free(cursor);
        if (i < KILLS) {
            serve_kill(s);
            serve_restart(s);
        }
        http_free(h);
    }
    print_message("%d kills, %d commits: %lld records, %lld twice\n", KILLS, committed,
                  (long long)t.different, (long long)t.again);
    assert_int_equal(t.different, COMMITTED);
    tally_deinit(&t);
}

/* --- Slow readers --- */

static long rss_kb(const struct serve *s)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(s->process));
    char *text = read_text_file(path);
    char *at = strstr(text, "VmRSS:");
    long kb = at ? strtol(at + 6, NULL, 10) : -1;
    free(text);
    return kb;
}

/* Its session would end after six seconds. */
static void a_reader_that_sleeps_keeps_its_partitions_and_loses_nothing(void **state)
{
    (void)state;
    enum {
        COUNT = 120000
    };
    const char *topic = many_numbers(COUNT, 1000);
    struct serve *s = serve_kafka(NULL);
    struct http *h = http_start(&(struct http_request){
        .base = s->base,
        .path = STREAM_PATH,
        .body = jsonf("{'config': {'topic': '%s', 'groupId': 'sleeper', 'startFrom': "
                      "'earliest', 'sessionTimeoutMs': 6000, 'maxInFlight': 100000}}",
                      topic),
        .is_alone = true,
        .answer_max = 65536 });
    assert_int_equal(http_status(h, WAIT_MS), 200);
    struct tally t;
    tally_init(&t, COUNT);
    assert_int_equal(stream_tally(h, &t, 10, NULL, WAIT_MS), 10);
    long before = rss_kb(s);
    pause_ms(15000);
    print_message("it slept; the server holds %ld KB, before %ld KB\n", rss_kb(s), before);
    assert_in_range(rss_kb(s), 1, 100000);
    assert_null(strstr(serve_log(s), "partitions_revoked"));
    assert_null(strstr(serve_log(s), "partitions_lost"));
    assert_int_equal(stream_tally(h, &t, COUNT - 10, NULL, WAIT_MS), COUNT - 10);
    assert_int_equal(t.different, COUNT);
    assert_int_equal(t.again, 0);
    assert_null(strstr(serve_log(s), "partitions_revoked"));
    tally_deinit(&t);
}

static void what_a_slow_reader_did_not_take_is_not_committed(void **state)
{
    (void)state;
    enum {
        COUNT = 30000
    };
    const char *topic = many_numbers(COUNT, 1000);
    struct serve *s = serve_kafka(NULL);
    struct http *h = http_start(&(struct http_request){
        .base = s->base,
        .path = STREAM_PATH,
        .body = jsonf("{'config': {'topic': '%s', 'groupId': 'leaver', 'startFrom': "
                      "'earliest'}}",
                      topic),
        .is_alone = true,
        .answer_max = 65536 });
    assert_int_equal(http_status(h, WAIT_MS), 200);
    struct tally t;
    tally_init(&t, COUNT);
    char *cursor = NULL;
    assert_int_equal(stream_tally(h, &t, 100, &cursor, WAIT_MS), 100);
    pause_ms(1000);
    http_free(h);
    serve_expect_log(s, "stream_ended", WAIT_MS);
    int64_t committed = 0;
    for (int i = 0; i < 3; i++) {
        int64_t offset = witness_committed(witness, "leaver", topic, i);
        committed += offset > 0 ? offset : 0;
    }
    print_message("%lld committed, 100 read\n", (long long)committed);
    assert_in_range(committed, 0, COUNT - 10000); /* the rest never left for the socket */

    h = stream_open(s, NULL,
                    jsonf("{'config': {'topic': '%s', 'groupId': 'leaver'}, 'cursor': '%s'}",
                          topic, cursor));
    assert_int_equal(stream_tally(h, &t, COUNT - 100, NULL, WAIT_MS), COUNT - 100);
    assert_int_equal(t.again, 0);
    free(cursor);
    tally_deinit(&t);
}

/* --- Members that come and go --- */

/* Three streams of two servers share the partitions; the first stays, the others come, read a
 * little, and go. */
static void partitions_go_from_stream_to_stream_without_loss(void **state)
{
    (void)state;
    enum {
        COUNT = 30000,
        ROUNDS = 4
    };
    const char *topic = many_numbers(COUNT / 2, 0);
    struct serve *servers[] = { serve_kafka(NULL), serve_kafka(NULL) };
    struct tally t;
    tally_init(&t, COUNT);
    const char *body = jsonf(
        "{'config': {'topic': '%s', 'groupId': 'crowd', 'startFrom': 'earliest'}}", topic);
    char kept[400];
    snprintf(kept, sizeof(kept), "%s", body);
    struct http *stays = stream_open(servers[0], NULL, kept);
    stream_tally(stays, &t, 1000, NULL, WAIT_MS);
    for (int i = 0; i < ROUNDS; i++) {
        struct http *guest = stream_open(servers[i % 2], NULL, kept);
        int64_t began = now_ms(), written = COUNT / 2 + i * (COUNT / 2 / ROUNDS);
        while (now_ms() - began < 2000 || t.different < written) {
            assert_true(now_ms() - began < 4 * WAIT_MS);
            const char *line;
            struct http *both[] = { stays, guest };
            for (int k = 0; k < 2; k++) {
                while ((line = http_line_if_any(both[k], 20)) != NULL) {
                    if (!*line)
                        continue;
                    json_t *event = event_parse(line);
                    assert_event_str(event, "event", "data");
                    tally_add(&t, strtoll(event_str(event, "body.value"), NULL, 10));
                    json_decref(event);
                }
            }
        }
        http_free(guest); /* all that it was sent for the first time, it has read */
        witness_write_numbers(witness, topic, 3, COUNT / 2 + i * (COUNT / 2 / ROUNDS),
                              COUNT / 2 / ROUNDS);
    }
    while (t.different < COUNT)
        assert_true(stream_tally(stays, &t, COUNT - t.different, NULL, WAIT_MS) > 0);
    print_message("%d guests: %lld records, %lld twice\n", ROUNDS, (long long)t.different,
                  (long long)t.again);
    tally_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_client_that_resumes_with_its_cursor_misses_nothing),
        live_test(a_client_that_commits_misses_nothing),
        live_test(a_reader_that_sleeps_keeps_its_partitions_and_loses_nothing),
        live_test(what_a_slow_reader_did_not_take_is_not_committed),
        live_test(partitions_go_from_stream_to_stream_without_loss),
    };
    return cmocka_run_group_tests_name("live/http_stream_crash", tests, live_setup,
                                       live_teardown);
}
