// SPDX-License-Identifier: Apache-2.0
/* test_doctor.c - the connection doctor beside peers that no real broker is: a resolver that
 * hangs, brokers that say half of what they should, a kinit that does as it is told. Its time
 * is short here, so that what takes longer is seen. */
#include "component/model.h"
#include "component/verify.h"
#include "kafka/cluster.h"
#include "kafka/kerberos.h"
#include "kafka/library.h"
#include "support/certs.h"
#include "support/fail.h"
#include "support/fake_broker.h"
#include "support/process.h"
#include "support/stub.h"
#include "unit/unit.h"

#include "base/clock.h"
#include "base/sync.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY   "127.0.0.1:1"
#define HANG_MS  20000
#define SLACK_MS 8000 /* of a busy machine */

static char folder[64];
static struct certs certs;

/* --- a resolver that hangs --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t let_go;
static bool is_over;
static int hanging;

/* In place of the C library's: whoever asks for hang.test waits. */
int getaddrinfo(const char *restrict host, const char *restrict port,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    pthread_mutex_lock(&lock);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool is_literal = hints && hints->ai_flags & AI_NUMERICHOST;
    bool hangs = host && !is_literal && strcmp(host, "hang.test") == 0;
    int64_t until_ms = kc_now_ms() + HANG_MS;
    hanging += hangs;
    while (hangs && !is_over && kc_ms_until(until_ms, HANG_MS) > 0)
        kc_cond_wait(&let_go, &lock, kc_ms_until(until_ms, HANG_MS));
    hanging -= hangs;
    pthread_mutex_unlock(&lock);
    return hangs ? EAI_AGAIN : real(host, port, hints, out);
}

/* --- a kinit of our own --- */

/* What it does: a line of sh. */
static void plan_kinit(const char *line)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/plan", folder);
    FILE *f = fopen(path, "w");
    if (!f)
        fail_test("%s cannot be written", path);
    fprintf(f, "%s\n", line);
    fclose(f);
}

static void make_kinit(void)
{
    char path[128], script[300];
    snprintf(path, sizeof(path), "%s/kinit", folder);
    snprintf(script, sizeof(script), "#!/bin/sh\n. %s/plan\n", folder);
    FILE *f = fopen(path, "w");
    if (!f)
        fail_test("%s cannot be written", path);
    fputs(script, f);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/keytab", folder);
    f = fopen(path, "w");
    if (!f)
        fail_test("%s cannot be written", path);
    fclose(f);
}

/* --- asking --- */

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&text, format, args) > 0);
    va_end(args);
    for (char *c = text; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return text;
}

static struct kc_doc *read_doc(const char *text)
{
    struct kc_error err = { 0 };
    struct kc_doc *doc = kc_doc_parse(kc_text(text), &err);
    if (!doc)
        fail_msg("%s: %s", err.text, text);
    return doc;
}

/* The verdict as JSON; it took no longer than it was given and so much more. All of it is the
 * caller's, the credentials (with ' for ") are not any more. */
static char *verdict_within(char *credentials, int wait_ms, int slack_ms)
{
    static const struct kc_verify_ask nothing = { NULL, NULL };
    struct kc_doc *doc = read_doc(credentials);
    struct kc_buf out;
    int64_t since_ms = kc_now_ms();
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    struct kc_verdict *v = kc_verify(doc, &nothing, NULL, wait_ms);
    int64_t took_ms = kc_now_ms() - since_ms;
    kc_verdict_print(v, &out);
    kc_verdict_free(v);
    kc_doc_free(doc);
    free(credentials);
    char *text = kc_buf_take(&out);
    if (took_ms > wait_ms + slack_ms)
        fail_msg("it took %lld ms of %d: %s", (long long)took_ms, wait_ms, text);
    return text;
}

static char *verdict_of(char *credentials, int wait_ms)
{
    return verdict_within(credentials, wait_ms, SLACK_MS);
}

/* Its code and a word of it. */
static void is_told(char *credentials, int wait_ms, const char *code, const char *word)
{
    char wanted[80], *text = verdict_of(credentials, wait_ms);
    snprintf(wanted, sizeof(wanted), "\"code\":\"%s\",\"reason\":\"", code);
    assert_holds(text, wanted);
    assert_holds(text, word);
    free(text);
}

static char *in_clear(const char *brokers, const char *more)
{
    return text_of("{'brokers':'%s','mechanism':'none','securityProtocol':'PLAINTEXT'%s}",
                   brokers, more);
}

/* To a stub that speaks TLS, which is not Kafka: how far it comes. */
static char *with_tls(const struct stub *stub, const char *more)
{
    return text_of("{'brokers':'127.0.0.1:%d','mechanism':'none','securityProtocol':'SSL',"
                   "'caCertificateFile':'%s'%s}",
                   stub_port(stub), certs.ca, more);
}

/* --- the time --- */

static void a_resolver_that_hangs_holds_nobody_up(void **state)
{
    (void)state;
    is_told(in_clear("hang.test", ""), 1000, "name_timeout", "what hang.test is");
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .host = "hang.test", .port = 9092 });
    is_told(in_clear(fake_broker_at(b), ""), 6000, "listeners_unreachable", "hang.test:9092");
    fake_broker_stop(b);
}

static void lists_of_a_form_are_not_held_up_by_a_resolver(void **state)
{
    (void)state;
    char *text = in_clear("hang.test", "");
    struct kc_doc *doc = read_doc(text);
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_faults_init(&faults);
    int64_t since_ms = kc_now_ms();
    assert_false(kc_model("topics", doc, NULL, 1000, &out, &faults, &err));
    assert_in_range(kc_now_ms() - since_ms, 0, 1000 + SLACK_MS);
    kc_faults_deinit(&faults);
    kc_buf_deinit(&out);
    kc_doc_free(doc);
    free(text);
}

/* Whatever it is called then: two seconds more for another try are not there. */
static void who_hangs_up_late_leaves_no_time_for_the_other_protocol(void **state)
{
    (void)state;
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .hang_up_ms = 4950 });
    free(verdict_within(in_clear(fake_broker_at(b), ""), 5000, 1700));
    fake_broker_stop(b);
}

/* --- Kerberos --- */

static char *with_keytab(const struct fake_broker *b)
{
    return text_of("{'brokers':'%s','mechanism':'gssapi','securityProtocol':'SASL_PLAINTEXT',"
                   "'kerberosPrincipal':'alice@KC.TEST','kerberosKeytab':'%s/keytab'}",
                   fake_broker_at(b), folder);
}

static void each_fault_of_kerberos_is_told_apart(void **state)
{
    (void)state;
    char path[128];
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .mechanisms = "GSSAPI" });
    plan_kinit("exec /bin/sleep 60");
    is_told(with_keytab(b), 2000, "kerberos_unreachable", "kinit did not end");
    plan_kinit("echo 'kinit: Cannot contact any KDC for realm' >&2; exit 1");
    is_told(with_keytab(b), 5000, "kerberos_unreachable", "Cannot contact any KDC");
    plan_kinit("echo 'kinit: Client not found in Kerberos database' >&2; exit 1");
    is_told(with_keytab(b), 5000, "kerberos_refused", "not found in Kerberos database");
    plan_kinit("echo 'kinit: Keytab contains no suitable keys' >&2; exit 1");
    is_told(with_keytab(b), 5000, "kerberos_config", "no suitable keys");
    snprintf(path, sizeof(path), "%s/keytab", folder);
    unlink(path);
    plan_kinit("echo 'kinit: Cannot contact any KDC for realm' >&2; exit 1");
    is_told(with_keytab(b), 5000, "kerberos_config", "/keytab: No such file");
    fake_broker_stop(b);
}

/* --- the way --- */

static void addresses_that_cannot_be_reached_are_told(void **state)
{
    (void)state;
    is_told(in_clear("255.255.255.255:9092", ""), 5000, "tcp_unreachable", "no way there");
}

static void of_many_addresses_it_is_said_which_were_looked_at(void **state)
{
    (void)state;
    char list[2000] = "";
    for (int i = 1; i <= 40; i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "127.0.0.1:%d ", i);
    char *text = verdict_of(in_clear(list, ""), 5000);
    assert_holds(text, "\"code\":\"tcp_refused\"");
    assert_holds(text, "{\"code\":\"brokers_many\",\"reason\":\"the first 32 of 40 addresses");
    free(text);
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .port = 1, .brokers = 40 });
    is_told(in_clear(fake_broker_at(b), ""), 5000, "listeners_unreachable",
            "31 of the first 32 of 40 advertised addresses");
    fake_broker_stop(b);
}

/* Asks until the broker that was heard of is the trouble. librdkafka tells it at once, and
 * again after 30 s where an answer of the one that was given has made us forget it. */
static bool is_lost(char *secret, struct kc_broker *at)
{
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .port = 1, .metadata_max = 1 });
    struct kc_credentials c = { .brokers = kc_strdup(fake_broker_at(b)),
                                .security = KC_PLAINTEXT,
                                .mechanism = KC_NO_SIGN_IN,
                                .client_key_password = secret };
    struct kc_cluster *cluster;
    struct kc_error err = { 0 };
    int count;
    bool is_there = false, is_lost = false;
    assert_true(kc_cluster_open(&cluster, &c, 0, &err));
    for (int64_t by_ms = kc_now_ms() + 90000;
         !(is_there && (is_lost || secret)) && kc_now_ms() < by_ms;) {
        kc_error_clear(&err);
        is_there = !kc_cluster_brokers(cluster, 300, &count, &err) &&
                   strstr(err.text, secret ? "***:1: " : "127.0.0.1:1: ");
        is_lost |= kc_cluster_lost(cluster, at);
    }
    assert_true(is_there);
    kc_cluster_close(cluster);
    fake_broker_stop(b);
    free(c.brokers);
    return is_lost;
}

static void a_name_that_a_secret_was_taken_out_of_is_not_visited(void **state)
{
    (void)state;
    char secret[] = "127.0.0.1";
    struct kc_broker at;
    assert_true(is_lost(NULL, &at));
    assert_string_equal(at.host, "127.0.0.1");
    assert_false(is_lost(secret, &at));
}

static void a_broker_that_says_half_is_told(void **state)
{
    (void)state;
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .drops_metadata = true });
    is_told(in_clear(fake_broker_at(b), ""), 8000, "kafka_failed", "ask for the brokers");
    fake_broker_stop(b);
    b = fake_broker_start(
        &(struct fake_broker_options){ .drops_metadata = true, .mechanisms = "PLAIN" });
    is_told(in_clear(fake_broker_at(b), ""), 8000, "sign_in_required", "on offer: PLAIN");
    fake_broker_stop(b);
    b = fake_broker_start(
        &(struct fake_broker_options){ .keeps_metadata = true, .mechanisms = "PLAIN" });
    is_told(in_clear(fake_broker_at(b), ""), 4000, "kafka_timeout", "ask for the brokers");
    fake_broker_stop(b);
}

/* --- TLS --- */

static void each_fault_of_a_handshake_is_told_apart(void **state)
{
    (void)state;
    struct stub *s = stub_start(&(struct stub_options){ .tls_pem = certs.for_clients });
    is_told(with_tls(s, ""), 5000, "tls_certificate", "unsuitable certificate purpose");
    stub_stop(s);
    s = stub_start(
        &(struct stub_options){ .tls_pem = certs.server, .client_ca = certs.other_ca });
    char *own = text_of(",'clientCertificateFile':'%s','clientKeyFile':'%s'", certs.client,
                        certs.client);
    is_told(with_tls(s, own), 5000, "tls_client_certificate_refused", "refused the client");
    free(own);
    stub_stop(s);
}

/* What librdkafka is told of ciphers, the probe is told too. */
static void ciphers_of_the_properties_are_those_of_the_handshake(void **state)
{
    (void)state;
    static const char *const none_in_common[] = { "ssl.sigalgs.list=RSA-PSS+SHA256",
                                                  "ssl.curves.list=brainpoolP512r1" };
    struct stub *s = stub_start(&(struct stub_options){ .tls_pem = certs.server });
    for (size_t i = 0; i < COUNT_OF(none_in_common); i++) {
        char *more = text_of(",'properties':'%s'", none_in_common[i]);
        is_told(with_tls(s, more), 5000, "tls_failed", "127.0.0.1");
        free(more);
    }
    is_told(with_tls(s, ",'properties':'ssl.cipher.suites=no-such'"), 5000, "config",
            "\"pointer\":\"/credentials/properties\"");
    stub_stop(s);
}

static void checks_that_are_off_are_said(void **state)
{
    (void)state;
    struct stub *s = stub_start(&(struct stub_options){ .tls_pem = certs.wrong_name });
    char *text = verdict_of(
        with_tls(s, ",'properties':'enable.ssl.certificate.verification=false'"), 5000);
    assert_holds(text, "; it was not checked\"");
    assert_holds(text, "\"warnings\":[{\"code\":\"tls_not_checked\",\"reason\":\""
                       "enable.ssl.certificate.verification");
    free(text);
    text = verdict_of(with_tls(s, ",'properties':'ssl.endpoint.identification.algorithm=none'"),
                      5000);
    assert_holds(text, "; its name was not checked\"");
    assert_holds(text, "\"warnings\":[{\"code\":\"tls_not_checked\",\"reason\":\""
                       "ssl.endpoint.identification.algorithm");
    free(text);
    stub_stop(s);
}

/* --- settings --- */

static void is_wrong(const char *more, const char *pointer, const char *word)
{
    char wanted[80];
    char *text = verdict_of(text_of("{'brokers':'" NOBODY
                                    "','mechanism':'none','securityProtocol':'SSL',%s}",
                                    more),
                            5000);
    assert_holds(text, "\"code\":\"config\"");
    snprintf(wanted, sizeof(wanted), "\"pointer\":\"%s\"", pointer);
    assert_holds(text, wanted);
    assert_holds(text, word);
    assert_lacks(text, "\"name\":\"tcp\"");
    free(text);
}

static char *read_file(const char *path)
{
    char *text = kc_alloc0(8192, 1);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_test("%s cannot be read", path);
    assert_true(fread(text, 1, 8191, f) > 0);
    fclose(f);
    return text;
}

/* As JSON has it. */
static char *escaped(const char *text)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    for (; *text; text++)
        kc_buf_printf(&out, *text == '\n' ? "\\n" : "%c", *text);
    return kc_buf_take(&out);
}

static void certificates_and_keys_are_read_before_anybody_is_called(void **state)
{
    (void)state;
    char *pem = read_file(certs.locked_key), *locked = escaped(pem), *more;
    char *client_pem = read_file(certs.client), *client = escaped(client_pem);
    is_wrong("'caCertificateFile':'/no/such'", "/credentials/caCertificateFile",
             "/no/such: No such file or directory");
    is_wrong("'caCertificate':'-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END "
             "CERTIFICATE-----'",
             "/credentials/caCertificate", "is not a certificate");
    more = text_of("'clientCertificateFile':'/no/such','clientKeyFile':'%s'", certs.client);
    is_wrong(more, "/credentials/clientCertificateFile", "No such file or directory");
    free(more);
    more = text_of("'clientCertificateFile':'%s','clientKeyFile':'/no/such'", certs.client);
    is_wrong(more, "/credentials/clientKeyFile", "No such file or directory");
    free(more);
    more = text_of("'clientCertificateFile':'%s','clientKeyFile':'%s',"
                   "'clientKeyPassword':'not-the-Secret'",
                   certs.client, certs.locked_key);
    is_wrong(more, "/credentials/clientKeyPassword", "does not open the key");
    free(more);
    more = text_of("'clientCertificateFile':'%s','clientKeyFile':'%s'", certs.client,
                   certs.locked_key);
    is_wrong(more, "/credentials/clientKeyPassword", "the key is encrypted");
    free(more);
    more = text_of("'clientCertificate':'%s','clientKey':'%s','clientKeyPassword':'no'", client,
                   locked);
    is_wrong(more, "/credentials/clientKeyPassword", "does not open the key");
    free(more);
    more = text_of("'clientCertificateFile':'%s','clientKeyFile':'%s'", certs.client,
                   certs.server);
    is_wrong(more, "/credentials/clientKeyFile", "is not the key of the client certificate");
    free(more);
    free(pem);
    free(locked);
    free(client_pem);
    free(client);
}

/* Of a key with 512 bits. */
static const char small[] =
    "-----BEGIN CERTIFICATE-----\\nMIIBeTCCASOgAwIBAgIUD1wDqNLGO2G+uHKFlvZa"
    "8V+tPVwwDQYJKoZIhvcNAQEL\\nBQAwEDEOMAwGA1UEAwwFc21hbGwwIBcNMjYxMTIxMTY"
    "xNDMyWhgPMjEyNjEwMjgx\\nNjE0MzJaMBAxDjAMBgNVBAMMBXNtYWxsMFwwDQYJKoZIhv"
    "cNAQEBBQADSwAwSAJB\\nALwkJcTewy136iEFTsiol0vUd6TActBBSw0hxc01WEmFtPxr5"
    "OHzTBENSUxcRapj\\n85h7Qa2ICh2ck17F0rjQzTUCAwEAAaNTMFEwHQYDVR0OBBYEFISn"
    "2u9Qb27p3eAG\\nlLYeHuFgBEVYMB8GA1UdIwQYMBaAFISn2u9Qb27p3eAGlLYeHuFgBEV"
    "YMA8GA1Ud\\nEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADQQBQXfJF+VeTnuUmpZy4tk"
    "BsfkKO\\ns8u7Z/3fy8JCePe5prz6L2SCITwK+yBT0Lndqddo8qp54FPXwzyIoofJGahk"
    "\\n-----END CERTIFICATE-----";

static void a_certificate_that_is_refused_is_not_called_none(void **state)
{
    (void)state;
    char *more = text_of("'clientCertificate':'%s','clientKeyFile':'%s'", small, certs.client);
    is_wrong(more, "/credentials/clientCertificate", "ee key too small");
    free(more);
}

static void properties_that_only_fail_together_are_found(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "max.in.flight.requests.per.connection=6", "max.in.flight" },
        { "fetch.max.bytes=100", "fetch.max.bytes" },
        { "receive.message.max.bytes=1000", "receive.message.max.bytes" },
        { "max.poll.interval.ms=1", "max.poll.interval.ms" },
        { "partition.assignment.strategy=cooperative-sticky,range", "partition.assignment" },
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char *more = text_of("'properties':'%s'", wrong[i][0]);
        is_wrong(more, "/credentials/properties", wrong[i][1]);
        free(more);
    }
    is_told(in_clear(NOBODY, ",'properties':'linger.ms=3\\nmax.poll.interval.ms=60000'"), 5000,
            "tcp_refused", "nobody listens");
    is_told(in_clear(NOBODY, ",'properties':'max.request.size=5000000'"), 5000, "tcp_refused",
            "nobody listens");
}

/* --- tokens --- */

static char *with_token_from(const struct fake_broker *b, const char *url)
{
    return text_of("{'brokers':'%s','mechanism':'oauthbearer','username':'client-1',"
                   "'securityProtocol':'SASL_PLAINTEXT','password':'client-Secret-1',"
                   "'tokenUrl':'%s'}",
                   fake_broker_at(b), url);
}

static void a_token_server_that_swallows_is_a_slow_one(void **state)
{
    (void)state;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    char url[64];
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .mechanisms = "OAUTHBEARER" });
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_test("no socket");
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/token", ntohs(at.sin_port));
    is_told(with_token_from(b, url), 4000, "token_timeout", "127.0.0.1");
    is_told(with_token_from(b, "http://hang.test/token"), 4000, "token_timeout", "hang.test");
    close(fd);
    fake_broker_stop(b);
}

/* Nobody looks for the fault at the broker. */
static void a_refused_token_is_not_called_a_refusal_of_the_broker(void **state)
{
    (void)state;
    struct fake_broker *b =
        fake_broker_start(&(struct fake_broker_options){ .mechanisms = "OAUTHBEARER" });
    struct stub *tokens = stub_start(&(struct stub_options){ .takes_secrets = true });
    stub_always(tokens, &(struct stub_answer){ .status = 401 });
    char *text = with_token_from(b, stub_url(tokens, "/token"));
    struct kc_doc *doc = read_doc(text);
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_faults_init(&faults);
    assert_false(kc_model("topics", doc, NULL, 8000, &out, &faults, &err));
    assert_lacks(err.text, "the broker refused");
    assert_error(&err, KC_AUTH, "the token server answered with HTTP 401");
    kc_faults_deinit(&faults);
    kc_buf_deinit(&out);
    kc_doc_free(doc);
    free(text);
    stub_stop(tokens);
    fake_broker_stop(b);
}

/* --- all --- */

static int start(void **state)
{
    static const char *const allowed[] = { "127.0.0.1", "hang.test", NULL };
    char text[200], path[300];
    struct kc_error err = { 0 };
    (void)state;
    kc_cond_init(&let_go);
    snprintf(folder, sizeof(folder), "/tmp/kc-doctor.XXXXXX");
    assert_non_null(mkdtemp(folder));
    certs_make(&certs, folder);
    make_kinit();
    kc_kafka_allow_token_servers(allowed);
    snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("TMPDIR", folder, 1);
    snprintf(text, sizeof(text),
             "{\"brokers\":\"b\",\"mechanism\":\"gssapi\",\"kerberosPrincipal\":"
             "\"alice@KC.TEST\",\"kerberosKeytab\":\"%s/keytab\"}",
             folder);
    struct kc_doc *doc = read_doc(text);
    if (!kc_kerberos_prepare(doc, &err))
        fail_test("%s", err.text);
    kc_doc_free(doc);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    kc_kerberos_close();
    pthread_mutex_lock(&lock);
    is_over = true;
    pthread_cond_broadcast(&let_go);
    pthread_mutex_unlock(&lock);
    for (int left = 1; left > 0;) {
        pthread_mutex_lock(&lock);
        left = hanging;
        pthread_mutex_unlock(&lock);
        usleep(10000);
    }
    struct run run = run_process(ARGS("rm", "-r", folder), NULL, "", 10000);
    assert_exit(&run, 0);
    run_free(&run);
    return 0;
}

#define doctor_test(test) cmocka_unit_test_teardown(test, stub_stop_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        doctor_test(a_resolver_that_hangs_holds_nobody_up),
        doctor_test(lists_of_a_form_are_not_held_up_by_a_resolver),
        doctor_test(who_hangs_up_late_leaves_no_time_for_the_other_protocol),
        doctor_test(each_fault_of_kerberos_is_told_apart),
        doctor_test(addresses_that_cannot_be_reached_are_told),
        doctor_test(of_many_addresses_it_is_said_which_were_looked_at),
        doctor_test(a_name_that_a_secret_was_taken_out_of_is_not_visited),
        doctor_test(a_broker_that_says_half_is_told),
        doctor_test(each_fault_of_a_handshake_is_told_apart),
        doctor_test(ciphers_of_the_properties_are_those_of_the_handshake),
        doctor_test(checks_that_are_off_are_said),
        doctor_test(certificates_and_keys_are_read_before_anybody_is_called),
        doctor_test(a_certificate_that_is_refused_is_not_called_none),
        doctor_test(properties_that_only_fail_together_are_found),
        doctor_test(a_token_server_that_swallows_is_a_slow_one),
        doctor_test(a_refused_token_is_not_called_a_refusal_of_the_broker),
    };
    return cmocka_run_group_tests_name("mock/doctor", tests, start, stop);
}
