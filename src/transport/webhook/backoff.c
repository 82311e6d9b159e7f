// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/backoff.h"

int kc_backoff_ms(unsigned failures, int first_ms, int max_ms, uint32_t chance)
{
    int64_t bound = first_ms;
    for (unsigned i = 1; i < failures && bound < max_ms; i++)
        bound *= 2;
    if (bound > max_ms)
        bound = max_ms;
    if (bound <= KC_BACKOFF_LEAST_MS)
        return KC_BACKOFF_LEAST_MS;
    return KC_BACKOFF_LEAST_MS + (int)(chance % (uint32_t)(bound - KC_BACKOFF_LEAST_MS + 1));
}
