// SPDX-License-Identifier: Apache-2.0
/* flight.h - what was published on a channel and is not confirmed, by delivery tag; and which
 * of it the broker returned, for a return names no tag.
 *
 * No locks: it belongs to the publisher's thread, and so do the messages in it. */
#ifndef KC_TRANSPORT_SAILOR_FLIGHT_H
#define KC_TRANSPORT_SAILOR_FLIGHT_H

#include "transport/sailor/publisher.h"

#define KC_FLIGHT_MAX  1000
#define KC_FLIGHT_RING 2048 /* the oldest may be confirmed last */

/* A queue of publishings, linked through `next`. */
struct kc_publish_list {
    struct kc_publishing *first, *last;
};
void kc_publish_list_push(struct kc_publish_list *list, struct kc_publishing *publishing);
struct kc_publishing *kc_publish_list_take(struct kc_publish_list *list); /* NULL: empty */

struct kc_flight {
    struct kc_publishing *ring[KC_FLIGHT_RING];
    uint64_t oldest, next; /* tags; those of a channel begin at 1 */
    int count;

    /* The return that is being read. */
    char routing_key[256];
    size_t body_len, body_read;
    struct kc_publishing *returned; /* who it can be, by all that was read so far */
    bool is_returning;
};

void kc_flight_init(struct kc_flight *f);
bool kc_flight_is_full(const struct kc_flight *f);

/* The next message of the channel. */
void kc_flight_add(struct kc_flight *f, struct kc_publishing *publishing);

/* The oldest unconfirmed message up to the tag (is_multiple), or the one of that tag, which
 * leaves the flight. NULL: no more. */
struct kc_publishing *kc_flight_take(struct kc_flight *f, uint64_t tag, bool is_multiple);

/* The channel is gone: gives what was unconfirmed, in the order it was published. */
struct kc_publish_list kc_flight_lost(struct kc_flight *f);

/* basic.return, its content header and its body, as the frames come; true: that was the last.
 * The message is found by what was returned: routing key, `messageId`, body; of equal ones it
 * is the oldest. It is marked, for its confirm, which follows, then means failure; `returned`
 * is it until it leaves the flight, or NULL when there is no such message. */
void kc_flight_return_begin(struct kc_flight *f, const amqp_basic_return_t *method);
bool kc_flight_return_header(struct kc_flight *f, const amqp_basic_properties_t *properties,
                             uint64_t body_len);
bool kc_flight_return_body(struct kc_flight *f, amqp_bytes_t fragment);

#endif
