// SPDX-License-Identifier: Apache-2.0
/* scrub.h - takes our secrets out of what others say: a broker or a token server may repeat
 * what it was sent, and its words go into errors and logs. Private to kafka/. */
#ifndef KC_KAFKA_SCRUB_H
#define KC_KAFKA_SCRUB_H

/* Puts *** where the text holds the secret: as it is, URL-encoded, or in the base64 of whatever
 * it stands in; also where a long text was cut within it. NULL, and a secret of fewer than four
 * bytes, which would be found in any sentence, change nothing. */
void kc_scrub(char *text, const char *secret);

enum kc_secret {
    KC_SECRET_PASSWORD,
    KC_SECRET_KEY_PASSWORD,
    KC_SECRET_TOKEN,
    KC_SECRET_KINDS
};

/* Of each kind the one in use and the one before it, which may still be heard of. Zeroed by its
 * owner; one thread at a time. */
struct kc_secrets {
    char *list[KC_SECRET_KINDS][2];
};

void kc_secrets_keep(struct kc_secrets *s, enum kc_secret kind,
                     const char *secret); /* copied */
void kc_secrets_scrub(const struct kc_secrets *s, char *text);
void kc_secrets_deinit(struct kc_secrets *s); /* wipes them */

#endif
