// SPDX-License-Identifier: Apache-2.0
#include "kafka/cluster.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/kerberos.h"

#include <stdio.h>
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
                     int wait_ms, struct kc_error *err)
{
    static const struct kc_property none[] = { { NULL, NULL } };
    struct kc_cluster *c = kc_new0(struct kc_cluster);
    kc_health_init(&c->health);
    c->health.is_brief = true;
    if (credentials->kerberos_keytab && !kc_kerberos_ensure(credentials, wait_ms, err))
        goto fail;
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
static const rd_kafka_metadata_t *metadata(struct kc_cluster *c, bool of_all, int wait_ms,
                                           rd_kafka_resp_err_t *code)
{
    const rd_kafka_metadata_t *m = NULL;
    int64_t deadline = kc_now_ms() + wait_ms;
    int left, try_ms = FIRST_TRY_MS;
    *code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (!m && (left = kc_ms_until(deadline, try_ms)) > 0) {
        *code = rd_kafka_metadata(c->rk, of_all, NULL, &m, left);
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
    const rd_kafka_metadata_t *m = metadata(c, false, wait_ms, &code);
    if (!m)
        return fail(c, code, "ask for the brokers", err);
    *count = m->broker_cnt;
    rd_kafka_metadata_destroy(m);
    return true;
}

bool kc_cluster_listeners(struct kc_cluster *c, int wait_ms, struct kc_broker *out, size_t max,
                          size_t *count, struct kc_error *err)
{
    rd_kafka_resp_err_t code;
    const rd_kafka_metadata_t *m = metadata(c, false, wait_ms, &code);
    *count = 0;
    if (!m)
        return fail(c, code, "ask for the brokers", err);
    for (int i = 0; i < m->broker_cnt; i++, (*count)++) {
        if (*count >= max)
            continue;
        (void)snprintf(out[*count].host, sizeof(out->host), "%s", m->brokers[i].host);
        out[*count].port = m->brokers[i].port;
    }
    rd_kafka_metadata_destroy(m);
    return true;
}

/* A resolver that hangs at their names is no trouble yet. A name that a secret of ours was
 * taken out of is nobody's. */
bool kc_cluster_lost(struct kc_cluster *c, struct kc_broker *at)
{
    char text[sizeof(c->health.trouble)], name[sizeof(c->health.looked_up)];
    const char *list = name;
    struct kc_trouble trouble;
    pthread_mutex_lock(&c->health.lock);
    memcpy(text, c->health.trouble, sizeof(text));
    memcpy(name, c->health.looked_up, sizeof(name));
    pthread_mutex_unlock(&c->health.lock);
    if (name[0])
        return kc_brokers_next(&list, at);
    if (!kc_trouble_read(text, &trouble) || !trouble.was_heard_of)
        return false;
    text[trouble.address.p + trouble.address.len - text] = '\0';
    list = trouble.address.p;
    return kc_brokers_next(&list, at) && !strstr(at->host, "***");
}

/* --- lists --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kc_listed *)a)->name, ((const struct kc_listed *)b)->name);
}

static void sort(struct kc_listing *listing)
{
    if (listing->count > 0)
        qsort(listing->list, listing->count, sizeof(struct kc_listed), by_name);
}

void kc_listing_deinit(struct kc_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->list[i].name);
    free(listing->list);
    *listing = (struct kc_listing){ NULL, 0 };
}

bool kc_cluster_topics(struct kc_cluster *c, int wait_ms, struct kc_listing *topics,
                       struct kc_error *err)
{
    rd_kafka_resp_err_t code;
    *topics = (struct kc_listing){ NULL, 0 };
    const rd_kafka_metadata_t *m = metadata(c, true, wait_ms, &code);
    if (!m)
        return fail(c, code, "ask for the topics", err);
    topics->list = kc_new0_array(struct kc_listed, (size_t)m->topic_cnt + 1);
    for (int i = 0; i < m->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *t = &m->topics[i];
        if (strncmp(t->topic, INTERNAL, sizeof(INTERNAL) - 1) != 0)
            topics->list[topics->count++] =
                (struct kc_listed){ .name = kc_strdup(t->topic), .count = t->partition_cnt };
    }
    rd_kafka_metadata_destroy(m);
    sort(topics);
    return true;
}

/* --- questions of the admin API --- */

/* One question and its one answer. */
struct question {
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *answers;
    rd_kafka_event_t *event;
};

static void question_init(struct question *q, struct kc_cluster *c, rd_kafka_admin_op_t op,
                          int wait_ms, bool with_rights)
{
    char why[256];
    *q = (struct question){ .options = rd_kafka_AdminOptions_new(c->rk, op),
                            .answers = rd_kafka_queue_new(c->rk) };
    (void)rd_kafka_AdminOptions_set_request_timeout(q->options, wait_ms, why, sizeof(why));
    if (with_rights)
        rd_kafka_error_destroy(
            rd_kafka_AdminOptions_set_include_authorized_operations(q->options, 1));
}

static rd_kafka_resp_err_t question_wait(struct question *q, int wait_ms)
{
    q->event = rd_kafka_queue_poll(q->answers, wait_ms);
    return q->event ? rd_kafka_event_error(q->event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static void question_deinit(struct question *q)
{
    if (q->event)
        rd_kafka_event_destroy(q->event);
    rd_kafka_AdminOptions_destroy(q->options);
    rd_kafka_queue_destroy(q->answers);
}

static void read_rights(struct kc_rights *rights, const rd_kafka_AclOperation_t *list,
                        size_t count)
{
    rights->is_told = list != NULL;
    for (size_t i = 0; list && i < count; i++) {
        bool is_all = list[i] == RD_KAFKA_ACL_OPERATION_ALL;
        rights->may_read |= is_all || list[i] == RD_KAFKA_ACL_OPERATION_READ;
        rights->may_write |= is_all || list[i] == RD_KAFKA_ACL_OPERATION_WRITE;
    }
}

static rd_kafka_resp_err_t read_topic(rd_kafka_event_t *event, struct kc_topic_facts *facts)
{
    size_t topics = 0, partitions = 0, operations = 0;
    const rd_kafka_TopicDescription_t **list = rd_kafka_DescribeTopics_result_topics(
        rd_kafka_event_DescribeTopics_result(event), &topics);
    if (topics != 1)
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(list[0]);
    if (error && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return rd_kafka_error_code(error);
    (void)rd_kafka_TopicDescription_partitions(list[0], &partitions);
    facts->partitions = (int)partitions;
    const rd_kafka_AclOperation_t *allowed =
        rd_kafka_TopicDescription_authorized_operations(list[0], &operations);
    read_rights(&facts->rights, allowed, operations);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t describe_topic(struct kc_cluster *c, const char *topic, int wait_ms,
                                          struct kc_topic_facts *facts)
{
    struct question q;
    const char *names[] = { topic };
    rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(names, 1);
    question_init(&q, c, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, wait_ms, true);
    rd_kafka_DescribeTopics(c->rk, topics, q.options, q.answers);
    rd_kafka_resp_err_t code = question_wait(&q, wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = read_topic(q.event, facts);
    question_deinit(&q);
    rd_kafka_TopicCollection_destroy(topics);
    return code;
}

/* Among all topics, since a question for one may make it. */
static rd_kafka_resp_err_t look_for_topic(struct kc_cluster *c, const char *topic, int wait_ms,
                                          struct kc_topic_facts *facts)
{
    rd_kafka_resp_err_t code;
    const rd_kafka_metadata_t *m = metadata(c, true, wait_ms, &code);
    if (!m)
        return code;
    code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    for (int i = 0; i < m->topic_cnt; i++) {
        if (strcmp(m->topics[i].topic, topic) != 0)
            continue;
        code = m->topics[i].err;
        facts->partitions = m->topics[i].partition_cnt;
    }
    rd_kafka_metadata_destroy(m);
    return code;
}

bool kc_cluster_topic(struct kc_cluster *c, const char *topic, int wait_ms,
                      struct kc_topic_facts *facts, struct kc_error *err)
{
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    *facts = (struct kc_topic_facts){ 0 };
    rd_kafka_resp_err_t code = describe_topic(c, topic, wait_ms / 2, facts);
    int left = kc_ms_until(deadline_ms, wait_ms);
    if (kc_kafka_code(code) == KC_TIMEOUT &&
        left > 0) /* the embedded broker never answers it */
        code = look_for_topic(c, topic, left, facts);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, code, "ask for the topic", err);
}

static rd_kafka_resp_err_t read_group(rd_kafka_event_t *event, struct kc_group_facts *facts)
{
    size_t count = 0, operations = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    if (count != 1)
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    facts->state =
        rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0]));
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) { /* newer brokers' word for it */
        facts->state = "Dead";
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    const rd_kafka_AclOperation_t *allowed =
        rd_kafka_ConsumerGroupDescription_authorized_operations(groups[0], &operations);
    read_rights(&facts->rights, allowed, operations);
    return code;
}

static rd_kafka_resp_err_t describe(struct kc_cluster *c, const char *group, int wait_ms,
                                    struct kc_group_facts *facts)
{
    struct question q;
    const char *groups[] = { group };
    *facts = (struct kc_group_facts){ 0 };
    question_init(&q, c, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, wait_ms, true);
    rd_kafka_DescribeConsumerGroups(c->rk, groups, 1, q.options, q.answers);
    rd_kafka_resp_err_t code = question_wait(&q, wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = read_group(q.event, facts);
    question_deinit(&q);
    return code;
}

/* A cluster's first group takes a moment to find its coordinator. */
static bool is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

bool kc_cluster_group(struct kc_cluster *c, const char *group, int wait_ms,
                      struct kc_group_facts *facts, struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left;
    while ((left = kc_ms_until(deadline, wait_ms)) > 0) {
        code = describe(c, group, left, facts);
        if (!is_passing(code))
            break;
        nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
    }
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) { /* a broker that cannot say */
        facts->state =
            rd_kafka_consumer_group_state_name(RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN);
        return true;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, code, "ask for the group", err);
}

static rd_kafka_resp_err_t read_groups(rd_kafka_event_t *event, struct kc_listing *groups)
{
    size_t count = 0, errors = 0;
    const rd_kafka_ListConsumerGroups_result_t *result =
        rd_kafka_event_ListConsumerGroups_result(event);
    const rd_kafka_ConsumerGroupListing_t **list =
        rd_kafka_ListConsumerGroups_result_valid(result, &count);
    const rd_kafka_error_t **failed =
        rd_kafka_ListConsumerGroups_result_errors(result, &errors);
    if (count == 0 && errors > 0)
        return rd_kafka_error_code(failed[0]);
    groups->list = kc_new0_array(struct kc_listed, count + 1);
    for (size_t i = 0; i < count; i++)
        groups->list[groups->count++] = (struct kc_listed){
            .name = kc_strdup(rd_kafka_ConsumerGroupListing_group_id(list[i])),
            .word = rd_kafka_consumer_group_state_name(
                rd_kafka_ConsumerGroupListing_state(list[i])),
        };
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kc_cluster_groups(struct kc_cluster *c, int wait_ms, struct kc_listing *groups,
                       struct kc_error *err)
{
    struct question q;
    int brokers, left;
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    *groups = (struct kc_listing){ NULL, 0 };
    if (!kc_cluster_brokers(c, wait_ms, &brokers, err)) /* tells a refused sign-in at once */
        return false;
    left = kc_ms_until(deadline_ms, wait_ms);
    question_init(&q, c, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, left > 0 ? left : 1, false);
    rd_kafka_ListConsumerGroups(c->rk, q.options, q.answers);
    rd_kafka_resp_err_t code = question_wait(&q, left);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = read_groups(q.event, groups);
    question_deinit(&q);
    sort(groups);
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) /* a broker that cannot say */
        return true;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(c, code, "ask for the groups", err);
}
