// SPDX-License-Identifier: Apache-2.0
/* run.h - runs an entry point over a transport, from opening to the exit code. */
#ifndef KC_CLI_RUN_H
#define KC_CLI_RUN_H

#include "transport/transport.h"

/* The exit code. What goes wrong at the start is logged. */
int kc_run(const struct kc_transport *transport, const struct kc_env *env, int drain_ms);

#endif
