// SPDX-License-Identifier: Apache-2.0
/* link.c
 *
 * rabbitmq-c closes its socket when it gives a connection up, on whatever thread that is.
 * Others that shut it down or wait on it hold a descriptor of our own, which stays until the
 * link goes. */
#include "transport/sailor/link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/names.h"
#include "net/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARTBEAT_S   60   /* where neither the server nor the address names one */
#define GOODBYE_MS    1000 /* for the answer to connection.close */
#define HOSTNAME_SIZE 256

struct kc_link {
    amqp_connection_state_t state;
    int fd; /* another descriptor of the socket */
    bool is_broken;
    struct kc_trust trust;
};

static struct timeval time_of(int ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

/* --- words --- */

static const char *name_of(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        { 311, "CONTENT-TOO-LARGE" },   { 312, "NO-ROUTE" },
        { 313, "NO-CONSUMERS" },        { 320, "CONNECTION-FORCED" },
        { 402, "INVALID-PATH" },        { 403, "ACCESS-REFUSED" },
        { 404, "NOT-FOUND" },           { 405, "RESOURCE-LOCKED" },
        { 406, "PRECONDITION-FAILED" }, { 501, "FRAME-ERROR" },
        { 502, "SYNTAX-ERROR" },        { 503, "COMMAND-INVALID" },
        { 504, "CHANNEL-ERROR" },       { 505, "UNEXPECTED-FRAME" },
        { 506, "RESOURCE-ERROR" },      { 530, "NOT-ALLOWED" },
        { 540, "NOT-IMPLEMENTED" },     { 541, "INTERNAL-ERROR" },
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    return "UNKNOWN";
}

static enum kc_code code_of(int reply)
{
    switch (reply) {
    case 403:
        return KC_FORBIDDEN;
    case 404:
        return KC_NOT_FOUND;
    case 405:
    case 406:
        return KC_CONFLICT;
    case 530:
        return KC_CONFIG;
    default:
        return KC_UNREACHABLE;
    }
}

/* The code and the text of a close method, which has the same shape for both. */
static bool is_close(const amqp_method_t *method, int *code, amqp_bytes_t *text)
{
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method->decoded;
        *code = close->reply_code;
        *text = close->reply_text;
        return true;
    }
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = method->decoded;
        *code = close->reply_code;
        *text = close->reply_text;
        return true;
    }
    return false;
}

static void answer_close(struct kc_link *l, const amqp_method_t *method)
{
    amqp_connection_close_ok_t ok = { 0 };
    struct pollfd p = { .fd = l->fd, .events = POLLOUT };
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD && poll(&p, 1, 0) == 1)
        (void)amqp_send_method(l->state, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
}

/* what NULL: nothing was asked for. */
static void say_closed(struct kc_link *l, const char *what, const amqp_method_t *method,
                       struct kc_error *err)
{
    int code = 0;
    amqp_bytes_t text = amqp_empty_bytes;
    l->is_broken = true;
    if (!is_close(method, &code, &text)) {
        kc_error_set(err, KC_BAD_ANSWER, 0, "%s: the broker answered with method 0x%08x",
                     what ? what : "the connection", (unsigned)method->id);
        return;
    }
    char words[256];
    (void)snprintf(words, sizeof(words), "%d (%s) with message \"%.*s\"", code, name_of(code),
                   (int)text.len, text.bytes ? (const char *)text.bytes : "");
    if (what)
        kc_error_set(err, code_of(code), code, "Operation failed: %s; %s", what, words);
    else
        kc_error_set(err, code_of(code), code, "%s closed: %s",
                     method->id == AMQP_CHANNEL_CLOSE_METHOD ? "Channel" : "Connection", words);
    answer_close(l, method);
}

static const char *status_text(int status)
{
    switch (status) {
    case AMQP_STATUS_CONNECTION_CLOSED:
    case AMQP_STATUS_SOCKET_CLOSED:
        return "the connection was closed";
    case AMQP_STATUS_SOCKET_ERROR:
    case AMQP_STATUS_TCP_ERROR:
    case AMQP_STATUS_SSL_ERROR:
        return "the connection broke";
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
        return "the broker has been silent for two heartbeats";
    case AMQP_STATUS_TIMEOUT:
        return "there was no answer in time";
    default:
        return amqp_error_string2(status);
    }
}

bool kc_link_broke(struct kc_link *l, const char *what, int status, struct kc_error *err)
{
    if (status == AMQP_STATUS_OK)
        return false;
    l->is_broken = true;
    kc_error_set(err, status == AMQP_STATUS_TIMEOUT ? KC_TIMEOUT : KC_UNREACHABLE, status,
                 "%s%s%s", what ? what : "", what ? ": " : "", status_text(status));
    return true;
}

bool kc_link_failed(struct kc_link *l, const char *what, amqp_rpc_reply_t reply,
                    struct kc_error *err)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return false;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        say_closed(l, what, &reply.reply, err);
        return true;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return kc_link_broke(l, what, reply.library_error, err);
    default:
        return kc_link_broke(l, what, AMQP_STATUS_CONNECTION_CLOSED, err);
    }
}

/* --- connecting --- */

static bool say_unreachable(const struct kc_link *l, int status, int cause,
                            struct kc_error *err)
{
    if (l->trust.fault != 0)
        kc_error_set(err, KC_UNTRUSTED, l->trust.fault,
                     "their certificate was not accepted: %s", l->trust.text);
    else if (status == AMQP_STATUS_TIMEOUT)
        kc_error_set(err, KC_TIMEOUT, status, "nobody has answered in time");
    else if (status == AMQP_STATUS_SSL_CONNECTION_FAILED)
        kc_error_set(err, KC_UNREACHABLE, status,
                     "the TLS handshake failed: is this a port for TLS?");
    else if (cause != 0 && cause != EINPROGRESS)
        kc_error_set(err, KC_UNREACHABLE, cause, "%s", strerror(cause));
    else
        kc_error_set(err, KC_UNREACHABLE, status, "nothing accepts a connection there");
    return false;
}

static amqp_socket_t *new_socket(struct kc_link *l, const struct kc_amqp_uri *uri,
                                 struct kc_error *err)
{
    amqp_socket_t *socket =
        uri->is_tls ? amqp_ssl_socket_new(l->state) : amqp_tcp_socket_new(l->state);
    if (!socket) {
        kc_error_set(err, KC_INTERNAL, 0, "rabbitmq-c makes no socket");
        return NULL;
    }
    if (!uri->is_tls)
        return socket;
    /* OpenSSL compares names and addresses itself; rabbitmq-c knows names only. */
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    if (!kc_trust_set(amqp_ssl_socket_get_context(socket), uri->host, &l->trust, err))
        return NULL;
    return socket;
}

/* rabbitmq-c sets TCP_NODELAY, and looks names up without any limit: so they are looked up here
 * first, with one. */
static bool connect_socket(struct kc_link *l, const struct kc_amqp_uri *uri, int64_t deadline,
                           struct kc_error *err)
{
    struct kc_names names;
    struct kc_until until = { deadline };
    amqp_socket_t *socket = new_socket(l, uri, err);
    if (!socket || !kc_names_find(&names, uri->host, uri->port, AF_UNSPEC, &until, NULL, err))
        return false;
    struct timeval left = time_of(kc_ms_until(deadline, INT32_MAX));
    errno = 0;
    int status = amqp_socket_open_noblock(socket, uri->host, uri->port, &left);
    int cause = errno;
    if (status != AMQP_STATUS_OK)
        return say_unreachable(l, status, cause, err);
    l->fd = fcntl(amqp_get_sockfd(l->state), F_DUPFD_CLOEXEC, 0);
    if (l->fd < 0)
        kc_error_set(err, KC_UNREACHABLE, errno, "no more descriptors: %s", strerror(errno));
    return l->fd >= 0;
}

/* --- signing in --- */

static amqp_table_entry_t text_entry(const char *name, const char *value)
{
    amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };
    e.value.kind = AMQP_FIELD_KIND_UTF8;
    e.value.value.bytes = amqp_cstring_bytes(value);
    return e;
}

static amqp_table_entry_t true_entry(const char *name)
{
    amqp_table_entry_t e = { .key = amqp_cstring_bytes(name) };
    e.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    e.value.value.boolean = 1;
    return e;
}

static amqp_rpc_reply_t login(struct kc_link *l, const struct kc_link_conf *conf)
{
    const struct kc_amqp_uri *uri = conf->uri;
    char host[HOSTNAME_SIZE] = "", name[HOSTNAME_SIZE + 16];
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(name, sizeof(name), "%s-%s", host, conf->role);

    amqp_table_entry_t can[] = { true_entry("publisher_confirms"), true_entry("basic.nack"),
                                 true_entry("consumer_cancel_notify"),
                                 true_entry("connection.blocked"),
                                 true_entry("authentication_failure_close") };
    amqp_table_entry_t about[] = { text_entry("product", "kafka-component"),
                                   text_entry("version", KC_VERSION),
                                   text_entry("connection_name", name),
                                   { .key = amqp_cstring_bytes("capabilities") } };
    about[3].value.kind = AMQP_FIELD_KIND_TABLE;
    about[3].value.value.table = (amqp_table_t){ sizeof(can) / sizeof(can[0]), can };
    amqp_table_t properties = { sizeof(about) / sizeof(about[0]), about };
    return amqp_login_with_properties(l->state, uri->vhost, uri->channel_max, uri->frame_max,
                                      uri->heartbeat_s > 0 ? uri->heartbeat_s : HEARTBEAT_S,
                                      &properties, AMQP_SASL_METHOD_PLAIN, uri->user,
                                      uri->password);
}

static bool say_refused(struct kc_link *l, const struct kc_amqp_uri *uri,
                        amqp_rpc_reply_t reply, struct kc_error *err)
{
    int code = 0;
    amqp_bytes_t text = amqp_empty_bytes;
    l->is_broken = true;
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION ||
        !is_close(&reply.reply, &code, &text)) {
        (void)kc_link_failed(l, "signing in", reply, err);
        return false;
    }
    int len = (int)text.len;
    const char *words = text.bytes ? text.bytes : "";
    bool is_refused = memmem(words, text.len, "refused", strlen("refused")) != NULL;
    if (code == AMQP_ACCESS_REFUSED)
        kc_error_set(err, KC_AUTH, code, "the broker refused to sign user '%s' in: %.*s",
                     uri->user, len, words);
    else if (code == AMQP_NOT_ALLOWED)
        kc_error_set(err, is_refused ? KC_AUTH : KC_CONFIG, code, "vhost '%s': %.*s",
                     uri->vhost, len, words);
    else
        say_closed(l, NULL, &reply.reply, err);
    return false;
}

static bool sign_in(struct kc_link *l, const struct kc_link_conf *conf, int64_t deadline,
                    struct kc_error *err)
{
    struct timeval left = time_of(kc_ms_until(deadline, INT32_MAX));
    (void)amqp_set_handshake_timeout(l->state, &left);
    amqp_rpc_reply_t reply = login(l, conf);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return say_refused(l, conf->uri, reply, err);

    left = time_of(kc_ms_until(deadline, INT32_MAX));
    (void)amqp_set_rpc_timeout(l->state, &left);
    (void)amqp_channel_open(l->state, KC_LINK_CHANNEL);
    if (kc_link_failed(l, "ChannelOpen", amqp_get_rpc_reply(l->state), err))
        return false;
    if (conf->confirms) {
        (void)amqp_confirm_select(l->state, KC_LINK_CHANNEL);
        if (kc_link_failed(l, "ConfirmSelect", amqp_get_rpc_reply(l->state), err))
            return false;
    }
    left = time_of(conf->timeout_ms);
    (void)amqp_set_rpc_timeout(l->state, &left);
    return true;
}

bool kc_link_open(struct kc_link **out, const struct kc_link_conf *conf, struct kc_error *err)
{
    const struct kc_amqp_uri *uri = conf->uri;
    int64_t deadline = kc_now_ms() + conf->timeout_ms;
    struct kc_link *l = kc_new0(struct kc_link);
    *out = NULL;
    l->fd = -1;
    l->state = amqp_new_connection();
    if (!l->state)
        abort(); /* no memory: as kc_alloc0() */
    if (connect_socket(l, uri, deadline, err) && sign_in(l, conf, deadline, err)) {
        *out = l;
        return true;
    }
    kc_error_wrap(err, strchr(uri->host, ':') ? "AMQP, [%s]:%d" : "AMQP, %s:%d", uri->host,
                  uri->port);
    l->is_broken = true;
    kc_link_close(l, false);
    return false;
}

bool kc_link_wait_to_retry(const char *role, int wait_ms, struct kc_halt *halt,
                           struct kc_error *err)
{
    kc_log(KC_WARN, "amqp_connect_retry", KC_S("connection", role), KC_I("pauseMs", wait_ms),
           KC_E(err));
    kc_error_clear(err);
    if (kc_halt_wait(halt, wait_ms))
        kc_error_set(err, KC_STOPPED, 0, "stopped before the next try to connect");
    return err->code == KC_NONE;
}

void kc_link_close(struct kc_link *l, bool politely)
{
    struct pollfd p = { .fd = l->fd, .events = POLLOUT };
    struct timeval wait = time_of(GOODBYE_MS);
    /* where the broker blocks us, a goodbye would wait behind what it does not read */
    if (politely && !l->is_broken && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
        (void)amqp_set_rpc_timeout(l->state, &wait);
        (void)amqp_connection_close(l->state, AMQP_REPLY_SUCCESS);
    }
    (void)amqp_destroy_connection(l->state);
    if (l->fd >= 0) {
        (void)shutdown(l->fd, SHUT_RDWR);
        (void)close(l->fd);
    }
    free(l);
}

/* --- an open link --- */

amqp_connection_state_t kc_link_state(struct kc_link *l)
{
    return l->state;
}

int kc_link_fd(const struct kc_link *l)
{
    return l->fd;
}

int kc_link_heartbeat_ms(const struct kc_link *l)
{
    return amqp_get_heartbeat(l->state) * 500;
}

void kc_link_interrupt(struct kc_link *l)
{
    (void)shutdown(l->fd, SHUT_RDWR);
}

int kc_link_frame(struct kc_link *l, int wait_ms, amqp_frame_t *frame, struct kc_error *err)
{
    struct timeval wait = time_of(wait_ms);
    int status = amqp_simple_wait_frame_noblock(l->state, frame, &wait);
    if (status == AMQP_STATUS_TIMEOUT)
        return 0;
    if (kc_link_broke(l, NULL, status, err))
        return -1;
    if (frame->frame_type != AMQP_FRAME_METHOD ||
        (frame->payload.method.id != AMQP_CONNECTION_CLOSE_METHOD &&
         frame->payload.method.id != AMQP_CHANNEL_CLOSE_METHOD))
        return 1;
    say_closed(l, NULL, &frame->payload.method, err);
    return -1;
}

void kc_link_release(struct kc_link *l)
{
    amqp_maybe_release_buffers(l->state);
}
