// SPDX-License-Identifier: Apache-2.0
/* message.h - what travels through a flow: elastic.io's message, as JSON text.
 *
 * A message owns its text; the values are loans into the reader's tree and are valid until that
 * reader's next read. Whoever needs the strings for longer takes the text over. */
#ifndef KC_RUNTIME_MESSAGE_H
#define KC_RUNTIME_MESSAGE_H

#include "runtime/json.h"

struct kc_message {
    char *text; /* owned; taken by setting it to NULL. NULL from the start: the bytes are kept
                   by whoever made the message, until its outlet has heard `end` */
    size_t text_len;
    const char *at;            /* the JSON pointer of what it was read from; "" for a text */
    const char *const *beside; /* members of a bare body's object that are none of its own,
                                  ended by NULL; NULL: there are none */
    const struct kc_value *id; /* NULL when absent, as all below but body */
    const struct kc_value *headers;
    const struct kc_value *body;
    const struct kc_value *passthrough;
    bool is_bare;    /* the whole object is the body */
    bool is_skipped; /* an "end" or "error" of our own output, piped in */
};

/* Reads a message whose text (with its padding) becomes the message's own, in any case. An
 * object without a `body` is the body itself; `event` and `inReplyTo` are ignored. */
bool kc_message_read(struct kc_message *m, struct kc_json_reader *reader, char *text,
                     size_t len, struct kc_error *err) KC_MUST_CHECK;

/* The same from a value: a loan, as its text is, of text_len bytes. */
bool kc_message_of(struct kc_message *m, const struct kc_value *root, size_t text_len,
                   struct kc_error *err) KC_MUST_CHECK;

void kc_message_deinit(struct kc_message *m);

#define KC_ID_SIZE 37 /* a UUID and its NUL */

/* A fresh id, unique in the world. Any thread. */
void kc_message_id(char out[KC_ID_SIZE]);

#endif
