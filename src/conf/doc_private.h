// SPDX-License-Identifier: Apache-2.0
/* doc_private.h - what doc.c and field.c share, and nobody above sees: jansson. */
#ifndef KC_CONF_DOC_PRIVATE_H
#define KC_CONF_DOC_PRIVATE_H

#include "conf/doc.h"

#include <jansson.h>

struct kc_doc {
    json_t *object; /* owned */
};

#endif
