// SPDX-License-Identifier: Apache-2.0
/* poll.h - the stateless way to consume: positions go in, records and the next positions come
 * out.
 *
 * Nothing is kept between two calls: all that a chain of calls needs is in its cursor, so that
 * any server can take the next one. A pool keeps warm clients, but only as a cache: whose
 * client stands where the cursor says is read on without seeking, with what it has prefetched.
 *
 * Threads    any may call; a call blocks its thread, for the wait that was asked for and
 *            KC_POLL_REACH_MS more at most while Kafka does not answer
 * Clients    KC_POLL_CLIENTS_MAX, one call at a time on each; when all are busy a call waits
 *            for one as long as it would wait for records, and is then refused with BUSY
 * Closing    clients idle for KC_POLL_IDLE_MS are closed by the pool's own thread */
#ifndef KC_COMPONENT_POLL_H
#define KC_COMPONENT_POLL_H

#include "base/buf.h"
#include "base/faults.h"
#include "component/cursor.h"
#include "conf/field.h"

#define KC_POLL_CLIENTS_MAX 32
#define KC_POLL_IDLE_MS     (10 * 60 * 1000)
#define KC_POLL_REACH_MS    5000 /* for Kafka to say where partitions are and begin and end */

struct kc_poll; /* the pool; opaque */

struct kc_poll *kc_poll_new(void);

/* All waiting calls return what they have, later ones are refused with STOPPED. At once where
 * a call waits for records, within KC_POLL_REACH_MS where Kafka does not answer. Any thread;
 * twice is fine. */
void kc_poll_stop(struct kc_poll *p);

void kc_poll_free(struct kc_poll *p); /* after all calls have returned; NULL is fine */

/* The fields of `config`: topic, groupId, startFrom, keyEncoding, valueEncoding, isolation. */
extern const struct kc_field kc_poll_fields[];

/* What a call asks for beside `config` and `credentials`, and its table: cursor, maxMessages,
 * maxBytes, maxWaitMs. kc_fields_read(kc_poll_ask_fields, …) fills it with its defaults,
 * kc_fields_free() is due then. The same table is good for commit, which takes the cursor only.
 */
struct kc_poll_ask {
    char *cursor;     /* NULL: none */
    int max_messages; /* 1-10000, 100 */
    int max_bytes;    /* of the records as JSON; 1 KiB-50 MiB, 1 MiB */
    int max_wait_ms;  /* until the first record comes; 0-60000, 5000 */
};
extern const struct kc_field kc_poll_ask_fields[];

struct kc_poll_answer {
    struct kc_buf messages; /* a JSON array: records in the shape of schemas/consume.out.json */
    size_t count;           /* of them */
    struct kc_buf losses; /* a JSON array of error objects, each with details: records that were
                             gone before they were read */
    size_t loss_count;    /* of them: 0, and losses is `[]`, nearly always */
    char *cursor;         /* where to go on */
};

void kc_poll_answer_deinit(struct kc_poll_answer *a);

/* Reads records. At least one comes where there is one, even if it alone is larger than
 * max_bytes; an empty answer is no error. Without a cursor the group's committed offsets count
 * where groupId is given, and startFrom where there are none; nothing is committed by this
 * call.
 *
 * False and err otherwise, and *answer is empty; faults then holds each wrong field by its
 * pointer, "/config/topic", "/credentials/brokers" or "/maxBytes", where that was it. *answer
 * is the caller's to deinit either way. */
bool kc_poll(struct kc_poll *p, const struct kc_doc *credentials, const struct kc_doc *config,
             const struct kc_poll_ask *ask, struct kc_poll_answer *answer,
             struct kc_faults *faults, struct kc_error *err) KC_MUST_CHECK;

/* Adds what is wrong with config, by pointers as kc_poll() has them, and opens nothing. */
void kc_poll_check(const struct kc_doc *config, struct kc_faults *faults);

/* Commits a poll cursor's positions for config's groupId (topic may be there and is checked
 * against the cursor's; other fields of poll are taken and change nothing). Appends to out what
 * is committed now: [{"topic","partition","offset"}…]. A group that has members takes commits
 * from them alone: GROUP_ACTIVE. A stream's cursor is refused with BAD_CURSOR. */
bool kc_poll_commit(struct kc_poll *p, const struct kc_doc *credentials,
                    const struct kc_doc *config, const char *cursor, struct kc_buf *out,
                    struct kc_faults *faults, struct kc_error *err) KC_MUST_CHECK;

/* For metrics. */
struct kc_poll_counts {
    size_t clients;   /* open */
    size_t busy;      /* of them */
    uint64_t opened;  /* since the start */
    uint64_t records; /* given out */
    uint64_t bytes;   /* of their keys and values */
};
struct kc_poll_counts kc_poll_counts(struct kc_poll *p);

#endif
