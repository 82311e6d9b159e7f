// SPDX-License-Identifier: Apache-2.0
/* cipher.h - the platform's encryption of what travels in queues: AES-256-CBC, PKCS#7, a key
 * and an IV that all steps of a flow share. On the wire either the raw bytes or base64.
 *
 * A cipher may be used by any number of threads. */
#ifndef KC_PLATFORM_CIPHER_H
#define KC_PLATFORM_CIPHER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

struct kc_cipher; /* opaque */

#define KC_CIPHER_IV_SIZE 16

/* CONFIG where the IV has not KC_CIPHER_IV_SIZE bytes. */
bool kc_cipher_open(struct kc_cipher **out, const char *password, const char *iv,
                    struct kc_error *err) KC_MUST_CHECK;
void kc_cipher_close(struct kc_cipher *c); /* wipes; NULL is fine */

/* Appends the encrypted text. */
void kc_cipher_encrypt(const struct kc_cipher *c, struct kc_text plain, struct kc_buf *out);
void kc_cipher_encrypt_base64(const struct kc_cipher *c, struct kc_text plain,
                              struct kc_buf *out);

/* Appends the decrypted text; INPUT when it cannot be (length, padding). The base64 reader is
 * lenient: blanks, both alphabets, no padding, stops at the first '='. */
bool kc_cipher_decrypt(const struct kc_cipher *c, struct kc_text bytes, struct kc_buf *out,
                       struct kc_error *err) KC_MUST_CHECK;
bool kc_cipher_decrypt_base64(const struct kc_cipher *c, struct kc_text base64,
                              struct kc_buf *out, struct kc_error *err) KC_MUST_CHECK;

#endif
