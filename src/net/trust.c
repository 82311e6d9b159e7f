// SPDX-License-Identifier: Apache-2.0
#include "net/trust.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static int note(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct kc_trust *trust = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!is_good && trust->fault == 0) {
        trust->fault = X509_STORE_CTX_get_error(store);
        (void)snprintf(trust->text, sizeof(trust->text), "%s",
                       X509_verify_cert_error_string(trust->fault));
    }
    return is_good;
}

static bool expect_host(SSL_CTX *ctx, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

bool kc_trust_set(void *ctx, const char *host, struct kc_trust *trust, struct kc_error *err)
{
    *trust = (struct kc_trust){ 0 };
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_default_verify_paths(ctx) != 1 || !expect_host(ctx, host)) {
        kc_error_set(err, KC_CONFIG, 0, "%s cannot be held to a certificate", host);
        return false;
    }
    SSL_CTX_set_app_data(ctx, trust);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, note);
    return true;
}
