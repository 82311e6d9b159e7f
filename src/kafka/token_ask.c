// SPDX-License-Identifier: Apache-2.0
#include "kafka/token_ask.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

void kc_account_copy(struct kc_account *a, const struct kc_credentials *c)
{
    *a = (struct kc_account){ kc_strdup(c->token_url),          kc_strdup(c->username),
                              kc_strdup(c->password),           kc_strdup(c->scope),
                              kc_strdup(c->oauth_extensions),   kc_strdup(c->ca_certificate),
                              kc_strdup(c->ca_certificate_file) };
}

void kc_account_free(struct kc_account *a)
{
    explicit_bzero(a->secret, strlen(a->secret));
    free(a->url);
    free(a->id);
    free(a->secret);
    free(a->scope);
    free(a->extensions);
    free(a->ca);
    free(a->ca_file);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool kc_account_is(const struct kc_account *a, const struct kc_credentials *c)
{
    return same(a->url, c->token_url) && same(a->id, c->username) &&
           same(a->secret, c->password) && same(a->scope, c->scope) &&
           same(a->extensions, c->oauth_extensions) && same(a->ca, c->ca_certificate) &&
           same(a->ca_file, c->ca_certificate_file);
}

/* RFC 6749, 2.3.1: both are form-encoded before they are put together. */
static void print_authorization(const struct kc_account *a, struct kc_buf *out)
{
    struct kc_buf pair;
    kc_buf_init(&pair, KC_BUF_UNBOUNDED);
    kc_form_encode(&pair, a->id);
    kc_buf_puts(&pair, ":");
    kc_form_encode(&pair, a->secret);
    kc_buf_puts(out, "Authorization: Basic ");
    kc_base64_encode(out, pair.data, pair.len);
    kc_buf_append(out, "", 1);
    explicit_bzero(pair.data, pair.len);
    kc_buf_deinit(&pair);
}

bool kc_token_ask(struct kc_http *http, const struct kc_account *account, bool with_own_ca,
                  kc_token_send *send, void *arg, struct kc_error *err)
{
    struct kc_buf authorization, body;
    kc_buf_init(&authorization, KC_BUF_UNBOUNDED);
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    print_authorization(account, &authorization);
    kc_buf_puts(&body, "grant_type=client_credentials");
    if (account->scope) {
        kc_buf_puts(&body, "&scope=");
        kc_form_encode(&body, account->scope);
    }
    const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
                                    "Accept: application/json", authorization.data, NULL };
    struct kc_http_request request = {
        .method = "POST",
        .url = account->url,
        .headers = headers,
        .body = kc_buf_peek(&body),
        .answer_max_bytes = KC_TOKEN_ANSWER_BYTES,
        .ca = with_own_ca ? kc_text(account->ca) : KC_NO_TEXT,
        .ca_file = with_own_ca ? account->ca_file : NULL,
    };
    bool ok = send(http, &request, arg, err);
    explicit_bzero(authorization.data, authorization.len);
    kc_buf_deinit(&authorization);
    kc_buf_deinit(&body);
    return ok;
}

bool kc_token_take(struct kc_token *token, const struct kc_account *account, int status,
                   struct kc_text body, struct kc_error *err)
{
    if (status == 200)
        return kc_token_read(token, body, kc_wall_ms(), err);
    bool is_refusal = status == 400 || status == 401 || status == 403;
    kc_error_set(err, is_refusal ? KC_AUTH : KC_BAD_ANSWER, status,
                 "the token server answered with HTTP %d%s", status,
                 is_refusal ? "; check username (client id), password (client secret) and scope"
                            : "");
    kc_token_explain(body, account->secret, err);
    return false;
}
