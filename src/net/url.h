// SPDX-License-Identifier: Apache-2.0
/* url.h - a URL that may be called, taken apart. Private to net/. */
#ifndef KC_NET_URL_H
#define KC_NET_URL_H

#include "base/error.h"
#include "base/text.h"

#define KC_URL_SHOWN_PATH 200 /* as much of a path as an error needs */

struct kc_url {
    char *origin;    /* "https://host:443" */
    char *shown;     /* the origin and the path, cut where it is long: what errors may say */
    bool is_allowed; /* the allow list names the host */
};

/* What kc_http_check_url() says. On success the caller deinits *out. */
bool kc_url_read(struct kc_url *out, const char *url, const char *const *allow,
                 struct kc_error *err) KC_MUST_CHECK;

void kc_url_deinit(struct kc_url *url); /* zeroed is fine */

#endif
