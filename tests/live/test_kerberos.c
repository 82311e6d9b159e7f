// SPDX-License-Identifier: Apache-2.0
/* test_kerberos.c - GSSAPI with a real KDC: tickets of the operator's, and by keytab. */
#include "support/component.h"
#include "support/http.h"
#include "support/kdc.h"
#include "support/serve.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIFE_S 10 /* of a ticket: short enough to see it renewed */

static const char message[] = "{\"value\":\"hello\"}\n";
static struct kdc *kdc;
static char own_tmp[64]; /* the component's TMPDIR: what it leaves behind is seen there */

static int start(void **state)
{
    (void)state;
    static char jaas[2][512], java[128];
    kdc = kdc_start(LIFE_S);
    static const char *const listeners[] = { "sasl_ssl", "sasl_plaintext" };
    for (int i = 0; i < 2; i++)
        snprintf(jaas[i], sizeof(jaas[i]),
                 "listener.name.%s.gssapi.sasl.jaas.config="
                 "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                 "storeKey=true keyTab=\"%s\" principal=\"" KDC_SERVICE "\";",
                 listeners[i], kdc->service_keytab);
    snprintf(java, sizeof(java), "-Djava.security.krb5.conf=%s", kdc->config);
    const char *const properties[] = {
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,GSSAPI",
        "sasl.kerberos.service.name=kafka",
        "connections.max.reauth.ms=5000",
        jaas[0],
        jaas[1],
        NULL,
    };
    snprintf(own_tmp, sizeof(own_tmp), "/tmp/kc-tickets.XXXXXX");
    assert_non_null(mkdtemp(own_tmp));
    return live_start(&(struct kafka_options){ .properties = properties, .java_option = java });
}

static int stop(void **state)
{
    int result = live_teardown(state);
    kdc_free(kdc);
    rmdir(own_tmp);
    return result;
}

static int tidy(void **state)
{
    if (!kdc->process)
        kdc_restart(kdc);
    return live_tidy(state);
}

/* What the component is run with: the credentials with these members, and the KDC's address. */
static const char *const *environment(const char *protocol, json_t *members)
{
    static char credentials[2048], tmp[80];
    static const char *env[4];
    bool has_tls = strcmp(protocol, "SASL_SSL") == 0;
    json_t *all = json_pack("{s:s, s:s, s:s}", "brokers",
                            has_tls ? kafka->sasl_ssl : kafka->sasl_plaintext, "mechanism",
                            "gssapi", "securityProtocol", protocol);
    if (has_tls)
        json_object_set_new(all, "caCertificateFile", json_string(kafka->certs.ca));
    json_object_update(all, members);
    json_decref(members);
    char *text = json_dumps(all, JSON_COMPACT);
    snprintf(credentials, sizeof(credentials), "KAFKA_COMPONENT_CREDENTIALS=%s", text);
    snprintf(tmp, sizeof(tmp), "TMPDIR=%s", own_tmp);
    free(text);
    json_decref(all);
    env[0] = credentials;
    env[1] = kdc->config_setting;
    env[2] = tmp;
    env[3] = NULL;
    return env;
}

static json_t *keytab_of(const char *principal, const char *path)
{
    return json_pack("{s:s, s:s}", "kerberosPrincipal", principal, "kerberosKeytab", path);
}

static json_t *keytab(void)
{
    return keytab_of(KDC_CLIENT, kdc->client_keytab);
}

static struct run produce_once(const char *const env[])
{
    char topic[64];
    snprintf(topic, sizeof(topic), "topic=%s", witness_new_topic(witness, 1, NULL));
    struct run run =
        run_component(ARGS("run", "produce", "--set", topic, "--set", "timeoutMs=10000",
                           "--log-level", "trace"),
                      &(struct process_options){ .env = env }, message, 2 * WAIT_MS);
    return run;
}

/* How many names the component's own folder for temporary files holds now. */
static size_t left_behind(void)
{
    size_t count = 0;
    DIR *folder = opendir(own_tmp);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));)
        count += e->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void a_keytab_signs_in_over_tcp_and_tls(void **state)
{
    (void)state;
    static const char *const protocols[] = { "SASL_PLAINTEXT", "SASL_SSL" };
    for (int i = 0; i < 2; i++) {
        struct run run = produce_once(environment(protocols[i], keytab()));
        assert_exit(&run, 0);
        run_free(&run);
    }
    assert_int_equal(left_behind(), 0);
}

static void the_operators_tickets_do_as_well(void **state)
{
    (void)state;
    char cache[128], setting[160];
    snprintf(cache, sizeof(cache), "%s/operators", kdc->folder);
    snprintf(setting, sizeof(setting), "KRB5CCNAME=FILE:%s", cache);
    kdc_tickets(kdc, cache);
    const char *const *env = environment("SASL_SSL", json_object());
    struct run run = produce_once(ARGS(env[0], env[1], env[2], setting));
    assert_exit(&run, 0);
    run_free(&run);
    assert_int_equal(access(cache, F_OK), 0); /* they are not ours to remove */
}

/* Tickets live 10 s and the broker wants a new sign-in every 5 s; for a while the KDC is away.
 */
static void tickets_are_renewed_while_records_flow(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct process *p =
        component_start(ARGS("run", "produce", "--set", setting, "--log-level", "debug"),
                        &(struct process_options){ .env = environment("SASL_SSL", keytab()) });
    int64_t start_ms = now_ms();
    size_t sent = 0;
    bool was_away = false;
    while (now_ms() - start_ms < 26000) {
        json_t *answer = ask(p, "{'value':'again'}");
        assert_event_str(answer, "0.body.errorCode", "0");
        json_decref(answer);
        sent++;
        int64_t ms = now_ms() - start_ms;
        if (!was_away && ms > 7000 && kdc->process)
            kdc_stop(kdc);
        if (!was_away && !kdc->process && strstr(process_stderr(p), "tickets_not_renewed")) {
            kdc_restart(kdc);
            was_away = true;
        }
    }
    assert_int_equal(left_behind(), 1);
    process_expect_stderr(p, "tickets_not_renewed", WAIT_MS);
    int renewed = 0;
    for (const char *at = process_stderr(p); (at = strstr(at, "tickets_renewed")); at++)
        renewed++;
    assert_in_range(renewed, 3, 6);
    finish(p, 0);
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, sent);
    assert_int_equal(left_behind(), 0);
}

/* Nobody but us can read the tickets. */
static void the_tickets_are_private(void **state)
{
    (void)state;
    struct process *p =
        component_start(ARGS("run", "produce", "--set", "topic=t"),
                        &(struct process_options){ .env = environment("SASL_SSL", keytab()) });
    int64_t deadline = now_ms() + WAIT_MS;
    char path[400] = "";
    struct stat about;
    while (stat(path, &about) != 0) {
        assert_true(now_ms() < deadline);
        usleep(20000);
        DIR *folder = opendir(own_tmp);
        for (struct dirent *e; (e = readdir(folder));)
            if (e->d_name[0] != '.')
                snprintf(path, sizeof(path), "%s/%s/tickets", own_tmp, e->d_name);
        closedir(folder);
    }
    assert_int_equal(about.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    finish(p, 0);
}

static void assert_ends(const char *const env[], int exit_code, const char *words)
{
    struct run run = produce_once(env);
    assert_exit(&run, exit_code);
    if (!strstr(run.err, words) && !strstr(run.out, words))
        fail_msg("'%s' is not in: %s%s", words, run.out, run.err);
    run_free(&run);
}

static void what_is_wrong_is_told_apart(void **state)
{
    (void)state;
    assert_ends(environment("SASL_SSL", keytab_of(KDC_CLIENT, "/nowhere/keytab")), 78,
                "/nowhere/keytab: No such file");
    assert_ends(environment("SASL_SSL", keytab_of(KDC_CLIENT, kdc->service_keytab)), 78,
                "no suitable keys");
    kdc_admin(kdc, "addprinc -randkey bob@" KDC_REALM);
    char line[200], path[128];
    snprintf(path, sizeof(path), "%s/bob.keytab", kdc->folder);
    snprintf(line, sizeof(line), "ktadd -k %s bob@" KDC_REALM, path);
    kdc_admin(kdc, line);
    kdc_admin(kdc, "delprinc -force bob@" KDC_REALM);
    assert_ends(environment("SASL_SSL", keytab_of("bob@" KDC_REALM, path)), 77,
                "not found in Kerberos database");
    kdc_stop(kdc);
    assert_ends(environment("SASL_SSL", keytab()), 69, "Cannot contact any KDC");
    kdc_restart(kdc);

    const char *const *env = environment("SASL_SSL", keytab());
    assert_ends(ARGS(env[0], env[1], env[2], "PATH=/nowhere"), 78, "package krb5-user");
    env = environment("SASL_SSL", json_object());
    assert_ends(ARGS(env[0], env[1], env[2], "KRB5CCNAME=FILE:/nowhere/tickets"), 77,
                "No Kerberos credentials available");
    assert_int_equal(left_behind(), 0);
}

/* librdkafka would put the principal into a shell's line. */
static void a_principal_never_reaches_a_shell(void **state)
{
    (void)state;
    char mark[128], evil[256];
    snprintf(mark, sizeof(mark), "%s/ran", kdc->folder);
    snprintf(evil, sizeof(evil), "alice;touch %s", mark);
    assert_ends(environment("SASL_SSL", keytab_of(evil, kdc->client_keytab)), 78,
                "field 'kerberosPrincipal': may hold letters, digits");
    assert_ends(environment("SASL_SSL", keytab_of("-Vfoo", kdc->client_keytab)), 78,
                "not begin with -");
    assert_int_not_equal(access(mark, F_OK), 0);
}

/* A caller's principal would sign in with the server's tickets. */
static void a_request_cannot_use_the_servers_tickets(void **state)
{
    (void)state;
    struct serve *s = serve_start(environment("SASL_SSL", keytab()), NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    json_t *ask = json_pack("{s:{s:s}, s:{s:s, s:s}, s:[{s:s}]}", "config", "topic", topic,
                            "credentials", "brokers", kafka->sasl_plaintext, "mechanism",
                            "SASL/GSSAPI", "messages", "value", "x");
    json_object_set_new(json_object_get(ask, "credentials"), "securityProtocol",
                        json_string("SASL_PLAINTEXT"));
    char *text = json_dumps(ask, JSON_COMPACT);
    json_decref(ask);
    struct http_answer *a = http_post(s->base, "/v1/actions/produce", NULL, text);
    assert_http(a, 400);
    assert_non_null(strstr(a->body, "own Kerberos tickets"));
    free(text);
    char path[128];
    snprintf(path, sizeof(path), "/v1/actions/produce?topic=%s", topic);
    a = http_post(s->base, path, NULL, message);
    assert_http(a, 200);
    http_free_all(NULL);
    serve_stop(s, 0, WAIT_MS);
    assert_int_equal(left_behind(), 0);
}

static void verify_says(const char *const env[], int exit_code, const char *code,
                        const char *words)
{
    char wanted[80];
    struct run run =
        run_component(ARGS("verify"), &(struct process_options){ .env = env }, "", WAIT_MS);
    assert_exit(&run, exit_code);
    snprintf(wanted, sizeof(wanted), "\"code\":\"%s\"", code);
    if (!strstr(run.out, wanted) || !strstr(run.out, words))
        fail_msg("not %s with '%s': %s", code, words, run.out);
    run_free(&run);
}

static void verify_says_so_too(void **state)
{
    (void)state;
    struct run run = run_component(
        ARGS("verify"), &(struct process_options){ .env = environment("SASL_SSL", keytab()) },
        "", WAIT_MS);
    assert_exit(&run, 0);
    run_free(&run);
    verify_says(environment("SASL_SSL", keytab_of(KDC_CLIENT, kdc->service_keytab)), 78,
                "kerberos_config", "no suitable keys");
    const char *const *env = environment("SASL_SSL", json_object());
    verify_says(ARGS(env[0], env[1], env[2], "KRB5CCNAME=FILE:/nowhere/tickets"), 77,
                "kerberos_refused", "No Kerberos credentials available");
    kdc_stop(kdc);
    verify_says(environment("SASL_SSL", keytab()), 69, "kerberos_unreachable",
                "Cannot contact any KDC");
    verify_says(environment("SASL_SSL", keytab_of(KDC_CLIENT, "/nowhere/keytab")), 78,
                "kerberos_config", "/nowhere/keytab: No such file");
    assert_int_equal(left_behind(), 0);
}

#define kerberos_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        kerberos_test(a_keytab_signs_in_over_tcp_and_tls),
        kerberos_test(the_operators_tickets_do_as_well),
        kerberos_test(tickets_are_renewed_while_records_flow),
        kerberos_test(the_tickets_are_private),
        kerberos_test(what_is_wrong_is_told_apart),
        kerberos_test(a_principal_never_reaches_a_shell),
        kerberos_test(verify_says_so_too),
        kerberos_test(a_request_cannot_use_the_servers_tickets),
    };
    return cmocka_run_group_tests_name("live/kerberos", tests, start, stop);
}
