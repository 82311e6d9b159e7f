// SPDX-License-Identifier: Apache-2.0
/* entries.h - the table of entry points: what this component can do. */
#ifndef KC_COMPONENT_ENTRIES_H
#define KC_COMPONENT_ENTRIES_H

#include "runtime/entry.h"

extern const struct kc_entry kc_produce;
extern const struct kc_entry kc_consume;

/* Look at an entry point's settings without opening anything; what is wrong is added to faults,
 * by pointers into config. False when there is anything. */
bool kc_consume_check(const struct kc_doc *config, enum kc_unknown unknown,
                      struct kc_faults *faults) KC_MUST_CHECK;

bool kc_produce_check(const struct kc_doc *config, enum kc_unknown unknown,
                      struct kc_faults *faults) KC_MUST_CHECK;

extern const struct kc_entry *const kc_entries[]; /* ends with NULL */

const struct kc_entry *kc_entry_find(const char *name); /* NULL when there is none */

#endif
