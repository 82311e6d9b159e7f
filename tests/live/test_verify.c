// SPDX-License-Identifier: Apache-2.0
/* test_verify.c - what the connection doctor says: each way to fail by its own code, on real
 * brokers, and on ports where something else is. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"
#include "support/stub.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DOCTOR_WAIT_MS 30000 /* 10 s of its own, on a machine that has other things to do */

#define REFUSED        77
#define UNREACHABLE    69

static const char bearer[] =
    "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config="
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";

/* The SSL listener wants client certificates; the one of SASL_SSL offers no PLAIN. Whoever asks
 * for a topic's metadata carelessly makes the topic. */
static int start(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "auto.create.topics.enable=true",
        "listener.name.ssl.ssl.client.auth=required",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER",
        bearer,
        NULL,
    };
    return live_start(&(struct kafka_options){ .has_rights = true, .properties = properties });
}

static int tidy(void **state)
{
    stub_stop_all(state);
    return live_tidy(state);
}

/* --- asking --- */

/* Credentials as a setting of the environment: members with ' for ". */
static char *with(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *with(const char *format, ...)
{
    char *members = NULL, *all = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&members, format, args) > 0);
    va_end(args);
    assert_true(asprintf(&all, "KAFKA_COMPONENT_CREDENTIALS={%s}", members) > 0);
    free(members);
    for (char *c = all; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return all;
}

/* To this address as alice. */
static char *as_alice(const char *protocol, const char *brokers, const char *mechanism)
{
    bool has_tls = strstr(protocol, "SSL") != NULL;
    return with("'brokers':'%s','securityProtocol':'%s','mechanism':'%s','username':'%s',"
                "'password':'%s'%s%s%s",
                brokers, protocol, mechanism, KAFKA_USER, KAFKA_PASSWORD,
                has_tls ? ",'caCertificateFile':'" : "", has_tls ? kafka->certs.ca : "",
                has_tls ? "'" : "");
}

static char *without_sign_in(const char *protocol, const char *brokers, const char *ca)
{
    return with("'brokers':'%s','securityProtocol':'%s','mechanism':'none'%s%s%s", brokers,
                protocol, ca ? ",'caCertificateFile':'" : "", ca ? ca : "", ca ? "'" : "");
}

static struct process *begin(char *credentials, const char *const more[])
{
    const char *args[16] = { "verify", "--log-level", "trace" };
    size_t n = 3;
    for (; more && *more && n < 15; more++)
        args[n++] = *more;
    struct process *p =
        component_start(args, &(struct process_options){ .env = ARGS(credentials) });
    process_close_stdin(p);
    free(credentials);
    return p;
}

/* Its one object, the caller's. */
static json_t *end_with(struct process *p, int exit_code)
{
    struct process_end end = process_wait(p, DOCTOR_WAIT_MS);
    const char *out = process_stdout(p);
    const char *newline = strchr(out, '\n');
    if (end.exit_code != exit_code)
        fail_msg("exit code %d in place of %d: %s", end.exit_code, exit_code, out);
    assert_non_null(newline);
    assert_string_equal(newline, "\n"); /* exactly one */
    assert_null(strstr(out, "Secret"));
    assert_null(strstr(process_stderr(p), "Secret"));
    assert_null(strstr(process_stderr(p), "BEGIN"));
    json_t *answer = json_loads(out, 0, NULL);
    assert_non_null(answer);
    process_free(p);
    return answer;
}

static void says(struct process *p, int exit_code, const char *code, const char *word)
{
    json_t *answer = end_with(p, exit_code);
    assert_json(answer, "verified", "false");
    const char *reason = event_str(answer, "reason");
    if (strcmp(event_str(answer, "code"), code) != 0 || !strstr(reason, word))
        fail_msg("not %s with '%s' but %s: %s", code, word, event_str(answer, "code"), reason);
    assert_true(strlen(event_str(answer, "remedy")) > 20);
    size_t steps = json_array_size(event_at(answer, "steps"));
    for (size_t i = 0; i < steps; i++) { /* all went well but the last */
        json_t *step = json_array_get(event_at(answer, "steps"), i);
        assert_int_equal(json_is_true(event_at(step, "ok")), i + 1 < steps);
        assert_true(event_int(step, "ms") >= 0);
    }
    json_decref(answer);
}

static void is_told(char *credentials, const char *const more[], int exit_code,
                    const char *code, const char *word)
{
    says(begin(credentials, more), exit_code, code, word);
}

static json_t *is_verified(char *credentials, const char *const more[])
{
    json_t *answer = end_with(begin(credentials, more), 0);
    assert_json(answer, "verified", "true");
    assert_null(event_at(answer, "code"));
    return answer;
}

static void has_step(json_t *answer, const char *name, const char *word)
{
    size_t i;
    json_t *step;
    json_array_foreach(event_at(answer, "steps"), i, step)
    {
        if (strcmp(event_str(step, "name"), name) != 0)
            continue;
        if (!strstr(event_str(step, "detail"), word))
            fail_msg("%s: '%s' is not in '%s'", name, word, event_str(step, "detail"));
        return;
    }
    fail_msg("there is no step %s", name);
}

/* --- ports where no Kafka is --- */

/* A listening socket on loopback that nobody accepts from. */
static int silent_port(int backlog, int *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_test("no socket");
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

#define CROWD 4

/* One whose queue is full: packets to it are dropped, as by a firewall. */
static int swallowing_port(int crowd[CROWD], int *port)
{
    int fd = silent_port(0, port);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)*port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (crowd[i] < 0)
            fail_test("no socket");
        if (connect(crowd[i], (struct sockaddr *)&to, sizeof(to)) == 0)
            continue; /* or it waits: either is fine */
    }
    usleep(100000);
    return fd;
}

static const char *at(int port)
{
    static char text[8][32];
    static unsigned next;
    char *address = text[next++ % 8];
    snprintf(address, sizeof(text[0]), "127.0.0.1:%d", port);
    return address;
}

/* A port that says the same to everyone, and hangs up. */
struct parrot {
    int fd, port;
    const char *text;
    pthread_t thread;
};

static void *repeat(void *arg)
{
    struct parrot *p = arg;
    for (;;) {
        char heard[512];
        int fd = accept(p->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        (void)!read(fd, heard, sizeof(heard));
        (void)!write(fd, p->text, strlen(p->text));
        shutdown(fd, SHUT_WR);
        (void)!read(fd, heard, sizeof(heard));
        close(fd);
    }
}

static void parrot_start(struct parrot *p, const char *text)
{
    p->fd = silent_port(16, &p->port);
    p->text = text;
    assert_int_equal(pthread_create(&p->thread, NULL, repeat, p), 0);
}

static void parrot_stop(struct parrot *p)
{
    shutdown(p->fd, SHUT_RDWR); /* wakes accept() */
    pthread_join(p->thread, NULL);
    close(p->fd);
}

/* --- what works --- */

static void what_works_is_verified_with_every_step(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 3, NULL);
    char set[300];
    snprintf(set, sizeof(set), "topic=%s", topic);
    json_t *answer =
        is_verified(as_alice("SASL_SSL", kafka->sasl_ssl, "scram-sha-512"),
                    ARGS("--set", set, "--set", "groupId=billing", "--set", "batchSize=5"));
    has_step(answer, "name", "127.0.0.1");
    has_step(answer, "tcp", "open");
    has_step(answer, "tls", "issued by CN=kafka-component tests, valid until 20");
    has_step(answer, "kafka", "Kafka");
    has_step(answer, "mechanism", "SCRAM-SHA-512");
    has_step(answer, "sign-in", "SCRAM-SHA-512");
    has_step(answer, "metadata", "1 broker");
    has_step(answer, "listeners", "1 of 1");
    has_step(answer, "topic", "3 partitions; may be read and written");
    has_step(answer, "group", "not there yet");
    assert_null(event_at(answer, "warnings"));
    json_decref(answer);

    json_decref(is_verified(as_alice("SASL_PLAINTEXT", kafka->sasl_plaintext, "plain"), NULL));
    json_decref(is_verified(without_sign_in("PLAINTEXT", kafka->plaintext, NULL), NULL));
    json_decref(
        is_verified(with("'brokers':'%s','mechanism':'none','caCertificateFile':'%s',"
                         "'clientCertificateFile':'%s','clientKeyFile':'%s'",
                         kafka->ssl, kafka->certs.ca, kafka->certs.client, kafka->certs.client),
                    NULL));
}

static void one_address_that_works_is_enough_and_the_others_are_warnings(void **state)
{
    (void)state;
    int crowd[CROWD], port, fd = swallowing_port(crowd, &port);
    char brokers[200];
    snprintf(brokers, sizeof(brokers), "127.0.0.1:%d no-such-host.invalid:9092 %s 127.0.0.1:1",
             port, kafka->plaintext);
    int64_t since = now_ms();
    json_t *answer = is_verified(without_sign_in("PLAINTEXT", brokers, NULL), NULL);
    assert_in_range(now_ms() - since, 0, 8000);
    assert_int_equal(json_array_size(event_at(answer, "warnings")), 3);
    assert_event_str(answer, "warnings.0.code", "tcp_timeout");
    assert_event_str(answer, "warnings.1.code", "name_unresolved");
    assert_event_str(answer, "warnings.2.code", "tcp_refused");
    json_decref(answer);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    close(fd);
}

/* --- settings --- */

static void settings_that_cannot_work_are_one_object_too(void **state)
{
    (void)state;
    is_told(with("'mechanism':'none'"), NULL, 78, "brokers_missing", "brokers");
    is_told(with("'brokers':' , ','mechanism':'none'"), NULL, 78, "brokers_missing", "broker");
    is_told(with("'brokers':'b:1','mechanism':'none','tokenUr':'x'"), NULL, 78, "config",
            "did you mean 'tokenUrl'?");
    is_told(with("'brokers':'b:1"), NULL, 78, "config", "KAFKA_COMPONENT_CREDENTIALS");
    is_told(without_sign_in("PLAINTEXT", "b:1", NULL), ARGS("--set", "topic=a/b"), 78, "config",
            "topic");
    is_told(without_sign_in("PLAINTEXT", "b:1", NULL), ARGS("--set", "topik=a"), 78, "config",
            "did you mean 'topic'?");
    is_told(without_sign_in("PLAINTEXT", "b:1", NULL), ARGS("--config", "/no/such/file"), 78,
            "config", "/no/such/file");
}

/* --- name and TCP --- */

static void a_name_that_nobody_knows_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("PLAINTEXT", "no-such-host.invalid", NULL), NULL, UNREACHABLE,
            "name_unresolved", "no-such-host.invalid");
}

static void a_port_where_nobody_listens_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("PLAINTEXT", "127.0.0.1:1", NULL), NULL, UNREACHABLE, "tcp_refused",
            "nobody listens");
}

/* Three waits side by side: each takes the 10 s that all steps have together. */
static void what_does_not_answer_is_told_by_where_it_stopped(void **state)
{
    (void)state;
    int crowd[CROWD], ports[2],
        fds[] = { swallowing_port(crowd, &ports[0]), silent_port(16, &ports[1]) };
    int64_t since = now_ms();
    struct process *tcp = begin(without_sign_in("PLAINTEXT", at(ports[0]), NULL), NULL);
    struct process *tls = begin(without_sign_in("SSL", at(ports[1]), NULL), NULL);
    struct process *bytes = begin(without_sign_in("PLAINTEXT", at(ports[1]), NULL), NULL);
    says(tcp, UNREACHABLE, "tcp_timeout", "not answered in time");
    says(tls, UNREACHABLE, "tls_timeout", "in time");
    says(bytes, UNREACHABLE, "kafka_timeout", "in time");
    assert_in_range(now_ms() - since, 9000, 16000);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    close(fds[0]);
    close(fds[1]);
}

/* --- TLS --- */

static void a_clear_port_that_was_asked_with_tls_is_told(void **state)
{
    (void)state;
    is_told(as_alice("SASL_SSL", kafka->sasl_plaintext, "plain"), NULL, 78,
            "plain_port_asked_with_tls", "speaks Kafka in clear");
    is_told(without_sign_in("SSL", kafka->plaintext, NULL), NULL, 78,
            "plain_port_asked_with_tls", "speaks Kafka in clear");
}

static void a_tls_port_that_was_asked_in_clear_is_told(void **state)
{
    (void)state;
    is_told(as_alice("SASL_PLAINTEXT", kafka->sasl_ssl, "scram-sha-512"), NULL, 78,
            "tls_port_asked_in_clear", "speaks TLS");
    is_told(without_sign_in("PLAINTEXT", kafka->ssl, NULL), NULL, 78, "tls_port_asked_in_clear",
            "speaks TLS");
}

static void an_authority_that_is_not_theirs_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("SSL", kafka->ssl, kafka->certs.other_ca), NULL, 78,
            "tls_ca_mismatch", "issued by CN=kafka-component tests");
}

static void no_authority_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("SSL", kafka->ssl, NULL), NULL, 78, "tls_ca_missing",
            "valid until");
}

static void a_client_certificate_that_is_wanted_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("SSL", kafka->ssl, kafka->certs.ca), NULL, 78,
            "tls_client_certificate_required", "client certificate");
}

/* This one's broker says that it is found elsewhere, too. */
static void a_name_that_is_not_theirs_and_listeners_elsewhere_are_told(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "advertised.listeners=PLAINTEXT://127.0.0.1:1,SSL://127.0.0.1:2,"
        "SASL_PLAINTEXT://inside.invalid:9092,SASL_SSL://127.0.0.1:3",
        NULL
    };
    struct kafka_server *other = kafka_start(&(struct kafka_options){
        .server_certificate = "wrong_name", .properties = properties });
    is_told(without_sign_in("SSL", other->ssl, other->certs.ca), NULL, 78, "tls_name",
            "is for elsewhere.example, not for 127.0.0.1");
    is_told(without_sign_in("PLAINTEXT", other->plaintext, NULL), NULL, UNREACHABLE,
            "listeners_unreachable", "127.0.0.1:1: nobody listens");
    is_told(as_alice("SASL_PLAINTEXT", other->sasl_plaintext, "plain"), NULL, UNREACHABLE,
            "listeners_unreachable", "inside.invalid");
    kafka_free(other);
}

static void a_certificate_that_is_too_old_is_told(void **state)
{
    (void)state;
    struct kafka_server *other =
        kafka_start(&(struct kafka_options){ .server_certificate = "expired" });
    is_told(without_sign_in("SSL", other->ssl, other->certs.ca), NULL, UNREACHABLE,
            "tls_expired", "valid from");
    kafka_free(other);
}

/* --- Kafka --- */

static void what_is_not_kafka_is_told(void **state)
{
    (void)state;
    struct parrot web;
    parrot_start(&web, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    is_told(without_sign_in("PLAINTEXT", at(web.port), NULL), NULL, 78, "not_kafka",
            "not Kafka");
    is_told(without_sign_in("SSL", at(web.port), NULL), NULL, 78, "not_kafka", "not TLS");
    parrot_stop(&web);
    parrot_start(&web, "");
    is_told(without_sign_in("PLAINTEXT", at(web.port), NULL), NULL, 78, "not_kafka", "closed");
    parrot_stop(&web);
}

static void a_mechanism_that_is_not_on_offer_is_told_with_those_that_are(void **state)
{
    (void)state;
    is_told(as_alice("SASL_SSL", kafka->sasl_ssl, "plain"), NULL, 78, "mechanism_not_offered",
            "asked for PLAIN, on offer: ");
}

static void a_listener_without_sign_in_is_told(void **state)
{
    (void)state;
    is_told(as_alice("SASL_PLAINTEXT", kafka->plaintext, "plain"), NULL, 78, "no_sasl_listener",
            "knows no sign-in");
}

static void a_listener_that_wants_a_sign_in_is_told(void **state)
{
    (void)state;
    is_told(without_sign_in("PLAINTEXT", kafka->sasl_plaintext, NULL), NULL, 78,
            "sign_in_required", "SCRAM-SHA-512");
}

static char *as_somebody(const char *mechanism, const char *user)
{
    return with("'brokers':'%s','securityProtocol':'SASL_PLAINTEXT','mechanism':'%s',"
                "'username':'%s','password':'not-the-Secret'",
                kafka->sasl_plaintext, mechanism, user);
}

static void a_refused_sign_in_is_told(void **state)
{
    (void)state;
    is_told(as_somebody("plain", KAFKA_USER), NULL, REFUSED, "sign_in_refused",
            "refused the sign-in");
    json_t *answer = end_with(begin(as_somebody("scram-sha-512", KAFKA_USER), NULL), REFUSED);
    assert_event_str(answer, "code", "sign_in_refused");
    assert_null(strstr(event_str(answer, "reason"), "first message"));
    json_decref(answer);
    is_told(as_somebody("scram-sha-512", "no,such=user"), NULL, REFUSED, "sign_in_refused",
            "the first message was refused already");
    is_told(as_somebody("scram-sha-256", "nobody"), NULL, REFUSED, "sign_in_refused",
            "the first message was refused already");
}

/* --- tokens --- */

static char *with_token_from(const char *url)
{
    return with("'brokers':'%s','mechanism':'oauthbearer','username':'client-1',"
                "'password':'client-Secret-1','tokenUrl':'%s','caCertificateFile':'%s'",
                kafka->sasl_ssl, url, kafka->certs.ca);
}

static void is_told_of_token(const struct stub_answer *answer, int exit_code, const char *code,
                             const char *word)
{
    struct stub *tokens = stub_start(NULL);
    stub_always(tokens, answer);
    is_told(with_token_from(stub_url(tokens, "/token?key=Secret")), NULL, exit_code, code,
            word);
    stub_stop(tokens);
}

static void each_fault_of_a_token_server_is_told_apart(void **state)
{
    (void)state;
    is_told_of_token(
        &(struct stub_answer){ .status = 401, .body = "{\"error\":\"invalid_client\"}" },
        REFUSED, "token_refused", "invalid_client");
    is_told_of_token(&(struct stub_answer){ .status = 500 }, UNREACHABLE, "token_server_failed",
                     "HTTP 500");
    is_told_of_token(&(struct stub_answer){ .body = "<html>" }, UNREACHABLE, "token_bad_answer",
                     "not JSON");
    is_told_of_token(&(struct stub_answer){ .body = "0123456789", .is_endless = true },
                     UNREACHABLE, "token_too_large", "larger than");
    is_told_of_token(&(struct stub_answer){ .never_answers = true }, UNREACHABLE,
                     "token_timeout", "timed out");
    is_told(with_token_from("http://127.0.0.1:1/token"), NULL, UNREACHABLE, "token_unreachable",
            "127.0.0.1:1");
    struct stub *stranger =
        stub_start(&(struct stub_options){ .tls_pem = kafka->certs.wrong_name });
    is_told(with_token_from(stub_url(stranger, "/token")), NULL, 78, "token_untrusted",
            "127.0.0.1");
    stub_stop(stranger);
}

/* --- topic and group --- */

static char *as_guest(void)
{
    return with("'brokers':'%s','securityProtocol':'SASL_PLAINTEXT','username':'%s',"
                "'password':'%s'",
                kafka->sasl_plaintext, KAFKA_GUEST, KAFKA_GUEST_PASSWORD);
}

static void a_missing_topic_is_told_and_not_made(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) /* the first time does not make it */
        is_told(without_sign_in("PLAINTEXT", kafka->plaintext, NULL),
                ARGS("--set", "topic=not-made"), 78, "topic_missing", "not-made");
    struct run run =
        run_component(ARGS("models", "topics"),
                      &(struct process_options){ .env = ARGS(no_sign_in()) }, "", WAIT_MS);
    assert_exit(&run, 0);
    assert_null(strstr(run.out, "not-made"));
    run_free(&run);
}

static void a_topic_or_group_that_is_forbidden_is_told(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char set[300];
    snprintf(set, sizeof(set), "topic=%s", topic);
    is_told(as_guest(), ARGS("--set", set), REFUSED, "topic_missing_or_forbidden",
            "missing or forbidden");
    witness_allow(witness, KAFKA_GUEST, "topic", topic, "describe");
    is_told(as_guest(), ARGS("--set", set), REFUSED, "topic_forbidden",
            "neither read nor write");
    witness_allow(witness, KAFKA_GUEST, "topic", topic, "write");
    json_t *answer = is_verified(as_guest(), ARGS("--set", set));
    has_step(answer, "topic", "may be written, not read");
    json_decref(answer);
    is_told(as_guest(), ARGS("--set", set, "--set", "groupId=theirs"), REFUSED,
            "topic_forbidden", "not read");
    is_told(as_guest(), ARGS("--set", "groupId=theirs"), REFUSED, "group_forbidden", "see");
    witness_allow(witness, KAFKA_GUEST, "group", "theirs", "describe");
    is_told(as_guest(), ARGS("--set", "groupId=theirs"), REFUSED, "group_forbidden", "join");
    witness_allow(witness, KAFKA_GUEST, "topic", topic, "read");
    witness_allow(witness, KAFKA_GUEST, "group", "theirs", "read");
    json_decref(is_verified(as_guest(), ARGS("--set", set, "--set", "groupId=theirs")));
}

/* --- models --- */

static json_t *model(const char *name, const char *set)
{
    struct run run =
        run_component(set ? ARGS("models", name, "--set", set) : ARGS("models", name),
                      &(struct process_options){ .env = ARGS(no_sign_in()) }, "", WAIT_MS);
    assert_exit(&run, 0);
    json_t *answer = json_loads(run.out, 0, NULL);
    assert_non_null(answer);
    run_free(&run);
    return answer;
}

static void topics_groups_and_partitions_are_listed(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 3, NULL);
    char set[300], label[300];
    witness_commit(witness, "a-group", topic, 0, 0); /* makes __consumer_offsets too */
    json_t *topics = model("topics", NULL), *groups = model("groups", NULL);
    snprintf(label, sizeof(label), "%s (3 partitions)", topic);
    assert_string_equal(json_string_value(json_object_get(topics, topic)), label);
    assert_null(json_object_get(topics, "__consumer_offsets"));
    assert_non_null(json_object_get(groups, "a-group"));
    snprintf(set, sizeof(set), "topic=%s", topic);
    json_t *partitions = model("partitions", set);
    assert_json(partitions, "",
                "{\"0\":\"Partition 0\",\"1\":\"Partition 1\",\"2\":\"Partition "
                "2\"}");
    json_decref(topics);
    json_decref(groups);
    json_decref(partitions);
}

static void http_answers_with_the_same(void **state)
{
    (void)state;
    struct serve *server = serve_start(ARGS(no_sign_in()), NULL);
    const char *topic = witness_new_topic(witness, 2, NULL);
    char body[300];
    snprintf(body, sizeof(body), "{\"topic\":\"%s\"}", topic);
    struct http_answer *a = http_post(server->base, "/v1/credentials/verify", NULL, body);
    assert_http(a, 200);
    assert_json(a->json, "verified", "true");
    has_step(a->json, "topic", "2 partitions");
    a = http_post(server->base, "/v1/credentials/verify", NULL,
                  "{\"credentials\":{\"brokers\":\"127.0.0.1:1\",\"mechanism\":\"none\"}}");
    assert_http(a, 200);
    assert_event_str(a->json, "code", "tcp_refused");
    assert_true(strlen(event_str(a->json, "remedy")) > 20);

    a = http_post(server->base, "/v1/models/partitions", NULL, body);
    assert_http(a, 200);
    assert_event_str(a->json, "1", "Partition 1");
    assert_problem(http_post(server->base, "/v1/models/partitions", NULL, "{}"), 400, "config");
    a = http_post(server->base, "/v1/models/getTopics", NULL, "{}");
    assert_http(a, 200);
    assert_non_null(json_object_get(a->json, topic));
    assert_http(http_post(server->base, "/v1/models/groups", NULL, "{}"), 200);
    assert_problem(http_post(server->base, "/v1/models/colours", NULL, "{}"), 404, "not_found");
}

static void models_that_cannot_be_had_end_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *name, *set, *word;
        int exit_code;
    } cases[] = {
        { "partitions", NULL, "whose partitions", 78 },
        { "partitions", "topic=none-such", "topic", UNREACHABLE },
        { "topcs", NULL, "did you mean 'topics'?", 64 },
    };
    for (size_t i = 0; i < 3; i++) {
        const char *set = cases[i].set;
        struct run run = run_component(
            set ? ARGS("models", cases[i].name, "--set", set) : ARGS("models", cases[i].name),
            &(struct process_options){ .env = ARGS(no_sign_in()) }, "", WAIT_MS);
        if (cases[i].exit_code != UNREACHABLE)
            assert_exit(&run, cases[i].exit_code);
        assert_int_not_equal(run.end.exit_code, 0);
        assert_string_equal(run.out, "");
        if (!strstr(run.err, cases[i].word))
            fail_msg("'%s' is not in: %s", cases[i].word, run.err);
        run_free(&run);
    }
}

#define doctor_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        doctor_test(what_works_is_verified_with_every_step),
        doctor_test(one_address_that_works_is_enough_and_the_others_are_warnings),
        doctor_test(settings_that_cannot_work_are_one_object_too),
        doctor_test(a_name_that_nobody_knows_is_told),
        doctor_test(a_port_where_nobody_listens_is_told),
        doctor_test(what_does_not_answer_is_told_by_where_it_stopped),
        doctor_test(a_clear_port_that_was_asked_with_tls_is_told),
        doctor_test(a_tls_port_that_was_asked_in_clear_is_told),
        doctor_test(an_authority_that_is_not_theirs_is_told),
        doctor_test(no_authority_is_told),
        doctor_test(a_client_certificate_that_is_wanted_is_told),
        doctor_test(a_name_that_is_not_theirs_and_listeners_elsewhere_are_told),
        doctor_test(a_certificate_that_is_too_old_is_told),
        doctor_test(what_is_not_kafka_is_told),
        doctor_test(a_mechanism_that_is_not_on_offer_is_told_with_those_that_are),
        doctor_test(a_listener_without_sign_in_is_told),
        doctor_test(a_listener_that_wants_a_sign_in_is_told),
        doctor_test(a_refused_sign_in_is_told),
        doctor_test(each_fault_of_a_token_server_is_told_apart),
        doctor_test(a_missing_topic_is_told_and_not_made),
        doctor_test(a_topic_or_group_that_is_forbidden_is_told),
        doctor_test(topics_groups_and_partitions_are_listed),
        doctor_test(http_answers_with_the_same),
        doctor_test(models_that_cannot_be_had_end_with_a_reason),
    };
    return cmocka_run_group_tests_name("live/verify", tests, start, live_teardown);
}
