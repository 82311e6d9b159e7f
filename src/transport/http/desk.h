// SPDX-License-Identifier: Apache-2.0
/* desk.h - the thread that looks after the steps of produce, and never waits for Kafka.
 *
 * It reads what the loop should not: large bodies, and settings, for which it opens steps. It
 * refuses what waited too long for its turn, and closes steps that nobody asks for.
 *
 * Queue      4,096 jobs or 64 MiB; full: the job is refused */
#ifndef KC_TRANSPORT_HTTP_DESK_H
#define KC_TRANSPORT_HTTP_DESK_H

#include "transport/http/jobs.h"

struct kc_steps;

/* Queues the job to be read, or refuses it. No step is held for it. Any thread; does not wait.
 */
void kc_desk_ask(struct kc_steps *all, struct kc_job *job);

#endif
