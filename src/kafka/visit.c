// SPDX-License-Identifier: Apache-2.0
/* visit.c
 *
 * Threads    kc-visit  one per address, joined before kc_visit_all() returns
 * Shared     `until` is brought forward by whoever comes through first */
#include "kafka/visit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "kafka/client.h"
#include "kafka/handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LIST_SIZE 1024 /* as long as a property can be */
#define AGAIN_MS  2000 /* for the other protocol, where one did not answer as it should */

/* What all visits of a call have in common. */
struct tour {
    const struct kc_credentials *c;
    struct kc_until until;
    int grace_ms;
    int family;
    struct kc_probe_tls tls;
    char ciphers[LIST_SIZE], curves[LIST_SIZE], sigalgs[LIST_SIZE]; /* what tls borrows */
};

struct visitor {
    struct tour *tour;
    struct kc_visit *visit;
    pthread_t thread;
};

static bool ends(struct kc_visit *v, enum kc_visit_stage stage, enum kc_visit_result result,
                 enum kc_code code, const char *text)
{
    v->stage = stage;
    v->result = result;
    kc_error_set(&v->err, code, 0, "%s", text);
    return false;
}

/* --- what a probe found --- */

static enum kc_visit_result result_of(const struct kc_probe *p, const struct tour *t)
{
    bool has_ca = t->tls.ca || t->tls.ca_file;
    switch (p->fault) {
    case KC_PROBE_FINE:
        return KC_VISIT_FINE;
    case KC_PROBE_NO_NAME:
        return KC_VISIT_NAME;
    case KC_PROBE_REFUSED:
        return KC_VISIT_REFUSED;
    case KC_PROBE_UNREACHABLE:
        return KC_VISIT_UNREACHABLE;
    case KC_PROBE_TIMEOUT:
        return KC_VISIT_TIMEOUT;
    case KC_PROBE_SETTINGS:
        return KC_VISIT_SETTINGS;
    case KC_PROBE_UNTRUSTED:
        return has_ca ? KC_VISIT_CA_MISMATCH : KC_VISIT_CA_MISSING;
    case KC_PROBE_WRONG_NAME:
        return KC_VISIT_WRONG_NAME;
    case KC_PROBE_EXPIRED:
        return KC_VISIT_EXPIRED;
    case KC_PROBE_BAD_CERTIFICATE:
        return KC_VISIT_CERTIFICATE;
    case KC_PROBE_CERTIFICATE_WANTED:
        return KC_VISIT_ID_WANTED;
    case KC_PROBE_CERTIFICATE_REFUSED:
        return KC_VISIT_ID_REFUSED;
    case KC_PROBE_NOT_TLS:
        return KC_VISIT_NOT_KAFKA;
    case KC_PROBE_CLOSED:
    case KC_PROBE_BROKEN:
        break;
    }
    return p->stage == KC_PROBE_TLS ? KC_VISIT_TLS_FAILED : KC_VISIT_NOT_KAFKA;
}

/* Of a fault at name, TCP or TLS the probe knows where; after that it is the caller's stage. */
static bool ends_at_probe(struct kc_visit *v, const struct kc_probe *p, const struct tour *t,
                          enum kc_visit_stage stage)
{
    static const enum kc_visit_stage at[] = { KC_AT_NAME, KC_AT_TCP, KC_AT_TLS };
    v->stage = p->stage < KC_PROBE_OPEN ? at[p->stage] : stage;
    v->result = result_of(p, t);
    if (v->result == KC_VISIT_ID_WANTED || v->result == KC_VISIT_ID_REFUSED)
        v->stage = KC_AT_TLS; /* told late, with the first answer */
    v->err = p->err;
    return false;
}

/* --- the other protocol --- */

static bool is_kafka(const struct kc_broker *at, const struct tour *t, bool with_tls)
{
    static const struct kc_probe_tls any = { .checks_nothing = true };
    long long again_ms = kc_now_ms() + AGAIN_MS, end_ms = atomic_load(&t->until.ms);
    struct kc_until until = { .ms = again_ms < end_ms ? again_ms : end_ms };
    struct kc_probe p;
    bool ok = kc_probe_open(&p, at->host, at->port, t->family, &until) &&
              (!with_tls || kc_probe_secure(&p, &any)) &&
              kc_handshake_kafka(&p, t->c->client_id);
    /* who wants a certificate from us has spoken TLS */
    ok |= with_tls && p.fault == KC_PROBE_CERTIFICATE_WANTED;
    kc_probe_close(&p);
    return ok;
}

/* What did not answer as it should may be a listener of the other kind. */
static void try_other(struct kc_visit *v, const struct tour *t)
{
    bool has_tls = kc_credentials_has_tls(t->c);
    if (v->result != KC_VISIT_NOT_KAFKA || !is_kafka(&v->at, t, !has_tls))
        return;
    kc_error_clear(&v->err);
    if (has_tls)
        (void)ends(v, KC_AT_TLS, KC_VISIT_PLAIN_PORT, KC_CONFIG,
                   "it was asked with TLS, but speaks Kafka in clear");
    else
        (void)ends(v, KC_AT_KAFKA, KC_VISIT_TLS_PORT, KC_CONFIG,
                   "it was asked in clear, but speaks TLS");
}

/* --- one visit --- */

static bool signs_in(const struct kc_credentials *c)
{
    return c->security == KC_SASL_SSL || c->security == KC_SASL_PLAINTEXT;
}

static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; (at = strcasestr(at, name)); at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ','))
            return true;
    }
    return false;
}

/* The kafka stage and the one of mechanisms. */
static bool talk(struct kc_visit *v, struct kc_probe *p, const struct tour *t)
{
    struct kc_offer offer;
    int64_t at_ms = kc_now_ms();
    bool ok = kc_handshake_kafka(p, t->c->client_id);
    v->ms[KC_AT_KAFKA] = kc_now_ms() - at_ms;
    if (!ok && p->fault != KC_PROBE_FINE)
        return ends_at_probe(v, p, t, KC_AT_KAFKA);
    if (!ok)
        return ends(v, KC_AT_KAFKA, KC_VISIT_NOT_KAFKA, KC_BAD_ANSWER,
                    "what it answers is not Kafka's protocol");
    at_ms = kc_now_ms();
    const char *mechanism = signs_in(t->c) ? kc_credentials_mechanism(t->c) : "";
    ok = kc_handshake_offer(p, t->c->client_id, mechanism, &offer);
    v->ms[KC_AT_MECHANISM] = kc_now_ms() - at_ms;
    v->stage = KC_AT_END;
    if (!ok && p->fault == KC_PROBE_TIMEOUT)
        return ends_at_probe(v, p, t, KC_AT_MECHANISM);
    if (!ok)
        return true; /* they did not say: the sign-in will */
    (void)snprintf(v->offer, sizeof(v->offer), "%s", offer.list);
    bool knows_none = offer.error == KC_ILLEGAL_SASL_STATE;
    if (!signs_in(t->c)) {
        v->wants_sign_in = !knows_none && offer.list[0];
        return true;
    }
    if (knows_none)
        return ends(v, KC_AT_MECHANISM, KC_VISIT_NO_SIGN_IN, KC_CONFIG,
                    "this listener knows no sign-in");
    if (offer.error != 0 && !is_listed(offer.list, mechanism))
        return ends(v, KC_AT_MECHANISM, KC_VISIT_NOT_OFFERED, KC_CONFIG,
                    "the mechanism is not on offer");
    return true;
}

static bool visit(struct kc_visit *v, struct tour *t)
{
    struct kc_probe p;
    bool ok = kc_probe_open(&p, v->at.host, v->at.port, t->family, &t->until) &&
              (!kc_credentials_has_tls(t->c) || kc_probe_secure(&p, &t->tls));
    ok = ok ? talk(v, &p, t) : ends_at_probe(v, &p, t, KC_AT_KAFKA);
    v->ms[KC_AT_NAME] = p.ms[KC_PROBE_NAME];
    v->ms[KC_AT_TCP] = p.ms[KC_PROBE_TCP];
    v->ms[KC_AT_TLS] = p.ms[KC_PROBE_TLS];
    v->certificate = p.certificate;
    v->is_unchecked = kc_credentials_has_tls(t->c) && t->tls.checks_nothing;
    v->is_any_name = kc_credentials_has_tls(t->c) && t->tls.checks_no_name;
    (void)snprintf(v->addresses, sizeof(v->addresses), "%s", p.addresses);
    kc_probe_close(&p);
    if (!ok)
        try_other(v, t);
    return ok;
}

/* Once one came through, the others have not for ever. */
static void hurry(struct tour *t)
{
    long long soon = kc_now_ms() + t->grace_ms;
    if (t->grace_ms >= 0 && soon < atomic_load(&t->until.ms))
        atomic_store(&t->until.ms, soon);
}

static void *run(void *arg)
{
    struct visitor *one = arg;
    if (visit(one->visit, one->tour))
        hurry(one->tour);
    return NULL;
}

/* --- all of them --- */

/* NULL where it is not set. */
static const char *get(rd_kafka_conf_t *conf, const char *name, char value[LIST_SIZE])
{
    size_t size = LIST_SIZE;
    value[0] = '\0';
    (void)rd_kafka_conf_get(conf, name, value, &size);
    return value[0] ? value : NULL;
}

/* What the extra properties say of TLS and addresses, librdkafka has read. */
static void read_properties(struct tour *t)
{
    static const struct kc_property none[] = { { NULL, NULL } };
    struct kc_health health;
    struct kc_error ignored = { 0 };
    char value[LIST_SIZE];
    kc_health_init(&health);
    t->family = AF_UNSPEC;
    rd_kafka_conf_t *conf = kc_client_conf(RD_KAFKA_PRODUCER, t->c, none, &health, &ignored);
    if (conf) {
        if (get(conf, "enable.ssl.certificate.verification", value))
            t->tls.checks_nothing = strcasecmp(value, "false") == 0;
        if (get(conf, "ssl.endpoint.identification.algorithm", value))
            t->tls.checks_no_name = strcasecmp(value, "none") == 0;
        if (get(conf, "broker.address.family", value))
            t->family = strcmp(value, "v4") == 0   ? AF_INET
                        : strcmp(value, "v6") == 0 ? AF_INET6
                                                   : AF_UNSPEC;
        t->tls.ciphers = get(conf, "ssl.cipher.suites", t->ciphers);
        t->tls.curves = get(conf, "ssl.curves.list", t->curves);
        t->tls.sigalgs = get(conf, "ssl.sigalgs.list", t->sigalgs);
        rd_kafka_conf_destroy(conf);
    }
    kc_health_deinit(&health);
}

static const char *pointer_of(enum kc_probe_part part, const struct kc_credentials *c)
{
    switch (part) {
    case KC_PART_CA:
        return c->ca_certificate ? "/caCertificate" : "/caCertificateFile";
    case KC_PART_CERTIFICATE:
        return c->client_certificate ? "/clientCertificate" : "/clientCertificateFile";
    case KC_PART_KEY:
        return c->client_key ? "/clientKey" : "/clientKeyFile";
    case KC_PART_PASSWORD:
        return "/clientKeyPassword";
    case KC_PART_LISTS:
        break;
    }
    return "/properties";
}

static void prepare(struct tour *t, const struct kc_credentials *c, int64_t deadline_ms,
                    int grace_ms)
{
    *t = (struct tour){
        .c = c,
        .grace_ms = grace_ms,
        .tls = { .ca = c->ca_certificate,
                 .ca_file = c->ca_certificate_file,
                 .certificate = c->client_certificate,
                 .certificate_file = c->client_certificate_file,
                 .key = c->client_key,
                 .key_file = c->client_key_file,
                 .key_password = c->client_key_password },
    };
    atomic_init(&t->until.ms, deadline_ms);
    read_properties(t);
}

bool kc_visit_check(const struct kc_credentials *c, struct kc_faults *faults)
{
    struct tour t;
    enum kc_probe_part part;
    struct kc_error err = { 0 };
    if (!kc_credentials_has_tls(c))
        return true;
    prepare(&t, c, 0, -1);
    if (kc_probe_check(&t.tls, &part, &err))
        return true;
    kc_faults_add(faults, pointer_of(part, c), "%s", err.text);
    return false;
}

void kc_visit_all(struct kc_visit *visits, size_t count, const struct kc_credentials *c,
                  int64_t deadline_ms, int grace_ms)
{
    struct tour tour;
    struct visitor all[KC_VISITS_MAX];
    if (count > KC_VISITS_MAX)
        count = KC_VISITS_MAX;
    prepare(&tour, c, deadline_ms, grace_ms);
    for (size_t i = 0; i < count; i++) {
        const struct kc_broker at = visits[i].at;
        visits[i] = (struct kc_visit){ .at = at, .ms = { -1, -1, -1, -1, -1 } };
        all[i] = (struct visitor){ .tour = &tour, .visit = &visits[i] };
        kc_thread_start(&all[i].thread, "kc-visit", run, &all[i]);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(all[i].thread, NULL);
}

bool kc_visit_is_user_refused(const struct kc_broker *at, const struct kc_credentials *c,
                              int64_t deadline_ms)
{
    struct tour t;
    struct kc_probe p;
    struct kc_offer offer;
    bool is_refused = false;
    prepare(&t, c, deadline_ms, -1);
    bool ok = kc_probe_open(&p, at->host, at->port, t.family, &t.until) &&
              (!kc_credentials_has_tls(c) || kc_probe_secure(&p, &t.tls)) &&
              kc_handshake_kafka(&p, c->client_id) &&
              kc_handshake_offer(&p, c->client_id, kc_credentials_mechanism(c), &offer) &&
              offer.error == 0 &&
              kc_handshake_scram(&p, c->client_id, c->username, &is_refused);
    kc_probe_close(&p);
    return ok && is_refused;
}
