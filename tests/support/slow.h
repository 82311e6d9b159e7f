// SPDX-License-Identifier: Apache-2.0
/* slow.h - sanitizers make a program several times slower: bounds of time are multiplied by
 * SLOW where what they prove allows it. */
#ifndef TESTS_SUPPORT_SLOW_H
#define TESTS_SUPPORT_SLOW_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOW 3
#else
#define SLOW 1
#endif

#endif
