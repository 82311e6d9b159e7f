// SPDX-License-Identifier: Apache-2.0
#include "witness.h"

#include "fail.h"
#include "process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#define WAIT_MS 30000
#define POLL_US 5000 /* between two looks at a state that nothing announces */

struct name {
    struct name *next;
    char text[];
};

/* What the bytes of witness_records live in. */
struct witness_source {
    rd_kafka_t *rk;
    rd_kafka_message_t **messages;
};

struct witness {
    char brokers[64];
    rd_kafka_t *rk; /* a producer, and the admin's client */
    int64_t undelivered;
    rd_kafka_resp_err_t failed; /* the last failed report */
    int64_t last_offset;
    struct name *names;
};

/* --- Clients --- */

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct witness *w = opaque;
    (void)rk;
    w->undelivered--;
    w->last_offset = message->offset;
    if (message->err)
        w->failed = message->err;
}

/* settings: name, value, ..., NULL. */
static rd_kafka_t *client(rd_kafka_type_t type, struct witness *w, const char *const settings[])
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, NULL, 0);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    rd_kafka_conf_set_opaque(conf, w);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    for (; *settings; settings += 2)
        if (rd_kafka_conf_set(conf, settings[0], settings[1], why, sizeof(why)))
            fail_msg("librdkafka: %s", why);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk)
        fail_msg("librdkafka: %s", why);
    return rk;
}

struct witness *witness_open(const char *brokers)
{
    struct witness *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    snprintf(w->brokers, sizeof(w->brokers), "%s", brokers);
    w->rk = client(RD_KAFKA_PRODUCER, w,
                   ARGS("partitioner", "murmur2_random", "linger.ms", "1", "acks", "all",
                        "topic.metadata.refresh.fast.interval.ms", "20"));
    return w;
}

void witness_close(struct witness *w)
{
    if (!w)
        return;
    rd_kafka_destroy(w->rk);
    while (w->names) {
        struct name *next = w->names->next;
        free(w->names);
        w->names = next;
    }
    free(w);
}

const char *witness_fresh_name(struct witness *w, const char *what)
{
    static int count;
    size_t size = strlen(what) + 16;
    struct name *name = malloc(sizeof(*name) + size);
    assert_non_null(name);
    snprintf(name->text, size, "%s-%d", what, ++count);
    name->next = w->names;
    w->names = name;
    return name->text;
}

/* --- Topics --- */

static void must(rd_kafka_resp_err_t code, const char *what, const char *topic)
{
    if (code)
        fail_msg("witness: %s '%s': %s", what, topic, rd_kafka_err2str(code));
}

static void must_error(const rd_kafka_error_t *error, const char *what)
{
    if (error)
        fail_msg("witness: %s: %s", what, rd_kafka_error_string(error));
}

static rd_kafka_event_t *answer(rd_kafka_queue_t *queue, const char *what, const char *topic)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    if (!event)
        fail_msg("witness: %s '%s': no answer", what, topic);
    must(rd_kafka_event_error(event), what, topic);
    rd_kafka_queue_destroy(queue);
    return event;
}

static void must_topics(const rd_kafka_topic_result_t **results, size_t count, const char *what,
                        const char *topic)
{
    for (size_t i = 0; i < count; i++)
        must(rd_kafka_topic_result_error(results[i]), what, topic);
}

/* Asks the broker, which also refreshes what librdkafka remembers of the topic. 0: not there.
 */
static int partition_count(struct witness *w, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(w->rk, topic, NULL);
    must(rd_kafka_metadata(w->rk, 0, rkt, &metadata, WAIT_MS), "metadata of", topic);
    int count = metadata->topics[0].err ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    return count;
}

static bool is_readable(struct witness *w, const char *topic, int partition)
{
    int64_t low, high;
    return partition_count(w, topic) > partition &&
           rd_kafka_query_watermark_offsets(w->rk, topic, partition, &low, &high, 1000) ==
               RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void wait_readable(struct witness *w, const char *topic, int partitions)
{
    int64_t deadline = now_ms() + WAIT_MS;
    for (int i = 0; i < partitions; i++)
        while (!is_readable(w, topic, i)) {
            if (now_ms() > deadline)
                fail_msg("witness: %s [%d] has no leader", topic, i);
            usleep(POLL_US);
        }
}

/* A broker that was frozen for longer than its session may not take part until it has spoken
 * again, and Kafka then says that there are too few for the topic. */
static rd_kafka_resp_err_t create(struct witness *w, const char *topic,
                                  rd_kafka_NewTopic_t **new_topic)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_CreateTopics(w->rk, new_topic, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "create", topic);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
    rd_kafka_event_destroy(event);
    return code;
}

void witness_create_topic(struct witness *w, const char *topic, int partitions,
                          const char *const *config)
{
    char why[256];
    rd_kafka_NewTopic_t *new_topic =
        rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof(why));
    if (!new_topic)
        fail_msg("witness: %s", why);
    for (; config && *config; config++) {
        char name[128];
        size_t length = strcspn(*config, "=");
        assert_true(length < sizeof(name));
        memcpy(name, *config, length);
        name[length] = '\0';
        rd_kafka_NewTopic_set_config(new_topic, name, *config + length + 1);
    }
    int64_t deadline = now_ms() + WAIT_MS;
    rd_kafka_resp_err_t code;
    while ((code = create(w, topic, &new_topic)) ==
               RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR &&
           now_ms() < deadline)
        usleep(50000);
    must(code, "create", topic);
    rd_kafka_NewTopic_destroy(new_topic);
    wait_readable(w, topic, partitions);
}

const char *witness_new_topic(struct witness *w, int partitions, const char *const *config)
{
    const char *topic = witness_fresh_name(w, "cars");
    witness_create_topic(w, topic, partitions, config);
    return topic;
}

void witness_add_partitions(struct witness *w, const char *topic, int partitions)
{
    char why[256];
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(topic, (size_t)partitions, why, sizeof(why));
    if (!more)
        fail_msg("witness: %s", why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_CreatePartitions(w->rk, &more, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "add partitions to", topic);
    size_t count;
    const rd_kafka_topic_result_t **results = rd_kafka_CreatePartitions_result_topics(
        rd_kafka_event_CreatePartitions_result(event), &count);
    must_topics(results, count, "add partitions to", topic);
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(more);
    wait_readable(w, topic, partitions);
}

void witness_delete_topic(struct witness *w, const char *topic)
{
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_DeleteTopics(w->rk, &gone, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "delete", topic);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    must_topics(results, count, "delete", topic);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(gone);
}

static rd_kafka_topic_partition_list_t *one(const char *topic, int partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    return list;
}

void witness_delete_records(struct witness *w, const char *topic, int partition,
                            int64_t before_offset)
{
    rd_kafka_topic_partition_list_t *list = one(topic, partition, before_offset);
    rd_kafka_DeleteRecords_t *gone = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_DeleteRecords(w->rk, &gone, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "delete records of", topic);
    must(rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event))
             ->elems[0]
             .err,
         "delete records of", topic);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
}

void witness_watermarks(struct witness *w, const char *topic, int partition, int64_t *low,
                        int64_t *high)
{
    must(rd_kafka_query_watermark_offsets(w->rk, topic, partition, low, high, WAIT_MS),
         "watermarks of", topic);
}

static rd_kafka_AclOperation_t operation(const char *what)
{
    if (strcmp(what, "describe") == 0)
        return RD_KAFKA_ACL_OPERATION_DESCRIBE;
    return strcmp(what, "read") == 0 ? RD_KAFKA_ACL_OPERATION_READ
                                     : RD_KAFKA_ACL_OPERATION_WRITE;
}

void witness_allow(struct witness *w, const char *user, const char *kind, const char *name,
                   const char *what)
{
    char principal[64], why[256];
    snprintf(principal, sizeof(principal), "User:%s", user);
    rd_kafka_AclBinding_t *right = rd_kafka_AclBinding_new(
        strcmp(kind, "topic") == 0 ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_GROUP, name,
        RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal, "*", operation(what),
        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof(why));
    if (!right)
        fail_msg("witness: %s", why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_CreateAcls(w->rk, &right, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "allow", name);
    size_t count;
    const rd_kafka_acl_result_t **results =
        rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count);
    for (size_t i = 0; i < count; i++)
        must_error(rd_kafka_acl_result_error(results[i]), "allow");
    rd_kafka_event_destroy(event);
    rd_kafka_AclBinding_destroy(right);
}

void witness_allow_writing(struct witness *w, const char *user, const char *topic)
{
    witness_allow(w, user, "topic", topic, "write");
}

void witness_forbid_writing(struct witness *w, const char *user, const char *topic)
{
    char principal[64], why[256];
    snprintf(principal, sizeof(principal), "User:%s", user);
    rd_kafka_AclBindingFilter_t *rights = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal, "*",
        RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof(why));
    if (!rights)
        fail_msg("witness: %s", why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_DeleteAcls(w->rk, &rights, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "forbid writing to", topic);
    rd_kafka_event_destroy(event);
    rd_kafka_AclBinding_destroy(rights);
}

void witness_set_password(struct witness *w, const char *user, const char *password)
{
    rd_kafka_UserScramCredentialAlteration_t *change =
        rd_kafka_UserScramCredentialUpsertion_new(user, RD_KAFKA_SCRAM_MECHANISM_SHA_512, 4096,
                                                  (const unsigned char *)password,
                                                  strlen(password), NULL, 0);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_AlterUserScramCredentials(w->rk, &change, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "set the password of", user);
    size_t count;
    const rd_kafka_AlterUserScramCredentials_result_response_t **results =
        rd_kafka_AlterUserScramCredentials_result_responses(
            rd_kafka_event_AlterUserScramCredentials_result(event), &count);
    for (size_t i = 0; i < count; i++)
        must(rd_kafka_error_code(
                 rd_kafka_AlterUserScramCredentials_result_response_error(results[i])),
             "set the password of", user);
    rd_kafka_event_destroy(event);
    rd_kafka_UserScramCredentialAlteration_destroy(change);
}

static rd_kafka_t *group_client(struct witness *w, const char *group)
{
    return client(RD_KAFKA_CONSUMER, w, ARGS("group.id", group));
}

/* The server's first group: who looks after it is being settled. */
static bool is_settling(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

int64_t witness_committed(struct witness *w, const char *group, const char *topic,
                          int partition)
{
    rd_kafka_t *rk = group_client(w, group);
    rd_kafka_topic_partition_list_t *list = one(topic, partition, RD_KAFKA_OFFSET_INVALID);
    int64_t deadline = now_ms() + WAIT_MS;
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, WAIT_MS);
    while (is_settling(code) && now_ms() < deadline) {
        usleep(50000);
        code = rd_kafka_committed(rk, list, WAIT_MS);
    }
    must(code, "committed offset of", topic);
    must(list->elems[0].err, "committed offset of", topic);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset < 0 ? -1 : offset;
}

bool witness_wait_committed(struct witness *w, const char *group, const char *topic,
                            int partition, int64_t offset, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (witness_committed(w, group, topic, partition) != offset) {
        if (now_ms() > deadline)
            return false;
        usleep(50000);
    }
    return true;
}

void witness_commit(struct witness *w, const char *group, const char *topic, int partition,
                    int64_t offset)
{
    rd_kafka_t *rk = group_client(w, group);
    rd_kafka_topic_partition_list_t *list = one(topic, partition, offset);
    int64_t deadline = now_ms() + WAIT_MS;
    rd_kafka_resp_err_t code;
    while (is_settling(code = rd_kafka_commit(rk, list, 0)) && now_ms() < deadline)
        usleep(50000);
    must(code, "commit for", topic);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* --- Writing --- */

struct witness_record witness_text(const char *key, const char *value, int partition)
{
    return (struct witness_record){ .key = key,
                                    .key_size = key ? strlen(key) : 0,
                                    .value = value,
                                    .value_size = value ? strlen(value) : 0,
                                    .partition = partition };
}

/* librdkafka takes bytes that it does not change as void *. */
static void *bytes(const void *of)
{
    return (void *)(uintptr_t)of;
}

static void push(rd_kafka_t *rk, struct witness *w, const char *topic,
                 const struct witness_record *record)
{
    rd_kafka_vu_t args[8 + WITNESS_HEADERS_MAX];
    size_t n = 0;
    args[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic };
    args[n++] =
        (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition };
    args[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_KEY,
                                 .u.mem = { bytes(record->key), record->key_size } };
    args[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_VALUE,
                                 .u.mem = { bytes(record->value), record->value_size } };
    args[n++] =
        (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp };
    args[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY };
    for (size_t i = 0; i < record->header_count; i++) {
        const struct witness_header *header = &record->headers[i];
        args[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_HEADER,
                                     .u.header = { header->name, header->value,
                                                   (ssize_t)header->size } };
    }
    rd_kafka_error_t *error;
    while ((error = rd_kafka_produceva(rk, args, n)) != NULL) {
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail_msg("witness: write to '%s': %s", topic, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        rd_kafka_poll(rk, 10);
    }
    w->undelivered++;
}

static void wait_delivered(rd_kafka_t *rk, struct witness *w, const char *topic)
{
    rd_kafka_flush(rk, WAIT_MS * 2);
    if (w->undelivered)
        fail_msg("witness: %lld records for '%s' not delivered", (long long)w->undelivered,
                 topic);
    rd_kafka_resp_err_t failed = w->failed;
    w->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    must(failed, "write to", topic);
}

int64_t witness_write(struct witness *w, const char *topic, const struct witness_record *record)
{
    push(w->rk, w, topic, record);
    wait_delivered(w->rk, w, topic);
    return w->last_offset;
}

void witness_write_many(struct witness *w, const char *topic, int64_t count, witness_fill *fill,
                        void *context)
{
    for (int64_t n = 0; n < count; n++) {
        struct witness_record record = { .partition = -1 };
        fill(&record, n, context);
        push(w->rk, w, topic, &record);
        if (n % 1000 == 0)
            rd_kafka_poll(w->rk, 0);
    }
    wait_delivered(w->rk, w, topic);
}

struct numbers {
    int64_t from;
    int partitions;
    char text[24];
};

static void fill_number(struct witness_record *record, int64_t n, void *context)
{
    struct numbers *numbers = context;
    n += numbers->from;
    snprintf(numbers->text, sizeof(numbers->text), "%lld", (long long)n);
    *record = witness_text(NULL, numbers->text, (int)(n % numbers->partitions));
}

void witness_write_numbers(struct witness *w, const char *topic, int partitions, int64_t from,
                           int64_t count)
{
    struct numbers numbers = { .from = from, .partitions = partitions };
    witness_write_many(w, topic, count, fill_number, &numbers);
}

void witness_write_transaction(struct witness *w, const char *topic, const char *const *values,
                               bool commits)
{
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, w,
                            ARGS("transactional.id", witness_fresh_name(w, "transaction")));
    must_error(rd_kafka_init_transactions(rk, WAIT_MS), "init_transactions");
    must_error(rd_kafka_begin_transaction(rk), "begin_transaction");
    for (; *values; values++) {
        struct witness_record record = witness_text(NULL, *values, 0);
        push(rk, w, topic, &record);
    }
    wait_delivered(rk, w, topic); /* an aborted one must be in the log, not only in our queue */
    must_error(commits ? rd_kafka_commit_transaction(rk, WAIT_MS)
                       : rd_kafka_abort_transaction(rk, WAIT_MS),
               "end of transaction");
    rd_kafka_destroy(rk);
}

/* --- Reading --- */

static void describe(struct witness_record *record, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    *record = (struct witness_record){
        .key = message->key,
        .key_size = message->key_len,
        .value = message->payload,
        .value_size = message->len,
        .timestamp = rd_kafka_message_timestamp(message, &type),
        .partition = message->partition,
        .offset = message->offset,
    };
    record->is_log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers))
        return;
    struct witness_header *header = record->headers;
    while (record->header_count < WITNESS_HEADERS_MAX &&
           !rd_kafka_header_get_all(headers, record->header_count, &header->name,
                                    &header->value, &header->size)) {
        record->header_count++;
        header++;
    }
}

static int by_position(const void *a, const void *b)
{
    const struct witness_record *one_of = a, *other = b;
    if (one_of->partition != other->partition)
        return one_of->partition < other->partition ? -1 : 1;
    return one_of->offset < other->offset ? -1 : one_of->offset > other->offset;
}

struct witness_records witness_read(struct witness *w, const char *topic)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, w,
                            ARGS("group.id", "witness", "enable.auto.commit", "false",
                                 "enable.partition.eof", "true", "isolation.level",
                                 "read_committed", "fetch.wait.max.ms", "50",
                                 "fetch.queue.backoff.ms", "10", "check.crcs", "true"));
    int partitions = partition_count(w, topic), ended = 0;
    if (partitions == 0)
        fail_test("witness: there is no '%s'", topic);
    bool *has_ended = calloc((size_t)partitions, sizeof(*has_ended));
    assert_non_null(has_ended);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    must(rd_kafka_assign(rk, list), "assign", topic);
    rd_kafka_topic_partition_list_destroy(list);

    struct witness_records records = { 0 };
    rd_kafka_message_t **messages = NULL;
    size_t room = 0;
    int64_t deadline = now_ms() + WAIT_MS * 4;
    while (ended < partitions) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        if (now_ms() > deadline)
            fail_msg("witness: '%s' could not be read to its end", topic);
        if (!message)
            continue;
        if (message->err) {
            if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                must(message->err, "read", topic);
            ended += !has_ended[message->partition]; /* where more was written, it ends again */
            has_ended[message->partition] = true;
            rd_kafka_message_destroy(message);
            continue;
        }
        if (records.count == room) {
            room = room * 2 + 64;
            rd_kafka_message_t **more = realloc(messages, room * sizeof(*messages));
            if (!more)
                fail_test("out of memory");
            messages = more;
        }
        messages[records.count++] = message;
    }

    free(has_ended);
    records.at = calloc(records.count + 1, sizeof(*records.at));
    assert_non_null(records.at);
    for (size_t i = 0; i < records.count; i++)
        describe(&records.at[i], messages[i]);
    qsort(records.at, records.count, sizeof(*records.at), by_position);
    records.source = malloc(sizeof(*records.source));
    assert_non_null(records.source);
    *records.source = (struct witness_source){ rk, messages };
    return records;
}

void witness_records_free(struct witness_records *records)
{
    if (!records->source)
        return;
    for (size_t i = 0; i < records->count; i++)
        rd_kafka_message_destroy(records->source->messages[i]);
    rd_kafka_destroy(records->source->rk);
    free(records->source->messages);
    free(records->source);
    free(records->at);
    *records = (struct witness_records){ 0 };
}

/* --- Comparing --- */

static void assert_equal_bytes(const void *a, size_t a_size, const void *b, size_t b_size,
                               const char *what)
{
    if (!a != !b)
        fail_msg("%s: one is null and the other is not", what);
    if (a_size != b_size || (a && b && memcmp(a, b, a_size) != 0))
        fail_msg("%s: '%.*s' and '%.*s'", what, (int)a_size, a ? (const char *)a : "",
                 (int)b_size, b ? (const char *)b : "");
}

void assert_bytes(const void *bytes_of, size_t size, const char *text)
{
    assert_equal_bytes(bytes_of, size, text, text ? strlen(text) : 0, "bytes");
}

void assert_same_record(const struct witness_record *copy,
                        const struct witness_record *original)
{
    assert_equal_bytes(copy->key, copy->key_size, original->key, original->key_size, "key");
    assert_equal_bytes(copy->value, copy->value_size, original->value, original->value_size,
                       "value");
    assert_int_equal(copy->timestamp, original->timestamp);
    assert_int_equal(copy->header_count, original->header_count);
    for (size_t i = 0; i < copy->header_count; i++) {
        const struct witness_header *a = &copy->headers[i], *b = &original->headers[i];
        assert_string_equal(a->name, b->name);
        assert_equal_bytes(a->value, a->size, b->value, b->size, a->name);
    }
}
