// SPDX-License-Identifier: Apache-2.0
/* token_ask.h - the question that a token server is asked, and what its answer is. Private to
 * kafka/. Any thread. */
#ifndef KC_KAFKA_TOKEN_ASK_H
#define KC_KAFKA_TOKEN_ASK_H

#include "kafka/credentials.h"
#include "kafka/token_answer.h"
#include "net/http.h"

#define KC_TOKEN_ANSWER_BYTES 65536 /* tokens are far smaller */

/* What makes two accounts the same. Texts are owned. */
struct kc_account {
    char *url, *id, *secret, *scope, *extensions, *ca, *ca_file;
};

void kc_account_copy(struct kc_account *a, const struct kc_credentials *c);
void kc_account_free(struct kc_account *a); /* wipes the secret */
bool kc_account_is(const struct kc_account *a, const struct kc_credentials *c);

/* Sends the request, to which it may add what it needs; nothing of it lives longer than the
 * call. */
typedef bool kc_token_send(struct kc_http *http, struct kc_http_request *request, void *arg,
                           struct kc_error *err);

bool kc_token_ask(struct kc_http *http, const struct kc_account *account, bool with_own_ca,
                  kc_token_send *send, void *arg, struct kc_error *err) KC_MUST_CHECK;

/* The token of an answer that came. AUTH where they refuse the account, BAD_ANSWER otherwise;
 * where they repeat the account's secret, err does not. */
bool kc_token_take(struct kc_token *token, const struct kc_account *account, int status,
                   struct kc_text body, struct kc_error *err) KC_MUST_CHECK;

#endif
