// SPDX-License-Identifier: Apache-2.0
/* test_mutual_tls.c - brokers that ask who the client is before anybody signs in. */
#include "support/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_PASSWORD "key-Secret-4d21"

static const char password_argument[] = "pass:" KEY_PASSWORD;
static const char message[] = "{\"value\":\"hello\"}\n";

static int start(void **state)
{
    (void)state;
    static const char *const properties[] = { "ssl.client.auth=required", NULL };
    return live_start(&(struct kafka_options){ .properties = properties });
}

/* Credentials over SSL, and over SASL_SSL where a mechanism is named; members is taken over. */
static char *credentials_with(const char *mechanism, json_t *members)
{
    bool signs_in = mechanism != NULL;
    json_t *all = json_pack(
        "{s:s, s:s, s:s}", "brokers", signs_in ? kafka->sasl_ssl : kafka->ssl, "mechanism",
        signs_in ? mechanism : "none", "caCertificateFile", kafka->certs.ca);
    if (signs_in) {
        json_object_set_new(all, "username", json_string(KAFKA_USER));
        json_object_set_new(all, "password", json_string(KAFKA_PASSWORD));
    }
    json_object_update(all, members);
    json_decref(members);
    char *text = json_dumps(all, JSON_COMPACT);
    size_t size = strlen(text) + 40;
    char *setting = malloc(size);
    snprintf(setting, size, "KAFKA_COMPONENT_CREDENTIALS=%s", text);
    free(text);
    json_decref(all);
    return setting;
}

static struct run try_with(char *setting)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    struct run run =
        run_component(ARGS("run", "produce", "--set", topic, "--set", "timeoutMs=10000",
                           "--log-level", "trace"),
                      &(struct process_options){ .env = ARGS(setting) }, message, 2 * WAIT_MS);
    free(setting);
    assert_null(strstr(run.err, "Secret"));
    assert_null(strstr(run.err, "BEGIN"));
    assert_null(strstr(run.out, "BEGIN"));
    return run;
}

static void goes_through(char *setting)
{
    struct run run = try_with(setting);
    assert_exit(&run, 0);
    run_free(&run);
}

static json_t *as_text(const char *path)
{
    char *text = read_text_file(path);
    json_t *members = json_pack("{s:s, s:s}", "clientCertificate", text, "clientKey", text);
    free(text);
    return members;
}

static void a_certificate_may_come_as_text_or_as_a_file(void **state)
{
    (void)state;
    const char *path = kafka->certs.client;
    goes_through(credentials_with(NULL, as_text(path)));
    goes_through(credentials_with(
        NULL, json_pack("{s:s, s:s}", "clientCertificateFile", path, "clientKeyFile", path)));
}

static void a_mechanism_may_come_on_top(void **state)
{
    (void)state;
    static const char *const mechanisms[] = { "plain", "scram-sha-256", "scram-sha-512" };
    for (int i = 0; i < 3; i++)
        goes_through(credentials_with(mechanisms[i], as_text(kafka->certs.client)));
}

/* What a form with one-line fields makes of a PEM text. */
static char *on_one_line(const char *path, const char *separator)
{
    char *text = read_text_file(path), *line = calloc(4, strlen(text) + 1), *to = line;
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            to = stpcpy(to, separator);
        else
            *to++ = *p;
    }
    free(text);
    return line;
}

static void a_pem_text_pasted_on_one_line_is_put_right(void **state)
{
    (void)state;
    static const char *const separators[] = { "\\n", "\\r\\n", " " };
    for (int i = 0; i < 3; i++) {
        char *line = on_one_line(kafka->certs.client, separators[i]);
        goes_through(credentials_with(
            NULL, json_pack("{s:s, s:s}", "clientCertificate", line, "clientKey", line)));
        free(line);
    }
}

static json_t *with_encrypted_key(const char *password)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/encrypted.pem", kafka->folder);
    struct run run = run_process(ARGS("openssl", "pkcs8", "-topk8", "-in", kafka->certs.client,
                                      "-passout", password_argument, "-out", path),
                                 NULL, "", WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);
    char *key = read_text_file(path), *certificate = read_text_file(kafka->certs.client);
    json_t *members =
        json_pack("{s:s, s:s}", "clientCertificate", certificate, "clientKey", key);
    if (password)
        json_object_set_new(members, "clientKeyPassword", json_string(password));
    free(key);
    free(certificate);
    return members;
}

static void an_encrypted_key_is_opened_with_its_password(void **state)
{
    (void)state;
    goes_through(credentials_with(NULL, with_encrypted_key(KEY_PASSWORD)));
    struct run run = try_with(credentials_with(NULL, with_encrypted_key("another-Secret")));
    assert_exit(&run, 78);
    run_free(&run);
    run = try_with(credentials_with(NULL, with_encrypted_key(NULL)));
    assert_exit(&run, 78);
    assert_non_null(strstr(run.err, "field 'clientKeyPassword': required"));
    run_free(&run);
}

static void without_a_certificate_nothing_is_written(void **state)
{
    (void)state;
    struct run run = try_with(credentials_with(NULL, json_object()));
    assert_exit(&run, 69);
    json_t *events = events_parse(run.out), *errors = events_of(events, "error");
    const char *text = event_str(errors, "0.error.message");
    if (!strstr(text, "SSL") && !strstr(text, "certificate"))
        fail_msg("TLS is not named in: %s", text);
    json_decref(errors);
    json_decref(events);
    run_free(&run);
}

static void half_a_pair_is_refused_by_name(void **state)
{
    (void)state;
    json_t *members = as_text(kafka->certs.client);
    json_object_del(members, "clientKey");
    struct run run = try_with(credentials_with(NULL, members));
    assert_exit(&run, 78);
    assert_non_null(strstr(run.err, "field 'clientKey': required beside a client certificate"));
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(a_certificate_may_come_as_text_or_as_a_file),
        live_test(a_mechanism_may_come_on_top),
        live_test(a_pem_text_pasted_on_one_line_is_put_right),
        live_test(an_encrypted_key_is_opened_with_its_password),
        live_test(without_a_certificate_nothing_is_written),
        live_test(half_a_pair_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("live/mutual_tls", tests, start, live_teardown);
}
