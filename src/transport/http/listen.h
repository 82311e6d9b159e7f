// SPDX-License-Identifier: Apache-2.0
/* listen.h - the socket that the server listens on, and the files that make it HTTPS. */
#ifndef KC_TRANSPORT_HTTP_LISTEN_H
#define KC_TRANSPORT_HTTP_LISTEN_H

#include "base/error.h"

/* Opens "127.0.0.1:8080" or "[::1]:0". An address that others can reach is only taken with a
 * token. address becomes what it really is, with the port that port 0 got. */
bool kc_listen(const char *where, bool has_token, int *fd, char *address, size_t address_size,
               bool *is_loopback, struct kc_error *err) KC_MUST_CHECK;

/* PEM texts, owned; all NULL without TLS. */
struct kc_tls_files {
    char *cert;
    char *key;
    char *priorities; /* what GnuTLS may negotiate */
};

/* Reads both files; one without the other is an error. */
bool kc_tls_files_read(struct kc_tls_files *f, const char *cert_path, const char *key_path,
                       struct kc_error *err) KC_MUST_CHECK;
void kc_tls_files_wipe(struct kc_tls_files *f); /* and frees */

#endif
