// SPDX-License-Identifier: Apache-2.0
/* sample.h - consume as a flow builder's "show me an example": a few records, soon, and nothing
 * stays behind. No group is joined or asked for, and nothing is committed.
 *
 * With `latest` these are the youngest records of all partitions; with another start the first
 * from there. Where there is none, those that come first until the wait is over. */
#ifndef KC_COMPONENT_SAMPLE_H
#define KC_COMPONENT_SAMPLE_H

#include "component/consume_body.h"
#include "runtime/entry.h"

#define KC_SAMPLE_COUNT   10
#define KC_SAMPLE_WAIT_MS 20000

struct kc_sample; /* opaque */

/* All borrowed until close. */
struct kc_sample_conf {
    const struct kc_credentials *credentials;
    const char *topic;
    struct kc_start start;
    const char *isolation;         /* "read_committed", "read_uncommitted" */
    struct kc_body_writer *writer; /* used by kc_sample_run()'s thread */
    enum kc_body_style style;
    int batch_size;    /* records of a partition in one message, as consume has it */
    int64_t count_max; /* records; 0: KC_SAMPLE_COUNT */
    int wait_ms;       /* for Kafka and for a first record; 0: KC_SAMPLE_WAIT_MS */
    struct kc_tally *tally;
};

/* Does not wait for a broker. */
bool kc_sample_open(struct kc_sample **out, const struct kc_sample_conf *conf,
                    struct kc_error *err) KC_MUST_CHECK;

/* Hands the examples out and returns when they are answered: refused ones do not come again. An
 * error where Kafka cannot be read. Not `end`. One thread, once. */
void kc_sample_run(struct kc_sample *s, struct kc_outlet *outlet);

/* Hands out no more, and ends within drain_ms (or within 4 s where Kafka does not answer). Any
 * thread; again with a shorter time is fine. */
void kc_sample_stop(struct kc_sample *s, int drain_ms);

void kc_sample_close(struct kc_sample *s); /* after all answers; NULL is fine */

#endif
