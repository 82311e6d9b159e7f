// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/uri.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FRAME_DEFAULT   131072 /* what RabbitMQ offers */
#define FRAME_LEAST     4096   /* AMQP's own floor */
#define FRAME_MOST      16777216
#define HEARTBEAT_MAX_S 65535
#define CHANNEL_MAX     65535

static bool fail(struct kc_error *err, const char *fault)
{
    kc_error_set(err, KC_CONFIG, 0, "the AMQP address %s", fault);
    return false;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A '%' that begins no escape stands for itself, as it does for the platform's other steps.
 * NULL where there is a NUL. */
static char *decode(struct kc_text t)
{
    char *out = kc_alloc0(t.len + 1, 1);
    size_t len = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];
        if (c == '%' && t.len - i > 2 && hex(t.p[i + 1]) >= 0 && hex(t.p[i + 2]) >= 0) {
            c = (char)(hex(t.p[i + 1]) * 16 + hex(t.p[i + 2]));
            i += 2;
        }
        if (c == '\0') {
            explicit_bzero(out, len);
            free(out);
            return NULL;
        }
        out[len++] = c;
    }
    return out;
}

/* Cuts t at the first c: what is before it is returned, t becomes what is behind it.
 * Where there is no c: the whole, and t is absent. */
static struct kc_text cut(struct kc_text *t, char c)
{
    struct kc_text whole = *t;
    const char *at = t->len > 0 ? memchr(t->p, c, t->len) : NULL;
    if (!at) {
        *t = KC_NO_TEXT;
        return whole;
    }
    size_t before = (size_t)(at - t->p);
    *t = (struct kc_text){ at + 1, t->len - before - 1 };
    return (struct kc_text){ whole.p, before };
}

static bool read_user(struct kc_amqp_uri *out, struct kc_text user_info, struct kc_error *err)
{
    struct kc_text password = user_info;
    struct kc_text user = cut(&password, ':');
    if (user.len == 0 && password.len == 0) {
        out->user = kc_strdup("guest");
        out->password = kc_strdup("guest");
        return true;
    }
    out->user = decode(user);
    out->password = decode(password);
    return (out->user && out->password) || fail(err, "has a NUL in its user or password");
}

static bool read_port(struct kc_amqp_uri *out, struct kc_text port, struct kc_error *err)
{
    int64_t number = out->is_tls ? 5671 : 5672;
    if (port.len > 0 && !kc_text_int(port, 1, 65535, &number))
        return fail(err, "has a port that is none");
    out->port = (int)number;
    return true;
}

static bool read_host(struct kc_amqp_uri *out, struct kc_text place, struct kc_error *err)
{
    struct kc_text host, port = place;
    if (place.len > 0 && place.p[0] == '[') {
        port = (struct kc_text){ place.p + 1, place.len - 1 };
        host = cut(&port, ']');
        if (!port.p || (port.len > 0 && port.p[0] != ':'))
            return fail(err, "has a bracket in its host that does not close");
        if (port.len > 0)
            port = (struct kc_text){ port.p + 1, port.len - 1 };
    } else {
        host = cut(&port, ':');
    }
    if (host.len == 0)
        return fail(err, "names no host");
    out->host = decode(host);
    if (!out->host)
        return fail(err, "has a NUL in its host");
    return read_port(out, port, err);
}

/* "user:password@host:port"; a password may hold '@', a host cannot. */
static bool read_authority(struct kc_amqp_uri *out, struct kc_text authority,
                           struct kc_error *err)
{
    struct kc_text user_info = KC_NO_TEXT, place = authority;
    for (size_t i = authority.len; i > 0; i--) {
        if (authority.p[i - 1] != '@')
            continue;
        user_info = (struct kc_text){ authority.p, i - 1 };
        place = (struct kc_text){ authority.p + i, authority.len - i };
        break;
    }
    return read_user(out, user_info, err) && read_host(out, place, err);
}

static bool read_number(struct kc_text value, int64_t min, int64_t max, int *out)
{
    int64_t number;
    if (!kc_text_int(value, 0, max, &number) || (number != 0 && number < min))
        return false;
    *out = (int)number;
    return true;
}

static bool read_parameter(struct kc_amqp_uri *out, struct kc_text parameter,
                           struct kc_error *err)
{
    struct kc_text value = parameter;
    struct kc_text name = cut(&value, '=');
    if (value.len == 0)
        return true;
    if (kc_text_is(name, "heartbeat"))
        return read_number(value, 1, HEARTBEAT_MAX_S, &out->heartbeat_s) ||
               fail(err, "has a heartbeat that is not within 0 and 65535 seconds");
    if (kc_text_is(name, "frameMax"))
        return read_number(value, FRAME_LEAST, FRAME_MOST, &out->frame_max) ||
               fail(err, "has a frameMax that is not within 4096 and 16777216 bytes");
    if (kc_text_is(name, "channelMax"))
        return read_number(value, 1, CHANNEL_MAX, &out->channel_max) ||
               fail(err, "has a channelMax that is not within 0 and 65535");
    return true; /* locale, and what others understand */
}

static bool read_query(struct kc_amqp_uri *out, struct kc_text query, struct kc_error *err)
{
    out->heartbeat_s = -1;
    while (query.len > 0) {
        struct kc_text parameter = cut(&query, '&');
        if (!read_parameter(out, parameter, err))
            return false;
    }
    if (out->heartbeat_s == 0)
        out->heartbeat_s = -1; /* "no wish of ours", for the platform's other steps too */
    if (out->frame_max == 0)
        out->frame_max = FRAME_DEFAULT;
    return true;
}

static bool read_scheme(struct kc_amqp_uri *out, struct kc_text *rest)
{
    static const char *const schemes[] = { "amqp://", "amqps://" };
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (rest->len < len || strncasecmp(rest->p, schemes[i], len) != 0)
            continue;
        out->is_tls = i == 1;
        *rest = (struct kc_text){ rest->p + len, rest->len - len };
        return true;
    }
    return false;
}

bool kc_amqp_uri_read(struct kc_amqp_uri *out, const char *uri, struct kc_error *err)
{
    struct kc_text rest = kc_text(uri);
    *out = (struct kc_amqp_uri){ 0 };
    if (!read_scheme(out, &rest))
        return fail(err, "begins with neither amqp:// nor amqps://");
    rest = cut(&rest, '#');
    struct kc_text query = rest;
    struct kc_text path = cut(&query, '?');
    struct kc_text authority = cut(&path, '/');
    if (!read_authority(out, authority, err) || !read_query(out, query, err))
        return false;
    out->vhost = path.len > 0 ? decode(path) : kc_strdup("/");
    return out->vhost || fail(err, "has a NUL in its vhost");
}

void kc_amqp_uri_deinit(struct kc_amqp_uri *u)
{
    if (u->password)
        explicit_bzero(u->password, strlen(u->password));
    free(u->host);
    free(u->user);
    free(u->password);
    free(u->vhost);
    *u = (struct kc_amqp_uri){ 0 };
}
