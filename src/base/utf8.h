// SPDX-License-Identifier: Apache-2.0
/* utf8.h - which bytes are text. */
#ifndef KC_BASE_UTF8_H
#define KC_BASE_UTF8_H

#include "base/text.h"

/* The length of the well-formed sequence at p, 1 to 4; 0 when there is none within `left`
 * bytes. */
size_t kc_utf8_length(const char *p, size_t left);

bool kc_utf8_is_valid(struct kc_text t);

/* Puts '?' in place of what is not UTF-8, as where a text was cut in the middle of a character.
 */
void kc_utf8_mend(char *s);

#endif
