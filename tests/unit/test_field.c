// SPDX-License-Identifier: Apache-2.0
#include "conf/field.h"

#include "base/log.h"
#include "unit/unit.h"

#include <unistd.h>

struct conf {
    char *topic;
    char *secret;
    int timeout_ms;
    bool is_on;
    int color;
};

static const struct kc_choice colors[] = {
    { "red", "Red", NULL },
    { "dark-green", "Dark green", "green|moss" },
    { 0 },
};

static const struct kc_field fields[] = {
    { .name = "topic", .type = KC_TEXT, KC_AT(conf, topic), .required = true },
    { .name = "secret", .type = KC_TEXT, KC_AT(conf, secret), .secret = true },
    { .name = "timeoutMs",
      .type = KC_INT,
      KC_AT(conf, timeout_ms),
      .min = 1000,
      .max = 600000,
      .fallback = "30000" },
    { .name = "isOn", .type = KC_BOOL, KC_AT(conf, is_on), .fallback = "false" },
    { .name = "color",
      .type = KC_CHOICE,
      KC_AT(conf, color),
      .choices = colors,
      .fallback = "red" },
    { 0 },
};

static bool read_with(struct conf *conf, const char *text, enum kc_unknown unknown,
                      struct kc_error *err)
{
    char *copy = json(text);
    struct kc_faults faults;
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), err);
    if (!doc)
        fail_msg("%s: %s", text, err->text);
    *conf = (struct conf){ 0 };
    kc_faults_init(&faults);
    bool ok = kc_fields_read(fields, conf, doc, unknown, &faults);
    assert_int_equal(ok, kc_faults_none(&faults, KC_CONFIG, err));
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    free(copy);
    return ok;
}

static void assert_says(const char *text, const char *wanted)
{
    struct conf conf;
    struct kc_error err = { 0 };
    assert_false(read_with(&conf, text, KC_UNKNOWN_IS_ERROR, &err));
    assert_int_equal(err.code, KC_CONFIG);
    assert_string_equal(err.text, wanted);
    kc_fields_free(fields, &conf);
}

static struct conf settings_of(const char *text)
{
    struct conf conf;
    struct kc_error err = { 0 };
    if (!read_with(&conf, text, KC_UNKNOWN_IS_ERROR, &err))
        fail_msg("%s: %s", text, err.text);
    return conf;
}

static void every_wrong_field_is_named_with_its_reason(void **state)
{
    (void)state;
    assert_says(
        "{'timeoutMs': 5, 'isOn': 'perhaps', 'color': 'blue'}",
        "field 'topic': required; field 'timeoutMs': 5 is below 1000; field 'isOn': must "
        "be true or false; field 'color': must be one of red, dark-green");
}

static void what_is_left_out_gets_its_default(void **state)
{
    (void)state;
    struct conf conf = settings_of("{'topic': 'cars'}");
    assert_string_equal(conf.topic, "cars");
    assert_null(conf.secret);
    assert_int_equal(conf.timeout_ms, 30000);
    assert_false(conf.is_on);
    assert_int_equal(conf.color, 0);
    kc_fields_free(fields, &conf);
    assert_null(conf.topic);
}

static void null_and_empty_count_as_left_out(void **state)
{
    (void)state;
    struct conf conf =
        settings_of("{'topic': 'cars', 'secret': '', 'timeoutMs': null, 'isOn': '', "
                    "'color': ''}");
    assert_null(conf.secret);
    assert_int_equal(conf.timeout_ms, 30000);
    assert_int_equal(conf.color, 0);
    kc_fields_free(fields, &conf);
    assert_says("{'topic': ''}", "field 'topic': required");
    assert_says("{'topic': null}", "field 'topic': required");
}

static void a_choice_is_found_by_name_or_other_spelling_in_any_case(void **state)
{
    (void)state;
    static const char *const spellings[] = { "dark-green", "DARK-GREEN", "green", "Moss" };
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        char text[64];
        snprintf(text, sizeof(text), "{'topic': 'x', 'color': '%s'}", spellings[i]);
        struct conf conf = settings_of(text);
        assert_int_equal(conf.color, 1);
        kc_fields_free(fields, &conf);
    }
    assert_says("{'topic': 'x', 'color': 'green|moss'}",
                "field 'color': must be one of red, dark-green");
    assert_says("{'topic': 'x', 'color': 'gre'}",
                "field 'color': must be one of red, dark-green");
}

static void a_ticked_box_is_understood_as_forms_send_it(void **state)
{
    (void)state;
    static const char *const yes[] = { "true", "'on'", "'true'", "1", "'1'", "'yes'", "'Yes'" };
    static const char *const no[] = { "false", "'off'", "'false'", "0", "'0'", "'no'" };
    for (size_t i = 0; i < COUNT_OF(yes) + COUNT_OF(no); i++) {
        bool is_yes = i < COUNT_OF(yes);
        char text[64];
        snprintf(text, sizeof(text), "{'topic': 'x', 'isOn': %s}",
                 is_yes ? yes[i] : no[i - COUNT_OF(yes)]);
        struct conf conf = settings_of(text);
        assert_int_equal(conf.is_on, is_yes);
        kc_fields_free(fields, &conf);
    }
    assert_says("{'topic': 'x', 'isOn': 2}", "field 'isOn': must be true or false");
}

static void a_number_may_come_as_text_and_a_text_as_number(void **state)
{
    (void)state;
    struct conf conf = settings_of("{'topic': 2026, 'timeoutMs': '1000'}");
    assert_string_equal(conf.topic, "2026");
    assert_int_equal(conf.timeout_ms, 1000);
    kc_fields_free(fields, &conf);
}

static void numbers_have_to_be_whole_and_in_range(void **state)
{
    (void)state;
    assert_says("{'topic': 'x', 'timeoutMs': 600001}",
                "field 'timeoutMs': 600001 is above 600000");
    assert_says("{'topic': 'x', 'timeoutMs': 4294968296}", /* 2^32 + 1000 */
                "field 'timeoutMs': 4294968296 is above 600000");
    assert_says("{'topic': 'x', 'timeoutMs': 1000.0}",
                "field 'timeoutMs': must be a whole number");
    assert_says("{'topic': 'x', 'timeoutMs': '1e4'}",
                "field 'timeoutMs': must be a whole number from 1000 to 600000");
    assert_says("{'topic': 'x', 'timeoutMs': true}",
                "field 'timeoutMs': must be a whole number");
}

static void a_value_of_another_kind_is_refused(void **state)
{
    (void)state;
    assert_says("{'topic': ['a']}", "field 'topic': must be a text");
    assert_says("{'topic': {'a': 1}}", "field 'topic': must be a text");
    assert_says("{'topic': 1.5}", "field 'topic': must be a text");
    assert_says("{'topic': 'x', 'color': true}", "field 'color': must be a text");
    assert_says("{'topic': 'x', 'color': 1}", "field 'color': must be one of red, dark-green");
}

static void an_unknown_field_names_the_nearest(void **state)
{
    (void)state;
    assert_says("{'topic': 'x', 'timeoutms': 5}",
                "field 'timeoutms': unknown; did you mean 'timeoutMs'?");
    assert_says("{'topic': 'x', 'somethingElse': 5}",
                "field 'somethingElse': unknown; --help lists the fields");
}

static void an_unknown_field_is_only_warned_of_where_a_platform_adds_its_own(void **state)
{
    (void)state;
    struct conf conf;
    struct kc_error err = { 0 };
    kc_log_init(KC_ERROR, STDERR_FILENO);
    assert_true(
        read_with(&conf, "{'topic': 'x', '_account': '5'}", KC_UNKNOWN_IS_WARNING, &err));
    kc_fields_free(fields, &conf);
}

static void an_error_never_quotes_a_secret(void **state)
{
    (void)state;
    struct conf conf;
    struct kc_error err = { 0 };
    assert_false(
        read_with(&conf, "{'topic': 'x', 'secret': ['hunter2']}", KC_UNKNOWN_IS_ERROR, &err));
    assert_lacks(err.text, "hunter2");
    kc_fields_free(fields, &conf);
}

static void a_text_that_was_read_before_a_fault_is_freed_all_the_same(void **state)
{
    (void)state;
    struct conf conf;
    struct kc_error err = { 0 };
    assert_false(read_with(&conf, "{'topic': 'x', 'secret': 's', 'timeoutMs': 1}",
                           KC_UNKNOWN_IS_ERROR, &err));
    kc_fields_free(fields, &conf);
    kc_fields_free(fields, &conf); /* twice is fine */
}

static void fields_are_found_by_exact_name(void **state)
{
    (void)state;
    assert_string_equal(kc_field_find(fields, KC_LIT("timeoutMs"))->name, "timeoutMs");
    assert_null(kc_field_find(fields, KC_LIT("timeoutms")));
    assert_string_equal(kc_field_nearest(fields, KC_LIT("topc")), "topic");
}

/* --- structs and documents of a table --- */

static struct kc_doc *doc(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *d = kc_doc_parse(kc_text(copy), &err);
    assert_non_null(d);
    free(copy);
    return d;
}

static void a_copy_is_equal_and_owns_its_texts(void **state)
{
    (void)state;
    struct conf one, other;
    struct kc_error err = { 0 };
    assert_true(read_with(&one, "{'topic': 'x', 'secret': 's', 'color': 'green'}",
                          KC_UNKNOWN_IS_ERROR, &err));
    kc_fields_copy(fields, &other, &one, sizeof(one));
    assert_true(kc_fields_equal(fields, &one, &other));
    assert_ptr_not_equal(one.topic, other.topic);
    kc_fields_free(fields, &one);
    assert_string_equal(other.topic, "x");
    assert_int_equal(other.color, 1);
    kc_fields_free(fields, &other);
}

static void each_difference_counts(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{'topic': 'y', 'secret': 's'}",
        "{'topic': 'x', 'secret': 't'}",
        "{'topic': 'x'}",
        "{'topic': 'x', 'secret': 's', 'timeoutMs': 1000}",
        "{'topic': 'x', 'secret': 's', 'isOn': true}",
        "{'topic': 'x', 'secret': 's', 'color': 'moss'}",
    };
    struct conf one, other;
    struct kc_error err = { 0 };
    assert_true(read_with(&one, "{'topic': 'x', 'secret': 's'}", KC_UNKNOWN_IS_ERROR, &err));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_true(read_with(&other, others[i], KC_UNKNOWN_IS_ERROR, &err));
        assert_false(kc_fields_equal(fields, &one, &other));
        assert_false(kc_fields_equal(fields, &other, &one));
        kc_fields_free(fields, &other);
    }
    kc_fields_free(fields, &one);
}

static void a_table_picks_the_members_that_it_knows(void **state)
{
    (void)state;
    struct kc_doc *all = doc("{'topic': 'x', 'groupId': 'g', 'timeoutMs': 5000}");
    struct kc_doc *picked = kc_fields_pick(fields, all);
    assert_true(kc_doc_has(picked, "topic"));
    assert_false(kc_doc_has(picked, "groupId"));
    assert_int_equal(kc_fields_int(fields, "timeoutMs", picked), 5000);
    kc_doc_free(picked);
    kc_doc_free(all);
}

static void a_number_that_is_not_given_or_wrong_is_its_fallback(void **state)
{
    (void)state;
    struct kc_doc *none = doc("{}"), *wrong = doc("{'timeoutMs': 5}"),
                  *text = doc("{'timeoutMs': '7000'}");
    assert_int_equal(kc_fields_int(fields, "timeoutMs", none), 30000);
    assert_int_equal(kc_fields_int(fields, "timeoutMs", wrong), 30000);
    assert_int_equal(kc_fields_int(fields, "timeoutMs", text), 7000);
    kc_doc_free(none);
    kc_doc_free(wrong);
    kc_doc_free(text);
}

/* --- several tables, one document --- */

static const struct kc_field more_fields[] = {
    { .name = "topic", .type = KC_TEXT, KC_AT(conf, topic) },
    { .name = "groupId", .type = KC_TEXT, KC_AT(conf, secret), .required = true },
    { 0 },
};

static void assert_checked(const char *text, const char *says)
{
    const struct kc_field *const tables[] = { fields, more_fields, NULL };
    struct kc_error err = { 0 };
    struct kc_faults faults;
    char *copy = json(text);
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), &err);
    assert_non_null(doc);
    kc_faults_init(&faults);
    bool ok = kc_fields_check(tables, doc, &faults);
    assert_int_equal(ok, kc_faults_none(&faults, KC_CONFIG, &err));
    assert_int_equal(ok, says == NULL);
    if (says)
        assert_string_equal(err.text, says);
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    free(copy);
}

static void a_document_of_several_tables_wants_none_of_their_fields(void **state)
{
    (void)state;
    assert_checked("{}", NULL);
    assert_checked("{'topic': 'cars', 'groupId': 'g', 'color': 'GREEN', 'isOn': null}", NULL);
}

static void a_document_of_several_tables_is_right_in_one_of_them(void **state)
{
    (void)state;
    assert_checked("{'timeoutMs': 5}", "field 'timeoutMs': 5 is below 1000");
    assert_checked("{'groupI': 'g'}", "field 'groupI': unknown; did you mean 'groupId'?");
    assert_checked("{'xyzzyxyzzy': 1}", "field 'xyzzyxyzzy': unknown");
    assert_checked("{'groupId': {}}", "field 'groupId': must be a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_field_is_named_with_its_reason),
        cmocka_unit_test(what_is_left_out_gets_its_default),
        cmocka_unit_test(null_and_empty_count_as_left_out),
        cmocka_unit_test(a_choice_is_found_by_name_or_other_spelling_in_any_case),
        cmocka_unit_test(a_ticked_box_is_understood_as_forms_send_it),
        cmocka_unit_test(a_number_may_come_as_text_and_a_text_as_number),
        cmocka_unit_test(numbers_have_to_be_whole_and_in_range),
        cmocka_unit_test(a_value_of_another_kind_is_refused),
        cmocka_unit_test(an_unknown_field_names_the_nearest),
        cmocka_unit_test(an_unknown_field_is_only_warned_of_where_a_platform_adds_its_own),
        cmocka_unit_test(an_error_never_quotes_a_secret),
        cmocka_unit_test(a_text_that_was_read_before_a_fault_is_freed_all_the_same),
        cmocka_unit_test(fields_are_found_by_exact_name),
        cmocka_unit_test(a_copy_is_equal_and_owns_its_texts),
        cmocka_unit_test(each_difference_counts),
        cmocka_unit_test(a_table_picks_the_members_that_it_knows),
        cmocka_unit_test(a_number_that_is_not_given_or_wrong_is_its_fallback),
        cmocka_unit_test(a_document_of_several_tables_wants_none_of_their_fields),
        cmocka_unit_test(a_document_of_several_tables_is_right_in_one_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
