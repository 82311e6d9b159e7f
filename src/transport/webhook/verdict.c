// SPDX-License-Identifier: Apache-2.0
#include "transport/webhook/verdict.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define EXCERPT_MAX 200 /* bytes of an answer that are told */

/* The beginning of what the receiver said, on one line. */
static void excerpt(struct kc_text body, char out[EXCERPT_MAX + 1])
{
    size_t len = body.len < EXCERPT_MAX ? body.len : EXCERPT_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = iscntrl((unsigned char)body.p[i]) ? ' ' : body.p[i];
    out[len] = '\0';
    kc_utf8_mend(out);
}

static void say_status(const struct kc_http_answer *answer, enum kc_code code,
                       struct kc_error *err)
{
    char said[EXCERPT_MAX + 1];
    excerpt(answer->body, said);
    kc_error_set(err, code, answer->status, "the receiver answered %d%s%s", answer->status,
                 *said ? ": " : "", said);
}

enum kc_verdict kc_push_judge(const struct kc_http_answer *answer, struct kc_error *err)
{
    int status = answer->status;
    enum kc_code failed = answer->error.code;
    if (failed == KC_ADDRESS_REFUSED || failed == KC_CONFIG) {
        *err = answer->error;
        return KC_PUSH_PAUSE; /* the address itself cannot work */
    }
    /* An answer that is larger than we read has its status all the same. */
    if (failed != KC_NONE && (failed != KC_BAD_ANSWER || status == 0)) {
        *err = answer->error;
        return KC_PUSH_AGAIN;
    }
    if (status >= 200 && status < 300)
        return KC_PUSH_ACCEPTED;
    if (status == 408 || status == 429 || status >= 500) {
        say_status(answer, KC_REFUSED, err);
        return KC_PUSH_AGAIN;
    }
    say_status(answer, KC_REFUSED, err);
    return KC_PUSH_PAUSE;
}

void kc_push_key(const struct kc_origin *origin, char out[KC_PUSH_KEY_SIZE])
{
    snprintf(out, KC_PUSH_KEY_SIZE, "%.249s-%d-%lld-%lld", origin->topic,
             (int)origin->partition, (long long)origin->first, (long long)origin->last);
    for (char *c = out; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            *c = '_';
    }
}
