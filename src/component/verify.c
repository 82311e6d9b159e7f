// SPDX-License-Identifier: Apache-2.0
#include "component/verify.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "component/topic.h"
#include "kafka/cluster.h"
#include "kafka/token_check.h"
#include "kafka/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MS 1500 /* for the other addresses, once one works */

struct doctor {
    struct kc_verdict *verdict;
    const struct kc_verify_ask *ask;
    struct kc_credentials credentials;
    int64_t deadline_ms;
    struct kc_visit visits[KC_VISITS_MAX]; /* of the addresses that were given */
    size_t visit_count;
    bool is_lost; /* signed in, but librdkafka hangs where the brokers say that they are */
    struct kc_visit listeners[KC_VISITS_MAX]; /* of those advertised */
};

static int left(const struct doctor *d)
{
    int ms = kc_ms_until(d->deadline_ms, INT32_MAX);
    return ms > 0 ? ms : 1;
}

static bool signs_in(const struct doctor *d)
{
    return d->credentials.security == KC_SASL_SSL ||
           d->credentials.security == KC_SASL_PLAINTEXT;
}

/* --- settings --- */

static bool names_no_broker(const struct kc_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct kc_fault *f = &faults->list[i];
        if (strcmp(f->pointer, "/brokers") == 0 &&
            (strcmp(f->text, "required") == 0 || strstr(f->text, "no broker")))
            return true;
    }
    return false;
}

static void add_errors(struct kc_verdict *v, const char *at, const struct kc_faults *faults)
{
    for (size_t i = 0; faults && i < faults->count; i++) {
        struct kc_buf pointer;
        kc_buf_init(&pointer, KC_BUF_UNBOUNDED);
        kc_buf_printf(&pointer, "%s%s", at, faults->list[i].pointer);
        char *text = kc_buf_take(&pointer);
        kc_verdict_add_error(v, text ? text : "", faults->list[i].text);
        free(text);
    }
}

static bool check_settings(struct doctor *d, const struct kc_doc *doc,
                           const struct kc_faults *found)
{
    struct kc_error err = { 0 };
    struct kc_faults faults, others;
    kc_faults_init(&faults);
    kc_faults_init(&others);
    kc_verdict_begin(d->verdict, "settings");
    bool ok = kc_credentials_read(&d->credentials, doc, KC_UNKNOWN_IS_ERROR, &faults);
    if (d->ask->topic && !kc_topic_is_valid(kc_text(d->ask->topic)))
        kc_faults_add(&others, "/topic", KC_TOPIC_RULE);
    enum kc_cause cause = names_no_broker(&faults) ? KC_CAUSE_BROKERS_MISSING : KC_CAUSE_CONFIG;
    if (found && found->count > 0 && !found->list[0].pointer[0]) {
        cause = KC_CAUSE_CONFIG; /* nothing was read at all */
        kc_error_set(&err, KC_CONFIG, 0, "%s", found->list[0].text);
    }
    ok &= kc_faults_none(&faults, KC_CONFIG, &err);
    ok &= kc_faults_none(&others, KC_CONFIG, &err);
    ok &= !found || kc_faults_none(found, KC_CONFIG, &err);
    add_errors(d->verdict, "/credentials", &faults);
    add_errors(d->verdict, "", &others);
    add_errors(d->verdict, "", found);
    if (ok)
        kc_verdict_fine(d->verdict, -1, "%s, %s", kc_credentials_protocol(&d->credentials),
                        signs_in(d) ? kc_credentials_mechanism(&d->credentials) : "no sign-in");
    else
        kc_verdict_fail(d->verdict, -1, cause, "%s", err.text);
    kc_faults_deinit(&faults);
    kc_faults_deinit(&others);
    return ok;
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
static const char *reason_of(const struct doctor *d, const struct kc_visit *v,
                             char out[REASON_SIZE])
{
    int len = snprintf(out, REASON_SIZE, "%s:%d: %.500s", v->at.host, v->at.port, v->err.text);
    if (v->result == KC_VISIT_NOT_OFFERED && len > 0 && len < REASON_SIZE)
        (void)snprintf(out + len, REASON_SIZE - (size_t)len, ": asked for %s, on offer: %s",
                       kc_credentials_mechanism(&d->credentials),
                       v->offer[0] ? v->offer : "nothing");
    return out;
}

/* What a step that went well has to tell. */
static void tell(struct doctor *d, const struct kc_visit *v, enum kc_visit_stage stage)
{
    const struct kc_probe_certificate *c = &v->certificate;
    switch (stage) {
    case KC_AT_NAME:
        kc_verdict_fine(d->verdict, v->ms[stage], "%s is %s", v->at.host, v->addresses);
        break;
    case KC_AT_TCP:
        kc_verdict_fine(d->verdict, v->ms[stage], "%s:%d is open", v->at.host, v->at.port);
        break;
    case KC_AT_TLS:
        kc_verdict_fine(d->verdict, v->ms[stage],
                        "certificate of %s, issued by %s, valid until %s", c->subject,
                        c->issuer, c->not_after);
        break;
    case KC_AT_KAFKA:
        kc_verdict_fine(d->verdict, v->ms[stage], "it is Kafka");
        break;
    default:
        kc_verdict_fine(d->verdict, v->ms[stage], v->offer[0] ? "on offer: %s" : "%s",
                        v->offer[0] ? v->offer : "");
    }
}

static const struct kc_visit *farthest(const struct doctor *d)
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

static void warn_of_others(struct doctor *d, const struct kc_visit *best)
{
    char reason[REASON_SIZE];
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        if (v != best && v->result != KC_VISIT_FINE)
            kc_verdict_warn(d->verdict, cause_of(v), "%s", reason_of(d, v, reason));
    }
}

static bool check_way(struct doctor *d)
{
    static const char *const names[] = { "name", "tcp", "tls", "kafka", "mechanism" };
    char reason[REASON_SIZE];
    const char *list = d->credentials.brokers;
    while (d->visit_count < KC_VISITS_MAX &&
           kc_brokers_next(&list, &d->visits[d->visit_count].at))
        d->visit_count++;
    kc_visit_all(d->visits, d->visit_count, &d->credentials, d->deadline_ms, GRACE_MS);
    const struct kc_visit *best = farthest(d);
    warn_of_others(d, best);
    for (enum kc_visit_stage s = KC_AT_NAME; s < KC_AT_END && s <= best->stage; s++) {
        bool fails = s == best->stage;
        if (!fails && ((s == KC_AT_TLS && !kc_credentials_has_tls(&d->credentials)) ||
                       (s == KC_AT_MECHANISM && !signs_in(d))))
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

/* --- the token server --- */

static bool check_token(struct doctor *d)
{
    static const enum kc_cause causes[] = {
        [KC_TOKEN_FINE] = KC_CAUSE_VERIFIED,
        [KC_TOKEN_CONFIG] = KC_CAUSE_CONFIG,
        [KC_TOKEN_REFUSED] = KC_CAUSE_TOKEN_REFUSED,
        [KC_TOKEN_SERVER_FAILED] = KC_CAUSE_TOKEN_SERVER_FAILED,
        [KC_TOKEN_BAD_ANSWER] = KC_CAUSE_TOKEN_BAD_ANSWER,
        [KC_TOKEN_TOO_LARGE] = KC_CAUSE_TOKEN_TOO_LARGE,
        [KC_TOKEN_TIMEOUT] = KC_CAUSE_TOKEN_TIMEOUT,
        [KC_TOKEN_UNREACHABLE] = KC_CAUSE_TOKEN_UNREACHABLE,
        [KC_TOKEN_UNTRUSTED] = KC_CAUSE_TOKEN_UNTRUSTED,
    };
    struct kc_error err = { 0 };
    int64_t life_ms = 0;
    if (d->credentials.mechanism != KC_OAUTHBEARER || !signs_in(d))
        return true;
    kc_verdict_begin(d->verdict, "token");
    enum kc_token_fault fault = kc_token_check(&d->credentials, left(d), &life_ms, &err);
    if (fault == KC_TOKEN_FINE)
        kc_verdict_fine(d->verdict, -1, "the token lives for %lld s",
                        (long long)(life_ms / 1000));
    else
        kc_verdict_fail(d->verdict, -1, causes[fault], "%s", err.text);
    return fault == KC_TOKEN_FINE;
}

/* --- signed in --- */

/* The addresses that work, as a list: librdkafka need not wait for the others. */
static char *working_brokers(const struct doctor *d)
{
    struct kc_buf list;
    kc_buf_init(&list, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        bool is_v6 = strchr(v->at.host, ':') != NULL;
        if (v->result == KC_VISIT_FINE)
            kc_buf_printf(&list, "%s%s%s%s:%d", list.len ? "," : "", is_v6 ? "[" : "",
                          v->at.host, is_v6 ? "]" : "", v->at.port);
    }
    return kc_buf_take(&list);
}

static void fail_sign_in(struct doctor *d, const struct kc_error *err)
{
    const struct kc_visit *at = farthest(d);
    bool is_scram = d->credentials.mechanism == KC_SCRAM_SHA_256 ||
                    d->credentials.mechanism == KC_SCRAM_SHA_512;
    bool is_refused = err->code == KC_AUTH;
    bool is_user = is_refused && is_scram &&
                   kc_visit_is_user_refused(&at->at, &d->credentials, d->deadline_ms);
    bool is_late = !is_refused && kc_ms_until(d->deadline_ms, 1) == 0;
    if (is_refused)
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_SIGN_IN_REFUSED, "%s%s", err->text,
                        is_user ? "; the first message was refused already, before the "
                                  "password was looked at: there is no such user for this "
                                  "mechanism"
                                : "");
    else if (!signs_in(d) && at->wants_sign_in)
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_SIGN_IN_REQUIRED, "%s:%d: on offer: %s",
                        at->at.host, at->at.port, at->offer);
    else
        kc_verdict_fail(d->verdict, -1,
                        err->code == KC_CONFIG ? KC_CAUSE_CONFIG
                        : is_late              ? KC_CAUSE_KAFKA_TIMEOUT
                                               : KC_CAUSE_KAFKA_FAILED,
                        "%s", err->text);
}

static bool check_sign_in(struct doctor *d, struct kc_cluster *c, size_t *count)
{
    struct kc_error err = { 0 };
    struct kc_broker at[KC_VISITS_MAX];
    kc_verdict_begin(d->verdict, signs_in(d) ? "sign-in" : "metadata");
    if (!kc_cluster_listeners(c, left(d), at, KC_VISITS_MAX, count, &err)) {
        /* librdkafka leaves the address given as soon as it has heard of others */
        if (err.code == KC_AUTH || !kc_cluster_lost(c, &at[0])) {
            fail_sign_in(d, &err);
            return false;
        }
        d->is_lost = true;
        *count = 1;
    }
    if (signs_in(d)) {
        kc_verdict_fine(d->verdict, -1, "by %s", kc_credentials_mechanism(&d->credentials));
        kc_verdict_begin(d->verdict, "metadata");
    }
    kc_verdict_fine(d->verdict, -1, "%zu broker%s, the first at %s:%d", *count,
                    *count == 1 ? "" : "s", *count ? at[0].host : "", *count ? at[0].port : 0);
    for (size_t i = 0; i < *count && i < KC_VISITS_MAX; i++)
        d->listeners[i].at = at[i];
    return true;
}

/* --- where the brokers say that they are --- */

static bool was_visited(const struct doctor *d, const struct kc_broker *at)
{
    for (size_t i = 0; i < d->visit_count; i++) {
        const struct kc_visit *v = &d->visits[i];
        if (v->result == KC_VISIT_FINE && v->at.port == at->port &&
            strcmp(v->at.host, at->host) == 0)
            return true;
    }
    return false;
}

static bool check_listeners(struct doctor *d, size_t count)
{
    struct kc_buf why;
    char reason[REASON_SIZE];
    size_t new = 0, failed = 0, looked_at = count < KC_VISITS_MAX ? count : KC_VISITS_MAX;
    kc_verdict_begin(d->verdict, "listeners");
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
                        "%zu of %zu advertised addresses: %.*s", failed, count, (int)why.len,
                        why.data);
    else
        kc_verdict_fine(d->verdict, -1, "%zu of %zu advertised addresses answer", looked_at,
                        count);
    kc_buf_deinit(&why);
    return failed == 0;
}

/* --- topic and group --- */

/* An error that is not about the thing that was asked for. */
static bool fail_question(struct doctor *d, const struct kc_error *err)
{
    bool is_late = kc_ms_until(d->deadline_ms, 1) == 0;
    kc_verdict_fail(d->verdict, -1, is_late ? KC_CAUSE_KAFKA_TIMEOUT : KC_CAUSE_KAFKA_FAILED,
                    "%s", err->text);
    return false;
}

static bool fail_topic(struct doctor *d, enum kc_cause cause, const char *why)
{
    kc_verdict_fail(d->verdict, -1, cause, "topic %s: %s", d->ask->topic, why);
    return false;
}

static bool check_topic(struct doctor *d, struct kc_cluster *c)
{
    struct kc_topic_facts facts;
    struct kc_error err = { 0 };
    if (!d->ask->topic)
        return true;
    kc_verdict_begin(d->verdict, "topic");
    bool ok = kc_cluster_topic(c, d->ask->topic, left(d), &facts, &err);
    if (err.code == KC_TOPIC_MISSING)
        return fail_topic(d, KC_CAUSE_TOPIC_MISSING, "it is not there");
    if (err.code == KC_FORBIDDEN)
        return fail_topic(d, KC_CAUSE_TOPIC_HIDDEN,
                          "missing or forbidden: the account may not see it");
    if (!ok)
        return fail_question(d, &err);
    const struct kc_rights *r = &facts.rights;
    if (r->is_told && d->ask->group_id && !r->may_read)
        return fail_topic(d, KC_CAUSE_TOPIC_FORBIDDEN, "the account may not read it");
    if (r->is_told && !r->may_read && !r->may_write)
        return fail_topic(d, KC_CAUSE_TOPIC_FORBIDDEN,
                          "the account may neither read nor write it");
    kc_verdict_fine(d->verdict, -1, "%s has %d partition%s; %s", d->ask->topic,
                    facts.partitions, facts.partitions == 1 ? "" : "s",
                    !r->is_told                   ? "the broker does not tell the rights"
                    : r->may_read && r->may_write ? "may be read and written"
                    : r->may_read                 ? "may be read, not written"
                                                  : "may be written, not read");
    return true;
}

static bool check_group(struct doctor *d, struct kc_cluster *c)
{
    struct kc_group_facts facts;
    struct kc_error err = { 0 };
    if (!d->ask->group_id)
        return true;
    kc_verdict_begin(d->verdict, "group");
    bool ok = kc_cluster_group(c, d->ask->group_id, left(d), &facts, &err);
    if (!ok && err.code != KC_FORBIDDEN)
        return fail_question(d, &err);
    if (!ok || (facts.rights.is_told && !facts.rights.may_read)) {
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_GROUP_FORBIDDEN,
                        "group %s: the account may not %s", d->ask->group_id,
                        ok ? "join it" : "see it");
        return false;
    }
    bool is_new = strcmp(facts.state, "Dead") == 0;
    kc_verdict_fine(d->verdict, -1, "%s may be used; %s%s", d->ask->group_id,
                    is_new ? "it is not there yet" : "its state is ",
                    is_new ? "" : facts.state);
    return true;
}

/* What hung, and then was found to answer, has to answer. */
static bool check_again(struct doctor *d, struct kc_cluster *c)
{
    int brokers;
    struct kc_error err = { 0 };
    if (!d->is_lost || kc_cluster_brokers(c, left(d), &brokers, &err))
        return true;
    kc_verdict_begin(d->verdict, "metadata");
    return fail_question(d, &err);
}

static bool check_cluster(struct doctor *d)
{
    struct kc_cluster *c = NULL;
    struct kc_error err = { 0 };
    struct kc_credentials working = d->credentials; /* a loan, but for the addresses */
    size_t brokers = 0;
    working.brokers = working_brokers(d);
    bool ok = kc_cluster_open(&c, &working, &err);
    if (!ok) {
        kc_verdict_begin(d->verdict, signs_in(d) ? "sign-in" : "metadata");
        fail_sign_in(d, &err);
    }
    ok = ok && check_sign_in(d, c, &brokers) && check_listeners(d, brokers) &&
         check_again(d, c) && check_topic(d, c) && check_group(d, c);
    kc_cluster_close(c);
    free(working.brokers);
    return ok;
}

struct kc_verdict *kc_verify(const struct kc_doc *credentials, const struct kc_verify_ask *ask,
                             const struct kc_faults *faults, int wait_ms)
{
    struct doctor *d = kc_new0(struct doctor);
    struct kc_verdict *verdict = kc_verdict_new();
    d->verdict = verdict;
    d->ask = ask;
    d->deadline_ms = kc_now_ms() + wait_ms;
    (void)(check_settings(d, credentials, faults) && check_way(d) && check_token(d) &&
           check_cluster(d));
    kc_credentials_free(&d->credentials);
    free(d);
    return verdict;
}
