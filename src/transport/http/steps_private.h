// SPDX-License-Identifier: Apache-2.0
/* steps_private.h - what the files of the room share: steps.c has the list of steps, opened.c a
 * step and its worker, desk.c the desk.
 *
 * Locks      steps->lock before step->lock
 * Life       a step is closed when it has no jobs and no worker, and is not found any more
 * Shutdown   stop(0) has the entry points answer all at once; close() waits for the workers */
#ifndef KC_TRANSPORT_HTTP_STEPS_PRIVATE_H
#define KC_TRANSPORT_HTTP_STEPS_PRIVATE_H

#include "base/sync.h"
#include "component/entries.h"
#include "transport/http/desk.h"
#include "transport/http/steps.h"

#define KC_STEPS_LOOK_MS 50    /* how often the desk looks after queues */
#define KC_STEPS_REST_MS 10000 /* … and after steps, where there are no workers */

struct kc_opened {
    struct kc_opened *next; /* needs steps->lock */
    struct kc_steps *all;
    char *key;
    size_t key_len;
    uint32_t hash; /* of the key; steps.c's */
    void *self;    /* the entry point's */
    struct kc_doc *config;
    struct kc_doc *credentials; /* NULL: the start's */
    int patience_ms;            /* how long a job may wait for its turn */
    bool is_fallback;
    bool is_due; /* loop only: its worker is to be woken after this round */
    struct kc_opened *next_due;

    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_cond_t idle;
    struct kc_jobs queue; /* needs lock, as what follows */
    size_t jobs;          /* not over */
    int64_t used_ms;
    bool has_worker;
    bool is_waiting;   /* the worker, for jobs */
    bool is_gathering; /* … and for more of them */
    bool is_closing;   /* nobody finds it any more */
};

struct kc_steps {
    struct kc_service *service;
    struct kc_producers *producers;
    struct kc_opened *fallback; /* the start's; NULL: it names no broker or no topic */
    void *warm; /* the start's without a topic, so that its client is there; may be NULL */

    struct kc_opened *due; /* loop only; each is held */

    pthread_t desk;
    bool has_desk;
    pthread_mutex_t lock;
    pthread_cond_t wake;    /* the desk has something to look after, or a worker is gone */
    struct kc_opened *list; /* needs lock, as what follows */
    size_t count;
    size_t workers;
    struct kc_jobs asked; /* of the desk */
    bool is_stopped;      /* all is answered at once */
    bool is_closing;
};

/* --- opened.c --- */

/* A step that nobody holds or finds yet; the documents are taken over. What remains is to open
 * its entry point. */
struct kc_opened *kc_opened_new(struct kc_steps *all, struct kc_text key, struct kc_doc *config,
                                struct kc_doc *credentials);

/* Waits for its jobs and its worker first. */
void kc_opened_close(struct kc_opened *step);
void kc_opened_close_all(struct kc_opened *list);

void kc_opened_hold(struct kc_opened *step);

/* Lets go of the step that is held for the job, too, if there is one. */
void kc_opened_refuse(struct kc_job *job, const struct kc_error *err);
void kc_opened_refuse_full(struct kc_job *job, const struct kc_jobs *q);

/* --- desk.c --- */

void kc_desk_start(struct kc_steps *all);
void kc_desk_join(struct kc_steps *all); /* it ends once all->is_closing and nothing is left */

/* Closes the step that was idle the longest, where one more would be too many. On the desk. */
bool kc_desk_make_room(struct kc_steps *all, struct kc_error *err) KC_MUST_CHECK;

#endif
