// SPDX-License-Identifier: Apache-2.0
#include "base/pointer.h"

const char *kc_pointer_part(struct kc_text name, char *out, size_t size)
{
    size_t n = 0;
    out[n++] = '/';
    for (size_t i = 0; i < name.len && n < size - 3; i++) {
        if (name.p[i] == '/' || name.p[i] == '~') {
            out[n++] = '~';
            out[n++] = name.p[i] == '/' ? '1' : '0';
        } else {
            out[n++] = name.p[i];
        }
    }
    out[n] = '\0';
    return out;
}
