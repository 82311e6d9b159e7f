// SPDX-License-Identifier: Apache-2.0
/* producer_private.h - what producer.c and again.c share. */
#ifndef KC_KAFKA_PRODUCER_PRIVATE_H
#define KC_KAFKA_PRODUCER_PRIVATE_H

#include "base/sync.h"
#include "kafka/producer.h"
#include "kafka/writer.h"

#define KC_CROWD_BATCHES 32 /* on the way at once */

struct kc_producer {
    struct kc_writer_conf conf;
    struct kc_writer *main;   /* needs writers */
    struct kc_writer *single; /* needs writers; NULL until it is wanted */
    struct kc_writer *crowd;  /* the same */
    pthread_rwlock_t writers; /* held for reading while a batch is sent */
    int64_t reopened_ms;      /* answers only; when the last writer was lost */
    atomic_bool is_purged;

    pthread_t answers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct kc_batch *finished; /* newest first; needs lock */
    size_t unseen;             /* of them, that answers was not woken for yet; needs lock */
    size_t outstanding;        /* batches not answered yet; needs lock */
    int64_t crowd_until_ms;    /* needs lock; the crowd's writer is used so long … */
    int64_t crowd_from_ms;     /* needs lock; … and not before it had time to connect */
    bool is_closing;           /* needs lock */
};

/* Puts all records, or those chosen to be sent again. The batch was given one report more than
 * records, so that it cannot finish before this is through with it. */
void kc_put_records(struct kc_batch *b, struct kc_writer *w, bool only_again);

/* --- again.c --- */

/* Opens the writer for a crowd where there is one, and gives one up that met a fatal error. */
void kc_look_after_crowd(struct kc_producer *p);

/* Sends again what may still get in; false when the batch is as it will stay. */
bool kc_send_again(struct kc_producer *p, struct kc_batch *b);

#endif
