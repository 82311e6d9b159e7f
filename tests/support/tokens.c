// SPDX-License-Identifier: Apache-2.0
#include "tokens.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static void print_token(struct kc_buf *out, const char *user, int life_s)
{
    char claims[128];
    int64_t now_s = kc_wall_ms() / 1000;
    snprintf(claims, sizeof(claims), "{\"sub\":\"%s\",\"iat\":%lld,\"exp\":%lld}", user,
             (long long)now_s, (long long)now_s + life_s);
    kc_base64_encode(out, "{\"alg\":\"none\"}", 14);
    while (out->data[out->len - 1] == '=') /* a token goes without the padding */
        out->len--;
    kc_buf_puts(out, ".");
    kc_base64_encode(out, claims, strlen(claims));
    while (out->data[out->len - 1] == '=')
        out->len--;
    kc_buf_puts(out, ".");
}

char *token_answer(const char *user, int life_s, bool says_life)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_buf_puts(&out, "{\"token_type\":\"Bearer\",\"access_token\":\"");
    struct kc_buf token;
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    print_token(&token, user, life_s);
    kc_buf_text(&out, kc_buf_peek(&token));
    kc_buf_deinit(&token);
    kc_buf_puts(&out, "\"");
    if (says_life)
        kc_buf_printf(&out, ",\"expires_in\":%d", life_s);
    kc_buf_puts(&out, "}");
    return kc_buf_take(&out);
}
