// SPDX-License-Identifier: Apache-2.0
/* cluster.h - a client that only asks: is somebody there, do they let us in, what is there.
 *
 * It belongs to one thread. Every question has its time and answers within it; a refused
 * sign-in is told at once. */
#ifndef KC_KAFKA_CLUSTER_H
#define KC_KAFKA_CLUSTER_H

#include "base/error.h"
#include "kafka/credentials.h"

struct kc_cluster; /* opaque */

/* The credentials are borrowed until close. Does not wait for a broker. */
bool kc_cluster_open(struct kc_cluster **out, const struct kc_credentials *credentials,
                     struct kc_error *err) KC_MUST_CHECK;

/* Asks a broker who else there is: it was reached, it took the sign-in, it answers. */
bool kc_cluster_brokers(struct kc_cluster *c, int wait_ms, int *count,
                        struct kc_error *err) KC_MUST_CHECK;

/* How many partitions a topic has. TOPIC_MISSING or FORBIDDEN where that is how it is. */
bool kc_cluster_topic(struct kc_cluster *c, const char *topic, int wait_ms, int *partitions,
                      struct kc_error *err) KC_MUST_CHECK;

/* All topics that the account may see, sorted, but for Kafka's own ("__…"). */
struct kc_topics {
    char **names;
    size_t count;
};
bool kc_cluster_topics(struct kc_cluster *c, int wait_ms, struct kc_topics *topics,
                       struct kc_error *err) KC_MUST_CHECK;
void kc_topics_deinit(struct kc_topics *topics);

/* Whether the account may see a consumer group; state is a word of Kafka's such as "Stable",
 * "Dead" (it is not there yet) or "Unknown" (the broker cannot say), good for ever. */
bool kc_cluster_group(struct kc_cluster *c, const char *group, int wait_ms, const char **state,
                      struct kc_error *err) KC_MUST_CHECK;

void kc_cluster_close(struct kc_cluster *c); /* NULL is fine */

#endif
