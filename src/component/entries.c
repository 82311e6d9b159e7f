// SPDX-License-Identifier: Apache-2.0
#include "component/entries.h"

#include <string.h>

const struct kc_entry *const kc_entries[] = { &kc_consume, &kc_produce, NULL };

const struct kc_entry *kc_entry_find(const char *name)
{
    for (size_t i = 0; kc_entries[i]; i++) {
        if (strcmp(kc_entries[i]->name, name) == 0)
            return kc_entries[i];
    }
    return NULL;
}
