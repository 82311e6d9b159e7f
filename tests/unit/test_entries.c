// SPDX-License-Identifier: Apache-2.0
/* What the entry points say of wrong settings, before they open anything. */
#include "component/entries.h"

#include "unit/unit.h"

#define NOBODY   "{'brokers': '127.0.0.1:1', 'mechanism': 'none'}"
#define NO_TOPIC "field 'topic': required"

static struct kc_doc *parse(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), &err);
    if (!doc)
        fail_msg("%s: %s", text, err.text);
    free(copy);
    return doc;
}

/* Opening fails; gives what is said. */
static struct kc_error refusal(const struct kc_entry *entry, const char *config,
                               const char *credentials)
{
    struct kc_error err = { 0 };
    struct kc_tally tally = { 0 };
    struct kc_step step = { .config = parse(config),
                            .credentials = parse(credentials),
                            .tally = &tally };
    void *self = NULL;
    assert_false(entry->open(&self, &step, &err));
    assert_null(self);
    assert_int_equal(err.code, KC_CONFIG);
    kc_doc_free((struct kc_doc *)(uintptr_t)step.config);
    kc_doc_free((struct kc_doc *)(uintptr_t)step.credentials);
    return err;
}

static void assert_refused(const struct kc_entry *entry, const char *config, const char *reason)
{
    struct kc_error err = refusal(entry, config, NOBODY);
    assert_holds(err.text, reason);
}

/* A fault that is looked for is not there: only the missing topic is told. */
static void assert_taken(const struct kc_entry *entry, const char *config)
{
    struct kc_error err = refusal(entry, config, NOBODY);
    assert_holds(err.text, NO_TOPIC);
    assert_null(strchr(err.text, ';'));
}

static void what_is_required_is_asked_for(void **state)
{
    (void)state;
    struct kc_error err = refusal(&kc_consume, "{}", "{}");
    assert_holds(err.text, NO_TOPIC);
    assert_holds(err.text, "field 'groupId': required");
    assert_holds(err.text, "field 'brokers': required");
    assert_refused(&kc_produce, "{}", "field 'topic': required (or set topicFromMessage)");
}

static void faults_of_the_step_and_of_the_credentials_are_told_together(void **state)
{
    (void)state;
    struct kc_error err =
        refusal(&kc_produce, "{'topic': 'a/b', 'timeoutMs': 1, 'compresion': 'x'}",
                "{'brokers': 'a:0', 'usernme': 'x'}");
    assert_holds(err.text, "field 'topic': a topic's name is");
    assert_holds(err.text, "field 'timeoutMs': 1 is below 1000");
    assert_holds(err.text, "field 'compresion': unknown; did you mean 'compression'?");
    assert_holds(err.text, "field 'brokers': 'a:0' is not host:port");
    assert_holds(err.text, "field 'usernme': unknown; did you mean 'username'?");
}

static void a_start_is_a_word_a_time_or_an_offset(void **state)
{
    (void)state;
    static const char *const good[] = {
        "latest",
        "earliest",
        "0",
        "42",
        "9223372036854775807",
        "2026-01-31",
        "2026-01-31T12:00:00Z",
        "1970-01-01",
        "",
    };
    static const char *const wrong[] = {
        "newest",     "Latest",
        "-1",         "-2",
        "1.5",        "9223372036854775808",
        "2026-02-30", "1969-12-31T23:59:59.999Z",
        "1969-12-31", " ",
    };
    char config[120];
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        snprintf(config, sizeof(config), "{'groupId': 'g', 'startFrom': '%s'}", good[i]);
        assert_taken(&kc_consume, config);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(config, sizeof(config), "{'groupId': 'g', 'startFrom': '%s'}", wrong[i]);
        assert_refused(&kc_consume, config, "field 'startFrom': must be latest, earliest");
    }
}

static void the_platforms_spellings_are_taken(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "'emitBehavior': 'emitIndividually'",
        "'emitBehavior': 'emitBatch'",
        "'emitBehavior': 'emitAll'",
        "'emitBehavior': 'fetchAll'",
        "'emitBehavior': 'batch'",
        "'compression': 'ZSTD'",
    };
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        char config[80];
        snprintf(config, sizeof(config), "{%s}", spellings[i]);
        assert_taken(&kc_produce, config);
    }
    assert_refused(&kc_consume, "{'keyEncoding': 'json'}",
                   "field 'keyEncoding': must be one of utf8, base64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_required_is_asked_for),
        cmocka_unit_test(faults_of_the_step_and_of_the_credentials_are_told_together),
        cmocka_unit_test(a_start_is_a_word_a_time_or_an_offset),
        cmocka_unit_test(the_platforms_spellings_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
