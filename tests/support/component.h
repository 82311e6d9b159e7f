// SPDX-License-Identifier: Apache-2.0
/* component.h - runs the component against the tests' Kafka.
 *
 * JSON in arguments may be written with ' for ", so that tests can be read. Processes belong to
 * the caller; process_free_all() as a test's teardown takes what a failed test left. */
#ifndef TESTS_SUPPORT_COMPONENT_H
#define TESTS_SUPPORT_COMPONENT_H

#include "event.h"
#include "kafka_server.h"
#include "process.h"
#include "witness.h"

#define WAIT_MS 15000 /* the usual deadline: long enough that only a fault reaches it */

/* --- A live test program --- */

extern struct kafka_server *kafka; /* the program's one server */
extern struct witness *witness;    /* on it */

/* A group setup starts them (options may be NULL), a group teardown stops them. */
int live_start(const struct kafka_options *options);
int live_setup(void **state); /* without options */
int live_teardown(void **state);

/* A test that leaves no process of its own behind, and the server running, even when it fails.
 */
#define live_test(test) cmocka_unit_test_teardown(test, live_tidy)
int live_tidy(void **state);

/* --- Running the component --- */

/* The component's credentials as a setting of its environment,
 * "KAFKA_COMPONENT_CREDENTIALS={…}": a loan, good for the next few calls. */
const char *no_sign_in(void); /* to `kafka` over PLAINTEXT */
const char *sign_in(const char *protocol, const char *brokers, const char *mechanism,
                    const char *user, const char *password, const char *ca_path);

/* The text with ' replaced by ": a loan, good for the next few calls. */
const char *json(const char *text);

/* `run produce`/`run consume` on `kafka` without sign-in; more may be NULL. group NULL: a fresh
 * one. */
struct process *start_produce(const char *topic, const char *const more[]);
struct process *start_consume(const char *topic, const char *group, const char *const more[]);

/* The same from beginning to end; stdout holds nothing but events. Fails the test when the exit
 * code is another one. The events are the caller's, until json_decref(). */
json_t *produce(const char *topic, const char *const more[], const char *input, int exit_code);
json_t *consume(const char *topic, const char *group, const char *const more[], int exit_code);

/* Says one message (JSON with ') and takes its answer: its data events, its errors if any, and
 * its end, as an array. */
json_t *ask(struct process *p, const char *message);
json_t *take_answer(struct process *p, int wait_ms);

/* Ends input, takes the rest of stdout, frees; fails the test when the exit code is another
 * one. */
void finish(struct process *p, int exit_code);
void terminate(struct process *p, int exit_code); /* the same after SIGTERM */

#endif
