// SPDX-License-Identifier: Apache-2.0
/* produce_input.h - reads the records out of a message's body, as schemas/produce.in.json has
 * it.
 *
 * A body is checked whole: either there is a batch, or there are faults and nothing was sent.
 */
#ifndef KC_COMPONENT_PRODUCE_INPUT_H
#define KC_COMPONENT_PRODUCE_INPUT_H

#include "base/arena.h"
#include "base/faults.h"
#include "kafka/producer.h"
#include "runtime/entry.h"

/* What a step allows. */
struct kc_input_rules {
    const char *topic; /* the step's; NULL: none */
    bool topic_from_message;
};

/* Makes a batch, the caller's to free, whose texts lie in the message's text and in the arena:
 * both must live as long as the batch. NULL when faults were added, each with its JSON pointer.
 */
struct kc_batch *kc_produce_input(const struct kc_message *m,
                                  const struct kc_input_rules *rules, struct kc_arena *arena,
                                  struct kc_faults *faults) KC_MUST_CHECK;

/* The shape of a body, for the flow builder's mapper. */
extern const struct kc_member kc_produce_in[];

#endif
