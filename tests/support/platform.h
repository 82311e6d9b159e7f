// SPDX-License-Identifier: Apache-2.0
/* platform.h - the platform around one step of a flow, as a stub: its REST interface, its
 * object storage, what stands in a step's environment, and how its messages are encrypted
 * (written here anew, on OpenSSL, so that it can bear witness).
 *
 *     struct platform *platform = platform_start();
 *     platform_set_step(platform, NULL, "{'config': {'topic': 't'}, 'is_passthrough': true}");
 *     struct process *p = component_start(ARGS("sailor"), &(struct process_options){
 *         .env = platform_env(platform, rabbit, &step, ARGS("ELASTICIO_FUNCTION=consume")) });
 *     platform_send(mq, &step, "{'body': {'n': 1}}", 1, MQ_TABLE(mq_text("messageId", "m1")));
 *     json_t *out = platform_read(mq_take(mq, step.data, WAIT_MS));
 *
 * JSON may be written with ' for ". The test's one thread. */
#ifndef TESTS_SUPPORT_PLATFORM_H
#define TESTS_SUPPORT_PLATFORM_H

#include "amqp.h"
#include "rabbit.h"
#include "stub.h"

/* No output of the component may hold the second and third, nor the password of the messages.
 */
#define PLATFORM_USERNAME "platform-user"
#define PLATFORM_KEY      "platform-Key-3c1d"
#define PLATFORM_TOKEN    "platform-Token-77e0" /* of the object storage */
#define PLATFORM_PASSWORD "testCryptoPassword"
#define PLATFORM_IV       "iv=any16_symbols"

struct platform {
    struct stub *stub; /* every request that came; its queue (stub_next) answers first */
    struct platform_private *private;
};

struct platform *platform_start(void);
void platform_free(struct platform *p); /* NULL is fine */
int platform_free_all(void **state);    /* a test's teardown: frees what a failed test left */

/* --- What it answers --- */

/* GET /v1/tasks/{flow}/steps/{step}; of every step that has none of its own where NULL. At
 * first "{'config': {}}". Whoever does not sign in by PLATFORM_USERNAME gets 401. */
void platform_set_step(struct platform *p, const char *step_id, const char *json);

/* The state that a startup hook has stored, a loan; NULL: none. POST answers 409 while there is
 * one. */
const char *platform_state(struct platform *p);
void platform_set_state(struct platform *p, const char *json); /* NULL removes it */

/* The object storage: POST /objects, GET /objects/{id}, with "Bearer PLATFORM_TOKEN". */
const char *platform_add_object(struct platform *p, const void *bytes, size_t len); /* its id */
const void *platform_object(struct platform *p, const char *id, size_t *len); /* NULL: none */
int platform_object_count(struct platform *p);

/* The next `times` requests (-1: all) that begin with this ("GET /v1/tasks") are answered so.
 * What the answer points to must live on. times 0 ends it. */
void platform_fail(struct platform *p, const char *begin, int times,
                   const struct stub_answer *answer);

/* How many requests came that begin with this ("POST /objects"), and the last of them. */
int platform_calls(struct platform *p, const char *begin);
const struct stub_request *platform_last_call(struct platform *p, const char *begin);

/* --- A step's environment --- */

/* All mandatory variables and the object storage's, for process_options.env: FLOW_ID=flow1,
 * STEP_ID=step_2, EXEC_ID=exec1, WORKSPACE_ID=ws1, CONTAINER_ID=cont1, USER_ID=user1,
 * COMP_ID=comp1, FUNCTION=produce, … Of `more`, "NAME=value" (full names) replaces or adds,
 * "NAME" removes. Without r or step, nothing about AMQP. A loan until platform_free(). */
const char *const *platform_env(struct platform *p, const struct rabbit *r,
                                const struct mq_step *step, const char *const more[]);

/* --- Messages; what is returned is the caller's --- */

/* Encrypts and publishes to the step's input queue; version 1 is base64, 2 raw. The header
 * protocolVersion is added; the others are as given, or none for NULL. */
void platform_send(struct mq *mq, const struct mq_step *step, const char *message, int version,
                   const amqp_table_entry_t *headers);

/* What a message says: decrypted as its header protocolVersion has it, parsed. */
json_t *platform_read(const struct mq_message *m);

/* The same of an error message: {"error": {…}, "errorInput": {…}}, both decrypted. */
json_t *platform_read_error(const struct mq_message *m);

char *platform_encrypt_v1(const char *text);               /* base64 */
void *platform_encrypt_v2(const char *text, size_t *len);  /* raw */
char *platform_decrypt_v1(const char *base64, size_t len); /* these fail the test where */
char *platform_decrypt_v2(const void *bytes, size_t len);  /* it is not encrypted right */

/* With another password and IV. platform_unseal() is NULL where they do not fit. */
void *platform_seal(const char *password, const char *iv, const char *text, size_t *len);
char *platform_unseal(const char *password, const char *iv, const void *bytes, size_t len);

#endif
