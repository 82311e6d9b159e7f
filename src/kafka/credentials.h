// SPDX-License-Identifier: Apache-2.0
/* credentials.h - how to reach a Kafka cluster and sign in to it. */
#ifndef KC_KAFKA_CREDENTIALS_H
#define KC_KAFKA_CREDENTIALS_H

#include "conf/field.h"

enum kc_mechanism {
    KC_SCRAM_SHA_512,
    KC_SCRAM_SHA_256,
    KC_PLAIN,
    KC_OAUTHBEARER,
    KC_GSSAPI,
    KC_NO_SIGN_IN,
};

enum kc_security {
    KC_SASL_SSL,
    KC_SSL,
    KC_SASL_PLAINTEXT,
    KC_PLAINTEXT,
};

/* Texts are owned; free them with kc_credentials_free(). */
struct kc_credentials {
    char *username;
    char *password;
    int mechanism; /* enum kc_mechanism */
    char *client_id;
    char *brokers; /* as typed; kc_credentials_read() makes it a comma list with ports */
    int security;  /* enum kc_security; by the mechanism where none was given */
    char *ca_certificate;
    char *ca_certificate_file;
    char *client_certificate;
    char *client_certificate_file;
    char *client_key;
    char *client_key_file;
    char *client_key_password;
    char *token_url;
    char *scope;
    char *oauth_extensions; /* "name=value", separated by comma or newline */
    char *kerberos_principal;
    char *kerberos_service;
    char *kerberos_keytab;
    char *properties; /* lines; kafka/properties.h */
};

/* Why a request cannot say gssapi: its own principal would sign in with our tickets. */
#define KC_NO_FOREIGN_TICKETS                                                                  \
    "gssapi signs in with the server's own Kerberos tickets: only its operator may set it"

extern const struct kc_field kc_credentials_fields[];

/* Fills c, which the caller zeroed, and checks what no single field can show. All faults are
 * added to the list; false when there are any. */
bool kc_credentials_read(struct kc_credentials *c, const struct kc_doc *doc,
                         enum kc_unknown unknown, struct kc_faults *faults) KC_MUST_CHECK;

void kc_credentials_free(struct kc_credentials *c);

/* What works, but does not do what someone may think: a field that is not used, a secret that
 * goes in clear. For credentials that were read without a fault. */
void kc_credentials_notes(const struct kc_credentials *c, struct kc_faults *notes);

/* Whether the client secret goes there in clear: http, and not on this machine. */
bool kc_token_url_is_clear(const char *url);

#define KC_EXTENSIONS_MAX 32 /* pairs of oauthExtensions */

bool kc_credentials_has_tls(const struct kc_credentials *c);
const char *kc_credentials_protocol(const struct kc_credentials *c);  /* "SASL_SSL" */
const char *kc_credentials_mechanism(const struct kc_credentials *c); /* "SCRAM-SHA-512" */

#endif
