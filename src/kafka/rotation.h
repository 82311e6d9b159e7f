// SPDX-License-Identifier: Apache-2.0
/* rotation.h - passwords that change while the process runs.
 *
 * The credentials of the start are read again when somebody asks (SIGHUP), and each second
 * while brokers or the token server refuse what they took before. What is new goes to every
 * open client that has the start's credentials, and to those that are opened later: they are
 * still told the old ones, and find here what those have become. Only who we are can change,
 * username and password; anything else takes a restart, and a warning says so.
 *
 * There is one set in a process, as there is one start. Any thread, unless it says otherwise.
 */
#ifndef KC_KAFKA_ROTATION_H
#define KC_KAFKA_ROTATION_H

#include "kafka/credentials.h"

/* Reads the start's credentials anew: the caller's document; NULL and err where it cannot. On a
 * thread of ours. */
typedef struct kc_doc *kc_rotation_read(void *arg, struct kc_error *err);

/* From here on. Nothing happens where the credentials are empty or wrong. On the main thread,
 * before any client; arg is borrowed until stop. */
void kc_rotation_start(const struct kc_doc *credentials, kc_rotation_read *read, void *arg);
void kc_rotation_ask(void *unused); /* reads them now; returns at once */
void kc_rotation_stop(void);        /* when no client is left; never started is fine */

#endif
