// SPDX-License-Identifier: Apache-2.0
/* step_settings.h - what the platform knows of a step: one object with the credentials' fields,
 * the step's own, and some that the platform adds. Here it is taken apart. */
#ifndef KC_PLATFORM_STEP_SETTINGS_H
#define KC_PLATFORM_STEP_SETTINGS_H

#include "runtime/entry.h"

/* The credentials alone: the caller's. Where cfg has an object `credentials`, they are in
 * there. Names that nobody knows are logged, but for the platform's own. A flow is not the
 * operator: a field that names a file of this machine is a fault, and is left out. */
struct kc_doc *kc_step_credentials(const struct kc_doc *cfg, struct kc_faults *faults);

/* The fields of the entry point alone: the caller's. */
struct kc_doc *kc_step_config(const struct kc_doc *cfg, const struct kc_entry *entry);

#endif
