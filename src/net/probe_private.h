// SPDX-License-Identifier: Apache-2.0
/* probe_private.h - what probe.c and probe_tls.c share. */
#ifndef KC_NET_PROBE_PRIVATE_H
#define KC_NET_PROBE_PRIVATE_H

#include "net/probe.h"

#include <stdint.h>

/* Always false: the first fault stays. */
bool kc_probe_fail(struct kc_probe *p, enum kc_probe_fault fault, enum kc_code code, int native,
                   const char *fmt, ...) KC_PRINTF(5, 6);

/* Waits for these events of poll(). False, and TIMEOUT, when the time is over. */
bool kc_probe_wait(struct kc_probe *p, short events);

/* A context with what these say, the caller's; NULL: *part says which of them cannot be used.
 */
struct ssl_ctx_st *kc_probe_own(const struct kc_probe_tls *tls, enum kc_probe_part *part,
                                struct kc_error *err);

/* TLS in place of the socket; p->ssl is there. */
bool kc_probe_tls_send(struct kc_probe *p, struct kc_text bytes);
bool kc_probe_tls_receive(struct kc_probe *p, char *bytes, size_t len);
void kc_probe_tls_close(struct kc_probe *p);

#endif
