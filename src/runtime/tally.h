// SPDX-License-Identifier: Apache-2.0
/* tally.h - what one run has done so far: for the progress line, the metrics and the exit code.
 *
 * Any thread may add; readers see each number whole, not all of them at one instant. */
#ifndef KC_RUNTIME_TALLY_H
#define KC_RUNTIME_TALLY_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

/* What a trigger knows of its brokers. */
enum kc_reach {
    KC_REACH_UNKNOWN, /* none has answered yet */
    KC_REACHED,
    KC_OUT_OF_REACH /* none has answered for a while */
};

struct kc_tally {
    _Atomic uint64_t records; /* stored in Kafka, or handed to the orchestrator */
    _Atomic uint64_t bytes;   /* of their keys and values */
    _Atomic uint64_t errors;
    _Atomic int64_t lag; /* records not accepted yet, up to the ends of the partitions; -1 while
                            unknown or where it means nothing */
    _Atomic int reach;   /* enum kc_reach, of a trigger that tells outages */
    _Atomic int exit_code; /* of the worst error so far */

    struct kc_tally *total;    /* its records and bytes are counted there too; NULL: nowhere */
    _Atomic uint64_t *by_code; /* failures, at the index of their code; NULL: not counted */
};

void kc_tally_add(struct kc_tally *t, uint64_t records, uint64_t bytes);
void kc_tally_error(struct kc_tally *t); /* one more; it may yet be made good */
void kc_tally_fail(struct kc_tally *t,
                   enum kc_code code); /* will not be: the highest exit code wins */

#endif
