// SPDX-License-Identifier: Apache-2.0
/* consume.c - the trigger: starts flows from a topic's records.
 *
 * Threads    owner   process(): takes records, hands them out, waits for answers
 *            others  the transport's, answering: they settle and wake the owner
 * Queue      unanswered messages, maxInFlight; full: nothing is taken, the group is kept
 * Samples    a step that is one reads another way altogether: sample.c
 * Batches    with batchSize > 1, or where the step wants it, a message collects records of one
 * partition, until it is full, old (batchTimeoutMs), or large */
#include "component/entries.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/choices.h"
#include "component/consume_body.h"
#include "component/consume_conf.h"
#include "component/sample.h"
#include "kafka/consumer.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TAKE_MAX 1000
#define WAIT_MS  100 /* how long a stop or a full window may stay unseen */
#define LAG_MS   500 /* between two looks at the lag */

/* Records of one partition on their way to be one message. */
struct batch {
    struct kc_buf body;      /* {"messages":[…  */
    struct kc_fetched first; /* only its plain numbers are good after the next take */
    int64_t last;            /* offset */
    uint32_t records;        /* 0: empty */
    int64_t due_ms;
};

struct consume {
    struct kc_consume_conf conf;
    struct kc_credentials credentials;
    struct kc_consumer_listener listener;
    struct kc_consumer *consumer;
    struct kc_sample *sample; /* in place of the consumer; NULL: none */
    struct kc_outlet *outlet;
    struct kc_ack ack;
    struct kc_positions positions; /* kc_data.positions */
    struct kc_tally *tally;
    struct kc_lags *lags;
    struct kc_body_writer *writer;
    enum kc_body_style style;
    struct kc_buf body;
    struct kc_fetched fetched[TAKE_MAX];
    struct batch *batches; /* by slot */
    size_t batch_count;
    size_t filling; /* batches that are not empty */
    size_t batch_max_bytes, take_max;
    int64_t lag_due_ms;
    uint64_t count_max;
    bool until_end;
    bool is_over;   /* the consumer will not get any further */
    bool is_closed; /* an answer that comes now is too late; needs lock */

    atomic_bool is_stopping;
    _Atomic int64_t stop_by_ms;
    pthread_mutex_t lock;
    pthread_cond_t answered;
};

/* --- handing out --- */

static void hand_out(struct consume *self, const struct kc_fetched *first, int64_t last,
                     uint32_t records, struct kc_text body)
{
    uint64_t tag = kc_consumer_hand_out(self->consumer, first, last, records);
    const struct kc_origin origin = { self->conf.topic, first->partition, first->offset, last,
                                      records };
    kc_positions_put(&self->positions, first->partition, last + 1);
    kc_outlet_data(self->outlet, &(struct kc_data){ .body = body,
                                                    .origin = &origin,
                                                    .ack = &self->ack,
                                                    .tag = tag,
                                                    .positions = &self->positions });
}

static void flush(struct consume *self, struct batch *b)
{
    kc_buf_puts(&b->body, kc_body_behind(self->style));
    hand_out(self, &b->first, b->last, b->records, kc_buf_peek(&b->body));
    kc_buf_clear(&b->body);
    b->records = 0;
    self->filling--;
}

static struct batch *batch_at(struct consume *self, uint32_t slot)
{
    if (slot >= self->batch_count) {
        self->batches = kc_realloc(self->batches, slot + 1, sizeof(*self->batches));
        for (; self->batch_count <= slot; self->batch_count++) {
            self->batches[self->batch_count] = (struct batch){ .records = 0 };
            kc_buf_init(&self->batches[self->batch_count].body, KC_BUF_UNBOUNDED);
        }
    }
    return &self->batches[slot];
}

/* A message that was refused is put together again from the same records. */
static void collect(struct consume *self, const struct kc_fetched *r)
{
    struct batch *b = batch_at(self, r->slot);
    if (b->records > 0 && b->first.again_tag != r->again_tag)
        flush(self, b);
    if (b->records == 0) {
        b->first = *r;
        b->due_ms = kc_now_ms() + self->conf.batch_timeout_ms;
        self->filling++;
    }
    size_t before = b->body.len;
    kc_buf_puts(&b->body, kc_body_before(self->style, b->records == 0));
    kc_body_write_as(self->writer, self->style, r, &b->body);
    if (b->records > 0 && !r->again_tag && b->body.len > self->batch_max_bytes) {
        b->body.len = before; /* it begins the next one */
        flush(self, b);
        collect(self, r);
        return;
    }
    b->last = r->offset;
    b->records++;
    bool is_complete = r->again_tag ? r->offset >= r->again_last
                                    : b->records >= (uint32_t)self->conf.batch_size ||
                                          b->body.len >= self->batch_max_bytes;
    if (is_complete)
        flush(self, b);
}

/* Of a refused message nothing is left out, neither for its time nor for the count: the answer
 * settles all of it. At the real end, what is missing does not exist any more. */
static void flush_due(struct consume *self, bool is_counted, bool is_at_end)
{
    int64_t now = self->filling > 0 ? kc_now_ms() : 0;
    for (size_t i = 0; i < self->batch_count && self->filling > 0; i++) {
        struct batch *b = &self->batches[i];
        bool is_due =
            b->first.again_tag ? is_at_end : is_at_end || is_counted || b->due_ms <= now;
        if (b->records > 0 && is_due)
            flush(self, b);
    }
}

static void take_in(struct consume *self, const struct kc_fetched *r)
{
    if (self->conf.batch_size > 1 || self->style != KC_BODY_BARE) {
        collect(self, r);
        return;
    }
    kc_buf_clear(&self->body);
    kc_body_write(self->writer, r, &self->body);
    hand_out(self, r, r->offset, 1, kc_buf_peek(&self->body));
}

/* --- what the consumer and the transport tell us --- */

static void on_trouble(void *arg, const struct kc_error *err, bool is_final)
{
    struct consume *self = arg;
    self->is_over |= is_final;
    atomic_store(&self->tally->reach, kc_consumer_reach(self->consumer));
    if (is_final)
        kc_tally_fail(self->tally, err->code);
    kc_outlet_error(self->outlet, err, KC_NO_TEXT);
}

static void on_forget(void *arg, uint32_t slot)
{
    struct consume *self = arg;
    if (slot >= self->batch_count || self->batches[slot].records == 0)
        return;
    kc_buf_clear(&self->batches[slot].body);
    self->batches[slot].records = 0;
    self->filling--;
}

/* Whoever goes on after a message got all that came before it. So of a partition that went only
 * the group's offset counts, and others may have moved that on. */
static void on_position(void *arg, int32_t partition, int64_t offset)
{
    struct consume *self = arg;
    if (offset >= 0)
        kc_positions_put(&self->positions, partition, offset);
    else
        kc_positions_remove(&self->positions, partition);
}

static bool wait_until_answered(struct consume *self, int wait_ms)
{
    int64_t by_ms = kc_now_ms() + wait_ms;
    size_t open;
    int left_ms;
    do {
        (void)kc_outlet_has_room(self->outlet, 0); /* sends off what it was handed */
        pthread_mutex_lock(&self->lock);
        left_ms = kc_ms_until(atomic_load(&self->stop_by_ms), WAIT_MS);
        left_ms = kc_ms_until(by_ms, left_ms);
        if (kc_consumer_counts(self->consumer).unanswered > 0 && left_ms > 0)
            kc_cond_wait(&self->answered, &self->lock, left_ms);
        open = kc_consumer_counts(self->consumer).unanswered;
        pthread_mutex_unlock(&self->lock);
    } while (open > 0 && left_ms > 0);
    return open == 0;
}

static void on_drain(void *arg, int wait_ms)
{
    struct consume *self = arg;
    if (!wait_until_answered(self, wait_ms))
        kc_log(KC_WARN, "handed_over_unanswered", KC_S("topic", self->conf.topic));
}

static void on_settled(void *arg, const uint64_t *tags, size_t count, bool is_accepted)
{
    struct consume *self = arg;
    pthread_mutex_lock(&self->lock);
    if (!self->is_closed)
        kc_consumer_settle(self->consumer, tags, count, is_accepted);
    pthread_cond_signal(&self->answered);
    pthread_mutex_unlock(&self->lock);
}

static void on_take_back(void *arg, const uint64_t *tags, size_t count)
{
    struct consume *self = arg;
    kc_consumer_take_back(self->consumer, tags, count);
}

static bool on_commit(void *arg, struct kc_positions *positions, struct kc_error *err)
{
    struct consume *self = arg;
    return kc_consumer_commit(self->consumer, positions, err);
}

static bool is_awaited(void *arg, uint64_t tag)
{
    struct consume *self = arg;
    pthread_mutex_lock(&self->lock);
    bool is_awaited = !self->is_closed && kc_consumer_is_awaited(self->consumer, tag);
    pthread_mutex_unlock(&self->lock);
    return is_awaited;
}

/* --- the loop --- */

/* Records in the batches, or in those of refused messages alone. */
static uint64_t collected(const struct consume *self, bool is_again)
{
    uint64_t records = 0;
    for (size_t i = 0; i < self->batch_count && self->filling > 0; i++)
        if (!is_again || self->batches[i].first.again_tag)
            records += self->batches[i].records;
    return records;
}

/* How many records are to be taken still. */
static uint64_t left(const struct consume *self, const struct kc_consumer_counts *counts)
{
    if (self->count_max == 0)
        return UINT64_MAX;
    uint64_t taken = counts->records_open + counts->records_accepted + collected(self, false);
    return taken < self->count_max ? self->count_max - taken : 0;
}

/* How many records may be taken now. */
static size_t room(struct consume *self)
{
    struct kc_consumer_counts counts = kc_consumer_counts(self->consumer);
    size_t max = (size_t)self->conf.max_in_flight, used = counts.unanswered + self->filling;
    size_t n = used < max ? max - used : 0;
    uint64_t wanted = left(self, &counts);
    n = wanted < n ? (size_t)wanted : n;
    if (n == 0) /* where all waits for the rest of a refused message, it comes one by one */
        return counts.unanswered == 0 && collected(self, true) > 0;
    return n < self->take_max ? n : self->take_max;
}

static bool is_finished(struct consume *self)
{
    if (self->is_over || atomic_load(&self->is_stopping))
        return true;
    struct kc_consumer_counts counts = kc_consumer_counts(self->consumer);
    if (counts.unanswered > 0)
        return false;
    if (self->count_max > 0 && counts.records_accepted >= self->count_max)
        return true;
    return self->until_end && self->filling == 0 && kc_consumer_is_at_end(self->consumer);
}

static void look_at_lag(struct consume *self)
{
    if (kc_now_ms() < self->lag_due_ms)
        return;
    self->lag_due_ms = kc_now_ms() + LAG_MS;
    atomic_store(&self->tally->lag, kc_consumer_lag(self->consumer));
    if (!self->lags)
        return;
    struct kc_lag *list;
    size_t n = kc_consumer_lags(self->consumer, &list);
    kc_lags_put(self->lags, self, self->conf.group_id, self->conf.topic, list, n);
    free(list);
}

/* What comes again was counted before. */
static void count(struct consume *self, size_t n)
{
    uint64_t records = 0, bytes = 0;
    for (const struct kc_fetched *r = self->fetched; r < self->fetched + n; r++) {
        records += !r->again_tag;
        bytes += r->again_tag ? 0 : r->key.len + r->value.len;
    }
    if (records > 0)
        kc_tally_add(self->tally, records, bytes);
}

/* One round; waits a little where there is nothing to do. */
static void turn(struct consume *self)
{
    size_t max = kc_outlet_has_room(self->outlet, 0) ? room(self) : 0;
    size_t n = kc_consumer_take(self->consumer, WAIT_MS, self->fetched, max);
    size_t taken = 0; /* a record may wait for long; those behind it come again after a stop */
    while (taken < n && !atomic_load(&self->is_stopping))
        take_in(self, &self->fetched[taken++]);
    count(self, taken);
    atomic_store(&self->tally->reach, kc_consumer_reach(self->consumer));
    const struct kc_consumer_counts counts = kc_consumer_counts(self->consumer);
    flush_due(self, left(self, &counts) == 0,
              self->until_end && kc_consumer_is_at_end(self->consumer));
    look_at_lag(self);
    if (max > 0 || self->is_over)
        return;
    if (!kc_outlet_has_room(self->outlet, WAIT_MS))
        return;
    pthread_mutex_lock(&self->lock);
    if (room(self) == 0 && !is_finished(self))
        kc_cond_wait(&self->answered, &self->lock, WAIT_MS);
    pthread_mutex_unlock(&self->lock);
}

static void say_what_is_left(struct consume *self)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_STOPPED, 0,
                 "%zu messages of '%s' were handed out and not answered; they come again",
                 kc_consumer_counts(self->consumer).unanswered, self->conf.topic);
    kc_tally_fail(self->tally, KC_STOPPED);
    kc_outlet_error(self->outlet, &err, KC_NO_TEXT);
}

static void consume(struct consume *self)
{
    while (!is_finished(self))
        turn(self);
    int left_ms = kc_ms_until(atomic_load(&self->stop_by_ms), INT32_MAX);
    if (!wait_until_answered(self, left_ms))
        say_what_is_left(self);
    atomic_store(&self->tally->lag, kc_consumer_lag(self->consumer));
    pthread_mutex_lock(&self->lock);
    self->is_closed = true;
    pthread_mutex_unlock(&self->lock);
    kc_lags_put(self->lags, self, self->conf.group_id, self->conf.topic, NULL, 0);
    kc_consumer_close(self->consumer); /* here, since it belongs to this thread and commits */
    self->consumer = NULL;
}

static void process(void *arg, struct kc_message *message, struct kc_outlet *outlet)
{
    (void)message;
    struct consume *self = arg;
    self->outlet = outlet;
    if (self->sample)
        kc_sample_run(self->sample, outlet);
    else
        consume(self);
    kc_outlet_end(outlet);
}

/* --- life --- */

static void close_(void *arg)
{
    struct consume *self = arg;
    if (!self)
        return;
    kc_consumer_close(self->consumer);
    kc_sample_close(self->sample);
    kc_body_writer_free(self->writer);
    kc_buf_deinit(&self->body);
    for (size_t i = 0; i < self->batch_count; i++)
        kc_buf_deinit(&self->batches[i].body);
    free(self->batches);
    kc_positions_free(&self->positions);
    kc_credentials_free(&self->credentials);
    kc_fields_free(kc_consume_fields, &self->conf);
    pthread_cond_destroy(&self->answered);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static bool open_consumer(struct consume *self, const struct kc_step *step,
                          const struct kc_start *start, struct kc_error *err)
{
    const struct kc_consumer_conf conf = {
        .credentials = &self->credentials,
        .topic = self->conf.topic,
        .group_id = self->conf.group_id,
        .group_instance_id = self->conf.group_instance_id,
        .start = step->from_start ? (struct kc_start){ KC_START_EARLIEST, 0 } : *start,
        .from = step->from,
        .isolation = kc_isolations[self->conf.isolation].name,
        .session_timeout_ms = self->conf.session_timeout_ms,
        .commit_ms = step->commit_ms,
        .until_end = step->until_end,
        .is_one_of_many = step->is_one_of_many,
        .tells_outage = step->tells_outage,
        .listener = &self->listener,
    };
    return kc_consumer_open(&self->consumer, &conf, err);
}

static bool open_sample(struct consume *self, const struct kc_step *step,
                        const struct kc_start *start, struct kc_error *err)
{
    const struct kc_sample_conf conf = {
        .credentials = &self->credentials,
        .topic = self->conf.topic,
        .start = *start,
        .isolation = kc_isolations[self->conf.isolation].name,
        .writer = self->writer,
        .style = self->style,
        .batch_size = self->conf.batch_size,
        .count_max = step->count_max,
        .wait_ms = step->sample_ms,
        .tally = self->tally,
    };
    return kc_sample_open(&self->sample, &conf, err);
}

static bool open_(void **out, const struct kc_step *step, struct kc_error *err)
{
    struct consume *self = kc_new0(struct consume);
    struct kc_start start = { KC_START_LATEST, 0 };
    pthread_mutex_init(&self->lock, NULL);
    kc_cond_init(&self->answered);
    kc_buf_init(&self->body, KC_BUF_UNBOUNDED);
    self->tally = step->tally;
    self->lags = step->lags;
    self->count_max = (uint64_t)step->count_max;
    self->until_end = step->until_end;
    self->style = step->body_style;
    self->take_max = step->take_max && step->take_max < TAKE_MAX ? step->take_max : TAKE_MAX;
    self->batch_max_bytes = KC_BODY_BATCH_MAX_BYTES;
    if (step->batch_max_bytes && step->batch_max_bytes < self->batch_max_bytes)
        self->batch_max_bytes = step->batch_max_bytes;
    self->ack = (struct kc_ack){ on_settled, self, is_awaited, on_commit, on_take_back };
    self->listener = (struct kc_consumer_listener){ on_trouble,  on_forget,   on_drain,
                                                    on_position, on_position, self };
    for (size_t i = 0; step->from && i < step->from->count; i++)
        kc_positions_put(&self->positions, step->from->list[i].partition,
                         step->from->list[i].offset);
    atomic_store(&self->stop_by_ms, INT64_MAX);
    if (!kc_consume_open_conf(&self->conf, &self->credentials, step, &start, err))
        goto fail;
    self->writer = kc_body_writer_new((enum kc_encoding)self->conf.key_encoding,
                                      (enum kc_encoding)self->conf.value_encoding);
    if (!(step->is_sample ? open_sample : open_consumer)(self, step, &start, err))
        goto fail;
    *out = self;
    return true;
fail:
    close_(self);
    return false;
}

static void stop(void *arg, int drain_ms)
{
    struct consume *self = arg;
    int64_t by_ms = kc_now_ms() + drain_ms;
    if (by_ms < atomic_load(&self->stop_by_ms))
        atomic_store(&self->stop_by_ms, by_ms);
    atomic_store(&self->is_stopping, true);
    pthread_mutex_lock(&self->lock);
    pthread_cond_signal(&self->answered);
    pthread_mutex_unlock(&self->lock);
    if (self->sample)
        kc_sample_stop(self->sample, drain_ms);
}

const struct kc_entry kc_consume = {
    .name = "consume",
    .kind = KC_TRIGGER,
    .title = "Consume (Real-time flows only)",
    .help = "Start a flow from a topic's records",
    .fields = kc_consume_fields,
    .out = kc_consume_out,
    .open = open_,
    .process = process,
    .stop = stop,
    .close = close_,
};
