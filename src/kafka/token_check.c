// SPDX-License-Identifier: Apache-2.0
#include "kafka/token_check.h"

#include "base/clock.h"
#include "kafka/library.h"
#include "kafka/token_ask.h"

#include <stdlib.h>
#include <string.h>

struct call {
    int64_t deadline_ms;
    struct kc_http_answer answer;
    struct kc_buf memory;
};

static bool call(struct kc_http *http, struct kc_http_request *request, void *arg,
                 struct kc_error *err)
{
    struct call *one = arg;
    request->timeout_ms = kc_ms_until(one->deadline_ms, INT32_MAX);
    if (request->timeout_ms <= 0)
        request->timeout_ms = 1;
    kc_buf_clear(&one->memory);
    one->answer = (struct kc_http_answer){ 0 };
    return kc_http_call(http, request, &one->answer, &one->memory, err);
}

static enum kc_token_fault fault_of(const struct kc_error *err,
                                    const struct kc_http_answer *answer, bool has_answer)
{
    int status = answer->status;
    switch (err->code) {
    case KC_TIMEOUT:
        return KC_TOKEN_TIMEOUT;
    case KC_UNTRUSTED:
        return KC_TOKEN_UNTRUSTED;
    case KC_CONFIG:
    case KC_ADDRESS_REFUSED:
        return KC_TOKEN_CONFIG;
    case KC_AUTH:
        return KC_TOKEN_REFUSED;
    case KC_BAD_ANSWER:
        if (!has_answer) /* of a whole answer that is too long, the status is known */
            return status > 0 ? KC_TOKEN_TOO_LARGE : KC_TOKEN_BAD_ANSWER;
        return status == 200 ? KC_TOKEN_BAD_ANSWER : KC_TOKEN_SERVER_FAILED;
    default:
        return answer->is_late ? KC_TOKEN_TIMEOUT : KC_TOKEN_UNREACHABLE;
    }
}

/* As token.c asks: their certificate may be signed by the brokers' authority or by a public
 * one.
 */
static bool ask(struct kc_http *http, const struct kc_account *account, struct call *one,
                struct kc_error *err)
{
    bool has_own_ca = account->ca || account->ca_file;
    bool ok = kc_token_ask(http, account, has_own_ca, call, one, err);
    if (ok || !has_own_ca || err->code != KC_UNTRUSTED)
        return ok;
    struct kc_error first = *err;
    kc_error_clear(err);
    ok = kc_token_ask(http, account, false, call, one, err);
    if (!ok && err->code == KC_UNTRUSTED)
        *err = first;
    return ok;
}

enum kc_token_fault kc_token_check(const struct kc_credentials *c, int wait_ms,
                                   int64_t *life_ms, struct kc_error *err)
{
    const struct kc_http_conf conf = { .allow = kc_kafka_allowed_token_servers(),
                                       .max_parallel = 1 };
    struct call one = { .deadline_ms = kc_now_ms() + wait_ms };
    struct kc_token token = { NULL, 0 };
    struct kc_account account;
    struct kc_http *http = NULL;
    if (!kc_http_open(&http, &conf, err))
        return KC_TOKEN_CONFIG;
    kc_buf_init(&one.memory, KC_TOKEN_ANSWER_BYTES);
    kc_account_copy(&account, c);
    bool has_answer = ask(http, &account, &one, err);
    bool ok = has_answer &&
              kc_token_take(&token, &account, one.answer.status, kc_buf_peek(&one.memory), err);
    enum kc_token_fault fault = ok ? KC_TOKEN_FINE : fault_of(err, &one.answer, has_answer);
    *life_ms = token.life_ms;
    if (token.text)
        explicit_bzero(token.text, strlen(token.text));
    if (one.memory.data)
        explicit_bzero(one.memory.data, one.memory.len);
    free(token.text);
    kc_buf_deinit(&one.memory);
    kc_account_free(&account);
    kc_http_close(http);
    return fault;
}
