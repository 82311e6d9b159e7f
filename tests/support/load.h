// SPDX-License-Identifier: Apache-2.0
/* load.h - clients in a closed loop: each has one connection that is kept, posts the same
 * request again as soon as it was answered, and notes how long it took. One thread and one
 * epoll for all of them, so that the load itself costs little.
 *
 * Beside them drippers may knock: connections that begin a request and go on byte by byte. */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_STALL_MS 1000 /* so long without any answer at all is a stall */

struct load_options {
    const char *base; /* "http://127.0.0.1:PORT" */
    const char *path;
    const char *headers; /* lines that end in \r\n; may be NULL */
    const char *body;    /* posted as application/json */
    int clients;
    int warm_up_ms; /* not counted */
    int measure_ms;
    pid_t server; /* whose CPU is read; 0: nobody's */

    int drippers;
    const char *drip_head; /* what they send at once */
    char drip;             /* and then again and again, one each drip_pace_ms */
    int drip_pace_ms;
};

struct load_result {
    int64_t answers; /* with 200, within the measured time */
    int64_t total;   /* with 200, from beginning to end */
    int64_t refused; /* other answers, and connections that broke or were never answered */
    char why[400];   /* the first of these */
    double seconds;
    int p50_us, p99_us, max_us;
    int stall_ms;  /* the longest time without any answer, while some were awaited */
    int stalls;    /* how many were longer than LOAD_STALL_MS */
    double cpu_s;  /* of the server, user and system, all threads */
    int drips_cut; /* drippers that the server has answered or closed */
    int drip_cut_first_ms, drip_cut_last_ms; /* after they knocked */
};

/* Runs it all and waits up to 5 s more for answers that are due. Fails the running test where
 * it cannot even connect. */
void load_run(const struct load_options *options, struct load_result *result);

#endif
