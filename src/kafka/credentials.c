// SPDX-License-Identifier: Apache-2.0
#include "kafka/credentials.h"

#include "base/alloc.h"
#include "kafka/brokers.h"
#include "kafka/library.h"
#include "kafka/pem.h"
#include "kafka/properties.h"
#include "net/address.h"
#include "net/http.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct kc_choice mechanisms[] = {
    [KC_SCRAM_SHA_512] = { "scram-sha-512", "SCRAM-SHA-512", "SASL/SCRAM-SHA-512" },
    [KC_SCRAM_SHA_256] = { "scram-sha-256", "SCRAM-SHA-256", "SASL/SCRAM-SHA-256" },
    [KC_PLAIN] = { "plain", "PLAIN", "SASL/PLAIN" },
    [KC_OAUTHBEARER] = { "oauthbearer", "OAUTHBEARER", "SASL/OAUTHBEARER" },
    [KC_GSSAPI] = { "gssapi", "GSSAPI", "SASL/GSSAPI" },
    [KC_NO_SIGN_IN] = { "none", "No sign-in", NULL },
    { 0 },
};

static const struct kc_choice securities[] = {
    [KC_SASL_SSL] = { "SASL_SSL", "SASL_SSL", NULL },
    [KC_SSL] = { "SSL", "SSL", NULL },
    [KC_SASL_PLAINTEXT] = { "SASL_PLAINTEXT", "SASL_PLAINTEXT (not encrypted)", NULL },
    [KC_PLAINTEXT] = { "PLAINTEXT", "PLAINTEXT (not encrypted)", NULL },
    { 0 },
};
#define SERVICE               "kafka"
#define SECURITY_BY_MECHANISM (-1) /* while no securityProtocol was read */

const struct kc_field kc_credentials_fields[] = {
    { .name = "brokers",
      .type = KC_TEXT,
      KC_AT(kc_credentials, brokers),
      .required = true,
      .label = "Brokers",
      .example = "b1.example.com:9092, b2.example.com:9092",
      .help =
          "Addresses of one or more brokers, separated by comma, space or newline. Without a "
          "port, 9092 is meant." },
    { .name = "mechanism",
      .type = KC_CHOICE,
      KC_AT(kc_credentials, mechanism),
      .choices = mechanisms,
      .fallback = "scram-sha-512",
      .label = "Mechanism",
      .help = "How to sign in." },
    { .name = "username",
      .type = KC_TEXT,
      KC_AT(kc_credentials, username),
      .label = "Username",
      .help = "Whom to sign in as; needed by every mechanism but gssapi and none. With "
              "oauthbearer the client id." },
    { .name = "password",
      .type = KC_TEXT,
      KC_AT(kc_credentials, password),
      .secret = true,
      .label = "Password",
      .help = "Never logged, never in a process list. With oauthbearer the client secret." },
    { .name = "tokenUrl",
      .type = KC_TEXT,
      KC_AT(kc_credentials, token_url),
      .label = "Token URL",
      .example = "https://login.example.com/oauth2/token",
      .help = "Where oauthbearer gets its access tokens, by the client credentials grant. With "
              "http the client secret goes there in clear." },
    { .name = "scope",
      .type = KC_TEXT,
      KC_AT(kc_credentials, scope),
      .label = "Scope",
      .help = "What the access token is asked for; separated by blanks." },
    { .name = "oauthExtensions",
      .type = KC_TEXT,
      KC_AT(kc_credentials, oauth_extensions),
      .label = "OAuth extensions",
      .example = "logicalCluster=lkc-1, identityPoolId=pool-1",
      .help =
          "Pairs name=value, separated by comma or newline, that go to the brokers with the "
          "token." },
    { .name = "kerberosPrincipal",
      .type = KC_TEXT,
      KC_AT(kc_credentials, kerberos_principal),
      .kafka = "sasl.kerberos.principal",
      .label = "Kerberos principal",
      .example = "flows@EXAMPLE.COM",
      .help = "Whom gssapi signs in as; needed beside a keytab. Without one the operator's "
              "ticket cache decides." },
    { .name = "kerberosServiceName",
      .type = KC_TEXT,
      KC_AT(kc_credentials, kerberos_service),
      .kafka = "sasl.kerberos.service.name",
      .fallback = SERVICE,
      .label = "Kerberos service name",
      .help = "The first part of the brokers' principals, for gssapi." },
    { .name = "kerberosKeytab",
      .type = KC_TEXT,
      KC_AT(kc_credentials, kerberos_keytab),
      .operator_only = true,
      .label = "Kerberos keytab",
      .help = "File with the principal's keys, from which gssapi gets its tickets; from the "
              "operator only, never from a flow." },
    { .name = "clientId",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_id),
      .kafka = "client.id",
      .fallback = "kafka-component",
      .label = "Client Id",
      .help = "Sent with every request; shows in the broker's logs, metrics and quotas." },
    { .name = "securityProtocol",
      .type = KC_CHOICE,
      KC_AT(kc_credentials, security),
      .choices = securities,
      .kafka = "security.protocol",
      .label = "Security protocol",
      .help = "By default SASL_SSL, or SSL with mechanism none: a password goes to a broker in "
              "clear only where "
              "SASL_PLAINTEXT is chosen." },
    { .name = "caCertificate",
      .type = KC_TEXT,
      KC_AT(kc_credentials, ca_certificate),
      .multiline = true,
      .label = "CA certificate",
      .help = "PEM text of the authority that signed the brokers' certificates; by default the "
              "system's authorities are trusted." },
    { .name = "caCertificateFile",
      .type = KC_TEXT,
      KC_AT(kc_credentials, ca_certificate_file),
      .kafka = "ssl.ca.location",
      .operator_only = true,
      .label = "CA certificate file",
      .help = "The same as a file; from the operator only, never from a flow." },
    { .name = "clientCertificate",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_certificate),
      .multiline = true,
      .label = "Client certificate",
      .help = "PEM text of the certificate, and of those between it and its authority, that "
              "shows the brokers who we are." },
    { .name = "clientCertificateFile",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_certificate_file),
      .kafka = "ssl.certificate.location",
      .operator_only = true,
      .label = "Client certificate file",
      .help = "The same as a file; from the operator only, never from a flow." },
    { .name = "clientKey",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_key),
      .multiline = true,
      .secret = true,
      .label = "Client key",
      .help = "PEM text of the client certificate's private key, encrypted or not." },
    { .name = "clientKeyFile",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_key_file),
      .kafka = "ssl.key.location",
      .operator_only = true,
      .label = "Client key file",
      .help = "The same as a file; from the operator only, never from a flow." },
    { .name = "clientKeyPassword",
      .type = KC_TEXT,
      KC_AT(kc_credentials, client_key_password),
      .secret = true,
      .label = "Client key password",
      .help = "What an encrypted client key is opened with." },
    { .name = "properties",
      .type = KC_TEXT,
      KC_AT(kc_credentials, properties),
      .multiline = true,
      .label = "More client properties",
      .example = "linger.ms=20",
      .help = "Properties of the Kafka client, a line `name=value` each, by librdkafka's names "
              "or Java's; what loads code, runs a command or names a file is refused." },
    { 0 },
};

static void check_sign_in(const struct kc_credentials *c, struct kc_faults *faults)
{
    bool by_protocol = c->security == KC_SASL_SSL || c->security == KC_SASL_PLAINTEXT;
    bool by_mechanism = c->mechanism != KC_NO_SIGN_IN;
    if (by_protocol && !by_mechanism)
        kc_faults_add(
            faults, "/securityProtocol",
            "%s signs in, but mechanism is none: choose SSL or PLAINTEXT, or a mechanism",
            securities[c->security].name);
    if (!by_protocol && c->mechanism == KC_GSSAPI)
        kc_faults_add(faults, "/securityProtocol",
                      "%s does not sign in, but mechanism is gssapi: choose SASL_SSL",
                      securities[c->security].name);
    else if (!by_protocol && by_mechanism && c->username)
        kc_faults_add(
            faults, "/securityProtocol",
            "%s does not sign in, but a username is given: choose SASL_SSL, or mechanism none",
            securities[c->security].name);
    if (!by_protocol || !by_mechanism || c->mechanism == KC_GSSAPI)
        return;
    if (!c->username)
        kc_faults_add(faults, "/username", "required by mechanism %s",
                      mechanisms[c->mechanism].name);
    if (!c->password)
        kc_faults_add(faults, "/password", "required by mechanism %s",
                      mechanisms[c->mechanism].name);
}

/* RFC 7628, and librdkafka: a name is letters, a value what can be printed. */
static void check_extension(struct kc_text name, struct kc_text rest, struct kc_faults *faults)
{
    int len = (int)(name.len < 40 ? name.len : 40);
    bool is_printable = true;
    for (size_t i = 0; i < rest.len; i++)
        is_printable &= (rest.p[i] >= ' ' && rest.p[i] <= '~') || rest.p[i] == '\t';
    if (name.len == 0 || rest.len == 0 || rest.p[0] != '=')
        kc_faults_add(faults, "/oauthExtensions",
                      "'%.*s' is not name=value (a name has letters only)", len, name.p);
    else if (kc_text_is(name, "auth"))
        kc_faults_add(faults, "/oauthExtensions", "'auth' is a name of the protocol's own");
    else if (!is_printable)
        kc_faults_add(faults, "/oauthExtensions",
                      "the value of '%.*s' may hold printable ASCII only", len, name.p);
}

/* Each pair ends at a comma or a newline. */
static void check_extensions(const char *text, struct kc_faults *faults)
{
    size_t count = 0;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *p = text; p && *p;) {
        size_t len = strcspn(p, ",\r\n"), blanks = strspn(p, " \t");
        size_t name = blanks < len ? strspn(p + blanks, letters) : 0;
        if (blanks < len)
            check_extension((struct kc_text){ p + blanks, name },
                            (struct kc_text){ p + blanks + name, len - blanks - name }, faults);
        count += blanks < len;
        p += len + (p[len] != '\0');
    }
    if (count > KC_EXTENSIONS_MAX)
        kc_faults_add(faults, "/oauthExtensions", "more than %d pairs", KC_EXTENSIONS_MAX);
}

static void check_token(const struct kc_credentials *c, struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    if (c->mechanism != KC_OAUTHBEARER) {
        if (c->token_url)
            kc_faults_add(faults, "/tokenUrl", "belongs to mechanism oauthbearer");
        if (c->scope)
            kc_faults_add(faults, "/scope", "belongs to mechanism oauthbearer");
        if (c->oauth_extensions)
            kc_faults_add(faults, "/oauthExtensions", "belongs to mechanism oauthbearer");
        return;
    }
    check_extensions(c->oauth_extensions, faults);
    if (!c->token_url)
        kc_faults_add(faults, "/tokenUrl", "required by mechanism oauthbearer");
    else if (!kc_http_check_url(c->token_url, kc_kafka_allowed_token_servers(), &err))
        kc_faults_add(faults, "/tokenUrl", "%s", err.text);
}

/* A name goes into kinit's arguments: what could be an option or mean more is refused. */
static void check_kerberos_name(const char *name, const char *pointer, struct kc_faults *faults)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._/@-";
    if (name && (strspn(name, letters) != strlen(name) || *name == '-' || !*name))
        kc_faults_add(faults, pointer,
                      "may hold letters, digits and . _ / @ - only, and not begin with -");
}

static void check_kerberos(const struct kc_credentials *c, struct kc_faults *faults)
{
    check_kerberos_name(c->kerberos_principal, "/kerberosPrincipal", faults);
    check_kerberos_name(c->kerberos_service, "/kerberosServiceName", faults);
    if (c->mechanism != KC_GSSAPI && c->kerberos_principal)
        kc_faults_add(faults, "/kerberosPrincipal", "belongs to mechanism gssapi");
    if (c->mechanism != KC_GSSAPI && c->kerberos_service &&
        strcmp(c->kerberos_service, SERVICE) != 0)
        kc_faults_add(faults, "/kerberosServiceName", "belongs to mechanism gssapi");
    if (c->mechanism != KC_GSSAPI && c->kerberos_keytab)
        kc_faults_add(faults, "/kerberosKeytab", "belongs to mechanism gssapi");
    if (c->mechanism == KC_GSSAPI && c->kerberos_keytab && !c->kerberos_principal)
        kc_faults_add(faults, "/kerberosPrincipal", "required beside a keytab");
}

/* A "\n" or "\r" that a one-line form spelled out ends a line. */
static void break_lines(char *text)
{
    for (char *p = text; p && (p = strchr(p, '\\')); p++) {
        if (p[1] == 'n' || p[1] == 'r')
            p[0] = p[1] = '\n';
    }
}

static void read_brokers(struct kc_credentials *c, struct kc_faults *faults)
{
    break_lines(c->brokers);
    char *list = c->brokers ? kc_brokers_read(c->brokers, faults) : NULL;
    if (!list)
        return; /* said already */
    free(c->brokers);
    c->brokers = list;
}

/* --- certificates --- */

static void check_either(const char *text, const char *file, const char *pointer,
                         const char *other, struct kc_faults *faults)
{
    if (text && file)
        kc_faults_add(faults, pointer, "stands beside %s: give one of them", other);
}

/* A certificate and its key belong together, whether as text or as files. */
static void check_pair(const struct kc_credentials *c, struct kc_faults *faults)
{
    bool has_certificate = c->client_certificate || c->client_certificate_file;
    bool has_key = c->client_key || c->client_key_file;
    if (has_certificate && !has_key)
        kc_faults_add(faults, "/clientKey", "required beside a client certificate");
    if (has_key && !has_certificate)
        kc_faults_add(faults, "/clientCertificate", "required beside a client key");
    if (has_certificate && !kc_credentials_has_tls(c))
        kc_faults_add(faults, "/clientCertificate", "means nothing with securityProtocol %s",
                      securities[c->security].name);
}

static void check_certificates(struct kc_credentials *c, struct kc_faults *faults)
{
    c->ca_certificate = kc_pem_mend(c->ca_certificate);
    c->client_certificate = kc_pem_mend(c->client_certificate);
    c->client_key = kc_pem_mend(c->client_key);
    check_either(c->ca_certificate, c->ca_certificate_file, "/caCertificateFile",
                 "caCertificate", faults);
    check_either(c->client_certificate, c->client_certificate_file, "/clientCertificateFile",
                 "clientCertificate", faults);
    check_either(c->client_key, c->client_key_file, "/clientKeyFile", "clientKey", faults);
    kc_pem_check_certificate(c->ca_certificate, "/caCertificate", faults);
    kc_pem_check_certificate(c->client_certificate, "/clientCertificate", faults);
    kc_pem_check_key(c->client_key, c->client_key_password, faults);
    check_pair(c, faults);
}

bool kc_credentials_has_tls(const struct kc_credentials *c)
{
    return c->security == KC_SASL_SSL || c->security == KC_SSL;
}

const char *kc_credentials_protocol(const struct kc_credentials *c)
{
    return securities[c->security].name;
}

const char *kc_credentials_mechanism(const struct kc_credentials *c)
{
    return mechanisms[c->mechanism].label;
}

bool kc_credentials_read(struct kc_credentials *c, const struct kc_doc *doc,
                         enum kc_unknown unknown, struct kc_faults *faults)
{
    size_t before = faults->count;
    c->security = SECURITY_BY_MECHANISM;
    bool ok = kc_fields_read(kc_credentials_fields, c, doc, unknown, faults);
    if (c->security == SECURITY_BY_MECHANISM)
        c->security = c->mechanism == KC_NO_SIGN_IN ? KC_SSL : KC_SASL_SSL;
    break_lines(c->oauth_extensions);
    if (ok)
        check_sign_in(c, faults);
    if (ok)
        check_token(c, faults);
    if (ok)
        check_kerberos(c, faults);
    read_brokers(c, faults);
    check_certificates(c, faults);
    kc_properties_check(c, faults);
    return ok && faults->count == before;
}

/* --- what is fine, and yet worth a word --- */

bool kc_token_url_is_clear(const char *url)
{
    struct kc_address address;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + 7;
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (kc_text_is((struct kc_text){ host, len }, "localhost"))
        return false;
    return !kc_address_parse((struct kc_text){ host, len }, &address) ||
           (address.is_v4 ? address.bytes[0] != 127
                          : memcmp(address.bytes, &in6addr_loopback, 16) != 0);
}

static void note_sign_in(const struct kc_credentials *c, struct kc_faults *notes)
{
    bool by_mechanism = c->mechanism != KC_NO_SIGN_IN;
    bool signs_in = c->security == KC_SASL_SSL || c->security == KC_SASL_PLAINTEXT;
    const char *const given[] = { c->username ? "/username" : NULL,
                                  c->password ? "/password" : NULL };
    for (size_t i = 0; i < 2 && !signs_in; i++) {
        if (given[i] && !by_mechanism)
            kc_faults_add(notes, given[i], "not used: mechanism is none");
        else if (given[i])
            kc_faults_add(notes, given[i], "not used: %s does not sign in",
                          securities[c->security].name);
    }
}

void kc_credentials_notes(const struct kc_credentials *c, struct kc_faults *notes)
{
    bool asks_for_tokens = c->mechanism == KC_OAUTHBEARER && c->token_url;
    note_sign_in(c, notes);
    if (!kc_credentials_has_tls(c) && !asks_for_tokens &&
        (c->ca_certificate || c->ca_certificate_file))
        kc_faults_add(notes, c->ca_certificate ? "/caCertificate" : "/caCertificateFile",
                      "not used: %s is without TLS", securities[c->security].name);
    if (asks_for_tokens && kc_token_url_is_clear(c->token_url))
        kc_faults_add(notes, "/tokenUrl",
                      "the client secret goes to the token server in clear: use https");
}

void kc_credentials_free(struct kc_credentials *c)
{
    kc_fields_free(kc_credentials_fields, c);
}
