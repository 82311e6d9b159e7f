// SPDX-License-Identifier: Apache-2.0
/* methods.h - what each of the platform's one-shot calls asks of the component. Any thread;
 * those that need Kafka wait for it, KC_VERIFY_MS for a question.
 *
 * cfg holds the credentials' fields, beside the step's and the platform's own (_account); where
 * it has an object `credentials`, they are in there. Names that nobody knows are logged. */
#ifndef KC_PLATFORM_METHODS_H
#define KC_PLATFORM_METHODS_H

#include "base/buf.h"
#include "conf/doc.h"

/* Appends {"verified":true}, or {"verified":false,"reason":"…"}: a failure is a result. */
void kc_method_verify(const struct kc_doc *cfg, struct kc_buf *out);

/* Appends {"in":schema,"out":schema} of the entry point of that name. */
bool kc_method_metadata(const char *entry, struct kc_buf *out,
                        struct kc_error *err) KC_MUST_CHECK;

/* Appends {"value":"label"} of a model, by our name for it or the platform's (getTopics). */
bool kc_method_model(const char *entry, const char *model, const struct kc_doc *cfg,
                     struct kc_buf *out, struct kc_error *err) KC_MUST_CHECK;

#endif
