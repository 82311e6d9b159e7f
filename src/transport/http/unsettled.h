// SPDX-License-Identifier: Apache-2.0
/* unsettled.h - a stream's messages that were handed out and not settled, in their order.
 *
 * Bounded by what the trigger may have unanswered. No lock: the stream has one. */
#ifndef KC_TRANSPORT_HTTP_UNSETTLED_H
#define KC_TRANSPORT_HTTP_UNSETTLED_H

#include "kafka/position.h"

#include <stdbool.h>

struct kc_unsettled_message {
    uint64_t end; /* of its bytes in the stream */
    int64_t last; /* offset */
    uint64_t tag;
    int32_t partition;
};

/* Zeroed it is empty. */
struct kc_unsettled {
    struct kc_unsettled_message *ring;
    size_t size; /* a power of two */
    size_t front, next;

    uint64_t *tags; /* of those that the last calls took: the caller settles and sets it to 0 */
    size_t tag_count, tag_size;
};

void kc_unsettled_deinit(struct kc_unsettled *u);

void kc_unsettled_add(struct kc_unsettled *u, uint64_t end, int32_t partition, int64_t last,
                      uint64_t tag);

/* Drops those whose partition went: nobody waits for them. Called when the room is full, which
 * then grows only where it has to. */
bool kc_unsettled_is_full(const struct kc_unsettled *u);
void kc_unsettled_drop(struct kc_unsettled *u, bool (*is_awaited)(void *arg, uint64_t tag),
                       void *arg);

/* Takes those that lie within the first so many bytes. */
void kc_unsettled_take_written(struct kc_unsettled *u, uint64_t bytes);

/* Takes those whose records all lie before the positions. */
void kc_unsettled_take_up_to(struct kc_unsettled *u, const struct kc_positions *positions);

#endif
