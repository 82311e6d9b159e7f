// SPDX-License-Identifier: Apache-2.0
/* base64.h - RFC 4648, with padding, no line breaks. */
#ifndef KC_BASE_BASE64_H
#define KC_BASE_BASE64_H

#include "base/buf.h"

/* Appends the base64 form of p. */
bool kc_base64_encode(struct kc_buf *out, const void *p, size_t len);

/* Decodes in place: the bytes come to stand at the start of text. Both alphabets, padding
 * optional; anything else is refused and leaves text in an unknown state. */
bool kc_base64_decode(char *text, size_t len, size_t *decoded_len);

#endif
