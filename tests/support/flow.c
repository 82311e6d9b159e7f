// SPDX-License-Identifier: Apache-2.0
#include "flow.h"

#include "component.h"
#include "node_step.h"

struct platform *platform;
struct mq *mq;
struct mq_step step;

int flow_begin(void **state)
{
    (void)state;
    platform = platform_start();
    mq = mq_connect(rabbit->uri);
    mq_step_declare(mq, &step);
    return 0;
}

int flow_tidy(void **state)
{
    step_free_all(state);
    process_free_all(state);
    mq_close_all(state);
    platform_free_all(state);
    rabbit_tidy(state);
    return live_tidy(state);
}
