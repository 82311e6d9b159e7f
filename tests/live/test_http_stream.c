// SPDX-License-Identifier: Apache-2.0
/* test_http_stream.c - consuming as a stream on Apache Kafka: what comes, where it goes on,
 * what counts as read, and how it ends. */
#include "support/component.h"
#include "support/fail.h"
#include "support/reader.h"
#include "support/slow.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FROM_START "'startFrom': 'earliest'"

/* A topic with the numbers 0 … count-1 in turn over its partitions. */
static const char *numbers(int partitions, int count)
{
    const char *topic = witness_new_topic(witness, partitions, NULL);
    witness_write_numbers(witness, topic, partitions, 0, count);
    return topic;
}

static struct http *open_group(const struct serve *s, const char *topic, const char *group,
                               const char *more)
{
    return stream_open(s, NULL,
                       jsonf("{'config': {'topic': '%s', 'groupId': '%s', " FROM_START "}%s%s}",
                             topic, group, more ? ", " : "", more ? more : ""));
}

/* Those that were hung up on have left their groups: until then a stream to the end may get a
 * part of the partitions, and be at the end of these. */
static void expect_no_streams(struct serve *s)
{
    serve_expect_metric(s, "kafka_component_streams 0\n", WAIT_MS);
}

/* --- What comes --- */

static void records_come_as_events_a_line_each(void **state)
{
    (void)state;
    const char *topic = numbers(1, 2);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "lines", NULL);
    assert_non_null(strstr(http_head_text(h), "application/x-ndjson"));
    json_t *event = stream_next(h, WAIT_MS);
    assert_event_str(event, "event", "data");
    assert_event_str(event, "body.value", "0");
    assert_event_str(event, "body.topic", topic);
    assert_int_equal(event_int(event, "body.offset"), 0);
    assert_true(strlen(event_str(event, "id")) > 0);
    assert_true(strlen(event_str(event, "cursor")) > 0);
    json_decref(event);
    free(stream_expect(h, "1", WAIT_MS));
    witness_write_numbers(witness, topic, 1, 2, 1); /* and the one to come */
    free(stream_expect(h, "2", WAIT_MS));
    http_free(h);
    serve_stop(s, 0, WAIT_MS);
}

static void a_batch_comes_as_one_event(void **state)
{
    (void)state;
    const char *topic = numbers(1, 10);
    struct serve *s = serve_kafka(NULL);
    struct http *h =
        stream_open(s, NULL,
                    jsonf("{'config': {'topic': '%s', 'groupId': 'batches', " FROM_START
                          ", 'batchSize': 10}, 'count': 10}",
                          topic));
    json_t *event = stream_next(h, WAIT_MS);
    assert_int_equal(json_array_size(event_at(event, "body.messages")), 10);
    json_decref(event);
    event = stream_next(h, WAIT_MS);
    assert_event_str(event, "event", "end");
    json_decref(event);
    assert_true(witness_wait_committed(witness, "batches", topic, 0, 10, WAIT_MS));
}

static void who_prefers_event_streams_gets_server_sent_events(void **state)
{
    (void)state;
    const char *topic = numbers(1, 3);
    struct serve *s = serve_kafka(NULL);
    char path[300];
    snprintf(path, sizeof(path),
             STREAM_PATH "?topic=%s&groupId=sse&startFrom=earliest&until=end", topic);
    struct http *h = http_start(&(struct http_request){
        .base = s->base, .path = path, .headers = ARGS("Accept: text/event-stream") });
    assert_int_equal(http_status(h, WAIT_MS), 200);
    assert_non_null(strstr(http_head_text(h), "text/event-stream"));
    struct http_sse sse;
    for (int i = 0; i < 3; i++) {
        assert_true(http_sse(h, &sse, WAIT_MS));
        assert_string_equal(sse.event, "data");
        json_t *event = event_parse(sse.data);
        assert_event_str(event, "cursor", sse.id);
        assert_int_equal(event_int(event, "body.offset"), i);
        json_decref(event);
    }
    assert_true(http_sse(h, &sse, WAIT_MS));
    assert_string_equal(sse.event, "end");
    assert_false(http_sse(h, &sse, WAIT_MS));
    assert_true(witness_wait_committed(witness, "sse", topic, 0, 3, WAIT_MS));
}

static void the_form_is_what_the_client_likes_best(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *form;
    } cases[] = {
        { "Accept: */*", "application/x-ndjson" },
        { "Accept: application/x-ndjson, text/event-stream", "application/x-ndjson" },
        { "Accept: text/event-stream;q=0.9, application/x-ndjson;q=0.5", "text/event-stream" },
        { "Accept: text/event-stream; Q=0, */*", "application/x-ndjson" },
        { "Accept: text/event-stream;q=0.000", "application/x-ndjson" },
        { "Accept: application/x-ndjson;q=0, text/event-stream;q=0.001", "text/event-stream" },
    };
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[300];
        snprintf(path, sizeof(path),
                 STREAM_PATH "?topic=%s&groupId=form-%zu&startFrom=earliest&until=end", topic,
                 i);
        struct http *h = http_start(&(struct http_request){
            .base = s->base, .path = path, .headers = ARGS(cases[i].accept) });
        assert_int_equal(http_status(h, WAIT_MS), 200);
        if (!strstr(http_head_text(h), cases[i].form))
            fail_msg("%s: %s", cases[i].accept, http_head_text(h));
        http_free(h);
    }
}

static void a_count_ends_it_with_exactly_so_many_committed(void **state)
{
    (void)state;
    const char *topic = numbers(3, 300);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "counted", "'count': 100");
    struct tally t;
    tally_init(&t, 300);
    assert_int_equal(stream_tally(h, &t, 300, NULL, WAIT_MS), 100);
    assert_true(http_is_over(h));
    int64_t committed = 0;
    for (int i = 0; i < 3; i++) {
        int64_t offset = witness_committed(witness, "counted", topic, i);
        committed += offset > 0 ? offset : 0;
    }
    assert_int_equal(committed, 100);
    tally_deinit(&t);
}

static void heartbeats_come_while_there_is_nothing_to_say(void **state)
{
    (void)state;
    const char *topic = numbers(1, 0);
    struct serve *s = serve_kafka(NULL);
    int64_t began = now_ms();
    struct http *h = open_group(s, topic, "beats", "'heartbeatMs': 1000");
    for (int i = 0; i < 3; i++)
        assert_string_equal(http_line(h, WAIT_MS), "");
    assert_in_range(now_ms() - began, 2990, 12000); /* the usual beat is 15 s */
    http_free(h);
    began = now_ms();
    h = stream_open(s, ARGS("Accept: text/event-stream", "Content-Type: application/json"),
                    jsonf("{'config': {'topic': '%s', 'groupId': 'sse-beats'}, "
                          "'heartbeatMs': 1000}",
                          topic));
    struct http_sse sse;
    while (http_sse_comments(h) < 3 && now_ms() - began < 12000)
        assert_false(http_sse_if_any(h, &sse, 100));
    assert_in_range(now_ms() - began, 2990, 12000);
}

/* --- What is wrong is said before it begins --- */

static void wrong_settings_are_answered_with_pointers(void **state)
{
    (void)state;
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a =
        http_post(s->base, STREAM_PATH, NULL,
                  json("{'config': {'topic': 'a b', 'startFrom': 'soon', 'maxInFlight': 0}}"));
    assert_problem(a, 400, "config");
    a = http_post(s->base, STREAM_PATH, NULL,
                  json("{'config': {'topic': 'a b', 'startFrom': 'soon'}}"));
    assert_problem(a, 400, "config");
    assert_string_equal(event_str(a->json, "errors.0.pointer"), "/config/groupId");
    assert_string_equal(event_str(a->json, "errors.1.pointer"), "/config/topic");
    assert_string_equal(event_str(a->json, "errors.2.pointer"), "/config/startFrom");
    a = http_post(s->base, STREAM_PATH, NULL,
                  json("{'config': {'topic': 't', 'groupId': 'g'}, 'ack': 'never', "
                       "'until': 'noon', 'heartbeatMs': 5, 'count': 0}"));
    assert_problem(a, 400, "config");
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 4);
    a = http_post(s->base, STREAM_PATH "?foo=1&count=0", NULL,
                  json("{'config': {'groupId': 'g', 'startFrom': 'soon'}, 'ack': 'y', "
                       "'cursor': 7}"));
    assert_problem(a, 400, "config");
    assert_int_equal(json_array_size(event_at(a->json, "errors")), 6);
    assert_non_null(strstr(a->body, "'foo'"));
    assert_non_null(strstr(a->body, "'count'"));
    assert_non_null(strstr(a->body, "\"/ack\""));
    assert_non_null(strstr(a->body, "\"/cursor\""));
    assert_non_null(strstr(a->body, "\"/config/topic\""));
    assert_non_null(strstr(a->body, "\"/config/startFrom\""));
    a = http_post(s->base, STREAM_PATH, NULL,
                  json("{'config': {'topic': 't', 'groupId': 'g'}, 'acks': 'client'}"));
    assert_problem(a, 400, "config");
    assert_non_null(strstr(a->body, "did you mean 'ack'?"));
}

static void head_is_what_the_stream_would_be(void **state)
{
    (void)state;
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a = http_head(s->base, STREAM_PATH "?topic=cars&groupId=g", NULL);
    assert_http(a, 200);
    assert_header(a, "Content-Type", "application/x-ndjson");
    assert_null(http_header(a, "Content-Length"));
    a = http_head(s->base, STREAM_PATH "?topic=cars&groupId=g",
                  ARGS("Accept: text/event-stream"));
    assert_header(a, "Content-Type", "text/event-stream");
    assert_http(http_head(s->base, STREAM_PATH "?topic=cars&count=0", NULL), 400);
    serve_expect_metric(s, "kafka_component_streams 0\n", WAIT_MS);
}

static void a_missing_topic_is_a_404(void **state)
{
    (void)state;
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a =
        http_post(s->base, STREAM_PATH, NULL,
                  json("{'config': {'topic': 'no-such-topic', 'groupId': 'g'}}"));
    assert_problem(a, 404, "topic_missing");
}

static void cursors_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1), *other = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "cursors", NULL);
    char *cursor = stream_expect(h, "0", WAIT_MS);
    http_free(h);
    struct http_answer *poll = http_post(
        s->base, POLL_PATH, NULL, jsonf("{'config': {'topic': '%s', " FROM_START "}}", topic));
    assert_http(poll, 200);

    const struct {
        const char *topic, *group, *cursor;
        int cut;
    } cases[] = {
        { topic, "cursors", "nonsense", 0 },
        { topic, "cursors", "", 0 },
        { topic, "cursors", cursor, 1 },
        { topic, "cursors", cursor, 7 },
        { other, "cursors", cursor, 0 },
        { topic, "others", cursor, 0 },
        { topic, "cursors", event_str(poll->json, "cursor"), 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int size = (int)strlen(cases[i].cursor) - cases[i].cut;
        struct http_answer *a =
            http_post(s->base, STREAM_PATH, NULL,
                      jsonf("{'config': {'topic': '%s', 'groupId': '%s'}, 'cursor': '%.*s'}",
                            cases[i].topic, cases[i].group, size, cases[i].cursor));
        assert_problem(a, 400, "bad_cursor");
        a = stream_commit(s, jsonf("%.*sx", size, cases[i].cursor));
        assert_problem(a, 400, "bad_cursor");
    }
    struct http_answer *a = http_post(s->base, COMMIT_PATH, NULL, "{}");
    assert_problem(a, 400, "config");
    free(cursor);
}

static void no_more_streams_than_a_server_bears(void **state)
{
    (void)state;
    const char *topic = numbers(1, 0);
    struct serve *s = serve_kafka(NULL);
    struct http *open[100];
    for (int i = 0; i < 100; i++)
        open[i] = http_start(&(struct http_request){
            .base = s->base,
            .path = STREAM_PATH,
            .body = jsonf("{'config': {'topic': '%s', 'groupId': 'crowd-%d'}}", topic, i) });
    for (int i = 0; i < 100; i++)
        assert_int_equal(http_status(open[i], 4 * WAIT_MS), 200);
    const char *body = jsonf("{'config': {'topic': '%s', 'groupId': 'one-more'}}", topic);
    struct http_answer *a = http_post(s->base, STREAM_PATH, NULL, body);
    assert_problem(a, 429, "too_many");
    assert_header(a, "Retry-After", "1");
    http_free(open[0]);
    for (int64_t by = now_ms() + WAIT_MS; now_ms() < by && a->status != 200;) {
        struct http *h = http_start(
            &(struct http_request){ .base = s->base, .path = STREAM_PATH, .body = body });
        a->status = http_status(h, WAIT_MS);
        http_free(h);
    }
    assert_int_equal(a->status, 200);
    serve_stop(s, 0, WAIT_MS);
}

/* --- Where it goes on --- */

static void a_client_that_comes_back_goes_on_after_its_last_event(void **state)
{
    (void)state;
    const char *topic = numbers(1, 10);
    struct serve *s = serve_kafka(NULL);
    const char *body =
        jsonf("{'config': {'topic': '%s', 'groupId': 'back', " FROM_START "}}", topic);
    struct http *h = stream_open(s, NULL, body);
    char *second = NULL, *cursor = NULL;
    for (int i = 0; i < 5; i++) {
        free(cursor);
        cursor = stream_expect(h, jsonf("%d", i), WAIT_MS);
        if (i == 1)
            second = strdup(cursor);
    }
    assert_true(witness_wait_committed(witness, "back", topic, 0, 10, WAIT_MS));
    http_free(h); /* the socket took all ten */

    char header[600];
    snprintf(header, sizeof(header), "Last-Event-ID: %s", cursor);
    h = stream_open(s, ARGS(header), body);
    for (int i = 5; i < 10; i++)
        free(stream_expect(h, jsonf("%d", i), WAIT_MS));
    http_free(h);

    /* in the body too; the header counts where there are both */
    body =
        jsonf("{'config': {'topic': '%s', 'groupId': 'back'}, 'cursor': '%s'}", topic, second);
    h = stream_open(s, ARGS(header), body);
    free(stream_expect(h, "5", WAIT_MS));
    http_free(h);
    h = stream_open(s, NULL, body);
    free(stream_expect(h, "2", WAIT_MS));
    http_free(h);
    free(second);
    free(cursor);
}

static void a_client_without_a_cursor_goes_on_where_the_group_stands(void **state)
{
    (void)state;
    const char *topic = numbers(1, 3);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "standing", "'until': 'end'");
    struct tally t;
    tally_init(&t, 4);
    assert_int_equal(stream_tally(h, &t, 9, NULL, WAIT_MS), 3);
    witness_write_numbers(witness, topic, 1, 3, 1);
    h = open_group(s, topic, "standing", NULL);
    free(stream_expect(h, "3", WAIT_MS));
    tally_deinit(&t);
}

/* What a stream had of partitions that went to another member is that member's business: a
 * cursor from after that does not name them. */
static void a_cursor_forgets_partitions_that_went_to_others(void **state)
{
    (void)state;
    const char *topic = numbers(2, 20);
    struct serve *s = serve_kafka(NULL);
    struct http *a = open_group(s, topic, "shared", NULL);
    struct tally t;
    tally_init(&t, 60);
    char *before = NULL, *after = NULL, *others = NULL;
    assert_int_equal(stream_tally(a, &t, 20, &before, WAIT_MS), 20);
    struct http *b = open_group(s, topic, "shared", NULL);
    serve_expect_log(s, "partitions_revoked", WAIT_MS);
    witness_write_numbers(witness, topic, 2, 20, 20);
    assert_int_equal(stream_tally(a, &t, 10, &after, WAIT_MS), 10);
    assert_int_equal(stream_tally(b, &t, 10, &others, WAIT_MS), 10);
    assert_int_equal(t.different, 40);
    assert_int_equal(t.again, 0);
    for (int i = 0; i < 2; i++) /* all that was read counts as read */
        assert_true(witness_wait_committed(witness, "shared", topic, i, 20, WAIT_MS));
    assert_true(strlen(after) < strlen(before) + 4);
    http_free(a); /* b takes over, and gets what comes to both partitions */
    witness_write_numbers(witness, topic, 2, 40, 20);
    assert_int_equal(stream_tally(b, &t, 20, &others, WAIT_MS), 20);
    assert_int_equal(t.again, 0);
    http_free(b);
    expect_no_streams(s);

    /* who comes back with `after` reads again what came to its own partition since, and nothing
     * of the other one */
    const char *body = jsonf("{'config': {'topic': '%s', 'groupId': 'shared'}, 'cursor': '%s', "
                             "'until': 'end'}",
                             topic, after);
    a = stream_open(s, NULL, body);
    assert_int_equal(stream_tally(a, &t, 100, NULL, WAIT_MS), 10);
    assert_int_equal(t.again, 10);
    free(before);
    free(after);
    free(others);
    tally_deinit(&t);
}

/* --- What counts as read --- */

static void only_what_was_committed_does_not_come_again(void **state)
{
    (void)state;
    const char *topic = numbers(3, 90);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "by-client", "'ack': 'client'");
    struct tally committed, rest;
    tally_init(&committed, 90);
    tally_init(&rest, 90);
    char *cursor = NULL;
    assert_int_equal(stream_tally(h, &committed, 40, &cursor, WAIT_MS), 40);
    assert_int_equal(stream_tally(h, &rest, 50, NULL, WAIT_MS), 50);
    struct http_answer *a = stream_commit(s, cursor);
    assert_http(a, 200);
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(event_at(a->json, "offsets")); i++) {
        json_t *one = json_array_get(event_at(a->json, "offsets"), i);
        assert_event_str(one, "topic", topic);
        int64_t offset = event_int(one, "offset");
        assert_int_equal(offset, witness_committed(witness, "by-client", topic,
                                                   (int)event_int(one, "partition")));
        sum += offset;
    }
    assert_int_equal(sum, 40);
    assert_http(stream_commit(s, cursor), 200); /* again is fine */
    http_free(h);
    expect_no_streams(s);

    h = open_group(s, topic, "by-client", "'ack': 'client', 'until': 'end'");
    assert_int_equal(stream_tally(h, &rest, 50, NULL, WAIT_MS), 50);
    assert_int_equal(rest.again, 50);
    http_free(h);
    free(cursor);
    tally_deinit(&committed);
    tally_deinit(&rest);
}

static void what_was_never_committed_comes_again(void **state)
{
    (void)state;
    const char *topic = numbers(1, 5);
    struct serve *s = serve_kafka(NULL);
    for (int round = 0; round < 2; round++) {
        struct http *h = open_group(s, topic, "uncommitted", "'ack': 'client'");
        for (int i = 0; i < 5; i++)
            free(stream_expect(h, jsonf("%d", i), WAIT_MS));
        http_free(h);
    }
}

static void unsettled_messages_hold_the_stream_until_a_commit(void **state)
{
    (void)state;
    const char *topic = numbers(1, 12);
    struct serve *s = serve_kafka(NULL);
    struct http *h = stream_open(s, NULL,
                                 jsonf("{'config': {'topic': '%s', 'groupId': 'window', "
                                       "'maxInFlight': 5, " FROM_START "}, 'ack': 'client'}",
                                       topic));
    char *third = NULL;
    for (int i = 0; i < 5; i++) {
        char *cursor = stream_expect(h, jsonf("%d", i), WAIT_MS);
        if (i == 2)
            third = strdup(cursor);
        free(cursor);
    }
    stream_expect_nothing(h, 1500);
    assert_http(stream_commit(s, third), 200);
    for (int i = 5; i < 8; i++)
        free(stream_expect(h, jsonf("%d", i), WAIT_MS));
    stream_expect_nothing(h, 1000);
    free(third);
}

static void another_server_names_the_one_that_can_commit(void **state)
{
    (void)state;
    const char *topic = numbers(1, 2);
    struct serve *one = serve_kafka(NULL), *two = serve_kafka(NULL);
    struct http *h = open_group(one, topic, "two-servers", "'ack': 'client'");
    char *cursor = stream_expect(h, "0", WAIT_MS);
    struct http_answer *a = stream_commit(two, cursor);
    assert_problem(a, 409, "conflict");
    assert_non_null(strstr(event_str(a->json, "detail"), one->address));
    assert_string_equal(event_str(a->json, "errors.0.server"), one->address);
    static const char *const others[] = { "'groupId': 'zz'", "'topic': 'zz'" };
    for (int i = 0; i < 2; i++) {
        a = http_post(one->base, COMMIT_PATH, NULL,
                      jsonf("{'config': {%s}, 'cursor': '%s'}", others[i], cursor));
        assert_problem(a, 400, "bad_cursor");
    }
    assert_int_equal(witness_committed(witness, "two-servers", topic, 0), -1);
    a = http_post(one->base, COMMIT_PATH, NULL,
                  jsonf("{'config': {'groupId': 'two-servers', 'topic': '%s'}, 'cursor': '%s'}",
                        topic, cursor));
    assert_http(a, 200);

    free(stream_expect(h, "1", WAIT_MS)); /* the other one goes on after it, though */
    http_free(h);
    h = stream_open(two, NULL,
                    jsonf("{'config': {'topic': '%s', 'groupId': 'two-servers'}, 'cursor': "
                          "'%s'}",
                          topic, cursor));
    free(stream_expect(h, "1", WAIT_MS));
    free(cursor);
}

static void a_stream_that_ended_takes_no_commits(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "ended", "'ack': 'client'");
    char *cursor = stream_expect(h, "0", WAIT_MS);
    http_free(h);
    serve_expect_log(s, "stream_ended", WAIT_MS);
    assert_problem(stream_commit(s, cursor), 410, "stream_gone");
    assert_int_equal(witness_committed(witness, "ended", topic, 0), -1);
    free(cursor);
}

static void a_stream_of_other_credentials_takes_no_commits_without_them(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    const char *credentials =
        jsonf("'credentials': {'brokers': '%s', 'mechanism': 'none', 'securityProtocol': "
              "'PLAINTEXT'}",
              kafka->plaintext);
    struct http *h = open_group(s, topic, "own", jsonf("'ack': 'client', %s", credentials));
    char *cursor = stream_expect(h, "0", WAIT_MS);
    assert_problem(stream_commit(s, cursor), 403, "forbidden");
    assert_http(http_post(s->base, COMMIT_PATH, NULL,
                          jsonf("{'cursor': '%s', %s}", cursor, credentials)),
                200);
    free(cursor);
}

/* --- How it ends --- */

static void a_client_that_goes_leaves_its_records_to_the_next(void **state)
{
    (void)state;
    const char *topic = numbers(2, 10);
    struct serve *s = serve_kafka(NULL);
    struct http *first = open_group(s, topic, "heirs", "'ack': 'client'");
    struct tally t;
    tally_init(&t, 10);
    assert_int_equal(stream_tally(first, &t, 10, NULL, WAIT_MS), 10);
    int64_t left = now_ms();
    http_free(first);
    struct http *second = open_group(s, topic, "heirs", "'ack': 'client'");
    assert_int_equal(stream_tally(second, &t, 10, NULL, WAIT_MS), 10);
    print_message("the next one had them after %lld ms\n", (long long)(now_ms() - left));
    assert_in_range(now_ms() - left, 0, 9000); /* no session had to expire: 10 s */
    tally_deinit(&t);
}

static void a_stopping_server_says_the_end_with_everything_committed(void **state)
{
    (void)state;
    const char *topic = numbers(2, 100);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "stopped", NULL);
    struct http *by_client = open_group(s, topic, "stopped-too", "'ack': 'client'");
    struct tally t;
    tally_init(&t, 100);
    assert_int_equal(stream_tally(h, &t, 100, NULL, WAIT_MS), 100);
    assert_int_equal(stream_tally(by_client, &t, 100, NULL, WAIT_MS), 100);
    int64_t asked = now_ms();
    process_signal(s->process, SIGTERM);
    json_t *event = stream_next(h, WAIT_MS);
    assert_event_str(event, "event", "end");
    json_decref(event);
    event = stream_next(by_client, WAIT_MS);
    assert_event_str(event, "error.code", "stopped");
    json_decref(event);
    event = stream_next(by_client, WAIT_MS);
    assert_event_str(event, "event", "end");
    json_decref(event);
    assert_null(stream_next(h, WAIT_MS));
    assert_int_equal(process_wait(s->process, WAIT_MS).exit_code, 0);
    assert_in_range(now_ms() - asked, 0, 7000); /* sooner than a stop gives up */
    assert_int_equal(witness_committed(witness, "stopped", topic, 0), 50);
    assert_int_equal(witness_committed(witness, "stopped", topic, 1), 50);
    assert_int_equal(witness_committed(witness, "stopped-too", topic, 0), -1);
    tally_deinit(&t);
}

static void a_stream_lives_through_a_restart_of_the_broker(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "patient", NULL);
    free(stream_expect(h, "0", WAIT_MS));
    kafka_kill(kafka);
    kafka_restart(kafka);
    witness_write_numbers(witness, topic, 1, 1, 1);
    struct tally t;
    tally_init(&t, 2);
    while (t.different < 1 || !t.seen[1])
        assert_int_equal(stream_tally(h, &t, 1, NULL, WAIT_MS * 2), 1);
    tally_deinit(&t);
    serve_stop(s, 0, WAIT_MS);
}

/* Credentials of a port where nobody listens. */
#define NOBODY                                                                                 \
    "'credentials': {'brokers': '127.0.0.1:1', 'mechanism': 'none', "                          \
    "'securityProtocol': 'PLAINTEXT'}"

#define UNREAD 16

static void fill_100_bytes(struct witness_record *record, int64_t n, void *context)
{
    char *text = context;
    snprintf(text, 101, "%0100lld", (long long)n);
    *record = witness_text(NULL, text, (int)(n % 4));
}

static long resident_kbytes(const struct serve *s)
{
    char path[40], line[200];
    long kbytes = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(s->process));
    FILE *file = fopen(path, "re");
    if (!file)
        fail_test("%s cannot be read", path);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kbytes = strtol(line + 6, NULL, 10);
    }
    fclose(file);
    return kbytes;
}

static void a_stream_that_nobody_reads_takes_little_memory(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 4, NULL);
    char text[101];
    witness_write_many(witness, topic, 60000, fill_100_bytes, text);
    struct serve *s = serve_kafka(NULL);
    struct http *h[UNREAD];
    long before = resident_kbytes(s), now = 0, last = -1;
    for (int i = 0; i < UNREAD; i++) {
        char path[200];
        snprintf(path, sizeof(path), STREAM_PATH "?topic=%s&groupId=%s-%d&startFrom=earliest",
                 topic, topic, i);
        h[i] = http_start(
            &(struct http_request){ .base = s->base, .path = path, .answer_max = 16384 });
    }
    serve_expect_metric(s, "kafka_component_streams 16\n", WAIT_MS);
    int64_t deadline = now_ms() + 60000;
    for (int same = 0; same < 3; last = now) { /* until it does not grow any more */
        assert_true(now_ms() < deadline);
        usleep(1000000);
        now = resident_kbytes(s);
        same = now - before > 500 * UNREAD && now - last < 256 ? same + 1 : 0;
    }
    print_message("%ld kB a stream\n", (now - before) / UNREAD);
    assert_in_range((now - before) / UNREAD, 500, 5500 * SLOW);
    for (int i = 0; i < UNREAD; i++)
        http_free(h[i]);
    serve_stop(s, 0, WAIT_MS);
}

static void a_broker_that_is_down_is_a_503_with_the_cause(void **state)
{
    (void)state;
    struct serve *s = serve_kafka(NULL);
    struct http_answer *a = http_post(
        s->base, STREAM_PATH, NULL,
        json("{'config': {'topic': 'cars', 'groupId': 'g'}, 'heartbeatMs': 1000, " NOBODY "}"));
    assert_problem(a, 503, "unavailable");
    assert_non_null(strstr(a->body, "Connection refused"));
    assert_non_null(http_header(a, "Retry-After"));
    assert_in_range(a->ms, 4000, 14900); /* who comes back within that is waited for */
    serve_stop(s, 0, WAIT_MS);
}

static void a_broker_that_goes_is_told_once_and_read_on_when_it_is_back(void **state)
{
    (void)state;
    const char *topic = numbers(1, 1);
    struct serve *s = serve_kafka(NULL);
    struct http *h = open_group(s, topic, "waiting", "'heartbeatMs': 1000");
    free(stream_expect(h, "0", WAIT_MS));
    kafka_kill(kafka);
    json_t *event = stream_next(h, WAIT_MS * 2);
    assert_event_str(event, "event", "error");
    assert_event_str(event, "error.code", "unavailable");
    json_decref(event);
    stream_expect_nothing(h, 4000);
    kafka_restart(kafka);
    witness_write_numbers(witness, topic, 1, 1, 1);
    struct tally t;
    tally_init(&t, 2);
    while (!t.seen[1])
        assert_int_equal(stream_tally(h, &t, 1, NULL, WAIT_MS * 2), 1);
    tally_deinit(&t);
    http_free(h);
    serve_stop(s, 0, WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(records_come_as_events_a_line_each),
        live_test(a_batch_comes_as_one_event),
        live_test(who_prefers_event_streams_gets_server_sent_events),
        live_test(the_form_is_what_the_client_likes_best),
        live_test(a_count_ends_it_with_exactly_so_many_committed),
        live_test(heartbeats_come_while_there_is_nothing_to_say),
        live_test(wrong_settings_are_answered_with_pointers),
        live_test(head_is_what_the_stream_would_be),
        live_test(a_missing_topic_is_a_404),
        live_test(cursors_that_do_not_fit_are_refused),
        live_test(no_more_streams_than_a_server_bears),
        live_test(a_client_that_comes_back_goes_on_after_its_last_event),
        live_test(a_client_without_a_cursor_goes_on_where_the_group_stands),
        live_test(a_cursor_forgets_partitions_that_went_to_others),
        live_test(only_what_was_committed_does_not_come_again),
        live_test(what_was_never_committed_comes_again),
        live_test(unsettled_messages_hold_the_stream_until_a_commit),
        live_test(another_server_names_the_one_that_can_commit),
        live_test(a_stream_that_ended_takes_no_commits),
        live_test(a_stream_of_other_credentials_takes_no_commits_without_them),
        live_test(a_client_that_goes_leaves_its_records_to_the_next),
        live_test(a_stopping_server_says_the_end_with_everything_committed),
        live_test(a_stream_lives_through_a_restart_of_the_broker),
        live_test(a_stream_that_nobody_reads_takes_little_memory),
        live_test(a_broker_that_is_down_is_a_503_with_the_cause),
        live_test(a_broker_that_goes_is_told_once_and_read_on_when_it_is_back),
    };
    return cmocka_run_group_tests_name("live/http_stream", tests, live_setup, live_teardown);
}
