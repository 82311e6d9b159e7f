// SPDX-License-Identifier: Apache-2.0
/* test_harness.c - the tests' own server and witness do what the other live tests rely on. */
#include "support/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#define REFUSAL_MS 1500 /* librdkafka knocks again and again, though it was refused */

/* Asks for metadata with these settings (name, value, ..., NULL) on top of the address. */
static rd_kafka_resp_err_t knock(const char *brokers, int wait_ms, const char *const settings[])
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    rd_kafka_conf_set(conf, "ssl.ca.location", kafka->certs.ca, NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    for (; *settings; settings += 2)
        assert_int_equal(rd_kafka_conf_set(conf, settings[0], settings[1], why, sizeof(why)),
                         RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 1, NULL, &metadata, wait_ms);
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(rk);
    return err;
}

static void every_listener_takes_the_right_sign_in(void **state)
{
    (void)state;
    static const char *const mechanisms[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" };
    assert_int_equal(knock(kafka->plaintext, WAIT_MS, ARGS("security.protocol", "plaintext")),
                     0);
    assert_int_equal(knock(kafka->ssl, WAIT_MS, ARGS("security.protocol", "ssl")), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            knock(kafka->sasl_plaintext, WAIT_MS,
                  ARGS("security.protocol", "sasl_plaintext", "sasl.mechanism", mechanisms[i],
                       "sasl.username", KAFKA_USER, "sasl.password", KAFKA_PASSWORD)),
            0);
        assert_int_equal(
            knock(kafka->sasl_ssl, WAIT_MS,
                  ARGS("security.protocol", "sasl_ssl", "sasl.mechanism", mechanisms[i],
                       "sasl.username", KAFKA_GUEST, "sasl.password", KAFKA_GUEST_PASSWORD)),
            0);
    }
}

static void a_wrong_password_is_refused(void **state)
{
    (void)state;
    assert_int_not_equal(
        knock(kafka->sasl_ssl, REFUSAL_MS,
              ARGS("security.protocol", "sasl_ssl", "sasl.mechanism", "SCRAM-SHA-512",
                   "sasl.username", KAFKA_USER, "sasl.password", "wrong")),
        0);
}

static void another_authority_is_refused(void **state)
{
    (void)state;
    assert_int_not_equal(
        knock(kafka->ssl, REFUSAL_MS,
              ARGS("security.protocol", "ssl", "ssl.ca.location", kafka->certs.other_ca)),
        0);
}

static void the_witness_reads_what_it_wrote(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 2, NULL);
    struct witness_record full = witness_text("key", "va\0lue", 1);
    full.value_size = 6;
    full.timestamp = 1700000000123;
    full.headers[0] = (struct witness_header){ "twice", "a", 1 };
    full.headers[1] = (struct witness_header){ "twice", NULL, 0 };
    full.headers[2] = (struct witness_header){ "empty", "", 0 };
    full.header_count = 3;
    struct witness_record bare = witness_text(NULL, NULL, 0);
    bare.timestamp = full.timestamp;
    assert_int_equal(witness_write(witness, topic, &full), 0);
    assert_int_equal(witness_write(witness, topic, &bare), 0);
    assert_int_equal(witness_write(witness, topic, &full), 1);

    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 3);
    assert_same_record(&records.at[0], &bare);
    assert_same_record(&records.at[1], &full);
    assert_same_record(&records.at[2], &full);
    assert_int_equal(records.at[2].partition, 1);
    assert_int_equal(records.at[2].offset, 1);
    witness_records_free(&records);

    witness_delete_records(witness, topic, 1, 1);
    int64_t low, high;
    witness_watermarks(witness, topic, 1, &low, &high);
    assert_int_equal(low, 1);
    assert_int_equal(high, 2);
}

static void an_aborted_transaction_is_not_read(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_write_transaction(witness, topic, ARGS("a", "b"), false);
    witness_write_transaction(witness, topic, ARGS("c"), true);
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, 1);
    assert_bytes(records.at[0].value, records.at[0].value_size, "c");
    witness_records_free(&records);
}

static void committed_offsets_of_a_group_can_be_read(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    assert_int_equal(witness_committed(witness, "g", topic, 0), -1);
    witness_write_numbers(witness, topic, 1, 0, 10);
    witness_commit(witness, "g", topic, 0, 7);
    assert_int_equal(witness_committed(witness, "g", topic, 0), 7);
}

static void a_killed_server_comes_back_with_its_data(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct witness_record record = witness_text("k", "v", 0);
    witness_write(witness, topic, &record);
    kafka_kill(kafka);
    kafka_restart(kafka);
    assert_int_equal(witness_write(witness, topic, &record), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(every_listener_takes_the_right_sign_in),
        live_test(a_wrong_password_is_refused),
        live_test(another_authority_is_refused),
        live_test(the_witness_reads_what_it_wrote),
        live_test(an_aborted_transaction_is_not_read),
        live_test(committed_offsets_of_a_group_can_be_read),
        live_test(a_killed_server_comes_back_with_its_data),
    };
    return cmocka_run_group_tests_name("live/harness", tests, live_setup, live_teardown);
}
