// SPDX-License-Identifier: Apache-2.0
#include "daemon.h"

#include "fail.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STOP_WAIT_MS 15000
#define LOG_TAIL     4000
#define PATH_MAX_LEN 128

/* --- Its folder --- */

void daemon_folder(char folder[64], const char *name, bool is_for_bench)
{
    snprintf(folder, 64, "%s/%s.XXXXXX", is_for_bench ? "/dev/shm" : "/tmp", name);
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *what, int flag, struct FTW *at)
{
    (void)what, (void)flag, (void)at;
    return remove(path);
}

void daemon_folder_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

FILE *daemon_file(const char *folder, const char *name)
{
    char path[PATH_MAX_LEN];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void print_end(const char *folder, const char *name)
{
    char path[PATH_MAX_LEN];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *text = read_text_file(path);
    size_t size = strlen(text);
    print_error("--- end of %s\n%s\n", name, text + (size > LOG_TAIL ? size - LOG_TAIL : 0));
    free(text);
}

void daemon_fail(const char *folder, const char *format, ...)
{
    char what[500];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    print_end(folder, "server.log");
    print_end(folder, DAEMON_OUT);
    fail_test("%s", what);
}

char *read_text_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return strdup("");
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, '\0', file) < 0) { /* all of it, or nothing */
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

/* --- Its process --- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        fail_test("no socket");
    return fd;
}

int free_port(void)
{
    static unsigned int next;
    if (next == 0)
        next = (unsigned int)(getpid() * 7 + now_ms());
    for (int tries = 0; tries < 1000; tries++) {
        int port = 20000 + (int)(next++ * 37 % 12000);
        struct sockaddr_in at = loopback(port);
        int fd = new_socket();
        bool is_free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
        close(fd);
        if (is_free)
            return port;
    }
    fail_test("no free port between 20000 and 32000");
}

struct process *daemon_start(const char *folder, const char *const argv[],
                             const char *const env[])
{
    char log[PATH_MAX_LEN];
    snprintf(log, sizeof(log), "%s/" DAEMON_OUT, folder);
    struct process *p = process_start(
        argv, &(struct process_options){
                  .env = env, .in_path = "/dev/null", .out_path = log, .err_path = log });
    process_keep(p);
    return p;
}

static bool is_open(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = new_socket();
    bool is_up = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return is_up;
}

void daemon_wait_port(const char *folder, struct process *p, int port)
{
    int64_t deadline = now_ms() + DAEMON_START_MS;
    while (!is_open(port)) {
        if (!process_is_running(p))
            daemon_fail(folder, "a server ended while starting");
        if (now_ms() > deadline)
            daemon_fail(folder, "a server did not listen within %d s", DAEMON_START_MS / 1000);
        usleep(20000);
    }
}

void daemon_end(struct process **p, int signal)
{
    if (!*p)
        return;
    process_signal(*p, signal);
    int64_t deadline = now_ms() + STOP_WAIT_MS;
    while (process_is_running(*p) && now_ms() < deadline)
        usleep(10000);
    process_free(*p); /* by force, if it must be */
    *p = NULL;
}
