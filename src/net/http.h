// SPDX-License-Identifier: Apache-2.0
/* http.h - the one HTTP client: requests to callbacks, token servers, and who else is to be
 * called.
 *
 * A client is one thread that owns every connection; connections are kept alive and used again.
 * Any thread may send; a request is copied, so nothing of it has to outlive the call. At most
 * max_parallel requests are on the wire at once, max_per_origin of them to one scheme, host and
 * port, so that a receiver that hangs does not hold up the others; up to max_open wait or are
 * on the wire, and one more is refused with KC_BUSY.
 *
 * What holds for every request:
 * - http and https only, HTTP/1.1; certificates are verified, TLS 1.2 or newer;
 * - a redirect is an answer like any other and is not followed; it says where it leads;
 * - a kept connection that turns out to be closed is replaced and the request sent again, so
 * its receiver may, in rare cases, see it twice;
 * - an address that kc_address_is_refused() refuses is not connected to, whatever name stood
 * for it (net/address.h); through a proxy only the literal addresses in URLs can be checked;
 * - the time-out counts from send(), the wait for a turn included;
 * - an error says "METHOD scheme://host:port/path: cause": a URL's query, a user and a password
 *   in it, headers and bodies are never in an error. */
#ifndef KC_NET_HTTP_H
#define KC_NET_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

struct kc_http; /* opaque */

#define KC_URL_MAX 2048 /* bytes; receivers and proxies take no longer ones */

struct kc_http_conf {
    const char *const *allow; /* exceptions of the address guard, net/address.h; copied */
    const char *user_agent;   /* NULL: kafka-component/VERSION */
    int max_parallel;         /* 0: 128 */
    int max_per_origin;       /* 0: 32 */
    int max_open;             /* 0: 4096 */
    int connect_timeout_ms;   /* 0: 10 s */
    bool uses_proxy;          /* as http_proxy, https_proxy and no_proxy say */
};

/* An answer, or why there is none. A loan: valid until done() returns. */
struct kc_http_answer {
    int status;             /* 200 …; 0 when none came */
    bool is_late;           /* what the error says, it says since the time was over */
    int64_t retry_after_ms; /* what Retry-After asks for, at most a day; -1 without */
    int64_t took_ms;        /* since send() */
    char content_type[128]; /* "" without */
    /* where a 3xx leads, absolute; "" where it names no place, or one beyond KC_URL_MAX */
    char redirect[KC_URL_MAX + 1];
    struct kc_text body;
    /* KC_NONE when the whole answer came, whatever its status. Otherwise
     *   KC_TIMEOUT          not whole in time
     *   KC_UNREACHABLE      no name, no connection, or it broke
     *   KC_UNTRUSTED        TLS: their certificate was not accepted
     *   KC_ADDRESS_REFUSED  the address guard
     *   KC_BAD_ANSWER       not HTTP, or larger than answer_max_bytes: status then says what it
     *                       would have been
     *   KC_STOPPED          cancelled, or the client was closed
     *   KC_CONFIG           a CA that cannot be read */
    struct kc_error error;
};

/* Called exactly once for each request that send() took, on the client's thread, so it holds up
 * all others: it must not block. It may send and cancel, but not call() or close. */
typedef void kc_http_done(void *arg, const struct kc_http_answer *answer);

struct kc_http_request {
    const char *method; /* upper case; NULL: POST where there is a body, else GET */
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    struct kc_text body;        /* KC_NO_TEXT: none */
    int timeout_ms;             /* 0: 30 s */
    size_t answer_max_bytes;    /* of its body; 0: 64 KiB */
    struct kc_text ca;          /* PEM: trusted in place of the system's; KC_NO_TEXT: those */
    const char *ca_file;        /* the same as a file; NULL */
    kc_http_done *done;
    void *arg;
};

/* Starts the thread. Fails only for an allow list that cannot be read. */
bool kc_http_open(struct kc_http **out, const struct kc_http_conf *conf,
                  struct kc_error *err) KC_MUST_CHECK;

/* False, and done() is not called, when the request can never work (kc_http_check_url(), a
 * method, a header: KC_CONFIG, KC_ADDRESS_REFUSED), the client is full (KC_BUSY) or was stopped
 * (KC_STOPPED). Does not block. Any thread. */
bool kc_http_send(struct kc_http *h, const struct kc_http_request *request,
                  struct kc_error *err) KC_MUST_CHECK;

/* Sends and waits for the answer; request->done and arg do not count. The answer's body stands
 * in *memory, which the caller has initialised and deinits. True when an answer came, whatever
 * its status; otherwise err is answer->error. Any thread but the client's. */
bool kc_http_call(struct kc_http *h, const struct kc_http_request *request,
                  struct kc_http_answer *answer, struct kc_buf *memory,
                  struct kc_error *err) KC_MUST_CHECK;

/* Ends the requests that were sent with this arg: they are answered with KC_STOPPED soon,
 * unless they were answered before. Returns at once. Any thread. */
void kc_http_cancel(struct kc_http *h, const void *arg);

/* The same for all requests, and takes no more. Any thread, twice is fine. */
void kc_http_stop(struct kc_http *h);

/* Stops, waits until everything is answered (which takes no time: nobody else is waited for),
 * and frees. No other thread may be in a call; NULL is fine. */
void kc_http_close(struct kc_http *h);

/* Whether a URL may be called: http or https, a host, no user or password in it, no blank or
 * control bytes, at most KC_URL_MAX long, and no literal address that is refused. For fields
 * that hold one, so that they are refused when they are set; a name is looked up only when it
 * is called. */
bool kc_http_check_url(const char *url, const char *const *allow,
                       struct kc_error *err) KC_MUST_CHECK;

/* Whether credentials for the one URL may go to the other, where its server sent us: the same
 * scheme, host and port, or from http to https, same host, each at its scheme's own port. */
bool kc_http_shares_credentials(const char *from, const char *to);

/* The library and its version, for --version. */
const char *kc_http_library(void); /* "libcurl/7.88.1 OpenSSL/3.0.19 …" */

#endif
