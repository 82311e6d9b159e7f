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

/* The rows keyEncoding, valueEncoding and isolation, for a struct with members of these names:
 * what a record looks like is one thing, whichever way it is read. */
#define KC_RECORD_FIELDS(conf)                                                                 \
    { .name = "keyEncoding",                                                                   \
      .type = KC_CHOICE,                                                                       \
      KC_AT(conf, key_encoding),                                                               \
      .choices = kc_key_encodings,                                                             \
      .fallback = "utf8",                                                                      \
      .label = "Key encoding",                                                                 \
      .help = "How keys are given. A key that is not UTF-8 comes as base64 and says so." },    \
        { .name = "valueEncoding",                                                             \
          .type = KC_CHOICE,                                                                   \
          KC_AT(conf, value_encoding),                                                         \
          .choices = kc_value_encodings,                                                       \
          .fallback = "utf8",                                                                  \
          .label = "Value encoding",                                                           \
          .help = "How values are given; json puts the parsed value into the message. "        \
                  "What is not UTF-8 comes as base64 and says so." },                          \
        { .name = "isolation",                                                                 \
          .type = KC_CHOICE,                                                                   \
          KC_AT(conf, isolation),                                                              \
          .choices = kc_isolations,                                                            \
          .kafka = "isolation.level",                                                          \
          .fallback = "read_committed",                                                        \
          .label = "Isolation",                                                                \
          .help = "Whether records of open or aborted transactions are read." }

/* Adds a fault where topic (NULL is fine: its absence is said elsewhere) is no topic's name. */
void kc_topic_check(const char *topic, struct kc_faults *faults);

/* Reads "latest", "earliest", an ISO 8601 time or an offset; adds a fault where it is none.
 * NULL leaves *start as it is. */
void kc_start_read(const char *text, struct kc_start *start, struct kc_faults *faults);

#endif
