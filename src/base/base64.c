// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t kc_base64_size(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* to may begin before in, as long as it does not overtake it: a group is read before its
 * letters are written. */
static void encode(char *to, const char *from, size_t len)
{
    const unsigned char *in = (const unsigned char *)from;
    for (; len >= 3; len -= 3, in += 3, to += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = alphabet[bits >> 6 & 63];
        to[3] = alphabet[bits & 63];
    }
    if (len > 0) {
        uint32_t bits = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0);
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = len > 1 ? alphabet[bits >> 6 & 63] : '=';
        to[3] = '=';
    }
}

bool kc_base64_encode(struct kc_buf *out, const void *p, size_t len)
{
    char *to = kc_buf_reserve(out, kc_base64_size(len));
    if (!to)
        return false;
    encode(to, p, len);
    out->len += kc_base64_size(len);
    return true;
}

void kc_base64_encode_in_place(char *text, size_t len)
{
    encode(text, text + kc_base64_size(len) - len, len);
}

// clang-format off
/* What each byte stands for, +1; 0: for nothing. */
static const unsigned char sextets[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 63,  0, 63,  0, 64,
    53, 54, 55, 56, 57, 58, 59, 60, 61, 62,  0,  0,  0,  0,  0,  0,
     0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,  0,  0,  0,  0, 64,
     0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,  0,  0,  0,  0,  0,
};
// clang-format on

/* -1 where it is of neither alphabet. */
static int sextet(char c)
{
    return sextets[(unsigned char)c] - 1;
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

/* Four letters at once, as long as all of them are letters. Returns how many were read. */
static size_t decode_groups(struct kc_text text, char *out)
{
    size_t i = 0;
    for (; i + 4 <= text.len; i += 4, out += 3) {
        int a = sextet(text.p[i]), b = sextet(text.p[i + 1]), c = sextet(text.p[i + 2]),
            d = sextet(text.p[i + 3]);
        if ((a | b | c | d) < 0)
            break;
        uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        out[0] = (char)(bits >> 16);
        out[1] = (char)(bits >> 8);
        out[2] = (char)bits;
    }
    return i;
}

size_t kc_base64_decode_leniently(struct kc_text text, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0; /* letters not written yet */
    size_t i = decode_groups(text, out), len = i / 4 * 3;
    for (; i < text.len && text.p[i] != '='; i++) {
        int value = sextet(text.p[i]);
        if (value < 0)
            continue;
        bits = bits << 6 | (uint32_t)value;
        if (++held < 4)
            continue;
        out[len++] = (char)(bits >> 16);
        out[len++] = (char)(bits >> 8);
        out[len++] = (char)bits;
        held = 0;
    }
    if (held >= 2)
        out[len++] = (char)(bits >> (held * 6 - 8));
    if (held == 3)
        out[len++] = (char)(bits >> 2);
    return len;
}
