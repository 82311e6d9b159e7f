// SPDX-License-Identifier: Apache-2.0
#include "kafka/credentials.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "9092"

static const struct kc_choice mechanisms[] = {
    [KC_SCRAM_SHA_512] = { "scram-sha-512", "SCRAM-SHA-512", "SASL/SCRAM-SHA-512" },
    [KC_SCRAM_SHA_256] = { "scram-sha-256", "SCRAM-SHA-256", "SASL/SCRAM-SHA-256" },
    [KC_PLAIN] = { "plain", "PLAIN", "SASL/PLAIN" },
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
      .help = "Whom to sign in as; needed by every mechanism but none." },
    { .name = "password",
      .type = KC_TEXT,
      KC_AT(kc_credentials, password),
      .secret = true,
      .label = "Password",
      .help = "Never logged, never in a process list." },
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
      .help = "By default SASL_SSL, or SSL with mechanism none: a password is sent in clear "
              "only where "
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
    if (!by_protocol && by_mechanism && c->username)
        kc_faults_add(
            faults, "/securityProtocol",
            "%s does not sign in, but a username is given: choose SASL_SSL, or mechanism none",
            securities[c->security].name);
    if (!by_protocol || !by_mechanism)
        return;
    if (!c->username)
        kc_faults_add(faults, "/username", "required by mechanism %s",
                      mechanisms[c->mechanism].name);
    if (!c->password)
        kc_faults_add(faults, "/password", "required by mechanism %s",
                      mechanisms[c->mechanism].name);
}

/* Also "fe80::1%eth0". */
static bool is_ipv6(struct kc_text b)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    const char *zone = memchr(b.p, '%', b.len);
    size_t len = zone ? (size_t)(zone - b.p) : b.len;
    if (len >= sizeof(address))
        return false;
    memcpy(address, b.p, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* "host", "host:port", "[::1]", "[::1]:port", "::1". */
static bool split_address(struct kc_text b, struct kc_text *host, struct kc_text *port)
{
    const char *end = b.p + b.len;
    *host = b;
    *port = KC_LIT(DEFAULT_PORT);
    if (b.p[0] == '[') {
        const char *close = memchr(b.p, ']', b.len);
        if (!close || (close + 1 < end && close[1] != ':'))
            return false;
        *host = (struct kc_text){ b.p + 1, (size_t)(close - b.p) - 1 };
        if (close + 1 < end)
            *port = (struct kc_text){ close + 2, (size_t)(end - close) - 2 };
        return is_ipv6(*host);
    }
    const char *colon = is_ipv6(b) ? NULL : memchr(b.p, ':', b.len);
    if (colon) {
        *host = (struct kc_text){ b.p, (size_t)(colon - b.p) };
        *port = (struct kc_text){ colon + 1, (size_t)(end - colon) - 1 };
    }
    return host->len > 0 && !memchr(b.p, '[', b.len) && !memchr(b.p, ']', b.len);
}

/* Appends an address with its port. */
static bool add_broker(struct kc_buf *list, struct kc_text b)
{
    struct kc_text host, port;
    int64_t number;
    const char *scheme = memmem(b.p, b.len, "://", 3);
    if (scheme) { /* SASL_SSL://host:9092 as Kafka's own tools show it */
        size_t skip = (size_t)(scheme - b.p) + 3;
        b = (struct kc_text){ b.p + skip, b.len - skip };
    }
    if (b.len == 0 || b.len > 260 || !split_address(b, &host, &port) ||
        !kc_text_int(port, 1, 65535, &number))
        return false;
    bool has_brackets = memchr(host.p, ':', host.len) != NULL;
    return kc_buf_printf(list, "%s%s%.*s%s:%d", list->len ? "," : "", has_brackets ? "[" : "",
                         (int)host.len, host.p, has_brackets ? "]" : "", (int)number);
}

static void read_brokers(struct kc_credentials *c, struct kc_faults *faults)
{
    static const char separators[] = ", \t\r\n;";
    if (!c->brokers)
        return; /* said already: required */
    struct kc_buf list;
    kc_buf_init(&list, KC_DOC_MAX_BYTES);
    for (const char *p = c->brokers; *p;) {
        size_t len = strcspn(p, separators);
        if (len && !add_broker(&list, (struct kc_text){ p, len })) {
            kc_faults_add(faults, "/brokers", "'%.*s' is not host:port (port 1-65535)",
                          len > 80 ? 80 : (int)len, p);
            kc_buf_deinit(&list);
            return;
        }
        p += len + (p[len] != '\0');
    }
    if (list.len == 0)
        kc_faults_add(faults, "/brokers", "names no broker");
    free(c->brokers);
    c->brokers = kc_buf_take(&list);
}

/* A PEM text pasted into a one-line form field arrives with "\n" spelled out. */
static void mend_pem(char *pem)
{
    if (!pem || strchr(pem, '\n'))
        return;
    char *to = pem;
    for (const char *from = pem; *from;) {
        if (from[0] == '\\' && (from[1] == 'n' || from[1] == 'r')) {
            *to++ = from[1] == 'n' ? '\n' : '\r';
            from += 2;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void check_ca(struct kc_credentials *c, struct kc_faults *faults)
{
    mend_pem(c->ca_certificate);
    if (c->ca_certificate && c->ca_certificate_file)
        kc_faults_add(faults, "/caCertificateFile",
                      "stands beside caCertificate: give one of them");
    if (c->ca_certificate && !strstr(c->ca_certificate, "-----BEGIN CERTIFICATE-----"))
        kc_faults_add(faults, "/caCertificate",
                      "is not a PEM certificate (-----BEGIN CERTIFICATE-----)");
}

bool kc_credentials_read(struct kc_credentials *c, const struct kc_doc *doc,
                         enum kc_unknown unknown, struct kc_faults *faults)
{
    size_t before = faults->count;
    c->security = SECURITY_BY_MECHANISM;
    bool ok = kc_fields_read(kc_credentials_fields, c, doc, unknown, faults);
    if (c->security == SECURITY_BY_MECHANISM)
        c->security = c->mechanism == KC_NO_SIGN_IN ? KC_SSL : KC_SASL_SSL;
    if (ok)
        check_sign_in(c, faults);
    read_brokers(c, faults);
    check_ca(c, faults);
    return ok && faults->count == before;
}

void kc_credentials_free(struct kc_credentials *c)
{
    kc_fields_free(kc_credentials_fields, c);
}
