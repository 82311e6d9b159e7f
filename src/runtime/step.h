// SPDX-License-Identifier: Apache-2.0
/* step.h - one place in a flow: which entry point runs there, with what. */
#ifndef KC_RUNTIME_STEP_H
#define KC_RUNTIME_STEP_H

#include "conf/field.h"
#include "runtime/lags.h"
#include "runtime/tally.h"

struct kc_positions; /* kafka/position.h */

/* What the body of a trigger's message looks like. */
enum kc_body_style {
    KC_BODY_BARE,     /* the record; of a batch, {"messages":[records]} */
    KC_BODY_MESSAGES, /* {"messages":[records]}, also around a single one */
    KC_BODY_EVENTS,   /* a JSON array of CloudEvents */
};

struct kc_producers; /* kafka/producers.h */

/* Everything is borrowed and outlives the entry point that was opened with it. */
struct kc_step {
    const struct kc_doc *config;      /* the step's own fields */
    const struct kc_doc *credentials; /* how to reach Kafka */
    enum kc_unknown unknown_fields;
    struct kc_tally *tally;
    struct kc_lags *lags; /* where a trigger's consumer shows how far it is; NULL: nowhere */

    struct kc_producers *producers; /* clients that steps share; NULL: the step has its own */
    bool is_permanent;              /* the start's own: what it shares stays open */
    struct kc_faults *faults; /* where open() lists what is wrong with the settings, by pointers
                                 from /config and /credentials; NULL: only its error says so */

    bool is_flood; /* nobody waits for a single answer: prefer large batches */
    enum kc_body_style body_style;
    int64_t count_max; /* a trigger ends after this many records; 0: never */
    bool until_end;    /* a trigger ends when it has read what was there at its start */
    bool from_start;   /* a trigger begins at the first record where its group has no offset,
                          whatever its settings say */
    int commit_ms;     /* a trigger's group commits so often what is settled; 0: as is usual */
    size_t take_max;   /* a trigger takes so many records at once; 0: as is usual */
    size_t batch_max_bytes; /* a trigger's messages of many records are no larger; 0: 1 MiB */
    bool is_sample; /* a trigger shows count_max records as examples, within sample_ms, and
                       leaves no trace: no group is joined, nothing is committed */
    int sample_ms;
    bool is_one_of_many; /* a trigger like which many may run here: it reads ahead little */
    bool tells_outage;   /* a trigger says so (UNAVAILABLE) when no broker has answered for a
                            while, and goes on trying; its tally has what it knows */

    /* Where a trigger begins partitions, in place of what the group has committed, each when it
     * is first assigned. NULL: nowhere. */
    const struct kc_positions *from;
};

#endif
