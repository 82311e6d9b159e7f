// SPDX-License-Identifier: Apache-2.0
/* mock.h - librdkafka's mock cluster, or another, an entry point that works on it, and a record
 * of all that it says.
 *
 * Settings are JSON with single quotes. Whatever does not happen before a deadline fails the
 * running test; mock_free_all() as its teardown then ends what is left. Tests call from one
 * thread; entry points speak from theirs. */
#ifndef TESTS_SUPPORT_MOCK_H
#define TESTS_SUPPORT_MOCK_H

#include "event.h"
#include "slow.h"
#include "witness.h"

#include "kafka/position.h"
#include "runtime/tally.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOCK_WAIT_MS (30000 * SLOW)

/* Kafka's numbers of the requests that are made to fail, or counted. */
enum mock_request {
    MOCK_PRODUCE = 0,
    MOCK_FETCH = 1,
    MOCK_OFFSET_COMMIT = 8,
    MOCK_OFFSET_FETCH = 9,
    MOCK_FIND_COORDINATOR = 10,
    MOCK_JOIN_GROUP = 11,
    MOCK_HEARTBEAT = 12
};

struct mock {
    rd_kafka_mock_cluster_t *cluster;
    struct witness *witness;
    const char *brokers;
    /* private */
    rd_kafka_t *rk;
    struct mock_step *steps;
};

/* One broker with this topic. It belongs to the test until mock_free_all(). */
struct mock *mock_start(const char *topic, int partitions);

/* Entry points work on these brokers instead, which live until mock_free_all(). There is no
 * cluster of ours then, and the witness is a loan. */
struct mock *mock_on(const char *brokers, struct witness *witness);
int mock_free_all(void **state); /* a test's teardown */

/* The next requests of this kind are answered with these errors, one each. */
#define mock_fail(m, request, ...)                                                             \
    rd_kafka_mock_push_request_errors_array((m)->cluster, (request),                           \
                                            sizeof((rd_kafka_resp_err_t[]){ __VA_ARGS__ }) /   \
                                                sizeof(rd_kafka_resp_err_t),                   \
                                            (rd_kafka_resp_err_t[]){ __VA_ARGS__ })

void mock_down(struct mock *m); /* connections break, new ones are refused */
void mock_up(struct mock *m);
void mock_far(struct mock *m, int round_trip_ms);

/* Requests since the start. */
int mock_count_requests(struct mock *m, enum mock_request request);
void mock_wait_requests(struct mock *m, enum mock_request request, int count);

/* --- Entry points --- */

struct mock_step; /* opaque */

/* `produce`, waiting a little for larger requests where is_flood. */
struct mock_step *mock_produce(struct mock *m, bool is_flood, const char *settings);

/* `produce` in a flow whose outlets can rebound a message and reply to it. */
struct mock_step *mock_produce_in_flow(struct mock *m, const char *settings);

/* `consume`, on a thread of its own. */
struct mock_ends {
    int64_t count_max;
    bool until_end;
    bool from_start;
    bool is_sample;
    bool tells_outage;
    int sample_ms;
    const struct kc_positions *from; /* for the call */
};
struct mock_step *mock_consume(struct mock *m, struct mock_ends ends, const char *settings);

void mock_stop(struct mock_step *s, int drain_ms);
void mock_close(struct mock_step *s); /* stops without a drain what has not ended */

/* --- Of an action --- */

struct mock_answer; /* opaque; lives as long as its step */

/* Sends a message with this body (single quotes). */
struct mock_answer *mock_send(struct mock_step *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All that was said about it once it has ended, a loan: [{"event": "data", "body": …},
 * {"event": "error", "error": {"name", "message"}, "details": …}, {"event": "end"}]. A data
 * event has the `id` that came with it, if one did. In a flow there are {"event": "rebound",
 * "error"} and {"event": "reply", "status", "headers", "body"}, too. */
json_t *mock_answered(struct mock_answer *a, int wait_ms);

/* --- Of a trigger --- */

/* A message that was handed out. */
struct mock_handed {
    json_t *body; /* a loan; lives as long as its step */
    int partition;
    int64_t offset; /* of its first record */
    size_t records;
    int64_t at_ms;
    char places[64]; /* where reading goes on behind it: "0:5 1:7 ", partition and offset */
};

size_t mock_handed_count(struct mock_step *s);
struct mock_handed mock_handed(struct mock_step *s, size_t i); /* waits until it is there */
bool mock_hands_out(struct mock_step *s, size_t count, int wait_ms);

void mock_accept(struct mock_step *s, size_t i); /* number i, counted from 0 */
void mock_refuse(struct mock_step *s, size_t i);
void mock_accept_all(struct mock_step *s); /* that are not answered yet */

/* Gives back those from i on, waiting until that is done; all are of one partition. */
void mock_give_back(struct mock_step *s, size_t i, size_t count);

/* Accepts everything until `count` messages have been handed out and accepted. */
void mock_accept_until(struct mock_step *s, size_t count);

size_t mock_peak(struct mock_step *s); /* the most that were unanswered at once */

/* Whether the outlet takes more. Where it does not, this returns when the step has heard so:
 * whatever it was about to hand out is out by then. */
void mock_set_room(struct mock_step *s, bool room);

/* The i-th error it told, waited for: {"name", "message"}, a loan. */
json_t *mock_error(struct mock_step *s, size_t i);
size_t mock_error_count(struct mock_step *s);

uint64_t mock_counted(struct mock_step *s); /* the records in its tally */
enum kc_reach mock_reach(struct mock_step *s);

void mock_wait_end(struct mock_step *s, int wait_ms);
bool mock_has_ended(struct mock_step *s);

#endif
