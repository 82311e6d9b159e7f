// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/spec.h"

#include "component/entries.h"
#include "kafka/credentials.h"
#include "net/digest.h"
#include "net/http.h"
#include "runtime/json.h"
#include "transport/webhook/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a push differs from a flow's trigger: larger messages, and no long wait for them. */
#define PUSH_DEFAULTS "{\"batchSize\":100,\"batchTimeoutMs\":100}"

#define STATE_VERSION "1"

static const struct kc_choice formats[] = {
    [KC_PUSH_MESSAGES] = { "messages", "Messages", NULL },
    [KC_PUSH_EVENTS] = { "cloudevents", "CloudEvents 1.0", NULL },
    { 0 },
};

#define SPEC_FIELDS                                                                            \
    { .name = "id",                                                                            \
      .type = KC_TEXT,                                                                         \
      KC_AT(kc_spec, id),                                                                      \
      .label = "Id",                                                                           \
      .help = "Its name in later calls; one is made up where none is given." },                \
        { .name = "callbackUrl",                                                               \
          .type = KC_TEXT,                                                                     \
          KC_AT(kc_spec, callback_url),                                                        \
          .required = true,                                                                    \
          .label = "Callback URL",                                                             \
          .help = "Where records are posted to, http or https." },                             \
        { .name = "secret",                                                                    \
          .type = KC_TEXT,                                                                     \
          KC_AT(kc_spec, secret),                                                              \
          .secret = true,                                                                      \
          .label = "Secret",                                                                   \
          .help =                                                                              \
              "Signs each request (Standard Webhooks); \"whsec_\" and base64, or any text." }, \
        { .name = "format",                                                                    \
          .type = KC_CHOICE,                                                                   \
          KC_AT(kc_spec, format),                                                              \
          .choices = formats,                                                                  \
          .fallback = "messages",                                                              \
          .label = "Format",                                                                   \
          .help =                                                                              \
              "What a request's body is: a list of records, or CloudEvents 1.0 in a batch." }, \
        { .name = "timeoutMs",                                                                 \
          .type = KC_INT,                                                                      \
          KC_AT(kc_spec, timeout_ms),                                                          \
          .min = 1000,                                                                         \
          .max = 120000,                                                                       \
          .fallback = "30000",                                                                 \
          .label = "Timeout (ms)",                                                             \
          .help = "How long a request may take until it counts as failed." }

const struct kc_field kc_spec_fields[] = { SPEC_FIELDS, { 0 } };

static const struct kc_field state_fields[] = {
    SPEC_FIELDS,
    { .name = "subscription", .type = KC_TEXT, KC_AT(kc_spec, mark), .required = true },
    { .name = "paused", .type = KC_BOOL, KC_AT(kc_spec, is_paused), .fallback = "false" },
    { .name = "reason", .type = KC_TEXT, KC_AT(kc_spec, reason) },
    { 0 },
};

const char *kc_spec_format_name(const struct kc_spec *spec)
{
    return formats[spec->format].name;
}

const char *kc_spec_media_type(const struct kc_spec *spec)
{
    return spec->format == KC_PUSH_EVENTS ? "application/cloudevents-batch+json"
                                          : "application/json";
}

/* --- reading --- */

/* Faults of an object that stands within another. */
static void add_below(struct kc_faults *faults, const char *name, const struct kc_faults *inner)
{
    char pointer[160];
    for (size_t i = 0; i < inner->count; i++) {
        snprintf(pointer, sizeof(pointer), "/%s%s", name, inner->list[i].pointer);
        kc_faults_add(faults, pointer, "%s", inner->list[i].text);
    }
}

static void check_config(const struct kc_spec *spec, struct kc_faults *faults)
{
    struct kc_faults inner;
    kc_faults_init(&inner);
    if (!kc_consume_check(spec->config, KC_UNKNOWN_IS_ERROR, &inner))
        add_below(faults, "config", &inner);
    kc_faults_deinit(&inner);
}

static void check_credentials(const struct kc_spec *spec, const struct kc_spec_rules *rules,
                              struct kc_faults *faults)
{
    struct kc_faults inner;
    struct kc_credentials read = { 0 };
    kc_faults_init(&inner);
    if (!kc_credentials_read(&read, spec->credentials, KC_UNKNOWN_IS_ERROR, &inner))
        add_below(faults, "credentials", &inner);
    if (read.mechanism == KC_GSSAPI && !rules->is_from_operator)
        kc_faults_add(faults, "/credentials/mechanism", KC_NO_FOREIGN_TICKETS);
    kc_credentials_free(&read);
    kc_faults_deinit(&inner);
    for (const struct kc_field *f = kc_credentials_fields; f->name; f++) {
        char pointer[160];
        snprintf(pointer, sizeof(pointer), "/credentials/%s", f->name);
        if (f->operator_only && !rules->is_from_operator &&
            kc_doc_has(spec->credentials, f->name))
            kc_faults_add(faults, pointer,
                          "names a file of the server: only its operator may set it");
    }
}

static void check_texts(const struct kc_spec *spec, const struct kc_spec_rules *rules,
                        struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    if (spec->id && !kc_store_name_is_valid(kc_text(spec->id)))
        kc_faults_add(
            faults, "/id",
            "must be 1 to %d letters, digits, '.', '_' or '-', and not begin with '.'",
            KC_STORE_NAME_MAX);
    if (spec->callback_url && !kc_http_check_url(spec->callback_url, rules->allow, &err))
        kc_faults_add(faults, "/callbackUrl", "%s", err.text);
    kc_error_clear(&err);
    if (spec->secret && !kc_webhook_secret_check(kc_text(spec->secret), &err))
        kc_faults_add(faults, "/secret", "%s", err.text);
}

/* Defaults of a push, then the start's settings, then the subscription's own, then a query's.
 */
static struct kc_doc *complete(struct kc_doc *own, const struct kc_spec_rules *rules)
{
    struct kc_error ignored = { 0 };
    struct kc_doc *doc = kc_doc_parse(KC_LIT(PUSH_DEFAULTS), &ignored);
    if (!doc)
        doc = kc_doc_new();
    if (rules->start_config)
        kc_doc_overlay(doc, rules->start_config);
    if (own)
        kc_doc_overlay(doc, own);
    if (rules->over_config)
        kc_doc_overlay(doc, rules->over_config);
    kc_doc_free(own);
    return doc;
}

/* Takes an object out of doc; what stands there and is none is a fault. */
static struct kc_doc *take_object(struct kc_doc *doc, const char *name,
                                  struct kc_faults *faults)
{
    char pointer[32];
    struct kc_doc *object = kc_doc_take_object(doc, name);
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!object && !kc_doc_is_null(doc, name))
        kc_faults_add(faults, pointer, "must be an object");
    kc_doc_remove(doc, name);
    return object;
}

/* Numbers are taken for texts where forms fill in settings; these are none. */
static void check_types(struct kc_spec *spec, const struct kc_doc *doc,
                        struct kc_faults *faults)
{
    char pointer[32];
    for (const struct kc_field *f = kc_spec_fields; f->name; f++) {
        if (f->type != KC_TEXT || kc_doc_is_null(doc, f->name) || kc_doc_is_text(doc, f->name))
            continue;
        char **text = (char **)(void *)((char *)spec + f->offset);
        if (!*text)
            continue; /* told already */
        snprintf(pointer, sizeof(pointer), "/%s", f->name);
        kc_faults_add(faults, pointer, "must be a text");
        free(*text);
        *text = NULL;
    }
}

bool kc_spec_read(struct kc_spec *spec, struct kc_doc *doc, const struct kc_spec_rules *rules,
                  struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    spec->config = complete(take_object(doc, "config", faults), rules);
    spec->credentials = take_object(doc, "credentials", faults);
    bool ok = kc_fields_read(kc_spec_fields, spec, doc, KC_UNKNOWN_IS_ERROR, faults);
    check_types(spec, doc, faults);
    check_texts(spec, rules, faults);
    check_config(spec, faults);
    if (spec->credentials)
        check_credentials(spec, rules, faults);
    return ok && faults->count + faults->dropped == before;
}

void kc_spec_deinit(struct kc_spec *spec)
{
    kc_fields_free(state_fields, spec);
    kc_doc_free(spec->config);
    kc_doc_free(spec->credentials);
    *spec = (struct kc_spec){ 0 };
}

/* --- as text --- */

static void put_doc(struct kc_json_writer *w, const char *name, const struct kc_doc *doc,
                    struct kc_buf *text)
{
    if (!doc)
        return;
    kc_doc_print(doc, text);
    kc_json_raw(w, kc_text(name), kc_buf_peek(text));
}

static void print(const struct kc_spec *spec, bool with_state, struct kc_buf *out)
{
    struct kc_json_writer *w = kc_json_writer_new();
    struct kc_buf config, credentials;
    kc_buf_init(&config, KC_BUF_UNBOUNDED);
    kc_buf_init(&credentials, KC_BUF_UNBOUNDED);
    kc_json_begin(w);
    if (with_state)
        kc_json_text(w, KC_LIT("subscription"), KC_LIT(STATE_VERSION));
    kc_json_text(w, KC_LIT("id"), kc_text(spec->id));
    kc_json_text(w, KC_LIT("callbackUrl"), kc_text(spec->callback_url));
    if (spec->secret)
        kc_json_text(w, KC_LIT("secret"), kc_text(spec->secret));
    kc_json_text(w, KC_LIT("format"), kc_text(kc_spec_format_name(spec)));
    kc_json_int(w, KC_LIT("timeoutMs"), spec->timeout_ms);
    put_doc(w, "config", spec->config, &config);
    put_doc(w, "credentials", spec->credentials, &credentials);
    if (with_state) {
        kc_json_bool(w, KC_LIT("paused"), spec->is_paused);
        if (spec->reason)
            kc_json_text(w, KC_LIT("reason"), kc_text(spec->reason));
    }
    if (!kc_json_finish(w, out))
        abort(); /* everything came out of JSON */
    kc_json_writer_free(w);
    kc_buf_deinit(&config);
    kc_buf_deinit(&credentials);
}

void kc_spec_print(const struct kc_spec *spec, struct kc_buf *out)
{
    print(spec, true, out);
}

bool kc_spec_parse(struct kc_spec *spec, struct kc_text text, struct kc_error *err)
{
    struct kc_faults faults;
    struct kc_doc *doc = kc_doc_parse(text, err);
    if (!doc)
        return false;
    kc_faults_init(&faults);
    spec->config = take_object(doc, "config", &faults);
    spec->credentials = take_object(doc, "credentials", &faults);
    bool ok = kc_fields_read(state_fields, spec, doc, KC_UNKNOWN_IS_ERROR, &faults);
    if (spec->mark && strcmp(spec->mark, STATE_VERSION) != 0)
        kc_faults_add(&faults, "/subscription", "another version of this component wrote it");
    if (!spec->config)
        kc_faults_add(&faults, "/config", "required");
    ok &= kc_faults_none(&faults, KC_CONFIG, err);
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    return ok;
}

bool kc_spec_is_same(const struct kc_spec *a, const struct kc_spec *b)
{
    struct kc_buf one, other;
    kc_buf_init(&one, KC_BUF_UNBOUNDED);
    kc_buf_init(&other, KC_BUF_UNBOUNDED);
    print(a, false, &one);
    print(b, false, &other);
    bool is_same = one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
    kc_buf_deinit(&one);
    kc_buf_deinit(&other);
    return is_same;
}
