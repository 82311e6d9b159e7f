// SPDX-License-Identifier: Apache-2.0
/* topic.h - what Kafka takes as the name of a topic. */
#ifndef KC_COMPONENT_TOPIC_H
#define KC_COMPONENT_TOPIC_H

#include "base/text.h"

#define KC_TOPIC_RULE                                                                          \
    "a topic's name is 1-249 letters, digits, '.', '_' or '-', and not '.' or '..'"

bool kc_topic_is_valid(struct kc_text name);

#endif
