// SPDX-License-Identifier: Apache-2.0
#include "kafka/credentials.h"

#include "kafka/client.h"
#include "kafka/pem.h"
#include "support/fail.h"
#include "support/process.h"
#include "unit/unit.h"

static bool try_read(struct kc_credentials *c, const char *text, struct kc_error *err)
{
    char *copy = json(text);
    struct kc_faults faults;
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), err);
    if (!doc)
        fail_msg("%s: %s", text, err->text);
    *c = (struct kc_credentials){ 0 };
    kc_faults_init(&faults);
    bool ok = kc_credentials_read(c, doc, KC_UNKNOWN_IS_ERROR, &faults);
    assert_int_equal(ok, kc_faults_none(&faults, KC_CONFIG, err));
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    free(copy);
    return ok;
}

static struct kc_credentials credentials_of(const char *text)
{
    struct kc_credentials c;
    struct kc_error err = { 0 };
    if (!try_read(&c, text, &err))
        fail_msg("%s: %s", text, err.text);
    return c;
}

static void assert_refused(const char *text, const char *reason)
{
    struct kc_credentials c;
    struct kc_error err = { 0 };
    if (try_read(&c, text, &err))
        fail_msg("accepted: %s", text);
    assert_error(&err, KC_CONFIG, reason);
    kc_credentials_free(&c);
}

/* --- brokers --- */

static void assert_brokers(const char *typed, const char *wanted)
{
    char text[512];
    snprintf(text, sizeof(text), "{'mechanism': 'none', 'brokers': '%s'}", typed);
    struct kc_credentials c = credentials_of(text);
    assert_string_equal(c.brokers, wanted);
    kc_credentials_free(&c);
}

static void assert_no_brokers(const char *typed)
{
    char text[512];
    snprintf(text, sizeof(text), "{'mechanism': 'none', 'brokers': '%s'}", typed);
    assert_refused(text, "field 'brokers': ");
}

static void brokers_may_be_separated_as_people_do(void **state)
{
    (void)state;
    assert_brokers("a:1,b:2", "a:1,b:2");
    assert_brokers("a:1, b:2", "a:1,b:2");
    assert_brokers("a:1 b:2", "a:1,b:2");
    assert_brokers("a:1\\nb:2\\r\\nc:3\\n", "a:1,b:2,c:3");
    assert_brokers(" ,; a:1 ;,\\t b:2 , ", "a:1,b:2");
    assert_brokers("a:1\\\\nb:2\\\\r\\\\nc", "a:1,b:2,c:9092"); /* spelled out */
}

static void a_broker_without_a_port_has_the_usual_one(void **state)
{
    (void)state;
    assert_brokers("a.example.com", "a.example.com:9092");
    assert_brokers("a b:1 c", "a:9092,b:1,c:9092");
    assert_brokers("10.0.0.1", "10.0.0.1:9092");
}

static void ipv6_addresses_are_understood(void **state)
{
    (void)state;
    assert_brokers("[::1]:9093", "[::1]:9093");
    assert_brokers("[::1]", "[::1]:9092");
    assert_brokers("::1", "[::1]:9092");
    assert_brokers("2001:db8::17 fe80::1", "[2001:db8::17]:9092,[fe80::1]:9092");
    assert_brokers("fe80::1%eth0", "[fe80::1%eth0]:9092");
}

static void a_protocol_in_front_is_left_out(void **state)
{
    (void)state;
    assert_brokers("SASL_SSL://a:9093,PLAINTEXT://b", "a:9093,b:9092");
}

static void ports_reach_from_1_to_65535(void **state)
{
    (void)state;
    assert_brokers("a:1 b:65535", "a:1,b:65535");
    assert_no_brokers("a:0");
    assert_no_brokers("a:65536");
    assert_no_brokers("a:-1");
    assert_no_brokers("a:http");
    assert_no_brokers("a:");
    assert_no_brokers("a:1,b:99999999999999999999");
    assert_no_brokers("[::1]:0");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    assert_no_brokers(":9092");
    assert_no_brokers("SSL://");
    assert_no_brokers(" , \\n ");
    assert_no_brokers("[::1");
    assert_no_brokers("::1]:9092");
    assert_no_brokers("[::1]x");
    assert_no_brokers("[]:9092");
    assert_no_brokers("a:b:c");
    assert_no_brokers("a:1:2");
    assert_no_brokers("[:]:90:2");
    assert_no_brokers("[::1]:90:2");
    assert_no_brokers("[a]:90");
    assert_no_brokers("a]:90");
    assert_no_brokers("a[b:90");
}

static void what_people_put_around_addresses_is_told(void **state)
{
    (void)state;
    assert_refused("{"
                   "'mechanism': 'none', 'brokers': '[\\u0022a:1\\u0022]'}",
                   "write addresses without quotes");
    assert_refused("{'mechanism': 'none', 'brokers': 'user:hunter2@b:1'}",
                   "'…@b:1': a user and a password have fields of their own");
    struct kc_credentials c;
    struct kc_error err = { 0 };
    assert_false(try_read(&c, "{'mechanism':'none','brokers':'u:hunter2@b:1'}", &err));
    assert_lacks(err.text, "hunter2");
    kc_credentials_free(&c);
}

/* Where a password holds what separates addresses, a piece of it stands before the @. */
static void nothing_before_a_password_s_end_is_quoted(void **state)
{
    (void)state;
    static const char *const typed[] = { "alice:hunter2,secret99@b:9092",
                                         "alice:hunt@er2hunter2,secret99@b:9092",
                                         "a:1 alice:hunter2;x y@b:9092,c:1" };
    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        char text[200];
        struct kc_credentials c;
        struct kc_error err = { 0 };
        snprintf(text, sizeof(text), "{'mechanism':'none','brokers':'%s'}", typed[i]);
        assert_false(try_read(&c, text, &err));
        assert_holds(err.text, "a user and a password have fields of their own");
        assert_lacks(err.text, "hunter2");
        assert_lacks(err.text, "secret99");
        kc_credentials_free(&c);
    }
}

static void an_endless_name_is_refused_and_quoted_in_part(void **state)
{
    (void)state;
    struct kc_credentials c;
    struct kc_error err = { 0 };
    char *name = repeated("a", 100000), *text = kc_alloc0(strlen(name) + 100, 1);
    sprintf(text, "{'mechanism': 'none', 'brokers': '%s'}", name);
    assert_false(try_read(&c, text, &err));
    assert_in_range(strlen(err.text), 10, 200);
    kc_credentials_free(&c);
    free(text);
    free(name);
}

/* --- signing in --- */

#define BROKERS "'brokers': 'a:1'"
#define ALICE   BROKERS ", 'username': 'alice', 'password': 'hunter2'"

static void without_a_word_it_is_scram_sha_512_over_tls(void **state)
{
    (void)state;
    struct kc_credentials c = credentials_of("{" ALICE "}");
    assert_int_equal(c.mechanism, KC_SCRAM_SHA_512);
    assert_int_equal(c.security, KC_SASL_SSL);
    assert_string_equal(c.client_id, "kafka-component");
    kc_credentials_free(&c);
}

static void without_sign_in_it_is_tls(void **state)
{
    (void)state;
    struct kc_credentials c = credentials_of("{" BROKERS ", 'mechanism': 'none'}");
    assert_int_equal(c.security, KC_SSL);
    kc_credentials_free(&c);
}

static void nothing_goes_in_clear_unless_someone_wrote_so(void **state)
{
    (void)state;
    struct kc_credentials c =
        credentials_of("{" ALICE ", 'securityProtocol': 'SASL_PLAINTEXT'}");
    assert_int_equal(c.security, KC_SASL_PLAINTEXT);
    kc_credentials_free(&c);
    c = credentials_of("{" BROKERS ", 'mechanism': 'none', 'securityProtocol': 'plaintext'}");
    assert_int_equal(c.security, KC_PLAINTEXT);
    kc_credentials_free(&c);
}

static void a_mechanism_is_understood_in_its_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int mechanism;
    } rows[] = {
        { "scram-sha-512", KC_SCRAM_SHA_512 },
        { "SCRAM-SHA-512", KC_SCRAM_SHA_512 },
        { "SASL/SCRAM-SHA-512", KC_SCRAM_SHA_512 },
        { "scram-sha-256", KC_SCRAM_SHA_256 },
        { "SASL/SCRAM-SHA-256", KC_SCRAM_SHA_256 },
        { "plain", KC_PLAIN },
        { "SASL/PLAIN", KC_PLAIN },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[200];
        snprintf(text, sizeof(text), "{" ALICE ", 'mechanism': '%s'}", rows[i].name);
        struct kc_credentials c = credentials_of(text);
        assert_int_equal(c.mechanism, rows[i].mechanism);
        kc_credentials_free(&c);
    }
    assert_refused(
        "{" ALICE ", 'mechanism': 'md5'}",
        "must be one of scram-sha-512, scram-sha-256, plain, oauthbearer, gssapi, none");
}

static void who_signs_in_needs_a_name_and_a_password(void **state)
{
    (void)state;
    assert_refused("{" BROKERS "}",
                   "field 'username': required by mechanism scram-sha-512; field 'password': "
                   "required by mechanism scram-sha-512");
    assert_refused("{" BROKERS ", 'username': 'alice', 'mechanism': 'plain'}",
                   "field 'password': required by mechanism plain");
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    assert_refused("{" BROKERS ", 'mechanism': 'none', 'securityProtocol': 'SASL_SSL'}",
                   "field 'securityProtocol': SASL_SSL signs in, but mechanism is none");
    assert_refused("{" ALICE ", 'securityProtocol': 'SSL'}",
                   "field 'securityProtocol': SSL does not sign in, but a username is given");
}

static void all_faults_are_told_at_once_and_no_secret(void **state)
{
    (void)state;
    struct kc_credentials c;
    struct kc_error err = { 0 };
    assert_false(try_read(&c,
                          "{'brokers': 'a:0', 'mechanism': 'x', 'pasword': 'hunter2',"
                          " 'password': 'hunter2', 'caCertificate': 'hunter2'}",
                          &err));
    assert_holds(err.text, "'brokers'");
    assert_holds(err.text, "'mechanism'");
    assert_holds(err.text, "field 'pasword': unknown; did you mean 'password'?");
    assert_holds(err.text, "'caCertificate'");
    assert_lacks(err.text, "hunter2");
    kc_credentials_free(&c);
}

/* --- certificates --- */

#define NO_SIGN_IN BROKERS ", 'mechanism': 'none'"

#define BEGIN      "-----BEGIN CERTIFICATE-----"
#define END        "-----END CERTIFICATE-----"
#define BODY       "MIIBMIIB/+9="
#define PEM        BEGIN "\n" BODY "\n" END "\n"

static void assert_mended(const char *pasted, const char *wanted)
{
    char *pem = kc_pem_mend(kc_strdup(pasted));
    assert_string_equal(pem, wanted);
    free(pem);
}

/* What forms, shells, YAML and JSON make of a text with lines. */
static void a_certificate_gets_its_lines_back(void **state)
{
    (void)state;
    assert_mended(PEM, PEM);
    assert_mended(BEGIN "\\nMIIBMIIB\\n/+9=\\n" END, PEM);
    assert_mended(BEGIN "\\nMIIBMIIB\\r\\n/+9=\\n" END "\\n\n", PEM);
    assert_mended(BEGIN "\\\\nMIIBMIIB/+9=\\\\n" END "\\\\n", PEM);
    assert_mended(BEGIN " MIIBMIIB /+9= " END, PEM);
    assert_mended(BEGIN " MIIBMIIB /+9= " END "\n", PEM);
    assert_mended(BEGIN "\tMIIBMIIB\t/+9=\t" END, PEM);
    assert_mended("  " BEGIN "\r\n  MIIBMIIB\r\n  /+9=\r\n  " END "\r\n", PEM);
    assert_mended(BEGIN BODY END, PEM);
    assert_mended("\"" BEGIN "\\n" BODY "\\n" END "\\n\"", PEM);
    assert_mended(BEGIN "\\nMIIBMIIB\\/+9=\\n" END, PEM);
    assert_mended(BEGIN " " BODY " " END " " BEGIN " " BODY " " END, PEM PEM);
    assert_mended("subject=CN = a\n" PEM "issuer=CN = b\n" PEM, PEM PEM);
    char *body = repeated("M", 130), *pasted = kc_alloc0(400, 1), *wanted = kc_alloc0(400, 1);
    snprintf(pasted, 400, "%s%s%s", BEGIN, body, END);
    snprintf(wanted, 400, "%s\n%.64s\n%.64s\nMM\n%s\n", BEGIN, body, body, END);
    assert_mended(pasted, wanted);
    free(body);
    free(pasted);
    free(wanted);
}

static void the_header_of_an_old_encrypted_key_keeps_its_lines(void **state)
{
    (void)state;
    static const char key[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                              "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123\n\n"
                              "MIIB\n-----END RSA PRIVATE KEY-----\n";
    assert_mended(key, key);
    assert_mended("-----BEGIN RSA PRIVATE KEY----- Proc-Type: 4,ENCRYPTED DEK-Info: "
                  "AES-256-CBC,0123  MIIB -----END RSA PRIVATE KEY-----",
                  key);
}

static void what_is_no_pem_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_mended("", "");
    assert_mended(" MI\\nIB\n", " MI\\nIB\n");
    assert_mended(BEGIN "\nMIIB\n", BEGIN "\nMIIB\n");
    assert_mended(PEM BEGIN "\nMIIB\n", PEM BEGIN "\nMIIB\n");
    assert_mended("-----BEGIN ", "-----BEGIN ");
    assert_mended("-----BEGIN A-----x-----END B-----", "-----BEGIN A-----x-----END B-----");
    assert_null(kc_pem_mend(NULL));
}

static void a_certificate_in_a_field_is_mended(void **state)
{
    (void)state;
    struct kc_credentials c = credentials_of("{" NO_SIGN_IN ", 'caCertificate': '" BEGIN
                                             "\\\\n" BODY "\\\\n" END "\\n'}");
    assert_string_equal(c.ca_certificate, PEM);
    kc_credentials_free(&c);
}

static void what_is_no_certificate_is_refused(void **state)
{
    (void)state;
    assert_refused("{" NO_SIGN_IN ", 'caCertificate': 'MIIB'}",
                   "field 'caCertificate': is not a PEM certificate");
    assert_refused("{" NO_SIGN_IN ", 'caCertificateFile': '/ca.pem', 'caCertificate': "
                   "'-----BEGIN CERTIFICATE-----'}",
                   "field 'caCertificateFile': stands beside caCertificate");
}

/* --- what librdkafka is told --- */

static void assert_property(rd_kafka_conf_t *conf, const char *name, const char *wanted)
{
    char value[256] = "";
    size_t size = sizeof(value);
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, wanted);
}

static void credentials_become_librdkafkas_properties(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_health health;
    struct kc_credentials c = credentials_of("{" ALICE ", 'clientId': 'me'}");
    const struct kc_property own[] = { { "client.id", "mine" }, { NULL, NULL } };
    kc_health_init(&health);
    rd_kafka_conf_t *conf = kc_client_conf(RD_KAFKA_PRODUCER, &c, own, &health, &err);
    assert_non_null(conf);
    assert_property(conf, "security.protocol", "sasl_ssl");
    assert_property(conf, "sasl.mechanisms", "SCRAM-SHA-512");
    assert_property(conf, "sasl.username", "alice");
    assert_property(conf, "bootstrap.servers", "a:1");
    assert_property(conf, "client.id", "mine"); /* the caller's rows win */
    assert_property(conf, "enable.ssl.certificate.verification", "true");
    assert_property(conf, "ssl.endpoint.identification.algorithm", "https");
    assert_property(conf, "enable.metrics.push", "false");
    rd_kafka_conf_destroy(conf);
    kc_health_deinit(&health);
    kc_credentials_free(&c);
}

static void a_property_that_librdkafka_refuses_is_named(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_health health;
    struct kc_credentials c = credentials_of("{" NO_SIGN_IN "}");
    const struct kc_property own[] = { { "compression.type", "zip" }, { NULL, NULL } };
    kc_health_init(&health);
    assert_null(kc_client_conf(RD_KAFKA_PRODUCER, &c, own, &health, &err));
    assert_error(&err, KC_CONFIG, "compression.codec");
    kc_health_deinit(&health);
    kc_credentials_free(&c);
}

static void gssapi_needs_no_name_and_no_password(void **state)
{
    (void)state;
    struct kc_credentials c = credentials_of("{'brokers': 'b', 'mechanism': 'SASL/GSSAPI'}");
    assert_int_equal(c.mechanism, KC_GSSAPI);
    assert_int_equal(c.security, KC_SASL_SSL);
    assert_string_equal(c.kerberos_service, "kafka");
    kc_credentials_free(&c);
    c = credentials_of(
        "{'brokers': 'b', 'mechanism': 'gssapi', 'kerberosServiceName': 'k',"
        " 'kerberosPrincipal': 'a/b-c.d_1@EXAMPLE.COM', 'kerberosKeytab': '/k'}");
    kc_credentials_free(&c);
}

#define OAUTH                                                                                  \
    ALICE ", 'mechanism': 'oauthbearer', 'tokenUrl': 'https://login.example.com/token'"

static void what_belongs_to_another_mechanism_is_refused(void **state)
{
    (void)state;
    assert_refused("{" ALICE ", 'tokenUrl': 'https://a'}", "belongs to mechanism oauthbearer");
    assert_refused("{" ALICE ", 'scope': 'a'}", "'scope': belongs to mechanism oauthbearer");
    assert_refused("{" ALICE ", 'oauthExtensions': 'a=b'}",
                   "'oauthExtensions': belongs to mechanism oauthbearer");
    assert_refused("{" ALICE ", 'kerberosServiceName': 'k'}",
                   "'kerberosServiceName': belongs to mechanism gssapi");
    struct kc_credentials c = credentials_of("{" ALICE ", 'scope': '', 'tokenUrl': null,"
                                             " 'kerberosServiceName': 'kafka'}");
    kc_credentials_free(&c); /* as forms fill them in */
}

static void assert_extensions_refused(const char *extensions, const char *reason)
{
    char text[900];
    snprintf(text, sizeof(text), "{" OAUTH ", 'oauthExtensions': '%s'}", extensions);
    assert_refused(text, reason);
}

static void extensions_are_such_as_librdkafka_takes(void **state)
{
    (void)state;
    struct kc_credentials c = credentials_of(
        "{" OAUTH ", 'oauthExtensions': 'logicalCluster=lkc-1, poolId=x y\\\\nc=d'}");
    assert_string_equal(c.oauth_extensions, "logicalCluster=lkc-1, poolId=x y\n\nc=d");
    kc_credentials_free(&c);
    assert_extensions_refused("a1=b", "is not name=value");
    assert_extensions_refused("auth=x", "'auth' is a name of the protocol's own");
    assert_extensions_refused("a=x\\u0007", "the value of 'a' may hold printable ASCII only");
    assert_extensions_refused("a=\\u00e4", "the value of 'a' may hold printable ASCII only");
    char many[400] = "";
    for (int i = 0; i < 33; i++)
        strncat(many, "a=b,", 5);
    assert_extensions_refused(many, "more than 32 pairs");
    many[32 * 4] = '\0';
    char text[700];
    snprintf(text, sizeof(text), "{" OAUTH ", 'oauthExtensions': '%s'}", many);
    c = credentials_of(text);
    kc_credentials_free(&c);
}

static void assert_note(const char *text, const char *pointer, const char *word)
{
    struct kc_faults notes;
    struct kc_credentials c = credentials_of(text);
    kc_faults_init(&notes);
    kc_credentials_notes(&c, &notes);
    if (!pointer && notes.count > 0)
        fail_msg("%s: %s", text, notes.list[0].text);
    assert_int_equal(notes.count, pointer ? 1 : 0);
    if (pointer) {
        assert_string_equal(notes.list[0].pointer, pointer);
        assert_holds(notes.list[0].text, word);
    }
    kc_faults_deinit(&notes);
    kc_credentials_free(&c);
}

static void what_is_given_and_not_used_is_noted(void **state)
{
    (void)state;
    assert_note("{" ALICE "}", NULL, NULL);
    assert_note("{" OAUTH "}", NULL, NULL);
    assert_note("{" BROKERS ", 'mechanism': 'none', 'username': 'alice'}", "/username",
                "not used: mechanism is none");
    assert_note("{" BROKERS ", 'mechanism': 'none', 'password': 'hunter2'}", "/password",
                "not used: mechanism is none");
    assert_note("{" BROKERS ", 'mechanism': 'plain', 'securityProtocol': 'PLAINTEXT',"
                " 'password': 'hunter2'}",
                "/password", "not used: PLAINTEXT does not sign in");
    assert_note("{" BROKERS ", 'mechanism': 'none', 'securityProtocol': 'PLAINTEXT',"
                " 'caCertificateFile': '/ca.pem'}",
                "/caCertificateFile", "not used: PLAINTEXT is without TLS");
    assert_note("{" ALICE ", 'mechanism': 'oauthbearer', 'securityProtocol': 'SASL_PLAINTEXT',"
                " 'tokenUrl': 'https://a/t', 'caCertificateFile': '/ca.pem'}",
                NULL, NULL); /* it is the token server's */
    assert_note("{" ALICE ", 'mechanism': 'oauthbearer', 'tokenUrl': 'http://a/t'}",
                "/tokenUrl", "in clear");
    assert_note("{" ALICE ", 'mechanism': 'oauthbearer', 'tokenUrl': 'HTTP://10.0.0.1:80/t'}",
                "/tokenUrl", "in clear");
    static const char *const own[] = { "http://127.0.0.1:8080/t", "http://[::1]/t",
                                       "http://localhost/t" };
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        char text[300];
        snprintf(text, sizeof(text),
                 "{" ALICE ", 'mechanism': 'oauthbearer', 'tokenUrl': '%s'}", own[i]);
        assert_note(text, NULL, NULL);
    }
}

/* What docs/credentials.md says of Confluent Cloud, with the lines that may stay. */
static void the_recipe_of_the_docs_is_taken(void **state)
{
    (void)state;
    char path[512];
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_credentials c = { 0 };
    snprintf(path, sizeof(path), "%s/docs/credentials.md", need_env("KC_TEST_ROOT"));
    FILE *f = fopen(path, "re");
    if (!f)
        fail_test("%s cannot be read", path);
    char *page = kc_alloc0(65536, 1);
    assert_true(fread(page, 1, 65535, f) > 0);
    (void)fclose(f);
    char *begin = strstr(page, "### Confluent Cloud");
    if (!begin)
        fail_test("%s has no recipe", path);
    begin = strstr(begin, "```json\n") + strlen("```json\n");
    struct kc_text block = { begin, (size_t)(strstr(begin, "```") - begin) };
    struct kc_doc *doc = kc_doc_parse(block, &err);
    assert_non_null(doc);
    kc_doc_put(doc, "properties",
               "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
               "ssl.endpoint.identification.algorithm=https\n"
               "client.dns.lookup=use_all_dns_ips\nacks=all\n");
    kc_faults_init(&faults);
    assert_true(kc_credentials_read(&c, doc, KC_UNKNOWN_IS_ERROR, &faults));
    assert_int_equal(c.mechanism, KC_PLAIN);
    assert_int_equal(c.security, KC_SASL_SSL);
    kc_faults_deinit(&faults);
    kc_credentials_free(&c);
    kc_doc_free(doc);
    free(page);
}

static void what_kinit_could_misunderstand_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "a;b", "a b", "$(x)", "-X", "a\\nb", "a|b" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[160];
        snprintf(text, sizeof(text),
                 "{'brokers': 'b', 'mechanism': 'gssapi', 'kerberosPrincipal': '%s'}",
                 wrong[i]);
        assert_refused(text, "field 'kerberosPrincipal': ");
    }
    assert_refused("{'brokers': 'b', 'mechanism': 'gssapi', 'kerberosServiceName': 'k|l'}",
                   "field 'kerberosServiceName': ");
    assert_refused("{'brokers': 'b', 'mechanism': 'gssapi', 'kerberosKeytab': '/k'}",
                   "field 'kerberosPrincipal': required beside a keytab");
    assert_refused("{'brokers': 'b', 'mechanism': 'none', 'kerberosKeytab': '/k'}",
                   "field 'kerberosKeytab': belongs to mechanism gssapi");
    assert_refused("{'brokers': 'b', 'mechanism': 'gssapi', 'securityProtocol': 'SSL'}",
                   "SSL does not sign in, but mechanism is gssapi");
}

/* librdkafka's own way to tickets is a shell's line. */
static void librdkafka_never_runs_kinit(void **state)
{
    (void)state;
    char value[32];
    size_t size = sizeof(value);
    struct kc_error err = { 0 };
    struct kc_health health;
    kc_health_init(&health);
    struct kc_credentials c = credentials_of("{'brokers': 'b', 'mechanism': 'gssapi'}");
    static const struct kc_property own[] = { { NULL, NULL } };
    rd_kafka_conf_t *conf = kc_client_conf(RD_KAFKA_CONSUMER, &c, own, &health, &err);
    assert_non_null(conf);
    rd_kafka_conf_get(conf, "sasl.kerberos.min.time.before.relogin", value, &size);
    assert_string_equal(value, "0");
    rd_kafka_conf_destroy(conf);
    kc_credentials_free(&c);
    kc_health_deinit(&health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_may_be_separated_as_people_do),
        cmocka_unit_test(a_broker_without_a_port_has_the_usual_one),
        cmocka_unit_test(ipv6_addresses_are_understood),
        cmocka_unit_test(a_protocol_in_front_is_left_out),
        cmocka_unit_test(ports_reach_from_1_to_65535),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(what_people_put_around_addresses_is_told),
        cmocka_unit_test(nothing_before_a_password_s_end_is_quoted),
        cmocka_unit_test(an_endless_name_is_refused_and_quoted_in_part),
        cmocka_unit_test(without_a_word_it_is_scram_sha_512_over_tls),
        cmocka_unit_test(without_sign_in_it_is_tls),
        cmocka_unit_test(nothing_goes_in_clear_unless_someone_wrote_so),
        cmocka_unit_test(a_mechanism_is_understood_in_its_spellings),
        cmocka_unit_test(who_signs_in_needs_a_name_and_a_password),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(all_faults_are_told_at_once_and_no_secret),
        cmocka_unit_test(a_certificate_gets_its_lines_back),
        cmocka_unit_test(the_header_of_an_old_encrypted_key_keeps_its_lines),
        cmocka_unit_test(what_is_no_pem_text_stays_as_it_is),
        cmocka_unit_test(a_certificate_in_a_field_is_mended),
        cmocka_unit_test(what_belongs_to_another_mechanism_is_refused),
        cmocka_unit_test(extensions_are_such_as_librdkafka_takes),
        cmocka_unit_test(the_recipe_of_the_docs_is_taken),
        cmocka_unit_test(what_is_given_and_not_used_is_noted),
        cmocka_unit_test(what_is_no_certificate_is_refused),
        cmocka_unit_test(credentials_become_librdkafkas_properties),
        cmocka_unit_test(a_property_that_librdkafka_refuses_is_named),
        cmocka_unit_test(gssapi_needs_no_name_and_no_password),
        cmocka_unit_test(what_kinit_could_misunderstand_is_refused),
        cmocka_unit_test(librdkafka_never_runs_kinit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
