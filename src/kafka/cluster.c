// SPDX-License-Identifier: Apache-2.0
#include "kafka/cluster.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "kafka/client.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_TRY_MS 250  /* doubled each time: a refused sign-in is seen between two tries */
#define LAST_TRY_MS  1000 /* from then on known trouble is the answer: a person waits */
#define PAUSE_MS     100
#define INTERNAL     "__"

struct kc_cluster {
    rd_kafka_t *rk;
    struct kc_health health; /* librdkafka's opaque */
};

bool kc_cluster_open(struct kc_cluster **out, const struct kc_credentials *credentials,
                     struct kc_error *err)
{
    static const struct kc_property none[] = { { NULL, NULL } };
    struct kc_cluster *c = kc_new0(struct kc_cluster);
    kc_health_init(&c->health);
    rd_kafka_conf_t *conf =
        kc_client_conf(RD_KAFKA_PRODUCER, credentials, none, &c->health, err);
    if (!conf)
        goto fail; /* err already names the property */
    c->rk = kc_client_new(RD_KAFKA_PRODUCER, conf, credentials, &c->health, err);
    if (!c->rk)
        goto fail;
    *out = c;
    return true;
fail:
    kc_cluster_close(c);
    return false;
}

void kc_cluster_close(struct kc_cluster *c)
{
    if (!c)
        return;
    kc_client_free(c->rk, 0);
    kc_health_deinit(&c->health);
    free(c);
}

static bool is_refused(struct kc_cluster *c)
{
    rd_kafka_poll(c->rk, 0); /* errors are told here */
    return atomic_load(&c->health.is_refused);
}

static bool fail(struct kc_cluster *c, rd_kafka_resp_err_t code, const char *what,
                 struct kc_error *err)
{
    if (is_refused(c)) {
        kc_health_refused(&c->health, err);
        return false;
    }
    if (kc_kafka_code(code) == KC_TIMEOUT || code == RD_KAFKA_RESP_ERR__TRANSPORT)
        kc_error_set(err, KC_UNAVAILABLE, code, "no broker has answered");
    else
        kc_error_set(err, kc_kafka_code(code), code, "%s", rd_kafka_err2str(code));
    if (err->code == KC_UNAVAILABLE)
        kc_health_explain(&c->health, err);
    kc_error_wrap(err, "%s", what);
    return false;
}

/* --- metadata --- */

static bool has_trouble(struct kc_cluster *c)
{
    rd_kafka_poll(c->rk, 0);
    pthread_mutex_lock(&c->health.lock);
    bool has_trouble = c->health.trouble[0] != '\0';
    pthread_mutex_unlock(&c->health.lock);
    return has_trouble;
}

/* NULL and code when nobody answered. */
static const rd_kafka_metadata_t *metadata(struct kc_cluster *c, bool of_all,
                                           rd_kafka_topic_t *topic, int wait_ms,
                                           rd_kafka_resp_err_t *code)
{
    const rd_kafka_metadata_t *m = NULL;
    int64_t deadline = kc_now_ms() + wait_ms;
    int left, try_ms = FIRST_TRY_MS;
    *code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (!m && (left = kc_ms_until(deadline, try_ms)) > 0) {
        *code = rd_kafka_metadata(c->rk, of_all, topic, &m, left);
        if (*code != RD_KAFKA_RESP_ERR_NO_ERROR)
            m = NULL;
        if (!m && (is_refused(c) || (try_ms >= LAST_TRY_MS && has_trouble(c))))
            break;
        try_ms *= 2;
    }
    if (m)
        kc_health_ok(&c->health);
    return m;
}

bool kc_cluster_brokers(struct kc_cluster *c, int wait_ms, int *count, struct kc_error *err)
{
    rd_kafka_resp_err_t code;
    const rd_kafka_metadata_t *m = metadata(c, false, NULL, wait_ms, &code);
    if (!m)
        return fail(c, code, "ask for the brokers", err);
    *count = m->broker_cnt;
    rd_kafka_metadata_destroy(m);
    return true;
}

bool kc_cluster_topic(struct kc_cluster *c, const char *topic, int wait_ms, int *partitions,
                      struct kc_error *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(c->rk, topic, NULL);
    const rd_kafka_metadata_t *m = handle ? metadata(c, false, handle, wait_ms, &code) : NULL;
    if (m && m->topic_cnt == 1) {
        code = m->topics[0].err;
        *partitions = m->topics[0].partition_cnt;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && *partitions == 0)
            code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    } else if (m) {
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    if (m)
        rd_kafka_metadata_destroy(m);
    if (handle)
        rd_kafka_topic_destroy(handle);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, code, "ask for the topic", err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool kc_cluster_topics(struct kc_cluster *c, int wait_ms, struct kc_topics *topics,
                       struct kc_error *err)
{
    rd_kafka_resp_err_t code;
    *topics = (struct kc_topics){ NULL, 0 };
    const rd_kafka_metadata_t *m = metadata(c, true, NULL, wait_ms, &code);
    if (!m)
        return fail(c, code, "ask for the topics", err);
    topics->names = kc_new0_array(char *, (size_t)m->topic_cnt + 1);
    for (int i = 0; i < m->topic_cnt; i++) {
        if (strncmp(m->topics[i].topic, INTERNAL, sizeof(INTERNAL) - 1) != 0)
            topics->names[topics->count++] = kc_strdup(m->topics[i].topic);
    }
    rd_kafka_metadata_destroy(m);
    qsort(topics->names, topics->count, sizeof(char *), by_name);
    return true;
}

void kc_topics_deinit(struct kc_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        free(topics->names[i]);
    free(topics->names);
    *topics = (struct kc_topics){ NULL, 0 };
}

/* --- groups --- */

static rd_kafka_resp_err_t group_of(rd_kafka_event_t *event, const char **state)
{
    rd_kafka_resp_err_t code =
        event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) { /* a broker that cannot say */
        *state = rd_kafka_consumer_group_state_name(RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    if (count != 1)
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
    *state =
        rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0]));
    return error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t describe(struct kc_cluster *c, const char *group, int wait_ms,
                                    const char **state)
{
    char why[256];
    const char *groups[] = { group };
    rd_kafka_queue_t *answers = rd_kafka_queue_new(c->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(c->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, why, sizeof(why));
    rd_kafka_DescribeConsumerGroups(c->rk, groups, 1, options, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, wait_ms);
    rd_kafka_resp_err_t code = group_of(event, state);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(answers);
    return code;
}

/* A cluster's first group takes a moment to find its coordinator. */
static bool is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

bool kc_cluster_group(struct kc_cluster *c, const char *group, int wait_ms, const char **state,
                      struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left;
    while ((left = kc_ms_until(deadline, wait_ms)) > 0) {
        code = describe(c, group, left, state);
        if (!is_passing(code))
            break;
        nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
    }
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
        *state = rd_kafka_consumer_group_state_name(RD_KAFKA_CONSUMER_GROUP_STATE_DEAD);
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, code, "ask for the group", err);
}
