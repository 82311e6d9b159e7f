// SPDX-License-Identifier: Apache-2.0
#include "platform/step_settings.h"

#include "component/entries.h"
#include "kafka/credentials.h"

#include <stdio.h>

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

struct kc_doc *kc_step_credentials(const struct kc_doc *cfg, struct kc_faults *faults)
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

struct kc_doc *kc_step_config(const struct kc_doc *cfg, const struct kc_entry *entry)
{
    return kc_fields_pick(entry->fields, cfg);
}
