// SPDX-License-Identifier: Apache-2.0
/* entry.h - an entry point: what the component can do, whatever drives it.
 *
 * It reads its settings from the step, does no I/O of its own towards the orchestrator, and
 * speaks through outlets. A new one is a file in component/ and a line in its table. */
#ifndef KC_RUNTIME_ENTRY_H
#define KC_RUNTIME_ENTRY_H

#include "conf/field.h"
#include "runtime/message.h"
#include "runtime/outlet.h"
#include "runtime/step.h"

enum kc_kind {
    KC_TRIGGER,
    KC_ACTION
};

/* A member of a message's body, as a flow builder's mapper shows it. */
struct kc_member {
    const char *name; /* NULL ends the table */
    const char *type; /* "string", "number", "array", … */
    bool required;
    const char *title;
    const char *help;
    const struct kc_member *items; /* of an array of objects; NULL otherwise */
};

struct kc_entry {
    const char *name;
    enum kc_kind kind;
    const char *title;
    const char *help;
    const struct kc_field *fields;
    const struct kc_member *in; /* NULL for a trigger */
    const struct kc_member *out;

    /* Reads the step's settings and opens the clients. Does not wait for a broker. */
    bool (*open)(void **self, const struct kc_step *step, struct kc_error *err);

    /* An action takes one message, borrowed for the call, and answers through the outlet from
     * any thread, during the call or later; the outlet is its own until it has said end. It
     * waits while too much is on the way. Called by one thread at a time. A trigger gets no
     * message and returns after it has said end. */
    void (*process)(void *self, struct kc_message *message, struct kc_outlet *outlet);

    /* The end is near: a trigger hands out nothing new and ends when all is answered, within
     * drain_ms. An action goes on until its caller has no more; with drain_ms 0 it answers all
     * that it has with errors, at once. Any thread; again with a shorter time is fine. */
    void (*stop)(void *self, int drain_ms);

    /* After all ends were said. NULL is fine. */
    void (*close)(void *self);

    /* Says what is known of why nothing gets on; false where all is well. Any thread. The slot
     * may be NULL. */
    bool (*trouble)(void *self, struct kc_error *err);
};

#endif
