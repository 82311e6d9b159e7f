// SPDX-License-Identifier: Apache-2.0
/* publisher_private.h - what publisher.c (the queue, the thread) and publisher_link.c (the
 * connection, what the broker says) share. */
#ifndef KC_TRANSPORT_SAILOR_PUBLISHER_PRIVATE_H
#define KC_TRANSPORT_SAILOR_PUBLISHER_PRIVATE_H

#include "transport/sailor/backlog.h"
#include "transport/sailor/flight.h"
#include "transport/sailor/publisher.h"

#include <pthread.h>

struct kc_publisher {
    struct kc_publisher_conf conf;
    amqp_bytes_t exchange; /* owned */
    int wake_fd;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kc_publish_list arrived; /* this and what follows needs lock */
    size_t count, bytes;            /* unanswered */
    uint64_t sequence;              /* of the message that came last */
    bool is_asleep, is_closing, has_ended;
    int waiters;
    struct kc_link *open_link; /* the thread's, for interrupts */
    struct kc_error down;      /* why there is none, */
    int64_t down_since_ms;     /* and since when */

    struct kc_backlog backlog; /* this and what follows is the thread's */
    struct kc_flight flight;
    struct kc_link *link;
    bool is_blocked; /* connection.blocked */
    int window;      /* so many may be unconfirmed */
    int64_t blocked_since_ms, up_since_ms;
    int64_t connect_at_ms, logged_ms, heard_ms;
    int backoff_ms;
    char return_reason[128];
    size_t answered_count, answered_bytes; /* not yet subtracted above */
};

/* One attempt to connect. */
bool kc_publisher_connect(struct kc_publisher *p, struct kc_error *err) KC_MUST_CHECK;

/* The same after the connection was lost: logs, and plans the next attempt if need be. */
void kc_publisher_reconnect(struct kc_publisher *p);

/* Ends the connection; what was unconfirmed will be published again. */
void kc_publisher_lose(struct kc_publisher *p, const struct kc_error *why);

/* Publishes; false: the connection was lost, which is dealt with. */
bool kc_publisher_write(struct kc_publisher *p, struct kc_publishing *publishing);

/* What the broker has said: whether some of it was read and not yet heard, and what follows
 * from it, without waiting; false: the connection is broken. Where more is to be read, it
 * remains. */
bool kc_publisher_has_heard(const struct kc_publisher *p);
bool kc_publisher_hear(struct kc_publisher *p, struct kc_error *err) KC_MUST_CHECK;

/* Answers and frees. code and reason only where it is not confirmed. */
void kc_publisher_answer(struct kc_publisher *p, struct kc_publishing *publishing,
                         bool is_confirmed, enum kc_code code, const char *reason);

#endif
