// SPDX-License-Identifier: Apache-2.0
#include "platform/api.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "platform/rest.h"
#include "runtime/json.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS    15000
#define STEP_TRIES    3
#define STEP_PAUSE_MS 1000
#define REDIRECTS_MAX 5
#define ANSWER_MAX_BYTES                                                                       \
    ((size_t)16 * 1024 * 1024) /* a snapshot may be as large as a message */

/* --- credentials --- */

/* What proves who we are: for the wire, and so that errors do not show it. */
struct proof {
    char *authorization;    /* "Authorization: Basic …" */
    const char *secrets[3]; /* ends with NULL */
};

static void wipe(struct kc_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    kc_buf_deinit(b);
}

static void proof_init(struct proof *p, const struct kc_environment *env)
{
    struct kc_buf plain, header;
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    kc_buf_init(&header, KC_BUF_UNBOUNDED);
    kc_buf_printf(&plain, "%s:%s", env->api_username, env->api_key);
    kc_buf_puts(&header, "Authorization: Basic ");
    kc_base64_encode(&header, plain.data, plain.len);
    p->authorization = kc_buf_take(&header);
    p->secrets[0] = p->authorization + strlen("Authorization: Basic ");
    p->secrets[1] = env->api_key;
    p->secrets[2] = NULL;
    wipe(&plain);
    kc_buf_deinit(&header);
}

static void proof_deinit(struct proof *p)
{
    explicit_bzero(p->authorization, strlen(p->authorization));
    free(p->authorization);
}

/* --- calls --- */

struct call {
    const char *method;
    char *url;           /* owned */
    struct kc_text json; /* KC_NO_TEXT: none */
    int tries, pause_ms, redirects_max;
    const char *error_member;
};

/* Frees the call's URL. */
static bool run(const struct kc_api *api, const struct call *c, struct kc_buf *body,
                struct kc_error *err)
{
    struct proof proof;
    proof_init(&proof, api->env);
    const char *const headers[] = {
        proof.authorization,
        "Accept: application/json, text/plain, */*",
        "Connection: Keep-Alive",
        c->json.p ? "Content-Type: application/json" : NULL,
        NULL,
    };
    bool ok = kc_rest_call(
        api->http,
        &(struct kc_http_request){
            .method = c->method, .url = c->url, .headers = headers, .body = c->json },
        &(struct kc_rest_rules){ .tries = c->tries,
                                 .pause_ms = c->pause_ms,
                                 .timeout_ms = TIMEOUT_MS,
                                 .redirects_max = c->redirects_max,
                                 .answer_max_bytes = ANSWER_MAX_BYTES,
                                 .error_member = c->error_member,
                                 .halt = api->halt,
                                 .secrets = proof.secrets },
        body, err);
    proof_deinit(&proof);
    free(c->url);
    return ok;
}

/* NULL, or the root of the JSON in body, which is changed. */
static const struct kc_value *parse(struct kc_json_reader *reader, struct kc_buf *body,
                                    struct kc_error *err)
{
    size_t len = body->len;
    static const char padding[KC_JSON_PADDING];
    kc_buf_append(body, padding, sizeof(padding));
    return kc_json_read(reader, body->data, len, err);
}

/* --- the step --- */

static bool is_missing(const struct kc_value *v)
{
    return !v || kc_value_type(v) == KC_IS_NULL;
}

static bool read_config(struct kc_step_data *out, const struct kc_value *config,
                        struct kc_error *err)
{
    struct kc_buf text;
    if (is_missing(config)) {
        out->config = kc_doc_new();
        return true;
    }
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_value_print(config, &text);
    out->config = kc_doc_parse(kc_buf_peek(&text), err);
    wipe(&text);
    if (!out->config)
        kc_error_wrap(err, "the step's config");
    return out->config != NULL;
}

static char *print(const struct kc_value *v)
{
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    if (is_missing(v))
        kc_buf_puts(&text, "{}");
    else
        kc_value_print(v, &text);
    return kc_buf_take(&text);
}

static bool read_step(struct kc_step_data *out, const struct kc_value *step,
                      struct kc_error *err)
{
    if (kc_value_type(step) != KC_IS_OBJECT) {
        kc_error_set(err, KC_BAD_ANSWER, 0, "the platform answered with %s in place of a step",
                     kc_value_type_name(step));
        return false;
    }
    const struct kc_value *passthrough = kc_value_get(step, "is_passthrough");
    out->is_passthrough = passthrough && kc_value_type(passthrough) == KC_IS_BOOL &&
                          kc_text_is(kc_value_text(passthrough), "true");
    out->snapshot = print(kc_value_get(step, "snapshot"));
    return read_config(out, kc_value_get(step, "config"), err);
}

static bool read_answer(struct kc_step_data *out, struct kc_buf *body, struct kc_error *err)
{
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_error why = { 0 };
    const struct kc_value *step = NULL;
    if (body->len == 0)
        kc_error_set(err, KC_BAD_ANSWER, 0, "the platform answered without a step");
    else if (!(step = parse(reader, body, &why)))
        kc_error_set(err, KC_BAD_ANSWER, 0, "the platform's answer is %s", why.text);
    bool ok = step && read_step(out, step, err);
    kc_json_reader_free(reader);
    return ok;
}

static char *step_url(const struct kc_environment *env)
{
    struct kc_buf url;
    size_t len = strlen(env->api_uri);
    while (len > 0 && env->api_uri[len - 1] == '/')
        len--;
    kc_buf_init(&url, KC_BUF_UNBOUNDED);
    kc_buf_printf(&url, "%.*s/v1/tasks/%s/steps/%s", (int)len, env->api_uri, env->flow_id,
                  env->step_id);
    return kc_buf_take(&url);
}

bool kc_api_get_step(const struct kc_api *api, struct kc_step_data *out, struct kc_error *err)
{
    struct kc_buf body;
    const struct call call = { .method = "GET",
                               .url = step_url(api->env),
                               .tries = STEP_TRIES,
                               .pause_ms = STEP_PAUSE_MS,
                               .redirects_max = REDIRECTS_MAX };
    *out = (struct kc_step_data){ 0 };
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    bool ok = run(api, &call, &body, err) && read_answer(out, &body, err);
    wipe(&body);
    if (!out->config)
        out->config = kc_doc_new();
    return ok;
}

void kc_step_data_deinit(struct kc_step_data *d)
{
    kc_doc_free(d->config);
    if (d->snapshot)
        explicit_bzero(d->snapshot, strlen(d->snapshot));
    free(d->snapshot);
    *d = (struct kc_step_data){ 0 };
}

/* --- the startup hook's state --- */

/* Its slashes stay as they are: so the platform's own runtime calls it. */
static char *state_url(const struct kc_environment *env)
{
    struct kc_buf url;
    kc_buf_init(&url, KC_BUF_UNBOUNDED);
    kc_buf_printf(&url, "%s/sailor-support/hooks/task/%s/startup/data", env->api_uri,
                  env->flow_id);
    return kc_buf_take(&url);
}

static bool call_state(const struct kc_api *api, const char *method, struct kc_text json,
                       struct kc_buf *body, struct kc_error *err)
{
    const struct call call = { .method = method,
                               .url = state_url(api->env),
                               .json = json,
                               .tries = api->env->api_retry_attempts,
                               .pause_ms = api->env->api_retry_delay_ms,
                               .error_member = "error" };
    return run(api, &call, body, err);
}

/* The answer does not matter. */
static bool change_state(const struct kc_api *api, const char *method, struct kc_text json,
                         struct kc_error *err)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    bool ok = call_state(api, method, json, &body, err);
    kc_buf_deinit(&body);
    return ok;
}

bool kc_api_put_startup_state(const struct kc_api *api, struct kc_text json,
                              struct kc_error *err)
{
    if (change_state(api, "POST", json, err))
        return true;
    if (err->code != KC_CONFLICT)
        return false;
    /* one that no shutdown hook took away, or our own, whose answer was lost */
    kc_error_clear(err);
    return kc_api_delete_startup_state(api, err) && change_state(api, "POST", json, err);
}

bool kc_api_get_startup_state(const struct kc_api *api, struct kc_buf *json,
                              struct kc_error *err)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    bool ok = call_state(api, "GET", KC_NO_TEXT, &body, err);
    if (ok && !kc_buf_text(json, kc_buf_peek(&body))) {
        kc_error_set(err, KC_BAD_ANSWER, 0, "there is no room for the answer");
        ok = false;
    }
    wipe(&body);
    return ok;
}

bool kc_api_delete_startup_state(const struct kc_api *api, struct kc_error *err)
{
    return change_state(api, "DELETE", KC_NO_TEXT, err);
}
