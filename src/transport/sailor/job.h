// SPDX-License-Identifier: Apache-2.0
/* job.h - a delivery that is being worked at: what it says, who hears the entry point's words,
 * and when its answer is due.
 *
 * A job is open until its `end` was said and everything that it led to is confirmed; then its
 * delivery is acknowledged, or rejected where an error was said. A trigger's job goes on after
 * its delivery was answered: what it emits later still refers to that.
 *
 * Any thread may speak through the outlet. What a job refers to is fixed when it is made. */
#ifndef KC_TRANSPORT_SAILOR_JOB_H
#define KC_TRANSPORT_SAILOR_JOB_H

#include "base/log.h"
#include "platform/envelope.h"
#include "runtime/message.h"
#include "runtime/outlet.h"
#include "transport/sailor/inbox.h"

#include <stdatomic.h>

struct kc_sailor;

struct kc_job {
    struct kc_outlet outlet;
    struct kc_sailor *sailor;
    struct kc_delivery *delivery; /* NULL once it was answered */

    /* what came; ours, from the delivery */
    char *wire; /* NULL: too large to be kept */
    size_t wire_len;
    struct kc_table *headers;
    struct kc_properties *properties;
    int version;               /* of the protocol */
    struct kc_buf plain;       /* decrypted, */
    struct kc_buf fetched;     /* with bodies from the storage, where some were there, */
    struct kc_envelope in;     /* and taken apart */
    struct kc_text in_step_id; /* KC_NO_TEXT where there was none */
    struct kc_text reply_to;   /* the same */
    bool is_readable;          /* plain and in are there */

    struct kc_table *base;       /* headers of all that it leads to */
    char message_id[KC_ID_SIZE]; /* of errors, snapshots and replies */
    struct kc_log_context log;   /* whom lines about it name; loans of the above */

    atomic_int open;     /* `end` unsaid, and publishings unconfirmed */
    atomic_int errors;   /* said */
    atomic_bool is_lost; /* something it led to was given up: the delivery is to come again */
};

struct kc_job *kc_job_new(struct kc_sailor *s, struct kc_delivery *d);

/* Decrypts and takes apart. INPUT or INPUT_TOO_LARGE when that cannot be done; then only an
 * error can be said. */
bool kc_job_read(struct kc_job *job, struct kc_error *err) KC_MUST_CHECK;

/* The message for an action, in memory of the caller's, which must hold KC_JSON_PADDING zero
 * bytes behind: what kc_message_read() takes. */
char *kc_job_message(struct kc_job *job, size_t *len, struct kc_error *err) KC_MUST_CHECK;

/* Takes a share of it, and gives one back: at the last one the delivery is answered and the job
 * is gone. `end` gives back the share that it was made with. */
void kc_job_hold(struct kc_job *job);
void kc_job_release(struct kc_job *job);

/* Acknowledges a trigger's delivery now; the job goes on. */
void kc_job_accept(struct kc_job *job);

#endif
