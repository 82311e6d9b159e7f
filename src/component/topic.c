// SPDX-License-Identifier: Apache-2.0
#include "component/topic.h"

#define NAME_MAX_BYTES 249

bool kc_topic_is_valid(struct kc_text name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || kc_text_is(name, ".") ||
        kc_text_is(name, ".."))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}
