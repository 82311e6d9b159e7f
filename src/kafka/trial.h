// SPDX-License-Identifier: Apache-2.0
/* trial.h - whether clients can be made of the extra properties: some of them fail only
 * together, or with what a producer or consumer of ours needs. */
#ifndef KC_KAFKA_TRIAL_H
#define KC_KAFKA_TRIAL_H

#include "kafka/credentials.h"

/* Makes a producer and a consumer as they are used, which reach nobody. A fault of /properties
 * where one of them cannot be had. Any thread. */
bool kc_trial(const struct kc_credentials *c, struct kc_faults *faults) KC_MUST_CHECK;

#endif
