// SPDX-License-Identifier: Apache-2.0
/* node_step.h - runs a step of a flow: the component in tests/interop/node-step in the
 * platform's own Node.js runtime, or ours.
 *
 * All that a step is told stands in its environment, which is the caller's business. What it
 * logs goes to a file, so that nobody is held up by a log that is not read. Steps belong to the
 * test until step_free_all(), its teardown. */
#ifndef TESTS_SUPPORT_NODE_STEP_H
#define TESTS_SUPPORT_NODE_STEP_H

#include "process.h"

enum step_kind {
    STEP_NODE, /* of node-step: echo, source, sink, produce, consume */
    STEP_OURS, /* of the binary under test: produce, consume */
    STEP_ECHO, /* of tests/interop/echo.c: echo, as a step of ours */
};

struct step {
    struct process *process;
    enum step_kind kind;
    char log_path[48];
    /* private */
    char *log;
    struct step *next;
};

/* env as in process_options, at most STEP_ENV_MAX of them. Does not wait for anything. Where
 * KC_STEP_CORE is set, steps run on that core alone. */
#define STEP_ENV_MAX 80
struct step *step_start(enum step_kind kind, const char *const env[]);

const char *step_log(struct step *s); /* all until now; a loan until the next call */
void step_expect_log(struct step *s, const char *text, int wait_ms); /* waits for it */

/* Waits until it takes messages. */
void step_wait_ready(struct step *s, int wait_ms);

/* Waits for its end; fails with its log at the deadline. */
struct process_end step_wait(struct step *s, int wait_ms);

/* SIGTERM, and its end with exit code 0; freed. */
void step_stop(struct step *s, int wait_ms);

void step_free(struct step *s);  /* kills it first; NULL is fine */
int step_free_all(void **state); /* a test's teardown */

#endif
