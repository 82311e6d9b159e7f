// SPDX-License-Identifier: Apache-2.0
#include "component.h"

#include "raw.h"
#include "serve.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOANS    32
#define ARGS_MAX 32

struct kafka_server *kafka;
struct witness *witness;

int live_start(const struct kafka_options *options)
{
    kafka = kafka_start(options);
    witness = witness_open(kafka->plaintext);
    return 0;
}

int live_setup(void **state)
{
    (void)state;
    return live_start(NULL);
}

int live_teardown(void **state)
{
    witness_close(witness);
    kafka_free(kafka);
    witness = NULL;
    kafka = NULL;
    return process_free_all(state);
}

int live_tidy(void **state)
{
    if (kafka && !kafka->process)
        kafka_restart(kafka);
    else if (kafka)
        kafka_thaw(kafka);
    raw_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

/* Keeps the last few texts that were lent. */
static const char *lend(char *text)
{
    static char *loans[LOANS];
    static size_t next;
    assert_non_null(text);
    next = (next + 1) % LOANS;
    free(loans[next]);
    loans[next] = text;
    return text;
}

const char *json(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if (*c == '\'')
            *c = '"';
    return lend(copy);
}

/* --- Credentials --- */

const char *sign_in(const char *protocol, const char *brokers, const char *mechanism,
                    const char *user, const char *password, const char *ca_path)
{
    json_t *credentials = json_pack("{s:s, s:s, s:s}", "securityProtocol", protocol, "brokers",
                                    brokers, "mechanism", mechanism);
    if (user)
        json_object_set_new(credentials, "username", json_string(user));
    if (password)
        json_object_set_new(credentials, "password", json_string(password));
    if (ca_path) {
        char *pem = read_text_file(ca_path);
        json_object_set_new(credentials, "caCertificate", json_string(pem));
        free(pem);
    }
    char *text = json_dumps(credentials, JSON_COMPACT);
    json_decref(credentials);
    assert_non_null(text);
    static const char name[] = "KAFKA_COMPONENT_CREDENTIALS=";
    size_t size = sizeof(name) + strlen(text);
    char *setting = malloc(size);
    assert_non_null(setting);
    snprintf(setting, size, "%s%s", name, text);
    free(text);
    return lend(setting);
}

const char *no_sign_in(void)
{
    return sign_in("PLAINTEXT", kafka->plaintext, "none", NULL, NULL, NULL);
}

/* --- Starting --- */

static struct process *start(const char *entry, const char *topic, const char *group,
                             const char *const more[])
{
    const char *args[ARGS_MAX] = { "run", entry };
    char topic_setting[300], group_setting[300];
    size_t n = 2;
    if (topic) {
        snprintf(topic_setting, sizeof(topic_setting), "topic=%s", topic);
        args[n++] = "--set";
        args[n++] = topic_setting;
    }
    if (group) {
        snprintf(group_setting, sizeof(group_setting), "groupId=%s", group);
        args[n++] = "--set";
        args[n++] = group_setting;
    }
    for (; more && *more; more++) {
        assert_true(n < ARGS_MAX - 1);
        args[n++] = *more;
    }
    return component_start(args, &(struct process_options){ .env = ARGS(no_sign_in()) });
}

struct process *start_produce(const char *topic, const char *const more[])
{
    return start("produce", topic, NULL, more);
}

struct process *start_consume(const char *topic, const char *group, const char *const more[])
{
    static int count;
    char fresh[32];
    snprintf(fresh, sizeof(fresh), "readers-%d", ++count);
    return start("consume", topic, group ? group : fresh, more);
}

/* --- Whole runs --- */

static json_t *events_until_end(struct process *p, int exit_code, int wait_ms)
{
    struct process_end end = process_wait(p, wait_ms);
    if (end.exit_code != exit_code)
        fail_msg("exit code %d (signal %d) in place of %d\n--- stdout\n%s\n--- stderr\n%s",
                 end.exit_code, end.signal, exit_code, process_stdout(p), process_stderr(p));
    json_t *events = events_parse(process_stdout(p));
    process_free(p);
    return events;
}

json_t *produce(const char *topic, const char *const more[], const char *input, int exit_code)
{
    struct process *p = start_produce(topic, more);
    process_write(p, input, strlen(input), WAIT_MS);
    process_close_stdin(p);
    return events_until_end(p, exit_code, WAIT_MS * 2);
}

json_t *consume(const char *topic, const char *group, const char *const more[], int exit_code)
{
    return events_until_end(start_consume(topic, group, more), exit_code, WAIT_MS * 2);
}

json_t *take_answer(struct process *p, int wait_ms)
{
    json_t *answer = json_array();
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        json_t *event = event_next(p, (int)(deadline - now_ms()));
        if (!event)
            fail_msg("stdout ended before the answer did; stderr:\n%s", process_stderr(p));
        json_array_append_new(answer, event);
        if (strcmp(event_str(event, "event"), "end") == 0)
            return answer;
    }
}

json_t *ask(struct process *p, const char *message)
{
    process_say(p, json(message));
    return take_answer(p, WAIT_MS);
}

void finish(struct process *p, int exit_code)
{
    process_close_stdin(p);
    json_decref(events_until_end(p, exit_code, WAIT_MS));
}

void terminate(struct process *p, int exit_code)
{
    process_signal(p, SIGTERM);
    json_decref(events_until_end(p, exit_code, WAIT_MS));
}
