// SPDX-License-Identifier: Apache-2.0
/* fail.h - fails the running test where the harness itself cannot go on. */
#ifndef TESTS_SUPPORT_FAIL_H
#define TESTS_SUPPORT_FAIL_H

/* cmocka's fail_msg() does not return either, but does not tell the compiler. */
_Noreturn void fail_test(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
