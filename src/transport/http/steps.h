// SPDX-License-Identifier: Apache-2.0
/* steps.h - the steps that requests run: opened once, kept while they are asked for.
 *
 * A step is found by the exact text of what a request said about it; whoever says nothing gets
 * the start's. Each has a queue and, while there is something to do, a worker thread that runs
 * the entry point, which may wait there: so a broker that is down holds up its own step only
 * (opened.h). What has to be read first, and what waits too long, is the desk's (desk.h). */
#ifndef KC_TRANSPORT_HTTP_STEPS_H
#define KC_TRANSPORT_HTTP_STEPS_H

#include "transport/http/opened.h"
#include "transport/http/service.h"

struct kc_steps; /* opaque: service->steps */

/* The step of this key, held for a job; NULL where it is not open. "" is the start's. Any
 * thread; does not wait. */
struct kc_opened *kc_steps_find(struct kc_steps *all, struct kc_text key);

/* Opens a step, held for a job, and keeps it under the key. The config is taken over in any
 * case; credentials too, NULL are the start's. faults gets what is wrong with them. On the
 * desk. */
struct kc_opened *kc_steps_open(struct kc_steps *all, struct kc_text key, struct kc_doc *config,
                                struct kc_doc *credentials, struct kc_faults *faults,
                                struct kc_error *err) KC_MUST_CHECK;

/* The settings of the start as produce takes them here: the caller's. */
struct kc_doc *kc_steps_config(const struct kc_service *s);

/* The clients that steps share. */
struct kc_producers *kc_steps_producers(struct kc_steps *all);

struct kc_steps_measure {
    size_t steps;   /* open */
    size_t waiting; /* jobs in queues */
};
void kc_steps_measure(struct kc_steps *all, struct kc_steps_measure *out);

#endif
