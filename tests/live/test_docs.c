// SPDX-License-Identifier: Apache-2.0
/* test_docs.c - runs what the pages docs/http-*.md show: every block of shell, one page after
 * the other, each on a server of its own, all on one topic `cars` that holds a few records.
 *
 * A block is run as it stands, by `bash -eu -o pipefail`, all blocks of a page in one shell. It
 * may use $BASE, where the server is, and $CALLBACK, a URL that takes what is pushed. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"
#include "support/stub.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_MS 60000
#define TOPIC   "cars"

/* --- What a page shows --- */

struct script {
    char *text;
    size_t blocks;
};

static void append(char **text, const char *more, size_t len)
{
    size_t before = *text ? strlen(*text) : 0;
    *text = realloc(*text, before + len + 1);
    assert_non_null(*text);
    memcpy(*text + before, more, len);
    (*text)[before + len] = '\0';
}

/* The blocks that are marked as shell, each behind a line that says which it is. */
static struct script script_of(const char *page)
{
    struct script s = { NULL, 0 };
    char *text = read_text_file(page), note[64];
    append(&s.text, "set -euo pipefail\n", strlen("set -euo pipefail\n"));
    for (const char *at = text; (at = strstr(at, "\n```sh\n"));) {
        const char *begin = at + strlen("\n```sh\n"), *end = strstr(begin, "\n```");
        if (!end)
            fail_test("%s: a block does not end", page);
        snprintf(note, sizeof(note), "echo; echo '--- block %zu'\n", ++s.blocks);
        append(&s.text, note, strlen(note));
        append(&s.text, begin, (size_t)(end + 1 - begin));
        at = end;
    }
    free(text);
    return s;
}

/* --- Running it --- */

static void make_topic(void)
{
    witness_create_topic(witness, TOPIC, 3, NULL);
    for (int i = 0; i < 3; i++) {
        struct witness_record record = witness_text("Car status", "arrived", i);
        (void)witness_write(witness, TOPIC, &record);
    }
}

static void run_page(const char *page)
{
    char base[120], callback[200];
    struct script script = script_of(page);
    if (script.blocks == 0)
        fail_test("%s has no block of shell", page);
    struct stub *receiver = stub_start(NULL);
    struct serve *server = serve_start(ARGS(no_sign_in()), NULL);
    snprintf(base, sizeof(base), "BASE=%s", server->base);
    snprintf(callback, sizeof(callback), "CALLBACK=%s", stub_url(receiver, "/cars"));
    const struct process_options options = { .env = ARGS(base, callback) };
    struct run run = run_process(ARGS("bash", "-s"), &options, script.text, PAGE_MS);
    if (run.end.exit_code != 0)
        fail_test("%s ended with %d after:\n%s\n%s", page, run.end.exit_code, run.out, run.err);
    run_free(&run);
    serve_free(server);
    stub_stop(receiver);
    free(script.text);
}

static void every_page_about_http_does_what_it_says(void **state)
{
    (void)state;
    glob_t pages;
    make_topic();
    char pattern[400];
    snprintf(pattern, sizeof(pattern), "%s/docs/http-*.md", need_env("KC_TEST_ROOT"));
    assert_int_equal(glob(pattern, 0, NULL, &pages), 0);
    for (size_t i = 0; i < pages.gl_pathc; i++) {
        print_message("%s\n", pages.gl_pathv[i]);
        run_page(pages.gl_pathv[i]);
    }
    globfree(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(every_page_about_http_does_what_it_says),
    };
    return cmocka_run_group_tests(tests, live_setup, live_teardown);
}
