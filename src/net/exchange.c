// SPDX-License-Identifier: Apache-2.0
#include "net/exchange.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS        30000
#define ANSWER_MAX_BYTES  ((size_t)64 * 1024)
#define HEAD_MAX_BYTES    ((size_t)256 * 1024) /* of an answer; libcurl 7.88 sets no bound */
#define METHOD_MAX        16
#define RETRY_AFTER_MAX_S INT64_C(86400)

/* --- the request --- */

static bool check_method(const char *method, struct kc_error *err)
{
    size_t len = strlen(method);
    if (len > 0 && len <= METHOD_MAX && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len)
        return true;
    kc_error_set(err, KC_CONFIG, 0, "there is no such HTTP method");
    return false;
}

/* Its name only is shown: the value may be a secret. */
static bool check_header(const char *line, struct kc_error *err)
{
    size_t name_len = strcspn(line, ": \t\r\n");
    bool is_good = name_len > 0 && line[name_len] == ':';
    for (const char *p = line; *p; p++) {
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            is_good = false;
    }
    if (!is_good)
        kc_error_set(err, KC_CONFIG, 0,
                     "the header '%.*s' cannot be sent: it has no name, "
                     "or a line break or another control byte in it",
                     (int)(name_len < 100 ? name_len : 100), line);
    return is_good;
}

static void add_header(struct kc_exchange *e, const char *line)
{
    struct curl_slist *longer = curl_slist_append(e->headers, line);
    if (!longer)
        abort(); /* as kc_alloc0() does */
    e->headers = longer;
}

static bool add_headers(struct kc_exchange *e, const char *const *headers, struct kc_error *err)
{
    bool has_type = false;
    for (; headers && *headers; headers++) {
        if (!check_header(*headers, err))
            return false;
        has_type |= strncasecmp(*headers, "Content-Type:", 13) == 0;
        add_header(e, *headers);
    }
    if (!has_type)
        add_header(e, "Content-Type:"); /* libcurl would call any body a form */
    add_header(e, "Expect:");           /* nobody waits a second for "100 Continue" */
    return true;
}

static char *copy(struct kc_text text)
{
    return text.p ? kc_strndup(text.p, text.len) : NULL;
}

struct kc_exchange *kc_exchange_new(const struct kc_http_conf *conf,
                                    const struct kc_http_request *request, struct kc_error *err)
{
    struct kc_exchange *e = kc_new0(struct kc_exchange);
    const char *method = request->method ? request->method : request->body.p ? "POST" : "GET";
    e->conf = conf;
    if (!kc_url_read(&e->url, request->url, conf->allow, err) || !check_method(method, err) ||
        !add_headers(e, request->headers, err)) {
        kc_exchange_free(e);
        return NULL;
    }
    e->url_text = kc_strdup(request->url);
    e->method = kc_strdup(method);
    e->body = copy(request->body);
    e->body_len = request->body.len;
    e->ca = copy(request->ca);
    e->ca_len = request->ca.len;
    e->ca_file = kc_strdup(request->ca_file);
    e->answer_max = request->answer_max_bytes ? request->answer_max_bytes : ANSWER_MAX_BYTES;
    e->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : TIMEOUT_MS;
    e->sent_ms = kc_now_ms();
    e->deadline_ms = e->sent_ms + e->timeout_ms;
    e->done = request->done;
    e->arg = request->arg;
    kc_buf_init(&e->answer_body, e->answer_max);
    return e;
}

void kc_exchange_free(struct kc_exchange *e)
{
    if (e->multi)
        curl_multi_remove_handle(e->multi, e->easy);
    curl_easy_cleanup(e->easy);
    curl_slist_free_all(e->headers);
    kc_url_deinit(&e->url);
    kc_buf_deinit(&e->answer_body);
    free(e->url_text);
    free(e->method);
    free(e->body);
    free(e->ca);
    free(e->ca_file);
    free(e);
}

/* --- libcurl's callbacks --- */

/* The guard: here a name has become an address. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at)
{
    struct kc_exchange *e = arg;
    struct kc_address address;
    (void)purpose;
    if (!kc_address_from(&at->addr, at->addrlen, &address))
        return CURL_SOCKET_BAD;
    if (!e->url.is_allowed && kc_address_is_refused(&address, e->conf->allow)) {
        kc_address_format(&address, e->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

static size_t on_head(char *line, size_t size, size_t count, void *arg)
{
    struct kc_exchange *e = arg;
    (void)line;
    e->head_bytes += size * count;
    e->is_too_large |= e->head_bytes > HEAD_MAX_BYTES;
    return e->is_too_large ? 0 : size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct kc_exchange *e = arg;
    e->is_too_large |= !kc_buf_append(&e->answer_body, bytes, size * count);
    return e->is_too_large ? 0 : size * count;
}

/* --- onto the wire --- */

#define SET(option, value) failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_##option, value)

static unsigned set_request(struct kc_exchange *e, CURL *easy)
{
    unsigned failed = 0;
    SET(URL, e->url_text);
    SET(HTTPHEADER, e->headers);
    if (strcmp(e->method, "HEAD") == 0)
        SET(NOBODY, 1L);
    else if (strcmp(e->method, "GET") != 0 || e->body)
        SET(CUSTOMREQUEST, e->method);
    if (e->body || strcmp(e->method, "POST") == 0) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)e->body_len);
        SET(POSTFIELDS, e->body ? e->body : "");
    }
    return failed;
}

static unsigned set_limits(struct kc_exchange *e, CURL *easy)
{
    unsigned failed = 0;
    int left_ms = kc_ms_until(e->deadline_ms, INT_MAX);
    SET(TIMEOUT_MS, left_ms > 0 ? (long)left_ms : 1L);
    SET(CONNECTTIMEOUT_MS, (long)e->conf->connect_timeout_ms);
    SET(PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(USERAGENT, e->conf->user_agent);
    SET(NOSIGNAL, 1L);
    SET(TCP_KEEPALIVE, 1L);
    /* A name server that hangs must not hold up the thread where such a transfer ends. */
    SET(QUICK_EXIT, 1L);
    if (!e->conf->uses_proxy)
        SET(PROXY, "");
    SET(OPENSOCKETFUNCTION, open_socket);
    SET(OPENSOCKETDATA, e);
    return failed;
}

static unsigned set_trust(struct kc_exchange *e, CURL *easy)
{
    unsigned failed = 0;
    struct curl_blob blob = { e->ca, e->ca_len, CURL_BLOB_NOCOPY };
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (e->ca || e->ca_file)
        SET(CAPATH, NULL); /* the system's folder would be trusted beside it */
    if (e->ca)
        SET(CAINFO_BLOB, &blob);
    if (e->ca_file) {
        SET(CAINFO, e->ca_file);
        SET(CA_CACHE_TIMEOUT, 0L); /* the file may change */
    }
    return failed;
}

static unsigned set_answer(struct kc_exchange *e, CURL *easy)
{
    unsigned failed = 0;
    SET(PRIVATE, e);
    SET(ERRORBUFFER, e->why);
    SET(HEADERFUNCTION, on_head);
    SET(HEADERDATA, e);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, e);
    return failed;
}

bool kc_exchange_start(struct kc_exchange *e, CURLM *multi)
{
    e->easy = curl_easy_init();
    if (!e->easy || set_request(e, e->easy) || set_limits(e, e->easy) ||
        set_trust(e, e->easy) || set_answer(e, e->easy) ||
        curl_multi_add_handle(multi, e->easy) != CURLM_OK)
        return false;
    e->multi = multi;
    return true;
}

/* --- the answer --- */

static enum kc_code code_of(const struct kc_exchange *e, CURLcode result)
{
    curl_off_t connected_us = 0;
    switch (result) {
    case CURLE_OK:
        return KC_NONE;
    case CURLE_OPERATION_TIMEDOUT:
        (void)curl_easy_getinfo(e->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
        return connected_us > 0 ? KC_TIMEOUT : KC_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return KC_UNTRUSTED;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
        return KC_CONFIG;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: no status line */
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
        return KC_BAD_ANSWER;
    default:
        return e->is_too_large ? KC_BAD_ANSWER
               : e->refused[0] ? KC_ADDRESS_REFUSED
                               : KC_UNREACHABLE;
    }
}

/* libcurl quotes the other side here and there. */
static void tidy(char *text)
{
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    }
    kc_utf8_mend(text);
}

static void explain(struct kc_exchange *e, CURLcode result, struct kc_error *err)
{
    enum kc_code code = code_of(e, result);
    if (code == KC_NONE)
        return;
    tidy(e->why);
    if (e->is_too_large)
        kc_error_set(err, code, (int)result, "the answer is larger than %zu bytes",
                     e->head_bytes > HEAD_MAX_BYTES ? HEAD_MAX_BYTES : e->answer_max);
    else if (code == KC_ADDRESS_REFUSED)
        kc_error_set(err, code, (int)result,
                     "this host is at %s, and calls there are not allowed", e->refused);
    else
        kc_error_set(err, code, (int)result, "%s",
                     e->why[0] ? e->why : curl_easy_strerror(result));
}

/* Seconds or a date; -1 where neither is to be read. */
static int64_t retry_after_ms(CURL *easy)
{
    struct curl_header *h;
    int64_t seconds;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return -1;
    if (!kc_text_int(kc_text(h->value), 0, INT64_MAX, &seconds)) {
        time_t date = curl_getdate(h->value, NULL);
        if (date == -1)
            return -1;
        seconds = (int64_t)date - kc_wall_ms() / 1000;
    }
    if (seconds < 0)
        return 0;
    return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

static void copy_redirect(CURL *easy, struct kc_http_answer *answer)
{
    const char *url = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &url);
    if (url && strlen(url) <= KC_URL_MAX)
        snprintf(answer->redirect, sizeof(answer->redirect), "%s", url);
}

static void tell(struct kc_exchange *e, struct kc_http_answer *answer)
{
    if (answer->error.code != KC_NONE)
        kc_error_wrap(&answer->error, "%s %s", e->method, e->url.shown);
    answer->took_ms = kc_now_ms() - e->sent_ms;
    e->done(e->arg, answer);
}

void kc_exchange_answer(struct kc_exchange *e, CURLcode result)
{
    struct kc_http_answer answer = { .is_late = result == CURLE_OPERATION_TIMEDOUT,
                                     .retry_after_ms = -1 };
    const char *type = NULL;
    long status = 0;
    explain(e, result, &answer.error);
    (void)curl_easy_getinfo(e->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200) { /* below, the answer itself did not begin */
        answer.status = (int)status;
        answer.retry_after_ms = retry_after_ms(e->easy);
        (void)curl_easy_getinfo(e->easy, CURLINFO_CONTENT_TYPE, &type);
        snprintf(answer.content_type, sizeof(answer.content_type), "%s", type ? type : "");
        copy_redirect(e->easy, &answer);
        answer.body = kc_buf_peek(&e->answer_body);
    }
    tell(e, &answer);
}

void kc_exchange_fail(struct kc_exchange *e, enum kc_code code, const char *cause)
{
    struct kc_http_answer answer = { .retry_after_ms = -1 };
    kc_error_set(&answer.error, code, 0, "%s", cause);
    tell(e, &answer);
}
