// SPDX-License-Identifier: Apache-2.0
/* outlet.h - what a transport gives an entry point to speak through.
 *
 * An action gets an outlet per message and says `end` to it exactly once; a trigger gets one
 * for its whole life. `data` is asynchronous: it is answered by its ack, once, when the
 * orchestrator has the message or has refused it. No offset is committed, and no incoming
 * message acknowledged, before the acks it depends on. Back-pressure is the bounded number of
 * unanswered `data`. */
#ifndef KC_RUNTIME_OUTLET_H
#define KC_RUNTIME_OUTLET_H

#include "base/error.h"
#include "base/text.h"

struct kc_positions; /* kafka/position.h; here it only passes by */

/* Answers `count` messages at once, by the tags they were given out with. Any thread, never
 * from inside data(); must not block. */
struct kc_ack {
    void (*settle)(void *arg, const uint64_t *tags, size_t count, bool is_accepted);
    void *arg;

    /* Whether the answer to this tag still counts. It does not once the partition went to
     * another member, who hands out the same records: whoever still holds the message may drop
     * it. NULL: it always does. Any thread; must not block. */
    bool (*is_awaited)(void *arg, uint64_t tag);

    /* Commits now what was settled so far, waiting for the broker, and says in *positions (the
     * caller's to free) where the partitions stand then. Only from inside the outlet's
     * has_room(). NULL: the trigger has nothing to commit. */
    bool (*commit)(void *arg, struct kc_positions *positions, struct kc_error *err);

    /* Takes back what cannot go on for now: messages of one partition, all that it was handed
     * out after some message. They come again, the same, when that one and all before it are
     * answered; until then nothing comes of their partition. Only from inside the outlet's
     * has_room(). NULL: the trigger takes nothing back. */
    void (*take_back)(void *arg, const uint64_t *tags, size_t count);
};

/* The records that a trigger's message holds: a run of offsets of one partition. */
struct kc_origin {
    const char *topic;
    int32_t partition;
    int64_t first, last; /* offsets */
    uint32_t records;
};

/* A message on its way to the orchestrator. All of it is a loan for the call, but for the ack,
 * which outlives the outlet. */
struct kc_data {
    struct kc_text body;            /* JSON */
    const struct kc_origin *origin; /* NULL for an action's results */
    const struct kc_ack *ack;       /* NULL where nobody needs the answer */
    uint64_t tag;                   /* what the ack is to be told */
    bool is_failure;                /* it tells of nothing but failures; an error follows */

    /* Where reading goes on for whoever has this message and all before it: of each partition
     * that the trigger has now, and of those that it was to begin (kc_step.from) and has not
     * got yet. NULL for an action's results. */
    const struct kc_positions *positions;

    struct kc_text id;      /* of the message; KC_NO_TEXT: the transport makes one */
    struct kc_text headers; /* of the message, a JSON object; KC_NO_TEXT: none */
};

/* An answer for whoever waits for one, as HTTP has it. Loans. */
struct kc_reply {
    int status;
    struct kc_text body;    /* JSON */
    struct kc_text headers; /* JSON object; KC_NO_TEXT: none */
};

struct kc_outlet {
    const struct kc_outlet_ops *ops;
};

struct kc_outlet_ops {
    /* Hands over a message. May wait while the transport is full. */
    void (*data)(struct kc_outlet *o, const struct kc_data *data);

    /* Tells of a failure. details is a JSON array (borrowed) or absent: wrong fields by
     * pointer, or failed records. */
    void (*error)(struct kc_outlet *o, const struct kc_error *err, struct kc_text details);

    /* Nothing more comes for this message (action) or at all (trigger). */
    void (*end)(struct kc_outlet *o);

    /* Waits up to wait_ms until there is room for more. Triggers ask between two rounds, for
     * they must go on polling and never wait in data(); what was handed over before is sent off
     * now. */
    bool (*has_room)(struct kc_outlet *o, int wait_ms);

    /* Wants the message to come again later, since nothing of it was done. In place of data and
     * error. NULL where the transport has no such thing: then an error is said. */
    void (*rebound)(struct kc_outlet *o, const struct kc_error *err);

    /* Replies to whoever waits for that, beside data. NULL where nobody does. An error needs
     * none: the transport tells it by itself. */
    void (*reply)(struct kc_outlet *o, const struct kc_reply *reply);

    /* Keeps a JSON object for the step's next start: all of it, or (is_update) members that
     * replace theirs. NULL where there is no place for it. */
    void (*snapshot)(struct kc_outlet *o, struct kc_text json, bool is_update);
};

static inline void kc_outlet_data(struct kc_outlet *o, const struct kc_data *data)
{
    o->ops->data(o, data);
}

static inline void kc_outlet_error(struct kc_outlet *o, const struct kc_error *err,
                                   struct kc_text details)
{
    o->ops->error(o, err, details);
}

static inline void kc_outlet_end(struct kc_outlet *o)
{
    o->ops->end(o);
}

static inline bool kc_outlet_has_room(struct kc_outlet *o, int wait_ms)
{
    return o->ops->has_room(o, wait_ms);
}

#endif
