// SPDX-License-Identifier: Apache-2.0
/* test_cli.c - the command line: help, exit codes, where settings come from, and what goes to
 * stdout, to stderr and to a terminal. */
#include "support/event.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 15000
#define NOWHERE "brokers=127.0.0.1:1" /* nobody listens there */

/* Neither the developer's settings nor the CI's are the tests'. */
#define PLAIN_ENV "KAFKA_COMPONENT_CONFIG", "KAFKA_COMPONENT_CREDENTIALS", "LOG_LEVEL"

/* Runs it, with `env` beside its arguments, until it has ended. */
static struct run run_with(const char *const env[], const char *const args[], const char *input)
{
    const char *all[16] = { PLAIN_ENV };
    for (size_t n = 3; env && *env && n < 15; env++, n++)
        all[n] = *env;
    return run_component(args, &(struct process_options){ .env = all }, input, WAIT_MS);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

/* It ends with 64 and says this; stdout stays empty, for a flow may be reading it. */
static void is_a_usage_error(const char *const args[], const char *says)
{
    struct run run = run_with(NULL, args, "");
    assert_exit(&run, 64);
    assert_has(run.err, says);
    assert_has(run.err, "--help");
    assert_string_equal(run.out, "");
    run_free(&run);
}

/* It ends with 78 before it has read a line, and the log names all of these, up to NULL. */
static void is_a_config_error(const char *const env[], const char *const args[],
                              const char *const says[])
{
    struct run run = run_with(env, args, "{\"value\":1}\n");
    assert_exit(&run, 78);
    for (; *says; says++)
        assert_has(run.err, *says);
    assert_string_equal(run.out, "");
    run_free(&run);
}

/* A file with this text in the folder of temporary files; its path is good until the next. */
static const char *file_with(const char *text)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/kc-cli.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

/* --- Help --- */

static void help_is_there_at_each_level_and_teaches_by_examples(void **state)
{
    (void)state;
    static const struct {
        const char *args[4];
        const char *says[4];
    } levels[] = {
        { { "--help" }, { "Commands:", "Examples:", "kafka-component demo", "Exit codes:" } },
        { { "run", "--help" },
          { "produce|consume", "Examples:", "--embedded-broker", "--ack" } },
        { { "run", "produce", "--help" }, { "emitBehavior", "Examples:", "brokers", "--set" } },
        { { "run", "consume", "--help" },
          { "startFrom", "Examples:", "--until end", "groupId" } },
        { { "describe", "--help" },
          { "component.json", "Examples:", "--schema", "--markdown" } },
        { { "demo", "--help" },
          { "stderr", "Examples:", "embedded broker", "kafka-component demo" } },
        { { "completion", "--help" }, { "bash|zsh|fish", "Examples:", "source <(", "--set" } },
        { { "-h" }, { "Commands:", "Options:", "--version", "--log-level" } },
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        struct run run = run_with(NULL, levels[i].args, "");
        assert_exit(&run, 0);
        for (size_t k = 0; k < 4; k++)
            assert_has(run.out, levels[i].says[k]);
        assert_string_equal(run.err, "");
        run_free(&run);
    }
}

static void help_of_an_entry_point_names_every_field_and_marks_secrets(void **state)
{
    (void)state;
    struct run schema = run_with(NULL, ARGS("describe", "--schema", "consume"), "");
    struct run help = run_with(NULL, ARGS("run", "consume", "--help"), "");
    json_t *root = json_loads(schema.out, 0, NULL), *ignored;
    const char *name;
    json_object_foreach(json_object_get(root, "properties"), name, ignored)
        assert_has(help.out, name);
    assert_has(help.out, "Not with --set");
    json_decref(root);
    run_free(&schema);
    run_free(&help);
}

static void the_version_names_the_linked_libraries(void **state)
{
    (void)state;
    struct run run = run_with(NULL, ARGS("--version"), "");
    assert_exit(&run, 0);
    assert_has(run.out, "kafka-component ");
    assert_has(run.out, "librdkafka 2.");
    assert_has(run.out, "sasl_scram");
    assert_has(run.out, "yyjson ");
    assert_has(run.out, "libcurl/");
    assert_has(run.out, "jansson ");
    run_free(&run);
}

/* --- A wrong command line --- */

static void a_wrong_word_is_answered_with_the_nearest_right_one(void **state)
{
    (void)state;
    is_a_usage_error(ARGS("rum"), "no command 'rum'; did you mean 'run'?");
    is_a_usage_error(ARGS("run", "prodce"), "no entry point 'prodce'; did you mean 'produce'?");
    is_a_usage_error(ARGS("run", "xyzzy"), "there are produce and consume");
    is_a_usage_error(ARGS("run", "consume", "--credential", "x"),
                     "did you mean '--credentials'?");
    is_a_usage_error(ARGS("--zzzzzzzz"), "there is no option '--zzzzzzzz'");
}

static void what_is_missing_or_out_of_place_is_a_usage_error(void **state)
{
    (void)state;
    is_a_usage_error(ARGS("run"), "produce or consume?");
    is_a_usage_error(ARGS("completion"), "bash, zsh or fish?");
    is_a_usage_error(ARGS("completion", "tcsh"), "bash, zsh or fish?");
    is_a_usage_error(ARGS("describe", "--schema", "orders"), "--schema knows credentials");
    is_a_usage_error(ARGS("run", "produce", "--set"), "--set wants a value");
    is_a_usage_error(ARGS("run", "produce", "--set", "topic"), "--set wants KEY=VALUE");
    is_a_usage_error(ARGS("run", "produce", "--until", "end"), "belong to consume");
    is_a_usage_error(ARGS("run", "produce", "--count", "3"), "belong to consume");
    is_a_usage_error(ARGS("run", "produce", "--ack", "stdin"), "belong to consume");
    is_a_usage_error(ARGS("run", "consume", "--count", "0"), "--count wants a whole number");
    is_a_usage_error(ARGS("run", "consume", "--count=1e3"), "--count wants a whole number");
    is_a_usage_error(ARGS("run", "consume", "--until", "dawn"), "knows only 'end'");
    is_a_usage_error(ARGS("run", "consume", "--ack", "maybe"), "written or stdin");
    is_a_usage_error(ARGS("run", "produce", "--max-body", "10"),
                     "--max-body wants a whole number");
    is_a_usage_error(ARGS("run", "produce", "--drain-ms", "0"),
                     "--drain-ms wants a whole number");
    is_a_usage_error(ARGS("run", "produce", "--embedded-broker=yes"), "takes no value");
    is_a_usage_error(ARGS("run", "produce", "--log-level", "loud"), "error, warn, info");
    is_a_usage_error(ARGS("a", "b", "c", "d", "e"), "one word too many");
}

static void no_command_at_all_shows_the_help_and_is_still_a_usage_error(void **state)
{
    (void)state;
    struct run run = run_with(NULL, (const char *const[]){ NULL }, "");
    assert_exit(&run, 64);
    assert_has(run.out, "Commands:");
    run_free(&run);
}

/* --- Settings --- */

static void all_wrong_fields_are_named_at_once(void **state)
{
    (void)state;
    is_a_config_error(NULL,
                      ARGS("run", "consume", "--set", "topic=a/b", "--set", "batchSize=0",
                           "--set", "isolation=none", "--set", "startFrom=soon", "--set",
                           "groupid=x", "--set", "brokers=host:0"),
                      ARGS("field 'topic'", "'batchSize': 0 is below 1", "field 'isolation'",
                           "field 'startFrom'",
                           "field 'groupid': unknown; did you mean 'groupId'?",
                           "field 'groupId': required", "field 'brokers'", "field 'password'"));
}

static void an_unknown_setting_is_answered_with_the_nearest_of_both_tables(void **state)
{
    (void)state;
    is_a_config_error(NULL, ARGS("run", "produce", "--set", "topik=cars", "--set", NOWHERE),
                      ARGS("field 'topik': unknown; did you mean 'topic'?"));
    is_a_config_error(NULL,
                      ARGS("run", "produce", "--set", "usrname=alice", "--set", "topic=cars"),
                      ARGS("field 'usrname': unknown; did you mean 'username'?"));
}

static void a_secret_is_refused_with_set_and_not_repeated(void **state)
{
    (void)state;
    struct run run = run_with(
        NULL, ARGS("run", "produce", "--set", "topic=cars", "--set", "password=hunter2"), "");
    assert_exit(&run, 78);
    assert_has(run.err, "--set password");
    assert_has(run.err, "--credentials FILE or KAFKA_COMPONENT_CREDENTIALS");
    assert_has_not(run.err, "hunter2");
    run_free(&run);
}

/* Of several values of one field the wrong one that is named is the one that counted. */
static void what_stands_nearer_wins_environment_file_set(void **state)
{
    (void)state;
    static const char *const env[] = {
        "KAFKA_COMPONENT_CONFIG={\"topic\":\"cars\",\"timeoutMs\":1}", NULL
    };
    const char *file = file_with("{\"timeoutMs\": 2}");
    is_a_config_error(env, ARGS("run", "produce"), ARGS("'timeoutMs': 1 is below 1000"));
    is_a_config_error(env, ARGS("run", "produce", "--config", file),
                      ARGS("'timeoutMs': 2 is below 1000"));
    is_a_config_error(env, ARGS("run", "produce", "--config", file, "--set", "timeoutMs=3"),
                      ARGS("'timeoutMs': 3 is below 1000"));
    /* field by field: the topic of the environment still counts */
    struct run run = run_with(env, ARGS("run", "produce", "--config", file), "");
    assert_has_not(run.err, "'topic'");
    run_free(&run);
    unlink(file);
}

static void the_environment_holds_json_or_the_name_of_a_file(void **state)
{
    (void)state;
    char setting[128];
    const char *file = file_with("{\"brokers\": \"from-file:0\"}");
    snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=@%s", file);
    is_a_config_error(ARGS(setting), ARGS("run", "produce", "--set", "topic=cars"),
                      ARGS("'from-file:0' is not host:port"));
    is_a_config_error(ARGS("KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"from-env:0\"}"),
                      ARGS("run", "produce", "--set", "topic=cars"),
                      ARGS("'from-env:0' is not host:port"));
    is_a_config_error(ARGS("KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"from-env:0\"}"),
                      ARGS("run", "produce", "--set", "topic=cars", "--credentials", file),
                      ARGS("'from-file:0' is not host:port"));
    is_a_config_error(ARGS("KAFKA_COMPONENT_CONFIG={\"topic\":\"t\",\"credentials\":{"
                           "\"brokers\":\"inner:0\"}}"),
                      ARGS("run", "produce"), ARGS("'inner:0' is not host:port"));
    unlink(file);
}

static void settings_that_cannot_be_read_are_named_and_never_quoted(void **state)
{
    (void)state;
    is_a_config_error(NULL, ARGS("run", "produce", "--config", "/nonexistent/step.json"),
                      ARGS("--config", "/nonexistent/step.json", "No such file"));
    struct run run = run_with(ARGS("KAFKA_COMPONENT_CREDENTIALS={\"password\":\"hunter2\",}"),
                              ARGS("run", "produce", "--set", "topic=cars"), "");
    assert_exit(&run, 78);
    assert_has(run.err, "KAFKA_COMPONENT_CREDENTIALS: not valid JSON");
    assert_has_not(run.err, "hunter2");
    run_free(&run);
    is_a_config_error(ARGS("KAFKA_COMPONENT_CONFIG={\"topic\":\"a\",\"topic\":\"b\"}"),
                      ARGS("run", "produce"), ARGS("KAFKA_COMPONENT_CONFIG", "duplicate"));
    is_a_config_error(ARGS("KAFKA_COMPONENT_CONFIG=[]"), ARGS("run", "produce"),
                      ARGS("must be a JSON object"));
}

/* --- Exit codes --- */

static void the_exit_code_tells_stored_refused_and_unreachable_apart(void **state)
{
    (void)state;
    static const char *const embedded[] = { "run",        "produce",           "--set",
                                            "topic=cars", "--embedded-broker", NULL };
    struct run run = run_with(NULL, embedded, "{\"value\":\"good\"}\n");
    assert_exit(&run, 0);
    run_free(&run);

    run = run_with(NULL, embedded, "");
    assert_exit(&run, 0);
    assert_string_equal(run.out, "");
    run_free(&run);

    run = run_with(NULL, embedded, "nonsense\n{\"value\":\"good\"}\n");
    assert_exit(&run, 65);
    run_free(&run);

    run = run_with(NULL,
                   ARGS("run", "produce", "--set", "topic=cars", "--set", NOWHERE, "--set",
                        "mechanism=none", "--set", "securityProtocol=PLAINTEXT", "--set",
                        "timeoutMs=1000"),
                   "nonsense\n{\"value\":\"never arrives\"}\n");
    assert_exit(&run, 69); /* the higher of 65 and 69 */
    json_t *events = events_parse(run.out);
    assert_int_equal(json_array_size(events), 5);
    assert_event_str(events, "0.error.name", "InputError");
    assert_event_str(events, "2.body.stored", "no");
    assert_event_str(events, "3.error.name", "TransientError");
    json_decref(events);
    run_free(&run);
}

/* --- What goes where --- */

static void describe_prints_the_component_json_of_the_root(void **state)
{
    (void)state;
    char path[512];
    json_error_t why;
    snprintf(path, sizeof(path), "%s/component.json", need_env("KC_TEST_ROOT"));
    struct run run = run_with(NULL, ARGS("describe"), "");
    assert_exit(&run, 0);
    json_t *said = json_loads(run.out, JSON_REJECT_DUPLICATES, &why);
    json_t *committed = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    assert_non_null(said);
    assert_non_null(committed);
    assert_true(json_equal(said, committed));
    json_decref(said);
    json_decref(committed);
    run_free(&run);
}

static void the_demo_tells_its_story_on_stderr_and_prints_events_only(void **state)
{
    (void)state;
    struct run run = run_with(NULL, ARGS("demo"), "");
    assert_exit(&run, 0);
    json_t *events = events_parse(run.out);
    json_t *data = events_of(events, "data"), *ends = events_of(events, "end");
    assert_int_equal(json_array_size(ends), 3); /* two lines to produce, one consumer */
    assert_event_str(data, "0.body.errorCode", "0");
    size_t n = json_array_size(data);
    assert_non_null(event_at(json_array_get(data, n - 1), "body.value"));
    assert_has(run.err, "Try next:");
    json_decref(data);
    json_decref(ends);
    json_decref(events);
    run_free(&run);
}

static void completion_scripts_parse(void **state)
{
    (void)state;
    static const char *const shells[] = { "bash", "zsh", "fish" };
    for (size_t i = 0; i < 3; i++) {
        struct run script = run_with(NULL, ARGS("completion", shells[i]), "");
        assert_exit(&script, 0);
        assert_has(script.out, "kafka-component");
        assert_has(script.out, "emitBehavior=");
        assert_has_not(script.out, "password=");
        char command[64]; /* a shell that is not here cannot check */
        snprintf(command, sizeof(command), "! command -v %s >/dev/null || %s -n", shells[i],
                 shells[i]);
        struct run check = run_process(ARGS("sh", "-c", command), NULL, script.out, WAIT_MS);
        assert_exit(&check, 0);
        assert_string_equal(check.err, "");
        run_free(&check);
        run_free(&script);
    }
}

static void completion_offers_commands_options_and_fields(void **state)
{
    (void)state;
    static const struct {
        const char *words, *offers;
    } cases[] = {
        { "kafka-component de", "describe demo " },
        { "kafka-component run con", "consume " },
        { "kafka-component run consume --se", "--set " },
        { "kafka-component run consume --set start", "startFrom= " },
        { "kafka-component run produce --log-level w", "warn " },
    };
    struct run script = run_with(NULL, ARGS("completion", "bash"), "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char command[512];
        snprintf(command, sizeof(command),
                 "compopt() { :; }; . /dev/stdin; COMP_WORDS=(%s); "
                 "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
                 "_kafka_component; printf '%%s ' \"${COMPREPLY[@]}\"",
                 cases[i].words);
        struct run run = run_process(ARGS("bash", "-c", command), NULL, script.out, WAIT_MS);
        assert_exit(&run, 0);
        assert_string_equal(run.out, cases[i].offers);
        run_free(&run);
    }
    run_free(&script);
}

/* --- Logs --- */

static void logs_are_json_lines_on_stderr(void **state)
{
    (void)state;
    struct run run = run_with(NULL,
                              ARGS("run", "produce", "--set", "topic=cars", "--embedded-broker",
                                   "--log-level", "debug"),
                              "{\"value\":\"good\"}\n");
    assert_exit(&run, 0);
    json_decref(events_parse(run.out));
    size_t lines = 0;
    for (const char *at = run.err; *at; lines++) {
        size_t length = strcspn(at, "\n");
        json_t *line = json_loadb(at, length, JSON_REJECT_DUPLICATES, NULL);
        if (!line)
            fail_msg("no JSON in the log: %.*s", (int)length, at);
        assert_event_str(line, "name", "kafka-component");
        assert_true(event_int(line, "level") >= 20);
        assert_true(event_int(line, "pid") > 0);
        assert_int_equal(event_int(line, "v"), 0);
        assert_non_null(event_at(line, "time"));
        assert_non_null(event_at(line, "hostname"));
        assert_non_null(event_at(line, "msg"));
        json_decref(line);
        at += length + 1;
    }
    assert_true(lines > 0);
    run_free(&run);
}

static void the_log_level_comes_from_the_environment_or_the_option(void **state)
{
    (void)state;
    static const char *const args[] = { "run",        "produce",           "--set",
                                        "topic=cars", "--embedded-broker", NULL };
    struct run run = run_with(ARGS("LOG_LEVEL=error"), args, "");
    assert_exit(&run, 0);
    assert_string_equal(run.err, "");
    run_free(&run);

    run = run_with(
        ARGS("LOG_LEVEL=error"),
        ARGS("run", "produce", "--set", "topic=cars", "--embedded-broker", "--log-level=info"),
        "");
    assert_exit(&run, 0);
    assert_has(run.err, "\"msg\":\"embedded_broker\"");
    run_free(&run);

    run = run_with(ARGS("LOG_LEVEL=loud"), args, "");
    assert_exit(&run, 64);
    assert_has(run.err, "LOG_LEVEL is fatal, error, warn, info, debug, trace, or 60 to 10");
    run_free(&run);
}

/* --- On a terminal --- */

struct terminal {
    int fd; /* what a person would look at */
    char path[64];
    char text[8192];
    size_t size;
};

static void terminal_open(struct terminal *t)
{
    memset(t, 0, sizeof(*t));
    t->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(t->fd >= 0 && grantpt(t->fd) == 0 && unlockpt(t->fd) == 0);
    assert_int_equal(ptsname_r(t->fd, t->path, sizeof(t->path)), 0);
}

static bool terminal_shows(struct terminal *t, const char *text)
{
    ssize_t n;
    while (t->size < sizeof(t->text) - 1 &&
           (n = read(t->fd, t->text + t->size, sizeof(t->text) - 1 - t->size)) > 0)
        t->size += (size_t)n;
    return strstr(t->text, text) != NULL;
}

static void terminal_expect(struct terminal *t, const char *text)
{
    int64_t deadline = now_ms() + WAIT_MS;
    while (!terminal_shows(t, text)) {
        if (now_ms() > deadline)
            fail_msg("'%s' did not come to the terminal:\n%s", text, t->text);
        usleep(10000);
    }
}

static struct process *start_produce(const char *err_path, const char *out_path)
{
    return component_start(ARGS("run", "produce", "--set", "topic=cars", "--embedded-broker"),
                           &(struct process_options){ .env = ARGS(PLAIN_ENV),
                                                      .err_path = err_path,
                                                      .out_path = out_path });
}

static void
on_a_terminal_logs_are_readable_and_work_shows_its_progress_after_a_second(void **state)
{
    (void)state;
    struct terminal terminal;
    terminal_open(&terminal);
    int64_t started_ms = now_ms();
    struct process *watched = start_produce(terminal.path, NULL);
    struct process *unwatched = start_produce(NULL, NULL);
    terminal_expect(&terminal, "embedded_broker");
    assert_has(terminal.text, "INFO ");
    assert_has_not(terminal.text, "{\"name\"");

    process_say(watched, "{\"value\":\"12345\"}");
    process_say(unwatched, "{\"value\":\"12345\"}");
    terminal_expect(&terminal, "1 records, 5 B, ");
    assert_true(now_ms() - started_ms >= 1000);
    terminal_expect(&terminal, " 0 errors");
    process_close_stdin(watched);
    process_close_stdin(unwatched);
    assert_int_equal(process_wait(watched, WAIT_MS).exit_code, 0);
    assert_int_equal(process_wait(unwatched, WAIT_MS).exit_code, 0);

    json_decref(events_parse(process_stdout(watched))); /* events, and nothing else */
    json_decref(events_parse(process_stdout(unwatched)));
    assert_has_not(process_stderr(unwatched), " records, "); /* it ran as long */
    const char *wiped = "\r\033[K";
    terminal_shows(&terminal, "");
    assert_string_equal(terminal.text + terminal.size - strlen(wiped), wiped);
    close(terminal.fd);
    process_free(watched);
    process_free(unwatched);
}

static void where_events_pass_by_on_the_same_terminal_there_is_no_progress_line(void **state)
{
    (void)state;
    struct terminal shared, alone;
    terminal_open(&shared);
    terminal_open(&alone);
    struct process *p = start_produce(shared.path, shared.path);
    struct process *witness = start_produce(alone.path, NULL);
    process_say(p, "{\"value\":1}");
    process_say(witness, "{\"value\":1}");
    terminal_expect(&shared, "\"event\":\"end\"");
    terminal_expect(&alone, "1 records, ");
    process_close_stdin(p);
    process_close_stdin(witness);
    assert_int_equal(process_wait(p, WAIT_MS).exit_code, 0);
    assert_int_equal(process_wait(witness, WAIT_MS).exit_code, 0);
    terminal_shows(&shared, "");
    assert_has_not(shared.text, " records, ");
    close(shared.fd);
    close(alone.fd);
    process_free(p);
    process_free(witness);
}

#define cli_test(test) cmocka_unit_test_teardown(test, process_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cli_test(help_is_there_at_each_level_and_teaches_by_examples),
        cli_test(help_of_an_entry_point_names_every_field_and_marks_secrets),
        cli_test(the_version_names_the_linked_libraries),
        cli_test(a_wrong_word_is_answered_with_the_nearest_right_one),
        cli_test(what_is_missing_or_out_of_place_is_a_usage_error),
        cli_test(no_command_at_all_shows_the_help_and_is_still_a_usage_error),
        cli_test(all_wrong_fields_are_named_at_once),
        cli_test(an_unknown_setting_is_answered_with_the_nearest_of_both_tables),
        cli_test(a_secret_is_refused_with_set_and_not_repeated),
        cli_test(what_stands_nearer_wins_environment_file_set),
        cli_test(the_environment_holds_json_or_the_name_of_a_file),
        cli_test(settings_that_cannot_be_read_are_named_and_never_quoted),
        cli_test(the_exit_code_tells_stored_refused_and_unreachable_apart),
        cli_test(describe_prints_the_component_json_of_the_root),
        cli_test(the_demo_tells_its_story_on_stderr_and_prints_events_only),
        cli_test(completion_scripts_parse),
        cli_test(completion_offers_commands_options_and_fields),
        cli_test(logs_are_json_lines_on_stderr),
        cli_test(the_log_level_comes_from_the_environment_or_the_option),
        cli_test(on_a_terminal_logs_are_readable_and_work_shows_its_progress_after_a_second),
        cli_test(where_events_pass_by_on_the_same_terminal_there_is_no_progress_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
