// SPDX-License-Identifier: Apache-2.0
/* probe.h - one connection that remembers what went wrong on the way: name, TCP, TLS.
 *
 * libraries that speak a protocol say "disconnected" where the cause was a certificate; a probe
 * does each step by itself, so that the step that failed can be named. Nothing is ever sent to
 * a peer whose certificate did not pass. A probe belongs to one thread; every step ends at the
 * instant that it was opened with. */
#ifndef KC_NET_PROBE_H
#define KC_NET_PROBE_H

#include "net/names.h"

#include "base/text.h"

/* How far it got; what a step does when it succeeds. */
enum kc_probe_stage {
    KC_PROBE_NAME,
    KC_PROBE_TCP,
    KC_PROBE_TLS,
    KC_PROBE_OPEN, /* bytes can go to and fro */
};

enum kc_probe_fault {
    KC_PROBE_FINE,
    KC_PROBE_NO_NAME,            /* there is no such host, or nobody says */
    KC_PROBE_REFUSED,            /* nobody listens there */
    KC_PROBE_UNREACHABLE,        /* no way there */
    KC_PROBE_TIMEOUT,            /* by the stage */
    KC_PROBE_SETTINGS,           /* our own CA, certificate or key cannot be read */
    KC_PROBE_UNTRUSTED,          /* no authority that we trust has signed the certificate */
    KC_PROBE_WRONG_NAME,         /* it is for another host */
    KC_PROBE_EXPIRED,            /* its time is over, or has not come */
    KC_PROBE_BAD_CERTIFICATE,    /* something else is wrong with it */
    KC_PROBE_CERTIFICATE_WANTED, /* ours is wanted and we have none */
    KC_PROBE_CERTIFICATE_REFUSED,
    KC_PROBE_NOT_TLS, /* what came back is not TLS, or they hung up on the first message */
    KC_PROBE_CLOSED,  /* they hung up */
    KC_PROBE_BROKEN,  /* anything else */
};

#define KC_PROBE_TEXT 256

/* The peer's own certificate; "" while there was none. */
struct kc_probe_certificate {
    char subject[KC_PROBE_TEXT];
    char issuer[KC_PROBE_TEXT];
    char names[KC_PROBE_TEXT]; /* the hosts that it is for */
    char not_before[32];       /* "2026-01-31T12:00:00Z" */
    char not_after[32];
    char failed_subject[KC_PROBE_TEXT]; /* which one of the chain the check failed at */
    char failed_until[32];
    int verify_error; /* X509_V_ERR_…; 0 */
};

/* Texts are borrowed; NULL: none. Without a CA the system's authorities are trusted. */
struct kc_probe_tls {
    const char *ca, *ca_file;
    const char *certificate, *certificate_file;
    const char *key, *key_file, *key_password;
    const char *ciphers, *curves, *sigalgs; /* as OpenSSL spells them; NULL: its own */
    bool checks_nothing;                    /* neither who signed it nor the name */
    bool checks_no_name;
};

/* Which of them. */
enum kc_probe_part {
    KC_PART_CA,
    KC_PART_CERTIFICATE,
    KC_PART_KEY,
    KC_PART_PASSWORD,
    KC_PART_LISTS,
};

struct kc_probe {
    enum kc_probe_stage stage; /* that was begun */
    enum kc_probe_fault fault;
    struct kc_error err; /* what happened, as a sentence */
    struct kc_probe_certificate certificate;
    char addresses[KC_NAMES_SHOWN_SIZE]; /* what the name became */
    int64_t ms[KC_PROBE_OPEN];           /* how long each step took; -1: not begun */

    /* private */
    const struct kc_until *until;
    char *host;
    int fd;
    struct ssl_st *ssl;
    struct ssl_ctx_st *ctx;
    bool was_asked_for_certificate, has_certificate, has_heard;
};

/* Whether all of it can be used, and the key is that of the certificate. Asks nobody. */
bool kc_probe_check(const struct kc_probe_tls *tls, enum kc_probe_part *part,
                    struct kc_error *err) KC_MUST_CHECK;

/* The name and the TCP connection. False: fault and err say why. kc_probe_close() is due either
 * way. family: AF_UNSPEC, AF_INET or AF_INET6. */
bool kc_probe_open(struct kc_probe *p, const char *host, int port, int family,
                   const struct kc_until *until) KC_MUST_CHECK;

/* TLS on top, with the host's name as the one to be checked. */
bool kc_probe_secure(struct kc_probe *p, const struct kc_probe_tls *tls) KC_MUST_CHECK;

/* All of it, or false. */
bool kc_probe_send(struct kc_probe *p, struct kc_text bytes) KC_MUST_CHECK;
bool kc_probe_receive(struct kc_probe *p, void *bytes, size_t len) KC_MUST_CHECK;

void kc_probe_close(struct kc_probe *p); /* what is remembered stays */

#endif
