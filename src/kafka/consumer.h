// SPDX-License-Identifier: Apache-2.0
/* consumer.h - reads one topic as a member of a consumer group, in order, at the caller's pace.
 *
 * A consumer belongs to the thread that opened it; only kc_consumer_settle(), _is_awaited() and
 * _counts() may be called from another. Reading does not commit: an offset moves when every
 * message up to it was settled as accepted, and is committed every few seconds, when a
 * partition goes, and at the end. */
#ifndef KC_KAFKA_CONSUMER_H
#define KC_KAFKA_CONSUMER_H

#include "base/error.h"
#include "kafka/credentials.h"
#include "kafka/position.h"
#include "kafka/record.h"
#include "runtime/lags.h"
#include "runtime/tally.h"

struct kc_consumer; /* opaque */

/* Where a partition without a committed offset is begun. */
enum kc_start_kind {
    KC_START_LATEST,
    KC_START_EARLIEST,
    KC_START_TIME,
    KC_START_OFFSET
};

struct kc_start {
    enum kc_start_kind kind;
    int64_t value; /* ms since 1970, or an offset */
};

/* What a consumer tells its owner, from inside kc_consumer_take() and _close(). */
struct kc_consumer_listener {
    /* Something went wrong. is_final: the consumer will not get any further. */
    void (*trouble)(void *arg, const struct kc_error *err, bool is_final);

    /* Records of this partition that were taken but not handed out yet have to be forgotten: it
     * goes to another member, or is read again from an earlier offset. */
    void (*forget)(void *arg, uint32_t slot);

    /* Partitions are about to go: a good moment to wait, for wait_ms at most, until what was
     * handed out is settled. */
    void (*drain)(void *arg, int wait_ms);

    /* A partition came, and is read from `offset` (negative while nobody knows). It went, and
     * will be read from `offset` should it come again (negative: from where the group then is).
     */
    void (*assigned)(void *arg, int32_t partition, int64_t offset);
    void (*revoked)(void *arg, int32_t partition, int64_t offset);

    void *arg;
};

/* Everything is borrowed until close. */
struct kc_consumer_conf {
    const struct kc_credentials *credentials;
    const char *topic;
    const char *group_id;
    const char *group_instance_id; /* NULL: none */
    struct kc_start start;
    const struct kc_positions *from; /* where these partitions are begun, in place of what the
                                        group has committed, until we have committed something
                                        ourselves; NULL: none */
    const char *isolation;           /* "read_committed", "read_uncommitted" */
    int session_timeout_ms;
    int commit_ms;       /* between two commits, where fewer than 10,000 are settled; 0: 5 s */
    bool until_end;      /* notice where the partitions end: kc_consumer_is_at_end() */
    bool is_one_of_many; /* reads ahead little, for less memory */
    bool tells_outage;   /* trouble is told when no broker answers for a while, and for each
                            other cause then */
    const struct kc_consumer_listener *listener;
};

/* Joins the group in the background. *out is the caller's until kc_consumer_close(). */
bool kc_consumer_open(struct kc_consumer **out, const struct kc_consumer_conf *conf,
                      struct kc_error *err) KC_MUST_CHECK;

/* Waits up to wait_ms for records, gives at most max of them, and does what a member has to do:
 * it must be called every few seconds. The records are loans until the next call. With max 0 it
 * only does its duties, and after a long while of that pauses fetching without leaving the
 * group. */
size_t kc_consumer_take(struct kc_consumer *c, int wait_ms, struct kc_fetched *records,
                        size_t max);

/* The i-th header of a record; false when there are no more. A loan, as the record is. */
bool kc_fetched_header(const struct kc_fetched *r, size_t i, struct kc_header *out);

/* Says that a message is being handed out with `records` records, from `first` to the offset
 * `last` of the same partition. The tag is never 0. */
uint64_t kc_consumer_hand_out(struct kc_consumer *c, const struct kc_fetched *first,
                              int64_t last, uint32_t records);

/* Settles messages by their tags; tags of partitions that went are ignored. Refused ones come
 * again after a pause, which doubles, and their partition waits. Any thread. */
void kc_consumer_settle(struct kc_consumer *c, const uint64_t *tags, size_t count,
                        bool is_accepted);

/* Takes back messages of one partition that were handed out and not settled, all behind some
 * message: they come again, the same, once all before them is accepted. Until then their
 * partition rests; the group is kept. */
void kc_consumer_take_back(struct kc_consumer *c, const uint64_t *tags, size_t count);

/* Commits now what is settled, waiting for the broker, and says where the partitions with
 * anything settled stand then; *positions is the caller's to free. */
bool kc_consumer_commit(struct kc_consumer *c, struct kc_positions *positions,
                        struct kc_error *err) KC_MUST_CHECK;

/* Whether the partition of a tag is still ours, so that an answer counts. Any thread. */
bool kc_consumer_is_awaited(struct kc_consumer *c, uint64_t tag);

struct kc_consumer_counts {
    size_t unanswered;         /* messages handed out and not answered */
    uint64_t records_open;     /* the records in them */
    uint64_t records_accepted; /* since the start */
};
struct kc_consumer_counts kc_consumer_counts(struct kc_consumer *c);

/* True once everything that was there when the partitions were assigned has been taken. */
bool kc_consumer_is_at_end(struct kc_consumer *c);

/* Where it does not watch them, KC_REACHED from the first assignment on. */
enum kc_reach kc_consumer_reach(const struct kc_consumer *c);

/* Records that are not settled yet, up to the ends; -1 while these are not known, before the
 * first assignment, and without a broker. */
int64_t kc_consumer_lag(struct kc_consumer *c);

/* The same partition by partition: their count, and a list that is the caller's to free. */
size_t kc_consumer_lags(struct kc_consumer *c, struct kc_lag **list);

/* Commits what is settled, leaves the group. NULL is fine. */
void kc_consumer_close(struct kc_consumer *c);

#endif
