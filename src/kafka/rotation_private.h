// SPDX-License-Identifier: Apache-2.0
/* rotation_private.h - rotation.h for those who make clients. Private to kafka/. */
#ifndef KC_KAFKA_ROTATION_PRIVATE_H
#define KC_KAFKA_ROTATION_PRIVATE_H

#include "kafka/client.h"
#include "kafka/rotation.h"

/* What these credentials have become: a copy, the caller's to kc_credentials_free(). */
void kc_rotation_current(const struct kc_credentials *c, struct kc_credentials *now);

/* The client is kept up to date, until leave; health hides each new password. */
void kc_rotation_join(rd_kafka_t *rk, const struct kc_credentials *c, struct kc_health *health);
void kc_rotation_leave(rd_kafka_t *rk); /* before it is destroyed; not joined is fine */

/* A sign-in was refused, or something has succeeded. refused() is true where the credentials
 * were good before in this process, so that new ones may come. */
bool kc_rotation_refused(const struct kc_health *health);
void kc_rotation_accepted(const struct kc_health *health);

#endif
