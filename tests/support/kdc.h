// SPDX-License-Identifier: Apache-2.0
/* kdc.h - a real Kerberos KDC (MIT's krb5kdc) for one test program, on a free loopback port,
 * with its database, keytabs and krb5.conf in a temporary folder.
 *
 * Its realm has kafka/127.0.0.1 for the brokers and `alice` for clients, each with a keytab. */
#ifndef TESTS_SUPPORT_KDC_H
#define TESTS_SUPPORT_KDC_H

#include "process.h"

#define KDC_REALM    "KC.TEST"
#define KDC_SERVICE  "kafka/127.0.0.1@KC.TEST"
#define KDC_CLIENT   "alice@KC.TEST"
#define KDC_PASSWORD "kdc-Secret-5e0d"

struct kdc {
    char folder[64];
    char config[96]; /* krb5.conf: for KRB5_CONFIG, and Java's java.security.krb5.conf */
    char config_setting[112]; /* "KRB5_CONFIG=…" */
    char service_keytab[96];
    char client_keytab[96];
    /* private */
    struct process *process;
    int port;
    char profile_setting[112];
};

/* Tickets live for life_s. Answers requests when it returns. */
struct kdc *kdc_start(int life_s);

/* After it, nobody answers on its port, until kdc_restart(). */
void kdc_stop(struct kdc *kdc);
void kdc_restart(struct kdc *kdc);

/* Runs a line of kadmin.local: "delprinc -force alice". */
void kdc_admin(struct kdc *kdc, const char *line);

/* Gets alice's tickets by her keytab into that file, as an operator would. */
void kdc_tickets(struct kdc *kdc, const char *cache_path);

void kdc_free(struct kdc *kdc); /* NULL is fine */

#endif
