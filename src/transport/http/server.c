// SPDX-License-Identifier: Apache-2.0
/* server.c - the loop: libmicrohttpd's epoll set inside our own.
 *
 * libmicrohttpd's own epoll thread stalls when a multiple of 128 connections is ready at once
 * (0.9.75), so we wait for its set ourselves and run it without waiting. */
#include "transport/http/server_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/http/listen.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Of a connection: its headers, and blocks on their way. libmicrohttpd clears all of it after
 * each request, so that four times as much cost a fifth of a small request. */
#define MEMORY_BYTES    12288
#define INCREMENT_BYTES 4096
#define ADDRESS_MAX     6144 /* what fits that memory beside usual headers */
#define PARAMETERS_MAX  64
#define REFUSED_MAX     64  /* connections beyond the limit that get an answer */
#define SWEEP_MS        250 /* between two looks at deadlines */
#define CROWD           16  /* exchanges that are open */
#define GATHER_US       100
#define LAST_MS         500 /* for what was answered at the very end to be sent */

/* --- the end of a request --- */

static void on_completed(void *arg, struct MHD_Connection *native, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct kc_server *s = arg;
    struct kc_exchange *x = *request;
    (void)why;
    *request = NULL;
    if (!x)
        return;
    if (x->flow) {
        kc_flow_over(x);
        (void)MHD_set_connection_option(native, MHD_CONNECTION_OPTION_TIMEOUT,
                                        (unsigned int)(s->conf.idle_ms / 1000));
    }
    kc_exchange_break_off(x);
    if (s->conf.answered && x->status)
        s->conf.answered(s->conf.service, x->route, x->method, x->status, x->code,
                         kc_now_us() - x->started_us);
    kc_connection_enter(x->connection, KC_PHASE_HEADERS,
                        kc_now_ms() + s->conf.idle_ms + s->conf.header_ms);
    kc_exchange_drop(x);
}

static void on_connection(void *arg, struct MHD_Connection *native, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct kc_server *s = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = kc_connection_add(&s->connections, native, kc_now_ms() + s->conf.header_ms);
    } else if (*context) {
        kc_connection_remove(&s->connections, *context);
        *context = NULL;
    }
}

/* libmicrohttpd's own would end a text at a %00, and a topic "a%00b" would be "a". It stays as
 * it is spelled, which is no valid anything. */
static size_t on_unescape(void *arg, struct MHD_Connection *native, char *text)
{
    (void)arg;
    (void)native;
    size_t len = 0;
    for (char *part = text;;) {
        char *nul = strstr(part, "%00");
        if (nul)
            *nul = '\0';
        size_t part_len = MHD_http_unescape(part);
        memmove(text + len, part, part_len + 1);
        len += part_len;
        if (!nul)
            return len;
        text[len++] = '%';
        text[len++] = '0';
        text[len++] = '0';
        part = nul + 3;
    }
}

/* What libmicrohttpd has no room to take apart it drops without an answer, so we give one. Over
 * TLS only the door can, where a request gets that far. */
static void *on_address(void *arg, const char *uri, struct MHD_Connection *native)
{
    struct kc_connection *c = kc_connection_of(native);
    const struct kc_server *s = arg;
    size_t parameters = 0;
    for (const char *p = strchr(uri, '?'); p; p = strchr(p + 1, '&'))
        parameters++;
    if (parameters <= PARAMETERS_MAX && strlen(uri) <= ADDRESS_MAX)
        return NULL;
    c->excess = KC_EXCESS_LENGTH;
    if (!s->conf.tls_cert)
        kc_connection_say(c,
                          "HTTP/1.1 414 URI Too Long\r\nConnection: close\r\n"
                          "Content-Length: 0\r\n\r\n",
                          KC_LIT(""));
    return NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *format,
                                                         va_list args)
{
    char text[512];
    (void)arg;
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    kc_log(KC_DEBUG, "http_library", KC_S("text", text));
}

/* --- the loop --- */

void kc_server_wake(struct kc_server *s)
{
    const uint64_t one = 1;
    if (!atomic_exchange(&s->is_woken, true) && write(s->wake_fd, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}

/* Answers of a crowd come together, and a look around costs as much as several of them. So the
 * loop lets the others come too; who is alone or among few never waits. */
static void gather(const struct kc_server *s)
{
    const struct timespec moment = { 0, GATHER_US * 1000L };
    if (atomic_load(&s->open) >= CROWD)
        (void)nanosleep(&moment, NULL);
}

static int wait_ms(struct kc_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES || ms > SWEEP_MS)
        return SWEEP_MS;
    return (int)ms;
}

static void look_around(struct kc_server *s)
{
    struct epoll_event events[64];
    int n = epoll_wait(s->watch_fd, events, 64, wait_ms(s));
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == s) {
            uint64_t count;
            gather(s);
            if (read(s->wake_fd, &count, sizeof(count)) < 0) {
                /* nothing to read is fine */
            }
            /* Afterwards, or the read could swallow what was written since, and nobody would
             * write again. Who comes in between is looked at now anyway. */
            atomic_store(&s->is_woken, false);
        } else if (events[i].data.ptr) {
            kc_flow_cut(events[i].data.ptr);
        }
    }
}

/* From now on only what has been accepted counts. */
static void close_door(struct kc_server *s)
{
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0)
        close(fd);
    s->listen_fd = -1;
    kc_connections_cut_idle(&s->connections);
}

static bool is_done(const struct kc_server *s, int64_t grace_ms)
{
    if (!atomic_load(&s->is_stopping))
        return false;
    return atomic_load(&s->open) == 0 || kc_now_ms() >= atomic_load(&s->stop_by_ms) + grace_ms;
}

void kc_server_run(struct kc_server *s)
{
    int64_t sweep_ms = 0;
    while (!is_done(s, LAST_MS)) {
        look_around(s);
        (void)MHD_run(s->daemon);
        if (s->conf.rounded)
            s->conf.rounded(s->conf.service);
        if (atomic_load(&s->is_stopping) && s->listen_fd >= 0)
            close_door(s);
        int64_t now_ms = kc_now_ms();
        if (now_ms < sweep_ms)
            continue;
        sweep_ms = now_ms + SWEEP_MS;
        int cut = kc_connections_cut_due(&s->connections, now_ms);
        if (cut > 0)
            kc_log(KC_DEBUG, "slow_clients_cut", KC_I("count", cut));
    }
}

void kc_server_stop(struct kc_server *s, int drain_ms)
{
    int64_t by_ms = kc_now_ms() + drain_ms;
    if (by_ms < atomic_load(&s->stop_by_ms))
        atomic_store(&s->stop_by_ms, by_ms);
    atomic_store(&s->is_stopping, true);
    kc_server_wake(s);
}

/* --- life --- */

static bool watch(struct kc_server *s, int fd, void *what, struct kc_error *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };
    if (epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return true;
    kc_error_set(err, KC_INTERNAL, errno, "epoll_ctl: %s", strerror(errno));
    return false;
}

static struct MHD_Daemon *start(struct kc_server *s, const struct kc_tls_files *tls)
{
    struct MHD_OptionItem secure[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, tls->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, tls->priorities },
        { MHD_OPTION_END, 0, NULL },
    };
    const struct MHD_OptionItem *none = &secure[3];
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                         (tls->cert ? MHD_USE_TLS : 0);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, kc_exchange_serve, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK,
        on_address, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)s->conf.connections_max + REFUSED_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)(s->conf.idle_ms + 999) / 1000,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)INCREMENT_BYTES, MHD_OPTION_ARRAY,
        tls->cert ? secure : none, MHD_OPTION_END);
}

bool kc_server_open(struct kc_server **out, const struct kc_server_conf *conf,
                    struct kc_error *err)
{
    struct kc_tls_files tls = { NULL, NULL, NULL };
    struct kc_server *s = kc_new0(struct kc_server);
    s->conf = *conf;
    s->listen_fd = s->wake_fd = s->watch_fd = -1;
    s->connections.max = conf->connections_max;
    s->connections.max_per_address = conf->connections_per_address;
    atomic_store(&s->stop_by_ms, INT64_MAX / 2);
    if (!kc_listen(conf->listen, conf->api_token != NULL, &s->listen_fd, s->address,
                   sizeof(s->address), &s->is_loopback, err) ||
        !kc_tls_files_read(&tls, conf->tls_cert, conf->tls_key, err))
        goto fail;
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->daemon = start(s, &tls);
    if (!s->daemon) {
        kc_error_set(err, tls.cert ? KC_CONFIG : KC_INTERNAL, errno,
                     "the HTTP server does not start%s",
                     tls.cert ? ": do --tls-cert and --tls-key hold a PEM certificate and its "
                                "unencrypted key?"
                              : "");
        goto fail;
    }
    int set = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (!watch(s, set, NULL, err) || !watch(s, s->wake_fd, s, err))
        goto fail;
    kc_tls_files_wipe(&tls);
    *out = s;
    return true;
fail:
    kc_tls_files_wipe(&tls);
    kc_server_close(s);
    return false;
}

void kc_server_close(struct kc_server *s)
{
    if (!s)
        return;
    int open = atomic_load(&s->open);
    if (open > 0) /* libmicrohttpd cannot be stopped while requests are suspended */
        kc_log(KC_WARN, "requests_unanswered", KC_I("count", open));
    else if (s->daemon)
        MHD_stop_daemon(s->daemon);
    if (s->listen_fd >= 0 && !s->daemon)
        close(s->listen_fd);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    if (s->watch_fd >= 0)
        close(s->watch_fd);
    if (open == 0)
        free(s);
}

const char *kc_server_address(const struct kc_server *s)
{
    return s->address;
}

int kc_server_connections(const struct kc_server *s)
{
    return atomic_load(&s->connections.count);
}
