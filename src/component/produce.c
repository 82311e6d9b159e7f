// SPDX-License-Identifier: Apache-2.0
/* produce.c - the action: writes a message's records, answers with what Kafka says of them.
 *
 * Threads    callers  process(): read the body, send the batch
 *            answers  the producer's: turn reports into results, say end
 * Queue      on the way, IN_FLIGHT_MESSAGES or IN_FLIGHT_BYTES; full: process() waits */
#include "component/entries.h"

#include "base/alloc.h"
#include "base/sync.h"
#include "component/produce_answer.h"
#include "component/produce_input.h"
#include "component/topic.h"
#include "kafka/producers.h"

#include <stdio.h>
#include <stdlib.h>

#define IN_FLIGHT_MESSAGES 1000
#define IN_FLIGHT_BYTES    ((size_t)16 * 1024 * 1024)
#define WAIT_MS            1000 /* looked at again even if nobody said anything */

static const struct kc_choice emit_behaviors[] = {
    { "individual", "Emit individually", "emitIndividually" },
    { "batch", "Emit batch", "emitBatch|emitAll|fetchAll|emitPage|fetchPage" },
    { 0 },
};

static const struct kc_choice compressions[] = {
    { "none", "None", "no_compression" }, { "gzip", "gzip", NULL },
    { "snappy", "Snappy", NULL },         { "lz4", "LZ4", NULL },
    { "zstd", "Zstandard", NULL },        { 0 },
};

struct produce_conf {
    char *topic;
    bool topic_from_message;
    int emit_behavior;
    int timeout_ms;
    int compression;
    bool enable_rebound;
};

static const struct kc_field fields[] = {
    { .name = "topic",
      .type = KC_TEXT,
      KC_AT(produce_conf, topic),
      .label = "Topic",
      .help = "Topic to write to; required unless topicFromMessage is set." },
    { .name = "topicFromMessage",
      .type = KC_BOOL,
      KC_AT(produce_conf, topic_from_message),
      .fallback = "false",
      .label = "Topic from message",
      .help =
          "A record's own `topic` counts; elsewhere one that is not the step's is an error." },
    { .name = "emitBehavior",
      .type = KC_CHOICE,
      KC_AT(produce_conf, emit_behavior),
      .choices = emit_behaviors,
      .fallback = "individual",
      .label = "Emit behavior",
      .help = "One message per partition written, or one with all results." },
    { .name = "timeoutMs",
      .type = KC_INT,
      KC_AT(produce_conf, timeout_ms),
      .kafka = "message.timeout.ms",
      .min = 1000,
      .max = 600000,
      .fallback = "30000",
      .label = "Delivery timeout (ms)",
      .help = "A record that is not stored by then has failed." },
    { .name = "compression",
      .type = KC_CHOICE,
      KC_AT(produce_conf, compression),
      .choices = compressions,
      .kafka = "compression.type",
      .fallback = "none",
      .label = "Compression",
      .help = "Of whole batches; costs time here and saves it on the network and on disk." },
    { .name = "enableRebound",
      .type = KC_BOOL,
      KC_AT(produce_conf, enable_rebound),
      .fallback = "false",
      .label = "Enable rebound",
      .help = "On elastic.io: a message none of whose records is stored, and that may succeed "
              "later, is tried again by the platform later." },
    { 0 },
};

struct produce {
    struct produce_conf conf;
    struct kc_credentials credentials;
    struct kc_producer *producer;
    struct kc_producers *producers; /* whose the producer is; NULL: ours */
    struct kc_json_writer *writer;  /* answers only */
    struct kc_tally *tally;

    pthread_mutex_t lock;
    pthread_cond_t less; /* something was answered */
    size_t in_flight;    /* messages; needs lock */
    size_t in_flight_bytes;
    bool is_stopping;
};

/* A message on its way. */
struct request {
    struct produce *self;
    struct kc_outlet *outlet;
    struct kc_batch *batch;
    struct kc_arena arena;
    char *text; /* the message's; records point into it */
    size_t bytes;
};

static void request_free(struct request *q)
{
    kc_batch_free(q->batch);
    kc_arena_deinit(&q->arena);
    free(q->text);
    free(q);
}

/* --- answers --- */

static void count(struct produce *self, const struct kc_batch *b)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (!b->records[i].error)
            bytes += b->records[i].key_len + b->records[i].value_len;
    }
    kc_tally_add(self->tally, b->count - b->failed, bytes);
}

static bool can_rebound(const struct produce *self, const struct kc_outlet *outlet)
{
    return self->conf.enable_rebound && outlet->ops->rebound;
}

static void on_done(struct kc_batch *b)
{
    struct request *q = b->arg;
    struct produce *self = q->self;
    struct kc_error err = { 0 };
    count(self, b);
    if (can_rebound(self, q->outlet) && kc_produce_may_come_again(b, &err))
        q->outlet->ops->rebound(q->outlet, &err);
    else
        kc_produce_answer(b, self->conf.emit_behavior == 1, self->writer, q->outlet);
    kc_outlet_end(q->outlet);
    size_t bytes = q->bytes;
    request_free(q);

    pthread_mutex_lock(&self->lock);
    self->in_flight--;
    self->in_flight_bytes -= bytes;
    pthread_cond_broadcast(&self->less);
    pthread_mutex_unlock(&self->lock);
}

/* --- questions --- */

/* Waits for room, and takes it. False once we are stopping. */
static bool take_room(struct produce *self, size_t bytes)
{
    pthread_mutex_lock(&self->lock);
    while (!self->is_stopping && self->in_flight > 0 &&
           (self->in_flight >= IN_FLIGHT_MESSAGES ||
            self->in_flight_bytes + bytes > IN_FLIGHT_BYTES))
        kc_cond_wait(&self->less, &self->lock, WAIT_MS);
    bool has_room = !self->is_stopping;
    if (has_room) {
        self->in_flight++;
        self->in_flight_bytes += bytes;
    }
    pthread_mutex_unlock(&self->lock);
    return has_room;
}

static void refuse_faults(struct kc_outlet *outlet, const struct kc_faults *faults)
{
    struct kc_error err = { 0 };
    struct kc_buf details;
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    if (!kc_faults_none(faults, KC_INPUT, &err))
        kc_faults_print(faults, &details);
    kc_outlet_error(outlet, &err, kc_buf_peek(&details));
    kc_outlet_end(outlet);
    kc_buf_deinit(&details);
}

/* Too late: we are stopping. */
static void turn_away(struct produce *self, struct kc_outlet *outlet)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_STOPPED, 0, "stopping; nothing of this message was written");
    if (can_rebound(self, outlet))
        outlet->ops->rebound(outlet, &err);
    else
        kc_outlet_error(outlet, &err, KC_NO_TEXT);
    kc_outlet_end(outlet);
}

static void process(void *arg, struct kc_message *message, struct kc_outlet *outlet)
{
    struct produce *self = arg;
    struct kc_faults faults;
    struct request *q = kc_new0(struct request);
    const struct kc_input_rules rules = { self->conf.topic, self->conf.topic_from_message };
    kc_faults_init(&faults);
    q->self = self;
    q->outlet = outlet;
    q->batch = kc_produce_input(message, &rules, &q->arena, &faults);
    if (!q->batch) {
        refuse_faults(outlet, &faults);
        goto fail;
    }
    q->bytes = message->text_len + q->batch->count * sizeof(struct kc_record);
    if (!take_room(self, q->bytes)) {
        turn_away(self, outlet);
        goto fail;
    }
    q->text = message->text;
    message->text = NULL;
    q->batch->done = on_done;
    q->batch->arg = q;
    kc_faults_deinit(&faults);
    kc_producer_send(self->producer, q->batch);
    return;
fail:
    kc_faults_deinit(&faults);
    request_free(q);
}

/* --- life --- */

static bool read_fields(struct produce_conf *conf, const struct kc_doc *config,
                        enum kc_unknown unknown, struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    bool ok = kc_fields_read(fields, conf, config, unknown, faults);
    if (!conf->topic && !conf->topic_from_message)
        kc_faults_add(faults, "/topic", "required (or set topicFromMessage)");
    if (conf->topic && !kc_topic_is_valid(kc_text(conf->topic)))
        kc_faults_add(faults, "/topic", KC_TOPIC_RULE);
    return ok && faults->count + faults->dropped == before;
}

bool kc_produce_check(const struct kc_doc *config, enum kc_unknown unknown,
                      struct kc_faults *faults)
{
    struct produce_conf conf = { 0 };
    bool ok = read_fields(&conf, config, unknown, faults);
    kc_fields_free(fields, &conf);
    return ok;
}

static bool read_conf(struct produce *self, const struct kc_step *step, struct kc_error *err)
{
    struct kc_faults own, *faults = step->faults ? step->faults : &own;
    kc_faults_init(&own);
    faults->at = step->faults ? "/config" : NULL;
    bool ok = read_fields(&self->conf, step->config, step->unknown_fields, faults);
    faults->at = step->faults ? "/credentials" : NULL;
    ok &= kc_credentials_read(&self->credentials, step->credentials, step->unknown_fields,
                              faults);
    faults->at = NULL;
    ok &= kc_faults_none(faults, KC_CONFIG, err);
    kc_faults_deinit(&own);
    return ok;
}

/* A shared one goes on: its thread may still be leaving on_done(). */
static void give_producer(struct produce *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->in_flight > 0)
        kc_cond_wait(&self->less, &self->lock, WAIT_MS);
    pthread_mutex_unlock(&self->lock);
    kc_producers_give(self->producers, self->producer);
}

static void close_(void *arg)
{
    struct produce *self = arg;
    if (!self)
        return;
    if (self->producers)
        give_producer(self);
    else
        kc_producer_close(self->producer);
    kc_json_writer_free(self->writer);
    kc_credentials_free(&self->credentials);
    kc_fields_free(fields, &self->conf);
    pthread_cond_destroy(&self->less);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static bool open_(void **out, const struct kc_step *step, struct kc_error *err)
{
    struct produce *self = kc_new0(struct produce);
    pthread_mutex_init(&self->lock, NULL);
    kc_cond_init(&self->less);
    self->tally = step->tally;
    self->writer = kc_json_writer_new();
    if (!read_conf(self, step, err))
        goto fail;
    const struct kc_producer_conf conf = {
        .credentials = &self->credentials,
        .topic = self->conf.topic,
        .compression = compressions[self->conf.compression].name,
        .timeout_ms = self->conf.timeout_ms,
        .is_flood = step->is_flood,
    };
    self->producers = step->producers;
    if (self->producers ? !kc_producers_take(self->producers, &conf, step->is_permanent,
                                             &self->producer, err)
                        : !kc_producer_open(&self->producer, &conf, err))
        goto fail;
    *out = self;
    return true;
fail:
    close_(self);
    return false;
}

/* What is on the way is answered by itself, unless there is no time for that. Then the process
 * ends, so that what others sent through a shared producer may fail with it. */
static void stop(void *arg, int drain_ms)
{
    struct produce *self = arg;
    if (drain_ms > 0)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    pthread_cond_broadcast(&self->less);
    pthread_mutex_unlock(&self->lock);
    kc_producer_purge(self->producer);
}

static bool trouble(void *arg, struct kc_error *err)
{
    struct produce *self = arg;
    return kc_producer_trouble(self->producer, err);
}

const struct kc_entry kc_produce = {
    .name = "produce",
    .kind = KC_ACTION,
    .title = "Produce",
    .help = "Write records to a topic",
    .fields = fields,
    .in = kc_produce_in,
    .out = kc_produce_out,
    .open = open_,
    .process = process,
    .stop = stop,
    .close = close_,
    .trouble = trouble,
};
