// SPDX-License-Identifier: Apache-2.0
/* test_http_clients.c - many clients at once, on a real Kafka: all are answered, none waits for
 * ever, and slow ones are no burden to the others.
 *
 * libmicrohttpd 0.9.75's own epoll thread stalls when a multiple of 128 connections is ready at
 * once, hence the numbers. What it all costs, `make bench` says. */
#include "support/component.h"
#include "support/fail.h"
#include "support/load.h"
#include "support/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WARM_UP_MS 300
#define MEASURE_MS 2000
#define SLACK_US   20000 /* what a busy machine adds to a p99 now and then */
#define TRIES      4

static const char body[] =
    "{\"messages\":[{\"value\":\"0123456789012345678901234567890123456789012345678901234567890"
    "123456789012345678901234567890123456789\"}]}";

static struct serve *start(const char *topic, const char *const more[])
{
    char setting[300];
    const char *args[16] = { "--set", setting };
    size_t n = 2;
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    for (; more && *more; more++)
        args[n++] = *more;
    return serve_start(ARGS(no_sign_in()), args);
}

static struct load_options load_of(const struct serve *s, int clients)
{
    return (struct load_options){ .base = s->base,
                                  .path = "/v1/actions/produce",
                                  .body = body,
                                  .clients = clients,
                                  .warm_up_ms = WARM_UP_MS,
                                  .measure_ms = MEASURE_MS };
}

static void run_load(const struct load_options *o, struct load_result *r)
{
    load_run(o, r);
    if (r->refused > 0)
        fail_test("%d clients: %lld requests were not answered with 200, the first: %s",
                  o->clients, (long long)r->refused, r->why);
}

static void run_full_load(const struct load_options *o, struct load_result *r)
{
    run_load(o, r);
    if (r->answers < o->clients)
        fail_test("%d clients: only %lld answers", o->clients, (long long)r->answers);
}

/* A stall that belongs to a number of clients comes each time; a machine, or a Kafka, that was
 * busy elsewhere does not. */
static void assert_no_stall(const struct load_options *o)
{
    struct load_result result;
    for (int tries = 0; tries < TRIES; tries++) {
        run_load(o, &result);
        if (result.stalls == 0 && result.answers >= o->clients)
            return;
    }
    fail_test("%d clients: %lld answers, %d ms without any", o->clients,
              (long long)result.answers, result.stall_ms);
}

static void any_number_of_clients_is_served_without_a_stall(void **state)
{
    (void)state;
    static const int counts[] = { 1, 16, 64, 127, 128, 129, 256, 1000 };
    const char *topic = witness_new_topic(witness, 3, NULL);
    struct serve *s = start(topic, NULL);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct load_options options = load_of(s, counts[i]);
        assert_no_stall(&options);
    }
    serve_stop(s, 0, WAIT_MS);
}

/* What was answered with 200 is in Kafka, and nothing else is. */
static void as_many_records_are_written_as_were_answered(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = start(topic, NULL);
    struct load_options options = load_of(s, 129);
    struct load_result result;
    options.warm_up_ms = 0;
    run_full_load(&options, &result);
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, result.total);
    serve_stop(s, 0, WAIT_MS);
}

/* Five hundred that send a byte a second: each is cut at its deadline, the others never notice.
 * As above, what disturbs does so each time. */
static void drippers_disturb_nobody_and_are_cut(const char *head)
{
    const char *topic = witness_new_topic(witness, 3, NULL);
    struct serve *s = start(topic, ARGS("--header-timeout-ms", "3500", "--body-timeout-ms",
                                        "3500", "--idle-timeout-ms", "60000"));
    struct load_options without = load_of(s, 64), with = without;
    struct load_result alone, beside;
    with.drippers = 500;
    with.drip_head = head;
    with.drip = 'x';
    with.drip_pace_ms = 1000;
    with.measure_ms = 6000;
    for (int tries = 0; tries < TRIES; tries++) {
        run_full_load(&without, &alone);
        run_full_load(&with, &beside);
        if (beside.drip_cut_first_ms < 3490)
            break; /* no machine cuts too early because it is busy */
        if (beside.drips_cut == 500 && beside.drip_cut_last_ms <= 5500 &&
            beside.p99_us <= 2 * alone.p99_us + SLACK_US && beside.stalls == 0) {
            serve_stop(s, 0, WAIT_MS);
            return;
        }
    }
    fail_test("%d of 500 were cut, after %d ms and later, the last after %d ms; p99 is %d us "
              "beside them, and %d us without; %d ms without any answer",
              beside.drips_cut, beside.drip_cut_first_ms, beside.drip_cut_last_ms,
              beside.p99_us, alone.p99_us, beside.stall_ms);
}

static void headers_that_drip_disturb_nobody_and_are_cut(void **state)
{
    (void)state;
    drippers_disturb_nobody_and_are_cut("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
}

static void bodies_that_drip_disturb_nobody_and_are_cut(void **state)
{
    (void)state;
    drippers_disturb_nobody_and_are_cut("POST /v1/actions/produce HTTP/1.1\r\n"
                                        "Host: localhost\r\nContent-Length: 1000\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(any_number_of_clients_is_served_without_a_stall),
        live_test(as_many_records_are_written_as_were_answered),
        live_test(headers_that_drip_disturb_nobody_and_are_cut),
        live_test(bodies_that_drip_disturb_nobody_and_are_cut),
    };
    return cmocka_run_group_tests(tests, live_setup, live_teardown);
}
