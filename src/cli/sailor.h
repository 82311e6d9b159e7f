// SPDX-License-Identifier: Apache-2.0
/* sailor.h - runs a step of an elastic.io flow, from its environment to its exit code. */
#ifndef KC_CLI_SAILOR_H
#define KC_CLI_SAILOR_H

#include "base/log.h"
#include "runtime/entry.h"

#define KC_SAILOR_DRAIN_MS 25000 /* the platform kills 30 s after SIGTERM */

/* The exit code, by the platform's rules: 0 after an orderly end, else 1. The log goes to
 * stdout, where the platform reads it. Signals must be blocked already. */
int kc_sailor_run(const struct kc_entry *const *entries, enum kc_level log_level, int drain_ms);

#endif
