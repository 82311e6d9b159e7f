// SPDX-License-Identifier: Apache-2.0
/* test_http_door.c - what `serve` refuses before it looks at what a request wants: requests
 * that two readers might read differently, strangers, ways that lead nowhere. */
#include "support/component.h"
#include "support/raw.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct serve *server; /* of all tests that need no other */

static int start_server(void **state)
{
    (void)state;
    server = serve_start(
        NULL, ARGS("--embedded-broker", "--set", "topic=cars", "--header-timeout-ms", "2000"));
    serve_keep(server);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    serve_stop(server, 0, WAIT_MS);
    return 0;
}

static int tidy(void **state)
{
    raw_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

#define door_test(test) cmocka_unit_test_teardown(test, tidy)

/* The server is well and answers others. */
static void assert_serves(struct serve *s)
{
    assert_http(http_get(s->base, "/healthz", NULL), 200);
}

/* What is sent gets one answer, a 400, and the connection is closed: what follows is not taken
 * for a request of its own. */
static void assert_unreadable(const char *what, const char *request)
{
    struct raw *r = raw_open(server->base);
    raw_say(r, "%s", request);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct http_answer *a = raw_answer(r, WAIT_MS);
    if (a->status != 400)
        print_error("%s:\n", what);
    assert_http(a, 400);
    raw_expect_close(r, WAIT_MS);
    if (strstr(raw_text(r),
               "\"ok\"")) /* (libmicrohttpd 0.9.75 sends some of its heads twice) */
        fail_msg("%s: what follows was taken for a request: %.300s", what, raw_text(r));
    raw_free(r);
    assert_serves(server);
}

#define POST_HEAD "POST /v1/actions/produce HTTP/1.1\r\nHost: localhost\r\n"

/* --- One request is one request --- */

static void a_length_and_an_encoding_together_are_refused(void **state)
{
    (void)state;
    assert_unreadable("length first", POST_HEAD "Content-Length: 4\r\n"
                                                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_unreadable("encoding first", POST_HEAD "Transfer-Encoding: chunked\r\n"
                                                  "Content-Length: 4\r\n\r\n0\r\n\r\n");
}

static void two_lengths_are_refused_equal_or_not(void **state)
{
    (void)state;
    assert_unreadable("other", POST_HEAD "Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}");
    assert_unreadable("equal", POST_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}");
    assert_unreadable("a list", POST_HEAD "Content-Length: 2, 2\r\n\r\n{}");
}

static void a_length_that_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const lengths[] = {
        "-2", "+2", "0x2", "2 2", "2;", "two", "2.0", "\"2\""
    };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char request[300];
        snprintf(request, sizeof(request), POST_HEAD "Content-Length: %s\r\n\r\n{}",
                 lengths[i]);
        assert_unreadable(lengths[i], request);
    }
}

/* A number, but of more bytes than anyone has: 400 or 413, and closed. */
static void a_length_beyond_all_numbers_is_refused(void **state)
{
    (void)state;
    static const char *const lengths[] = { "18446744073709551616", "18446744073709551618",
                                           "99999999999999999999999999" };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct raw *r = raw_open(server->base);
        raw_say(r, POST_HEAD "Content-Length: %s\r\n\r\n{}", lengths[i]);
        struct http_answer *a = raw_answer(r, WAIT_MS);
        if (a->status != 413)
            assert_http(a, 400);
        raw_expect_close(r, WAIT_MS);
    }
}

static void other_encodings_than_chunked_are_refused(void **state)
{
    (void)state;
    static const char *const encodings[] = { "gzip, chunked",    "chunked, gzip", "xchunked",
                                             "identity",         "chunked;q=1",   "",
                                             "chunked, chunked", "\"chunked\"" };
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        char request[300];
        snprintf(request, sizeof(request), POST_HEAD "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n",
                 encodings[i]);
        assert_unreadable(encodings[i], request);
    }
    assert_unreadable("two of them", POST_HEAD "Transfer-Encoding: chunked\r\n"
                                               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void broken_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "zz\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}}\r\n0\r\n\r\n", "\r\n{}\r\n0\r\n\r\n",   "10000000000000000\r\n{}\r\n0\r\n\r\n"
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct raw *r = raw_open(server->base);
        raw_say(r,
                POST_HEAD "Content-Type: application/json\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n%s"
                          "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                bodies[i]);
        raw_expect_close(r, WAIT_MS);
        /* libmicrohttpd may hang up on these without an answer; what follows is no request. */
        if (*raw_text(r) && strncmp(raw_text(r), "HTTP/1.1 400", 12) != 0 &&
            strncmp(raw_text(r), "HTTP/1.1 413", 12) != 0)
            fail_msg("'%s': %.300s", bodies[i], raw_text(r));
        if (strstr(raw_text(r), "\"ok\""))
            fail_msg("'%s': what follows was taken for a request", bodies[i]);
        raw_free(r);
    }
    assert_serves(server);
}

static void a_request_without_one_host_is_refused(void **state)
{
    (void)state;
    assert_unreadable("none", "GET /healthz HTTP/1.1\r\n\r\n");
    assert_unreadable("two", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: a\r\n\r\n");
    assert_unreadable("two equal ones", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                        "Host: localhost\r\n\r\n");

    struct raw *r = raw_open(server->base);
    raw_say(r, "GET /healthz HTTP/1.0\r\n\r\n"); /* HTTP/1.0 knew none */
    assert_http(raw_answer(r, WAIT_MS), 200);
    raw_expect_close(r, WAIT_MS);
}

static void a_header_name_with_a_blank_is_no_length(void **state)
{
    (void)state;
    assert_unreadable("before the colon", POST_HEAD "Content-Length : 2\r\n\r\n{}");
    assert_unreadable("a tab", POST_HEAD "Content-Length\t: 2\r\n\r\n{}");
    assert_unreadable("of any header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                       "X Y: 1\r\n\r\n");
}

/* Bytes that are no HTTP are refused or hung up on, and nobody else notices. */
static void what_is_no_http_is_hung_up_on(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } noises[] = {
        { "\r\n\r\nnonsense\r\n\r\n", 16 },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 },
        { "GET /healthz\r\n\r\n", 16 },
        { "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", 42 },
        { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15 },
        { "GET /he\0lthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 43 },
        { "GET /healthz HTTP/1.1\r\nHost: local\0host\r\n\r\n", 44 },
        { ": : :\r\n:\r\n\r\n", 12 },
    };
    for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
        struct raw *r = raw_open(server->base);
        raw_send(r, noises[i].bytes, noises[i].size, WAIT_MS);
        raw_is_answered(r, WAIT_MS);
        if (strstr(raw_text(r), " 200 ") || (!*raw_text(r) && !raw_is_closed(r, 0)))
            fail_msg("number %zu: %.300s", i, raw_text(r));
        raw_free(r);
    }
    assert_serves(server);
}

/* --- Strangers --- */

static struct http_answer *get_as(const char *header)
{
    return http_get(server->base, "/v1/component", ARGS(header));
}

/* A name that leads to a loopback address does not make a stranger's page ours (rebinding). */
static void a_foreign_host_is_refused(void **state)
{
    (void)state;
    static const char *const foreign[] = { "evil.example",           "evil.example:8080",
                                           "localhost.evil.example", "127.0.0.1.evil.com",
                                           "127.0.0.1:80.evil",      "[::1].evil.example",
                                           "evil.example#[::1]",     "localhost@evil.com",
                                           "user@localhost",         "0177.0.0.1.nip.test",
                                           "[::ffff:192.0.2.1]" };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        struct raw *r = raw_open(server->base);
        raw_say(r, "GET /v1/component HTTP/1.1\r\nHost: %s\r\n\r\n", foreign[i]);
        struct http_answer *a = raw_answer(r, WAIT_MS);
        if (a->status != 403 && a->status != 400)
            fail_msg("Host '%s': %.200s", foreign[i], a->head);
        if (a->status == 403)
            assert_problem(a, 403, "foreign");
        raw_free(r);
    }
}

static void its_own_names_are_taken(void **state)
{
    (void)state;
    assert_http(get_as("Host: localhost"), 200);
    assert_http(get_as("Host: LOCALHOST:9999"), 200);
    assert_http(get_as("Host: 127.0.0.1"), 200);
    assert_http(get_as("Host: 127.8.9.1:1"), 200);
    assert_http(get_as("Host: [::1]:8080"), 200);
}

static void a_foreign_origin_is_refused(void **state)
{
    (void)state;
    char own[100], other[100];
    snprintf(own, sizeof(own), "Origin: %s", server->base);
    snprintf(other, sizeof(other), "Origin: %s1", server->base);
    assert_http(get_as(own), 200);
    assert_problem(get_as(other), 403, "foreign");
    assert_problem(get_as("Origin: https://evil.example"), 403, "foreign");
    assert_problem(get_as("Origin: http://localhost.evil.example"), 403, "foreign");
    assert_problem(get_as("Origin: null"), 403, "foreign"); /* a sandboxed frame */
    struct http_answer *a =
        http_post(server->base, "/v1/actions/produce", ARGS("Origin: https://evil.example"),
                  json("{'messages': [{'value': 'x'}]}"));
    assert_problem(a, 403, "foreign");
    assert_null(http_header(a, "Access-Control-Allow-Origin"));
}

/* --- Ways that lead nowhere --- */

static void a_path_that_is_none_is_a_404(void **state)
{
    (void)state;
    static const char *const paths[] = { "/",
                                         "/v1",
                                         "/v1/actions",
                                         "/v1/actions/",
                                         "/v1/actions/consume",
                                         "/v1/actions/produce/",
                                         "/V1/actions/produce",
                                         "/healthz/",
                                         "//healthz",
                                         "/../healthz",
                                         "/v1/../healthz",
                                         "/v1/schemas/",
                                         "/v1/schemas/nothing",
                                         "/v1/schemas/..%2f..%2fetc%2fpasswd",
                                         "/%00" };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct http_answer *a = http_get(server->base, paths[i], NULL);
        if (a->status != 404)
            print_error("%s:\n", paths[i]);
        assert_problem(a, 404, "not_found");
    }
}

static void a_method_that_a_path_does_not_know_is_a_405_that_lists_its_own(void **state)
{
    (void)state;
    static const char *const methods[] = {
        "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct http_request request = { .method = methods[i],
                                        .base = server->base,
                                        .path = "/healthz" };
        struct http_answer *a = http_ask(&request, WAIT_MS);
        assert_problem(a, 405, "method_not_allowed");
        assert_header(a, "Allow", "GET, HEAD");
        request.path = "/v1/actions/produce";
        a = http_ask(&request, WAIT_MS);
        assert_problem(a, 405, "method_not_allowed");
        assert_header(a, "Allow", "POST");
    }
    assert_header(http_get(server->base, "/v1/actions/produce", NULL), "Allow", "POST");
    assert_header(http_post(server->base, "/healthz", NULL, "{}"), "Allow", "GET, HEAD");
}

static void head_is_answered_where_get_is_and_without_a_body(void **state)
{
    (void)state;
    static const char *const paths[] = { "/healthz", "/readyz", "/v1/component",
                                         "/v1/schemas/produce", "/nothing" };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct http_answer *get = http_get(server->base, paths[i], NULL);
        struct raw *r = raw_open(server->base);
        raw_say(r, "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        struct http_answer *head = raw_answer_to_head(r, WAIT_MS);
        assert_http(head, get->status);
        assert_header(head, "Content-Type", http_header(get, "Content-Type"));
        assert_header(head, "Content-Length", http_header(get, "Content-Length"));

        /* Nothing came after the head: the next answer begins at once. */
        raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_http(raw_answer(r, WAIT_MS), 200);
        raw_free(r);
    }
}

/* Whoever speaks to a proxy, and some clients to all, give the whole address. */
static void a_whole_address_leads_to_its_path(void **state)
{
    (void)state;
    static const char *const addresses[] = { "http://localhost/healthz",
                                             "HTTP://localhost:80/healthz?a=b" };
    for (size_t i = 0; i < 2; i++) {
        struct raw *r = raw_open(server->base);
        raw_say(r, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", addresses[i]);
        assert_http(raw_answer(r, WAIT_MS), 200);
        raw_free(r);
    }
}

/* "cars%00evil" is not the topic "cars". */
static void a_nul_ends_nothing(void **state)
{
    (void)state;
    static const char body[] = "{\"value\":1}";
    assert_http(http_get(server->base, "/healthz%00x", NULL), 404);
    struct http_answer *a =
        http_post(server->base, "/v1/actions/produce?topic=%63ars%00%65vil", NULL, body);
    assert_problem(a, 400, "config");
    assert_null(strstr(a->body, "\"baseOffset\""));
    a = http_post(server->base, "/v1/actions/produce?%00a%00%00%62=1", NULL, body);
    assert_problem(a, 400, "config");
    assert_non_null(strstr(a->body, "'%00a%00%00b'"));
    assert_http(http_post(server->base, "/v1/actions/produce?topic=%63ars", NULL, body), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        door_test(a_length_and_an_encoding_together_are_refused),
        door_test(two_lengths_are_refused_equal_or_not),
        door_test(a_length_that_is_no_number_is_refused),
        door_test(a_length_beyond_all_numbers_is_refused),
        door_test(other_encodings_than_chunked_are_refused),
        door_test(broken_chunks_are_refused),
        door_test(a_request_without_one_host_is_refused),
        door_test(a_header_name_with_a_blank_is_no_length),
        door_test(what_is_no_http_is_hung_up_on),
        door_test(a_foreign_host_is_refused),
        door_test(its_own_names_are_taken),
        door_test(a_foreign_origin_is_refused),
        door_test(a_path_that_is_none_is_a_404),
        door_test(a_method_that_a_path_does_not_know_is_a_405_that_lists_its_own),
        door_test(head_is_answered_where_get_is_and_without_a_body),
        door_test(a_whole_address_leads_to_its_path),
        door_test(a_nul_ends_nothing),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
