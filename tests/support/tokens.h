// SPDX-License-Identifier: Apache-2.0
/* tokens.h - what a token server answers: access tokens that the tests' Kafka takes. */
#ifndef TESTS_SUPPORT_TOKENS_H
#define TESTS_SUPPORT_TOKENS_H

#include <stdbool.h>

/* An answer with a token for this user, good for life_s, without a signature, as a broker takes
 * it that was told of no authority. The caller frees. */
char *token_answer(const char *user, int life_s, bool says_life);

#endif
