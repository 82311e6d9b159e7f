// SPDX-License-Identifier: Apache-2.0
/* examples.h - the few records that a sample shows, as JSON, in the order in which they are
 * shown: of each partition in the order of their offsets. */
#ifndef KC_COMPONENT_EXAMPLES_H
#define KC_COMPONENT_EXAMPLES_H

#include "component/consume_body.h"

#define KC_EXAMPLES_MAX 1000

struct kc_example {
    int32_t partition;
    int64_t offset;
    int64_t time;   /* what the youngest are sorted by */
    uint64_t bytes; /* of key and value */
    struct kc_buf json;
};

/* Its fields are for reading, and the text of an example may be taken. */
struct kc_examples {
    struct kc_example *list;
    size_t count, max;
    struct kc_body_writer *writer; /* borrowed */
    enum kc_body_style style;
};

/* max: 1 to KC_EXAMPLES_MAX. */
void kc_examples_init(struct kc_examples *e, size_t max, struct kc_body_writer *writer,
                      enum kc_body_style style);
void kc_examples_deinit(struct kc_examples *e); /* also of zeroes */

/* Adds the record behind the others, unless the list is full. */
void kc_examples_add(struct kc_examples *e, const struct kc_fetched *r);

/* Adds the record where its time puts it; of a full list the oldest goes, which may be the
 * record itself. A partition's records have to come in order. */
void kc_examples_add_youngest(struct kc_examples *e, const struct kc_fetched *r);

bool kc_examples_is_full(const struct kc_examples *e);
void kc_examples_forget(struct kc_examples *e, int32_t partition); /* its records */
void kc_examples_clear(struct kc_examples *e);

#endif
