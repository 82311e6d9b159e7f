// SPDX-License-Identifier: Apache-2.0
/* emit.h - the events of a step as publishings: bodies, headers, routing keys.
 *
 * Each holds its job until the broker has confirmed it. Any thread; waits only for the object
 * storage, where that is used. */
#ifndef KC_TRANSPORT_SAILOR_EMIT_H
#define KC_TRANSPORT_SAILOR_EMIT_H

#include "runtime/outlet.h"

struct kc_job;
struct kc_sailor;

/* data->ack is told when it is confirmed. What cannot be sent at all, since it is too large or
 * the storage fails, becomes an error event; the ack is told when that is confirmed. The same
 * holds for what the publisher gave up. */
void kc_emit_data(struct kc_job *job, const struct kc_data *data);

/* An error, and its copy for whoever waits for a reply. details is JSON or absent. The job's
 * delivery will be rejected. */
void kc_emit_error(struct kc_job *job, const struct kc_error *err, struct kc_text details);

/* Publishes the delivery to come again later; beyond the limit it is an error that does not
 * reject. */
void kc_emit_rebound(struct kc_job *job, const struct kc_error *err);

void kc_emit_reply(struct kc_job *job, const struct kc_reply *reply);
void kc_emit_snapshot(struct kc_job *job, struct kc_text json, bool is_update);

/* Reports why the step cannot start, and waits for the confirm. */
void kc_emit_startup_error(struct kc_sailor *s, const struct kc_error *err, int wait_ms);

#endif
