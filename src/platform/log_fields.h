// SPDX-License-Identifier: Apache-2.0
/* log_fields.h - what elastic.io's platform wants to find in each line of a step's log. */
#ifndef KC_PLATFORM_LOG_FIELDS_H
#define KC_PLATFORM_LOG_FIELDS_H

/* Has the log write for the platform (kc_log_set_platform()), each line with those of the
 * environment's variables that say whose it is: ELASTICIO_FLOW_ID and its like, and the flow's
 * id once more as its tag. One that is not set, or empty, is left out. Before threads start. */
void kc_log_fields_set(void);

#endif
