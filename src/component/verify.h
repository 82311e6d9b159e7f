// SPDX-License-Identifier: Apache-2.0
/* verify.h - do these credentials work, and what can be chosen with them. Both wait for Kafka,
 * within wait_ms. Any thread. */
#ifndef KC_COMPONENT_VERIFY_H
#define KC_COMPONENT_VERIFY_H

#include "base/buf.h"
#include "base/faults.h"
#include "conf/doc.h"

/* What is to be looked at beside the sign-in; NULL: not. */
struct kc_verify_ask {
    const char *topic;
    const char *group_id;
};

/* Appends {"verified":bool,"code"?,"reason"?,"steps":[…]}: the steps that were taken, up to the
 * first that failed, which gives code and reason. */
void kc_verify(const struct kc_doc *credentials, const struct kc_verify_ask *ask, int wait_ms,
               struct kc_buf *out);

/* Appends what a form's field can be given, as {"value":"label"}. The only model is "topics".
 * False and err otherwise; faults then has each wrong field, where that was it. */
bool kc_model(const char *name, const struct kc_doc *credentials, int wait_ms,
              struct kc_buf *out, struct kc_faults *faults, struct kc_error *err) KC_MUST_CHECK;

#endif
