// SPDX-License-Identifier: Apache-2.0
#include "component/examples.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void kc_examples_init(struct kc_examples *e, size_t max, struct kc_body_writer *writer,
                      enum kc_body_style style)
{
    *e = (struct kc_examples){ .max = max, .writer = writer, .style = style };
    e->list = kc_new0_array(struct kc_example, max);
}

void kc_examples_deinit(struct kc_examples *e)
{
    kc_examples_clear(e);
    free(e->list);
    *e = (struct kc_examples){ .list = NULL };
}

static void drop(struct kc_examples *e, size_t i)
{
    kc_buf_deinit(&e->list[i].json);
    e->count--;
    memmove(&e->list[i], &e->list[i + 1], (e->count - i) * sizeof(*e->list));
}

static void insert(struct kc_examples *e, size_t at, const struct kc_fetched *r, int64_t time)
{
    memmove(&e->list[at + 1], &e->list[at], (e->count - at) * sizeof(*e->list));
    e->count++;
    struct kc_example *x = &e->list[at];
    *x = (struct kc_example){ .partition = r->partition,
                              .offset = r->offset,
                              .time = time,
                              .bytes = r->key.len + r->value.len };
    kc_buf_init(&x->json, KC_BUF_UNBOUNDED); /* by the size of a record */
    kc_body_write_as(e->writer, e->style, r, &x->json);
}

void kc_examples_add(struct kc_examples *e, const struct kc_fetched *r)
{
    if (!kc_examples_is_full(e))
        insert(e, e->count, r, r->timestamp);
}

/* A clock that was set back must not change the order within a partition: a record counts as no
 * older than those before it. */
static int64_t time_of(const struct kc_examples *e, const struct kc_fetched *r)
{
    int64_t time = r->timestamp;
    for (size_t i = 0; i < e->count; i++) {
        if (e->list[i].partition == r->partition && e->list[i].time > time)
            time = e->list[i].time;
    }
    return time;
}

static bool is_before(const struct kc_example *x, const struct kc_fetched *r, int64_t time)
{
    if (x->time != time)
        return x->time < time;
    return x->partition != r->partition ? x->partition < r->partition : x->offset < r->offset;
}

void kc_examples_add_youngest(struct kc_examples *e, const struct kc_fetched *r)
{
    int64_t time = time_of(e, r);
    if (kc_examples_is_full(e)) {
        if (!is_before(&e->list[0], r, time))
            return;
        drop(e, 0);
    }
    size_t at = e->count;
    while (at > 0 && !is_before(&e->list[at - 1], r, time))
        at--;
    insert(e, at, r, time);
}

bool kc_examples_is_full(const struct kc_examples *e)
{
    return e->count == e->max;
}

void kc_examples_forget(struct kc_examples *e, int32_t partition)
{
    for (size_t i = e->count; i-- > 0;) {
        if (e->list[i].partition == partition)
            drop(e, i);
    }
}

void kc_examples_clear(struct kc_examples *e)
{
    while (e->count > 0)
        drop(e, e->count - 1);
}
