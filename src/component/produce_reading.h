// SPDX-License-Identifier: Apache-2.0
/* produce_reading.h - what the readers of a message to produce share: produce_input.c reads
 * bodies and records, produce_headers.c a record's headers. Each adds a fault for all that is
 * wrong, and goes on. */
#ifndef KC_COMPONENT_PRODUCE_READING_H
#define KC_COMPONENT_PRODUCE_READING_H

#include "component/produce_input.h"
#include "runtime/json.h"

/* Where we are, for JSON pointers that are made only when something is wrong. */
struct kc_place {
    const char *message; /* the message's */
    const char *body;    /* "" or "/body" */
    int64_t index;       /* of the record; -1: the body is the record */
};

struct kc_reading {
    const struct kc_input_rules *rules;
    struct kc_arena *arena;
    struct kc_faults *faults;
    struct kc_place at;
    const char *const *beside; /* the message's; NULL where the body is an object of its own */
};

#define KC_POINTER_MAX 512
#define KC_PART_MAX    224 /* of one member's name in it */

/* Where we are, and further by `rest`. Returns out. */
const char *kc_reading_pointer(const struct kc_reading *in, const char *rest,
                               char out[KC_POINTER_MAX]);

/* A fault there: the text is a format and what it needs. */
#define KC_FAULT(in, rest, ...)                                                                \
    kc_faults_add((in)->faults, kc_reading_pointer((in), (rest), (char[KC_POINTER_MAX]){ 0 }), \
                  __VA_ARGS__)

/* Reads an object, or an array of [name, value], into r->headers, which lie in the arena. v
 * NULL is fine. */
void kc_read_headers(const struct kc_reading *in, const struct kc_value *v,
                     struct kc_record *r);

#endif
