// SPDX-License-Identifier: Apache-2.0
#include "node_step.h"

#include "daemon.h"
#include "fail.h"
#include "secrets.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOK_US  10000 /* how often the log is looked at */
#define LOG_TAIL 3000

static struct step *all;

const char *step_log(struct step *s)
{
    free(s->log);
    s->log = read_text_file(s->log_path);
    return s->log;
}

static _Noreturn void fail_step(struct step *s, const char *what)
{
    static const char *const names[] = { "of Node.js", "of ours", "of ours that echoes" };
    const char *log = step_log(s);
    size_t size = strlen(log);
    fail_test("a step %s: %s; its log ends\n%.3000s", names[s->kind], what,
              log + (size > LOG_TAIL ? size - LOG_TAIL : 0));
}

/* The arguments of the step, behind those that put it on a core of its own. */
static size_t put_first(const char *argv[])
{
    const char *core = getenv("KC_STEP_CORE");
    if (!core)
        return 0;
    argv[0] = "taskset";
    argv[1] = "-c";
    argv[2] = core;
    return 3;
}

/* The runtime puts COMPONENT_PATH behind its working directory, and finds kafkajs by NODE_PATH.
 */
static struct process *start_node(struct process_options *o, const char *env[], size_t count)
{
    char folder[400], run[400], modules[400];
    snprintf(folder, sizeof(folder), "--chdir=%s/tests/interop", need_env("KC_TEST_ROOT"));
    snprintf(run, sizeof(run), "%s/elasticio-sailor-nodejs/run.js",
             need_env("KC_TEST_NODE_MODULES"));
    snprintf(modules, sizeof(modules), "NODE_PATH=%s", need_env("KC_TEST_NODE_MODULES"));
    env[count] = modules;
    env[count + 1] = "ELASTICIO_COMPONENT_PATH=/node-step";
    env[count + 2] = "KAFKAJS_NO_PARTITIONER_WARNING=1";
    const char *argv[8] = { NULL };
    size_t n = put_first(argv);
    argv[n] = "env";
    argv[n + 1] = folder;
    argv[n + 2] = "node";
    argv[n + 3] = run;
    return process_start(argv, o);
}

static struct process *start_ours(struct process_options *o, bool is_echo)
{
    const char *binary = need_env("KC_TEST_BINARY");
    char echo[400];
    const char *slash = strrchr(binary, '/');
    snprintf(echo, sizeof(echo), "%.*s/tests/interop/echo", slash ? (int)(slash - binary) : 1,
             slash ? binary : ".");
    const char *argv[8] = { NULL };
    size_t n = put_first(argv);
    argv[n] = is_echo ? echo : binary;
    if (!is_echo)
        argv[n + 1] = "sailor";
    return process_start(argv, o);
}

struct step *step_start(enum step_kind kind, const char *const env[])
{
    const char *list[STEP_ENV_MAX + 4] = { NULL };
    size_t count = 0;
    for (; env[count]; count++) {
        assert_true(count < STEP_ENV_MAX);
        list[count] = env[count];
    }
    struct step *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->kind = kind;
    s->next = all;
    all = s;
    snprintf(s->log_path, sizeof(s->log_path), "/tmp/kc-step-XXXXXX");
    int fd = mkstemp(s->log_path);
    assert_true(fd >= 0);
    close(fd);
    struct process_options o = {
        .env = list, .in_path = "/dev/null", .out_path = s->log_path, .err_path = s->log_path
    };
    s->process =
        kind == STEP_NODE ? start_node(&o, list, count) : start_ours(&o, kind == STEP_ECHO);
    process_keep(s->process); /* ours to free, not process_free_all()'s */
    return s;
}

void step_expect_log(struct step *s, const char *text, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!strstr(step_log(s), text)) {
        if (now_ms() >= deadline || !process_is_running(s->process)) {
            char what[200];
            snprintf(what, sizeof(what), "did not log '%.150s'", text);
            fail_step(s, what);
        }
        usleep(LOOK_US);
    }
}

void step_wait_ready(struct step *s, int wait_ms)
{
    step_expect_log(s, "Fully initialized and waiting for messages", wait_ms);
}

struct process_end step_wait(struct step *s, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (process_is_running(s->process)) {
        if (now_ms() >= deadline)
            fail_step(s, "does not end");
        usleep(LOOK_US);
    }
    return process_wait(s->process, 0);
}

void step_stop(struct step *s, int wait_ms)
{
    process_signal(s->process, SIGTERM);
    struct process_end end = step_wait(s, wait_ms);
    if (end.exit_code != 0 || end.signal != 0)
        fail_step(s, "did not end with 0 after SIGTERM");
    step_free(s);
}

void step_free(struct step *s)
{
    if (!s)
        return;
    process_free(s->process);
    if (s->kind != STEP_NODE)
        secrets_check_file(s->log_path);
    unlink(s->log_path);
    for (struct step **at = &all; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    free(s->log);
    free(s);
}

int step_free_all(void **state)
{
    (void)state;
    while (all)
        step_free(all);
    return 0;
}
