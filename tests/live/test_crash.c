// SPDX-License-Identifier: Apache-2.0
/* test_crash.c - consume is killed with -9 again and again while records flow: none is lost.
 * How many came twice, and how long the next run waited for its first record, is printed. */
#include "support/component.h"
#include "support/tally.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    PARTITIONS = 4
};
#define COMMIT_WINDOW 10000 /* settled records between two commits, at most */
#define IN_FLIGHT     1000  /* maxInFlight's default */

/* The pipe and our own buffer hold lines that a killed run wrote: they count as given. */
static void kill_and_take_the_rest(struct process *p, struct tally *tally)
{
    process_signal(p, SIGKILL);
    tally_lines(tally, p, INT64_MAX, WAIT_MS);
    assert_int_equal(process_wait(p, WAIT_MS).signal, SIGKILL);
    process_free(p);
}

static int by_size(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

/* Each round starts a run, writes `batch` records meanwhile, waits for the run's first record,
 * and kills it at a random moment after that. */
static void none_is_lost(int kills, int64_t batch, const char *const settings[],
                         const char *title)
{
    const char *topic = witness_new_topic(witness, PARTITIONS, NULL);
    const char *group = witness_fresh_name(witness, "crashing");
    int64_t records = kills * batch;
    int *waits = calloc((size_t)kills, sizeof(*waits));
    struct tally tally;
    tally_init(&tally, records);
    assert_non_null(waits);
    unsigned int seed = (unsigned int)now_ms(), state = seed;

    for (int i = 0; i < kills; i++) {
        int64_t started = now_ms(), written = 0, taken = 0, moment = rand_r(&state) % batch + 1;
        struct process *p = start_consume(topic, group, settings);
        while (written < batch) {
            witness_write_numbers(witness, topic, PARTITIONS, i * batch + written, batch / 10);
            written += batch / 10;
            taken += tally_lines(&tally, p, taken ? moment - taken : 1, 0);
            if (taken && !waits[i])
                waits[i] = (int)(now_ms() - started);
            if (taken >= moment)
                break;
        }
        if (!taken) {
            taken = tally_lines(&tally, p, 1, WAIT_MS * 2);
            waits[i] = (int)(now_ms() - started);
        }
        assert_true(taken > 0);
        tally_lines(&tally, p, moment - taken, 50);
        kill_and_take_the_rest(p, &tally);
        if (written < batch)
            witness_write_numbers(witness, topic, PARTITIONS, i * batch + written,
                                  batch - written);
    }
    int64_t again = tally.again;

    struct process *last = start_consume(topic, group, settings);
    int64_t deadline = now_ms() + 60000;
    while (tally.different < records && now_ms() < deadline)
        tally_lines(&tally, last, 1000, 200);
    if (tally.different < records)
        fail_msg("%s: %lld of %lld records were lost (seed %u)", title,
                 (long long)(records - tally.different), (long long)records, seed);
    terminate(last, 0);

    qsort(waits, (size_t)kills, sizeof(*waits), by_size);
    print_message("%s: %d kills, %lld records, 0 lost, %lld came twice (%lld a kill); "
                  "first record after %d ms (median), %d at most; seed %u\n",
                  title, kills, (long long)records, (long long)tally.again,
                  (long long)(again / kills), waits[kills / 2], waits[kills - 1], seed);
    assert_true(tally.again <= kills * (COMMIT_WINDOW + IN_FLIGHT));
    tally_deinit(&tally);
    free(waits);
}

static void twenty_kills_lose_none_of_200000_records(void **state)
{
    (void)state;
    none_is_lost(20, 10000, ARGS("--set", "startFrom=earliest", "--set", "groupInstanceId=one"),
                 "static membership");
}

static void the_next_member_waits_for_the_session_to_end(void **state)
{
    (void)state;
    none_is_lost(3, 5000, ARGS("--set", "startFrom=earliest"), "session of 10 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(twenty_kills_lose_none_of_200000_records),
        live_test(the_next_member_waits_for_the_session_to_end),
    };
    return cmocka_run_group_tests_name("live/crash", tests, live_setup, live_teardown);
}
