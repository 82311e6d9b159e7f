// SPDX-License-Identifier: Apache-2.0
/* secrets.h - what no output of the component may ever hold: the tests' passwords, as they are,
 * in base64 wherever they stand in it (so PLAIN's \0user\0password and an Authorization header
 * too), and URL-encoded.
 *
 * The harness looks through all that passes it: stdout, stderr, logs of servers, the process
 * list, HTTP answers, and what callbacks are sent. A find ends the test program, even where a
 * test expects to fail. */
#ifndef TESTS_SUPPORT_SECRETS_H
#define TESTS_SUPPORT_SECRETS_H

#include <stddef.h>
#include <sys/types.h>

/* One more than the harness knows by itself (KAFKA_PASSWORD, KAFKA_GUEST_PASSWORD). Copied. */
void secrets_add(const char *secret);

/* Fails where these bytes hold one; where says what they are: "stderr". */
void secrets_check(const void *bytes, size_t size, const char *where);
void secrets_check_file(const char *path);
void secrets_check_command_line(pid_t pid); /* one that is gone already is fine */

#endif
