// SPDX-License-Identifier: Apache-2.0
#include "kafka_server.h"

#include "daemon.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

enum {
    PLAINTEXT,
    SSL,
    SASL_PLAINTEXT,
    SASL_SSL,
    CONTROLLER,
    PORTS
};

/* --- Settings --- */

static void write_log_settings(const struct kafka_server *server)
{
    FILE *f = daemon_file(server->folder, "log4j2.properties");
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
    const char *certificate = certs_of_server(&server->certs, options->server_certificate);
    FILE *f = daemon_file(server->folder, "server.properties");
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
static struct process *java(const struct kafka_server *server, const char *const args[])
{
    char *jars, *log4j;
    assert_true(asprintf(&jars, "%s/*", need_env("KC_TEST_KAFKA_JARS")) > 0);
    assert_true(asprintf(&log4j, "-Dlog4j2.configurationFile=%s/log4j2.properties",
                         server->folder) > 0);

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
    struct process *p = daemon_start(server->folder, argv, NULL);
    free(jars);
    free(log4j);
    return p;
}

static void format_storage(struct kafka_server *server)
{
    char settings[96];
    snprintf(settings, sizeof(settings), "%s/server.properties", server->folder);
#define SCRAM(bits, user, password)                                                            \
    "--add-scram", "SCRAM-SHA-" bits "=[name=" user ",password=" password "]"
    struct process *p =
        java(server, ARGS("kafka.tools.StorageTool", "format", "-t", "kafka-component-test00",
                          "-c", settings, SCRAM("256", KAFKA_USER, KAFKA_PASSWORD),
                          SCRAM("512", KAFKA_USER, KAFKA_PASSWORD),
                          SCRAM("256", KAFKA_GUEST, KAFKA_GUEST_PASSWORD),
                          SCRAM("512", KAFKA_GUEST, KAFKA_GUEST_PASSWORD)));
#undef SCRAM
    if (process_wait(p, DAEMON_START_MS).exit_code != 0)
        daemon_fail(server->folder, "Kafka: the storage could not be formatted");
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

    int64_t deadline = now_ms() + DAEMON_START_MS;
    bool is_up = false;
    while (!is_up && process_is_running(server->process) && now_ms() < deadline)
        is_up = answers_metadata(rk);
    rd_kafka_destroy(rk);
    if (!is_up)
        daemon_fail(server->folder, "Kafka: %s",
                    process_is_running(server->process) ? "not ready after 120 s"
                                                        : "ended while starting");
}

void kafka_restart(struct kafka_server *server)
{
    char settings[96];
    snprintf(settings, sizeof(settings), "%s/server.properties", server->folder);
    assert_null(server->process);
    server->process = java(server, ARGS("kafka.Kafka", settings));
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
    daemon_folder(server->folder, "kc-kafka", options->is_for_bench);
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

void kafka_stop(struct kafka_server *server)
{
    daemon_end(&server->process, SIGTERM);
}

void kafka_kill(struct kafka_server *server)
{
    daemon_end(&server->process, SIGKILL);
}

void kafka_freeze(struct kafka_server *server)
{
    process_signal(server->process, SIGSTOP);
}

void kafka_thaw(struct kafka_server *server)
{
    process_signal(server->process, SIGCONT);
}

void kafka_free(struct kafka_server *server)
{
    if (!server)
        return;
    kafka_kill(server); /* its data goes too: there is nothing to bring to an end */
    daemon_folder_remove(server->folder);
    free(server->java_option);
    free(server);
}
