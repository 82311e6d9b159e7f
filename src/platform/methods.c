// SPDX-License-Identifier: Apache-2.0
#include "platform/methods.h"

#include "component/describe.h"
#include "component/entries.h"
#include "component/model.h"
#include "component/verify.h"
#include "kafka/credentials.h"
#include "platform/step_settings.h"
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
    struct kc_doc *credentials = kc_step_credentials(cfg, &faults);
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
    struct kc_doc *credentials = kc_step_credentials(cfg, &faults);
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
