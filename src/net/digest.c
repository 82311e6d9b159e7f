// SPDX-License-Identifier: Apache-2.0
#include "net/digest.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/log.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"

/* As without memory: no path needs code for a libcrypto that cannot do SHA-256. */
static void insist(bool is_done)
{
    if (is_done)
        return;
    kc_log(KC_ERROR, "crypto_failed", KC_S("reason", "libcrypto has no SHA-256 or no entropy"));
    abort();
}

struct kc_digest kc_sha256(struct kc_text bytes)
{
    struct kc_digest digest;
    insist(EVP_Digest(bytes.p ? bytes.p : "", bytes.len, digest.bytes, NULL, EVP_sha256(),
                      NULL) == 1);
    return digest;
}

/* The parts as if they stood in one text. */
static struct kc_digest hmac(struct kc_text key, const struct kc_text *parts, size_t count)
{
    struct kc_digest digest;
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", sha256, 0),
                            OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    const char *bytes = key.p ? key.p : "";
    size_t len;
    insist(context &&
           EVP_MAC_init(context, (const unsigned char *)bytes, key.len, params) == 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            insist(EVP_MAC_update(context, (const unsigned char *)parts[i].p, parts[i].len) ==
                   1);
    }
    insist(EVP_MAC_final(context, digest.bytes, &len, sizeof(digest.bytes)) == 1);
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return digest;
}

struct kc_digest kc_hmac_sha256(struct kc_text key, struct kc_text bytes)
{
    return hmac(key, &bytes, 1);
}

bool kc_secret_is(struct kc_text given, struct kc_text secret)
{
    struct kc_digest a = kc_sha256(given), b = kc_sha256(secret);
    return CRYPTO_memcmp(a.bytes, b.bytes, KC_DIGEST_BYTES) == 0;
}

void kc_random_bytes(void *out, size_t len)
{
    insist(len <= INT_MAX && RAND_bytes(out, (int)len) == 1);
}

/* --- Standard Webhooks --- */

static void wipe(char *key, size_t len)
{
    if (key)
        OPENSSL_cleanse(key, len);
    free(key);
}

/* A copy, which the caller wipes and frees; NULL when there is no key in the secret. */
static char *key_of(struct kc_text secret, size_t *key_len, struct kc_error *err)
{
    size_t prefix_len = sizeof(PREFIX) - 1;
    bool is_encoded = secret.len >= prefix_len && memcmp(secret.p, PREFIX, prefix_len) == 0;
    size_t skip = is_encoded ? prefix_len : 0;
    size_t len = secret.len - skip;
    char *key = len > 0 ? kc_strndup(secret.p + skip, len) : NULL;
    *key_len = len;
    if (key && (!is_encoded || kc_base64_decode(key, len, key_len)))
        return key;
    kc_error_set(err, KC_CONFIG, 0,
                 is_encoded ? "the secret has no base64 text after '" PREFIX "'"
                            : "the secret is empty");
    wipe(key, len);
    return NULL;
}

bool kc_webhook_secret_check(struct kc_text secret, struct kc_error *err)
{
    size_t key_len;
    char *key = key_of(secret, &key_len, err);
    bool has_key = key != NULL;
    wipe(key, key_len);
    return has_key;
}

bool kc_webhook_sign(struct kc_text secret, struct kc_text id, int64_t timestamp_s,
                     struct kc_text body, char out[KC_WEBHOOK_SIGNATURE_SIZE],
                     struct kc_error *err)
{
    char timestamp[24];
    struct kc_buf text;
    size_t key_len;
    char *key = key_of(secret, &key_len, err);
    if (!key)
        return false;
    snprintf(timestamp, sizeof(timestamp), ".%lld.", (long long)timestamp_s);
    const struct kc_text parts[] = { id, kc_text(timestamp), body };
    struct kc_digest digest = hmac((struct kc_text){ key, key_len }, parts, 3);
    wipe(key, key_len);

    kc_buf_init(&text, KC_WEBHOOK_SIGNATURE_SIZE);
    kc_buf_puts(&text, "v1,");
    kc_base64_encode(&text, digest.bytes, sizeof(digest.bytes));
    snprintf(out, KC_WEBHOOK_SIGNATURE_SIZE, "%.*s", (int)text.len, text.data);
    kc_buf_deinit(&text);
    return true;
}
