// SPDX-License-Identifier: Apache-2.0
#include "kafka/scrub.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "kafka/token_answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST 4
#define MASK_LEN 3   /* of "***", which is shorter than what it stands for */
#define LONG     400 /* shorter texts are whole: librdkafka's have room for 512 bytes */

/* Both alphabets of base64 and both cases of %2f are one to us. */
static int folded(char c)
{
    return c == '-' ? '+' : c == '_' ? '/' : tolower((unsigned char)c);
}

/* How much of the text's beginning is the needle: all of it, or what fits before a cut. */
static size_t match(const char *text, struct kc_text needle, bool is_cut)
{
    size_t n = 0;
    while (n < needle.len && text[n] && folded(text[n]) == folded(needle.p[n]))
        n++;
    return n == needle.len || (is_cut && !text[n] && n >= SHORTEST) ? n : 0;
}

static void mask(char *text, struct kc_text needle, bool is_cut)
{
    if (needle.len < SHORTEST)
        return;
    for (char *p = text; *p; p++) {
        size_t n = match(p, needle, is_cut);
        if (n == 0)
            continue;
        memmove(p + MASK_LEN, p + n, strlen(p + n) + 1);
        memset(p, '*', MASK_LEN);
        p += MASK_LEN - 1;
    }
}

/* In base64 with `before` bytes in front (modulo 3): the letters that only ours have part in.
 */
static void mask_base64(char *text, struct kc_text secret, size_t before, bool is_cut)
{
    size_t skip = before == 0 ? 0 : before + 1, whole = (before + secret.len) * 8 / 6;
    struct kc_buf bytes, encoded;
    kc_buf_init(&bytes, KC_BUF_UNBOUNDED);
    kc_buf_init(&encoded, KC_BUF_UNBOUNDED);
    kc_buf_append(&bytes, "\0\0", before);
    kc_buf_text(&bytes, secret);
    kc_base64_encode(&encoded, bytes.data, bytes.len);
    mask(text, (struct kc_text){ encoded.data + skip, whole - skip }, is_cut);
    explicit_bzero(bytes.data, bytes.len);
    explicit_bzero(encoded.data, encoded.len);
    kc_buf_deinit(&bytes);
    kc_buf_deinit(&encoded);
}

static void mask_all(char *text, struct kc_text secret, bool is_cut)
{
    mask(text, secret, is_cut);
    for (size_t before = 0; before < 3; before++)
        mask_base64(text, secret, before, is_cut);
}

void kc_scrub(char *text, const char *secret)
{
    struct kc_buf encoded;
    if (!secret || strlen(secret) < SHORTEST)
        return;
    bool is_cut = strlen(text) >= LONG;
    kc_buf_init(&encoded, KC_BUF_UNBOUNDED);
    kc_form_encode(&encoded, secret);
    mask_all(text, kc_text(secret), is_cut);
    if (encoded.len != strlen(secret))
        mask_all(text, kc_buf_peek(&encoded), is_cut);
    explicit_bzero(encoded.data, encoded.len);
    kc_buf_deinit(&encoded);
}

static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void kc_secrets_keep(struct kc_secrets *s, enum kc_secret kind, const char *secret)
{
    char **list = s->list[kind];
    if (!secret || (list[0] && strcmp(list[0], secret) == 0))
        return;
    forget(list[1]);
    list[1] = list[0];
    list[0] = kc_strdup(secret);
}

void kc_secrets_scrub(const struct kc_secrets *s, char *text)
{
    for (int kind = 0; kind < KC_SECRET_KINDS; kind++) {
        kc_scrub(text, s->list[kind][0]);
        kc_scrub(text, s->list[kind][1]);
    }
}

void kc_secrets_deinit(struct kc_secrets *s)
{
    for (int kind = 0; kind < KC_SECRET_KINDS; kind++) {
        forget(s->list[kind][0]);
        forget(s->list[kind][1]);
        s->list[kind][0] = s->list[kind][1] = NULL;
    }
}
