// SPDX-License-Identifier: Apache-2.0
/* shapes.h - the files of schemas/, which say how messages look, as parts of the program. */
#ifndef KC_COMPONENT_SHAPES_H
#define KC_COMPONENT_SHAPES_H

#include "base/text.h"

struct kc_named_shape {
    const char *name; /* "produce.in"; NULL ends the table */
    const char *begin, *end;
};

extern const struct kc_named_shape kc_shapes[];

/* The file's text; absent when there is none of that name. */
struct kc_text kc_shape(const char *name);

#endif
