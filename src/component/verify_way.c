// SPDX-License-Identifier: Apache-2.0
#include "component/verify_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define GRACE_MS 1500 /* for the other addresses, once one works */

int kc_doctor_left(const struct kc_doctor *d)
{
    int ms = kc_ms_until(d->deadline_ms, INT32_MAX);
    return ms > 0 ? ms : 1;
}

bool kc_doctor_signs_in(const struct kc_doctor *d)
{
    return d->credentials.security == KC_SASL_SSL ||
           d->credentials.security == KC_SASL_PLAINTEXT;
}

/* --- the way to the addresses --- */

static enum kc_cause late_at(enum kc_visit_stage stage)
{
    static const enum kc_cause causes[] = {
        [KC_AT_NAME] = KC_CAUSE_NAME_TIMEOUT,       [KC_AT_TCP] = KC_CAUSE_TCP_TIMEOUT,
        [KC_AT_TLS] = KC_CAUSE_TLS_TIMEOUT,         [KC_AT_KAFKA] = KC_CAUSE_KAFKA_TIMEOUT,
        [KC_AT_MECHANISM] = KC_CAUSE_KAFKA_TIMEOUT, [KC_AT_END] = KC_CAUSE_KAFKA_TIMEOUT,
    };
    return causes[stage];
}

static enum kc_cause cause_of(const struct kc_visit *v)
{
    static const enum kc_cause causes[] = {
        [KC_VISIT_FINE] = KC_CAUSE_VERIFIED,
        [KC_VISIT_NAME] = KC_CAUSE_NAME_UNRESOLVED,
        [KC_VISIT_REFUSED] = KC_CAUSE_TCP_REFUSED,
        [KC_VISIT_UNREACHABLE] = KC_CAUSE_TCP_UNREACHABLE,
        [KC_VISIT_TIMEOUT] = KC_CAUSE_KAFKA_TIMEOUT,
        [KC_VISIT_SETTINGS] = KC_CAUSE_CONFIG,
        [KC_VISIT_CA_MISSING] = KC_CAUSE_TLS_CA_MISSING,
        [KC_VISIT_CA_MISMATCH] = KC_CAUSE_TLS_CA_MISMATCH,
        [KC_VISIT_WRONG_NAME] = KC_CAUSE_TLS_NAME,
        [KC_VISIT_EXPIRED] = KC_CAUSE_TLS_EXPIRED,
        [KC_VISIT_CERTIFICATE] = KC_CAUSE_TLS_CERTIFICATE,
        [KC_VISIT_ID_WANTED] = KC_CAUSE_TLS_CLIENT_CERTIFICATE_REQUIRED,
        [KC_VISIT_ID_REFUSED] = KC_CAUSE_TLS_CLIENT_CERTIFICATE_REFUSED,
        [KC_VISIT_TLS_FAILED] = KC_CAUSE_TLS_FAILED,
        [KC_VISIT_PLAIN_PORT] = KC_CAUSE_PLAIN_PORT,
        [KC_VISIT_TLS_PORT] = KC_CAUSE_TLS_PORT,
        [KC_VISIT_NOT_KAFKA] = KC_CAUSE_NOT_KAFKA,
        [KC_VISIT_NO_SIGN_IN] = KC_CAUSE_NO_SASL_LISTENER,
        [KC_VISIT_NOT_OFFERED] = KC_CAUSE_MECHANISM_NOT_OFFERED,
    };
    return v->result == KC_VISIT_TIMEOUT ? late_at(v->stage) : causes[v->result];
}

#define REASON_SIZE 700

/* "b1:9092: nobody listens there …" */
static const char *reason_of(const struct kc_doctor *d, const struct kc_visit *v,
                             char out[REASON_SIZE])
{
    char at[KC_BROKER_SHOWN];
    int len = snprintf(out, REASON_SIZE, "%s: %.400s", kc_broker_show(&v->at, at), v->err.text);
    if (v->result == KC_VISIT_NOT_OFFERED && len > 0 && len < REASON_SIZE)
        (void)snprintf(out + len, REASON_SIZE - (size_t)len, ": asked for %s, on offer: %s",
                       kc_credentials_mechanism(&d->credentials),
                       v->offer[0] ? v->offer : "nothing");
    return out;
}

/* What a step that went well has to tell. */
static void tell(struct kc_doctor *d, const struct kc_visit *v, enum kc_visit_stage stage)
{
    char at[KC_BROKER_SHOWN];
    const struct kc_probe_certificate *c = &v->certificate;
    switch (stage) {
    case KC_AT_NAME:
        kc_verdict_fine(d->verdict, v->ms[stage], "%s is %s", v->at.host, v->addresses);
        break;
    case KC_AT_TCP:
        kc_verdict_fine(d->verdict, v->ms[stage], "%s is open", kc_broker_show(&v->at, at));
        break;
    case KC_AT_TLS:
        kc_verdict_fine(d->verdict, v->ms[stage],
                        "certificate of %s, issued by %s, valid until %s%s", c->subject,
                        c->issuer, c->not_after,
                        v->is_unchecked  ? "; it was not checked"
                        : v->is_any_name ? "; its name was not checked"
                                         : "");
        break;
    case KC_AT_KAFKA:
        kc_verdict_fine(d->verdict, v->ms[stage], "it is Kafka");
        break;
    default:
        kc_verdict_fine(d->verdict, v->ms[stage], v->offer[0] ? "on offer: %s" : "%s",
                        v->offer[0] ? v->offer : "");
    }
}

const struct kc_visit *kc_doctor_best(const struct kc_doctor *d)
{
    const struct kc_visit *best = &d->visits[0];
    for (size_t i = 1; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        if (v->result == KC_VISIT_FINE
                ? best->result != KC_VISIT_FINE
                : best->result != KC_VISIT_FINE && v->stage > best->stage)
            best = v;
    }
    return best;
}

static void warn_of_others(struct kc_doctor *d, const struct kc_visit *best)
{
    char reason[REASON_SIZE];
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        if (v != best && v->result != KC_VISIT_FINE)
            kc_verdict_warn(d->verdict, cause_of(v), "%s", reason_of(d, v, reason));
    }
}

static void warn_of_trust(struct kc_doctor *d, const struct kc_visit *best)
{
    if (best->is_unchecked)
        kc_verdict_warn(
            d->verdict, KC_CAUSE_TLS_NOT_CHECKED,
            "enable.ssl.certificate.verification is false: any certificate is taken");
    else if (best->is_any_name)
        kc_verdict_warn(d->verdict, KC_CAUSE_TLS_NOT_CHECKED,
                        "ssl.endpoint.identification.algorithm is none: a certificate for "
                        "another host is taken too");
}

static void warn_of_the_rest(struct kc_doctor *d, const char *list)
{
    struct kc_broker more;
    size_t count = d->visit_count;
    while (kc_brokers_next(&list, &more))
        count++;
    if (count > d->visit_count)
        kc_verdict_warn(d->verdict, KC_CAUSE_BROKERS_MANY,
                        "the first %zu of %zu addresses were looked at", d->visit_count, count);
}

bool kc_doctor_way(struct kc_doctor *d)
{
    static const char *const names[] = { "name", "tcp", "tls", "kafka", "mechanism" };
    char reason[REASON_SIZE];
    const char *list = d->credentials.brokers;
    while (d->visit_count < KC_VISITS_MAX &&
           kc_brokers_next(&list, &d->visits[d->visit_count].at))
        d->visit_count++;
    warn_of_the_rest(d, list);
    kc_visit_all(d->visits, d->visit_count, &d->credentials, d->deadline_ms, GRACE_MS);
    const struct kc_visit *best = kc_doctor_best(d);
    warn_of_others(d, best);
    warn_of_trust(d, best);
    for (enum kc_visit_stage s = KC_AT_NAME; s < KC_AT_END && s <= best->stage; s++) {
        bool fails = s == best->stage;
        if (!fails && ((s == KC_AT_TLS && !kc_credentials_has_tls(&d->credentials)) ||
                       (s == KC_AT_MECHANISM && !kc_doctor_signs_in(d))))
            continue;
        kc_verdict_begin(d->verdict, names[s]);
        if (!fails)
            tell(d, best, s);
        else
            kc_verdict_fail(d->verdict, best->ms[s] >= 0 ? best->ms[s] : 0, cause_of(best),
                            "%s", reason_of(d, best, reason));
    }
    return best->result == KC_VISIT_FINE;
}

/* The addresses that work, as a list: librdkafka need not wait for the others. */
char *kc_doctor_brokers(const struct kc_doctor *d)
{
    struct kc_buf list;
    kc_buf_init(&list, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        char at[KC_BROKER_SHOWN];
        if (v->result == KC_VISIT_FINE)
            kc_buf_printf(&list, "%s%s", list.len ? "," : "", kc_broker_show(&v->at, at));
    }
    return kc_buf_take(&list);
}

/* --- where the brokers say that they are --- */

static bool was_visited(const struct kc_doctor *d, const struct kc_broker *at)
{
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        if (v->result == KC_VISIT_FINE && v->at.port == at->port &&
            strcmp(v->at.host, at->host) == 0)
            return true;
    }
    return false;
}

bool kc_doctor_listeners(struct kc_doctor *d, size_t count)
{
    struct kc_buf why;
    char reason[REASON_SIZE], part[40] = "";
    size_t new = 0, failed = 0, looked_at = count < KC_VISITS_MAX ? count : KC_VISITS_MAX;
    kc_verdict_begin(d->verdict, "listeners");
    if (looked_at < count)
        (void)snprintf(part, sizeof(part), "the first %zu of ", looked_at);
    for (size_t i = 0; i < looked_at; i++) {
        if (!was_visited(d, &d->listeners[i].at))
            d->listeners[new ++].at = d->listeners[i].at;
    }
    kc_visit_all(d->listeners, new, &d->credentials, d->deadline_ms, -1);
    kc_buf_init(&why, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < new; i++) {
        if (d->listeners[i].result != KC_VISIT_FINE)
            kc_buf_printf(&why, "%s%s", failed++ ? "; " : "",
                          reason_of(d, &d->listeners[i], reason));
    }
    if (failed > 0)
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_LISTENERS_UNREACHABLE,
                        "%zu of %s%zu advertised addresses: %.*s", failed, part, count,
                        (int)why.len, why.data);
    else
        kc_verdict_fine(d->verdict, -1, "%zu of %s%zu advertised addresses answer", looked_at,
                        part, count);
    kc_buf_deinit(&why);
    return failed == 0;
}
