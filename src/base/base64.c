// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool kc_base64_encode(struct kc_buf *out, const void *p, size_t len)
{
    const unsigned char *in = p;
    size_t encoded = (len + 2) / 3 * 4;
    char *to = kc_buf_reserve(out, encoded);
    if (!to)
        return false;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16;
        if (i + 1 < len)
            bits |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < len)
            bits |= in[i + 2];
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = i + 1 < len ? alphabet[bits >> 6 & 63] : '=';
        *to++ = i + 2 < len ? alphabet[bits & 63] : '=';
    }
    out->len += encoded;
    return true;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool kc_base64_decode(char *text, size_t len, size_t *decoded_len)
{
    if (len % 4 == 0 && len > 0 && text[len - 1] == '=')
        len -= text[len - 2] == '=' ? 2 : 1;
    if (len % 4 == 1)
        return false;

    uint32_t bits = 0;
    unsigned held = 0; /* bits not written yet */
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        int value = sextet(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            text[out++] = (char)(bits >> held & 0xff);
        }
    }
    if (bits & ((1u << held) - 1))
        return false; /* bits that no encoder leaves behind */
    *decoded_len = out;
    return true;
}
