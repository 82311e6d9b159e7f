// SPDX-License-Identifier: Apache-2.0
/* producer.c
 *
 * Threads    callers  kc_producer_send(), any number
 *            reports  one per writer: fills in records; the last of a batch queues it
 *            answers  looks after what failed, reads low watermarks, calls done()
 * Queue      finished  reports -> answers; bounded by what callers may have on the way
 * Writers    main      for all; replaced after a fatal error
 *            single    one record a request, for what the broker found too large together
 *            crowd     lingers a little: for batches that are many at once; who comes alone
 *                      goes through main, which does not
 * Shutdown   close() lets answers finish what is outstanding, joins it, closes the writers */
#include "kafka/producer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/producer_private.h"

#include <stdlib.h>
#include <string.h>

#define FLOOD_LINGER_MS        5
#define CROWD_MS               200 /* a crowd counts as one for so long after it was seen */
#define ANSWERS_IDLE_MS        1000
#define ROUND_BATCHES          256 /* answers need not wait for the rest of a round */
#define LOW_WATERMARK_MS       3000 /* how long an answer may be held up for its logStartOffset */
#define LOW_WATERMARK_PAUSE_MS 100

struct kc_batch *kc_batch_new(size_t count)
{
    struct kc_batch *b = kc_new0(struct kc_batch);
    b->records = kc_new0_array(struct kc_record, count);
    b->count = count;
    for (size_t i = 0; i < count; i++) {
        b->records[i].batch = b;
        b->records[i].partition = KC_ANY_PARTITION;
    }
    return b;
}

void kc_batch_free(struct kc_batch *b)
{
    if (!b)
        return;
    kc_written_deinit(&b->written);
    free(b->records);
    free(b);
}

const char *kc_record_topic(const struct kc_record *r)
{
    return r->topic ? r->topic : r->batch->topic;
}

/* --- sending --- */

static void wake_answers(struct kc_producer *p) /* needs lock */
{
    p->unseen = 0;
    pthread_cond_signal(&p->wake);
}

/* Batches that end together are answered together: a wake-up and a question for low watermarks
 * cost as much as dozens of answers. `more` says that others may end in this very round. */
static void release(struct kc_batch *b, bool more)
{
    struct kc_producer *p = b->producer;
    if (atomic_fetch_sub(&b->unreported, 1) > 1)
        return;
    pthread_mutex_lock(&p->lock);
    b->next = p->finished;
    p->finished = b;
    if (!more || ++p->unseen >= ROUND_BATCHES)
        wake_answers(p);
    pthread_mutex_unlock(&p->lock);
}

static void on_reported(struct kc_record *r)
{
    release(r->batch, true);
}

static void on_rounded(void *arg)
{
    struct kc_producer *p = arg;
    pthread_mutex_lock(&p->lock);
    if (p->unseen > 0)
        wake_answers(p);
    pthread_mutex_unlock(&p->lock);
}

void kc_put_records(struct kc_batch *b, struct kc_writer *w, bool only_again)
{
    const char *name = NULL;
    rd_kafka_topic_t *topic = NULL;
    for (size_t i = 0; i < b->count; i++) {
        struct kc_record *r = &b->records[i];
        if (only_again && !r->is_again)
            continue;
        r->is_again = false;
        const char *wanted = kc_record_topic(r);
        if (!name || (wanted != name && strcmp(wanted, name) != 0)) {
            if (topic)
                rd_kafka_topic_destroy(topic);
            topic = kc_writer_topic(w, wanted);
            name = wanted;
        }
        if (!kc_writer_put(w, topic, r))
            release(b, false);
    }
    if (topic)
        rd_kafka_topic_destroy(topic);
    release(b, false);
}

/* Where nobody lingers, each of many batches is a request of its own until five are on the way,
 * which costs both sides more than the records do. */
static bool is_in_a_crowd(struct kc_producer *p, int64_t now_ms) /* needs lock */
{
    if (p->outstanding >= KC_CROWD_BATCHES)
        p->crowd_until_ms = now_ms + CROWD_MS;
    return now_ms < p->crowd_until_ms && now_ms >= p->crowd_from_ms;
}

void kc_producer_send(struct kc_producer *p, struct kc_batch *b)
{
    b->producer = p;
    b->started_ms = kc_now_ms();
    atomic_store(&b->unreported, b->count + 1);
    pthread_mutex_lock(&p->lock);
    p->outstanding++;
    bool with_crowd = is_in_a_crowd(p, b->started_ms);
    pthread_mutex_unlock(&p->lock);

    pthread_rwlock_rdlock(&p->writers);
    with_crowd = with_crowd && p->crowd && !kc_writer_is_fatal(p->crowd);
    kc_put_records(b, with_crowd ? p->crowd : p->main, false);
    pthread_rwlock_unlock(&p->writers);
}

/* --- answers thread: what the answer says --- */

static void summarize(struct kc_producer *p, struct kc_batch *b)
{
    struct kc_written *row = NULL;
    b->failed = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct kc_record *r = &b->records[i];
        if (r->error) {
            b->failed++;
            continue;
        }
        if (!row || row->partition != r->partition || row->topic != kc_record_topic(r))
            row = kc_written_row(&b->written, kc_record_topic(r), r->partition);
        if (row->base_offset == KC_NO_OFFSET || r->offset < row->base_offset) {
            row->base_offset = r->offset;
            row->append_time = r->timestamp;
        }
    }
    if (b->failed < b->count)
        kc_health_ok(kc_writer_health(p->main));
}

/* One partition without a leader fails the whole call: it is asked again for a while. */
static bool ask_low_watermarks(struct kc_producer *p, rd_kafka_topic_partition_list_t *list)
{
    int64_t deadline = kc_now_ms() + LOW_WATERMARK_MS;
    rd_kafka_resp_err_t code;
    int left;
    while ((left = kc_ms_until(deadline, LOW_WATERMARK_MS)) > 0) {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING; /* -2: in this call a time */
        code = rd_kafka_offsets_for_times(kc_writer_client(p->main), list, left);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        kc_log(KC_DEBUG, "low_watermark_retry", KC_S("reason", rd_kafka_err2str(code)));
        pthread_mutex_lock(&p->lock);
        kc_cond_wait(&p->wake, &p->lock, LOW_WATERMARK_PAUSE_MS);
        pthread_mutex_unlock(&p->lock);
        if (atomic_load(&p->is_purged))
            break;
    }
    return false;
}

/* One call for all partitions of all batches that wait for their answer. */
static void read_low_watermarks(struct kc_producer *p, struct kc_batch *batches)
{
    struct kc_written_table all = { 0 };
    for (struct kc_batch *b = batches; b; b = b->next) {
        for (size_t i = 0; i < b->written.count; i++)
            kc_written_row(&all, b->written.list[i].topic, b->written.list[i].partition);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)all.count);
    for (size_t i = 0; i < all.count; i++)
        rd_kafka_topic_partition_list_add(list, all.list[i].topic, all.list[i].partition);

    if (all.count > 0 && ask_low_watermarks(p, list)) {
        for (int i = 0; i < list->cnt; i++) {
            const rd_kafka_topic_partition_t *e = &list->elems[i];
            kc_written_row(&all, e->topic, e->partition)->log_start =
                e->err || e->offset < 0 ? KC_NO_OFFSET : e->offset;
        }
        for (struct kc_batch *b = batches; b; b = b->next) {
            for (size_t i = 0; i < b->written.count; i++) {
                struct kc_written *row = &b->written.list[i];
                row->log_start = kc_written_row(&all, row->topic, row->partition)->log_start;
            }
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    kc_written_deinit(&all);
}

/* --- answers thread: its loop --- */

/* The finished batches, oldest first; NULL when the time is over or everything is. */
static struct kc_batch *take_finished(struct kc_producer *p, bool *is_over)
{
    pthread_mutex_lock(&p->lock);
    if (!p->finished && !(p->is_closing && p->outstanding == 0))
        kc_cond_wait(&p->wake, &p->lock, ANSWERS_IDLE_MS);
    struct kc_batch *newest = p->finished, *oldest = NULL;
    p->finished = NULL;
    *is_over = p->is_closing && p->outstanding == 0;
    pthread_mutex_unlock(&p->lock);
    while (newest) {
        struct kc_batch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* Takes those out of the list that went on their way once more. */
static struct kc_batch *look_after(struct kc_producer *p, struct kc_batch *batches)
{
    struct kc_batch *kept = NULL, **last = &kept;
    while (batches) {
        struct kc_batch *b = batches;
        batches = b->next;
        if (kc_send_again(p, b))
            continue;
        summarize(p, b);
        b->next = NULL;
        *last = b;
        last = &b->next;
    }
    return kept;
}

static void answer(struct kc_producer *p, struct kc_batch *batches)
{
    while (batches) {
        struct kc_batch *b = batches;
        batches = b->next;
        b->done(b); /* may free it */
        pthread_mutex_lock(&p->lock);
        p->outstanding--;
        pthread_mutex_unlock(&p->lock);
    }
}

static void *run_answers(void *arg)
{
    struct kc_producer *p = arg;
    bool is_over = false;
    while (!is_over) {
        struct kc_batch *batches = look_after(p, take_finished(p, &is_over));
        read_low_watermarks(p, batches);
        kc_look_after_crowd(p);
        answer(p, batches);
    }
    return NULL;
}

/* --- opening and closing --- */

static void init_locks(struct kc_producer *p)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&p->writers, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&p->lock, NULL);
    kc_cond_init(&p->wake);
}

static void free_all(struct kc_producer *p)
{
    kc_writer_close(p->main);
    kc_writer_close(p->single);
    kc_writer_close(p->crowd);
    pthread_rwlock_destroy(&p->writers);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p);
}

bool kc_producer_open(struct kc_producer **out, const struct kc_producer_conf *conf,
                      struct kc_error *err)
{
    struct kc_producer *p = kc_new0(struct kc_producer);
    init_locks(p);
    p->conf = (struct kc_writer_conf){
        .credentials = conf->credentials,
        .compression = conf->compression,
        .timeout_ms = conf->timeout_ms,
        .linger_ms = conf->is_flood ? FLOOD_LINGER_MS : 0,
        .reported = on_reported,
        .rounded = on_rounded,
        .arg = p,
    };
    if (!kc_writer_open(&p->main, &p->conf, err)) {
        free_all(p);
        return false;
    }
    if (conf->topic)
        kc_producer_warm(p, conf->topic);
    kc_thread_start(&p->answers, "kc-answers", run_answers, p);
    *out = p;
    return true;
}

void kc_producer_warm(struct kc_producer *p, const char *topic)
{
    pthread_rwlock_rdlock(&p->writers);
    rd_kafka_topic_t *handle = kc_writer_topic(p->main, topic);
    if (handle)
        rd_kafka_topic_destroy(handle);
    pthread_rwlock_unlock(&p->writers);
}

struct kc_producer_queue kc_producer_queue(struct kc_producer *p)
{
    struct kc_producer_queue q = { 0, 0 };
    pthread_rwlock_rdlock(&p->writers);
    kc_writer_queue(p->main, &q.records, &q.bytes);
    if (p->single)
        kc_writer_queue(p->single, &q.records, &q.bytes);
    if (p->crowd)
        kc_writer_queue(p->crowd, &q.records, &q.bytes);
    pthread_rwlock_unlock(&p->writers);
    return q;
}

void kc_producer_purge(struct kc_producer *p)
{
    atomic_store(&p->is_purged, true);
    pthread_rwlock_rdlock(&p->writers);
    kc_writer_purge(p->main);
    if (p->single)
        kc_writer_purge(p->single);
    if (p->crowd)
        kc_writer_purge(p->crowd);
    pthread_rwlock_unlock(&p->writers);
}

void kc_producer_close(struct kc_producer *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->is_closing = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->answers, NULL);
    free_all(p);
}

/* --- words for failures --- */

static bool has_been_answered(rd_kafka_t *rk)
{
    char *cluster = rd_kafka_clusterid(rk, 0); /* what is known, without asking */
    bool is_known = cluster != NULL;
    if (cluster)
        rd_kafka_mem_free(rk, cluster);
    return is_known;
}

bool kc_producer_trouble(struct kc_producer *p, struct kc_error *err)
{
    pthread_rwlock_rdlock(&p->writers);
    struct kc_health *health = kc_writer_health(p->main);
    bool is_trouble = kc_health_trouble(health, err);
    pthread_rwlock_unlock(&p->writers);
    return is_trouble;
}

void kc_producer_explain(struct kc_producer *p, const struct kc_record *r, struct kc_error *err)
{
    pthread_rwlock_rdlock(&p->writers);
    struct kc_health *health = kc_writer_health(p->main);
    enum kc_code code = kc_kafka_code(r->error);
    kc_error_clear(err);
    if (code == KC_AUTH && atomic_load(&health->is_refused)) {
        kc_health_refused(health, err);
    } else if (code == KC_TIMEOUT || code == KC_UNAVAILABLE) {
        kc_error_set(err, code, r->error, "%s", rd_kafka_err2str(r->error));
        /* it is known why nobody answered, or nobody ever has */
        if (kc_health_explain(health, err) || !has_been_answered(kc_writer_client(p->main)))
            err->code = KC_UNAVAILABLE;
        kc_error_wrap(err, "%s", kc_code_sentence(err->code));
    } else {
        kc_kafka_error(err, r->error, "%s", kc_code_sentence(code));
    }
    pthread_rwlock_unlock(&p->writers);
}

int kc_record_code(const struct kc_record *r)
{
    return kc_kafka_protocol_code(r->error);
}

const char *kc_record_code_name(const struct kc_record *r)
{
    return rd_kafka_err2name(r->error);
}

const char *kc_record_code_text(const struct kc_record *r)
{
    return rd_kafka_err2str(r->error);
}
