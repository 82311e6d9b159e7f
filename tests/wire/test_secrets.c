// SPDX-License-Identifier: Apache-2.0
/* test_secrets.c - what nobody shall find: the harness looks for secrets in all output, and
 * here it is seen to look; and a process that is killed leaves no picture of its memory. */
#include "support/component.h"
#include "support/fail.h"
#include "support/secrets.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MARKER "marker/Secret+7c=19"

/* The harness ends its program when it finds one, so it looks in a child. */
static bool is_found(const char *text)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        secrets_add(MARKER);
        secrets_check(text, strlen(text), "a text");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 99);
    return WEXITSTATUS(status) == 99;
}

static void the_harness_finds_a_secret_in_each_of_its_forms(void **state)
{
    (void)state;
    assert_false(is_found(""));
    assert_false(is_found("{\"msg\":\"all is well\"}"));
    assert_true(is_found("password=" MARKER ";"));
    assert_true(is_found("?p=marker%2FSecret%2B7c%3D19&"));
    assert_true(is_found("bWFya2VyL1NlY3JldCs3Yz0xOQ=="));         /* itself */
    assert_true(is_found("AGFsaWNlAG1hcmtlci9TZWNyZXQrN2M9MTk=")); /* \0alice\0itself */
    assert_true(is_found("YWxpY2U6bWFya2VyL1NlY3JldCs3Yz0xOQ==")); /* alice:itself */
    assert_true(is_found("YjptYXJrZXIvU2VjcmV0KzdjPTE5Cg=="));     /* b:itself and a newline */
    assert_true(is_found("alice-Secret-7f3a")); /* known without being told */
}

static void a_process_that_is_killed_leaves_no_core(void **state)
{
    (void)state;
    struct rlimit before, unlimited = { RLIM_INFINITY, RLIM_INFINITY };
    assert_int_equal(getrlimit(RLIMIT_CORE, &before), 0);
    unlimited.rlim_cur = unlimited.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_CORE, &unlimited);
    struct process *p =
        component_start(ARGS("run", "produce", "--embedded-broker", "--set", "topic=t"), NULL);
    json_t *answer = ask(p, "{'value':'x'}"); /* it is well under way */
    json_decref(answer);
    process_signal(p, SIGABRT);
    struct process_end end = process_wait(p, WAIT_MS);
    setrlimit(RLIMIT_CORE, &before);
    assert_int_equal(end.signal, SIGABRT);
    assert_false(end.has_core);
}

/* Wrong in every way that is told of, with a secret in each place that holds one. */
static void no_fault_of_the_settings_quotes_a_secret(void **state)
{
    (void)state;
    secrets_add(MARKER);
    static const char *const settings[] = {
        "{'brokers':'::','password':'" MARKER "'}",
        "{'brokers':'b','username':'u','password':'" MARKER "','mechanism':'plane'}",
        "{'brokers':'b','username':'u','passwort':'" MARKER "'}",
        "{'brokers':'b','username':'u','password':['" MARKER "']}",
        "{'brokers':'b','mechanism':'none','clientKey':'" MARKER "','clientCertificate':'x'}",
        "{'brokers':'b','username':'u','password':'" MARKER "'",
        "{'brokers':'b','username':'u','password':'p','properties':'sasl.password=" MARKER
        "\\nsasl.jaas.config=x password=\\'" MARKER "\\';'}",
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char setting[600];
        snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=%s", json(settings[i]));
        const char *const *const commands[] = {
            (const char *const[]){ "run", "produce", "--set", "topic=t", "--log-level", "trace",
                                   NULL },
            (const char *const[]){ "serve", "--listen", "127.0.0.1:0", "--log-level", "trace",
                                   NULL },
            (const char *const[]){ "verify", "--log-level", "trace", NULL },
        };
        for (size_t k = 0; k < 3; k++) {
            struct run run = run_component(
                commands[k], &(struct process_options){ .env = ARGS(setting) }, "", WAIT_MS);
            assert_exit(&run, 78);
            run_free(&run);
        }
    }
}

/* Where secrets stand that should be elsewhere; the harness does not know this one, since it is
 * in the process list already. */
static void a_secret_in_a_wrong_place_is_not_quoted(void **state)
{
    (void)state;
    const char *const *const commands[] = {
        ARGS("verify", "--set", "brokers=user:hunter2@b:9092"),
        ARGS("run", "produce", "--set", "topic=t", "--set", "brokers=user:hunter2@b"),
        ARGS("verify", "--credentials", "{\"password\":\"hunter2\"}"),
        ARGS("run", "produce", "--config", "{\"credentials\":{\"password\":\"hunter2\"}}"),
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct run run = run_component(commands[i], NULL, "", WAIT_MS);
        assert_exit(&run, 78);
        assert_null(strstr(run.out, "hunter2"));
        assert_null(strstr(run.err, "hunter2"));
        run_free(&run);
    }
}

static void what_the_program_says_of_itself_has_none(void **state)
{
    (void)state;
    const struct process_options options = {
        .env = ARGS("KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"b\",\"username\":\"u\","
                    "\"password\":\"" KAFKA_PASSWORD "\"}")
    };
    const char *const *const commands[] = { ARGS("--version"), ARGS("describe"), ARGS("--help"),
                                            ARGS("run", "produce", "--help") };
    for (size_t i = 0; i < 4; i++) {
        struct run run = run_component(commands[i], &options, "", WAIT_MS);
        assert_exit(&run, 0);
        run_free(&run);
    }
}

#define secrets_test(test) cmocka_unit_test_teardown(test, process_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        secrets_test(the_harness_finds_a_secret_in_each_of_its_forms),
        secrets_test(a_process_that_is_killed_leaves_no_core),
        secrets_test(no_fault_of_the_settings_quotes_a_secret),
        secrets_test(a_secret_in_a_wrong_place_is_not_quoted),
        secrets_test(what_the_program_says_of_itself_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
