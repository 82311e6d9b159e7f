// SPDX-License-Identifier: Apache-2.0
/* consume_body.h - a record that was read, as JSON in the shape of schemas/consume.out.json.
 *
 * Bytes never change on the way: what JSON cannot carry as text is given as base64 and marked,
 * so that produce, given the same JSON, writes the same record. */
#ifndef KC_COMPONENT_CONSUME_BODY_H
#define KC_COMPONENT_CONSUME_BODY_H

#include "base/buf.h"
#include "kafka/consumer.h"
#include "runtime/entry.h"

enum kc_encoding {
    KC_UTF8,
    KC_BASE64,
    KC_JSON
};

struct kc_body_writer; /* opaque; keeps its memory between records; one thread at a time */

struct kc_body_writer *kc_body_writer_new(enum kc_encoding key, enum kc_encoding value);
void kc_body_writer_free(struct kc_body_writer *w); /* NULL is fine */

/* Appends the record to out. */
void kc_body_write(struct kc_body_writer *w, const struct kc_fetched *r, struct kc_buf *out);

/* Appends it as a CloudEvent 1.0 in JSON: the value is its data (as JSON where the value's
 * encoding asks for that and it is, as data_base64 where it is no text), the key its
 * partitionkey, and headers are extensions where a CloudEvent may have one of that name and
 * text. */
void kc_body_write_event(struct kc_body_writer *w, const struct kc_fetched *r,
                         struct kc_buf *out);

/* Appends it in the step's style. */
void kc_body_write_as(struct kc_body_writer *w, enum kc_body_style style,
                      const struct kc_fetched *r, struct kc_buf *out);

/* What stands before a record, the first or another one, and behind the last of them, where a
 * message has many. Beyond so many bytes no more are put into one. */
const char *kc_body_before(enum kc_body_style style, bool is_first);
const char *kc_body_behind(enum kc_body_style style);
#define KC_BODY_BATCH_MAX_BYTES (1024 * 1024)

#define KC_EVENT_TYPE           "kafka-component.record.v1"

extern const struct kc_member kc_consume_out[];

#endif
