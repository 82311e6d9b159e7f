// SPDX-License-Identifier: Apache-2.0
/* http.c - one exchange, driven only while a call waits for it.
 *
 * Each exchange has a multi handle to itself while it lasts; with its kept connection the
 * handle then goes to the next one. So exchanges do not move each other, and a test that does
 * not read is a client that does not read. */
#include "http.h"

#include "fail.h"
#include "http_private.h"
#include "secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <curl/curl.h>

#define SEND_WAIT_MS 5000 /* http_start(): how long a server may take to take a request in */
#define IDLE_MAX     16

static struct http *all;
static CURLM *idle[IDLE_MAX];
static size_t idle_count;

/* --- Bytes --- */

void http_pile_add(struct pile *pile, const char *bytes, size_t size)
{
    if (pile->taken > 1 << 16 && pile->taken > pile->size / 2) {
        memmove(pile->text, pile->text + pile->taken, pile->size - pile->taken);
        pile->size -= pile->taken;
        pile->taken = 0;
    }
    if (!pile->text || pile->room - pile->size < size + 1) {
        pile->room = pile->room * 2 + size + 1024;
        char *text = realloc(pile->text, pile->room);
        if (!text)
            fail_test("out of memory");
        pile->text = text;
    }
    memcpy(pile->text + pile->size, bytes, size);
    pile->size += size;
    pile->text[pile->size] = '\0';
}

const char *http_pile_rest(const struct pile *pile)
{
    return pile->text ? pile->text + pile->taken : "";
}

static void forget(struct pile *pile)
{
    free(pile->text);
    *pile = (struct pile){ 0 };
}

static char *take_all(struct pile *pile)
{
    char *text = strdup("");
    if (pile->text) {
        free(text);
        memmove(pile->text, pile->text + pile->taken, pile->size - pile->taken + 1);
        text = pile->text;
    }
    assert_non_null(text);
    *pile = (struct pile){ 0 };
    return text;
}

/* --- What libcurl calls --- */

static size_t on_head(char *bytes, size_t one, size_t size, void *context)
{
    struct http *h = context;
    (void)one;
    if (size >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        forget(&h->head); /* what came before it was a 100 */
    http_pile_add(&h->head, bytes, size);
    return size;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
    struct http *h = context;
    (void)one;
    secrets_check(bytes, size, "an HTTP answer"); /* one that comes bit by bit, too */
    http_pile_add(&h->body, bytes, size);
    return size;
}

static size_t on_hunger(char *room, size_t one, size_t size, void *context)
{
    struct http *h = context;
    size_t there = h->out.size - h->out.taken, n = there < one * size ? there : one * size;
    if (n == 0 && !h->is_out_ended) {
        h->is_hungry = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(room, http_pile_rest(&h->out), n);
    h->out.taken += n;
    return n;
}

static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    struct http *h = context;
    (void)purpose;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &h->answer_max, sizeof(h->answer_max)) != 0)
        return CURL_SOCKOPT_ERROR;
    return CURL_SOCKOPT_OK;
}

/* --- Moving on --- */

_Noreturn void http_fail(struct http *h, const char *what)
{
    size_t size = h->body.size - h->body.taken;
    fail_test("%s %s: %s%s%s after %lld ms\n%s%s", h->method, h->url, what,
              h->why[0] ? ": " : "", h->why, (long long)(now_ms() - h->began_ms),
              http_pile_rest(&h->head),
              http_pile_rest(&h->body) + (size > 1000 ? size - 1000 : 0));
}

/* Moves what can be moved, waiting up to wait_ms for something to do. */
void http_move(struct http *h, int64_t wait_ms)
{
    int running, left;
    if (h->is_over)
        return;
    if (wait_ms > 0)
        curl_multi_poll(h->multi, NULL, 0, (int)wait_ms, NULL);
    curl_multi_perform(h->multi, &running);
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        h->is_over = true;
        h->ended_ms = now_ms();
        h->result = m->data.result;
    }
}

void http_feed(struct http *h)
{
    if (!h->is_hungry || h->is_over)
        return;
    h->is_hungry = false;
    curl_easy_pause(h->easy, CURLPAUSE_CONT);
}

bool http_has_head(const struct http *h)
{
    return h->head.size >= 4 && strcmp(h->head.text + h->head.size - 4, "\r\n\r\n") == 0;
}

/* --- Starting --- */

static void set_body(struct http *h, const struct http_request *r)
{
    bool has_type = false;
    for (const char *const *header = r->headers; header && *header; header++)
        has_type |= strncasecmp(*header, "content-type", 12) == 0;
    if (!has_type)
        h->headers = curl_slist_append(h->headers, "Content-Type: application/json");
    h->headers = curl_slist_append(h->headers, "Expect:");
    curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
    if (r->is_upload) {
        h->is_upload = true;
        h->headers = curl_slist_append(h->headers, "Transfer-Encoding: chunked");
        curl_easy_setopt(h->easy, CURLOPT_READFUNCTION, on_hunger);
        curl_easy_setopt(h->easy, CURLOPT_READDATA, h);
        return;
    }
    const char *body = r->body ? r->body : "";
    size_t size = r->size ? r->size : strlen(body);
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(h->easy, CURLOPT_COPYPOSTFIELDS, body);
}

static void set_tls(struct http *h, const struct http_request *r)
{
    curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, r->ca_path ? 1L : 0L);
    curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, r->ca_path ? 2L : 0L);
    if (r->ca_path)
        curl_easy_setopt(h->easy, CURLOPT_CAINFO, r->ca_path);
    if (r->tls) {
        long version = strcmp(r->tls, "1.1") == 0   ? CURL_SSLVERSION_TLSv1_1
                       : strcmp(r->tls, "1.2") == 0 ? CURL_SSLVERSION_TLSv1_2
                                                    : CURL_SSLVERSION_TLSv1_3;
        curl_easy_setopt(h->easy, CURLOPT_SSLVERSION, version | version << 16); /* at most */
        curl_easy_setopt(h->easy, CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");  /* for 1.1 */
    }
    if (r->certificate_path) {
        curl_easy_setopt(h->easy, CURLOPT_SSLCERT, r->certificate_path);
        curl_easy_setopt(h->easy, CURLOPT_SSLKEY, r->certificate_path);
    }
}

static void set_request(struct http *h, const struct http_request *r)
{
    bool is_post = strcmp(h->method, "POST") == 0;
    for (const char *const *header = r->headers; header && *header; header++)
        h->headers = curl_slist_append(h->headers, *header);
    if (strcmp(h->method, "HEAD") == 0)
        curl_easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
    else if (is_post || r->body || r->is_upload)
        set_body(h, r);
    if (!is_post)
        curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, h->method);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(h->easy, CURLOPT_URL, h->url);
}

static void set_ways(struct http *h)
{
    curl_easy_setopt(h->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(h->easy, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->why);
    curl_easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, h->is_alone ? 1L : 0L);
    curl_easy_setopt(h->easy, CURLOPT_FORBID_REUSE, h->is_alone ? 1L : 0L);
    if (h->answer_max > 0) {
        curl_easy_setopt(h->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
        curl_easy_setopt(h->easy, CURLOPT_SOCKOPTDATA, h);
    }
}

static bool is_written(const struct http *h, size_t body_size)
{
    long head_size = 0;
    curl_off_t sent = 0;
    if (h->is_upload)
        return h->is_hungry;
    curl_easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &head_size);
    curl_easy_getinfo(h->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return head_size > 0 && (size_t)sent >= body_size;
}

struct http *http_start(const struct http_request *request)
{
    struct http *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    h->next = all;
    all = h;
    const char *method = request->body || request->is_upload ? "POST" : "GET";
    h->method = strdup(request->method ? request->method : method);
    size_t url_size = strlen(request->base) + strlen(request->path) + 1;
    h->url = malloc(url_size);
    assert_non_null(h->url);
    snprintf(h->url, url_size, "%s%s", request->base, request->path);
    h->is_alone = request->is_alone || request->answer_max > 0 || request->ca_path ||
                  request->certificate_path || request->tls;
    h->answer_max = request->answer_max;
    h->sse_id = strdup("");
    h->sse_event = strdup("");
    h->began_ms = now_ms();

    h->easy = curl_easy_init();
    h->multi = idle_count > 0 ? idle[--idle_count] : curl_multi_init();
    assert_non_null(h->easy);
    assert_non_null(h->multi);
    set_ways(h);
    set_tls(h, request);
    set_request(h, request);
    curl_multi_add_handle(h->multi, h->easy);

    size_t body_size = request->body && !request->size ? strlen(request->body) : request->size;
    http_move(h, 0);
    while (!h->is_over && !http_has_head(h) && !is_written(h, body_size) &&
           now_ms() < h->began_ms + SEND_WAIT_MS)
        http_move(h, 5);
    return h;
}

/* --- Finishing --- */

void http_free(struct http *h)
{
    if (!h)
        return;
    for (struct http **at = &all; *at; at = &(*at)->next) {
        if (*at == h) {
            *at = h->next;
            break;
        }
    }
    curl_multi_remove_handle(h->multi, h->easy);
    curl_easy_cleanup(h->easy);
    if (h->is_over && !h->is_alone && idle_count < IDLE_MAX)
        idle[idle_count++] = h->multi;
    else
        curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    forget(&h->head);
    forget(&h->body);
    forget(&h->out);
    forget(&h->sse_data);
    free(h->sse_id);
    free(h->sse_event);
    free(h->line);
    free(h->method);
    free(h->url);
    free(h);
}

int http_free_all(void **state)
{
    (void)state;
    while (all)
        http_free(all);
    while (idle_count > 0)
        curl_multi_cleanup(idle[--idle_count]);
    http_answer_free_all();
    return 0;
}

static void wait_over(struct http *h, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    h->is_out_ended = true;
    http_feed(h);
    while (!h->is_over) {
        int64_t left = deadline - now_ms();
        if (left <= 0)
            http_fail(h, "no whole answer before the deadline");
        http_move(h, left);
    }
}

struct http_answer *http_finish_if_any(struct http *h, int wait_ms)
{
    wait_over(h, wait_ms);
    struct http_answer *a = NULL;
    if (h->result == CURLE_OK) {
        size_t size = h->body.size - h->body.taken;
        long connects = 1;
        curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &connects);
        a = http_answer_new(take_all(&h->head), take_all(&h->body), size,
                            h->ended_ms - h->began_ms);
        a->is_reused = connects == 0;
    }
    http_free(h);
    return a;
}

struct http_answer *http_finish(struct http *h, int wait_ms)
{
    wait_over(h, wait_ms);
    if (h->result != CURLE_OK)
        http_fail(h, curl_easy_strerror(h->result));
    return http_finish_if_any(h, wait_ms);
}

struct http_answer *http_ask(const struct http_request *request, int wait_ms)
{
    return http_finish(http_start(request), wait_ms);
}

static struct http_answer *ask(const char *method, const char *base, const char *path,
                               const char *const headers[], const char *body)
{
    return http_ask(
        &(struct http_request){
            .method = method, .base = base, .path = path, .headers = headers, .body = body },
        HTTP_WAIT_MS);
}

struct http_answer *http_get(const char *base, const char *path, const char *const headers[])
{
    return ask("GET", base, path, headers, NULL);
}

struct http_answer *http_head(const char *base, const char *path, const char *const headers[])
{
    return ask("HEAD", base, path, headers, NULL);
}

struct http_answer *http_delete(const char *base, const char *path, const char *const headers[])
{
    return ask("DELETE", base, path, headers, NULL);
}

struct http_answer *http_post(const char *base, const char *path, const char *const headers[],
                              const char *body)
{
    return ask("POST", base, path, headers, body);
}
