// SPDX-License-Identifier: Apache-2.0
/* verdict.h - what a receiver's answer means, and what a message is called. Pure. */
#ifndef KC_TRANSPORT_WEBHOOK_VERDICT_H
#define KC_TRANSPORT_WEBHOOK_VERDICT_H

#include "net/http.h"
#include "runtime/outlet.h"

enum kc_verdict {
    KC_PUSH_ACCEPTED,
    KC_PUSH_AGAIN,
    KC_PUSH_PAUSE
};

/* What an answer means; unless accepted, err says why. */
enum kc_verdict kc_push_judge(const struct kc_http_answer *answer, struct kc_error *err);

/* TOPIC-PARTITION-FIRST-LAST, of characters that any header may hold. */
#define KC_PUSH_KEY_SIZE 320
void kc_push_key(const struct kc_origin *origin, char out[KC_PUSH_KEY_SIZE]);

#endif
