// SPDX-License-Identifier: Apache-2.0
/* reader_private.h - what the files of the reader share: reader.c has its life and its
 * positions, reader_fetch.c takes records in and deals them out. */
#ifndef KC_KAFKA_READER_PRIVATE_H
#define KC_KAFKA_READER_PRIVATE_H

#include "kafka/client.h"
#include "kafka/reader.h"

#define KC_READER_TAKE 500 /* messages from librdkafka at once */

struct kc_held {
    rd_kafka_message_t *message;
    struct kc_held *next;
};

struct kc_reader_part {
    int32_t number;
    bool is_started; /* librdkafka fetches it */
    bool is_heard;   /* it has answered since */
    bool is_gone;    /* behind what is held, its offset cannot be read */
    bool has_turn;   /* it stands in the ring */
    int64_t next;    /* offset of the record that is to be passed next */
    int64_t fetched; /* the same of the record to be taken in next */
    struct kc_held *first, *last;
};

struct kc_reader {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* of all partitions, and of what librdkafka has to say */
    rd_kafka_topic_t *handle;
    struct kc_health health;
    const atomic_bool *is_stopping;
    char *topic; /* NULL at first */
    char *group_id;
    int64_t looked_ms;      /* when the partitions were asked for */
    bool is_off;            /* something was wrong: no partition may be left as it is */
    struct kc_error failed; /* what was wrong, until it was said */

    struct kc_reader_part *parts; /* ascending by number */
    size_t part_count;

    /* Partitions that hold records, in the order of their turns. */
    size_t *turns; /* a ring, part_count long */
    size_t turn_first, turn_count;
    size_t held_count, held_bytes;
    bool has_gone;             /* some partition is */
    struct kc_fetched fetched; /* what was peeked at, while has_fetched */
    bool has_fetched;

    struct kc_loss *losses;
    size_t loss_count;
};

struct kc_reader_part *kc_reader_part(struct kc_reader *r, int32_t number); /* or NULL */

/* Ends fetching the partition and drops what it holds. */
void kc_reader_stop(struct kc_reader *r, struct kc_reader_part *p);

/* Begins the partition at its `next`, or again. */
bool kc_reader_restart(struct kc_reader *r, struct kc_reader_part *p, struct kc_error *err);

/* After the array of parts was changed: makes the ring anew. */
void kc_reader_begin_turns(struct kc_reader *r);

/* Takes in what librdkafka has, waiting up to wait_ms for the first of it. */
void kc_reader_take_in(struct kc_reader *r, int wait_ms);

/* Says why Kafka did not answer, where that is what err is about. */
void kc_reader_explain(struct kc_reader *r, struct kc_error *err);

void kc_reader_add_loss(struct kc_reader *r, const struct kc_loss *loss);

#endif
