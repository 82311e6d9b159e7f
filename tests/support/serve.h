// SPDX-License-Identifier: Apache-2.0
/* serve.h - runs `kafka-component serve` for a test: the binary under test, on a free loopback
 * port.
 *
 * It listens when serve_start() returns; its log goes to a file, so that a server that logs
 * much is never held up by a test that does not read. Servers belong to the test until
 * serve_free_all(), its teardown (live_test() does it). */
#ifndef TESTS_SUPPORT_SERVE_H
#define TESTS_SUPPORT_SERVE_H

#include "process.h"

struct serve {
    char address[64]; /* HOST:PORT as it logged */
    char base[80];    /* http://HOST:PORT, or https:// with --tls-cert */
    struct process *process;
    /* private */
    char log_path[64];
    char *log;
    const char **args, **env;
    struct serve *next;
};

/* `serve --listen 127.0.0.1:0` and these arguments; one that begins with --listen replaces
 * ours. env as in process_options: ARGS(no_sign_in()), say. Both may be NULL, and are copied.
 * Fails with its log when it does not listen within 30 s. */
struct serve *serve_start(const char *const env[], const char *const args[]);

/* SIGTERM, and the end within wait_ms with this exit code; freed. Fails with its log. */
void serve_stop(struct serve *s, int exit_code, int wait_ms);

void serve_kill(struct serve *s); /* kill -9; its connections break */

/* Starts it anew after serve_kill() or its own end: same arguments, same port, one log. */
void serve_restart(struct serve *s);

const char *
serve_log(struct serve *s); /* all of stderr until now; a loan until the next call */
void serve_expect_log(struct serve *s, const char *text, int wait_ms); /* waits for it */

/* Waits until a line of /metrics begins like that; fails with what /metrics said last. */
void serve_expect_metric(struct serve *s, const char *line, int wait_ms);

void serve_free(struct serve *s); /* kills it first; NULL is fine */
int serve_free_all(void **state); /* a test's teardown */
void serve_keep(
    struct serve *s); /* serve_free_all() passes over it: for a server of many tests */

#endif
