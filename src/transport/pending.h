// SPDX-License-Identifier: Apache-2.0
/* pending.h - messages that wait for an {"ack":ID} or {"nack":ID} line: their ids and tags.
 *
 * Bounded by what the trigger may have unanswered. Any thread. */
#ifndef KC_TRANSPORT_PENDING_H
#define KC_TRANSPORT_PENDING_H

#include "base/text.h"

struct kc_pending; /* opaque */

struct kc_pending *kc_pending_new(void);
void kc_pending_free(struct kc_pending *p); /* NULL is fine */

void kc_pending_add(struct kc_pending *p, const char *id, uint64_t tag);

/* Forgets the message and gives its tag; false when none of that id waits. */
bool kc_pending_take(struct kc_pending *p, struct kc_text id, uint64_t *tag);

#endif
