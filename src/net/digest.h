// SPDX-License-Identifier: Apache-2.0
/* digest.h - digests, signatures, and bytes that nobody can guess. Any thread. */
#ifndef KC_NET_DIGEST_H
#define KC_NET_DIGEST_H

#include "base/error.h"
#include "base/text.h"

#define KC_DIGEST_BYTES 32

struct kc_digest {
    unsigned char bytes[KC_DIGEST_BYTES];
};

struct kc_digest kc_sha256(struct kc_text bytes);
struct kc_digest kc_hmac_sha256(struct kc_text key, struct kc_text bytes);

/* Whether both are the same, in a time that does not depend on where they differ. For secrets:
 * an API token, a signature. Lengths may differ; nothing and absent are the same. */
bool kc_secret_is(struct kc_text given, struct kc_text secret);

void kc_random_bytes(void *out, size_t len);

/* A signature as Standard Webhooks has it: of "ID.TIMESTAMP.BODY", for the header
 * `webhook-signature`. A secret "whsec_BASE64" is the key that the base64 text stands for, as
 * all of that specification's libraries read it; any other secret is taken as its bytes. False,
 * and a CONFIG error that does not show the secret, when there is no key in it. */
#define KC_WEBHOOK_SIGNATURE_SIZE sizeof("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
bool kc_webhook_sign(struct kc_text secret, struct kc_text id, int64_t timestamp_s,
                     struct kc_text body, char out[KC_WEBHOOK_SIGNATURE_SIZE],
                     struct kc_error *err) KC_MUST_CHECK;

/* The same check alone, for the field that holds the secret. */
bool kc_webhook_secret_check(struct kc_text secret, struct kc_error *err) KC_MUST_CHECK;

#endif
