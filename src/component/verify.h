// SPDX-License-Identifier: Apache-2.0
/* verify.h - the connection doctor: do these credentials work, and if not, why.
 *
 * It walks from the settings over names, TCP, TLS, the mechanisms on offer, the token server
 * and the sign-in to the brokers' advertised listeners, the topic and the group, and stops at
 * the first step that fails. Any thread; it waits for Kafka, wait_ms over all steps. */
#ifndef KC_COMPONENT_VERIFY_H
#define KC_COMPONENT_VERIFY_H

#include "base/faults.h"
#include "component/verdict.h"
#include "conf/doc.h"

#define KC_VERIFY_MS 10000 /* the usual wait: a person sits in front of it */

/* What is to be looked at beside the sign-in; NULL: not. */
struct kc_verify_ask {
    const char *topic;
    const char *group_id; /* with it the topic is one to be read */
};

/* faults are those that the caller has found in the settings already; NULL: none. The verdict
 * is the caller's. */
struct kc_verdict *kc_verify(const struct kc_doc *credentials, const struct kc_verify_ask *ask,
                             const struct kc_faults *faults, int wait_ms);

#endif
