// SPDX-License-Identifier: Apache-2.0
/* pem.h - PEM texts out of form fields. Private to kafka/. */
#ifndef KC_KAFKA_PEM_H
#define KC_KAFKA_PEM_H

#include "base/faults.h"

/* Puts right what forms, shells and JSON make of a PEM text: "\n" spelled out, blanks where
 * lines ended or no lines at all, indentation, quotes. Takes pem over and returns the text with
 * lines as they belong, or pem itself where a BEGIN lacks its END. NULL is fine. */
char *kc_pem_mend(char *pem) KC_MUST_CHECK;

/* Both add a fault where the text cannot be what it should be; NULL is fine. */
void kc_pem_check_certificate(const char *pem, const char *pointer, struct kc_faults *faults);
void kc_pem_check_key(const char *pem, const char *password, struct kc_faults *faults);

#endif
