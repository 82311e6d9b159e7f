// SPDX-License-Identifier: Apache-2.0
/* pointer.h - the parts of JSON pointers (RFC 6901), by which faults say where they are. */
#ifndef KC_BASE_POINTER_H
#define KC_BASE_POINTER_H

#include "base/text.h"

/* "/" and the name with its "/" and "~" escaped; what is too long for out, of size bytes, is
 * cut. Returns out. */
const char *kc_pointer_part(struct kc_text name, char *out, size_t size);

#endif
