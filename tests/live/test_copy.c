// SPDX-License-Identifier: Apache-2.0
/* test_copy.c - `run consume … | run produce …` copies a topic: another client finds no
 * difference between the copy and the original. */
#include "support/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct process_end copy(const char *from, const char *to, const char *consume_more)
{
    char command[600];
    snprintf(
        command, sizeof(command),
        "set -o pipefail; \"$KC_TEST_BINARY\" run consume --set topic=%s --set groupId=%s-copy "
        "--set startFrom=earliest --until end %s | \"$KC_TEST_BINARY\" run produce --set "
        "topic=%s",
        from, from, consume_more, to);
    struct run run =
        run_process(ARGS("bash", "-c", command),
                    &(struct process_options){ .env = ARGS(no_sign_in()) }, "", WAIT_MS * 2);
    if (run.end.exit_code != 0)
        fail_msg("exit code %d\n%.3000s\n%.3000s", run.end.exit_code, run.out, run.err);
    json_decref(events_parse(run.out));
    struct process_end end = run.end;
    run_free(&run);
    return end;
}

static void assert_same_topic(const char *copied, const char *original)
{
    struct witness_records a = witness_read(witness, copied),
                           b = witness_read(witness, original);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++)
        assert_same_record(&a.at[i], &b.at[i]);
    witness_records_free(&a);
    witness_records_free(&b);
}

/* What kcat prints of a topic, all bytes of it. */
static struct run kcat(const char *topic)
{
    struct run run = run_process(ARGS("kcat", "-C", "-b", kafka->plaintext, "-t", topic, "-e",
                                      "-q", "-f", "%o %T %K:%k %S:%s [%h]\\n"),
                                 NULL, "", WAIT_MS);
    assert_int_equal(run.end.exit_code, 0);
    return run;
}

#define KEY(text)   .key = (text), .key_size = sizeof(text) - 1
#define VALUE(text) .value = (text), .value_size = sizeof(text) - 1

static void write_awkward_records(const char *topic)
{
    static const struct witness_record records[] = {
        { KEY("key"), VALUE("value") },
        { .timestamp = 1 },
        { .key = "", .value = "", .timestamp = 4102444800000 },
        { .key = "", .value = NULL },
        { .key = NULL, .value = "" },
        { KEY("\xff\xfe\0"), VALUE("\x80\0\x81 \xc0\xaf") },
        { KEY("\0"), VALUE("\xed\xa0\x80") },               /* half a surrogate pair */
        { KEY("\xf4\x90\x80\x80"), VALUE("\xef\xbf\xbd") }, /* beyond Unicode; U+FFFD itself */
        { KEY("\\\"/\b\f\n\r\t\x01\x7f"), VALUE("\u2028\U0001F697") },
        { KEY("{\"a\":1}"), VALUE("{\"value\":\"json?\"}") },
        { KEY("h"), VALUE("headers"),
          .headers = { { "twice", "1", 1 },
                       { "other", "x", 1 },
                       { "twice", "2", 1 },
                       { "null", NULL, 0 },
                       { "empty", "", 0 },
                       { "bytes", "\xff\0\x80", 3 },
                       { "", "no name", 7 },
                       { "twice", NULL, 0 } },
          .header_count = 8 },
        { KEY("h"), VALUE("one header"), .headers = { { "bytes", "\x80", 1 } },
          .header_count = 1 },
    };
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        struct witness_record record = records[i];
        if (record.timestamp == 0)
            record.timestamp = 1700000000000 + (int64_t)i;
        witness_write(witness, topic, &record);
    }
}

/* As the year 2100 in a record is a mistake elsewhere, Kafka refuses it unless told otherwise.
 */
static const char *new_topic(void)
{
    return witness_new_topic(witness, 1,
                             ARGS("message.timestamp.after.max.ms=9223372036854775807"));
}

static void awkward_records_are_copied_byte_for_byte(void **state)
{
    (void)state;
    static const char *const encodings[] = {
        "", "--set valueEncoding=base64 --set keyEncoding=base64", "--set batchSize=5"
    };
    const char *original = new_topic();
    write_awkward_records(original);
    for (int i = 0; i < 3; i++) {
        const char *copied = new_topic();
        copy(original, copied, encodings[i]);
        assert_same_topic(copied, original);

        struct run a = kcat(copied), b = kcat(original);
        assert_string_equal(a.out, b.out);
        run_free(&a);
        run_free(&b);
        char group[64];
        snprintf(group, sizeof(group), "%s-copy", original);
        witness_commit(witness, group, original, 0, 0); /* from the start, once more */
    }
}

static void many_records_are_copied(void **state)
{
    (void)state;
    enum {
        RECORDS = 50000
    };
    const char *original = new_topic();
    const char *copied = new_topic();
    witness_write_numbers(witness, original, 1, 0, RECORDS);
    copy(original, copied, "");
    assert_same_topic(copied, original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(awkward_records_are_copied_byte_for_byte),
        live_test(many_records_are_copied),
    };
    return cmocka_run_group_tests_name("live/copy", tests, live_setup, live_teardown);
}
