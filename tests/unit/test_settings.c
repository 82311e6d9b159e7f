// SPDX-License-Identifier: Apache-2.0
/* Where settings come from, and which wins. */
#include "cli/settings.h"

#include "component/entries.h"
#include "kafka/credentials.h"
#include "unit/unit.h"

#include <unistd.h>

static const struct kc_entry *const of_consume[] = { &kc_consume, NULL };

static int setup(void **state)
{
    *state = kc_new0(struct kc_settings);
    unsetenv("KAFKA_COMPONENT_CONFIG");
    unsetenv("KAFKA_COMPONENT_CREDENTIALS");
    return 0;
}

static int teardown(void **state)
{
    unsetenv("KAFKA_COMPONENT_CONFIG");
    unsetenv("KAFKA_COMPONENT_CREDENTIALS");
    kc_settings_deinit(*state);
    free(*state);
    return 0;
}

/* A file with this text (with ' for "); its name is good until the next call but three. */
static const char *file(const char *text)
{
    static char paths[4][32];
    static int n;
    char *path = paths[n++ % 4], *copy = json(text);
    snprintf(path, sizeof(paths[0]), "/tmp/kc-settings-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, copy, strlen(copy)), (ssize_t)strlen(copy));
    close(fd);
    free(copy);
    return path;
}

static void put_env(const char *name, const char *text)
{
    char *copy = json(text);
    setenv(name, copy, 1);
    free(copy);
}

static void read_all(struct kc_settings *s, const struct kc_options *o)
{
    struct kc_error err = { 0 };
    if (!kc_settings_read(s, o, of_consume, &err))
        fail_msg("%s", err.text);
    if (o->config_file)
        unlink(o->config_file);
    if (o->credentials_file)
        unlink(o->credentials_file);
}

/* What the credentials say, after all. */
static void assert_credentials(const struct kc_settings *s, const char *brokers,
                               const char *username)
{
    struct kc_credentials c = { 0 };
    struct kc_faults faults;
    struct kc_error err = { 0 };
    kc_faults_init(&faults);
    if (!kc_credentials_read(&c, s->credentials, KC_UNKNOWN_IS_ERROR, &faults)) {
        assert_false(kc_faults_none(&faults, KC_CONFIG, &err));
        fail_msg("%s", err.text);
    }
    assert_string_equal(c.brokers, brokers);
    assert_string_equal(c.username, username);
    kc_credentials_free(&c);
}

#define ALICE "'username': 'alice', 'password': 'secret'"
#define BOB   "'username': 'bob', 'password': 'secret'"

static void what_comes_later_wins_field_by_field(void **state)
{
    put_env("KAFKA_COMPONENT_CREDENTIALS", "{'brokers': 'env:1', " ALICE "}");
    put_env("KAFKA_COMPONENT_CONFIG", "{'groupId': 'env'}");
    struct kc_options o = { .config_file = file("{'credentials': {" BOB "}, 'topic': 'cars'}"),
                            .sets = { "brokers=set:2" } };
    struct kc_settings *s = *state;
    read_all(s, &o);
    assert_credentials(s, "set:2", "bob");
    assert_true(kc_doc_has(s->config, "groupId"));
    assert_true(kc_doc_has(s->config, "topic"));
    assert_false(kc_doc_has(s->config, "credentials"));
}

static void a_file_of_credentials_wins_over_those_in_the_steps_file(void **state)
{
    struct kc_options o = { .config_file = file("{'credentials': {'brokers': 'a:1', " BOB "}}"),
                            .credentials_file = file("{" ALICE "}") };
    read_all(*state, &o);
    assert_credentials(*state, "a:1", "alice");
}

static void a_secret_is_not_taken_from_the_command_line(void **state)
{
    struct kc_options o = { .sets = { "password=hunter2" } };
    struct kc_error err = { 0 };
    assert_false(kc_settings_read(*state, &o, of_consume, &err));
    assert_lacks(err.text, "hunter2");
    assert_error(&err, KC_CONFIG, "--set password: a secret would stand in the process list");
}

static void a_field_goes_where_it_belongs(void **state)
{
    struct kc_options o = { .sets = { "topic=cars", "username=alice", "usrname=x",
                                      "topik=y" } };
    struct kc_settings *s = *state;
    read_all(s, &o);
    assert_true(kc_doc_has(s->config, "topic"));
    assert_true(kc_doc_has(s->credentials, "username"));
    assert_true(kc_doc_has(s->credentials, "usrname")); /* whose reader names the nearest */
    assert_true(kc_doc_has(s->config, "topik"));
}

static void what_cannot_be_read_says_where_it_came_from(void **state)
{
    struct kc_settings *s = *state;
    struct kc_error err = { 0 };
    struct kc_options o = { .config_file = "/nowhere" };
    assert_false(kc_settings_read(s, &o, of_consume, &err));
    assert_error(&err, KC_CONFIG, "--config: read '/nowhere'");
    kc_settings_deinit(s);
    put_env("KAFKA_COMPONENT_CREDENTIALS", "{'password': hunter2}");
    o.config_file = NULL;
    assert_false(kc_settings_read(s, &o, of_consume, &err));
    assert_lacks(err.text, "hunter2");
    assert_error(&err, KC_CONFIG,
                 "environment variable KAFKA_COMPONENT_CREDENTIALS: not valid");
}

static void an_empty_variable_counts_as_none(void **state)
{
    put_env("KAFKA_COMPONENT_CREDENTIALS", "");
    struct kc_options o = { .program = "kafka-component" };
    read_all(*state, &o);
    assert_false(kc_doc_has(((struct kc_settings *)*state)->credentials, "brokers"));
}

static void an_embedded_broker_replaces_the_credentials_as_a_whole(void **state)
{
    struct kc_settings *s = *state;
    struct kc_options o = { .credentials_file = file("{'brokers': 'a:1', " ALICE "}") };
    read_all(s, &o);
    kc_settings_use_broker(s, "127.0.0.1:5");
    assert_false(kc_doc_has(s->credentials, "username"));
    assert_false(kc_doc_has(s->credentials, "password"));
    assert_true(kc_doc_has(s->credentials, "brokers"));
}

#define settings_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        settings_test(what_comes_later_wins_field_by_field),
        settings_test(a_file_of_credentials_wins_over_those_in_the_steps_file),
        settings_test(a_secret_is_not_taken_from_the_command_line),
        settings_test(a_field_goes_where_it_belongs),
        settings_test(what_cannot_be_read_says_where_it_came_from),
        settings_test(an_empty_variable_counts_as_none),
        settings_test(an_embedded_broker_replaces_the_credentials_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
