// SPDX-License-Identifier: Apache-2.0
#include "runtime/tally.h"

void kc_tally_add(struct kc_tally *t, uint64_t records, uint64_t bytes)
{
    atomic_fetch_add_explicit(&t->records, records, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->bytes, bytes, memory_order_relaxed);
    if (t->total)
        kc_tally_add(t->total, records, bytes);
}

void kc_tally_error(struct kc_tally *t)
{
    atomic_fetch_add_explicit(&t->errors, 1, memory_order_relaxed);
}

void kc_tally_fail(struct kc_tally *t, enum kc_code code)
{
    int exit_code = kc_class_exit(kc_code_class(code));
    int seen = atomic_load(&t->exit_code);
    if (t->by_code)
        atomic_fetch_add_explicit(&t->by_code[code], 1, memory_order_relaxed);
    while (exit_code > seen && !atomic_compare_exchange_weak(&t->exit_code, &seen, exit_code))
        continue;
}
