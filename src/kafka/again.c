// SPDX-License-Identifier: Apache-2.0
/* again.c - records that failed and may yet get in: refused together with a neighbour that was
 * too large, lost with a writer, or refused by what librdkafka remembers of a topic. All on the
 * producer's answers thread. */
#include "kafka/producer_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#define REOPEN_PAUSE_MS 500 /* between two writers that end in a fatal error */
#define METADATA_MS     1000
#define CROWD_LINGER_MS 2
#define CROWD_WARM_MS   1500 /* to connect and to get its producer id */

/* The broker refuses a whole request, good records included. */
static bool is_too_large_together(const struct kc_record *r)
{
    return r->error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !r->was_alone;
}

/* Lost with a writer that met a fatal error, and surely not stored. */
static bool is_lost_with_writer(const struct kc_record *r)
{
    if (r->stored != KC_NOT_STORED)
        return false;
    switch ((int)r->error) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        return true;
    default:
        return false;
    }
}

/* Refused by what librdkafka knows of the topic, which may be out of date: a topic, a partition
 * or a right that came since is to count at once. */
static bool is_refused_by_memory(const struct kc_record *r)
{
    switch ((int)r->error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return !r->was_asked;
    default:
        return false;
    }
}

static size_t choose(struct kc_batch *b, bool (*which)(const struct kc_record *))
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct kc_record *r = &b->records[i];
        r->is_again = r->error && which(r);
        n += r->is_again;
    }
    return n;
}

/* A pointer to p->main or p->single changes under the write lock, in the answers thread only:
 * that thread reads both without. */
static void replace(struct kc_producer *p, struct kc_writer **which, struct kc_writer *by)
{
    pthread_rwlock_wrlock(&p->writers);
    *which = by;
    pthread_rwlock_unlock(&p->writers);
}

static bool open_writer(struct kc_writer **out, const struct kc_writer_conf *conf)
{
    struct kc_error err = { 0 };
    if (kc_writer_open(out, conf, &err))
        return true;
    kc_log(KC_ERROR, "producer_open_failed", KC_E(&err));
    return false;
}

static bool ensure_single(struct kc_producer *p)
{
    struct kc_writer_conf conf = p->conf;
    struct kc_writer *single;
    if (p->single)
        return true;
    conf.is_single = true;
    conf.linger_ms = 0;
    conf.timeout_ms /= 2; /* has_time() saw to it that this is still inside the deadline */
    if (!open_writer(&single, &conf))
        return false;
    replace(p, &p->single, single);
    return true;
}

/* Ends a writer that met a fatal error; what it still held fails, and comes through here too.
 */
static bool ensure_main(struct kc_producer *p)
{
    struct kc_writer *fresh, *old = p->main;
    if (!kc_writer_is_fatal(old))
        return true;
    int64_t pause_until = p->reopened_ms + REOPEN_PAUSE_MS;
    pthread_mutex_lock(&p->lock);
    while (kc_ms_until(pause_until, REOPEN_PAUSE_MS) > 0)
        kc_cond_wait(&p->wake, &p->lock, kc_ms_until(pause_until, REOPEN_PAUSE_MS));
    pthread_mutex_unlock(&p->lock);
    if (!open_writer(&fresh, &p->conf))
        return false;
    p->reopened_ms = kc_now_ms();
    replace(p, &p->main, fresh);
    kc_log(KC_WARN, "producer_reopened", KC_S("reason", "fatal error of the one before"));
    kc_writer_purge(old);
    kc_writer_close(old);
    return true;
}

static void lose_crowd(struct kc_producer *p)
{
    struct kc_writer *old = p->crowd;
    replace(p, &p->crowd, NULL);
    p->reopened_ms = kc_now_ms(); /* what it still held fails, and goes again through main */
    kc_log(KC_WARN, "producer_reopened", KC_S("reason", "fatal error of the crowd's"));
    kc_writer_purge(old);
    kc_writer_close(old);
}

void kc_look_after_crowd(struct kc_producer *p)
{
    struct kc_writer_conf conf = p->conf;
    struct kc_writer *crowd;
    if (p->crowd && kc_writer_is_fatal(p->crowd))
        lose_crowd(p);
    pthread_mutex_lock(&p->lock);
    bool is_wanted = conf.linger_ms == 0 && !p->crowd && p->outstanding >= KC_CROWD_BATCHES &&
                     !p->is_closing && !atomic_load(&p->is_purged);
    pthread_mutex_unlock(&p->lock);
    conf.linger_ms = CROWD_LINGER_MS;
    if (!is_wanted || !open_writer(&crowd, &conf))
        return;
    pthread_mutex_lock(&p->lock);
    p->crowd_from_ms = kc_now_ms() + CROWD_WARM_MS;
    pthread_mutex_unlock(&p->lock);
    replace(p, &p->crowd, crowd);
}

static bool is_a_writer_lost(const struct kc_producer *p)
{
    return kc_writer_is_fatal(p->main) || (p->crowd && kc_writer_is_fatal(p->crowd));
}

static bool has_time(const struct kc_producer *p, const struct kc_batch *b)
{
    return kc_now_ms() - b->started_ms < p->conf.timeout_ms / 2;
}

static void ask_about(struct kc_producer *p, const char *name, int wait_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = wait_ms > 0 ? kc_writer_topic(p->main, name) : NULL;
    if (!topic)
        return;
    if (!rd_kafka_metadata(kc_writer_client(p->main), 0, topic, &metadata, wait_ms))
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
}

/* Asks the brokers about the topics of the chosen records, once for a run of the same topic. */
static void refresh_memory(struct kc_producer *p, struct kc_batch *b)
{
    const char *asked = NULL;
    int64_t until_ms = kc_now_ms() + METADATA_MS; /* for all: other answers wait */
    for (size_t i = 0; i < b->count; i++) {
        struct kc_record *r = &b->records[i];
        if (!r->is_again)
            continue;
        r->was_asked = true;
        if (!asked || strcmp(asked, kc_record_topic(r)) != 0)
            ask_about(p, kc_record_topic(r), kc_ms_until(until_ms, METADATA_MS));
        asked = kc_record_topic(r);
    }
}

bool kc_send_again(struct kc_producer *p, struct kc_batch *b)
{
    if (atomic_load(&p->is_purged) || !has_time(p, b))
        return false;
    struct kc_writer *w = NULL;
    size_t n = choose(b, is_too_large_together);
    if (n > 0) {
        w = ensure_single(p) ? p->single : NULL;
        for (size_t i = 0; i < b->count; i++)
            b->records[i].was_alone |= b->records[i].is_again;
    } else if (is_a_writer_lost(p) || p->reopened_ms > b->started_ms) {
        n = choose(b, is_lost_with_writer);
        w = n > 0 && ensure_main(p) ? p->main : NULL;
    } else if ((n = choose(b, is_refused_by_memory)) > 0) {
        refresh_memory(p, b);
        w = p->main;
    }
    if (n == 0 || !w)
        return false;
    atomic_store(&b->unreported, n + 1);
    kc_put_records(b, w, true);
    return true;
}
