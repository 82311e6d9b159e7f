// SPDX-License-Identifier: Apache-2.0
/* transport.h - a way to drive one entry point: a pair of pipes, later an HTTP port or a queue.
 */
#ifndef KC_TRANSPORT_TRANSPORT_H
#define KC_TRANSPORT_TRANSPORT_H

#include "runtime/entry.h"

/* What a run was started with. Borrowed, and outlives the transport. */
struct kc_env {
    const struct kc_entry *entry;
    struct kc_step step;
    int in_fd;
    int out_fd;
    bool acks_on_stdin; /* a trigger's messages are answered by lines on stdin */
    size_t body_max;    /* bytes of one incoming message */
};

struct kc_transport {
    const char *name;

    /* Opens the entry point. *self is the caller's until close(). */
    bool (*open)(void **self, const struct kc_env *env, struct kc_error *err);

    /* Runs until the input ends, the entry point ends, or stop(); then gives the exit code. */
    int (*serve)(void *self);

    /* Any thread, also during serve(). First with the time that the end may take, then, if that
     * was not enough, with 0. */
    void (*stop)(void *self, int drain_ms);

    /* After serve() has returned. NULL is fine. */
    void (*close)(void *self);
};

extern const struct kc_transport kc_stdio;

#endif
