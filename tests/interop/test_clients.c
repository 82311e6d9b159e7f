// SPDX-License-Identifier: Apache-2.0
/* test_clients.c - kcat and kafkajs read what we wrote, and we read what they wrote.
 *
 * kcat knows all codecs. kafkajs brings gzip; snappy, lz4 and zstd come from pure JavaScript
 * packages, the last two of which only read. */
#include "support/component.h"
#include "support/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#define RECORDS 200

static const char *const codecs[] = { "none", "gzip", "snappy", "lz4", "zstd" };
enum {
    CODECS = sizeof(codecs) / sizeof(codecs[0]),
    LZ4 = 3
};

/* --- The others --- */

/* What kafkajs prints, a JSON value a line, as an array. */
static json_t *kafkajs(const char *const args[], const char *input)
{
    char script[400], modules[400];
    snprintf(script, sizeof(script), "%s/tests/interop/client.js", need_env("KC_TEST_ROOT"));
    snprintf(modules, sizeof(modules), "NODE_PATH=%s", need_env("KC_TEST_NODE_MODULES"));
    const char *argv[8] = { "node", script };
    for (size_t n = 2; *args && n < 7; n++)
        argv[n] = *args++;
    struct run run = run_process(
        argv,
        &(struct process_options){ .env = ARGS(modules, "KAFKAJS_NO_PARTITIONER_WARNING=1") },
        input, WAIT_MS * 2);
    if (run.end.exit_code != 0)
        fail_msg("kafkajs %s: exit code %d\n%s", argv[2], run.end.exit_code, run.err);
    json_t *values = json_array();
    for (const char *at = run.out; *at; at += strcspn(at, "\n") + 1)
        json_array_append_new(values,
                              json_loads(at, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL));
    run_free(&run);
    return values;
}

static struct run kcat(const char *const args[], const char *input)
{
    const char *argv[20] = { "kcat", "-b", kafka->plaintext };
    for (size_t n = 3; *args && n < 19; n++)
        argv[n] = *args++;
    struct run run = run_process(argv, NULL, input, WAIT_MS);
    if (run.end.exit_code != 0)
        fail_msg("kcat: exit code %d\n%s", run.end.exit_code, run.err);
    return run;
}

/* --- Records --- */

/* Record n of a test: text that compresses and a byte that is not UTF-8. */
struct sample {
    char key[16], value[64];
    char key64[32], value64[96]; /* the same in base64 */
};

static void base64(char *to, const char *text)
{
    EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)text, (int)strlen(text));
}

static struct sample sample(int n)
{
    struct sample s;
    snprintf(s.key, sizeof(s.key), "k%d", n % 17);
    snprintf(s.value, sizeof(s.value), "car %d arrived, arrived, arrived, arrived at home\xff",
             n);
    base64(s.key64, s.key);
    base64(s.value64, s.value);
    return s;
}

/* One line of JSON per record, or for us one message with all of them. */
static char *samples_as(const char *before, const char *more, const char *between,
                        const char *after)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    fputs(before, memory);
    for (int i = 0; i < RECORDS; i++) {
        struct sample s = sample(i);
        fprintf(memory, "%s{\"key\":\"%s\",%s\"value\":\"%s\"}", i ? between : "", s.key64,
                more, s.value64);
    }
    fputs(after, memory);
    fclose(memory);
    return text;
}

static void write_by_us(const char *topic, const char *codec)
{
    char setting[32];
    snprintf(setting, sizeof(setting), "compression=%s", codec);
    char *message =
        samples_as("{\"messages\":[",
                   "\"keyEncoding\":\"base64\",\"valueEncoding\":\"base64\",", ",", "]}\n");
    json_decref(produce(topic, ARGS("--set", setting), message, 0));
    free(message);
}

static void write_by_kafkajs(const char *topic, const char *codec)
{
    char *lines = samples_as("", "", "\n", "\n");
    json_decref(kafkajs(ARGS("write", kafka->plaintext, topic, codec), lines));
    free(lines);
}

static void write_by_kcat(const char *topic, const char *codec)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    for (int i = 0; i < RECORDS; i++) {
        struct sample s = sample(i);
        fprintf(memory, "%s=%s\n", s.key, s.value);
    }
    fclose(memory);
    struct run run = kcat(ARGS("-P", "-t", topic, "-K=", "-z", codec), text);
    run_free(&run);
    free(text);
}

/* Both kafkajs and we call the members alike. */
static void assert_samples(json_t *records, const char *body)
{
    if (json_array_size(records) != RECORDS)
        fail_msg("%zu records in place of %d", json_array_size(records), RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        struct sample s = sample(i);
        char path[32];
        snprintf(path, sizeof(path), "%d%s.key", i, body);
        assert_event_str(records, path, s.key64);
        snprintf(path, sizeof(path), "%d%s.value", i, body);
        assert_event_str(records, path, s.value64);
    }
}

static void we_read_the_samples(const char *topic)
{
    json_t *events = consume(topic, NULL,
                             ARGS("--set", "startFrom=earliest", "--until", "end", "--set",
                                  "keyEncoding=base64", "--set", "valueEncoding=base64"),
                             0);
    json_t *data = events_of(events, "data");
    assert_samples(data, ".body");
    json_decref(data);
    json_decref(events);
}

static void kafkajs_reads_the_samples(const char *topic)
{
    json_t *records = kafkajs(ARGS("read", kafka->plaintext, topic, "200"), "");
    assert_samples(records, "");
    json_decref(records);
}

static void kcat_reads_the_samples(const char *topic)
{
    struct run run = kcat(ARGS("-C", "-t", topic, "-e", "-q", "-f", "%k=%s\\n"), "");
    const char *at = run.out;
    for (int i = 0; i < RECORDS; i++) {
        struct sample s = sample(i);
        char line[96];
        int length = snprintf(line, sizeof(line), "%s=%s\n", s.key, s.value);
        if (strncmp(at, line, (size_t)length) != 0)
            fail_msg("kcat's record %d is %.80s", i, at);
        at += length;
    }
    assert_string_equal(at, "");
    run_free(&run);
}

/* The codec of the topic's first batch, from the log file itself: the low three bits of the
 * attributes, which follow base offset, length, epoch, magic and checksum. */
static void assert_codec_in_log(const char *topic, int codec)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/data/%s-0/00000000000000000000.log", kafka->folder, topic);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_test("cannot read %s", path);
    unsigned char head[23];
    assert_int_equal(fread(head, 1, sizeof(head), file), sizeof(head));
    fclose(file);
    assert_int_equal(head[22] & 7, codec);
}

/* --- Tests --- */

static void what_we_write_is_read_by_kcat_and_kafkajs(void **state)
{
    (void)state;
    for (int codec = 0; codec < CODECS; codec++) {
        const char *topic = witness_new_topic(witness, 1, NULL);
        write_by_us(topic, codecs[codec]);
        assert_codec_in_log(topic, codec);
        kcat_reads_the_samples(topic);
        kafkajs_reads_the_samples(topic);
    }
}

static void what_kafkajs_writes_is_read_by_us(void **state)
{
    (void)state;
    for (int codec = 0; codec < LZ4; codec++) {
        const char *topic = witness_new_topic(witness, 1, NULL);
        write_by_kafkajs(topic, codecs[codec]);
        assert_codec_in_log(topic, codec);
        we_read_the_samples(topic);
    }
}

static void what_kcat_writes_is_read_by_us(void **state)
{
    (void)state;
    for (int codec = 0; codec < CODECS; codec++) {
        const char *topic = witness_new_topic(witness, 1, NULL);
        write_by_kcat(topic, codecs[codec]);
        assert_codec_in_log(topic, codec);
        we_read_the_samples(topic);
    }
}

static void headers_and_nulls_mean_the_same_to_kafkajs(void **state)
{
    (void)state;
    const char *ours = witness_new_topic(witness, 1, NULL);
    const char *theirs = witness_new_topic(witness, 1, NULL);
    json_decref(produce(ours, NULL,
                        json("{'messages':[{'key':null,'value':null,'timestamp':1700000000123},"
                             "{'key':'','value':'','timestamp':1700000000124,"
                             "'headers':{'a':['1','2'],'b':{'base64':'/wA='},'c':''}}]}\n"),
                        0));
    json_decref(
        kafkajs(ARGS("write", kafka->plaintext, theirs, "none"),
                json("{'key':null,'value':null,'timestamp':'1700000000123'}\n"
                     "{'key':'','value':'','timestamp':'1700000000124',"
                     "'headers':[['a','MQ=='],['a','Mg=='],['b','/wA='],['c','']]}\n")));

    struct witness_records a = witness_read(witness, ours), b = witness_read(witness, theirs);
    assert_int_equal(a.count, 2);
    assert_int_equal(b.count, 2);
    assert_same_record(&a.at[0], &b.at[0]);
    assert_same_record(&a.at[1], &b.at[1]);
    witness_records_free(&a);
    witness_records_free(&b);

    json_t *read = kafkajs(ARGS("read", kafka->plaintext, ours, "2"), "");
    assert_json(read, "0.key", "null");
    assert_json(read, "0.value", "null");
    assert_json(read, "0.timestamp", "\"1700000000123\"");
    assert_json(read, "1.key", "\"\"");
    assert_json(read, "1.value", "\"\"");
    assert_json(read, "1.headers",
                "[[\"a\",\"MQ==\"],[\"a\",\"Mg==\"],[\"b\",\"/wA=\"],[\"c\",\"\"]]");
    json_decref(read);

    json_t *events =
        consume(theirs, NULL, ARGS("--set", "startFrom=earliest", "--until", "end"), 0);
    assert_null(event_at(events, "0.body.key"));
    assert_json(events, "0.body.value", "null");
    assert_event_str(events, "1.body.key", "");
    assert_event_str(events, "1.body.value", "");
    json_decref(events);
}

/* --- Where a key goes --- */

struct vector {
    long long hash;
    char key64[1500];
};

static size_t read_vectors(struct vector *vectors, size_t max)
{
    char path[400], line[1600];
    snprintf(path, sizeof(path), "%s/tests/unit/murmur2_vectors.txt", need_env("KC_TEST_ROOT"));
    FILE *file = fopen(path, "r");
    if (!file)
        fail_test("cannot read %s", path);
    size_t count = 0;
    while (fgets(line, sizeof(line), file)) {
        struct vector *v = &vectors[count];
        v->key64[0] = '\0';
        if (line[0] == '#' || sscanf(line, "%lld %1499s", &v->hash, v->key64) < 1)
            continue;
        assert_true(++count < max);
    }
    fclose(file);
    return count;
}

static void keys_land_where_kafkajs_puts_them(void **state)
{
    (void)state;
    enum {
        MAX = 100
    };
    static const int partition_counts[] = { 7, 32 };
    struct vector *vectors = calloc(MAX, sizeof(*vectors));
    assert_non_null(vectors);
    size_t count = read_vectors(vectors, MAX), size;
    assert_true(count > 50);

    char *keys = NULL;
    FILE *memory = open_memstream(&keys, &size);
    for (size_t i = 0; i < count; i++)
        fprintf(memory, "\"%s\"\n", vectors[i].key64);
    fclose(memory);
    json_t *hashes = kafkajs(ARGS("hashes"), keys);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_integer_value(json_array_get(hashes, i)), vectors[i].hash);
    json_decref(hashes);

    for (int k = 0; k < 2; k++) {
        int partitions = partition_counts[k];
        char number[8];
        snprintf(number, sizeof(number), "%d", partitions);
        json_t *theirs = kafkajs(ARGS("partitions", number), keys);

        const char *topic = witness_new_topic(witness, partitions, NULL);
        char *message = NULL;
        memory = open_memstream(&message, &size);
        fputs("{\"messages\":[", memory);
        for (size_t i = 0; i < count; i++)
            fprintf(memory, "%s{\"key\":\"%s\",\"keyEncoding\":\"base64\",\"value\":\"%zu\"}",
                    i ? "," : "", vectors[i].key64, i);
        fputs("]}\n", memory);
        fclose(memory);
        json_decref(produce(topic, NULL, message, 0));
        free(message);

        struct witness_records records = witness_read(witness, topic);
        assert_int_equal(records.count, count);
        for (size_t i = 0; i < count; i++) {
            char text[16];
            snprintf(text, sizeof(text), "%.*s", (int)records.at[i].value_size,
                     (const char *)records.at[i].value);
            size_t n = strtoul(text, NULL, 10);
            assert_int_equal(records.at[i].partition, vectors[n].hash % partitions);
            assert_int_equal(records.at[i].partition,
                             json_integer_value(json_array_get(theirs, n)));
        }
        witness_records_free(&records);
        json_decref(theirs);
    }
    free(keys);
    free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(what_we_write_is_read_by_kcat_and_kafkajs),
        live_test(what_kafkajs_writes_is_read_by_us),
        live_test(what_kcat_writes_is_read_by_us),
        live_test(headers_and_nulls_mean_the_same_to_kafkajs),
        live_test(keys_land_where_kafkajs_puts_them),
    };
    return cmocka_run_group_tests_name("interop/clients", tests, live_setup, live_teardown);
}
