// SPDX-License-Identifier: Apache-2.0
/* test_corpus.c - bad input of every kind, and good input that looks bad: each is answered, and
 * the next good line is served.
 *
 * A file in tests/corpus/ says by its name what becomes of it: accept-…, reject-… (as the
 * sender's fault) or either-…. What is too large for a file is made here. One process takes all
 * of them. */
#include "support/event.h"
#include "support/fail.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS   20000
#define FILES_MAX 1000
#define FILE_MAX  65536

#define GOOD      "{\"id\":\"next good line\",\"body\":{\"value\":1}}"

static struct process *component;
static int64_t line; /* the last that was said */

static int start_component(void **state)
{
    (void)state;
    component =
        component_start(ARGS("run", "produce", "--embedded-broker", "--set", "topic=cars",
                             "--set", "topicFromMessage=true", "--log-level", "error"),
                        NULL);
    process_keep(component);
    line = 0;
    return 0;
}

static int stop_component(void **state)
{
    process_close_stdin(component);
    struct process_end end = process_wait(component, WAIT_MS);
    bool is_well = end.exit_code == 65 && *process_stderr(component) == '\0';
    if (!is_well)
        print_error("exit code %d, signal %d\n%s", end.exit_code, end.signal,
                    process_stderr(component));
    process_free(component);
    process_free_all(state);
    return is_well ? 0 : 1;
}

/* How many lines these bytes are, and how many of them are not blank. */
static int64_t count_lines(const char *bytes, size_t size, int64_t *not_blank)
{
    int64_t lines = 0;
    bool is_blank = true;
    *not_blank = 0;
    for (size_t i = 0; i < size; i++) {
        is_blank = is_blank && bytes[i] != '\0' && strchr(" \t\r\n", bytes[i]);
        if (bytes[i] != '\n' && i + 1 < size)
            continue;
        lines++;
        *not_blank += !is_blank;
        is_blank = true;
    }
    return lines;
}

struct outcome {
    int64_t ends, errors;
    bool is_input_error; /* all errors are the sender's */
};

/* Says the bytes as lines of their own, and reads all their answers. */
static struct outcome feed(const char *name, const char *bytes, size_t size)
{
    int64_t not_blank, lines = count_lines(bytes, size, &not_blank);
    process_write(component, bytes, size, WAIT_MS);
    if (size == 0 || bytes[size - 1] != '\n')
        process_write(component, "\n", 1, WAIT_MS);
    process_say(component, GOOD);

    struct outcome outcome = { 0, 0, true };
    for (bool is_good = false; !is_good;) {
        const char *text = process_line(component, WAIT_MS);
        if (!text)
            fail_msg("%s: stdout ended; stderr:\n%s", name, process_stderr(component));
        json_t *event = event_parse(text);
        const char *kind = event_str(event, "event");
        int64_t of = event_int(event, "line");
        if (of < line + 1 || of > line + lines + 1)
            fail_msg("%s: an event of line %d between %d and %d", name, (int)of, (int)line + 1,
                     (int)(line + lines + 1));
        is_good = of == line + lines + 1;
        if (is_good) {
            assert_string_equal(kind, "data");
            assert_event_str(event, "inReplyTo", "next good line");
            json_decref(event_expect(component, "end", WAIT_MS));
        } else if (strcmp(kind, "end") == 0) {
            outcome.ends++;
        } else if (strcmp(kind, "error") == 0) {
            outcome.errors++;
            outcome.is_input_error &= strcmp(event_str(event, "error.name"), "InputError") == 0;
        }
        json_decref(event);
    }
    line += lines + 1;
    if (outcome.ends != not_blank)
        fail_msg("%s: %d ends for %d lines", name, (int)outcome.ends, (int)not_blank);
    return outcome;
}

static void accepts(const char *name, const char *bytes, size_t size)
{
    if (feed(name, bytes, size).errors > 0)
        fail_msg("%s was refused", name);
}

static void rejects(const char *name, const char *bytes, size_t size)
{
    struct outcome outcome = feed(name, bytes, size);
    if (outcome.errors == 0 || outcome.errors != outcome.ends)
        fail_msg("%s: %d errors for %d lines", name, (int)outcome.errors, (int)outcome.ends);
    if (!outcome.is_input_error)
        fail_msg("%s was refused as another's fault than the sender's", name);
}

/* --- Files --- */

static void file_is_answered_as_its_name_says(const char *name)
{
    char path[1024];
    static char bytes[FILE_MAX];
    snprintf(path, sizeof(path), "%s/tests/corpus/%s", need_env("KC_TEST_ROOT"), name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_test("%s cannot be read", path);
    size_t size = fread(bytes, 1, sizeof(bytes), f);
    assert_true(size < sizeof(bytes));
    fclose(f);
    if (strncmp(name, "accept-", 7) == 0)
        accepts(name, bytes, size);
    else if (strncmp(name, "reject-", 7) == 0)
        rejects(name, bytes, size);
    else if (strncmp(name, "either-", 7) == 0)
        feed(name, bytes, size);
    else
        fail_msg("%s: a file is accept-…, reject-… or either-…", name);
}

static void every_file_is_answered_as_its_name_says(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/corpus", need_env("KC_TEST_ROOT"));
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), files = 0;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            file_is_answered_as_its_name_says(entries[i]->d_name);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(files > 150);
}

/* --- What is too large for files --- */

/* head, `times` times middle, the middle's counterpart as often, tail; the caller frees. */
static char *nested(const char *head, size_t times, const char *middle, const char *counterpart,
                    const char *tail)
{
    size_t a = strlen(middle), b = strlen(counterpart);
    char *text = malloc(strlen(head) + times * (a + b) + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < times; i++, at += a)
        memcpy(at, middle, a);
    for (size_t i = 0; i < times; i++, at += b)
        memcpy(at, counterpart, b);
    memcpy(at, tail, strlen(tail) + 1);
    return text;
}

#define BRACKETS 100000
#define TEN_MB   ((size_t)10 * 1024 * 1024)

static void depth_bombs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head, *middle, *counterpart, *tail;
    } bombs[] = {
        { "", "[", "", "" },
        { "", "{\"a\":", "", "" },
        { "", "[", "]", "" },
        { "{\"value\":", "[", "]", "}" },
        { "{\"value\":", "[", "", "" },
        { "{\"value\":", "{\"a\":", "}", "" }, /* and nothing within */
        { "{\"value\":1,\"headers\":", "[", "]", "}" },
        { "{\"value\":1,\"id\":", "[", "]", "}" },
        { "", "{\"body\":", "}", "" },
    };
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        char *text = nested(bombs[i].head, BRACKETS, bombs[i].middle, bombs[i].counterpart,
                            bombs[i].tail);
        rejects("a depth bomb", text, strlen(text));
        free(text);
    }
}

static void ten_megabytes_without_a_quote_are_refused(void **state)
{
    (void)state;
    static const char *const heads[] = { "{\"value\":\"", "{\"", "" };
    for (size_t i = 0; i < 3; i++) {
        char *text = nested(heads[i], TEN_MB, "x", "", "");
        rejects("10 MB without a quote", text, strlen(text));
        free(text);
    }
}

static void many_small_things_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *head, *middle, *tail;
    } crowds[] = {
        { "{\"value\":[", "1,", "1]}" },
        { "{\"value\":1,\"headers\":{\"a\":[", "\"\",", "null]}}" },
        { "{\"value\":1", ",\"x\":0", "}" },
        { "{\"value\":1", ",\"value\":2", "}" },
        { "{\"messages\":[", "{\"value\":1,\"partition\":-1},", "{}]}" },
        { "{\"value\":", "9", "}" },
        { "{\"value\":\"", "\\u0000", "\"}" },
        { "{\"value\":1,\"headers\":[", "[],", "[]]}" },
    };
    for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
        char *text = nested(crowds[i].head, BRACKETS, crowds[i].middle, "", crowds[i].tail);
        feed(crowds[i].head, text, strlen(text));
        free(text);
    }
}

static void of_many_faults_some_are_named_and_all_are_counted(void **state)
{
    (void)state;
    char *text = nested("{\"messages\":[", 1000, "{\"value\":1,\"partition\":-1},", "", "{}]}");
    process_say(component, text);
    line++;
    json_t *error = event_expect(component, "error", WAIT_MS);
    assert_int_equal(json_array_size(event_at(error, "error.details")), 50);
    assert_true(strlen(event_str(error, "error.message")) < 1024);
    json_decref(error);
    json_decref(event_expect(component, "end", WAIT_MS));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_answered_as_its_name_says),
        cmocka_unit_test(depth_bombs_are_refused),
        cmocka_unit_test(ten_megabytes_without_a_quote_are_refused),
        cmocka_unit_test(many_small_things_are_answered),
        cmocka_unit_test(of_many_faults_some_are_named_and_all_are_counted),
    };
    return cmocka_run_group_tests(tests, start_component, stop_component);
}
