// SPDX-License-Identifier: Apache-2.0
/* jobs.h - pieces of work for the steps of produce, and the queues they wait in.
 *
 * A job is the first member of a struct of whoever brings it, and stays his: a queue only links
 * it. A queue takes no lock; it belongs to whoever holds its owner's. */
#ifndef KC_TRANSPORT_HTTP_JOBS_H
#define KC_TRANSPORT_HTTP_JOBS_H

#include "base/error.h"
#include "runtime/json.h"

struct kc_service;
struct kc_opened;

/* Exactly one of its functions is called, once for each time it was handed over. */
struct kc_job {
    /* On the step's worker: hands it to the entry point, which may wait. kc_opened_done() is
     * due when all its ends were said. */
    void (*run)(struct kc_job *job, void *self, struct kc_json_reader *reader);

    /* On the desk. */
    void (*read)(struct kc_job *job, struct kc_service *s);

    /* On any thread: it was too much, or waited too long. No step is held for it any more. */
    void (*refuse)(struct kc_job *job, const struct kc_error *err);

    size_t bytes; /* of its body */

    struct kc_job *next;    /* the queue's */
    struct kc_opened *step; /* from here on: opened.c's */
    int64_t queued_ms;
};

/* Zeros are an empty one. */
struct kc_jobs {
    struct kc_job *first, *last;
    size_t count, bytes;
};

/* Whether one more may wait there, of so many jobs and bytes. One always may where none does,
 * however large it is. */
bool kc_jobs_have_room(const struct kc_jobs *q, const struct kc_job *job, size_t jobs_max,
                       size_t bytes_max);

void kc_jobs_append(struct kc_jobs *q, struct kc_job *job);
struct kc_job *kc_jobs_pop(struct kc_jobs *q); /* NULL: there is none */

#endif
