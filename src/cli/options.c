// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

enum option {
    HELP,
    VERSION,
    CREDENTIALS,
    CONFIG,
    SET,
    EMBEDDED_BROKER,
    COUNT,
    UNTIL,
    ACK,
    MAX_BODY,
    DRAIN_MS,
    LOG_LEVEL,
    SCHEMA,
    MARKDOWN,
    LISTEN,
    API_TOKEN_FILE,
    TLS_CERT,
    TLS_KEY,
    STATE,
    SUBSCRIPTIONS,
    ALLOW_CALLBACK,
    NO_REQUEST_CREDENTIALS,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS,
    HEADER_TIMEOUT_MS,
    BODY_TIMEOUT_MS,
    IDLE_TIMEOUT_MS,
    OPTIONS,
};

const struct kc_option kc_options_table[] = {
    [HELP] = { "--help", NULL, NULL, NULL, "Explain this command" },
    [VERSION] = { "--version", NULL, NULL, NULL,
                  "Show the versions of this program and its libraries" },
    [CREDENTIALS] = { "--credentials", "FILE", NULL, "run serve verify models",
                      "How to reach Kafka, as JSON" },
    [CONFIG] = { "--config", "FILE", NULL, "run serve verify models",
                 "The step's fields, as JSON" },
    [SET] = { "--set", "KEY=VALUE", NULL, "run serve verify models",
              "One field; given again, another one" },
    [EMBEDDED_BROKER] = { "--embedded-broker", NULL, NULL, "run serve demo",
                          "Use a Kafka inside this process instead of the brokers" },
    [COUNT] = { "--count", "N", NULL, "run", "consume: end after N records" },
    [UNTIL] = { "--until", "end", "end", "run",
                "consume: end when all that is there now was read" },
    [ACK] = { "--ack", "written|stdin", "written stdin", "run",
              "consume: a message is accepted once it is written (default), or by {\"ack\":ID} "
              "on stdin" },
    [MAX_BODY] = { "--max-body", "BYTES", NULL, "run serve",
                   "Longest line on stdin, or body of a request (default 33554432)" },
    [DRAIN_MS] = { "--drain-ms", "MS", NULL, "run serve sailor",
                   "How long SIGTERM waits for what is on the way (default 8000; sailor "
                   "25000)" },
    [LOG_LEVEL] = { "--log-level", "LEVEL", "error warn info debug trace", NULL,
                    "error, warn, info (default), debug or trace" },
    [SCHEMA] = { "--schema", "NAME",
                 "credentials consume consume.out produce produce.in produce.out openapi",
                 "describe",
                 "Print the JSON Schema of the credentials, of an entry point's fields or "
                 "messages, or the OpenAPI document" },
    [MARKDOWN] = { "--markdown", NULL, NULL, "describe",
                   "Print all fields as a page of documentation" },
    [LISTEN] = { "--listen", "HOST:PORT", NULL, "serve",
                 "Where to listen (default 127.0.0.1:8080; port 0 takes a free one)" },
    [API_TOKEN_FILE] = { "--api-token-file", "FILE", NULL, "serve",
                         "The token that requests bring as Authorization: Bearer; or "
                         "KAFKA_COMPONENT_API_TOKEN" },
    [TLS_CERT] = { "--tls-cert", "FILE", NULL, "serve",
                   "Serve HTTPS: the certificate and its chain, as PEM" },
    [TLS_KEY] = { "--tls-key", "FILE", NULL, "serve", "The key of --tls-cert, as PEM" },
    [STATE] = { "--state", "DIR", NULL, "serve", "Where subscriptions survive a restart" },
    [SUBSCRIPTIONS] = { "--subscriptions", "FILE", NULL, "serve",
                        "Subscriptions to have, as JSON; read again on SIGHUP" },
    [ALLOW_CALLBACK] = { "--allow-callback", "HOST|ADDRESS", NULL, "serve",
                         "A callback target that is refused otherwise, such as a link-local "
                         "address; may be given again" },
    [NO_REQUEST_CREDENTIALS] = { "--no-request-credentials", NULL, NULL, "serve",
                                 "Refuse requests that bring credentials of their own" },
    [MAX_CONNECTIONS] = { "--max-connections", "N", NULL, "serve",
                          "Connections at once (default 4096)" },
    [MAX_CONNECTIONS_PER_ADDRESS] = { "--max-connections-per-address", "N", NULL, "serve",
                                      "Connections at once from one address (default 1024)" },
    [HEADER_TIMEOUT_MS] = { "--header-timeout-ms", "MS", NULL, "serve",
                            "How long the whole of the headers may take (default 10000)" },
    [BODY_TIMEOUT_MS] = { "--body-timeout-ms", "MS", NULL, "serve",
                          "How long the whole of a body may take, beside a second for each KiB "
                          "(default 30000)" },
    [IDLE_TIMEOUT_MS] = { "--idle-timeout-ms", "MS", NULL, "serve",
                          "How long a connection may stay without a request (default 60000)" },
    [OPTIONS] = { NULL, NULL, NULL, NULL, NULL },
};

bool kc_option_belongs(const struct kc_option *o, const char *command)
{
    if (!o->commands)
        return true;
    size_t len = strlen(command);
    if (len == 0)
        return false; /* no command is named: only what stands everywhere */
    for (const char *at = o->commands; (at = strstr(at, command)); at += len) {
        if ((at == o->commands || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}

static enum option find(struct kc_text name)
{
    if (kc_text_is(name, "-h"))
        return HELP;
    if (kc_text_is(name, "-V"))
        return VERSION;
    for (int i = 0; i < OPTIONS; i++) {
        if (kc_text_is(name, kc_options_table[i].name))
            return (enum option)i;
    }
    return OPTIONS;
}

static bool fail(struct kc_error *err, const char *option, const char *wanted)
{
    kc_error_set(err, KC_CONFIG, 0, "%s %s", option, wanted);
    return false;
}

static bool unknown(struct kc_error *err, struct kc_text name)
{
    const char *names[OPTIONS + 1] = { NULL };
    for (int i = 0; i < OPTIONS; i++)
        names[i] = kc_options_table[i].name;
    const char *nearest = kc_text_nearest(name, names);
    if (nearest)
        kc_error_set(err, KC_CONFIG, 0, "there is no option '%.*s'; did you mean '%s'?",
                     (int)name.len, name.p, nearest);
    else
        kc_error_set(err, KC_CONFIG, 0, "there is no option '%.*s'", (int)name.len, name.p);
    return false;
}

static bool add_set(struct kc_options *o, const char *value, struct kc_error *err)
{
    size_t n = 0;
    while (o->sets[n])
        n++;
    if (!strchr(value, '=') || value[0] == '=')
        return fail(err, "--set", "wants KEY=VALUE, such as --set topic=cars");
    if (n == KC_SETS_MAX)
        return fail(err, "--set", "was given too often; use --config FILE");
    o->sets[n] = value;
    return true;
}

static bool number(struct kc_error *err, const char *option, const char *value, int64_t min,
                   int64_t max, int64_t *out)
{
    if (kc_text_int(kc_text(value), min, max, out))
        return true;
    kc_error_set(err, KC_CONFIG, 0, "%s wants a whole number from %lld to %lld, not '%s'",
                 option, (long long)min, (long long)max, value);
    return false;
}

static bool small_number(struct kc_error *err, const char *option, const char *value, int min,
                         int max, int *out)
{
    int64_t n = 0;
    bool ok = number(err, option, value, min, max, &n);
    *out = (int)n;
    return ok;
}

static bool add_allowed(struct kc_options *o, const char *value, struct kc_error *err)
{
    size_t n = 0;
    while (o->allow_callback[n])
        n++;
    if (!*value)
        return fail(err, "--allow-callback", "wants a host or an address");
    if (n == KC_ALLOW_MAX)
        return fail(err, "--allow-callback", "was given too often");
    o->allow_callback[n] = value;
    return true;
}

static bool take_serve_value(struct kc_options *o, enum option option, const char *value,
                             struct kc_error *err)
{
    const char *name = kc_options_table[option].name;
    switch (option) {
    case LISTEN:
        o->http.listen = value;
        return true;
    case API_TOKEN_FILE:
        o->api_token_file = value;
        return true;
    case TLS_CERT:
        o->http.tls_cert = value;
        return true;
    case TLS_KEY:
        o->http.tls_key = value;
        return true;
    case STATE:
        o->http.state_dir = value;
        return true;
    case SUBSCRIPTIONS:
        o->http.subscriptions_file = value;
        return true;
    case ALLOW_CALLBACK:
        return add_allowed(o, value, err);
    case MAX_CONNECTIONS:
        return small_number(err, name, value, 1, 1000000, &o->http.connections_max);
    case MAX_CONNECTIONS_PER_ADDRESS:
        return small_number(err, name, value, 1, 1000000, &o->http.connections_per_address);
    case HEADER_TIMEOUT_MS:
        return small_number(err, name, value, 10, 3600000, &o->http.header_ms);
    case BODY_TIMEOUT_MS:
        return small_number(err, name, value, 10, 3600000, &o->http.body_ms);
    case IDLE_TIMEOUT_MS:
        return small_number(err, name, value, 10, 3600000, &o->http.idle_ms);
    default:
        return true;
    }
}

static bool take_value(struct kc_options *o, enum option option, const char *value,
                       struct kc_error *err)
{
    const char *name = kc_options_table[option].name;
    switch (option) {
    case CREDENTIALS:
        o->credentials_file = value;
        return true;
    case CONFIG:
        o->config_file = value;
        return true;
    case SET:
        return add_set(o, value, err);
    case COUNT:
        return number(err, name, value, 1, INT64_MAX, &o->count);
    case MAX_BODY:
        return number(err, name, value, 1024, 1 << 30, &o->max_body);
    case DRAIN_MS:
        o->has_drain_ms = true;
        return number(err, name, value, 1, 3600000, &o->drain_ms);
    case UNTIL:
        o->until_end = strcmp(value, "end") == 0;
        return o->until_end || fail(err, name, "knows only 'end'");
    case ACK:
        o->acks_on_stdin = strcmp(value, "stdin") == 0;
        return o->acks_on_stdin || strcmp(value, "written") == 0 ||
               fail(err, name, "is written or stdin");
    case LOG_LEVEL:
        o->has_log_level = true;
        return kc_log_level_parse(kc_text(value), &o->log_level) ||
               fail(err, name, "is error, warn, info, debug or trace");
    case SCHEMA:
        o->schema = value;
        return true;
    default:
        return take_serve_value(o, option, value, err);
    }
}

static void take_flag(struct kc_options *o, enum option option)
{
    o->wants_help |= option == HELP;
    o->wants_version |= option == VERSION;
    o->embedded_broker |= option == EMBEDDED_BROKER;
    o->markdown |= option == MARKDOWN;
    o->http.no_request_credentials |= option == NO_REQUEST_CREDENTIALS;
}

static bool add_word(struct kc_options *o, const char *word, struct kc_error *err)
{
    size_t n = 0;
    while (o->words[n])
        n++;
    if (n == KC_WORDS_MAX)
        return fail(err, word, "is one word too many");
    o->words[n] = word;
    return true;
}

bool kc_options_parse(struct kc_options *o, int argc, char **argv, struct kc_error *err)
{
    *o = (struct kc_options){
        .program = argv[0],
        .log_level = KC_INFO,
        .max_body = 32 * 1024 * 1024,
        .drain_ms = 8000,
        .http = { .listen = "127.0.0.1:8080",
                  .connections_max = 4096,
                  .connections_per_address = 1024,
                  .header_ms = 10000,
                  .body_ms = 30000,
                  .idle_ms = 60000 },
    };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (!add_word(o, argv[i], err))
                return false;
            continue;
        }
        struct kc_text name = { argv[i], strcspn(argv[i], "=") };
        const char *value = argv[i][name.len] ? argv[i] + name.len + 1 : NULL;
        enum option option = find(name);
        if (option == OPTIONS)
            return unknown(err, name);
        const struct kc_option *row = &kc_options_table[option];
        if (!row->argument) {
            if (value)
                return fail(err, row->name, "takes no value");
            take_flag(o, option);
            continue;
        }
        if (!value && i + 1 < argc)
            value = argv[++i];
        if (!value) {
            kc_error_set(err, KC_CONFIG, 0, "%s wants a value: %s %s", row->name, row->name,
                         row->argument);
            return false;
        }
        if (!take_value(o, option, value, err))
            return false;
    }
    return true;
}
