// SPDX-License-Identifier: Apache-2.0
#include "cli/shim.h"

#include "unit/unit.h"

/* What the words of a line, separated by one space, are read as; the first is the name that the
 * program was called by. NULL where they are refused, then *err says why. */
static const char *read_as(const char *line, struct kc_error *err)
{
    static char text[512], meaning[512];
    static char *argv[16];
    int argc = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *word = text, *next; word; word = next) {
        next = strchr(word, ' ');
        if (next)
            *next++ = '\0';
        argv[argc++] = word;
    }
    argv[argc] = NULL;

    struct kc_shim shim;
    if (!kc_shim_read(&shim, argc, argv, err))
        return NULL;
    size_t len = 0;
    meaning[0] = '\0';
    for (int i = 1; i < shim.argc; i++)
        len += (size_t)snprintf(meaning + len, sizeof(meaning) - len, "%s%s", i > 1 ? " " : "",
                                shim.argv[i]);
    assert_null(shim.argv[shim.argc]);
    return meaning;
}

static void assert_means(const char *line, const char *wanted)
{
    struct kc_error err = { 0 };
    const char *meaning = read_as(line, &err);
    if (!meaning)
        fail_msg("%s: %s", line, err.text);
    else if (strcmp(meaning, wanted) != 0)
        fail_msg("%s: '%s' is not '%s'", line, meaning, wanted);
}

static void assert_refused(const char *line, const char *why)
{
    struct kc_error err = { 0 };
    if (read_as(line, &err))
        fail_msg("accepted: %s", line);
    assert_error(&err, KC_CONFIG, why);
}

static int forget_the_platform(void **state)
{
    (void)state;
    unsetenv("ELASTICIO_FLOW_ID");
    unsetenv("ELASTICIO_POST_RESULT_URL");
    return 0;
}

static void node_and_npm_start_a_step(void **state)
{
    (void)state;
    assert_means("node ./node_modules/elasticio-sailor-nodejs/run.js", "sailor");
    assert_means("/usr/local/bin/node run.js", "sailor");
    assert_means("node /app/run.js node ./node_modules/elasticio-sailor-nodejs/run.js",
                 "sailor");
    assert_means("npm start", "sailor");
}

static void node_starts_a_method(void **state)
{
    (void)state;
    assert_means("node ./node_modules/elasticio-sailor-nodejs/runService.js verifyCredentials",
                 "service verifyCredentials");
    assert_means("node runService.js selectModel a b", "service selectModel");
    assert_means("node runService.js unknown", "service unknown");
    assert_means("node runService.js", "service");
}

static void the_same_may_follow_our_own_name(void **state)
{
    (void)state;
    assert_means("kafka-component node ./x/run.js", "sailor");
    assert_means("kafka-component /usr/bin/node ./x/runService.js getMetaModel",
                 "service getMetaModel");
    assert_means("kafka-component npm start", "sailor");
    assert_means("kafka-component ./x/run.js", "sailor");
    assert_means("kafka-component ./x/runService.js getMetaModel", "service getMetaModel");
}

static void a_step_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_means("kafka-component step", "sailor");
    assert_means("kafka-component step --log-level debug", "sailor --log-level debug");
    assert_means("kafka-component service step", "service step");
}

static void without_arguments_a_step_starts_where_the_platform_speaks(void **state)
{
    (void)state;
    assert_means("kafka-component", "");
    setenv("ELASTICIO_FLOW_ID", "", 1);
    assert_means("kafka-component", "sailor");
    assert_means("kafka-component --version", "--version");
}

static void a_method_alone_is_one_where_its_result_is_wanted(void **state)
{
    (void)state;
    assert_means("kafka-component verifyCredentials", "verifyCredentials");
    setenv("ELASTICIO_POST_RESULT_URL", "http://127.0.0.1:1/", 1);
    assert_means("kafka-component verifyCredentials", "service verifyCredentials");
    assert_means("kafka-component selectModel more", "service selectModel");
    assert_means("kafka-component unknownMethod", "unknownMethod");
}

static void a_plain_line_of_shell_is_what_it_starts(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    static const struct {
        const char *line, *means;
    } cases[] = {
        { "node ./node_modules/elasticio-sailor-nodejs/run.js", "sailor" },
        { " npm  start ", "sailor" },
        { "/usr/local/bin/node runService.js getMetaModel", "service getMetaModel" },
        { "kafka-component step --log-level=debug", "sailor --log-level=debug" },
        { "kafka-component serve --listen 0.0.0.0:1", "serve --listen 0.0.0.0:1" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t after = 0; after < 2; after++) {
            char line[512], *argv[] = { (char[]){ "kafka-component" }, (char[]){ "/bin/sh" },
                                        (char[]){ "-c" }, line, NULL };
            struct kc_shim shim;
            snprintf(line, sizeof(line), "%s", cases[i].line);
            assert_true(kc_shim_read(&shim, after ? 4 : 3, after ? argv : argv + 1, &err));
            char meaning[512] = "";
            for (int n = 1, len = 0; n < shim.argc; n++)
                len += snprintf(meaning + len, sizeof(meaning) - (size_t)len, "%s%s",
                                n > 1 ? " " : "", shim.argv[n]);
            assert_string_equal(meaning, cases[i].means);
            assert_null(shim.argv[shim.argc]);
        }
    }
    char refused[] = "node index.js";
    char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, refused, NULL };
    struct kc_shim shim;
    assert_false(kc_shim_read(&shim, 3, argv, &err));
    assert_error(&err, KC_CONFIG, "and not 'index.js'");
}

static void everything_else_stays_as_it_is(void **state)
{
    (void)state;
    setenv("ELASTICIO_FLOW_ID", "f", 1);
    assert_means("kafka-component run produce --set topic=a", "run produce --set topic=a");
    assert_means("kafka-component sh", "sh");
    assert_means("kafka-component stepwise", "stepwise");
    assert_means("kafka-component --help", "--help");
}

static void node_and_npm_do_nothing_else(void **state)
{
    (void)state;
    assert_refused("node", "no Node.js here");
    assert_refused("node index.js", "and not 'index.js'");
    assert_refused("node -e 1", "and not '-e'");
    assert_refused("node --version", "and not '--version'");
    assert_refused("node rerun.js", "and not 'rerun.js'");
    assert_refused("node run.js/", "and not 'run.js/'");
    assert_refused("npm", "only 'npm start'");
    assert_refused("npm install", "only 'npm start'");
    assert_refused("kafka-component node index.js", "and not 'index.js'");
    assert_refused("kafka-component npm ci", "only 'npm start'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(node_and_npm_start_a_step, forget_the_platform),
        cmocka_unit_test_setup(node_starts_a_method, forget_the_platform),
        cmocka_unit_test_setup(the_same_may_follow_our_own_name, forget_the_platform),
        cmocka_unit_test_setup(a_step_has_a_name_of_its_own, forget_the_platform),
        cmocka_unit_test_setup(without_arguments_a_step_starts_where_the_platform_speaks,
                               forget_the_platform),
        cmocka_unit_test_setup(a_method_alone_is_one_where_its_result_is_wanted,
                               forget_the_platform),
        cmocka_unit_test_setup(a_plain_line_of_shell_is_what_it_starts, forget_the_platform),
        cmocka_unit_test_setup(everything_else_stays_as_it_is, forget_the_platform),
        cmocka_unit_test_setup(node_and_npm_do_nothing_else, forget_the_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
