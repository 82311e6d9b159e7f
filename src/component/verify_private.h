// SPDX-License-Identifier: Apache-2.0
/* verify_private.h - what verify.c and verify_way.c share: the doctor, and its walk to the
 * addresses of brokers. */
#ifndef KC_COMPONENT_VERIFY_PRIVATE_H
#define KC_COMPONENT_VERIFY_PRIVATE_H

#include "component/verify.h"
#include "kafka/visit.h"

struct kc_doctor {
    struct kc_verdict *verdict;
    const struct kc_verify_ask *ask;
    struct kc_credentials credentials;
    int64_t deadline_ms;
    struct kc_visit visits[KC_VISITS_MAX]; /* of the addresses that were given */
    size_t visit_count;
    bool is_lost; /* signed in, but librdkafka hangs where the brokers say that they are */
    struct kc_visit listeners[KC_VISITS_MAX]; /* of those advertised */
};

int kc_doctor_left(const struct kc_doctor *d); /* ms, at least 1 */
bool kc_doctor_signs_in(const struct kc_doctor *d);

/* Each takes its steps, and says of the first that fails why. */
bool kc_doctor_way(struct kc_doctor *d); /* to the addresses given */
bool kc_doctor_listeners(struct kc_doctor *d,
                         size_t count); /* to the first of those advertised */

/* After the way: the one that got farthest, and all that work, as a list (the caller's). */
const struct kc_visit *kc_doctor_best(const struct kc_doctor *d);
char *kc_doctor_brokers(const struct kc_doctor *d);

#endif
