// SPDX-License-Identifier: Apache-2.0
/* openapi.h - the routes as an OpenAPI 3.1 document.
 *
 * What a route takes and gives stands in the tables of openapi_routes.c; settings come from the
 * tables of fields, shapes of messages from schemas/, problems from the list of error codes. */
#ifndef KC_TRANSPORT_HTTP_OPENAPI_H
#define KC_TRANSPORT_HTTP_OPENAPI_H

#include "base/buf.h"

void kc_openapi_print(struct kc_buf *out);

#endif
