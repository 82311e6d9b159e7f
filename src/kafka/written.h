// SPDX-License-Identifier: Apache-2.0
/* written.h - which partitions a batch touched, and where its records begin there. */
#ifndef KC_KAFKA_WRITTEN_H
#define KC_KAFKA_WRITTEN_H

#include "kafka/record.h"

#include <stddef.h>

struct kc_written {
    const char *topic; /* a loan from the batch */
    int32_t partition;
    int64_t base_offset; /* of the first record of this batch there */
    int64_t append_time; /* the broker's, in ms, where it stamps on append; else KC_NO_TIME */
    int64_t
        log_start; /* the low watermark after the write; KC_NO_OFFSET when it cannot be had */
};

/* Rows in the order in which they were added; a hash finds them. One thread at a time. */
struct kc_written_table {
    struct kc_written *list;
    size_t count;
    uint32_t *buckets; /* index + 1 into list; 0 is free */
    size_t bucket_count;
};

void kc_written_deinit(struct kc_written_table *t); /* a zeroed table is a new one */

/* The row of that partition; added, with nothing known, when it is not there yet. The pointer
 * is good until the next call. */
struct kc_written *kc_written_row(struct kc_written_table *t, const char *topic,
                                  int32_t partition);

#endif
