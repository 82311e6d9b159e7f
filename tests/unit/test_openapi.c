// SPDX-License-Identifier: Apache-2.0
/* What GET /openapi.json says of the routes, and whether it says it of all of them. */
#include "transport/http/openapi.h"

#include "transport/http/route.h"
#include "unit/unit.h"

#include <jansson.h>
#include <strings.h>

static const char *const methods[] = { "get", "put", "post", "delete", "patch", NULL };

static int setup(void **state)
{
    struct kc_buf out;
    json_error_t why;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_openapi_print(&out);
    json_t *root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        fail_msg("line %d: %s", why.line, why.text);
    kc_buf_deinit(&out);
    *state = root;
    return 0;
}

static int teardown(void **state)
{
    json_decref(*state);
    return 0;
}

/* Calls fn for each operation. */
static void each_operation(json_t *root, void (*fn)(json_t *root, const char *path,
                                                    const char *method, json_t *operation))
{
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(root, "paths"), path, item)
    {
        for (size_t i = 0; methods[i]; i++) {
            if (json_object_get(item, methods[i]))
                fn(root, path, methods[i], json_object_get(item, methods[i]));
        }
    }
}

static void every_route_is_in_the_document(void **state)
{
    json_t *paths = json_object_get(*state, "paths");
    for (const struct kc_route *r = kc_routes; r->method; r++) {
        char method[16] = "";
        for (size_t i = 0; r->method[i] && i < sizeof(method) - 1; i++)
            method[i] = (char)(r->method[i] + 'a' - 'A');
        if (!json_object_get(json_object_get(paths, r->path), method))
            fail_msg("openapi.template.json lacks %s %s", r->method, r->path);
    }
}

static void is_a_route(json_t *root, const char *path, const char *method, json_t *operation)
{
    (void)root;
    (void)operation;
    for (const struct kc_route *r = kc_routes; r->method; r++) {
        if (strcmp(r->path, path) == 0 && strcasecmp(r->method, method) == 0)
            return;
    }
    fail_msg("there is no route %s %s", method, path);
}

static void every_operation_is_a_route(void **state)
{
    each_operation(*state, is_a_route);
}

static const struct kc_route *route_of(const char *path, const char *method)
{
    for (const struct kc_route *r = kc_routes; r->method; r++) {
        if (strcmp(r->path, path) == 0 && strcasecmp(r->method, method) == 0)
            return r;
    }
    return NULL;
}

static void says_what_it_takes(json_t *root, const char *path, const char *method,
                               json_t *operation)
{
    (void)root;
    const struct kc_route *r = route_of(path, method);
    json_t *responses = json_object_get(operation, "responses");
    if (!json_object_get(operation, "requestBody") != !r->has_body)
        fail_msg("%s %s: the route %s a body", method, path, r->has_body ? "takes" : "has no");
    if (!json_object_get(responses, "401") != r->is_public)
        fail_msg("%s %s: the route %s", method, path, r->is_public ? "is public" : "is not");
    if (r->upload &&
        !json_object_get(json_object_get(json_object_get(operation, "requestBody"), "content"),
                         r->upload->media_type))
        fail_msg("%s %s: takes %s too", method, path, r->upload->media_type);
}

static void bodies_and_tokens_are_as_the_routes_have_them(void **state)
{
    each_operation(*state, says_what_it_takes);
}

/* What is refused before a route hears of it can happen to any. */
static void has_common_problems(json_t *root, const char *path, const char *method,
                                json_t *operation)
{
    static const char *const statuses[] = { "400", "403", "413", "414", "415",
                                            "429", "431", "500", "503" };
    (void)root;
    json_t *responses = json_object_get(operation, "responses");
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (!json_object_get(responses, statuses[i]))
            fail_msg("%s %s lacks %s", method, path, statuses[i]);
    }
    assert_true(json_is_string(json_object_get(operation, "operationId")));
    assert_true(json_is_string(json_object_get(operation, "summary")));
    assert_null(json_object_get(operation, "problems"));
    assert_null(json_object_get(operation, "fields"));
}

static void every_operation_says_what_can_go_wrong(void **state)
{
    each_operation(*state, has_common_problems);
}

/* Whether any operation names it among what it answers. */
static bool is_answered(json_t *root, const char *code)
{
    const char *path, *method, *status;
    json_t *item, *operation, *response;
    json_object_foreach(json_object_get(root, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            json_object_foreach(json_object_get(operation, "responses"), status, response)
            {
                json_t *problem = json_object_get(json_object_get(response, "content"),
                                                  "application/problem+json");
                if (json_object_get(json_object_get(problem, "examples"), code))
                    return true;
            }
        }
    }
    return false;
}

/* The others are said of a callback, or of a method that no operation has. */
static void every_error_code_is_there_and_has_an_example_where_it_is_answered(void **state)
{
    json_t *components = json_object_get(*state, "components");
    json_t *examples = json_object_get(components, "examples");
    json_t *codes = json_object_get(
        json_object_get(json_object_get(components, "schemas"), "ErrorCode"), "enum");
    size_t count = 0;
#define X(code, name, class, http, ...)                                                        \
    if (KC_##code != KC_NONE) {                                                                \
        json_t *value = json_object_get(json_object_get(examples, name), "value");             \
        if (!value != !is_answered(*state, name))                                              \
            fail_msg("%s is %s", name, value ? "never answered" : "answered without example"); \
        if (value)                                                                             \
            assert_int_equal(json_integer_value(json_object_get(value, "status")), http);      \
        assert_string_equal(json_string_value(json_array_get(codes, count)), name);            \
        count++;                                                                               \
    }
    KC_ERROR_CODES(X)
#undef X
    assert_int_equal(json_array_size(codes), count);
}

/* "#/a/b~1c/0" */
static json_t *resolve(json_t *root, const char *ref)
{
    char word[256];
    json_t *at = root;
    while (at && *ref == '/') {
        size_t n = 0;
        for (ref++; *ref && *ref != '/' && n < sizeof(word) - 1; ref++) {
            if (ref[0] == '~') {
                word[n++] = ref[1] == '1' ? '/' : '~';
                ref++;
            } else {
                word[n++] = *ref;
            }
        }
        word[n] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)atol(word))
                               : json_object_get(at, word);
    }
    return at;
}

static void resolve_all(json_t *root, json_t *v)
{
    const char *key;
    json_t *child;
    size_t i;
    json_array_foreach(v, i, child) resolve_all(root, child);
    json_object_foreach(v, key, child)
    {
        const char *ref = strcmp(key, "$ref") == 0 ? json_string_value(child) : NULL;
        if (ref && (ref[0] != '#' || !resolve(root, ref + 1)))
            fail_msg("leads nowhere: %s", ref);
        resolve_all(root, child);
    }
}

static void every_reference_leads_somewhere(void **state)
{
    resolve_all(*state, *state);
}

static void what_only_the_operator_may_set_is_in_no_request(void **state)
{
    json_t *properties = json_object_get(
        json_object_get(json_object_get(json_object_get(*state, "components"), "schemas"),
                        "Credentials"),
        "properties");
    assert_non_null(json_object_get(properties, "brokers"));
    assert_null(json_object_get(properties, "caCertificateFile"));
    assert_true(
        json_is_true(json_object_get(json_object_get(properties, "password"), "writeOnly")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_in_the_document),
        cmocka_unit_test(every_operation_is_a_route),
        cmocka_unit_test(bodies_and_tokens_are_as_the_routes_have_them),
        cmocka_unit_test(every_operation_says_what_can_go_wrong),
        cmocka_unit_test(every_error_code_is_there_and_has_an_example_where_it_is_answered),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(what_only_the_operator_may_set_is_in_no_request),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
