// SPDX-License-Identifier: Apache-2.0
#include "component/shapes.h"

#include <string.h>

/* The compiler is run in the root of the project, and so the assembler finds the files. */
#define SHAPE(symbol, file)                                                                    \
    __asm__(".pushsection .rodata\n"                                                           \
            ".global " #symbol "\n.hidden " #symbol "\n" #symbol ":\n"                         \
            ".incbin \"" file "\"\n"                                                           \
            ".global " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n"             \
            ".popsection\n")

extern const char kc_shape_produce_in[], kc_shape_produce_in_end[];
extern const char kc_shape_produce_out[], kc_shape_produce_out_end[];
extern const char kc_shape_consume_out[], kc_shape_consume_out_end[];

SHAPE(kc_shape_produce_in, "schemas/produce.in.json");
SHAPE(kc_shape_produce_out, "schemas/produce.out.json");
SHAPE(kc_shape_consume_out, "schemas/consume.out.json");

const struct kc_named_shape kc_shapes[] = {
    { "produce.in", kc_shape_produce_in, kc_shape_produce_in_end },
    { "produce.out", kc_shape_produce_out, kc_shape_produce_out_end },
    { "consume.out", kc_shape_consume_out, kc_shape_consume_out_end },
    { NULL, NULL, NULL },
};

struct kc_text kc_shape(const char *name)
{
    for (const struct kc_named_shape *s = kc_shapes; s->name; s++) {
        if (strcmp(s->name, name) == 0)
            return (struct kc_text){ s->begin, (size_t)(s->end - s->begin) };
    }
    return KC_NO_TEXT;
}
