// SPDX-License-Identifier: Apache-2.0
/* sailor_race.c - a step of a flow, ours and the same in the platform's Node.js runtime with
 * kafkajs, in turn: one RabbitMQ, one Kafka, one driver, one stub of the platform for both.
 *
 *   sailor_race PAIRS [REQUESTS [RECORDS]]
 *
 * Called by `sailor`, which makes tables of what this prints, a line a measurement:
 *   produce SIZE PREFETCH PEER CPU_US P50_US P99_US RATE PEAK_KB
 *   consume SIZE LIMIT    PEER CPU_US RATE PEAK_KB
 *   start   -    -        PEER MS
 *   idle    -    -        PEER CPU_PERCENT REST_KB
 * CPU is the step's, user and system, all threads, for each request or record. A request's time
 * is from its publishing to its first result, one connection for both. KC_KAFKA_PLAINTEXT names
 * the server; KC_STEP_CORE a core that the steps have for themselves. */
#include "support/node_step.h"
#include "support/rabbit.h"
#include "support/stub.h"
#include "support/witness.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "platform/cipher.h"
#include "transport/sailor/amqp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD    "testCryptoPassword"
#define IV          "iv=any16_symbols"
#define WAIT_MS     60000
#define WARM_UP     400 /* requests that are not counted */
#define SETTLE_MS   500
#define IDLE_MS     5000
#define NODE_SHARE  20 /* it reads one record where we read so many: it would take minutes */
#define CHANNEL     1
#define PREFETCH_UP 10

struct race {
    struct rabbit *rabbit;
    struct stub *platform;
    struct witness *kafka;
    struct kc_cipher *cipher;
    amqp_connection_state_t amqp;
    int runs;
    int64_t sent;
};

struct peer {
    const char *name;
    bool is_node;
};
static const struct peer peers[] = { { "ours", false }, { "node", true } };

/* A step with its queues. */
struct running {
    struct step *step;
    char in[32], out[32], exchange[32];
    int64_t started_us;
};

static _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sailor_race: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* --- What a process costs --- */

static double cpu_s(const struct running *r)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(process_pid(r->step->process), &clock) != 0 ||
        clock_gettime(clock, &t) != 0)
        die("the step has ended; its log is %s", r->step->log_path);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* VmRSS, VmHWM */
static long memory_kb(const struct running *r, const char *name)
{
    char path[48], line[128];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(r->step->process));
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return kb;
}

/* --- The driver's connection --- */

static void check(struct race *race, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(race->amqp);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        die("%s: %s", what, amqp_error_string2(reply.library_error));
}

static void connect_driver(struct race *race)
{
    int one = 1;
    race->amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(race->amqp);
    if (!socket || amqp_socket_open(socket, "127.0.0.1", race->rabbit->port) != AMQP_STATUS_OK)
        die("no connection to RabbitMQ");
    setsockopt(amqp_get_sockfd(race->amqp), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    amqp_rpc_reply_t reply = amqp_login(race->amqp, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                                        RABBIT_GUEST, RABBIT_GUEST);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        die("login");
    amqp_channel_open(race->amqp, CHANNEL);
    check(race, "channel");
}

static void declare(struct race *race, const char *exchange, const char *queue, const char *key)
{
    amqp_queue_declare(race->amqp, CHANNEL, amqp_cstring_bytes(queue), 0, 0, 0, 0,
                       amqp_empty_table);
    check(race, queue);
    if (!key)
        return;
    amqp_queue_bind(race->amqp, CHANNEL, amqp_cstring_bytes(queue),
                    amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), amqp_empty_table);
    check(race, key);
}

/* The step's words all end in one queue: none but data is expected. */
static void make_queues(struct race *race, struct running *r)
{
    static const char *const keys[] = { "data", "error", "rebound", "snapshot" };
    int n = ++race->runs;
    snprintf(r->in, sizeof(r->in), "in-%d", n);
    snprintf(r->out, sizeof(r->out), "out-%d", n);
    snprintf(r->exchange, sizeof(r->exchange), "exchange-%d", n);
    amqp_exchange_declare(race->amqp, CHANNEL, amqp_cstring_bytes(r->exchange),
                          amqp_cstring_bytes("direct"), 0, 0, 0, 0, amqp_empty_table);
    check(race, "exchange");
    declare(race, r->exchange, r->in, NULL);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        declare(race, r->exchange, r->out, keys[i]);
    amqp_basic_consume(race->amqp, CHANNEL, amqp_cstring_bytes(r->out),
                       amqp_cstring_bytes(r->out), 0, 1, 0, amqp_empty_table);
    check(race, "consume");
}

static void drop_queues(struct race *race, const struct running *r)
{
    amqp_queue_delete(race->amqp, CHANNEL, amqp_cstring_bytes(r->out), 0, 0);
    amqp_queue_delete(race->amqp, CHANNEL, amqp_cstring_bytes(r->in), 0, 0);
    amqp_exchange_delete(race->amqp, CHANNEL, amqp_cstring_bytes(r->exchange), 0);
    amqp_maybe_release_buffers(race->amqp);
}

static amqp_table_entry_t header(const char *name, const char *value)
{
    amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };
    e.value.kind = AMQP_FIELD_KIND_UTF8;
    e.value.value.bytes = amqp_cstring_bytes(value);
    return e;
}

/* A message of protocol version 2. */
static void send_message(struct race *race, const struct running *r, const struct kc_buf *body)
{
    char id[32];
    snprintf(id, sizeof(id), "message-%lld", (long long)++race->sent);
    amqp_table_entry_t entries[] = {
        header("messageId", id),
        header("threadId", "thread-1"),
        header("stepId", "step_1"),
        { .key = amqp_cstring_bytes("protocolVersion"),
          .value = { .kind = AMQP_FIELD_KIND_I8, .value = { .i8 = 2 } } },
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .content_encoding = amqp_cstring_bytes("utf8"),
        .delivery_mode = 1,
        .headers = { sizeof(entries) / sizeof(entries[0]), entries },
    };
    int status =
        amqp_basic_publish(race->amqp, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(r->in), 0,
                           0, &properties, (amqp_bytes_t){ body->len, body->data });
    if (status != AMQP_STATUS_OK)
        die("publish: %s", amqp_error_string2(status));
}

/* Waits for the next word of the step; true when it is data. Anything that is no delivery of
 * this run is passed over. */
static bool next_word(struct race *race, const struct running *r)
{
    struct timeval wait = { WAIT_MS / 1000, 0 };
    for (;;) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(race->amqp);
        amqp_rpc_reply_t reply = amqp_consume_message(race->amqp, &envelope, &wait, 0);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL)
            die("nothing came from the step: %s; its log is %s",
                amqp_error_string2(reply.library_error), r->step->log_path);
        size_t tag = strlen(r->out);
        bool is_ours = envelope.consumer_tag.len == tag &&
                       memcmp(envelope.consumer_tag.bytes, r->out, tag) == 0;
        bool is_data = envelope.routing_key.len == 4;
        amqp_destroy_envelope(&envelope);
        if (is_ours)
            return is_data;
    }
}

static void expect_data(struct race *race, const struct running *r)
{
    if (!next_word(race, r))
        die("the step did not say data; its log is %s", r->step->log_path);
}

/* --- Steps --- */

struct settings {
    const struct peer *peer;
    const char *function;
    const char *config; /* members of a JSON object */
    int prefetch;
    bool has_limit; /* the platform's own limit of 100 messages a second */
};

static void start(struct race *race, struct running *r, const struct settings *s)
{
    char function[64], queue[80], exchange[80], prefetch[64], api[120], amqp[100];
    snprintf(function, sizeof(function), "ELASTICIO_FUNCTION=%s", s->function);
    snprintf(queue, sizeof(queue), "ELASTICIO_LISTEN_MESSAGES_ON=%s", r->in);
    snprintf(exchange, sizeof(exchange), "ELASTICIO_PUBLISH_MESSAGES_TO=%s", r->exchange);
    snprintf(prefetch, sizeof(prefetch), "ELASTICIO_RABBITMQ_PREFETCH_SAILOR=%d", s->prefetch);
    snprintf(api, sizeof(api), "ELASTICIO_API_URI=%s", stub_url(race->platform, ""));
    snprintf(amqp, sizeof(amqp), "ELASTICIO_AMQP_URI=%s", race->rabbit->uri);
    const char *env[STEP_ENV_MAX + 1] = {
        "ELASTICIO_FLOW_ID=flow",
        "ELASTICIO_EXEC_ID=exec",
        "ELASTICIO_STEP_ID=step_2",
        "ELASTICIO_CONTAINER_ID=container",
        "ELASTICIO_WORKSPACE_ID=workspace",
        "ELASTICIO_USER_ID=user",
        "ELASTICIO_COMP_ID=component",
        "ELASTICIO_API_USERNAME=user",
        "ELASTICIO_API_KEY=key",
        "ELASTICIO_DATA_ROUTING_KEY=data",
        "ELASTICIO_ERROR_ROUTING_KEY=error",
        "ELASTICIO_REBOUND_ROUTING_KEY=rebound",
        "ELASTICIO_SNAPSHOT_ROUTING_KEY=snapshot",
        ("ELASTICIO_MESSAGE_CRYPTO_PASSWORD=" PASSWORD),
        ("ELASTICIO_MESSAGE_CRYPTO_IV=" IV),
        "ELASTICIO_PROTOCOL_VERSION=2",
        "LOG_LEVEL=error",
        function,
        queue,
        exchange,
        prefetch,
        api,
        amqp,
    };
    if (!s->has_limit)
        env[23] = "ELASTICIO_DATA_RATE_LIMIT=1000000000";

    struct kc_buf data;
    kc_buf_init(&data, KC_BUF_UNBOUNDED);
    kc_buf_printf(&data, "{\"id\":\"step_2\",\"config\":{%s},\"snapshot\":{}}%c", s->config, 0);
    stub_always(race->platform, &(struct stub_answer){ .headers = ARGS("Content-Type: "
                                                                       "application/json"),
                                                       .body = data.data });
    kc_buf_deinit(&data);
    r->started_us = kc_now_us();
    r->step = step_start(s->peer->is_node ? STEP_NODE : STEP_OURS, env);
}

static void stop(struct race *race, struct running *r)
{
    step_free(r->step); /* killed: Node's consumer would not end at SIGTERM */
    drop_queues(race, r);
}

/* How to reach Kafka, in words that both take, and more members. */
static char *config_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *config_of(const char *format, ...)
{
    struct kc_buf b;
    char more[300];
    va_list args;
    va_start(args, format);
    vsnprintf(more, sizeof(more), format, args);
    va_end(args);
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    kc_buf_printf(&b,
                  "\"brokers\":\"%s\",\"mechanism\":\"none\","
                  "\"securityProtocol\":\"PLAINTEXT\",%s",
                  getenv("KC_KAFKA_PLAINTEXT"), more);
    return kc_buf_take(&b);
}

/* --- The measurements --- */

static struct kc_buf encrypted(const struct race *race, const char *plain)
{
    struct kc_buf wire;
    kc_buf_init(&wire, KC_BUF_UNBOUNDED);
    kc_cipher_encrypt(race->cipher, kc_text(plain), &wire);
    return wire;
}

/* A message with one record of so many printable bytes, and some that JSON escapes. */
static struct kc_buf record_message(const struct race *race, int size)
{
    struct kc_buf plain;
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    kc_buf_puts(&plain, "{\"body\":{\"messages\":[{\"key\":\"k00042\",\"value\":\"");
    for (int i = 0; i < size; i++)
        kc_buf_puts(&plain, i % 50 == 49 ? "\\\"" : i % 7 ? "e" : " ");
    kc_buf_puts(&plain, "\"}]},\"headers\":{}}");
    kc_buf_append(&plain, "", 1);
    struct kc_buf wire = encrypted(race, plain.data);
    kc_buf_deinit(&plain);
    return wire;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Keeps `prefetch` requests on the way until `count` were answered. */
static void request(struct race *race, const struct running *r, const struct kc_buf *body,
                    int prefetch, int count, int64_t *times)
{
    int sent = 0;
    for (int answered = 0; answered < count; answered++) {
        for (; sent < count && sent < answered + prefetch; sent++) {
            times[sent] = kc_now_us();
            send_message(race, r, body);
        }
        expect_data(race, r);
        times[answered] = kc_now_us() - times[answered];
    }
}

static void measure_produce(struct race *race, const struct peer *peer, int size, int prefetch,
                            int count)
{
    struct running r = { 0 };
    const char *topic = witness_new_topic(race->kafka, 1, NULL);
    char *config = config_of("\"topic\":\"%s\"", topic);
    struct kc_buf body = record_message(race, size);
    int64_t *times = kc_new0_array(int64_t, (size_t)(count > WARM_UP ? count : WARM_UP));
    make_queues(race, &r);
    start(race, &r,
          &(struct settings){
              .peer = peer, .function = "produce", .config = config, .prefetch = prefetch });
    request(race, &r, &body, prefetch, WARM_UP, times);
    usleep(SETTLE_MS * 1000);

    double cpu = cpu_s(&r);
    int64_t began = kc_now_us();
    request(race, &r, &body, prefetch, count, times);
    double seconds = (double)(kc_now_us() - began) / 1e6;
    cpu = cpu_s(&r) - cpu;
    qsort(times, (size_t)count, sizeof(*times), compare);
    printf("produce %d %d %s %.2f %lld %lld %.0f %ld\n", size, prefetch, peer->name,
           cpu * 1e6 / count, (long long)times[count / 2],
           (long long)times[(int64_t)count * 99 / 100], count / seconds,
           memory_kb(&r, "VmHWM"));
    fflush(stdout);
    stop(race, &r);
    kc_buf_deinit(&body);
    free(times);
    free(config);
}

static void tick(struct race *race, const struct running *r)
{
    struct kc_buf wire = encrypted(race, "{\"body\":{},\"headers\":{}}");
    send_message(race, r, &wire);
    kc_buf_deinit(&wire);
}

/* The first fifth is not counted. */
static void measure_consume(struct race *race, const struct peer *peer, const char *topic,
                            int size, int count, bool has_limit, int batch)
{
    struct running r = { 0 };
    char *config = config_of("\"topic\":\"%s\",\"groupId\":\"group-%d\","
                             "\"startFrom\":\"earliest\"",
                             topic, race->runs);
    if (batch > 1) {
        char *single = config;
        config = config_of("\"topic\":\"%s\",\"groupId\":\"group-%d\","
                           "\"startFrom\":\"earliest\",\"batchSize\":%d",
                           topic, race->runs, batch);
        free(single);
    }
    make_queues(race, &r);
    start(race, &r,
          &(struct settings){ .peer = peer,
                              .function = "consume",
                              .config = config,
                              .prefetch = 1,
                              .has_limit = has_limit });
    tick(race, &r);
    int messages = count / batch, skipped = messages / 5;
    for (int i = 0; i < skipped; i++)
        expect_data(race, &r);
    double cpu = cpu_s(&r);
    int64_t began = kc_now_us();
    for (int i = skipped; i < messages; i++)
        expect_data(race, &r);
    double records = (double)(messages - skipped) * batch;
    double seconds = (double)(kc_now_us() - began) / 1e6;
    cpu = cpu_s(&r) - cpu;
    printf("consume %d %s %s %.2f %.0f %ld\n", size,
           batch > 1   ? "batches"
           : has_limit ? "limited"
                       : "free",
           peer->name, cpu * 1e6 / records, records / seconds, memory_kb(&r, "VmHWM"));
    fflush(stdout);
    stop(race, &r);
    free(config);
}

/* A message waits that needs no Kafka to be answered: with an error. */
static void measure_start(struct race *race, const struct peer *peer, const char *topic)
{
    struct running r = { 0 };
    char *config = config_of("\"topic\":\"%s\"", topic);
    struct kc_buf wire =
        encrypted(race, "{\"body\":{\"messages\":[{\"key\":\"no value\"}]},\"headers\":{}}");
    make_queues(race, &r);
    send_message(race, &r, &wire);
    start(race, &r,
          &(struct settings){
              .peer = peer, .function = "produce", .config = config, .prefetch = 1 });
    if (next_word(race, &r))
        die("a record without a value was written");
    double ms = (double)(kc_now_us() - r.started_us) / 1e3;
    printf("start - - %s %.1f\n", peer->name, ms);
    usleep(SETTLE_MS * 1000);

    double cpu = cpu_s(&r);
    usleep(IDLE_MS * 1000);
    cpu = cpu_s(&r) - cpu;
    printf("idle - - %s %.3f %ld\n", peer->name, cpu * 100 / (IDLE_MS / 1000.0),
           memory_kb(&r, "VmRSS"));
    fflush(stdout);
    stop(race, &r);
    kc_buf_deinit(&wire);
    free(config);
}

static void fill(struct witness_record *record, int64_t n, void *context)
{
    static char value[16384];
    int size = *(int *)context;
    memset(value, 'e', (size_t)size);
    int head = snprintf(value, sizeof(value), "%010lld ", (long long)n);
    value[head] = '"';
    *record = witness_text("k00042", NULL, 0);
    record->value = value;
    record->value_size = (size_t)size;
}

static const char *filled_topic(struct race *race, int size, int count)
{
    const char *topic = witness_new_topic(race->kafka, 1, NULL);
    witness_write_many(race->kafka, topic, count, fill, &size);
    return topic;
}

int main(int argc, char **argv)
{
    if (argc < 2 || !getenv("KC_KAFKA_PLAINTEXT")) {
        fprintf(stderr, "usage: KC_KAFKA_PLAINTEXT=… sailor_race PAIRS [REQUESTS [RECORDS]]\n");
        return 64;
    }
    int pairs = (int)strtol(argv[1], NULL, 10);
    int requests = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2000;
    int records = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100000;
    struct kc_error err = { 0 };
    struct race race = { .rabbit =
                             rabbit_start(&(struct rabbit_options){ .is_for_bench = true }),
                         .platform = stub_start(NULL),
                         .kafka = witness_open(getenv("KC_KAFKA_PLAINTEXT")) };
    if (!kc_cipher_open(&race.cipher, PASSWORD, IV, &err))
        die("%s", err.text);
    connect_driver(&race);
    const char *small = filled_topic(&race, 100, records);
    const char *large = filled_topic(&race, 10240, records / 10);

    for (int i = 0; i < pairs; i++) {
        for (size_t k = 0; k < 2; k++) {
            const struct peer *peer = &peers[k];
            int share = peer->is_node ? NODE_SHARE : 1;
            measure_start(&race, peer, small);
            measure_produce(&race, peer, 100, 1, requests);
            measure_produce(&race, peer, 10240, 1, requests);
            measure_produce(&race, peer, 100, PREFETCH_UP, requests * 2);
            measure_consume(&race, peer, small, 100, records / share, false, 1);
            measure_consume(&race, peer, large, 10240, records / 10 / share, false, 1);
        }
    }
    measure_consume(&race, &peers[0], small, 100, 400, true, 1);
    measure_consume(&race, &peers[0], small, 100, records, true, 100);

    amqp_destroy_connection(race.amqp);
    kc_cipher_close(race.cipher);
    witness_close(race.kafka);
    stub_stop(race.platform);
    rabbit_free(race.rabbit);
    return 0;
}
