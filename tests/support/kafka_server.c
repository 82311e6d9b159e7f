// SPDX-License-Identifier: Apache-2.0
#include "kafka_server.h"

#include "fail.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#define START_WAIT_MS 120000
#define STOP_WAIT_MS  15000
#define LOG_TAIL      4000

enum {
    PLAINTEXT,
    SSL,
    SASL_PLAINTEXT,
    SASL_SSL,
    CONTROLLER,
    PORTS
};

/* --- Small helpers --- */

char *read_text_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return strdup("");
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, '\0', file) < 0) { /* all of it, or nothing */
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

char *kafka_log_tail(const struct kafka_server *server)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/server.log", server->folder);
    char *text = read_text_file(path);
    size_t size = strlen(text);
    char *tail = strdup(text + (size > LOG_TAIL ? size - LOG_TAIL : 0));
    free(text);
    return tail;
}

int free_port(void)
{
    static unsigned int next;
    if (next == 0)
        next = (unsigned int)(getpid() * 7 + now_ms());
    for (int tries = 0; tries < 1000; tries++) {
        int port = 20000 + (int)(next++ * 37 % 12000);
        struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            fail_test("no socket");
        bool is_free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
        close(fd);
        if (is_free)
            return port;
    }
    fail_msg("no free port between 20000 and 32000");
    return 0;
}

static FILE *create(const struct kafka_server *server, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/%s", server->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

/* --- Settings --- */

static void write_log_settings(const struct kafka_server *server)
{
    FILE *f = create(server, "log4j2.properties");
    fprintf(f,
            "appender.file.type=File\n"
            "appender.file.name=file\n"
            "appender.file.fileName=%s/server.log\n"
            "appender.file.layout.type=PatternLayout\n"
            "appender.file.layout.pattern=%%d{ABSOLUTE} %%p %%c{1} %%m%%n\n"
            "rootLogger.level=WARN\n"
            "rootLogger.appenderRef.file.ref=file\n",
            server->folder);
    fclose(f);
}

/* Who may sign in by PLAIN stands here; the SCRAM users are formatted into the storage. */
static void write_plain_users(FILE *f, const char *listener)
{
    fprintf(f,
            "listener.name.%s.plain.sasl.jaas.config="
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            "user_" KAFKA_USER "=\"" KAFKA_PASSWORD "\" "
            "user_" KAFKA_GUEST "=\"" KAFKA_GUEST_PASSWORD "\";\n",
            listener);
    for (int bits = 256; bits <= 512; bits += 256)
        fprintf(f,
                "listener.name.%s.scram-sha-%d.sasl.jaas.config="
                "org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
                listener, bits);
}

static void write_settings(const struct kafka_server *server,
                           const struct kafka_options *options)
{
    const int *port = server->ports;
    const char *certificate = server->certs.server;
    if (options->server_certificate)
        certificate = strcmp(options->server_certificate, "expired") == 0
                          ? server->certs.expired
                          : server->certs.wrong_name;

    FILE *f = create(server, "server.properties");
    fprintf(f,
            "process.roles=broker,controller\n"
            "node.id=1\n"
            "controller.quorum.voters=1@127.0.0.1:%d\n"
            "controller.listener.names=CONTROLLER\n"
            "inter.broker.listener.name=PLAINTEXT\n"
            "listeners=PLAINTEXT://127.0.0.1:%d,SSL://127.0.0.1:%d,"
            "SASL_PLAINTEXT://127.0.0.1:%d,SASL_SSL://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,"
            "SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT\n"
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n"
            "ssl.keystore.type=PEM\n"
            "ssl.keystore.location=%s\n"
            "ssl.truststore.type=PEM\n"
            "ssl.truststore.location=%s\n"
            "log.dirs=%s/data\n",
            port[CONTROLLER], port[PLAINTEXT], port[SSL], port[SASL_PLAINTEXT], port[SASL_SSL],
            port[CONTROLLER], certificate, server->certs.ca, server->folder);
    write_plain_users(f, "sasl_plaintext");
    write_plain_users(f, "sasl_ssl");
    if (options->has_rights)
        fputs("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
              "super.users=User:ANONYMOUS;User:" KAFKA_USER "\n",
              f);
    /* One broker, two cores, and nobody to wait for. The broker's session: a killed broker may
     * not come back before its controller has given the earlier one up. */
    fputs("auto.create.topics.enable=false\n"
          "offsets.topic.replication.factor=1\n"
          "offsets.topic.num.partitions=3\n"
          "transaction.state.log.replication.factor=1\n"
          "transaction.state.log.min.isr=1\n"
          "transaction.state.log.num.partitions=3\n"
          "group.initial.rebalance.delay.ms=0\n"
          "broker.session.timeout.ms=3000\n"
          "broker.heartbeat.interval.ms=500\n"
          "num.network.threads=2\n"
          "num.io.threads=3\n"
          "log.cleaner.enable=false\n"
          "log.retention.ms=-1\n" /* tests write timestamps of years ago */
          "controlled.shutdown.enable=false\n",
          f);
    for (const char *const *p = options->properties; p && *p; p++)
        fprintf(f, "%s\n", *p);
    fclose(f);
}

/* --- Running --- */

/* The tests are short, so they do without the second compiler, which takes a core for a while.
 */
static struct process *java(const struct kafka_server *server, const char *const args[],
                            const char *log)
{
    char *jars, *log4j, log_path[96];
    assert_true(asprintf(&jars, "%s/*", need_env("KC_TEST_KAFKA_JARS")) > 0);
    assert_true(asprintf(&log4j, "-Dlog4j2.configurationFile=%s/log4j2.properties",
                         server->folder) > 0);
    snprintf(log_path, sizeof(log_path), "%s/%s", server->folder, log);

    const char *argv[32] = { "java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC",
                             "-Xshare:auto" };
    size_t n = 5;
    if (!server->is_for_bench)
        argv[n++] = "-XX:TieredStopAtLevel=1";
    argv[n++] = log4j;
    if (server->java_option)
        argv[n++] = server->java_option;
    argv[n++] = "-cp";
    argv[n++] = jars;
    while (*args && n < 31)
        argv[n++] = *args++;
    assert_null(*args);
    struct process *p = process_start(
        argv, &(struct process_options){ .out_path = log_path, .err_path = log_path });
    process_keep(p);
    free(jars);
    free(log4j);
    return p;
}

static void fail_with_log(struct kafka_server *server, const char *what)
{
    char out_path[96], tail[LOG_TAIL + 1], out[LOG_TAIL + 1];
    char *text = kafka_log_tail(server);
    snprintf(tail, sizeof(tail), "%s", text);
    free(text);
    snprintf(out_path, sizeof(out_path), "%s/java.log", server->folder);
    text = read_text_file(out_path);
    snprintf(out, sizeof(out), "%s", text);
    free(text);
    fail_msg("Kafka: %s\n--- end of server.log\n%s\n--- java's output\n%s\n---", what, tail,
             out);
}

static void format_storage(struct kafka_server *server)
{
    char settings[96];
    snprintf(settings, sizeof(settings), "%s/server.properties", server->folder);
#define SCRAM(bits, user, password)                                                            \
    "--add-scram", "SCRAM-SHA-" bits "=[name=" user ",password=" password "]"
    struct process *p =
        java(server,
             ARGS("kafka.tools.StorageTool", "format", "-t", "kafka-component-test00", "-c",
                  settings, SCRAM("256", KAFKA_USER, KAFKA_PASSWORD),
                  SCRAM("512", KAFKA_USER, KAFKA_PASSWORD),
                  SCRAM("256", KAFKA_GUEST, KAFKA_GUEST_PASSWORD),
                  SCRAM("512", KAFKA_GUEST, KAFKA_GUEST_PASSWORD)),
             "java.log");
#undef SCRAM
    if (process_wait(p, START_WAIT_MS).exit_code != 0)
        fail_with_log(server, "the storage could not be formatted");
    process_free(p);
}

static bool answers_metadata(rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *metadata = NULL;
    bool is_up = rd_kafka_metadata(rk, 1, NULL, &metadata, 200) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                 metadata->broker_cnt > 0;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    return is_up;
}

static void wait_until_ready(struct kafka_server *server)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", server->plaintext, NULL, 0);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "100", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);

    int64_t deadline = now_ms() + START_WAIT_MS;
    bool is_up = false;
    while (!is_up && process_is_running(server->process) && now_ms() < deadline)
        is_up = answers_metadata(rk);
    rd_kafka_destroy(rk);
    if (!is_up)
        fail_with_log(server, process_is_running(server->process) ? "not ready after 120 s"
                                                                  : "ended while starting");
}

void kafka_restart(struct kafka_server *server)
{
    char settings[96];
    snprintf(settings, sizeof(settings), "%s/server.properties", server->folder);
    assert_null(server->process);
    server->process = java(server, ARGS("kafka.Kafka", settings), "java.log");
    wait_until_ready(server);
}

struct kafka_server *kafka_start(const struct kafka_options *options)
{
    static const struct kafka_options none = { 0 };
    if (!options)
        options = &none;
    struct kafka_server *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->is_for_bench = options->is_for_bench;
    server->java_option = options->java_option ? strdup(options->java_option) : NULL;
    snprintf(server->folder, sizeof(server->folder), "%s/kc-kafka.XXXXXX",
             options->is_for_bench ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(server->folder));
    for (int i = 0; i < PORTS; i++)
        server->ports[i] = free_port();
    char *names[] = { server->plaintext, server->ssl, server->sasl_plaintext,
                      server->sasl_ssl };
    for (int i = 0; i < CONTROLLER; i++)
        snprintf(names[i], sizeof(server->ssl), "127.0.0.1:%d", server->ports[i]);

    certs_make(&server->certs, server->folder);
    write_log_settings(server);
    write_settings(server, options);
    format_storage(server);
    kafka_restart(server);
    return server;
}

static void end(struct kafka_server *server, int signal)
{
    if (!server->process)
        return;
    process_signal(server->process, signal);
    int64_t deadline = now_ms() + STOP_WAIT_MS;
    while (process_is_running(server->process) && now_ms() < deadline)
        usleep(10000);
    process_free(server->process); /* by force, if it must be */
    server->process = NULL;
}

void kafka_stop(struct kafka_server *server)
{
    end(server, SIGTERM);
}

void kafka_kill(struct kafka_server *server)
{
    end(server, SIGKILL);
}

void kafka_freeze(struct kafka_server *server)
{
    process_signal(server->process, SIGSTOP);
}

void kafka_thaw(struct kafka_server *server)
{
    process_signal(server->process, SIGCONT);
}

static int remove_one(const char *path, const struct stat *what, int flag, struct FTW *at)
{
    (void)what, (void)flag, (void)at;
    return remove(path);
}

void kafka_free(struct kafka_server *server)
{
    if (!server)
        return;
    kafka_kill(server); /* its data goes too: there is nothing to bring to an end */
    nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(server->java_option);
    free(server);
}
