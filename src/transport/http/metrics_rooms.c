// SPDX-License-Identifier: Apache-2.0
#include "transport/http/metrics_rooms.h"

void kc_metrics_rooms(struct kc_service *s, struct kc_buf *out)
{
    (void)s;
    (void)out;
}

void kc_metrics_polled(struct kc_service *s, uint64_t *records, uint64_t *bytes)
{
    (void)s;
    (void)records;
    (void)bytes;
}
