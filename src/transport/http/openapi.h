// SPDX-License-Identifier: Apache-2.0
/* openapi.h - the routes as an OpenAPI 3.1 document.
 *
 * openapi.template.json says what each route is for, takes and gives. The rest is filled in:
 * settings from the tables of fields, shapes of messages from schemas/, and for each route the
 * problems that it can be answered with, from the list of error codes. */
#ifndef KC_TRANSPORT_HTTP_OPENAPI_H
#define KC_TRANSPORT_HTTP_OPENAPI_H

#include "base/buf.h"

/* Appends the document, laid out for people. */
void kc_openapi_print(struct kc_buf *out);

#endif
