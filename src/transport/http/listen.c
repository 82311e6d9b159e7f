// SPDX-License-Identifier: Apache-2.0
#include "transport/http/listen.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG       1024
#define PEM_MAX_BYTES (1024 * 1024)

/* --- the socket --- */

static bool split(const char *where, char host[64], char port[8], struct kc_error *err)
{
    const char *colon = strrchr(where, ':');
    bool has_brackets = where[0] == '[' && colon && colon > where + 1 && colon[-1] == ']';
    const char *start = where + has_brackets;
    size_t len = colon ? (size_t)(colon - start) - has_brackets : 0;
    int64_t number;
    if (!colon || len >= 64 || !kc_text_int(kc_text(colon + 1), 0, 65535, &number)) {
        kc_error_set(err, KC_CONFIG, 0,
                     "--listen takes HOST:PORT, such as 127.0.0.1:8080 or [::1]:0, not '%s'",
                     where);
        return false;
    }
    memcpy(host, start, len);
    host[len] = '\0';
    (void)snprintf(port, 8, "%d", (int)number);
    return true;
}

static bool is_loopback_address(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
    uint32_t v4 = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
    return v4 >> 24 == 127;
}

static bool open_socket(const struct addrinfo *a, const char *where, int *fd,
                        struct kc_error *err)
{
    const int on = 1;
    *fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(*fd, a->ai_addr, a->ai_addrlen) == 0 && listen(*fd, BACKLOG) == 0)
        return true;
    kc_error_set(err, KC_CONFIG, errno, "cannot listen on %s: %s%s", where, strerror(errno),
                 errno == EADDRINUSE ? " (another --listen, or port 0 for a free one)" : "");
    return false;
}

static void tell_address(int fd, char *address, size_t size)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char host[INET6_ADDRSTRLEN], port[8];
    memset(&a, 0, sizeof(a));
    (void)getsockname(fd, (struct sockaddr *)&a, &len);
    (void)getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(address, size, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool kc_listen(const char *where, bool has_token, int *fd, char *address, size_t address_size,
               bool *is_loopback, struct kc_error *err)
{
    char host[64], port[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    if (!split(where, host, port, err))
        return false;
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (failed) {
        kc_error_set(err, KC_CONFIG, 0, "cannot listen on %s: %s", where, gai_strerror(failed));
        return false;
    }
    *is_loopback = is_loopback_address(found->ai_addr);
    bool ok = *is_loopback || has_token;
    if (!ok)
        kc_error_set(err, KC_CONFIG, 0,
                     "%s can be reached from other machines: give an API token "
                     "(--api-token-file FILE, or KAFKA_COMPONENT_API_TOKEN)",
                     where);
    ok = ok && open_socket(found, where, fd, err);
    if (ok)
        tell_address(*fd, address, address_size);
    freeaddrinfo(found);
    return ok;
}

/* --- TLS --- */

static char *read_pem(const char *path, const char *option, struct kc_error *err)
{
    struct kc_buf text;
    kc_buf_init(&text, PEM_MAX_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    while (fd >= 0) {
        char *room = kc_buf_reserve(&text, 4096);
        if (!room) {
            errno = EFBIG;
            n = -1;
            break;
        }
        n = read(fd, room, 4096);
        if (n <= 0)
            break;
        text.len += (size_t)n;
    }
    if (n < 0)
        kc_error_set(err, KC_CONFIG, errno, "%s %s: %s", option, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    char *pem = n < 0 ? NULL : kc_buf_take(&text);
    kc_buf_deinit(&text);
    return pem;
}

bool kc_tls_files_read(struct kc_tls_files *f, const char *cert_path, const char *key_path,
                       struct kc_error *err)
{
    if (!cert_path && !key_path)
        return true;
    if (!cert_path || !key_path) {
        kc_error_set(err, KC_CONFIG, 0, "--tls-cert and --tls-key belong together");
        return false;
    }
    f->priorities = kc_strdup("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
    f->cert = read_pem(cert_path, "--tls-cert", err);
    f->key = f->cert ? read_pem(key_path, "--tls-key", err) : NULL;
    return f->key != NULL;
}

void kc_tls_files_wipe(struct kc_tls_files *f)
{
    if (f->key)
        explicit_bzero(f->key, strlen(f->key));
    free(f->cert);
    free(f->key);
    free(f->priorities);
    *f = (struct kc_tls_files){ NULL, NULL, NULL };
}
