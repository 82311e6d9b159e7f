// SPDX-License-Identifier: Apache-2.0
/* test_matrix.c - every mechanism over every kind of connection that it goes with: a record is
 * written and read back. What was seen is the table in docs/credentials.md. */
#include "support/component.h"
#include "support/kdc.h"
#include "support/stub.h"
#include "support/tokens.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "<!-- tests/live/test_matrix.c writes this table -->\n"
#define END   "<!-- the end of the table -->\n"

enum connection {
    CLEAR,
    TLS,
    MUTUAL, /* the listeners of a server of its own take nobody without a certificate */
    CONNECTIONS
};

static const char *const mechanisms[] = { "none",          "plain",       "scram-sha-256",
                                          "scram-sha-512", "oauthbearer", "gssapi" };
#define MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

static struct kdc *kdc;
static struct stub *tokens;
static bool works[MECHANISMS][CONNECTIONS];

static void start_server(bool is_mutual)
{
    static char lines[4][600], java[128];
    static const char *const listeners[] = { "sasl_ssl", "sasl_plaintext" };
    for (int i = 0; i < 2; i++) {
        snprintf(lines[i], sizeof(lines[i]),
                 "listener.name.%s.gssapi.sasl.jaas.config="
                 "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                 "storeKey=true keyTab=\"%s\" principal=\"" KDC_SERVICE "\";",
                 listeners[i], kdc->service_keytab);
        snprintf(
            lines[i + 2], sizeof(lines[i + 2]),
            "listener.name.%s.oauthbearer.sasl.jaas.config="
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
            listeners[i]);
    }
    snprintf(java, sizeof(java), "-Djava.security.krb5.conf=%s", kdc->config);
    const char *const properties[] = {
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER,GSSAPI",
        "sasl.kerberos.service.name=kafka",
        lines[0],
        lines[1],
        lines[2],
        lines[3],
        is_mutual ? "ssl.client.auth=required" : "ssl.client.auth=none",
        NULL,
    };
    live_start(&(struct kafka_options){ .properties = properties, .java_option = java });
}

static int start(void **state)
{
    (void)state;
    kdc = kdc_start(600);
    tokens = stub_start(NULL);
    char *answer = token_answer(KAFKA_USER, 600, true);
    stub_always(tokens, &(struct stub_answer){ .body = answer });
    free(answer);
    start_server(false);
    return 0;
}

static int stop(void **state)
{
    int result = live_teardown(state);
    stub_stop(tokens);
    kdc_free(kdc);
    return result;
}

static void add(json_t *to, const char *name, const char *text)
{
    json_object_set_new(to, name, json_string(text));
}

/* What a user writes for it, as an environment. */
static const char *credentials(const char *mechanism, enum connection connection)
{
    static char setting[4096];
    json_t *all = json_object();
    bool signs_in = strcmp(mechanism, "none") != 0, has_tls = connection != CLEAR;
    add(all, "mechanism", mechanism);
    add(all, "brokers",
        has_tls ? (signs_in ? kafka->sasl_ssl : kafka->ssl)
                : (signs_in ? kafka->sasl_plaintext : kafka->plaintext));
    if (!has_tls)
        add(all, "securityProtocol", signs_in ? "SASL_PLAINTEXT" : "PLAINTEXT");
    if (has_tls)
        add(all, "caCertificateFile", kafka->certs.ca);
    if (connection == MUTUAL) {
        add(all, "clientCertificateFile", kafka->certs.client);
        add(all, "clientKeyFile", kafka->certs.client);
    }
    if (strcmp(mechanism, "gssapi") == 0) {
        add(all, "kerberosPrincipal", KDC_CLIENT);
        add(all, "kerberosKeytab", kdc->client_keytab);
    } else if (strcmp(mechanism, "oauthbearer") == 0) {
        add(all, "username", "client-1");
        add(all, "password", "client-Secret-44c0");
    } else if (signs_in) {
        add(all, "username", KAFKA_USER);
        add(all, "password", KAFKA_PASSWORD);
    }
    if (strcmp(mechanism, "oauthbearer") == 0)
        add(all, "tokenUrl", stub_url(tokens, "/token"));
    char *text = json_dumps(all, JSON_COMPACT);
    snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=%s", text);
    free(text);
    json_decref(all);
    return setting;
}

static void goes_through(size_t mechanism, enum connection connection)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    const struct process_options options = {
        .env = ARGS(credentials(mechanisms[mechanism], connection), kdc->config_setting)
    };
    struct run run = run_component(ARGS("run", "produce", "--set", topic), &options,
                                   "{\"key\":\"k\",\"value\":\"there\"}\n", WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);
    run = run_component(ARGS("run", "consume", "--set", topic, "--set", "groupId=matrix",
                             "--set", "startFrom=earliest", "--count", "1"),
                        &options, "", WAIT_MS);
    assert_exit(&run, 0);
    json_t *events = events_parse(run.out);
    assert_event_str(events, "0.body.value", "there");
    json_decref(events);
    run_free(&run);
    works[mechanism][connection] = true;
}

static void every_mechanism_signs_in_without_tls(void **state)
{
    (void)state;
    for (size_t i = 0; i < MECHANISMS; i++)
        goes_through(i, CLEAR);
}

static void every_mechanism_signs_in_over_tls(void **state)
{
    (void)state;
    for (size_t i = 0; i < MECHANISMS; i++)
        goes_through(i, TLS);
}

static void every_mechanism_signs_in_over_mutual_tls(void **state)
{
    (void)state;
    live_teardown(state);
    start_server(true);
    for (size_t i = 0; i < MECHANISMS; i++)
        goes_through(i, MUTUAL);
}

/* --- the table --- */

/* "4.3.0", by the name of the jar. */
static void print_version(char out[32])
{
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s/kafka_2.13-*.jar", need_env("KC_TEST_KAFKA_JARS"));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    const char *at = strstr(found.gl_pathv[0], "kafka_2.13-") + strlen("kafka_2.13-");
    snprintf(out, 32, "%.*s", (int)strcspn(at, "j") - 1, at);
    globfree(&found);
}

static char *print_table(void)
{
    char *text = NULL, version[32];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    print_version(version);
    fprintf(f,
            BEGIN
            "| on Apache Kafka %s | not encrypted | TLS | mutual TLS |\n|---|---|---|---|\n",
            version);
    for (size_t i = 0; i < MECHANISMS; i++) {
        fprintf(f, "| `%s` |", mechanisms[i]);
        for (int c = 0; c < CONNECTIONS; c++)
            fprintf(f, " %s |", works[i][c] ? "yes" : "no");
        fputs("\n", f);
    }
    fputs(END, f);
    fclose(f);
    return text;
}

static void what_the_page_says_is_what_was_seen(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof(path), "%s/docs/credentials.md", need_env("KC_TEST_ROOT"));
    char *page = read_text_file(path), *table = print_table();
    if (!strstr(page, table))
        fail_msg("docs/credentials.md has another table than this one; put it there:\n%s",
                 table);
    free(page);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(every_mechanism_signs_in_without_tls),
        live_test(every_mechanism_signs_in_over_tls),
        live_test(every_mechanism_signs_in_over_mutual_tls),
        live_test(what_the_page_says_is_what_was_seen),
    };
    return cmocka_run_group_tests_name("live/matrix", tests, start, stop);
}
