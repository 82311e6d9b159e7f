// SPDX-License-Identifier: Apache-2.0
/* parts.h - the message objects in an envelope, and those of their bodies that stand in the
 * object storage or go there. Private to the envelope.
 *
 * Several bodies go in parallel, up to 8 at once; each call returns when all of them are done,
 * or given up after the first failure. */
#ifndef KC_PLATFORM_PARTS_H
#define KC_PLATFORM_PARTS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "platform/storage.h"

/* A message object: the message itself, or an entry of a passthrough. Texts are loans. */
struct kc_part {
    struct kc_text name;   /* the entry's, a JSON string */
    struct kc_text object; /* as it stands */
    bool is_incoming;      /* the object is the incoming message: its passthrough is dropped */
    struct kc_text body, headers; /* members of it; KC_NO_TEXT where absent */
    struct kc_buf id;             /* of the stored body; empty where it is not stored */
    struct kc_buf fetched;        /* the body from the storage */
    enum kc_part_fate {
        KC_PART_STAYS,
        KC_PART_FETCHED, /* the body is `fetched` */
        KC_PART_STORED   /* the body is {}, and the id is in the headers */
    } fate;
};

struct kc_parts { /* zeroed at first */
    struct kc_part *list;
    size_t count, capacity;
};

/* The part that was added, a loan until the next is added. */
struct kc_part *kc_parts_add(struct kc_parts *p, struct kc_text name, struct kc_text body,
                             struct kc_text headers);
struct kc_part *kc_parts_add_object(struct kc_parts *p, struct kc_text name,
                                    struct kc_text object);

/* The entries of a passthrough (JSON; may be absent or none), but for that one. */
void kc_parts_add_passthrough(struct kc_parts *p, struct kc_text passthrough,
                              struct kc_text except);
void kc_parts_deinit(struct kc_parts *p);

/* Fetches every body that is stored, or only those that are empty here. */
bool kc_parts_fetch(struct kc_parts *p, bool only_empty, struct kc_storage *storage,
                    struct kc_error *err) KC_MUST_CHECK;

/* Where the bodies have more bytes together than the threshold: stores all of them, but for
 * those of entries that have an id already. */
bool kc_parts_store(struct kc_parts *p, int64_t threshold, struct kc_storage *storage,
                    struct kc_error *err) KC_MUST_CHECK;

/* What replaces an object's members, or is added where it has none; KC_NO_TEXT: they stay. */
struct kc_changes {
    struct kc_text body, headers, passthrough;
    bool drops_passthrough;
};
void kc_object_print(struct kc_text object, const struct kc_changes *changes,
                     struct kc_buf *out);

/* Appends an entry: "name":{…}. */
void kc_part_print(const struct kc_part *part, struct kc_buf *out);

/* Appends a message's headers with the id of its stored body, and without the one that asks for
 * a routing key. */
void kc_headers_print(struct kc_text headers, bool drops_routing_key, struct kc_text id,
                      struct kc_buf *out);

/* In any spelling of capitals. */
bool kc_is_routing_key_header(struct kc_text name);

#endif
