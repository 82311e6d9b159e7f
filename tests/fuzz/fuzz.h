// SPDX-License-Identifier: Apache-2.0
/* fuzz.h - what the fuzz targets share: an input that is eaten from the front, and a check that
 * stops the run with the place where it failed. */
#ifndef KC_TESTS_FUZZ_H
#define KC_TESTS_FUZZ_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what) CHECK_SAY(what, "")
#define CHECK_SAY(what, why)                                                                   \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n%s\n", __FILE__, __LINE__, #what, (why));      \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

/* Up to len bytes from the front; fewer where the input ends. */
static inline struct kc_text take(struct kc_text *in, size_t len)
{
    struct kc_text front = { in->p, len < in->len ? len : in->len };
    in->p += front.len;
    in->len -= front.len;
    return front;
}

static inline uint8_t take_byte(struct kc_text *in)
{
    struct kc_text one = take(in, 1);
    return one.len ? (uint8_t)*one.p : 0;
}

static inline bool is_equal(struct kc_text a, struct kc_text b)
{
    if (!a.p || !b.p)
        return !a.p && !b.p;
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* A copy of its own on the heap, with zeros behind it, so that the sanitizer sees each byte
 * that is read beyond. */
static inline char *copy_of(struct kc_text t, size_t zeros)
{
    size_t size = t.len + zeros;
    char *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (t.len)
        memcpy(copy, t.p, t.len);
    if (zeros)
        memset(copy + t.len, 0, zeros);
    return copy;
}

/* What was printed is JSON in the eyes of another library. */
static inline void check_json(struct kc_text text)
{
    json_error_t why;
    json_t *root = json_loadb(text.p, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!root && json_error_code(&why) != json_error_numeric_overflow &&
        json_error_code(&why) != json_error_null_byte_in_key)
        CHECK_SAY(!"JSON", why.text);
    json_decref(root);
}

#endif
