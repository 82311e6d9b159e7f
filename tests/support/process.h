// SPDX-License-Identifier: Apache-2.0
/* process.h - starts a child process, talks to it over pipes, and waits for what it does.
 *
 * Every wait has a deadline, and a deadline that passes fails the running cmocka test with what
 * the child wrote last. While one call waits, all three pipes are served, so neither side can
 * block the other. What the component writes is searched for secrets (secrets.h). No child
 * outlives the test program, however that ends. Single-threaded. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A NULL-terminated list of strings, for one call: ARGS("run", "produce"). */
#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct process; /* opaque; one child */

/* What a child gets beside its arguments; all of it may be left out. */
struct process_options {
    const char *const *env; /* "NAME=value" on top of ours; "NAME" removes one */
    const char *in_path;    /* stdin comes from this file, stdout and stderr go to these, */
    const char *out_path;   /* instead of pipes */
    const char *err_path;
};

/* How a child ended. Texts belong to the process and live until process_free(). */
struct process_end {
    int exit_code; /* -1 when a signal ended it */
    int signal;    /* 0 when it exited */
    bool has_core; /* its memory was dumped */
    double cpu_s;  /* user and system, all threads */
    long rss_peak_kb;
};

/* Milliseconds on a clock that never jumps. */
int64_t now_ms(void);

/* The value of an environment variable that the Makefile gives; fails where it is missing. */
const char *need_env(const char *name);

/* argv[0] is looked up on the PATH. options may be NULL. Never NULL. */
struct process *process_start(const char *const argv[], const struct process_options *options);

/* Starts the binary under test with these arguments (without argv[0]). */
struct process *component_start(const char *const args[],
                                const struct process_options *options);

pid_t process_pid(const struct process *p);
bool process_is_running(struct process *p);

/* Writes all of it; fails when the child takes nothing more before the deadline or is gone. */
void process_write(struct process *p, const void *bytes, size_t size, int wait_ms);
void process_say(struct process *p, const char *line); /* adds the newline; 10 s */

/* The same for what may come too late: a child that is gone, or takes nothing more in time, is
 * no failure. */
void process_offer(struct process *p, const void *bytes, size_t size, int wait_ms);

/* Bytes of stdout that are still in the pipe. */
size_t process_unread(const struct process *p);

/* Writes what the child takes without anyone reading its stdout: stops when it has taken
 * nothing for settle_ms or everything. Returns the bytes taken. */
size_t process_stuff(struct process *p, const void *bytes, size_t size, int settle_ms);

void process_close_stdin(struct process *p);
void process_close_stdout(struct process *p); /* as a reader that goes away does */

/* The next whole line of stdout without its newline: a loan until the next call. NULL at the
 * end of stdout, where half a line may be left in process_stdout(); fails at the deadline. */
const char *process_line(struct process *p, int wait_ms);

/* The same, but NULL at the deadline too. */
const char *process_line_if_any(struct process *p, int wait_ms);

/* Waits until stderr holds this text. */
void process_expect_stderr(struct process *p, const char *text, int wait_ms);

/* Returns at once; of SIGSTOP, when all its threads stand still. */
void process_signal(struct process *p, int signal);

/* Waits for the end, collecting output meanwhile; fails at the deadline. Twice is fine. */
struct process_end process_wait(struct process *p, int wait_ms);

/* What is unread of stdout and all of stderr; loans until process_free(). */
const char *process_stdout(struct process *p);
const char *process_stderr(struct process *p);

void process_free(struct process *p); /* kills it first; NULL is fine */

/* Frees whatever a failed test left running: a test's teardown. */
int process_free_all(void **state);

/* Leaves this one to its owner: process_free_all() passes over it. */
void process_keep(struct process *p);

/* A whole run in one call: start, write input, close stdin, wait for the end. */
struct run {
    struct process_end end;
    const char *out, *err; /* loans from process */
    struct process *process;
};
struct run run_process(const char *const argv[], const struct process_options *options,
                       const char *input, int wait_ms);
struct run run_component(const char *const args[], const struct process_options *options,
                         const char *input, int wait_ms);
/* Fails with all that was printed when the run ended otherwise. */
void assert_exit(const struct run *run, int exit_code);
void run_free(struct run *run);

#endif
