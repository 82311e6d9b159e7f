// SPDX-License-Identifier: Apache-2.0
/* demo.c - the main job from end to end, told as it happens: the story goes to stderr, the
 * events that a flow would see to stdout. */
#include "cli/commands.h"

#include "cli/run.h"
#include "component/entries.h"
#include "kafka/embedded.h"
#include "runtime/shutdown.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TOPIC      "cars"
#define PARTITIONS 3
#define DRAIN_MS   3000

static const char messages[] =
    "{\"messages\":[{\"key\":\"Car status\",\"value\":\"arrived\"},"
    "{\"key\":\"Car "
    "colour\",\"value\":{\"rgb\":\"#c0ffee\"},\"headers\":{\"source\":\"demo\"}}]}\n"
    "{\"id\":\"second\",\"body\":{\"messages\":[{\"key\":\"Car "
    "status\",\"value\":\"departed\"}]}}\n";

static struct kc_doc *credentials_for(const char *brokers)
{
    struct kc_doc *doc = kc_doc_new();
    kc_doc_put(doc, "brokers", brokers);
    kc_doc_put(doc, "mechanism", "none");
    kc_doc_put(doc, "securityProtocol", "PLAINTEXT");
    return doc;
}

static int run(const struct kc_entry *entry, const struct kc_doc *credentials,
               const struct kc_doc *config, int in_fd)
{
    struct kc_tally tally = { .lag = -1 };
    const struct kc_env env = {
        .entry = entry,
        .step = { .config = config,
                  .credentials = credentials,
                  .tally = &tally,
                  .until_end = entry->kind == KC_TRIGGER },
        .in_fd = in_fd,
        .out_fd = STDOUT_FILENO,
        .body_max = sizeof(messages),
    };
    return kc_run(&kc_stdio, &env, DRAIN_MS);
}

/* The messages as if they were typed. */
static int typed_messages(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    ssize_t n = write(ends[1], messages, sizeof(messages) - 1); /* a pipe holds far more */
    close(ends[1]);
    if (n == (ssize_t)sizeof(messages) - 1)
        return ends[0];
    close(ends[0]);
    return -1;
}

static int produce(const struct kc_doc *credentials)
{
    int in_fd = typed_messages();
    if (in_fd < 0) {
        fprintf(stderr, "kafka-component: pipe: %s\n", strerror(errno));
        return EX_OSERR;
    }
    fprintf(stderr,
            "\n2. Two messages go into `produce`, one a line:\n\n%s\n"
            "   Each is answered by what Kafka says of its records: topic, partition, offset. "
            "`end`\n"
            "   closes the answer to a line. These events are on stdout:\n\n",
            messages);
    struct kc_doc *config = kc_doc_new();
    kc_doc_put(config, "topic", TOPIC);
    int code = run(&kc_produce, credentials, config, in_fd);
    kc_doc_free(config);
    close(in_fd);
    return code;
}

static int consume(const struct kc_doc *credentials)
{
    fprintf(stderr, "\n3. `consume` joins the consumer group `demo` and reads the topic from "
                    "its start to its\n"
                    "   end. Each record would start a flow; offsets are committed after the "
                    "lines are out:\n\n");
    struct kc_doc *config = kc_doc_new();
    kc_doc_put(config, "topic", TOPIC);
    kc_doc_put(config, "groupId", "demo");
    kc_doc_put(config, "startFrom", "earliest");
    int code = run(&kc_consume, credentials, config, STDIN_FILENO);
    kc_doc_free(config);
    return code;
}

static void say_what_next(void)
{
    fprintf(stderr,
            "\nThat was the main job: three records went through Kafka and came back.\n\n"
            "Try next:\n"
            "  echo '{\"value\":\"hello\"}' | kafka-component run produce --embedded-broker "
            "--set topic=cars\n"
            "  kafka-component run produce --help        every field of a step, and of the "
            "credentials\n"
            "  credentials/                              example files for real clusters\n"
            "  kafka-component describe                  what a flow builder reads\n");
}

int kc_command_demo(const struct kc_options *o)
{
    kc_shutdown_block();
    struct kc_error err = { 0 };
    struct kc_embedded *broker = NULL;
    int code;
    if (!o->has_log_level)
        kc_log_init(KC_WARN, STDERR_FILENO);
    if (!kc_embedded_open(&broker, &err) ||
        !kc_embedded_topic(broker, TOPIC, PARTITIONS, &err)) {
        fprintf(stderr, "kafka-component: %s\n", err.text);
        kc_embedded_close(broker);
        return kc_class_exit(kc_code_class(err.code));
    }
    const char *brokers = kc_embedded_brokers(broker);
    fprintf(stderr,
            "1. A Kafka broker runs inside this process, at %s, with the topic '" TOPIC "'.\n"
            "   Other clients can connect to it for as long as this takes.\n",
            brokers);
    struct kc_doc *credentials = credentials_for(brokers);
    code = produce(credentials);
    if (code == EX_OK)
        code = consume(credentials);
    if (code == EX_OK)
        say_what_next();
    kc_doc_free(credentials);
    kc_embedded_close(broker);
    return code;
}
