// SPDX-License-Identifier: Apache-2.0
#include "serve.h"

#include "daemon.h"
#include "fail.h"
#include "http.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define START_WAIT_MS 30000
#define STEP_US       10000 /* how often the log is looked at */
#define LOG_TAIL      1500

static struct serve *all;

/* A copy of the texts, behind as many free places. */
static const char **copy(const char *const list[], size_t free_in_front)
{
    static const char *const nothing[] = { NULL };
    list = list ? list : nothing;
    size_t n = 0;
    while (list[n])
        n++;
    const char **made = calloc(n + free_in_front + 1, sizeof(*made));
    assert_non_null(made);
    for (size_t i = 0; list[i]; i++)
        made[free_in_front + i] = strdup(list[i]);
    return made;
}

static void free_list(const char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free((void *)(uintptr_t)list[i]);
    free(list);
}

const char *serve_log(struct serve *s)
{
    free(s->log);
    s->log = read_text_file(s->log_path);
    return s->log;
}

static _Noreturn void fail_serve(struct serve *s, const char *what)
{
    const char *log = serve_log(s);
    size_t size = strlen(log);
    fail_test("serve %s: %s; its log ends\n%.1500s", s->address, what,
              log + (size > LOG_TAIL ? size - LOG_TAIL : 0));
}

/* The address in the log's last line about listening that begins at or after `from`. */
static bool find_address(struct serve *s, size_t from)
{
    const char *line = serve_log(s) + from;
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *event = json_loadb(line, (size_t)(end - line), 0, NULL);
        const char *name = json_string_value(json_object_get(event, "msg"));
        const char *address = json_string_value(json_object_get(event, "address"));
        bool is_it = name && address && strcmp(name, "listening") == 0;
        if (is_it)
            snprintf(s->address, sizeof(s->address), "%s", address);
        json_decref(event);
        if (is_it)
            return true;
    }
    return false;
}

static void launch(struct serve *s)
{
    size_t from = strlen(serve_log(s));
    s->process = component_start(
        s->args, &(struct process_options){ .env = s->env, .err_path = s->log_path });
    process_keep(s->process); /* ours to free, not process_free_all()'s */
    int64_t deadline = now_ms() + START_WAIT_MS;
    while (!find_address(s, from)) {
        if (!process_is_running(s->process))
            fail_serve(s, "ended when it was to listen");
        if (now_ms() >= deadline)
            fail_serve(s, "does not say that it listens");
        usleep(STEP_US);
    }
    bool is_tls = false;
    for (size_t i = 0; s->args[i]; i++)
        is_tls |= strncmp(s->args[i], "--tls-cert", 10) == 0;
    snprintf(s->base, sizeof(s->base), "%s://%s", is_tls ? "https" : "http", s->address);
}

struct serve *serve_start(const char *const env[], const char *const args[])
{
    struct serve *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->next = all;
    all = s;
    snprintf(s->log_path, sizeof(s->log_path), "/tmp/kc-serve-XXXXXX");
    int fd = mkstemp(s->log_path);
    assert_true(fd >= 0);
    close(fd);
    bool names_address = args && args[0] && strncmp(args[0], "--listen", 8) == 0;
    s->env = copy(env, 0);
    s->args = copy(args, names_address ? 1 : 3);
    s->args[0] = strdup("serve");
    if (!names_address) {
        s->args[1] = strdup("--listen");
        s->args[2] = strdup("127.0.0.1:0");
    }
    launch(s);
    return s;
}

void serve_kill(struct serve *s)
{
    process_signal(s->process, SIGKILL);
    process_wait(s->process, START_WAIT_MS);
}

void serve_restart(struct serve *s)
{
    process_free(s->process);
    s->process = NULL;
    for (size_t i = 0; s->args[i]; i++) {
        const char *port = strstr(s->args[i], ":0");
        if (i > 0 && strncmp(s->args[i - 1], "--listen", 8) == 0 && port && !port[2]) {
            free((void *)(uintptr_t)s->args[i]);
            s->args[i] = strdup(s->address);
        }
    }
    launch(s);
}

void serve_stop(struct serve *s, int exit_code, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    process_signal(s->process, SIGTERM);
    while (process_is_running(s->process)) {
        if (now_ms() >= deadline)
            fail_serve(s, "did not end after SIGTERM");
        process_line_if_any(s->process, 10);
    }
    struct process_end end = process_wait(s->process, 0);
    char what[80];
    snprintf(what, sizeof(what), "ended with %d (signal %d) in place of %d", end.exit_code,
             end.signal, exit_code);
    if (end.exit_code != exit_code)
        fail_serve(s, what);
    serve_free(s);
}

void serve_expect_log(struct serve *s, const char *text, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!strstr(serve_log(s), text)) {
        char what[300];
        snprintf(what, sizeof(what), "never logged '%.200s'", text);
        if (now_ms() >= deadline)
            fail_serve(s, what);
        usleep(STEP_US);
    }
}

void serve_expect_metric(struct serve *s, const char *line, int wait_ms)
{
    char text[300];
    snprintf(text, sizeof(text), "\n%s", line);
    for (int64_t deadline = now_ms() + wait_ms;; usleep(STEP_US)) {
        struct http_answer *a = http_get(s->base, "/metrics", NULL);
        bool is_there = strstr(a->body, text) != NULL;
        if (!is_there && now_ms() >= deadline)
            fail_test("no line '%s' in:\n%s", line, a->body);
        http_answer_free(a);
        if (is_there)
            return;
    }
}

void serve_keep(struct serve *s)
{
    for (struct serve **at = &all; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    serve_keep(s);
    process_free(s->process);
    unlink(s->log_path);
    free(s->log);
    free_list(s->args);
    free_list(s->env);
    free(s);
}

int serve_free_all(void **state)
{
    (void)state;
    while (all)
        serve_free(all);
    return 0;
}
