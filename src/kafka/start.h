// SPDX-License-Identifier: Apache-2.0
/* start.h - asking a cluster for offsets: where partitions begin and end, what a group has
 * committed, and where reading is to start. Private to kafka/. */
#ifndef KC_KAFKA_START_H
#define KC_KAFKA_START_H

#include "kafka/client.h"
#include "kafka/consumer.h"

/* Sets the offset of each assigned partition: the group's committed one, or what `start` says
 * where the group has none; a real one, for who is told of positions has to come back to them.
 * With `latest` a group that is new to the topic commits the start of all its partitions first,
 * so that a crash skips nothing; a partition that appears later has none and is read from its
 * beginning. Waits for brokers, wait_ms at most. */
bool kc_start_resolve(rd_kafka_t *rk, const char *topic, const struct kc_start *start,
                      rd_kafka_topic_partition_list_t *assigned, int wait_ms,
                      struct kc_error *err) KC_MUST_CHECK;

/* All partitions of the topic, without offsets; NULL and err when wait_ms is over. The caller
 * destroys the list. */
rd_kafka_topic_partition_list_t *kc_partitions_query(rd_kafka_t *rk, const char *topic,
                                                     int wait_ms,
                                                     struct kc_error *err) KC_MUST_CHECK;

/* kc_start_resolve() for a reader that is no member of a group: sets a real offset, never a
 * logical one, for each of all the topic's partitions, and commits nothing. has_group: what the
 * group has committed counts first. */
bool kc_start_positions(rd_kafka_t *rk, const struct kc_start *start, bool has_group,
                        rd_kafka_topic_partition_list_t *all, int wait_ms,
                        struct kc_error *err) KC_MUST_CHECK;

/* Fills in where the partitions of the list begin. */
bool kc_begins_query(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int wait_ms,
                     struct kc_error *err) KC_MUST_CHECK;

/* Fills in where the partitions of the list end now. */
bool kc_ends_query(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int wait_ms,
                   struct kc_error *err) KC_MUST_CHECK;

/* The lowest offset that can still be read, and the end. */
bool kc_bounds_query(rd_kafka_t *rk, const char *topic, int32_t partition, int wait_ms,
                     int64_t *low, int64_t *end, struct kc_error *err) KC_MUST_CHECK;

/* Commits, waiting wait_ms at most for the group's coordinator. */
bool kc_commit(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int wait_ms,
               struct kc_error *err) KC_MUST_CHECK;

#endif
