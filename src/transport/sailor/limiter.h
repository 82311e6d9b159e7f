// SPDX-License-Identifier: Apache-2.0
/* limiter.h - so many starts per window, the platform's way.
 *
 * A window opens with the first start after an idle time and lasts interval_ms. What finds it
 * full waits for the next one, which follows without a gap. No locks, no clock of its own. */
#ifndef KC_TRANSPORT_SAILOR_LIMITER_H
#define KC_TRANSPORT_SAILOR_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct kc_limiter {
    int limit; /* 0 or less: no limit */
    int interval_ms;
    int used;           /* starts in the window */
    int64_t opened_ms;  /* when the window began, or long ago */
    bool is_waited_for; /* somebody found the window full */
};

void kc_limiter_init(struct kc_limiter *l, int limit, int interval_ms);

/* How long until something may start: 0 is now, and then kc_limiter_start() counts it. */
int64_t kc_limiter_wait_ms(struct kc_limiter *l, int64_t now_ms);
void kc_limiter_start(struct kc_limiter *l, int64_t now_ms);

#endif
