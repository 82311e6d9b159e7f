// SPDX-License-Identifier: Apache-2.0
#include "component/verify.h"

#include "base/clock.h"
#include "component/topic.h"
#include "kafka/cluster.h"
#include "runtime/json.h"

#include <string.h>

/* One verification: each step is told as it is over. */
struct verification {
    const struct kc_verify_ask *ask;
    struct kc_buf steps;
    int64_t deadline_ms;
    int64_t step_ms; /* when the step began */
    struct kc_error err;
};

static int left(const struct verification *v)
{
    int ms = kc_ms_until(v->deadline_ms, INT32_MAX);
    return ms > 0 ? ms : 1;
}

static void begin(struct verification *v)
{
    v->step_ms = kc_now_ms();
}

/* detail is what else the step has to say: JSON members with a comma before each. */
static bool end(struct verification *v, const char *name, struct kc_buf *detail)
{
    bool ok = v->err.code == KC_NONE;
    kc_buf_printf(&v->steps, "%s{\"name\":\"%s\",\"ok\":%s,\"ms\":%lld",
                  v->steps.len ? "," : "", name, ok ? "true" : "false",
                  (long long)(kc_now_ms() - v->step_ms));
    if (detail)
        kc_buf_text(&v->steps, kc_buf_peek(detail));
    if (!ok) {
        kc_buf_printf(&v->steps, ",\"code\":\"%s\",\"reason\":", kc_code_name(v->err.code));
        kc_json_print_text(v->err.text, &v->steps);
    }
    kc_buf_puts(&v->steps, "}");
    return ok;
}

static bool check_settings(struct verification *v, const struct kc_doc *doc,
                           struct kc_credentials *credentials)
{
    struct kc_faults faults;
    struct kc_buf detail;
    kc_buf_init(&detail, KC_BUF_UNBOUNDED);
    kc_faults_init(&faults);
    faults.at = "/credentials";
    begin(v);
    bool ok = kc_credentials_read(credentials, doc, KC_UNKNOWN_IS_ERROR, &faults);
    faults.at = NULL;
    if (v->ask->topic && !kc_topic_is_valid(kc_text(v->ask->topic)))
        kc_faults_add(&faults, "/topic", KC_TOPIC_RULE);
    ok &= kc_faults_none(&faults, KC_CONFIG, &v->err);
    if (!ok) {
        kc_buf_puts(&detail, ",\"errors\":");
        kc_faults_print(&faults, &detail);
    }
    ok = end(v, "settings", &detail);
    kc_faults_deinit(&faults);
    kc_buf_deinit(&detail);
    return ok;
}

/* To a broker, through TLS and sign-in, to the first answer. */
static bool check_brokers(struct verification *v, struct kc_cluster *c)
{
    struct kc_buf detail;
    int brokers = 0;
    kc_buf_init(&detail, KC_BUF_UNBOUNDED);
    begin(v);
    if (kc_cluster_brokers(c, left(v), &brokers, &v->err))
        kc_buf_printf(&detail, ",\"brokers\":%d", brokers);
    bool ok = end(v, "metadata", &detail);
    kc_buf_deinit(&detail);
    return ok;
}

static bool check_topic(struct verification *v, struct kc_cluster *c)
{
    struct kc_buf detail;
    int partitions = 0;
    if (!v->ask->topic)
        return true;
    kc_buf_init(&detail, KC_BUF_UNBOUNDED);
    kc_buf_puts(&detail, ",\"topic\":");
    kc_json_print_text(v->ask->topic, &detail);
    begin(v);
    if (kc_cluster_topic(c, v->ask->topic, left(v), &partitions, &v->err))
        kc_buf_printf(&detail, ",\"partitions\":%d", partitions);
    bool ok = end(v, "topic", &detail);
    kc_buf_deinit(&detail);
    return ok;
}

static bool check_group(struct verification *v, struct kc_cluster *c)
{
    struct kc_buf detail;
    const char *state = NULL;
    if (!v->ask->group_id)
        return true;
    kc_buf_init(&detail, KC_BUF_UNBOUNDED);
    kc_buf_puts(&detail, ",\"groupId\":");
    kc_json_print_text(v->ask->group_id, &detail);
    begin(v);
    if (kc_cluster_group(c, v->ask->group_id, left(v), &state, &v->err)) {
        kc_buf_puts(&detail, ",\"state\":");
        kc_json_print_text(state, &detail);
    }
    bool ok = end(v, "group", &detail);
    kc_buf_deinit(&detail);
    return ok;
}

static bool check_cluster(struct verification *v, const struct kc_credentials *credentials)
{
    struct kc_cluster *c = NULL;
    begin(v);
    if (!kc_cluster_open(&c, credentials, &v->err))
        return end(v, "metadata", NULL);
    bool ok = check_brokers(v, c) && check_topic(v, c) && check_group(v, c);
    kc_cluster_close(c);
    return ok;
}

void kc_verify(const struct kc_doc *credentials, const struct kc_verify_ask *ask, int wait_ms,
               struct kc_buf *out)
{
    struct kc_credentials read = { 0 };
    struct verification v = { .ask = ask, .deadline_ms = kc_now_ms() + wait_ms };
    kc_buf_init(&v.steps, KC_BUF_UNBOUNDED);
    bool is_verified = check_settings(&v, credentials, &read) && check_cluster(&v, &read);
    kc_buf_printf(out, "{\"verified\":%s", is_verified ? "true" : "false");
    if (!is_verified) {
        kc_buf_printf(out, ",\"code\":\"%s\",\"reason\":", kc_code_name(v.err.code));
        kc_json_print_text(v.err.text, out);
    }
    kc_buf_puts(out, ",\"steps\":[");
    kc_buf_text(out, kc_buf_peek(&v.steps));
    kc_buf_puts(out, "]}");
    kc_buf_deinit(&v.steps);
    kc_credentials_free(&read);
}

/* --- models --- */

static void print_topics(const struct kc_topics *topics, struct kc_buf *out)
{
    kc_buf_puts(out, "{");
    for (size_t i = 0; i < topics->count; i++) {
        kc_buf_puts(out, i ? "," : "");
        kc_json_print_text(topics->names[i], out);
        kc_buf_puts(out, ":");
        kc_json_print_text(topics->names[i], out);
    }
    kc_buf_puts(out, "}");
}

bool kc_model(const char *name, const struct kc_doc *credentials, int wait_ms,
              struct kc_buf *out, struct kc_faults *faults, struct kc_error *err)
{
    struct kc_credentials read = { 0 };
    struct kc_cluster *c = NULL;
    struct kc_topics topics = { NULL, 0 };
    bool ok = false;
    if (strcmp(name, "topics") != 0) {
        kc_error_set(err, KC_NOT_FOUND, 0, "there is no model '%s'; there is topics", name);
        return false;
    }
    faults->at = "/credentials";
    ok = kc_credentials_read(&read, credentials, KC_UNKNOWN_IS_ERROR, faults);
    faults->at = NULL;
    ok = ok && kc_cluster_open(&c, &read, err) && kc_cluster_topics(c, wait_ms, &topics, err);
    if (ok)
        print_topics(&topics, out);
    kc_topics_deinit(&topics);
    kc_cluster_close(c);
    kc_credentials_free(&read);
    return ok;
}
