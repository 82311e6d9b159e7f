// SPDX-License-Identifier: Apache-2.0
/* test_trouble.c - which broker librdkafka's words are about. */
#include "kafka/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_trouble(const char *text, const char *address, bool was_heard_of)
{
    struct kc_trouble t;
    assert_true(kc_trouble_read(text, &t));
    assert_int_equal(t.address.len, strlen(address));
    assert_memory_equal(t.address.p, address, t.address.len);
    assert_int_equal(t.was_heard_of, was_heard_of);
    assert_string_equal(t.what, ": Connect failed: see http://help/1: there");
}

#define WORDS ": Connect failed: see http://help/1: there"

static void trouble_names_a_broker_that_was_given(void **state)
{
    (void)state;
    assert_trouble("sasl_ssl://b.example:9093/bootstrap" WORDS, "b.example:9093", false);
    assert_trouble("b.example:9093/bootstrap" WORDS, "b.example:9093", false);
    assert_trouble("ssl://[::1]:9093/bootstrap" WORDS, "[::1]:9093", false);
}

static void trouble_names_a_broker_that_was_heard_of(void **state)
{
    (void)state;
    assert_trouble("sasl_plaintext://10.0.0.1:9092/12" WORDS, "10.0.0.1:9092", true);
    assert_trouble("10.0.0.1:9092/0" WORDS, "10.0.0.1:9092", true);
}

static void other_trouble_names_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "b:9093/bootstrap",
        "b:9093/bootstrap it went wrong",
        "b:9093/ it went wrong",
        "b:9093/1",
        "b:9093/1x: it went wrong",
        "GroupCoordinator: it went wrong",
        "it went wrong at ssl://b:9093/1: there",
        "the token endpoint https://idp/1: it is away",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct kc_trouble t;
        if (kc_trouble_read(texts[i], &t))
            fail_msg("\"%s\" is no broker's", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trouble_names_a_broker_that_was_given),
        cmocka_unit_test(trouble_names_a_broker_that_was_heard_of),
        cmocka_unit_test(other_trouble_names_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
