// SPDX-License-Identifier: Apache-2.0
/* seen.h - knows deliveries again that a broken connection brings back.
 *
 * Two lists: deliveries that are out, and answers that the broker may not have got. Of the
 * latter there are at most as many as the prefetch count on one connection: a delivery beyond
 * it proves that an earlier answer has arrived. Answers that wait for their delivery to come
 * back are kept for OWED_MS, since a broker may take minutes to notice that a connection is
 * gone.
 *
 * No locks. */
#ifndef KC_TRANSPORT_SAILOR_SEEN_H
#define KC_TRANSPORT_SAILOR_SEEN_H

#include "transport/sailor/inbox.h"

struct kc_seen; /* opaque */

enum kc_seen_as {
    KC_SEEN_NEVER,    /* hand it out */
    KC_SEEN_OUT,      /* one that is out; it has the new tag now */
    KC_SEEN_ANSWERED, /* *answer is to be given again */
};

struct kc_seen *kc_seen_new(int prefetch);
void kc_seen_free(struct kc_seen *s); /* not the deliveries that are out; NULL is fine */

/* Over id and body, and over a number that nobody outside knows. */
uint64_t kc_seen_hash(const struct kc_seen *s, struct kc_text id, struct kc_text body);

void kc_seen_add(struct kc_seen *s, struct kc_delivery *d); /* it goes out */
void kc_seen_remove(struct kc_seen *s, struct kc_delivery *d);
size_t kc_seen_out(const struct kc_seen *s);

/* What a delivery is that the broker calls redelivered; d is only looked at. */
enum kc_seen_as kc_seen_match(struct kc_seen *s, const struct kc_delivery *d,
                              enum kc_answer *answer);

/* d's answer was written to its connection, or could not be: that is gone. */
void kc_seen_sent(struct kc_seen *s, const struct kc_delivery *d);
void kc_seen_owed(struct kc_seen *s, const struct kc_delivery *d);

/* The connection broke: what was sent on it may be lost. */
void kc_seen_broke(struct kc_seen *s);

/* How many answers were never written. */
size_t kc_seen_unwritten(const struct kc_seen *s);

#endif
