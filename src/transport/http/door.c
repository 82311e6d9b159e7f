// SPDX-License-Identifier: Apache-2.0
/* door.c - what is refused before a route hears of it: by its headers alone. */
#include "transport/http/server_private.h"

#include "base/alloc.h"
#include "net/digest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool refuse(struct kc_exchange *x, enum kc_code code, const char *text)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, code, 0, "%s", text);
    kc_exchange_problem(x, 0, &err, KC_NO_TEXT);
    return false;
}

/* --- requests that other servers might read differently --- */

struct lengths {
    size_t lengths, encodings, hosts, blanks; /* blanks: in a header's name */
};

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct lengths *n = arg;
    (void)kind;
    (void)value;
    n->lengths += strcasecmp(name, "Content-Length") == 0;
    n->encodings += strcasecmp(name, "Transfer-Encoding") == 0;
    n->hosts += strcasecmp(name, "Host") == 0;
    n->blanks += name[strcspn(name, " \t")] != '\0';
    return MHD_YES;
}

static bool is_one_request(struct kc_exchange *x, const char *version)
{
    struct lengths n = { 0, 0, 0, 0 };
    (void)MHD_get_connection_values(x->connection->native, MHD_HEADER_KIND, count_header, &n);
    if (n.lengths + n.encodings > 1) {
        x->must_close = true; /* where it ends is anybody's guess */
        return refuse(x, KC_BAD_REQUEST,
                      "send one Content-Length or one Transfer-Encoding, not several");
    }
    if (n.blanks > 0) { /* 'Content-Length : 5' is a length to some, and to others it is not */
        x->must_close = true;
        return refuse(x, KC_BAD_REQUEST,
                      "the name of a header ends at its colon, without blanks");
    }
    if (n.hosts > 1 || (n.hosts == 0 && strcmp(version, "HTTP/1.1") == 0)) {
        x->must_close = true;
        return refuse(x, KC_BAD_REQUEST, "send one Host header");
    }
    const char *encoding = kc_exchange_header(x, "Transfer-Encoding");
    if (encoding && strcasecmp(encoding, "chunked") != 0) {
        x->must_close = true;
        return refuse(x, KC_BAD_REQUEST, "the only Transfer-Encoding taken is chunked");
    }
    return true;
}

/* --- web pages must not drive a server on somebody's own machine --- */

/* A host without its port: "[::1]:8080" gives "[::1]". What is no port stays. */
static struct kc_text without_port(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (!end)
        return kc_text(host);
    end += host[0] == '[';
    if (end[0] == ':' && end[1 + strspn(end + 1, "0123456789")] == '\0')
        return (struct kc_text){ host, (size_t)(end - host) };
    return kc_text(host);
}

static bool is_own_name(struct kc_text host)
{
    static const char *const names[] = { "localhost", "[::1]", NULL };
    for (size_t i = 0; names[i]; i++) {
        if (host.len == strlen(names[i]) && strncasecmp(host.p, names[i], host.len) == 0)
            return true;
    }
    return host.len >= 7 && strncmp(host.p, "127.", 4) == 0 &&
           strspn(host.p, "0123456789.") >= host.len;
}

static bool is_at_home(struct kc_exchange *x)
{
    const char *host = kc_exchange_header(x, "Host");
    const char *origin = kc_exchange_header(x, "Origin");
    if (x->server->is_loopback && host && !is_own_name(without_port(host)))
        return refuse(x, KC_FOREIGN,
                      "this server answers to localhost, 127.0.0.1 and [::1] only; behind "
                      "another name give it --listen and an API token");
    if (!origin)
        return true;
    const char *name = strstr(origin, "://");
    if (!name || !host || strcasecmp(name + 3, host) != 0)
        return refuse(x, KC_FOREIGN, "requests from web pages of other sites are refused");
    return true;
}

static bool has_token(struct kc_exchange *x)
{
    static const char scheme[] = "Bearer ";
    const char *token = x->server->conf.api_token;
    const char *given = kc_exchange_header(x, "Authorization");
    if (!token || x->route->is_public)
        return true;
    if (given && strncasecmp(given, scheme, sizeof(scheme) - 1) == 0 &&
        kc_secret_is(kc_text(given + sizeof(scheme) - 1), kc_text(token)))
        return true;
    kc_exchange_set_header(x, "WWW-Authenticate", "Bearer realm=\"kafka-component\"");
    return refuse(x, KC_UNAUTHORIZED,
                  given ? "the API token is not the one that this server was started with"
                        : "send the API token as 'Authorization: Bearer TOKEN'");
}

/* --- where to --- */

/* An address may come whole, as to a proxy: where it leads is the Host header's to say. */
static const char *without_origin(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    const char *path = scheme ? strchr(url + scheme, '/') : url;
    return path ? path : "/";
}

static bool find_route(struct kc_exchange *x, const char *path)
{
    struct kc_text words[KC_WORDS_MAX_IN_PATH] = { { NULL, 0 } };
    char allow[KC_ALLOW_SIZE];
    x->path = kc_strdup(without_origin(path));
    x->route = kc_route_find(x->server->conf.routes, x->method, x->path, words, allow);
    if (!x->route) {
        if (!allow[0])
            return refuse(x, KC_NOT_FOUND,
                          "there is no such path; GET /openapi.json lists them");
        kc_exchange_set_header(x, "Allow", allow);
        return refuse(x, KC_METHOD, "this path does not know that method; Allow lists its own");
    }
    for (size_t i = 0; i < KC_WORDS_MAX_IN_PATH && words[i].p; i++)
        x->words[i] = kc_strndup(words[i].p, words[i].len);
    return true;
}

/* --- the body to come --- */

static bool takes_body(struct kc_exchange *x)
{
    char text[128];
    const char *length = kc_exchange_header(x, "Content-Length");
    const char *encoding = kc_exchange_header(x, "Content-Encoding");
    int64_t bytes = 0;
    if (length && !kc_text_int(kc_text(length), 0, INT64_MAX, &bytes)) {
        x->must_close = true;
        return refuse(x, KC_BAD_REQUEST, "Content-Length must be a number of bytes");
    }
    if (encoding && strcasecmp(encoding, "identity") != 0)
        return refuse(x, KC_MEDIA_TYPE, "send the body without a Content-Encoding");
    if (kc_exchange_is(x, "multipart/form-data"))
        return refuse(x, KC_MEDIA_TYPE, "send the body as application/json");
    const struct kc_upload *upload = x->route->upload;
    if (upload && kc_exchange_is(x, upload->media_type))
        return true;
    if (bytes > (int64_t)x->server->conf.body_max) {
        (void)snprintf(text, sizeof(text),
                       "the body has %" PRId64 " bytes, more than the %zu that are taken "
                       "(--max-body)",
                       bytes, x->server->conf.body_max);
        return refuse(x, KC_INPUT_TOO_LARGE, text);
    }
    return true;
}

static bool is_welcome(struct kc_exchange *x)
{
    if (atomic_load(&x->server->is_stopping)) {
        x->must_close = true;
        return refuse(x, KC_STOPPED, "the server is stopping");
    }
    if (x->connection->excess == KC_EXCESS_NONE)
        return true;
    x->must_close = true;
    if (x->connection->excess == KC_EXCESS_LENGTH) {
        struct kc_error err = { 0 };
        kc_error_set(&err, KC_BAD_REQUEST, 0, "the address is too long");
        kc_exchange_problem(x, 414, &err, KC_NO_TEXT);
        return false;
    }
    return x->connection->excess == KC_EXCESS_ADDRESS
               ? refuse(x, KC_TOO_MANY,
                        "too many connections from this address "
                        "(--max-connections-per-address)")
               : refuse(x, KC_BUSY, "too many connections (--max-connections)");
}

bool kc_door_check(struct kc_exchange *x, const char *url, const char *version)
{
    return is_welcome(x) && is_one_request(x, version) && is_at_home(x) && find_route(x, url) &&
           has_token(x) && takes_body(x);
}
