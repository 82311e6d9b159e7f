// SPDX-License-Identifier: Apache-2.0
/* writer.h - one librdkafka producer and the thread that serves its delivery reports.
 *
 * Private to kafka/producer.c. A writer that met a fatal error (an idempotent producer's state
 * on the broker is gone) takes nothing more; the producer then opens another one. */
#ifndef KC_KAFKA_WRITER_H
#define KC_KAFKA_WRITER_H

#include "kafka/client.h"
#include "kafka/record.h"

struct kc_writer; /* opaque */

/* Called on the writer's thread, once per record that was accepted by kc_writer_put(), when its
 * report has been noted in the record. Must not block. */
typedef void kc_writer_reported(struct kc_record *record);

/* Called on the writer's thread when the reports that came together are through. Must not
 * block. */
typedef void kc_writer_rounded(void *arg);

struct kc_writer_conf {
    const struct kc_credentials *credentials;
    const char *compression; /* NULL: none */
    int timeout_ms;
    int linger_ms;
    bool is_single; /* one record a request */
    kc_writer_reported *reported;
    kc_writer_rounded *rounded;
    void *arg; /* rounded()'s */
};

/* Does not wait for a broker. */
bool kc_writer_open(struct kc_writer **out, const struct kc_writer_conf *conf,
                    struct kc_error *err) KC_MUST_CHECK;

/* A handle of the topic, to be given back with rd_kafka_topic_destroy(). NULL when librdkafka
 * refuses the name: rd_kafka_last_error() says why. Any thread. */
rd_kafka_topic_t *kc_writer_topic(struct kc_writer *w, const char *name);

/* Hands a record to librdkafka; its memory stays the caller's and must live until the report.
 * Waits while the queue is full. False when it was refused at once: then the record says why,
 * and no report will come. topic may be NULL, which refuses with rd_kafka_last_error(). Any
 * thread. */
bool kc_writer_put(struct kc_writer *w, rd_kafka_topic_t *topic,
                   struct kc_record *r) KC_MUST_CHECK;

bool kc_writer_is_fatal(struct kc_writer *w);
struct kc_health *kc_writer_health(struct kc_writer *w);
rd_kafka_t *kc_writer_client(struct kc_writer *w); /* a loan */

/* Adds what is in librdkafka's queue or on the way: records, and bytes of their keys and
 * values. Any thread. */
void kc_writer_queue(struct kc_writer *w, size_t *records, size_t *bytes);

/* Fails everything that waits or is on the way; the reports say so. Any thread. */
void kc_writer_purge(struct kc_writer *w);

/* Waits for the outstanding reports: purge first, or know that they come. NULL is fine. */
void kc_writer_close(struct kc_writer *w);

#endif
