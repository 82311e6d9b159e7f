// SPDX-License-Identifier: Apache-2.0
/* reader.h - reads all partitions of a topic from positions that its caller keeps, as a member
 * of no group.
 *
 * A reader has its client, which stays warm: between calls it fetches ahead (4 MiB at
 * most), and whoever goes on where it stands gets what is there already. It belongs to one
 * thread at a time. Records are dealt out in offset order of their partition, the partitions
 * taking turns.
 *
 * Whatever waits for Kafka ends at its deadline (kc_now_ms()), or within 4 s after
 * *is_stopping became true. An error while Kafka does not answer is UNAVAILABLE with the cause
 * as far as it is known; an AUTH error stays one: the reader is to be closed then. */
#ifndef KC_KAFKA_READER_H
#define KC_KAFKA_READER_H

#include "kafka/consumer.h"
#include "kafka/position.h"

#include <stdatomic.h>

struct kc_reader; /* opaque */

struct kc_reader_conf {
    const struct kc_credentials *credentials; /* borrowed until close */
    const char *group_id;  /* whose committed offsets are asked for and set; NULL: none */
    const char *isolation; /* "read_committed", "read_uncommitted" */
    const atomic_bool *is_stopping; /* borrowed until close */
};

/* Does not wait for a broker. */
bool kc_reader_open(struct kc_reader **out, const struct kc_reader_conf *conf,
                    struct kc_error *err) KC_MUST_CHECK;
void kc_reader_close(struct kc_reader *r); /* NULL is fine */

/* --- where it reads --- */

/* Goes to what the group has committed, where there is a group, and to `start` otherwise. All
 * positions are real offsets afterwards. */
bool kc_reader_begin(struct kc_reader *r, const char *topic, const struct kc_start *start,
                     int64_t deadline_ms, struct kc_error *err) KC_MUST_CHECK;

/* Goes to these positions; partitions that stand there already are left in peace. A partition
 * that they do not name is new and is read from its beginning, one that the topic does not have
 * any more is a loss. */
bool kc_reader_seek(struct kc_reader *r, const char *topic,
                    const struct kc_positions *positions, int64_t deadline_ms,
                    struct kc_error *err) KC_MUST_CHECK;

/* Where the topic's partitions begin and end now, for whoever seeks from there. Both are added
 * to, and the caller's to free. With read_committed an open transaction is the end. */
bool kc_reader_bounds(struct kc_reader *r, const char *topic, struct kc_positions *begins,
                      struct kc_positions *ends, int64_t deadline_ms,
                      struct kc_error *err) KC_MUST_CHECK;

/* Whether kc_reader_seek() would have nothing to do but look for new partitions now and then.
 */
bool kc_reader_is_at(const struct kc_reader *r, const char *topic,
                     const struct kc_positions *positions);

/* Puts where it stands into *out, which the caller frees: behind the last record passed. */
void kc_reader_positions(const struct kc_reader *r, struct kc_positions *out);

/* Asks for the topic's partitions where that was done longer than max_age_ms ago: new ones are
 * read from now on, from their beginning. So this also tells whether Kafka is there. */
bool kc_reader_look_around(struct kc_reader *r, int max_age_ms, int64_t deadline_ms,
                           struct kc_error *err) KC_MUST_CHECK;

/* --- reading --- */

/* Takes in what has come, waiting up to wait_ms for the first of it; true as well when nothing
 * did. False where the topic cannot be read. */
bool kc_reader_fill(struct kc_reader *r, int wait_ms, struct kc_error *err) KC_MUST_CHECK;

/* The next record that was taken in: the same until it is passed. A loan until then. */
const struct kc_fetched *kc_reader_peek(struct kc_reader *r);
void kc_reader_pass(struct kc_reader *r);

/* Whether each partition has answered since it was begun: with a record, or that it has none.
 */
bool kc_reader_is_heard(const struct kc_reader *r);

/* Says which partitions have not answered, and why as far as that is known: UNAVAILABLE. */
void kc_reader_complain(struct kc_reader *r, struct kc_error *err);

/* --- what cannot be read --- */

struct kc_loss {
    int32_t partition;
    int64_t wanted; /* the offset that was to be read */
    int64_t low;    /* what can be read: from here … */
    int64_t end;    /* … to here; both -1: the partition is gone */
};

/* The i-th that was found since the last kc_reader_forget_losses(); NULL when there are no
 * more. The partition is read on from `low`. A loan. */
const struct kc_loss *kc_reader_loss(const struct kc_reader *r, size_t i);
void kc_reader_forget_losses(struct kc_reader *r);

/* --- the group --- */

/* Commits the positions for the group. GROUP_ACTIVE where it has members. */
bool kc_reader_commit(struct kc_reader *r, const char *topic,
                      const struct kc_positions *positions, int64_t deadline_ms,
                      struct kc_error *err) KC_MUST_CHECK;

#endif
