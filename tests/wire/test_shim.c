// SPDX-License-Identifier: Apache-2.0
/* test_shim.c - each way in which the platform may start the image, with the built binary under
 * the names that it has there; and what the image's labels and files tell about it. */
#include "support/event.h"
#include "support/fail.h"
#include "support/stub.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS      15000

#define RUN          "./node_modules/elasticio-sailor-nodejs/run.js"
#define RUN_SERVICE  "./node_modules/elasticio-sailor-nodejs/runService.js"
#define NODE_RUN     "node ./node_modules/elasticio-sailor-nodejs/run.js"
#define NODE_QUOTED  "node './node_modules/elasticio-sailor-nodejs/run.js'; exit $?"
#define NODE_SERVICE "node ./node_modules/elasticio-sailor-nodejs/runService.js getMetaModel"

/* --- The image's names --- */

static char folder[] = "/tmp/kc-shim-XXXXXX"; /* stands for /usr/local/bin */
static char search_path[4096];

static const char *in_folder(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *const names[] = { "kafka-component", "node", "npm", "sh", NULL };

static int make_names(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (const char *const *name = names; *name; name++) {
        if (symlink(need_env("KC_TEST_BINARY"), in_folder(*name)) != 0)
            return -1;
    }
    snprintf(search_path, sizeof(search_path), "PATH=%s:%s", folder, getenv("PATH"));
    return setenv("PATH", search_path + strlen("PATH="), 1);
}

static int remove_names(void **state)
{
    (void)state;
    for (const char *const *name = names; *name; name++)
        unlink(in_folder(*name));
    unlink(in_folder("docker"));
    unlink(in_folder("called"));
    return rmdir(folder);
}

static int tidy(void **state)
{
    return process_free_all(state) | stub_stop_all(state);
}

/* --- What is to come of it --- */

#define PLAIN_ENV "ELASTICIO_FLOW_ID", "ELASTICIO_CFG", "LOG_LEVEL"

/* A step: with nothing but its name it says what it is missing, where the platform reads it. */
static void is_a_step(const char *const argv[])
{
    const char *const env[] = { PLAIN_ENV, "ELASTICIO_POST_RESULT_URL",
                                "ELASTICIO_STEP_ID=step_1", NULL };
    struct run run = run_process(argv, &(struct process_options){ .env = env }, "", WAIT_MS);
    assert_exit(&run, 1);
    if (!strstr(run.out, "ELASTICIO_FLOW_ID is missing"))
        fail_msg("%s %s: no step:\n%s%s", argv[0], argv[1] ? argv[1] : "", run.out, run.err);
    run_free(&run);
}

/* A one-shot call: an error is posted that only this method (or the lack of one) leads to. */
static void is_a_call(const char *const argv[], const char *says)
{
    char url[200];
    struct stub *api = stub_start(NULL);
    snprintf(url, sizeof(url), "ELASTICIO_POST_RESULT_URL=%s", stub_url(api, "/result"));
    const char *const env[] = { PLAIN_ENV, url, NULL };
    struct run run = run_process(argv, &(struct process_options){ .env = env }, "", WAIT_MS);
    assert_exit(&run, 0);
    json_t *posted = json_loads(stub_wait(api, 0, WAIT_MS)->body, 0, NULL);
    assert_json(posted, "status", "\"error\"");
    const char *message =
        json_string_value(json_object_get(json_object_get(posted, "data"), "message"));
    if (!message || strncmp(message, says, strlen(says)) != 0)
        fail_msg("%s %s: '%s' does not begin with '%s'", argv[0], argv[1], message, says);
    assert_int_equal(stub_count(api), 1);
    json_decref(posted);
    run_free(&run);
    stub_stop(api);
}

/* It goes no further than here: a known method that has nothing to work on. */
#define NOTHING_GIVEN "ELASTICIO_CFG is not provided"

static void is_refused(const char *const argv[], const char *says)
{
    struct run run = run_process(argv, NULL, "", WAIT_MS);
    assert_exit(&run, 64);
    if (!strstr(run.err, says))
        fail_msg("'%s' is not in:\n%s", says, run.err);
    assert_string_equal(run.out, "");
    run_free(&run);
}

/* --- Steps --- */

static void every_way_to_start_a_step_starts_one(void **state)
{
    (void)state;
    is_a_step(ARGS("kafka-component"));
    is_a_step(ARGS("kafka-component", "step"));
    is_a_step(ARGS("kafka-component", "sailor"));
    is_a_step(ARGS("node", RUN));
    is_a_step(ARGS("npm", "start"));
    is_a_step(ARGS(in_folder("node"), "run.js", "node", RUN));
}

static void a_shell_starts_a_step(void **state)
{
    (void)state;
    is_a_step(ARGS("sh", "-c", NODE_RUN));
    is_a_step(ARGS("sh", "-c", "npm start"));
    is_a_step(ARGS("sh", "-c", "cd / && exec kafka-component step"));
    is_a_step(ARGS("sh", "-c", NODE_QUOTED));
    is_a_step(ARGS("/bin/dash", "-c", NODE_RUN));
}

/* A shell that waits for its child keeps SIGTERM to itself. */
static void what_a_plain_line_starts_hears_signals_itself(void **state)
{
    (void)state;
    struct process *p =
        process_start(ARGS("sh", "-c", "kafka-component serve --listen 127.0.0.1:0"), NULL);
    process_expect_stderr(p, "listening", WAIT_MS);
    process_signal(p, SIGTERM);
    struct process_end end = process_wait(p, WAIT_MS);
    assert_int_equal(end.signal, 0);
    assert_int_equal(end.exit_code, 0);
    process_free(p);
}

/* Also a shell of ours is one. */
static void any_other_line_is_a_shells(void **state)
{
    (void)state;
    struct run run = run_process(ARGS("sh", "-c", "for i in 1 2; do echo $i; done; exit 3"),
                                 NULL, "", WAIT_MS);
    assert_exit(&run, 3);
    assert_string_equal(run.out, "1\n2\n");
    run_free(&run);
    run = run_process(ARGS("sh"), NULL, "echo read\n", WAIT_MS);
    assert_exit(&run, 0);
    assert_string_equal(run.out, "read\n");
    run_free(&run);
    run = run_process(ARGS("sh", "-c", "echo nothing special"), NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    assert_string_equal(run.out, "nothing special\n");
    run_free(&run);
}

static void the_platforms_command_may_follow_our_entry_point(void **state)
{
    (void)state;
    is_a_step(ARGS("kafka-component", "node", RUN));
    is_a_step(ARGS("kafka-component", "npm", "start"));
    is_a_step(ARGS("kafka-component", RUN));
    is_a_step(ARGS("kafka-component", "/bin/sh", "-c", NODE_RUN));
    is_a_step(ARGS("kafka-component", "sh", "-c", "kafka-component"));
}

/* --- One-shot calls --- */

static void every_way_to_start_a_call_starts_one(void **state)
{
    (void)state;
    is_a_call(ARGS("node", RUN_SERVICE, "verifyCredentials"), NOTHING_GIVEN);
    is_a_call(ARGS("node", RUN_SERVICE, "selectModel", "a", "b"), NOTHING_GIVEN);
    is_a_call(ARGS("sh", "-c", NODE_SERVICE), NOTHING_GIVEN);
    is_a_call(ARGS("kafka-component", "service", "verifyCredentials"), NOTHING_GIVEN);
    is_a_call(ARGS("kafka-component", "node", RUN_SERVICE, "verifyCredentials"), NOTHING_GIVEN);
    is_a_call(ARGS("kafka-component", "verifyCredentials"), NOTHING_GIVEN);
}

static void the_method_is_the_first_argument(void **state)
{
    (void)state;
    is_a_call(ARGS("node", RUN_SERVICE, "foo", "verifyCredentials"),
              "Unknown service method \"foo\"");
    is_a_call(ARGS("node", RUN_SERVICE), "Unknown service method \"undefined\"");
}

/* --- Nothing else --- */

static void other_scripts_are_refused_with_a_sentence(void **state)
{
    (void)state;
    is_refused(ARGS("node", "index.js"), "there is no Node.js here");
    is_refused(ARGS("node"), "there is no Node.js here");
    is_refused(ARGS("npm", "install"), "only 'npm start'");
    is_refused(ARGS("sh", "-c", "node -e 1"), "and not '-e'");
}

static void without_the_platform_the_program_is_what_it_is(void **state)
{
    (void)state;
    struct run run = run_process(ARGS("kafka-component"), NULL, "", WAIT_MS);
    assert_exit(&run, 64);
    assert_non_null(strstr(run.out, "Usage"));
    run_free(&run);
    is_refused(ARGS("kafka-component", "verifyCredentials"), "there is no command");
}

/* --- What the image tells about itself --- */

static const char *ours(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", need_env("KC_TEST_ROOT"), name);
    return path;
}

static json_t *read_json(const char *name)
{
    json_t *json = json_load_file(ours(name), JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        fail_msg("%s is no JSON", name);
    return json;
}

static char *read_file(const char *path)
{
    static char text[200000];
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[len] = '\0';
    if (!file || fclose(file) != 0)
        fail_msg("cannot read %s", path);
    return text;
}

/* An engine that only writes down how it was called, an argument a line. */
static void make_engine(void)
{
    const char *path = in_folder("docker");
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file,
                         "#!/bin/sh\n"
                         "[ \"$1\" != build ] || printf '%%s\\n' \"$@\" >%s\n",
                         in_folder("called")) < 0)
        fail_test("cannot write %s", path);
    fclose(file);
    chmod(path, 0755);
}

/* The value of a label among the arguments; a loan of them. */
static const char *label_of(char *arguments, const char *name)
{
    char *at = strstr(arguments, name);
    if (!at)
        fail_test("no label %s in:\n%s", name, arguments);
    at += strlen(name) + 1;
    at[strcspn(at, "\n")] = '\0';
    return at;
}

static void the_labels_describe_the_component_as_the_platform_reads_it(void **state)
{
    (void)state;
    make_engine();
    struct run run = run_process(ARGS(ours("scripts/image"), "kc:1"), NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);

    json_t *label = json_loads(label_of(read_file(in_folder("called")), "elastic.io.component"),
                               JSON_REJECT_DUPLICATES, NULL);
    assert_json(label, "language", "\"nodejs\"");
    assert_json(label, "sailor_version", "\"2.7.8\"");
    json_object_del(label, "language");
    json_object_del(label, "sailor_version");
    json_t *component = read_json("component.json");
    assert_true(json_equal(label, component));
    json_decref(label);
    json_decref(component);

    const char *logo = label_of(read_file(in_folder("called")), "elastic.io.logo");
    assert_int_equal(strncmp(logo, "iVBORw0KGgo", 11), 0); /* how a PNG begins */
    assert_true(strlen(logo) < 4096);
}

/* Where the platform builds the image it adds its labels itself, and refuses ours. */
static void the_dockerfile_has_none_of_the_platforms_labels(void **state)
{
    (void)state;
    assert_null(strstr(read_file(ours("Dockerfile")), "elastic.io."));
}

static void the_logo_is_square(void **state)
{
    (void)state;
    const unsigned char *png = (const unsigned char *)read_file(ours("logo.png"));
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    assert_memory_equal(png + 16, png + 20, 4); /* width and height */
    assert_memory_equal(png + 16, "\0\0\0\x80", 4);
}

static void the_files_that_a_build_may_look_for_are_there(void **state)
{
    (void)state;
    json_t *package = read_json("package.json"), *component = read_json("component.json");
    json_t *runtime = read_json("lib/elasticio-sailor-nodejs/package.json");
    assert_true(
        json_equal(json_object_get(package, "version"), json_object_get(component, "version")));
    assert_json(runtime, "version", "\"2.7.8\"");
    assert_true(json_equal(
        json_object_get(runtime, "version"),
        json_object_get(json_object_get(package, "dependencies"), "elasticio-sailor-nodejs")));
    assert_int_equal(access(ours("lib/elasticio-sailor-nodejs/run.js"), R_OK), 0);
    assert_int_equal(access(ours("lib/elasticio-sailor-nodejs/runService.js"), R_OK), 0);
    assert_int_equal(access(ours("CHANGELOG.md"), R_OK), 0);
    json_decref(package);
    json_decref(component);
    json_decref(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_way_to_start_a_step_starts_one, tidy),
        cmocka_unit_test_teardown(a_shell_starts_a_step, tidy),
        cmocka_unit_test_teardown(what_a_plain_line_starts_hears_signals_itself, tidy),
        cmocka_unit_test_teardown(any_other_line_is_a_shells, tidy),
        cmocka_unit_test_teardown(the_platforms_command_may_follow_our_entry_point, tidy),
        cmocka_unit_test_teardown(every_way_to_start_a_call_starts_one, tidy),
        cmocka_unit_test_teardown(the_method_is_the_first_argument, tidy),
        cmocka_unit_test_teardown(other_scripts_are_refused_with_a_sentence, tidy),
        cmocka_unit_test_teardown(without_the_platform_the_program_is_what_it_is, tidy),
        cmocka_unit_test_teardown(the_labels_describe_the_component_as_the_platform_reads_it,
                                  tidy),
        cmocka_unit_test_teardown(the_dockerfile_has_none_of_the_platforms_labels, tidy),
        cmocka_unit_test_teardown(the_logo_is_square, tidy),
        cmocka_unit_test_teardown(the_files_that_a_build_may_look_for_are_there, tidy),
    };
    return cmocka_run_group_tests(tests, make_names, remove_names);
}
