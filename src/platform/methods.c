// SPDX-License-Identifier: Apache-2.0
#include "platform/methods.h"

#include "component/describe.h"
#include "component/entries.h"
#include "component/model.h"
#include "component/verify.h"
#include "kafka/credentials.h"
#include "runtime/json.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the configuration --- */

/* What of a step's fields a list depends on. */
struct subject {
    char *topic;
};

static const struct kc_field subject_fields[] = {
    { .name = "topic", .type = KC_TEXT, KC_AT(subject, topic) },
    { 0 },
};

static struct kc_doc *copy_of(const struct kc_doc *doc)
{
    struct kc_doc *copy = kc_doc_new();
    kc_doc_overlay(copy, doc);
    return copy;
}

/* The platform adds keys of its own, so a name that nobody knows is no error here. */
static void warn_of_unknown(const struct kc_doc *doc)
{
    struct kc_credentials scratch = { 0 };
    struct kc_faults faults; /* whoever uses the credentials finds them again */
    struct kc_doc *rest = copy_of(doc);
    kc_faults_init(&faults);
    kc_doc_remove(rest, "_account");
    for (size_t i = 0; kc_entries[i]; i++) {
        for (const struct kc_field *f = kc_entries[i]->fields; f->name; f++) {
            if (!kc_field_find(kc_credentials_fields, kc_text(f->name)))
                kc_doc_remove(rest, f->name);
        }
    }
    (void)!kc_fields_read(kc_credentials_fields, &scratch, rest, KC_UNKNOWN_IS_WARNING,
                          &faults);
    kc_credentials_free(&scratch);
    kc_faults_deinit(&faults);
    kc_doc_free(rest);
}

/* A flow is not the operator: it names no file of this machine. Such a field is a fault, and
 * nobody gets to see it. */
static void refuse_files(struct kc_doc *credentials, struct kc_faults *faults)
{
    faults->at = "/credentials";
    for (const struct kc_field *f = kc_credentials_fields; f->name; f++) {
        char pointer[80];
        if (!f->operator_only || kc_doc_is_null(credentials, f->name))
            continue;
        snprintf(pointer, sizeof(pointer), "/%s", f->name);
        kc_faults_add(faults, pointer,
                      "names a file of the server: only its operator may set it");
        kc_doc_remove(credentials, f->name);
    }
    faults->at = NULL;
}

/* The credentials alone: the caller's. */
static struct kc_doc *credentials_of(const struct kc_doc *cfg, struct kc_faults *faults)
{
    struct kc_doc *all = copy_of(cfg);
    struct kc_doc *object = kc_doc_take_object(all, "credentials");
    if (object) {
        kc_doc_free(all);
        all = object;
    }
    warn_of_unknown(all);
    struct kc_doc *credentials = kc_fields_pick(kc_credentials_fields, all);
    refuse_files(credentials, faults);
    kc_doc_free(all);
    return credentials;
}

/* --- verifyCredentials --- */

/* A form has one line for it: what it means, what to do, and what was seen. */
static void print_verdict(const struct kc_verdict *verdict, struct kc_buf *out)
{
    enum kc_cause cause = kc_verdict_cause(verdict);
    struct kc_buf text;
    if (cause == KC_CAUSE_VERIFIED) {
        kc_buf_puts(out, "{\"verified\":true}");
        return;
    }
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_buf_printf(&text, "%s %s (%s: %s)", kc_cause_meaning(cause), kc_cause_remedy(cause),
                  kc_cause_code(cause), kc_verdict_reason(verdict));
    char *reason = kc_buf_take(&text);
    kc_buf_puts(out, "{\"verified\":false,\"reason\":");
    kc_json_print_text(reason, out);
    kc_buf_puts(out, "}");
    free(reason);
}

void kc_method_verify(const struct kc_doc *cfg, struct kc_buf *out)
{
    const struct kc_verify_ask ask = { NULL, NULL };
    struct kc_faults faults;
    kc_faults_init(&faults);
    struct kc_doc *credentials = credentials_of(cfg, &faults);
    struct kc_verdict *verdict = kc_verify(credentials, &ask, &faults, KC_VERIFY_MS);
    print_verdict(verdict, out);
    kc_verdict_free(verdict);
    kc_doc_free(credentials);
    kc_faults_deinit(&faults);
}

/* --- getMetaModel, selectModel --- */

static const struct kc_entry *entry_of(const char *name, struct kc_error *err)
{
    const struct kc_entry *entry = kc_entry_find(name);
    if (!entry)
        kc_error_set(err, KC_NOT_FOUND, 0,
                     "Trigger or action \"%.80s\" is not found in component.json! There are "
                     "consume and produce",
                     name);
    return entry;
}

bool kc_method_metadata(const char *name, struct kc_buf *out, struct kc_error *err)
{
    const struct kc_entry *entry = entry_of(name, err);
    if (entry)
        kc_describe_metadata(entry, out);
    return entry != NULL;
}

static char *topic_of(const struct kc_doc *cfg, struct kc_faults *faults)
{
    struct subject s = { NULL };
    struct kc_doc *picked = kc_fields_pick(subject_fields, cfg);
    if (!kc_fields_read(subject_fields, &s, picked, KC_UNKNOWN_IS_WARNING, faults))
        s.topic = NULL;
    kc_doc_free(picked);
    return s.topic;
}

bool kc_method_model(const char *name, const char *model, const struct kc_doc *cfg,
                     struct kc_buf *out, struct kc_error *err)
{
    struct kc_faults faults;
    if (!entry_of(name, err))
        return false;
    kc_faults_init(&faults);
    struct kc_doc *credentials = credentials_of(cfg, &faults);
    char *topic = topic_of(cfg, &faults);
    bool ok = kc_faults_none(&faults, KC_CONFIG, err) &&
              kc_model(model, credentials, topic, KC_VERIFY_MS, out, &faults, err);
    if (!ok && faults.count > 0)
        (void)kc_faults_none(&faults, KC_CONFIG, err);
    else if (!ok && err->code == KC_NOT_FOUND)
        kc_error_wrap(err, "Method \"%.80s\" is not found in \"%s\" action or trigger", model,
                      name);
    free(topic);
    kc_doc_free(credentials);
    kc_faults_deinit(&faults);
    return ok;
}
