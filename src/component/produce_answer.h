// SPDX-License-Identifier: Apache-2.0
/* produce_answer.h - tells what became of a batch, as schemas/produce.out.json has it. */
#ifndef KC_COMPONENT_PRODUCE_ANSWER_H
#define KC_COMPONENT_PRODUCE_ANSWER_H

#include "kafka/producer.h"
#include "runtime/entry.h"

/* Says the results to the outlet: one message per partition and one per group of failed
 * records, or one with all of them; then one error, if there was any, or else a reply where
 * somebody waits for one: as HTTP answers it, {"messages":[whole messages],"errors":[]}, each
 * with the id of its data. Not `end`. */
void kc_produce_answer(const struct kc_batch *b, bool as_one_message, struct kc_json_writer *w,
                       struct kc_outlet *outlet);

/* Whether the whole message may come again with no harm done and some hope: all its records
 * failed, each surely unstored and each for a reason that passes. Then err says it. */
bool kc_produce_may_come_again(const struct kc_batch *b, struct kc_error *err);

extern const struct kc_member kc_produce_out[];

#endif
