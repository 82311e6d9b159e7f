// SPDX-License-Identifier: Apache-2.0
/* test_replicas.c - several servers with the same file of subscriptions share a topic's six
 * partitions under load, while one is killed, one is added and one is stopped.
 *
 * Nothing may be lost. What comes twice and how long a partition rests at each change is
 * printed: docs/scaling.md tells users what to expect. */
#include "support/component.h"
#include "support/fail.h"
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

#define PARTITIONS      6
#define NUMBERS_MAX     200000
#define TICK_MS         20
#define TICK_RECORDS    30 /* 1,500 a second */
#define STEADY_MS       2000
#define SESSION_MS      20000 /* a machine that is busy for a while is not taken for a death */
#define KILL_BOUND_MS   (SESSION_MS * 4 / 3 + 10000) /* heard with the next heartbeat */
#define CHANGE_BOUND_MS 12000 /* shorter: who is stopped leaves, and is not waited for */

/* --- Whoever is called: counts, on the stub's threads --- */

struct receiver {
    pthread_mutex_t lock;
    unsigned char *seen; /* by number */
    int64_t different, again, batches;
    int64_t last_ms[PARTITIONS];
    int64_t gap_ms[PARTITIONS]; /* the longest rest since begin_change() */
    int64_t again_before;       /* `again` then */
    char fault[200];
};

static void count_record(struct receiver *r, json_t *record, int64_t at_ms)
{
    const char *value = json_string_value(json_object_get(record, "value"));
    const char *partition = json_string_value(json_object_get(record, "partition"));
    long long n = value ? strtoll(value, NULL, 10) : -1;
    long p = partition ? strtol(partition, NULL, 10) : -1;
    if (n < 0 || n >= NUMBERS_MAX || p != n % PARTITIONS) {
        snprintf(r->fault, sizeof(r->fault), "record %s of partition %s", value, partition);
        return;
    }
    if (r->seen[n])
        r->again++;
    else
        r->different++;
    r->seen[n] = 1;
    if (at_ms - r->last_ms[p] > r->gap_ms[p])
        r->gap_ms[p] = at_ms - r->last_ms[p];
    r->last_ms[p] = at_ms;
}

static bool receive(void *arg, const struct stub_request *request, struct stub_answer *answer)
{
    struct receiver *r = arg;
    json_t *batch = json_loads(request->body, 0, NULL);
    json_t *records = json_object_get(batch, "messages"), *record;
    size_t i;
    pthread_mutex_lock(&r->lock);
    if (!json_array_size(records))
        snprintf(r->fault, sizeof(r->fault), "%.150s", request->body);
    json_array_foreach(records, i, record) count_record(r, record, request->at_ms);
    r->batches++;
    pthread_mutex_unlock(&r->lock);
    json_decref(batch);
    answer->status = 204;
    return true;
}

static int64_t different(struct receiver *r)
{
    char fault[sizeof(r->fault)];
    pthread_mutex_lock(&r->lock);
    int64_t n = r->different;
    memcpy(fault, r->fault, sizeof(fault));
    pthread_mutex_unlock(&r->lock);
    if (fault[0])
        fail_msg("the receiver got: %s", fault);
    return n;
}

static void begin_change(struct receiver *r)
{
    pthread_mutex_lock(&r->lock);
    memset(r->gap_ms, 0, sizeof(r->gap_ms));
    r->again_before = r->again;
    pthread_mutex_unlock(&r->lock);
}

/* Whether each partition was delivered after this moment. */
static bool all_came_after(struct receiver *r, int64_t at_ms)
{
    bool all = true;
    pthread_mutex_lock(&r->lock);
    for (int p = 0; p < PARTITIONS; p++)
        all &= r->last_ms[p] > at_ms;
    pthread_mutex_unlock(&r->lock);
    return all;
}

/* --- The load, in the test's own thread --- */

struct load {
    const char *topic;
    int64_t written;
};

static void tick(struct load *l)
{
    int64_t began = now_ms();
    witness_write_numbers(witness, l->topic, PARTITIONS, l->written, TICK_RECORDS);
    l->written += TICK_RECORDS;
    assert_true(l->written < NUMBERS_MAX);
    int64_t left = TICK_MS - (now_ms() - began);
    if (left > 0)
        usleep((useconds_t)left * 1000);
}

static void run_for(struct load *l, int ms)
{
    for (int64_t end = now_ms() + ms; now_ms() < end;)
        tick(l);
}

/* Goes on under load until the change is over everywhere, and says what it cost. */
static void watch_change(struct load *l, struct receiver *r, const char *what, int bound_ms)
{
    int64_t began = now_ms();
    run_for(l, STEADY_MS);
    /* A partition that rests still rests: only one that was delivered lately is over it. */
    while (!all_came_after(r, now_ms() - 500)) {
        if (now_ms() - began > bound_ms + WAIT_MS)
            fail_msg("after '%s' a partition rests for good", what);
        tick(l);
    }
    run_for(l, STEADY_MS);
    int64_t longest = 0;
    pthread_mutex_lock(&r->lock);
    for (int p = 0; p < PARTITIONS; p++)
        longest = r->gap_ms[p] > longest ? r->gap_ms[p] : longest;
    int64_t again = r->again - r->again_before;
    pthread_mutex_unlock(&r->lock);
    print_message("%s: %lld records twice, longest rest of a partition %lld ms\n", what,
                  (long long)again, (long long)longest);
    if (longest > bound_ms)
        fail_msg("'%s' took %lld ms", what, (long long)longest);
}

/* --- Replicas --- */

static char folder[32];

static const char *subscriptions_file(const char *topic, const char *url)
{
    static char path[64];
    snprintf(path, sizeof(path), "%s/subscriptions.json", folder);
    json_t *file = json_pack("[{s:s, s:{s:s, s:s, s:s, s:i}, s:s}]", "id", "cars", "config",
                             "topic", topic, "groupId", "replicas", "startFrom", "earliest",
                             "sessionTimeoutMs", SESSION_MS, "callbackUrl", url);
    assert_non_null(file);
    assert_int_equal(json_dump_file(file, path, 0), 0);
    json_decref(file);
    return path;
}

static struct serve *replica(const char *file)
{
    return serve_start(ARGS(no_sign_in()), ARGS("--subscriptions", file));
}

static bool has_delivered(struct serve *s)
{
    struct http_answer *a = http_get(s->base, "/v1/triggers/consume/subscriptions/cars", NULL);
    assert_http(a, 200);
    bool has = event_int(a->json, "counts.records") > 0;
    http_answer_free(a);
    return has;
}

static void three_replicas_share_six_partitions_and_lose_nothing(void **state)
{
    (void)state;
    struct receiver r = { .lock = PTHREAD_MUTEX_INITIALIZER, .seen = calloc(NUMBERS_MAX, 1) };
    struct load l = { .topic = witness_new_topic(witness, PARTITIONS, NULL) };
    assert_non_null(r.seen);
    struct stub *stub = stub_start(NULL);
    stub_decide(stub, receive, &r);
    const char *file = subscriptions_file(l.topic, stub_url(stub, "/records"));

    struct serve *a = replica(file), *b = replica(file), *c = replica(file);
    while (!has_delivered(a) || !has_delivered(b) || !has_delivered(c))
        tick(&l);

    begin_change(&r);
    serve_kill(b);
    watch_change(&l, &r, "one is killed", KILL_BOUND_MS);

    begin_change(&r);
    struct serve *d = replica(file);
    for (int64_t deadline = now_ms() + WAIT_MS; !has_delivered(d);) { /* it is one of them */
        if (now_ms() > deadline)
            fail_msg("who was added is given nothing");
        tick(&l);
    }
    watch_change(&l, &r, "one is added", CHANGE_BOUND_MS);

    begin_change(&r);
    serve_stop(a, 0, WAIT_MS);
    watch_change(&l, &r, "one is stopped", CHANGE_BOUND_MS);

    int64_t deadline = now_ms() + WAIT_MS;
    while (different(&r) < l.written && now_ms() < deadline)
        usleep(20000);
    print_message("%lld records written, %lld lost, %lld came twice, in %lld batches\n",
                  (long long)l.written, (long long)(l.written - different(&r)),
                  (long long)r.again, (long long)r.batches);
    assert_int_equal(different(&r), l.written);

    serve_stop(c, 0, WAIT_MS);
    serve_stop(d, 0, WAIT_MS);
    stub_stop(stub);
    free(r.seen);
    for (int p = 0; p < PARTITIONS; p++)
        assert_int_equal(witness_committed(witness, "replicas", l.topic, p),
                         l.written / PARTITIONS);
}

static int setup(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/kc-replicas-XXXXXX");
    return mkdtemp(folder) ? live_setup(state) : -1;
}

static int teardown(void **state)
{
    struct run run = run_process(ARGS("rm", "-rf", folder), NULL, "", WAIT_MS);
    run_free(&run);
    return live_teardown(state);
}

static int tidy(void **state)
{
    stub_stop_all(state);
    return live_tidy(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(three_replicas_share_six_partitions_and_lose_nothing, tidy),
    };
    return cmocka_run_group_tests_name("live/replicas", tests, setup, teardown);
}
