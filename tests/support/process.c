// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include "fail.h"
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SAY_WAIT_MS  10000
#define OVERLAP      128 /* what may be cut by the end of a read: longer than any secret */
#define POLL_STEP_MS 20  /* how often a wait looks whether the child is gone */

/* Bytes that came and were not yet taken: text[taken..size). Always NUL-terminated. */
struct pile {
    char *text;
    size_t size, room, taken;
    const char *watched; /* what it is, where no secret may be in it; else NULL */
};

struct process {
    pid_t pid;
    char *name;
    int in, out, err; /* our ends; -1 when closed or a file */
    struct pile out_pile, err_pile;
    char *line;
    bool is_over, is_component, was_looked_at;
    char *err_path; /* of the component's; NULL where stderr is a pipe */
    struct process_end end;
    struct process *next;
};

static struct process *all; /* for process_free_all() */

int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *need_env(const char *name)
{
    const char *value = getenv(name);
    if (!value || !*value)
        fail_msg("%s is not set: run the tests by make", name);
    return value;
}

/* --- Starting --- */

static void open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail_msg("pipe: %s", strerror(errno));
}

/* The child's environment: ours, with env's lines replacing or removing. */
static char **environment(const char *const *env)
{
    size_t ours = 0, extra = 0;
    while (environ[ours])
        ours++;
    while (env && env[extra])
        extra++;
    char **list = calloc(ours + extra + 1, sizeof(*list));
    assert_non_null(list);
    size_t n = 0;
    for (size_t i = 0; i < ours; i++) {
        bool is_replaced = false;
        for (size_t k = 0; k < extra; k++) {
            size_t name = strcspn(env[k], "=");
            is_replaced |= strncmp(environ[i], env[k], name) == 0 && environ[i][name] == '=';
        }
        if (!is_replaced)
            list[n++] = environ[i];
    }
    for (size_t k = 0; k < extra; k++)
        if (strchr(env[k], '='))
            list[n++] = (char *)(uintptr_t)env[k];
    return list;
}

/* Only async-signal-safe calls: the parent may have librdkafka's threads. */
static void become(const char *const argv[], char **env, const int fds[3], pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(126);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 3; i++)
        if (fds[i] < 0 || dup2(fds[i], i) < 0)
            _exit(126);
    environ = env;
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    const char why[] = "cannot start: ";
    (void)!write(2, why, sizeof(why) - 1);
    (void)!write(2, argv[0], strlen(argv[0]));
    _exit(127);
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return fd;
}

struct process *process_start(const char *const argv[], const struct process_options *options)
{
    static const struct process_options none = { 0 };
    if (!options)
        options = &none;
    signal(SIGPIPE, SIG_IGN);

    const char *paths[3] = { options->in_path, options->out_path, options->err_path };
    int ours[3], theirs[3];
    for (int i = 0; i < 3; i++) {
        if (paths[i]) {
            ours[i] = -1;
            theirs[i] = open_file(paths[i], i ? O_WRONLY | O_CREAT | O_APPEND : O_RDONLY);
            continue;
        }
        int ends[2];
        open_pipe(ends);
        ours[i] = ends[i ? 0 : 1];
        theirs[i] = ends[i ? 1 : 0];
        fcntl(ours[i], F_SETFL, O_NONBLOCK);
    }

    char **env = environment(options->env);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(argv, env, theirs, parent);
    free(env);
    for (int i = 0; i < 3; i++)
        close(theirs[i]);
    if (pid < 0)
        fail_msg("fork: %s", strerror(errno));

    struct process *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->pid = pid;
    p->name = strdup(argv[0]);
    p->in = ours[0];
    p->out = ours[1];
    p->err = ours[2];
    p->next = all;
    all = p;
    return p;
}

struct process *component_start(const char *const args[], const struct process_options *options)
{
    size_t count = 0;
    while (args[count])
        count++;
    const char **argv = calloc(count + 2, sizeof(*argv));
    assert_non_null(argv);
    argv[0] = need_env("KC_TEST_BINARY");
    memcpy(argv + 1, args, count * sizeof(*argv));
    struct process *p = process_start(argv, options);
    free(argv);
    p->is_component = true;
    p->out_pile.watched = "stdout";
    p->err_pile.watched = "stderr";
    p->err_path = options && options->err_path ? strdup(options->err_path) : NULL;
    return p;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

/* --- Waiting --- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Takes what the pipe holds now; closes our end at its end. */
static void drain(int *fd, struct pile *pile)
{
    for (;;) {
        if (pile->taken > 1 << 16 && pile->taken > pile->size / 2) {
            memmove(pile->text, pile->text + pile->taken, pile->size - pile->taken + 1);
            pile->size -= pile->taken;
            pile->taken = 0;
        }
        if (pile->room - pile->size < 1 << 16) {
            pile->room = pile->room * 2 + (1 << 17);
            char *text = realloc(pile->text, pile->room);
            if (!text)
                fail_test("out of memory");
            pile->text = text;
        }
        size_t before = pile->size < OVERLAP ? 0 : pile->size - OVERLAP;
        ssize_t n = read(*fd, pile->text + pile->size, pile->room - pile->size - 1);
        if (n > 0)
            pile->size += (size_t)n;
        if (n > 0 && pile->watched)
            secrets_check(pile->text + before, pile->size - before, pile->watched);
        pile->text[pile->size] = '\0';
        if (n == 0)
            close_end(fd);
        if (n <= 0)
            return;
    }
}

/* Once, when it has said something: before, it may not be the component yet. */
static void look_at_command_line(struct process *p)
{
    if (p->is_component && !p->was_looked_at)
        secrets_check_command_line(p->pid);
    p->was_looked_at = true;
}

/* Serves the pipes once, for wait_ms at most. True: stdin can be written. */
static bool serve(struct process *p, bool wants_write, bool reads_stdout, int wait_ms)
{
    struct pollfd fds[3] = {
        { .fd = wants_write ? p->in : -1, .events = POLLOUT },
        { .fd = reads_stdout ? p->out : -1, .events = POLLIN },
        { .fd = p->err, .events = POLLIN },
    };
    poll(fds, 3, wait_ms < 0 ? 0 : wait_ms);
    if (fds[1].revents || fds[2].revents)
        look_at_command_line(p);
    if (fds[1].revents)
        drain(&p->out, &p->out_pile);
    if (fds[2].revents)
        drain(&p->err, &p->err_pile);
    return fds[0].revents != 0;
}

/* Notes the end of the child when it has come. */
static bool reap(struct process *p)
{
    if (p->is_over)
        return true;
    int status;
    struct rusage use;
    if (wait4(p->pid, &status, WNOHANG, &use) != p->pid)
        return false;
    p->is_over = true;
    p->end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    p->end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    p->end.has_core = WIFSIGNALED(status) && WCOREDUMP(status);
    p->end.cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                   (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    p->end.rss_peak_kb = use.ru_maxrss;
    return true;
}

/* Fails the test with what the child said last. */
static void fail_with_output(struct process *p, const char *what)
{
    const char *out = process_stdout(p), *err = process_stderr(p);
    size_t out_size = strlen(out), err_size = strlen(err);
    const size_t tail = 2000;
    fail_msg("%s (%d): %s\n--- end of its stdout\n%s\n--- end of its stderr\n%s\n---", p->name,
             (int)p->pid, what, out + (out_size > tail ? out_size - tail : 0),
             err + (err_size > tail ? err_size - tail : 0));
}

bool process_is_running(struct process *p)
{
    return !reap(p);
}

static size_t write_some(struct process *p, const char *bytes, size_t size)
{
    ssize_t n = write(p->in, bytes, size);
    if (n < 0 && errno == EPIPE)
        fail_with_output(p, "does not read its stdin any more");
    return n > 0 ? (size_t)n : 0;
}

void process_write(struct process *p, const void *bytes, size_t size, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    size_t done = 0;
    while (done < size) {
        if (serve(p, true, true, (int)(deadline - now_ms())))
            done += write_some(p, (const char *)bytes + done, size - done);
        else if (now_ms() >= deadline)
            fail_with_output(p, "does not take its stdin before the deadline");
    }
}

void process_offer(struct process *p, const void *bytes, size_t size, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (size_t done = 0; done < size && now_ms() < deadline;) {
        if (!serve(p, true, true, POLL_STEP_MS))
            continue;
        ssize_t n = write(p->in, (const char *)bytes + done, size - done);
        if (n < 0 && errno == EPIPE)
            return;
        done += n > 0 ? (size_t)n : 0;
    }
}

size_t process_unread(const struct process *p)
{
    int unread = 0;
    if (ioctl(p->out, FIONREAD, &unread) != 0)
        fail_test("FIONREAD: %s", strerror(errno));
    return (size_t)unread;
}

void process_say(struct process *p, const char *line)
{
    process_write(p, line, strlen(line), SAY_WAIT_MS);
    process_write(p, "\n", 1, SAY_WAIT_MS);
}

size_t process_stuff(struct process *p, const void *bytes, size_t size, int settle_ms)
{
    int64_t last = now_ms();
    size_t done = 0;
    while (done < size && now_ms() - last < settle_ms) {
        if (!serve(p, true, false, POLL_STEP_MS))
            continue;
        size_t n = write_some(p, (const char *)bytes + done, size - done);
        if (n > 0)
            last = now_ms();
        done += n;
    }
    return done;
}

void process_close_stdin(struct process *p)
{
    close_end(&p->in);
}

void process_close_stdout(struct process *p)
{
    close_end(&p->out);
}

/* The next whole line. NULL: there is none yet. */
static const char *next_line(struct process *p)
{
    struct pile *pile = &p->out_pile;
    if (pile->taken == pile->size)
        return NULL;
    const char *start = pile->text + pile->taken;
    const char *newline = memchr(start, '\n', pile->size - pile->taken);
    if (!newline)
        return NULL;
    size_t length = (size_t)(newline - start);
    free(p->line);
    p->line = strndup(start, length);
    assert_non_null(p->line);
    pile->taken += length + 1;
    return p->line;
}

static const char *wait_line(struct process *p, int wait_ms, bool must)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        const char *line = next_line(p);
        if (line || p->out < 0)
            return line;
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            if (must)
                fail_with_output(p, "printed no line before the deadline");
            return NULL;
        }
        serve(p, false, true, (int)left);
    }
}

const char *process_line(struct process *p, int wait_ms)
{
    return wait_line(p, wait_ms, true);
}

const char *process_line_if_any(struct process *p, int wait_ms)
{
    return wait_line(p, wait_ms, false);
}

void process_expect_stderr(struct process *p, const char *text, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!strstr(process_stderr(p), text)) {
        if (now_ms() >= deadline)
            fail_msg("%s never wrote '%s' to stderr, but\n%s", p->name, text,
                     process_stderr(p));
        serve(p, false, true, POLL_STEP_MS);
    }
}

/* Of a process with many threads some go on for a while, and may even answer. */
static void wait_until_stopped(struct process *p)
{
    siginfo_t info = { .si_pid = 0 };
    int64_t deadline = now_ms() + SAY_WAIT_MS;
    while (waitid(P_PID, (id_t)p->pid, &info, WSTOPPED | WNOHANG) != 0 || info.si_pid == 0) {
        if (reap(p))
            return;
        if (now_ms() >= deadline)
            fail_with_output(p, "was not stopped before the deadline");
        usleep(1000);
    }
}

void process_signal(struct process *p, int signal)
{
    look_at_command_line(p);
    if (reap(p))
        return;
    kill(p->pid, signal);
    if (signal == SIGSTOP)
        wait_until_stopped(p);
}

struct process_end process_wait(struct process *p, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!reap(p)) {
        if (now_ms() >= deadline)
            fail_with_output(p, "did not end before the deadline");
        serve(p, false, true, POLL_STEP_MS);
    }
    /* Grandchildren may hold the pipes open: take what is there, wait for no more. */
    serve(p, false, true, 0);
    return p->end;
}

const char *process_stdout(struct process *p)
{
    return p->out_pile.text ? p->out_pile.text + p->out_pile.taken : "";
}

const char *process_stderr(struct process *p)
{
    return p->err_pile.text ? p->err_pile.text : "";
}

void process_keep(struct process *p)
{
    for (struct process **at = &all; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            return;
        }
}

void process_free(struct process *p)
{
    if (!p)
        return;
    process_keep(p);
    look_at_command_line(p);
    if (p->err_path)
        secrets_check_file(p->err_path);
    if (!reap(p)) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    close_end(&p->in);
    close_end(&p->out);
    close_end(&p->err);
    free(p->out_pile.text);
    free(p->err_pile.text);
    free(p->line);
    free(p->err_path);
    free(p->name);
    free(p);
}

int process_free_all(void **state)
{
    (void)state;
    while (all)
        process_free(all);
    return 0;
}

/* --- A whole run --- */

static struct run finish(struct process *p, const char *input, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    const char *rest = input ? input : "";
    size_t left = strlen(rest);
    while (left > 0 && !reap(p) && now_ms() < deadline) {
        if (!serve(p, true, true, POLL_STEP_MS))
            continue;
        ssize_t n = write(p->in, rest, left); /* a child that ends early is no failure here */
        if (n < 0 && errno == EPIPE)
            break;
        rest += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    process_close_stdin(p);
    struct run run = { .process = p };
    run.end = process_wait(p, (int)(deadline - now_ms()));
    run.out = process_stdout(p);
    run.err = process_stderr(p);
    return run;
}

struct run run_process(const char *const argv[], const struct process_options *options,
                       const char *input, int wait_ms)
{
    return finish(process_start(argv, options), input, wait_ms);
}

struct run run_component(const char *const args[], const struct process_options *options,
                         const char *input, int wait_ms)
{
    return finish(component_start(args, options), input, wait_ms);
}

void assert_exit(const struct run *run, int exit_code)
{
    if (run->end.exit_code != exit_code) {
        print_error("exit code %d in place of %d\n", run->end.exit_code, exit_code);
        fail_with_output(run->process, "ended wrongly");
    }
}

void run_free(struct run *run)
{
    process_free(run->process);
    *run = (struct run){ 0 };
}
