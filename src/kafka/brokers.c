// SPDX-License-Identifier: Apache-2.0
#include "kafka/brokers.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT   "9092"
#define LIST_MAX_BYTES (1024 * 1024)

/* Also "fe80::1%eth0". */
static bool is_ipv6(struct kc_text b)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    const char *zone = memchr(b.p, '%', b.len);
    size_t len = zone ? (size_t)(zone - b.p) : b.len;
    if (len >= sizeof(address))
        return false;
    memcpy(address, b.p, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* "host", "host:port", "[::1]", "[::1]:port", "::1". */
static bool split_address(struct kc_text b, struct kc_text *host, struct kc_text *port)
{
    const char *end = b.p + b.len;
    *host = b;
    *port = KC_LIT(DEFAULT_PORT);
    if (b.p[0] == '[') {
        const char *close = memchr(b.p, ']', b.len);
        if (!close || (close + 1 < end && close[1] != ':'))
            return false;
        *host = (struct kc_text){ b.p + 1, (size_t)(close - b.p) - 1 };
        if (close + 1 < end)
            *port = (struct kc_text){ close + 2, (size_t)(end - close) - 2 };
        return is_ipv6(*host);
    }
    const char *colon = is_ipv6(b) ? NULL : memchr(b.p, ':', b.len);
    if (colon) {
        *host = (struct kc_text){ b.p, (size_t)(colon - b.p) };
        *port = (struct kc_text){ colon + 1, (size_t)(end - colon) - 1 };
    }
    return host->len > 0 && !memchr(b.p, '[', b.len) && !memchr(b.p, ']', b.len);
}

/* Appends an address with its port. */
static bool add_broker(struct kc_buf *list, struct kc_text b)
{
    struct kc_text host, port;
    int64_t number;
    const char *scheme = memmem(b.p, b.len, "://", 3);
    if (scheme) { /* SASL_SSL://host:9092 as Kafka's own tools show it */
        size_t skip = (size_t)(scheme - b.p) + 3;
        b = (struct kc_text){ b.p + skip, b.len - skip };
    }
    if (b.len == 0 || b.len > 260 || memchr(b.p, '@', b.len) || memchr(b.p, '"', b.len) ||
        !split_address(b, &host, &port) || !kc_text_int(port, 1, 65535, &number))
        return false;
    bool has_brackets = memchr(host.p, ':', host.len) != NULL;
    return kc_buf_printf(list, "%s%s%.*s%s:%d", list->len ? "," : "", has_brackets ? "[" : "",
                         (int)host.len, host.p, has_brackets ? "]" : "", (int)number);
}

/* Of "user:password@host" only what stands behind the @ is quoted, and nothing where another @
 * follows: the piece may be part of a password that holds what separates addresses. */
static void refuse(struct kc_text b, const char *rest, struct kc_faults *faults)
{
    const char *user = memrchr(b.p, '@', b.len);
    bool has_quotes = memchr(b.p, '"', b.len) || memchr(b.p, '\'', b.len);
    if (user)
        b = (struct kc_text){ user + 1, b.len - (size_t)(user - b.p) - 1 };
    int len = b.len > 80 ? 80 : (int)b.len;
    if (strchr(rest, '@'))
        kc_faults_add(faults, "/brokers",
                      "holds an @: a user and a password have fields of their own");
    else if (user)
        kc_faults_add(faults, "/brokers",
                      "'…@%.*s': a user and a password have fields of their own", len, b.p);
    else
        kc_faults_add(faults, "/brokers", "'%.*s' is not host:port (port 1-65535)%s", len, b.p,
                      has_quotes ? "; write addresses without quotes and brackets" : "");
}

char *kc_brokers_read(const char *text, struct kc_faults *faults)
{
    static const char separators[] = ", \t\r\n;";
    struct kc_buf list;
    kc_buf_init(&list, LIST_MAX_BYTES);
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, separators);
        if (len && !add_broker(&list, (struct kc_text){ p, len })) {
            refuse((struct kc_text){ p, len }, p + len, faults);
            kc_buf_deinit(&list);
            return NULL;
        }
        p += len + (p[len] != '\0');
    }
    if (list.len > 0)
        return kc_buf_take(&list);
    kc_faults_add(faults, "/brokers", "names no broker");
    kc_buf_deinit(&list);
    return NULL;
}

const char *kc_broker_show(const struct kc_broker *b, char out[KC_BROKER_SHOWN])
{
    bool is_v6 = strchr(b->host, ':') != NULL;
    (void)snprintf(out, KC_BROKER_SHOWN, "%s%s%s:%d", is_v6 ? "[" : "", b->host,
                   is_v6 ? "]" : "", b->port);
    return out;
}

bool kc_brokers_next(const char **list, struct kc_broker *out)
{
    struct kc_text host, port;
    int64_t number = 0;
    size_t len = strcspn(*list, ",");
    if (len == 0 || !split_address((struct kc_text){ *list, len }, &host, &port) ||
        host.len >= sizeof(out->host) || !kc_text_int(port, 1, 65535, &number))
        return false;
    memcpy(out->host, host.p, host.len);
    out->host[host.len] = '\0';
    out->port = (int)number;
    *list += len + ((*list)[len] == ',');
    return true;
}
