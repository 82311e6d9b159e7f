// SPDX-License-Identifier: Apache-2.0
/* tally.h - counts which of the numbers 0 … count-1 came, and which came twice. */
#ifndef TESTS_SUPPORT_TALLY_H
#define TESTS_SUPPORT_TALLY_H

#include "process.h"

#include <stdint.h>

struct tally {
    int64_t count;
    unsigned char *seen;
    int64_t different; /* numbers that came at least once */
    int64_t again;     /* times that one came which had come before */
};

void tally_init(struct tally *t, int64_t count);
void tally_deinit(struct tally *t);
void tally_add(struct tally *t, int64_t number); /* fails for a number that is none of them */

/* Adds the values of the data events that a child prints, until it has printed `max` of them,
 * its stdout has ended or wait_ms have passed without a line. Returns how many it took. */
int64_t tally_lines(struct tally *t, struct process *p, int64_t max, int wait_ms);

#endif
