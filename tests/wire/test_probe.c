// SPDX-License-Identifier: Apache-2.0
/* test_probe.c - `kafka-component probe`, which health checks of containers run. */
#include "support/process.h"
#include "support/stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS 15000

/* It ends with this code, says this on stderr and nothing on stdout. Returns how long it took.
 */
static int64_t probe(const char *const args[], int exit_code, const char *says)
{
    int64_t began = now_ms();
    struct run run = run_component(args, NULL, "", WAIT_MS);
    assert_exit(&run, exit_code);
    if (!strstr(run.err, says))
        fail_msg("'%s' is not in:\n%s", says, run.err);
    assert_string_equal(run.out, "");
    run_free(&run);
    return now_ms() - began;
}

static void a_server_that_answers_2xx_is_well(void **state)
{
    (void)state;
    struct stub *stub = stub_start(NULL);
    probe(ARGS("probe", stub_url(stub, "/readyz")), 0, "");
    assert_string_equal(stub_wait(stub, 0, WAIT_MS)->method, "GET");
    assert_string_equal(stub_wait(stub, 0, WAIT_MS)->path, "/readyz");
    stub_next(stub, &(struct stub_answer){ .status = 204 });
    probe(ARGS("probe", stub_url(stub, "/readyz")), 0, "");
    stub_stop(stub);
}

static void any_other_answer_and_none_are_not(void **state)
{
    (void)state;
    struct stub *stub = stub_start(NULL);
    const char *url = stub_url(stub, "/readyz");
    char gone[200];
    snprintf(gone, sizeof(gone), "%s", url);
    stub_next(stub, &(struct stub_answer){ .status = 503 });
    probe(ARGS("probe", url), 69, "503");
    stub_next(stub, &(struct stub_answer){ .status = 302, .headers = ARGS("Location: /") });
    probe(ARGS("probe", url), 69, "302");
    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    probe(ARGS("probe", url), 69, "/readyz");
    stub_next(stub, &(struct stub_answer){ .never_answers = true });
    assert_true(probe(ARGS("probe", url), 69, "/readyz") < 9000); /* 3 s, and its start */
    stub_stop(stub);
    probe(ARGS("probe", gone), 69, "/readyz");
}

static void what_it_cannot_ask_is_a_wrong_command_line(void **state)
{
    (void)state;
    probe(ARGS("probe", "ftp://127.0.0.1/"), 64, "--help");
    probe(ARGS("probe", "readyz"), 64, "--help");
    probe(ARGS("probe", "http://127.0.0.1:1/", "http://127.0.0.1:2/"), 64, "one URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_server_that_answers_2xx_is_well, process_free_all),
        cmocka_unit_test_teardown(any_other_answer_and_none_are_not, process_free_all),
        cmocka_unit_test_teardown(what_it_cannot_ask_is_a_wrong_command_line, process_free_all),
    };
    return cmocka_run_group_tests_name("wire/probe", tests, NULL, NULL);
}
