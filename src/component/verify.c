// SPDX-License-Identifier: Apache-2.0
#include "component/verify_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "component/topic.h"
#include "kafka/cluster.h"
#include "kafka/kerberos.h"
#include "kafka/token_check.h"
#include "kafka/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void warn_of_settings(struct kc_doctor *d)
{
    struct kc_faults notes;
    kc_faults_init(&notes);
    kc_credentials_notes(&d->credentials, &notes);
    for (size_t i = 0; i < notes.count; i++)
        kc_verdict_warn(d->verdict, KC_CAUSE_CONFIG, "%s: %s", notes.list[i].pointer + 1,
                        notes.list[i].text);
    kc_faults_deinit(&notes);
}

static bool check_settings(struct kc_doctor *d, const struct kc_doc *doc,
                           const struct kc_faults *found)
{
    struct kc_error err = { 0 };
    struct kc_faults faults, others;
    kc_faults_init(&faults);
    kc_faults_init(&others);
    bool is_unread = found && found->count > 0 && !found->list[0].pointer[0];
    kc_verdict_begin(d->verdict, "settings");
    bool ok =
        is_unread || kc_credentials_read(&d->credentials, doc, KC_UNKNOWN_IS_ERROR, &faults);
    if (ok && !is_unread)
        ok = kc_visit_check(&d->credentials, &faults) && kc_trial(&d->credentials, &faults);
    if (d->ask->topic && !kc_topic_is_valid(kc_text(d->ask->topic)))
        kc_faults_add(&others, "/topic", KC_TOPIC_RULE);
    enum kc_cause cause = names_no_broker(&faults) ? KC_CAUSE_BROKERS_MISSING : KC_CAUSE_CONFIG;
    if (is_unread)
        kc_error_set(&err, KC_CONFIG, 0, "%s", found->list[0].text);
    ok &= kc_faults_none(&faults, KC_CONFIG, &err);
    ok &= kc_faults_none(&others, KC_CONFIG, &err);
    ok &= !found || kc_faults_none(found, KC_CONFIG, &err);
    add_errors(d->verdict, "/credentials", &faults);
    add_errors(d->verdict, "", &others);
    add_errors(d->verdict, "", found);
    if (ok)
        warn_of_settings(d);
    if (ok)
        kc_verdict_fine(d->verdict, -1, "%s, %s", kc_credentials_protocol(&d->credentials),
                        kc_doctor_signs_in(d) ? kc_credentials_mechanism(&d->credentials)
                                              : "no sign-in");
    else
        kc_verdict_fail(d->verdict, -1, cause, "%s", err.text);
    kc_faults_deinit(&faults);
    kc_faults_deinit(&others);
    return ok;
}

/* --- the token server --- */

static bool check_token(struct kc_doctor *d)
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
    if (d->credentials.mechanism != KC_OAUTHBEARER || !kc_doctor_signs_in(d))
        return true;
    kc_verdict_begin(d->verdict, "token");
    enum kc_token_fault fault =
        kc_token_check(&d->credentials, kc_doctor_left(d), &life_ms, &err);
    if (fault == KC_TOKEN_FINE)
        kc_verdict_fine(d->verdict, -1, "the token lives for %lld s",
                        (long long)(life_ms / 1000));
    else
        kc_verdict_fail(d->verdict, -1, causes[fault], "%s", err.text);
    return fault == KC_TOKEN_FINE;
}

/* --- Kerberos --- */

static enum kc_cause kerberos_cause(enum kc_code code)
{
    return code == KC_AUTH     ? KC_CAUSE_KERBEROS_REFUSED
           : code == KC_CONFIG ? KC_CAUSE_KERBEROS_CONFIG
                               : KC_CAUSE_KERBEROS_UNREACHABLE;
}

static bool check_kerberos(struct kc_doctor *d)
{
    struct kc_error err = { 0 };
    if (!kc_doctor_signs_in(d) || !d->credentials.kerberos_keytab)
        return true;
    kc_verdict_begin(d->verdict, "kerberos");
    bool ok = kc_kerberos_ensure(&d->credentials, kc_doctor_left(d), &err);
    if (ok)
        kc_verdict_fine(d->verdict, -1, "there is a ticket of %s",
                        d->credentials.kerberos_principal);
    else
        kc_verdict_fail(d->verdict, -1, kerberos_cause(err.code), "%s", err.text);
    return ok;
}

/* --- signed in --- */

static void fail_sign_in(struct kc_doctor *d, const struct kc_error *err)
{
    const struct kc_visit *at = kc_doctor_best(d);
    bool is_scram = d->credentials.mechanism == KC_SCRAM_SHA_256 ||
                    d->credentials.mechanism == KC_SCRAM_SHA_512;
    bool is_refused = err->code == KC_AUTH;
    bool is_user = is_refused && is_scram &&
                   kc_visit_is_user_refused(&at->at, &d->credentials, d->deadline_ms);
    bool is_late = kc_ms_until(d->deadline_ms, 1) == 0;
    if (is_refused && d->credentials.mechanism == KC_GSSAPI)
        kc_verdict_fail(d->verdict, -1, kerberos_cause(kc_kerberos_code(err->text)), "%s",
                        err->text);
    else if (is_refused)
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_SIGN_IN_REFUSED, "%s%s", err->text,
                        is_user ? "; the first message was refused already, before the "
                                  "password was looked at: there is no such user for this "
                                  "mechanism"
                                : "");
    else if (err->code == KC_CONFIG || is_late)
        kc_verdict_fail(d->verdict, -1,
                        err->code == KC_CONFIG ? KC_CAUSE_CONFIG : KC_CAUSE_KAFKA_TIMEOUT, "%s",
                        err->text);
    else if (!kc_doctor_signs_in(d) && at->wants_sign_in)
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_SIGN_IN_REQUIRED, "%s:%d: on offer: %s",
                        at->at.host, at->at.port, at->offer);
    else
        kc_verdict_fail(d->verdict, -1, KC_CAUSE_KAFKA_FAILED, "%s", err->text);
}

static bool check_sign_in(struct kc_doctor *d, struct kc_cluster *c, size_t *count)
{
    struct kc_error err = { 0 };
    struct kc_broker at[KC_VISITS_MAX];
    char first[KC_BROKER_SHOWN] = "";
    kc_verdict_begin(d->verdict, kc_doctor_signs_in(d) ? "sign-in" : "metadata");
    if (!kc_cluster_listeners(c, kc_doctor_left(d), at, KC_VISITS_MAX, count, &err)) {
        /* librdkafka leaves the address given as soon as it has heard of others */
        if (err.code == KC_AUTH || !kc_cluster_lost(c, &at[0])) {
            fail_sign_in(d, &err);
            return false;
        }
        d->is_lost = true;
        *count = 1;
    }
    if (kc_doctor_signs_in(d)) {
        kc_verdict_fine(d->verdict, -1, "by %s", kc_credentials_mechanism(&d->credentials));
        kc_verdict_begin(d->verdict, "metadata");
    }
    kc_verdict_fine(d->verdict, -1, "%zu broker%s, the first at %s", *count,
                    *count == 1 ? "" : "s", *count ? kc_broker_show(&at[0], first) : "");
    for (size_t i = 0; i < *count && i < KC_VISITS_MAX; i++)
        d->listeners[i].at = at[i];
    return true;
}

/* --- topic and group --- */

/* An error that is not about the thing that was asked for. */
static bool fail_question(struct kc_doctor *d, const struct kc_error *err)
{
    bool is_late = kc_ms_until(d->deadline_ms, 1) == 0;
    kc_verdict_fail(d->verdict, -1, is_late ? KC_CAUSE_KAFKA_TIMEOUT : KC_CAUSE_KAFKA_FAILED,
                    "%s", err->text);
    return false;
}

static bool fail_topic(struct kc_doctor *d, enum kc_cause cause, const char *why)
{
    kc_verdict_fail(d->verdict, -1, cause, "topic %s: %s", d->ask->topic, why);
    return false;
}

static bool check_topic(struct kc_doctor *d, struct kc_cluster *c)
{
    struct kc_topic_facts facts;
    struct kc_error err = { 0 };
    if (!d->ask->topic)
        return true;
    kc_verdict_begin(d->verdict, "topic");
    bool ok = kc_cluster_topic(c, d->ask->topic, kc_doctor_left(d), &facts, &err);
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

static bool check_group(struct kc_doctor *d, struct kc_cluster *c)
{
    struct kc_group_facts facts;
    struct kc_error err = { 0 };
    if (!d->ask->group_id)
        return true;
    kc_verdict_begin(d->verdict, "group");
    bool ok = kc_cluster_group(c, d->ask->group_id, kc_doctor_left(d), &facts, &err);
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
static bool check_again(struct kc_doctor *d, struct kc_cluster *c)
{
    int brokers;
    struct kc_error err = { 0 };
    if (!d->is_lost || kc_cluster_brokers(c, kc_doctor_left(d), &brokers, &err))
        return true;
    kc_verdict_begin(d->verdict, "metadata");
    return fail_question(d, &err);
}

static bool check_cluster(struct kc_doctor *d)
{
    struct kc_cluster *c = NULL;
    struct kc_error err = { 0 };
    struct kc_credentials working = d->credentials; /* a loan, but for the addresses */
    size_t brokers = 0;
    working.brokers = kc_doctor_brokers(d);
    bool ok = kc_cluster_open(&c, &working, kc_doctor_left(d), &err);
    if (!ok) {
        kc_verdict_begin(d->verdict, kc_doctor_signs_in(d) ? "sign-in" : "metadata");
        fail_sign_in(d, &err);
    }
    ok = ok && check_sign_in(d, c, &brokers) && kc_doctor_listeners(d, brokers) &&
         check_again(d, c) && check_topic(d, c) && check_group(d, c);
    kc_cluster_close(c);
    free(working.brokers);
    return ok;
}

struct kc_verdict *kc_verify(const struct kc_doc *credentials, const struct kc_verify_ask *ask,
                             const struct kc_faults *faults, int wait_ms)
{
    struct kc_doctor *d = kc_new0(struct kc_doctor);
    struct kc_verdict *verdict = kc_verdict_new();
    d->verdict = verdict;
    d->ask = ask;
    d->deadline_ms = kc_now_ms() + wait_ms;
    (void)(check_settings(d, credentials, faults) && kc_doctor_way(d) && check_token(d) &&
           check_kerberos(d) && check_cluster(d));
    kc_credentials_free(&d->credentials);
    free(d);
    return verdict;
}
