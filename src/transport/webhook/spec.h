// SPDX-License-Identifier: Apache-2.0
/* spec.h - what a subscription was asked to be: read from a request, from the operator's file
 * or from the state folder, and written to the latter. */
#ifndef KC_TRANSPORT_WEBHOOK_SPEC_H
#define KC_TRANSPORT_WEBHOOK_SPEC_H

#include "base/buf.h"
#include "base/faults.h"
#include "conf/field.h"

enum kc_push_format {
    KC_PUSH_MESSAGES,
    KC_PUSH_EVENTS
};

/* Zeroed it is empty; everything is owned: kc_spec_deinit(). */
struct kc_spec {
    char *id; /* a kc_store name; NULL: to be given one */
    char *callback_url;
    char *secret; /* NULL: nothing is signed */
    int format;   /* enum kc_push_format */
    int timeout_ms;
    struct kc_doc *config;      /* complete */
    struct kc_doc *credentials; /* NULL: those of the start */

    /* Of the state only. */
    bool is_paused;
    char *reason;
    char *mark; /* says that a file is one of these */
};

/* The members beside `config` and `credentials`. */
extern const struct kc_field kc_spec_fields[];

struct kc_spec_rules {
    const struct kc_doc *start_config; /* what counts where config is silent; NULL: nothing */
    const struct kc_doc *over_config;  /* what counts before config; NULL: nothing */
    const char *const *allow;          /* callbacks */
    bool is_from_operator;             /* may name files */
};

/* Fills the zeroed spec from doc, out of which the objects are taken. All that is wrong is
 * added to faults, by pointers into doc; false when there is anything. */
bool kc_spec_read(struct kc_spec *spec, struct kc_doc *doc, const struct kc_spec_rules *rules,
                  struct kc_faults *faults) KC_MUST_CHECK;
void kc_spec_deinit(struct kc_spec *spec);

/* Appends it as kc_spec_parse() reads it. Secrets are in it. */
void kc_spec_print(const struct kc_spec *spec, struct kc_buf *out);
bool kc_spec_parse(struct kc_spec *spec, struct kc_text text,
                   struct kc_error *err) KC_MUST_CHECK;

/* Whether both ask for the same; being paused does not count. */
bool kc_spec_is_same(const struct kc_spec *a, const struct kc_spec *b);

const char *kc_spec_format_name(const struct kc_spec *spec);
const char *kc_spec_media_type(const struct kc_spec *spec);

#endif
