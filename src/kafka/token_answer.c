// SPDX-License-Identifier: Apache-2.0
#include "kafka/token_answer.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "kafka/scrub.h"
#include "runtime/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_UNKNOWN_MS 300000
#define TOKEN_MAX_BYTES 32768
#define EXPLAINED_MAX   200 /* bytes of a server's own words */

static char *padded(struct kc_text t)
{
    char *copy = kc_realloc(NULL, t.len + KC_JSON_PADDING, 1);
    memcpy(copy, t.p, t.len);
    memset(copy + t.len, 0, KC_JSON_PADDING);
    return copy;
}

/* Seconds may come with a fraction, as a number or as a text. */
static bool read_seconds(const struct kc_value *v, int64_t *seconds)
{
    struct kc_text t = kc_value_text(v);
    const char *dot = t.p ? memchr(t.p, '.', t.len) : NULL;
    if (dot)
        t.len = (size_t)(dot - t.p);
    return t.p && kc_text_int(t, INT64_MIN / 2, INT64_MAX / 2, seconds);
}

/* When a JWT says that it expires, in seconds since 1970; false where it is none. */
static bool read_expiry(struct kc_text token, int64_t *expiry_s)
{
    const char *dot = memchr(token.p, '.', token.len);
    const char *end =
        dot ? memchr(dot + 1, '.', (size_t)(token.p + token.len - dot - 1)) : NULL;
    if (!end)
        return false;
    struct kc_error ignored = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    char *claims = padded((struct kc_text){ dot + 1, (size_t)(end - dot) - 1 });
    size_t len = 0;
    bool ok = kc_base64_decode(claims, (size_t)(end - dot) - 1, &len);
    if (ok)
        memset(claims + len, 0, KC_JSON_PADDING);
    const struct kc_value *root = ok ? kc_json_read(reader, claims, len, &ignored) : NULL;
    const struct kc_value *exp = root ? kc_value_get(root, "exp") : NULL;
    ok = exp && read_seconds(exp, expiry_s);
    free(claims);
    kc_json_reader_free(reader);
    return ok;
}

static int64_t bounded_ms(int64_t seconds)
{
    return seconds > KC_TOKEN_LIFE_MAX_MS / 1000 ? KC_TOKEN_LIFE_MAX_MS : seconds * 1000;
}

static int64_t life_of(const struct kc_value *root, struct kc_text token, int64_t wall_ms)
{
    int64_t seconds;
    const struct kc_value *expires_in = kc_value_get(root, "expires_in");
    if (expires_in && read_seconds(expires_in, &seconds))
        return bounded_ms(seconds);
    if (read_expiry(token, &seconds))
        return bounded_ms(seconds - wall_ms / 1000);
    return LIFE_UNKNOWN_MS;
}

/* What may stand in a header and in a SASL message: RFC 6750's alphabet. */
static bool is_token(struct kc_text t)
{
    if (!t.p || t.len == 0 || t.len > TOKEN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (!isalnum((unsigned char)t.p[i]) && !strchr("-._~+/=", t.p[i]))
            return false;
        if (t.p[i] == '\0')
            return false;
    }
    return true;
}

bool kc_token_read(struct kc_token *out, struct kc_text answer, int64_t wall_ms,
                   struct kc_error *err)
{
    struct kc_error why = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    char *text = padded(answer);
    const struct kc_value *root = kc_json_read(reader, text, answer.len, &why);
    const struct kc_value *member =
        root && kc_value_type(root) == KC_IS_OBJECT ? kc_value_get(root, "access_token") : NULL;
    struct kc_text token = member ? kc_value_text(member) : KC_NO_TEXT;
    *out = (struct kc_token){ NULL, 0 };
    if (!root || !member)
        kc_error_set(err, KC_BAD_ANSWER, 0,
                     "the token server's answer is not JSON with an access_token");
    else if (!is_token(token))
        kc_error_set(err, KC_BAD_ANSWER, 0,
                     "the token server's access_token is not one that can be sent");
    else if ((out->life_ms = life_of(root, token, wall_ms)) <= 0)
        kc_error_set(err, KC_BAD_ANSWER, 0, "the token server gave a token that has expired");
    else
        out->text = kc_strndup(token.p, token.len);
    explicit_bzero(text, answer.len);
    free(text);
    kc_json_reader_free(reader);
    return out->text != NULL;
}

/* Cut after the scrubbing, which would not know half a secret. */
static void explain(struct kc_text said, const char *secret, struct kc_error *err)
{
    size_t len = strlen(err->text);
    char *text = kc_strndup(said.p, said.len);
    kc_scrub(text, secret);
    (void)snprintf(err->text + len, sizeof(err->text) - len, ": %.*s", EXPLAINED_MAX, text);
    free(text);
}

void kc_token_explain(struct kc_text answer, const char *secret, struct kc_error *err)
{
    struct kc_error ignored = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    char *text = padded(answer);
    const struct kc_value *root = kc_json_read(reader, text, answer.len, &ignored);
    const char *const names[] = { "error", "error_description" };
    for (size_t i = 0; root && i < 2; i++) {
        const struct kc_value *v = kc_value_get(root, names[i]);
        struct kc_text said = v ? kc_value_text(v) : KC_NO_TEXT;
        if (said.len > 0)
            explain(said, secret, err);
    }
    free(text);
    kc_json_reader_free(reader);
}

void kc_form_encode(struct kc_buf *out, const char *s)
{
    for (; s && *s; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s))
            (void)kc_buf_append(out, s, 1);
        else
            (void)kc_buf_printf(out, "%%%02X", (unsigned char)*s);
    }
}
