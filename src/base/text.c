// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* longer names are nobody's typing mistake */

struct kc_text kc_text(const char *s)
{
    return s ? (struct kc_text){ s, strlen(s) } : KC_NO_TEXT;
}

bool kc_text_is(struct kc_text t, const char *s)
{
    return t.p && strlen(s) == t.len && memcmp(t.p, s, t.len) == 0;
}

bool kc_text_int(struct kc_text t, int64_t min, int64_t max, int64_t *out)
{
    size_t i = 0;
    bool is_negative = t.len > 0 && t.p[0] == '-';
    if (is_negative)
        i = 1;
    if (i == t.len || (t.p[i] == '0' && t.len > i + 1))
        return false;

    int64_t value = 0; /* kept negative: that side reaches one further */
    for (; i < t.len; i++) {
        int digit = t.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!is_negative && __builtin_sub_overflow(INT64_C(0), value, &value))
        return false;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

struct kc_text kc_int_text(int64_t n, char out[KC_INT_SIZE])
{
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    char *end = out + KC_INT_SIZE, *p = end;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        *--p = '-';
    return (struct kc_text){ p, (size_t)(end - p) };
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance, letters compared without case. */
static size_t distance(struct kc_text a, struct kc_text b)
{
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            bool same =
                tolower((unsigned char)a.p[i - 1]) == tolower((unsigned char)b.p[j - 1]);
            row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b.len];
}

const char *kc_text_nearest(struct kc_text name, const char *const *known)
{
    if (name.len > NAME_MAX_BYTES)
        return NULL;
    const char *best = NULL;
    size_t best_distance = name.len / 3 + 2; /* further away it would be a guess */
    for (; *known; known++) {
        struct kc_text candidate = kc_text(*known);
        if (candidate.len > NAME_MAX_BYTES)
            continue;
        size_t d = distance(name, candidate);
        if (d < best_distance) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}
