// SPDX-License-Identifier: Apache-2.0
/* witness.h - the other side of a test: librdkafka by itself, with its own settings, over the
 * listener without sign-in. It prepares topics, writes raw records, and tells what a topic
 * holds.
 *
 * Whatever cannot be done before a deadline fails the running test. Names and settings are
 * loans; what a call returns is the caller's unless it says otherwise. */
#ifndef TESTS_SUPPORT_WITNESS_H
#define TESTS_SUPPORT_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct witness; /* opaque */

struct witness *witness_open(const char *brokers);
void witness_close(struct witness *w); /* NULL is fine */

/* A name that no test used before: a loan until witness_close(). */
const char *witness_fresh_name(struct witness *w, const char *what);

/* --- Topics --- */

/* config: "name=value" and NULL at the end, or NULL. Returns when every partition has a leader
 * whose offsets can be read: a new topic answers "not leader" for a moment. */
void witness_create_topic(struct witness *w, const char *topic, int partitions,
                          const char *const *config);

/* The same under a fresh name: a loan until witness_close(). */
const char *witness_new_topic(struct witness *w, int partitions, const char *const *config);

void witness_add_partitions(struct witness *w, const char *topic, int partitions);
void witness_delete_topic(struct witness *w, const char *topic);
void witness_delete_records(struct witness *w, const char *topic, int partition,
                            int64_t before_offset);
void witness_watermarks(struct witness *w, const char *topic, int partition, int64_t *low,
                        int64_t *high);

/* Lets a user write to a topic and see it, where the server knows rights. */
void witness_allow_writing(struct witness *w, const char *user, const char *topic);

/* The same for "topic" or "group", and "describe", "read" or "write". */
void witness_allow(struct witness *w, const char *user, const char *kind, const char *name,
                   const char *what);

void witness_forbid_writing(struct witness *w, const char *user,
                            const char *topic); /* takes it back */

/* Another password for SCRAM-SHA-512 from here on; PLAIN's stand in the server's settings. */
void witness_set_password(struct witness *w, const char *user, const char *password);

/* What a group has committed; -1 where it has nothing. */
int64_t witness_committed(struct witness *w, const char *group, const char *topic,
                          int partition);
bool witness_wait_committed(struct witness *w, const char *group, const char *topic,
                            int partition, int64_t offset, int wait_ms);
void witness_commit(struct witness *w, const char *group, const char *topic, int partition,
                    int64_t offset);

/* --- Records --- */

#define WITNESS_HEADERS_MAX 8

struct witness_header {
    const char *name;
    const void *value; /* NULL: null */
    size_t size;
};

struct witness_record {
    const void *key, *value; /* NULL: null */
    size_t key_size, value_size;
    struct witness_header headers[WITNESS_HEADERS_MAX];
    size_t header_count;
    int64_t timestamp;       /* to write: 0 is now */
    bool is_log_append_time; /* as read */
    int partition;           /* to write: -1 by key, as the Java client does */
    int64_t offset;          /* as read */
};

/* A record with texts for key and value; key may be NULL. */
struct witness_record witness_text(const char *key, const char *value, int partition);

/* Returns the offset it got. */
int64_t witness_write(struct witness *w, const char *topic,
                      const struct witness_record *record);

/* Writes `count` records; fill sets record number n, its texts live until the next call. */
typedef void witness_fill(struct witness_record *record, int64_t n, void *context);
void witness_write_many(struct witness *w, const char *topic, int64_t count, witness_fill *fill,
                        void *context);

/* Records "FROM" ... "FROM+COUNT-1" without keys, one by one to each partition in turn. */
void witness_write_numbers(struct witness *w, const char *topic, int partitions, int64_t from,
                           int64_t count);

/* Writes these values (without keys, partition 0) in a transaction that ends as said. */
void witness_write_transaction(struct witness *w, const char *topic, const char *const *values,
                               bool commits);

/* All records of a topic up to its end now, as read_committed shows them, by partition and
 * offset. Bytes belong to the list. */
struct witness_records {
    size_t count;
    struct witness_record *at;
    struct witness_source *source; /* private */
};
struct witness_records witness_read(struct witness *w, const char *topic);
void witness_records_free(struct witness_records *records);

/* The record holds exactly this text; NULL is null. */
void assert_bytes(const void *bytes, size_t size, const char *text);

/* One record is another's copy: key, value, headers and timestamp. */
void assert_same_record(const struct witness_record *copy,
                        const struct witness_record *original);

#endif
