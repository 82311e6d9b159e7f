// SPDX-License-Identifier: Apache-2.0
/* metrics.h - numbers about ourselves in Prometheus' text format (0.0.4), histograms, and what
 * the process uses. */
#ifndef KC_RUNTIME_METRICS_H
#define KC_RUNTIME_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>

#define KC_METRICS_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* --- text --- */

struct kc_label {
    const char *name; /* NULL ends a list */
    const char *value;
};

/* Begins a family: its samples follow, all of them before the next one begins. type is
 * "counter", "gauge" or "histogram". */
void kc_metrics_family(struct kc_buf *out, const char *name, const char *type,
                       const char *help);

/* One number; labels may be NULL. */
void kc_metrics_sample(struct kc_buf *out, const char *name, const struct kc_label *labels,
                       double value);

/* --- durations --- */

#define KC_HISTOGRAM_BOUNDS 15

/* Counting takes two atomic additions; any thread. Readers see each number whole, not all of
 * them at one instant. Zeros are an empty one. */
struct kc_histogram {
    _Atomic uint64_t buckets[KC_HISTOGRAM_BOUNDS + 1]; /* not cumulative */
    _Atomic uint64_t sum_us;
};

void kc_histogram_add(struct kc_histogram *h, int64_t us);
uint64_t kc_histogram_count(const struct kc_histogram *h);

/* Its buckets, sum and count, with these labels, in seconds. */
void kc_histogram_print(struct kc_buf *out, const char *name, const struct kc_label *labels,
                        const struct kc_histogram *h);

/* --- the process --- */

/* process_*: CPU seconds, memory, file descriptors, threads, start time. */
void kc_metrics_process(struct kc_buf *out);

#endif
