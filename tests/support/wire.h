// SPDX-License-Identifier: Apache-2.0
/* wire.h - one accepted connection of the stub server: bytes in, bytes out, with TLS or
 * without, and the requests among them. A connection belongs to its thread. */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include "stub.h"

#include "base/buf.h"

#include <openssl/ssl.h>

struct wire {
    int fd;
    SSL *ssl; /* NULL: without TLS */
    struct kc_buf in;
};

/* tls NULL: without. False when the handshake failed. */
bool wire_init(struct wire *w, int fd, SSL_CTX *tls);
void wire_deinit(struct wire *w); /* leaves the descriptor open */

bool wire_write(struct wire *w, const void *bytes, size_t len);

/* The next request, the caller's; NULL when the connection ended or it was none. */
struct stub_request *wire_read(struct wire *w);
void wire_request_free(struct stub_request *request);

bool wire_is_gone(struct wire *w); /* the other side has closed */

#endif
