// SPDX-License-Identifier: Apache-2.0
/* topic.c - what the bench asks of the server: `topic create NAME PARTITIONS` waits until it
 * can be written to; `topic count NAME PARTITIONS` prints how many records lie between its
 * ends. */
#include "support/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *brokers = getenv("KC_KAFKA_PLAINTEXT");
    if (argc != 4 || !brokers) {
        fprintf(stderr, "usage: KC_KAFKA_PLAINTEXT=… topic create|count NAME PARTITIONS\n");
        return 64;
    }
    struct witness *w = witness_open(brokers);
    int partitions = (int)strtol(argv[3], NULL, 10);
    if (strcmp(argv[1], "create") == 0) {
        witness_create_topic(w, argv[2], partitions, NULL);
    } else {
        long long count = 0;
        for (int i = 0; i < partitions; i++) {
            int64_t low, high;
            witness_watermarks(w, argv[2], i, &low, &high);
            count += high - low;
        }
        printf("%lld\n", count);
    }
    witness_close(w);
    return 0;
}
