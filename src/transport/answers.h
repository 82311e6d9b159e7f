// SPDX-License-Identifier: Apache-2.0
/* answers.h - the answers to lines of messages, in the order of the lines.
 *
 * Lines are processed side by side; what is said to one waits until all before it have ended.
 */
#ifndef KC_TRANSPORT_ANSWERS_H
#define KC_TRANSPORT_ANSWERS_H

#include "runtime/message.h"
#include "runtime/outlet.h"
#include "runtime/tally.h"
#include "transport/sink.h"

struct kc_answers; /* opaque */

/* on_final is called, from whichever thread says it, when an error ends the run. */
struct kc_answers *kc_answers_new(struct kc_sink sink, struct kc_tally *tally,
                                  void (*on_final)(void *arg), void *arg);
void kc_answers_free(struct kc_answers *a); /* after kc_answers_wait(); NULL is fine */

/* The outlet of the next line; id is NULL where its message has none or could not be read.
 * Waits while too many are open. It is gone when end was said to it. One thread. */
struct kc_outlet *kc_answers_open(struct kc_answers *a, uint64_t line,
                                  const struct kc_value *id);

/* Waits until all have ended and are in the sink. */
void kc_answers_wait(struct kc_answers *a);

#endif
