// SPDX-License-Identifier: Apache-2.0
/* test_schemas.c - the schemas say what the program does: they agree with its tables, with what
 * it prints, and with what it takes and refuses; and the example credentials agree with theirs.
 *
 * The checker knows the keywords that our schemas use and fails on any other. */
#include "support/event.h"
#include "support/fail.h"

#include "component/consume_body.h"
#include "component/produce_answer.h"
#include "component/produce_input.h"
#include "kafka/credentials.h"
#include "kafka/embedded.h"

#include <dirent.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS 15000

/* --- A checker --- */

static bool is_valid(json_t *root, json_t *schema, json_t *value);

static bool is_of_type(json_t *value, const char *type)
{
    if (strcmp(type, "integer") == 0) /* as JSON Schema has it: 1.0 is one */
        return json_is_integer(value) ||
               (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
    return (strcmp(type, "object") == 0 && json_is_object(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value));
}

static bool is_of_types(json_t *value, json_t *type)
{
    size_t i;
    json_t *one;
    if (json_is_string(type))
        return is_of_type(value, json_string_value(type));
    json_array_foreach(type, i, one)
    {
        if (is_of_type(value, json_string_value(one)))
            return true;
    }
    return false;
}

static bool matches(json_t *value, const char *pattern)
{
    if (!json_is_string(value))
        return true;
    if (strlen(json_string_value(value)) != json_string_length(value))
        return false; /* it holds a NUL, and no pattern of ours allows one */
    if (strcmp(pattern, "^[^\\u0000]*$") == 0)
        return true;
    regex_t compiled;
    assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int code = regexec(&compiled, json_string_value(value), 0, NULL, 0);
    regfree(&compiled);
    return code == 0;
}

static size_t characters(json_t *string)
{
    size_t n = 0;
    for (const char *p = json_string_value(string); *p; p++)
        n += (*p & 0xc0) != 0x80;
    return n;
}

static bool has_all(json_t *object, json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (json_is_object(object) && !json_object_get(object, json_string_value(name)))
            return false;
    }
    return true;
}

/* How many of these schemas it fits. */
static size_t fitting(json_t *root, json_t *schemas, json_t *value)
{
    size_t i, n = 0;
    json_t *schema;
    json_array_foreach(schemas, i, schema) n += is_valid(root, schema, value);
    return n;
}

static bool is_among(json_t *values, json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach(values, i, one)
    {
        if (json_equal(one, value))
            return true;
    }
    return false;
}

static bool has_valid_members(json_t *root, json_t *schema, json_t *object)
{
    const char *name;
    json_t *member, *rest = json_object_get(schema, "additionalProperties"), *needed;
    json_t *of_names = json_object_get(schema, "propertyNames");
    json_object_foreach(object, name, member)
    {
        json_t *own = json_object_get(json_object_get(schema, "properties"), name);
        json_t *key = json_string(name);
        bool has_valid_name = !of_names || is_valid(root, of_names, key);
        json_decref(key);
        if (!has_valid_name || !is_valid(root, own ? own : rest, member))
            return false;
    }
    json_object_foreach(json_object_get(schema, "dependentRequired"), name, needed)
    {
        if (json_object_get(object, name) && !has_all(object, needed))
            return false;
    }
    return true;
}

static bool has_valid_elements(json_t *root, json_t *schema, json_t *array)
{
    size_t i;
    json_t *element, *first = json_object_get(schema, "prefixItems");
    json_array_foreach(array, i, element)
    {
        json_t *own = i < json_array_size(first) ? json_array_get(first, i)
                                                 : json_object_get(schema, "items");
        if (!is_valid(root, own, element))
            return false;
    }
    return true;
}

static json_t *definition(json_t *root, const char *ref)
{
    static const char start[] = "#/$defs/";
    assert_int_equal(strncmp(ref, start, sizeof(start) - 1), 0);
    json_t *found = json_object_get(json_object_get(root, "$defs"), ref + sizeof(start) - 1);
    assert_non_null(found);
    return found;
}

static bool keeps(json_t *root, json_t *schema, const char *keyword, json_t *rule,
                  json_t *value)
{
    static const char *const others[] = { "$schema",  "$id",      "$defs",   "title",
                                          "then",     "else",     "default", "description",
                                          "examples", "writeOnly" };
#define IS(name) (strcmp(keyword, name) == 0)
    if (IS("type"))
        return is_of_types(value, rule);
    if (IS("$ref"))
        return is_valid(root, definition(root, json_string_value(rule)), value);
    if (IS("const"))
        return json_equal(rule, value);
    if (IS("enum"))
        return is_among(rule, value);
    if (IS("required"))
        return has_all(value, rule);
    if (IS("properties") || IS("additionalProperties") || IS("propertyNames") ||
        IS("dependentRequired"))
        return !json_is_object(value) || has_valid_members(root, schema, value);
    if (IS("items") || IS("prefixItems"))
        return !json_is_array(value) || has_valid_elements(root, schema, value);
    if (IS("minItems"))
        return !json_is_array(value) ||
               json_array_size(value) >= (size_t)json_integer_value(rule);
    if (IS("maxItems"))
        return !json_is_array(value) ||
               json_array_size(value) <= (size_t)json_integer_value(rule);
    if (IS("minLength"))
        return !json_is_string(value) || characters(value) >= (size_t)json_integer_value(rule);
    if (IS("maxLength"))
        return !json_is_string(value) || characters(value) <= (size_t)json_integer_value(rule);
    if (IS("pattern"))
        return matches(value, json_string_value(rule));
    if (IS("minimum"))
        return !json_is_number(value) || json_number_value(value) >= json_number_value(rule);
    if (IS("maximum"))
        return !json_is_number(value) || json_number_value(value) <= json_number_value(rule);
    if (IS("not"))
        return !is_valid(root, rule, value);
    if (IS("allOf"))
        return fitting(root, rule, value) == json_array_size(rule);
    if (IS("anyOf"))
        return fitting(root, rule, value) > 0;
    if (IS("if"))
        return is_valid(root,
                        json_object_get(schema, is_valid(root, rule, value) ? "then" : "else"),
                        value);
#undef IS
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(keyword, others[i]) == 0)
            return true;
    }
    fail_msg("the checker does not know the keyword '%s'", keyword);
    return false;
}

/* No schema at all allows everything. */
static bool is_valid(json_t *root, json_t *schema, json_t *value)
{
    const char *keyword;
    json_t *rule;
    if (!json_is_object(schema))
        return !json_is_false(schema);
    json_object_foreach(schema, keyword, rule)
    {
        if (!keeps(root, schema, keyword, rule, value))
            return false;
    }
    return true;
}

static void assert_fits(json_t *schema, json_t *value)
{
    if (is_valid(schema, schema, value))
        return;
    char copy[2000], *text = json_dumps(value, JSON_ENCODE_ANY);
    snprintf(copy, sizeof(copy), "%s", text);
    free(text);
    fail_msg("%s does not allow %s", event_str(schema, "title"), copy);
}

/* --- Files --- */

/* The caller's, until json_decref(). */
static json_t *load(const char *file)
{
    char path[1024];
    json_error_t why;
    snprintf(path, sizeof(path), "%s/%s", need_env("KC_TEST_ROOT"), file);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        fail_msg("%s: %s (line %d)", path, why.text, why.line);
    return root;
}

static const struct {
    const char *file;
    const struct kc_member *members; /* of the component's table */
    const char *path;                /* where the schema has them */
} schemas[] = {
    { "schemas/produce.in.json", kc_produce_in, "$defs.records" },
    { "schemas/produce.out.json", kc_produce_out, "$defs.result" },
    { "schemas/consume.out.json", kc_consume_out, "$defs.record" },
};
#define SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

/* --- The checker can say no --- */

static void the_checker_tells_right_from_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *right, *wrong;
    } cases[] = {
        { "{'type':'integer'}", "1.0", "1.5" },
        { "{'type':['string','null']}", "null", "false" },
        { "{'const':'a'}", "'a'", "'b'" },
        { "{'enum':[1,null]}", "null", "2" },
        { "{'required':['a']}", "{'a':1}", "{'b':1}" },
        { "{'properties':{'a':{'type':'string'}}}", "{'a':'','b':1}", "{'a':1}" },
        { "{'properties':{'a':{}},'additionalProperties':false}", "{'a':1}", "{'a':1,'b':1}" },
        { "{'propertyNames':{'pattern':'^a'}}", "{'ab':1}", "{'ba':1}" },
        { "{'dependentRequired':{'a':['b']}}", "{'b':1}", "{'a':1}" },
        { "{'items':{'type':'null'}}", "[null]", "[null,1]" },
        { "{'prefixItems':[{},{'const':2}]}", "[3,2]", "[2,3]" },
        { "{'minItems':1,'maxItems':2}", "[1]", "[1,2,3]" },
        { "{'minItems':1}", "[1]", "[]" },
        { "{'minLength':1,'maxLength':2}", "'\\u00e9\\u00e9'", "'abc'" },
        { "{'minLength':1}", "'a'", "''" },
        { "{'pattern':'^[0-9]+$'}", "'12'", "'12a'" },
        { "{'minimum':0}", "0", "-1" },
        { "{'maximum':3}", "3", "4" },
        { "{'not':{'type':'null'}}", "1", "null" },
        { "{'allOf':[{'minimum':1},{'maximum':3}]}", "2", "4" },
        { "{'anyOf':[{'const':1},{'const':2}]}", "2", "3" },
        { "{'if':{'type':'string'},'then':{'const':'a'},'else':{'const':1}}", "1", "'b'" },
        { "{'$defs':{'n':{'type':'number'}},'$ref':'#/$defs/n'}", "1", "'1'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *parsed[3];
        const char *texts[3] = { cases[i].schema, cases[i].right, cases[i].wrong };
        for (size_t k = 0; k < 3; k++) {
            char text[256];
            snprintf(text, sizeof(text), "%s", texts[k]);
            for (char *c = text; *c; c++)
                *c = *c == '\'' ? '"' : *c;
            parsed[k] = json_loads(text, JSON_DECODE_ANY, NULL);
            assert_non_null(parsed[k]);
        }
        if (!is_valid(parsed[0], parsed[0], parsed[1]) ||
            is_valid(parsed[0], parsed[0], parsed[2]))
            fail_msg("the checker takes %s for another schema", texts[0]);
        for (size_t k = 0; k < 3; k++)
            json_decref(parsed[k]);
    }
}

/* --- Against the tables --- */

static bool is_required(json_t *schema, const char *name)
{
    json_t *text = json_string(name);
    bool is = is_among(json_object_get(schema, "required"), text);
    json_decref(text);
    return is;
}

/* The record of a consumer that produce takes too: what was where it came from. */
static bool is_of_consumed_records(const char *name)
{
    return strcmp(name, "offset") == 0 || strcmp(name, "timestampType") == 0;
}

static void agrees(const struct kc_member *members, json_t *root, json_t *schema)
{
    json_t *properties = json_object_get(schema, "properties"), *property;
    const char *name;
    size_t count = 0;
    for (const struct kc_member *m = members; m->name; m++, count++) {
        property = json_object_get(properties, m->name);
        if (!property)
            fail_msg("'%s' is in the table and not in %s", m->name, event_str(root, "title"));
        assert_string_equal(event_str(property, "title"), m->title);
        if (is_required(schema, m->name) != m->required)
            fail_msg("'%s' is required only in one of table and schema", m->name);
        if (m->items)
            agrees(m->items, root, definition(root, event_str(property, "items.$ref")));
    }
    json_object_foreach(properties, name, property) count -=
        !is_of_consumed_records(name) || members == kc_consume_out;
    assert_int_equal(count, 0); /* and nothing that the table lacks */
}

static void schemas_and_tables_have_the_same_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        json_t *root = load(schemas[i].file);
        agrees(schemas[i].members, root, event_at(root, schemas[i].path));
        json_decref(root);
    }
}

static void schemas_are_explained_and_their_examples_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        json_t *root = load(schemas[i].file), *example, *property;
        size_t k;
        const char *name;
        assert_event_str(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
        assert_int_equal(strncmp(event_str(root, "$id"), "urn:", 4), 0);
        json_array_foreach(json_object_get(root, "examples"), k, example)
            assert_fits(root, example);
        assert_true(k > 0);
        json_object_foreach(event_at(event_at(root, schemas[i].path), "properties"), name,
                            property)
        {
            assert_true(strlen(event_str(property, "title")) > 0);
            assert_true(strlen(event_str(property, "description")) > 0);
        }
        json_decref(root);
    }
}

/* --- Against what comes out --- */

/* Checks the bodies of all data events of a run, and says how many there were. */
static size_t bodies_fit(struct run *run, const char *schema_file)
{
    json_t *schema = load(schema_file), *event;
    json_t *events = events_parse(run->out), *data = events_of(events, "data");
    size_t i;
    json_array_foreach(data, i, event) assert_fits(schema, event_at(event, "body"));
    json_decref(data);
    json_decref(events);
    json_decref(schema);
    run_free(run);
    return i;
}

static const char records[] =
    "{\"messages\":[{\"key\":\"a\",\"value\":\"text\"},{\"value\":null,\"partition\":1},"
    "{\"value\":{\"n\":[1,2.50]},\"headers\":{\"x\":[\"1\",null],\"y\":{\"base64\":\"/w==\"}}},"
    "{\"value\":\"gP8=\",\"valueEncoding\":\"base64\",\"key\":\"/"
    "w\",\"keyEncoding\":\"base64\"},"
    "{\"value\":\"\",\"headers\":[[\"a\",\"1\"],[\"b\",\"2\"],[\"a\",null]]},"
    "{\"value\":\"null\"},{\"value\":\"nowhere\",\"partition\":99}]}\n"
    "{\"messages\":[]}\n";

static void what_the_program_prints_fits(void **state)
{
    (void)state;
    struct kc_embedded *broker = NULL;
    struct kc_error err = { 0 };
    assert_true(kc_embedded_open(&broker, &err) && kc_embedded_topic(broker, "cars", 2, &err));
    char credentials[256];
    snprintf(credentials, sizeof(credentials),
             "KAFKA_COMPONENT_CREDENTIALS={\"brokers\":\"%s\",\"mechanism\":\"none\","
             "\"securityProtocol\":\"PLAINTEXT\"}",
             kc_embedded_brokers(broker));
    const struct process_options options = { .env = ARGS(credentials) };

    static const char *const behaviors[] = { "emitBehavior=individual", "emitBehavior=batch" };
    for (size_t i = 0; i < 2; i++) {
        struct run run =
            run_component(ARGS("run", "produce", "--set", "topic=cars", "--set", behaviors[i]),
                          &options, records, WAIT_MS);
        assert_exit(&run, 65);
        size_t count = bodies_fit(&run, "schemas/produce.out.json");
        assert_true(i == 0 ? count >= 2 : count == 1);
    }

    static const char *const ways[] = { "valueEncoding=utf8", "valueEncoding=base64",
                                        "valueEncoding=json", "batchSize=4" };
    for (size_t i = 0; i < 4; i++) {
        char group[32];
        snprintf(group, sizeof(group), "groupId=group-%zu", i);
        struct run run =
            run_component(ARGS("run", "consume", "--set", "topic=cars", "--set", group, "--set",
                               "startFrom=earliest", "--set", ways[i], "--until", "end"),
                          &options, "", WAIT_MS);
        assert_exit(&run, 0);
        char *out = strdup(run.out);
        size_t count = bodies_fit(&run, "schemas/consume.out.json");
        assert_true(strncmp(ways[i], "batch", 5) == 0 ? count >= 3 && count < 12 : count == 12);

        /* and all of it is what produce takes */
        json_t *schema = load("schemas/produce.in.json"), *events = events_parse(out), *event;
        json_t *data = events_of(events, "data");
        size_t k;
        json_array_foreach(data, k, event) assert_fits(schema, event_at(event, "body"));
        json_decref(data);
        json_decref(events);
        json_decref(schema);
        free(out);
    }
    kc_embedded_close(broker);
}

/* --- Against what goes in --- */

/* Faults that no schema can see: they need the step's topic. */
static bool is_beyond_schemas(json_t *fault)
{
    const char *says = event_str(fault, "message");
    return strstr(says, "is not the") || strstr(says, "since the step");
}

/* Whether the expected events of this line refuse its shape. */
static bool is_refused(json_t *events, int64_t line, bool *is_certain)
{
    size_t i, k;
    json_t *event, *fault;
    *is_certain = true;
    json_array_foreach(events, i, event)
    {
        if (event_int(event, "line") != line || strcmp(event_str(event, "event"), "error") != 0)
            continue;
        if (!json_is_array(event_at(event, "error.details")) ||
            strcmp(event_str(event, "error.name"), "InputError") != 0)
            continue;
        *is_certain = false;
        json_array_foreach(event_at(event, "error.details"), k, fault) *is_certain |=
            !is_beyond_schemas(fault);
        return true;
    }
    return false;
}

/* The lines of a case against its expected answers; how many were looked at. */
static size_t case_fits(json_t *schema, const char *folder)
{
    char path[1200];
    snprintf(path, sizeof(path), "%s/out.jsonl", folder);
    FILE *out = fopen(path, "re");
    if (!out)
        fail_test("%s cannot be read", path);
    json_t *events = json_array(), *event;
    while ((event = json_loadf(out, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL)))
        json_array_append_new(events, event);
    fclose(out);

    snprintf(path, sizeof(path), "%s/in.jsonl", folder);
    FILE *in = fopen(path, "re");
    if (!in)
        fail_test("%s cannot be read", path);
    char *line = NULL;
    size_t room = 0, count = 0;
    ssize_t len;
    for (int64_t number = 1; (len = getline(&line, &room, in)) >= 0; number++) {
        json_t *message = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, NULL);
        if (!json_is_object(message) || json_object_get(message, "event")) {
            json_decref(message); /* no message of ours, or none that jansson can read */
            continue;
        }
        json_t *body = json_object_get(message, "body");
        bool is_certain, refused = is_refused(events, number, &is_certain);
        if (is_certain && is_valid(schema, schema, body ? body : message) == refused)
            fail_msg("%s, line %d: the schema %s it, the component does not", path, (int)number,
                     refused ? "allows" : "refuses");
        count++;
        json_decref(message);
    }
    free(line);
    fclose(in);
    json_decref(events);
    return count;
}

static void what_the_cases_take_and_refuse_the_schema_allows_and_refuses(void **state)
{
    (void)state;
    /* 1.0 is an integer to JSON Schema, and none to us */
    static const char beyond[] = "whole-numbers-are-written-without-";
    char cases[512], folder[1024];
    snprintf(cases, sizeof(cases), "%s/tests/wire/cases", need_env("KC_TEST_ROOT"));
    json_t *schema = load("schemas/produce.in.json");
    DIR *dir = opendir(cases);
    if (!dir)
        fail_test("there is no folder to read");
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(folder, sizeof(folder), "%s/%s", cases, entry->d_name);
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, beyond, sizeof(beyond) - 1) != 0)
            count += case_fits(schema, folder);
    }
    closedir(dir);
    assert_true(count > 100);
    json_decref(schema);
}

/* --- Example credentials --- */

static size_t is_a_good_example(json_t *schema, const char *file)
{
    char path[1024];
    struct kc_error err = { 0 };
    struct kc_credentials credentials = { 0 };
    struct kc_faults faults;
    json_t *example = load(file);
    assert_fits(schema, example);
    const char *password = json_string_value(json_object_get(example, "password"));
    if (password) /* nobody takes it for a real one, and nobody's file has a real one */
        assert_int_equal(strncmp(password, "REPLACE-WITH-YOUR-", 18), 0);

    snprintf(path, sizeof(path), "%s/%s", need_env("KC_TEST_ROOT"), file);
    struct kc_doc *doc = kc_doc_load(path, &err);
    assert_non_null(doc);
    kc_faults_init(&faults);
    if (!kc_credentials_read(&credentials, doc, KC_UNKNOWN_IS_ERROR, &faults))
        fail_msg("%s: %s: %s", file, faults.list[0].pointer, faults.list[0].text);

    const char *name = strrchr(file, '/') + 1; /* which says how it signs in */
    static const char *const mechanisms[] = {
        [KC_SCRAM_SHA_512] = "scram-sha-512",
        [KC_SCRAM_SHA_256] = "scram-sha-256",
        [KC_PLAIN] = "plain",
        [KC_OAUTHBEARER] = "oauthbearer",
        [KC_GSSAPI] = "gssapi",
    };
    if (credentials.mechanism != KC_NO_SIGN_IN)
        assert_int_equal(strncmp(name, mechanisms[credentials.mechanism],
                                 strlen(mechanisms[credentials.mechanism])),
                         0);
    bool is_unencrypted = strstr(name, "unencrypted") || strstr(name, "plaintext");
    assert_int_equal(is_unencrypted, credentials.security == KC_SASL_PLAINTEXT ||
                                         credentials.security == KC_PLAINTEXT);
    size_t way = (size_t)credentials.mechanism * 4 + (size_t)credentials.security;
    kc_faults_deinit(&faults);
    kc_credentials_free(&credentials);
    kc_doc_free(doc);
    json_decref(example);
    return way;
}

static void every_way_to_sign_in_has_an_example_that_can_be_read(void **state)
{
    (void)state;
    char folder[512], file[512];
    bool has[(KC_NO_SIGN_IN + 1) * 4] = { false };
    snprintf(folder, sizeof(folder), "%s/credentials", need_env("KC_TEST_ROOT"));
    json_t *schema = load("credentials/schema.json");
    DIR *dir = opendir(folder);
    if (!dir)
        fail_test("there is no folder to read");
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "schema.json") == 0)
            continue;
        snprintf(file, sizeof(file), "credentials/%s", entry->d_name);
        has[is_a_good_example(schema, file)] = true;
    }
    closedir(dir);
    json_decref(schema);
    assert_true(has[KC_SCRAM_SHA_512 * 4 + KC_SASL_SSL]);
    assert_true(has[KC_SCRAM_SHA_256 * 4 + KC_SASL_SSL]);
    assert_true(has[KC_PLAIN * 4 + KC_SASL_SSL]);
    assert_true(has[KC_OAUTHBEARER * 4 + KC_SASL_SSL]);
    assert_true(has[KC_GSSAPI * 4 + KC_SASL_SSL]);
    assert_true(has[KC_SCRAM_SHA_512 * 4 + KC_SASL_PLAINTEXT]);
    assert_true(has[KC_NO_SIGN_IN * 4 + KC_SSL]);
    assert_true(has[KC_NO_SIGN_IN * 4 + KC_PLAINTEXT]);
}

#define schema_test(test) cmocka_unit_test_teardown(test, process_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        schema_test(the_checker_tells_right_from_wrong),
        schema_test(schemas_and_tables_have_the_same_members),
        schema_test(schemas_are_explained_and_their_examples_fit),
        schema_test(what_the_program_prints_fits),
        schema_test(what_the_cases_take_and_refuse_the_schema_allows_and_refuses),
        schema_test(every_way_to_sign_in_has_an_example_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
