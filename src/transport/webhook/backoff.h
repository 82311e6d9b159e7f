// SPDX-License-Identifier: Apache-2.0
/* backoff.h - how long to wait before something is tried again. Pure. */
#ifndef KC_TRANSPORT_WEBHOOK_BACKOFF_H
#define KC_TRANSPORT_WEBHOOK_BACKOFF_H

#include <stdint.h>

#define KC_BACKOFF_LEAST_MS 50 /* never at once: a broken receiver is not to be hammered */

/* A wait at random between KC_BACKOFF_LEAST_MS and a bound that doubles with each failure in a
 * row (failures counts from 1), from first_ms up to max_ms: "full jitter", so that those who
 * failed together do not come again together. chance is any random number. */
int kc_backoff_ms(unsigned failures, int first_ms, int max_ms, uint32_t chance);

#endif
