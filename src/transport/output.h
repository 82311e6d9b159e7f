// SPDX-License-Identifier: Apache-2.0
/* output.h - writes blocks to a file descriptor from a thread of its own.
 *
 * Whoever produces lines puts them straight into the buffer that is being filled while the one
 * before is being written. A message counts as accepted when its block was written. */
#ifndef KC_TRANSPORT_OUTPUT_H
#define KC_TRANSPORT_OUTPUT_H

#include "base/buf.h"
#include "runtime/outlet.h"
#include "transport/sink.h"

struct kc_output; /* opaque */

/* on_gone is called once, on the writing thread, when the reader has closed its end. */
struct kc_output *kc_output_new(int fd, void (*on_gone)(void *arg), void *arg);

/* Writes what is left, unless the reader is gone, and ends the thread. NULL is fine. */
void kc_output_free(struct kc_output *o);

/* The buffer to append whole lines to, locked until the matching end. */
struct kc_buf *kc_output_begin(struct kc_output *o);
void kc_output_end(struct kc_output *o);

/* The same end for a line that is to be answered, by that ack, once it is written. */
void kc_output_end_with(struct kc_output *o, const struct kc_ack *ack, uint64_t tag);

/* Sends off what is there, and waits up to wait_ms until there is room. Lines can be put in
 * even where there is none: who can wait, waits. */
bool kc_output_has_room(struct kc_output *o, int wait_ms);

/* Waits until everything was written or the reader is gone. */
void kc_output_drain(struct kc_output *o);

/* Lines that are put in there come out; who puts them waits while there is no room. */
struct kc_sink kc_output_sink(struct kc_output *o);

bool kc_output_is_gone(struct kc_output *o);

#endif
