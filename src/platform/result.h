// SPDX-License-Identifier: Apache-2.0
/* result.h - hands the result of a one-shot call to the platform: a POST, and the rules of
 * trying again.
 *
 * A 2xx is the end. A 5xx or no answer at all is tried again with the same body, so that a good
 * result is never replaced. Anything else, a redirect too, is a refusal. One thread. */
#ifndef KC_PLATFORM_RESULT_H
#define KC_PLATFORM_RESULT_H

#include "base/error.h"
#include "base/text.h"

/* Where results go to. The URL that we are given may hold a user and a password; what is called
 * and what errors may show has neither. */
struct kc_result_target {
    char *url;           /* without them */
    char *authorization; /* "Authorization: Basic …"; NULL where there was no user */
};

/* Takes the URL apart; user and password are percent-decoded. kc_result_target_deinit() is due
 * either way. CONFIG when it can never be called; the error does not quote it. */
bool kc_result_target_read(struct kc_result_target *out, const char *url,
                           struct kc_error *err) KC_MUST_CHECK;
void kc_result_target_deinit(struct kc_result_target *t); /* wipes; zeroed is fine */

struct kc_result_tries {
    int count;      /* at least 1 */
    int delay_ms;   /* between two */
    int timeout_ms; /* of each */
};

/* body is JSON. Waits until it was accepted, or the tries are used up. */
bool kc_result_post(const struct kc_result_target *t, const struct kc_result_tries *tries,
                    struct kc_text body, struct kc_error *err) KC_MUST_CHECK;

#endif
