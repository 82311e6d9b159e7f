// SPDX-License-Identifier: Apache-2.0
#include "platform/environment.h"

#include "unit/unit.h"

#define IV "iv=any16_symbols"

static const char *const always[] = {
    "FLOW_ID", "EXEC_ID",  "STEP_ID", "CONTAINER_ID", "WORKSPACE_ID", "USER_ID",
    "COMP_ID", "FUNCTION", "API_URI", "API_USERNAME", "API_KEY",
};

static const char *const for_messages[] = {
    "AMQP_URI",
    "LISTEN_MESSAGES_ON",
    "PUBLISH_MESSAGES_TO",
    "DATA_ROUTING_KEY",
    "ERROR_ROUTING_KEY",
    "REBOUND_ROUTING_KEY",
    "SNAPSHOT_ROUTING_KEY",
    "MESSAGE_CRYPTO_IV",
    "MESSAGE_CRYPTO_PASSWORD",
};

/* NULL: it is unset. Names are the platform's, without the prefix. */
static void say(const char *name, const char *value)
{
    char full[100];
    snprintf(full, sizeof(full), "ELASTICIO_%s", name);
    assert_int_equal(value ? setenv(full, value, 1) : unsetenv(full), 0);
}

/* Each mandatory variable holds its own name, but for the IV, which has a length. */
static int say_what_is_mandatory(void **state)
{
    (void)state;
    assert_int_equal(clearenv(), 0);
    for (size_t i = 0; i < COUNT_OF(always); i++)
        say(always[i], always[i]);
    for (size_t i = 0; i < COUNT_OF(for_messages); i++)
        say(for_messages[i], for_messages[i]);
    say("MESSAGE_CRYPTO_IV", IV);
    return 0;
}

static struct kc_environment read_all(void)
{
    struct kc_environment env;
    struct kc_error err = { 0 };
    if (!kc_environment_read(&env, &err))
        fail_msg("%s", err.text);
    return env;
}

static void assert_refused(const char *text)
{
    struct kc_environment env;
    struct kc_error err = { 0 };
    assert_false(kc_environment_read(&env, &err));
    assert_int_equal(err.code, KC_CONFIG);
    assert_string_equal(err.text, text);
    kc_environment_deinit(&env);
}

static void assert_missing(const char *name)
{
    char text[100];
    snprintf(text, sizeof(text), "ELASTICIO_%s is missing", name);
    assert_refused(text);
}

static void the_first_mandatory_variable_that_is_missing_is_named(void **state)
{
    (void)state;
    clearenv();
    for (size_t i = 0; i < COUNT_OF(always); i++) {
        assert_missing(always[i]);
        say(always[i], "");
        assert_missing(always[i]); /* empty is missing */
        say(always[i], "x");
    }
    for (size_t i = 0; i < COUNT_OF(for_messages); i++) {
        assert_missing(for_messages[i]);
        say(for_messages[i], "");
        assert_missing(for_messages[i]);
        say(for_messages[i], IV);
    }
    struct kc_environment env = read_all();
    kc_environment_deinit(&env);
}

static void each_mandatory_variable_has_its_place(void **state)
{
    (void)state;
    struct kc_environment env = read_all();
    assert_string_equal(env.flow_id, "FLOW_ID");
    assert_string_equal(env.exec_id, "EXEC_ID");
    assert_string_equal(env.step_id, "STEP_ID");
    assert_string_equal(env.container_id, "CONTAINER_ID");
    assert_string_equal(env.workspace_id, "WORKSPACE_ID");
    assert_string_equal(env.user_id, "USER_ID");
    assert_string_equal(env.comp_id, "COMP_ID");
    assert_string_equal(env.function, "FUNCTION");
    assert_string_equal(env.api_uri, "API_URI");
    assert_string_equal(env.api_username, "API_USERNAME");
    assert_string_equal(env.api_key, "API_KEY");
    assert_string_equal(env.amqp_uri, "AMQP_URI");
    assert_string_equal(env.listen_messages_on, "LISTEN_MESSAGES_ON");
    assert_string_equal(env.publish_messages_to, "PUBLISH_MESSAGES_TO");
    assert_string_equal(env.data_routing_key, "DATA_ROUTING_KEY");
    assert_string_equal(env.error_routing_key, "ERROR_ROUTING_KEY");
    assert_string_equal(env.rebound_routing_key, "REBOUND_ROUTING_KEY");
    assert_string_equal(env.snapshot_routing_key, "SNAPSHOT_ROUTING_KEY");
    assert_string_equal(env.crypto_iv, IV);
    assert_string_equal(env.crypto_password, "MESSAGE_CRYPTO_PASSWORD");
    kc_environment_deinit(&env);
}

static void what_is_optional_has_the_platform_s_defaults(void **state)
{
    (void)state;
    struct kc_environment env = read_all();
    assert_int_equal(env.rebound_initial_expiration_ms, 15000);
    assert_int_equal(env.rebound_limit, 20);
    assert_string_equal(env.component_path, "");
    assert_int_equal(env.prefetch, 1);
    assert_false(env.startup_required);
    assert_false(env.hook_shutdown);
    assert_int_equal(env.api_retry_attempts, 3);
    assert_int_equal(env.api_retry_delay_ms, 100);
    assert_int_equal(env.data_rate_limit, 10);
    assert_int_equal(env.error_rate_limit, 2);
    assert_int_equal(env.snapshot_rate_limit, 2);
    assert_int_equal(env.rate_interval_ms, 100);
    assert_int_equal(env.publish_retry_delay_ms, 100);
    assert_int_equal(env.publish_retry_attempts, 0); /* endless */
    assert_int_equal(env.publish_max_retry_delay_ms, 300000);
    assert_false(env.persistent_messages);
    assert_int_equal(env.outgoing_size_limit, 10485760);
    assert_false(env.no_self_passthrough);
    assert_int_equal(env.protocol_version, 1);
    assert_false(env.no_error_replies);
    assert_false(env.input_is_error);
    assert_null(env.storage_uri);
    assert_null(env.storage_token);
    assert_int_equal(env.storage_threshold, 1048576);
    assert_false(env.emit_lightweight);
    assert_int_equal(env.reconnect_attempts, 3);
    assert_int_equal(env.reconnect_timeout_ms, 100);
    assert_int_equal(env.flow_type, KC_FLOW_REALTIME);
    assert_int_equal(env.extra_header_count, 0);
    kc_environment_deinit(&env);
}

static void each_number_has_its_place(void **state)
{
    (void)state;
    static const char *const names[] = {
        "REBOUND_INITIAL_EXPIRATION",
        "REBOUND_LIMIT",
        "RABBITMQ_PREFETCH_SAILOR",
        "API_REQUEST_RETRY_ATTEMPTS",
        "API_REQUEST_RETRY_DELAY",
        "DATA_RATE_LIMIT",
        "ERROR_RATE_LIMIT",
        "SNAPSHOT_RATE_LIMIT",
        "RATE_INTERVAL",
        "AMQP_PUBLISH_RETRY_DELAY",
        "AMQP_PUBLISH_RETRY_ATTEMPTS",
        "AMQP_PUBLISH_MAX_RETRY_DELAY",
        "OUTGOING_MESSAGE_SIZE_LIMIT",
        "PROTOCOL_VERSION",
        "OBJECT_STORAGE_SIZE_THRESHOLD",
        "AMQP_RECONNECT_ATTEMPTS",
        "AMQP_RECONNECT_TIMEOUT",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char value[10];
        snprintf(value, sizeof(value), "%zu", 201 + i);
        say(names[i], value);
    }
    struct kc_environment env = read_all();
    const int64_t is[] = {
        env.rebound_initial_expiration_ms,
        env.rebound_limit,
        env.prefetch,
        env.api_retry_attempts,
        env.api_retry_delay_ms,
        env.data_rate_limit,
        env.error_rate_limit,
        env.snapshot_rate_limit,
        env.rate_interval_ms,
        env.publish_retry_delay_ms,
        env.publish_retry_attempts,
        env.publish_max_retry_delay_ms,
        env.outgoing_size_limit,
        env.protocol_version,
        env.storage_threshold,
        env.reconnect_attempts,
        env.reconnect_timeout_ms,
    };
    assert_int_equal(COUNT_OF(is), COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(is); i++) {
        if (is[i] != (int64_t)(201 + i))
            fail_msg("%s is %lld", names[i], (long long)is[i]);
    }
    kc_environment_deinit(&env);
}

static void numbers_are_read_as_the_platform_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t limit; /* of which 20 is the default */
    } rows[] = {
        { NULL, 20 },
        { "", 20 },
        { "0", 20 },
        { "10abc", 10 },
        { "1e3", 1 },
        { "0x10", 16 },
        { "0X1f", 31 },
        { "Infinity", 20 },
        { "abc", 20 },
        { " \t\n12", 12 },
        { "+7", 7 },
        { "+", 20 },
        { "0x", 20 },
        { "0xg", 20 },
        { "1.9", 1 },
        { "007", 7 },
        { "12 34", 12 },
        { "-0", 20 },
        { "- 5", 20 },
        { "9007199254740992", INT64_C(9007199254740992) },
        { "99999999999999999999999", INT64_C(9007199254740992) },
        { "-5", 0 }, /* -5, and no limit is below 0 */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        say("REBOUND_LIMIT", rows[i].text);
        struct kc_environment env = read_all();
        if (env.rebound_limit != rows[i].limit)
            fail_msg("'%s' is %lld", rows[i].text ? rows[i].text : "(unset)",
                     (long long)env.rebound_limit);
        kc_environment_deinit(&env);
    }
}

static void the_operator_has_variables_of_its_own(void **state)
{
    (void)state;
    struct kc_environment env = read_all();
    assert_int_equal(env.broker_lost_ms, 0); /* never given up */
    assert_int_equal(env.queue_lost_ms, 300000);
    assert_int_equal(env.message_max_bytes, 134217728);
    kc_environment_deinit(&env);
    setenv("KAFKA_COMPONENT_BROKER_LOST_MS", "60000", 1);
    setenv("KAFKA_COMPONENT_QUEUE_LOST_MS", "1000", 1);
    setenv("KAFKA_COMPONENT_MESSAGE_MAX_BYTES", "999999999999", 1);
    setenv("KAFKA_COMPONENT_PERSISTENT_MESSAGES", "1", 1);
    say("AMQP_PERSISTENT_MESSAGES", "false"); /* either is enough */
    env = read_all();
    assert_int_equal(env.broker_lost_ms, 60000);
    assert_int_equal(env.queue_lost_ms, 1000);
    assert_int_equal(env.message_max_bytes, 134217728);
    assert_true(env.persistent_messages);
    kc_environment_deinit(&env);
}

static void a_number_beyond_its_range_is_moved_to_the_end_of_it(void **state)
{
    (void)state;
    say("RABBITMQ_PREFETCH_SAILOR", "70000"); /* the protocol has 16 bits */
    say("DATA_RATE_LIMIT", "-5");
    say("AMQP_PUBLISH_RETRY_ATTEMPTS", "-1");
    say("AMQP_PUBLISH_RETRY_DELAY", "-1");
    say("AMQP_RECONNECT_ATTEMPTS", "-5");
    say("PROTOCOL_VERSION", "-2");
    say("OBJECT_STORAGE_SIZE_THRESHOLD", "-1");
    struct kc_environment env = read_all();
    assert_int_equal(env.prefetch, 1000);
    assert_int_equal(env.data_rate_limit, 1);
    assert_int_equal(env.publish_retry_attempts, 1);
    assert_int_equal(env.publish_retry_delay_ms, 1);
    assert_int_equal(env.reconnect_attempts, 0);
    assert_int_equal(env.protocol_version, 1);
    assert_int_equal(env.storage_threshold, 0);
    kc_environment_deinit(&env);
}

static void of_booleans_only_empty_and_false_are_false(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_true;
    } rows[] = {
        { NULL, false },    { "", false },  { "false", false }, { "true", true },
        { "0", true },      { "no", true }, { "False", true },  { "FALSE", true },
        { "false ", true }, { "1", true },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        say("STARTUP_REQUIRED", rows[i].text);
        say("AMQP_PERSISTENT_MESSAGES", rows[i].text);
        say("NO_SELF_PASSTRHOUGH", rows[i].text);
        say("NO_ERROR_REPLIES", rows[i].text);
        say("EMIT_LIGHTWEIGHT_MESSAGE", rows[i].text);
        struct kc_environment env = read_all();
        assert_int_equal(env.startup_required, rows[i].is_true);
        assert_int_equal(env.persistent_messages, rows[i].is_true);
        assert_int_equal(env.no_self_passthrough, rows[i].is_true);
        assert_int_equal(env.no_error_replies, rows[i].is_true);
        assert_int_equal(env.emit_lightweight, rows[i].is_true);
        kc_environment_deinit(&env);
    }
}

static void the_shutdown_hook_needs_nothing_of_amqp(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(for_messages); i++)
        say(for_messages[i], NULL);
    say("HOOK_SHUTDOWN", "1");
    struct kc_environment env = read_all();
    assert_true(env.hook_shutdown);
    assert_null(env.amqp_uri);
    assert_null(env.crypto_iv);
    kc_environment_deinit(&env);
    say("FLOW_ID", NULL);
    assert_missing("FLOW_ID"); /* the others it does need */
}

static void hook_shutdown_false_is_the_normal_mode(void **state)
{
    (void)state;
    say("HOOK_SHUTDOWN", "false");
    struct kc_environment env = read_all();
    assert_false(env.hook_shutdown);
    kc_environment_deinit(&env);
    say("AMQP_URI", NULL);
    assert_missing("AMQP_URI");
}

static void an_iv_that_has_not_16_bytes_is_found_at_the_start(void **state)
{
    (void)state;
    say("MESSAGE_CRYPTO_IV", "fifteen_letters");
    assert_refused("ELASTICIO_MESSAGE_CRYPTO_IV has 15 bytes, it must have 16");
    say("MESSAGE_CRYPTO_IV", "sixteen_characterß");
    assert_refused("ELASTICIO_MESSAGE_CRYPTO_IV has 19 bytes, it must have 16");
}

static void texts_that_are_empty_are_not_there(void **state)
{
    (void)state;
    say("OBJECT_STORAGE_URI", "");
    say("OBJECT_STORAGE_TOKEN", "token");
    say("COMPONENT_PATH", "here");
    struct kc_environment env = read_all();
    assert_null(env.storage_uri);
    assert_string_equal(env.storage_token, "token");
    assert_string_equal(env.component_path, "here");
    kc_environment_deinit(&env);
}

static void input_format_error_makes_an_error_handler(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_error;
    } rows[] = { { "error", true }, { "default", false }, { "Error", false }, { "", false } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        say("INPUT_FORMAT", rows[i].text);
        struct kc_environment env = read_all();
        assert_int_equal(env.input_is_error, rows[i].is_error);
        kc_environment_deinit(&env);
    }
}

static void the_flow_s_type_is_real_time_where_nothing_else_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *prefixed, *bare;
        enum kc_flow_type type;
    } rows[] = {
        { NULL, NULL, KC_FLOW_REALTIME },
        { "ordinary", NULL, KC_FLOW_ORDINARY },
        { "long_running", NULL, KC_FLOW_REALTIME },
        { "debug", NULL, KC_FLOW_SAMPLE },
        { NULL, "ordinary", KC_FLOW_ORDINARY },
        { NULL, "long_running", KC_FLOW_REALTIME },
        { NULL, "debug", KC_FLOW_SAMPLE },
        { "ordinary", "debug", KC_FLOW_ORDINARY }, /* the platform's name first */
        { "", "debug", KC_FLOW_SAMPLE },
        { NULL, "", KC_FLOW_REALTIME },
        { NULL, "something", KC_FLOW_REALTIME },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        say("FLOW_TYPE", rows[i].prefixed);
        assert_int_equal(
            rows[i].bare ? setenv("FLOW_TYPE", rows[i].bare, 1) : unsetenv("FLOW_TYPE"), 0);
        struct kc_environment env = read_all();
        assert_int_equal(env.flow_type, rows[i].type);
        kc_environment_deinit(&env);
    }
}

static void the_names_of_additional_headers_are_camel_case(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "ELASTICIO_FIRST", "first" },
        { "ELASTICIO_SECOND_ELASTICIO_ENV", "secondElasticioEnv" },
        { "ELASTICIO_FOO_BAR", "fooBar" },
        { "PLAIN_Var2", "plainVar2" },
        { "FOO2BAR", "foo2Bar" },
        { "FOO_2_BAR", "foo2Bar" },
        { "X509_CERT", "x509Cert" },
        { "HTTP_URL", "httpUrl" },
        { "__LEAD", "lead" },
        { "OAUTH2_TOKEN", "oauth2Token" },
        { "TENANT_ID", "tenantId" },
        { "V2", "v2" },
        /* the same library, asked about more */
        { "HTTPServer", "httpServer" },
        { "FooBAR", "fooBar" },
        { "ABc", "aBc" },
        { "aBC", "aBc" },
        { "a1B2", "a1B2" },
        { "A1b2C3", "a1B2C3" },
        { "x.y-z", "xYZ" },
        { "1ST_THING", "1stThing" },
        { "FOO_1ST", "foo1st" },
        { "2ND_V", "2ndV" },
        { "10TH", "10th" },
        { "11ST_X", "11stX" },
        { "1TH_X", "1ThX" },
        { "ABC2nd", "abc2nd" },
        { "ISO8601Date", "iso8601Date" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        say_what_is_mandatory(NULL);
        say("ADDITIONAL_VARS_FOR_HEADERS", rows[i][0]);
        assert_int_equal(setenv(rows[i][0], "value", 1), 0);
        struct kc_environment env = read_all();
        assert_int_equal(env.extra_header_count, 1);
        assert_string_equal(env.extra_headers[0].name, rows[i][1]);
        assert_string_equal(env.extra_headers[0].value, "value");
        kc_environment_deinit(&env);
    }
}

static void
the_list_of_additional_headers_is_read_with_blanks_and_without_what_is_unset(void **state)
{
    (void)state;
    say("ADDITIONAL_VARS_FOR_HEADERS",
        " ELASTICIO_FOO_BAR, PLAIN_Var2,ELASTICIO_MISSING ,,\tEMPTY\n,__, FOO_bar,");
    say("FOO_BAR", "fb");
    setenv("PLAIN_Var2", "pv", 1);
    setenv("EMPTY", "", 1);
    setenv("__", "nothing is left of this name", 1);
    setenv("FOO_bar", "the later of two", 1);
    struct kc_environment env = read_all();
    static const char *const wanted[][2] = {
        { "fooBar", "the later of two" },
        { "plainVar2", "pv" },
        { "empty", "" },
    };
    assert_int_equal(env.extra_header_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(env.extra_headers[i].name, wanted[i][0]);
        assert_string_equal(env.extra_headers[i].value, wanted[i][1]);
    }
    kc_environment_deinit(&env);
    kc_environment_deinit(&env); /* twice is fine */
}

static void a_name_too_long_for_amqp_gives_no_header(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'A', sizeof(name));
    name[256] = '\0';
    setenv(name, "x", 1);
    say("ADDITIONAL_VARS_FOR_HEADERS", name);
    struct kc_environment env = read_all();
    assert_int_equal(env.extra_header_count, 0);
    kc_environment_deinit(&env);
    name[255] = '\0';
    setenv(name, "x", 1);
    say("ADDITIONAL_VARS_FOR_HEADERS", name);
    env = read_all();
    assert_int_equal(env.extra_header_count, 1);
    kc_environment_deinit(&env);
}

#define TEST(f) cmocka_unit_test_setup(f, say_what_is_mandatory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_mandatory_variable_that_is_missing_is_named),
        TEST(each_mandatory_variable_has_its_place),
        TEST(what_is_optional_has_the_platform_s_defaults),
        TEST(each_number_has_its_place),
        TEST(numbers_are_read_as_the_platform_reads_them),
        TEST(the_operator_has_variables_of_its_own),
        TEST(a_number_beyond_its_range_is_moved_to_the_end_of_it),
        TEST(of_booleans_only_empty_and_false_are_false),
        TEST(the_shutdown_hook_needs_nothing_of_amqp),
        TEST(hook_shutdown_false_is_the_normal_mode),
        TEST(an_iv_that_has_not_16_bytes_is_found_at_the_start),
        TEST(texts_that_are_empty_are_not_there),
        TEST(input_format_error_makes_an_error_handler),
        TEST(the_flow_s_type_is_real_time_where_nothing_else_is_said),
        TEST(the_names_of_additional_headers_are_camel_case),
        TEST(the_list_of_additional_headers_is_read_with_blanks_and_without_what_is_unset),
        TEST(a_name_too_long_for_amqp_gives_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
