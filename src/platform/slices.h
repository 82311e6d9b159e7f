// SPDX-License-Identifier: Apache-2.0
/* slices.h - a JSON text taken apart by position: values are spans of it, nothing is decoded.
 *
 * The grammar is checked, what strings mean is not: lone surrogates pass, and so do bytes that
 * are not UTF-8, as with the platform's own runtime. Nothing is kept, nothing is allocated. */
#ifndef KC_PLATFORM_SLICES_H
#define KC_PLATFORM_SLICES_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/json.h"

/* A body may be as deep as our readers allow; in a passthrough it lies a few levels lower. */
#define KC_SLICE_DEPTH_MAX (KC_JSON_DEPTH_MAX + 8)
#define KC_SLICE_MAX_BYTES ((size_t)256 << 20) /* longer texts are refused */

/* One JSON value with nothing but blanks around it; *value is it without them. */
bool kc_slice_value(struct kc_text text, struct kc_text *value,
                    struct kc_error *err) KC_MUST_CHECK;

/* An object on the walk:
 *     kc_members_walk(&m, object);
 *     while (kc_members_next(&m))
 *         … m.name, m.value …
 * The walk ends at the object's end or where the text is wrong, which kc_members_end() tells
 * (INPUT). Of a span that was checked before it need not be asked. */
struct kc_members {
    struct kc_text name;  /* with its quotes */
    struct kc_text value; /* both are loans of the object */

    const char *start, *at, *end; /* private */
    const char *wrong;            /* private: what is wrong at `at`; NULL: nothing is */
    enum kc_members_state {
        KC_MEMBERS_FIRST,
        KC_MEMBERS_MORE,
        KC_MEMBERS_DONE
    } state; /* private */
};
void kc_members_walk(struct kc_members *m, struct kc_text object);
bool kc_members_next(struct kc_members *m);
bool kc_members_end(const struct kc_members *m, struct kc_error *err) KC_MUST_CHECK;

/* Of a span that was checked. get: the last member of that name; KC_NO_TEXT where there is none
 * or it is no object. */
bool kc_slice_is_object(struct kc_text value);
bool kc_slice_is_string(struct kc_text value);
struct kc_text kc_slice_get(struct kc_text object, struct kc_text name);

/* Whether a string (with quotes) says that; escapes are understood. */
bool kc_slice_says(struct kc_text string, struct kc_text plain);

/* Appends what a string (with quotes) says, in UTF-8; half a surrogate pair is U+FFFD. */
void kc_slice_decode(struct kc_text string, struct kc_buf *out);

/* Appends a text as a JSON string; what is not UTF-8 is U+FFFD. */
void kc_slice_print_text(struct kc_text plain, struct kc_buf *out);

#endif
