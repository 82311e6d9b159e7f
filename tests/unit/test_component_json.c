// SPDX-License-Identifier: Apache-2.0
/* component.json keeps the rules of the platform that reads it. */
#include "unit/unit.h"

#include <jansson.h>
#include <regex.h>
#include <unistd.h>

static json_t *component; /* for the whole program */

static const char *path_of(const char *name)
{
    static char path[4096];
    const char *root = getenv("KC_TEST_ROOT");
    snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    json_error_t why;
    component = json_load_file(path_of("component.json"), JSON_REJECT_DUPLICATES, &why);
    if (!component)
        print_error("component.json, line %d: %s\n", why.line, why.text);
    return json_is_object(component) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(component);
    return 0;
}

static const char *string_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || !*text)
        fail_msg("there is no text '%s' in %s", key, json_dumps(object, JSON_COMPACT));
    return text;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(*list, text) == 0)
            return true;
    }
    return false;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool is_match = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

/* Calls `check` for each trigger and action. */
static void for_each_function(void (*check)(const char *name, json_t *function))
{
    static const char *const kinds[] = { "triggers", "actions" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *name;
        json_t *function;
        json_object_foreach(json_object_get(component, kinds[i]), name, function)
            check(name, function);
    }
}

static json_t *credential_fields(void)
{
    return json_object_get(json_object_get(component, "credentials"), "fields");
}

/* --- the component --- */

static void it_says_what_it_is(void **state)
{
    (void)state;
    string_of(component, "title");
    string_of(component, "description");
    assert_string_equal(string_of(component, "buildType"), "docker");
    assert_true(matches(string_of(component, "version"),
                        "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)"
                        "(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$"));
}

static void it_has_no_empty_list_of_functions_and_at_least_one_function(void **state)
{
    (void)state;
    json_t *triggers = json_object_get(component, "triggers");
    json_t *actions = json_object_get(component, "actions");
    assert_true(!triggers || json_object_size(triggers) > 0);
    assert_true(!actions || json_object_size(actions) > 0);
    assert_true(triggers || actions);
}

static void no_trigger_is_called_like_an_action(void **state)
{
    (void)state;
    const char *name;
    json_t *trigger;
    json_object_foreach(json_object_get(component, "triggers"), name, trigger)
        assert_null(json_object_get(json_object_get(component, "actions"), name));
}

static void the_changelog_begins_with_this_version(void **state)
{
    (void)state;
    char line[256] = "", wanted[64];
    FILE *file = fopen(path_of("CHANGELOG.md"), "re");
    if (!file) {
        fail_msg("there is no CHANGELOG.md");
        return;
    }
    while (fgets(line, sizeof(line), file) && strncmp(line, "## ", 3) != 0)
        line[0] = '\0';
    fclose(file);
    snprintf(wanted, sizeof(wanted), "## %s (", string_of(component, "version"));
    if (strncmp(line, wanted, strlen(wanted)) != 0)
        fail_msg("the changelog begins with '%s', not with '%s'", line, wanted);
    assert_true(matches(line, "\\([A-Z][a-z]+ [0-9]{1,2}, 20[0-9]{2}\\)"));
}

/* --- fields --- */

static void check_field(const char *name, json_t *field, json_t *siblings)
{
    static const char *const views[] = { "TextFieldView",
                                         "TextAreaView",
                                         "PasswordFieldView",
                                         "SelectView",
                                         "MultiSelectView",
                                         "CheckBoxView",
                                         NULL };
    static const char *const selects[] = { "SelectView", "MultiSelectView", NULL };
    static const char *const keys[] = { "label",       "viewClass", "required", "order",
                                        "model",       "prompt",    "note",     "help",
                                        "placeholder", "require",   "prefix",   "suffix",
                                        NULL };
    const char *key, *view = string_of(field, "viewClass");
    json_t *value, *model = json_object_get(field, "model");
    string_of(field, "label");
    if (!is_one_of(view, views))
        fail_msg("%s: there is no '%s'", name, view);
    if (is_one_of(view, selects) != (model != NULL))
        fail_msg("%s: a model belongs to a select view, and to no other", name);
    if (model && (!json_is_object(model) || json_object_size(model) == 0))
        fail_msg("%s: no handler gives this model", name); /* a string would name one */
    json_object_foreach(field, key, value)
    {
        if (!is_one_of(key, keys))
            fail_msg("%s: the platform does not know '%s'", name, key);
    }
    json_object_foreach(model, key, value) assert_true(json_is_string(value));
    value = json_object_get(field, "required");
    assert_true(!value || json_is_boolean(value));
    value = json_object_get(field, "order");
    assert_true(!value || json_is_number(value));

    json_t *require = json_object_get(field, "require"), *other;
    size_t i;
    assert_true(!require || json_is_array(require));
    json_array_foreach(require, i, other)
        assert_non_null(json_object_get(siblings, json_string_value(other)));
}

static void check_fields(const char *owner, json_t *fields)
{
    const char *name;
    json_t *field;
    (void)owner;
    json_object_foreach(fields, name, field) check_field(name, field, fields);
}

static void check_function_fields(const char *name, json_t *function)
{
    check_fields(name, json_object_get(function, "fields"));
}

static void every_field_has_a_label_and_a_view_that_there_is(void **state)
{
    (void)state;
    assert_in_range(json_object_size(credential_fields()), 1, 100);
    check_fields("credentials", credential_fields());
    for_each_function(check_function_fields);
}

static void check_not_shared(const char *function_name, json_t *function)
{
    const char *name;
    json_t *field;
    json_object_foreach(json_object_get(function, "fields"), name, field)
    {
        if (json_object_get(credential_fields(), name))
            fail_msg("%s: '%s' is a credential too", function_name, name);
    }
}

static void credentials_and_steps_share_no_key(void **state)
{
    (void)state;
    for_each_function(check_not_shared);
}

static void a_password_is_shown_to_nobody(void **state)
{
    (void)state;
    json_t *password = json_object_get(credential_fields(), "password");
    assert_string_equal(string_of(password, "viewClass"), "PasswordFieldView");
    assert_null(json_object_get(password, "placeholder"));
}

static void nothing_that_only_the_operator_may_set_is_in_a_form(void **state)
{
    (void)state;
    assert_null(json_object_get(credential_fields(), "caCertificateFile"));
}

/* --- functions --- */

/* Also where nobody ever runs it: a build of the platform may look. */
static void check_file_is_there(const char *name, json_t *function)
{
    const char *file = string_of(function, "main");
    if (access(path_of(file), R_OK) != 0)
        fail_msg("%s: there is no file %s", name, file);
}

static void the_files_of_all_functions_are_there(void **state)
{
    (void)state;
    for_each_function(check_file_is_there);
}

static void check_function(const char *name, json_t *function)
{
    bool is_trigger = json_object_get(json_object_get(component, "triggers"), name) != NULL;
    json_t *help = json_object_get(function, "help");
    char end[64];
    string_of(function, "title");
    string_of(function, "main");
    string_of(help, "description");
    const char *link = string_of(help, "link");
    if (!matches(link, "^(https?://[^ ]+|/components/[a-z0-9-]+/index\\.html#[A-Za-z0-9_-]+|"
                       "#[A-Za-z0-9_-]+)$"))
        fail_msg("%s: '%s' leads nowhere", name, link);
    snprintf(end, sizeof(end), "#%s", name);
    assert_holds(link, end);
    if (is_trigger)
        assert_true(is_one_of(string_of(function, "type"),
                              (const char *const[]){ "polling", "webhook", NULL }));
    else
        assert_null(json_object_get(function, "type"));
    assert_null(json_object_get(function, "dynamicMetadata")); /* nobody would answer for it */
}

static void every_function_says_what_it_is_and_where_its_help_is(void **state)
{
    (void)state;
    for_each_function(check_function);
}

/* --- metadata --- */

/* A reference within the same file leads to something. */
static void check_reference(const char *where, json_t *root, const char *reference)
{
    static const char prefix[] = "#/definitions/";
    if (strncmp(reference, prefix, sizeof(prefix) - 1) != 0 ||
        !json_object_get(json_object_get(root, "definitions"), reference + sizeof(prefix) - 1))
        fail_msg("%s: '%s' is no reference within the file", where, reference);
}

static void check_schema(const char *where, json_t *root, json_t *schema)
{
    static const char *const words[] = { "type",        "properties",  "items",   "required",
                                         "title",       "description", "help",    "note",
                                         "placeholder", "enum",        "minimum", "maximum",
                                         "maxLength",   "format",      "pattern", "order",
                                         "$ref",        "definitions", NULL };
    static const char *const types[] = { "object",  "string", "number", "integer",
                                         "boolean", "array",  NULL };
    const char *key, *name;
    json_t *value, *property;
    assert_true(json_is_object(schema));
    json_object_foreach(schema, key, value)
    {
        if (!is_one_of(key, words))
            fail_msg("%s: the mapper does not know '%s'", where, key);
    }
    if ((value = json_object_get(schema, "type")) &&
        !is_one_of(json_string_value(value), types))
        fail_msg("%s: there is no type '%s'", where, json_string_value(value));
    if ((value = json_object_get(schema, "required")) && !json_is_boolean(value))
        fail_msg("%s: 'required' is a boolean of the property", where);
    if ((value = json_object_get(schema, "$ref")))
        check_reference(where, root, json_string_value(value));
    if ((value = json_object_get(schema, "items")))
        check_schema(where, root, value);
    json_object_foreach(json_object_get(schema, "properties"), name, property)
        check_schema(name, root, property);
    json_object_foreach(json_object_get(schema, "definitions"), name, property)
        check_schema(name, root, property);
}

static void check_metadata(const char *name, json_t *function)
{
    bool is_trigger = json_object_get(json_object_get(component, "triggers"), name) != NULL;
    json_t *metadata = json_object_get(function, "metadata");
    json_t *in = json_object_get(metadata, "in"), *out = json_object_get(metadata, "out");
    assert_int_equal(in == NULL, is_trigger);
    assert_non_null(out);
    if (in) {
        assert_string_equal(string_of(in, "type"), "object");
        check_schema(name, in, in);
    }
    check_schema(name, out, out);
}

static void metadata_uses_only_what_the_mapper_knows(void **state)
{
    (void)state;
    for_each_function(check_metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(it_has_no_empty_list_of_functions_and_at_least_one_function),
        cmocka_unit_test(no_trigger_is_called_like_an_action),
        cmocka_unit_test(the_changelog_begins_with_this_version),
        cmocka_unit_test(every_field_has_a_label_and_a_view_that_there_is),
        cmocka_unit_test(credentials_and_steps_share_no_key),
        cmocka_unit_test(a_password_is_shown_to_nobody),
        cmocka_unit_test(nothing_that_only_the_operator_may_set_is_in_a_form),
        cmocka_unit_test(every_function_says_what_it_is_and_where_its_help_is),
        cmocka_unit_test(the_files_of_all_functions_are_there),
        cmocka_unit_test(metadata_uses_only_what_the_mapper_knows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
