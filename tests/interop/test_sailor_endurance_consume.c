// SPDX-License-Identifier: Apache-2.0
/* test_sailor_endurance_consume.c - consume -> Node.js: every record arrives, whatever happens
 * on the way (support/endurance.h). */
#include "support/component.h"
#include "support/endurance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PARTITIONS 3

static void nothing_gets_lost_on_its_way_through_consume(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, PARTITIONS, NULL);
    struct mq_step ours;
    struct mq *mq = mq_connect(rabbit->uri);
    endurance_declare(mq, &ours);
    mq_close(mq);
    witness_write_numbers(witness, topic, PARTITIONS, 0, ENDURANCE_MESSAGES);
    struct endurance e = { .name = "consume",
                           .platform = platform_start(),
                           .function = "consume",
                           .step_id = "step_2",
                           .ours = &ours,
                           .path = "body.value",
                           .wants_ticks = true };
    /* One that comes back under its name gets its partitions at once: nobody waits until the
     * killed one is given up. */
    endurance_describe(&e, kafka, topic,
                       ",'groupId':'endurance','startFrom':'earliest',"
                       "'groupInstanceId':'step_2'");
    endurance_run(&e, NULL);
    int64_t committed = 0;
    for (int partition = 0; partition < PARTITIONS; partition++)
        committed += witness_committed(witness, "endurance", topic, partition);
    endurance_report(&e);
    assert_int_equal(committed, ENDURANCE_MESSAGES);
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
        cmocka_unit_test_teardown(nothing_gets_lost_on_its_way_through_consume, tidy),
    };
    return cmocka_run_group_tests_name("interop/sailor_endurance_consume", tests, setup,
                                       teardown);
}
