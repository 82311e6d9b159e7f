// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include "fail.h"
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX 65536 /* larger ones are refused */
#define GRACE_MS         5000
#define EVENTS           256
#define FILES_BESIDE     64 /* what a program has open beside its connections */

struct client {
    int fd; /* -1: gone */
    bool is_dripper, is_waiting;
    int64_t sent_us;
    size_t sent, got; /* bytes of the request, of the answer */
    char *answer;
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    struct sockaddr_in to;
    int epoll;
    struct client *clients; /* drippers after the others */
    int waiting;
    char *request;
    size_t request_size;
    bool is_counting, is_ending;
    int64_t began_us, last_answer_us, drip_began_us, drip_due_us;
    uint32_t *latencies;
    size_t latency_count, latency_room;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void refuse(struct load *l, const char *what, const char *came)
{
    if (l->result->refused++ == 0)
        snprintf(l->result->why, sizeof(l->result->why), "%s%s%.300s", what, came ? ": " : "",
                 came ? came : "");
}

/* --- One connection --- */

static void hang_up(struct load *l, struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    l->waiting -= c->is_waiting;
    c->is_waiting = false;
}

static void connect_one(struct load *l, struct client *c)
{
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->to, sizeof(l->to)) != 0)
        fail_test("connect to %s: %s", l->options->base, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail_test("epoll: %s", strerror(errno));
}

/* The request is small and its predecessor was answered: a socket takes it whole. */
static void post(struct load *l, struct client *c)
{
    c->got = 0;
    c->sent_us = now_us();
    ssize_t n = send(c->fd, l->request, l->request_size, MSG_NOSIGNAL);
    if (n != (ssize_t)l->request_size) {
        refuse(l, "a request was not taken", n < 0 ? strerror(errno) : NULL);
        hang_up(l, c);
        return;
    }
    c->is_waiting = true;
    l->waiting++;
}

static void note(struct load *l, int64_t latency_us)
{
    if (l->latency_count == l->latency_room) {
        l->latency_room = l->latency_room * 2 + 65536;
        uint32_t *more = realloc(l->latencies, l->latency_room * sizeof(*more));
        if (!more)
            fail_test("out of memory");
        l->latencies = more;
    }
    l->latencies[l->latency_count++] = (uint32_t)latency_us;
}

static void note_stall(struct load *l, int64_t now)
{
    int64_t stall_ms = (now - l->last_answer_us) / 1000;
    l->last_answer_us = now;
    if (!l->is_counting)
        return;
    if (stall_ms > l->result->stall_ms)
        l->result->stall_ms = (int)stall_ms;
    l->result->stalls += stall_ms > LOAD_STALL_MS;
}

/* Bytes of the whole answer; 0: it is not there yet. */
static size_t whole(const struct client *c)
{
    const char *empty = strstr(c->answer, "\r\n\r\n");
    const char *length = empty ? strcasestr(c->answer, "\r\nContent-Length:") : NULL;
    if (!length || length > empty)
        return 0;
    size_t size = (size_t)(empty + 4 - c->answer) + strtoul(length + 17, NULL, 10);
    return c->got >= size ? size : 0;
}

static void answered(struct load *l, struct client *c)
{
    int64_t now = now_us();
    bool is_well = strncmp(c->answer, "HTTP/1.1 200", 12) == 0;
    c->is_waiting = false;
    l->waiting--;
    note_stall(l, now);
    if (!is_well)
        refuse(l, "another answer", c->answer);
    else if (l->is_counting)
        note(l, now - c->sent_us);
    l->result->total += is_well;
    if (!is_well || strcasestr(c->answer, "\r\nConnection: close"))
        hang_up(l, c);
    else if (!l->is_ending)
        post(l, c);
}

static void drip_cut(struct load *l, struct client *c)
{
    int after_ms = (int)((now_us() - l->drip_began_us) / 1000);
    if (l->result->drips_cut++ == 0)
        l->result->drip_cut_first_ms = after_ms;
    l->result->drip_cut_last_ms = after_ms;
    hang_up(l, c);
}

static void on_input(struct load *l, struct client *c)
{
    if (c->fd < 0)
        return;
    if (c->is_dripper) { /* whatever comes, it is over */
        drip_cut(l, c);
        return;
    }
    ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_BYTES_MAX - c->got - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->got += n > 0 ? (size_t)n : 0;
    c->answer[c->got] = '\0';
    if (n <= 0 || c->got == ANSWER_BYTES_MAX - 1) {
        refuse(l, "a connection broke off", c->answer);
        hang_up(l, c);
    } else if (c->is_waiting && whole(c) > 0)
        answered(l, c);
}

/* --- Drippers --- */

static void drip(struct load *l, int64_t now)
{
    const struct load_options *o = l->options;
    if (o->drippers == 0 || now < l->drip_due_us)
        return;
    for (int i = 0; i < o->drippers; i++) {
        struct client *c = &l->clients[o->clients + i];
        if (c->fd >= 0 && send(c->fd, &o->drip, 1, MSG_NOSIGNAL) < 0)
            drip_cut(l, c);
    }
    l->drip_due_us += (int64_t)o->drip_pace_ms * 1000;
}

/* --- The run --- */

static void go_on_until(struct load *l, int64_t until_us, bool stops_when_answered)
{
    struct epoll_event events[EVENTS];
    for (int64_t now; (now = now_us()) < until_us;) {
        if (stops_when_answered && l->waiting == 0)
            return;
        drip(l, now);
        int n = epoll_wait(l->epoll, events, EVENTS, 20);
        for (int i = 0; i < n; i++)
            on_input(l, events[i].data.ptr);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static int percentile(const struct load *l, int percent)
{
    size_t at = l->latency_count * (size_t)percent / 100;
    return l->latency_count ? (int)l->latencies[at < l->latency_count ? at : at - 1] : 0;
}

static void allow_files(int count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)count + FILES_BESIDE)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void build(struct load *l)
{
    const struct load_options *o = l->options;
    const char *authority = strstr(o->base, "://"), *colon = strrchr(o->base, ':');
    if (!authority || !colon)
        fail_test("not an address: %s", o->base);
    l->to.sin_family = AF_INET;
    l->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int n = asprintf(&l->request,
                     "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "%sContent-Length: %zu\r\n\r\n%s",
                     o->path, authority + 3, o->headers ? o->headers : "", strlen(o->body),
                     o->body);
    l->clients = calloc((size_t)o->clients + (size_t)o->drippers, sizeof(*l->clients));
    if (n < 0 || !l->clients)
        fail_test("out of memory");
    l->request_size = (size_t)n;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    allow_files(o->clients + o->drippers);
    for (int i = 0; i < o->clients + o->drippers; i++) {
        struct client *c = &l->clients[i];
        c->is_dripper = i >= o->clients;
        c->answer = c->is_dripper ? NULL : calloc(1, ANSWER_BYTES_MAX);
        if (!c->is_dripper && !c->answer)
            fail_test("out of memory");
        connect_one(l, c);
    }
}

static void dismantle(struct load *l)
{
    for (int i = 0; i < l->options->clients + l->options->drippers; i++) {
        hang_up(l, &l->clients[i]);
        free(l->clients[i].answer);
    }
    close(l->epoll);
    free(l->clients);
    free(l->request);
    free(l->latencies);
}

void load_run(const struct load_options *options, struct load_result *result)
{
    *result = (struct load_result){ 0 };
    struct load l = { .options = options, .result = result };
    l.drip_began_us = now_us(); /* whoever takes them counts from when they knocked */
    build(&l);
    l.began_us = l.drip_due_us = l.last_answer_us = now_us();
    for (int i = 0; i < options->clients; i++)
        post(&l, &l.clients[i]);
    for (int i = 0; i < options->drippers; i++) {
        struct client *c = &l.clients[options->clients + i];
        if (send(c->fd, options->drip_head, strlen(options->drip_head), MSG_NOSIGNAL) < 0)
            drip_cut(&l, c);
    }
    go_on_until(&l, l.began_us + (int64_t)options->warm_up_ms * 1000, false);

    double cpu = cpu_s(options->server);
    int64_t counted_us = now_us();
    l.is_counting = true;
    l.last_answer_us = counted_us;
    go_on_until(&l, counted_us + (int64_t)options->measure_ms * 1000, false);
    note_stall(&l, now_us());
    result->cpu_s = cpu_s(options->server) - cpu;
    result->seconds = (double)(now_us() - counted_us) / 1e6;
    result->answers = (int64_t)l.latency_count;

    /* What is still due takes part in the latencies: a request that hangs is not left out. */
    l.is_ending = true;
    go_on_until(&l, now_us() + (int64_t)GRACE_MS * 1000, true);
    for (int i = 0; i < options->clients; i++) {
        if (l.clients[i].is_waiting)
            refuse(&l, "a request was never answered", NULL);
    }
    if (l.latency_count > 0)
        qsort(l.latencies, l.latency_count, sizeof(*l.latencies), by_size);
    result->p50_us = percentile(&l, 50);
    result->p99_us = percentile(&l, 99);
    result->max_us = percentile(&l, 100);
    dismantle(&l);
}
