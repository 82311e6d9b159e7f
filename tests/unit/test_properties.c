// SPDX-License-Identifier: Apache-2.0
/* Extra client properties: what may be set, and what is said of everything else. */
#include "kafka/properties.h"

#include "component/entries.h"
#include "kafka/client.h"
#include "support/fail.h"
#include "unit/unit.h"

#include <stdio.h>

static struct kc_faults faults_of(const char *properties, struct kc_credentials c)
{
    struct kc_faults faults;
    c.properties = kc_strdup(properties);
    kc_faults_init(&faults);
    kc_properties_check(&c, &faults);
    free(c.properties);
    return faults;
}

static const struct kc_credentials over_tls = { .security = KC_SASL_SSL };

static void assert_allowed(const char *properties)
{
    struct kc_faults faults = faults_of(properties, over_tls);
    if (faults.count > 0)
        fail_msg("%s: %s", properties, faults.list[0].text);
    kc_faults_deinit(&faults);
}

static void assert_fault(const char *properties, const char *text)
{
    struct kc_faults faults = faults_of(properties, over_tls);
    if (faults.count != 1 || !strstr(faults.list[0].text, text))
        fail_msg("%s: '%s', not '%s'", properties,
                 faults.count ? faults.list[0].text : "allowed", text);
    assert_string_equal(faults.list[0].pointer, "/properties");
    kc_faults_deinit(&faults);
}

static void lines_comments_and_blanks_are_read(void **state)
{
    (void)state;
    assert_allowed("linger.ms=20");
    assert_allowed("# for the night\n\n  linger.ms = 20 \r\nbatch.size=1000\n");
    assert_allowed("linger.ms=20\\nbatch.size=1000"); /* out of a one-line form */
    assert_fault("linger.ms", "line 1 is not name=value");
    assert_fault("linger.ms=20\n=5", "line 2 is not name=value");
    assert_fault("lingr.ms=20", "did you mean 'linger.ms'?");
    assert_fault("linger.ms=soon", "line 1: ");
}

static void javas_names_are_understood(void **state)
{
    (void)state;
    assert_allowed("fetch.max.wait.ms=100\nmax.request.size=2000000\nsend.buffer.bytes=100000");
    assert_allowed("ssl.endpoint.identification.algorithm=https");
}

static void confluents_recipe_is_understood_or_refused_by_name(void **state)
{
    (void)state;
    struct kc_credentials plain = { .security = KC_SASL_SSL, .mechanism = KC_PLAIN };
    struct kc_faults faults = faults_of("ssl.endpoint.identification.algorithm=https\n"
                                        "sasl.mechanism=PLAIN\n"
                                        "security.protocol=SASL_SSL\n",
                                        plain);
    assert_int_equal(faults.count, 0);
    kc_faults_deinit(&faults);
    assert_fault("sasl.jaas.config=org.example.PlainLoginModule required password=\"abc\";",
                 "sasl.jaas.config is what the field username and password says");
}

static void a_clash_with_a_field_names_both(void **state)
{
    (void)state;
    assert_fault("security.protocol=PLAINTEXT",
                 "security.protocol says something else than the field securityProtocol");
    assert_fault("sasl.mechanism=PLAIN", "something else than the field mechanism");
    assert_fault("bootstrap.servers=elsewhere:9092", "the field brokers");
    assert_fault("sasl.password=abc", "the field password");
}

/* Of the credentials and of each entry point, whichever it is. */
static void check_fields(const struct kc_field *fields)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        char line[200];
        if (!f->kafka)
            continue;
        snprintf(line, sizeof(line), "%s=x", f->kafka);
        struct kc_faults faults = faults_of(line, over_tls);
        assert_int_equal(faults.count, 1);
        if (!strstr(faults.list[0].text, f->operator_only ? "refused, since" : f->name))
            fail_msg("%s: %s", f->name, faults.list[0].text);
        kc_faults_deinit(&faults);
    }
}

static void every_field_of_kafkas_is_named_in_a_clash(void **state)
{
    (void)state;
    check_fields(kc_credentials_fields);
    for (size_t i = 0; kc_entries[i]; i++)
        check_fields(kc_entries[i]->fields);
}

static void a_value_that_a_field_lacks_is_said_as_the_field_wants_it(void **state)
{
    (void)state;
    assert_fault("sasl.mechanism=PLAIN", "set the field to plain, or delete the line");
    assert_fault("sasl.mechanisms=SCRAM-SHA-256", "set the field to scram-sha-256, or");
    assert_fault("security.protocol=SASL_PLAINTEXT", "set the field to SASL_PLAINTEXT, or");
    assert_fault("sasl.mechanism=hunter2", "the field mechanism: delete the line");
}

static void lines_of_javas_recipes_are_told_to_go(void **state)
{
    (void)state;
    static const char *const names[] = { "ssl.protocol",
                                         "ssl.enabled.protocols",
                                         "buffer.memory",
                                         "max.block.ms",
                                         "schema.registry.url",
                                         "basic.auth.user.info",
                                         "basic.auth.credentials.source" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char line[100];
        snprintf(line, sizeof(line), "%s=x", names[i]);
        assert_fault(line, "delete the line");
    }
    assert_allowed("enable.auto.commit=false");
    assert_fault("sasl.jaas.config=a.PlainLoginModule required \\\n  username=\"a\" "
                 "\\\r\n  password=\"hunter2\";\nlinger.ms=20",
                 "the field username and password says");
    assert_fault("client.rack=a\\\nb\nlinger.ms", "line 3 is not name=value");
}

static void only_a_line_that_says_so_goes_on(void **state)
{
    (void)state;
    assert_fault("# in C:\\certs\\\nlinger.ms", "line 2 is not name=value");
    assert_fault(" ! in C:\\certs\\\nlinger.ms", "line 2 is not name=value");
    assert_fault("client.rack=a\\\\\nlinger.ms", "line 2 is not name=value");
    assert_fault("client.rack=a\\\\\r\nlinger.ms", "line 2 is not name=value");
    assert_fault("client.rack=a\\\\\\\nb\nlinger.ms", "line 3 is not name=value");
    assert_fault("client.rack=a\\\n#b\\\nc\nlinger.ms", "line 4 is not name=value");
}

static void javas_empty_algorithm_is_none(void **state)
{
    (void)state;
    char value[64];
    size_t size = sizeof(value);
    assert_allowed("ssl.endpoint.identification.algorithm=");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kc_properties_apply("ssl.endpoint.identification.algorithm=", RD_KAFKA_CONSUMER, conf);
    assert_int_equal(
        rd_kafka_conf_get(conf, "ssl.endpoint.identification.algorithm", value, &size),
        RD_KAFKA_CONF_OK);
    assert_string_equal(value, "none");
    rd_kafka_conf_destroy(conf);
}

static void a_wrong_value_is_said_in_one_line_without_it(void **state)
{
    (void)state;
    struct kc_faults faults =
        faults_of("partitioner=hunter2\nlinger.ms=99999999999\nlinger.ms=-5", over_tls);
    assert_int_equal(faults.count, 3);
    assert_string_equal(faults.list[0].text, "line 1: partitioner does not take this value");
    for (size_t i = 0; i < faults.count; i++) {
        assert_lacks(faults.list[i].text, "hunter2");
        assert_lacks(faults.list[i].text, "\n");
    }
    assert_holds(faults.list[2].text, "range");
    kc_faults_deinit(&faults);
}

static void promises_cannot_be_taken_back(void **state)
{
    (void)state;
    assert_allowed("acks=all\nenable.idempotence=true");
    assert_fault("acks=1", "acks can only be all");
    assert_fault("enable.idempotence=false", "can only be true");
    assert_fault("enable.auto.commit=true", "lost");
    assert_fault("auto.offset.reset=latest", "the field startFrom");
}

static void no_value_is_quoted(void **state)
{
    (void)state;
    struct kc_faults faults = faults_of("sasl.password=hunter2\nsasl.jaas.config=hunter2\n"
                                        "unknown.thing=hunter2\nssl.key.password=hunter2",
                                        over_tls);
    assert_int_equal(faults.count, 4);
    for (size_t i = 0; i < faults.count; i++)
        assert_null(strstr(faults.list[i].text, "hunter2"));
    kc_faults_deinit(&faults);
}

static void tls_properties_need_tls(void **state)
{
    (void)state;
    const struct kc_credentials clear = { .security = KC_PLAINTEXT };
    struct kc_faults faults = faults_of("ssl.cipher.suites=ALL", clear);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.list[0].text,
                        "ssl.cipher.suites means nothing with securityProtocol PLAINTEXT");
    kc_faults_deinit(&faults);
}

/* The next name in librdkafka's own table of its properties. */
static bool next_name(FILE *f, char name[128])
{
    char text[4096];
    while (fgets(text, sizeof(text), f)) {
        if (sscanf(text, "%127[a-z0-9._] |", name) == 1 && strchr(text, '|'))
            return true;
    }
    return false;
}

/* Words that no property a flow may set has in its name. */
static const char *const dangerous[] = { "location", "path",     "cmd",  "engine",   "provider",
                                         "plugin",   "password", "file", "username", "sasl",
                                         "debug",    "commit",   "_cb",  "keytab",   "opaque" };

static void no_property_of_the_linked_librdkafka_that_could_do_harm_is_allowed(void **state)
{
    (void)state;
    char name[128];
    size_t count = 0, allowed = 0;
    FILE *f = tmpfile();
    if (!f)
        fail_test("no temporary file");
    rd_kafka_conf_properties_show(f);
    assert_int_equal(fseek(f, 0, SEEK_SET), 0);
    for (; next_name(f, name); count++) {
        if (!kc_property_is_allowed(name))
            continue;
        allowed++;
        for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
            if (strstr(name, dangerous[i]))
                fail_msg("%s is allowed", name);
        }
    }
    (void)fclose(f);
    assert_true(count > 150);
    assert_true(allowed > 40);
}

static void each_kind_of_client_gets_its_own(void **state)
{
    (void)state;
    char value[64];
    size_t size = sizeof(value);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kc_properties_apply("fetch.min.bytes=77\nlinger.ms=33\nclient.rack=r1", RD_KAFKA_CONSUMER,
                        conf);
    assert_int_equal(rd_kafka_conf_get(conf, "fetch.min.bytes", value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(value, "77");
    size = sizeof(value);
    assert_int_equal(rd_kafka_conf_get(conf, "client.rack", value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, "r1");
    size = sizeof(value);
    assert_int_equal(rd_kafka_conf_get(conf, "linger.ms", value, &size), RD_KAFKA_CONF_OK);
    assert_string_not_equal(value, "33");
    size = sizeof(value); /* a consumer's fetch.max.bytes would have to be more */
    kc_properties_apply("max.request.size=5000000", RD_KAFKA_CONSUMER, conf);
    assert_int_equal(rd_kafka_conf_get(conf, "message.max.bytes", value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_not_equal(value, "5000000");
    size = sizeof(value);
    kc_properties_apply("max.request.size=5000000", RD_KAFKA_PRODUCER, conf);
    assert_int_equal(rd_kafka_conf_get(conf, "message.max.bytes", value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(value, "5000000");
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_comments_and_blanks_are_read),
        cmocka_unit_test(javas_names_are_understood),
        cmocka_unit_test(confluents_recipe_is_understood_or_refused_by_name),
        cmocka_unit_test(a_clash_with_a_field_names_both),
        cmocka_unit_test(every_field_of_kafkas_is_named_in_a_clash),
        cmocka_unit_test(a_value_that_a_field_lacks_is_said_as_the_field_wants_it),
        cmocka_unit_test(lines_of_javas_recipes_are_told_to_go),
        cmocka_unit_test(only_a_line_that_says_so_goes_on),
        cmocka_unit_test(javas_empty_algorithm_is_none),
        cmocka_unit_test(a_wrong_value_is_said_in_one_line_without_it),
        cmocka_unit_test(promises_cannot_be_taken_back),
        cmocka_unit_test(no_value_is_quoted),
        cmocka_unit_test(tls_properties_need_tls),
        cmocka_unit_test(no_property_of_the_linked_librdkafka_that_could_do_harm_is_allowed),
        cmocka_unit_test(each_kind_of_client_gets_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
