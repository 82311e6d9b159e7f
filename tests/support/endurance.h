// SPDX-License-Identifier: Apache-2.0
/* endurance.h - a flow under way while all that can happen to it does: RabbitMQ is restarted
 * and killed, its connections are closed and broken, the queue behind our step is filled until
 * it refuses, and our process is killed again and again. Each at its place in the flow's
 * progress, not at a time. What arrives at the flow's end is counted.
 *
 *     feeds ->  [source] -> ours -> [sink]        [in Node.js]
 *
 * What was there before our step is in its queue or its topic. A step of Node.js gives up where
 * RabbitMQ is away for half a second; it is started again, as the platform would. Ours is
 * started again after kill -9 only: that it ends by itself fails the test.
 *
 * Whatever was emitted is persistent, and every step acknowledges after the broker's confirm:
 * so nothing may get lost, and what was under way may come twice. */
#ifndef TESTS_SUPPORT_ENDURANCE_H
#define TESTS_SUPPORT_ENDURANCE_H

#include "kafka_server.h"
#include "node_step.h"
#include "platform.h"
#include "tally.h"

#define ENDURANCE_MESSAGES   100000
#define ENDURANCE_QUEUE      1000 /* what our step's data queue holds before it refuses */
#define ENDURANCE_RSS_MAX_KB (64 * 1024)

struct endurance {
    /* to be set */
    const char *name;
    struct platform *platform;
    const char *function, *step_id; /* ours */
    struct mq_step *source, *ours;  /* queues; source: of a step of Node.js, or NULL */
    const char *path;               /* where the number stands in what the sink gets */
    bool wants_ticks;               /* ours: one after each start */

    /* what came of it; tally_deinit() */
    struct tally tally;
    int kills, starts, restarts, closings, fillings;
    int node_starts;       /* of all steps of Node.js */
    double seconds, cpu_s; /* ours */
    long rss_kb;           /* ours, at most */

    /* private */
    struct step *steps[3];
    char sink_path[48], *line;
    size_t line_size, line_len;
    int sink_fd;
    size_t next_fault;
    int64_t began_ms, progress_ms, looked_ms, replaced_ms;
};

/* The queues of a step, of which `data` refuses what is too much. */
void endurance_declare(struct mq *mq, struct mq_step *step);

/* Settings for our step: how to reach Kafka over TLS with SCRAM, and more members, with ' for "
 * and a comma before each. */
void endurance_describe(struct endurance *e, const struct kafka_server *kafka,
                        const char *topic, const char *members);

/* Starts the steps, calls feed() (NULL: nothing is to be fed), lets happen what is to happen
 * until every number has arrived, and ends the steps. */
void endurance_run(struct endurance *e, void (*feed)(struct endurance *e));

/* Prints it, and fails where something got lost or our process was too large. */
void endurance_report(const struct endurance *e);

#endif
