// SPDX-License-Identifier: Apache-2.0
/* visit.h - goes to addresses of brokers, each as far as it can: name, TCP, TLS, Kafka, the
 * mechanisms on offer. Nobody is signed in. Any thread. */
#ifndef KC_KAFKA_VISIT_H
#define KC_KAFKA_VISIT_H

#include "kafka/brokers.h"
#include "kafka/credentials.h"
#include "net/probe.h"

#define KC_VISITS_MAX 32 /* addresses at once; a thread each */

enum kc_visit_stage {
    KC_AT_NAME,
    KC_AT_TCP,
    KC_AT_TLS,
    KC_AT_KAFKA,
    KC_AT_MECHANISM,
    KC_AT_END, /* it went all the way */
};

enum kc_visit_result {
    KC_VISIT_FINE,
    KC_VISIT_NAME,        /* the name became nothing, or nobody said */
    KC_VISIT_REFUSED,     /* nobody listens there */
    KC_VISIT_UNREACHABLE, /* no way there */
    KC_VISIT_TIMEOUT,     /* by the stage */
    KC_VISIT_SETTINGS,    /* our CA, certificate or key cannot be read */
    KC_VISIT_CA_MISSING,  /* nobody that the system trusts signed their certificate … */
    KC_VISIT_CA_MISMATCH, /* … or nobody that the CA given did */
    KC_VISIT_WRONG_NAME,  /* it is for another host */
    KC_VISIT_EXPIRED,     /* it is not valid now */
    KC_VISIT_CERTIFICATE, /* something else is wrong with it */
    KC_VISIT_ID_WANTED,   /* they want a client certificate */
    KC_VISIT_ID_REFUSED,  /* they do not take ours */
    KC_VISIT_TLS_FAILED,  /* something else went wrong in TLS */
    KC_VISIT_PLAIN_PORT,  /* asked with TLS, it speaks Kafka in clear */
    KC_VISIT_TLS_PORT,    /* asked in clear, it speaks Kafka through TLS */
    KC_VISIT_NOT_KAFKA,   /* whoever answers, it is not Kafka */
    KC_VISIT_NO_SIGN_IN,  /* this listener knows no sign-in */
    KC_VISIT_NOT_OFFERED, /* it knows others than ours */
};

#define KC_OFFER_TEXT 256

struct kc_visit {
    struct kc_broker at;
    enum kc_visit_stage stage; /* where it ended */
    enum kc_visit_result result;
    struct kc_error err; /* a sentence of what happened, where it is not fine */
    int64_t ms[KC_AT_END];
    char addresses[KC_NAMES_SHOWN_SIZE];
    struct kc_probe_certificate certificate;
    char offer[KC_OFFER_TEXT];      /* "PLAIN, SCRAM-SHA-512"; "" where none was told */
    bool is_unchecked, is_any_name; /* the properties leave out checks of its certificate */
    bool wants_sign_in; /* the listener offers mechanisms, and the credentials have none */
};

/* Whether the CA, the certificate, the key and the lists of ciphers can be used; otherwise a
 * fault with its field. Asks nobody. */
bool kc_visit_check(const struct kc_credentials *c, struct kc_faults *faults) KC_MUST_CHECK;

/* Visits those of `visits` whose `at` is set; the rest is filled in. Returns when all are over,
 * or at the deadline. grace_ms: how long the others have once one went all the way; -1: as long
 * as the deadline lets them. */
void kc_visit_all(struct kc_visit *visits, size_t count, const struct kc_credentials *c,
                  int64_t deadline_ms, int grace_ms);

/* Whether the broker refuses the user at SCRAM's first message, before the password is looked
 * at. False too where that cannot be found out. */
bool kc_visit_is_user_refused(const struct kc_broker *at, const struct kc_credentials *c,
                              int64_t deadline_ms);

#endif
