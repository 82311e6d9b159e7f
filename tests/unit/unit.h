// SPDX-License-Identifier: Apache-2.0
/* unit.h - what the unit tests share. JSON in a test is written with ' for ", so that it can be
 * read; what a function returns is the caller's. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define BYTES(literal) ((struct kc_text){ (literal), sizeof(literal) - 1 })

/* The text with " for ', and four zero bytes behind it, as the JSON reader wants it. */
static inline char *json(const char *text)
{
    char *copy = kc_alloc0(strlen(text) + 4 + 1, 1);
    for (size_t i = 0; text[i]; i++)
        copy[i] = text[i];
    for (char *quote = copy; (quote = strchr(quote, '\''));)
        *quote = '"';
    return copy;
}

/* `times` times the same text, then the four zero bytes. */
static inline char *repeated(const char *text, size_t times)
{
    size_t len = strlen(text);
    char *all = kc_alloc0(len * times + 4 + 1, 1);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * len, text, len);
    return all;
}

static inline void assert_text(struct kc_text is, const char *wanted)
{
    if (!wanted) {
        assert_null(is.p);
        return;
    }
    assert_non_null(is.p);
    if (is.len != strlen(wanted) || memcmp(is.p, wanted, is.len) != 0)
        fail_msg("'%.*s' is not '%s'", (int)is.len, is.p, wanted);
}

static inline void assert_same_bytes(struct kc_text is, struct kc_text wanted)
{
    assert_int_equal(!is.p, !wanted.p);
    assert_int_equal(is.len, wanted.len);
    if (wanted.len)
        assert_memory_equal(is.p, wanted.p, wanted.len);
}

static inline void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in '%s'", part, text);
}

/* The error is of this code and says this; it is empty again afterwards. */
static inline void assert_error(struct kc_error *err, enum kc_code code, const char *part)
{
    assert_string_equal(kc_code_name(err->code), kc_code_name(code));
    assert_holds(err->text, part);
    kc_error_clear(err);
}

#endif
