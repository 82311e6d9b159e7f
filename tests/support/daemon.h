// SPDX-License-Identifier: Apache-2.0
/* daemon.h - what the servers have in common that the harness starts (kafka_server.h, rabbit.h,
 * kdc.h): a folder that holds all of theirs, logs, a port that is open one day, and an end.
 *
 * In its folder a server logs to server.log, and DAEMON_OUT is what its process printed. The
 * test's one thread. */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include "process.h"

#include <stdio.h>

#define DAEMON_START_MS 120000 /* for a start, where a machine has much to do besides */
#define DAEMON_OUT      "out.log"

/* --- Its folder --- */

/* Makes "/tmp/NAME.XXXXXX"; for a benchmark it is in memory. */
void daemon_folder(char folder[64], const char *name, bool is_for_bench);
void daemon_folder_remove(const char *folder); /* and all that is in it */

/* A file of it, empty. The caller closes it. */
FILE *daemon_file(const char *folder, const char *name);

/* Fails the test with the ends of both logs. */
_Noreturn void daemon_fail(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A file's whole text, NUL-terminated; the caller frees. */
char *read_text_file(const char *path);

/* --- Its process --- */

/* A port below the range that outgoing connections use: a client that knocks while the server
 * is down could otherwise be given the very port it knocks at, and be connected to itself. */
int free_port(void);

/* As process_start(), with what it prints in DAEMON_OUT; it outlives the test that started it.
 */
struct process *daemon_start(const char *folder, const char *const argv[],
                             const char *const env[]);

/* Waits until the process listens there; daemon_fail()s where it ends or is too late. */
void daemon_wait_port(const char *folder, struct process *p, int port);

/* Ends *p by the signal, or by force where that takes long, and frees it; NULL is fine. */
void daemon_end(struct process **p, int signal);

#endif
