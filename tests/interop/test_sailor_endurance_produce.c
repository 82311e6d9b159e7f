// SPDX-License-Identifier: Apache-2.0
/* test_sailor_endurance_produce.c - Node.js -> produce -> Node.js: what goes in arrives at the
 * flow's end and in Kafka, whatever happens on the way (support/endurance.h). */
#include "support/component.h"
#include "support/endurance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SETTLE_EVERY 1000

/* What the source sends on: numbers. */
static void feed(struct endurance *e)
{
    struct mq *mq = mq_connect(rabbit->uri);
    for (int n = 0; n < ENDURANCE_MESSAGES; n++) {
        char text[100], id[32];
        size_t len;
        snprintf(text, sizeof(text), "{\"body\":{\"key\":\"k%d\",\"value\":\"%d\"}}", n % 17,
                 n);
        snprintf(id, sizeof(id), "message-%d", n);
        void *body = platform_encrypt_v2(text, &len);
        mq_publish(mq,
                   &(struct mq_publish){ .exchange = e->source->exchange,
                                         .key = e->source->input_key,
                                         .body = body,
                                         .body_len = len,
                                         .delivery_mode = 2,
                                         .needs_no_confirm = true,
                                         .headers = MQ_TABLE(mq_text("messageId", id),
                                                             mq_i32("protocolVersion", 2)) });
        free(body);
        if (n % SETTLE_EVERY == SETTLE_EVERY - 1)
            assert_int_equal(mq_settle(mq, WAIT_MS), 0);
    }
    mq_close(mq);
}

static void count_topic(const char *topic)
{
    struct tally tally;
    struct witness_records records = witness_read(witness, topic);
    tally_init(&tally, ENDURANCE_MESSAGES);
    for (size_t i = 0; i < records.count; i++) {
        char digits[16];
        snprintf(digits, sizeof(digits), "%.*s", (int)records.at[i].value_size,
                 (const char *)records.at[i].value);
        tally_add(&tally, strtoll(digits, NULL, 10));
    }
    print_message("in Kafka: %lld lost, %lld twice\n",
                  (long long)(tally.count - tally.different), (long long)tally.again);
    assert_int_equal(tally.different, tally.count);
    witness_records_free(&records);
    tally_deinit(&tally);
}

/* A step of Node.js whose channel was closed while it published says an error and rejects what
 * it was at. The flow would lose that, by no fault of ours: here it comes to the same step once
 * more. */
static void declare_source(struct mq *mq, struct mq_step *source)
{
    mq_step_declare(mq, source);
    mq_delete_queue(mq, source->input);
    mq_declare_queue(mq, source->input,
                     MQ_TABLE(mq_text("x-dead-letter-exchange", ""),
                              mq_text("x-dead-letter-routing-key", source->input)));
    mq_bind(mq, source->input, source->exchange, source->input_key);
}

static void nothing_gets_lost_on_its_way_through_produce(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 3, NULL);
    struct mq_step source, ours;
    struct mq *mq = mq_connect(rabbit->uri);
    declare_source(mq, &source);
    endurance_declare(mq, &ours);
    mq_unbind(mq, source.data, source.exchange, source.data_key);
    mq_bind(mq, ours.input, source.exchange, source.data_key);
    mq_close(mq);
    struct endurance e = { .name = "produce",
                           .platform = platform_start(),
                           .function = "produce",
                           .step_id = "step_2",
                           .source = &source,
                           .ours = &ours,
                           .path = "passthrough.step_1.body.value" };
    endurance_describe(&e, kafka, topic, "");
    endurance_run(&e, feed);
    endurance_report(&e);
    count_topic(topic);
    tally_deinit(&e.tally);
}

static int tidy(void **state)
{
    step_free_all(state);
    mq_close_all(state);
    platform_free_all(state);
    rabbit_tidy(state);
    return live_tidy(state);
}

static int setup(void **state)
{
    return live_setup(state) ||
           rabbit_setup_with(&(struct rabbit_options){ .is_for_bench = true });
}

static int teardown(void **state)
{
    return rabbit_teardown(state) || live_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_gets_lost_on_its_way_through_produce, tidy),
    };
    return cmocka_run_group_tests_name("interop/sailor_endurance_produce", tests, setup,
                                       teardown);
}
