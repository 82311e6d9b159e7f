// SPDX-License-Identifier: Apache-2.0
/* storage.h - the platform's object storage, where bodies go that are too large for queues.
 *
 * Objects are encrypted as messages are (raw). A call waits: 3 tries of 10 s, with short
 * pauses, unless REQUEST_MAX_RETRY (0 … 4) and REQUEST_TIMEOUT (500 … 20000 ms) say otherwise;
 * these are read by kc_storage_new(). An error has the HTTP status as its native number, never
 * the token. Any thread. */
#ifndef KC_PLATFORM_STORAGE_H
#define KC_PLATFORM_STORAGE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

struct kc_storage; /* opaque */
struct kc_cipher;
struct kc_http;

#define KC_STORAGE_ID_HEADER "x-ipaas-object-storage-id"

/* All borrowed, and outlive the storage. uri and token may be NULL: then every call fails and
 * says what is missing. */
struct kc_storage_conf {
    struct kc_http *http;
    const struct kc_cipher *cipher;
    const char *uri, *token;
    const char *flow_id, *step_id; /* for x-request-id */
};
struct kc_storage *kc_storage_new(const struct kc_storage_conf *conf);
void kc_storage_free(struct kc_storage *s); /* NULL is fine */

/* Stores a JSON text; appends its id. Several at once are the caller's threads. */
bool kc_storage_put(struct kc_storage *s, struct kc_text json, struct kc_buf *id,
                    struct kc_error *err) KC_MUST_CHECK;

/* Appends what an object was decrypted to: a JSON text, if whoever stored it kept to the rules;
 * nobody has looked at it yet. INPUT for an id that cannot be one. */
bool kc_storage_get(struct kc_storage *s, struct kc_text id, struct kc_buf *json,
                    struct kc_error *err) KC_MUST_CHECK;

#endif
