// SPDX-License-Identifier: Apache-2.0
/* run.h - runs an entry point over a transport, from opening to the exit code. */
#ifndef KC_CLI_RUN_H
#define KC_CLI_RUN_H

#include "cli/settings.h"
#include "kafka/embedded.h"
#include "transport/transport.h"

/* The exit code. What goes wrong at the start is logged. */
int kc_run(const struct kc_transport *transport, const struct kc_env *env, int drain_ms);

/* Says why nothing could be started. The exit code. */
int kc_run_failed(const struct kc_error *err);

/* Where --embedded-broker was given: starts it and puts it in the place of the credentials. The
 * topic of --set is made where it is going to be read. *broker is the caller's to close, also
 * after a failure. */
bool kc_run_embedded(struct kc_embedded **broker, struct kc_settings *settings,
                     const struct kc_options *o, bool reads,
                     struct kc_error *err) KC_MUST_CHECK;

#endif
