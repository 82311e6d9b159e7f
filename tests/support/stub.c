// SPDX-License-Identifier: Apache-2.0
/* stub.c
 *
 * Threads    accept      takes connections
 *            connection  one each, detached: reads requests, answers them
 *            the test's  everything in stub.h
 * Shutdown   stop() shuts all sockets, which ends every read and write, and waits until the
 *            last connection is gone */
#include "stub.h"

#include "secrets.h"

#include "fail.h"
#include "process.h"
#include "wire.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BACKLOG       512
#define URLS_MAX      64
#define CONNECTIONS   4096 /* more are closed at once */
#define ENDLESS_BYTES 1000 /* a chunk of an endless body that was not given */

struct queued {
    struct stub_answer answer;
    struct queued *next;
};

struct stub {
    int listener, port;
    SSL_CTX *tls;
    pthread_t accept_thread;
    char *urls[URLS_MAX];
    size_t url_count; /* the test's thread only */
    bool takes_secrets;
    struct stub *next;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    int fds[CONNECTIONS]; /* of open connections; 0: none there */
    int accepted, open;
    struct stub_request **requests;
    size_t count, room;
    struct queued *queue;
    struct stub_answer always;
    stub_decides *decides;
    void *decides_arg;
};

struct connection {
    struct stub *stub;
    struct wire wire;
    int number, fd;
    size_t slot; /* in fds */
};

static struct stub *all; /* for stub_stop_all() */

/* --- answers --- */

static void copy_answer(struct stub_answer *to, const struct stub_answer *from)
{
    size_t count = 0;
    *to = *from;
    to->body = NULL;
    to->headers = NULL;
    to->raw = kc_strdup(from->raw);
    to->body_len = from->body_len || !from->body ? from->body_len : strlen(from->body);
    if (from->body) {
        char *body = kc_alloc0(to->body_len + 1, 1);
        memcpy(body, from->body, to->body_len);
        to->body = body;
    }
    while (from->headers && from->headers[count])
        count++;
    char **headers = kc_new0_array(char *, count + 1);
    for (size_t i = 0; i < count; i++)
        headers[i] = kc_strdup(from->headers[i]);
    to->headers = (const char *const *)headers;
}

static void *unconst(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = { .in = p };
    return u.out;
}

static void drop_answer(struct stub_answer *answer)
{
    for (size_t i = 0; answer->headers && answer->headers[i]; i++)
        free(unconst(answer->headers[i]));
    free(unconst(answer->headers));
    free(unconst(answer->body));
    free(unconst(answer->raw));
    memset(answer, 0, sizeof(*answer));
}

/* Waits, unless the stub ends: then false. */
static bool pause_for(struct stub *s, int wait_ms)
{
    int64_t until = now_ms() + wait_ms;
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping && now_ms() < until)
        kc_cond_wait(&s->changed, &s->lock, (int)(until - now_ms()));
    bool goes_on = !s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

static bool drip(struct connection *c, const char *body, size_t len, int drip_ms)
{
    for (size_t i = 0; i < len; i++) {
        if (!wire_write(&c->wire, body + i, 1) || !pause_for(c->stub, drip_ms))
            return false;
    }
    return true;
}

static bool send_endless(struct connection *c, const struct stub_answer *a)
{
    char filler[ENDLESS_BYTES], size[32];
    memset(filler, 'x', sizeof(filler));
    const char *body = a->body_len ? a->body : filler;
    size_t len = a->body_len ? a->body_len : sizeof(filler);
    snprintf(size, sizeof(size), "%zx\r\n", len);
    while (wire_write(&c->wire, size, strlen(size)) && wire_write(&c->wire, body, len) &&
           wire_write(&c->wire, "\r\n", 2)) {
        if (!pause_for(c->stub, a->drip_ms))
            break;
    }
    return false;
}

static bool send_head(struct connection *c, const struct stub_answer *a, bool has_body)
{
    struct kc_buf head;
    kc_buf_init(&head, KC_BUF_UNBOUNDED);
    kc_buf_printf(&head, "HTTP/1.1 %d Stub\r\n", a->status ? a->status : 200);
    for (size_t i = 0; a->headers && a->headers[i]; i++)
        kc_buf_printf(&head, "%s\r\n", a->headers[i]);
    if (a->closes_after)
        kc_buf_puts(&head, "Connection: close\r\n");
    if (a->is_endless)
        kc_buf_puts(&head, "Transfer-Encoding: chunked\r\n");
    else if (has_body)
        kc_buf_printf(&head, "Content-Length: %zu\r\n", a->body_len);
    kc_buf_puts(&head, "\r\n");
    bool is_sent = wire_write(&c->wire, head.data, head.len);
    kc_buf_deinit(&head);
    return is_sent;
}

static bool never_answer(struct connection *c)
{
    while (!wire_is_gone(&c->wire) && pause_for(c->stub, 10))
        ;
    return false;
}

/* False when the connection ends with this answer. */
static bool send_answer(struct connection *c, const char *method, const struct stub_answer *a)
{
    bool has_body = a->status != 204 && a->status != 304;
    size_t len = a->cut_after && a->cut_after < a->body_len ? a->cut_after : a->body_len;
    if (a->never_answers)
        return never_answer(c);
    if ((a->delay_ms && !pause_for(c->stub, a->delay_ms)) || a->closes_first)
        return false;
    if (a->raw) {
        (void)wire_write(&c->wire, a->raw, strlen(a->raw));
        return false;
    }
    if (!send_head(c, a, has_body))
        return false;
    if (a->is_endless)
        return send_endless(c, a);
    if (has_body && strcmp(method, "HEAD") != 0) {
        bool is_sent =
            a->drip_ms ? drip(c, a->body, len, a->drip_ms) : wire_write(&c->wire, a->body, len);
        if (!is_sent || len < a->body_len)
            return false;
    }
    return !a->closes_after;
}

/* --- connections --- */

static void keep_request(struct stub *s, struct stub_request *r) /* needs lock */
{
    if (r->path)
        secrets_check(r->path, strlen(r->path), "a request's URL");
    if (r->head && !s->takes_secrets)
        secrets_check(r->head, strlen(r->head), "a request's header");
    if (r->body)
        secrets_check(r->body, r->body_len, "a request's body");
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->requests = kc_realloc(s->requests, s->room, sizeof(struct stub_request *));
    }
    s->requests[s->count++] = r;
    pthread_cond_broadcast(&s->changed);
}

/* A copy that is this thread's own. */
static void choose_answer(struct stub *s, struct stub_request *r, struct stub_answer *out)
{
    struct stub_answer decided = { 0 };
    pthread_mutex_lock(&s->lock);
    keep_request(s, r);
    struct queued *first = s->queue;
    stub_decides *decides = s->decides;
    void *arg = s->decides_arg;
    if (first) {
        s->queue = first->next;
        *out = first->answer;
    } else {
        copy_answer(out, &s->always);
    }
    pthread_mutex_unlock(&s->lock);
    if (!first && decides && decides(arg, r, &decided)) {
        drop_answer(out);
        copy_answer(out, &decided);
    }
    free(first);
}

static void *serve_connection(void *arg)
{
    struct connection *c = arg;
    struct stub *s = c->stub;
    struct stub_request *r;
    bool goes_on = wire_init(&c->wire, c->fd, s->tls);
    while (goes_on && (r = wire_read(&c->wire))) {
        struct stub_answer answer;
        r->connection = c->number;
        choose_answer(s, r, &answer);
        goes_on = send_answer(c, r->method, &answer);
        drop_answer(&answer);
    }
    wire_deinit(&c->wire);
    pthread_mutex_lock(&s->lock);
    s->fds[c->slot] = 0;
    close(c->fd);
    s->open--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock); /* the stub may be gone from here on */
    free(c);
    return NULL;
}

static void start_connection(struct stub *s, int fd)
{
    int on = 1;
    pthread_t thread;
    pthread_mutex_lock(&s->lock);
    size_t slot = 0;
    while (slot < CONNECTIONS && s->fds[slot])
        slot++;
    if (s->is_stopping || slot == CONNECTIONS) {
        pthread_mutex_unlock(&s->lock);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct connection *c = kc_new0(struct connection);
    *c = (struct connection){ .stub = s, .number = s->accepted++, .fd = fd, .slot = slot };
    s->fds[slot] = fd;
    s->open++;
    pthread_mutex_unlock(&s->lock);
    kc_thread_start(&thread, "stub", serve_connection, c);
    pthread_detach(thread);
}

static void *run_accept(void *arg)
{
    struct stub *s = arg;
    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            start_connection(s, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL; /* shut by stop() */
    }
}

/* --- starting and stopping --- */

static void listen_on(struct stub *s, int port)
{
    int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof(at);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, len) != 0 ||
        listen(s->listener, BACKLOG) ||
        getsockname(s->listener, (struct sockaddr *)&at, &len) != 0)
        fail_test("the stub cannot listen on port %d: %s", port, strerror(errno));
    s->port = ntohs(at.sin_port);
}

struct stub *stub_start(const struct stub_options *options)
{
    struct stub *s = kc_new0(struct stub);
    const char *pem = options ? options->tls_pem : NULL;
    s->takes_secrets = options && options->takes_secrets;
    listen_on(s, options ? options->port : 0);
    if (pem) {
        s->tls = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_PrivateKey_file(s->tls, pem, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_certificate_file(s->tls, pem, SSL_FILETYPE_PEM) != 1)
            fail_test("the stub cannot read %s", pem);
    }
    if (pem && options->client_ca) {
        SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        if (SSL_CTX_load_verify_locations(s->tls, options->client_ca, NULL) != 1)
            fail_test("the stub cannot read %s", options->client_ca);
    }
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->changed);
    s->next = all;
    all = s;
    kc_thread_start(&s->accept_thread, "stub-accept", run_accept, s);
    return s;
}

static void end_connections(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (s->fds[i])
            shutdown(s->fds[i], SHUT_RDWR);
    }
    while (s->open > 0)
        kc_cond_wait(&s->changed, &s->lock, 1000);
    pthread_mutex_unlock(&s->lock);
}

static void free_stub(struct stub *s)
{
    struct queued *next;
    for (struct queued *q = s->queue; q; q = next) {
        next = q->next;
        drop_answer(&q->answer);
        free(q);
    }
    for (size_t i = 0; i < s->count; i++)
        wire_request_free(s->requests[i]);
    for (size_t i = 0; i < s->url_count; i++)
        free(s->urls[i]);
    free(s->requests);
    drop_answer(&s->always);
    SSL_CTX_free(s->tls);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void stub_stop(struct stub *s)
{
    if (!s)
        return;
    for (struct stub **at = &all; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->accept_thread, NULL);
    close(s->listener);
    end_connections(s);
    free_stub(s);
}

int stub_stop_all(void **state)
{
    (void)state;
    while (all)
        stub_stop(all);
    return 0;
}

int stub_port(const struct stub *s)
{
    return s->port;
}

const char *stub_url(struct stub *s, const char *path)
{
    char url[2100];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", s->tls ? "https" : "http", s->port, path);
    for (size_t i = 0; i < s->url_count; i++) {
        if (strcmp(s->urls[i], url) == 0)
            return s->urls[i];
    }
    if (s->url_count == URLS_MAX)
        fail_test("a stub has %d URLs", URLS_MAX);
    return s->urls[s->url_count++] = kc_strdup(url);
}

/* --- what it answers, what came --- */

void stub_next(struct stub *s, const struct stub_answer *answer)
{
    struct queued *q = kc_new0(struct queued), **end;
    copy_answer(&q->answer, answer);
    pthread_mutex_lock(&s->lock);
    for (end = &s->queue; *end; end = &(*end)->next)
        ;
    *end = q;
    pthread_mutex_unlock(&s->lock);
}

void stub_always(struct stub *s, const struct stub_answer *answer)
{
    pthread_mutex_lock(&s->lock);
    drop_answer(&s->always);
    copy_answer(&s->always, answer);
    pthread_mutex_unlock(&s->lock);
}

void stub_decide(struct stub *s, stub_decides *decides, void *arg)
{
    pthread_mutex_lock(&s->lock);
    s->decides = decides;
    s->decides_arg = arg;
    pthread_mutex_unlock(&s->lock);
}

size_t stub_count(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

int stub_connections(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    int accepted = s->accepted;
    pthread_mutex_unlock(&s->lock);
    return accepted;
}

int stub_open(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    int open = s->open;
    pthread_mutex_unlock(&s->lock);
    return open;
}

const struct stub_request *stub_get(struct stub *s, size_t index)
{
    pthread_mutex_lock(&s->lock);
    const struct stub_request *r = index < s->count ? s->requests[index] : NULL;
    pthread_mutex_unlock(&s->lock);
    return r;
}

const struct stub_request *stub_wait(struct stub *s, size_t index, int wait_ms)
{
    int64_t until = now_ms() + wait_ms;
    pthread_mutex_lock(&s->lock);
    while (s->count <= index && now_ms() < until)
        kc_cond_wait(&s->changed, &s->lock, kc_ms_until(until, wait_ms));
    size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    if (count <= index)
        fail_test("request %zu did not come within %d ms; there were %zu", index, wait_ms,
                  count);
    return stub_get(s, index);
}
