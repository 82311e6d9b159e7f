// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include "process.h"

#include "base/alloc.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define READ_BYTES ((size_t)16384)
#define MAX_BYTES  ((size_t)256 * 1024 * 1024)

bool wire_init(struct wire *w, int fd, SSL_CTX *tls)
{
    w->fd = fd;
    w->ssl = NULL;
    kc_buf_init(&w->in, MAX_BYTES);
    if (!tls)
        return true;
    w->ssl = SSL_new(tls);
    SSL_set_fd(w->ssl, fd);
    return SSL_accept(w->ssl) == 1;
}

void wire_deinit(struct wire *w)
{
    SSL_free(w->ssl);
    kc_buf_deinit(&w->in);
}

bool wire_write(struct wire *w, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        size_t part = len < READ_BYTES ? len : READ_BYTES;
        ssize_t n =
            w->ssl ? SSL_write(w->ssl, p, (int)part) : send(w->fd, p, part, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool wire_is_gone(struct wire *w)
{
    struct pollfd p = { .fd = w->fd, .events = POLLRDHUP };
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static bool read_more(struct wire *w)
{
    char *room = kc_buf_reserve(&w->in, READ_BYTES);
    if (!room)
        return false;
    ssize_t n =
        w->ssl ? SSL_read(w->ssl, room, (int)READ_BYTES) : recv(w->fd, room, READ_BYTES, 0);
    if (n <= 0)
        return false;
    w->in.len += (size_t)n;
    return true;
}

/* --- requests --- */

/* Reads until the mark is there and takes all up to its end; NULL when it never comes. */
static char *take_until(struct wire *w, const char *mark)
{
    size_t mark_len = strlen(mark);
    for (;;) {
        const char *at = w->in.len ? memmem(w->in.data, w->in.len, mark, mark_len) : NULL;
        if (at) {
            size_t len = (size_t)(at - w->in.data) + mark_len;
            char *text = kc_strndup(w->in.data, len);
            kc_buf_consume(&w->in, len);
            return text;
        }
        if (!read_more(w))
            return NULL;
    }
}

static bool take_bytes(struct wire *w, struct kc_buf *out, size_t len)
{
    while (w->in.len < len) {
        if (!read_more(w))
            return false;
    }
    if (!kc_buf_append(out, w->in.data, len))
        return false;
    kc_buf_consume(&w->in, len);
    return true;
}

static bool take_chunks(struct wire *w, struct kc_buf *out)
{
    for (;;) {
        char *line = take_until(w, "\r\n");
        if (!line)
            return false;
        size_t len = strtoul(line, NULL, 16);
        free(line);
        if (len > 0 && !take_bytes(w, out, len))
            return false;
        char *end = take_until(w, "\r\n"); /* our client sends no trailers */
        free(end);
        if (!end || len == 0)
            return end != NULL;
    }
}

static bool take_body(struct wire *w, const struct stub_request *r, struct kc_buf *out)
{
    const char *length = stub_header(r, "Content-Length");
    const char *coding = stub_header(r, "Transfer-Encoding");
    const char *expect = stub_header(r, "Expect");
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (expect && !wire_write(w, go_on, sizeof(go_on) - 1))
        return false;
    if (coding && strncasecmp(coding, "chunked", 7) == 0)
        return take_chunks(w, out);
    return !length || take_bytes(w, out, strtoul(length, NULL, 10));
}

/* The lines of a header as "name NUL value NUL", and a NUL at the end. */
static char *split_lines(const char *head)
{
    char *pairs = kc_alloc0(strlen(head) + 2, 1), *to = pairs;
    for (const char *line = head; *line && *line != '\r'; line = strstr(line, "\r\n") + 2) {
        size_t name_len = strcspn(line, ":\r");
        if (line[name_len] != ':')
            continue;
        memcpy(to, line, name_len);
        to += name_len + 1;
        const char *value = line + name_len + 1 + strspn(line + name_len + 1, " \t");
        size_t value_len = (size_t)(strstr(value, "\r\n") - value);
        memcpy(to, value, value_len);
        to += value_len + 1;
    }
    return pairs;
}

/* "METHOD PATH HTTP/1.1\r\n" and the lines after it. */
static bool split_head(struct stub_request *r, const char *head)
{
    const char *path = strchr(head, ' ');
    const char *version = path ? strchr(path + 1, ' ') : NULL;
    const char *rest = version ? strstr(version, "\r\n") : NULL;
    if (!rest)
        return false;
    r->method = kc_strndup(head, (size_t)(path - head));
    r->path = kc_strndup(path + 1, (size_t)(version - path - 1));
    r->head = kc_strdup(rest + 2);
    r->pairs = split_lines(r->head);
    return true;
}

struct stub_request *wire_read(struct wire *w)
{
    struct stub_request *r = kc_new0(struct stub_request);
    struct kc_buf body;
    kc_buf_init(&body, MAX_BYTES);
    bool is_there = w->in.len > 0 || read_more(w);
    r->began_ms = now_ms();
    char *head = is_there ? take_until(w, "\r\n\r\n") : NULL;
    bool is_whole = head && split_head(r, head) && take_body(w, r, &body);
    free(head);
    if (!is_whole) {
        kc_buf_deinit(&body);
        wire_request_free(r);
        return NULL;
    }
    r->at_ms = now_ms();
    r->body_len = body.len;
    kc_buf_append(&body, "", 1);
    r->body = kc_buf_take(&body);
    return r;
}

void wire_request_free(struct stub_request *r)
{
    free(r->method);
    free(r->path);
    free(r->head);
    free(r->body);
    free(r->pairs);
    free(r);
}

const char *stub_header(const struct stub_request *r, const char *name)
{
    for (const char *p = r->pairs; *p;) {
        const char *value = p + strlen(p) + 1;
        if (strcasecmp(p, name) == 0)
            return value;
        p = value + strlen(value) + 1;
    }
    return NULL;
}
