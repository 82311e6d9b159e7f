// SPDX-License-Identifier: Apache-2.0
#include "flow.h"

#include "fail.h"

#include "base/buf.h"
#include "platform/cipher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PASSWORD  "testCryptoPassword"
#define IV        "iv=any16_symbols"
#define STEPS_MAX 64
#define TEXT_MAX  400

struct flow {
    const struct rabbit *rabbit;
    struct stub *stub;
    struct {
        char path[100];
        char *json;
    } steps[STEPS_MAX];
    size_t count;
    char *stored; /* an object */
    size_t stored_len;
};

static struct kc_cipher *cipher(void)
{
    static struct kc_cipher *shared;
    struct kc_error err = { 0 };
    if (!shared && !kc_cipher_open(&shared, PASSWORD, IV, &err))
        fail_test("%s", err.text);
    return shared;
}

/* --- What the platform's servers answer --- */

static const char *const is_json[] = { "Content-Type: application/json", NULL };

static bool decide(void *arg, const struct stub_request *request, struct stub_answer *answer)
{
    struct flow *f = arg;
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(request->path, f->steps[i].path) == 0) {
            *answer = (struct stub_answer){ .headers = is_json, .body = f->steps[i].json };
            return true;
        }
    if (strcmp(request->path, "/objects") == 0)
        *answer = (struct stub_answer){ .status = 201,
                                        .headers = is_json,
                                        .body = "{\"objectId\":\"stored\"}" };
    else if (strcmp(request->path, "/objects/stored") == 0)
        *answer = (struct stub_answer){ .body = f->stored, .body_len = f->stored_len };
    else
        *answer = (struct stub_answer){ .status = 404,
                                        .headers = is_json,
                                        .body = "{\"error\":\"there is none\"}" };
    return true;
}

struct flow *flow_open(const struct rabbit *rabbit_used)
{
    struct flow *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->rabbit = rabbit_used;
    f->stored = flow_encrypt("{\"stored\":[1,2,3]}", 2, &f->stored_len);
    f->stub = stub_start(NULL);
    stub_decide(f->stub, decide, f);
    return f;
}

void flow_close(struct flow *f)
{
    if (!f)
        return;
    stub_stop(f->stub);
    for (size_t i = 0; i < f->count; i++)
        free(f->steps[i].json);
    free(f->stored);
    free(f);
}

void flow_describe(struct flow *f, const char *step_id, const char *members)
{
    size_t i = 0, size = strlen(members) + strlen(step_id) + 80;
    char path[sizeof(f->steps[0].path)];
    snprintf(path, sizeof(path), "/v1/tasks/flow-1/steps/%s", step_id);
    while (i < f->count && strcmp(f->steps[i].path, path) != 0)
        i++;
    assert_true(i < STEPS_MAX);
    memcpy(f->steps[i].path, path, sizeof(path));
    free(f->steps[i].json);
    f->steps[i].json = malloc(size);
    assert_non_null(f->steps[i].json);
    snprintf(f->steps[i].json, size, "{\"id\":\"%s\"%s%s}", step_id, *members ? "," : "",
             members);
    if (i == f->count)
        f->count++;
}

/* --- Steps --- */

struct variables {
    char texts[16][TEXT_MAX];
    size_t count;
    const char *list[STEP_ENV_MAX + 1];
    size_t listed;
};

static void set(struct variables *v, const char *name, const char *value)
{
    assert_true(v->count < sizeof(v->texts) / sizeof(v->texts[0]));
    char *text = v->texts[v->count++];
    snprintf(text, TEXT_MAX, "ELASTICIO_%s=%s", name, value);
    v->list[v->listed++] = text;
}

/* A later one of the same name replaces it. */
static void add(struct variables *v, const char *variable)
{
    size_t name = strcspn(variable, "=");
    for (size_t i = 0; i < v->listed; i++)
        if (strncmp(v->list[i], variable, name) == 0 &&
            (v->list[i][name] == '=' || !v->list[i][name])) {
            v->list[i] = variable;
            return;
        }
    assert_true(v->listed < STEP_ENV_MAX);
    v->list[v->listed++] = variable;
}

struct step *flow_start(struct flow *f, const struct flow_step *s)
{
    static const char *const usual[] = {
        "ELASTICIO_FLOW_ID=flow-1",
        "ELASTICIO_EXEC_ID=exec-1",
        "ELASTICIO_CONTAINER_ID=container-1",
        "ELASTICIO_WORKSPACE_ID=workspace-1",
        "ELASTICIO_USER_ID=user-1",
        "ELASTICIO_COMP_ID=component-1",
        "ELASTICIO_API_USERNAME=api-user",
        "ELASTICIO_API_KEY=api-key",
        "ELASTICIO_OBJECT_STORAGE_TOKEN=token",
        "ELASTICIO_MESSAGE_CRYPTO_PASSWORD=" PASSWORD,
        "ELASTICIO_MESSAGE_CRYPTO_IV=" IV,
        NULL,
    };
    struct variables v = { .count = 0 };
    for (size_t i = 0; usual[i]; i++)
        add(&v, usual[i]);
    set(&v, "FUNCTION", s->function);
    set(&v, "STEP_ID", s->id);
    set(&v, "API_URI", stub_url(f->stub, ""));
    set(&v, "OBJECT_STORAGE_URI", stub_url(f->stub, ""));
    set(&v, "AMQP_URI", f->rabbit->uri);
    set(&v, "LISTEN_MESSAGES_ON", s->queues->input);
    set(&v, "PUBLISH_MESSAGES_TO", s->queues->exchange);
    set(&v, "DATA_ROUTING_KEY", s->queues->data_key);
    set(&v, "ERROR_ROUTING_KEY", s->queues->error_key);
    set(&v, "REBOUND_ROUTING_KEY", s->queues->rebound_key);
    set(&v, "SNAPSHOT_ROUTING_KEY", s->queues->snapshot_key);
    for (size_t i = 0; s->env && s->env[i]; i++)
        add(&v, s->env[i]);
    return step_start(s->kind, v.list);
}

void flow_connect(struct mq *mq, const struct mq_step *from, const struct mq_step *to)
{
    mq_unbind(mq, from->data, from->exchange, from->data_key);
    mq_bind(mq, to->input, from->exchange, from->data_key);
}

/* --- Messages --- */

char *flow_encrypt(const char *plain, int version, size_t *len)
{
    struct kc_buf wire;
    kc_buf_init(&wire, KC_BUF_UNBOUNDED);
    if (version < 2)
        kc_cipher_encrypt_base64(cipher(), kc_text(plain), &wire);
    else
        kc_cipher_encrypt(cipher(), kc_text(plain), &wire);
    *len = wire.len;
    return kc_buf_take(&wire);
}

char *flow_decrypt(const char *body, size_t len, int version)
{
    struct kc_buf plain;
    struct kc_error err = { 0 };
    const struct kc_text wire = { body, len };
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    bool ok = version < 2 ? kc_cipher_decrypt_base64(cipher(), wire, &plain, &err)
                          : kc_cipher_decrypt(cipher(), wire, &plain, &err);
    if (!ok)
        fail_test("a body of version %d: %s: %.200s", version, err.text, body);
    return kc_buf_take(&plain);
}

json_t *flow_read(const char *body, size_t len, int version)
{
    char *plain = flow_decrypt(body, len, version);
    json_error_t why;
    json_t *json = json_loads(plain, JSON_DECODE_ANY, &why);
    if (!json)
        fail_test("%s: %.500s", why.text, plain);
    free(plain);
    return json;
}

json_t *flow_message(const struct mq_message *m)
{
    return flow_read(m->body, m->body_len,
                     (int)json_integer_value(json_object_get(m->headers, "protocolVersion")));
}

void flow_send(struct mq *mq, const struct mq_step *to, const char *json, int version,
               const amqp_table_entry_t *headers)
{
    size_t len;
    char *body = flow_encrypt(json, version, &len);
    enum mq_outcome outcome = mq_publish(mq, &(struct mq_publish){
                                                 .exchange = to->exchange,
                                                 .key = to->input_key,
                                                 .body = body,
                                                 .body_len = len,
                                                 .headers = headers,
                                                 .delivery_mode = 1,
                                                 .content_type = "application/json",
                                                 .content_encoding = "utf8",
                                             });
    assert_int_equal(outcome, MQ_ACKED);
    free(body);
}
