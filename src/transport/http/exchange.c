// SPDX-License-Identifier: Apache-2.0
/* exchange.c - requests and replies, between libmicrohttpd's loop and whoever answers. */
#include "transport/http/server_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "runtime/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the request --- */

const char *kc_exchange_method(const struct kc_exchange *x)
{
    return x->method;
}

const char *kc_exchange_header(const struct kc_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection->native, MHD_HEADER_KIND, name);
}

const char *kc_exchange_word(const struct kc_exchange *x, size_t i)
{
    return i < KC_WORDS_MAX_IN_PATH ? x->words[i] : NULL;
}

struct nth {
    size_t left;
    const char **name, **value;
    bool is_found;
};

static enum MHD_Result find_nth(void *arg, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    struct nth *n = arg;
    (void)kind;
    if (n->left-- > 0)
        return MHD_YES;
    *n->name = name;
    *n->value = value ? value : "";
    n->is_found = true;
    return MHD_NO;
}

bool kc_exchange_query(const struct kc_exchange *x, size_t i, const char **name,
                       const char **value)
{
    struct nth n = { i, name, value, false };
    (void)MHD_get_connection_values(x->connection->native, MHD_GET_ARGUMENT_KIND, find_nth, &n);
    return n.is_found;
}

/* ";q=0", also as ";q=0.000", says that a type is not wanted. */
static bool is_unwanted(const char *parameters)
{
    for (const char *p = parameters; *p && *p != ','; p++) {
        if (strncasecmp(p, "q=0", 3) == 0 && strchr("; \t", p[-1]))
            return strspn(p + 2, "0.") == strcspn(p + 2, ",; \t");
    }
    return false;
}

/* Where a media type stands in an Accept header, NULL when it does not. */
static const char *find_type(const char *accept, const char *type)
{
    size_t len = strlen(type);
    for (const char *p = accept; *p; p++) {
        if (strncasecmp(p, type, len) == 0 && !isalnum((unsigned char)p[len]) &&
            (p == accept || strchr(" ,", p[-1])) && !is_unwanted(p + len))
            return p;
    }
    return NULL;
}

bool kc_exchange_prefers(const struct kc_exchange *x, const char *media_type)
{
    const char *accept = kc_exchange_header(x, "Accept");
    const char *at = accept ? find_type(accept, media_type) : NULL;
    if (!at)
        return false;
    const char *lines = find_type(accept, "application/x-ndjson");
    const char *json = find_type(accept, "application/json");
    return (!lines || at < lines) && (!json || at < json);
}

bool kc_exchange_is(const struct kc_exchange *x, const char *media_type)
{
    const char *type = kc_exchange_header(x, "Content-Type");
    size_t len = strlen(media_type);
    return type && strncasecmp(type, media_type, len) == 0 && strchr("; \t", type[len]);
}

char *kc_exchange_take_body(struct kc_exchange *x, size_t *len)
{
    static const char padding[KC_JSON_PADDING] = { 0 };
    *len = x->body.len;
    atomic_fetch_sub(&x->server->bodies, x->body.len);
    x->body.max = KC_BUF_UNBOUNDED;
    (void)kc_buf_append(&x->body, padding, sizeof(padding));
    return kc_buf_take(&x->body);
}

void kc_exchange_resume(struct kc_exchange *x)
{
    pthread_mutex_lock(&x->lock);
    x->wants_more = !kc_exchange_wake(x);
    pthread_mutex_unlock(&x->lock);
}

void kc_exchange_suspend(struct kc_exchange *x)
{
    x->is_suspended = true;
    MHD_suspend_connection(x->connection->native);
}

bool kc_exchange_wake(struct kc_exchange *x)
{
    bool was_suspended = x->is_suspended;
    x->is_suspended = false;
    if (was_suspended) {
        MHD_resume_connection(x->connection->native);
        kc_server_wake(x->server);
    }
    return was_suspended;
}

/* --- the reply --- */

void kc_exchange_set_header(struct kc_exchange *x, const char *name, const char *value)
{
    if (x->header_count == KC_REPLY_HEADERS_MAX)
        return;
    char *clean = kc_strdup(value);
    for (char *p = clean; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    x->headers[x->header_count].name = name;
    x->headers[x->header_count++].value = clean;
}

static void add_headers(struct kc_exchange *x, struct MHD_Response *response,
                        const char *media_type)
{
    if (media_type)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, media_type);
    for (size_t i = 0; i < x->header_count; i++)
        (void)MHD_add_response_header(response, x->headers[i].name, x->headers[i].value);
    if (x->must_close || atomic_load(&x->server->is_stopping))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* The route's part is over with this. */
static void answer(struct kc_exchange *x, int status, struct MHD_Response *response)
{
    pthread_mutex_lock(&x->lock);
    x->status = status;
    x->response = response;
    (void)kc_exchange_wake(x);
    pthread_mutex_unlock(&x->lock);
}

void kc_exchange_reply(struct kc_exchange *x, int status, const char *media_type,
                       struct kc_buf *body)
{
    size_t len = body ? body->len : 0;
    x->reply = (struct kc_text){ body ? kc_buf_take(body) : NULL, len };
    x->media_type = body ? media_type : NULL;
    answer(x, status, NULL);
    kc_exchange_drop(x);
}

struct MHD_Response *kc_exchange_response(struct kc_exchange *x)
{
    if (x->response)
        return x->response;
    x->response = x->reply.p ? MHD_create_response_from_buffer_with_free_callback(
                                   x->reply.len, (void *)(uintptr_t)x->reply.p, free)
                             : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    add_headers(x, x->response, x->media_type);
    return x->response;
}

void kc_exchange_begin(struct kc_exchange *x, const char *media_type,
                       const struct kc_flow_listener *listener)
{
    struct MHD_Response *response = kc_flow_response(x, listener);
    add_headers(x, response, media_type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    answer(x, 200, response);
}

/* --- life --- */

void kc_exchange_drop(struct kc_exchange *x)
{
    if (atomic_fetch_sub(&x->holders, 1) > 1)
        return;
    for (size_t i = 0; i < x->header_count; i++)
        free(x->headers[i].value);
    for (size_t i = 0; i < KC_WORDS_MAX_IN_PATH; i++)
        free(x->words[i]);
    if (x->response)
        MHD_destroy_response(x->response);
    else
        free((void *)(uintptr_t)x->reply.p);
    atomic_fetch_sub(&x->server->bodies, x->body.len);
    kc_buf_deinit(&x->body);
    kc_flow_free(x->flow);
    free(x->path);
    pthread_mutex_destroy(&x->lock);
    atomic_fetch_sub(&x->server->open, 1);
    free(x);
}
