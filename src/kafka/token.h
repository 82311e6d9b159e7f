// SPDX-License-Identifier: Apache-2.0
/* token.h - the access tokens that OAUTHBEARER signs in with. Private to kafka/.
 *
 * All clients of the process that have the same token server, account and scope share one
 * source: a thread that asks for a token, gives it to each of them, and asks for the next when
 * four fifths of its life are over. While that fails the old one stays in use; it tries again
 * with back-off. There is one set of sources in a process, since that is what "shared" means.
 */
#ifndef KC_KAFKA_TOKEN_H
#define KC_KAFKA_TOKEN_H

#include "kafka/client.h"

/* From here on the client gets tokens, the first one at once where there is one. health hears
 * of what fails. All is borrowed until leave. */
bool kc_token_join(rd_kafka_t *rk, const struct kc_credentials *c, struct kc_health *health,
                   struct kc_error *err) KC_MUST_CHECK;
void kc_token_leave(rd_kafka_t *rk); /* before it is destroyed; one that never joined is fine */

/* The account that signed in as `before` is another one now: the next token is asked for at
 * once, and the old one stays in use. */
void kc_token_rotate(const struct kc_credentials *before, const struct kc_credentials *now);

#endif
