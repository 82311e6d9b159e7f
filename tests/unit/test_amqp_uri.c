// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/uri.h"

#include "unit/unit.h"

static void assert_uri(const char *text, bool is_tls, const char *host, int port,
                       const char *user, const char *password, const char *vhost)
{
    struct kc_amqp_uri uri;
    struct kc_error err = { 0 };
    if (!kc_amqp_uri_read(&uri, text, &err))
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(uri.is_tls, is_tls);
    assert_string_equal(uri.host, host);
    assert_int_equal(uri.port, port);
    assert_string_equal(uri.user, user);
    assert_string_equal(uri.password, password);
    assert_string_equal(uri.vhost, vhost);
    kc_amqp_uri_deinit(&uri);
    assert_null(uri.host);
}

static void assert_fault(const char *text, const char *fault)
{
    struct kc_amqp_uri uri;
    struct kc_error err = { 0 };
    if (kc_amqp_uri_read(&uri, text, &err))
        fail_msg("%s was taken", text);
    kc_amqp_uri_deinit(&uri);
    assert_int_equal(err.code, KC_CONFIG);
    assert_string_equal(err.text, fault);
}

static void what_is_not_said_has_the_usual_values(void **state)
{
    (void)state;
    assert_uri("amqp://broker", false, "broker", 5672, "guest", "guest", "/");
    assert_uri("amqps://broker", true, "broker", 5671, "guest", "guest", "/");
    assert_uri("AMQPS://broker:", true, "broker", 5671, "guest", "guest", "/");
    assert_uri("amqp://@broker:1", false, "broker", 1, "guest", "guest", "/");
    assert_uri("amqp://alice@broker", false, "broker", 5672, "alice", "", "/");
}

static void an_empty_path_and_a_bare_slash_are_the_vhost_slash(void **state)
{
    (void)state;
    assert_uri("amqp://h/", false, "h", 5672, "guest", "guest", "/");
    assert_uri("amqp://h?heartbeat=5", false, "h", 5672, "guest", "guest", "/");
    assert_uri("amqp://h/%2f", false, "h", 5672, "guest", "guest", "/");
    assert_uri("amqp://h/flows", false, "h", 5672, "guest", "guest", "flows");
    assert_uri("amqp://h/a/b%20c?x=y#z", false, "h", 5672, "guest", "guest", "a/b c");
}

static void user_password_and_vhost_are_percent_decoded(void **state)
{
    (void)state;
    assert_uri("amqp://al%69ce:p%40ss%3A%2F%C3%A9@h:1234/v%FF", false, "h", 1234, "alice",
               "p@ss:/\xc3\xa9", "v\xff");
    assert_uri("amqp://u:a@b:c@h", false, "h", 5672, "u", "a@b:c", "/");
    assert_uri("amqp://u:100%@h/50%zz%4", false, "h", 5672, "u", "100%", "50%zz%4");
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    (void)state;
    assert_uri("amqp://[::1]", false, "::1", 5672, "guest", "guest", "/");
    assert_uri("amqps://u:p@[fe80::1]:99/v", true, "fe80::1", 99, "u", "p", "v");
    assert_fault("amqp://[::1",
                 "the AMQP address has a bracket in its host that does not close");
    assert_fault("amqp://[::1]9",
                 "the AMQP address has a bracket in its host that does not close");
}

static void parameters_are_heartbeat_frame_max_and_channel_max(void **state)
{
    (void)state;
    struct kc_amqp_uri uri;
    struct kc_error err = { 0 };
    assert_true(kc_amqp_uri_read(&uri, "amqp://h", &err));
    assert_int_equal(uri.heartbeat_s, -1);
    assert_int_equal(uri.frame_max, 131072);
    assert_int_equal(uri.channel_max, 0);
    kc_amqp_uri_deinit(&uri);

    assert_true(kc_amqp_uri_read(
        &uri, "amqp://h/?heartbeat=30&frameMax=8192&channelMax=7&locale=en_US&other", &err));
    assert_int_equal(uri.heartbeat_s, 30);
    assert_int_equal(uri.frame_max, 8192);
    assert_int_equal(uri.channel_max, 7);
    kc_amqp_uri_deinit(&uri);

    assert_true(kc_amqp_uri_read(&uri, "amqp://h/?heartbeat=0&frameMax=0&channelMax=", &err));
    assert_int_equal(uri.heartbeat_s, -1);
    assert_int_equal(uri.frame_max, 131072);
    assert_int_equal(uri.channel_max, 0);
    kc_amqp_uri_deinit(&uri);
}

static void what_is_wrong_is_named_and_the_address_is_not_quoted(void **state)
{
    (void)state;
    static const char none[] = "the AMQP address begins with neither amqp:// nor amqps://";
    assert_fault(NULL, none);
    assert_fault("", none);
    assert_fault("http://u:secret@h", none);
    assert_fault("amqp:/h", none);
    assert_fault("amqp://", "the AMQP address names no host");
    assert_fault("amqp://u:secret@:5672/", "the AMQP address names no host");
    assert_fault("amqp://u:secret@h:0", "the AMQP address has a port that is none");
    assert_fault("amqp://u:secret@h:65536", "the AMQP address has a port that is none");
    assert_fault("amqp://u:secret@h:5x", "the AMQP address has a port that is none");
    assert_fault("amqp://u:se%00cret@h", "the AMQP address has a NUL in its user or password");
    assert_fault("amqp://u:secret@h%00", "the AMQP address has a NUL in its host");
    assert_fault("amqp://u:secret@h/%00", "the AMQP address has a NUL in its vhost");
    assert_fault("amqp://h?heartbeat=soon",
                 "the AMQP address has a heartbeat that is not within 0 and 65535 seconds");
    assert_fault("amqp://h?heartbeat=65536",
                 "the AMQP address has a heartbeat that is not within 0 and 65535 seconds");
    assert_fault("amqp://h?frameMax=4095",
                 "the AMQP address has a frameMax that is not within 4096 and 16777216 bytes");
    assert_fault("amqp://h?channelMax=-1",
                 "the AMQP address has a channelMax that is not within 0 and 65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_the_usual_values),
        cmocka_unit_test(an_empty_path_and_a_bare_slash_are_the_vhost_slash),
        cmocka_unit_test(user_password_and_vhost_are_percent_decoded),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(parameters_are_heartbeat_frame_max_and_channel_max),
        cmocka_unit_test(what_is_wrong_is_named_and_the_address_is_not_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
