// SPDX-License-Identifier: Apache-2.0
/* sample.c
 *
 * Threads    owner   kc_sample_run(): reads, hands out, waits for answers
 *            others  the transport's, answering
 * Memory     count_max records as JSON, and what the reader fetches ahead (4 MiB) */
#include "component/sample.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/examples.h"
#include "kafka/reader.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WAIT_MS      100   /* how long a stop may stay unseen */
#define LOOK_MS      10000 /* how long a new partition may, while nothing comes */
#define SILENT_MS    1000  /* "nothing there" is said only where Kafka was heard within that */
#define REACH_MS     4000  /* and this long it may take to be heard */
#define PAUSE_MS     200   /* between two tries */
#define FURTHER_BACK 4     /* times as far, where too little was found */

struct kc_sample {
    struct kc_sample_conf conf;
    struct kc_reader *reader;
    struct kc_outlet *outlet;
    struct kc_ack ack;
    int64_t deadline_ms;

    struct kc_examples examples;

    /* By partition, while the examples are looked for. */
    struct kc_positions begins, ends;
    struct kc_positions from; /* where it is begun next */
    struct kc_positions back; /* the furthest back that it was begun */
    struct kc_positions at;   /* where it stands */
    struct kc_positions seen; /* how many records came since, in place of an offset */

    atomic_bool is_stopping;
    _Atomic int64_t stop_by_ms;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    size_t unanswered; /* needs lock */
};

/* --- reading --- */

static bool is_over(const struct kc_sample *s)
{
    return atomic_load(&s->is_stopping) || kc_ms_until(s->deadline_ms, 1) == 0;
}

static int64_t at_partition(const struct kc_positions *all, int32_t partition)
{
    const struct kc_position *p = kc_positions_find(all, partition);
    return p ? p->offset : 0;
}

/* Whether all was read that was there when the ends were asked for. */
static bool is_at_ends(struct kc_sample *s)
{
    kc_reader_positions(s->reader, &s->at);
    for (size_t i = 0; i < s->ends.count; i++) {
        const struct kc_position *end = &s->ends.list[i];
        if (at_partition(&s->at, end->partition) < end->offset)
            return false;
    }
    return true;
}

typedef void keep_function(struct kc_examples *e, const struct kc_fetched *r);

static bool read_some(struct kc_sample *s, keep_function *keep, struct kc_error *err)
{
    const struct kc_fetched *r;
    if (!kc_reader_fill(s->reader, kc_ms_until(s->deadline_ms, WAIT_MS), err))
        return false;
    while ((r = kc_reader_peek(s->reader))) {
        keep(&s->examples, r);
        kc_positions_put(&s->seen, r->partition, at_partition(&s->seen, r->partition) + 1);
        kc_reader_pass(s->reader);
    }
    (void)kc_outlet_has_room(s->outlet, 0); /* whoever waits with us has things to do as well */
    return true;
}

static bool read_to_ends(struct kc_sample *s, keep_function *keep, struct kc_error *err)
{
    while (!is_at_ends(s)) {
        if (keep == kc_examples_add && kc_examples_is_full(&s->examples))
            return true;
        if (is_over(s)) {
            if (kc_reader_is_heard(s->reader))
                kc_error_set(err, KC_TIMEOUT, 0, "no record came within %d ms",
                             s->conf.wait_ms);
            else
                kc_reader_complain(s->reader, err);
            return false;
        }
        if (!read_some(s, keep, err))
            return false;
    }
    return true;
}

/* --- the youngest --- */

/* Says from where to read next: partitions that gave too little are read again from further
 * back, the others go on where they are. False where none goes back. */
static bool go_back(struct kc_sample *s, int64_t distance)
{
    bool goes = false;
    for (size_t i = 0; i < s->ends.count; i++) {
        int32_t partition = s->ends.list[i].partition;
        int64_t end = s->ends.list[i].offset, begin = at_partition(&s->begins, partition);
        int64_t from = at_partition(&s->at, partition);
        if (at_partition(&s->back, partition) > begin &&
            at_partition(&s->seen, partition) < (int64_t)s->examples.max) {
            goes = true;
            from = end - begin > distance ? end - distance : begin;
            kc_positions_put(&s->back, partition, from);
            kc_positions_put(&s->seen, partition, 0);
            kc_examples_forget(&s->examples, partition);
        }
        kc_positions_put(&s->from, partition, from);
    }
    return goes;
}

/* So many offsets before a partition's end may hold fewer records: there are marks of
 * transactions, and what was aborted or compacted away. Ends where the partitions stand. */
static bool find_youngest(struct kc_sample *s, struct kc_error *err)
{
    int64_t distance = (int64_t)s->examples.max;
    for (size_t i = 0; i < s->ends.count; i++) {
        kc_positions_put(&s->at, s->ends.list[i].partition, s->ends.list[i].offset);
        kc_positions_put(&s->back, s->ends.list[i].partition, s->ends.list[i].offset);
    }
    while (go_back(s, distance)) {
        if (!kc_reader_seek(s->reader, s->conf.topic, &s->from, s->deadline_ms, err) ||
            !read_to_ends(s, kc_examples_add_youngest, err))
            return false;
        distance *= FURTHER_BACK;
    }
    return kc_reader_seek(s->reader, s->conf.topic, &s->from, s->deadline_ms, err);
}

/* --- looking for them --- */

static void forget_all(struct kc_sample *s)
{
    struct kc_positions *all[] = { &s->begins, &s->ends, &s->from, &s->back, &s->at, &s->seen };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        kc_positions_free(all[i]);
    kc_examples_clear(&s->examples);
    kc_reader_forget_losses(s->reader);
}

static bool find(struct kc_sample *s, struct kc_error *err)
{
    forget_all(s);
    if (!kc_reader_bounds(s->reader, s->conf.topic, &s->begins, &s->ends, s->deadline_ms, err))
        return false;
    if (s->conf.start.kind == KC_START_LATEST)
        return find_youngest(s, err);
    return kc_reader_begin(s->reader, s->conf.topic, &s->conf.start, s->deadline_ms, err) &&
           read_to_ends(s, kc_examples_add, err);
}

static bool wait_for_some(struct kc_sample *s, struct kc_error *err)
{
    while (s->examples.count == 0 && !is_over(s)) {
        if (!kc_reader_look_around(s->reader, LOOK_MS, s->deadline_ms, err) ||
            !read_some(s, kc_examples_add, err))
            return false;
    }
    return s->examples.count > 0 || atomic_load(&s->is_stopping) ||
           kc_reader_look_around(s->reader, SILENT_MS, kc_now_ms() + REACH_MS, err);
}

static void pause_a_little(struct kc_sample *s)
{
    pthread_mutex_lock(&s->lock);
    kc_cond_wait(&s->answered, &s->lock, PAUSE_MS);
    pthread_mutex_unlock(&s->lock);
}

/* What passes, a leader that moved for instance, is waited for. */
static bool look(struct kc_sample *s, struct kc_error *err)
{
    for (;;) {
        kc_error_clear(err);
        if ((find(s, err) && wait_for_some(s, err)) || s->examples.count > 0)
            return true;
        if (kc_code_class(err->code) != KC_CLASS_TRANSIENT || is_over(s))
            return false;
        pause_a_little(s);
    }
}

/* --- handing out --- */

static void on_settled(void *arg, const uint64_t *tags, size_t count, bool is_accepted)
{
    (void)tags;
    (void)is_accepted; /* an example that nobody wants is not needed again */
    struct kc_sample *s = arg;
    pthread_mutex_lock(&s->lock);
    s->unanswered -= count < s->unanswered ? count : s->unanswered;
    pthread_cond_signal(&s->answered);
    pthread_mutex_unlock(&s->lock);
}

static bool wait_for_room(struct kc_sample *s)
{
    while (!atomic_load(&s->is_stopping)) {
        if (kc_outlet_has_room(s->outlet, WAIT_MS))
            return true;
    }
    return false;
}

static void hand_out(struct kc_sample *s, const struct kc_example *first, int64_t last,
                     uint32_t records, struct kc_text body)
{
    const struct kc_positions nowhere = { NULL, 0, 0 };
    const struct kc_origin origin = { s->conf.topic, first->partition, first->offset, last,
                                      records };
    if (!wait_for_room(s))
        return;
    pthread_mutex_lock(&s->lock);
    s->unanswered++;
    pthread_mutex_unlock(&s->lock);
    kc_outlet_data(s->outlet,
                   &(struct kc_data){ .body = body,
                                      .origin = &origin,
                                      .ack = &s->ack,
                                      .tag = (uint64_t)(first - s->examples.list) + 1,
                                      .positions = &nowhere });
}

/* One message for the example and those behind it of the same partition, as many as consume
 * would put into one. They count as said when they have no text any more. */
static void hand_out_batch(struct kc_sample *s, size_t first)
{
    const struct kc_example *e = &s->examples.list[first];
    uint32_t records = 0;
    int64_t last = e->offset;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    for (size_t i = first; i < s->examples.count && records < (uint32_t)s->conf.batch_size &&
                           body.len < KC_BODY_BATCH_MAX_BYTES;
         i++) {
        struct kc_example *next = &s->examples.list[i];
        if (next->partition != e->partition || next->json.len == 0)
            continue;
        kc_buf_puts(&body, kc_body_before(s->conf.style, records == 0));
        kc_buf_text(&body, kc_buf_peek(&next->json));
        kc_buf_clear(&next->json);
        last = next->offset;
        records++;
    }
    kc_buf_puts(&body, kc_body_behind(s->conf.style));
    hand_out(s, e, last, records, kc_buf_peek(&body));
    kc_buf_deinit(&body);
}

static void hand_out_all(struct kc_sample *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->examples.count; i++) {
        const struct kc_example *e = &s->examples.list[i];
        bytes += e->bytes;
        if (s->conf.batch_size == 1 && s->conf.style == KC_BODY_BARE)
            hand_out(s, e, e->offset, 1, kc_buf_peek(&e->json));
        else if (e->json.len > 0)
            hand_out_batch(s, i);
    }
    if (s->examples.count > 0)
        kc_tally_add(s->conf.tally, s->examples.count, bytes);
}

static void wait_until_answered(struct kc_sample *s)
{
    size_t left;
    int wait_ms;
    do {
        (void)kc_outlet_has_room(s->outlet, 0); /* sends off what it was handed */
        pthread_mutex_lock(&s->lock);
        wait_ms = kc_ms_until(atomic_load(&s->stop_by_ms), WAIT_MS);
        if (s->unanswered > 0 && wait_ms > 0)
            kc_cond_wait(&s->answered, &s->lock, wait_ms);
        left = s->unanswered;
        pthread_mutex_unlock(&s->lock);
    } while (left > 0 && wait_ms > 0);
}

void kc_sample_run(struct kc_sample *s, struct kc_outlet *outlet)
{
    struct kc_error err = { 0 };
    s->outlet = outlet;
    s->deadline_ms = kc_now_ms() + s->conf.wait_ms;
    bool ok = look(s, &err);
    if (atomic_load(&s->is_stopping))
        return;
    if (!ok) {
        kc_error_wrap(&err, "show records of '%s'", s->conf.topic);
        kc_tally_fail(s->conf.tally, err.code);
        kc_outlet_error(outlet, &err, KC_NO_TEXT);
        return;
    }
    kc_log(KC_INFO, "sample", KC_S("topic", s->conf.topic),
           KC_I("records", (int64_t)s->examples.count));
    hand_out_all(s);
    wait_until_answered(s);
}

/* --- life --- */

bool kc_sample_open(struct kc_sample **out, const struct kc_sample_conf *conf,
                    struct kc_error *err)
{
    struct kc_sample *s = kc_new0(struct kc_sample);
    s->conf = *conf;
    if (s->conf.wait_ms <= 0)
        s->conf.wait_ms = KC_SAMPLE_WAIT_MS;
    int64_t max = conf->count_max > 0 ? conf->count_max : KC_SAMPLE_COUNT;
    kc_examples_init(&s->examples, (size_t)(max < KC_EXAMPLES_MAX ? max : KC_EXAMPLES_MAX),
                     conf->writer, conf->style);
    s->ack = (struct kc_ack){ .settle = on_settled, .arg = s };
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->answered);
    atomic_store(&s->stop_by_ms, INT64_MAX);
    const struct kc_reader_conf reader = { conf->credentials, NULL, conf->isolation,
                                           &s->is_stopping };
    if (!kc_reader_open(&s->reader, &reader, err)) {
        kc_sample_close(s);
        return false;
    }
    *out = s;
    return true;
}

void kc_sample_stop(struct kc_sample *s, int drain_ms)
{
    int64_t by_ms = kc_now_ms() + drain_ms;
    if (by_ms < atomic_load(&s->stop_by_ms))
        atomic_store(&s->stop_by_ms, by_ms);
    atomic_store(&s->is_stopping, true);
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->answered);
    pthread_mutex_unlock(&s->lock);
}

void kc_sample_close(struct kc_sample *s)
{
    if (!s)
        return;
    if (s->reader)
        forget_all(s);
    kc_reader_close(s->reader);
    kc_examples_deinit(&s->examples);
    pthread_cond_destroy(&s->answered);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
