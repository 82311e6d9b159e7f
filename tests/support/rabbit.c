// SPDX-License-Identifier: Apache-2.0
/* rabbit.c
 *
 * Processes  epmd      Erlang's port mapper: ours, so that none is left behind as a daemon
 *            beam      the server; the script that starts it becomes it
 *            erl_call  one for each thing that is asked of the server, some milliseconds each
 */
#include "rabbit.h"

#include "daemon.h"
#include "fail.h"
#include "secrets.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CALL_WAIT_MS 20000
#define NODE         "kc@localhost"

/* Debian's own command drops to another user, whose folders it then wants. */
#define PROGRAMS "/usr/lib/rabbitmq/bin/"

struct rabbit *rabbit;

/* --- Its environment --- */

static void set_env(struct rabbit *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_env(struct rabbit *r, const char *format, ...)
{
    size_t n = 0;
    while (r->env[n])
        n++;
    assert_true(n + 1 < sizeof(r->env) / sizeof(*r->env));
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&r->env[n], format, args) > 0);
    va_end(args);
}

static const char *const *env_of(const struct rabbit *r)
{
    return (const char *const *)(uintptr_t)r->env;
}

/* --- Settings --- */

/* Erlang's nodes know each other by it; only its owner may read it. */
static void write_cookie(const struct rabbit *r)
{
    FILE *f = daemon_file(r->folder, ".erlang.cookie");
    fprintf(f, "KC%d", r->port);
    fchmod(fileno(f), 0400);
    fclose(f);
}

static void write_users(const struct rabbit *r)
{
    FILE *f = daemon_file(r->folder, "definitions.json");
    fputs("{\"users\": [{\"name\": \"" RABBIT_GUEST "\", \"password\": \"guest\","
          " \"tags\": [\"administrator\"]},"
          " {\"name\": \"" RABBIT_USER "\", \"password\": \"" RABBIT_PASSWORD "\","
          " \"tags\": []}],\n"
          "\"vhosts\": [{\"name\": \"/\"}, {\"name\": \"" RABBIT_VHOST "\"}],\n"
          "\"permissions\": [{\"user\": \"" RABBIT_GUEST "\", \"vhost\": \"/\","
          " \"configure\": \".*\", \"write\": \".*\", \"read\": \".*\"},"
          " {\"user\": \"" RABBIT_USER "\", \"vhost\": \"" RABBIT_VHOST "\","
          " \"configure\": \".*\", \"write\": \".*\", \"read\": \".*\"}]}\n",
          f);
    fclose(f);
}

static void write_settings(const struct rabbit *r, const struct rabbit_options *options)
{
    const char *certificate = certs_of_server(&r->certs, options->server_certificate);
    FILE *f = daemon_file(r->folder, "advanced.config");
    fprintf(f,
            "[{rabbit, [\n"
            "  {tcp_listeners, [{\"127.0.0.1\", %d}]},\n"
            "  {ssl_listeners, [{\"127.0.0.1\", %d}]},\n"
            "  {ssl_options, [{cacertfile, \"%s\"}, {certfile, \"%s\"}, {keyfile, \"%s\"},\n"
            "                 {verify, verify_none}, {fail_if_no_peer_cert, false}]},\n"
            "  {load_definitions, \"%s/definitions.json\"},\n"
            "  {vm_memory_high_watermark, {absolute, \"1GB\"}},\n"
            "  {disk_free_limit, 1000000},\n"
            "  {log, [{file, [{file, \"server.log\"}, {level, info}]},\n"
            "         {console, [{enabled, false}]}]}\n"
            "  %s%s\n"
            "]}].\n",
            r->port, r->tls_port, r->certs.ca, certificate, certificate, r->folder,
            options->settings ? ", " : "", options->settings ? options->settings : "");
    fclose(f);
    fclose(daemon_file(r->folder, "env.conf")); /* in place of the system's */
    fclose(daemon_file(r->folder, "plugins"));  /* none */
}

/* One scheduler, and none that spins while there is nothing to do. */
static void fill_env(struct rabbit *r)
{
    const char *folder = r->folder;
    set_env(r, "HOME=%s", folder);
    set_env(r, "ERL_EPMD_PORT=%d", r->epmd_port);
    set_env(r, "ERL_EPMD_ADDRESS=127.0.0.1");
    set_env(r, "RABBITMQ_CONF_ENV_FILE=%s/env.conf", folder);
    set_env(r, "RABBITMQ_CONFIG_FILE=%s/none", folder);
    set_env(r, "RABBITMQ_ADVANCED_CONFIG_FILE=%s/advanced.config", folder);
    set_env(r, "RABBITMQ_ENABLED_PLUGINS_FILE=%s/plugins", folder);
    set_env(r, "RABBITMQ_FEATURE_FLAGS_FILE=%s/feature-flags", folder);
    set_env(r, "RABBITMQ_GENERATED_CONFIG_DIR=%s/generated", folder);
    set_env(r, "RABBITMQ_MNESIA_BASE=%s/mnesia", folder);
    set_env(r, "RABBITMQ_LOG_BASE=%s", folder);
    set_env(r, "RABBITMQ_PID_FILE=%s/pid", folder);
    set_env(r, "RABBITMQ_NODENAME=" NODE);
    set_env(r, "RABBITMQ_DIST_PORT=%d", r->dist_port);
    set_env(r, "RABBITMQ_ALLOW_INPUT=1");              /* the script becomes the server … */
    set_env(r, "RABBITMQ_SERVER_START_ARGS=-noinput"); /* … which reads none after all */
    set_env(r,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=%s +sbwt none +sbwtdcpu none +sbwtdio none "
            "-kernel inet_dist_use_interface {127,0,0,1}",
            r->is_for_bench ? "" : "+S 1:1 +A 2");
}

/* --- Asking it --- */

/* A server that is busy may be too late to let a call in: then nothing was asked yet. */
static struct run call(struct rabbit *r, const char *expression)
{
    char line[2000];
    int64_t deadline = now_ms() + CALL_WAIT_MS;
    assert_true(snprintf(line, sizeof(line), "%s\n", expression) < (int)sizeof(line));
    for (;; usleep(100000)) {
        struct run run =
            run_process(ARGS("erl_call", "-n", NODE, "-e"),
                        &(struct process_options){ .env = env_of(r) }, line, CALL_WAIT_MS);
        if (!strstr(run.err, "failed to connect") || now_ms() > deadline)
            return run;
        run_free(&run);
    }
}

/* erl_call prints {ok, RESULT}. */
const char *rabbit_eval(struct rabbit *r, const char *expression)
{
    static char result[20000]; /* the tests' one thread */
    struct run run = call(r, expression);
    size_t size = strlen(run.out);
    while (size > 0 && strchr("\r\n}", run.out[size - 1]) && run.out[size - 1] != '}')
        size--;
    if (strncmp(run.out, "{ok, ", 5) != 0 || size < 6 || size - 5 > sizeof(result))
        fail_test("RabbitMQ was asked %s and said %s%s", expression, run.out, run.err);
    snprintf(result, sizeof(result), "%.*s", (int)(size - 6), run.out + 5);
    run_free(&run);
    return result;
}

char *rabbit_ctl(struct rabbit *r, const char *const args[])
{
    const char *argv[16] = { PROGRAMS "rabbitmqctl" };
    for (size_t n = 1; *args && n < 15; n++)
        argv[n] = *args++;
    struct run run =
        run_process(argv, &(struct process_options){ .env = env_of(r) }, "", CALL_WAIT_MS);
    assert_exit(&run, 0);
    char *out = strdup(run.out);
    run_free(&run);
    return out;
}

/* The alarm goes to a process that tells all connections: its answer comes after that. */
static void set_memory(struct rabbit *r, const char *limit, const char *alarms)
{
    char expression[200];
    snprintf(expression, sizeof(expression),
             "ok = vm_memory_monitor:set_vm_memory_high_watermark(%s),"
             " %s = rabbit_alarm:get_alarms(), ok.",
             limit, alarms);
    rabbit_eval(r, expression);
}

void rabbit_block(struct rabbit *r)
{
    set_memory(r, "0.0", "[_ | _]");
}

void rabbit_unblock(struct rabbit *r)
{
    set_memory(r, "{absolute, \"1GB\"}", "[]");
}

/* Calls a function of one argument with each connection of that name; their number. */
static int each_connection(struct rabbit *r, const char *name, const char *function)
{
    char expression[1000];
    snprintf(expression, sizeof(expression),
             "F = %s, length([F(P) || P <- rabbit_networking:connections(),"
             " I <- [catch rabbit_networking:connection_info(P, [client_properties])],"
             " is_list(I), is_list(proplists:get_value(client_properties, I))," /* signed in */
             " {_, _, N} <- [case lists:keyfind(<<\"connection_name\">>, 1,"
             " proplists:get_value(client_properties, I)) of false -> {x, x, <<>>};"
             " Found -> Found end],"
             " <<\"%s\">> =:= <<>> orelse binary:match(N, <<\"%s\">>) =/= nomatch]).",
             function, name ? name : "", name && *name ? name : "x");
    return (int)strtol(rabbit_eval(r, expression), NULL, 10);
}

int rabbit_connections(struct rabbit *r, const char *name)
{
    return each_connection(r, name, "fun(P) -> P end");
}

void rabbit_close_connections(struct rabbit *r, const char *name)
{
    each_connection(r, name,
                    "fun(P) -> catch rabbit_networking:close_connection(P, \"by the test\")"
                    " end"); /* it may be gone already */
}

void rabbit_break_connections(struct rabbit *r, const char *name)
{
    each_connection(r, name, "fun(P) -> exit(P, kill) end");
}

void rabbit_wait_connections(struct rabbit *r, const char *name, int count, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    int have;
    while ((have = rabbit_connections(r, name)) != count) {
        if (now_ms() > deadline)
            fail_test("RabbitMQ has %d connections '%s', not %d", have, name ? name : "",
                      count);
        usleep(10000);
    }
}

struct rabbit_queue rabbit_queue(struct rabbit *r, const char *name)
{
    char expression[500];
    struct rabbit_queue queue = { -1, -1, -1 };
    snprintf(expression, sizeof(expression),
             "{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"%s\">>)),"
             " [{_, A}, {_, B}, {_, C}] = rabbit_amqqueue:info(Q, [messages_ready,"
             " messages_unacknowledged, consumers]), {A, B, C}.",
             name);
    const char *result = rabbit_eval(r, expression);
    if (sscanf(result, "{%d, %d, %d}", &queue.ready, &queue.unacked, &queue.consumers) != 3)
        fail_test("RabbitMQ on queue %s: %s", name, result);
    return queue;
}

void rabbit_wait_queue(struct rabbit *r, const char *name, int ready, int unacked, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        struct rabbit_queue q = rabbit_queue(r, name);
        if ((ready < 0 || q.ready == ready) && (unacked < 0 || q.unacked == unacked))
            return;
        if (now_ms() > deadline)
            fail_test("queue %s has %d ready and %d unacked messages, not %d and %d", name,
                      q.ready, q.unacked, ready, unacked);
        usleep(10000);
    }
}

void rabbit_wait_consumers(struct rabbit *r, const char *name, int count, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    int have;
    while ((have = rabbit_queue(r, name).consumers) != count) {
        if (now_ms() > deadline)
            fail_test("queue %s has %d consumers, not %d", name, have, count);
        usleep(10000);
    }
}

/* --- Running --- */

void rabbit_restart(struct rabbit *r)
{
    assert_null(r->process);
    r->process = daemon_start(r->folder, ARGS(PROGRAMS "rabbitmq-server"), env_of(r));
    /* It listens for TLS last, and has all of its queues by then. */
    daemon_wait_port(r->folder, r->process, r->tls_port);
    int64_t deadline = now_ms() + DAEMON_START_MS;
    while (strcmp(rabbit_eval(r, "rabbit:is_running()."), "true") != 0) {
        if (now_ms() > deadline)
            daemon_fail(r->folder, "RabbitMQ does not run");
        usleep(10000);
    }
}

struct rabbit *rabbit_start(const struct rabbit_options *options)
{
    static const struct rabbit_options none = { 0 };
    if (!options)
        options = &none;
    struct rabbit *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->is_for_bench = options->is_for_bench;
    daemon_folder(r->folder, "kc-rabbit", options->is_for_bench);
    r->port = free_port();
    r->tls_port = free_port();
    r->epmd_port = free_port();
    r->dist_port = free_port();
    snprintf(r->uri, sizeof(r->uri), "amqp://guest:guest@127.0.0.1:%d", r->port);
    snprintf(r->tls_uri, sizeof(r->tls_uri), "amqps://guest:guest@localhost:%d", r->tls_port);
    snprintf(r->alice_uri, sizeof(r->alice_uri),
             "amqp://alice:rabbit%%3ASecret%%2F4e8b@127.0.0.1:%d/second%%2Fhost", r->port);
    secrets_add(RABBIT_PASSWORD);
    certs_make(&r->certs, r->folder);
    write_cookie(r);
    write_users(r);
    write_settings(r, options);
    fill_env(r);
    r->epmd = daemon_start(r->folder, ARGS("epmd"), env_of(r));
    daemon_wait_port(r->folder, r->epmd, r->epmd_port);
    rabbit_restart(r);
    return r;
}

void rabbit_stop(struct rabbit *r)
{
    daemon_end(&r->process, SIGTERM);
}

void rabbit_kill(struct rabbit *r)
{
    daemon_end(&r->process, SIGKILL);
}

void rabbit_freeze(struct rabbit *r)
{
    process_signal(r->process, SIGSTOP);
}

void rabbit_thaw(struct rabbit *r)
{
    process_signal(r->process, SIGCONT);
}

void rabbit_free(struct rabbit *r)
{
    if (!r)
        return;
    rabbit_kill(r); /* its data goes too: there is nothing to bring to an end */
    process_free(r->epmd);
    daemon_folder_remove(r->folder);
    for (size_t i = 0; r->env[i]; i++)
        free(r->env[i]);
    free(r);
}

/* --- A test program's own --- */

int rabbit_setup_with(const struct rabbit_options *options)
{
    rabbit = rabbit_start(options);
    return 0;
}

int rabbit_setup(void **state)
{
    (void)state;
    return rabbit_setup_with(NULL);
}

int rabbit_teardown(void **state)
{
    (void)state;
    rabbit_free(rabbit);
    rabbit = NULL;
    return 0;
}

int rabbit_tidy(void **state)
{
    process_free_all(state);
    if (!rabbit)
        return 0;
    if (rabbit->process && !process_is_running(rabbit->process)) {
        process_free(rabbit->process);
        rabbit->process = NULL;
    }
    if (!rabbit->process) {
        rabbit_restart(rabbit);
        return 0;
    }
    rabbit_thaw(rabbit);
    rabbit_unblock(rabbit);
    return 0;
}
