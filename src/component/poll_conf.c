// SPDX-License-Identifier: Apache-2.0
#include "component/poll_conf.h"

#include "component/choices.h"
#include "component/poll.h"

const struct kc_field kc_poll_fields[] = {
    { .name = "topic",
      .type = KC_TEXT,
      KC_AT(kc_poll_conf, topic),
      .required = true,
      .label = "Topic",
      .help = "Topic to read." },
    { .name = "groupId",
      .type = KC_TEXT,
      KC_AT(kc_poll_conf, group_id),
      .kafka = "group.id",
      .label = "Group Id",
      .help = "The consumer group whose committed offsets say where to begin without a cursor, "
              "and for which a cursor can be committed. Polling does not join it." },
    { .name = "startFrom",
      .type = KC_TEXT,
      KC_AT(kc_poll_conf, start_from),
      .fallback = "latest",
      .example = "latest, earliest, 2026-01-31T12:00:00Z, 42",
      .label = "Start from",
      .help = "Where to begin without a cursor and without a committed offset: latest, "
              "earliest, an ISO 8601 time, or an offset." },
    KC_RECORD_FIELDS(kc_poll_conf),
    { 0 },
};

const struct kc_field kc_poll_ask_fields[] = {
    { .name = "cursor",
      .type = KC_TEXT,
      KC_AT(kc_poll_ask, cursor),
      .label = "Cursor",
      .help = "Where to go on: the cursor of the answer before." },
    { .name = "maxMessages",
      .type = KC_INT,
      KC_AT(kc_poll_ask, max_messages),
      .min = 1,
      .max = 10000,
      .fallback = "100",
      .label = "Max messages",
      .help = "At most so many records." },
    { .name = "maxBytes",
      .type = KC_INT,
      KC_AT(kc_poll_ask, max_bytes),
      .min = 1024,
      .max = 50 * 1024 * 1024,
      .fallback = "1048576",
      .label = "Max bytes",
      .help = "At most so many bytes of records as JSON, but always one record." },
    { .name = "maxWaitMs",
      .type = KC_INT,
      KC_AT(kc_poll_ask, max_wait_ms),
      .min = 0,
      .max = 60000,
      .fallback = "5000",
      .label = "Max wait (ms)",
      .help = "How long to wait where there are no records." },
    { 0 },
};
