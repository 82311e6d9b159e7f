// SPDX-License-Identifier: Apache-2.0
/* describe.h - the field tables as other people read them: component.json in the platform's own
 * dialect, JSON Schema, and a page of documentation. */
#ifndef KC_COMPONENT_DESCRIBE_H
#define KC_COMPONENT_DESCRIBE_H

#include "base/buf.h"
#include "conf/field.h"
#include "runtime/entry.h"
#include "runtime/json.h"

/* component.json. */
void kc_describe_component(struct kc_buf *out);

/* How an entry point's messages look, in the platform's dialect: {"in"?,"out"}. */
void kc_describe_metadata(const struct kc_entry *entry, struct kc_buf *out);

/* The JSON Schema of that name: "credentials", an entry point's fields, or the shape of its
 * messages ("produce.in"). False when there is none. */
bool kc_describe_schema(const char *name, struct kc_buf *out) KC_MUST_CHECK;

/* All fields, as Markdown. */
void kc_describe_markdown(struct kc_buf *out);

/* Writes a table's schema into the open object. As a request has it, no field is required, for
 * the start may give it, and those of the operator are absent. */
void kc_describe_fields(struct kc_json_writer *w, const char *title,
                        const struct kc_field *fields, bool of_request);

/* The same of its fields alone: a property each, into the open object. */
void kc_describe_properties(struct kc_json_writer *w, const struct kc_field *fields,
                            bool of_request);

#endif
