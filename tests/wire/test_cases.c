// SPDX-License-Identifier: Apache-2.0
/* test_cases.c - the same messages get the same answers, whatever carries them.
 *
 * A case is a folder in cases/:
 *   config.json    the step's fields; the topic is `cars`, with one partition, new for each
 * case in.jsonl       what comes in, byte for byte: a message a line out.jsonl      the events
 * that answer it, in order stored.jsonl   optional: the records that `cars` then has, as
 * Consume gives them, in order
 *
 * In what is expected, "<any>" stands for any value, "<id>" for an id of ours, a text that ends
 * in "…" for all that begin so. Of stored records offset, partition, topic and timestamps count
 * only where they are given. A transport is a row in `ways`. */
#include "support/event.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include "base/error.h"
#include "kafka/embedded.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS   20000
#define CASES_MAX 64

struct wire_case {
    char folder[512];
    const char *name; /* within folder */
};

/* The file's lines, as one array; NULL where there is no such file. The caller's. */
static json_t *read_lines(const struct wire_case *c, const char *file)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", c->folder, file);
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    json_t *lines = json_array(), *line;
    json_error_t why = { 0 };
    while ((line = json_loadf(
                f, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why)))
        json_array_append_new(lines, line);
    if (!feof(f))
        fail_msg("%s: line %zu: %s", path, json_array_size(lines) + 1, why.text);
    fclose(f);
    return lines;
}

/* --- What is expected --- */

static bool is_id(json_t *actual)
{
    const char *text = json_string_value(actual);
    return text && strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

static bool is_text_like(const char *expected, json_t *actual)
{
    static const char rest[] = "…";
    size_t length = strlen(expected), cut = sizeof(rest) - 1;
    if (!json_is_string(actual) || length < cut || strcmp(expected + length - cut, rest) != 0)
        return false;
    return strncmp(expected, json_string_value(actual), length - cut) == 0;
}

static bool is_like(json_t *expected, json_t *actual);

static bool has_members_like(json_t *expected, json_t *actual)
{
    const char *name;
    json_t *member;
    json_object_foreach(expected, name, member)
    {
        json_t *other = json_object_get(actual, name);
        if (!other || !is_like(member, other))
            return false;
    }
    return json_object_size(expected) == json_object_size(actual);
}

static bool is_like(json_t *expected, json_t *actual)
{
    if (json_is_object(expected) && json_is_object(actual))
        return has_members_like(expected, actual);
    if (json_is_array(expected) && json_is_array(actual)) {
        bool is = json_array_size(expected) == json_array_size(actual);
        for (size_t i = 0; is && i < json_array_size(expected); i++)
            is = is_like(json_array_get(expected, i), json_array_get(actual, i));
        return is;
    }
    const char *text = json_string_value(expected);
    if (text && strcmp(text, "<any>") == 0)
        return true;
    if (text && strcmp(text, "<id>") == 0)
        return is_id(actual);
    return json_equal(expected, actual) || (text && is_text_like(text, actual));
}

static void fail_at_line(const struct wire_case *c, const char *file, size_t i,
                         json_t *expected, json_t *actual)
{
    char texts[2][1500];
    json_t *both[2] = { json_array_get(expected, i), json_array_get(actual, i) };
    for (size_t k = 0; k < 2; k++) {
        char *text = both[k] ? json_dumps(both[k], JSON_COMPACT) : NULL;
        snprintf(texts[k], sizeof(texts[k]), "%s", text ? text : "(nothing more)");
        free(text);
    }
    fail_msg("%s/%s, line %zu\nexpected %s\ncame     %s", c->name, file, i + 1, texts[0],
             texts[1]);
}

static void assert_like(const struct wire_case *c, const char *file, json_t *expected,
                        json_t *actual)
{
    size_t count = json_array_size(expected) > json_array_size(actual)
                       ? json_array_size(expected)
                       : json_array_size(actual);
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_array_get(expected, i), *other = json_array_get(actual, i);
        if (!one || !other || !is_like(one, other))
            fail_at_line(c, file, i, expected, actual);
    }
}

/* The code that the worst of these errors ends a run with. */
static int exit_code_of(json_t *events)
{
    int worst = 0;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        if (strcmp(event_str(event, "event"), "error") != 0)
            continue;
        for (enum kc_class k = KC_CLASS_CONFIG; k <= KC_CLASS_INTERNAL; k++) {
            if (strcmp(kc_class_name(k), event_str(event, "error.name")) == 0 &&
                kc_class_exit(k) > worst)
                worst = kc_class_exit(k);
        }
    }
    return worst;
}

/* --- A broker for each case --- */

struct site {
    struct kc_embedded *broker;
    char credentials[256]; /* a line of the environment */
};

static void site_open(struct site *s)
{
    struct kc_error err = { 0 };
    s->broker = NULL;
    if (!kc_embedded_open(&s->broker, &err) || !kc_embedded_topic(s->broker, "cars", 1, &err))
        fail_msg("%s", err.text);
    snprintf(s->credentials, sizeof(s->credentials),
             "KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"%s\",\"mechanism\":\"none\","
             "\"securityProtocol\":\"PLAINTEXT\"}",
             kc_embedded_brokers(s->broker));
}

/* --- The ways in and out --- */

static json_t *over_stdio(const struct wire_case *c, const struct site *s, int exit_code)
{
    char config[600], input[600];
    snprintf(config, sizeof(config), "%s/config.json", c->folder);
    snprintf(input, sizeof(input), "%s/in.jsonl", c->folder);
    struct process *p = component_start(
        ARGS("run", "produce", "--config", config),
        &(struct process_options){ .env = ARGS(s->credentials), .in_path = input });
    struct process_end end = process_wait(p, WAIT_MS);
    if (end.exit_code != exit_code)
        fail_msg("%s: exit code %d (signal %d) in place of %d\n%s", c->name, end.exit_code,
                 end.signal, exit_code, process_stderr(p));
    json_t *events = json_array();
    const char *line;
    while ((line = process_line(p, WAIT_MS))) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        if (!event)
            fail_msg("%s: no JSON on stdout: %s", c->name, line);
        json_array_append_new(events, event);
    }
    process_free(p);
    return events;
}

static json_t *over_http(const struct wire_case *c, const struct site *s, int exit_code)
{
    char config[600], input[600];
    (void)exit_code; /* a server goes on */
    snprintf(config, sizeof(config), "%s/config.json", c->folder);
    snprintf(input, sizeof(input), "%s/in.jsonl", c->folder);
    struct serve *server = serve_start(ARGS(s->credentials), ARGS("--config", config));
    struct stat file;
    int fd = open(input, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0)
        fail_test("%s cannot be read", input);
    char *lines = malloc((size_t)file.st_size + 1);
    assert_non_null(lines);
    assert_int_equal(read(fd, lines, (size_t)file.st_size), file.st_size);
    close(fd);
    struct http_answer *a =
        http_ask(&(struct http_request){ .base = server->base,
                                         .path = "/v1/actions/produce",
                                         .headers = ARGS("Content-Type: application/x-ndjson"),
                                         .body = lines,
                                         .size = (size_t)file.st_size },
                 WAIT_MS);
    assert_http(a, 200);
    json_t *events = json_array();
    for (const char *at = a->body; *at; at += strcspn(at, "\n") + 1) {
        json_t *event =
            json_loadb(at, strcspn(at, "\n"), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        if (!event)
            fail_msg("%s: no JSON in the answer: %s", c->name, at);
        json_array_append_new(events, event);
    }
    free(lines);
    http_answer_free(a);
    serve_stop(server, 0, WAIT_MS);
    return events;
}

/* Runs the case and gives the events that answer it; the caller's. */
static const struct way {
    const char *name;
    json_t *(*run)(const struct wire_case *c, const struct site *s, int exit_code);
} ways[] = {
    { "stdio", over_stdio },
    { "http", over_http },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* --- What was stored --- */

static json_t *read_back(const struct site *s)
{
    struct run run =
        run_component(ARGS("run", "consume", "--set", "topic=cars", "--set", "groupId=cases",
                           "--set", "startFrom=earliest", "--until", "end"),
                      &(struct process_options){ .env = ARGS(s->credentials) }, "", WAIT_MS);
    assert_exit(&run, 0);
    json_t *bodies = json_array();
    for (const char *at = run.out; *at; at += strcspn(at, "\n") + 1) {
        json_t *event = json_loadb(at, strcspn(at, "\n"), JSON_ALLOW_NUL, NULL);
        if (json_object_get(event, "body"))
            json_array_append(bodies, json_object_get(event, "body"));
        json_decref(event);
    }
    run_free(&run);
    return bodies;
}

/* Where and when a record was stored counts only where the case says so. */
static void forget_what_is_not_expected(json_t *expected, json_t *actual)
{
    static const char *const names[] = { "offset", "partition", "topic", "timestamp",
                                         "timestampType" };
    for (size_t i = 0; i < json_array_size(actual); i++) {
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (!json_object_get(json_array_get(expected, i), names[k]))
                json_object_del(json_array_get(actual, i), names[k]);
        }
    }
}

/* --- The tests --- */

static void answers_and_stores_as_the_case_says(void **state)
{
    const struct wire_case *c = *state;
    json_t *expected = read_lines(c, "out.jsonl"), *stored = read_lines(c, "stored.jsonl");
    assert_non_null(expected);
    for (size_t i = 0; i < WAYS; i++) {
        struct site site;
        site_open(&site);
        json_t *events = ways[i].run(c, &site, exit_code_of(expected));
        assert_like(c, "out.jsonl", expected, events);
        json_decref(events);
        if (stored) {
            json_t *records = read_back(&site);
            forget_what_is_not_expected(stored, records);
            assert_like(c, "stored.jsonl", stored, records);
            json_decref(records);
        }
        kc_embedded_close(site.broker);
    }
    json_decref(expected);
    json_decref(stored);
}

static bool is_blank(const char *line, size_t length)
{
    return strspn(line, " \t\r\n") >= length;
}

/* The cases themselves keep the contract: for each line that is not blank one `end`, in order.
 */
static void every_case_expects_one_end_for_each_line(void **state)
{
    const struct wire_case *cases = *state;
    for (const struct wire_case *c = cases; c->name; c++) {
        char path[600];
        snprintf(path, sizeof(path), "%s/in.jsonl", c->folder);
        FILE *in = fopen(path, "re");
        if (!in)
            fail_test("%s cannot be read", path);
        json_t *events = read_lines(c, "out.jsonl"), *ends = events_of(events, "end");
        char *line = NULL;
        size_t room = 0, end = 0;
        ssize_t length;
        for (int64_t number = 1; (length = getline(&line, &room, in)) >= 0; number++) {
            if (!is_blank(line, (size_t)length))
                assert_int_equal(event_int(json_array_get(ends, end++), "line"), number);
        }
        assert_int_equal(end, json_array_size(ends));
        free(line);
        fclose(in);
        json_decref(ends);
        json_decref(events);
    }
}

static void expectations_can_fail(void **state)
{
    (void)state;
    static const struct {
        const char *expected, *right, *wrong;
    } pairs[] = {
        { "{\"a\":1}", "{\"a\":1}", "{\"a\":1,\"b\":2}" },
        { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{\"a\":1}" },
        { "[1,2]", "[1,2]", "[2,1]" },
        { "[\"<any>\"]", "[null]", "[1,2]" },
        { "[\"must be…\"]", "[\"must be text\"]", "[\"must not be text\"]" },
        { "[\"<id>\"]", "[\"0a4db0fc-ba73-4e75-83f9-3ae6309e6f93\"]", "[\"7\"]" },
        { "[\"1\"]", "[\"1\"]", "[1]" },
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        json_t *expected = json_loads(pairs[i].expected, 0, NULL);
        json_t *right = json_loads(pairs[i].right, 0, NULL);
        json_t *wrong = json_loads(pairs[i].wrong, 0, NULL);
        assert_true(is_like(expected, right));
        assert_false(is_like(expected, wrong));
        json_decref(expected);
        json_decref(right);
        json_decref(wrong);
    }
}

static int tidy(void **state)
{
    http_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct wire_case *)a)->folder, ((const struct wire_case *)b)->folder);
}

int main(void)
{
    static struct wire_case cases[CASES_MAX + 1];
    static struct CMUnitTest tests[CASES_MAX + 2];
    char folder[400];
    size_t count = 0;
    snprintf(folder, sizeof(folder), "%s/tests/wire/cases", need_env("KC_TEST_ROOT"));
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && count < CASES_MAX && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            snprintf(cases[count++].folder, sizeof(cases[0].folder), "%.300s/%.200s", folder,
                     entry->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(cases, count, sizeof(cases[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        cases[i].name = strrchr(cases[i].folder, '/') + 1;
        tests[i] = (struct CMUnitTest){ cases[i].name, answers_and_stores_as_the_case_says,
                                        NULL, tidy, &cases[i] };
    }
    tests[count] = (struct CMUnitTest)cmocka_unit_test_prestate(
        every_case_expects_one_end_for_each_line, cases);
    tests[count + 1] = (struct CMUnitTest)cmocka_unit_test(expectations_can_fail);
    if (count == 0)
        return 1; /* no case was found */
    return _cmocka_run_group_tests("wire cases", tests, count + 2, NULL, NULL);
}
