// SPDX-License-Identifier: Apache-2.0
/* producer.h - writes batches of records and tells what became of each.
 *
 * Idempotent, acks=all. A batch is what belongs together for the caller, usually the records of
 * one message; librdkafka groups the records of all batches into requests as it likes. */
#ifndef KC_KAFKA_PRODUCER_H
#define KC_KAFKA_PRODUCER_H

#include "base/error.h"
#include "kafka/credentials.h"
#include "kafka/record.h"
#include "kafka/written.h"

#include <stdatomic.h>

struct kc_producer; /* opaque */

struct kc_producer_conf {
    const struct kc_credentials *credentials; /* borrowed until close */
    const char *topic; /* asked about at once, so that the first record need not; may be NULL */
    const char *compression; /* NULL: none */
    int timeout_ms;          /* a record that is not stored by then has failed */
    bool is_flood;           /* wait a little for larger requests */
};

/* Made by kc_batch_new(). The caller fills records, topic, done and arg; the rest is the
 * answer. */
struct kc_batch {
    struct kc_record *records;
    size_t count;
    const char *topic;                /* of records that name none */
    void (*done)(struct kc_batch *b); /* see kc_producer_send() */
    void *arg;

    struct kc_written_table written; /* the partitions that got records */
    size_t failed;                   /* how many records did not get in */

    struct kc_producer *producer; /* from here on: the producer's */
    atomic_size_t unreported;
    int64_t started_ms;
    struct kc_batch *next;
};

struct kc_batch *kc_batch_new(size_t count); /* zeroed records for any partition */
void kc_batch_free(struct kc_batch *b);      /* the caller's, after done */

/* Does not wait for a broker. */
bool kc_producer_open(struct kc_producer **out, const struct kc_producer_conf *conf,
                      struct kc_error *err) KC_MUST_CHECK;

/* Sends a batch, which must live until its done() was called: once, on the producer's own
 * thread, after all reports are in and the low watermarks were read; it may block there, which
 * delays other answers but no report. Waits while librdkafka's queue is full. Any thread. */
void kc_producer_send(struct kc_producer *p, struct kc_batch *b);

/* Why a record failed, in our words, with what the client knows of the cause. Any thread. */
void kc_producer_explain(struct kc_producer *p, const struct kc_record *r,
                         struct kc_error *err);

const char *kc_record_topic(const struct kc_record *r); /* its own, or its batch's */

/* The Kafka protocol's code of a failed record, and that code's name. */
int kc_record_code(const struct kc_record *r);
const char *kc_record_code_name(const struct kc_record *r);
const char *kc_record_code_text(const struct kc_record *r);

/* Has the brokers asked about a topic, so that its first record need not wait. Any thread. */
void kc_producer_warm(struct kc_producer *p, const char *topic);

/* What the client last complained of; false where all is well. Any thread. */
bool kc_producer_trouble(struct kc_producer *p, struct kc_error *err);

/* What was sent and is not reported yet. Any thread. */
struct kc_producer_queue {
    size_t records;
    size_t bytes; /* of their keys and values */
};
struct kc_producer_queue kc_producer_queue(struct kc_producer *p);

/* Fails everything that is not stored yet; the answers say so. Any thread. */
void kc_producer_purge(struct kc_producer *p);

/* Waits until everything that was sent is answered. NULL is fine. */
void kc_producer_close(struct kc_producer *p);

#endif
