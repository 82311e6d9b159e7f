// SPDX-License-Identifier: Apache-2.0
/* cluster.h - a client that only asks: is somebody there, do they let us in, what is there, and
 * what may be done with it.
 *
 * It belongs to one thread. Every question has its time and answers within it; a refused
 * sign-in is told at once. No question makes a topic, whatever the brokers would do, and none
 * joins a group. */
#ifndef KC_KAFKA_CLUSTER_H
#define KC_KAFKA_CLUSTER_H

#include "base/error.h"
#include "kafka/brokers.h"
#include "kafka/credentials.h"

struct kc_cluster; /* opaque */

/* The credentials are borrowed until close. Does not wait for a broker, but wait_ms for a
 * ticket where a keytab is given. */
bool kc_cluster_open(struct kc_cluster **out, const struct kc_credentials *credentials,
                     int wait_ms, struct kc_error *err) KC_MUST_CHECK;

/* Asks a broker who else there is: it was reached, it took the sign-in, it answers. */
bool kc_cluster_brokers(struct kc_cluster *c, int wait_ms, int *count,
                        struct kc_error *err) KC_MUST_CHECK;

/* The same, and where the brokers say that they are: the first `max` of *count. */
bool kc_cluster_listeners(struct kc_cluster *c, int wait_ms, struct kc_broker *out, size_t max,
                          size_t *count, struct kc_error *err) KC_MUST_CHECK;

/* After a question that nobody answered: whether the brokers were heard of already, and then
 * hang where they say that they are. One such address. */
bool kc_cluster_lost(struct kc_cluster *c, struct kc_broker *at);

/* What the account may do; brokers that do not say leave is_told false. */
struct kc_rights {
    bool is_told;
    bool may_read, may_write;
};

struct kc_topic_facts {
    int partitions;
    struct kc_rights rights;
};

/* TOPIC_MISSING; FORBIDDEN where the account may not even know whether it is there. */
bool kc_cluster_topic(struct kc_cluster *c, const char *topic, int wait_ms,
                      struct kc_topic_facts *facts, struct kc_error *err) KC_MUST_CHECK;

struct kc_group_facts {
    const char *state; /* a word of Kafka's, "Dead" where it is not there yet; good for ever */
    struct kc_rights rights; /* may_read: may join and commit */
};

/* FORBIDDEN where the account may not see it. */
bool kc_cluster_group(struct kc_cluster *c, const char *group, int wait_ms,
                      struct kc_group_facts *facts, struct kc_error *err) KC_MUST_CHECK;

/* Names, sorted, and something to say of each; kc_listing_deinit() is due either way. */
struct kc_listed {
    char *name;
    int count;        /* of a topic: its partitions */
    const char *word; /* of a group: its state, good for ever */
};
struct kc_listing {
    struct kc_listed *list;
    size_t count;
};

/* All topics that the account may see, but for Kafka's own ("__…"). */
bool kc_cluster_topics(struct kc_cluster *c, int wait_ms, struct kc_listing *topics,
                       struct kc_error *err) KC_MUST_CHECK;

/* All consumer groups that it may see. */
bool kc_cluster_groups(struct kc_cluster *c, int wait_ms, struct kc_listing *groups,
                       struct kc_error *err) KC_MUST_CHECK;

void kc_listing_deinit(struct kc_listing *listing);

void kc_cluster_close(struct kc_cluster *c); /* NULL is fine */

#endif
