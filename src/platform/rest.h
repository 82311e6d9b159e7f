// SPDX-License-Identifier: Apache-2.0
/* rest.h - one call to the platform's servers, tried again as its own runtime does. Private to
 * platform/.
 *
 * No answer, one that broke off, and 5xx are tried again; what cannot get better is not:
 * another status, a certificate, an address that may not be called. Calls wait. Any thread. */
#ifndef KC_PLATFORM_REST_H
#define KC_PLATFORM_REST_H

#include "base/sync.h"
#include "net/http.h"

struct kc_rest_rules {
    int tries;         /* in all; less than 1 is 1 */
    int pause_ms;      /* between two */
    int pause_max_ms;  /* not 0: the pause doubles up to here, and is up to a fifth longer */
    int timeout_ms;    /* of each try, its redirects included */
    int redirects_max; /* 0: none is followed */
    size_t answer_max_bytes;
    const char *error_member;   /* of a 4xx's JSON, where it says what is wrong; NULL: all of it
                                   says so */
    struct kc_halt *halt;       /* no further try once it is said: STOPPED; NULL: none */
    const char *const *secrets; /* shown as *** where the server sends them back; ends with NULL
                                 */
};

/* True for a 2xx. Otherwise err has the HTTP status as its native number, where there was one,
 * and what the server said as its text: JSON in one line, anything else as it came, without
 * control bytes, cut where it is long. In both cases the last answer's body stands in
 * *body, which the caller has initialised, wipes if need be, and deinits.
 *
 * Redirects, where they are followed, are those of a request without a body. The Authorization
 * header goes along only where kc_http_shares_credentials(), and not again after it once did
 * not; from https to http nothing goes. */
bool kc_rest_call(struct kc_http *http, const struct kc_http_request *request,
                  const struct kc_rest_rules *rules, struct kc_buf *body,
                  struct kc_error *err) KC_MUST_CHECK;

#endif
