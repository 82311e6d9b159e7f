// SPDX-License-Identifier: Apache-2.0
/* with_kafka.c - runs a command beside a fresh Kafka server, and stops the server after it.
 *
 *   with_kafka [name=value ...] COMMAND [ARGUMENT ...]
 *
 * name=value goes into server.properties. The command finds the server in KC_KAFKA_PLAINTEXT,
 * KC_KAFKA_SSL, KC_KAFKA_SASL_PLAINTEXT and KC_KAFKA_SASL_SSL (HOST:PORT), its authority in
 * KC_KAFKA_CA, a user in KC_KAFKA_USER and KC_KAFKA_PASSWORD, and its process id in
 * KC_KAFKA_PID. KC_TEST_KAFKA_JARS says where the jars are. Ends as the command does. */
#include "support/kafka_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROPERTIES_MAX 32

static void tell(const struct kafka_server *server)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)process_pid(server->process));
    setenv("KC_KAFKA_PLAINTEXT", server->plaintext, 1);
    setenv("KC_KAFKA_SSL", server->ssl, 1);
    setenv("KC_KAFKA_SASL_PLAINTEXT", server->sasl_plaintext, 1);
    setenv("KC_KAFKA_SASL_SSL", server->sasl_ssl, 1);
    setenv("KC_KAFKA_CA", server->certs.ca, 1);
    setenv("KC_KAFKA_USER", KAFKA_USER, 1);
    setenv("KC_KAFKA_PASSWORD", KAFKA_PASSWORD, 1);
    setenv("KC_KAFKA_PID", pid, 1);
}

static int run(char **command)
{
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    const char *properties[PROPERTIES_MAX + 1] = { NULL };
    int at = 1;
    for (; at < argc && at <= PROPERTIES_MAX && strchr(argv[at], '='); at++)
        properties[at - 1] = argv[at];
    if (at >= argc) {
        fprintf(stderr, "usage: with_kafka [name=value ...] COMMAND [ARGUMENT ...]\n");
        return 64;
    }
    struct kafka_server *server =
        kafka_start(&(struct kafka_options){ .is_for_bench = true, .properties = properties });
    tell(server);
    int status = run(argv + at);
    kafka_free(server);
    return status;
}
