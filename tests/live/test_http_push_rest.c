// SPDX-License-Identifier: Apache-2.0
/* test_http_push_rest.c - a partition whose deliveries fail rests, and the others of its
 * subscription go on, on Apache Kafka. */
#include "support/component.h"
#include "support/http.h"
#include "support/serve.h"
#include "support/stub.h"

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

#define SUBSCRIPTIONS "/v1/triggers/consume/subscriptions"

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

static int tidy(void **state)
{
    http_free_all(state);
    stub_stop_all(state);
    return live_tidy(state);
}

/* --- A receiver that cannot take one partition --- */

enum {
    REQUESTS_MAX = 4096
};

struct requests {
    const struct stub_request *list[REQUESTS_MAX];
    size_t count;
};

struct push {
    struct stub *stub;
    const char *topic, *group;
    char id[64];
    char path[160]; /* of the subscription */

    pthread_mutex_t lock; /* of these */
    bool is_ill, is_silent;
    struct requests accepted, refused;

    size_t taken;             /* of the accepted */
    int64_t next[PARTITIONS]; /* offset */
    int64_t again;            /* records that had been accepted before */
};

/* A request's key is TOPIC-PARTITION-FIRST-LAST. */
static int partition_of(const struct push *p, const struct stub_request *r)
{
    return atoi(stub_header(r, "Idempotency-Key") + strlen(p->topic) + 1);
}

static bool decide(void *arg, const struct stub_request *r, struct stub_answer *answer)
{
    struct push *p = arg;
    pthread_mutex_lock(&p->lock);
    bool is_refused = p->is_ill && partition_of(p, r) == ILL;
    struct requests *all = is_refused ? &p->refused : &p->accepted;
    if (all->count < REQUESTS_MAX)
        all->list[all->count++] = r;
    answer->status = is_refused ? 500 : 204;
    answer->never_answers = is_refused && p->is_silent;
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void heal(struct push *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_ill = false;
    pthread_mutex_unlock(&p->lock);
}

static const struct stub_request *get(struct push *p, const struct requests *all, size_t i)
{
    pthread_mutex_lock(&p->lock);
    const struct stub_request *r = i < all->count ? all->list[i] : NULL;
    pthread_mutex_unlock(&p->lock);
    return r;
}

static struct push *prepare(int partitions)
{
    struct push *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    pthread_mutex_init(&p->lock, NULL);
    p->stub = stub_start(NULL);
    p->topic = witness_new_topic(witness, partitions, NULL);
    p->group = witness_fresh_name(witness, "resting");
    snprintf(p->id, sizeof(p->id), "%.60s", p->topic);
    snprintf(p->path, sizeof(p->path), SUBSCRIPTIONS "/%s", p->id);
    p->is_ill = true;
    stub_decide(p->stub, decide, p);
    return p;
}

static void subscribe_at(struct serve *s, struct push *p, const char *config, const char *more)
{
    char body[2048];
    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"config\":{\"topic\":\"%s\",\"groupId\":\"%s\","
             "\"startFrom\":\"earliest\"%s},\"callbackUrl\":\"%s\"%s}",
             p->id, p->topic, p->group, config, stub_url(p->stub, "/hook"), more);
    struct http_answer *a = http_post(s->base, SUBSCRIPTIONS, NULL, json(body));
    assert_http(a, 201);
    http_answer_free(a);
}

static void unsubscribe(struct push *p)
{
    struct http_answer *a = http_delete(server->base, p->path, NULL);
    assert_http(a, 204);
    http_answer_free(a);
}

static void finish_with(struct push *p)
{
    stub_stop(p->stub);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static json_t *show(const struct push *p)
{
    struct http_answer *a = http_get(server->base, p->path, NULL);
    assert_http(a, 200);
    json_t *shown = json_incref(a->json);
    http_answer_free(a);
    return shown;
}

/* --- What came --- */

/* Takes what was accepted since the last time. Of each partition a request begins where one
 * before it ended, or earlier: what was lost would be a gap. */
static void take_accepted(struct push *p)
{
    const struct stub_request *r;
    for (; (r = get(p, &p->accepted, p->taken)); p->taken++) {
        size_t i;
        int64_t *next = &p->next[partition_of(p, r)];
        json_t *body = json_loadb(r->body, r->body_len, 0, NULL), *record;
        json_array_foreach(event_at(body, "messages"), i, record)
        {
            int64_t offset = event_int(record, "offset");
            assert_true(offset <= *next);
            p->again += offset < *next;
            *next = offset >= *next ? offset + 1 : *next;
        }
        json_decref(body);
    }
}

static void wait_until_at(struct push *p, int partition, int64_t offset, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;; usleep(20000)) {
        take_accepted(p);
        if (p->next[partition] >= offset)
            return;
        if (now_ms() > deadline)
            fail_msg("partition %d stands at %lld, not %lld: %s", partition,
                     (long long)p->next[partition], (long long)offset,
                     json_dumps(show(p), JSON_COMPACT));
    }
}

static void wait_for(const struct push *p, const char *path, int64_t count)
{
    int64_t deadline = now_ms() + WAIT_MS;
    for (;; usleep(50000)) {
        json_t *shown = show(p);
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
static void assert_one_was_refused(struct push *p)
{
    const struct stub_request *first = get(p, &p->refused, 0), *r;
    assert_non_null(first);
    for (size_t i = 1; (r = get(p, &p->refused, i)); i++) {
        assert_string_equal(stub_header(r, "webhook-id"), stub_header(first, "webhook-id"));
        assert_int_equal(r->body_len, first->body_len);
        assert_memory_equal(r->body, first->body, first->body_len);
    }
}

/* --- Tests --- */

static void a_partition_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct push *p = prepare(PARTITIONS);
    char metric[200];
    witness_write_numbers(witness, p->topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    int64_t began_ms = now_ms();
    subscribe_at(server, p, ",'sessionTimeoutMs':6000", "");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(p, i, EACH, 60000);

    /* Of the ill partition no more is kept than what is tried, and the place in the group. */
    wait_for(p, "counts.waiting", 1);
    wait_for(p, "lag", EACH); /* nothing of it was accepted */
    snprintf(metric, sizeof(metric),
             "kafka_component_subscription_retrying{subscription=\"%s\"} 1", p->id);
    serve_expect_metric(server, metric, WAIT_MS);
    json_t *shown = show(p);
    assert_event_str(shown, "state", "retrying");
    assert_event_str(shown, "lastError.message", "the receiver answered 500");
    json_decref(shown);
    while (now_ms() < began_ms + 9000) /* longer than the session */
        usleep(50000);
    witness_write_numbers(witness, p->topic, PARTITIONS, 0, 300);
    for (int i = 1; i < PARTITIONS; i++) {
        wait_until_at(p, i, EACH + 100, WAIT_MS);
        assert_true(
            witness_wait_committed(witness, p->group, p->topic, i, EACH + 100, WAIT_MS));
    }
    assert_one_was_refused(p);
    assert_int_equal(p->next[ILL], 0);
    assert_int_equal(witness_committed(witness, p->group, p->topic, ILL), -1);
    assert_null(strstr(serve_log(server), "partitions_lost"));

    heal(p);
    wait_until_at(p, ILL, EACH + 100, 90000);
    assert_int_equal(p->again, 0);
    unsubscribe(p);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, p->group, p->topic, i), EACH + 100);
    finish_with(p);
}

static void one_that_is_not_answered_does_not_either(void **state)
{
    (void)state;
    struct push *p = prepare(PARTITIONS);
    p->is_silent = true;
    witness_write_numbers(witness, p->topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    subscribe_at(server, p, "", ",'timeoutMs':120000");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(p, i, EACH, 60000);
    wait_for(p, "counts.waiting", 1);
    assert_int_equal(p->refused.count, 1); /* it is the first attempt still */
    assert_int_equal(p->again, 0);
    unsubscribe(p);
    finish_with(p);
}

static void a_partition_that_rests_goes_on_where_a_rebalance_takes_it(void **state)
{
    (void)state;
    struct push *p = prepare(PARTITIONS);
    witness_write_numbers(witness, p->topic, PARTITIONS, 0, (int64_t)PARTITIONS * EACH);
    subscribe_at(server, p, "", "");
    for (int i = 1; i < PARTITIONS; i++)
        wait_until_at(p, i, EACH, 60000);
    wait_for(p, "counts.waiting", 1);

    struct serve *second = serve_start(ARGS(no_sign_in()), NULL);
    subscribe_at(second, p, "", "");
    serve_expect_log(second, "partitions_assigned", 30000);
    usleep(3000000); /* it may rest there as well */
    serve_stop(second, 0, WAIT_MS);
    heal(p);
    wait_until_at(p, ILL, EACH, 90000);
    assert_null(strstr(serve_log(server), "partitions_lost"));
    unsubscribe(p);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, p->group, p->topic, i), EACH);
    finish_with(p);
}

#define push_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        push_test(a_partition_that_fails_does_not_hold_up_the_others),
        push_test(one_that_is_not_answered_does_not_either),
        push_test(a_partition_that_rests_goes_on_where_a_rebalance_takes_it),
    };
    return cmocka_run_group_tests_name("live/http_push_rest", tests, setup, teardown);
}
