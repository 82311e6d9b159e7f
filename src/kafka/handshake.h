// SPDX-License-Identifier: Apache-2.0
/* handshake.h - the first words of the Kafka protocol, spoken over a probe.
 *
 * Whether it is Kafka that answers (ApiVersions), which mechanisms are on offer
 * (SaslHandshake), and whether a user is refused before the password is looked at (the first
 * message of SCRAM). Each waits until the probe's instant; false where the connection or the
 * answer failed: the probe's fault says how, KC_PROBE_FINE means an answer that is not Kafka's.
 * Private to kafka/.
 */
#ifndef KC_KAFKA_HANDSHAKE_H
#define KC_KAFKA_HANDSHAKE_H

#include "net/probe.h"

#define KC_OFFER_SIZE 256

/* Kafka's code for a handshake on a listener that knows no sign-in. */
#define KC_ILLEGAL_SASL_STATE 34

struct kc_offer {
    int error;                /* Kafka's: 0, 33 (not this mechanism), 34 (no sign-in here) */
    char list[KC_OFFER_SIZE]; /* "PLAIN, SCRAM-SHA-512" */
};

bool kc_handshake_kafka(struct kc_probe *p, const char *client_id) KC_MUST_CHECK;

bool kc_handshake_offer(struct kc_probe *p, const char *client_id, const char *mechanism,
                        struct kc_offer *offer) KC_MUST_CHECK;

/* After an offer that took the mechanism, which is one of SCRAM. *is_refused: no such user. */
bool kc_handshake_scram(struct kc_probe *p, const char *client_id, const char *user,
                        bool *is_refused) KC_MUST_CHECK;

#endif
