// SPDX-License-Identifier: Apache-2.0
/* probe_own.c - our side of a handshake: whom we trust, our certificate, our key, and what of
 * them cannot be used, in words for whoever filled in the fields. */
#include "net/probe_private.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One load, and what came of it. */
struct own {
    SSL_CTX *ctx;
    const struct kc_probe_tls *tls;
    enum kc_probe_part *part;
    struct kc_error *err;
    bool was_asked; /* for the key's password */
};

static bool refuse(struct own *o, enum kc_probe_part part, const char *fmt, ...)
    KC_PRINTF(3, 4);
static bool refuse(struct own *o, enum kc_probe_part part, const char *fmt, ...)
{
    char text[KC_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ERR_clear_error();
    *o->part = part;
    kc_error_set(o->err, KC_CONFIG, 0, "%s", text);
    return false;
}

/* A text, or a file's; NULL and a fault where the file cannot be opened. */
static BIO *open_pem(struct own *o, enum kc_probe_part part, const char *text, const char *file)
{
    if (text)
        return BIO_new_mem_buf(text, -1);
    ERR_clear_error();
    BIO *bio = BIO_new_file(file, "re");
    if (!bio) /* the system's error is the first of the list */
        refuse(o, part, "%s: %s", file, strerror(ERR_GET_REASON(ERR_peek_error())));
    return bio;
}

/* "is not", of a text, or "/a/file is not" */
static bool refuse_pem(struct own *o, enum kc_probe_part part, const char *file,
                       const char *what)
{
    return refuse(o, part, "%s%sis not %s in PEM", file ? file : "", file ? " " : "", what);
}

static bool trust(struct own *o)
{
    const char *file = o->tls->ca ? NULL : o->tls->ca_file;
    struct stat is;
    X509 *x;
    int count = 0;
    if (!o->tls->ca && !file) {
        (void)SSL_CTX_set_default_verify_paths(o->ctx);
        return true;
    }
    if (file && stat(file, &is) == 0 && S_ISDIR(is.st_mode))
        return SSL_CTX_load_verify_locations(o->ctx, NULL, file) == 1 ||
               refuse(o, KC_PART_CA, "%s cannot be read as a folder of certificates", file);
    BIO *bio = open_pem(o, KC_PART_CA, o->tls->ca, file);
    if (!bio)
        return false;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(SSL_CTX_get_cert_store(o->ctx), x);
        X509_free(x);
    }
    BIO_free(bio);
    return count > 0 || refuse_pem(o, KC_PART_CA, file, "a certificate");
}

static bool show(struct own *o)
{
    const char *file = o->tls->certificate ? NULL : o->tls->certificate_file;
    if (!o->tls->certificate && !file)
        return true;
    BIO *bio = open_pem(o, KC_PART_CERTIFICATE, o->tls->certificate, file);
    if (!bio)
        return false;
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool is_there = x != NULL, ok = is_there && SSL_CTX_use_certificate(o->ctx, x) == 1;
    const char *why = ok ? NULL : ERR_reason_error_string(ERR_peek_last_error());
    X509_free(x);
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (SSL_CTX_add0_chain_cert(o->ctx, x) != 1)
            X509_free(x);
    }
    BIO_free(bio);
    if (is_there)
        return ok || refuse(o, KC_PART_CERTIFICATE, "%s%scannot be used: %s", file ? file : "",
                            file ? " " : "", why ? why : "OpenSSL does not say why");
    return refuse_pem(o, KC_PART_CERTIFICATE, file, "a certificate");
}

static int give_password(char *out, int size, int is_writing, void *arg)
{
    struct own *o = arg;
    const struct kc_text password = kc_text(o->tls->key_password ? o->tls->key_password : "");
    (void)is_writing;
    o->was_asked = true;
    if (password.len > (size_t)size)
        return 0;
    memcpy(out, password.p, password.len);
    return (int)password.len;
}

static bool prove(struct own *o)
{
    const char *file = o->tls->key ? NULL : o->tls->key_file;
    if (!o->tls->key && !file)
        return true;
    BIO *bio = open_pem(o, KC_PART_KEY, o->tls->key, file);
    if (!bio)
        return false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, o);
    BIO_free(bio);
    ERR_clear_error();
    if (!key && o->was_asked)
        return refuse(o, KC_PART_PASSWORD, "%s",
                      o->tls->key_password ? "the password does not open the key"
                                           : "required, since the key is encrypted");
    if (!key)
        return refuse_pem(o, KC_PART_KEY, file, "a private key");
    /* one of another kind is taken here, and found by the check */
    bool ok =
        SSL_CTX_use_PrivateKey(o->ctx, key) == 1 && SSL_CTX_check_private_key(o->ctx) == 1;
    EVP_PKEY_free(key);
    return ok || refuse(o, KC_PART_KEY, "is not the key of the client certificate");
}

/* What both sides have to have in common, where we are told. */
static bool limit(struct own *o)
{
    const struct kc_probe_tls *t = o->tls;
    if (t->ciphers && SSL_CTX_set_cipher_list(o->ctx, t->ciphers) != 1)
        return refuse(o, KC_PART_LISTS, "ssl.cipher.suites names no cipher that is known here");
    if (t->curves && SSL_CTX_set1_groups_list(o->ctx, (char *)(uintptr_t)t->curves) != 1)
        return refuse(o, KC_PART_LISTS, "ssl.curves.list names a curve that is not known here");
    if (t->sigalgs && SSL_CTX_set1_sigalgs_list(o->ctx, (char *)(uintptr_t)t->sigalgs) != 1)
        return refuse(o, KC_PART_LISTS, "ssl.sigalgs.list names what is not known here");
    return true;
}

SSL_CTX *kc_probe_own(const struct kc_probe_tls *tls, enum kc_probe_part *part,
                      struct kc_error *err)
{
    struct own o = { SSL_CTX_new(TLS_client_method()), tls, part, err, false };
    ERR_clear_error();
    bool ok = o.ctx ? limit(&o) && trust(&o) && show(&o) && prove(&o)
                    : refuse(&o, KC_PART_LISTS, "TLS is not there");
    ERR_clear_error(); /* the end of a text is an error too */
    if (ok)
        return o.ctx;
    SSL_CTX_free(o.ctx);
    return NULL;
}

bool kc_probe_check(const struct kc_probe_tls *tls, enum kc_probe_part *part,
                    struct kc_error *err)
{
    SSL_CTX *ctx = kc_probe_own(tls, part, err);
    SSL_CTX_free(ctx);
    return ctx != NULL;
}
