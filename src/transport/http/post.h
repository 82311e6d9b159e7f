// SPDX-License-Identifier: Apache-2.0
/* post.h - gives the messages of a request to an action, and answers when all have ended. */
#ifndef KC_TRANSPORT_HTTP_POST_H
#define KC_TRANSPORT_HTTP_POST_H

#include "runtime/entry.h"
#include "transport/http/envelope.h"
#include "transport/http/exchange.h"

struct kc_post; /* opaque */

struct kc_post_conf {
    struct kc_exchange *exchange;
    struct kc_tally *tally;

    /* A message failed while others were written. As answered(), before it. */
    void (*failed)(void *arg, enum kc_code code);

    /* The exchange was answered and nothing of the messages is needed any more. On any thread,
     * during kc_post_run() or later. */
    void (*answered)(void *arg);
    void *arg;
};

/* Processes the messages of the envelope, whose text of that many bytes lives until answered().
 * May wait, as process() does. */
void kc_post_run(const struct kc_post_conf *conf, const struct kc_http_envelope *e,
                 size_t text_len, const struct kc_entry *entry, void *self);

#endif
