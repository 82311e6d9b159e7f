// SPDX-License-Identifier: Apache-2.0
#include "platform/log_fields.h"

#include "base/log.h"

#include <stdlib.h>

#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static const char *const variables[] = {
    "ELASTICIO_API_USERNAME",    "ELASTICIO_COMP_ID",
    "ELASTICIO_COMP_NAME",       "ELASTICIO_CONTAINER_ID",
    "ELASTICIO_CONTRACT_ID",     "ELASTICIO_EXEC_ID",
    "ELASTICIO_EXEC_TYPE",       "ELASTICIO_EXECUTION_RESULT_ID",
    "ELASTICIO_FLOW_ID",         "ELASTICIO_FLOW_VERSION",
    "ELASTICIO_FUNCTION",        "ELASTICIO_STEP_ID",
    "ELASTICIO_TASK_USER_EMAIL", "ELASTICIO_TENANT_ID",
    "ELASTICIO_USER_ID",         "ELASTICIO_WORKSPACE_ID",
};

void kc_log_fields_set(void)
{
    struct kc_log_field members[VARIABLES + 2] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            members[count++] = KC_S(variables[i], value);
    }
    const char *flow_id = getenv("ELASTICIO_FLOW_ID");
    if (flow_id && *flow_id)
        members[count++] = KC_S("tag", flow_id);
    kc_log_set_platform(members);
}
