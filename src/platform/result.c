// SPDX-License-Identifier: Apache-2.0
#include "platform/result.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/log.h"
#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_MAX_BYTES                                                                       \
    65536 /* nothing of it is used, but a platform's error page may come                       \
           */

/* --- the target --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct kc_buf *out, struct kc_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char byte = t.p[i];
        if (byte == '%') {
            int high = i + 2 < t.len ? hex_digit(t.p[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(t.p[i + 2]) : -1;
            if (low < 0)
                return false;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        kc_buf_append(out, &byte, 1);
    }
    return true;
}

static void wipe(struct kc_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    kc_buf_deinit(b);
}

/* A user without a password is sent as "user:", as other clients of the platform do. */
static bool make_authorization(struct kc_result_target *t, struct kc_text userinfo)
{
    struct kc_buf plain, header;
    const char *colon = memchr(userinfo.p, ':', userinfo.len);
    size_t user_len = colon ? (size_t)(colon - userinfo.p) : userinfo.len;
    size_t rest = colon ? user_len + 1 : user_len;
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    kc_buf_init(&header, KC_BUF_UNBOUNDED);
    bool ok = decode(&plain, (struct kc_text){ userinfo.p, user_len }) &&
              kc_buf_puts(&plain, ":") &&
              decode(&plain, (struct kc_text){ userinfo.p + rest, userinfo.len - rest });
    if (ok) {
        kc_buf_puts(&header, "Authorization: Basic ");
        kc_base64_encode(&header, plain.data, plain.len);
        t->authorization = kc_buf_take(&header);
    }
    kc_buf_deinit(&header);
    wipe(&plain);
    return ok;
}

bool kc_result_target_read(struct kc_result_target *out, const char *url, struct kc_error *err)
{
    *out = (struct kc_result_target){ NULL, NULL };
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t authority = scheme_end ? strcspn(host, "/?#") : 0;
    const char *at = authority ? memrchr(host, '@', authority) : NULL;
    if (at && at > host &&
        !make_authorization(out, (struct kc_text){ host, (size_t)(at - host) })) {
        kc_error_set(err, KC_CONFIG, 0, "a '%%' in the user or password is not an encoding");
        return false;
    }
    struct kc_buf bare;
    kc_buf_init(&bare, KC_BUF_UNBOUNDED);
    kc_buf_append(&bare, url, (size_t)(host - url));
    kc_buf_puts(&bare, at ? at + 1 : host);
    out->url = kc_buf_take(&bare);
    return kc_http_check_url(out->url ? out->url : "", NULL, err);
}

void kc_result_target_deinit(struct kc_result_target *t)
{
    if (t->authorization)
        explicit_bzero(t->authorization, strlen(t->authorization));
    free(t->authorization);
    free(t->url);
    *t = (struct kc_result_target){ NULL, NULL };
}

/* --- the POST --- */

/* Whether another try may help. An error is left in err unless it was accepted; what is said
 * beside the status does not count, so an answer that is too long or breaks off is one too. */
static bool is_worth_a_retry(struct kc_http *http, const struct kc_http_request *request,
                             struct kc_error *err)
{
    struct kc_http_answer answer;
    struct kc_buf ignored;
    kc_buf_init(&ignored, KC_BUF_UNBOUNDED);
    (void)!kc_http_call(http, request, &answer, &ignored, err);
    kc_buf_deinit(&ignored);
    if (answer.status == 0)
        return kc_code_retriable(err->code);
    kc_error_clear(err);
    if (answer.status < 200 || answer.status > 299)
        kc_error_set(
            err, KC_BAD_ANSWER, answer.status, "POST %.*s: HTTP %d%s",
            (int)strcspn(request->url, "?#"), request->url, answer.status,
            answer.status >= 300 && answer.status < 400 ? ": a redirect is not followed" : "");
    return answer.status >= 500;
}

static void pause_ms(int ms)
{
    struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };
    nanosleep(&left, NULL); /* a signal in between only makes it shorter */
}

static bool post(struct kc_http *http, const struct kc_http_request *request,
                 const struct kc_result_tries *tries, struct kc_error *err)
{
    for (int n = 1;; n++) {
        kc_error_clear(err);
        bool again = is_worth_a_retry(http, request, err);
        if (err->code == KC_NONE) {
            kc_log(KC_INFO, "result_posted", KC_I("attempt", n));
            return true;
        }
        if (!again || n >= tries->count)
            return false;
        kc_log(KC_WARN, "result_post_retry", KC_I("attempt", n), KC_E(err));
        pause_ms(tries->delay_ms);
    }
}

bool kc_result_post(const struct kc_result_target *t, const struct kc_result_tries *tries,
                    struct kc_text body, struct kc_error *err)
{
    struct kc_http *http = NULL;
    const char *const headers[] = { "Content-Type: application/json", t->authorization, NULL };
    const struct kc_http_request request = {
        .method = "POST",
        .url = t->url,
        .headers = headers,
        .body = body,
        .timeout_ms = tries->timeout_ms,
        .answer_max_bytes = ANSWER_MAX_BYTES,
    };
    bool ok =
        kc_http_open(&http, &(struct kc_http_conf){ .max_parallel = 1, .uses_proxy = true },
                     err) &&
        post(http, &request, tries, err);
    kc_http_close(http);
    if (!ok)
        kc_error_wrap(err, "post the result");
    return ok;
}
