// SPDX-License-Identifier: Apache-2.0
/* sailor_private.h - what the files of the sailor share: sailor.c starts and ends it, worker.c
 * takes deliveries, job.c is one of them, emit.c publishes what they lead to. */
#ifndef KC_TRANSPORT_SAILOR_PRIVATE_H
#define KC_TRANSPORT_SAILOR_PRIVATE_H

#include "platform/api.h"
#include "platform/cipher.h"
#include "platform/environment.h"
#include "platform/storage.h"
#include "transport/sailor/emit.h"
#include "transport/sailor/inbox.h"
#include "transport/sailor/job.h"
#include "transport/sailor/publisher.h"
#include "transport/transport.h"

#include <pthread.h>

#define KC_SAMPLE_RECORDS 10

/* A delivery that waits for the worker. */
struct kc_work {
    struct kc_delivery *delivery;
    struct kc_work *next;
};

struct kc_sailor {
    const struct kc_env *conf;
    const struct kc_environment *env;
    const struct kc_entry *entry;
    struct kc_amqp_uri uri;
    struct kc_http *http;
    struct kc_halt halt; /* of what waits to try again, at the start and for the API */
    struct kc_cipher *cipher;
    struct kc_storage *storage;
    struct kc_api api;
    struct kc_step_data data;
    struct kc_doc *config, *credentials;
    struct kc_step step;
    struct kc_tally tally;
    struct kc_envelope_rules rules;
    struct kc_table *common; /* headers of everything that leaves */
    struct kc_inbox *inbox;

    pthread_mutex_t sending;        /* of the next one: closed while others may want to send */
    struct kc_publisher *publisher; /* NULL: over; what is sent then is given up */

    void *self; /* the entry's; a trigger's once it was started */
    pthread_t worker, trigger;
    bool has_worker, has_trigger; /* the threads were started */

    pthread_mutex_t lock;  /* of what follows */
    pthread_cond_t wanted; /* the worker has something to do */
    pthread_cond_t quiet;  /* somebody who waits for the end of things may look again */
    bool is_waited_for;    /* there is such a one */
    struct kc_work *work, **last_work;
    size_t jobs;     /* open */
    size_t speaking; /* jobs whose end is unsaid */
    size_t dropped;  /* jobs that ended unanswered, since no time was left */
    bool is_working; /* the worker is busy */
    bool is_stopping;
    bool is_abandoned; /* no time is left: nothing is answered any more */
    bool worker_may_end;
    int stop_ms;
    int exit_code;
};

/* Wakes who waits for the end of things; needs lock. */
void kc_sailor_changed(struct kc_sailor *s);

/* worker.c */
void *kc_sailor_work(void *sailor);
void kc_sailor_push(struct kc_sailor *s, struct kc_delivery *d);
void kc_sailor_fail(struct kc_sailor *s); /* ends it all with exit code 1 */

/* emit.c: sends, or gives up where the publisher is over or everything is abandoned. Any
 * thread, the publisher's too. */
void kc_sailor_send(struct kc_sailor *s, struct kc_publishing *p);

#endif
