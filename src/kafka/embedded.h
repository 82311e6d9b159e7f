// SPDX-License-Identifier: Apache-2.0
/* embedded.h - a Kafka cluster inside this process, so that everything can be tried with
 * nothing installed. It keeps little, forgets at exit, knows no sign-in; other clients can
 * connect. */
#ifndef KC_KAFKA_EMBEDDED_H
#define KC_KAFKA_EMBEDDED_H

#include "base/error.h"

struct kc_embedded; /* opaque */

/* Starts one broker on a free loopback port. *out is the caller's until kc_embedded_close(). */
bool kc_embedded_open(struct kc_embedded **out, struct kc_error *err) KC_MUST_CHECK;

/* Makes the topic, so that it can be read before something was written. */
bool kc_embedded_topic(struct kc_embedded *e, const char *topic, int partitions,
                       struct kc_error *err) KC_MUST_CHECK;

const char *kc_embedded_brokers(const struct kc_embedded *e); /* "127.0.0.1:12345" */

void kc_embedded_close(struct kc_embedded *e); /* after all its clients; NULL is fine */

#endif
