// SPDX-License-Identifier: Apache-2.0
/* kerberos.h - the tickets that GSSAPI signs in with, where a keytab is given.
 *
 * Without a keytab tickets are the operator's business: what KRB5CCNAME names is used as it is.
 * With one, MIT's kinit is run (no shell, no secrets in its environment) and its tickets lie in
 * a folder of our own that goes at the end; a thread renews them when four fifths of their life
 * are over, and tries again with back-off where that fails.
 *
 * The library that reads tickets finds them by an environment variable of the whole process. So
 * a process has one Kerberos identity, and the variable is set before there are threads:
 * setenv() beside a getenv() of another thread is a crash. */
#ifndef KC_KAFKA_KERBEROS_H
#define KC_KAFKA_KERBEROS_H

#include "kafka/credentials.h"

/* Where these credentials of the start name a keytab: makes the folder and sets KRB5CCNAME. On
 * the main thread, before any other. Credentials that are wrong are left to whoever uses them.
 */
bool kc_kerberos_prepare(const struct kc_doc *credentials, struct kc_error *err) KC_MUST_CHECK;

#define KC_KERBEROS_MS 8000 /* the usual wait for the first ticket */

/* Makes sure that there is a ticket of c->kerberos_keytab, waiting so long for the first one.
 * CONFIG where kinit or the keytab is missing or another identity is in use, AUTH where
 * the KDC refuses, UNAVAILABLE where it does not answer. Any thread. */
bool kc_kerberos_ensure(const struct kc_credentials *c, int wait_ms,
                        struct kc_error *err) KC_MUST_CHECK;

/* Which of these a complaint of Kerberos' library is about. */
enum kc_code kc_kerberos_code(const char *complaint);

void kc_kerberos_close(void); /* the tickets go; when no client is left. Never opened is fine */

#endif
