// SPDX-License-Identifier: Apache-2.0
/* service.c
 *
 * Threads    the caller's  waits for the answer, posts it
 *            kc-service    runs the method, so that one that hangs does not hold up the POST */
#include "platform/service.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "platform/methods.h"
#include "platform/result.h"
#include "runtime/json.h"

#include <stdlib.h>
#include <string.h>

#define POST_TIMEOUT_MS 15000
#define TRIES           3 /* where the environment does not say */
#define TRIES_MAX       100
#define DELAY_MS        100
#define DELAY_MAX_MS    60000

enum method {
    VERIFY_CREDENTIALS,
    GET_META_MODEL,
    SELECT_MODEL,
    METHODS
};

const char *const kc_service_methods[] = { "verifyCredentials", "getMetaModel", "selectModel",
                                           NULL };

void kc_service_env_read(struct kc_service_env *env)
{
    *env = (struct kc_service_env){
        .post_result_url = getenv("ELASTICIO_POST_RESULT_URL"),
        .cfg = getenv("ELASTICIO_CFG"),
        .api_uri = getenv("ELASTICIO_API_URI"),
        .api_username = getenv("ELASTICIO_API_USERNAME"),
        .api_key = getenv("ELASTICIO_API_KEY"),
        .action_or_trigger = getenv("ELASTICIO_ACTION_OR_TRIGGER"),
        .get_model_method = getenv("ELASTICIO_GET_MODEL_METHOD"),
        .retry_attempts = getenv("ELASTICIO_API_REQUEST_RETRY_ATTEMPTS"),
        .retry_delay = getenv("ELASTICIO_API_REQUEST_RETRY_DELAY"),
    };
}

/* --- the answer --- */

static enum method find(const char *name)
{
    for (int i = 0; name && i < METHODS; i++) {
        if (strcmp(name, kc_service_methods[i]) == 0)
            return (enum method)i;
    }
    return METHODS;
}

static bool is_given(const char *value, const char *name, struct kc_error *err)
{
    if (!value || !*value)
        kc_error_set(err, KC_CONFIG, 0, "ELASTICIO_%s is not provided", name);
    return err->code == KC_NONE;
}

/* The platform's reference checks in this order and says it in these words. */
static bool check(const struct kc_service_env *env, const char *name, enum method method,
                  struct kc_error *err)
{
    if (method == METHODS) {
        kc_error_set(err, KC_NOT_FOUND, 0,
                     "Unknown service method \"%.80s\": there are verifyCredentials, "
                     "getMetaModel and selectModel",
                     name ? name : "undefined");
        return false;
    }
    return is_given(env->cfg, "CFG", err) && is_given(env->api_uri, "API_URI", err) &&
           is_given(env->api_username, "API_USERNAME", err) &&
           is_given(env->api_key, "API_KEY", err) &&
           (method == VERIFY_CREDENTIALS ||
            is_given(env->action_or_trigger, "ACTION_OR_TRIGGER", err)) &&
           (method != SELECT_MODEL || is_given(env->get_model_method, "GET_MODEL_METHOD", err));
}

static bool read_cfg(struct kc_doc **out, const struct kc_service_env *env,
                     struct kc_error *err)
{
    *out = kc_doc_parse(kc_text(env->cfg), err);
    if (!*out)
        kc_error_wrap(err, "Unable to parse CFG");
    return *out != NULL;
}

static bool run_method(enum method method, const struct kc_service_env *env,
                       const struct kc_doc *cfg, struct kc_buf *data, struct kc_error *err)
{
    switch (method) {
    case VERIFY_CREDENTIALS:
        kc_method_verify(cfg, data);
        return true;
    case GET_META_MODEL:
        return kc_method_metadata(env->action_or_trigger, data, err);
    default:
        return kc_method_model(env->action_or_trigger, env->get_model_method, cfg, data, err);
    }
}

static void print_error(const char *message, struct kc_buf *out)
{
    kc_buf_puts(out, "{\"status\":\"error\",\"data\":{\"message\":");
    kc_json_print_text(message, out);
    kc_buf_puts(out, "}}");
}

void kc_service_answer(const char *name, const struct kc_service_env *env, struct kc_buf *out)
{
    struct kc_error err = { 0 };
    struct kc_doc *cfg = NULL;
    struct kc_buf data;
    enum method method = find(name);
    kc_buf_init(&data, KC_BUF_UNBOUNDED);
    if (check(env, name, method, &err) && read_cfg(&cfg, env, &err) &&
        run_method(method, env, cfg, &data, &err)) {
        kc_buf_puts(out, "{\"status\":\"success\",\"data\":");
        kc_buf_text(out, kc_buf_peek(&data));
        kc_buf_puts(out, "}");
    } else {
        kc_log(KC_WARN, "service_method_failed", KC_S("code", kc_code_name(err.code)),
               KC_E(&err));
        print_error(err.text, out);
    }
    kc_buf_deinit(&data);
    kc_doc_free(cfg);
}

/* --- in time --- */

struct job {
    const char *method;
    const struct kc_service_env *env;
    struct kc_buf answer;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;     /* needs lock; from then on the job is the caller's */
    bool is_given_up; /* needs lock; from then on it is the thread's */
};

static void free_job(struct job *j)
{
    kc_buf_deinit(&j->answer);
    pthread_cond_destroy(&j->done);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void *run_job(void *arg)
{
    struct job *j = arg;
    kc_service_answer(j->method, j->env, &j->answer);
    pthread_mutex_lock(&j->lock);
    bool is_given_up = j->is_given_up;
    j->is_done = true;
    pthread_cond_signal(&j->done);
    pthread_mutex_unlock(&j->lock);
    if (is_given_up)
        free_job(j);
    return NULL;
}

static bool is_done_in(struct job *j, int wait_ms)
{
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&j->lock);
    while (!j->is_done && kc_ms_until(deadline_ms, wait_ms) > 0)
        kc_cond_wait(&j->done, &j->lock, kc_ms_until(deadline_ms, wait_ms));
    bool is_done = j->is_done;
    j->is_given_up = !is_done;
    pthread_mutex_unlock(&j->lock);
    return is_done;
}

static void answer_in_time(const char *method, const struct kc_service_env *env, int wait_ms,
                           struct kc_buf *out)
{
    pthread_t thread;
    struct job *j = kc_new0(struct job);
    j->method = method;
    j->env = env;
    kc_buf_init(&j->answer, KC_BUF_UNBOUNDED);
    pthread_mutex_init(&j->lock, NULL);
    kc_cond_init(&j->done);
    kc_thread_start(&thread, "kc-service", run_job, j);
    if (!is_done_in(j, wait_ms)) {
        struct kc_error err = { 0 };
        kc_error_set(&err, KC_TIMEOUT, 0, "timed out after %d ms", wait_ms);
        kc_log(KC_WARN, "service_method_failed", KC_S("code", kc_code_name(err.code)),
               KC_E(&err));
        print_error(err.text, out);
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    kc_buf_text(out, kc_buf_peek(&j->answer));
    free_job(j);
}

/* --- the run --- */

/* A number of the environment; what is none, or too large, is put right: a result that was
 * asked for is worth more than an order that cannot be followed to the letter. */
static int number(const char *name, const char *value, int min, int max, int fallback)
{
    int64_t n = fallback;
    if (!value || !*value)
        return fallback;
    if (!kc_text_int(kc_text(value), INT32_MIN, INT32_MAX, &n))
        kc_log(KC_WARN, "setting_ignored", KC_S("setting", name), KC_I("default", fallback));
    return (int)(n < min ? min : n > max ? max : n);
}

bool kc_service_run(const char *method, const struct kc_service_env *env, int wait_ms,
                    struct kc_error *err)
{
    struct kc_result_target target = { NULL, NULL };
    struct kc_buf answer;
    if (!is_given(env->post_result_url, "POST_RESULT_URL", err))
        return false;
    const struct kc_result_tries tries = {
        .count = number("ELASTICIO_API_REQUEST_RETRY_ATTEMPTS", env->retry_attempts, 1,
                        TRIES_MAX, TRIES),
        .delay_ms = number("ELASTICIO_API_REQUEST_RETRY_DELAY", env->retry_delay, 0,
                           DELAY_MAX_MS, DELAY_MS),
        .timeout_ms = POST_TIMEOUT_MS,
    };
    kc_buf_init(&answer, KC_BUF_UNBOUNDED);
    bool ok = kc_result_target_read(&target, env->post_result_url, err);
    if (ok) {
        kc_log(KC_INFO, "service_method", KC_S("method", method));
        answer_in_time(method, env, wait_ms, &answer);
        ok = kc_result_post(&target, &tries, kc_buf_peek(&answer), err);
    } else {
        kc_error_wrap(err, "ELASTICIO_POST_RESULT_URL");
    }
    kc_result_target_deinit(&target);
    kc_buf_deinit(&answer);
    return ok;
}
