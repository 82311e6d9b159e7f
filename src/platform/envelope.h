// SPDX-License-Identifier: Apache-2.0
/* envelope.h - the message object as it travels between steps, plain: what came in, taken apart
 * without being understood, and what goes out, put together from it.
 *
 * What others wrote is carried as it stood, byte for byte: numbers beyond 64 bits, lone
 * surrogates in a passthrough. Pure functions, but for what the storage is asked; any thread.
 */
#ifndef KC_PLATFORM_ENVELOPE_H
#define KC_PLATFORM_ENVELOPE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"
#include "platform/storage.h"

/* An incoming message object. Values are JSON as it stood, loans of `text`; KC_NO_TEXT where a
 * member is absent. */
struct kc_envelope {
    struct kc_text text; /* all of it; the caller keeps it */
    struct kc_text id, body, headers, passthrough;
};

/* Takes apart. INPUT when it is no JSON object (of members twice, the last counts; depth and
 * size are bounded). */
bool kc_envelope_read(struct kc_envelope *e, struct kc_text text,
                      struct kc_error *err) KC_MUST_CHECK;

/* Appends the message for the entry point: the object without its passthrough, and with
 * reply_to (KC_NO_TEXT: none) in its headers; an absent body is {}, absent headers are {}. */
void kc_envelope_print_message(const struct kc_envelope *e, struct kc_text reply_to,
                               struct kc_buf *out);

/* Fetches bodies that stand in the storage, of the message and its passthrough entries, and
 * rewrites e and *memory (which then keeps the text). Nothing to do: true, and nothing is
 * changed. */
bool kc_envelope_fetch_bodies(struct kc_envelope *e, struct kc_storage *storage,
                              struct kc_buf *memory, struct kc_error *err) KC_MUST_CHECK;

/* The input of a step that handles errors: {"error":base64,"errorInput":base64} in the clear,
 * beside the delivery's headers as JSON, becomes {"body":{"error":…,"errorInput":…},
 * "headers":…}. */
struct kc_cipher;
bool kc_envelope_print_error_input(struct kc_text wire, struct kc_text amqp_headers,
                                   const struct kc_cipher *cipher, struct kc_buf *out,
                                   struct kc_error *err) KC_MUST_CHECK;

enum kc_passthrough {
    KC_PASSTHROUGH_OFF,
    KC_PASSTHROUGH_SELF,   /* what came, and the emitted message under the step's id */
    KC_PASSTHROUGH_NO_SELF /* what came, and the incoming message under its step's id */
};

struct kc_envelope_rules {
    enum kc_passthrough passthrough;
    const char *step_id;
    bool is_lightweight;        /* large bodies go to the storage */
    int64_t storage_threshold;  /* bytes, of all bodies together */
    struct kc_storage *storage; /* NULL: there is none */
};

/* What an entry point emitted. */
struct kc_emitted {
    struct kc_text id;      /* a text, not JSON */
    struct kc_text body;    /* JSON */
    struct kc_text headers; /* JSON object; KC_NO_TEXT: {} */
};

/* Appends the outgoing object to out, and the routing key that its headers ask for (and which
 * is taken out of them) to routing_key, where they ask for one. in_step_id is the incoming AMQP
 * header stepId, KC_NO_TEXT where there was none. */
bool kc_envelope_print(const struct kc_envelope_rules *rules, const struct kc_envelope *in,
                       struct kc_text in_step_id, const struct kc_emitted *m,
                       struct kc_buf *out, struct kc_buf *routing_key,
                       struct kc_error *err) KC_MUST_CHECK;

/* Appends {"error":base64,"errorInput":…}: errors travel so, whatever the protocol version.
 * error_input is what came, on the wire (KC_NO_TEXT: left out), of protocol in_version; in
 * *reply, if not NULL, the base64 of the error alone is appended. */
struct kc_failure {
    const char *name, *message, *stack;
};
bool kc_failure_print(const struct kc_failure *f, const struct kc_cipher *cipher,
                      struct kc_text error_input, int in_version, struct kc_buf *out,
                      struct kc_buf *reply, struct kc_error *err) KC_MUST_CHECK;

#endif
