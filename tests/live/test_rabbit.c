// SPDX-License-Identifier: Apache-2.0
/* test_rabbit.c - the tests' own RabbitMQ, and their client of it, do what the other live tests
 * rely on. */
#include "support/amqp.h"
#include "support/rabbit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS           30000

#define rabbit_test(test) cmocka_unit_test_teardown(test, tidy)

static int tidy(void **state)
{
    mq_close_all(state);
    return rabbit_tidy(state);
}

/* --- The server --- */

static void it_can_be_asked(void **state)
{
    (void)state;
    assert_string_equal(rabbit_eval(rabbit, "1 + 1."), "2");
    assert_string_equal(rabbit_eval(rabbit, "{a, [\"}\"]}."), "{a, [\"}\"]}");
    char *users = rabbit_ctl(rabbit, ARGS("list_users", "--quiet", "--no-table-headers"));
    assert_non_null(strstr(users, RABBIT_GUEST "\t[administrator]"));
    assert_non_null(strstr(users, RABBIT_USER "\t[]"));
    free(users);
}

static void every_uri_signs_in(void **state)
{
    (void)state;
    struct mq *guest = mq_connect(rabbit->uri);
    struct mq *alice = mq_connect(rabbit->alice_uri);
    struct mq *secure = mq_connect_tls(rabbit->tls_uri, rabbit->certs.ca);
    mq_declare_queue(guest, "of-guest", NULL);
    assert_int_equal(mq_count(secure, "of-guest"), 0);
    mq_declare_queue(alice, "of-guest", MQ_TABLE(mq_i32("x-max-length", 5))); /* another one */
    rabbit_wait_connections(rabbit, "the-test", 3, WAIT_MS);
    assert_int_equal(rabbit_connections(rabbit, "the-best"), 0);
    mq_delete_queue(guest, "of-guest");
}

static void a_restart_keeps_what_is_durable(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, "kept", NULL);
    mq_publish(mq, &(struct mq_publish){ .key = "kept", .body = "a", .delivery_mode = 2 });
    mq_publish(mq, &(struct mq_publish){ .key = "kept", .body = "b", .delivery_mode = 1 });
    rabbit_stop(rabbit);
    mq_wait_closed(mq, WAIT_MS);
    rabbit_restart(rabbit);
    mq = mq_connect(rabbit->uri);
    assert_string_equal(mq_take(mq, "kept", WAIT_MS)->body, "a");
    mq_publish(mq, &(struct mq_publish){ .key = "kept", .body = "c", .delivery_mode = 2 });
    rabbit_kill(rabbit);
    mq_wait_closed(mq, WAIT_MS);
    rabbit_restart(rabbit);
    mq = mq_connect(rabbit->uri);
    assert_string_equal(mq_take(mq, "kept", WAIT_MS)->body, "c");
    assert_int_equal(mq_count(mq, "kept"), 0);
    mq_delete_queue(mq, "kept");
}

static void publishers_can_be_blocked(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, "blocked", NULL);
    rabbit_block(rabbit);
    mq_publish(mq, &(struct mq_publish){ .key = "blocked" }); /* the first one passes */
    mq_wait_blocked(mq, true, WAIT_MS);
    mq_publish(mq, &(struct mq_publish){ .key = "blocked", .needs_no_confirm = true });
    assert_int_equal(rabbit_queue(rabbit, "blocked").ready, 1);
    rabbit_unblock(rabbit);
    mq_wait_blocked(mq, false, WAIT_MS);
    assert_int_equal(mq_settle(mq, WAIT_MS), 0);
    assert_int_equal(mq_count(mq, "blocked"), 2);
    mq_delete_queue(mq, "blocked");
}

static void connections_can_be_closed_and_broken(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    rabbit_close_connections(rabbit, "another");
    mq_declare_queue(mq, "still-there", NULL);
    mq_delete_queue(mq, "still-there");
    rabbit_close_connections(rabbit, "the-test");
    assert_int_equal(mq_wait_closed(mq, WAIT_MS), 320);
    rabbit_wait_connections(rabbit, NULL, 0, WAIT_MS);

    mq = mq_connect(rabbit->uri);
    rabbit_break_connections(rabbit, NULL);
    assert_int_equal(mq_wait_closed(mq, WAIT_MS), 0);
    rabbit_wait_connections(rabbit, NULL, 0, WAIT_MS);
}

/* --- The client --- */

static void everything_about_a_message_is_seen(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, "seen", NULL);
    const amqp_basic_properties_t more = { ._flags = AMQP_BASIC_PRIORITY_FLAG |
                                                     AMQP_BASIC_TIMESTAMP_FLAG,
                                           .priority = 3,
                                           .timestamp = 1700000000 };
    mq_publish(
        mq,
        &(struct mq_publish){
            .key = "seen",
            .body = "a\0b",
            .body_len = 3,
            .content_type = "application/json",
            .expiration = "100000",
            .delivery_mode = 2,
            .more = &more,
            .headers = MQ_TABLE(
                mq_text("S", "t\xc3\xa4xt"), mq_bytes("x", "\xff"), mq_bool("t", true),
                mq_i8("b", -1), mq_u8("B", 255), mq_i16("s", -300), mq_u16("u", 65535),
                mq_i32("I", -70000), mq_u32("i", 4000000000), mq_i64("l", -5000000000),
                mq_f64("d", 0.5), mq_f32("f", 0.25F), mq_decimal("D", 2, 314),
                mq_time("T", 1700000000), mq_void("V"), mq_table("F", MQ_TABLE(mq_i64("n", 1))),
                mq_array("A", MQ_VALUES(mq_text("", "one"),
                                        mq_table("", MQ_TABLE(mq_time("time", 5)))))) });
    struct mq_message *m = mq_take(mq, "seen", WAIT_MS);
    assert_int_equal(m->body_len, 3);
    assert_memory_equal(m->body, "a\0b", 4);
    assert_string_equal(m->key, "seen");
    assert_string_equal(m->exchange, "");
    assert_false(m->is_redelivered);
    assert_true(m->has_headers);
    assert_json(m->properties, "",
                "{\"content_type\":\"application/json\",\"delivery_mode\":2,"
                "\"expiration\":\"100000\",\"priority\":3,\"timestamp\":1700000000}");
    assert_json(m->headers, "",
                "{\"A\":[\"one\",{\"time\":5}],\"B\":255,\"D\":[2,314],\"F\":{\"n\":1},"
                "\"I\":-70000,\"S\":\"t\xc3\xa4xt\",\"T\":1700000000,\"V\":null,\"b\":-1,"
                "\"d\":0.5,\"f\":0.25,\"i\":4000000000,\"l\":-5000000000,\"s\":-300,\"t\":true,"
                "\"u\":65535,\"x\":\"ff\"}");
    assert_json(m->kinds, "",
                "{\"A\":[\"S\",{\"time\":\"T\"}],\"B\":\"B\",\"D\":\"D\",\"F\":{\"n\":\"l\"},"
                "\"I\":\"I\",\"S\":\"S\",\"T\":\"T\",\"V\":\"V\",\"b\":\"b\",\"d\":\"d\","
                "\"f\":\"f\",\"i\":\"i\",\"l\":\"l\",\"s\":\"s\",\"t\":\"t\",\"u\":\"u\","
                "\"x\":\"x\"}");

    mq_publish(mq, &(struct mq_publish){ .key = "seen", .has_no_headers = true });
    m = mq_take(mq, "seen", WAIT_MS);
    assert_false(m->has_headers);
    assert_int_equal(m->body_len, 0);
    assert_json(m->headers, "", "{}");
    mq_delete_queue(mq, "seen");
}

static void deliveries_come_again_until_they_are_acked(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    mq_declare_queue(mq, "again", NULL);
    for (int i = 0; i < 3; i++)
        mq_publish(mq, &(struct mq_publish){ .key = "again", .body = i ? "more" : "first" });
    struct mq *reader = mq_connect(rabbit->uri);
    mq_consume(reader, "again", 1);
    struct mq_message *m = mq_next(reader, WAIT_MS);
    assert_string_equal(m->body, "first");
    assert_false(m->is_redelivered);
    mq_reject(reader, m, true);
    m = mq_next(reader, WAIT_MS);
    assert_string_equal(m->body, "first");
    assert_true(m->is_redelivered);
    mq_ack(reader, m);
    mq_next(reader, WAIT_MS);
    rabbit_wait_queue(rabbit, "again", 1, 1, WAIT_MS);
    assert_int_equal(rabbit_queue(rabbit, "again").consumers, 1);
    mq_close(reader);
    rabbit_wait_queue(rabbit, "again", 2, 0, WAIT_MS);
    mq_purge(mq, "again");
    assert_int_equal(mq_count(mq, "again"), 0);
    mq_delete_queue(mq, "again");
}

static void a_refused_and_a_returned_message_are_told_apart(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step step;
    mq_step_declare(mq, &step);
    mq_step_limit_data(
        mq, &step,
        MQ_TABLE(mq_i32("x-max-length", 1), mq_text("x-overflow", "reject-publish")));
    struct mq_publish p = { .exchange = step.exchange, .key = step.data_key, .body = "1" };
    assert_int_equal(mq_publish(mq, &p), MQ_ACKED);
    assert_int_equal(mq_publish(mq, &p), MQ_NACKED);
    p.needs_no_confirm = true;
    assert_int_equal(mq_publish(mq, &p), MQ_SENT);
    assert_int_equal(mq_settle(mq, WAIT_MS), 1);

    mq_unbind(mq, step.error, step.exchange, step.error_key);
    p = (struct mq_publish){
        .exchange = step.exchange, .key = step.error_key, .body = "2", .is_mandatory = true
    };
    assert_int_equal(mq_publish(mq, &p), MQ_RETURNED);
    assert_string_equal(mq_returned(mq)->body, "2");
    mq_step_delete(mq, &step);
}

/* --- A step's queues --- */

static void a_rejected_message_is_kept_and_a_rebound_one_comes_back(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step step;
    mq_step_declare(mq, &step);
    mq_publish(mq, &(struct mq_publish){ .exchange = step.exchange,
                                         .key = step.rebound_key,
                                         .body = "later",
                                         .expiration = "1" });
    mq_wait_count(mq, step.input, 1, WAIT_MS);
    struct mq_message *m = mq_get(mq, step.input);
    assert_string_equal(m->body, "later");
    assert_json(m->headers, "x-death.0.reason", "\"expired\"");
    assert_json(m->kinds, "x-death.0.time", "\"T\"");
    mq_reject(mq, m, false);
    m = mq_take(mq, step.rejected, WAIT_MS);
    assert_json(m->headers, "x-death.0.reason", "\"rejected\"");
    assert_json(m->headers, "x-death.1.reason", "\"expired\"");
    mq_step_delete(mq, &step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rabbit_test(it_can_be_asked),
        rabbit_test(every_uri_signs_in),
        rabbit_test(a_restart_keeps_what_is_durable),
        rabbit_test(publishers_can_be_blocked),
        rabbit_test(connections_can_be_closed_and_broken),
        rabbit_test(everything_about_a_message_is_seen),
        rabbit_test(deliveries_come_again_until_they_are_acked),
        rabbit_test(a_refused_and_a_returned_message_are_told_apart),
        rabbit_test(a_rejected_message_is_kept_and_a_rebound_one_comes_back),
    };
    return cmocka_run_group_tests_name("live/rabbit", tests, rabbit_setup, rabbit_teardown);
}
