// SPDX-License-Identifier: Apache-2.0
/* flow.h - what surrounds a step of a flow in each of the sailor's tests: a platform, a client
 * of `rabbit`, and the step's queues, all of them fresh. */
#ifndef TESTS_SUPPORT_FLOW_H
#define TESTS_SUPPORT_FLOW_H

#include "platform.h"

extern struct platform *platform; /* of the running test, as what follows */
extern struct mq *mq;
extern struct mq_step step;

/* A test's setup and its teardown. That takes whatever a failed test left, steps, processes and
 * connections, and has the program's servers running: RabbitMQ, and Kafka where it has one. */
int flow_begin(void **state);
int flow_tidy(void **state);

#define flow_test(test) cmocka_unit_test_setup_teardown(test, flow_begin, flow_tidy)

#endif
