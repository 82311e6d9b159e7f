// SPDX-License-Identifier: Apache-2.0
#include "platform/rest.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "net/digest.h"
#include "runtime/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 8
#define SAID_MAX    768 /* bytes: an error needs room for its context too */

/* --- what the server said --- */

/* JSON in one line, or the text of its member; false when it is no JSON. */
static bool print_json(struct kc_text body, const char *member, struct kc_buf *out)
{
    struct kc_error ignored = { 0 };
    struct kc_json_reader *reader = kc_json_reader_new();
    char *copy = kc_alloc0(body.len + KC_JSON_PADDING, 1);
    memcpy(copy, body.p, body.len);
    const struct kc_value *value = kc_json_read(reader, copy, body.len, &ignored);
    const struct kc_value *said = value && member ? kc_value_get(value, member) : NULL;
    if (said && kc_value_type(said) == KC_IS_STRING)
        kc_buf_text(out, kc_value_text(said));
    else if (value)
        kc_value_print(value, out);
    free(copy);
    kc_json_reader_free(reader);
    return value != NULL;
}

static void print_masked(struct kc_text text, const char *secret, struct kc_buf *out)
{
    size_t len = strlen(secret);
    const char *at;
    while (len > 0 && (at = memmem(text.p, text.len, secret, len))) {
        size_t before = (size_t)(at - text.p);
        kc_buf_append(out, text.p, before);
        kc_buf_puts(out, "***");
        text = (struct kc_text){ at + len, text.len - before - len };
    }
    kc_buf_text(out, text);
}

/* A server may send back what it was sent. */
static void mask(struct kc_buf *text, const char *const *secrets)
{
    for (; secrets && *secrets; secrets++) {
        struct kc_buf masked;
        kc_buf_init(&masked, KC_BUF_UNBOUNDED);
        print_masked(kc_buf_peek(text), *secrets, &masked);
        kc_buf_deinit(text);
        *text = masked;
    }
}

static void say(struct kc_error *err, enum kc_code code, int status, struct kc_buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f)
            text->data[i] = ' ';
    }
    kc_error_set(err, code, status, "%.*s", (int)(text->len < SAID_MAX ? text->len : SAID_MAX),
                 text->data);
    kc_utf8_mend(err->text);
}

static enum kc_code code_of(int status)
{
    switch (status) {
    case 401:
        return KC_UNAUTHORIZED;
    case 403:
        return KC_FORBIDDEN;
    case 404:
        return KC_NOT_FOUND;
    case 409:
        return KC_CONFLICT;
    default:
        return KC_BAD_ANSWER;
    }
}

static void refuse(const struct kc_http_answer *a, const struct kc_rest_rules *rules,
                   struct kc_error *err)
{
    struct kc_buf text;
    const char *member = a->status < 500 ? rules->error_member : NULL;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    if (a->status >= 300 && a->status < 400)
        kc_buf_printf(&text, "HTTP %d: a redirect is not followed", a->status);
    else if (a->body.len == 0)
        kc_buf_printf(&text, "HTTP %d, without a body", a->status);
    else if (!print_json(a->body, member, &text))
        kc_buf_text(&text, a->body);
    mask(&text, rules->secrets);
    say(err, code_of(a->status), a->status, &text);
    kc_buf_deinit(&text);
}

/* --- redirects --- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool has_scheme(const char *url, const char *scheme)
{
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

static void drop_authorization(const char **headers)
{
    const char **kept = headers;
    for (; *headers; headers++) {
        if (strncasecmp(*headers, "Authorization:", strlen("Authorization:")) != 0)
            *kept++ = *headers;
    }
    *kept = NULL;
}

static void copy_headers(const char **out, const char *const *headers)
{
    int n = 0;
    while (headers && headers[n] && n < HEADERS_MAX) {
        out[n] = headers[n];
        n++;
    }
    out[n] = NULL;
}

/* One try. True when an answer came, whatever its status. */
static bool call(struct kc_http *http, const struct kc_http_request *request,
                 const struct kc_rest_rules *rules, struct kc_http_answer *answer,
                 struct kc_buf *body, struct kc_error *err)
{
    const char *headers[HEADERS_MAX + 1];
    char url[KC_URL_MAX + 1];
    int64_t deadline_ms = kc_now_ms() + rules->timeout_ms;
    struct kc_http_request r = *request;
    copy_headers(headers, request->headers);
    r.headers = headers;
    r.answer_max_bytes = rules->answer_max_bytes;
    for (int hops = 0;; hops++) {
        int left_ms = kc_ms_until(deadline_ms, rules->timeout_ms);
        r.timeout_ms = left_ms > 0 ? left_ms : 1;
        if (!kc_http_call(http, &r, answer, body, err))
            return false;
        if (!is_redirect(answer->status) || hops >= rules->redirects_max || r.body.p ||
            !answer->redirect[0] ||
            (has_scheme(r.url, "https:") && !has_scheme(answer->redirect, "https:")))
            return true;
        if (!kc_http_shares_credentials(r.url, answer->redirect))
            drop_authorization(headers);
        snprintf(url, sizeof(url), "%s", answer->redirect);
        r.url = url;
    }
}

/* --- tries --- */

/* Whether another try may help; an error is left in err unless it went well. */
static bool is_worth_a_retry(const struct kc_http_answer *a, struct kc_error *err)
{
    if (a->status >= 500)
        return true;
    if (err->code == KC_BAD_ANSWER)
        return a->status == 0; /* else it is too large, and will be again */
    return a->error.code != KC_NONE && kc_code_retriable(err->code) && err->code != KC_STOPPED;
}

static bool try_once(struct kc_http *http, const struct kc_http_request *request,
                     const struct kc_rest_rules *rules, struct kc_buf *body,
                     struct kc_error *err)
{
    struct kc_http_answer answer;
    bool came = call(http, request, rules, &answer, body, err);
    if (came && (answer.status < 200 || answer.status > 299))
        refuse(&answer, rules, err);
    return is_worth_a_retry(&answer, err);
}

static int pause_after(int n, const struct kc_rest_rules *rules)
{
    uint32_t dice;
    int64_t pause_ms = rules->pause_ms;
    if (rules->pause_max_ms == 0)
        return (int)pause_ms;
    for (int i = 1; i < n && pause_ms < rules->pause_max_ms; i++)
        pause_ms *= 2;
    kc_random_bytes(&dice, sizeof(dice));
    pause_ms += dice % (uint32_t)(pause_ms / 5 + 1);
    return (int)(pause_ms < rules->pause_max_ms ? pause_ms : rules->pause_max_ms);
}

bool kc_rest_call(struct kc_http *http, const struct kc_http_request *request,
                  const struct kc_rest_rules *rules, struct kc_buf *body, struct kc_error *err)
{
    for (int n = 1;; n++) {
        kc_error_clear(err);
        bool again = try_once(http, request, rules, body, err);
        if (err->code == KC_NONE)
            return true;
        if (!again || n >= rules->tries)
            return false;
        kc_log(KC_WARN, "platform_call_retry", KC_I("attempt", n), KC_E(err));
        if (kc_halt_wait(rules->halt, pause_after(n, rules))) {
            kc_error_clear(err);
            kc_error_set(err, KC_STOPPED, 0, "stopped before the next try");
            return false;
        }
    }
}
