// SPDX-License-Identifier: Apache-2.0
/* model.h - what a form's field can be given: topics, consumer groups, partitions. Any thread;
 * it waits for Kafka, within wait_ms. */
#ifndef KC_COMPONENT_MODEL_H
#define KC_COMPONENT_MODEL_H

#include "base/buf.h"
#include "base/faults.h"
#include "conf/doc.h"

/* The names of all models, ended by NULL. Platforms' spellings (getTopics) are taken too. */
extern const char *const kc_models[];

/* Appends {"value":"label"}. topic: whose partitions; NULL elsewhere. False and err otherwise
 * (NOT_FOUND: no such model); faults then has each wrong field, where that was it. */
bool kc_model(const char *name, const struct kc_doc *credentials, const char *topic,
              int wait_ms, struct kc_buf *out, struct kc_faults *faults,
              struct kc_error *err) KC_MUST_CHECK;

#endif
