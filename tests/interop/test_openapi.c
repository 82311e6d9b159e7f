// SPDX-License-Identifier: Apache-2.0
/* test_openapi.c - our OpenAPI document and our metrics, read by others: a validator and
 * a linter of OpenAPI, a fuzzer that asks for what the document allows and holds the answers
 * against it, and Prometheus' own reader of its format. */
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

/* The caller's. */
static json_t *load_document(void)
{
    json_error_t why;
    json_t *document = json_load_file(ours("schemas/openapi.json"), 0, &why);
    if (!document)
        fail_test("schemas/openapi.json: %s (line %d)", why.text, why.line);
    return document;
}

/* Takes the document. */
static struct run lint(json_t *document)
{
    char modules[400];
    snprintf(modules, sizeof(modules), "NODE_PATH=%s", need_env("KC_TEST_NODE_MODULES"));
    char *text = json_dumps(document, 0);
    struct run run =
        run_process(ARGS("node", ours("tests/interop/openapi_lint.js")),
                    &(struct process_options){ .env = ARGS(modules) }, text, WAIT_MS);
    free(text);
    json_decref(document);
    return run;
}

static void a_linter_accepts_the_document(void **state)
{
    (void)state;
    struct run run = lint(load_document());
    assert_exit(&run, 0);
    assert_string_equal(run.out, "");
    run_free(&run);
}

static json_t *at(json_t *document, const char *const keys[])
{
    json_t *found = document;
    for (size_t i = 0; keys[i]; i++)
        found = json_object_get(found, keys[i]);
    if (!found)
        fail_test("the document has no such place");
    return found;
}

#define HEALTHZ "paths", "/healthz", "get"
#define PRODUCE "paths", "/v1/actions/produce", "post"

static void no_operation_id(json_t *document)
{
    json_object_del(at(document, ARGS(HEALTHZ)), "operationId");
}

static void the_same_operation_id_twice(json_t *document)
{
    json_object_set_new(at(document, ARGS(HEALTHZ)), "operationId", json_string("produce"));
}

static void no_4xx_answer(json_t *document)
{
    json_t *responses = at(document, ARGS(HEALTHZ, "responses")), *answer;
    const char *status;
    void *next;
    json_object_foreach_safe(responses, next, status, answer)
    {
        if (status[0] == '4')
            json_object_del(responses, status);
    }
}

static void a_component_that_nobody_uses(json_t *document)
{
    json_object_set_new(at(document, ARGS("components", "schemas")), "Spare",
                        json_pack("{s:s}", "type", "string"));
}

static void a_tag_that_is_not_explained(json_t *document)
{
    json_object_set_new(at(document, ARGS(HEALTHZ)), "tags", json_pack("[s]", "spare"));
}

static void an_example_that_its_schema_refuses(json_t *document)
{
    json_t *content = at(document, ARGS(PRODUCE, "responses", "200", "content"));
    json_object_set_new(at(content, ARGS("application/json", "example")), "messages",
                        json_integer(7));
}

/* It would not accept just anything. */
static void the_linter_finds_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(json_t *document);
        const char *rule;
    } faults[] = {
        { no_operation_id, "operation-operationId at #/paths/~1healthz/get" },
        { the_same_operation_id_twice, "operation-operationId-unique at " },
        { no_4xx_answer, "operation-4xx-response at #/paths/~1healthz/get/responses" },
        { a_component_that_nobody_uses, "no-unused-components at #/components/schemas/Spare" },
        { a_tag_that_is_not_explained, "operation-tag-defined at #/paths/~1healthz/get/tags" },
        { an_example_that_its_schema_refuses, "no-invalid-media-type-examples at #/paths/" },
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        json_t *document = load_document();
        faults[i].spoil(document);
        struct run run = lint(document);
        assert_exit(&run, 1);
        if (!strstr(run.out, faults[i].rule))
            fail_test("there is no '%s' in:\n%s", faults[i].rule, run.out);
        run_free(&run);
    }
}

static void the_server_gives_out_the_document_of_the_root(void **state)
{
    (void)state;
    struct serve *server = start_server();
    json_t *document = load_document();
    struct http_answer *a = http_get(server->base, "/openapi.json", NULL);
    assert_http(a, 200);
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
        api_test(a_linter_accepts_the_document),
        api_test(the_linter_finds_what_is_wrong),
        api_test(the_server_gives_out_the_document_of_the_root),
        api_test(prometheus_reads_our_metrics),
        api_test(no_answer_is_one_that_the_document_does_not_allow),
        api_test(no_stream_is_one_that_the_document_does_not_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
