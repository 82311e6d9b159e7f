// SPDX-License-Identifier: Apache-2.0
/* serve.c - the entry points over HTTP: what the command line says, brought to the transport.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "cli/run.h"
#include "component/entries.h"
#include "kafka/credentials.h"
#include "runtime/shutdown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TOKEN_ENV       "KAFKA_COMPONENT_API_TOKEN"
#define TOKEN_MIN       16 /* characters: what is shorter can be tried out */
#define TOKEN_MAX_BYTES 4096

/* --- the API token --- */

static char *token_of_file(const char *path, struct kc_error *err)
{
    char text[TOKEN_MAX_BYTES + 1] = "";
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
    if (!file || ferror(file))
        kc_error_set(err, KC_CONFIG, errno, "%s", strerror(errno));
    else if (len > TOKEN_MAX_BYTES)
        kc_error_set(err, KC_CONFIG, 0, "longer than %d bytes", TOKEN_MAX_BYTES);
    if (file)
        fclose(file);
    char *token = err->code == KC_NONE ? kc_strndup(text, len) : NULL;
    explicit_bzero(text, sizeof(text));
    kc_error_wrap(err, "--api-token-file '%s'", path);
    return token;
}

/* Whoever can read our environment later finds no token there. */
static char *token_of_env(void)
{
    char *value = getenv(TOKEN_ENV);
    if (!value)
        return NULL;
    char *token = *value ? kc_strdup(value) : NULL;
    explicit_bzero(value, strlen(value));
    unsetenv(TOKEN_ENV);
    return token;
}

static bool is_usable(char *token, struct kc_error *err)
{
    size_t len = strlen(token);
    while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r'))
        token[--len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            kc_error_set(err, KC_CONFIG, 0,
                         "the API token holds blanks or bytes that no header can carry");
            return false;
        }
    }
    if (len >= TOKEN_MIN)
        return true;
    kc_error_set(err, KC_CONFIG, 0,
                 "the API token is shorter than %d characters; `openssl rand -hex 32` makes a "
                 "good one",
                 TOKEN_MIN);
    return false;
}

/* The file wins over the environment. *token stays NULL where there is none. */
static bool read_token(char **token, const struct kc_options *o, struct kc_error *err)
{
    *token = token_of_env();
    if (o->api_token_file) {
        free(*token);
        *token = token_of_file(o->api_token_file, err);
        if (!*token)
            return false;
    }
    return !*token || is_usable(*token, err);
}

static void forget_token(char *token)
{
    if (token)
        explicit_bzero(token, strlen(token));
    free(token);
}

/* --- what is wrong already, before a request comes --- */

static bool check_config(const struct kc_doc *config, struct kc_error *err)
{
    const struct kc_field *tables[8] = { NULL };
    for (size_t i = 0; kc_entries[i] && i < 7; i++)
        tables[i] = kc_entries[i]->fields;
    struct kc_faults faults;
    kc_faults_init(&faults);
    bool ok = kc_fields_check(tables, config, &faults);
    ok &= kc_faults_none(&faults, KC_CONFIG, err);
    kc_faults_deinit(&faults);
    return ok;
}

/* A server may have none: then each request brings its own. */
static bool check_credentials(const struct kc_doc *doc, const struct kc_options *o,
                              struct kc_error *err)
{
    if (kc_doc_is_empty(doc) && o->http.no_request_credentials && !o->embedded_broker)
        kc_error_set(err, KC_CONFIG, 0,
                     "--no-request-credentials needs --credentials: nobody else can say where "
                     "Kafka is");
    if (kc_doc_is_empty(doc))
        return err->code == KC_NONE;
    struct kc_credentials credentials = { 0 };
    struct kc_faults faults;
    kc_faults_init(&faults);
    bool ok = kc_credentials_read(&credentials, doc, KC_UNKNOWN_IS_ERROR, &faults);
    ok &= kc_faults_none(&faults, KC_CONFIG, err);
    kc_faults_deinit(&faults);
    kc_credentials_free(&credentials);
    return ok;
}

static bool check_options(const struct kc_options *o, struct kc_error *err)
{
    if (o->words[1])
        kc_error_set(err, KC_CONFIG, 0,
                     "serve takes no '%s': each request names its entry point", o->words[1]);
    else if (!o->http.tls_cert != !o->http.tls_key)
        kc_error_set(err, KC_CONFIG, 0, "--tls-cert and --tls-key go together");
    return err->code == KC_NONE;
}

/* --- the run --- */

/* A connection is a file descriptor, and so is each of a client's to its brokers. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        kc_log(KC_WARN, "file_limit_stays", KC_S("reason", strerror(errno)));
}

static int serve(const struct kc_options *o, const struct kc_settings *settings,
                 const char *token)
{
    struct kc_tally tally = { .lag = -1 };
    struct kc_http_options http = o->http;
    http.api_token = token;
    http.allow_callback = o->allow_callback;
    const struct kc_env env = {
        .step = { .config = settings->config,
                  .credentials = settings->credentials,
                  .unknown_fields = KC_UNKNOWN_IS_ERROR,
                  .tally = &tally },
        .http = &http,
        .in_fd = STDIN_FILENO,
        .out_fd = STDOUT_FILENO,
        .body_max = (size_t)o->max_body,
    };
    raise_file_limit();
    return kc_run(&kc_http, &env, (int)o->drain_ms);
}

int kc_command_serve(const struct kc_options *o)
{
    int code;
    struct kc_error err = { 0 };
    if (!check_options(o, &err))
        return kc_usage_error(o, &err);
    kc_shutdown_block();
    struct kc_settings settings = { .config = NULL };
    struct kc_embedded *broker = NULL;
    char *token = NULL;
    if (!read_token(&token, o, &err) || !kc_settings_read(&settings, o, kc_entries, &err) ||
        !check_config(settings.config, &err) ||
        !check_credentials(settings.credentials, o, &err) ||
        !kc_run_embedded(&broker, &settings, o, true, &err))
        code = kc_run_failed(&err);
    else {
        kc_settings_watch(&settings);
        code = serve(o, &settings, token);
    }
    kc_embedded_close(broker);
    kc_settings_deinit(&settings);
    forget_token(token);
    return code;
}
