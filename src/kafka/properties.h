// SPDX-License-Identifier: Apache-2.0
/* properties.h - extra client properties: `name=value` lines on top of what the fields say.
 *
 * What may be set stands in a list; everything else is refused with a reason. Java's names are
 * understood where they mean the same. Private to kafka/. */
#ifndef KC_KAFKA_PROPERTIES_H
#define KC_KAFKA_PROPERTIES_H

#include "base/faults.h"
#include "kafka/credentials.h"

#include <librdkafka/rdkafka.h>

/* Checks c->properties against the other fields and the linked librdkafka; each wrong line is a
 * fault that names it. No value is quoted but a number that is out of range. */
void kc_properties_check(const struct kc_credentials *c, struct kc_faults *faults);

/* Sets those that belong to this kind of client. They were checked before. */
void kc_properties_apply(const char *properties, rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* What the list says of a property: true when a flow may set it. For the test that walks all
 * properties of the linked librdkafka. */
bool kc_property_is_allowed(const char *name);

#endif
