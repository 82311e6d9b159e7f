// SPDX-License-Identifier: Apache-2.0
/* exchange.h - one request and its answer. Private to net/.
 *
 * An exchange is made by the thread that sends and from then on belongs to the client's thread,
 * but for the fields that say otherwise. */
#ifndef KC_NET_EXCHANGE_H
#define KC_NET_EXCHANGE_H

#include "net/address.h"
#include "net/http.h"
#include "net/url.h"

#include <curl/curl.h>

/* What is to become of one that is due. */
enum kc_exchange_fate {
    KC_EXCHANGE_STARTS,
    KC_EXCHANGE_LATE, /* its time was over before its turn came */
    KC_EXCHANGE_STOPPED
};

struct kc_exchange {
    /* http.c's, under its lock */
    struct kc_exchange *next, *previous;
    struct kc_origin *origin;
    bool is_running, is_cancelled;

    /* http.c's, the client's thread only */
    struct kc_exchange *due;
    enum kc_exchange_fate fate;

    /* the request, a copy */
    const struct kc_http_conf *conf; /* the client's */
    struct kc_url url;
    char *url_text, *method, *body, *ca, *ca_file;
    size_t body_len, ca_len, answer_max;
    struct curl_slist *headers;
    int64_t sent_ms, deadline_ms;
    int timeout_ms;
    kc_http_done *done;
    void *arg;

    /* the answer */
    CURLM *multi; /* where easy is in */
    CURL *easy;
    struct kc_buf answer_body;
    size_t head_bytes;
    bool is_too_large;
    char why[CURL_ERROR_SIZE];
    char refused[KC_ADDRESS_SIZE]; /* the address that the guard stopped */
};

/* NULL when the request can never work. conf must outlive the exchange. */
struct kc_exchange *kc_exchange_new(const struct kc_http_conf *conf,
                                    const struct kc_http_request *request,
                                    struct kc_error *err) KC_MUST_CHECK;

void kc_exchange_free(struct kc_exchange *e); /* takes it off the wire first */

/* Puts it on the wire. False when libcurl does not take it. */
bool kc_exchange_start(struct kc_exchange *e, CURLM *multi) KC_MUST_CHECK;

/* Calls done() with what came; result is how the transfer ended. */
void kc_exchange_answer(struct kc_exchange *e, CURLcode result);

/* Calls done() with an error in place of an answer. */
void kc_exchange_fail(struct kc_exchange *e, enum kc_code code, const char *cause);

#endif
