// SPDX-License-Identifier: Apache-2.0
/* test_sailor_twin.c - the same messages to a step in the platform's own Node.js runtime and to
 * one of ours that does the same, and all that both say to the broker, compared: routing keys,
 * properties, header names, field types, values, bodies, acknowledgements, exit codes.
 *
 * Ids and times are compared as what they are, not by value. amqplib writes an integer in the
 * smallest signed type that holds it, we in 64 bits: both are "signed". Where we are to differ,
 * the difference stands in a table below, with its reason; anything else fails. Not compared is
 * what the reference does not survive: a message without a messageId is never acknowledged by
 * it, and its SIGTERM hangs then. */
#include "support/fail.h"
#include "support/node_step.h"
#include "support/platform.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS    30000
#define STRAY_MS   10000 /* how long a word may come after the answer to its message */
#define CUSTOM_KEY "rk.custom"
#define OBJECT_ID  "x-ipaas-object-storage-id"

static struct platform *platform;

/* --- Two steps --- */

enum {
    NODE,
    OURS,
    TWINS
};

struct twin {
    struct mq_step queues;
    char custom[64]; /* the queue of CUSTOM_KEY */
    struct step *step;
};

struct twins {
    struct mq *mq;
    struct twin of[TWINS];
    int64_t began_ms;
};

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void declare_twins(struct twins *t)
{
    t->mq = mq_connect(rabbit->uri);
    t->began_ms = wall_ms();
    for (int i = 0; i < TWINS; i++) {
        struct twin *one = &t->of[i];
        mq_step_declare(t->mq, &one->queues);
        snprintf(one->custom, sizeof(one->custom), "%s.custom", one->queues.input);
        mq_declare_queue(t->mq, one->custom, NULL);
        mq_bind(t->mq, one->custom, one->queues.exchange, CUSTOM_KEY);
    }
}

static void launch(struct twins *t, const char *const env[])
{
    for (int i = 0; i < TWINS; i++)
        t->of[i].step = step_start(i == NODE ? STEP_NODE : STEP_ECHO,
                                   platform_env(platform, rabbit, &t->of[i].queues, env));
}

/* step is what the API says of it; env ends with NULL. */
static struct twins start_twins(const char *step, const char *const env[])
{
    struct twins t = { .mq = NULL };
    declare_twins(&t);
    platform_set_step(platform, NULL, step);
    launch(&t, env);
    for (int i = 0; i < TWINS; i++)
        step_wait_ready(t.of[i].step, WAIT_MS);
    return t;
}

#define ECHO(...)                                                                              \
    ARGS("ELASTICIO_FUNCTION=echo", "ELASTICIO_ERROR_RATE_LIMIT=1000",                         \
         "ELASTICIO_SNAPSHOT_RATE_LIMIT=1000", "ELASTICIO_DATA_RATE_LIMIT=1000", __VA_ARGS__)

static void stop_twins(struct twins *t)
{
    for (int i = 0; i < TWINS; i++)
        step_stop(t->of[i].step, WAIT_MS);
    mq_close(t->mq);
}

/* --- What they get --- */

/* How a message is to arrive, beside what it says. */
struct delivery {
    const char *id; /* header messageId */
    int version;
    bool wants_reply;
    const amqp_table_entry_t *headers;         /* more of them */
    const amqp_basic_properties_t *properties; /* more of them */
    const char *wire;                          /* the body as it travels; NULL: encrypted */
};

static void send_both(struct twins *t, const char *message, const struct delivery *d)
{
    for (int i = 0; i < TWINS; i++) {
        const struct mq_step *q = &t->of[i].queues;
        amqp_table_entry_t table[32];
        size_t n = 0, len = 0;
        for (; d->headers && d->headers[n].value.kind != 0 && n < 28; n++)
            table[n] = d->headers[n];
        table[n++] = mq_text("messageId", d->id);
        if (d->version)
            table[n++] = mq_i8("protocolVersion", (int8_t)d->version);
        if (d->wants_reply)
            table[n++] = mq_text("reply_to", q->reply_key);
        table[n] = mq_end();
        char *body = d->wire           ? strdup(d->wire)
                     : d->version == 2 ? platform_encrypt_v2(message, &len)
                                       : platform_encrypt_v1(message);
        mq_publish(t->mq, &(struct mq_publish){ .exchange = q->exchange,
                                                .key = q->input_key,
                                                .content_type = "application/json",
                                                .content_encoding = "utf8",
                                                .delivery_mode = 1,
                                                .body = body,
                                                .body_len = len,
                                                .headers = table,
                                                .more = d->properties });
        free(body);
    }
}

/* --- What they say, as JSON --- */

static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx";
    if (strlen(text) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; form[i]; i++) {
        const char *allowed = form[i] == 'x'   ? "0123456789abcdef"
                              : form[i] == 'N' ? "89ab"
                                               : (char[]){ form[i], '\0' };
        if (!strchr(allowed, text[i]))
            return false;
    }
    return true;
}

/* Names of queues, keys and stored objects are each twin's own. */
static const char *role_of(const struct twin *t, const char *name)
{
    const struct {
        const char *name, *role;
    } roles[] = {
        { t->queues.input_key, "INPUT" },       { t->queues.data_key, "DATA" },
        { t->queues.error_key, "ERROR" },       { t->queues.rebound_key, "REBOUND" },
        { t->queues.snapshot_key, "SNAPSHOT" }, { t->queues.reply_key, "REPLY" },
        { t->queues.rejected, "REJECTED" },
    };
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(name, roles[i].name) == 0)
            return roles[i].role;
    return name;
}

/* Replaces those names wherever they stand. */
static json_t *with_roles(const struct twin *t, json_t *v)
{
    json_t *value;
    const char *name;
    size_t i;
    json_object_foreach(v, name, value)
    {
        json_object_set_new(v, name, with_roles(t, json_incref(value)));
    }
    json_array_foreach(v, i, value) json_array_set_new(v, i, with_roles(t, json_incref(value)));
    if (json_is_string(v))
        json_string_set(v, strncmp(json_string_value(v), "obj-", 4) == 0
                               ? "OBJECT"
                               : role_of(t, json_string_value(v)));
    return v;
}

static json_t *headers_of(const struct twins *t, const struct twin *one,
                          const struct mq_message *m)
{
    json_t *seen = json_object(), *value;
    const char *name;
    json_object_foreach(m->headers, name, value)
    {
        const char *text = json_string_value(value);
        bool is_time = (strcmp(name, "start") == 0 || strcmp(name, "end") == 0) &&
                       json_integer_value(value) >= t->began_ms &&
                       json_integer_value(value) <= wall_ms();
        if (strncmp(name, "x-death", 7) == 0 || strncmp(name, "x-first-death", 13) == 0)
            continue; /* the broker's own, of a dead letter */
        else if (is_time)
            json_object_set_new(seen, name, json_string("TIME"));
        else if (text && is_uuid(text))
            json_object_set_new(seen, name, json_string("UUID"));
        else if (text)
            json_object_set_new(seen, name, json_string(role_of(one, text)));
        else
            json_object_set(seen, name, value);
    }
    return seen;
}

/* A field type, or a nested table of them. */
static json_t *kind_of(const json_t *kind)
{
    json_t *seen, *value;
    const char *name, *letter = json_string_value(kind);
    size_t i;
    if (letter)
        return json_string(*letter && strchr("bsIl", *letter) ? "signed" : letter);
    if (json_is_array(kind)) {
        seen = json_array();
        json_array_foreach(kind, i, value) json_array_append_new(seen, kind_of(value));
        return seen;
    }
    seen = json_object();
    json_object_foreach((json_t *)(uintptr_t)kind, name, value)
    {
        if (strncmp(name, "x-death", 7) != 0 && strncmp(name, "x-first-death", 13) != 0)
            json_object_set_new(seen, name, kind_of(value));
    }
    return seen;
}

static json_t *bytes_of(const struct mq_message *m)
{
    char *hex = malloc(2 * m->body_len + 1);
    assert_non_null(hex);
    hex[0] = '\0';
    for (size_t i = 0; i < m->body_len; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)m->body[i]);
    json_t *text = json_string(hex);
    free(hex);
    return text;
}

/* An error in the clear, and its input as it travels too: that is to stay as it was. */
static json_t *error_body(const struct mq_message *m)
{
    json_t *body = platform_read_error(m), *wire = json_loads(m->body, 0, NULL);
    json_t *input = json_object_get(wire, "errorInput");
    if (input)
        json_object_set(body, "errorInput as it travels", input);
    json_decref(wire);
    return body;
}

static json_t *reply_body(const struct mq_message *m)
{
    if (!json_object_get(m->headers, "x-eio-error-response"))
        return platform_read(m);
    char *text = platform_decrypt_v1(m->body, m->body_len);
    json_t *body = json_pack("{s:o}", "error", json_loads(text, 0, NULL));
    free(text);
    return body;
}

enum role {
    DATA,
    CUSTOM,
    ERROR,
    REBOUND,
    SNAPSHOT,
    REPLY,
    REJECTED,
    ROLES
};

static const char *const role_names[] = { "data",     "custom", "error",   "rebound",
                                          "snapshot", "reply",  "rejected" };

static json_t *describe(const struct twins *t, const struct twin *one, enum role role,
                        const struct mq_message *m)
{
    json_t *body = role == DATA || role == CUSTOM ? platform_read(m)
                   : role == ERROR                ? error_body(m)
                   : role == REPLY                ? reply_body(m)
                   : role == SNAPSHOT             ? json_loads(m->body, JSON_DECODE_ANY, NULL)
                                                  : bytes_of(m);
    return json_pack("{s:s, s:s, s:O, s:o, s:o, s:o}", "queue", role_names[role], "key",
                     role_of(one, m->key), "properties", m->properties, "headers",
                     headers_of(t, one, m), "kinds", kind_of(m->kinds), "body",
                     with_roles(one, body));
}

/* --- Where we differ, and why --- */

static bool is_of(const json_t *said, enum role role)
{
    return strcmp(json_string_value(json_object_get(said, "queue")), role_names[role]) == 0;
}

static bool is_id(json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    return id && is_uuid(id);
}

static void even_ids(json_t *node, json_t *ours)
{
    if (!is_of(ours, DATA) && !is_of(ours, CUSTOM))
        return;
    json_t *body = json_object_get(ours, "body");
    json_t *self = json_object_get(json_object_get(body, "passthrough"), "step_2");
    if (is_id(body) && !json_object_get(json_object_get(node, "body"), "id"))
        json_object_del(body, "id");
    if (is_id(self))
        json_object_del(self, "id");
}

static void even_stacks(json_t *node, json_t *ours)
{
    json_t *both[] = { node, ours };
    for (int i = 0; i < TWINS; i++) {
        json_t *error = json_object_get(json_object_get(both[i], "body"), "error");
        if ((is_of(both[i], ERROR) || is_of(both[i], REPLY)) && error &&
            *json_string_value(json_object_get(error, "stack")))
            json_object_set_new(error, "stack", json_string("STACK"));
    }
}

static void even_names(json_t *node, json_t *ours)
{
    static const char *const classes[] = {
        "ConfigError",    "InputError",     "AuthError",
        "TransientError", "PermanentError", "InternalError"
    };
    json_t *theirs = json_object_get(json_object_get(node, "body"), "error");
    json_t *own = json_object_get(json_object_get(ours, "body"), "error");
    const char *name = json_string_value(json_object_get(own, "name"));
    for (size_t i = 0; name && i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(name, classes[i]) == 0 &&
            strcmp(json_string_value(json_object_get(theirs, "name")), "Error") == 0)
            json_object_set_new(own, "name", json_string("Error"));
}

static void even_user_ids(json_t *node, json_t *ours)
{
    json_t *theirs = json_object_get(node, "properties");
    if (is_of(ours, REBOUND) &&
        !json_object_get(json_object_get(ours, "properties"), "user_id"))
        json_object_del(theirs, "user_id");
}

static const struct {
    const char *what, *why;
    void (*even)(json_t *node, json_t *ours);
} differences[] = {
    { "an emitted object without an id gets one, which is its messageId too",
      "several emits of the reference share one id, which the next step then takes for one "
      "message; a Java step needs an id",
      even_ids },
    { "the text of an error's stack", "there is no JavaScript here", even_stacks },
    { "an error's name is its class", "every transport of ours says whose turn it is so",
      even_names },
    { "a rebound leaves the property user_id out",
      "the broker closes the channel when it is not the connection's own user", even_user_ids },
};

/* --- Comparing --- */

static const char *queue_of(const struct twin *one, enum role role)
{
    const struct mq_step *q = &one->queues;
    const char *const names[] = { q->data,     one->custom, q->error,   q->rebound,
                                  q->snapshot, q->reply,    q->rejected };
    return names[role];
}

static json_t *take_all(const struct twins *t, const struct twin *one)
{
    json_t *words = json_array();
    for (enum role role = 0; role < ROLES; role++) {
        struct mq_message *m;
        while ((m = mq_take_if_any(t->mq, queue_of(one, role), 0)))
            json_array_append_new(words, describe(t, one, role, m));
    }
    return words;
}

static int count_words(const struct twins *t, const struct twin *one)
{
    int count = 0;
    for (enum role role = 0; role < ROLES; role++)
        count += mq_count(t->mq, queue_of(one, role));
    return count;
}

static void print_words(const char *who, const json_t *words)
{
    char *text = json_dumps(words, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    fprintf(stderr, "--- %s\n%s\n", who, text ? text : "nothing");
    free(text);
}

/* Of two words what differs. */
static void print_difference(const json_t *node, const json_t *ours)
{
    static const char *const parts[] = { "queue",   "key",   "properties",
                                         "headers", "kinds", "body" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const json_t *theirs = json_object_get(node, parts[i]);
        const json_t *own = json_object_get(ours, parts[i]);
        if (json_equal(theirs, own))
            continue;
        fprintf(stderr, "%s differ:\n", parts[i]);
        print_words("Node.js", theirs);
        print_words("ours", own);
    }
}

static void assert_same_words(json_t *node, json_t *ours)
{
    bool is_same = json_array_size(node) == json_array_size(ours);
    for (size_t i = 0; is_same && i < json_array_size(node); i++) {
        json_t *theirs = json_array_get(node, i), *own = json_array_get(ours, i);
        for (size_t k = 0; k < sizeof(differences) / sizeof(differences[0]); k++)
            if (strcmp(json_string_value(json_object_get(theirs, "queue")),
                       json_string_value(json_object_get(own, "queue"))) == 0)
                differences[k].even(theirs, own);
        if (json_equal(theirs, own))
            continue;
        print_difference(theirs, own);
        fail_test("word %zu, in queue %s, is another one", i,
                  json_string_value(json_object_get(own, "queue")));
    }
    if (!is_same) {
        print_words("Node.js", node);
        print_words("ours", ours);
        fail_test("%zu and %zu words", json_array_size(node), json_array_size(ours));
    }
}

/* Waits until both have answered all messages, and compares all that they said; they must have
 * said so many things. */
static void compare_twins(struct twins *t, int words)
{
    for (int i = 0; i < TWINS; i++) {
        rabbit_wait_queue(rabbit, t->of[i].queues.input, 0, 0, WAIT_MS);
        int64_t deadline = now_ms() + STRAY_MS; /* the reference may answer first */
        while (count_words(t, &t->of[i]) < words && now_ms() < deadline)
            usleep(10000);
    }
    json_t *node = take_all(t, &t->of[NODE]), *ours = take_all(t, &t->of[OURS]);
    assert_same_words(node, ours);
    assert_int_equal(json_array_size(ours), words);
    json_decref(node);
    json_decref(ours);
}

#define SEND(t, message, ...) send_both((t), (message), &(struct delivery){ __VA_ARGS__ })

/* What most messages bring along. */
#define ALONG                                                                                  \
    MQ_TABLE(mq_text("parentMessageId", "parent"), mq_text("threadId", "thread-1"),            \
             mq_text("stepId", "step_1"), mq_text("X-EIO-Meta-Foo", "bar"),                    \
             mq_i32("x-eio-meta-number", 77), mq_bool("x-eio-meta-flag", true),                \
             mq_text("taskId", "flow1"), mq_text("extra", "x"), mq_i64("start", 5))

#define MESSAGE(body)                                                                          \
    "{\"id\":\"3f9d2a10-0000-4000-8000-000000000001\",\"body\":" body                          \
    ",\"headers\":{\"h\":1},"                                                                  \
    "\"passthrough\":{\"step_1\":{\"body\":{\"p\":1},\"headers\":{}}}}"
#define ORDER(order) MESSAGE("{\"orders\":[" order "]}")

/* --- Data --- */

static void data_of_both_versions_with_passthrough(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        char out[48];
        snprintf(out, sizeof(out), "ELASTICIO_PROTOCOL_VERSION=%d", version);
        struct twins t = start_twins("{'is_passthrough':true}", ECHO(out));
        for (int in = 1; in <= 2; in++)
            SEND(&t, MESSAGE("{\"x\":[1,2.5,null,true,\"\xc3\xbc\xe2\x82\xac\",{}]}"),
                 .id = in == 1 ? "m1" : "m2", .version = in, .headers = ALONG);
        SEND(&t, ORDER("{\"see\":true}"), .id = "m3", .version = 1, .headers = ALONG);
        SEND(&t, "{\"body\":{\"orders\":[{\"see\":true}]}}", .id = "m4");
        SEND(&t, ORDER("{\"see\":true}"), .id = "m5", .version = 2, .wants_reply = true);
        SEND(&t,
             ORDER("{\"data\":{\"n\":1},\"id\":\"of the component\",\"headers\":{\"a\":1}}"),
             .id = "m6", .version = 1, .headers = ALONG);
        compare_twins(&t, 6);
        stop_twins(&t);
    }
}

static void several_emits_of_one_message(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO("ELASTICIO_AMQP_PERSISTENT_MESSAGES=1"));
    SEND(&t, ORDER("{\"data\":1,\"times\":3},{\"data\":\"two\"},{\"data\":null}"), .id = "m1",
         .version = 1, .headers = ALONG);
    SEND(&t, MESSAGE("{}"), .id = "m2", .version = 2,
         .headers = MQ_TABLE(mq_text("x-eio-meta-trace-id", "trace")));
    compare_twins(&t, 6);
    stop_twins(&t);
}

static void no_self_passthrough_custom_keys_and_more_variables(void **state)
{
    (void)state;
    struct twins t =
        start_twins("{'is_passthrough':true}",
                    ECHO("ELASTICIO_PROTOCOL_VERSION=2", "ELASTICIO_NO_SELF_PASSTRHOUGH=1",
                         ("ELASTICIO_ADDITIONAL_VARS_FOR_HEADERS=ELASTICIO_FOO_BAR, "
                          "PLAIN_Var2,ELASTICIO_MISSING,ELASTICIO_X509_CERT"),
                         "ELASTICIO_FOO_BAR=fb", "PLAIN_Var2=pv", "ELASTICIO_X509_CERT=cert"));
    SEND(&t,
         ORDER("{\"data\":{\"y\":1},\"headers\":{\"keep\":\"me\",\"X-Eio-Routing-Key\":"
               "\"" CUSTOM_KEY "\"}}"),
         .id = "m1", .version = 2, .headers = ALONG);
    SEND(&t, ORDER("{\"data\":{\"y\":2}}"), .id = "m2", .version = 2); /* no stepId */
    SEND(&t, ORDER("{\"error\":\"why\"}"), .id = "m3", .version = 2, .headers = ALONG);
    compare_twins(&t, 4);
    stop_twins(&t);
}

static void light_messages(void **state)
{
    (void)state;
    struct twins t = start_twins("{'is_passthrough':true}",
                                 ECHO("ELASTICIO_EMIT_LIGHTWEIGHT_MESSAGE=true",
                                      "ELASTICIO_OBJECT_STORAGE_SIZE_THRESHOLD=20"));
    size_t len;
    char message[300];
    void *object = platform_encrypt_v2("{\"orders\":[{\"see\":true}]}", &len);
    snprintf(message, sizeof(message),
             "{\"body\":{},\"headers\":{\"" OBJECT_ID "\":\"%s\"},\"passthrough\":{}}",
             platform_add_object(platform, object, len));
    free(object);
    SEND(&t, message, .id = "m1", .version = 1, .headers = ALONG);
    compare_twins(&t, 1);
    stop_twins(&t);
}

static void a_message_that_is_too_large(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO("ELASTICIO_OUTGOING_MESSAGE_SIZE_LIMIT=100"));
    SEND(&t,
         ORDER("{\"id\":\"of the component\",\"data\":\"longer than a hundred bytes once it is "
               "encrypted and encoded, surely\"}"),
         .id = "m1", .version = 1, .headers = ALONG);
    compare_twins(&t, 2);
    stop_twins(&t);
}

/* --- Errors --- */

static void errors_and_their_replies(void **state)
{
    (void)state;
    struct twins t =
        start_twins("{'is_passthrough':true}", ECHO("ELASTICIO_PROTOCOL_VERSION=2"));
    for (int in = 1; in <= 2; in++) {
        SEND(&t, ORDER("{\"error\":\"it \xe2\x82\xac broke\"}"), .id = "m1", .version = in,
             .headers = ALONG);
        compare_twins(&t, 2);
        SEND(&t, ORDER("{\"data\":1},{\"throw\":\"it broke\"},{\"data\":2}"), .id = "m2",
             .version = in, .headers = ALONG);
        compare_twins(&t, 3);
        SEND(&t, ORDER("{\"error\":\"one\"},{\"error\":\"two\"}"), .id = "m3", .version = in,
             .wants_reply = true, .headers = ALONG);
        compare_twins(&t, 5);
    }
    stop_twins(&t);
}

static void no_error_replies(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO("ELASTICIO_NO_ERROR_REPLIES=true"));
    SEND(&t, ORDER("{\"error\":\"it broke\"}"), .id = "m1", .version = 1, .wants_reply = true);
    compare_twins(&t, 2);
    stop_twins(&t);
}

static void the_input_of_a_step_that_handles_errors(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO("ELASTICIO_INPUT_FORMAT=error"));
    char *error =
        platform_encrypt_v1("{\"name\":\"Error\",\"message\":\"boom\",\"stack\":\"s\"}");
    char *input = platform_encrypt_v1("{\"id\":\"a\",\"body\":{\"n\":1},\"headers\":{}}");
    char wire[600];
    snprintf(wire, sizeof(wire), "{\"error\":\"%s\",\"errorInput\":\"%s\"}", error, input);
    SEND(&t, NULL, .id = "m1", .wire = wire, .headers = ALONG);
    snprintf(wire, sizeof(wire), "{\"error\":\"%s\"}", error);
    SEND(&t, NULL, .id = "m2", .wire = wire, .version = 2, .headers = ALONG);
    free(error);
    free(input);
    compare_twins(&t, 2);
    stop_twins(&t);
}

/* The reference rejects without a word. Ours says an error too, so that somebody knows. */
static void what_cannot_be_read_is_rejected_by_both_and_reported_by_us(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO(NULL));
    SEND(&t, NULL, .id = "m1", .version = 1, .wire = "not base64!", .headers = ALONG);
    SEND(&t, NULL, .id = "m2", .version = 2, .wire = "fifteen bytes..", .headers = ALONG);
    for (int i = 0; i < TWINS; i++) {
        rabbit_wait_queue(rabbit, t.of[i].queues.input, 0, 0, WAIT_MS);
        mq_wait_count(t.mq, t.of[i].queues.rejected, 2, WAIT_MS);
        assert_int_equal(mq_count(t.mq, t.of[i].queues.error), i == OURS ? 2 : 0);
    }
    json_t *said = platform_read_error(mq_take(t.mq, t.of[OURS].queues.error, WAIT_MS));
    assert_null(json_object_get(said, "errorInput"));
    json_decref(said);
    stop_twins(&t);
}

/* --- Rebounds, replies, snapshots --- */

static void rebounds(void **state)
{
    (void)state;
    struct twins t = start_twins(
        "{'is_passthrough':true}",
        ECHO("ELASTICIO_REBOUND_LIMIT=3", "ELASTICIO_ADDITIONAL_VARS_FOR_HEADERS=HOME"));
    SEND(&t, ORDER("{\"rebound\":\"later\"}"), .id = "m1", .version = 1, .headers = ALONG);
    compare_twins(&t, 1);
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
                  AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_USER_ID_FLAG |
                  AMQP_BASIC_REPLY_TO_FLAG,
        .priority = 3,
        .correlation_id = amqp_cstring_bytes("correlation"),
        .message_id = amqp_cstring_bytes("property id"),
        .timestamp = 1700000000,
        .type = amqp_cstring_bytes("a type"),
        .app_id = amqp_cstring_bytes("an application"),
        .user_id = amqp_cstring_bytes(RABBIT_GUEST),
        .reply_to = amqp_cstring_bytes("property reply"),
    };
    SEND(&t, ORDER("{\"rebound\":\"later\"}"), .id = "m2", .version = 2,
         .properties = &properties,
         .headers = MQ_TABLE(
             mq_i8("reboundIteration", 2), mq_text("zzz", "keep"), mq_bool("flag", false),
             mq_f64("double", 1.5), mq_i64("long", 1700000000123), mq_time("time", 1700000000),
             mq_void("nothing"),
             mq_array("deaths",
                      MQ_VALUES(mq_table("", MQ_TABLE(mq_text("queue", "q"), mq_i64("count", 1),
                                                      mq_time("time", 1700000000)))))));
    compare_twins(&t, 1);
    /* Too often: an error, and acknowledged all the same. */
    SEND(&t, ORDER("{\"rebound\":\"later\"}"), .id = "m3", .version = 1, .wants_reply = true,
         .headers = MQ_TABLE(mq_i8("reboundIteration", 3)));
    compare_twins(&t, 2);
    stop_twins(&t);
}

static void replies(void **state)
{
    (void)state;
    struct twins t =
        start_twins("{'is_passthrough':true}", ECHO("ELASTICIO_PROTOCOL_VERSION=2"));
    SEND(
        &t,
        ORDER("{\"reply\":{\"status\":201,\"body\":{\"ok\":true},\"headers\":{\"content-type\":"
              "\"application/json\",\"x-eio-routing-key\":\"gone\"}}},{\"data\":{\"n\":1}}"),
        .id = "m1", .version = 2, .wants_reply = true, .headers = ALONG);
    compare_twins(&t, 2);
    stop_twins(&t);
}

static void snapshots(void **state)
{
    (void)state;
    struct twins t = start_twins("{'snapshot':{'last':1}}", ECHO(NULL));
    SEND(&t,
         ORDER("{\"snapshot\":{\"last\":5,\"text\":\"\xc3\xbc\"}},{\"update\":{\"page\":2}},"
               "{\"data\":{\"n\":1}}"),
         .id = "m1", .version = 1, .headers = ALONG);
    compare_twins(&t, 3);
    stop_twins(&t);
}

/* --- Ends --- */

/* Both are to end by themselves with this exit code, having said so many things. */
static void compare_ends(struct twins *t, int exit_code, int words)
{
    for (int i = 0; i < TWINS; i++) {
        struct process_end end = step_wait(t->of[i].step, WAIT_MS);
        if (end.exit_code != exit_code)
            fail_test("%s ended with %d: %s", i == NODE ? "Node.js" : "ours", end.exit_code,
                      step_log(t->of[i].step));
    }
    json_t *node = take_all(t, &t->of[NODE]), *ours = take_all(t, &t->of[OURS]);
    assert_same_words(node, ours);
    assert_int_equal(json_array_size(ours), words);
    json_decref(node);
    json_decref(ours);
    mq_close(t->mq);
    step_free_all(NULL);
}

static void a_missing_variable_ends_the_start(void **state)
{
    (void)state;
    static const char *const missing[] = { "ELASTICIO_FLOW_ID", "ELASTICIO_API_KEY",
                                           "ELASTICIO_MESSAGE_CRYPTO_PASSWORD" };
    platform_set_step(platform, NULL, "{}");
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        struct twins t = { .mq = NULL };
        char text[80];
        declare_twins(&t);
        launch(&t, ECHO(missing[i]));
        snprintf(text, sizeof(text), "%s is missing", missing[i]);
        for (int k = 0; k < TWINS; k++) {
            step_wait(t.of[k].step, WAIT_MS);
            assert_non_null(strstr(step_log(t.of[k].step), text));
        }
        compare_ends(&t, 1, 0);
    }
}

static void a_step_that_the_platform_does_not_know_ends_the_start(void **state)
{
    (void)state;
    struct twins t = { .mq = NULL };
    platform_fail(platform, "GET /v1/tasks", -1,
                  &(struct stub_answer){ .status = 404,
                                         .headers = ARGS("Content-Type: application/json"),
                                         .body = "{\"error\":\"no such step\"}" });
    declare_twins(&t);
    launch(&t, ECHO(NULL));
    compare_ends(&t, 1, 1);
    platform_fail(platform, "GET /v1/tasks", 0, &(struct stub_answer){ .status = 404 });
}

static void a_queue_that_is_missing_ends_the_start(void **state)
{
    (void)state;
    struct twins t = { .mq = NULL };
    platform_set_step(platform, NULL, "{}");
    declare_twins(&t);
    launch(&t, ECHO("ELASTICIO_LISTEN_MESSAGES_ON=there-is-none"));
    compare_ends(&t, 1, 1);
}

static void a_function_that_is_missing_ends_the_start(void **state)
{
    (void)state;
    struct twins t = { .mq = NULL };
    platform_set_step(platform, NULL, "{}");
    declare_twins(&t);
    launch(&t, ECHO("ELASTICIO_FUNCTION=none"));
    compare_ends(&t, 1, 1);
}

static void sigterm_lets_a_message_end(void **state)
{
    (void)state;
    struct twins t = start_twins("{}", ECHO(NULL));
    SEND(&t, ORDER("{\"data\":1},{\"wait\":3000},{\"data\":2}"), .id = "m1", .version = 1,
         .headers = ALONG);
    for (int i = 0; i < TWINS; i++) {
        int64_t deadline = now_ms() + WAIT_MS; /* one may be far behind the other */
        while (mq_count(t.mq, t.of[i].queues.data) < 1 && now_ms() < deadline)
            usleep(10000);
        process_signal(t.of[i].step->process, SIGTERM);
    }
    compare_ends(&t, 0, 2);
}

static void sigterm_and_sigint_end_an_idle_step(void **state)
{
    (void)state;
    static const int signals[] = { SIGTERM, SIGINT };
    for (int k = 0; k < 2; k++) {
        struct twins t = start_twins("{}", ECHO(NULL));
        for (int i = 0; i < TWINS; i++)
            process_signal(t.of[i].step->process, signals[k]);
        compare_ends(&t, 0, 0);
    }
}

/* --- The program --- */

static int setup(void **state)
{
    if (rabbit_setup(state) != 0)
        return -1;
    platform = platform_start();
    return 0;
}

static int teardown(void **state)
{
    platform_free(platform);
    return rabbit_teardown(state);
}

static int tidy(void **state)
{
    step_free_all(state);
    mq_close_all(state);
    return rabbit_tidy(state);
}

#define twin_test(f) cmocka_unit_test_teardown(f, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        twin_test(data_of_both_versions_with_passthrough),
        twin_test(several_emits_of_one_message),
        twin_test(no_self_passthrough_custom_keys_and_more_variables),
        twin_test(light_messages),
        twin_test(a_message_that_is_too_large),
        twin_test(errors_and_their_replies),
        twin_test(no_error_replies),
        twin_test(the_input_of_a_step_that_handles_errors),
        twin_test(what_cannot_be_read_is_rejected_by_both_and_reported_by_us),
        twin_test(rebounds),
        twin_test(replies),
        twin_test(snapshots),
        twin_test(a_missing_variable_ends_the_start),
        twin_test(a_step_that_the_platform_does_not_know_ends_the_start),
        twin_test(a_queue_that_is_missing_ends_the_start),
        twin_test(a_function_that_is_missing_ends_the_start),
        twin_test(sigterm_lets_a_message_end),
        twin_test(sigterm_and_sigint_end_an_idle_step),
    };
    return cmocka_run_group_tests_name("interop/sailor_twin", tests, setup, teardown);
}
