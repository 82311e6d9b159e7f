// SPDX-License-Identifier: Apache-2.0
/* service.c - a one-shot call of the elastic.io platform. Its settings come from the
 * environment, the answer goes to the platform, and stdout has the log, which is where the
 * platform reads it. */
#include "cli/commands.h"

#include "platform/log_fields.h"
#include "platform/service.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static void log_to_stdout(const struct kc_options *o)
{
    enum kc_level level = o->log_level;
    const char *from_env = getenv("LOG_LEVEL");
    if (!o->has_log_level && from_env && *from_env)
        (void)kc_log_level_parse(kc_text(from_env), &level); /* main() has checked it */
    kc_log_init(level, STDOUT_FILENO);
    kc_log_fields_set();
    signal(SIGPIPE, SIG_IGN); /* a broken connection is an error of write() */
}

/* Its exit codes are the platform's: 0 when a result was taken, whatever it says, else 1. */
int kc_command_service(const struct kc_options *o)
{
    struct kc_error err = { 0 };
    struct kc_service_env env;
    log_to_stdout(o);
    kc_service_env_read(&env);
    if (kc_service_run(o->words[1], &env, KC_SERVICE_WAIT_MS, &err))
        return EX_OK;
    kc_log(KC_ERROR, "service_failed", KC_S("code", kc_code_name(err.code)), KC_E(&err));
    return EXIT_FAILURE;
}
