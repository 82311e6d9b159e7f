// SPDX-License-Identifier: Apache-2.0
/* test_sailor_publisher.c - what is published reaches its queue, in order and whatever the
 * broker does meanwhile, and is answered when it is there. */
#include "support/amqp.h"
#include "support/rabbit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/sailor/inbox.h"
#include "transport/sailor/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS              30000
#define publisher_test(test) cmocka_unit_test_teardown(test, tidy)

/* --- What the tests share ----------------------------------------------------------------- */

/* The fate of one message. The publisher's thread writes is_answered last. */
struct fate {
    _Atomic int is_answered;
    bool is_confirmed;
    int64_t at_ms;
    struct kc_error err;
};

static struct fixture {
    struct kc_amqp_uri uri;
    struct kc_publisher *publisher;
    struct mq *mq;
    struct mq_step step;
    struct fate *fates; /* of the test, until the publisher is closed */
} f;

static bool is_tls; /* what the next publisher connects with */

static struct fate *new_fates(size_t count)
{
    f.fates = kc_new0_array(struct fate, count);
    return f.fates;
}

static void on_done(void *arg, bool is_confirmed, const struct kc_error *err)
{
    struct fate *fate = arg;
    assert_false(fate->is_answered); /* once */
    fate->is_confirmed = is_confirmed;
    fate->at_ms = kc_now_ms();
    if (err)
        fate->err = *err;
    fate->is_answered = 1;
}

static int tidy(void **state)
{
    kc_publisher_close(f.publisher);
    kc_amqp_uri_deinit(&f.uri);
    free(f.fates);
    memset(&f, 0, sizeof(f));
    is_tls = false;
    mq_close_all(state);
    return rabbit_tidy(state);
}

/* A step's queues, and a publisher to its exchange. */
static void open_publisher(const char *uri_options, struct kc_publisher_conf conf)
{
    struct kc_error err = { 0 };
    char uri[200];
    snprintf(uri, sizeof(uri), "%s%s", is_tls ? rabbit->tls_uri : rabbit->uri, uri_options);
    assert_true(kc_amqp_uri_read(&f.uri, uri, &err));
    f.mq = mq_connect(rabbit->uri);
    mq_step_declare(f.mq, &f.step);
    conf.uri = &f.uri;
    conf.exchange = f.step.exchange;
    conf.rate_interval_ms = conf.rate_interval_ms ? conf.rate_interval_ms : 1000;
    conf.retry_delay_ms = conf.retry_delay_ms ? conf.retry_delay_ms : 20;
    conf.retry_max_delay_ms = conf.retry_max_delay_ms ? conf.retry_max_delay_ms : 300000;
    if (!kc_publisher_open(&f.publisher, &conf, 0, 0, &err))
        fail_msg("%s", err.text);
}

static struct kc_publishing *message(const char *key, const char *id, const char *body,
                                     struct fate *fate)
{
    struct kc_publishing *p = kc_new0(struct kc_publishing);
    p->routing_key = kc_strdup(key);
    p->body = kc_strdup(body);
    p->body_len = strlen(body);
    p->headers = kc_table_new();
    kc_table_text(p->headers, "messageId", kc_text(id));
    p->is_mandatory = true;
    p->content_type = "application/json";
    p->content_encoding = "utf8";
    p->expiration_ms = -1;
    p->done = fate ? on_done : NULL;
    p->arg = fate;
    return p;
}

static void send(struct kc_publishing *publishing)
{
    kc_publisher_send(f.publisher, publishing);
}

static void await(struct fate *fate)
{
    int64_t deadline = kc_now_ms() + WAIT_MS;
    while (!fate->is_answered && kc_now_ms() < deadline)
        usleep(1000);
    assert_true(fate->is_answered);
}

static void assert_confirmed(struct fate *fate)
{
    await(fate);
    if (!fate->is_confirmed)
        fail_msg("%s", fate->err.text);
}

static void assert_failed(struct fate *fate, enum kc_code code, const char *text)
{
    await(fate);
    assert_false(fate->is_confirmed);
    assert_string_equal(fate->err.text, text);
    assert_int_equal(fate->err.code, code);
}

/* Sends bodies "0", "1", … */
static void send_numbers(const char *key, struct fate *fates, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[20];
        snprintf(text, sizeof(text), "%d", i);
        assert_true(kc_publisher_has_room(f.publisher, WAIT_MS));
        send(message(key, text, text, &fates[i]));
    }
}

/* The queue gives exactly these, each once. */
static void assert_queue_holds(const char *queue, const char *const bodies[])
{
    for (; *bodies; bodies++) {
        struct mq_message *m = mq_take(f.mq, queue, WAIT_MS);
        assert_string_equal(m->body, *bodies);
    }
    assert_int_equal(mq_count(f.mq, queue), 0);
}

#define BODIES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Takes until all numbers below count have come; their first occurrences are in order. Returns
 * how many came twice. */
static int take_numbers(const char *queue, int count)
{
    int next = 0, twice = 0;
    mq_consume(f.mq, queue, 0);
    while (next < count) {
        struct mq_message *m = mq_next(f.mq, WAIT_MS);
        int number = (int)strtol(m->body, NULL, 10);
        if (number > next)
            fail_msg("%d came before %d", number, next);
        if (number == next)
            next++;
        else {
            twice++;
            assert_non_null(event_at(m->headers, "retry"));
        }
        mq_drop(f.mq, m);
    }
    return twice;
}

static void limit_data(int messages)
{
    mq_step_limit_data(
        f.mq, &f.step,
        MQ_TABLE(mq_i32("x-max-length", messages), mq_text("x-overflow", "reject-publish")));
}

/* --- The ordinary course ------------------------------------------------------------------ */

static void messages_arrive_in_order_and_are_confirmed(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(5000);
    send_numbers(f.step.data_key, fates, 0, 5000);
    assert_true(kc_publisher_drain(f.publisher, WAIT_MS));
    for (int i = 0; i < 5000; i++)
        assert_confirmed(&fates[i]);
    assert_int_equal(mq_count(f.mq, f.step.data), 5000);
    assert_int_equal(take_numbers(f.step.data, 5000), 0);
}

static void over_tls_it_is_the_same(void **state)
{
    assert_int_equal(setenv("SSL_CERT_FILE", rabbit->certs.ca, 1), 0);
    is_tls = true;
    messages_arrive_in_order_and_are_confirmed(state);
}

static void headers_and_properties_are_the_platforms(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct kc_publishing *p = message(f.step.data_key, "m1", "{}", NULL);
    kc_table_int(p->headers, "start", 1795210985384);
    kc_table_bool(p->headers, "flag", true);
    send(p);
    struct mq_message *m = mq_take(f.mq, f.step.data, WAIT_MS);
    char *properties = json_dumps(m->properties, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(properties, "{\"content_encoding\":\"utf8\",\"content_type\":"
                                    "\"application/json\",\"delivery_mode\":1}");
    free(properties);
    assert_json(m->headers, "messageId", "\"m1\"");
    assert_json(m->headers, "start", "1795210985384");
    assert_json(m->kinds, "start", "\"l\"");
    assert_json(m->kinds, "flag", "\"t\"");
    assert_null(event_at(m->headers, "retry"));
    assert_string_equal(m->exchange, f.step.exchange);
}

static void a_rebound_keeps_its_properties_and_gets_an_expiration(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .is_persistent = true });
    struct kc_properties original = {
        .native = { ._flags = AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                              AMQP_BASIC_DELIVERY_MODE_FLAG,
                    .priority = 7,
                    .delivery_mode = 1,
                    .correlation_id = amqp_cstring_bytes("c1") },
    };
    struct kc_publishing *p = message(f.step.data_key, "m1", "later", NULL);
    p->props_owner = kc_properties_copy(&original);
    p->props = &p->props_owner->native;
    p->expiration_ms = 60000;
    p->is_mandatory = false;
    send(p);
    struct mq_message *m = mq_take(f.mq, f.step.data, WAIT_MS);
    char *properties = json_dumps(m->properties, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(properties, "{\"correlation_id\":\"c1\",\"delivery_mode\":2,"
                                    "\"expiration\":\"60000\",\"priority\":7}");
    free(properties);
}

static void a_large_message_passes_in_many_frames(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fate = new_fates(1);
    struct kc_publishing *p = message(f.step.data_key, "m1", "", fate);
    free(p->body);
    p->body_len = 10 << 20;
    p->body = kc_alloc0(p->body_len, 1);
    memset(p->body, 'x', p->body_len);
    send(p);
    assert_confirmed(fate);
    assert_int_equal(mq_take(f.mq, f.step.data, WAIT_MS)->body_len, 10 << 20);
}

/* --- Refused: nack ------------------------------------------------------------------------ */

static void a_refused_message_is_tried_again_after_doubling_pauses(void **state)
{
    (void)state;
    open_publisher(
        "", (struct kc_publisher_conf){ .retry_delay_ms = 50, .retry_max_delay_ms = 200 });
    struct fate *fates = new_fates(4);
    limit_data(1);
    send(message(f.step.data_key, "m0", "0", &fates[0]));
    assert_confirmed(&fates[0]);

    int64_t sent_ms = kc_now_ms();
    send(message(f.step.data_key, "m1", "1", &fates[1]));
    usleep(6000 * 1000);
    assert_false(fates[1].is_answered);
    mq_take(f.mq, f.step.data, WAIT_MS);
    assert_confirmed(&fates[1]);
    int64_t took_ms = fates[1].at_ms - sent_ms;
    struct mq_message *m = mq_take(f.mq, f.step.data, WAIT_MS);
    assert_string_equal(m->body, "1");
    assert_json(m->kinds, "retry", "\"l\"");

    /* 50, 100, 200, 200, …: so many fit into the time, and more than without an end to the
     * doubling, where it would be seven. */
    int64_t retry = event_int(m->headers, "retry");
    int64_t least_ms = retry < 3 ? 50 * retry + 50 * (retry == 2) : 200 * retry - 250;
    if (least_ms > took_ms || retry < 8)
        fail_msg("%d retries after %d ms", (int)retry, (int)took_ms);
}

static void later_messages_of_its_queue_wait_and_others_go_on(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .retry_delay_ms = 3000 });
    struct fate *fates = new_fates(10);
    limit_data(1);
    send_numbers(f.step.data_key, fates, 0, 1);
    assert_confirmed(&fates[0]);
    send_numbers(f.step.data_key, fates, 1, 2);
    /* The refusal comes before the answer to what was sent behind it. */
    send(message(f.step.error_key, "b", "behind", &fates[8]));
    assert_confirmed(&fates[8]);

    /* There is room again, but 1 waits for its retry. 2 must not overtake it. */
    mq_take(f.mq, f.step.data, WAIT_MS);
    send_numbers(f.step.data_key, fates, 2, 5);
    struct fate *other = &fates[9];
    send(message(f.step.error_key, "e", "error", other));
    assert_confirmed(other);
    assert_false(fates[1].is_answered);

    for (int i = 1; i < 5; i++) {
        char text[20];
        snprintf(text, sizeof(text), "%d", i);
        assert_string_equal(mq_take(f.mq, f.step.data, WAIT_MS)->body, text);
        assert_confirmed(&fates[i]);
    }
    assert_queue_holds(f.step.error, BODIES("behind", "error"));
}

static void a_full_queue_that_is_emptied_slowly_loses_nothing(void **state)
{
    (void)state;
    enum {
        COUNT = 3000
    };
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(COUNT);
    bool *has_come = kc_new0_array(bool, COUNT);
    limit_data(50);
    int come = 0, sent = 0;
    mq_consume(f.mq, f.step.data, 20);
    while (come < COUNT) {
        for (; sent < COUNT && kc_publisher_has_room(f.publisher, 0); sent++)
            send_numbers(f.step.data_key, fates, sent, sent + 1);
        struct mq_message *m = mq_next(f.mq, WAIT_MS);
        int number = (int)strtol(m->body, NULL, 10);
        assert_false(has_come[number]); /* a refused message is not there */
        has_come[number] = true;
        come++;
        mq_ack(f.mq, m);
        mq_drop(f.mq, m);
    }
    assert_true(kc_publisher_drain(f.publisher, WAIT_MS));
    free(has_come);
}

static void after_the_last_attempt_it_is_given_up_with_the_platforms_words(void **state)
{
    (void)state;
    open_publisher("",
                   (struct kc_publisher_conf){ .retry_delay_ms = 1500, .retry_attempts = 3 });
    struct fate *fates = new_fates(3);
    limit_data(1);
    send(message(f.step.data_key, "m0", "0", &fates[0]));
    assert_confirmed(&fates[0]);
    int64_t sent_ms = kc_now_ms();
    send(message(f.step.data_key, "m1", "1", &fates[1]));
    send(message(f.step.data_key, "m2", "2", &fates[2]));
    assert_failed(&fates[1], KC_REFUSED,
                  "Failed on publishing m1 message to MQ: message nacked");
    assert_in_range(fates[1].at_ms - sent_ms, 4500, 10499); /* 1500, 3000, but not 6000 */
    assert_failed(&fates[2], KC_REFUSED,
                  "Failed on publishing m2 message to MQ: message nacked");
    assert_queue_holds(f.step.data, BODIES("0"));
    send(message(f.step.data_key, "m3", "3", NULL));
    assert_queue_holds(f.step.data, BODIES("3"));
}

/* --- Returned: nobody takes it ------------------------------------------------------------ */

static void what_no_queue_takes_is_not_lost(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .retry_delay_ms = 50 });
    struct fate *fates = new_fates(4);
    /* Equal ids, keys and lengths: they differ in their bodies. */
    send(message("nobody", "same", "first", &fates[0]));
    send(message("nobody", "same", "other", &fates[1]));
    send(message("nobody", "third", "3", &fates[2]));
    send(message(f.step.data_key, "same", "first", &fates[3]));
    assert_confirmed(&fates[3]);
    usleep(300 * 1000);
    for (int i = 0; i < 3; i++)
        assert_false(fates[i].is_answered);
    mq_bind(f.mq, f.step.snapshot, f.step.exchange, "nobody");
    for (int i = 0; i < 3; i++)
        assert_confirmed(&fates[i]);
    assert_queue_holds(f.step.snapshot, BODIES("first", "other", "3"));
    assert_queue_holds(f.step.data, BODIES("first"));
}

static void a_large_message_that_returns_is_not_lost(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .retry_delay_ms = 50 });
    struct fate *fates = new_fates(2);
    for (int i = 0; i < 2; i++) {
        struct kc_publishing *p = message("nobody", "same", "", &fates[i]);
        free(p->body);
        p->body_len = 1 << 20;
        p->body = kc_alloc0(p->body_len, 1);
        memset(p->body, 'x', p->body_len);
        p->body[p->body_len - 1] = (char)('a' + i); /* where the last frame ends */
        send(p);
    }
    usleep(200 * 1000);
    mq_bind(f.mq, f.step.data, f.step.exchange, "nobody");
    for (int i = 0; i < 2; i++) {
        struct mq_message *m = mq_take(f.mq, f.step.data, WAIT_MS);
        assert_int_equal(m->body[m->body_len - 1], 'a' + i);
        assert_confirmed(&fates[i]);
    }
}

static void what_need_not_be_routed_is_confirmed_all_the_same(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fate = new_fates(1);
    struct kc_publishing *p = message("nobody", "m1", "1", fate);
    p->is_mandatory = false;
    send(p);
    assert_confirmed(fate);
}

static void a_reply_that_nobody_waits_for_is_given_up(void **state)
{
    (void)state;
    open_publisher(
        "", (struct kc_publisher_conf){ .retry_delay_ms = 50, .reply_patience_ms = 500 });
    struct fate *reply = new_fates(2), *data = reply + 1;
    int64_t sent_ms = kc_now_ms();
    struct kc_publishing *p = message("gone", "m1", "1", reply);
    p->is_reply = true;
    send(p);
    send(message("nobody", "m2", "2", data));
    assert_failed(reply, KC_REFUSED,
                  "Failed on publishing m1 message to MQ: message returned: 312 NO_ROUTE");
    assert_in_range(reply->at_ms - sent_ms, 500, 10000);
    assert_false(data->is_answered); /* others are tried for ever */
}

/* --- Connections that end ----------------------------------------------------------------- */

static void nothing_is_lost_when_its_connection_is_closed(void **state)
{
    (void)state;
    enum {
        COUNT = 20000
    };
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(COUNT);
    for (int i = 0; i < COUNT; i += COUNT / 8) {
        send_numbers(f.step.data_key, fates, i, i + COUNT / 8);
        if (i / (COUNT / 8) % 2 == 0)
            rabbit_close_connections(rabbit, "-write");
        else
            rabbit_break_connections(rabbit, "-write");
    }
    for (int i = 0; i < COUNT; i++)
        assert_confirmed(&fates[i]);
    int twice = take_numbers(f.step.data, COUNT);
    print_message("%d of %d came twice\n", twice, COUNT);
    assert_in_range(twice, 0, 8 * KC_PUBLISHER_MAX);
    assert_true(kc_publisher_is_well(f.publisher, NULL));
}

static void nothing_is_lost_when_the_broker_restarts(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    open_publisher("", (struct kc_publisher_conf){ .is_persistent = true });
    struct fate *fates = new_fates(2000);
    send_numbers(f.step.data_key, fates, 0, 1000);
    rabbit_kill(rabbit);
    /* More than is under way, without a broker. */
    for (int i = 1000; i < 2000; i++) {
        char text[20];
        snprintf(text, sizeof(text), "%d", i);
        send(message(f.step.data_key, text, text, &fates[i]));
    }
    int64_t deadline = kc_now_ms() + WAIT_MS;
    while (kc_publisher_is_well(f.publisher, &err) && kc_now_ms() < deadline)
        usleep(1000);
    int down_s = -1; /* 0 mostly */
    assert_int_equal(sscanf(err.text, "no connection to publish on for %d s: ", &down_s), 1);
    assert_in_range(down_s, 0, WAIT_MS / 1000);
    assert_false(kc_publisher_has_room(f.publisher, 0));
    rabbit_restart(rabbit);
    for (int i = 0; i < 2000; i++)
        assert_confirmed(&fates[i]);
    mq_close(f.mq);
    f.mq = mq_connect(rabbit->uri);
    print_message("%d of 2000 came twice\n", take_numbers(f.step.data, 2000));
}

/* A message that the broker objects to closes the channel: user_id is not ours. */
static struct kc_publishing *forged(struct fate *fate)
{
    struct kc_properties original = {
        .native = { ._flags = AMQP_BASIC_USER_ID_FLAG, .user_id = amqp_cstring_bytes("else") },
    };
    struct kc_publishing *p = message(f.step.error_key, "forged", "x", fate);
    p->props_owner = kc_properties_copy(&original);
    p->props_owner->native._flags |= AMQP_BASIC_USER_ID_FLAG;
    p->props_owner->native.user_id = amqp_cstring_bytes("else");
    p->props = &p->props_owner->native;
    return p;
}

static void a_message_that_closes_the_channel_does_not_stop_the_others(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .retry_delay_ms = 100 });
    struct fate *fates = new_fates(1001), *bad = &fates[1000];
    send_numbers(f.step.data_key, fates, 0, 300);
    send(forged(bad));
    send_numbers(f.step.data_key, fates, 300, 1000);
    for (int i = 0; i < 1000; i++)
        assert_confirmed(&fates[i]);
    take_numbers(f.step.data, 1000);
    assert_false(bad->is_answered);
}

static void a_message_that_closes_the_channel_is_given_up_after_its_attempts(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .retry_attempts = 3 });
    struct fate *bad = new_fates(1);
    send(forged(bad));
    await(bad);
    assert_false(bad->is_confirmed);
    assert_non_null(strstr(bad->err.text, "Failed on publishing forged message to MQ: "));
    assert_non_null(strstr(bad->err.text, "406 (PRECONDITION-FAILED)"));
}

static void what_no_frame_can_hold_is_given_up_alone(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(4);
    char *large = kc_alloc0(200001, 1), key[301];
    memset(large, 'h', 200000);
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = 0;
    send(message(f.step.data_key, "m0", "0", &fates[0]));
    struct kc_publishing *p = message(f.step.data_key, "m1", "1", &fates[1]);
    kc_table_text(p->headers, "x-eio-meta-large", kc_text(large));
    send(p);
    send(message(key, "m2", "2", &fates[2]));
    send(message(f.step.data_key, "m3", "3", &fates[3]));
    assert_confirmed(&fates[0]);
    assert_failed(&fates[1], KC_INPUT,
                  "Failed on publishing m1 message to MQ: table too large for buffer");
    assert_failed(&fates[2], KC_INPUT,
                  "Failed on publishing m2 message to MQ: the routing key is longer than 255 "
                  "bytes");
    assert_confirmed(&fates[3]);
    free(large);
}

/* --- Blocked ------------------------------------------------------------------------------ */

static void a_blocked_connection_waits_and_stays(void **state)
{
    (void)state;
    open_publisher("?heartbeat=2", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(1100);
    rabbit_block(rabbit);
    int64_t began_ms = kc_now_ms();
    send_numbers(f.step.data_key, fates, 0, 1000);
    assert_true(kc_now_ms() - began_ms < 5000); /* nobody else is held up */
    assert_false(kc_publisher_has_room(f.publisher, 10));
    usleep(7000 * 1000); /* more than three heartbeats */
    for (int i = 0; i < 1000; i++)
        assert_false(fates[i].is_answered);
    assert_true(kc_publisher_is_well(f.publisher, NULL));
    rabbit_unblock(rabbit);
    for (int i = 0; i < 1000; i++)
        assert_confirmed(&fates[i]);
    /* None came twice, so it is still the same connection. */
    assert_int_equal(take_numbers(f.step.data, 1000), 0);
    assert_int_equal(rabbit_connections(rabbit, "-write"), 1);
}

static void an_idle_connection_stays(void **state)
{
    (void)state;
    open_publisher("?heartbeat=1", (struct kc_publisher_conf){ 0 });
    usleep(4000 * 1000);
    struct fate *fate = new_fates(1);
    send(message(f.step.data_key, "m1", "1", fate));
    assert_confirmed(fate);
    assert_null(event_at(mq_take(f.mq, f.step.data, WAIT_MS)->headers, "retry"));
}

/* Fills the socket before the broker can say that it blocks us: the thread is in a write. */
static void stuff_the_socket(struct fate *fates)
{
    rabbit_block(rabbit);
    for (int i = 0; i < 12; i++) {
        struct kc_publishing *p = message(f.step.data_key, "large", "", &fates[i]);
        free(p->body);
        p->body_len = 4 << 20;
        p->body = kc_alloc0(p->body_len, 1);
        send(p);
    }
}

static void a_write_that_is_stuck_survives_heartbeats(void **state)
{
    (void)state;
    open_publisher("?heartbeat=2", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(12);
    stuff_the_socket(fates);
    usleep(7000 * 1000);
    assert_true(kc_publisher_is_well(f.publisher, NULL));
    rabbit_unblock(rabbit);
    for (int i = 0; i < 12; i++) {
        assert_confirmed(&fates[i]);
        struct mq_message *m = mq_take(f.mq, f.step.data, WAIT_MS);
        assert_null(event_at(m->headers, "retry"));
        mq_drop(f.mq, m);
    }
}

static void closing_ends_a_write_that_is_stuck(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fates = new_fates(12);
    stuff_the_socket(fates);
    int64_t began_ms = kc_now_ms();
    assert_false(kc_publisher_drain(f.publisher, 300));
    assert_in_range(kc_now_ms() - began_ms, 300, 10000);
    kc_publisher_close(f.publisher);
    f.publisher = NULL;
    assert_in_range(kc_now_ms() - began_ms, 300, 15000);
    for (int i = 0; i < 12; i++) {
        assert_true(fates[i].is_answered);
        assert_false(fates[i].is_confirmed);
        assert_int_equal(fates[i].err.code, KC_STOPPED);
    }
}

static void closing_without_a_broker_is_quick(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ 0 });
    struct fate *fate = new_fates(1);
    rabbit_kill(rabbit);
    send(message(f.step.data_key, "m1", "1", fate));
    usleep(300 * 1000);
    int64_t began_ms = kc_now_ms();
    kc_publisher_close(f.publisher);
    f.publisher = NULL;
    assert_true(kc_now_ms() - began_ms < 5000);
    assert_failed(fate, KC_STOPPED,
                  "Failed on publishing m1 message to MQ: we were stopped before the broker "
                  "confirmed it");
}

/* --- Rates -------------------------------------------------------------------------------- */

static void each_kind_keeps_exactly_to_its_rate(void **state)
{
    (void)state;
    enum {
        DATA = 100,
        ERRORS = 15,
        FREE = 200
    };
    open_publisher("", (struct kc_publisher_conf){
                           .rate_interval_ms = 300,
                           .rate_limits = { [KC_RATE_DATA] = 20, [KC_RATE_ERROR] = 5 } });
    struct fate *fates = new_fates(DATA + ERRORS + FREE);
    int64_t began_ms = kc_now_ms();
    for (int i = 0; i < DATA + ERRORS + FREE; i++) {
        struct kc_publishing *p = message(f.step.data_key, "m", "x", &fates[i]);
        p->rate = i < DATA ? KC_RATE_DATA : i < DATA + ERRORS ? KC_RATE_ERROR : KC_RATE_NONE;
        send(p);
    }
    for (int i = 0; i < DATA + ERRORS + FREE; i++) {
        assert_confirmed(&fates[i]);
        int window = i < DATA ? i / 20 : i < DATA + ERRORS ? (i - DATA) / 5 : 0;
        int64_t after_ms = fates[i].at_ms - began_ms;
        if (after_ms < window * 300 || after_ms > window * 300 + 5000)
            fail_msg("message %d, of window %d, after %d ms", i, window, (int)after_ms);
    }
}

static void a_retry_does_not_count_as_another_start(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .rate_interval_ms = 6000,
                                                   .rate_limits = { [KC_RATE_DATA] = 2 },
                                                   .retry_delay_ms = 20 });
    struct fate *fates = new_fates(3);
    struct kc_publishing *p = message("nobody", "m0", "0", &fates[0]);
    p->rate = KC_RATE_DATA;
    int64_t began_ms = kc_now_ms();
    send(p);
    usleep(500 * 1000); /* four retries */
    p = message(f.step.data_key, "m1", "1", &fates[1]);
    p->rate = KC_RATE_DATA;
    send(p);
    assert_confirmed(&fates[1]);
    assert_true(fates[1].at_ms - began_ms < 5500);
}

/* --- The queue ---------------------------------------------------------------------------- */

static void a_full_queue_says_so_until_there_is_room(void **state)
{
    (void)state;
    open_publisher("", (struct kc_publisher_conf){ .rate_interval_ms = 6000,
                                                   .rate_limits = { [KC_RATE_DATA] = 900 } });
    for (int i = 0; i < KC_PUBLISHER_MAX + 1; i++) { /* one more is taken */
        struct kc_publishing *p = message(f.step.data_key, "m", "x", NULL);
        p->rate = KC_RATE_DATA;
        send(p);
    }
    assert_false(kc_publisher_drain(f.publisher, 0));
    int64_t began_ms = kc_now_ms();
    assert_true(kc_publisher_has_room(f.publisher, WAIT_MS));
    assert_true(kc_now_ms() - began_ms < 5900);
    assert_true(kc_publisher_drain(f.publisher, WAIT_MS));
    assert_int_equal(mq_count(f.mq, f.step.data), KC_PUBLISHER_MAX + 1);
}

static void opening_says_what_is_wrong(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_publisher_conf conf = { .uri = &f.uri, .exchange = "x" };
    assert_true(kc_amqp_uri_read(&f.uri, "amqp://guest:wrong@127.0.0.1:1", &err));
    f.uri.port = rabbit->port;
    assert_false(kc_publisher_open(&f.publisher, &conf, 1, 10, &err));
    assert_int_equal(err.code, KC_AUTH);
    assert_null(f.publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        publisher_test(messages_arrive_in_order_and_are_confirmed),
        publisher_test(over_tls_it_is_the_same),
        publisher_test(headers_and_properties_are_the_platforms),
        publisher_test(a_rebound_keeps_its_properties_and_gets_an_expiration),
        publisher_test(a_large_message_passes_in_many_frames),
        publisher_test(a_refused_message_is_tried_again_after_doubling_pauses),
        publisher_test(later_messages_of_its_queue_wait_and_others_go_on),
        publisher_test(a_full_queue_that_is_emptied_slowly_loses_nothing),
        publisher_test(after_the_last_attempt_it_is_given_up_with_the_platforms_words),
        publisher_test(what_no_queue_takes_is_not_lost),
        publisher_test(a_large_message_that_returns_is_not_lost),
        publisher_test(what_need_not_be_routed_is_confirmed_all_the_same),
        publisher_test(a_reply_that_nobody_waits_for_is_given_up),
        publisher_test(nothing_is_lost_when_its_connection_is_closed),
        publisher_test(nothing_is_lost_when_the_broker_restarts),
        publisher_test(a_message_that_closes_the_channel_does_not_stop_the_others),
        publisher_test(a_message_that_closes_the_channel_is_given_up_after_its_attempts),
        publisher_test(what_no_frame_can_hold_is_given_up_alone),
        publisher_test(an_idle_connection_stays),
        publisher_test(a_blocked_connection_waits_and_stays),
        publisher_test(a_write_that_is_stuck_survives_heartbeats),
        publisher_test(closing_ends_a_write_that_is_stuck),
        publisher_test(closing_without_a_broker_is_quick),
        publisher_test(each_kind_keeps_exactly_to_its_rate),
        publisher_test(a_retry_does_not_count_as_another_start),
        publisher_test(a_full_queue_says_so_until_there_is_room),
        publisher_test(opening_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("live/sailor publisher", tests, rabbit_setup,
                                       rabbit_teardown);
}
