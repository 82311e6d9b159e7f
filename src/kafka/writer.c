// SPDX-License-Identifier: Apache-2.0
/* writer.c
 *
 * Threads    reports  polls librdkafka: delivery reports and errors
 *            callers  kc_writer_put(), any number
 * Queue      librdkafka's own, QUEUE_RECORDS or QUEUE_KBYTES; full: the caller waits on `room`
 * Shutdown   close() lets the reports thread finish what is outstanding, joins it, destroys */
#include "kafka/writer.h"

#include "base/alloc.h"
#include "base/sync.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A queue that stays in the cache is faster than a long one, and bounds what is in flight. */
#define QUEUE_RECORDS     20000
#define QUEUE_KBYTES      65536
#define MESSAGE_MAX_BYTES 67108864 /* the broker is the judge of what is too large */
#define POLL_MS           100
#define FULL_WAIT_MS      50   /* looked at again even if nobody said that there is room */
#define MISSING_TOPIC_MS  3000 /* how long a topic that nobody knows may still turn up */

struct kc_writer {
    rd_kafka_t *rk;
    struct kc_health health; /* librdkafka's opaque, from which callbacks find the writer */
    kc_writer_reported *reported;
    kc_writer_rounded *rounded;
    void *arg;
    pthread_t thread;
    atomic_bool is_closing;
    atomic_int waiting;  /* callers in wait_for_room() */
    atomic_size_t bytes; /* of keys and values that are not reported yet */
    pthread_mutex_t lock;
    pthread_cond_t room;
};

static struct kc_writer *writer_of(void *opaque)
{
    return (struct kc_writer *)(void *)((char *)opaque - offsetof(struct kc_writer, health));
}

static void note_failure(struct kc_writer *w, struct kc_record *r, rd_kafka_resp_err_t code,
                         uint8_t stored)
{
    r->error = (int16_t)(atomic_load(&w->health.is_refused) ? RD_KAFKA_RESP_ERR__AUTHENTICATION
                                                            : code);
    r->stored = stored;
    r->offset = KC_NO_OFFSET;
    r->timestamp = KC_NO_TIME;
}

/* --- reports thread --- */

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    static const uint8_t stored[] = {
        [RD_KAFKA_MSG_STATUS_NOT_PERSISTED] = KC_NOT_STORED,
        [RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED] = KC_MAYBE_STORED,
        [RD_KAFKA_MSG_STATUS_PERSISTED] = KC_STORED,
    };
    struct kc_record *r = m->_private;
    struct kc_writer *w = writer_of(opaque);
    atomic_fetch_sub_explicit(&w->bytes, (size_t)r->key_len + r->value_len,
                              memory_order_relaxed);
    r->partition = m->partition;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_timestamp_type_t type;
        int64_t timestamp = rd_kafka_message_timestamp(m, &type);
        r->timestamp = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? timestamp : KC_NO_TIME;
        r->offset = m->offset >= 0 ? m->offset : KC_NO_OFFSET;
        r->error = 0;
        r->stored = KC_STORED;
    } else {
        /* a failed report's offset is made up: it is not taken over */
        note_failure(w, r, m->err, stored[rd_kafka_message_status(m)]);
    }
    w->reported(r);
}

/* Nothing that waits will ever be sent: a refused sign-in is told at once, not at the time-out.
 */
static void fail_if_refused(struct kc_writer *w)
{
    if (atomic_load(&w->health.is_refused) && rd_kafka_outq_len(w->rk) > 0)
        kc_writer_purge(w);
}

static void *run_reports(void *arg)
{
    struct kc_writer *w = arg;
    while (!atomic_load(&w->is_closing) || rd_kafka_outq_len(w->rk) > 0) {
        rd_kafka_poll(w->rk, POLL_MS);
        w->rounded(w->arg);
        fail_if_refused(w);
        if (atomic_load(&w->waiting) > 0) {
            pthread_mutex_lock(&w->lock);
            pthread_cond_broadcast(&w->room);
            pthread_mutex_unlock(&w->lock);
        }
    }
    return NULL;
}

/* --- opening --- */

static rd_kafka_conf_t *build_conf(const struct kc_writer_conf *conf, struct kc_health *health,
                                   struct kc_error *err)
{
    char timeout[16], linger[16], records[16], kbytes[16], bytes[16], missing[16];
    snprintf(timeout, sizeof(timeout), "%d", conf->timeout_ms);
    snprintf(linger, sizeof(linger), "%d", conf->linger_ms);
    snprintf(records, sizeof(records), "%d", QUEUE_RECORDS);
    snprintf(kbytes, sizeof(kbytes), "%d", QUEUE_KBYTES);
    snprintf(bytes, sizeof(bytes), "%d", MESSAGE_MAX_BYTES);
    snprintf(missing, sizeof(missing), "%d",
             conf->timeout_ms < MISSING_TOPIC_MS ? conf->timeout_ms : MISSING_TOPIC_MS);
    const struct kc_property own[] = {
        { "enable.idempotence", "true" },
        { "acks", "all" },
        { "partitioner", "murmur2_random" },
        { "message.timeout.ms", timeout },
        { "linger.ms", linger },
        { "queue.buffering.max.messages", records },
        { "queue.buffering.max.kbytes", kbytes },
        { "message.max.bytes", bytes },
        { "topic.metadata.propagation.max.ms", missing },
        { "compression.type", conf->compression ? conf->compression : "none" },
        { "batch.num.messages", conf->is_single ? "1" : "10000" },
        { NULL, NULL },
    };
    rd_kafka_conf_t *rk_conf =
        kc_client_conf(RD_KAFKA_PRODUCER, conf->credentials, own, health, err);
    if (rk_conf)
        rd_kafka_conf_set_dr_msg_cb(rk_conf, on_report);
    return rk_conf;
}

bool kc_writer_open(struct kc_writer **out, const struct kc_writer_conf *conf,
                    struct kc_error *err)
{
    struct kc_writer *w = kc_new0(struct kc_writer);
    w->reported = conf->reported;
    w->rounded = conf->rounded;
    w->arg = conf->arg;
    kc_health_init(&w->health);
    pthread_mutex_init(&w->lock, NULL);
    kc_cond_init(&w->room);

    rd_kafka_conf_t *rk_conf = build_conf(conf, &w->health, err);
    if (!rk_conf)
        goto fail; /* err already names the property */
    w->rk = kc_client_new(RD_KAFKA_PRODUCER, rk_conf, conf->credentials, &w->health, err);
    if (!w->rk)
        goto fail;
    kc_thread_start(&w->thread, "kc-reports", run_reports, w);
    *out = w;
    return true;
fail:
    kc_health_deinit(&w->health);
    pthread_cond_destroy(&w->room);
    pthread_mutex_destroy(&w->lock);
    free(w);
    kc_error_wrap(err, "open a producer");
    return false;
}

/* --- putting --- */

rd_kafka_topic_t *kc_writer_topic(struct kc_writer *w, const char *name)
{
    return rd_kafka_topic_new(w->rk, name, NULL); /* the same object again where it is known */
}

static rd_kafka_headers_t *native_headers(const struct kc_headers *headers)
{
    rd_kafka_headers_t *native = rd_kafka_headers_new(headers->count);
    for (size_t i = 0; i < headers->count; i++) {
        const struct kc_header *h = &headers->list[i];
        rd_kafka_header_add(native, h->name.p, (ssize_t)h->name.len, h->value.p,
                            (ssize_t)h->value.len);
    }
    return native;
}

/* librdkafka's type for a value is not const, though without F_FREE it only reads it. */
static void *unconst(const char *p)
{
    union {
        const char *in;
        void *out;
    } u = { .in = p };
    return u.out;
}

static rd_kafka_resp_err_t produce_with_all(struct kc_writer *w, rd_kafka_topic_t *topic,
                                            struct kc_record *r)
{
    rd_kafka_headers_t *headers = r->headers ? native_headers(r->headers) : NULL;
    rd_kafka_vu_t vus[7] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { unconst(r->value), r->value_len } },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { unconst(r->key), r->key_len } },
        { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->timestamp },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = r },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };
    rd_kafka_error_t *failed = rd_kafka_produceva(w->rk, vus, headers ? 7 : 6);
    if (!failed)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    rd_kafka_error_destroy(failed);
    if (headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

static rd_kafka_resp_err_t produce(struct kc_writer *w, rd_kafka_topic_t *topic,
                                   struct kc_record *r)
{
    if (r->headers || r->timestamp)
        return produce_with_all(w, topic, r);
    if (rd_kafka_produce(topic, r->partition, 0, unconst(r->value), r->value_len, r->key,
                         r->key_len, r) == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    return rd_kafka_last_error();
}

static void wait_for_room(struct kc_writer *w)
{
    atomic_fetch_add(&w->waiting, 1);
    pthread_mutex_lock(&w->lock);
    kc_cond_wait(&w->room, &w->lock, FULL_WAIT_MS);
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&w->waiting, 1);
}

bool kc_writer_put(struct kc_writer *w, rd_kafka_topic_t *topic, struct kc_record *r)
{
    rd_kafka_resp_err_t code = rd_kafka_last_error();
    if (atomic_load(&w->health.is_refused))
        code = RD_KAFKA_RESP_ERR__AUTHENTICATION;
    else if (topic) {
        size_t bytes = (size_t)r->key_len + r->value_len; /* r may be gone after produce() */
        atomic_fetch_add_explicit(&w->bytes, bytes, memory_order_relaxed);
        while ((code = produce(w, topic, r)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            wait_for_room(w);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        atomic_fetch_sub_explicit(&w->bytes, bytes, memory_order_relaxed);
    }
    note_failure(w, r, code, KC_NOT_STORED);
    return false;
}

/* --- the rest --- */

bool kc_writer_is_fatal(struct kc_writer *w)
{
    return rd_kafka_fatal_error(w->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct kc_health *kc_writer_health(struct kc_writer *w)
{
    return &w->health;
}

rd_kafka_t *kc_writer_client(struct kc_writer *w)
{
    return w->rk;
}

void kc_writer_queue(struct kc_writer *w, size_t *records, size_t *bytes)
{
    int waiting = rd_kafka_outq_len(w->rk);
    *records += waiting > 0 ? (size_t)waiting : 0;
    *bytes += atomic_load_explicit(&w->bytes, memory_order_relaxed);
}

void kc_writer_purge(struct kc_writer *w)
{
    rd_kafka_purge(w->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void kc_writer_close(struct kc_writer *w)
{
    if (!w)
        return;
    atomic_store(&w->is_closing, true);
    pthread_join(w->thread, NULL);
    kc_client_free(w->rk, 0);
    kc_health_deinit(&w->health);
    pthread_cond_destroy(&w->room);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
