// SPDX-License-Identifier: Apache-2.0
/* request.c */
#include "transport/http/request.h"

#include "base/alloc.h"
#include "base/pointer.h"
#include "kafka/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_SIZE 256
#define NAMES_MAX    80 /* members or parameters of one request that have a meaning */

static const char BOM[] = "\xef\xbb\xbf";

/* --- faults --- */

static void fault_at(struct kc_request *r, struct kc_text name, const char *text)
{
    char pointer[POINTER_SIZE];
    kc_faults_add(&r->faults, kc_pointer_part(name, pointer, sizeof(pointer)), "%s", text);
}

static void fault_parameter(struct kc_request *r, const char *name, const char *text)
{
    kc_faults_add(&r->faults, "", "query parameter '%.64s': %s", name, text);
}

/* The names of fields and members that may be meant. */
static void collect(const struct kc_field *fields, const char *const *members,
                    const char *const *more, const char *names[NAMES_MAX + 1])
{
    size_t count = 0;
    for (; fields && fields->name && count < NAMES_MAX; fields++)
        names[count++] = fields->name;
    for (; members && *members && count < NAMES_MAX; members++)
        names[count++] = *members;
    for (; more && *more && count < NAMES_MAX; more++)
        names[count++] = *more;
    names[count] = NULL;
}

static bool is_one_of(struct kc_text name, const char *const *names)
{
    for (; names && *names; names++) {
        if (kc_text_is(name, *names))
            return true;
    }
    return false;
}

/* --- the body --- */

bool kc_request_parse(struct kc_request *r, struct kc_json_reader *reader)
{
    struct kc_error err = { 0 };
    size_t skip = r->text_len >= 3 && memcmp(r->text, BOM, 3) == 0 ? 3 : 0;
    if (r->text_len == 0)
        return true;
    r->root = kc_json_read(reader, r->text + skip, r->text_len - skip, &err);
    if (!r->root) {
        r->code = err.code == KC_INPUT ? KC_BAD_REQUEST : err.code;
        kc_faults_add(&r->faults, "", "%s", err.text);
        return false;
    }
    if (kc_value_type(r->root) != KC_IS_OBJECT) {
        r->code = KC_INPUT;
        kc_faults_add(&r->faults, "", "must be a JSON object, this is %s",
                      kc_value_type_name(r->root));
        return false;
    }
    return true;
}

bool kc_request_read_body(struct kc_request *r, struct kc_exchange *x)
{
    r->text = kc_exchange_take_body(x, &r->text_len);
    r->reader = kc_json_reader_new();
    return kc_request_parse(r, r->reader);
}

static void check_members(struct kc_request *r, const char *const *members)
{
    static const char *const always[] = { "config", "credentials", NULL };
    const char *names[NAMES_MAX + 1];
    char text[POINTER_SIZE];
    if (!r->root || !members)
        return;
    collect(NULL, members, always, names);
    const struct kc_value *key = kc_value_first(r->root);
    for (size_t i = kc_value_count(r->root); i > 0; i--) {
        struct kc_text name = kc_value_text(key);
        if (!is_one_of(name, names)) {
            const char *nearest = kc_text_nearest(name, names);
            snprintf(text, sizeof(text), nearest ? "unknown; did you mean '%s'?" : "unknown%s",
                     nearest ? nearest : "");
            fault_at(r, name, text);
        }
        key = kc_value_next(kc_value_of(key));
    }
}

/* --- settings --- */

/* The object under that name as a document: the caller's. NULL where it is absent or wrong. */
static struct kc_doc *doc_of(struct kc_request *r, const char *name)
{
    const struct kc_value *v = kc_value_get(r->root, name);
    struct kc_doc *doc = NULL;
    struct kc_error err = { 0 };
    struct kc_buf text;
    if (!v || kc_value_type(v) == KC_IS_NULL)
        return NULL;
    if (kc_value_type(v) != KC_IS_OBJECT) {
        fault_at(r, kc_text(name), "must be an object");
        return NULL;
    }
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_value_print(v, &text);
    doc = kc_doc_parse(kc_buf_peek(&text), &err);
    explicit_bzero(text.data, text.len);
    kc_buf_deinit(&text);
    if (!doc)
        fault_at(r, kc_text(name), err.text);
    return doc;
}

static void refuse_operators(struct kc_request *r, const struct kc_field *fields,
                             const struct kc_doc *doc)
{
    for (; fields->name; fields++) {
        if (fields->operator_only && kc_doc_has(doc, fields->name))
            fault_at(r, kc_text(fields->name),
                     "names a file of the server: only its operator may set it");
    }
}

static void add_config(struct kc_request *r, const struct kc_field *fields)
{
    const struct kc_field *const tables[] = { fields, NULL };
    struct kc_doc *config = doc_of(r, "config");
    if (!config)
        return;
    r->faults.at = "/config";
    (void)!kc_fields_check(tables, config, &r->faults);
    kc_doc_overlay(r->config, config);
    kc_doc_overlay(r->given, config);
    refuse_operators(r, fields, config);
    r->faults.at = NULL;
    kc_doc_free(config);
}

static void check_credentials(struct kc_request *r)
{
    struct kc_credentials scratch = { 0 };
    r->faults.at = "/credentials";
    refuse_operators(r, kc_credentials_fields, r->credentials);
    bool is_right =
        kc_credentials_read(&scratch, r->credentials, KC_UNKNOWN_IS_ERROR, &r->faults);
    if (is_right && scratch.mechanism == KC_GSSAPI) {
        fault_at(r, KC_LIT("mechanism"), KC_NO_FOREIGN_TICKETS);
        is_right = false;
    }
    r->faults.at = NULL;
    if (!is_right)
        r->code = KC_CONFIG;
    kc_credentials_free(&scratch);
}

static void add_credentials(struct kc_request *r, const struct kc_service *s)
{
    const struct kc_value *v = kc_value_get(r->root, "credentials");
    if (!v || kc_value_type(v) == KC_IS_NULL)
        return;
    if (s->env->http->no_request_credentials) {
        r->code = KC_FORBIDDEN;
        fault_at(r, KC_LIT("credentials"),
                 "this server takes no credentials from requests: leave them out");
        return;
    }
    r->credentials = doc_of(r, "credentials");
    if (r->credentials)
        check_credentials(r);
}

/* A field's value in the query is checked like one in the body, and told of by its name. */
static void add_field(struct kc_request *r, const struct kc_field *fields, const char *name,
                      const char *value)
{
    const struct kc_field *const tables[] = { fields, NULL };
    struct kc_doc *one = kc_doc_new();
    struct kc_faults faults;
    kc_faults_init(&faults);
    kc_doc_put(one, name, value);
    if (kc_fields_check(tables, one, &faults)) {
        kc_doc_overlay(r->config, one);
        kc_doc_overlay(r->given, one);
    }
    for (size_t i = 0; i < faults.count; i++)
        fault_parameter(r, name, faults.list[i].text);
    if (kc_field_find(fields, kc_text(name))->operator_only)
        fault_parameter(r, name, "only the server's operator may set it");
    kc_faults_deinit(&faults);
    kc_doc_free(one);
}

static void add_parameter(struct kc_request *r, const struct kc_field *fields,
                          const char *const *members, const char *name, const char *value)
{
    const char *names[NAMES_MAX + 1];
    char text[POINTER_SIZE];
    if (kc_field_find(fields, kc_text(name))) {
        add_field(r, fields, name, value);
    } else if (kc_field_find(kc_credentials_fields, kc_text(name))) {
        fault_parameter(r, name,
                        "a credential never stands in an address: send it in the body");
    } else if (!is_one_of(kc_text(name), members)) {
        collect(fields, members, NULL, names);
        const char *nearest = kc_text_nearest(kc_text(name), names);
        snprintf(text, sizeof(text), nearest ? "unknown; did you mean '%s'?" : "unknown%s",
                 nearest ? nearest : "");
        fault_parameter(r, name, text);
    }
}

bool kc_request_read_settings(struct kc_request *r, const struct kc_service *s,
                              const struct kc_exchange *x, const struct kc_field *fields,
                              const char *const *members)
{
    const char *name, *value;
    r->code = KC_CONFIG;
    r->config = kc_start_config(s, fields);
    r->given = kc_doc_new();
    check_members(r, members);
    if (r->root) {
        add_config(r, fields);
        add_credentials(r, s);
    }
    for (size_t i = 0; kc_exchange_query(x, i, &name, &value); i++)
        add_parameter(r, fields, members, name, value);
    return r->faults.count == 0;
}

bool kc_request_read(struct kc_request *r, const struct kc_service *s, struct kc_exchange *x,
                     const struct kc_field *fields, const char *const *members)
{
    return kc_request_read_body(r, x) && kc_request_read_settings(r, s, x, fields, members);
}

void kc_request_deinit(struct kc_request *r)
{
    if (r->text)
        explicit_bzero(r->text, r->text_len); /* it may hold a password */
    free(r->text);
    kc_json_reader_free(r->reader);
    kc_doc_free(r->config);
    kc_doc_free(r->given);
    kc_doc_free(r->credentials);
    kc_faults_deinit(&r->faults);
    *r = (struct kc_request){ 0 };
}

/* --- what a route asks for --- */

const struct kc_doc *kc_request_credentials(const struct kc_request *r,
                                            const struct kc_service *s)
{
    return r->credentials ? r->credentials : s->env->step.credentials;
}

/* The value of an option in the query, which wins, or NULL. */
static const char *find_parameter(const struct kc_exchange *x, const char *wanted)
{
    const char *name, *value, *found = NULL;
    for (size_t i = 0; kc_exchange_query(x, i, &name, &value); i++) {
        if (strcmp(name, wanted) == 0)
            found = value;
    }
    return found;
}

int64_t kc_request_int(struct kc_request *r, struct kc_exchange *x, const char *name,
                       int64_t min, int64_t max, int64_t fallback)
{
    const char *parameter = find_parameter(x, name);
    const struct kc_value *member = kc_value_get(r->root, name);
    char text[POINTER_SIZE];
    int64_t n = fallback;
    snprintf(text, sizeof(text), "must be a whole number from %lld to %lld", (long long)min,
             (long long)max);
    if (parameter) {
        if (!kc_text_int(kc_text(parameter), min, max, &n))
            fault_parameter(r, name, text);
    } else if (member && kc_value_type(member) != KC_IS_NULL) {
        if (!kc_value_int(member, true, min, max, &n))
            fault_at(r, kc_text(name), text);
    }
    return n;
}

struct kc_text kc_request_text(struct kc_request *r, struct kc_exchange *x, const char *name)
{
    const char *parameter = find_parameter(x, name);
    const struct kc_value *member = kc_value_get(r->root, name);
    if (parameter)
        return kc_text(parameter);
    if (!member || kc_value_type(member) == KC_IS_NULL)
        return KC_NO_TEXT;
    if (kc_value_type(member) != KC_IS_STRING) {
        fault_at(r, kc_text(name), "must be a text");
        return KC_NO_TEXT;
    }
    return kc_value_text(member);
}

static bool is_told(const struct kc_faults *faults, const char *pointer)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (strcmp(faults->list[i].pointer, pointer) == 0)
            return true;
    }
    return false;
}

void kc_request_add_faults(struct kc_request *r, const struct kc_faults *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct kc_fault *f = &found->list[i];
        if (!is_told(&r->faults, f->pointer))
            kc_faults_add(&r->faults, f->pointer, "%s", f->text);
    }
}

void kc_request_refuse(struct kc_request *r, struct kc_exchange *x)
{
    kc_exchange_refuse(x, r->code ? r->code : KC_CONFIG, &r->faults);
}

struct kc_doc *kc_start_config(const struct kc_service *s, const struct kc_field *fields)
{
    return kc_fields_pick(fields, s->env->step.config);
}
