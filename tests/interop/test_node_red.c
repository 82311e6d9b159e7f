// SPDX-License-Identifier: Apache-2.0
/* test_node_red.c - the flows of examples/node-red run in Node-RED, headless, as they stand:
 * only the names and addresses that a user would change are changed.
 *
 * Node-RED writes what a debug node shows to its stdout, "… [debug:NAME] TEXT". */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SUBSCRIPTIONS "/v1/triggers/consume/subscriptions"

#define START_MS      30000 /* it loads a few hundred files */
#define SECRET        "whsec_c2VjcmV0cyBhcmUgZm9yIHRlc3RzIG9ubHk="

/* --- Flows as files, edited as a user would --- */

static json_t *load(const char *name)
{
    char path[400];
    json_error_t why;
    snprintf(path, sizeof(path), "%s/examples/node-red/%s", need_env("KC_TEST_ROOT"), name);
    json_t *value = json_load_file(path, 0, &why);
    if (!value)
        fail_test("%s: line %d: %s", path, why.line, why.text);
    return value;
}

static json_t *node_of(json_t *flow, const char *id)
{
    size_t i;
    json_t *node;
    json_array_foreach(flow, i, node)
    {
        if (strcmp(event_str(node, "id"), id) == 0)
            return node;
    }
    fail_test("there is no node '%s'", id);
}

/* One of the environment variables of a flow's tab. */
static void set_variable(json_t *flow, const char *tab, const char *name, const char *value)
{
    size_t i;
    json_t *variable;
    json_array_foreach(json_object_get(node_of(flow, tab), "env"), i, variable)
    {
        if (strcmp(event_str(variable, "name"), name) == 0) {
            json_object_set_new(variable, "value", json_string(value));
            return;
        }
    }
    fail_test("'%s' has no variable '%s'", tab, name);
}

static json_t *write_flow(const char *server, const char *topic)
{
    json_t *flow = load("write-to-kafka.json");
    set_variable(flow, "write-to-kafka", "KAFKA_COMPONENT_URL", server);
    set_variable(flow, "write-to-kafka", "TOPIC", topic);
    return flow;
}

/* more: arguments behind those that it has. */
static json_t *stdout_flow(const char *topic, const char *more)
{
    json_t *flow = load("over-stdout.json");
    json_t *run = node_of(flow, "stdout-run");
    const char *args = event_str(run, "append"), *at = strstr(args, "topic=cars");
    char text[500];
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*stopic=%s%s %s", (int)(at - args), args, topic,
             at + strlen("topic=cars"), more);
    json_object_set_new(run, "append", json_string(text));
    json_object_set_new(run, "command", json_string(need_env("KC_TEST_BINARY")));
    return flow;
}

/* --- Node-RED --- */

static char home[] = "/tmp/kc-node-red-XXXXXX"; /* of all of them */

struct node_red {
    char folder[64], base[80];
    int port;
    struct process *process;
};

static void write_file(const struct node_red *n, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", n->folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        fail_test("cannot write %s", path);
}

/* The next line of its stdout that holds this text; what follows the text, a loan. */
static const char *wait_for(struct node_red *n, const char *text, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        int left = (int)(deadline - now_ms());
        const char *line = process_line_if_any(n->process, left > 0 ? left : 0);
        const char *at = line ? strstr(line, text) : NULL;
        if (at)
            return at + strlen(text);
        if (!line)
            fail_msg("Node-RED did not say '%s'; it left:\n%s\n%s", text,
                     process_stdout(n->process), process_stderr(n->process));
    }
}

/* What the next message was that this debug node showed. */
static void expect_debug(struct node_red *n, const char *name, const char *text)
{
    char mark[64];
    snprintf(mark, sizeof(mark), "[debug:%s] ", name);
    assert_string_equal(wait_for(n, mark, 4 * WAIT_MS), text);
}

static void run_node_red(struct node_red *n)
{
    char settings[600], script[400], path[128];
    snprintf(settings, sizeof(settings),
             "module.exports = { uiHost: '127.0.0.1', uiPort: %d, flowFile: 'flows.json',\n"
             "  userDir: '%s', httpAdminRoot: false, disableEditor: true,\n"
             "  credentialSecret: false, telemetry: { enabled: false } };\n",
             n->port, n->folder);
    write_file(n, "settings.js", settings);
    snprintf(path, sizeof(path), "%s/settings.js", n->folder);
    snprintf(script, sizeof(script), "%s/node-red/red.js", need_env("KC_TEST_NODE_MODULES"));
    static const char secret[] = "KAFKA_WEBHOOK_SECRET=" SECRET;
    n->process =
        process_start(ARGS("node", script, "--settings", path),
                      &(struct process_options){
                          .env = ARGS(no_sign_in(), secret, "NODE_RED_HOME", "NODE_OPTIONS",
                                      "http_proxy", "https_proxy", "all_proxy") });
    const char *port = strrchr(wait_for(n, "Server now running at http:", START_MS), ':');
    assert_non_null(port);
    n->port = (int)strtol(port + 1, NULL, 10);
    snprintf(n->base, sizeof(n->base), "http://127.0.0.1:%d", n->port);
    wait_for(n, "Started flows", START_MS);
}

/* Starts it with these flows, which it takes over. */
static struct node_red start_node_red(json_t *const flows[])
{
    static int count;
    struct node_red n = { .port = 0 };
    snprintf(n.folder, sizeof(n.folder), "%s/%d", home, ++count);
    assert_int_equal(mkdir(n.folder, 0700), 0);
    json_t *all = json_array();
    for (; *flows; flows++) {
        json_array_extend(all, *flows);
        json_decref(*flows);
    }
    char *text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    write_file(&n, "flows.json", text);
    free(text);
    run_node_red(&n);
    return n;
}

#define FLOWS(...) ((json_t *const[]){ __VA_ARGS__, NULL })

/* Ends it as an operator would; what it started ends with it. */
static void stop_node_red(struct node_red *n)
{
    process_signal(n->process, SIGTERM);
    (void)process_wait(n->process, WAIT_MS);
    process_free(n->process);
    n->process = NULL;
}

/* --- kafka-component beside it --- */

static struct serve *start_server(void)
{
    return serve_start(ARGS(no_sign_in()), NULL);
}

static void subscribe(const struct serve *server, const struct node_red *n, const char *topic)
{
    char url[128];
    json_t *subscription = load("subscription.json");
    json_object_set_new(json_object_get(subscription, "config"), "topic", json_string(topic));
    json_object_set_new(json_object_get(subscription, "config"), "startFrom",
                        json_string("earliest"));
    const char *example = event_str(subscription, "callbackUrl");
    snprintf(url, sizeof(url), "%s%s", n->base, strstr(example, ":1880") + strlen(":1880"));
    json_object_set_new(subscription, "callbackUrl", json_string(url));
    json_object_set_new(subscription, "secret", json_string(SECRET));
    char *text = json_dumps(subscription, 0);
    json_decref(subscription);
    assert_http(http_post(server->base, SUBSCRIPTIONS, NULL, text), 201);
    free(text);
}

/* Waits until the flow has answered for so many records: what it has only shown comes again. */
static void wait_accepted(const struct serve *server, int64_t records)
{
    int64_t deadline = now_ms() + WAIT_MS, accepted = -1;
    while (accepted != records && now_ms() < deadline) {
        usleep(20000);
        struct http_answer *a = http_get(server->base, SUBSCRIPTIONS, NULL);
        assert_http(a, 200);
        accepted = event_int(a->json, "subscriptions.0.counts.records");
        http_answer_free(a);
    }
    assert_int_equal(accepted, records);
}

static void write_car(const char *topic, const char *car, const char *status)
{
    char value[100];
    snprintf(value, sizeof(value), "{\"status\":\"%s\"}", status);
    const struct witness_record record = witness_text(car, value, 0);
    witness_write(witness, topic, &record);
}

/* --- Tests --- */

static void a_flow_writes_to_kafka(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *server = start_server();
    struct node_red n = start_node_red(FLOWS(write_flow(server->base, topic)));

    struct http_answer *a =
        http_post(n.base, "/cars", NULL, json("{'car':'B-KC 42','status':'angekommen ü'}"));
    assert_http(a, 200);
    assert_event_str(a->json, "topicName", topic);
    assert_event_str(a->json, "errorCode", "0");
    assert_event_str(a->json, "baseOffset", "0");

    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 1);
    assert_bytes(records.at[0].key, records.at[0].key_size, "B-KC 42");
    assert_bytes(records.at[0].value, records.at[0].value_size,
                 json("{'car':'B-KC 42','status':'angekommen ü'}"));
    witness_records_free(&records);
    stop_node_red(&n);
    serve_stop(server, 0, WAIT_MS);
}

static void what_kafka_refuses_is_told_to_whoever_asked_the_flow(void **state)
{
    (void)state;
    struct serve *server = start_server();
    struct node_red n =
        start_node_red(FLOWS(write_flow(server->base, "there-is-no-such-topic")));
    struct http_answer *a = http_post(n.base, "/cars", NULL, json("{'car':'B-KC 42'}"));
    assert_http(a, 502);
    assert_int_equal(event_int(a->json, "status"), 404);

    serve_stop(server, 0, WAIT_MS);
    assert_http(http_post(n.base, "/cars", NULL, json("{'car':'B-KC 42'}")), 502);
    stop_node_red(&n);
}

static void records_start_a_flow(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *server = start_server();
    struct node_red n = start_node_red(FLOWS(load("started-by-kafka.json")));
    subscribe(server, &n, topic);
    write_car(topic, "B-KC 1", "arrived");
    expect_debug(&n, "car", "B-KC 1 arrived");
    wait_accepted(server, 1);

    /* While it is away records wait; whoever has no secret cannot start the flow. */
    stop_node_red(&n);
    write_car(topic, "B-KC 2", "left");
    write_car(topic, "B-KC 3", "arrived");
    run_node_red(&n);
    expect_debug(&n, "car", "B-KC 2 left");
    expect_debug(&n, "car", "B-KC 3 arrived");
    wait_accepted(server, 3);
    char now[64];
    snprintf(now, sizeof(now), "webhook-timestamp: %lld", (long long)time(NULL));
    assert_http(http_post(n.base, "/kafka/cars",
                          ARGS("webhook-id: 1", now, "webhook-signature: v1,bm9uZQ=="),
                          json("{'messages':[{'key':'B-KC 4','value':{}}]}")),
                401);
    serve_stop(server, 0, WAIT_MS);
    stop_node_red(&n);
    assert_int_equal(witness_committed(witness, "node-red", topic, 0), 3);
}

/* Values of letters of three bytes, up to 90 KB of them: what is longer than 64 KB comes in
 * pieces, which end within letters. */
#define LETTERS(n) ((n) % 31 * 1000)

static void put_letters(char *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(to + i * 3, "\xe2\x82\xac", 4);
}

static void fill_long(struct witness_record *record, int64_t n, void *context)
{
    static char key[16], letters[LETTERS(30) * 3 + 1], value[sizeof(letters) + 16];
    (void)context;
    snprintf(key, sizeof(key), "%lld", (long long)n);
    put_letters(letters, LETTERS(n));
    snprintf(value, sizeof(value), "{\"status\":\"%s\"}", n % 31 ? letters : "");
    *record = witness_text(key, value, 0);
}

static void a_flow_reads_what_the_component_prints(void **state)
{
    (void)state;
    enum {
        MANY = 200
    };
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_many(witness, topic, MANY, fill_long, NULL);
    struct node_red n = start_node_red(FLOWS(stdout_flow(topic, "--set startFrom=earliest")));
    for (int i = 0; i < MANY; i++) {
        char expected[LETTERS(30) * 3 + 16];
        int len = snprintf(expected, sizeof(expected), "%d ", i);
        put_letters(expected + len, LETTERS(i));
        expect_debug(&n, "car on stdout", expected);
    }
    stop_node_red(&n);
    assert_true(witness_wait_committed(witness, "node-red", topic, 0, MANY, WAIT_MS));
}

static void a_record_goes_round_through_all_three(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *server = start_server();
    json_t *reader = stdout_flow(topic, "--set groupId=another --set startFrom=earliest");
    struct node_red n = start_node_red(
        FLOWS(write_flow(server->base, topic), load("started-by-kafka.json"), reader));
    subscribe(server, &n, topic);

    assert_http(
        http_post(n.base, "/cars", NULL, json("{'car':'B-KC 7','status':'on its way'}")), 200);
    bool by_push = false, by_stdout = false;
    while (!by_push || !by_stdout) {
        const char *shown = wait_for(&n, "[debug:", WAIT_MS);
        by_push |= strcmp(shown, "car] B-KC 7 on its way") == 0;
        by_stdout |= strcmp(shown, "car on stdout] B-KC 7 on its way") == 0;
    }
    stop_node_red(&n);
    serve_stop(server, 0, WAIT_MS);
}

static int setup(void **state)
{
    return mkdtemp(home) ? live_setup(state) : -1;
}

static int teardown(void **state)
{
    struct run run = run_process(ARGS("rm", "-rf", home), NULL, "", WAIT_MS);
    run_free(&run);
    return live_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_flow_writes_to_kafka),
        live_test(what_kafka_refuses_is_told_to_whoever_asked_the_flow),
        live_test(records_start_a_flow),
        live_test(a_flow_reads_what_the_component_prints),
        live_test(a_record_goes_round_through_all_three),
    };
    return cmocka_run_group_tests_name("interop/node_red", tests, setup, teardown);
}
