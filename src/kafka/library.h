// SPDX-License-Identifier: Apache-2.0
/* library.h - what holds for all of kafka/ in this process. */
#ifndef KC_KAFKA_LIBRARY_H
#define KC_KAFKA_LIBRARY_H

const char *kc_kafka_library(void); /* "librdkafka 2.14.2 (gzip,snappy,ssl,…)" */

/* Addresses that token servers may have although they are refused otherwise (net/address.h);
 * the list is borrowed for good. Before the first client is opened. */
void kc_kafka_allow_token_servers(const char *const *allow);
const char *const *kc_kafka_allowed_token_servers(void);

#endif
