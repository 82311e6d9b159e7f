// SPDX-License-Identifier: Apache-2.0
/* token_check.h - asks a token server once, to see what it says. Any thread but its own. */
#ifndef KC_KAFKA_TOKEN_CHECK_H
#define KC_KAFKA_TOKEN_CHECK_H

#include "base/error.h"
#include "kafka/credentials.h"

enum kc_token_fault {
    KC_TOKEN_FINE,
    KC_TOKEN_CONFIG,  /* it may not be asked at all */
    KC_TOKEN_REFUSED, /* they do not take the account or its scope */
    KC_TOKEN_SERVER_FAILED,
    KC_TOKEN_BAD_ANSWER, /* not a token */
    KC_TOKEN_TOO_LARGE,
    KC_TOKEN_TIMEOUT,
    KC_TOKEN_UNREACHABLE,
    KC_TOKEN_UNTRUSTED, /* their certificate */
};

/* The credentials are of mechanism oauthbearer. The token itself is forgotten; life_ms is how
 * long it would have lived. err says why not; nothing secret is in it. */
enum kc_token_fault kc_token_check(const struct kc_credentials *c, int wait_ms,
                                   int64_t *life_ms, struct kc_error *err) KC_MUST_CHECK;

#endif
