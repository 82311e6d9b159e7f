// SPDX-License-Identifier: Apache-2.0
/* verdict.h - what a verification says: steps that were taken, and of the first that failed its
 * cause and its remedy, in words that a person can act on.
 *
 * The table has each cause once: its stable code, the exit code of `verify`, what it means and
 * what to do. docs/verify.md shows it; a test compares. One thread at a time. */
#ifndef KC_COMPONENT_VERDICT_H
#define KC_COMPONENT_VERDICT_H

#include "base/buf.h"

// clang-format off
/*    cause                  code                               exit  what it means; what to do */
#define KC_CAUSES(X)                                                                                                    \
    X(VERIFIED,              "verified",                        0,                                                      \
      "Everything that was asked for works.", "")                                                                       \
    X(BROKERS_MISSING,       "brokers_missing",                 78,                                                     \
      "No broker is given.",                                                                                            \
      "Put the address of at least one broker into `brokers`, as host:port.")                                           \
    X(CONFIG,                "config",                          78,                                                     \
      "The settings cannot work.",                                                                                      \
      "Correct the fields that are named.")                                                                             \
    X(BROKERS_MANY,          "brokers_many",                    78,                                                     \
      "More addresses are given than are looked at; this is a warning.",                                                \
      "Give three to five addresses as `brokers`: clients find the other brokers through them.")                        \
    X(NAME_UNRESOLVED,       "name_unresolved",                 69,                                                     \
      "A broker's name is not known to the name server.",                                                               \
      "Check the spelling of `brokers`; a name of a private network is known only inside of it.")                       \
    X(NAME_TIMEOUT,          "name_timeout",                    69,                                                     \
      "The name server did not answer in time.",                                                                        \
      "Check the name server and the network of the machine that this runs on.")                                        \
    X(TCP_REFUSED,           "tcp_refused",                     69,                                                     \
      "The machine answers, but nobody listens at that port.",                                                          \
      "Check the port in `brokers`, and that the broker runs.")                                                         \
    X(TCP_UNREACHABLE,       "tcp_unreachable",                 69,                                                     \
      "There is no way to the broker's address.",                                                                       \
      "Check `brokers`, and the routes and the VPN between here and there.")                                            \
    X(TCP_TIMEOUT,           "tcp_timeout",                     69,                                                     \
      "The broker's address does not answer at all.",                                                                   \
      "Check `brokers`; a firewall between here and there may drop the packets: have the port opened for this machine.")\
    X(TLS_TIMEOUT,           "tls_timeout",                     69,                                                     \
      "The connection was accepted, but the TLS handshake was not answered.",                                           \
      "Check that the port is the broker's, and what stands between: a proxy or load balancer without a broker behind it hangs like this.")\
    X(TLS_CA_MISSING,        "tls_ca_missing",                  78,                                                     \
      "The broker's certificate is not signed by an authority that this system trusts.",                                \
      "Put the PEM text of the authority that signed it into `caCertificate`.")                                         \
    X(TLS_CA_MISMATCH,       "tls_ca_mismatch",                 78,                                                     \
      "The broker's certificate is not signed by the authority in `caCertificate`.",                                    \
      "Ask whoever runs the brokers for the right CA certificate, or remove `caCertificate` where the certificate is a public one.")\
    X(TLS_NAME,              "tls_name",                        78,                                                     \
      "The broker's certificate is for another host name.",                                                             \
      "Use one of the names in the certificate in `brokers`, or have the broker's certificate issued for this name.")   \
    X(TLS_EXPIRED,           "tls_expired",                     69,                                                     \
      "The broker's certificate is not valid at this time.",                                                            \
      "Have the broker's certificate renewed; where its dates are right, set this machine's clock.")                    \
    X(TLS_CERTIFICATE,       "tls_certificate",                 69,                                                     \
      "The broker's certificate was refused.",                                                                          \
      "Show the reason to whoever runs the brokers: their certificate has to be issued anew.")                          \
    X(TLS_CLIENT_CERTIFICATE_REQUIRED, "tls_client_certificate_required", 78,                                           \
      "The broker wants a client certificate, and none is given.",                                                      \
      "Put the certificate that you were given into `clientCertificate`, and its key into `clientKey`.")                \
    X(TLS_CLIENT_CERTIFICATE_REFUSED,  "tls_client_certificate_refused",  77,                                           \
      "The broker does not accept the client certificate.",                                                             \
      "Check that `clientCertificate` is still valid, holds its whole chain, and is signed by an authority that the brokers trust.")\
    X(TLS_FAILED,            "tls_failed",                      69,                                                     \
      "The TLS handshake failed.",                                                                                      \
      "Show the reason to whoever runs the brokers: they and we have no version or cipher of TLS in common, or something in between broke it.")\
    X(TLS_NOT_CHECKED,       "tls_not_checked",                 78,                                                     \
      "The broker's certificate is not fully checked, as `properties` has it; this is a warning.",                      \
      "Remove the line from `properties`: whoever stands between here and the broker can take its place, and be given the password.")\
    X(PLAIN_PORT,            "plain_port_asked_with_tls",       78,                                                     \
      "The port speaks Kafka without TLS, and `securityProtocol` asks for TLS.",                                        \
      "Use the port of the broker's TLS listener in `brokers`; or, only where the network is safe, `securityProtocol` SASL_PLAINTEXT (PLAINTEXT without sign-in).")\
    X(TLS_PORT,              "tls_port_asked_in_clear",         78,                                                     \
      "The port speaks TLS, and `securityProtocol` asks for a connection in clear.",                                    \
      "Set `securityProtocol` to SASL_SSL, or to SSL without sign-in.")                                                 \
    X(NOT_KAFKA,             "not_kafka",                       78,                                                     \
      "Something answers at that address, but it is not Kafka.",                                                        \
      "Check the host and the port in `brokers`: a REST proxy, ZooKeeper or a web server has another port than the broker.")\
    X(KAFKA_TIMEOUT,         "kafka_timeout",                   69,                                                     \
      "The connection works, but Kafka did not answer in time.",                                                        \
      "Check the broker's load and log, and that the port is its own.")                                                 \
    X(KAFKA_FAILED,          "kafka_failed",                    69,                                                     \
      "The broker was reached, but did not answer as it should.",                                                       \
      "Show the reason to whoever runs the brokers.")                                                                   \
    X(MECHANISM_NOT_OFFERED, "mechanism_not_offered",           78,                                                     \
      "The broker does not offer this way to sign in.",                                                                 \
      "Choose one of those on offer as `mechanism`.")                                                                   \
    X(NO_SASL_LISTENER,      "no_sasl_listener",                78,                                                     \
      "This listener knows no sign-in at all.",                                                                         \
      "Use the port of a listener with sign-in in `brokers`; or `mechanism` none, with `securityProtocol` SSL or PLAINTEXT.")\
    X(SIGN_IN_REQUIRED,      "sign_in_required",                78,                                                     \
      "This listener wants a sign-in, and `mechanism` is none.",                                                        \
      "Choose one of those on offer as `mechanism`, and fill in `username` and `password`.")                            \
    X(TOKEN_REFUSED,         "token_refused",                   77,                                                     \
      "The token server refused the client.",                                                                           \
      "Check `username` (the client id), `password` (the client secret) and `scope`.")                                  \
    X(TOKEN_SERVER_FAILED,   "token_server_failed",             69,                                                     \
      "The token server answered with an error of its own.",                                                            \
      "Check `tokenUrl`; if it is right, the token server is in trouble: try again later.")                             \
    X(TOKEN_BAD_ANSWER,      "token_bad_answer",                69,                                                     \
      "What the token server answered is not a token.",                                                                 \
      "Check `tokenUrl`: it is the address that tokens are POSTed for, not that of a login page.")                      \
    X(TOKEN_TOO_LARGE,       "token_too_large",                 69,                                                     \
      "The token server's answer is far larger than a token.",                                                          \
      "Check `tokenUrl`: this is not the address that tokens are POSTed for.")                                          \
    X(TOKEN_TIMEOUT,         "token_timeout",                   69,                                                     \
      "The token server did not answer in time.",                                                                       \
      "Check `tokenUrl`, and the way from here to the token server.")                                                   \
    X(TOKEN_UNREACHABLE,     "token_unreachable",               69,                                                     \
      "The token server cannot be reached.",                                                                            \
      "Check the host and the port in `tokenUrl`.")                                                                     \
    X(TOKEN_UNTRUSTED,       "token_untrusted",                 78,                                                     \
      "The token server's certificate was not accepted.",                                                               \
      "Check the host in `tokenUrl`; the authority that signed its certificate goes into `caCertificate`.")             \
    X(KERBEROS_REFUSED,      "kerberos_refused",                77,                                                     \
      "Kerberos has no ticket for this sign-in.",                                                                       \
      "Check `kerberosPrincipal`; without `kerberosKeytab`, that the ticket cache (KRB5CCNAME) holds tickets that are still valid; and that `kerberosServiceName` is the first part of the brokers' principals.")\
    X(KERBEROS_CONFIG,       "kerberos_config",                 78,                                                     \
      "The keytab, kinit or krb5.conf cannot be used.",                                                                 \
      "Check that `kerberosKeytab` is there, can be read and holds a key of `kerberosPrincipal`, that krb5.conf names the realm's KDC, and that kinit is installed.")\
    X(KERBEROS_UNREACHABLE,  "kerberos_unreachable",            69,                                                     \
      "The Kerberos server (KDC) does not answer.",                                                                     \
      "Check the realm's KDC in krb5.conf, and the way from here to it.")                                               \
    X(SIGN_IN_REFUSED,       "sign_in_refused",                 77,                                                     \
      "The broker refused the sign-in.",                                                                                \
      "Check `username` and `password`, and that this user may sign in by this `mechanism`.")                           \
    X(LISTENERS_UNREACHABLE, "listeners_unreachable",           69,                                                     \
      "The brokers say that they are found at addresses that cannot be reached from here.",                             \
      "Have `advertised.listeners` of the brokers name addresses that work from this machine, or open the way to them: clients go there after the first answer.")\
    X(TOPIC_MISSING,         "topic_missing",                   78,                                                     \
      "There is no such topic.",                                                                                        \
      "Check the spelling of `topic`, or have it created.")                                                             \
    X(TOPIC_FORBIDDEN,       "topic_forbidden",                 77,                                                     \
      "The account may see the topic, but not use it.",                                                                 \
      "Have the account be given READ (to consume) or WRITE (to produce) on the topic.")                                \
    X(TOPIC_HIDDEN,          "topic_missing_or_forbidden",      77,                                                     \
      "The topic is not there, or the account may not see it: Kafka does not tell which.",                              \
      "Check the spelling of `topic`; have the account be given READ (to consume) or WRITE (to produce) on it.")        \
    X(GROUP_FORBIDDEN,       "group_forbidden",                 77,                                                     \
      "The account may not use the consumer group.",                                                                    \
      "Have the account be given READ on the group, or choose another `groupId`.")
// clang-format on

enum kc_cause {
#define X(cause, ...) KC_CAUSE_##cause,
    KC_CAUSES(X)
#undef X
    KC_CAUSE_COUNT
};

const char *kc_cause_code(enum kc_cause cause);
const char *kc_cause_meaning(enum kc_cause cause);
const char *kc_cause_remedy(enum kc_cause cause);
int kc_cause_exit(enum kc_cause cause);

struct kc_verdict; /* opaque */

struct kc_verdict *kc_verdict_new(void);
void kc_verdict_free(struct kc_verdict *v); /* NULL is fine */

/* A step is begun, then said to be fine or not. ms is how long it took; -1: since it was begun.
 * The first that is not fine gives the verdict its cause; reason says what happened. Texts are
 * copied. */
void kc_verdict_begin(struct kc_verdict *v, const char *name);
void kc_verdict_fine(struct kc_verdict *v, int64_t ms, const char *fmt, ...) KC_PRINTF(3, 4);
void kc_verdict_fail(struct kc_verdict *v, int64_t ms, enum kc_cause cause, const char *fmt,
                     ...) KC_PRINTF(4, 5);

/* A part of what is the matter that has a place, such as a field: "/credentials/brokers". */
void kc_verdict_add_error(struct kc_verdict *v, const char *pointer, const char *message);

/* Something that does not work, but is not needed. */
void kc_verdict_warn(struct kc_verdict *v, enum kc_cause cause, const char *fmt, ...)
    KC_PRINTF(3, 4);

enum kc_cause kc_verdict_cause(const struct kc_verdict *v); /* KC_CAUSE_VERIFIED */
const char *kc_verdict_reason(const struct kc_verdict *v);  /* "" when verified; a loan */

/* Appends {"verified","code"?,"reason"?,"remedy"?,"errors"?,"warnings"?,"steps"}. */
void kc_verdict_print(const struct kc_verdict *v, struct kc_buf *out);

/* Appends the same as a table for a terminal. */
void kc_verdict_show(const struct kc_verdict *v, struct kc_buf *out);

#endif
