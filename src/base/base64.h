// SPDX-License-Identifier: Apache-2.0
/* base64.h - RFC 4648, with padding, no line breaks; what others wrote is read strictly, or
 * leniently. */
#ifndef KC_BASE_BASE64_H
#define KC_BASE_BASE64_H

#include "base/buf.h"

/* Appends the base64 form of p. */
bool kc_base64_encode(struct kc_buf *out, const void *p, size_t len);

/* Decodes in place: the bytes come to stand at the start of text. Both alphabets, padding
 * optional; anything else is refused and leaves text in an unknown state. */
bool kc_base64_decode(char *text, size_t len, size_t *decoded_len);

/* How long the base64 form of len bytes is. */
size_t kc_base64_size(size_t len);

/* Encodes bytes where they stand: text has room for kc_base64_size(len), and the bytes are at
 * the end of that. */
void kc_base64_encode_in_place(char *text, size_t len);

/* Reads what it can: both alphabets, what is in neither is skipped, padding may be missing, and
 * the first '=' ends it. out has room for text.len / 4 * 3 + 3 bytes; returns how many came. */
size_t kc_base64_decode_leniently(struct kc_text text, char *out);

#endif
