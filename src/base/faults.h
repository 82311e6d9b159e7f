// SPDX-License-Identifier: Apache-2.0
/* faults.h - everything that is wrong with one object, reported at once.
 *
 * Whoever reads an object adds each fault with the JSON pointer of the member concerned; at the
 * end the list becomes one error. A list keeps FAULTS_MAX of them and counts the rest. */
#ifndef KC_BASE_FAULTS_H
#define KC_BASE_FAULTS_H

#include "base/error.h"

#define KC_FAULTS_MAX 50

struct kc_fault {
    char *pointer; /* "/messages/3/value" */
    char *text;    /* "required" */
};

struct kc_faults {
    struct kc_fault list[KC_FAULTS_MAX];
    size_t count;   /* of those kept */
    size_t dropped; /* found beyond them */
    const char *at; /* a loan, put in front of each pointer that is added; NULL: nothing */
};

void kc_faults_init(struct kc_faults *f);
void kc_faults_deinit(struct kc_faults *f);

void kc_faults_add(struct kc_faults *f, const char *pointer, const char *fmt, ...)
    KC_PRINTF(3, 4);

/* True when there are none; otherwise sets err with all that fit, as "/topic: required; …". */
bool kc_faults_none(const struct kc_faults *f, enum kc_code code, struct kc_error *err);

#endif
