// SPDX-License-Identifier: Apache-2.0
#include "platform/hooks.h"

#include "base/log.h"

/* An operator who wrote a hook would look for it here. */
static void say_that_there_is_none(const struct kc_api *api, const char *hook)
{
    kc_log(KC_WARN, "hook_missing", KC_S("hook", hook), KC_S("function", api->env->function));
}

bool kc_hooks_startup(const struct kc_api *api, struct kc_error *err)
{
    say_that_there_is_none(api, "startup");
    bool ok = kc_api_put_startup_state(api, KC_LIT("{}"), err);
    if (!ok)
        kc_error_wrap(err, "put the startup hook's state");
    return ok;
}

static bool see_step(const struct kc_api *api, struct kc_error *err)
{
    struct kc_step_data step;
    bool ok = kc_api_get_step(api, &step, err);
    kc_step_data_deinit(&step);
    if (!ok)
        kc_error_wrap(err, "get the step");
    return ok;
}

static bool see_state(const struct kc_api *api, struct kc_error *err)
{
    struct kc_buf state;
    kc_buf_init(&state, KC_BUF_UNBOUNDED);
    bool ok = kc_api_get_startup_state(api, &state, err);
    kc_buf_deinit(&state);
    if (!ok)
        kc_error_wrap(err, "get the startup hook's state");
    return ok;
}

bool kc_hooks_shutdown(const struct kc_api *api, struct kc_error *err)
{
    if (!see_step(api, err) || !see_state(api, err))
        return false;
    say_that_there_is_none(api, "shutdown");
    bool ok = kc_api_delete_startup_state(api, err);
    if (!ok)
        kc_error_wrap(err, "delete the startup hook's state");
    return ok;
}
