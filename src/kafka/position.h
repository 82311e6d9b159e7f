// SPDX-License-Identifier: Apache-2.0
/* position.h - where a partition stands: the offset of the record that is to be read next. */
#ifndef KC_KAFKA_POSITION_H
#define KC_KAFKA_POSITION_H

#include <stddef.h>
#include <stdint.h>

struct kc_position {
    int32_t partition;
    int64_t offset;
};

/* Ascending by partition, each partition once. */
struct kc_positions {
    struct kc_position *list; /* owned by whoever holds this */
    size_t count;
    size_t size; /* allocated */
};

void kc_positions_free(struct kc_positions *p); /* leaves it empty and ready for use */

/* Adds the partition, or moves it. Fast where partitions come in ascending order. */
void kc_positions_put(struct kc_positions *p, int32_t partition, int64_t offset);

/* NULL where the partition is not among them; a loan until the next put or
 * remove. */
struct kc_position *kc_positions_find(const struct kc_positions *p, int32_t partition);

/* Without effect where it is not among them. */
void kc_positions_remove(struct kc_positions *p, int32_t partition);

#endif
