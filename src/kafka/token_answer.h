// SPDX-License-Identifier: Apache-2.0
/* token_answer.h - what a token server says (RFC 6749). Private to kafka/; pure. */
#ifndef KC_KAFKA_TOKEN_ANSWER_H
#define KC_KAFKA_TOKEN_ANSWER_H

#include "base/buf.h"
#include "base/error.h"

#define KC_TOKEN_LIFE_MAX_MS (24 * 60 * 60 * 1000) /* asked for again at least once a day */

struct kc_token {
    char *text; /* owned */
    int64_t life_ms;
};

/* Reads {"access_token", "expires_in"?, …}. Where the server names no life, the token's own
 * (the `exp` of a JWT) counts, else five minutes. Otherwise a BAD_ANSWER that does not quote
 * the text: it may hold a token. */
bool kc_token_read(struct kc_token *out, struct kc_text answer, int64_t wall_ms,
                   struct kc_error *err) KC_MUST_CHECK;

/* What an error answer says of its cause, {"error", "error_description"?}, is put behind err's
 * text, without our secret; nothing where it says nothing. */
void kc_token_explain(struct kc_text answer, const char *secret, struct kc_error *err);

/* Appends s as application/x-www-form-urlencoded has it. */
void kc_form_encode(struct kc_buf *out, const char *s);

#endif
