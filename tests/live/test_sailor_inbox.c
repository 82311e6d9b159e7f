// SPDX-License-Identifier: Apache-2.0
/* test_sailor_inbox.c - the queue of a step against a real RabbitMQ that closes connections,
 * loses queues and restarts. */
#include "transport/sailor/inbox_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "support/amqp.h"
#include "support/rabbit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS    45000 /* longer than an inbox waits between two tries */
#define CAUGHT_MAX 64
#define MORE_MS    300 /* long enough for a delivery that must not come */

/* What came, in its order; the answers are the test's. */
struct catcher {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kc_delivery *caught[CAUGHT_MAX];
    char ids[CAUGHT_MAX][16];
    int count;
    int lost;
    struct kc_amqp_uri uri;
    struct kc_inbox *inbox;
    char queue[48];
};

static struct catcher *catcher;
static struct mq *mq;

static void on_delivery(void *arg, struct kc_delivery *d)
{
    struct catcher *c = arg;
    struct kc_text id = kc_table_get_text(d->headers, "messageId");
    pthread_mutex_lock(&c->lock);
    if (c->count < CAUGHT_MAX) {
        (void)snprintf(c->ids[c->count], sizeof(c->ids[0]), "%.*s", (int)id.len,
                       id.p ? id.p : "");
        c->caught[c->count++] = d;
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void on_lost(void *arg, const struct kc_error *err)
{
    struct catcher *c = arg;
    (void)err;
    pthread_mutex_lock(&c->lock);
    c->lost++;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static bool wait_for(const int *counter, int wanted, int wait_ms)
{
    int64_t deadline = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&catcher->lock);
    while (*counter < wanted && kc_now_ms() < deadline)
        kc_cond_wait(&catcher->changed, &catcher->lock, kc_ms_until(deadline, wait_ms));
    bool has = *counter >= wanted;
    pthread_mutex_unlock(&catcher->lock);
    return has;
}

static void assert_caught(int count)
{
    if (!wait_for(&catcher->count, count, WAIT_MS))
        fail_msg("%d deliveries came, not %d", catcher->count, count);
    assert_int_equal(catcher->count, count);
}

static void assert_no_more(void)
{
    int before = catcher->count;
    if (wait_for(&catcher->count, before + 1, MORE_MS))
        fail_msg("'%s' came too", catcher->ids[before]);
}

static void answer(int i, bool is_accepted)
{
    kc_inbox_answer(catcher->inbox, catcher->caught[i], is_accepted);
    catcher->caught[i] = NULL;
}

/* A fresh queue, and an inbox of it that consumes. */
static void open_inbox(const char *uri, int prefetch, int lost_ms)
{
    static int number;
    struct kc_error err = { 0 };
    struct catcher *c = catcher = kc_new0(struct catcher);
    pthread_mutex_init(&c->lock, NULL);
    kc_cond_init(&c->changed);
    (void)snprintf(c->queue, sizeof(c->queue), "inbox-%d", ++number);
    assert_true(kc_amqp_uri_read(&c->uri, uri, &err));
    const struct kc_inbox_conf conf = { .uri = &c->uri,
                                        .queue = c->queue,
                                        .prefetch = prefetch,
                                        .lost_ms = lost_ms,
                                        .on_delivery = on_delivery,
                                        .on_lost = on_lost,
                                        .arg = c };
    if (!kc_inbox_open(&c->inbox, &conf, 3, 100, &err))
        fail_msg("%s", err.text);
}

static void start(int prefetch)
{
    struct kc_error err = { 0 };
    open_inbox(rabbit->uri, prefetch, 0);
    mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, catcher->queue, NULL);
    if (!kc_inbox_start(catcher->inbox, &err))
        fail_msg("%s", err.text);
}

static void say(const char *id, const char *body)
{
    const amqp_table_entry_t *headers = MQ_TABLE(mq_text("messageId", id ? id : ""));
    mq_publish(mq, &(struct mq_publish){ .key = catcher->queue,
                                         .body = body,
                                         .headers = id ? headers : NULL,
                                         .delivery_mode = 2 });
}

static void wait_queue(int ready, int unacked)
{
    rabbit_wait_queue(rabbit, catcher->queue, ready, unacked, WAIT_MS);
}

static void wait_unwritten_is_none(void)
{
    for (int64_t deadline = kc_now_ms() + WAIT_MS; kc_now_ms() < deadline; usleep(1000)) {
        pthread_mutex_lock(&catcher->inbox->lock);
        bool is_none = catcher->inbox->answers_count == 0;
        pthread_mutex_unlock(&catcher->inbox->lock);
        if (is_none)
            return;
    }
    fail_msg("answers stay unwritten");
}

/* Its so many'th connection. */
static void wait_connection(uint32_t wanted)
{
    for (int64_t deadline = kc_now_ms() + WAIT_MS; kc_now_ms() < deadline; usleep(1000)) {
        pthread_mutex_lock(&catcher->inbox->lock);
        bool is_there = catcher->inbox->generation >= wanted;
        pthread_mutex_unlock(&catcher->inbox->lock);
        if (is_there)
            return;
    }
    fail_msg("it does not connect again");
}

/* How many connections there were. Only what a delivery says of it may be read. */
static uint32_t generation(void)
{
    int before = catcher->count;
    say("generation", "?");
    assert_caught(before + 1);
    return catcher->caught[before]->generation;
}

static int tidy(void **state)
{
    int result = rabbit_tidy(state);
    mq_close_all(state);
    mq = NULL;
    if (!catcher)
        return result;
    kc_inbox_close(catcher->inbox, 0);
    for (int i = 0; i < catcher->count; i++)
        kc_inbox_delivery_free(catcher->caught[i]);
    kc_amqp_uri_deinit(&catcher->uri);
    pthread_cond_destroy(&catcher->changed);
    pthread_mutex_destroy(&catcher->lock);
    free(catcher);
    catcher = NULL;
    return result;
}

/* --- What comes --- */

static void a_delivery_is_its_headers_properties_and_body(void **state)
{
    (void)state;
    start(1);
    const amqp_basic_properties_t more = { ._flags = AMQP_BASIC_CORRELATION_ID_FLAG |
                                                     AMQP_BASIC_PRIORITY_FLAG |
                                                     AMQP_BASIC_USER_ID_FLAG,
                                           .correlation_id = amqp_cstring_bytes("c-1"),
                                           .user_id = amqp_cstring_bytes("guest"),
                                           .priority = 3 };
    mq_publish(mq, &(struct mq_publish){
                       .key = catcher->queue,
                       .body = "a\0b",
                       .body_len = 3,
                       .headers = MQ_TABLE(mq_text("messageId", "m1"), mq_i64("start", 5)),
                       .content_type = "application/json",
                       .more = &more });
    assert_caught(1);
    struct kc_delivery *d = catcher->caught[0];
    assert_int_equal(d->body_len, 3);
    assert_memory_equal(d->body, "a\0b", 4);
    assert_true(d->has_headers);
    assert_int_equal(kc_table_get_int(d->headers, "start", 0), 5);
    const amqp_basic_properties_t *p = &d->properties->native;
    assert_int_equal(p->_flags, AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                                    AMQP_BASIC_PRIORITY_FLAG);
    assert_int_equal(p->priority, 3);
    assert_memory_equal(p->correlation_id.bytes, "c-1", 3);
    struct kc_properties *copy = kc_properties_copy(d->properties);
    assert_memory_equal(copy->native.content_type.bytes, "application/json", 16);
    assert_ptr_not_equal(copy->native.content_type.bytes, p->content_type.bytes);
    kc_properties_free(copy);
    answer(0, true);
    wait_queue(0, 0);
}

static void a_body_may_be_empty_or_of_many_frames(void **state)
{
    (void)state;
    enum {
        LARGE = 3000001
    };
    char *large = kc_alloc0(LARGE, 1);
    for (int i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 + i / 4096);
    start(3);
    mq_publish(mq, &(struct mq_publish){ .key = catcher->queue, .has_no_headers = true });
    mq_publish(mq,
               &(struct mq_publish){ .key = catcher->queue, .body = large, .body_len = LARGE });
    say("m3", "after it");
    assert_caught(3);
    assert_int_equal(catcher->caught[0]->body_len, 0);
    assert_false(catcher->caught[0]->has_headers);
    assert_int_equal(kc_table_native(catcher->caught[0]->headers)->num_entries, 0);
    assert_int_equal(catcher->caught[1]->body_len, LARGE);
    assert_memory_equal(catcher->caught[1]->body, large, LARGE);
    assert_string_equal(catcher->caught[2]->body, "after it");
    for (int i = 0; i < 3; i++)
        answer(i, true);
    wait_queue(0, 0);
    free(large);
}

static void no_more_come_than_the_prefetch_count(void **state)
{
    (void)state;
    start(3);
    for (int i = 0; i < 5; i++)
        say("m", "x");
    assert_caught(3);
    wait_queue(2, 3);
    assert_int_equal(kc_inbox_unanswered(catcher->inbox), 3);
    answer(1, true);
    assert_caught(4);
    wait_queue(1, 3);
    assert_no_more();
    rabbit_close_connections(rabbit, "-read"); /* nor after another connection */
    wait_connection(2);
    wait_queue(1, 3);
    assert_no_more();
}

static void equal_ids_and_equal_bodies_are_messages_of_their_own(void **state)
{
    (void)state;
    start(4);
    say("same", "one");
    say("same", "two");
    say("same", "two");
    say(NULL, "two");
    assert_caught(4);
    assert_string_equal(catcher->caught[0]->body, "one");
    assert_string_equal(catcher->caught[1]->body, "two");
    wait_queue(0, 4);
    for (int i = 3; i >= 0; i--)
        answer(i, true);
    wait_queue(0, 0);
}

static void a_rejected_one_is_not_queued_again(void **state)
{
    (void)state;
    start(1);
    mq_declare_exchange(mq, "inbox-dead", "fanout");
    mq_declare_queue(mq, "inbox-dead-letters", NULL);
    mq_bind(mq, "inbox-dead-letters", "inbox-dead", "");
    mq_delete_queue(mq, catcher->queue);
    mq_declare_queue(mq, catcher->queue,
                     MQ_TABLE(mq_text("x-dead-letter-exchange", "inbox-dead")));
    say("m1", "bad");
    assert_caught(1);
    answer(0, false);
    struct mq_message *dead = mq_take(mq, "inbox-dead-letters", WAIT_MS);
    assert_string_equal(dead->body, "bad");
    wait_queue(0, 0);
}

/* --- Connections that end --- */

static void what_is_out_when_a_connection_closes_is_answered_once(void **state)
{
    (void)state;
    start(2);
    say("m1", "one");
    say(NULL, "two");
    assert_caught(2);
    for (int i = 0; i < 3; i++) { /* of three connections, in two ways */
        if (i == 1)
            rabbit_break_connections(rabbit, "-read");
        else
            rabbit_close_connections(rabbit, "-read");
        wait_connection((uint32_t)i + 2);
        wait_queue(0, 2);
    }
    assert_no_more();
    answer(0, true);
    answer(1, true);
    wait_queue(0, 0);
    say("m2", "three");
    assert_caught(3);
    assert_string_equal(catcher->ids[2], "m2");
}

static void an_answer_given_while_there_is_no_connection_is_not_lost(void **state)
{
    (void)state;
    start(1);
    say("m1", "one");
    say("m2", "two");
    assert_caught(1);
    rabbit_stop(rabbit);
    answer(0, true);
    wait_unwritten_is_none();
    rabbit_restart(rabbit);
    assert_caught(2);
    assert_string_equal(catcher->ids[1], "m2");
    answer(1, true);
    wait_queue(0, 0);
    assert_no_more();
}

static void what_is_out_when_the_broker_restarts_is_not_given_out_again(void **state)
{
    (void)state;
    start(2);
    say("m1", "one");
    say("m2", "two");
    say("m3", "three");
    assert_caught(2);
    rabbit_kill(rabbit);
    rabbit_restart(rabbit);
    wait_queue(1, 2);
    assert_no_more();
    answer(1, true);
    answer(0, true);
    assert_caught(3);
    assert_string_equal(catcher->ids[2], "m3");
    answer(2, true);
    wait_queue(0, 0);
}

static void an_answer_that_never_arrived_is_given_again(void **state)
{
    (void)state;
    start(2);
    say("m1", "one");
    say("m2", "two");
    assert_caught(2);
    rabbit_freeze(rabbit); /* it takes the bytes, but reads none of them */
    answer(0, true);
    answer(1, false);
    wait_unwritten_is_none();
    rabbit_kill(rabbit);
    rabbit_restart(rabbit);
    wait_queue(0, 0);
    mq = mq_connect(rabbit->uri);
    say("m3", "three");
    assert_caught(3);
    assert_string_equal(catcher->ids[2], "m3");
}

static void a_new_message_like_one_that_is_out_is_given_out(void **state)
{
    (void)state;
    start(2);
    say("same", "body");
    assert_caught(1);
    rabbit_close_connections(rabbit, "-read");
    wait_connection(2);
    wait_queue(0, 1);
    say("same", "body");
    assert_caught(2);
    answer(0, true);
    answer(1, true);
    wait_queue(0, 0);
}

static void a_dropped_one_comes_again_over_another_connection(void **state)
{
    (void)state;
    start(1);
    say("m1", "one");
    assert_caught(1);
    kc_inbox_drop(catcher->inbox, catcher->caught[0]);
    catcher->caught[0] = NULL;
    assert_no_more();
    rabbit_close_connections(rabbit, "-read");
    assert_caught(2);
    assert_string_equal(catcher->ids[1], "m1");
    answer(1, true);
    wait_queue(0, 0);
}

static void a_consumer_that_the_broker_cancels_begins_again(void **state)
{
    (void)state;
    start(1);
    say("m1", "one");
    assert_caught(1);
    mq_delete_queue(mq, catcher->queue);
    mq_declare_queue(mq, catcher->queue, NULL);
    say("m2", "two");
    assert_caught(2);
    say("m3", "three");
    answer(0, true);  /* there is nothing to answer to any more, */
    assert_no_more(); /* and its tag, which m2 has now, is not used */
    answer(1, true);
    assert_caught(3);
}

static void a_queue_that_stays_away_is_told_once(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    open_inbox(rabbit->uri, 1, 700);
    mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, catcher->queue, NULL);
    assert_true(kc_inbox_start(catcher->inbox, &err));
    int64_t before = kc_now_ms();
    mq_delete_queue(mq, catcher->queue);
    assert_true(wait_for(&catcher->lost, 1, WAIT_MS));
    assert_in_range(kc_now_ms() - before, 700, 12000);
    assert_false(wait_for(&catcher->lost, 2, 1000));
}

static void a_broker_that_stays_away_is_no_queue_that_is_gone(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    open_inbox(rabbit->uri, 1, 700);
    mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, catcher->queue, NULL);
    assert_true(kc_inbox_start(catcher->inbox, &err));
    mq_close(mq);
    rabbit_stop(rabbit);
    assert_false(wait_for(&catcher->lost, 1, 2000));
    rabbit_restart(rabbit);
    mq = mq_connect(rabbit->uri);
    say("m1", "one");
    assert_true(wait_for(&catcher->count, 1, 40000)); /* the pause has grown meanwhile */
    assert_int_equal(catcher->lost, 0);
}

static void a_queue_that_is_not_there_at_first_is_an_error(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    open_inbox(rabbit->uri, 1, 0);
    assert_false(kc_inbox_start(catcher->inbox, &err));
    assert_int_equal(err.code, KC_NOT_FOUND);
    char wanted[256];
    (void)snprintf(wanted, sizeof(wanted),
                   "Operation failed: BasicConsume; 404 (NOT-FOUND) with message "
                   "\"NOT_FOUND - no queue '%s' in vhost '/'\"",
                   catcher->queue);
    assert_string_equal(err.text, wanted);
}

/* --- Heartbeats --- */

static void heartbeats_go_on_while_nothing_happens(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char uri[128];
    (void)snprintf(uri, sizeof(uri), "%s?heartbeat=3", rabbit->uri);
    open_inbox(uri, 1, 0);
    usleep(10500000); /* before it consumes, too; a silent client is cut after 6 to 9 s */
    mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, catcher->queue, NULL);
    assert_true(kc_inbox_start(catcher->inbox, &err));
    say("m1", "one");
    assert_caught(1);
    usleep(10500000);
    answer(0, true);
    wait_queue(0, 0);
    assert_int_equal(generation(), 1);
}

static void a_broker_that_is_silent_is_left(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char uri[128];
    (void)snprintf(uri, sizeof(uri), "%s?heartbeat=1", rabbit->uri);
    open_inbox(uri, 1, 0);
    mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, catcher->queue, NULL);
    assert_true(kc_inbox_start(catcher->inbox, &err));
    rabbit_freeze(rabbit);
    usleep(6000000); /* two heartbeats that do not come, and much air */
    rabbit_thaw(rabbit);
    say("m1", "one");
    assert_caught(1);
    assert_true(catcher->caught[0]->generation >= 2);
}

/* --- Its end --- */

static void after_a_cancel_nothing_comes_and_answers_still_go(void **state)
{
    (void)state;
    start(2);
    say("m1", "one");
    assert_caught(1);
    kc_inbox_cancel(catcher->inbox);
    rabbit_wait_consumers(rabbit, catcher->queue, 0, WAIT_MS);
    say("m2", "two");
    wait_queue(1, 1);
    answer(0, true);
    wait_queue(1, 0);
    assert_no_more();
}

static void after_a_cancel_a_broken_connection_takes_no_answer_away(void **state)
{
    (void)state;
    start(1);
    say("m1", "one");
    assert_caught(1);
    kc_inbox_cancel(catcher->inbox);
    rabbit_close_connections(rabbit, "-read");
    say("m2", "two");
    wait_queue(1, 1);
    answer(0, true);
    assert_true(kc_inbox_close(catcher->inbox, WAIT_MS));
    catcher->inbox = NULL;
    wait_queue(1, 0); /* m2 went back */
    assert_no_more();
}

static void closing_writes_answers_and_leaves_the_rest_to_the_broker(void **state)
{
    (void)state;
    start(10);
    for (int i = 0; i < 10; i++)
        say("m", "x");
    assert_caught(10);
    for (int i = 0; i < 7; i++)
        answer(i, true);
    assert_true(kc_inbox_close(catcher->inbox, WAIT_MS));
    catcher->inbox = NULL;
    wait_queue(3, 0);
    rabbit_wait_connections(rabbit, "-read", 0, WAIT_MS);
}

static void closing_without_a_broker_says_that_answers_are_left(void **state)
{
    (void)state;
    start(1);
    say("m1", "one");
    assert_caught(1);
    rabbit_stop(rabbit);
    answer(0, true);
    int64_t before = kc_now_ms();
    assert_false(kc_inbox_close(catcher->inbox, 500));
    catcher->inbox = NULL;
    assert_in_range(kc_now_ms() - before, 400, 8000);
}

#define inbox_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        inbox_test(a_delivery_is_its_headers_properties_and_body),
        inbox_test(a_body_may_be_empty_or_of_many_frames),
        inbox_test(no_more_come_than_the_prefetch_count),
        inbox_test(equal_ids_and_equal_bodies_are_messages_of_their_own),
        inbox_test(a_rejected_one_is_not_queued_again),
        inbox_test(what_is_out_when_a_connection_closes_is_answered_once),
        inbox_test(an_answer_given_while_there_is_no_connection_is_not_lost),
        inbox_test(what_is_out_when_the_broker_restarts_is_not_given_out_again),
        inbox_test(an_answer_that_never_arrived_is_given_again),
        inbox_test(a_new_message_like_one_that_is_out_is_given_out),
        inbox_test(a_dropped_one_comes_again_over_another_connection),
        inbox_test(a_consumer_that_the_broker_cancels_begins_again),
        inbox_test(a_queue_that_stays_away_is_told_once),
        inbox_test(a_broker_that_stays_away_is_no_queue_that_is_gone),
        inbox_test(a_queue_that_is_not_there_at_first_is_an_error),
        inbox_test(heartbeats_go_on_while_nothing_happens),
        inbox_test(a_broker_that_is_silent_is_left),
        inbox_test(after_a_cancel_nothing_comes_and_answers_still_go),
        inbox_test(after_a_cancel_a_broken_connection_takes_no_answer_away),
        inbox_test(closing_writes_answers_and_leaves_the_rest_to_the_broker),
        inbox_test(closing_without_a_broker_says_that_answers_are_left),
    };
    return cmocka_run_group_tests(tests, rabbit_setup, rabbit_teardown);
}
