// SPDX-License-Identifier: Apache-2.0
/* steps.h - the steps that requests run: opened once, kept while they are asked for.
 *
 * A step is found by the exact text of what a request said about it; whoever says nothing gets
 * the start's. Each has a queue and, while there is something to do, a worker thread that runs
 * the entry point, which may wait there: so a broker that is down holds up its own step only.
 * What waits too long is refused by the desk, a thread that never waits for Kafka. The desk
 * also reads what the loop should not: large bodies, and settings. */
#ifndef KC_TRANSPORT_HTTP_STEPS_H
#define KC_TRANSPORT_HTTP_STEPS_H

#include "runtime/entry.h"
#include "transport/http/service.h"

struct kc_steps;  /* opaque: service->steps */
struct kc_opened; /* opaque: a step */

/* A piece of work; first in a struct of whoever brings it. Exactly one of its functions is
 * called, once for each time it was handed over. */
struct kc_job {
    /* On the step's worker: hands it to the entry point, which may wait. kc_steps_done() is due
     * when all its ends were said. */
    void (*run)(struct kc_job *job, void *self, struct kc_json_reader *reader);

    /* On the desk. */
    void (*read)(struct kc_job *job, struct kc_service *s);

    /* On any thread: it was too much, or waited too long. No step is held for it any more. */
    void (*refuse)(struct kc_job *job, const struct kc_error *err);

    size_t bytes; /* of its body */

    struct kc_job *next; /* from here on: steps.c's */
    struct kc_opened *step;
    int64_t queued_ms;
};

/* The step of this key, held for a job; NULL where it is not open. "" is the start's. Any
 * thread; does not wait. */
struct kc_opened *kc_steps_find(struct kc_steps *all, struct kc_text key);

/* Opens a step, held for a job, and keeps it under the key. The config is taken over in any
 * case; credentials too, NULL are the start's. faults gets what is wrong with them. Not on the
 * loop. */
struct kc_opened *kc_steps_open(struct kc_steps *all, struct kc_text key, struct kc_doc *config,
                                struct kc_doc *credentials, struct kc_faults *faults,
                                struct kc_error *err) KC_MUST_CHECK;

/* Queues the job on the step that is held for it, or refuses it. Any thread; does not wait. */
void kc_steps_push(struct kc_opened *step, struct kc_job *job);

/* The same on the loop: the worker is woken when the loop has been through all that is ready,
 * which is kc_steps_rounded(). */
void kc_steps_push_later(struct kc_opened *step, struct kc_job *job);
void kc_steps_rounded(struct kc_service *s);

/* The job is over: the step is not held for it any more. */
void kc_steps_done(struct kc_job *job);

/* Queues the job on the desk, or refuses it. Any thread; does not wait. */
void kc_steps_ask(struct kc_steps *all, struct kc_job *job);

/* The settings of the start as produce takes them here: the caller's. */
struct kc_doc *kc_steps_config(const struct kc_service *s);

/* The clients that steps share. */
struct kc_producers *kc_steps_producers(struct kc_steps *all);

/* Whether the start names a broker, and what is known of why it does not answer. Any thread. */
bool kc_steps_has_broker(struct kc_steps *all);
bool kc_steps_trouble(struct kc_steps *all, struct kc_error *err);

struct kc_steps_measure {
    size_t steps;   /* open */
    size_t waiting; /* jobs in queues */
};
void kc_steps_measure(struct kc_steps *all, struct kc_steps_measure *out);

#endif
