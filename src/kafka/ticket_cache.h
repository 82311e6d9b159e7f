// SPDX-License-Identifier: Apache-2.0
/* ticket_cache.h - until when the tickets in a file are good. Private to kafka/. */
#ifndef KC_KAFKA_TICKET_CACHE_H
#define KC_KAFKA_TICKET_CACHE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads a ticket cache of MIT's format (version 4) up to its ticket-granting ticket. False
 * where there is none, or the bytes are something else. */
bool kc_ticket_times(struct kc_text bytes, int64_t *start_s, int64_t *end_s);

#endif
