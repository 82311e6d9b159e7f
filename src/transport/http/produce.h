// SPDX-License-Identifier: Apache-2.0
/* produce.h - POST /v1/actions/produce: a message, or an envelope, or lines of messages.
 *
 *   a message   whole or bare, as on stdin, also beside `config` and `credentials`
 *   `message`   one message, whole or bare
 *   `messages`  of whole messages (elements with a `body`): each of them is processed
 *
 * The answer is {"messages": [whole messages], "errors": [error objects]}: 200 when all was
 * written, 207 when some was, a problem when nothing was. */
#ifndef KC_TRANSPORT_HTTP_PRODUCE_H
#define KC_TRANSPORT_HTTP_PRODUCE_H

#include "transport/http/route.h"

void kc_route_produce(struct kc_service *s, struct kc_exchange *x);

/* application/x-ndjson: a message a line, answered by the events of stdout. ndjson.c */
extern const struct kc_upload kc_upload_produce;

#endif
