// SPDX-License-Identifier: Apache-2.0
/* poll_pool.h - the warm clients of poll: a cache, and no more than that.
 *
 * A client serves one call at a time. Its key are the credentials, the group and the isolation,
 * compared as they are; they are never logged. Any thread. */
#ifndef KC_COMPONENT_POLL_POOL_H
#define KC_COMPONENT_POLL_POOL_H

#include "component/cursor.h"
#include "component/poll.h"
#include "kafka/reader.h"

struct kc_pool; /* opaque */

/* Clients idle for idle_ms are closed. */
struct kc_pool *kc_pool_new(int idle_ms);
void kc_pool_stop(struct kc_pool *pool); /* kc_pool_take() gives nothing any more */
void kc_pool_free(struct kc_pool *pool); /* after all clients were given back */

/* True once it was stopped: what waits for Kafka looks at it. */
const atomic_bool *kc_pool_is_stopping(const struct kc_pool *pool);

struct kc_pool_key {
    const struct kc_credentials *credentials;
    const char *group_id; /* NULL: none */
    const char *isolation;
};

struct kc_pool_client {
    struct kc_reader *reader;
    uint64_t chain; /* the chain of calls that it served last; set by whoever took it */
};

/* A client of this key for the caller alone: the one that stands where `at` says (NULL: nowhere
 * yet) or that served its chain, else a new one while there is room, else one that was idle for
 * the longest time. Waits wait_ms at most while all are busy; NULL and BUSY then. */
struct kc_pool_client *kc_pool_take(struct kc_pool *pool, const struct kc_pool_key *key,
                                    const struct kc_cursor *at, int wait_ms,
                                    struct kc_error *err) KC_MUST_CHECK;

/* is_good: it may be used again; otherwise it is closed. */
void kc_pool_give(struct kc_pool *pool, struct kc_pool_client *client, bool is_good);

void kc_pool_counts(struct kc_pool *pool, struct kc_poll_counts *out); /* of clients */

#endif
