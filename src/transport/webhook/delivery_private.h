// SPDX-License-Identifier: Apache-2.0
/* delivery_private.h - what the files of a delivery share: delivery.c has the queues, the
 * outlet and the orders, pusher.c the thread that sends and what comes back. */
#ifndef KC_TRANSPORT_WEBHOOK_DELIVERY_PRIVATE_H
#define KC_TRANSPORT_WEBHOOK_DELIVERY_PRIVATE_H

#include "net/http.h"
#include "transport/webhook/delivery.h"
#include "transport/webhook/verdict.h"

#include <pthread.h>

struct message {
    struct message *next;
    const struct kc_ack *ack;
    uint64_t tag;
    uint32_t records;
    char key[KC_PUSH_KEY_SIZE];
    size_t len;
    char body[];
};

/* A partition: its messages in their order, the first of them on the wire or to be sent. */
struct lane {
    struct kc_delivery *delivery;
    struct message *first, *last;
    bool is_on_wire;
    unsigned failures; /* in a row, of the first message */
    int64_t due_ms;
    int64_t tried_ms; /* when the first message was first sent; 0: not yet */
};

struct kc_delivery {
    struct kc_outlet outlet;
    struct kc_pusher *pusher;
    struct kc_delivery_conf conf;
    struct kc_delivery *next; /* needs the pusher's lock */

    pthread_mutex_t lock; /* all below needs it */
    pthread_cond_t changed;
    struct lane **lanes; /* by partition; NULL: nothing came from it yet */
    size_t lane_count;
    size_t turn; /* the lane to begin with */
    size_t on_wire;
    bool must_tell;   /* a pause that came about under the lock */
    bool is_refusing; /* the pusher is settling what it took from the queues */
    bool is_stopping;
    size_t waiting_bytes;
    int64_t hold_until_ms; /* the receiver wants nothing before */
    struct kc_delivery_status status;
};

struct kc_pusher {
    struct kc_http *http;
    pthread_t thread;
    pthread_mutex_t lock; /* of the list; before a delivery's lock */
    struct kc_delivery *deliveries;
    pthread_mutex_t wake_lock; /* nothing else is locked under it */
    pthread_cond_t wake;
    bool is_woken;
    bool is_stopping;
};

void kc_pusher_wake(struct kc_pusher *p);
void kc_pusher_add(struct kc_pusher *p, struct kc_delivery *d);
void kc_pusher_remove(struct kc_pusher *p,
                      struct kc_delivery *d); /* none of it is in use then */

/* Takes the first message of a lane; needs the delivery's lock, as what follows. */
struct message *kc_lane_shift(struct lane *lane);

/* What belongs to partitions that went is not ours to deliver any more. */
void kc_lane_drop_unawaited(struct lane *lane);

/* All messages that wait and are not on the wire. */
struct message *kc_delivery_take_waiting(struct kc_delivery *d);
void kc_delivery_note_error(struct kc_delivery *d, const struct kc_error *err, int status);
void kc_delivery_note_pause(struct kc_delivery *d, const char *reason);

void kc_messages_free(struct message *first); /* needs no lock */

#endif
