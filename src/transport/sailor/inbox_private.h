// SPDX-License-Identifier: Apache-2.0
/* inbox_private.h - what the files of the inbox share: inbox.c, which others call, consuming.c,
 * its thread, and inbox_link.c, that thread's connections. */
#ifndef KC_TRANSPORT_SAILOR_INBOX_PRIVATE_H
#define KC_TRANSPORT_SAILOR_INBOX_PRIVATE_H

#include "transport/sailor/delivery.h"
#include "transport/sailor/seen.h"

#include <pthread.h>

#define KC_INBOX_CONNECT_MS 10000

enum kc_start {
    KC_NOT_STARTED,
    KC_START_WANTED,
    KC_STARTED,
    KC_START_FAILED
};

/* Of one connection. */
enum kc_consumer {
    KC_CONSUMER_NONE,
    KC_CONSUMER_ON,
    KC_CONSUMER_FOR_ANSWERS, /* begun after a cancel: only what is out is looked for */
    KC_CONSUMER_CANCELLED
};

struct kc_inbox {
    struct kc_inbox_conf conf;
    char *queue;
    pthread_t thread;
    int wake_fd;

    pthread_mutex_t lock;
    pthread_cond_t changed;      /* needs lock, as what follows */
    struct kc_seen *seen;        /* those out; what it knows of answers is the thread's */
    struct kc_delivery *answers; /* in the order in which they were given */
    struct kc_delivery **answers_end;
    size_t answers_count; /* of those that are still among those out */
    bool has_news;        /* something to look at before waiting */
    bool is_waiting;      /* the thread wants to be woken */
    bool is_cancelled, is_closing;
    int64_t close_by_ms;
    enum kc_start start;
    struct kc_error start_error;

    /* the thread's own */
    struct kc_link *link; /* NULL: none now */
    uint32_t generation;  /* of the link; others may read it with the lock */
    enum kc_consumer consumer;
    char *tag;            /* the consumer's */
    bool is_readable;     /* there is, or may be, something in the socket */
    int64_t looked_at_ms; /* when its heartbeats were seen to last */
    struct kc_delivery_parts parts;
    int failures;        /* connections that came to nothing, in a row */
    int64_t up_at_ms;    /* when this one began */
    int64_t retry_at_ms; /* while there is none */
    int64_t lost_at_ms;  /* 0: nothing is lost */
    int64_t down_at_ms;  /* 0: the broker is there, maybe without our queue; others: lock */
    int64_t said_at_ms;  /* when the log was told last */
    int64_t gone_at_ms;  /* since when the broker has no such queue; 0: it has, or is away */
    bool lost_was_told;
    struct kc_error lost_error;
};

/* What others want of the thread, as of the beginning of a turn. */
struct kc_inbox_wishes {
    bool link, consume, cancel, close;
    int64_t close_by_ms;
    struct kc_delivery *answers;
};

void *kc_inbox_run(void *in);

/* --- The connections; the thread's, but for the first one --- */

bool kc_inbox_connect(struct kc_inbox *in, int timeout_ms, struct kc_error *err) KC_MUST_CHECK;
void kc_inbox_reconnect(struct kc_inbox *in,
                        const struct kc_inbox_wishes *w); /* once it is time */

/* There is no connection now, or none that is of any use. */
void kc_inbox_lose(struct kc_inbox *in, const struct kc_error *err);
void kc_inbox_say_restored(struct kc_inbox *in);

/* Whether on_lost is still to be told, and telling it once it is time. */
bool kc_inbox_is_losing(const struct kc_inbox *in, const struct kc_inbox_wishes *w);
void kc_inbox_tell_lost(struct kc_inbox *in, const struct kc_inbox_wishes *w);

#endif
