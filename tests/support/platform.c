// SPDX-License-Identifier: Apache-2.0
/* platform.c
 *
 * Threads    the stub's  decide(), several at once
 *            the test's  everything in platform.h
 * lock guards what both see. What an answer points to is kept until the platform ends. */
#include "platform.h"

#include "fail.h"
#include "secrets.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#define STEPS_MAX   32
#define OBJECTS_MAX 4096
#define FAILS_MAX   8
#define ENV_MAX     96
#define BLOCK       16

static const char state_path[] = "/sailor-support/hooks/task/";
static const char *const json_head[] = { "Content-Type: application/json", NULL };

struct kept {
    void *what;
    struct kept *next;
};

struct platform_private {
    pthread_mutex_t lock;
    struct {
        char *id, *json; /* id NULL: all others */
    } steps[STEPS_MAX];
    size_t step_count;
    char *state;
    struct {
        char *bytes;
        size_t len;
    } objects[OBJECTS_MAX]; /* their ids are obj-1, obj-2 ... */
    size_t object_count;
    struct {
        char *begin;
        int times;
        struct stub_answer answer;
    } fails[FAILS_MAX];
    size_t fail_count;
    struct kept *kept;
    char *basic; /* what Authorization must be */
    struct platform *next;
};

static struct platform *all;

/* --- Small helpers --- */

static void *keep(struct platform *p, void *what) /* needs lock, where threads are about */
{
    struct kept *kept = calloc(1, sizeof(*kept));
    assert_non_null(kept);
    kept->what = what;
    kept->next = p->private->kept;
    p->private->kept = kept;
    return what;
}

static char *plain_json(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

static char *base64(const void *bytes, size_t len)
{
    char *text = malloc(4 * ((len + 2) / 3) + 1);
    assert_non_null(text);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    return text;
}

static bool begins_with(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

static bool begins(const struct stub_request *r, const char *begin)
{
    size_t method = strlen(r->method);
    return begins_with(begin, r->method) && begin[method] == ' ' &&
           begins_with(r->path, begin + method + 1);
}

/* --- Answers; all need the lock --- */

static void say(struct stub_answer *a, int status, const char *body)
{
    *a = (struct stub_answer){ .status = status, .headers = json_head, .body = body };
}

static bool is_signed_in(const struct stub_request *r, const char *as)
{
    const char *by = stub_header(r, "Authorization");
    return by && strcmp(by, as) == 0;
}

static void answer_step(struct platform *p, const struct stub_request *r, struct stub_answer *a)
{
    const char *id = strstr(r->path, "/steps/"), *json = "{\"config\": {}}";
    if (!id || strcmp(r->method, "GET") != 0) {
        say(a, 404, "{\"error\": \"no such thing here\"}");
        return;
    }
    for (size_t i = 0; i < p->private->step_count; i++) {
        const char *own = p->private->steps[i].id;
        if (!own)
            json = p->private->steps[i].json;
    }
    for (size_t i = 0; i < p->private->step_count; i++) {
        const char *own = p->private->steps[i].id;
        if (own && strcmp(id + strlen("/steps/"), own) == 0)
            json = p->private->steps[i].json;
    }
    say(a, 200, json);
}

static void answer_state(struct platform *p, const struct stub_request *r,
                         struct stub_answer *a)
{
    struct platform_private *my = p->private;
    bool is_post = strcmp(r->method, "POST") == 0;
    if (is_post && my->state) {
        say(a, 409, "{\"error\": \"there is a state\"}");
    } else if (is_post) {
        my->state = keep(p, strdup(r->body));
        say(a, 201, my->state);
    } else if (!my->state) {
        say(a, 404, "{\"error\": \"there is no state\"}");
    } else if (strcmp(r->method, "DELETE") == 0) {
        my->state = NULL;
        *a = (struct stub_answer){ .status = 204 };
    } else {
        say(a, 200, my->state);
    }
}

static size_t object_index(struct platform *p, const char *id)
{
    unsigned long number = strncmp(id, "obj-", 4) == 0 ? strtoul(id + 4, NULL, 10) : 0;
    return number > 0 && number <= p->private->object_count ? number - 1 : OBJECTS_MAX;
}

static const char *add_object(struct platform *p, const void *bytes, size_t len)
{
    struct platform_private *my = p->private;
    if (my->object_count == OBJECTS_MAX)
        fail_test("the object storage holds %d objects", OBJECTS_MAX);
    char *copy = malloc(len + 1), *id;
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    my->objects[my->object_count].bytes = keep(p, copy);
    my->objects[my->object_count++].len = len;
    assert_true(asprintf(&id, "obj-%zu", my->object_count) > 0);
    return keep(p, id);
}

static void answer_object(struct platform *p, const struct stub_request *r,
                          struct stub_answer *a)
{
    static const char *const head[] = { "Content-Type: application/octet-stream", NULL };
    if (!is_signed_in(r, "Bearer " PLATFORM_TOKEN)) {
        say(a, 401, "{\"error\": \"the token is wrong\"}");
        return;
    }
    if (strcmp(r->method, "POST") == 0) {
        char *body;
        const char *id = add_object(p, r->body, r->body_len);
        assert_true(asprintf(&body, "{\"objectId\": \"%s\"}", id) > 0);
        say(a, 201, keep(p, body));
        return;
    }
    size_t i = strlen(r->path) > strlen("/objects/")
                   ? object_index(p, r->path + strlen("/objects/"))
                   : OBJECTS_MAX;
    if (i == OBJECTS_MAX) {
        say(a, 404, "{\"error\": \"no such object\"}");
        return;
    }
    *a = (struct stub_answer){ .headers = head,
                               .body = p->private->objects[i].bytes,
                               .body_len = p->private->objects[i].len };
}

static bool fails(struct platform *p, const struct stub_request *r, struct stub_answer *a)
{
    for (size_t i = 0; i < p->private->fail_count; i++) {
        if (p->private->fails[i].times == 0 || !begins(r, p->private->fails[i].begin))
            continue;
        if (p->private->fails[i].times > 0)
            p->private->fails[i].times--;
        *a = p->private->fails[i].answer;
        return true;
    }
    return false;
}

static void answer(struct platform *p, const struct stub_request *r, struct stub_answer *a)
{
    if (begins_with(r->path, "/objects"))
        answer_object(p, r, a);
    else if (!is_signed_in(r, p->private->basic))
        say(a, 401, "{\"error\": \"the API key is wrong\"}");
    else if (begins_with(r->path, "/v1/tasks/"))
        answer_step(p, r, a);
    else if (begins_with(r->path, state_path))
        answer_state(p, r, a);
    else if (begins_with(r->path, "/v1/accounts/"))
        say(a, 200, "{}");
    else
        say(a, 404, "{\"error\": \"no such thing here\"}");
}

static bool decide(void *arg, const struct stub_request *r, struct stub_answer *a)
{
    struct platform *p = arg;
    pthread_mutex_lock(&p->private->lock);
    if (!fails(p, r, a))
        answer(p, r, a);
    pthread_mutex_unlock(&p->private->lock);
    return true;
}

/* --- What the test says and asks --- */

struct platform *platform_start(void)
{
    static const char sign_in[] = PLATFORM_USERNAME ":" PLATFORM_KEY;
    struct platform *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->private = calloc(1, sizeof(*p->private));
    assert_non_null(p->private);
    pthread_mutex_init(&p->private->lock, NULL);
    secrets_add(PLATFORM_KEY);
    secrets_add(PLATFORM_TOKEN);
    secrets_add(PLATFORM_PASSWORD);
    char *encoded = base64(sign_in, strlen(sign_in));
    assert_true(asprintf(&p->private->basic, "Basic %s", encoded) > 0);
    free(encoded);
    p->stub = stub_start(&(struct stub_options){ .takes_secrets = true });
    stub_decide(p->stub, decide, p);
    p->private->next = all;
    all = p;
    return p;
}

void platform_free(struct platform *p)
{
    if (!p)
        return;
    for (struct platform **at = &all; *at; at = &(*at)->private->next) {
        if (*at == p) {
            *at = p->private->next;
            break;
        }
    }
    stub_stop(p->stub);
    struct kept *next;
    for (struct kept *k = p->private->kept; k; k = next) {
        next = k->next;
        free(k->what);
        free(k);
    }
    free(p->private->basic);
    pthread_mutex_destroy(&p->private->lock);
    free(p->private);
    free(p);
}

int platform_free_all(void **state)
{
    (void)state;
    while (all)
        platform_free(all);
    return 0;
}

void platform_set_step(struct platform *p, const char *step_id, const char *json)
{
    struct platform_private *my = p->private;
    pthread_mutex_lock(&my->lock);
    size_t i = 0;
    while (i < my->step_count &&
           (!step_id != !my->steps[i].id || (step_id && strcmp(step_id, my->steps[i].id) != 0)))
        i++;
    assert_true(i < STEPS_MAX);
    if (i == my->step_count) {
        my->steps[i].id = step_id ? keep(p, strdup(step_id)) : NULL;
        my->step_count++;
    }
    my->steps[i].json = keep(p, plain_json(json));
    pthread_mutex_unlock(&my->lock);
}

const char *platform_state(struct platform *p)
{
    pthread_mutex_lock(&p->private->lock);
    const char *state = p->private->state;
    pthread_mutex_unlock(&p->private->lock);
    return state;
}

void platform_set_state(struct platform *p, const char *json)
{
    pthread_mutex_lock(&p->private->lock);
    p->private->state = json ? keep(p, plain_json(json)) : NULL;
    pthread_mutex_unlock(&p->private->lock);
}

const char *platform_add_object(struct platform *p, const void *bytes, size_t len)
{
    pthread_mutex_lock(&p->private->lock);
    const char *id = add_object(p, bytes, len);
    pthread_mutex_unlock(&p->private->lock);
    return id;
}

const void *platform_object(struct platform *p, const char *id, size_t *len)
{
    const void *bytes = NULL;
    pthread_mutex_lock(&p->private->lock);
    size_t i = object_index(p, id);
    if (i < OBJECTS_MAX) {
        bytes = p->private->objects[i].bytes;
        *len = p->private->objects[i].len;
    }
    pthread_mutex_unlock(&p->private->lock);
    return bytes;
}

int platform_object_count(struct platform *p)
{
    pthread_mutex_lock(&p->private->lock);
    int count = (int)p->private->object_count;
    pthread_mutex_unlock(&p->private->lock);
    return count;
}

void platform_fail(struct platform *p, const char *begin, int times,
                   const struct stub_answer *with)
{
    struct platform_private *my = p->private;
    pthread_mutex_lock(&my->lock);
    size_t i = 0;
    while (i < my->fail_count && strcmp(my->fails[i].begin, begin) != 0)
        i++;
    assert_true(i < FAILS_MAX);
    if (i == my->fail_count) {
        my->fails[i].begin = keep(p, strdup(begin));
        my->fail_count++;
    }
    my->fails[i].times = times;
    if (with)
        my->fails[i].answer = *with;
    pthread_mutex_unlock(&my->lock);
}

int platform_calls(struct platform *p, const char *begin)
{
    int count = 0;
    const struct stub_request *r;
    for (size_t i = 0; (r = stub_get(p->stub, i)); i++)
        count += begins(r, begin);
    return count;
}

const struct stub_request *platform_last_call(struct platform *p, const char *begin)
{
    const struct stub_request *r, *last = NULL;
    for (size_t i = 0; (r = stub_get(p->stub, i)); i++)
        if (begins(r, begin))
            last = r;
    return last;
}

/* --- A step's environment --- */

static void add(struct platform *p, const char **list, const char *name, const char *value)
{
    size_t n = 0;
    char *line;
    while (list[n])
        n++;
    assert_true(n + 1 < ENV_MAX);
    assert_true(asprintf(&line, "ELASTICIO_%s=%s", name, value) > 0);
    list[n] = keep(p, line);
}

static void add_amqp(struct platform *p, const char **list, const struct rabbit *r,
                     const struct mq_step *step)
{
    add(p, list, "AMQP_URI", r->uri);
    add(p, list, "LISTEN_MESSAGES_ON", step->input);
    add(p, list, "PUBLISH_MESSAGES_TO", step->exchange);
    add(p, list, "DATA_ROUTING_KEY", step->data_key);
    add(p, list, "ERROR_ROUTING_KEY", step->error_key);
    add(p, list, "REBOUND_ROUTING_KEY", step->rebound_key);
    add(p, list, "SNAPSHOT_ROUTING_KEY", step->snapshot_key);
    add(p, list, "MESSAGE_CRYPTO_IV", PLATFORM_IV);
    add(p, list, "MESSAGE_CRYPTO_PASSWORD", PLATFORM_PASSWORD);
}

/* Puts a line of the caller's in the place of ours, or behind them. */
static void change(struct platform *p, const char **list, const char *line)
{
    size_t name = strcspn(line, "="), n = 0;
    while (list[n] && (strncmp(list[n], line, name) != 0 ||
                       (list[n][name] != '=' && list[n][name] != '\0')))
        n++;
    assert_true(n + 1 < ENV_MAX);
    list[n] = keep(p, strdup(line));
}

const char *const *platform_env(struct platform *p, const struct rabbit *r,
                                const struct mq_step *step, const char *const more[])
{
    static const char *const fixed[][2] = {
        { "FLOW_ID", "flow1" },
        { "STEP_ID", "step_2" },
        { "EXEC_ID", "exec1" },
        { "WORKSPACE_ID", "ws1" },
        { "CONTAINER_ID", "cont1" },
        { "USER_ID", "user1" },
        { "COMP_ID", "comp1" },
        { "FUNCTION", "produce" },
        { "API_USERNAME", PLATFORM_USERNAME },
        { "API_KEY", PLATFORM_KEY },
        { "OBJECT_STORAGE_TOKEN", PLATFORM_TOKEN },
    };
    pthread_mutex_lock(&p->private->lock);
    const char **list = keep(p, calloc(ENV_MAX, sizeof(*list)));
    assert_non_null(list);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        add(p, list, fixed[i][0], fixed[i][1]);
    char uri[64];
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d", stub_port(p->stub));
    add(p, list, "API_URI", uri);
    add(p, list, "OBJECT_STORAGE_URI", uri);
    if (r && step)
        add_amqp(p, list, r, step);
    for (; more && *more; more++)
        change(p, list, *more);
    pthread_mutex_unlock(&p->private->lock);
    return list;
}

/* --- Messages --- */

static EVP_CIPHER_CTX *cipher(const char *password, const char *iv, bool encrypts)
{
    unsigned char key[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)password, strlen(password), key);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_non_null(ctx);
    assert_int_equal(strlen(iv), BLOCK);
    assert_int_equal(EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key,
                                       (const unsigned char *)iv, encrypts),
                     1);
    return ctx;
}

void *platform_seal(const char *password, const char *iv, const char *text, size_t *len)
{
    EVP_CIPHER_CTX *ctx = cipher(password, iv, true);
    size_t size = strlen(text);
    unsigned char *out = malloc(size + BLOCK);
    int n = 0, rest = 0;
    assert_non_null(out);
    assert_int_equal(EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)text, (int)size), 1);
    assert_int_equal(EVP_CipherFinal_ex(ctx, out + n, &rest), 1);
    EVP_CIPHER_CTX_free(ctx);
    *len = (size_t)n + (size_t)rest;
    return out;
}

char *platform_unseal(const char *password, const char *iv, const void *bytes, size_t len)
{
    EVP_CIPHER_CTX *ctx = cipher(password, iv, false);
    char *out = malloc(len + BLOCK + 1);
    int n = 0, rest = 0;
    assert_non_null(out);
    bool is_right = EVP_CipherUpdate(ctx, (unsigned char *)out, &n, bytes, (int)len) == 1 &&
                    EVP_CipherFinal_ex(ctx, (unsigned char *)out + n, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!is_right) {
        free(out);
        return NULL;
    }
    out[n + rest] = '\0';
    return out;
}

void *platform_encrypt_v2(const char *text, size_t *len)
{
    return platform_seal(PLATFORM_PASSWORD, PLATFORM_IV, text, len);
}

char *platform_encrypt_v1(const char *text)
{
    size_t len;
    void *bytes = platform_encrypt_v2(text, &len);
    char *encoded = base64(bytes, len);
    free(bytes);
    return encoded;
}

char *platform_decrypt_v2(const void *bytes, size_t len)
{
    char *text = platform_unseal(PLATFORM_PASSWORD, PLATFORM_IV, bytes, len);
    if (!text)
        fail_test("%zu bytes are not encrypted as they should be", len);
    return text;
}

char *platform_decrypt_v1(const char *encoded, size_t len)
{
    unsigned char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    /* Strict: one line, whole groups of four. */
    int size =
        len % 4 == 0 ? EVP_DecodeBlock(bytes, (const unsigned char *)encoded, (int)len) : -1;
    if (size < 0 || strcspn(encoded, " \r\n\t") < len)
        fail_test("no base64: %.*s", (int)(len < 200 ? len : 200), encoded);
    for (size_t i = len; i > 0 && encoded[i - 1] == '='; i--)
        size--; /* it counts the padding as bytes */
    char *text = platform_decrypt_v2(bytes, (size_t)size);
    free(bytes);
    return text;
}

void platform_send(struct mq *mq, const struct mq_step *step, const char *message, int version,
                   const amqp_table_entry_t *headers)
{
    amqp_table_entry_t table[64];
    size_t n = 0, len;
    for (; headers && headers[n].value.kind != 0 && n < 62; n++)
        table[n] = headers[n];
    table[n] = mq_i8("protocolVersion", (int8_t)version); /* as Node.js sends it */
    table[n + 1] = mq_end();
    char *text = plain_json(message), *body;
    if (version < 2) {
        body = platform_encrypt_v1(text);
        len = strlen(body);
    } else {
        body = platform_encrypt_v2(text, &len);
    }
    assert_int_equal(mq_publish(mq, &(struct mq_publish){ .exchange = step->exchange,
                                                          .key = step->input_key,
                                                          .content_type = "application/json",
                                                          .content_encoding = "utf8",
                                                          .delivery_mode = 1,
                                                          .is_mandatory = true,
                                                          .body = body,
                                                          .body_len = len,
                                                          .headers = table }),
                     MQ_ACKED);
    free(body);
    free(text);
}

/* Takes text over. */
static json_t *parse(char *text)
{
    json_error_t why;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json)
        fail_test("no JSON (%s): %.500s", why.text, text);
    free(text);
    return json;
}

json_t *platform_read(const struct mq_message *m)
{
    bool is_raw = json_integer_value(json_object_get(m->headers, "protocolVersion")) >= 2;
    return parse(is_raw ? platform_decrypt_v2(m->body, m->body_len)
                        : platform_decrypt_v1(m->body, m->body_len));
}

json_t *platform_read_error(const struct mq_message *m)
{
    json_t *error = parse(strdup(m->body)), *read = json_object(), *value;
    const char *name;
    json_object_foreach(error, name, value)
    {
        if (!json_is_string(value))
            fail_test("an error message's %s is no text: %s", name, m->body);
        json_object_set_new(
            read, name,
            parse(platform_decrypt_v1(json_string_value(value), json_string_length(value))));
    }
    json_decref(error);
    return read;
}
