// SPDX-License-Identifier: Apache-2.0
/* test_openapi.c - our OpenAPI document and our metrics, read by others: a validator of
 * OpenAPI, a fuzzer that asks for what the document allows and holds the answers against it,
 * and Prometheus' own reader of its format. */
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS 30000
#define FUZZ_MS 150000

/* What an answer is held against: that its status is named, that it is of the type and the
 * shape named there, with the headers, and that Allow says what is there. */
static const char checks[] =
    "status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,unsupported_method,allow_header_conformance";

static const char *tool(const char *name)
{
    static char paths[4][400];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", need_env("KC_TEST_API_TOOLS"), name);
    return path;
}

static const char *ours(const char *name)
{
    static char path[400];
    snprintf(path, sizeof(path), "%s/%s", need_env("KC_TEST_ROOT"), name);
    return path;
}

static struct serve *start_server(void)
{
    return serve_start(
        NULL, ARGS("--embedded-broker", "--set", "topic=cars", "--set", "timeoutMs=1000"));
}

/* --- OpenAPI --- */

static void the_document_is_valid(void **state)
{
    (void)state;
    struct run run = run_process(
        ARGS(tool("openapi-spec-validator"), "--schema", "3.1", ours("schemas/openapi.json")),
        NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);
}

static void the_server_gives_out_the_document_of_the_root(void **state)
{
    (void)state;
    struct serve *server = start_server();
    json_error_t why;
    json_t *document = json_load_file(ours("schemas/openapi.json"), 0, &why);
    struct http_answer *a = http_get(server->base, "/openapi.json", NULL);
    assert_http(a, 200);
    assert_non_null(document);
    assert_true(json_equal(document, a->json));
    json_decref(document);
}

/* The embedded broker's address, as it was logged: the fuzzer's credentials name it. */
static const char *brokers_of(struct serve *server)
{
    static char text[100];
    const char *at = strstr(serve_log(server), "\"brokers\":\"");
    assert_non_null(at);
    snprintf(text, sizeof(text), "BROKERS=%.*s", (int)strcspn(at + 11, "\""), at + 11);
    return text;
}

static struct run fuzz(struct serve *server, const char *which, const char *path,
                       const char *phases)
{
    char document[200], folder[500];
    snprintf(document, sizeof(document), "%s/openapi.json", server->base);
    snprintf(folder, sizeof(folder), "PYTHONPATH=%s", ours("tests/interop"));
    const struct process_options options = { .env = ARGS("SCHEMATHESIS_HOOKS=openapi_hooks",
                                                         "PYTHONDONTWRITEBYTECODE=1", folder,
                                                         brokers_of(server)) };
    return run_process(ARGS(tool("schemathesis"), "run", document, which, path, "--checks",
                            checks, "--phases", phases, "--max-examples", "5",
                            "--request-timeout", "20", "--continue-on-failure",
                            "--generation-deterministic", "--no-color"),
                       &options, "", FUZZ_MS);
}

/* Requests right and wrong in many ways, at all routes. */
static void no_answer_is_one_that_the_document_does_not_allow(void **state)
{
    (void)state;
    struct serve *server = start_server();
    struct run run =
        fuzz(server, "--exclude-path", "/v1/triggers/consume", "examples,coverage,fuzzing");
    assert_exit(&run, 0);
    run_free(&run);
    assert_http(http_get(server->base, "/healthz", NULL), 200);
    assert_null(strstr(serve_log(server), "\"level\":50"));
}

/* Each of these joins a group, which takes its time: they are fewer. */
static void no_stream_is_one_that_the_document_does_not_allow(void **state)
{
    (void)state;
    struct serve *server = start_server();
    struct run run = fuzz(server, "--include-path", "/v1/triggers/consume", "examples,fuzzing");
    assert_exit(&run, 0);
    run_free(&run);
    assert_http(http_get(server->base, "/healthz", NULL), 200);
}

/* --- metrics --- */

/* Reads what is on stdin as Prometheus does, and prints a line per sample. */
static const char reader[] =
    "import sys\n"
    "from prometheus_client.parser import text_string_to_metric_families as families\n"
    "seen = set()\n"
    "for family in families(sys.stdin.read()):\n"
    "    assert family.documentation and family.type != 'unknown', family\n"
    "    for s in family.samples:\n"
    "        key = (s.name, tuple(sorted(s.labels.items())))\n"
    "        assert key not in seen, f'twice: {key}'\n"
    "        seen.add(key)\n"
    "        print(family.type, s.name, sorted(s.labels.items()), s.value)\n";

static void expect(const char *samples, const char *line)
{
    if (!strstr(samples, line))
        fail_test("there is no '%s' in:\n%s", line, samples);
}

static void prometheus_reads_our_metrics(void **state)
{
    (void)state;
    struct serve *server = start_server();
    assert_http(http_post(server->base, "/v1/actions/produce", NULL,
                          "{\"messages\":[{\"value\":\"red\"},{\"value\":\"blue\"}]}"),
                200);
    assert_problem(http_get(server->base, "/nowhere/\"\\", NULL), 404, "not_found");
    struct http_answer *a = http_get(server->base, "/metrics", NULL);
    assert_http(a, 200);
    assert_header(a, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    struct run run = run_process(ARGS(tool("python"), "-c", reader), NULL, a->body, WAIT_MS);
    assert_exit(&run, 0);
    expect(run.out, "counter kafka_component_records_total [('entry', 'produce')] 2\n");
    expect(run.out, "counter kafka_component_record_bytes_total [('entry', 'produce')] 7\n");
    expect(run.out, "counter kafka_component_http_requests_total [('method', 'POST'), "
                    "('route', '/v1/actions/produce'), ('status', '200')] 1\n");
    expect(run.out, "histogram kafka_component_http_request_duration_seconds_bucket "
                    "[('le', '+Inf'), ('method', 'POST'), ('route', '/v1/actions/produce')] "
                    "1\n");
    expect(run.out, "counter kafka_component_errors_total [('class', 'InputError'), "
                    "('code', 'not_found')] 1\n");
    expect(run.out, "gauge kafka_component_producer_queue_records [('client', '0')] 0\n");
    expect(run.out, "gauge kafka_component_http_connections [] ");
    expect(run.out, "gauge process_resident_memory_bytes [] ");
    run_free(&run);
}

#define api_test(f) cmocka_unit_test_teardown(f, teardown)

static int teardown(void **state)
{
    http_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        api_test(the_document_is_valid),
        api_test(the_server_gives_out_the_document_of_the_root),
        api_test(prometheus_reads_our_metrics),
        api_test(no_answer_is_one_that_the_document_does_not_allow),
        api_test(no_stream_is_one_that_the_document_does_not_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
