// SPDX-License-Identifier: Apache-2.0
/* progress.h - one line on a terminal that says how long work is getting on. */
#ifndef KC_CLI_PROGRESS_H
#define KC_CLI_PROGRESS_H

#include "runtime/tally.h"

/* Shows the tally on stderr twice a second, from the second second on, where stderr is a
 * terminal and stdout is not (there the events themselves pass by). Log lines wipe the line
 * first. */
void kc_progress_start(const struct kc_tally *tally);
void kc_progress_stop(void); /* wipes it; fine when it was not started */

#endif
