// SPDX-License-Identifier: Apache-2.0
/* probe_tls.c - the handshake of a probe, and what of it failed.
 *
 * Checks go on after one has failed, so that all that is wrong with a certificate is known; the
 * verdict is spoken after the handshake, before a byte of ours goes through it. */
#include "net/probe_private.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is remembered of certificates --- */

static void print_name(const X509_NAME *name, char out[KC_PROBE_TEXT])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    long len = BIO_get_mem_data(bio, &text);
    (void)snprintf(out, KC_PROBE_TEXT, "%.*s", (int)len, text);
    BIO_free(bio);
}

static void print_time(const ASN1_TIME *time, char out[32])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}

static void append_name(char out[KC_PROBE_TEXT], const char *name, int len)
{
    size_t used = strlen(out);
    if (used + (size_t)len + 3 < KC_PROBE_TEXT)
        (void)snprintf(out + used, KC_PROBE_TEXT - used, "%s%.*s", used ? ", " : "", len, name);
}

static void print_names(const X509 *x, char out[KC_PROBE_TEXT])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char address[INET6_ADDRSTRLEN];
        if (name->type == GEN_DNS) {
            append_name(out, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                        ASN1_STRING_length(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            const ASN1_OCTET_STRING *ip = name->d.iPAddress;
            int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;
            if ((family == AF_INET || ASN1_STRING_length(ip) == 16) &&
                inet_ntop(family, ASN1_STRING_get0_data(ip), address, sizeof(address)))
                append_name(out, address, (int)strlen(address));
        }
    }
    GENERAL_NAMES_free(names);
}

static void remember(struct kc_probe_certificate *c, const X509 *x)
{
    print_name(X509_get_subject_name(x), c->subject);
    print_name(X509_get_issuer_name(x), c->issuer);
    print_names(x, c->names);
    print_time(X509_get0_notBefore(x), c->not_before);
    print_time(X509_get0_notAfter(x), c->not_after);
}

/* --- checks --- */

static enum kc_probe_fault fault_of(int verify_error)
{
    switch (verify_error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return KC_PROBE_WRONG_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return KC_PROBE_EXPIRED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_INVALID_CA:
        return KC_PROBE_UNTRUSTED;
    default:
        return KC_PROBE_BAD_CERTIFICATE;
    }
}

/* Of several things that are wrong the graver one is told: a name says nothing where nobody
 * that is trusted vouches for it. */
static int gravity(int verify_error)
{
    switch (fault_of(verify_error)) {
    case KC_PROBE_UNTRUSTED:
        return 4;
    case KC_PROBE_EXPIRED:
        return 3;
    case KC_PROBE_BAD_CERTIFICATE:
        return 2;
    default:
        return 1;
    }
}

static int on_check(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct kc_probe *p = SSL_get_app_data(ssl);
    struct kc_probe_certificate *c = &p->certificate;
    int error = X509_STORE_CTX_get_error(store);
    if (!ok && (!c->verify_error || gravity(error) > gravity(c->verify_error))) {
        const X509 *at = X509_STORE_CTX_get_current_cert(store);
        c->verify_error = error;
        if (at) {
            print_name(X509_get_subject_name(at), c->failed_subject);
            print_time(X509_get0_notAfter(at), c->failed_until);
        }
    }
    return 1; /* go on: judge() has the last word */
}

static int on_certificate_wanted(SSL *ssl, void *arg)
{
    struct kc_probe *p = arg;
    (void)ssl;
    p->was_asked_for_certificate = true;
    return 1; /* with what the context has, if anything */
}

static bool judge(struct kc_probe *p, const struct kc_probe_tls *tls)
{
    const struct kc_probe_certificate *c = &p->certificate;
    if (tls->checks_nothing || !c->verify_error)
        return true;
    enum kc_probe_fault fault = fault_of(c->verify_error);
    const char *why = X509_verify_cert_error_string(c->verify_error);
    if (fault == KC_PROBE_WRONG_NAME)
        return kc_probe_fail(p, fault, KC_UNTRUSTED, c->verify_error,
                             "the certificate of %s is for %s, not for %s", c->subject,
                             c->names[0] ? c->names : c->subject, p->host);
    if (fault == KC_PROBE_EXPIRED)
        return kc_probe_fail(p, fault, KC_UNTRUSTED, c->verify_error,
                             "the certificate of %s is valid from %s to %s: %s",
                             c->failed_subject, c->not_before, c->failed_until, why);
    return kc_probe_fail(p, fault, KC_UNTRUSTED, c->verify_error,
                         "the certificate of %s, issued by %s, valid until %s: %s", c->subject,
                         c->issuer, c->not_after, why);
}

/* --- our side --- */

static const char *openssl_says(char out[160])
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    (void)snprintf(out, 160, "%s", reason ? reason : "cannot be read");
    ERR_clear_error();
    return out;
}

static bool prepare(struct kc_probe *p, const struct kc_probe_tls *tls)
{
    enum kc_probe_part part;
    struct kc_error err = { 0 };
    p->has_certificate = tls->certificate || tls->certificate_file;
    p->ctx = kc_probe_own(tls, &part, &err);
    if (!p->ctx)
        return kc_probe_fail(p, KC_PROBE_SETTINGS, err.code, 0, "%s", err.text);
    SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, on_check);
    SSL_CTX_set_cert_cb(p->ctx, on_certificate_wanted, p);
    p->ssl = SSL_new(p->ctx);
    if (!p->ssl || SSL_set_fd(p->ssl, p->fd) != 1)
        return kc_probe_fail(p, KC_PROBE_SETTINGS, KC_CONFIG, 0, "TLS is not there");
    SSL_set_app_data(p->ssl, p);
    unsigned char address[sizeof(struct in6_addr)];
    bool is_literal = inet_pton(AF_INET, p->host, address) == 1 || strchr(p->host, ':');
    if (!is_literal)
        (void)SSL_set_tlsext_host_name(p->ssl, p->host);
    if (!tls->checks_nothing && !tls->checks_no_name)
        (void)SSL_set1_host(p->ssl, p->host); /* knows literals too */
    return true;
}

/* --- theirs --- */

/* An alert or the like, where we were asked for a certificate, is about that certificate: TLS
 * 1.3 brings it with the first answer only. */
static bool say_broken(struct kc_probe *p, bool is_alert, const char *why)
{
    if (is_alert && p->was_asked_for_certificate && !p->has_certificate)
        return kc_probe_fail(p, KC_PROBE_CERTIFICATE_WANTED, KC_UNTRUSTED, 0,
                             "they asked for a client certificate, and there was none: %s",
                             why);
    if (is_alert && p->was_asked_for_certificate)
        return kc_probe_fail(p, KC_PROBE_CERTIFICATE_REFUSED, KC_UNTRUSTED, 0,
                             "they refused the client certificate: %s", why);
    return kc_probe_fail(p, KC_PROBE_BROKEN, KC_UNREACHABLE, 0, "TLS broke: %s", why);
}

/* Says why a call of OpenSSL failed; false, or true when it is to be called again. */
static bool goes_on(struct kc_probe *p, int result, bool is_handshake)
{
    char why[160];
    int saved = errno;
    int error = SSL_get_error(p->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        return kc_probe_wait(p, POLLIN);
    if (error == SSL_ERROR_WANT_WRITE)
        return kc_probe_wait(p, POLLOUT);
    unsigned long code = ERR_peek_error();
    bool is_alert = error == SSL_ERROR_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL &&
                    ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
    bool is_eof =
        error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL ||
        (error == SSL_ERROR_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
    bool is_first =
        is_handshake && !p->certificate.subject[0] && !SSL_get_peer_cert_chain(p->ssl);
    openssl_says(why);
    /* a reset overtakes the alert that says so */
    if (is_eof && !is_first && p->was_asked_for_certificate && !p->has_heard)
        return say_broken(p, true, "they closed the connection");
    if (is_eof && !is_first)
        return kc_probe_fail(p, KC_PROBE_CLOSED, KC_UNREACHABLE, saved,
                             "they closed the connection");
    if (is_eof)
        return kc_probe_fail(p, KC_PROBE_NOT_TLS, KC_UNREACHABLE, saved,
                             "they closed the connection at the first message of TLS");
    bool is_theirs = BIO_number_read(SSL_get_rbio(p->ssl)) > 0; /* not that we have no words */
    if (is_first && !is_alert && is_theirs)
        return kc_probe_fail(p, KC_PROBE_NOT_TLS, KC_UNREACHABLE, 0,
                             "what came back is not TLS: %s", why);
    return say_broken(p, is_alert, why);
}

static bool shake_hands(struct kc_probe *p)
{
    int result;
    ERR_clear_error();
    while ((result = SSL_connect(p->ssl)) != 1) {
        if (!goes_on(p, result, true))
            return false;
        ERR_clear_error();
    }
    return true;
}

bool kc_probe_secure(struct kc_probe *p, const struct kc_probe_tls *tls)
{
    int64_t at_ms = kc_now_ms();
    p->stage = KC_PROBE_TLS;
    bool ok = prepare(p, tls) && shake_hands(p);
    X509 *x = p->ssl ? SSL_get1_peer_certificate(p->ssl) : NULL;
    if (x)
        remember(&p->certificate, x);
    X509_free(x);
    ok = ok && judge(p, tls);
    p->ms[KC_PROBE_TLS] = kc_now_ms() - at_ms;
    if (ok)
        p->stage = KC_PROBE_OPEN;
    return ok;
}

bool kc_probe_tls_send(struct kc_probe *p, struct kc_text bytes)
{
    while (bytes.len > 0) {
        ERR_clear_error();
        int n = SSL_write(p->ssl, bytes.p, bytes.len > 16384 ? 16384 : (int)bytes.len);
        if (n <= 0) {
            if (!goes_on(p, n, false))
                return false;
            continue;
        }
        bytes.p += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

bool kc_probe_tls_receive(struct kc_probe *p, char *bytes, size_t len)
{
    while (len > 0) {
        ERR_clear_error();
        int n = SSL_read(p->ssl, bytes, len > 16384 ? 16384 : (int)len);
        if (n <= 0) {
            if (!goes_on(p, n, false))
                return false;
            continue;
        }
        p->has_heard = true;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void kc_probe_tls_close(struct kc_probe *p)
{
    if (p->ssl)
        SSL_free(p->ssl);
    if (p->ctx)
        SSL_CTX_free(p->ctx);
    p->ssl = NULL;
    p->ctx = NULL;
    ERR_clear_error();
}
