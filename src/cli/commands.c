// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

const struct kc_command kc_commands[] = {
    { "run", "produce|consume", "Run an entry point over stdin and stdout",
      "produce reads a message a line from stdin and answers each with events on stdout; "
      "consume writes\n"
      "an event a line for each record it reads. Logs go to stderr.",
      "  echo '{\"messages\":[{\"key\":\"Car status\",\"value\":\"arrived\"}]}' |\n"
      "      kafka-component run produce --credentials kafka.json --set topic=cars\n"
      "  kafka-component run consume --credentials kafka.json \\\n"
      "      --set topic=cars --set groupId=billing --set startFrom=earliest --until end\n"
      "  echo '{\"value\":\"hello\"}' | kafka-component run produce --embedded-broker --set "
      "topic=cars\n",
      kc_command_run },
    { "serve", "", "Serve the entry points over HTTP",
      "Produce by POST, consume as a stream, by polling or pushed to a URL: every way that "
      "docs/serve.md\n"
      "names, on one port. On an address other than loopback an API token is wanted.",
      "  kafka-component serve --credentials kafka.json\n"
      "  KAFKA_COMPONENT_API_TOKEN=... kafka-component serve --listen 0.0.0.0:8080 \\\n"
      "      --credentials kafka.json --tls-cert cert.pem --tls-key key.pem\n"
      "  kafka-component serve --embedded-broker --set topic=cars\n"
      "  curl http://127.0.0.1:8080/v1/actions/produce?topic=cars -d '{\"value\":\"hello\"}' "
      "\\\n"
      "      -H 'Content-Type: application/json'\n",
      kc_command_serve },
    { "verify", "", "Find out whether the credentials work, and if not, why",
      "Walks from the settings over names, TCP, TLS, the mechanisms on offer and the sign-in "
      "to "
      "the\n"
      "brokers' advertised addresses, and to the topic and the group where they are set; says "
      "of "
      "the\n"
      "first step that fails what it is and what to do. A table on a terminal, otherwise one "
      "JSON object.\n"
      "Ends with 0 when verified, else with 78 (settings), 77 (sign-in, rights) or 69 "
      "(reachability).\n"
      "docs/verify.md has all codes.",
      "  kafka-component verify --credentials kafka.json\n"
      "  kafka-component verify --credentials kafka.json --set topic=cars --set "
      "groupId=billing "
      "| jq .\n",
      kc_command_verify },
    { "models", "topics|groups|partitions", "List what a form's field can be given",
      "Prints {\"value\":\"label\"}: the topics or the consumer groups that the account may "
      "see, or the\n"
      "partitions of the topic that is set. Topics of Kafka's own are left out.",
      "  kafka-component models topics --credentials kafka.json\n"
      "  kafka-component models partitions --credentials kafka.json --set topic=cars\n",
      kc_command_models },
    { "sailor", "", "Run a step of an elastic.io flow over RabbitMQ",
      "Takes all that it is told from the environment (ELASTICIO_FLOW_ID and so on), its "
      "settings from the\n"
      "platform's API and its messages from a queue. The log is on stdout. Ends with 0 after "
      "SIGTERM, once\n"
      "what it had begun is finished, else with 1. docs/sailor.md has the whole of it.",
      "  ELASTICIO_AMQP_URI=amqp://... ELASTICIO_FUNCTION=produce ... kafka-component sailor\n",
      kc_command_sailor },
    { "service", "verifyCredentials|getMetaModel|selectModel",
      "Answer a one-shot call of the elastic.io platform",
      "Takes what it is asked from the environment (ELASTICIO_CFG and so on) and posts the "
      "result to\n"
      "ELASTICIO_POST_RESULT_URL. The log is on stdout. Ends with 0 when a result was taken, "
      "also one that\n"
      "says no, else with 1. docs/service.md has the whole of it.",
      "  ELASTICIO_POST_RESULT_URL=https://... ELASTICIO_CFG='{\"brokers\":\"...\"}' ... \\\n"
      "      kafka-component service verifyCredentials\n",
      kc_command_service },
    { "probe", "[URL]", "Ask a server whether it is well, for health checks",
      "Ends with 0 when a GET of the URL is answered with 2xx within 3 s, with 69 otherwise. "
      "Without one\n"
      "it asks http://127.0.0.1:8080/readyz. For containers, where there is no curl.",
      "  kafka-component probe\n"
      "  kafka-component probe http://127.0.0.1:8080/healthz\n",
      kc_command_probe },
    { "describe", "", "Print component.json: what a flow builder reads",
      "Prints the description of triggers, actions and their fields, with the help of each. It "
      "is made\n"
      "from the same tables that check the settings.",
      "  kafka-component describe > component.json\n"
      "  kafka-component describe --schema credentials\n"
      "  kafka-component describe --markdown\n",
      kc_command_describe },
    { "demo", "", "Show the main job: produce and consume on an embedded broker",
      "Needs nothing but this program: a Kafka inside the process takes the records. What "
      "happens is\n"
      "told on stderr; stdout has the events that a flow would see.",
      "  kafka-component demo\n", kc_command_demo },
    { "completion", "bash|zsh|fish", "Print a completion script for a shell",
      "The script completes commands, options, and the fields that --set takes.",
      "  source <(kafka-component completion bash)\n"
      "  kafka-component completion fish > ~/.config/fish/completions/kafka-component.fish\n",
      kc_command_completion },
    { NULL, NULL, NULL, NULL, NULL, NULL },
};

const struct kc_command *kc_command_find(const char *name)
{
    for (const struct kc_command *c = kc_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int kc_usage_error(const struct kc_options *o, const struct kc_error *err)
{
    const char *command = o->words[0] && kc_command_find(o->words[0]) ? o->words[0] : NULL;
    fprintf(stderr, "kafka-component: %s\nTry 'kafka-component %s%s--help'.\n", err->text,
            command ? command : "", command ? " " : "");
    return EX_USAGE;
}
