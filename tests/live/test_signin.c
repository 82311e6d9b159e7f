// SPDX-License-Identifier: Apache-2.0
/* test_signin.c - every way to sign in, right and wrong, for both entry points. */
#include "support/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REFUSED         77
#define REFUSAL_WAIT_MS 10000 /* "in a few seconds", on a busy machine */

static const char message[] =
    "{\"messages\":[{\"key\":\"Car status\",\"value\":\"arrived\"}]}\n";

/* Produces one record and consumes it with the same credentials. */
static void goes_through(const char *credentials)
{
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct process_options options = { .env = ARGS(credentials) };

    struct run run =
        run_component(ARGS("run", "produce", "--set", setting), &options, message, WAIT_MS);
    assert_exit(&run, 0);
    json_t *events = events_parse(run.out);
    assert_event_str(events, "0.body.errorCode", "0");
    json_decref(events);
    run_free(&run);

    run = run_component(ARGS("run", "consume", "--set", setting, "--set", "groupId=signed-in",
                             "--set", "startFrom=earliest", "--count", "1"),
                        &options, "", WAIT_MS);
    assert_exit(&run, 0);
    events = events_parse(run.out);
    assert_event_str(events, "0.body.key", "Car status");
    assert_event_str(events, "0.body.value", "arrived");
    json_decref(events);
    run_free(&run);
}

static void without_a_sign_in(void **state)
{
    (void)state;
    goes_through(no_sign_in());
    goes_through(sign_in("SSL", kafka->ssl, "none", NULL, NULL, kafka->certs.ca));
}

static void with_every_mechanism_over_tcp_and_tls(void **state)
{
    (void)state;
    static const char *const mechanisms[] = { "plain", "scram-sha-256", "scram-sha-512" };
    for (int i = 0; i < 3; i++) {
        goes_through(sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, mechanisms[i], KAFKA_USER,
                             KAFKA_PASSWORD, NULL));
        goes_through(sign_in("SASL_SSL", kafka->sasl_ssl, mechanisms[i], KAFKA_USER,
                             KAFKA_PASSWORD, kafka->certs.ca));
    }
}

/* Writes the credentials that a user would write, with all defaults, to a file. */
static void write_credentials(char path[128], const char *ca_member, const char *ca)
{
    snprintf(path, 128, "%s/credentials.json", kafka->folder);
    json_t *credentials =
        json_pack("{s:s, s:s, s:s, s:s}", "brokers", kafka->sasl_ssl, "username", KAFKA_USER,
                  "password", KAFKA_PASSWORD, ca_member, ca);
    assert_int_equal(json_dump_file(credentials, path, 0), 0);
    json_decref(credentials);
}

static void the_first_line_of_the_readme_ends_in_kcat(void **state)
{
    (void)state;
    char path[128];
    write_credentials(path, "caCertificateFile", kafka->certs.ca);
    witness_create_topic(witness, "cars", 3, NULL);
    struct run run =
        run_component(ARGS("run", "produce", "--credentials", path, "--set", "topic=cars"),
                      NULL, message, WAIT_MS);
    assert_exit(&run, 0);
    json_t *events = events_parse(run.out);
    assert_int_equal(json_array_size(events), 2);
    assert_event_str(events, "0.body.topicName", "cars");
    assert_event_str(events, "0.body.baseOffset", "0");
    char expected[64];
    snprintf(expected, sizeof(expected), "%s 0 Car status=arrived\n",
             event_str(events, "0.body.partition"));
    json_decref(events);
    run_free(&run);

    run = run_process(ARGS("kcat", "-C", "-b", kafka->plaintext, "-t", "cars", "-e", "-q", "-f",
                           "%p %o %k=%s\\n"),
                      NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    assert_string_equal(run.out, expected);
    run_free(&run);
}

static void credentials_come_from_a_file_that_the_environment_names(void **state)
{
    (void)state;
    char path[128], setting[160];
    write_credentials(path, "caCertificateFile", kafka->certs.ca);
    snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=@%s", path);
    goes_through(setting);
}

/* Runs both entry points with credentials that cannot work: stdout tells of an error of this
 * name, whose text has this word, and no output holds the password, however much is logged. */
static void is_refused(const char *credentials, int exit_code, const char *name,
                       const char *word)
{
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct process_options options = { .env = ARGS(credentials) };
    const char *const *commands[] = {
        ARGS("run", "produce", "--set", setting, "--set", "timeoutMs=5000", "--log-level",
             "trace"),
        ARGS("run", "consume", "--set", setting, "--set", "groupId=refused", "--log-level",
             "trace"),
    };
    for (int i = 0; i < 2; i++) {
        struct run run = run_component(commands[i], &options, message, REFUSAL_WAIT_MS);
        assert_exit(&run, exit_code);
        json_t *events = events_parse(run.out);
        json_t *errors = events_of(events, "error");
        assert_true(json_array_size(errors) > 0);
        assert_event_str(errors, "0.error.name", name);
        if (!strstr(event_str(errors, "0.error.message"), word))
            fail_msg("'%s' is not in: %s", word, event_str(errors, "0.error.message"));
        assert_null(strstr(run.out, "Secret"));
        assert_null(strstr(run.err, "Secret"));
        json_decref(errors);
        json_decref(events);
        run_free(&run);
    }
}

static void a_wrong_password_ends_with_77(void **state)
{
    (void)state;
    static const char *const mechanisms[] = { "plain", "scram-sha-256", "scram-sha-512" };
    for (int i = 0; i < 3; i++)
        is_refused(sign_in("SASL_SSL", kafka->sasl_ssl, mechanisms[i], KAFKA_USER,
                           "not-the-Secret", kafka->certs.ca),
                   REFUSED, "AuthError", "uthentication");
}

static void an_unknown_user_ends_with_77(void **state)
{
    (void)state;
    is_refused(sign_in("SASL_PLAINTEXT", kafka->sasl_plaintext, "scram-sha-512", "nobody",
                       "not-the-Secret", NULL),
               REFUSED, "AuthError", "uthentication");
}

/* The issue leaves open which class and code this is, but it must fail and name TLS. */
static void a_server_that_another_authority_signed_is_not_trusted(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    const char *credentials = sign_in("SASL_SSL", kafka->sasl_ssl, "scram-sha-512", KAFKA_USER,
                                      KAFKA_PASSWORD, kafka->certs.other_ca);
    struct run run = run_component(
        ARGS("run", "produce", "--set", setting, "--set", "timeoutMs=3000"),
        &(struct process_options){ .env = ARGS(credentials) }, message, REFUSAL_WAIT_MS);
    assert_int_not_equal(run.end.exit_code, 0);
    json_t *events = events_parse(run.out), *errors = events_of(events, "error");
    const char *text = event_str(errors, "0.error.message");
    if (!strstr(text, "TLS") && !strstr(text, "SSL") && !strstr(text, "certificate"))
        fail_msg("TLS is not named in: %s", text);
    json_decref(errors);
    json_decref(events);
    run_free(&run);
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, 0);
}

static void a_password_is_never_sent_in_clear_by_default(void **state)
{
    (void)state;
    /* No securityProtocol: SASL_SSL, which the listener without TLS cannot answer. */
    json_t *credentials = json_pack("{s:s, s:s, s:s}", "brokers", kafka->sasl_plaintext,
                                    "username", KAFKA_USER, "password", KAFKA_PASSWORD);
    char *text = json_dumps(credentials, JSON_COMPACT), setting[300];
    snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=%s", text);
    free(text);
    json_decref(credentials);
    struct run run = run_component(
        ARGS("run", "produce", "--set", "topic=cars", "--set", "timeoutMs=2000"),
        &(struct process_options){ .env = ARGS(setting) }, message, REFUSAL_WAIT_MS);
    assert_exit(&run, 69);
    json_decref(events_parse(run.out));
    run_free(&run);
}

static void the_password_is_in_no_output(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    static const char *const mechanisms[] = { "plain", "scram-sha-512" };
    for (int i = 0; i < 2; i++) {
        const char *credentials = sign_in("SASL_SSL", kafka->sasl_ssl, mechanisms[i],
                                          KAFKA_USER, KAFKA_PASSWORD, kafka->certs.ca);
        struct run run = run_component(
            ARGS("run", "produce", "--set", setting, "--log-level", "trace"),
            &(struct process_options){ .env = ARGS(credentials) }, message, WAIT_MS);
        assert_exit(&run, 0);
        assert_null(strstr(run.out, KAFKA_PASSWORD));
        assert_null(strstr(run.err, KAFKA_PASSWORD));
        json_decref(events_parse(run.out));
        run_free(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(without_a_sign_in),
        live_test(with_every_mechanism_over_tcp_and_tls),
        live_test(the_first_line_of_the_readme_ends_in_kcat),
        live_test(credentials_come_from_a_file_that_the_environment_names),
        live_test(a_wrong_password_ends_with_77),
        live_test(an_unknown_user_ends_with_77),
        live_test(a_server_that_another_authority_signed_is_not_trusted),
        live_test(a_password_is_never_sent_in_clear_by_default),
        live_test(the_password_is_in_no_output),
    };
    return cmocka_run_group_tests_name("live/signin", tests, live_setup, live_teardown);
}
