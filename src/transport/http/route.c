// SPDX-License-Identifier: Apache-2.0
#include "transport/http/route.h"

#include <stdio.h>
#include <string.h>

/* Whether path fits the pattern; notes what its {words} stand for. */
static bool fits(const char *pattern, const char *path,
                 struct kc_text words[KC_WORDS_MAX_IN_PATH])
{
    size_t count = 0;
    while (*pattern && *path) {
        if (*pattern == '{') {
            size_t len = strcspn(path, "/");
            if (len == 0)
                return false;
            words[count++] = (struct kc_text){ path, len };
            path += len;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

static void allow_too(char allow[KC_ALLOW_SIZE], const char *method)
{
    size_t len = strlen(allow);
    bool is_get = strcmp(method, "GET") == 0;
    (void)snprintf(allow + len, KC_ALLOW_SIZE - len, "%s%s%s", len ? ", " : "", method,
                   is_get ? ", HEAD" : "");
}

const struct kc_route *kc_route_find(const struct kc_route *routes, const char *method,
                                     const char *path,
                                     struct kc_text words[KC_WORDS_MAX_IN_PATH],
                                     char allow[KC_ALLOW_SIZE])
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    allow[0] = '\0';
    for (const struct kc_route *r = routes; r->method; r++) {
        if (!fits(r->path, path, words))
            continue;
        if (strcmp(r->method, wanted) == 0)
            return r;
        allow_too(allow, r->method);
    }
    return NULL;
}
