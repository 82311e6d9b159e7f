// SPDX-License-Identifier: Apache-2.0
/* window.h - which messages of one partition were handed out, and up to where all are settled.
 *
 * A message covers a run of offsets. Only the settled messages at the front move the position
 * that may be committed; one that was refused stays, is handed out again, and holds it back.
 * Knows no librdkafka and takes no lock. */
#ifndef KC_KAFKA_WINDOW_H
#define KC_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kc_fate {
    KC_FATE_OPEN,
    KC_FATE_ACCEPTED,
    KC_FATE_REFUSED
};

struct kc_handed {
    int64_t first, last; /* offsets */
    uint32_t records;
    enum kc_fate fate;
};

struct kc_window {
    struct kc_handed *ring;
    uint32_t size;    /* of the ring, a power of two */
    uint32_t front;   /* sequence number of the oldest message */
    uint32_t next;    /* … and of the one to come */
    int64_t position; /* everything below it is settled; -1 before anything was handed out */
};

void kc_window_init(struct kc_window *w);
void kc_window_deinit(struct kc_window *w);

/* Notes a message as handed out; the answer will come under the number returned. */
uint32_t kc_window_push(struct kc_window *w, int64_t first, int64_t last, uint32_t records);

/* Notes an answer. Accepted messages at the front move the position and leave. Gives the number
 * of records that were answered so; 0 when no answer was due under that number. */
uint32_t kc_window_settle(struct kc_window *w, uint32_t number, bool is_accepted);

/* The oldest refused message, or NULL. */
const struct kc_handed *kc_window_refused(const struct kc_window *w);

/* Whether an answer is due to any message. */
bool kc_window_is_open(const struct kc_window *w);

/* What to do with a record that was fetched (again). */
enum kc_seen {
    KC_NEW,   /* never handed out */
    KC_KNOWN, /* handed out and not refused: skip it */
    KC_AGAIN, /* refused: hand out again, under *number, up to *last */
};
enum kc_seen kc_window_look(const struct kc_window *w, int64_t offset, uint32_t *number,
                            int64_t *last);

/* What lies below `low` does not exist any more: refused messages count as settled so far. */
void kc_window_skip(struct kc_window *w, int64_t low);

/* The offsets begin anew: nothing that was handed out counts any more, answers to it included.
 * Gives the messages that had none yet, and their records, in *records. */
uint32_t kc_window_restart(struct kc_window *w, int64_t low, uint64_t *records);

/* The messages without an answer, and their records. */
uint32_t kc_window_open(const struct kc_window *w, uint64_t *records);

/* A refused message is handed out again. */
void kc_window_again(struct kc_window *w, uint32_t number);

#endif
