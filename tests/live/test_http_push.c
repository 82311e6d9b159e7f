// SPDX-License-Identifier: Apache-2.0
/* test_http_push.c - records pushed to a callback, on Apache Kafka: what a request is, in which
 * order they come, and what follows from each answer. */
#include "support/http.h"
#include "support/push.h"
#include "support/tally.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

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

/* --- Subscribing --- */

static struct push subscribe(int partitions, const char *config, const char *more)
{
    struct push p = push_prepare(partitions);
    push_subscribe(&p, server, config, more);
    return p;
}

static void wait_for_state_in(const struct push *p, const char *state, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        json_t *shown = push_show(p);
        bool is_it = strcmp(event_str(shown, "state"), state) == 0;
        if (!is_it && now_ms() > deadline)
            fail_msg("not %s: %s", state, json_dumps(shown, 0));
        json_decref(shown);
        if (is_it)
            return;
        usleep(20000);
    }
}

static void wait_for_state(const struct push *p, const char *state)
{
    wait_for_state_in(p, state, WAIT_MS);
}

static void order(const struct push *p, const char *what)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", p->path, what);
    struct http_answer *a = http_post(server->base, path, NULL, "");
    assert_http(a, 200);
    http_answer_free(a);
}

static void write_one(const struct push *p, const char *value)
{
    struct witness_record record = witness_text("key", value, 0);
    witness_write(witness, p->topic, &record);
}

static json_t *body_of(const struct stub_request *r)
{
    json_t *body = json_loadb(r->body, r->body_len, 0, NULL);
    assert_non_null(body);
    return body;
}

static void assert_same_request(const struct stub_request *a, const struct stub_request *b)
{
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, a->body_len);
    assert_string_equal(stub_header(a, "webhook-id"), stub_header(b, "webhook-id"));
    assert_string_equal(stub_header(a, "Idempotency-Key"), stub_header(b, "Idempotency-Key"));
}

/* --- What a request is --- */

/* HMAC-SHA256 over "ID.TIMESTAMP.BODY" with the bytes that the secret's base64 stands for, as
 * receivers compute it. */
static void assert_signed(const struct stub_request *r, const char *secret)
{
    unsigned char key[128], digest[EVP_MAX_MD_SIZE], text[256];
    const char *base64 = secret + strlen("whsec_");
    int key_len = EVP_DecodeBlock(key, (const unsigned char *)base64, (int)strlen(base64));
    for (size_t i = strlen(base64); base64[i - 1] == '='; i--)
        key_len--;
    char *signed_text = NULL;
    size_t size = 0;
    unsigned int digest_len = 0;
    FILE *memory = open_memstream(&signed_text, &size);
    fprintf(memory, "%s.%s.", stub_header(r, "webhook-id"),
            stub_header(r, "webhook-timestamp"));
    fwrite(r->body, 1, r->body_len, memory);
    fclose(memory);
    HMAC(EVP_sha256(), key, key_len, (unsigned char *)signed_text, size, digest, &digest_len);
    EVP_EncodeBlock(text, digest, (int)digest_len);
    const char *signature = stub_header(r, "webhook-signature");
    assert_non_null(signature);
    assert_memory_equal(signature, "v1,", 3);
    assert_string_equal(signature + 3, (char *)text);
    free(signed_text);
}

static void a_request_has_records_a_key_and_a_signature(void **state)
{
    (void)state;
    struct push p = subscribe(1, "", ",'secret':'" SECRET "'");
    write_one(&p, "one");
    const struct stub_request *r = stub_wait(p.stub, 0, WAIT_MS);
    char key[300];
    snprintf(key, sizeof(key), "%s-0-0-0", p.topic);
    assert_string_equal(r->method, "POST");
    assert_string_equal(r->path, "/hook");
    assert_string_equal(stub_header(r, "Content-Type"), "application/json");
    assert_string_equal(stub_header(r, "webhook-id"), key);
    assert_string_equal(stub_header(r, "Idempotency-Key"), key);
    long long age =
        (long long)time(NULL) - strtoll(stub_header(r, "webhook-timestamp"), NULL, 10);
    assert_in_range(age + 5, 0, 10);
    assert_signed(r, SECRET);
    json_t *body = body_of(r);
    assert_event_str(body, "messages.0.key", "key");
    assert_event_str(body, "messages.0.value", "one");
    assert_event_str(body, "messages.0.partition", "0");
    assert_int_equal(event_int(body, "messages.0.offset"), 0);
    json_decref(body);

    /* The body is one that produce takes. */
    char path[300];
    snprintf(path, sizeof(path), "/v1/actions/produce?topic=%s", p.topic);
    assert_http(http_post(server->base, path, NULL, r->body), 200);
    push_unsubscribe(&p);
}

static void without_a_secret_nothing_is_signed(void **state)
{
    (void)state;
    struct push p = subscribe(1, "", "");
    write_one(&p, "one");
    assert_null(stub_header(stub_wait(p.stub, 0, WAIT_MS), "webhook-signature"));
    push_unsubscribe(&p);
}

static void cloudevents_come_in_a_batch(void **state)
{
    (void)state;
    struct push p = push_prepare(2);
    struct witness_record text = witness_text("k1", "{\"a\":1}", 1),
                          bytes = witness_text("\xff", "\x80\x81", 1),
                          nothing = witness_text(NULL, NULL, 1);
    text.timestamp = 1700000000123;
    text.headers[0] = (struct witness_header){ "traceparent", "00-aa-bb-01", 11 };
    text.headers[1] = (struct witness_header){ "Not-Fit", "x", 1 };
    text.headers[2] = (struct witness_header){ "id", "x", 1 };
    text.header_count = 3;
    witness_write(witness, p.topic, &text);
    witness_write(witness, p.topic, &bytes);
    witness_write(witness, p.topic, &nothing);
    push_subscribe(&p, server, ",'valueEncoding':'json'", ",'format':'cloudevents'");
    const struct stub_request *r = stub_wait(p.stub, 0, WAIT_MS);
    assert_string_equal(stub_header(r, "Content-Type"), "application/cloudevents-batch+json");
    json_t *events = json_loads(r->body, 0, NULL);
    assert_int_equal(json_array_size(events), 3);
    char expected[600];
    snprintf(expected, sizeof(expected), "%s-1-0", p.topic);
    assert_event_str(events, "0.id", expected);
    snprintf(expected, sizeof(expected), "/kafka/%s/1", p.topic);
    assert_event_str(events, "0.source", expected);
    assert_event_str(events, "0.specversion", "1.0");
    assert_event_str(events, "0.type", "kafka-component.record.v1");
    assert_event_str(events, "0.time", "2023-11-14T22:13:20.123Z");
    assert_event_str(events, "0.partitionkey", "k1");
    assert_event_str(events, "0.traceparent", "00-aa-bb-01");
    assert_null(event_at(events, "0.Not-Fit"));
    assert_event_str(events, "0.datacontenttype", "application/json");
    assert_json(events, "0.data", "{\"a\":1}");
    assert_event_str(events, "0.kafkaoffset", "0");
    assert_int_equal(event_int(events, "0.kafkapartition"), 1);
    assert_event_str(events, "1.data_base64", "gIE=");
    assert_event_str(events, "1.datacontenttype", "application/octet-stream");
    assert_event_str(events, "1.partitionkey", "/w==");
    assert_event_str(events, "1.keyencoding", "base64");
    assert_null(event_at(events, "2.data"));
    assert_null(event_at(events, "2.data_base64"));
    assert_null(event_at(events, "2.partitionkey"));
    json_decref(events);
    push_unsubscribe(&p);
}

/* --- Order --- */

enum {
    PARTITIONS = 4
};

struct watch {
    pthread_mutex_t lock;
    int open[PARTITIONS], open_in_all;
    int most[PARTITIONS], most_in_all;
};

static int partition_of(const struct stub_request *r)
{
    json_t *body = body_of(r);
    int partition = atoi(event_str(body, "messages.0.partition"));
    json_decref(body);
    return partition;
}

/* Runs while a request waits for its answer, so it sees those that wait at the same time. */
static bool watch_overlap(void *arg, const struct stub_request *r, struct stub_answer *answer)
{
    struct watch *w = arg;
    int p = partition_of(r);
    pthread_mutex_lock(&w->lock);
    w->open[p]++;
    w->open_in_all++;
    w->most[p] = w->open[p] > w->most[p] ? w->open[p] : w->most[p];
    w->most_in_all = w->open_in_all > w->most_in_all ? w->open_in_all : w->most_in_all;
    pthread_mutex_unlock(&w->lock);
    usleep(20000);
    pthread_mutex_lock(&w->lock);
    w->open[p]--;
    w->open_in_all--;
    pthread_mutex_unlock(&w->lock);
    answer->status = 204;
    return true;
}

/* Adds a request's records; each partition's offsets must go on where they stood. */
static void take_in_order(struct tally *tally, const struct stub_request *r, int64_t *next)
{
    size_t i;
    json_t *body = body_of(r), *record;
    json_array_foreach(event_at(body, "messages"), i, record)
    {
        int p = atoi(event_str(record, "partition"));
        assert_int_equal(event_int(record, "offset"), next[p]);
        next[p]++;
        tally_add(tally, strtoll(event_str(record, "value"), NULL, 10));
    }
    json_decref(body);
}

static void order_stays_with_one_request_a_partition(void **state)
{
    (void)state;
    const int64_t records = 8000;
    struct watch watch = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct push p = push_prepare(PARTITIONS);
    stub_decide(p.stub, watch_overlap, &watch);
    witness_write_numbers(witness, p.topic, PARTITIONS, 0, records);
    push_subscribe(&p, server, "", "");

    struct tally tally;
    int64_t next[PARTITIONS] = { 0 };
    tally_init(&tally, records);
    for (size_t i = 0; tally.different < records; i++)
        take_in_order(&tally, stub_wait(p.stub, i, WAIT_MS), next);
    assert_int_equal(tally.again, 0);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(watch.most[i], 1);
    assert_true(watch.most_in_all > 1);

    push_unsubscribe(&p);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(witness_committed(witness, p.group, p.topic, i), records / PARTITIONS);
    stub_decide(p.stub, NULL, NULL);
    tally_deinit(&tally);
}

/* --- What follows from an answer --- */

static void retry_after_in_seconds_is_kept(void **state)
{
    (void)state;
    struct push p = push_prepare(1);
    stub_next(p.stub,
              &(struct stub_answer){ .status = 429, .headers = ARGS("Retry-After: 2") });
    push_subscribe(&p, server, "", "");
    write_one(&p, "one");
    const struct stub_request *first = stub_wait(p.stub, 0, WAIT_MS),
                              *second = stub_wait(p.stub, 1, WAIT_MS);
    assert_in_range(second->at_ms - first->at_ms, 1990, 9000);
    assert_same_request(first, second);
    push_unsubscribe(&p);
}

/* The first request is to come again four seconds after it came; the date is made then. */
static bool decide_by_date(void *arg, const struct stub_request *r, struct stub_answer *answer)
{
    static char date[80];
    static const char *const headers[] = { date, NULL };
    atomic_bool *was_asked = arg;
    time_t then = time(NULL) + 4;
    struct tm tm;
    (void)r;
    if (atomic_exchange(was_asked, true))
        return false;
    strftime(date, sizeof(date), "Retry-After: %a, %d %b %Y %H:%M:%S GMT",
             gmtime_r(&then, &tm));
    answer->status = 503;
    answer->headers = headers;
    return true;
}

static void retry_after_as_a_date_is_kept(void **state)
{
    (void)state;
    static atomic_bool was_asked;
    struct push p = push_prepare(1);
    stub_decide(p.stub, decide_by_date, &was_asked);
    push_subscribe(&p, server, "", "");
    write_one(&p, "one");
    const struct stub_request *first = stub_wait(p.stub, 0, WAIT_MS),
                              *second = stub_wait(p.stub, 1, WAIT_MS);
    assert_same_request(first, second);
    /* a date has no fractions; later than any first back-off it is in any case */
    assert_in_range(second->at_ms - first->at_ms, 1990, 12000);
    push_unsubscribe(&p);
}

static void failures_back_off_with_jitter_and_the_same_bytes(void **state)
{
    (void)state;
    enum {
        ATTEMPTS = 6,
        LATE_MS = 5000 /* what a busy machine adds to a wait */
    };
    struct push p = push_prepare(1);
    stub_always(p.stub, &(struct stub_answer){ .status = 500, .body = "out of order" });
    push_subscribe(&p, server, "", ",'secret':'" SECRET "'");
    write_one(&p, "one");
    int64_t longest = 0, bound = 500;
    const struct stub_request *first = stub_wait(p.stub, 0, WAIT_MS), *before = first;
    for (size_t i = 1; i < ATTEMPTS; i++, bound *= 2) {
        const struct stub_request *r = stub_wait(p.stub, i, (int)bound + WAIT_MS);
        int64_t gap = r->at_ms - before->at_ms;
        assert_same_request(first, r);
        assert_signed(r, SECRET); /* anew: the timestamp is the attempt's */
        assert_in_range(gap, 45, bound + LATE_MS);
        longest = gap > longest ? gap : longest;
        before = r;
    }
    assert_true(longest > 500); /* by chance once in 500,000 runs it is not */
    json_t *shown = push_show(&p);
    assert_event_str(shown, "state", "retrying");
    assert_int_equal(event_int(shown, "lastError.status"), 500);
    assert_event_str(shown, "lastError.message", "the receiver answered 500: out of order");
    assert_int_equal(event_int(shown, "counts.records"), 0);
    json_decref(shown);

    stub_always(p.stub, &(struct stub_answer){ .status = 200 });
    wait_for_state_in(&p, "running", (int)bound + WAIT_MS); /* with the next attempt */
    push_unsubscribe(&p);
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), 1);
}

static void a_4xx_pauses_and_a_resume_goes_on_with_the_same_bytes(void **state)
{
    (void)state;
    struct push p = push_prepare(1);
    stub_always(p.stub, &(struct stub_answer){ .status = 400, .body = "no\nsuch field" });
    write_one(&p, "one");
    write_one(&p, "two");
    push_subscribe(&p, server, "", "");
    const struct stub_request *first = stub_wait(p.stub, 0, WAIT_MS);
    wait_for_state(&p, "paused");
    json_t *shown = push_show(&p);
    assert_event_str(shown, "reason", "the receiver answered 400: no such field");
    assert_int_equal(event_int(shown, "lastError.status"), 400);
    json_decref(shown);
    write_one(&p, "three");
    usleep(700000);
    assert_int_equal(stub_count(p.stub), 1); /* it really waits */
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), -1);

    stub_always(p.stub, &(struct stub_answer){ .status = 204 });
    order(&p, "resume");
    assert_same_request(first, stub_wait(p.stub, 1, WAIT_MS));
    json_t *body = body_of(stub_wait(p.stub, 2, WAIT_MS));
    assert_event_str(body, "messages.0.value", "three");
    json_decref(body);
    wait_for_state(&p, "running");
    push_unsubscribe(&p);
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), 3);
}

static void a_redirect_pauses_and_is_not_followed(void **state)
{
    (void)state;
    struct push p = push_prepare(1);
    char location[200];
    snprintf(location, sizeof(location), "Location: %s", stub_url(p.stub, "/elsewhere"));
    stub_always(p.stub, &(struct stub_answer){ .status = 307, .headers = ARGS(location) });
    push_subscribe(&p, server, "", "");
    write_one(&p, "one");
    wait_for_state(&p, "paused");
    assert_int_equal(stub_count(p.stub), 1);
    json_t *shown = push_show(&p);
    assert_event_str(shown, "reason", "the receiver answered 307");
    json_decref(shown);
    push_unsubscribe(&p);
}

static void a_receiver_that_is_too_slow_gets_it_again(void **state)
{
    (void)state;
    struct push p = push_prepare(1);
    stub_next(p.stub, &(struct stub_answer){ .status = 204 });
    stub_next(p.stub, &(struct stub_answer){ .never_answers = true });
    push_subscribe(&p, server, "", ",'timeoutMs':1000");
    write_one(&p, "zero");
    stub_wait(p.stub, 0, WAIT_MS); /* from now on a record is on the wire at once */
    int64_t began = now_ms();
    write_one(&p, "one");
    const struct stub_request *first = stub_wait(p.stub, 1, WAIT_MS),
                              *second = stub_wait(p.stub, 2, WAIT_MS);
    assert_same_request(first, second);
    assert_in_range(second->at_ms - began, 1000 + 50, 9000); /* the usual time-out is 30 s */
    json_t *shown = push_show(&p);
    assert_event_str(shown, "lastError.code", "timeout");
    json_decref(shown);
    push_unsubscribe(&p);
}

static void a_receiver_that_is_away_gets_all_when_it_is_back(void **state)
{
    (void)state;
    const int64_t records = 3000;
    struct push p = push_prepare(PARTITIONS);
    int port = stub_port(p.stub);
    push_subscribe(&p, server, "", "");
    stub_stop(p.stub);
    witness_write_numbers(witness, p.topic, PARTITIONS, 0, records);
    wait_for_state(&p, "retrying");
    json_t *shown = push_show(&p);
    assert_event_str(shown, "lastError.code", "unreachable");
    /* looked at now and then: what nobody has accepted is behind */
    for (int64_t by_ms = now_ms() + WAIT_MS;
         json_is_null(event_at(shown, "lag")) || event_int(shown, "lag") != records;) {
        assert_true(now_ms() < by_ms);
        json_decref(shown);
        usleep(50000);
        shown = push_show(&p);
    }
    json_decref(shown);

    p.stub = stub_start(&(struct stub_options){ .port = port });
    struct tally tally;
    int64_t next[PARTITIONS] = { 0 };
    tally_init(&tally, records);
    for (size_t i = 0; tally.different < records; i++) /* a wait doubles what was waited */
        take_in_order(&tally, stub_wait(p.stub, i, 4 * WAIT_MS), next);
    assert_int_equal(tally.again, 0);
    tally_deinit(&tally);
    push_unsubscribe(&p);
}

static void what_one_receiver_refuses_does_not_hold_up_another(void **state)
{
    (void)state;
    struct push dead = push_prepare(1), alive = push_prepare(1);
    stub_always(dead.stub, &(struct stub_answer){ .never_answers = true });
    push_subscribe(&dead, server, "", "");
    push_subscribe(&alive, server, "", "");
    write_one(&dead, "one");
    stub_wait(dead.stub, 0, WAIT_MS);
    write_one(&alive, "one");
    stub_wait(alive.stub, 0, WAIT_MS); /* long before the other one's time-out, 30 s */
    push_unsubscribe(&dead); /* nor does its end wait for an answer longer than it may */
    push_unsubscribe(&alive);
}

static void while_it_waits_the_group_is_kept(void **state)
{
    (void)state;
    struct push p = push_prepare(1);
    /* Each try a second later: the back-off's own waits would outlast the test's. */
    stub_always(p.stub,
                &(struct stub_answer){ .status = 503, .headers = ARGS("Retry-After: 1") });
    push_subscribe(&p, server, ",'sessionTimeoutMs':6000", "");
    size_t before = strlen(serve_log(server));
    write_one(&p, "one");
    stub_wait(p.stub, 0, WAIT_MS);
    usleep(9000000); /* longer than the session */
    assert_null(strstr(serve_log(server) + before, "partitions_lost"));
    stub_always(p.stub, &(struct stub_answer){ .status = 204 });
    wait_for_state(&p, "running");
    push_unsubscribe(&p);
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), 1);
}

/* Of each partition the last request that came, by the receiver's clock; 0: none. */
static void last_of_each(struct stub *stub, int64_t at_ms[2])
{
    const struct stub_request *r;
    at_ms[0] = at_ms[1] = 0;
    for (size_t i = 0; (r = stub_get(stub, i)); i++)
        at_ms[partition_of(r)] = r->at_ms;
}

static void what_went_to_another_member_is_not_sent_again(void **state)
{
    (void)state;
    struct push p = push_prepare(2);
    stub_always(p.stub, &(struct stub_answer){ .status = 500 });
    witness_write_numbers(witness, p.topic, 2, 0, 20);
    push_subscribe(&p, server, "", "");
    int64_t last[2] = { 0 }, others[2] = { 0 };
    for (int64_t by = now_ms() + WAIT_MS; !last[0] || !last[1]; usleep(10000)) {
        assert_true(now_ms() < by);
        last_of_each(p.stub, last);
    }

    struct serve *second = serve_start(ARGS(no_sign_in()), NULL);
    struct push q = p;
    q.stub = stub_start(NULL);
    push_subscribe(&q, second, "", "");
    stub_wait(q.stub, 0, WAIT_MS * 2); /* what the first one could not deliver */
    int64_t handed_over_ms = now_ms();
    last_of_each(q.stub, others);
    int moved = others[0] ? 0 : 1;
    stub_always(p.stub, &(struct stub_answer){ .status = 204 });
    for (int64_t by = now_ms() + 90000;
         witness_committed(witness, p.group, p.topic, !moved) < 10; usleep(50000))
        assert_true(now_ms() < by);
    wait_for_state(&p, "running");
    last_of_each(p.stub, last);
    assert_true(last[moved] < handed_over_ms);
    last_of_each(q.stub, others);
    assert_int_equal(others[!moved], 0);
    serve_stop(second, 0, WAIT_MS);
    push_unsubscribe(&p);
}

/* --- The end --- */

static void a_stop_waits_for_what_is_on_the_wire(void **state)
{
    (void)state;
    struct serve *own = serve_start(ARGS(no_sign_in()), NULL);
    struct push p = push_prepare(1);
    stub_always(p.stub, &(struct stub_answer){ .status = 200, .delay_ms = 1500 });
    push_subscribe(&p, own, "", "");
    write_one(&p, "one");
    stub_wait(p.stub, 0, WAIT_MS);
    serve_stop(own, 0, WAIT_MS);
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), 1);
}

static void a_stop_does_not_wait_for_a_receiver_that_fails(void **state)
{
    (void)state;
    struct serve *own = serve_start(ARGS(no_sign_in()), NULL);
    struct push p = push_prepare(1);
    stub_always(p.stub, &(struct stub_answer){ .status = 500 });
    push_subscribe(&p, own, "", "");
    write_one(&p, "one");
    stub_wait(p.stub, 2, WAIT_MS);
    int64_t began = now_ms();
    serve_stop(own, 0, WAIT_MS);
    assert_true(now_ms() - began < 7000); /* sooner than a stop gives up */
    assert_int_equal(witness_committed(witness, p.group, p.topic, 0), -1);
}

/* --- kill -9 --- */

/* Takes what came since the last time. Of each partition a request begins where one before it
 * ended, or earlier: what was lost would be a gap. */
static void take_all(struct tally *tally, struct stub *stub, size_t *taken, int64_t *next)
{
    const struct stub_request *r;
    for (; (r = stub_get(stub, *taken)); (*taken)++) {
        size_t i;
        json_t *body = body_of(r), *record;
        json_array_foreach(event_at(body, "messages"), i, record)
        {
            int p = atoi(event_str(record, "partition"));
            int64_t offset = event_int(record, "offset");
            assert_true(offset <= next[p]);
            next[p] = offset >= next[p] ? offset + 1 : next[p];
            tally_add(tally, strtoll(event_str(record, "value"), NULL, 10));
        }
        json_decref(body);
    }
}

static void wait_for_all(struct tally *tally, struct stub *stub, size_t *taken, int64_t *next,
                         unsigned int seed)
{
    int64_t deadline = now_ms() + 60000;
    while (tally->different < tally->count && now_ms() < deadline) {
        take_all(tally, stub, taken, next);
        usleep(20000);
    }
    if (tally->different < tally->count)
        fail_msg("%lld of %lld records were lost (seed %u)",
                 (long long)(tally->count - tally->different), (long long)tally->count, seed);
}

/* Waits until so many requests came; what the server logged last says why they did not. */
static void wait_for_count(struct serve *s, struct stub *stub, size_t count)
{
    int64_t deadline = now_ms() + 60000;
    while (stub_count(stub) < count) {
        if (now_ms() > deadline) {
            const char *log = serve_log(s);
            size_t size = strlen(log);
            fail_msg("%zu of %zu requests came; the log ends\n%s", stub_count(stub), count,
                     log + (size > 4000 ? size - 4000 : 0));
        }
        usleep(2000);
    }
}

static struct serve *start_stored(void)
{
    char folder[] = "/tmp/kc-state-XXXXXX";
    assert_non_null(mkdtemp(folder));
    return serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
}

static void orderly_restarts_under_load_give_everything_once(void **state)
{
    (void)state;
    enum {
        RESTARTS = 6,
        EACH = 3000
    };
    struct serve *own = start_stored();
    struct push p = push_prepare(PARTITIONS);
    stub_always(p.stub, &(struct stub_answer){ .status = 204, .delay_ms = 10 });
    push_subscribe(&p, own, "", "");
    struct tally tally;
    size_t taken = 0;
    int64_t next[PARTITIONS] = { 0 };
    unsigned int seed = (unsigned int)now_ms(), chance = seed;
    tally_init(&tally, (int64_t)RESTARTS * EACH);
    for (int i = 0; i < RESTARTS; i++) {
        size_t before = stub_count(p.stub); /* all may have come when they are written */
        witness_write_numbers(witness, p.topic, PARTITIONS, (int64_t)i * EACH, EACH);
        wait_for_count(own, p.stub, before + 1 + (size_t)(rand_r(&chance) % 10));
        process_signal(own->process, SIGTERM);
        assert_int_equal(process_wait(own->process, WAIT_MS).exit_code, 0);
        serve_restart(own);
    }
    wait_for_all(&tally, p.stub, &taken, next, seed);
    assert_int_equal(tally.again, 0);
    serve_stop(own, 0, WAIT_MS);
    tally_deinit(&tally);
}

static void twenty_kills_lose_nothing(void **state)
{
    (void)state;
    enum {
        KILLS = 20,
        EACH = 4000
    };
    const int64_t records = KILLS * EACH;
    struct serve *own = start_stored();
    struct push p = push_prepare(PARTITIONS);
    int64_t next[PARTITIONS] = { 0 };
    stub_always(p.stub, &(struct stub_answer){ .status = 204, .delay_ms = 5 });
    push_subscribe(&p, own, ",'groupInstanceId':'one'", "");
    struct tally tally;
    size_t taken = 0;
    unsigned int seed = (unsigned int)now_ms(), chance = seed;
    tally_init(&tally, records);
    for (int i = 0; i < KILLS; i++) {
        size_t before = stub_count(p.stub);
        witness_write_numbers(witness, p.topic, PARTITIONS, (int64_t)i * EACH, EACH);
        wait_for_count(own, p.stub, before + 1 + (size_t)(rand_r(&chance) % (EACH / 100 / 2)));
        usleep((useconds_t)(rand_r(&chance) % 20000));
        serve_kill(own);
        serve_restart(own);
        take_all(&tally, p.stub, &taken, next);
    }
    wait_for_all(&tally, p.stub, &taken, next, seed);
    print_message("push: %d kills, %lld records in %zu requests, 0 lost, %lld came twice "
                  "(%lld a kill); seed %u\n",
                  KILLS, (long long)records, taken, (long long)tally.again,
                  (long long)tally.again / KILLS, seed);
    serve_stop(own, 0, WAIT_MS);
    tally_deinit(&tally);
}

#define push_test(test) cmocka_unit_test_teardown(test, push_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        push_test(a_request_has_records_a_key_and_a_signature),
        push_test(without_a_secret_nothing_is_signed),
        push_test(cloudevents_come_in_a_batch),
        push_test(order_stays_with_one_request_a_partition),
        push_test(retry_after_in_seconds_is_kept),
        push_test(retry_after_as_a_date_is_kept),
        push_test(failures_back_off_with_jitter_and_the_same_bytes),
        push_test(a_4xx_pauses_and_a_resume_goes_on_with_the_same_bytes),
        push_test(a_redirect_pauses_and_is_not_followed),
        push_test(a_receiver_that_is_too_slow_gets_it_again),
        push_test(a_receiver_that_is_away_gets_all_when_it_is_back),
        push_test(what_one_receiver_refuses_does_not_hold_up_another),
        push_test(while_it_waits_the_group_is_kept),
        push_test(what_went_to_another_member_is_not_sent_again),
        push_test(a_stop_waits_for_what_is_on_the_wire),
        push_test(a_stop_does_not_wait_for_a_receiver_that_fails),
        push_test(orderly_restarts_under_load_give_everything_once),
        push_test(twenty_kills_lose_nothing),
    };
    return cmocka_run_group_tests_name("live/http_push", tests, setup, teardown);
}
