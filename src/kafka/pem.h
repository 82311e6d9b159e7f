// SPDX-License-Identifier: Apache-2.0
/* pem.h - PEM texts out of form fields. Private to kafka/. */
#ifndef KC_KAFKA_PEM_H
#define KC_KAFKA_PEM_H

#include "base/faults.h"

/* Puts right, where it stands, what a one-line field made of a PEM text: "\n" spelled out, or
 * blanks where lines ended. NULL is fine. */
void kc_pem_mend(char *pem);

/* Both add a fault where the text cannot be what it should be; NULL is fine. */
void kc_pem_check_certificate(const char *pem, const char *pointer, struct kc_faults *faults);
void kc_pem_check_key(const char *pem, const char *password, struct kc_faults *faults);

#endif
