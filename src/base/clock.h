// SPDX-License-Identifier: Apache-2.0
/* clock.h - the two clocks: one that never jumps, for deadlines, and the wall's, for people. */
#ifndef KC_BASE_CLOCK_H
#define KC_BASE_CLOCK_H

#include "base/text.h"

#include <time.h>

int64_t kc_now_ms(void);  /* monotonic; only differences mean something */
int64_t kc_now_us(void);  /* the same clock, finer */
int64_t kc_wall_ms(void); /* since 1970 */

/* Milliseconds until the monotonic deadline, never negative, at most max_ms. */
int kc_ms_until(int64_t deadline_ms, int max_ms);

/* The monotonic instant wait_ms from now, for kc_cond_wait_until(). */
struct timespec kc_deadline(int wait_ms);

#define KC_ISO_SIZE sizeof("2026-01-31T12:00:00.000Z")
void kc_iso_format(int64_t wall_ms, char out[KC_ISO_SIZE]);

/* An ISO 8601 time ("2026-01-31", "2026-01-31T12:00:00Z", "...00.250+02:00") as ms since 1970.
 * A time without an offset is UTC. */
bool kc_iso_parse(struct kc_text text, int64_t *wall_ms);

#endif
