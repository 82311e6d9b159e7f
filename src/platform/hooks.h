// SPDX-License-Identifier: Apache-2.0
/* hooks.h - what the platform's hooks come to in a component that has none: the platform is
 * told of a start, and what it keeps of that goes at the end. Calls wait, as those of api.h do.
 */
#ifndef KC_PLATFORM_HOOKS_H
#define KC_PLATFORM_HOOKS_H

#include "platform/api.h"

/* For ELASTICIO_STARTUP_REQUIRED, before the step's init: leaves {} as the startup hook's
 * state, in place of an old one. */
bool kc_hooks_startup(const struct kc_api *api, struct kc_error *err) KC_MUST_CHECK;

/* For ELASTICIO_HOOK_SHUTDOWN, which is all that such a process does: sees that there is the
 * step and a state, and deletes the state. The step's settings are not looked at. */
bool kc_hooks_shutdown(const struct kc_api *api, struct kc_error *err) KC_MUST_CHECK;

#endif
