// SPDX-License-Identifier: Apache-2.0
/* flow.h - a flow of steps, ours and the platform's own, through a real RabbitMQ: what the
 * platform tells each of them, by its environment and by a stub of its API and of its object
 * storage, and the cipher that they share.
 *
 * A step with orders in its message (tests/interop/node-step/lib/echo.js) does what they say.
 */
#ifndef TESTS_SUPPORT_FLOW_H
#define TESTS_SUPPORT_FLOW_H

#include "amqp.h"
#include "node_step.h"
#include "rabbit.h"
#include "stub.h"

#define FLOW_WAIT_MS 30000

struct flow; /* opaque */

struct flow *flow_open(const struct rabbit *rabbit);
void flow_close(struct flow *f); /* NULL is fine */

/* What the API answers when it is asked for this step: the members of a JSON object
 * ("\"is_passthrough\":true"), on top of an empty configuration. Before the step starts. */
void flow_describe(struct flow *f, const char *step_id, const char *members);

struct flow_step {
    enum step_kind kind;
    const char *function;
    const char *id;               /* "step_2" */
    const struct mq_step *queues; /* where it listens, and where its words go */
    const char *const *env;       /* on top, as in process_options; NULL: nothing */
};

/* Starts a step; step_wait_ready() says when it takes messages. */
struct step *flow_start(struct flow *f, const struct flow_step *s);

/* What the step of `from` emits goes to the step of `to`, and no longer to its data queue. */
void flow_connect(struct mq *mq, const struct mq_step *from, const struct mq_step *to);

/* --- Messages --- */

/* Puts a message object (JSON) into a step's queue. headers as in mq_publish: with
 * protocolVersion, where it is to be there; version is how the body is written. */
void flow_send(struct mq *mq, const struct mq_step *to, const char *json, int version,
               const amqp_table_entry_t *headers);

/* A body as it travels; the caller's. */
char *flow_encrypt(const char *plain, int version, size_t *len);

/* What such a body holds, and where it is a JSON text, that; fails when it cannot be read. The
 * caller's. */
char *flow_decrypt(const char *body, size_t len, int version);
json_t *flow_read(const char *body, size_t len, int version);

/* The same of a message, by its protocolVersion. */
json_t *flow_message(const struct mq_message *m);

#endif
