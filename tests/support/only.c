// SPDX-License-Identifier: Apache-2.0
/* only.c - KC_TEST_ONLY='a_slow_*' runs the tests of a program whose names match, and no
 * others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void run_only(void)
{
    const char *pattern = getenv("KC_TEST_ONLY");
    if (pattern)
        cmocka_set_test_filter(pattern);
}
