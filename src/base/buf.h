// SPDX-License-Identifier: Apache-2.0
/* buf.h - bytes that grow up to a ceiling.
 *
 * Whoever fills a buffer from outside gives it its ceiling at init. An append that would pass
 * it changes nothing and returns false, and so do all later ones until kc_buf_clear(): a chain
 * of appends may be checked once, at its end, with is_full. */
#ifndef KC_BASE_BUF_H
#define KC_BASE_BUF_H

#include "base/error.h"
#include "base/text.h"

struct kc_buf {
    char *data; /* not NUL-terminated; NULL while nothing was put in */
    size_t len;
    size_t cap;
    size_t max;
    bool is_full;
};

#define KC_BUF_UNBOUNDED ((size_t)1 << 40) /* where the content is bounded elsewhere */

void kc_buf_init(struct kc_buf *b, size_t max_bytes);
void kc_buf_deinit(struct kc_buf *b);
void kc_buf_clear(struct kc_buf *b); /* keeps the memory */

bool kc_buf_append(struct kc_buf *b, const void *p, size_t len);
bool kc_buf_text(struct kc_buf *b, struct kc_text t);
bool kc_buf_puts(struct kc_buf *b, const char *s);
bool kc_buf_printf(struct kc_buf *b, const char *fmt, ...) KC_PRINTF(2, 3);

/* Room for len more bytes, to be filled by the caller, who then adds to b->len. NULL when full.
 */
char *kc_buf_reserve(struct kc_buf *b, size_t len);

/* Drops the first len bytes. */
void kc_buf_consume(struct kc_buf *b, size_t len);

struct kc_text kc_buf_peek(const struct kc_buf *b);

/* The content, NUL-terminated, is the caller's to free(); the buffer is empty again. */
char *kc_buf_take(struct kc_buf *b);

#endif
