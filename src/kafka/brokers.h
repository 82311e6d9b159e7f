// SPDX-License-Identifier: Apache-2.0
/* brokers.h - addresses of brokers, as people write them. */
#ifndef KC_KAFKA_BROKERS_H
#define KC_KAFKA_BROKERS_H

#include "base/faults.h"
#include "base/text.h"

/* Makes a list separated by comma, space or newline one of "host:port,[::1]:port"; without a
 * port 9092 is meant. The result is the caller's; NULL when a fault was added at /brokers. */
char *kc_brokers_read(const char *text, struct kc_faults *faults) KC_MUST_CHECK;

#define KC_HOST_SIZE 261

struct kc_broker {
    char host[KC_HOST_SIZE]; /* without brackets */
    int port;
};

/* As people write it: "host:port" or "[::1]:port". */
#define KC_BROKER_SHOWN (KC_HOST_SIZE + 9)
const char *kc_broker_show(const struct kc_broker *b, char out[KC_BROKER_SHOWN]);

/* The next address of a list that kc_brokers_read() made; *list moves on. False at its end. */
bool kc_brokers_next(const char **list, struct kc_broker *out);

#endif
