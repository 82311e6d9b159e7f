// SPDX-License-Identifier: Apache-2.0
/* test_http_limits.c - how much, how deep, how many, how slow: each limit of `serve`, what
 * crosses it, what just does not, and that the others go on meanwhile. */
#include "support/component.h"
#include "support/fail.h"
#include "support/raw.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PRODUCE      "/v1/actions/produce"
#define BODY_MAX     65536
#define BODY_MAX_ARG "65536"
#define DRAIN_MAX    (1024 * 1024) /* of a refused body, before the connection is cut */
#define LATE_MS      3500          /* a deadline is noticed so late at the latest */

/* A server with these arguments that writes to a topic of its own. */
static struct serve *start(const char *const args[])
{
    char topic[300];
    const char *all[24] = { "--set", topic };
    size_t n = 2;
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    for (; *args; args++) {
        assert_true(n < 23);
        all[n++] = *args;
    }
    return serve_start(ARGS(no_sign_in()), all);
}

static void assert_serves(struct serve *s)
{
    struct http_answer *a = http_post(s->base, PRODUCE, NULL, json("{'value': 'well'}"));
    assert_http(a, 200);
    assert_json(a->json, "errors", "[]");
}

/* A body of exactly this size that writes one record. */
static char *body_of(size_t size)
{
    static const char front[] = "{\"messages\":[{\"value\":\"", back[] = "\"}]}";
    char *body = malloc(size + 1);
    assert_non_null(body);
    memset(body, 'x', size);
    memcpy(body, front, sizeof(front) - 1);
    memcpy(body + size - sizeof(back) + 1, back, sizeof(back));
    return body;
}

static struct http_answer *post_size(struct serve *s, size_t size)
{
    char *body = body_of(size);
    struct http_answer *a = http_post(s->base, PRODUCE, NULL, body);
    free(body);
    return a;
}

#define POST_HEAD                                                                              \
    "POST " PRODUCE " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

/* --- How much --- */

static void a_body_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG));
    assert_http(post_size(s, BODY_MAX), 200);
    for (int i = 0; i < 20; i++) { /* it can always be read, whatever the client still sends */
        struct http_answer *a = post_size(s, BODY_MAX + 1 + (size_t)i * 40000);
        assert_problem(a, 413, "input_too_large");
        assert_non_null(strstr(event_str(a->json, "detail"), "--max-body"));
    }
    assert_serves(s);
}

/* Nobody waits for a body that will not be taken. */
static void a_length_far_beyond_the_limit_is_refused_before_the_body_comes(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG));
    struct raw *r = raw_open(s->base);
    raw_say(r, POST_HEAD "Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n");
    assert_true(raw_is_answered(r, WAIT_MS)); /* the body would be waited for twice as long */
    assert_null(strstr(raw_text(r), "100 Continue"));
    assert_problem(raw_answer(r, WAIT_MS), 413, "input_too_large");
    raw_expect_close(r, WAIT_MS);
    assert_serves(s);
}

static void chunks_beyond_the_limit_are_read_up_to_a_bound_and_answered(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG));
    char *piece = body_of(16000);
    for (int i = 0; i < 10; i++) {
        struct raw *r = raw_open(s->base);
        raw_say(r, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n");
        for (int k = 0; k < 8; k++)
            assert_true(raw_chunk(r, piece));
        assert_true(raw_chunk(r, ""));
        assert_problem(raw_answer(r, WAIT_MS), 413, "input_too_large");
        raw_free(r);
    }
    free(piece);
    assert_serves(s);
}

static void chunks_without_an_end_are_answered_and_cut(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG));
    char *piece = body_of(16000);
    for (int i = 0; i < 10; i++) {
        struct raw *r = raw_open(s->base);
        raw_say(r, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n");
        int sent = 0;
        while (raw_chunk(r, piece)) {
            raw_is_answered(r, 0);
            assert_true(++sent < 64 * DRAIN_MAX / 16000);
        }
        raw_expect_close(r, WAIT_MS);
        struct http_answer *a = raw_answer(r, WAIT_MS);
        assert_problem(a, 413, "input_too_large");
        assert_header(a, "Connection", "close");
        raw_free(r);
    }
    free(piece);
    assert_serves(s);
}

static void all_bodies_together_have_a_bound_too(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG, "--body-timeout-ms", "10000"));
    struct raw *many[20];
    char *body = body_of(60000);
    for (size_t i = 0; i < 20; i++) { /* all but their last bytes */
        many[i] = raw_open(s->base);
        raw_say(many[i], POST_HEAD "Content-Length: 60000\r\n\r\n");
        assert_true(raw_send(many[i], body, 59000, WAIT_MS));
    }
    for (size_t i = 0; i < 20; i++)
        raw_expect_read(many[i], WAIT_MS);
    int busy = 0, well = 0;
    for (size_t i = 0; i < 20; i++) {
        raw_send(many[i], body + 59000, 1000, WAIT_MS);
        struct http_answer *a = raw_answer(many[i], WAIT_MS);
        well += a->status == 200;
        if (a->status == 200)
            continue;
        assert_problem(a, 503, "busy");
        assert_non_null(http_header(a, "Retry-After"));
        busy++;
    }
    assert_true(busy > 0);
    assert_true(well > 0);
    free(body);
    assert_serves(s);
}

/* What libmicrohttpd refuses before our handler has no problem in its body. */
static void headers_beyond_the_limit_are_a_431(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--header-timeout-ms", "3000"));
    char *large = body_of(100000);
    struct raw *r = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Large: %s\r\n\r\n", large);
    assert_http(raw_answer(r, WAIT_MS), 431);
    raw_expect_close(r, WAIT_MS);

    r = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 10000 && raw_say(r, "X-%d: 1\r\n", i); i++)
        ;
    raw_say(r, "\r\n");
    assert_http(raw_answer(r, WAIT_MS), 431);
    raw_expect_close(r, WAIT_MS);
    free(large);

    large = body_of(8000); /* as large as a token in a header may get */
    r = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Large: %s\r\n\r\n", large);
    assert_http(raw_answer(r, WAIT_MS), 200);
    free(large);
    assert_serves(s);
}

static void an_address_beyond_the_limit_is_a_414(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--header-timeout-ms", "3000"));
    static const char *const paths[] = { "/", "/healthz?a=", "/healthz?" };
    static const size_t sizes[] = { 100000, 16200, 6200, 1000 };
    for (size_t i = 0; i < 12; i++) {
        size_t size = sizes[i / 3];
        if (size == 1000 && i % 3 < 2)
            continue;
        char *large = body_of(size);
        memset(large, 'a', size);
        for (size_t k = 2; i % 3 == 2 && k < size; k += 4) /* many parameters */
            memcpy(large + k, "=1&", k + 3 < size ? 3 : size - k);
        struct raw *r = raw_open(s->base);
        raw_say(r, "GET %s%s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i % 3], large);
        assert_http(raw_answer(r, WAIT_MS), 414);
        raw_expect_close(r, WAIT_MS);
        free(large);
    }
    assert_serves(s);
}

static void bodies_of_other_types_are_a_415(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-body", BODY_MAX_ARG));
    const char *body = json("{'messages': [{'value': 'x'}]}");
    assert_problem(http_post(s->base, PRODUCE, ARGS("Content-Encoding: gzip"), body), 415,
                   "media_type");
    assert_problem(http_post(s->base, PRODUCE,
                             ARGS("Content-Type: multipart/form-data; boundary=x"), body),
                   415, "media_type");
    assert_serves(s);
}

/* --- How deep --- */

static void nesting_has_a_bound(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--log-level", "info"));
    char deep[4000], *open = body_of(1000000);
    static const struct {
        int levels, status;
    } cases[] = { { 100, 200 }, { 600, 400 } };
    for (size_t i = 0; i < 2; i++) {
        int n = cases[i].levels;
        memset(open, '[', (size_t)n);
        memset(open + n, ']', (size_t)n);
        snprintf(deep, sizeof(deep), "{\"messages\":[{\"value\":%.*s}]}", 2 * n, open);
        assert_http(http_post(s->base, PRODUCE, NULL, deep), cases[i].status);
    }
    memset(open, '[', 1000000);
    struct http_answer *a = http_post(s->base, PRODUCE, NULL, open);
    if (a->status != 413)
        assert_problem(a, 400, "bad_request");
    free(open);
    assert_serves(s);
}

static void every_wrong_member_is_named_by_its_pointer(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--log-level", "info"));
    struct http_answer *a =
        http_post(s->base, PRODUCE, NULL,
                  json("{'messages': [{'value': 'x', 'foo': 1}, {'key': {}}, 5]}"));
    assert_problem(a, 422, "input");
    assert_event_str(a->json, "type", "urn:kafka-component:problem:input");
    assert_json(a->json, "retriable", "false");
    assert_event_str(a->json, "errors.0.pointer", "/messages/0/foo");
    assert_event_str(a->json, "errors.1.pointer", "/messages/1/key");
    assert_event_str(a->json, "errors.2.pointer", "/messages/1/value");
    assert_event_str(a->json, "errors.3.pointer", "/messages/2");
    assert_null(event_at(a->json, "errors.4"));
    for (int i = 0; i < 4; i++) {
        char path[32];
        snprintf(path, sizeof(path), "errors.%d.message", i);
        assert_true(strlen(event_str(a->json, path)) > 5);
    }

    a = http_post(s->base, PRODUCE "?timeoutMs=3", NULL,
                  json("{'config': {'compression': 'zap'}, 'messages': [{'value': 1}]}"));
    assert_problem(a, 400, "config");
    assert_problem(http_post(s->base, PRODUCE, NULL, "{\"messages\":"), 400, "bad_request");
    assert_problem(http_post(s->base, PRODUCE, NULL, "\xff\xfe"), 400, "bad_request");
    assert_problem(http_post(s->base, PRODUCE, NULL, ""), 422, "input");
    assert_problem(http_post(s->base, PRODUCE, NULL, json("{'messages': []}")), 422, "input");
    assert_serves(s);
}

static void a_hundred_thousand_faults_are_not_a_hundred_thousand_lines(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--log-level", "info"));
    size_t size = 0;
    char *body = malloc(1 << 20);
    assert_non_null(body);
    size += (size_t)snprintf(body, 1 << 20, "{\"messages\":[1");
    for (int i = 0; i < 100000; i++)
        size += (size_t)snprintf(body + size, (1 << 20) - size, ",{}");
    snprintf(body + size, (1 << 20) - size, "]}");
    struct http_answer *a = http_post(s->base, PRODUCE, NULL, body);
    assert_problem(a, 422, "input");
    assert_true(a->size < 100000);
    free(body);
    assert_serves(s);
}

/* --- How many --- */

static void connections_beyond_the_limit_are_told_to_come_again(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-connections", "8", "--header-timeout-ms", "10000"));
    struct raw *held[8];
    for (size_t i = 0; i < 8; i++) {
        held[i] = raw_open(s->base);
        raw_say(held[i], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_http(raw_answer(held[i], WAIT_MS), 200);
    }
    for (int i = 0; i < 20; i++) {
        struct raw *r = raw_open(s->base);
        raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        struct http_answer *a = raw_answer(r, WAIT_MS);
        assert_problem(a, 503, "busy");
        assert_non_null(http_header(a, "Retry-After"));
        raw_expect_close(r, WAIT_MS);
        raw_free(r);
    }
    raw_free(held[0]);
    int64_t deadline = now_ms() + WAIT_MS;
    for (int status = 0; status != 200;) { /* as soon as one has gone */
        assert_true(now_ms() < deadline);
        struct raw *r = raw_open(s->base);
        raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        status = raw_answer(r, WAIT_MS)->status;
        raw_free(r);
    }
    raw_say(held[1], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_http(raw_answer(held[1], WAIT_MS), 200); /* who was in stays in */
}

static void one_address_does_not_take_all_connections(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-connections-per-address", "4"));
    for (size_t i = 0; i < 4; i++) {
        struct raw *r = raw_open(s->base);
        raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_http(raw_answer(r, WAIT_MS), 200);
    }
    struct raw *r = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_answer *a = raw_answer(r, WAIT_MS);
    assert_problem(a, 429, "too_many");
    assert_non_null(http_header(a, "Retry-After"));
    raw_expect_close(r, WAIT_MS);

    r = raw_open_from(s->base, "127.0.0.2");
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_http(raw_answer(r, WAIT_MS), 200);
}

static void hundreds_of_connections_too_many_do_no_harm(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--max-connections", "32"));
    for (int round = 0; round < 3; round++) {
        struct raw *many[300];
        for (size_t i = 0; i < 300; i++)
            many[i] = raw_open(s->base);
        for (size_t i = 0; i < 300; i++)
            raw_free(many[i]);
    }
    int64_t deadline = now_ms() + WAIT_MS;
    for (bool is_well = false; !is_well;) {
        assert_true(now_ms() < deadline);
        struct http_request request = { .base = s->base, .path = "/healthz", .is_alone = true };
        struct http_answer *a = http_finish_if_any(http_start(&request), WAIT_MS);
        is_well = a && a->status == 200;
    }
    assert_serves(s);
}

/* --- How slow --- */

/* It ends at its deadline and not much later, though a byte came every so often. */
static void assert_cut_after(int64_t began_ms, int deadline_ms)
{
    int64_t ms = now_ms() - began_ms;
    if (ms < deadline_ms - 10 || ms > deadline_ms + LATE_MS)
        fail_test("cut after %lld ms, not after %d", (long long)ms, deadline_ms);
}

static void headers_have_a_deadline_as_a_whole(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--header-timeout-ms", "1500"));
    int64_t began = now_ms();
    struct raw *r = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    raw_drip(r, "a", 50, WAIT_MS);
    assert_cut_after(began, 1500);
    assert_true(raw_is_closed(r, WAIT_MS));

    began = now_ms();
    r = raw_open(s->base); /* one that says nothing at all */
    raw_expect_close(r, WAIT_MS);
    assert_cut_after(began, 1500);
    assert_serves(s);
}

static void a_body_has_a_deadline_as_a_whole(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--body-timeout-ms", "1500"));
    static const char *const lengths[] = { "Content-Length: 10000\r\n\r\n",
                                           "Transfer-Encoding: chunked\r\n\r\n2710\r\n" };
    for (size_t i = 0; i < 2; i++) {
        int64_t began = now_ms();
        struct raw *r = raw_open(s->base);
        raw_say(r, POST_HEAD "%s", lengths[i]);
        raw_drip(r, " ", 50, WAIT_MS);
        assert_cut_after(began, 1500);
        assert_true(raw_is_closed(r, WAIT_MS));
    }
    assert_serves(s);
}

static void a_body_that_comes_steadily_is_waited_for(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--body-timeout-ms", "4000"));
    char *body = body_of(10240);
    struct raw *r = raw_open(s->base);
    raw_say(r, POST_HEAD "Content-Length: 10240\r\n\r\n");
    for (size_t sent = 0; sent < 10240; sent += 1024) { /* 2 KiB a second */
        assert_true(raw_send(r, body + sent, 1024, WAIT_MS));
        raw_is_answered(r, 500);
    }
    assert_http(raw_answer(r, WAIT_MS), 200);
    free(body);
}

static void a_connection_without_a_request_is_closed_in_the_end(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--idle-timeout-ms", "8000", "--header-timeout-ms", "500"));
    struct raw *r = raw_open(s->base);
    for (int i = 0; i < 3; i++) { /* each request begins it anew */
        raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_http(raw_answer(r, WAIT_MS), 200);
        assert_false(raw_is_closed(r, 3000));
    }
    assert_true(raw_expect_close(r, WAIT_MS) < 8000 + 500 + LATE_MS);
}

/* As the server counts them, ours to ask it among them. */
static long count_connections(struct serve *s)
{
    static const char name[] = "\nkafka_component_http_connections ";
    struct http_answer *a = http_get(s->base, "/metrics", NULL);
    assert_http(a, 200);
    const char *at = strstr(a->body, name);
    long count = at ? strtol(at + strlen(name), NULL, 10) : -1;
    http_answer_free(a);
    return count;
}

/* Who asks and asks and never reads an answer costs one connection for a while, not more. */
static void a_client_that_takes_no_answer_is_cut(void **state)
{
    (void)state;
    struct serve *s = start(ARGS("--body-timeout-ms", "1500"));
    static const char request[] = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const size_t count = 50000, size = sizeof(request) - 1;
    char *requests = malloc(count * size);
    assert_non_null(requests);
    for (size_t i = 0; i < count; i++)
        memcpy(requests + i * size, request, size);
    struct raw *r = raw_open_slow(s->base);
    raw_stuff(r, requests, count * size, 300);
    free(requests);
    for (int64_t deadline = now_ms() + WAIT_MS; count_connections(s) != 1;) {
        assert_true(now_ms() < deadline);
        usleep(20000);
    }
    raw_expect_close(r, WAIT_MS); /* we see that only when we read on */
    size_t answers = 0;
    for (const char *at = raw_text(r); (at = strstr(at, "HTTP/1.1 404")); at++)
        answers++;
    if (answers == 0 || answers == count)
        fail_test("%zu of %zu requests were answered", answers, count);
    assert_serves(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_body_may_be_as_large_as_the_limit_and_no_larger),
        live_test(a_length_far_beyond_the_limit_is_refused_before_the_body_comes),
        live_test(chunks_beyond_the_limit_are_read_up_to_a_bound_and_answered),
        live_test(chunks_without_an_end_are_answered_and_cut),
        live_test(all_bodies_together_have_a_bound_too),
        live_test(headers_beyond_the_limit_are_a_431),
        live_test(an_address_beyond_the_limit_is_a_414),
        live_test(bodies_of_other_types_are_a_415),
        live_test(nesting_has_a_bound),
        live_test(every_wrong_member_is_named_by_its_pointer),
        live_test(a_hundred_thousand_faults_are_not_a_hundred_thousand_lines),
        live_test(connections_beyond_the_limit_are_told_to_come_again),
        live_test(one_address_does_not_take_all_connections),
        live_test(hundreds_of_connections_too_many_do_no_harm),
        live_test(headers_have_a_deadline_as_a_whole),
        live_test(a_body_has_a_deadline_as_a_whole),
        live_test(a_body_that_comes_steadily_is_waited_for),
        live_test(a_connection_without_a_request_is_closed_in_the_end),
        live_test(a_client_that_takes_no_answer_is_cut),
    };
    return cmocka_run_group_tests(tests, live_setup, live_teardown);
}
