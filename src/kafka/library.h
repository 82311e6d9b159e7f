// SPDX-License-Identifier: Apache-2.0
/* library.h - which librdkafka is linked. */
#ifndef KC_KAFKA_LIBRARY_H
#define KC_KAFKA_LIBRARY_H

const char *kc_kafka_library(void); /* "librdkafka 2.14.2 (gzip,snappy,ssl,…)" */

#endif
