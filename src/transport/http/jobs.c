// SPDX-License-Identifier: Apache-2.0
#include "transport/http/jobs.h"

bool kc_jobs_have_room(const struct kc_jobs *q, const struct kc_job *job, size_t jobs_max,
                       size_t bytes_max)
{
    return q->count == 0 || (q->count < jobs_max && q->bytes + job->bytes <= bytes_max);
}

void kc_jobs_append(struct kc_jobs *q, struct kc_job *job)
{
    job->next = NULL;
    if (q->last)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
    q->count++;
    q->bytes += job->bytes;
}

struct kc_job *kc_jobs_pop(struct kc_jobs *q)
{
    struct kc_job *job = q->first;
    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    q->bytes -= job->bytes;
    return job;
}
