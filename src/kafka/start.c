// SPDX-License-Identifier: Apache-2.0
#include "kafka/start.h"

#include "base/clock.h"
#include "base/log.h"

#include <time.h>

#define TRY_MS   5000
#define PAUSE_MS 100

static void pause_before_next_try(void)
{
    struct timespec t = { 0, PAUSE_MS * 1000000L };
    nanosleep(&t, NULL);
}

/* --- asking for offsets --- */

static void set_offsets(rd_kafka_topic_partition_list_t *list, int64_t offset)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = offset;
}

/* `when` is a time in ms, RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END. One partition
 * without a leader fails the whole call: it is asked again until the time is over. */
static bool offsets_at(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t when,
                       int wait_ms, struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left;
    while ((left = kc_ms_until(deadline, TRY_MS)) > 0) {
        set_offsets(list, when);
        code = rd_kafka_offsets_for_times(rk, list, left);
        for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            code = list->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        pause_before_next_try();
    }
    kc_kafka_error(err, code, "ask for offsets");
    return false;
}

bool kc_begins_query(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int wait_ms,
                     struct kc_error *err)
{
    return offsets_at(rk, list, RD_KAFKA_OFFSET_BEGINNING, wait_ms, err);
}

bool kc_ends_query(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int wait_ms,
                   struct kc_error *err)
{
    return offsets_at(rk, list, RD_KAFKA_OFFSET_END, wait_ms, err);
}

bool kc_bounds_query(rd_kafka_t *rk, const char *topic, int32_t partition, int wait_ms,
                     int64_t *low, int64_t *end, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *e = rd_kafka_topic_partition_list_add(list, topic, partition);
    bool ok = offsets_at(rk, list, RD_KAFKA_OFFSET_BEGINNING, wait_ms, err);
    *low = e->offset;
    ok = ok && offsets_at(rk, list, RD_KAFKA_OFFSET_END, wait_ms, err);
    *end = e->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* --- the group's own offsets --- */

/* Of the whole commit, or of the first partition that was refused. */
static rd_kafka_resp_err_t committed_code(rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; list && i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = list->elems[i].err;
    return code;
}

bool kc_commit(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int wait_ms,
               struct kc_error *err)
{
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk, offsets, answers, NULL, NULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(answers, wait_ms);
        code = event ? committed_code(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(answers);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return true;
    kc_kafka_error(err, code, "commit offsets");
    return false;
}

rd_kafka_topic_partition_list_t *kc_partitions_query(rd_kafka_t *rk, const char *topic,
                                                     int wait_ms, struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_topic_partition_list_t *list = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left;
    while (!list && (left = kc_ms_until(deadline, TRY_MS)) > 0) {
        const struct rd_kafka_metadata *m;
        rd_kafka_resp_err_t asked = rd_kafka_metadata(rk, 0, handle, &m, left);
        if (asked == RD_KAFKA_RESP_ERR__TIMED_OUT) {
            /* what a broker has said before says more than that the last try was too short */
        } else if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = asked;
        } else {
            code =
                m->topic_cnt == 1 ? m->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            if (code == RD_KAFKA_RESP_ERR_NO_ERROR && m->topics[0].partition_cnt > 0) {
                list = rd_kafka_topic_partition_list_new(m->topics[0].partition_cnt);
                for (int i = 0; i < m->topics[0].partition_cnt; i++)
                    rd_kafka_topic_partition_list_add(list, topic,
                                                      m->topics[0].partitions[i].id);
            }
            rd_kafka_metadata_destroy(m);
        }
        if (!list)
            pause_before_next_try();
    }
    rd_kafka_topic_destroy(handle);
    if (!list)
        kc_kafka_error(err, code, "ask for the partitions of '%s'", topic);
    return list;
}

static bool read_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int wait_ms,
                           struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left;
    while ((left = kc_ms_until(deadline, TRY_MS)) > 0) {
        set_offsets(list, RD_KAFKA_OFFSET_INVALID);
        code = rd_kafka_committed(rk, list, left);
        for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            code = list->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        pause_before_next_try();
    }
    kc_kafka_error(err, code, "ask for committed offsets");
    return false;
}

/* --- deciding --- */

/* The partitions of `list` without a committed offset. */
static rd_kafka_topic_partition_list_t *uncommitted(const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *without = rd_kafka_topic_partition_list_new(list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0)
            rd_kafka_topic_partition_list_add(without, list->elems[i].topic,
                                              list->elems[i].partition);
    }
    return without;
}

/* An offset beyond a partition's end means its end. */
static bool clamp_to_ends(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t offset,
                          int wait_ms, struct kc_error *err)
{
    if (!offsets_at(rk, list, RD_KAFKA_OFFSET_END, wait_ms, err))
        return false;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset > offset)
            list->elems[i].offset = offset;
    }
    return true;
}

/* Where records of this time and later begin. A partition that has none is begun where it ended
 * before it was asked, for one may have come since. */
static bool positions_at_time(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                              int64_t time_ms, int wait_ms, struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(list);
    bool ok = offsets_at(rk, ends, RD_KAFKA_OFFSET_END, wait_ms, err) &&
              offsets_at(rk, list, time_ms, wait_ms, err);
    for (int i = 0; i < list->cnt && ok; i++) {
        if (list->elems[i].offset < 0)
            list->elems[i].offset = ends->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return ok;
}

static bool fresh_positions(rd_kafka_t *rk, const struct kc_start *start, bool is_new,
                            rd_kafka_topic_partition_list_t *fresh, int wait_ms,
                            struct kc_error *err)
{
    switch (start->kind) {
    case KC_START_TIME:
        return positions_at_time(rk, fresh, start->value, wait_ms, err);
    case KC_START_OFFSET:
        return clamp_to_ends(rk, fresh, start->value, wait_ms, err);
    case KC_START_LATEST:
        if (is_new)
            return offsets_at(rk, fresh, RD_KAFKA_OFFSET_END, wait_ms, err);
        break; /* partitions that are younger than the group */
    case KC_START_EARLIEST:
        break;
    }
    return offsets_at(rk, fresh, RD_KAFKA_OFFSET_BEGINNING, wait_ms, err);
}

/* With `latest` the starts of a group that is new here become its offsets before anything is
 * read. */
static bool decide(rd_kafka_t *rk, const struct kc_start *start, bool is_new_group,
                   rd_kafka_topic_partition_list_t *fresh, int wait_ms, struct kc_error *err)
{
    return fresh_positions(rk, start, is_new_group, fresh, wait_ms, err) &&
           (start->kind != KC_START_LATEST || !is_new_group ||
            kc_commit(rk, fresh, wait_ms, err));
}

bool kc_start_resolve(rd_kafka_t *rk, const char *topic, const struct kc_start *start,
                      rd_kafka_topic_partition_list_t *assigned, int wait_ms,
                      struct kc_error *err)
{
    rd_kafka_topic_partition_list_t *all = kc_partitions_query(rk, topic, wait_ms, err);
    if (!all)
        return false;
    bool ok = read_committed(rk, all, wait_ms, err);
    rd_kafka_topic_partition_list_t *fresh = uncommitted(all);
    ok = ok &&
         (fresh->cnt == 0 || decide(rk, start, fresh->cnt == all->cnt, fresh, wait_ms, err));
    for (int i = 0; i < assigned->cnt && ok; i++) {
        rd_kafka_topic_partition_t *a = &assigned->elems[i];
        const rd_kafka_topic_partition_t *from =
            rd_kafka_topic_partition_list_find(fresh, a->topic, a->partition);
        if (!from)
            from = rd_kafka_topic_partition_list_find(all, a->topic, a->partition);
        a->offset = from ? from->offset : RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_topic_partition_list_destroy(fresh);
    rd_kafka_topic_partition_list_destroy(all);
    return ok;
}

/* --- the same for whoever keeps positions elsewhere than in a group --- */

bool kc_start_positions(rd_kafka_t *rk, const struct kc_start *start, bool has_group,
                        rd_kafka_topic_partition_list_t *all, int wait_ms, struct kc_error *err)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    set_offsets(all, RD_KAFKA_OFFSET_INVALID);
    if (has_group && !read_committed(rk, all, wait_ms, err))
        return false;
    rd_kafka_topic_partition_list_t *fresh = uncommitted(all);
    bool ok = fresh->cnt == 0 || fresh_positions(rk, start, fresh->cnt == all->cnt, fresh,
                                                 kc_ms_until(deadline, wait_ms), err);
    for (int i = 0, k = 0; i < all->cnt && ok; i++) { /* both are in the same order */
        if (all->elems[i].offset < 0)
            all->elems[i].offset = fresh->elems[k++].offset;
    }
    rd_kafka_topic_partition_list_destroy(fresh);
    return ok;
}
