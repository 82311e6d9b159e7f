// SPDX-License-Identifier: Apache-2.0
/* text.h - a borrowed run of bytes, and the few things that are asked of text everywhere. */
#ifndef KC_BASE_TEXT_H
#define KC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A loan: valid until its owner changes or goes. p == NULL is "absent", len == 0 is "empty". */
struct kc_text {
    const char *p;
    size_t len;
};

#define KC_LIT(s)  ((struct kc_text){ (s), sizeof(s) - 1 })
#define KC_NO_TEXT ((struct kc_text){ NULL, 0 })

struct kc_text kc_text(const char *s); /* NULL gives KC_NO_TEXT */
bool kc_text_is(struct kc_text t, const char *s);

/* The whole of t as a decimal number within [min, max]: no blanks, no fraction, no exponent. */
bool kc_text_int(struct kc_text t, int64_t min, int64_t max, int64_t *out);

#define KC_INT_SIZE 20 /* "-9223372036854775808"; no NUL */

/* The number's digits in `out`, a loan from it. printf() takes ten times as long. */
struct kc_text kc_int_text(int64_t n, char out[KC_INT_SIZE]);

/* The name in `known` (ended by NULL) nearest to `name`, or NULL when none is near. */
const char *kc_text_nearest(struct kc_text name, const char *const *known);

#endif
