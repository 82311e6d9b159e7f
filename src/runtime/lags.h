// SPDX-License-Identifier: Apache-2.0
/* lags.h - how far the consumers of this process are behind, partition by partition.
 *
 * Each consumer puts its own partitions in now and then and takes them out at its end; whoever
 * shows them reads all. Any thread. At most LAGS_MAX are kept; what is beyond is not shown. */
#ifndef KC_RUNTIME_LAGS_H
#define KC_RUNTIME_LAGS_H

#include <stddef.h>
#include <stdint.h>

struct kc_lags; /* opaque */

struct kc_lag {
    int32_t partition;
    int64_t position; /* all before it is settled */
    int64_t end;      /* of the partition, as far as known */
};

struct kc_lags *kc_lags_new(void);
void kc_lags_free(struct kc_lags *l); /* NULL is fine */

/* From now on these are the partitions of `owner`, a consumer; count 0: it has none. Group and
 * topic are copied. l may be NULL: nobody wants to know. */
void kc_lags_put(struct kc_lags *l, const void *owner, const char *group, const char *topic,
                 const struct kc_lag *list, size_t count);

/* Shows each, under the lock. */
void kc_lags_each(struct kc_lags *l,
                  void (*see)(void *arg, const char *group, const char *topic,
                              const struct kc_lag *lag),
                  void *arg);

#endif
