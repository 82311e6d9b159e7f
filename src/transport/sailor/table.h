// SPDX-License-Identifier: Apache-2.0
/* table.h - AMQP header tables that own what they hold. Only field types that the platform's
 * other steps can decode are ever made here: texts, booleans, signed integers.
 *
 * No locks: a table belongs to one thread at a time. */
#ifndef KC_TRANSPORT_SAILOR_TABLE_H
#define KC_TRANSPORT_SAILOR_TABLE_H

#include "base/buf.h"
#include "base/text.h"

#include "transport/sailor/amqp.h"

struct kc_table; /* opaque */

struct kc_table *kc_table_new(void);
struct kc_table *kc_table_copy(const struct kc_table *t); /* deep */
struct kc_table *kc_table_of(const amqp_table_t *native); /* deep; kinds are kept */
void kc_table_free(struct kc_table *t);                   /* NULL is fine */

/* Each replaces a header of the same name. Texts are copied. */
void kc_table_text(struct kc_table *t, const char *name, struct kc_text value);
void kc_table_int(struct kc_table *t, const char *name, int64_t value); /* 64 bits, signed */
void kc_table_bool(struct kc_table *t, const char *name, bool value);
void kc_table_value(struct kc_table *t, const char *name, const amqp_field_value_t *value);
void kc_table_remove(struct kc_table *t, const char *name);

/* By exact name; NULL / KC_NO_TEXT / fallback when absent or of another kind. A number may also
 * be a text of digits, as the platform allows. */
const amqp_field_value_t *kc_table_get(const struct kc_table *t, const char *name);
struct kc_text kc_table_get_text(const struct kc_table *t, const char *name);
int64_t kc_table_get_int(const struct kc_table *t, const char *name, int64_t fallback);

const amqp_table_t *kc_table_native(const struct kc_table *t); /* a loan */

/* Appends all as a JSON object (of bytes that are no text: base64). */
void kc_table_print(const struct kc_table *t, struct kc_buf *out);

#endif
