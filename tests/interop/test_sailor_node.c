// SPDX-License-Identifier: Apache-2.0
/* test_sailor_node.c - our steps in one flow with steps in the platform's own Node.js runtime:
 * they must understand what we send, and we what they send, in both protocol versions and with
 * all that travels along; Kafka at either end is a real one. */
#include "support/fail.h"
#include "support/kafka_server.h"
#include "support/node_step.h"
#include "support/platform.h"
#include "support/witness.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH   3   /* steps of a chain */
#define MESSAGES 10  /* through each chain */
#define RECORDS  500 /* through Kafka */
#define WAIT_MS  30000
#define END_MS   15000
#define NO_LIMIT "ELASTICIO_DATA_RATE_LIMIT=1000000"
#define PREFETCH "ELASTICIO_RABBITMQ_PREFETCH_SAILOR=10"

static struct platform *platform;
static struct kafka_server *kafka;
static struct witness *witness;

/* What a step emits goes to the next one, and no longer to its data queue. */
static void lead_on(struct mq *mq, const struct mq_step *from, const struct mq_step *to)
{
    mq_unbind(mq, from->data, from->exchange, from->data_key);
    mq_bind(mq, to->input, from->exchange, from->data_key);
}

/* Starts a step and waits until it takes messages. */
static struct step *start_step(enum step_kind kind, const char *function, const char *id,
                               const struct mq_step *queues, const char *more, int version)
{
    char variables[3][64];
    snprintf(variables[0], sizeof(variables[0]), "ELASTICIO_FUNCTION=%s", function);
    snprintf(variables[1], sizeof(variables[1]), "ELASTICIO_STEP_ID=%s", id);
    snprintf(variables[2], sizeof(variables[2]), "ELASTICIO_PROTOCOL_VERSION=%d", version);
    return step_start(kind, platform_env(platform, rabbit, queues,
                                         ARGS(variables[0], variables[1], variables[2],
                                              NO_LIMIT, more ? more : "KC_NOTHING=1")));
}

/* --- Chains of steps that echo --- */

struct chain {
    enum step_kind kinds[LENGTH];
    int versions[LENGTH + 1]; /* of what goes in, between them, and comes out */
    bool is_passthrough, no_self;
    /* private */
    struct mq_step queues[LENGTH];
    struct step *steps[LENGTH];
};

#define NODE_OURS_NODE { STEP_NODE, STEP_ECHO, STEP_NODE }
#define OURS_NODE_OURS { STEP_ECHO, STEP_NODE, STEP_ECHO }

static void start_chain(struct mq *mq, struct chain *c)
{
    for (int i = 0; i < LENGTH; i++) {
        mq_step_declare(mq, &c->queues[i]);
        if (i > 0)
            lead_on(mq, &c->queues[i - 1], &c->queues[i]);
    }
    platform_set_step(platform, NULL, c->is_passthrough ? "{'is_passthrough':true}" : "{}");
    for (int i = 0; i < LENGTH; i++) {
        char id[16];
        snprintf(id, sizeof(id), "step_%d", i + 1);
        c->steps[i] = start_step(c->kinds[i], "echo", id, &c->queues[i],
                                 c->no_self ? "ELASTICIO_NO_SELF_PASSTRHOUGH=1" : NULL,
                                 c->versions[i + 1]);
    }
    for (int i = 0; i < LENGTH; i++)
        step_wait_ready(c->steps[i], WAIT_MS);
}

#define BODY                                                                                   \
    "{\"n\":%d,\"text\":\"gr\xc3\xb6\xc3\x9f"                                                  \
    "er \xe2\x82\xac \xf0\x9f\x98\x80 \\u0000\\\"\",\"list\":[1,2.5,null,true,{}]}"

static void send_through(struct mq *mq, const struct chain *c)
{
    for (int n = 0; n < MESSAGES; n++) {
        char json[600], id[32], thread[32];
        snprintf(json, sizeof(json),
                 "{\"id\":\"first-%d\",\"body\":" BODY ",\"headers\":{\"mine\":1},"
                 "\"passthrough\":{\"step_0\":{\"body\":{\"from\":0},\"headers\":{}}}}",
                 n, n);
        snprintf(id, sizeof(id), "message-%d", n);
        snprintf(thread, sizeof(thread), "thread-%d", n);
        platform_send(mq, &c->queues[0], json, c->versions[0],
                      MQ_TABLE(mq_text("messageId", id), mq_text("threadId", thread),
                               mq_text("stepId", "step_0"), mq_text("X-EIO-Meta-Foo", "bar")));
    }
}

/* The step's entry in a passthrough, but for its id, which is another one each time. */
static void assert_entry(json_t *passthrough, const char *step_id, const char *expected)
{
    json_t *entry = json_object_get(passthrough, step_id);
    if (!entry)
        fail_test("no %s in the passthrough", step_id);
    json_object_del(entry, "id");
    assert_json(passthrough, step_id, expected);
}

static void assert_passthrough(const struct chain *c, json_t *message, const char *echoed,
                               const char *sent)
{
    json_t *passthrough = json_object_get(message, "passthrough");
    if (!c->is_passthrough) {
        assert_null(passthrough);
        return;
    }
    assert_int_equal(json_object_size(passthrough), c->no_self ? 3 : 4);
    assert_entry(passthrough, "step_0",
                 c->no_self ? sent : "{\"body\":{\"from\":0},\"headers\":{}}");
    assert_entry(passthrough, "step_1", echoed);
    assert_entry(passthrough, "step_2", echoed);
    if (!c->no_self)
        assert_entry(passthrough, "step_3", echoed);
}

/* The reference cannot read unsigned integers: not even passed along may they come. */
static void assert_signed_kinds(const struct mq_message *m)
{
    const char *name;
    json_t *kind;
    json_object_foreach(m->kinds, name, kind)
    {
        const char *letter = json_string_value(kind);
        if (!letter || !strstr("S t b s I l", letter))
            fail_test("header %s is of kind %s", name, letter ? letter : "?");
    }
}

/* BODY, with its members in order. */
static void print_body(char *body, size_t size, int n)
{
    snprintf(body, size,
             "{\"list\":[1,2.5,null,true,{}],\"n\":%d,\"text\":\"gr\xc3\xb6\xc3\x9f"
             "er \xe2\x82\xac \xf0\x9f\x98\x80 \\u0000\\\"\"}",
             n);
}

static void assert_arrived(const struct chain *c, const struct mq_message *m, int n)
{
    char body[300], echoed[400], sent[400], thread[32];
    print_body(body, sizeof(body), n);
    snprintf(echoed, sizeof(echoed), "{\"body\":%s,\"headers\":{}}", body);
    snprintf(sent, sizeof(sent), "{\"body\":%s,\"headers\":{\"mine\":1}}", body);
    snprintf(thread, sizeof(thread), "thread-%d", n);

    json_t *message = platform_read(m);
    assert_json(message, "body", body);
    assert_json(message, "headers", "{}");
    assert_passthrough(c, message, echoed, sent);
    json_decref(message);

    assert_event_str(m->headers, "threadId", thread);
    assert_event_str(m->headers, "stepId", "step_3");
    assert_event_str(m->headers, "taskId", "flow1");
    assert_event_str(m->headers, "function", "echo");
    assert_event_str(m->headers, "x-eio-meta-foo", "bar");
    assert_int_equal(event_int(m->headers, "protocolVersion"), c->versions[LENGTH]);
    assert_signed_kinds(m);
}

static void end_chain(struct mq *mq, struct chain *c)
{
    for (int i = 0; i < LENGTH; i++) {
        rabbit_wait_queue(rabbit, c->queues[i].input, 0, 0, WAIT_MS);
        assert_int_equal(mq_count(mq, c->queues[i].error), 0);
        assert_int_equal(mq_count(mq, c->queues[i].rejected), 0);
        process_signal(c->steps[i]->process, SIGTERM);
    }
    for (int i = 0; i < LENGTH; i++) { /* they end side by side */
        step_stop(c->steps[i], END_MS);
        mq_step_delete(mq, &c->queues[i]);
    }
}

static void run_chain(struct chain c)
{
    struct mq *mq = mq_connect(rabbit->uri);
    start_chain(mq, &c);
    send_through(mq, &c);
    for (int n = 0; n < MESSAGES; n++)
        assert_arrived(&c, mq_take(mq, c.queues[LENGTH - 1].data, WAIT_MS), n);
    end_chain(mq, &c);
    mq_close(mq);
}

/* --- Every combination of versions on the edges --- */

/* Each step of a flow twice, one speaking version 1 and one version 2, and each of them leads
 * to both of the next one: so a message takes all ways, and the passthrough says which. */
struct mesh {
    enum step_kind kinds[LENGTH];
    /* private */
    struct mq_step queues[LENGTH][2];
    struct step *steps[LENGTH][2];
    bool has_come[2][2][2][2][MESSAGES]; /* by the versions on its edges, and its number */
};

static void name_step(char id[16], int i, int v)
{
    snprintf(id, 16, "step_%d_v%d", i + 1, v + 1);
}

static void start_mesh(struct mq *mq, struct mesh *mesh)
{
    char id[16];
    platform_set_step(platform, NULL, "{'is_passthrough':true}");
    for (int i = 0; i < LENGTH; i++)
        for (int v = 0; v < 2; v++)
            mq_step_declare(mq, &mesh->queues[i][v]);
    for (int i = 1; i < LENGTH; i++)
        for (int way = 0; way < 4; way++)
            lead_on(mq, &mesh->queues[i - 1][way / 2], &mesh->queues[i][way % 2]);
    for (int i = 0; i < LENGTH; i++)
        for (int v = 0; v < 2; v++) {
            name_step(id, i, v);
            mesh->steps[i][v] =
                start_step(mesh->kinds[i], "echo", id, &mesh->queues[i][v], NULL, v + 1);
        }
    for (int i = 0; i < LENGTH; i++)
        for (int v = 0; v < 2; v++)
            step_wait_ready(mesh->steps[i][v], WAIT_MS);
}

/* Of both versions, to both of the first steps. */
static void send_all_ways(struct mq *mq, const struct mesh *mesh)
{
    for (int way = 0; way < 4; way++)
        for (int n = 0; n < MESSAGES; n++) {
            char json[600], id[32], thread[32];
            snprintf(json, sizeof(json),
                     "{\"id\":\"first-%d-%d\",\"body\":" BODY ",\"headers\":{},"
                     "\"passthrough\":{\"step_0\":{\"body\":{\"from\":0},\"headers\":{}}}}",
                     way, n, n);
            snprintf(id, sizeof(id), "message-%d-%d", way, n);
            snprintf(thread, sizeof(thread), "thread-%d-%d", way / 2, n);
            platform_send(mq, &mesh->queues[0][way % 2], json, way / 2 + 1,
                          MQ_TABLE(mq_text("messageId", id), mq_text("threadId", thread),
                                   mq_text("stepId", "step_0")));
        }
}

/* The version that the step of this place has sent it in. */
static int version_at(json_t *passthrough, int i, const char *echoed)
{
    char id[16];
    name_step(id, i, 0);
    int v = json_object_get(passthrough, id) ? 0 : 1;
    name_step(id, i, v);
    assert_entry(passthrough, id, echoed);
    return v;
}

static void note_arrival(struct mesh *mesh, const struct mq_message *m, int last)
{
    char body[300], echoed[400];
    int in, n, way[LENGTH];
    assert_int_equal(sscanf(event_str(m->headers, "threadId"), "thread-%d-%d", &in, &n), 2);
    assert_true(in >= 0 && in < 2 && n >= 0 && n < MESSAGES);
    print_body(body, sizeof(body), n);
    snprintf(echoed, sizeof(echoed), "{\"body\":%s,\"headers\":{}}", body);
    json_t *message = platform_read(m);
    assert_json(message, "body", body);
    json_t *passthrough = json_object_get(message, "passthrough");
    assert_int_equal(json_object_size(passthrough), LENGTH + 1);
    for (int i = 0; i < LENGTH; i++)
        way[i] = version_at(passthrough, i, echoed);
    json_decref(message);
    assert_int_equal(way[LENGTH - 1], last);
    assert_int_equal(event_int(m->headers, "protocolVersion"), last + 1);
    assert_signed_kinds(m);
    bool *has_come = &mesh->has_come[in][way[0]][way[1]][way[2]][n];
    if (*has_come)
        fail_test("message %d came twice by versions %d, %d, %d, %d", n, in + 1, way[0] + 1,
                  way[1] + 1, way[2] + 1);
    *has_come = true;
}

static void end_mesh(struct mq *mq, struct mesh *mesh)
{
    for (int i = 0; i < LENGTH; i++)
        for (int v = 0; v < 2; v++) {
            rabbit_wait_queue(rabbit, mesh->queues[i][v].input, 0, 0, WAIT_MS);
            assert_int_equal(mq_count(mq, mesh->queues[i][v].error), 0);
            assert_int_equal(mq_count(mq, mesh->queues[i][v].data), 0);
            process_signal(mesh->steps[i][v]->process, SIGTERM);
        }
    for (int i = 0; i < LENGTH; i++)
        for (int v = 0; v < 2; v++) {
            step_stop(mesh->steps[i][v], END_MS);
            mq_step_delete(mq, &mesh->queues[i][v]);
        }
}

/* What has come is as many as there are, and none of them twice: so it is each of them. */
static void run_mesh(struct mesh mesh)
{
    struct mq *mq = mq_connect(rabbit->uri);
    start_mesh(mq, &mesh);
    send_all_ways(mq, &mesh);
    for (int last = 0; last < 2; last++)
        for (int i = 0; i < 2 * 2 * 2 * MESSAGES; i++)
            note_arrival(&mesh, mq_take(mq, mesh.queues[LENGTH - 1][last].data, WAIT_MS), last);
    end_mesh(mq, &mesh);
    mq_close(mq);
}

static void node_ours_node_in_all_sixteen_combinations_of_versions(void **state)
{
    (void)state;
    run_mesh((struct mesh){ .kinds = NODE_OURS_NODE });
}

static void ours_node_ours_in_all_sixteen_combinations_of_versions(void **state)
{
    (void)state;
    run_mesh((struct mesh){ .kinds = OURS_NODE_OURS });
}

/* --- Chains again --- */

static void what_earlier_steps_said_can_be_left_out(void **state)
{
    (void)state;
    run_chain((struct chain){ .kinds = NODE_OURS_NODE, .versions = { 1, 1, 2, 2 } });
    run_chain((struct chain){ .kinds = OURS_NODE_OURS, .versions = { 2, 2, 1, 1 } });
}

static void a_step_may_leave_itself_out_of_what_it_passes_on(void **state)
{
    (void)state;
    run_chain((struct chain){ .kinds = NODE_OURS_NODE,
                              .versions = { 1, 2, 2, 1 },
                              .is_passthrough = true,
                              .no_self = true });
    run_chain((struct chain){ .kinds = OURS_NODE_OURS,
                              .versions = { 2, 1, 1, 2 },
                              .is_passthrough = true,
                              .no_self = true });
}

/* --- Errors go to a step that handles them --- */

static void hand_error_over(enum step_kind failing, enum step_kind handling, int version)
{
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step from, to;
    mq_step_declare(mq, &from);
    mq_step_declare(mq, &to);
    mq_unbind(mq, from.error, from.exchange, from.error_key);
    mq_bind(mq, to.input, from.exchange, from.error_key);
    platform_set_step(platform, NULL, "{}");
    struct step *a = start_step(failing, "echo", "step_1", &from, NULL, 1);
    struct step *b =
        start_step(handling, "echo", "step_2", &to, "ELASTICIO_INPUT_FORMAT=error", 2);
    step_wait_ready(a, WAIT_MS);
    step_wait_ready(b, WAIT_MS);
    platform_send(
        mq, &from,
        "{'id':'a','body':{'orders':[{'error':'it broke \xe2\x82\xac'}]},'headers':{}}",
        version, MQ_TABLE(mq_text("messageId", "message-1")));
    json_t *message = platform_read(mq_take(mq, to.data, WAIT_MS));
    assert_event_str(message, "body.error.message", "it broke \xe2\x82\xac");
    assert_true(json_is_string(event_at(message, "body.error.name")));
    assert_true(json_is_string(event_at(message, "body.error.stack")));
    assert_json(message, "body.errorInput",
                "{\"body\":{\"orders\":[{\"error\":\"it broke \xe2\x82\xac\"}]},"
                "\"headers\":{},\"id\":\"a\"}");
    json_decref(message);
    mq_take(mq, from.rejected, WAIT_MS);
    rabbit_wait_queue(rabbit, to.input, 0, 0, WAIT_MS);
    step_stop(a, END_MS);
    step_stop(b, END_MS);
    mq_close(mq);
}

static void node_handles_our_errors_and_we_handle_theirs(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        hand_error_over(STEP_ECHO, STEP_NODE, version);
        hand_error_over(STEP_NODE, STEP_ECHO, version);
    }
}

/* --- Kafka --- */

/* Started by the first test that needs it. */
static void need_kafka(void)
{
    if (kafka)
        return;
    kafka = kafka_start(NULL);
    witness = witness_open(kafka->plaintext);
}

/* A certificate in a text of JSON. */
static char *quoted_file(const char *path)
{
    char *text = read_text_file(path);
    json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    json_decref(string);
    free(text);
    return quoted;
}

/* The step's description: over TLS, signed in by SCRAM. */
static void describe_kafka_step(const char *id, const char *members)
{
    char *ca = quoted_file(kafka->certs.ca), *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    fprintf(memory,
            "{'config':{'brokers':'%s','securityProtocol':'SASL_SSL',"
            "'mechanism':'scram-sha-512','username':'" KAFKA_USER "',"
            "'password':'" KAFKA_PASSWORD "','caCertificate':%s,%s}}",
            kafka->sasl_ssl, ca, members);
    fclose(memory);
    platform_set_step(platform, id, text);
    free(text);
    free(ca);
}

static void start_trigger(struct mq *mq, const struct mq_step *queues)
{
    platform_send(mq, queues, "{'body':{},'headers':{}}", 1,
                  MQ_TABLE(mq_text("messageId", "tick-1"), mq_text("threadId", "thread-1")));
}

/* Marks the number that a text is; each may come once. */
static void mark(bool *seen, const char *text, size_t size)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%.*s", (int)size, text);
    long n = strtol(digits, NULL, 10);
    if (n < 0 || n >= RECORDS || seen[n])
        fail_test("'%s' is none that was sent, or came twice", digits);
    seen[n] = true;
}

static void what_node_emits_is_written_to_kafka_and_goes_on_to_node(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step source, produce, last;
    need_kafka();
    const char *topic = witness_new_topic(witness, 3, NULL);
    char members[200];
    mq_step_declare(mq, &source);
    mq_step_declare(mq, &produce);
    mq_step_declare(mq, &last);
    lead_on(mq, &source, &produce);
    lead_on(mq, &produce, &last);
    snprintf(members, sizeof(members), "{'config':{'count':%d,'parallel':10}}", RECORDS);
    platform_set_step(platform, "step_1", members);
    snprintf(members, sizeof(members), "'topic':'%s'", topic);
    describe_kafka_step("step_2", members);
    platform_set_step(platform, "step_3", "{}");
    struct step *steps[] = {
        start_step(STEP_NODE, "source", "step_1", &source, PREFETCH, 2),
        start_step(STEP_OURS, "produce", "step_2", &produce, PREFETCH, 1),
        start_step(STEP_NODE, "echo", "step_3", &last, PREFETCH, 2),
    };
    for (int i = 0; i < 3; i++)
        step_wait_ready(steps[i], WAIT_MS);
    start_trigger(mq, &source);

    for (int i = 0; i < RECORDS; i++) {
        json_t *message = platform_read(mq_take(mq, last.data, WAIT_MS));
        assert_event_str(message, "body.topicName", topic);
        assert_event_str(message, "body.errorCode", "0");
        json_decref(message);
    }
    bool seen[RECORDS] = { false };
    struct witness_records records = witness_read(witness, topic);
    assert_int_equal(records.count, RECORDS);
    for (size_t i = 0; i < records.count; i++)
        mark(seen, records.at[i].value, records.at[i].value_size);
    witness_records_free(&records);
    rabbit_wait_queue(rabbit, produce.input, 0, 0, WAIT_MS);
    assert_int_equal(mq_count(mq, produce.rejected), 0);
    for (int i = 0; i < 3; i++)
        step_stop(steps[i], END_MS);
    mq_close(mq);
}

static void what_is_read_from_kafka_goes_on_to_node_and_back_to_us(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step consume, middle, last;
    need_kafka();
    const char *topic = witness_new_topic(witness, 3, NULL);
    const char *group = witness_fresh_name(witness, "group");
    char members[300];
    witness_write_numbers(witness, topic, 3, 0, RECORDS);
    mq_step_declare(mq, &consume);
    mq_step_declare(mq, &middle);
    mq_step_declare(mq, &last);
    lead_on(mq, &consume, &middle);
    lead_on(mq, &middle, &last);
    snprintf(members, sizeof(members), "'topic':'%s','groupId':'%s','startFrom':'earliest'",
             topic, group);
    describe_kafka_step("step_1", members);
    platform_set_step(platform, "step_2", "{'is_passthrough':true}");
    platform_set_step(platform, "step_3", "{'is_passthrough':true}");
    struct step *steps[] = {
        start_step(STEP_OURS, "consume", "step_1", &consume, PREFETCH, 2),
        start_step(STEP_NODE, "echo", "step_2", &middle, PREFETCH, 1),
        start_step(STEP_ECHO, "echo", "step_3", &last, PREFETCH, 2),
    };
    for (int i = 0; i < 3; i++)
        step_wait_ready(steps[i], WAIT_MS);
    start_trigger(mq, &consume);

    bool seen[RECORDS] = { false };
    for (int i = 0; i < RECORDS; i++) {
        const struct mq_message *m = mq_take(mq, last.data, WAIT_MS);
        json_t *message = platform_read(m);
        const char *value = event_str(message, "body.value");
        mark(seen, value, strlen(value));
        assert_event_str(message, "passthrough.step_2.body.value", value);
        assert_event_str(m->headers, "threadId", "thread-1");
        json_decref(message);
    }
    step_stop(steps[0], END_MS);
    step_stop(steps[1], END_MS);
    step_stop(steps[2], END_MS);
    int64_t committed = 0;
    for (int partition = 0; partition < 3; partition++)
        committed += witness_committed(witness, group, topic, partition);
    assert_int_equal(committed, RECORDS);
    mq_close(mq);
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
    witness_close(witness);
    kafka_free(kafka);
    platform_free(platform);
    return rabbit_teardown(state);
}

static int tidy(void **state)
{
    step_free_all(state);
    mq_close_all(state);
    return rabbit_tidy(state);
}

#define flow_test(f) cmocka_unit_test_teardown(f, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        flow_test(node_ours_node_in_all_sixteen_combinations_of_versions),
        flow_test(ours_node_ours_in_all_sixteen_combinations_of_versions),
        flow_test(what_earlier_steps_said_can_be_left_out),
        flow_test(a_step_may_leave_itself_out_of_what_it_passes_on),
        flow_test(node_handles_our_errors_and_we_handle_theirs),
        flow_test(what_node_emits_is_written_to_kafka_and_goes_on_to_node),
        flow_test(what_is_read_from_kafka_goes_on_to_node_and_back_to_us),
    };
    return cmocka_run_group_tests_name("interop/sailor_node", tests, setup, teardown);
}
