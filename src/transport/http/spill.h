// SPDX-License-Identifier: Apache-2.0
/* spill.h - bytes that wait to be read again: a little in memory, the rest in a file that
 * nobody else can see and that is gone with the process. One thread at a time. */
#ifndef KC_TRANSPORT_HTTP_SPILL_H
#define KC_TRANSPORT_HTTP_SPILL_H

#include "base/error.h"
#include "base/text.h"

struct kc_spill; /* opaque */

/* Keeps so many bytes in memory. */
struct kc_spill *kc_spill_new(size_t memory_bytes);
void kc_spill_free(struct kc_spill *s); /* NULL is fine */

/* Appends. False when the file cannot take it: then nothing of this piece is kept, and nothing
 * more will be. */
bool kc_spill_put(struct kc_spill *s, struct kc_text piece, struct kc_error *err) KC_MUST_CHECK;

/* The next bytes from the beginning, at most max; 0 at the end. After the last put. */
size_t kc_spill_read(struct kc_spill *s, char *to, size_t max);

#endif
