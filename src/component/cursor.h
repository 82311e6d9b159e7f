// SPDX-License-Identifier: Apache-2.0
/* cursor.h - a token that says where each partition of a topic stands.
 *
 * Callers keep it and give it back; to them it is opaque. It is base64url without padding, so
 * it fits into a URL and a header as it is. It grants nothing and holds no secret: whoever
 * comes with one still needs the credentials. A checksum tells a broken token from a whole one;
 * it does not keep anybody from making one. Pure functions: no state, any thread. */
#ifndef KC_COMPONENT_CURSOR_H
#define KC_COMPONENT_CURSOR_H

#include "base/buf.h"
#include "kafka/position.h"

#define KC_CURSOR_MAX_BYTES      (64 * 1024) /* of the token */
#define KC_CURSOR_MAX_PARTITIONS 100000

enum kc_cursor_kind {
    KC_CURSOR_POLL,  /* all partitions of the topic; any server takes it */
    KC_CURSOR_STREAM /* the partitions a stream has touched; only `server` can settle it */
};

/* Zeroed it is an empty poll cursor. Texts and positions are owned: kc_cursor_deinit(). */
struct kc_cursor {
    enum kc_cursor_kind kind;
    char *topic;
    uint64_t number; /* of the stream; of a chain of polls: which warm client may know it */
    char *server;    /* a stream's: "host:port"; NULL otherwise */
    char *group_id;  /* a stream's; NULL otherwise */
    struct kc_positions positions;
};

void kc_cursor_deinit(struct kc_cursor *c); /* leaves it zeroed */

/* Appends the token. False, with a BAD_CURSOR error and nothing appended, when it would pass
 * KC_CURSOR_MAX_BYTES: the topic has too many partitions (4,900 always fit). */
bool kc_cursor_encode(const struct kc_cursor *c, struct kc_buf *out,
                      struct kc_error *err) KC_MUST_CHECK;

/* Reads a token into *c, which need not be initialized and is the caller's to deinit either
 * way. What is broken, cut off, too large or of another version is refused with a BAD_CURSOR
 * error (class input, HTTP 400) that says how to go on without one. */
bool kc_cursor_decode(struct kc_cursor *c, struct kc_text token,
                      struct kc_error *err) KC_MUST_CHECK;

/* Whether the cursor is of this kind and topic; a BAD_CURSOR error names both where not. */
bool kc_cursor_check(const struct kc_cursor *c, enum kc_cursor_kind kind, const char *topic,
                     struct kc_error *err) KC_MUST_CHECK;

#endif
