// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "cli/commands.h"
#include "component/entries.h"
#include "unit/unit.h"

/* A command line, given as words that are separated by one space. */
static bool try_parse(struct kc_options *o, const char *line, struct kc_error *err)
{
    static char text[4096];
    static char *argv[256];
    int argc = 0;
    snprintf(text, sizeof(text), "kafka-component %s", line);
    for (char *word = text, *next; word && *word; word = next) {
        next = strchr(word, ' ');
        if (next)
            *next++ = '\0';
        argv[argc++] = word;
    }
    return kc_options_parse(o, argc, argv, err);
}

static struct kc_options options_of(const char *line)
{
    struct kc_options o;
    struct kc_error err = { 0 };
    if (!try_parse(&o, line, &err))
        fail_msg("%s: %s", line, err.text);
    return o;
}

static void assert_refused(const char *line, const char *reason)
{
    struct kc_options o;
    struct kc_error err = { 0 };
    if (try_parse(&o, line, &err))
        fail_msg("accepted: %s", line);
    assert_error(&err, KC_CONFIG, reason);
}

static void words_and_options_may_stand_in_any_order(void **state)
{
    (void)state;
    struct kc_options o =
        options_of("--credentials c.json run --set topic=cars consume --set groupId=g "
                   "--count=5 --until end "
                   "--ack stdin --config f.json --embedded-broker --max-body 1024 --drain-ms 1 "
                   "--log-level debug");
    assert_string_equal(o.words[0], "run");
    assert_string_equal(o.words[1], "consume");
    assert_null(o.words[2]);
    assert_string_equal(o.credentials_file, "c.json");
    assert_string_equal(o.config_file, "f.json");
    assert_string_equal(o.sets[0], "topic=cars");
    assert_string_equal(o.sets[1], "groupId=g");
    assert_null(o.sets[2]);
    assert_int_equal(o.count, 5);
    assert_true(o.until_end && o.acks_on_stdin && o.embedded_broker);
    assert_int_equal(o.max_body, 1024);
    assert_int_equal(o.drain_ms, 1);
    assert_int_equal(o.log_level, KC_DEBUG);
}

static void without_a_word_there_are_the_defaults(void **state)
{
    (void)state;
    struct kc_options o = options_of("");
    assert_null(o.words[0]);
    assert_int_equal(o.max_body, 33554432);
    assert_int_equal(o.drain_ms, 8000);
    assert_int_equal(o.count, 0);
    assert_int_equal(o.log_level, KC_INFO);
    assert_false(o.has_log_level || o.until_end || o.acks_on_stdin || o.embedded_broker);
}

static void help_and_version_have_short_names(void **state)
{
    (void)state;
    assert_true(options_of("-h").wants_help);
    assert_true(options_of("run --help").wants_help);
    assert_true(options_of("-V").wants_version);
    assert_true(options_of("--version").wants_version);
}

static void an_unknown_option_names_the_nearest(void **state)
{
    (void)state;
    assert_refused("run --credential c.json",
                   "there is no option '--credential'; did you mean '--credentials'?");
    assert_refused("run --coutn=5", "there is no option '--coutn'; did you mean '--count'?");
    assert_refused("--somethingelse", "there is no option '--somethingelse'");
    assert_refused("-x", "there is no option '-x'");
}

static void an_option_that_wants_a_value_says_which(void **state)
{
    (void)state;
    assert_refused("run --credentials", "--credentials wants a value: --credentials FILE");
    assert_refused("run --help=yes", "--help takes no value");
}

static void numbers_have_a_range(void **state)
{
    (void)state;
    assert_refused("--count 0", "--count wants a whole number from 1");
    assert_refused("--count x", "not 'x'");
    assert_refused("--count 1.5", "--count");
    assert_refused("--max-body 1023",
                   "--max-body wants a whole number from 1024 to 1073741824");
    assert_refused("--drain-ms -1", "--drain-ms wants a whole number from 1 to 3600000");
}

static void choices_are_kept(void **state)
{
    (void)state;
    assert_refused("--until noon", "--until knows only 'end'");
    assert_refused("--ack later", "--ack is written or stdin");
    assert_refused("--log-level loud", "--log-level is error, warn, info, debug or trace");
    assert_false(options_of("--ack written").acks_on_stdin);
}

static void a_set_is_a_key_and_a_value(void **state)
{
    (void)state;
    assert_string_equal(options_of("--set a=b=c").sets[0], "a=b=c");
    assert_string_equal(options_of("--set a=").sets[0], "a=");
    assert_string_equal(options_of("--set=a=b").sets[0], "a=b");
    assert_refused("--set topic", "--set wants KEY=VALUE");
    assert_refused("--set =cars", "--set wants KEY=VALUE");
}

static void more_than_fits_is_refused(void **state)
{
    (void)state;
    char *line = repeated("--set a=b ", KC_SETS_MAX);
    char *longer = repeated("--set a=b ", KC_SETS_MAX + 1);
    struct kc_options o = options_of(line);
    assert_non_null(o.sets[KC_SETS_MAX - 1]);
    assert_null(o.sets[KC_SETS_MAX]);
    assert_refused(longer, "--set was given too often");
    free(line);
    free(longer);
    assert_string_equal(options_of("a b c d").words[3], "d");
    assert_refused("a b c d e", "e is one word too many");
}

static void every_option_has_help_and_a_name_of_its_own(void **state)
{
    (void)state;
    for (const struct kc_option *o = kc_options_table; o->name; o++) {
        assert_int_equal(strncmp(o->name, "--", 2), 0);
        assert_true(strlen(o->help) > 0);
        for (const struct kc_option *other = kc_options_table; other != o; other++)
            assert_string_not_equal(o->name, other->name);
    }
}

static void an_option_belongs_to_commands_that_there_are(void **state)
{
    (void)state;
    for (const struct kc_option *o = kc_options_table; o->name; o++) {
        int commands = 0;
        for (const struct kc_command *c = kc_commands; c->name; c++)
            commands += kc_option_belongs(o, c->name);
        assert_in_range(commands, 1, 100);
    }
    struct kc_option both = { .commands = "run demo" };
    assert_true(kc_option_belongs(&both, "run"));
    assert_true(kc_option_belongs(&both, "demo"));
    assert_false(kc_option_belongs(&both, "dem"));
    assert_false(kc_option_belongs(&both, "describe"));
    assert_false(kc_option_belongs(&both, "un"));
}

static void commands_and_entry_points_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(kc_command_find("run")->name, "run");
    assert_null(kc_command_find("rum"));
    assert_ptr_equal(kc_entry_find("produce"), &kc_produce);
    assert_ptr_equal(kc_entry_find("consume"), &kc_consume);
    assert_null(kc_entry_find("Produce"));
}

static void a_server_has_limits_unless_it_is_told_others(void **state)
{
    (void)state;
    struct kc_options o = options_of("serve");
    assert_string_equal(o.http.listen, "127.0.0.1:8080");
    assert_int_equal(o.http.connections_max, 4096);
    assert_int_equal(o.http.connections_per_address, 1024);
    assert_int_equal(o.http.header_ms, 10000);
    assert_int_equal(o.http.body_ms, 30000);
    assert_int_equal(o.http.idle_ms, 60000);
    assert_false(o.http.no_request_credentials);
    assert_null(o.allow_callback[0]);
    o = options_of(
        "serve --listen [::1]:0 --api-token-file t --tls-cert c --tls-key k --state d "
        "--subscriptions s --allow-callback a --allow-callback 10.0.0.1 "
        "--no-request-credentials --max-connections 7 "
        "--max-connections-per-address 6 --header-timeout-ms 50 "
        "--body-timeout-ms 51 --idle-timeout-ms 52");
    assert_string_equal(o.http.listen, "[::1]:0");
    assert_string_equal(o.api_token_file, "t");
    assert_string_equal(o.http.tls_cert, "c");
    assert_string_equal(o.http.tls_key, "k");
    assert_string_equal(o.http.state_dir, "d");
    assert_string_equal(o.http.subscriptions_file, "s");
    assert_string_equal(o.allow_callback[0], "a");
    assert_string_equal(o.allow_callback[1], "10.0.0.1");
    assert_null(o.allow_callback[2]);
    assert_true(o.http.no_request_credentials);
    assert_int_equal(o.http.connections_max, 7);
    assert_int_equal(o.http.connections_per_address, 6);
    assert_int_equal(o.http.header_ms, 50);
    assert_int_equal(o.http.body_ms, 51);
    assert_int_equal(o.http.idle_ms, 52);
}

static void a_limit_of_a_server_has_a_range(void **state)
{
    (void)state;
    assert_refused("serve --max-connections 0",
                   "--max-connections wants a whole number from 1");
    assert_refused("serve --header-timeout-ms 9", "--header-timeout-ms wants");
    assert_refused("serve --allow-callback=", "--allow-callback wants a host or an address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_options_may_stand_in_any_order),
        cmocka_unit_test(without_a_word_there_are_the_defaults),
        cmocka_unit_test(help_and_version_have_short_names),
        cmocka_unit_test(an_unknown_option_names_the_nearest),
        cmocka_unit_test(an_option_that_wants_a_value_says_which),
        cmocka_unit_test(numbers_have_a_range),
        cmocka_unit_test(choices_are_kept),
        cmocka_unit_test(a_server_has_limits_unless_it_is_told_others),
        cmocka_unit_test(a_limit_of_a_server_has_a_range),
        cmocka_unit_test(a_set_is_a_key_and_a_value),
        cmocka_unit_test(more_than_fits_is_refused),
        cmocka_unit_test(every_option_has_help_and_a_name_of_its_own),
        cmocka_unit_test(an_option_belongs_to_commands_that_there_are),
        cmocka_unit_test(commands_and_entry_points_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
