// SPDX-License-Identifier: Apache-2.0
/* openapi.c - fills the template in. It is read as JSON and printed again, member by member:
 *
 *   "@version"            becomes the version
 *   "fields": "produce"   of an operation adds that step's fields to its query parameters
 *   "problems": […]       of an operation adds these, and those of every operation, to its
 *                         responses
 *   "@fields": "ask"      among properties becomes a property per field of that table
 *   components            get the schemas of fields and messages, and an example per problem
 *                         that an operation names */
#include "transport/http/openapi.h"

#include "base/alloc.h"
#include "component/describe.h"
#include "component/entries.h"
#include "component/poll.h"
#include "component/shapes.h"
#include "component/verdict.h"
#include "kafka/credentials.h"
#include "runtime/json.h"
#include "transport/webhook/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler is run in the root of the project, and so the assembler finds the file. */
__asm__(".pushsection .rodata\n"
        ".global kc_openapi_template\n.hidden kc_openapi_template\nkc_openapi_template:\n"
        ".incbin \"src/transport/http/openapi.template.json\"\n"
        ".global kc_openapi_template_end\n.hidden kc_openapi_template_end\n"
        "kc_openapi_template_end:\n"
        ".popsection\n");
extern const char kc_openapi_template[], kc_openapi_template_end[];

/* What the door, the reader of bodies and the server itself may say to any request. */
static const enum kc_code door[] = { KC_BAD_REQUEST, KC_FOREIGN,  KC_INPUT_TOO_LARGE,
                                     KC_MEDIA_TYPE,  KC_TOO_MANY, KC_BUSY,
                                     KC_STOPPED,     KC_INTERNAL };
static const enum kc_code of_token[] = { KC_UNAUTHORIZED };
static const enum kc_code of_body[] = { KC_CONFIG, KC_INPUT, KC_FORBIDDEN };

#define CODES (KC_INTERNAL + 1) /* the last of them */

/* --- small things --- */

static void put_comma(struct kc_buf *out)
{
    if (out->len > 0 && !strchr("{[,:", out->data[out->len - 1]))
        kc_buf_puts(out, ",");
}

static void put_key(struct kc_buf *out, const char *key)
{
    put_comma(out);
    kc_json_print_text(key, out);
    kc_buf_puts(out, ":");
}

static void put_text(struct kc_buf *out, const char *key, const char *text)
{
    put_key(out, key);
    kc_json_print_text(text, out);
}

static enum kc_code code_of(struct kc_text name)
{
    for (int i = 1; i < CODES; i++) {
        if (kc_text_is(name, kc_code_name((enum kc_code)i)))
            return (enum kc_code)i;
    }
    abort(); /* the template names a problem that is not in the list of errors */
}

/* --- problems --- */

struct problems {
    bool has[CODES];
};

static void add_problems(struct problems *p, const enum kc_code *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p->has[codes[i]] = true;
}

static struct problems problems_of(const struct kc_value *operation)
{
    struct problems p = { { false } };
    const struct kc_value *named = kc_value_get(operation, "problems");
    const struct kc_value *v = named ? kc_value_first(named) : NULL;
    for (size_t i = named ? kc_value_count(named) : 0; i > 0; i--, v = kc_value_next(v))
        p.has[code_of(kc_value_text(v))] = true;
    add_problems(&p, door, sizeof(door) / sizeof(door[0]));
    if (!kc_value_get(operation, "security"))
        add_problems(&p, of_token, sizeof(of_token) / sizeof(of_token[0]));
    if (kc_value_get(operation, "requestBody"))
        add_problems(&p, of_body, sizeof(of_body) / sizeof(of_body[0]));
    return p;
}

/* Those of all operations. Other codes are said only of what somebody else answered, or of a
 * method for which there is no operation. */
static struct problems problems_of_all(const struct kc_value *root)
{
    struct problems all = { { false } };
    const struct kc_value *paths = kc_value_get(root, "paths");
    const struct kc_value *path = kc_value_first(paths);
    for (size_t i = kc_value_count(paths); i > 0; i--) {
        const struct kc_value *methods = kc_value_of(path);
        const struct kc_value *method = kc_value_first(methods);
        for (size_t k = kc_value_count(methods); k > 0; k--) {
            struct problems p = problems_of(kc_value_of(method));
            for (int code = 0; code < CODES; code++)
                all.has[code] |= p.has[code];
            method = kc_value_next(kc_value_of(method));
        }
        path = kc_value_next(methods);
    }
    return all;
}

static bool has_status(const struct problems *p, int status)
{
    for (int i = 1; i < CODES; i++) {
        if (p->has[i] && kc_code_http((enum kc_code)i) == status)
            return true;
    }
    return false;
}

static void put_sentences(struct kc_buf *out, const struct problems *p, int status)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    for (int i = 1; i < CODES; i++) {
        enum kc_code code = (enum kc_code)i;
        if (p->has[i] && kc_code_http(code) == status)
            kc_buf_printf(&text, "%s`%s`: %s", text.len ? "; " : "", kc_code_name(code),
                          kc_code_sentence(code));
    }
    char *s = kc_buf_take(&text);
    put_text(out, "description", s);
    free(s);
}

static void put_examples(struct kc_buf *out, const struct problems *p, int status)
{
    put_key(out, "examples");
    kc_buf_puts(out, "{");
    for (int i = 1; i < CODES; i++) {
        const char *name = kc_code_name((enum kc_code)i);
        if (!p->has[i] || kc_code_http((enum kc_code)i) != status)
            continue;
        put_key(out, name);
        kc_buf_printf(out, "{\"$ref\":\"#/components/examples/%s\"}", name);
    }
    kc_buf_puts(out, "}");
}

static void put_headers(struct kc_buf *out, int status)
{
    if (status == 429 || status == 503)
        kc_buf_puts(out, ",\"headers\":{\"Retry-After\":{\"$ref\":"
                         "\"#/components/headers/RetryAfter\"}}");
    if (status == 401)
        kc_buf_puts(out, ",\"headers\":{\"WWW-Authenticate\":{\"$ref\":"
                         "\"#/components/headers/Challenge\"}}");
}

static void put_problem(struct kc_buf *out, const struct problems *p, int status)
{
    char key[12];
    snprintf(key, sizeof(key), "%d", status);
    put_key(out, key);
    kc_buf_puts(out, "{");
    put_sentences(out, p, status);
    put_headers(out, status);
    kc_buf_puts(out, ",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                     "\"#/components/schemas/Problem\"}");
    put_examples(out, p, status);
    kc_buf_puts(out, "}}}");
}

/* What is refused while it is read, by libmicrohttpd. */
static void put_unreadable(struct kc_buf *out)
{
    static const char content[] =
        ",\"content\":{\"text/html\":{\"schema\":{\"type\":\"string\"}}}}";
    kc_buf_printf(out, ",\"414\":{\"description\":\"The address is too long\"%s", content);
    kc_buf_printf(out, ",\"431\":{\"description\":\"The headers are too long\"%s", content);
}

static void put_problems(struct kc_buf *out, const struct kc_value *operation)
{
    const struct kc_value *responses = kc_value_get(operation, "responses");
    struct problems p = problems_of(operation);
    char key[12];
    for (int status = 400; status < 600; status++) {
        snprintf(key, sizeof(key), "%d", status);
        if (has_status(&p, status) && !kc_value_get(responses, key))
            put_problem(out, &p, status);
    }
    put_unreadable(out);
}

static void put_problem_examples(struct kc_buf *out, const struct kc_value *root)
{
    struct problems p = problems_of_all(root);
    put_key(out, "examples");
    kc_buf_puts(out, "{");
    for (int i = 1; i < CODES; i++) {
        enum kc_code code = (enum kc_code)i;
        const char *name = kc_code_name(code), *sentence = kc_code_sentence(code);
        if (!p.has[i])
            continue;
        put_key(out, name);
        kc_buf_puts(out, "{");
        put_text(out, "summary", sentence);
        kc_buf_printf(out, ",\"value\":{\"type\":\"urn:kafka-component:problem:%s\"", name);
        put_text(out, "title", sentence);
        kc_buf_printf(out, ",\"status\":%d", kc_code_http(code));
        put_text(out, "detail", sentence);
        put_text(out, "code", name);
        put_text(out, "name", kc_class_name(kc_code_class(code)));
        kc_buf_printf(out, ",\"retriable\":%s}}", kc_code_retriable(code) ? "true" : "false");
    }
    kc_buf_puts(out, "}");
}

/* --- schemas --- */

static void put_fields(struct kc_buf *out, const char *name, const char *title,
                       const struct kc_field *fields)
{
    struct kc_json_writer *w = kc_json_writer_new();
    put_key(out, name);
    kc_json_begin(w);
    kc_describe_fields(w, title, fields, true);
    if (!kc_json_finish(w, out))
        abort(); /* our own texts are UTF-8 */
    kc_json_writer_free(w);
}

/* Of a request that has other properties beside them: what a poll asks, or a subscription. */
static void put_properties(struct kc_buf *out, struct kc_text name)
{
    bool is_ask = kc_text_is(name, "ask");
    struct kc_json_writer *w = kc_json_writer_new();
    struct kc_buf object;
    kc_buf_init(&object, KC_BUF_UNBOUNDED);
    if (!is_ask && !kc_text_is(name, "subscription"))
        abort(); /* the template names a table that is not here */
    kc_json_begin(w);
    kc_describe_properties(w, is_ask ? kc_poll_ask_fields : kc_spec_fields, true);
    if (!kc_json_finish(w, &object))
        abort(); /* our own texts are UTF-8 */
    put_comma(out);
    kc_buf_append(out, object.data + 1, object.len - 2); /* without its braces */
    kc_buf_deinit(&object);
    kc_json_writer_free(w);
}

/* Its own root becomes a part of ours: references into it get the way to it in front, and what
 * makes it a document of its own goes. */
static void put_shape(struct kc_buf *out, const char *name, const char *shape_name)
{
    static const char own[] = "\"#/$defs/";
    struct kc_text shape = kc_shape(shape_name);
    const char *p = shape.p, *end = shape.p + shape.len;
    put_key(out, name);
    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        line_end = line_end ? line_end + 1 : end;
        bool is_root_only =
            strncmp(p, "  \"$schema\"", 11) == 0 || strncmp(p, "  \"$id\"", 7) == 0;
        while (!is_root_only && p < line_end) {
            if (strncmp(p, own, sizeof(own) - 1) == 0) {
                kc_buf_printf(out, "\"#/components/schemas/%s/$defs/", name);
                p += sizeof(own) - 1;
            } else {
                kc_buf_append(out, p++, 1);
            }
        }
        p = line_end;
    }
}

static void put_names(struct kc_buf *out, const char *key, const char *help,
                      const char *(*name_of)(int i), int count)
{
    put_key(out, key);
    kc_buf_puts(out, "{\"type\":\"string\"");
    put_text(out, "description", help);
    put_key(out, "enum");
    kc_buf_puts(out, "[");
    for (int i = 1; i < count; i++) {
        put_comma(out);
        kc_json_print_text(name_of(i), out);
    }
    kc_buf_puts(out, "]}");
}

static const char *nth_code(int i)
{
    return kc_code_name((enum kc_code)i);
}

static const char *nth_cause(int i)
{
    return kc_cause_code((enum kc_cause)i);
}

static const char *nth_class(int i)
{
    return kc_class_name((enum kc_class)i);
}

static void put_schemas(struct kc_buf *out)
{
    put_fields(out, "Credentials", "How to reach Kafka", kc_credentials_fields);
    put_fields(out, "ProduceFields", kc_produce.title, kc_produce.fields);
    put_fields(out, "ConsumeFields", kc_consume.title, kc_consume.fields);
    put_fields(out, "PollFields", "What is read by polling", kc_poll_fields);
    put_shape(out, "ProduceIn", "produce.in");
    put_shape(out, "ProduceOut", "produce.out");
    put_shape(out, "ConsumeOut", "consume.out");
    put_names(out, "ErrorCode", "What went wrong; stable", nth_code, CODES);
    put_names(out, "VerifyCode", "Why credentials do not work; stable", nth_cause,
              KC_CAUSE_COUNT);
    put_names(out, "ErrorClass", "Who has to act", nth_class, KC_CLASS_INTERNAL + 1);
}

/* --- parameters --- */

static void put_query(struct kc_buf *out, const char *schema, const struct kc_field *fields)
{
    for (const struct kc_field *f = fields; f->name; f++) {
        if (f->operator_only)
            continue;
        put_comma(out);
        kc_buf_puts(out, "{\"in\":\"query\"");
        put_text(out, "name", f->name);
        put_text(out, "description", f->help);
        kc_buf_printf(out, ",\"schema\":{\"$ref\":\"#/components/schemas/%s/properties/%s\"}}",
                      schema, f->name);
    }
}

static void put_fields_of(struct kc_buf *out, const struct kc_value *operation)
{
    const struct kc_value *fields = kc_value_get(operation, "fields");
    struct kc_text name = fields ? kc_value_text(fields) : KC_NO_TEXT;
    if (kc_text_is(name, "produce"))
        put_query(out, "ProduceFields", kc_produce.fields);
    if (kc_text_is(name, "consume"))
        put_query(out, "ConsumeFields", kc_consume.fields);
    if (kc_text_is(name, "poll"))
        put_query(out, "PollFields", kc_poll_fields);
}

/* --- the template --- */

static void put_value(struct kc_buf *out, const struct kc_value *v, const struct kc_value *in,
                      const char *key);

static void put_members(struct kc_buf *out, const struct kc_value *object)
{
    const struct kc_value *key = kc_value_first(object);
    bool is_operation = kc_value_get(object, "operationId") != NULL;
    for (size_t i = kc_value_count(object); i > 0; i--) {
        const char *name = kc_value_text(key).p;
        const struct kc_value *v = kc_value_of(key);
        key = kc_value_next(v);
        if (is_operation && (strcmp(name, "fields") == 0 || strcmp(name, "problems") == 0))
            continue;
        if (strcmp(name, "@fields") == 0) {
            put_properties(out, kc_value_text(v));
            continue;
        }
        put_key(out, name);
        put_value(out, v, object, name);
    }
    if (is_operation && kc_value_get(object, "fields") && !kc_value_get(object, "parameters")) {
        put_key(out, "parameters");
        kc_buf_puts(out, "[");
        put_fields_of(out, object);
        kc_buf_puts(out, "]");
    }
}

static void put_elements(struct kc_buf *out, const struct kc_value *array)
{
    const struct kc_value *v = kc_value_first(array);
    for (size_t i = kc_value_count(array); i > 0; i--, v = kc_value_next(v)) {
        put_comma(out);
        put_value(out, v, array, "");
    }
}

/* `in` is the object that holds it under that key. */
static void put_value(struct kc_buf *out, const struct kc_value *v, const struct kc_value *in,
                      const char *key)
{
    bool is_of_operation = kc_value_get(in, "operationId") != NULL;
    switch (kc_value_type(v)) {
    case KC_IS_OBJECT:
        kc_buf_puts(out, "{");
        put_members(out, v);
        if (is_of_operation && strcmp(key, "responses") == 0)
            put_problems(out, in);
        if (strcmp(key, "components") == 0)
            put_problem_examples(out, in);
        if (strcmp(key, "schemas") == 0)
            put_schemas(out);
        kc_buf_puts(out, "}");
        break;
    case KC_IS_ARRAY:
        kc_buf_puts(out, "[");
        put_elements(out, v);
        if (is_of_operation && strcmp(key, "parameters") == 0)
            put_fields_of(out, in);
        kc_buf_puts(out, "]");
        break;
    default:
        if (kc_text_is(kc_value_text(v), "@version"))
            kc_json_print_text(KC_VERSION, out);
        else
            kc_value_print(v, out);
    }
}

/* --- layout --- */

static void new_line(struct kc_buf *out, int depth)
{
    kc_buf_printf(out, "\n%*s", depth * 2, "");
}

/* Lays valid JSON out, two blanks a level. */
static void lay_out(struct kc_text json, struct kc_buf *out)
{
    int depth = 0;
    bool is_text = false;
    for (const char *p = json.p, *end = json.p + json.len; p < end; p++) {
        bool is_empty = p + 1 < end && (p[1] == '}' || p[1] == ']');
        if (is_text) {
            kc_buf_append(out, p, 1);
            if (*p == '\\')
                kc_buf_append(out, ++p, 1);
            else if (*p == '"')
                is_text = false;
        } else if (*p == '"') {
            is_text = true;
            kc_buf_append(out, p, 1);
        } else if ((*p == '{' || *p == '[') && is_empty) {
            kc_buf_append(out, p++, 2);
        } else if (*p == '{' || *p == '[') {
            kc_buf_append(out, p, 1);
            new_line(out, ++depth);
        } else if (*p == '}' || *p == ']') {
            new_line(out, --depth);
            kc_buf_append(out, p, 1);
        } else if (*p == ',') {
            kc_buf_append(out, p, 1);
            new_line(out, depth);
        } else if (*p == ':') {
            kc_buf_puts(out, ": ");
        } else if (!strchr(" \t\r\n", *p)) {
            kc_buf_append(out, p, 1);
        }
    }
    kc_buf_puts(out, "\n");
}

void kc_openapi_print(struct kc_buf *out)
{
    static const char padding[KC_JSON_PADDING] = { 0 };
    struct kc_error err = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_buf text, compact;
    size_t len = (size_t)(kc_openapi_template_end - kc_openapi_template);
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_init(&compact, KC_BUF_UNBOUNDED);
    kc_buf_append(&text, kc_openapi_template, len);
    kc_buf_append(&text, padding, sizeof(padding));
    const struct kc_value *root = kc_json_read(reader, text.data, len, &err);
    if (!root)
        abort(); /* the template is a part of the program */
    put_value(&compact, root, root, "");
    lay_out(kc_buf_peek(&compact), out);
    kc_buf_deinit(&compact);
    kc_buf_deinit(&text);
    kc_json_reader_free(reader);
}
