// SPDX-License-Identifier: Apache-2.0
/* opened.h - a step of produce that is open: its queue, and the worker behind it.
 *
 * Threads   loop    kc_opened_push_later(), kc_opened_rounded(): never waits
 *           worker  while there is something to do: runs jobs one by one, gathers for a
 *                   moment while others are on their way to Kafka
 *           any     the rest
 * Queue     4,096 jobs or 32 MiB; full: the job is refused
 * Holding   who finds or opens a step holds it for one job, until kc_opened_done() or a
 *           refusal; what is held is not closed */
#ifndef KC_TRANSPORT_HTTP_OPENED_H
#define KC_TRANSPORT_HTTP_OPENED_H

#include "transport/http/jobs.h"

struct kc_opened; /* opaque; its fields are in steps_private.h */

/* Queues the job on the step that is held for it, or refuses it. Does not wait. */
void kc_opened_push(struct kc_opened *step, struct kc_job *job);

/* The same on the loop: the worker is woken when the loop has been through all that is ready,
 * which is kc_opened_rounded(). */
void kc_opened_push_later(struct kc_opened *step, struct kc_job *job);
void kc_opened_rounded(struct kc_service *s);

/* The job is over: the step is not held for it any more. */
void kc_opened_done(struct kc_job *job);

#endif
