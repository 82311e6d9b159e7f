// SPDX-License-Identifier: Apache-2.0
/* Which records a sample keeps, and in which order. */
#include "component/examples.h"

#include "unit/unit.h"

#include <librdkafka/rdkafka.h>

/* A message without headers, for records to come from: only librdkafka can make one. */
static struct {
    rd_kafka_t *rk;
    rd_kafka_queue_t *reports;
    rd_kafka_event_t *report;
    void *message;
    struct kc_body_writer *writer;
} source;

static int setup(void **state)
{
    (void)state;
    const rd_kafka_message_t *message;
    union {
        const rd_kafka_message_t *theirs;
        void *ours;
    } either;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    source.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    source.reports = rd_kafka_queue_get_main(source.rk);
    rd_kafka_producev(source.rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_END);
    rd_kafka_purge(source.rk, RD_KAFKA_PURGE_F_QUEUE);
    source.report = rd_kafka_queue_poll(source.reports, 10000);
    assert_non_null(source.report);
    assert_int_equal(rd_kafka_event_message_array(source.report, &message, 1), 1);
    either.theirs = message;
    source.message = either.ours;
    source.writer = kc_body_writer_new(KC_UTF8, KC_UTF8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kc_body_writer_free(source.writer);
    rd_kafka_event_destroy(source.report);
    rd_kafka_queue_destroy(source.reports);
    rd_kafka_destroy(source.rk);
    return 0;
}

static struct kc_fetched record(int partition, int64_t offset, int64_t time)
{
    return (struct kc_fetched){ .topic = "cars",
                                .value = KC_LIT("v"),
                                .partition = partition,
                                .offset = offset,
                                .timestamp = time,
                                .native = source.message };
}

static void add_youngest(struct kc_examples *e, int partition, int64_t offset, int64_t time)
{
    struct kc_fetched r = record(partition, offset, time);
    kc_examples_add_youngest(e, &r);
}

static void init(struct kc_examples *e, size_t max)
{
    kc_examples_init(e, max, source.writer, KC_BODY_BARE);
}

/* "partition/offset " each, in order. */
static void assert_places(const struct kc_examples *e, const char *wanted)
{
    char text[1000] = "";
    size_t len = 0;
    for (size_t i = 0; i < e->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%d/%lld ",
                                (int)e->list[i].partition, (long long)e->list[i].offset);
    assert_string_equal(text, wanted);
}

static void the_first_are_kept_as_they_come(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 3);
    for (int64_t i = 0; i < 5; i++) {
        struct kc_fetched r = record((int)(1 - i % 2), i, 100 - i);
        assert_int_equal(kc_examples_is_full(&e), i >= 3);
        kc_examples_add(&e, &r);
    }
    assert_places(&e, "1/0 0/1 1/2 ");
    kc_examples_deinit(&e);
}

static void the_youngest_are_kept_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 4);
    for (int64_t i = 0; i < 5; i++)
        add_youngest(&e, 0, i, 10 * i); /* 0, 10, 20, 30, 40 */
    for (int64_t i = 0; i < 3; i++)
        add_youngest(&e, 1, i, 10 * i + 15); /* 15, 25, 35 */
    assert_places(&e, "1/1 0/3 1/2 0/4 ");
    kc_examples_deinit(&e);
}

static void what_is_older_than_all_is_not_taken(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 2);
    add_youngest(&e, 1, 0, 50);
    add_youngest(&e, 1, 1, 51);
    add_youngest(&e, 0, 7, 49);
    assert_places(&e, "1/0 1/1 ");
    kc_examples_deinit(&e);
}

static void a_clock_that_was_set_back_does_not_change_the_order(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 3);
    add_youngest(&e, 0, 0, 100);
    add_youngest(&e, 0, 1, 20); /* counts as 100 */
    add_youngest(&e, 1, 0, 50);
    add_youngest(&e, 0, 2, 30);
    assert_places(&e, "0/0 0/1 0/2 ");
    kc_examples_deinit(&e);
}

static void without_times_the_last_ones_stay(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 2);
    for (int64_t i = 0; i < 4; i++)
        add_youngest(&e, 3, i, KC_NO_TIME);
    assert_places(&e, "3/2 3/3 ");
    kc_examples_deinit(&e);
}

static void a_partition_can_be_forgotten_and_read_again(void **state)
{
    (void)state;
    struct kc_examples e;
    init(&e, 4);
    add_youngest(&e, 0, 5, 10);
    add_youngest(&e, 1, 5, 11);
    add_youngest(&e, 0, 6, 12);
    kc_examples_forget(&e, 0);
    assert_places(&e, "1/5 ");
    add_youngest(&e, 0, 4, 9);
    add_youngest(&e, 0, 5, 10);
    add_youngest(&e, 0, 6, 12);
    assert_places(&e, "0/4 0/5 1/5 0/6 ");
    kc_examples_deinit(&e);
}

static void an_example_is_what_consume_would_give(void **state)
{
    (void)state;
    struct kc_examples e;
    struct kc_fetched r = record(2, 42, KC_NO_TIME);
    init(&e, 1);
    kc_examples_add(&e, &r);
    char *wanted = json("{'value':'v','partition':'2','offset':42,'topic':'cars'}");
    assert_text(kc_buf_peek(&e.list[0].json), wanted);
    assert_int_equal(e.list[0].bytes, 1);
    free(wanted);
    kc_examples_deinit(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_are_kept_as_they_come),
        cmocka_unit_test(the_youngest_are_kept_in_the_order_of_their_times),
        cmocka_unit_test(what_is_older_than_all_is_not_taken),
        cmocka_unit_test(a_clock_that_was_set_back_does_not_change_the_order),
        cmocka_unit_test(without_times_the_last_ones_stay),
        cmocka_unit_test(a_partition_can_be_forgotten_and_read_again),
        cmocka_unit_test(an_example_is_what_consume_would_give),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
