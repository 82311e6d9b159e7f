// SPDX-License-Identifier: Apache-2.0
/* sailor.c - a step of an elastic.io flow: all that it is told stands in the environment, and
 * the rules of its end are the platform's. */
#include "cli/sailor.h"

#include "cli/commands.h"
#include "component/entries.h"
#include "net/http.h"
#include "platform/environment.h"
#include "platform/hooks.h"
#include "platform/log_fields.h"
#include "runtime/shutdown.h"
#include "transport/transport.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static int failed(const struct kc_error *err)
{
    kc_log(KC_FATAL, "start_failed", KC_S("code", kc_code_name(err->code)), KC_E(err));
    return EXIT_FAILURE;
}

/* A container of its own, without queues, once a flow was stopped. */
static int run_shutdown_hook(const struct kc_environment *environment, struct kc_error *err)
{
    struct kc_http *http = NULL;
    if (!kc_http_open(&http, &(struct kc_http_conf){ .max_parallel = 1, .uses_proxy = true },
                      err))
        return failed(err);
    const struct kc_api api = { http, environment, NULL };
    bool ok = kc_hooks_shutdown(&api, err);
    kc_http_close(http);
    return ok ? EX_OK : failed(err);
}

static void stop(void *sailor, int drain_ms)
{
    kc_sailor.stop(sailor, drain_ms);
}

static int run_step(const struct kc_environment *environment,
                    const struct kc_entry *const *entries, int drain_ms, struct kc_error *err)
{
    void *sailor;
    const struct kc_sailor_options options = { environment, entries };
    const struct kc_env env = { .sailor = &options };
    kc_shutdown_once(EXIT_FAILURE);
    if (!kc_sailor.open(&sailor, &env, err)) {
        if (err->code != KC_STOPPED)
            return failed(err);
        kc_log(KC_INFO, "start_stopped");
        return EX_OK;
    }
    kc_shutdown_watch(stop, sailor, drain_ms);
    int code = kc_sailor.serve(sailor);
    kc_shutdown_ignore();
    kc_sailor.close(sailor);
    return code;
}

int kc_sailor_run(const struct kc_entry *const *entries, enum kc_level log_level, int drain_ms)
{
    struct kc_error err = { 0 };
    struct kc_environment environment;
    int code;
    kc_log_init(log_level, STDOUT_FILENO);
    kc_log_fields_set();
    if (!kc_environment_read(&environment, &err))
        code = failed(&err);
    else if (environment.hook_shutdown)
        code = run_shutdown_hook(&environment, &err);
    else
        code = run_step(&environment, entries, drain_ms, &err);
    kc_environment_deinit(&environment);
    return code;
}

int kc_command_sailor(const struct kc_options *o)
{
    enum kc_level level = o->log_level;
    const char *from_env = getenv("LOG_LEVEL");
    kc_shutdown_block();
    if (!o->has_log_level && from_env && *from_env)
        (void)kc_log_level_parse(kc_text(from_env), &level); /* main() has checked it */
    return kc_sailor_run(kc_entries, level,
                         o->has_drain_ms ? (int)o->drain_ms : KC_SAILOR_DRAIN_MS);
}
