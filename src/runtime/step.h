// SPDX-License-Identifier: Apache-2.0
/* step.h - one place in a flow: which entry point runs there, with what. */
#ifndef KC_RUNTIME_STEP_H
#define KC_RUNTIME_STEP_H

#include "conf/field.h"
#include "runtime/tally.h"

/* Everything is borrowed and outlives the entry point that was opened with it. */
struct kc_step {
    const struct kc_doc *config;      /* the step's own fields */
    const struct kc_doc *credentials; /* how to reach Kafka */
    enum kc_unknown unknown_fields;
    struct kc_tally *tally;

    bool is_flood;     /* nobody waits for a single answer: prefer large batches */
    int64_t count_max; /* a trigger ends after this many records; 0: never */
    bool until_end;    /* a trigger ends when it has read what was there at its start */
};

#endif
