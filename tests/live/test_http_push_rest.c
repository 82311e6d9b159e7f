// SPDX-License-Identifier: Apache-2.0
/* test_http_push_rest.c - a partition whose deliveries fail rests, and the others of its
 * subscription go on, on Apache Kafka. */
#include "support/push.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PARTITIONS = 3,
    EACH = 20000, /* records; 200 requests, more than a subscription ever reads ahead */
    ILL = 0       /* the partition whose deliveries fail */
};

static struct serve *server;

static int setup(void **state)
{
    if (live_setup(state))
        return -1;
    server = serve_start(ARGS(no_sign_in()), NULL);
    serve_keep(server);
    return 0;
}

static int teardown(void **state)
{
    serve_free(server);
    return live_teardown(state);
}

/* --- A receiver that cannot take one partition --- */

enum {
    REQUESTS_MAX = 4096
};

struct requests {
    const struct stub_request *list[REQUESTS_MAX];
    size_t count;
};

struct receiver {
    struct push push;

    pthread_mutex_t lock; /* of these */
    bool is_ill, is_silent;
    struct requests accepted, refused;

    size_t taken;             /* of the accepted */
    int64_t next[PARTITIONS]; /* offset */
    int64_t again;            /* records that had been accepted before */
};

/* A request's key is TOPIC-PARTITION-FIRST-LAST. */
static int partition_of(const struct receiver *to, const struct stub_request *r)
{
    return atoi(stub_header(r, "Idempotency-Key") + strlen(to->push.topic) + 1);
}

static bool decide(void *arg, const struct stub_request *r, struct stub_answer *answer)
{
    struct receiver *to = arg;
    pthread_mutex_lock(&to->lock);
    bool is_refused = to->is_ill && partition_of(to, r) == ILL;
    struct requests *all = is_refused ? &to->refused : &to->accepted;
    if (all->count < REQUESTS_MAX)
        all->list[all->count++] = r;
    answer->status = is_refused ? 500 : 204;
    answer->never_answers = is_refused && to->is_silent;
    pthread_mutex_unlock(&to->lock);
    return true;
}

static void heal(struct receiver *to)
{
    pthread_mutex_lock(&to->lock);
    to->is_ill = false;
    pthread_mutex_unlock(&to->lock);
}

static const struct stub_request *get(struct receiver *to, const struct requests *all, size_t i)
{
    pthread_mutex_lock(&to->lock);
    const struct stub_request *r = i < all->count ? all->list[i] : NULL;
    pthread_mutex_unlock(&to->lock);
    return r;
}

static struct receiver *prepare(void)
{
    struct receiver *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    pthread_mutex_init(&r->lock, NULL);
    r->is_ill = true;
    r->push = push_prepare(PARTITIONS);
    stub_decide(r->push.stub, decide, r);
    return r;
}

static void finish_with(struct receiver *to)
{
    stub_stop(to->push.stub);
    pthread_mutex_destroy(&to->lock);
    free(to);
}

/* --- What came --- */

/* Takes what was accepted since the last time. Of each partition a request begins where one
 * before it ended, or earlier: what was lost would be a gap. */
static void take_accepted(struct receiver *to)
{
    const struct stub_request *r;
    for (; (r = get(to, &to->accepted, to->taken)); to->taken++) {
        size_t i;
        int64_t *next = &to->next[partition_of(to, r)];
        json_t *body = json_loadb(r->body, r->body_len, 0, NULL), *record;
        json_array_foreach(event_at(body, "messages"), i, record)
        {
            int64_t offset = event_int(record, "offset");
            assert_true(offset <= *next);
            to->again += offset < *next;
            *next = offset >= *next ? offset + 1 : *next;
        }
        json_decref(body);
    }
}

static void wait_until_at(struct receiver *to, int partition, int64_t offset, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;; usleep(20000)) {
        take_accepted(to);
        if (to->next[partition] >= offset)
            return;
        if (now_ms() > deadline)
            fail_msg("partition %d stands at %lld, not %lld: %s", partition,
                     (long long)to->next[partition], (long long)offset,
                     json_dumps(push_show(&to->push), JSON_COMPACT));
    }
}

static void wait_for(const struct receiver *to, const char *path, int64_t count)
{
    int64_t deadline = now_ms() + WAIT_MS;
    for (;; usleep(50000)) {
        json_t *shown = push_show(&to->push);
        bool is_it = !json_is_null(event_at(shown, path)) && event_int(shown, path) == count;
        if (!is_it && now_ms() > deadline)
            fail_msg("%s is not %lld: %s", path, (long long)count,
                     json_dumps(shown, JSON_COMPACT));
        json_decref(shown);
        if (is_it)
            return;
    }
}

/* All that was refused was the partition's first request, again and again. */
static void assert_one_was_refused(struct receiver *to)
{
    const struct stub_request *first = get(to, &to->refused, 0), *r;
    assert_non_null(first);
    for (size_t i = 1; (r = get(to, &to->refused, i)); i++) {
        assert_string_equal(stub_header(r, "webhook-id"), stub_header(first, "webhook-id"));
        assert_int_equal(r->body_len, first->body_len);
        assert_memory_equal(r->body, first->body, first->body_len);
    }
}

static size_t refused(struct receiver *to)
{
    pthread_mutex_lock(&to->lock);
    size_t count = to->refused.count;
    pthread_mutex_unlock(&to->lock);
    return count;
}

static void wait_until_refused(struct receiver *to, size_t count)
{
    int64_t deadline = now_ms() + 60000;
    for (; refused(to) < count; usleep(20000)) {
        if (now_ms() > deadline)
            fail_msg("refused %zu times, not %zu", refused(to), count);
    }
}

/* --- Tests --- */

static void a_partition_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct receiver *to = prepare();
    char metric[200];
    witness_write_numbers(witness, to->push.topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    int64_t began_ms = now_ms();
    push_subscribe(&to->push, server, ",'sessionTimeoutMs':6000", "");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(to, i, EACH, 60000);

    /* Of the ill partition no more is kept than what is tried, and the place in the group. */
    wait_for(to, "counts.waiting", 1);
    wait_for(to, "lag", EACH); /* nothing of it was accepted */
    snprintf(metric, sizeof(metric),
             "kafka_component_subscription_retrying{subscription=\"%s\"} 1", to->push.id);
    serve_expect_metric(server, metric, WAIT_MS);
    json_t *shown = push_show(&to->push);
    assert_event_str(shown, "state", "retrying");
    assert_event_str(shown, "lastError.message", "the receiver answered 500");
    json_decref(shown);
    while (now_ms() < began_ms + 9000) /* longer than the session */
        usleep(50000);
    witness_write_numbers(witness, to->push.topic, PARTITIONS, 0, 300);
    for (int i = 1; i < PARTITIONS; i++) {
        wait_until_at(to, i, EACH + 100, WAIT_MS);
        assert_true(witness_wait_committed(witness, to->push.group, to->push.topic, i,
                                           EACH + 100, WAIT_MS));
    }
    assert_one_was_refused(to);
    assert_int_equal(to->next[ILL], 0);
    assert_int_equal(witness_committed(witness, to->push.group, to->push.topic, ILL), -1);
    assert_null(strstr(serve_log(server), "partitions_lost"));

    heal(to);
    wait_until_at(to, ILL, EACH + 100, 90000);
    assert_int_equal(to->again, 0);
    push_unsubscribe(&to->push);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, to->push.group, to->push.topic, i),
                         EACH + 100);
    finish_with(to);
}

static void one_that_is_not_answered_does_not_either(void **state)
{
    (void)state;
    struct receiver *to = prepare();
    to->is_silent = true;
    witness_write_numbers(witness, to->push.topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    push_subscribe(&to->push, server, "", ",'timeoutMs':120000");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(to, i, EACH, 60000);
    wait_for(to, "counts.waiting", 1);
    assert_int_equal(refused(to), 1); /* it is the first attempt still */
    assert_int_equal(to->again, 0);
    push_unsubscribe(&to->push);
    finish_with(to);
}

static void a_partition_that_rests_goes_on_where_a_rebalance_takes_it(void **state)
{
    (void)state;
    struct receiver *to = prepare();
    witness_write_numbers(witness, to->push.topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    push_subscribe(&to->push, server, "", "");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(to, i, EACH, 60000);
    wait_for(to, "counts.waiting", 1);

    /* It may rest at either of the two, and is tried on. */
    struct serve *second = serve_start(ARGS(no_sign_in()), NULL);
    push_subscribe(&to->push, second, "", "");
    serve_expect_log(second, "partitions_assigned", 30000);
    wait_until_refused(to, refused(to) + 3);
    serve_stop(second, 0, WAIT_MS);
    heal(to);
    wait_until_at(to, ILL, EACH, 90000);
    assert_null(strstr(serve_log(server), "partitions_lost"));
    push_unsubscribe(&to->push);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, to->push.group, to->push.topic, i), EACH);
    finish_with(to);
}

#define push_test(test) cmocka_unit_test_teardown(test, push_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        push_test(a_partition_that_fails_does_not_hold_up_the_others),
        push_test(one_that_is_not_answered_does_not_either),
        push_test(a_partition_that_rests_goes_on_where_a_rebalance_takes_it),
    };
    return cmocka_run_group_tests_name("live/http_push_rest", tests, setup, teardown);
}
