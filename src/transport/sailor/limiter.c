// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/limiter.h"

#define LONG_AGO (INT64_MIN / 2)

void kc_limiter_init(struct kc_limiter *l, int limit, int interval_ms)
{
    *l = (struct kc_limiter){
        .limit = limit,
        .interval_ms = interval_ms,
        .opened_ms = LONG_AGO,
    };
}

/* Ends the window if its time is over. One that was waited for is followed by the next at once,
 * however late we woke: else every window would be longer than it should by that much. */
static void turn(struct kc_limiter *l, int64_t now_ms)
{
    int64_t end_ms = l->opened_ms + l->interval_ms;
    if (now_ms < end_ms)
        return;
    bool follows = l->is_waited_for && now_ms - end_ms < l->interval_ms;
    l->opened_ms = follows ? end_ms : LONG_AGO;
    l->used = 0;
    l->is_waited_for = false;
}

int64_t kc_limiter_wait_ms(struct kc_limiter *l, int64_t now_ms)
{
    if (l->limit <= 0 || l->interval_ms <= 0)
        return 0;
    turn(l, now_ms);
    if (l->used < l->limit)
        return 0;
    l->is_waited_for = true;
    return l->opened_ms + l->interval_ms - now_ms;
}

void kc_limiter_start(struct kc_limiter *l, int64_t now_ms)
{
    turn(l, now_ms);
    if (l->opened_ms == LONG_AGO)
        l->opened_ms = now_ms;
    l->used++;
}
