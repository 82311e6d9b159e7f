// SPDX-License-Identifier: Apache-2.0
/* test_oauth.c - OAUTHBEARER: tokens from a server that behaves, and from ones that do not. */
#include "support/component.h"
#include "support/stub.h"
#include "support/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID     "client-1"
#define SECRET "client+Secret/91=="

static const char message[] = "{\"value\":\"hello\"}\n";
static struct stub *tokens;

static int start(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config="
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
        "listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config="
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
        "connections.max.reauth.ms=10000",
        NULL,
    };
    return live_start(&(struct kafka_options){ .properties = properties });
}

static int fresh(void **state)
{
    (void)state;
    tokens = stub_start(NULL);
    return 0;
}

static int tidy(void **state)
{
    stub_stop(tokens);
    tokens = NULL;
    return live_tidy(state);
}

static int life_of_tokens_s;

static bool give_token(void *arg, const struct stub_request *request,
                       struct stub_answer *answer)
{
    static _Thread_local char *text;
    (void)arg;
    (void)request;
    free(text);
    text = token_answer(KAFKA_USER, life_of_tokens_s, true);
    answer->body = text;
    return true;
}

static const char *credentials(const char *protocol, const char *brokers, const char *scope)
{
    static char setting[2048];
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "brokers", brokers,
                            "mechanism", "oauthbearer", "securityProtocol", protocol,
                            "username", ID, "password", SECRET, "caCertificateFile",
                            kafka->certs.ca, "tokenUrl", stub_url(tokens, "/token"));
    if (strcmp(protocol, "SASL_SSL") != 0)
        json_object_del(all, "caCertificateFile");
    if (scope)
        json_object_set_new(all, "scope", json_string(scope));
    char *text = json_dumps(all, JSON_COMPACT);
    snprintf(setting, sizeof(setting), "KAFKA_COMPONENT_CREDENTIALS=%s", text);
    free(text);
    json_decref(all);
    return setting;
}

static struct run produce_once(const char *setting)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    struct run run =
        run_component(ARGS("run", "produce", "--set", topic, "--set", "timeoutMs=10000",
                           "--log-level", "trace"),
                      &(struct process_options){ .env = ARGS(setting) }, message, 2 * WAIT_MS);
    assert_null(strstr(run.err, "Secret"));
    assert_null(strstr(run.out, "Secret"));
    assert_null(strstr(run.err, "eyJhbGciOiJub25lIn")); /* a token's beginning */
    return run;
}

static void a_token_signs_in_over_tcp_and_tls(void **state)
{
    (void)state;
    life_of_tokens_s = 600;
    stub_decide(tokens, give_token, NULL);
    struct run run = produce_once(credentials("SASL_SSL", kafka->sasl_ssl, "kafka write"));
    assert_exit(&run, 0);
    run_free(&run);
    run = produce_once(credentials("SASL_PLAINTEXT", kafka->sasl_plaintext, NULL));
    assert_exit(&run, 0);
    run_free(&run);

    const struct stub_request *first = stub_wait(tokens, 0, WAIT_MS);
    assert_string_equal(first->method, "POST");
    assert_string_equal(first->path, "/token");
    assert_string_equal(first->body, "grant_type=client_credentials&scope=kafka%20write");
    assert_string_equal(stub_header(first, "Content-Type"),
                        "application/x-www-form-urlencoded");
    /* client-1:client%2BSecret%2F91%3D%3D */
    assert_string_equal(stub_header(first, "Authorization"),
                        "Basic Y2xpZW50LTE6Y2xpZW50JTJCU2VjcmV0JTJGOTElM0QlM0Q=");
    assert_string_equal(stub_wait(tokens, 1, WAIT_MS)->body, "grant_type=client_credentials");
}

static void without_a_word_of_its_life_the_tokens_own_counts(void **state)
{
    (void)state;
    char *text = token_answer(KAFKA_USER, 600, false);
    stub_always(tokens, &(struct stub_answer){ .body = text });
    struct run run = produce_once(credentials("SASL_SSL", kafka->sasl_ssl, NULL));
    assert_exit(&run, 0);
    run_free(&run);
    free(text);
}

/* The token server says this; produce ends so, and its error has these words. */
static void assert_trouble(const struct stub_answer *answer, int exit_code, const char *words)
{
    stub_always(tokens, answer);
    struct run run = produce_once(credentials("SASL_SSL", kafka->sasl_ssl, NULL));
    json_t *events = events_parse(run.out), *errors = events_of(events, "error");
    assert_exit(&run, exit_code);
    const char *text = event_str(errors, "0.error.message");
    if (!strstr(text, words))
        fail_msg("'%s' is not in: %s", words, text);
    json_decref(errors);
    json_decref(events);
    run_free(&run);
}

static void each_fault_of_a_token_server_is_told_apart(void **state)
{
    (void)state;
    assert_trouble(
        &(struct stub_answer){ .status = 401, .body = "{\"error\":\"invalid_client\"}" }, 77,
        "HTTP 401; check username (client id), password (client secret)");
    assert_trouble(
        &(struct stub_answer){ .status = 400, .body = "{\"error\":\"invalid_scope\"}" }, 77,
        "invalid_scope");
    assert_trouble(&(struct stub_answer){ .status = 500 }, 69, "HTTP 500");
    assert_trouble(&(struct stub_answer){ .body = "<html>" }, 69,
                   "not JSON with an access_token");
    assert_trouble(&(struct stub_answer){ .body = "{\"access_token\":\"a b\"}" }, 69,
                   "not one that can be sent");
    assert_trouble(&(struct stub_answer){ .body = "x", .is_endless = true }, 69, "larger than");
    assert_trouble(&(struct stub_answer){ .status = 302, .headers = ARGS("Location: /else") },
                   69, "HTTP 302");
}

/* Tokens live 5 s and the broker wants a new sign-in every 10 s; in the middle the token server
 * is away for a while. Nothing of that is seen. */
static void tokens_are_renewed_while_records_flow(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    life_of_tokens_s = 5;
    stub_decide(tokens, give_token, NULL);
    struct process *p =
        component_start(ARGS("run", "produce", "--set", setting),
                        &(struct process_options){
                            .env = ARGS(credentials("SASL_SSL", kafka->sasl_ssl, NULL)) });
    int64_t end_ms = now_ms() + 22000;
    size_t sent = 0;
    while (now_ms() < end_ms) {
        json_decref(ask(p, "{'value':'again'}"));
        sent++;
        if (sent == 50)
            stub_next(tokens, &(struct stub_answer){ .status = 500 });
    }
    assert_null(strstr(process_stderr(p), "\"level\":50"));
    finish(p, 0);
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, sent);
    size_t asked = stub_count(tokens);
    assert_in_range(asked, 5, 9); /* each 4 s, and one that failed: one client, one question */
}

#define NEW_SECRET "client+Secret/92=="

static bool give_token_for_the_new_secret(void *arg, const struct stub_request *request,
                                          struct stub_answer *answer)
{
    /* client-1:client%2BSecret%2F92%3D%3D */
    if (strcmp(stub_header(request, "Authorization"),
               "Basic Y2xpZW50LTE6Y2xpZW50JTJCU2VjcmV0JTJGOTIlM0QlM0Q=") == 0)
        return give_token(arg, request, answer);
    answer->status = 401;
    return true;
}

static void write_credentials(const char *path, const char *secret)
{
    char fresh[140];
    const char *setting = credentials("SASL_SSL", kafka->sasl_ssl, NULL);
    json_t *all = json_loads(strchr(setting, '=') + 1, 0, NULL);
    json_object_set_new(all, "password", json_string(secret));
    snprintf(fresh, sizeof(fresh), "%s.fresh", path); /* nobody reads half of it */
    assert_int_equal(json_dump_file(all, fresh, 0), 0);
    assert_int_equal(rename(fresh, path), 0);
    json_decref(all);
}

/* The token server takes another secret from one moment to the next; then the file says so. */
static void a_client_secret_that_changes_is_read_again(void **state)
{
    (void)state;
    char topic[64], path[128];
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    snprintf(path, sizeof(path), "%s/oauth.json", kafka->folder);
    life_of_tokens_s = 3;
    stub_decide(tokens, give_token, NULL);
    write_credentials(path, SECRET);
    struct process *p = component_start(
        ARGS("run", "produce", "--credentials", path, "--set", topic, "--log-level", "debug"),
        NULL);
    json_decref(ask(p, "{'value':'1'}"));
    stub_decide(tokens, give_token_for_the_new_secret, NULL);
    process_expect_stderr(p, "HTTP 401", WAIT_MS);
    write_credentials(path, NEW_SECRET);
    process_expect_stderr(p, "credentials_renewed", WAIT_MS);
    int64_t end_ms = now_ms() + 12000; /* beyond the next sign-in that the broker wants */
    while (now_ms() < end_ms) {
        json_t *answer = ask(p, "{'value':'3'}");
        assert_event_str(answer, "0.body.errorCode", "0");
        json_decref(answer);
    }
    assert_null(strstr(process_stderr(p), "Secret"));
    finish(p, 0);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct run run = run_component(
        ARGS("run", "produce", "--set", "topic=t"),
        &(struct process_options){
            .env = ARGS("KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"b:1\",\"mechanism\":"
                        "\"SASL/OAUTHBEARER\",\"username\":\"u\",\"password\":\"p\"}") },
        "", WAIT_MS);
    assert_exit(&run, 78);
    assert_non_null(strstr(run.err, "field 'tokenUrl': required by mechanism oauthbearer"));
    run_free(&run);
}

#define oauth_test(test) cmocka_unit_test_setup_teardown(test, fresh, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        oauth_test(a_token_signs_in_over_tcp_and_tls),
        oauth_test(without_a_word_of_its_life_the_tokens_own_counts),
        oauth_test(each_fault_of_a_token_server_is_told_apart),
        oauth_test(tokens_are_renewed_while_records_flow),
        oauth_test(a_client_secret_that_changes_is_read_again),
        oauth_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests_name("live/oauth", tests, start, live_teardown);
}
