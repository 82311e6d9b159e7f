// SPDX-License-Identifier: Apache-2.0
/* trust.h - makes the TLS context of a library that brings its own hold to our rules: TLS 1.2
 * or newer, the authorities that the system trusts (or those of SSL_CERT_FILE, SSL_CERT_DIR),
 * and a certificate that is for the host's name or address. What does not hold ends the
 * handshake. */
#ifndef KC_NET_TRUST_H
#define KC_NET_TRUST_H

#include "base/error.h"

/* What was wrong with a certificate. It belongs to the caller and stays where it is until the
 * handshake is over. */
struct kc_trust {
    int fault; /* OpenSSL's number; 0: nothing was wrong */
    char text[200];
};

/* ctx is an SSL_CTX, before its first connection. False: CONFIG. */
bool kc_trust_set(void *ctx, const char *host, struct kc_trust *trust,
                  struct kc_error *err) KC_MUST_CHECK;

#endif
