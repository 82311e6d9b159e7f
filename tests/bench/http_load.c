// SPDX-License-Identifier: Apache-2.0
/* http_load.c - keep-alive clients post one body to a server, as fast as they are answered.
 *
 *   http_load BASE PATH BODY CLIENTS MEASURE_MS PID
 *
 * Prints a line: clients, requests/s, p50, p99 and max in us, the longest time without any
 * answer in ms, how many of them were stalls, CPU of process PID per request in us, and answers
 * that were not 200. Ends with 1 where there was one of these. */
#include "support/load.h"

#include <stdio.h>
#include <stdlib.h>

#define WARM_UP_MS 1000

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: http_load BASE PATH BODY CLIENTS MEASURE_MS PID\n");
        return 64;
    }
    struct load_result r;
    struct load_options o = { .base = argv[1],
                              .path = argv[2],
                              .body = argv[3],
                              .clients = (int)strtol(argv[4], NULL, 10),
                              .warm_up_ms = WARM_UP_MS,
                              .measure_ms = (int)strtol(argv[5], NULL, 10),
                              .server = (pid_t)strtol(argv[6], NULL, 10) };
    load_run(&o, &r);
    double answers = r.answers > 0 ? (double)r.answers : 1;
    printf("%d %.0f %d %d %d %d %d %.2f %lld\n", o.clients, answers / r.seconds, r.p50_us,
           r.p99_us, r.max_us, r.stall_ms, r.stalls, r.cpu_s * 1e6 / answers,
           (long long)r.refused);
    if (r.refused > 0)
        fprintf(stderr, "%lld were not answered with 200; the first: %s\n",
                (long long)r.refused, r.why);
    return r.refused > 0;
}
