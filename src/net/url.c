// SPDX-License-Identifier: Apache-2.0
#include "net/url.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "net/address.h"
#include "net/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_bad_byte(const char *url)
{
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;
        /* a backslash is a slash to some readers of URLs and a part of the host to others */
        if (c <= ' ' || c == 0x7f || c == '\\')
            return true;
    }
    return false;
}

static const char *fault_of(CURLUcode code)
{
    switch (code) {
    case CURLUE_USER_NOT_ALLOWED:
        return "a user or password has no place in a URL: it would be seen in logs";
    case CURLUE_UNSUPPORTED_SCHEME:
    case CURLUE_BAD_SCHEME:
    case CURLUE_NO_SCHEME:
        return "the URL begins with neither http:// nor https://";
    case CURLUE_NO_HOST:
        return "there is no host in the URL";
    default:
        return "this is not a URL that can be called";
    }
}

static bool fail(struct kc_error *err, const char *fault)
{
    kc_error_set(err, KC_CONFIG, 0, "%s", fault);
    return false;
}

static bool is_http(CURLU *parts)
{
    char *scheme = NULL;
    bool is = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return is;
}

static bool check_host(struct kc_url *out, const char *host, const char *const *allow,
                       struct kc_error *err)
{
    struct kc_address address;
    out->is_allowed = kc_host_is_allowed(kc_text(host), allow);
    if (out->is_allowed || !kc_address_parse(kc_text(host), &address) ||
        !kc_address_is_refused(&address, allow))
        return true;
    kc_error_set(err, KC_ADDRESS_REFUSED, 0, "calls to %s are not allowed here", host);
    return false;
}

static void describe(struct kc_url *out, CURLU *parts, const char *host)
{
    char *scheme = NULL, *port = NULL, *path = NULL;
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    (void)curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    (void)curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    (void)curl_url_get(parts, CURLUPART_PATH, &path, 0);
    kc_buf_printf(&text, "%s://%s:%s", scheme ? scheme : "", host, port ? port : "");
    out->origin = kc_strndup(text.data, text.len);
    size_t path_len = path ? strlen(path) : 0;
    kc_buf_printf(&text, "%.*s%s", KC_URL_SHOWN_PATH, path ? path : "",
                  path_len > KC_URL_SHOWN_PATH ? "..." : "");
    out->shown = kc_buf_take(&text);
    kc_utf8_mend(out->shown);
    curl_free(scheme);
    curl_free(port);
    curl_free(path);
}

bool kc_url_read(struct kc_url *out, const char *url, const char *const *allow,
                 struct kc_error *err)
{
    char *host = NULL;
    *out = (struct kc_url){ 0 };
    if (!url || !*url)
        return fail(err, "there is no URL");
    if (strlen(url) > KC_URL_MAX)
        return fail(err, "the URL is longer than 2048 bytes");
    if (has_bad_byte(url))
        return fail(err, "there is a blank, a control byte or a backslash in the URL");

    CURLU *parts = curl_url();
    CURLUcode code = parts ? curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER)
                           : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK)
        code = is_http(parts) ? curl_url_get(parts, CURLUPART_HOST, &host, 0)
                              : CURLUE_UNSUPPORTED_SCHEME;
    bool is_good =
        code == CURLUE_OK ? check_host(out, host, allow, err) : fail(err, fault_of(code));
    if (is_good)
        describe(out, parts, host);
    curl_free(host);
    curl_url_cleanup(parts);
    return is_good;
}

void kc_url_deinit(struct kc_url *url)
{
    free(url->origin);
    free(url->shown);
    *url = (struct kc_url){ 0 };
}

bool kc_http_check_url(const char *url, const char *const *allow, struct kc_error *err)
{
    struct kc_url parts;
    bool is_good = kc_url_read(&parts, url, allow, err);
    if (is_good)
        kc_url_deinit(&parts);
    return is_good;
}

/* The host where a URL has this scheme and its own port; absent otherwise. */
static struct kc_text host_at(const struct kc_url *url, struct kc_text scheme,
                              struct kc_text port)
{
    size_t len = strlen(url->origin), around = scheme.len + port.len;
    if (len <= around || strncasecmp(url->origin, scheme.p, scheme.len) != 0 ||
        strcmp(url->origin + len - port.len, port.p) != 0)
        return KC_NO_TEXT;
    return (struct kc_text){ url->origin + scheme.len, len - around };
}

static bool is_upgrade(const struct kc_url *from, const struct kc_url *to)
{
    struct kc_text plain = host_at(from, KC_LIT("http://"), KC_LIT(":80"));
    struct kc_text secure = host_at(to, KC_LIT("https://"), KC_LIT(":443"));
    return plain.p && secure.p && plain.len == secure.len &&
           strncasecmp(plain.p, secure.p, plain.len) == 0;
}

bool kc_http_shares_credentials(const char *from, const char *to)
{
    struct kc_url a = { 0 }, b = { 0 };
    struct kc_error ignored = { 0 };
    bool shares = kc_url_read(&a, from, NULL, &ignored) &&
                  kc_url_read(&b, to, NULL, &ignored) &&
                  (strcasecmp(a.origin, b.origin) == 0 || is_upgrade(&a, &b));
    kc_url_deinit(&a);
    kc_url_deinit(&b);
    return shares;
}
