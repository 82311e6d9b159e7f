// SPDX-License-Identifier: Apache-2.0
/* consumer_private.h - what the files of the consumer share: consumer.c takes and settles,
 * membership.c has the group's side, care.c the partitions that need looking after, outage.c
 * the brokers.
 *
 * All of it belongs to the thread that owns the consumer, but for what "needs lock": that is
 * shared with kc_consumer_settle(). */
#ifndef KC_KAFKA_CONSUMER_PRIVATE_H
#define KC_KAFKA_CONSUMER_PRIVATE_H

#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/window.h"

#define KC_TAKE_MAX       1000 /* records a call */
#define KC_SLOT_MAX       (1 << 20)
#define KC_GENERATION_MAX 0xfff

/* A partition, at the index of its number. */
struct kc_part {
    bool is_assigned;
    bool has_settled; /* needs lock: there is something to commit */
    bool is_refused;  /* needs lock: a message was refused since the last look */
    bool is_gone;     /* its offset cannot be read any more */
    bool is_at_end;
    bool is_paused;          /* by us, until retry_at_ms … */
    bool is_resting;         /* … and until nothing before what was taken back is open */
    struct kc_window window; /* needs lock */
    int64_t begun;           /* at the assignment, or behind what was gone */
    int64_t next;            /* offset to be read next; logical before the first record */
    int64_t end;             /* of what was there at the assignment; -1 when not asked for */
    int64_t committed;       /* -1: nothing since the assignment, or it failed */
    int64_t told;            /* where it was begun because of `from`; -1: otherwise */
    int backoff_ms;          /* needs lock */
    int64_t retry_at_ms;
};

/* What is known of the brokers; outage.c. */
struct kc_outage {
    bool is_watched;
    bool has_answered; /* since it began, or since the last outage */
    bool is_told;
    int64_t since_ms; /* 0: no doubt */
    int64_t look_ms;  /* when to look again */
    int64_t told_ms;
    struct kc_error told; /* the last one */
};

struct kc_consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kc_health health; /* librdkafka's opaque, from which callbacks find the consumer */
    const struct kc_consumer_listener *listener;
    const char *topic;
    struct kc_start start;
    struct kc_positions from; /* offset -1: is ours now, or the group knows better */
    bool until_end;
    bool was_assigned; /* ever */
    bool is_closing;
    bool is_over;     /* a final trouble was told */
    bool must_rejoin; /* the last assignment could not be begun */
    bool is_held;     /* all partitions are paused because nothing is taken */
    int64_t held_since_ms;
    int64_t committed_ms; /* when */
    int commit_ms;

    rd_kafka_message_t *messages[KC_TAKE_MAX]; /* of the last take */
    size_t message_count;

    struct kc_part *parts;
    size_t part_count;
    uint32_t generation; /* needs lock */

    pthread_mutex_t lock;
    struct kc_consumer_counts counts; /* needs lock */
    size_t settled;                   /* since the last commit; needs lock */
    atomic_bool has_refused;
    struct kc_outage outage;
};

struct kc_consumer *kc_consumer_of(void *opaque);
struct kc_part *kc_part_at(struct kc_consumer *c, int32_t partition); /* NULL: not ours */
void kc_consumer_tell(struct kc_consumer *c, const struct kc_error *err, bool is_final);
rd_kafka_topic_partition_list_t *kc_one_partition(struct kc_consumer *c, size_t slot,
                                                  int64_t offset);

/* Fetching of one partition goes on at this offset. */
bool kc_seek(struct kc_consumer *c, size_t slot, int64_t offset) KC_MUST_CHECK;

/* --- membership.c --- */

bool kc_subscribe(struct kc_consumer *c, struct kc_error *err);
void kc_rejoin(struct kc_consumer *c);
void kc_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *partitions, void *opaque);
void kc_on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *offsets, void *opaque);
void kc_commit_now(struct kc_consumer *c);
void kc_commit_if_due(struct kc_consumer *c);

/* --- outage.c --- */

void kc_look_for_outage(struct kc_consumer *c);
void kc_outage_over(struct kc_consumer *c); /* a broker has answered */

/* --- care.c --- */

/* Goes on at the low watermark where an offset cannot be read any more, and says what is lost.
 */
void kc_skip_what_is_gone(struct kc_consumer *c);

/* Pauses partitions of refused messages, and reads those, and what was taken back, again when
 * their time has come. */
void kc_look_after_refused(struct kc_consumer *c);

/* Nothing comes of a partition until it has no open message; then it is read again from the
 * first that was taken back. */
void kc_rest(struct kc_consumer *c, size_t slot);

/* Nothing is taken for a while: fetching stops, polling goes on, the membership stays. */
void kc_hold(struct kc_consumer *c);
void kc_unhold(struct kc_consumer *c);

#endif
