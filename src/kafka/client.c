// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.h"

#include "base/alloc.h"
#include "base/log.h"
#include "kafka/kerberos.h"
#include "kafka/properties.h"
#include "kafka/rotation_private.h"
#include "kafka/token.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TROUBLE_SIZE sizeof(((struct kc_health *)0)->trouble)

static const struct kc_property defaults[] = {
    { "socket.nagle.disable", "true" },
    { "socket.keepalive.enable", "true" },
    { "reconnect.backoff.ms", "50" },
    { "reconnect.backoff.max.ms", "1000" }, /* a broker that is back is found within a second */
    { "log.connection.close", "false" },
    { "topic.metadata.refresh.interval.ms",
      "10000" }, /* how long a new partition stays unseen */
    { NULL, NULL },
};

/* What newer libraries have; where the linked one does not know it, nothing is lost. */
static const struct kc_property optional[] = {
    { "enable.metrics.push", "false" }, /* telemetry to a broker that may not want it */
    { NULL, NULL },
};

/* --- health --- */

void kc_health_init(struct kc_health *h)
{
    memset(h, 0, sizeof(*h));
    atomic_init(&h->names.ms, LLONG_MAX);
    pthread_mutex_init(&h->lock, NULL);
}

void kc_health_deinit(struct kc_health *h)
{
    kc_secrets_deinit(&h->secrets);
    pthread_mutex_destroy(&h->lock);
}

void kc_health_hide(struct kc_health *h, enum kc_secret kind, const char *secret)
{
    pthread_mutex_lock(&h->lock);
    kc_secrets_keep(&h->secrets, kind, secret);
    pthread_mutex_unlock(&h->lock);
}

void kc_health_ok(struct kc_health *h)
{
    pthread_mutex_lock(&h->lock);
    bool was_in_trouble = h->trouble[0] != '\0', is_first = !h->was_ok;
    h->was_ok = true;
    h->trouble[0] = '\0';
    pthread_mutex_unlock(&h->lock);
    if (is_first)
        kc_rotation_accepted(h);
    if (was_in_trouble)
        kc_log(KC_INFO, "kafka_reachable");
}

bool kc_trouble_read(const char *text, struct kc_trouble *out)
{
    static const char given[] = "bootstrap";
    const char *scheme = strstr(text, "://"), *blank = strchr(text, ' ');
    const char *address = scheme && blank && scheme < blank ? scheme + 3 : text;
    const char *slash = strchr(address, '/');
    if (!slash || !blank || slash > blank)
        return false;
    size_t len = strspn(slash + 1, "0123456789");
    out->was_heard_of = len > 0;
    if (len == 0 && strncmp(slash + 1, given, sizeof(given) - 1) == 0)
        len = sizeof(given) - 1;
    out->address = (struct kc_text){ address, (size_t)(slash - address) };
    out->what = slash + 1 + len;
    return len > 0 && *out->what == ':';
}

/* "sasl_ssl://b:9093/bootstrap: it went wrong" is "b:9093: it went wrong" to people. */
static void retell(const struct kc_health *h, char out[TROUBLE_SIZE]) /* needs h->lock */
{
    struct kc_trouble t;
    if (kc_trouble_read(h->trouble, &t))
        (void)snprintf(out, TROUBLE_SIZE, "%.*s%s", (int)t.address.len, t.address.p, t.what);
    else
        memcpy(out, h->trouble, TROUBLE_SIZE);
}

void kc_health_refused(struct kc_health *h, struct kc_error *err)
{
    char why[TROUBLE_SIZE];
    pthread_mutex_lock(&h->lock);
    retell(h, why);
    if (h->is_noted)
        kc_error_set(err, KC_AUTH, RD_KAFKA_RESP_ERR__AUTHENTICATION, "%s", why);
    else
        kc_error_set(err, KC_AUTH, RD_KAFKA_RESP_ERR__AUTHENTICATION,
                     "the broker refused the sign-in; check %s: %s",
                     h->has_ticket ? "kerberosPrincipal and its tickets"
                                   : "username, password and mechanism",
                     why);
    pthread_mutex_unlock(&h->lock);
}

bool kc_health_explain(struct kc_health *h, struct kc_error *err)
{
    char why[TROUBLE_SIZE];
    pthread_mutex_lock(&h->lock);
    retell(h, why);
    size_t len = strlen(err->text);
    bool has_cause = why[0] != '\0';
    if (has_cause)
        snprintf(err->text + len, sizeof(err->text) - len, ": %s", why);
    pthread_mutex_unlock(&h->lock);
    return has_cause;
}

bool kc_health_trouble(struct kc_health *h, struct kc_error *err)
{
    char why[TROUBLE_SIZE];
    pthread_mutex_lock(&h->lock);
    retell(h, why);
    bool is_trouble = why[0] != '\0';
    if (is_trouble)
        kc_error_set(err, KC_UNAVAILABLE, 0, "%s", why);
    pthread_mutex_unlock(&h->lock);
    return is_trouble;
}

/* A refusal is final where nothing was ever accepted. Otherwise new credentials may come, and
 * librdkafka goes on trying. */
static bool is_final(const struct kc_health *h)
{
    return !kc_rotation_refused(h) || h->is_brief;
}

void kc_health_note(struct kc_health *h, const struct kc_error *err)
{
    bool may_end = err->code == KC_AUTH && is_final(h);
    char text[sizeof(err->text)];
    memcpy(text, err->text, sizeof(text));
    pthread_mutex_lock(&h->lock);
    kc_secrets_scrub(&h->secrets, text); /* who noted it may know the newest secret only */
    bool is_news = strcmp(h->trouble, text) != 0;
    if (may_end && !h->was_ok)
        atomic_store(&h->is_refused, true);
    (void)snprintf(h->trouble, sizeof(h->trouble), "%.*s", (int)sizeof(h->trouble) - 1, text);
    h->is_noted = true;
    pthread_mutex_unlock(&h->lock);
    kc_log(is_news ? KC_WARN : KC_DEBUG, "kafka_trouble", KC_S("reason", text),
           KC_S("error", kc_code_name(err->code)));
}

/* "it went wrong (after 0ms in state AUTH_REQ, 1 identical error(s) suppressed)" */
static void cut_tail(char *text)
{
    char *tail = strstr(text, " (after ");
    if (tail && strstr(tail, "ms in state "))
        *tail = '\0';
}

/* The other side's words, without its repetition of our secrets; the caller's. */
static char *heard(struct kc_health *h, const char *said)
{
    char *text = kc_strdup(said);
    cut_tail(text); /* first, since a secret may have been cut before the tail */
    pthread_mutex_lock(&h->lock);
    kc_secrets_scrub(&h->secrets, text);
    pthread_mutex_unlock(&h->lock);
    return text;
}

static void note_trouble(struct kc_health *h, rd_kafka_resp_err_t code, const char *reason)
{
    bool is_sign_in = code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                      code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
    bool may_end = is_sign_in && is_final(h);
    pthread_mutex_lock(&h->lock);
    bool is_news = strcmp(h->trouble, reason) != 0;
    if (may_end && !h->was_ok)
        atomic_store(&h->is_refused, true);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_store(&h->is_down, true);
    /* "1/1 brokers are down" explains less than what was said before */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !h->trouble[0]) {
        snprintf(h->trouble, sizeof(h->trouble), "%s", reason);
        h->is_noted = false;
    }
    pthread_mutex_unlock(&h->lock);
    kc_log(is_news && code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? KC_WARN : KC_DEBUG,
           "kafka_trouble", KC_S("reason", reason), KC_S("error", rd_kafka_err2name(code)));
}

/* --- callbacks: they copy and return --- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    char fatal[512];
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(rk, fatal, sizeof(fatal));
        reason = fatal;
    }
    char *text = heard(opaque, reason);
    note_trouble(opaque, code, text);
    free(text);
}

static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    struct kc_health *health = rk ? rd_kafka_opaque(rk) : NULL;
    enum kc_level ours = level <= 4 ? KC_DEBUG : KC_TRACE;
    if (!kc_log_enabled(ours))
        return;
    char *said = health ? heard(health, text) : kc_strdup(text);
    kc_log(ours, "librdkafka", KC_S("facility", fac), KC_S("text", said));
    free(said);
}

/* As getaddrinfo(), but for what librdkafka waits for before a client is gone: its threads, and
 * so a resolver that hangs. */
static int on_name(const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **list, void *opaque)
{
    struct kc_health *h = opaque;
    if (!node) {
        freeaddrinfo(*list); /* so librdkafka gives it back */
        return 0;
    }
    pthread_mutex_lock(&h->lock);
    (void)snprintf(h->looked_up, sizeof(h->looked_up), "%s:%s", node, service);
    pthread_mutex_unlock(&h->lock);
    int result = kc_names_list(node, service, hints, &h->names, list);
    pthread_mutex_lock(&h->lock);
    h->looked_up[0] = '\0';
    pthread_mutex_unlock(&h->lock);
    return result;
}

/* token.c brings a new one before the old one expires. */
static void on_token_wanted(rd_kafka_t *rk, const char *config, void *opaque)
{
    (void)rk;
    (void)config;
    (void)opaque;
}

/* --- configuration --- */

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value,
                struct kc_error *err)
{
    char why[512];
    if (!value || rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return true;
    kc_error_set(err, KC_CONFIG, 0, "%s", why);
    return false;
}

static bool set_all(rd_kafka_conf_t *conf, const struct kc_property *list, struct kc_error *err)
{
    for (; list->name; list++) {
        if (!set(conf, list->name, list->value, err))
            return false;
    }
    return true;
}

/* librdkafka's own way to tickets is a shell line into which the principal is pasted, so it is
 * always off. Tickets come from the operator's cache, or from kerberos.c. */
static bool set_kerberos(rd_kafka_conf_t *conf, const struct kc_credentials *c,
                         struct kc_error *err)
{
    return set(conf, "sasl.kerberos.min.time.before.relogin", "0", err) &&
           set(conf, "sasl.kerberos.service.name", c->kerberos_service, err) &&
           set(conf, "sasl.kerberos.principal", c->kerberos_principal, err);
}

static bool set_credentials(rd_kafka_conf_t *conf, const struct kc_credentials *c,
                            struct kc_error *err)
{
    static const char *const protocols[] = {
        [KC_SASL_SSL] = "sasl_ssl",
        [KC_SSL] = "ssl",
        [KC_SASL_PLAINTEXT] = "sasl_plaintext",
        [KC_PLAINTEXT] = "plaintext",
    };
    static const char *const mechanisms[] = {
        [KC_SCRAM_SHA_512] = "SCRAM-SHA-512",
        [KC_SCRAM_SHA_256] = "SCRAM-SHA-256",
        [KC_PLAIN] = "PLAIN",
        [KC_OAUTHBEARER] = "OAUTHBEARER",
        [KC_GSSAPI] = "GSSAPI",
    };
    bool signs_in = c->security == KC_SASL_SSL || c->security == KC_SASL_PLAINTEXT;
    bool has_token = c->mechanism == KC_OAUTHBEARER;
    bool has_password = !has_token && c->mechanism != KC_GSSAPI;
    if (signs_in && (!set(conf, "sasl.mechanisms", mechanisms[c->mechanism], err) ||
                     !set(conf, "sasl.username", has_password ? c->username : NULL, err) ||
                     !set(conf, "sasl.password", has_password ? c->password : NULL, err)))
        return false;
    if (signs_in && c->mechanism == KC_GSSAPI && !set_kerberos(conf, c, err))
        return false;
    if (has_token)
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token_wanted);
    return set(conf, "bootstrap.servers", c->brokers, err) &&
           set(conf, "client.id", c->client_id, err) &&
           set(conf, "security.protocol", protocols[c->security], err) &&
           set(conf, "ssl.ca.pem", c->ca_certificate, err) &&
           set(conf, "ssl.ca.location", c->ca_certificate_file, err) &&
           set(conf, "ssl.certificate.pem", c->client_certificate, err) &&
           set(conf, "ssl.certificate.location", c->client_certificate_file, err) &&
           set(conf, "ssl.key.pem", c->client_key, err) &&
           set(conf, "ssl.key.location", c->client_key_file, err) &&
           set(conf, "ssl.key.password", c->client_key_password, err);
}

rd_kafka_conf_t *kc_client_conf(rd_kafka_type_t type, const struct kc_credentials *credentials,
                                const struct kc_property *own, struct kc_health *health,
                                struct kc_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (const struct kc_property *p = optional; p->name; p++)
        (void)rd_kafka_conf_set(conf, p->name, p->value, NULL, 0);
    struct kc_credentials now;
    kc_rotation_current(credentials, &now);
    bool ok = set_all(conf, defaults, err) && set_credentials(conf, &now, err) &&
              set_all(conf, own, err);
    kc_health_hide(health, KC_SECRET_PASSWORD, now.password);
    kc_health_hide(health, KC_SECRET_KEY_PASSWORD, now.client_key_password);
    health->has_ticket = now.mechanism == KC_GSSAPI;
    kc_credentials_free(&now);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    kc_properties_apply(credentials->properties, type, conf);
    rd_kafka_conf_set_opaque(conf, health);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_resolve_cb(conf, on_name);
    return conf;
}

/* --- clients --- */

rd_kafka_t *kc_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                          const struct kc_credentials *credentials, struct kc_health *health,
                          struct kc_error *err)
{
    char why[512];
    if (credentials->kerberos_keytab && !kc_kerberos_ensure(credentials, KC_KERBEROS_MS, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk) {
        rd_kafka_conf_destroy(conf); /* librdkafka takes it on success only */
        kc_error_set(err, KC_CONFIG, rd_kafka_last_error(), "librdkafka: %s", why);
        return NULL;
    }
    kc_rotation_join(rk, credentials, health);
    struct kc_credentials now;
    kc_rotation_current(credentials, &now);
    bool ok = credentials->mechanism != KC_OAUTHBEARER || kc_token_join(rk, &now, health, err);
    kc_credentials_free(&now);
    if (!ok) {
        kc_client_free(rk, 0);
        return NULL;
    }
    return rk;
}

void kc_client_free(rd_kafka_t *rk, int destroy_flags)
{
    if (!rk)
        return;
    kc_rotation_leave(rk);
    kc_token_leave(rk);
    struct kc_health *h = rd_kafka_opaque(rk);
    atomic_store(&h->names.ms, 0);
    rd_kafka_destroy_flags(rk, destroy_flags);
}

/* --- errors --- */

enum kc_code kc_kafka_code(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return KC_AUTH;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return KC_FORBIDDEN;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
        return KC_TOPIC_MISSING;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return KC_PARTITION_MISSING;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return KC_RECORD_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return KC_TIMEOUT;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__DESTROY:
        return KC_STOPPED;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return KC_OFFSET_GONE;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__INVALID_TYPE:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
        return KC_INTERNAL;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
        return KC_REJECTED;
    default:
        return KC_UNAVAILABLE;
    }
}

void kc_kafka_error(struct kc_error *err, rd_kafka_resp_err_t code, const char *fmt, ...)
{
    kc_error_set(err, kc_kafka_code(code), code, "%s", rd_kafka_err2str(code));
    char context[KC_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    kc_error_wrap(err, "%s", context);
}

int kc_kafka_protocol_code(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        return RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        return RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION;
    default:
        return code >= 0 ? (int)code : -1;
    }
}
