// SPDX-License-Identifier: Apache-2.0
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

static void out_of_memory(void)
{
    static const char text[] = "kafka-component: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        /* nothing is left to say it with */
    }
    abort();
}

void *kc_alloc0(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        out_of_memory();
    return p;
}

void *kc_realloc(void *p, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory();
    size_t bytes = count * size;
    void *grown = realloc(p, bytes > 0 ? bytes : 1);
    if (!grown)
        out_of_memory();
    return grown;
}

char *kc_strdup(const char *s)
{
    return s ? kc_strndup(s, strlen(s)) : NULL;
}

char *kc_strndup(const char *s, size_t len)
{
    char *copy = kc_alloc0(len + 1, 1);
    memcpy(copy, s, len);
    return copy;
}

void kc_trim(void)
{
#if defined(__GLIBC__)
    (void)malloc_trim(0);
#endif
}
