// SPDX-License-Identifier: Apache-2.0
/* choices.h - settings that every way to consume has, and what may stand in them. */
#ifndef KC_COMPONENT_CHOICES_H
#define KC_COMPONENT_CHOICES_H

#include "base/faults.h"
#include "component/consume_body.h"
#include "conf/field.h"

/* By enum kc_encoding. */
extern const struct kc_choice kc_key_encodings[];
extern const struct kc_choice kc_value_encodings[];

/* librdkafka's own names. */
extern const struct kc_choice kc_isolations[];

/* Adds a fault where topic (NULL is fine: its absence is said elsewhere) is no topic's name. */
void kc_topic_check(const char *topic, struct kc_faults *faults);

/* Reads "latest", "earliest", an ISO 8601 time or an offset; adds a fault where it is none.
 * NULL leaves *start as it is. */
void kc_start_read(const char *text, struct kc_start *start, struct kc_faults *faults);

#endif
