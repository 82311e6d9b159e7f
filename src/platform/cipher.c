// SPDX-License-Identifier: Apache-2.0
#include "platform/cipher.h"

#include "base/alloc.h"
#include "base/base64.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16
#define SPARE_MAX   8                 /* contexts that wait for their next use, of each kind */
#define CHUNK_BYTES ((size_t)1 << 30) /* OpenSSL counts in int */

/* Contexts that hold the key's schedule already: to make one costs more than to encrypt a small
 * message with it. */
struct spares {
    pthread_mutex_t lock;
    EVP_CIPHER_CTX *list[SPARE_MAX];
    size_t count;
};

struct kc_cipher {
    EVP_CIPHER *algorithm; /* owned */
    unsigned char key[SHA256_DIGEST_LENGTH];
    unsigned char iv[KC_CIPHER_IV_SIZE];
    struct spares *spares; /* owned: of decrypting contexts, then of encrypting ones */
};

/* --- contexts --- */

/* OpenSSL fails here only when memory is out. */
static void must(bool is_done)
{
    if (!is_done)
        abort();
}

static EVP_CIPHER_CTX *take_context(const struct kc_cipher *c, bool is_encrypting)
{
    struct spares *s = &c->spares[is_encrypting];
    EVP_CIPHER_CTX *ctx = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->count > 0)
        ctx = s->list[--s->count];
    pthread_mutex_unlock(&s->lock);
    if (ctx) { /* the key and the padding stay */
        must(EVP_CipherInit_ex(ctx, NULL, NULL, NULL, c->iv, -1) == 1);
        return ctx;
    }
    ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_CipherInit_ex(ctx, c->algorithm, NULL, c->key, c->iv, is_encrypting) == 1 &&
         EVP_CIPHER_CTX_set_padding(ctx, 0) == 1);
    return ctx;
}

static void give_context(const struct kc_cipher *c, bool is_encrypting, EVP_CIPHER_CTX *ctx)
{
    struct spares *s = &c->spares[is_encrypting];
    pthread_mutex_lock(&s->lock);
    bool is_kept = s->count < SPARE_MAX;
    if (is_kept)
        s->list[s->count++] = ctx;
    pthread_mutex_unlock(&s->lock);
    if (!is_kept)
        EVP_CIPHER_CTX_free(ctx);
}

bool kc_cipher_open(struct kc_cipher **out, const char *password, const char *iv,
                    struct kc_error *err)
{
    *out = NULL;
    if (strlen(iv) != KC_CIPHER_IV_SIZE) {
        kc_error_set(err, KC_CONFIG, 0, "the IV has %zu bytes, it must have %d", strlen(iv),
                     KC_CIPHER_IV_SIZE);
        return false;
    }
    EVP_CIPHER *algorithm = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!algorithm) {
        kc_error_set(err, KC_CONFIG, 0, "this OpenSSL has no AES-256-CBC");
        return false;
    }
    struct kc_cipher *c = kc_new0(struct kc_cipher);
    c->algorithm = algorithm;
    c->spares = kc_new0_array(struct spares, 2);
    for (int i = 0; i < 2; i++)
        pthread_mutex_init(&c->spares[i].lock, NULL);
    memcpy(c->iv, iv, KC_CIPHER_IV_SIZE);
    SHA256((const unsigned char *)password, strlen(password), c->key);
    *out = c;
    return true;
}

void kc_cipher_close(struct kc_cipher *c)
{
    if (!c)
        return;
    for (int i = 0; i < 2; i++) {
        while (c->spares[i].count > 0)
            EVP_CIPHER_CTX_free(c->spares[i].list[--c->spares[i].count]); /* wipes */
        pthread_mutex_destroy(&c->spares[i].lock);
    }
    free(c->spares);
    EVP_CIPHER_free(c->algorithm);
    OPENSSL_cleanse(c, sizeof(*c));
    free(c);
}

/* --- whole blocks --- */

/* in and out may be the same, but not overlap otherwise. */
static void run(EVP_CIPHER_CTX *ctx, const char *in, size_t len, char *out)
{
    while (len > 0) {
        size_t chunk = len < CHUNK_BYTES ? len : CHUNK_BYTES;
        int done = 0;
        must(EVP_CipherUpdate(ctx, (unsigned char *)out, &done, (const unsigned char *)in,
                              (int)chunk) == 1);
        assert((size_t)done == chunk);
        in += chunk;
        out += chunk;
        len -= chunk;
    }
}

static size_t encrypted_size(size_t plain_len)
{
    return (plain_len / BLOCK_BYTES + 1) * BLOCK_BYTES;
}

static void encrypt(const struct kc_cipher *c, struct kc_text plain, char *out)
{
    EVP_CIPHER_CTX *ctx = take_context(c, true);
    size_t rest = plain.len % BLOCK_BYTES, whole = plain.len - rest;
    char last[BLOCK_BYTES];
    run(ctx, plain.p, whole, out);
    if (rest)
        memcpy(last, plain.p + whole, rest);
    memset(last + rest, (int)(BLOCK_BYTES - rest), BLOCK_BYTES - rest);
    run(ctx, last, BLOCK_BYTES, out + whole);
    give_context(c, true, ctx);
    OPENSSL_cleanse(last, sizeof(last));
}

void kc_cipher_encrypt(const struct kc_cipher *c, struct kc_text plain, struct kc_buf *out)
{
    size_t len = encrypted_size(plain.len);
    char *to = kc_buf_reserve(out, len);
    if (!to)
        return;
    encrypt(c, plain, to);
    out->len += len;
}

void kc_cipher_encrypt_base64(const struct kc_cipher *c, struct kc_text plain,
                              struct kc_buf *out)
{
    size_t len = encrypted_size(plain.len), text_len = kc_base64_size(len);
    char *to = kc_buf_reserve(out, text_len);
    if (!to)
        return;
    encrypt(c, plain, to + text_len - len);
    kc_base64_encode_in_place(to, len);
    out->len += text_len;
}

/* --- and back --- */

static bool check_length(size_t len, struct kc_error *err)
{
    if (len == 0)
        kc_error_set(err, KC_INPUT, 0, "Failed to decrypt message: it is empty");
    else if (len % BLOCK_BYTES != 0)
        kc_error_set(err, KC_INPUT, 0,
                     "Failed to decrypt message: %zu bytes are no multiple of %d", len,
                     BLOCK_BYTES);
    return err->code == KC_NONE;
}

/* Where the padding is right: how long the text is. */
static bool find_end(const char *plain, size_t *len, struct kc_error *err)
{
    size_t padding = (unsigned char)plain[*len - 1];
    bool is_right = padding >= 1 && padding <= BLOCK_BYTES;
    for (size_t i = 0; is_right && i < padding; i++)
        is_right = (unsigned char)plain[*len - 1 - i] == padding;
    if (!is_right) {
        kc_error_set(err, KC_INPUT, 0,
                     "Failed to decrypt message: wrong padding, so probably another key");
        return false;
    }
    *len -= padding;
    return true;
}

bool kc_cipher_decrypt(const struct kc_cipher *c, struct kc_text bytes, struct kc_buf *out,
                       struct kc_error *err)
{
    if (!check_length(bytes.len, err))
        return false;
    char *to = kc_buf_reserve(out, bytes.len);
    if (!to) {
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "a message of %zu bytes is too large",
                     bytes.len);
        return false;
    }
    EVP_CIPHER_CTX *ctx = take_context(c, false);
    size_t len = bytes.len;
    run(ctx, bytes.p, len, to);
    give_context(c, false, ctx);
    if (!find_end(to, &len, err))
        return false;
    out->len += len;
    return true;
}

bool kc_cipher_decrypt_base64(const struct kc_cipher *c, struct kc_text base64,
                              struct kc_buf *out, struct kc_error *err)
{
    char *to = kc_buf_reserve(out, base64.len / 4 * 3 + 3);
    if (!to) {
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "a message of %zu bytes is too large",
                     base64.len);
        return false;
    }
    size_t len = kc_base64_decode_leniently(base64, to);
    return check_length(len, err) &&
           kc_cipher_decrypt(c, (struct kc_text){ to, len }, out, err);
}
