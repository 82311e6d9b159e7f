// SPDX-License-Identifier: Apache-2.0
/* delivery.h - puts a delivery together from its frames. */
#ifndef KC_TRANSPORT_SAILOR_DELIVERY_H
#define KC_TRANSPORT_SAILOR_DELIVERY_H

#include "transport/sailor/inbox.h"

enum kc_delivery_step {
    KC_DELIVERY_UNFINISHED,
    KC_DELIVERY_WHOLE,
    KC_DELIVERY_BROKEN, /* a frame that cannot be here: the connection is of no more use */
};

/* A zeroed one is ready. */
struct kc_delivery_parts {
    struct kc_delivery *d; /* NULL between deliveries */
    bool is_redelivered;
    bool has_header;
    uint64_t missing; /* bytes of the body */
};

/* frame is basic.deliver, or a header or body frame of the channel. When it is whole the caller
 * takes parts->d, whose body is NULL where it is larger than body_max, and
 * kc_inbox_parts_clear() makes ready for the next one. */
enum kc_delivery_step kc_inbox_parts_add(struct kc_delivery_parts *parts,
                                         const amqp_frame_t *frame, size_t body_max);
struct kc_delivery *kc_inbox_parts_take(struct kc_delivery_parts *parts);
void kc_inbox_parts_clear(struct kc_delivery_parts *parts);

void kc_inbox_delivery_empty(struct kc_delivery *d); /* frees what it points to */
void kc_inbox_delivery_free(struct kc_delivery *d);  /* NULL is fine */

#endif
