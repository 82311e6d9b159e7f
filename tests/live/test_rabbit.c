// SPDX-License-Identifier: Apache-2.0
/* test_rabbit.c - the tests' own RabbitMQ does what the other live tests rely on. */
#include "support/rabbit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void it_can_be_asked(void **state)
{
    (void)state;
    assert_string_equal(rabbit_eval(rabbit, "1 + 1."), "2");
    assert_int_equal(rabbit_connections(rabbit, NULL), 0);
    char *queues = rabbit_ctl(rabbit, ARGS("list_queues", "--quiet"));
    assert_string_equal(queues, "");
    free(queues);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_can_be_asked, rabbit_tidy),
    };
    return cmocka_run_group_tests_name("live/rabbit", tests, rabbit_setup, rabbit_teardown);
}
