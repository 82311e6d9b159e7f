// SPDX-License-Identifier: Apache-2.0
/* event.h - an outlet's words as JSON, one event a line: the format of stdout. */
#ifndef KC_RUNTIME_EVENT_H
#define KC_RUNTIME_EVENT_H

#include "base/buf.h"
#include "runtime/outlet.h"

/* Members that stand first in each event, as JSON text with a comma behind each, such as
 * `"line":3,"inReplyTo":null,`; empty where there are none. fresh_id is the message's where it
 * brings none. */
void kc_event_data(struct kc_buf *out, struct kc_text first, const char *fresh_id,
                   const struct kc_data *data);
void kc_event_error(struct kc_buf *out, struct kc_text first, const struct kc_error *err,
                    struct kc_text details);
void kc_event_end(struct kc_buf *out, struct kc_text first);

/* The error object alone: {"name","code","message","retriable","details"?}. */
void kc_error_print(struct kc_buf *out, const struct kc_error *err, struct kc_text details);

#endif
