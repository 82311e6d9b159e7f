// SPDX-License-Identifier: Apache-2.0
/* transport.h - a way to drive entry points: a pair of pipes, an HTTP port, later a queue. */
#ifndef KC_TRANSPORT_TRANSPORT_H
#define KC_TRANSPORT_TRANSPORT_H

#include "runtime/entry.h"

struct kc_environment;

/* What `serve` was told; what has a default has it here. Milliseconds and bytes. */
struct kc_http_options {
    const char *listen;
    const char *tls_cert; /* files; NULL: plain HTTP */
    const char *tls_key;
    const char *api_token; /* NULL: none */
    bool no_request_credentials;
    const char *state_dir;             /* where subscriptions survive; NULL: nowhere */
    const char *subscriptions_file;    /* NULL: none */
    const char *const *allow_callback; /* hosts and addresses, ended by NULL */
    int connections_max;
    int connections_per_address;
    int header_ms;
    int body_ms;
    int idle_ms;
};

/* What `sailor` was told. */
struct kc_sailor_options {
    const struct kc_environment *environment; /* platform/environment.h */
    const struct kc_entry *const *entries;    /* what FUNCTION may name; ended by NULL */
};

/* What a run was started with. Borrowed, and outlives the transport. */
struct kc_env {
    const struct kc_entry *entry; /* NULL where requests name it */
    struct kc_step step;
    const struct kc_http_options *http;     /* of kc_http only */
    const struct kc_sailor_options *sailor; /* of kc_sailor only: its step is the platform's */
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

extern const struct kc_transport kc_stdio, kc_http, kc_sailor;

#endif
