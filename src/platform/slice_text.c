// SPDX-License-Identifier: Apache-2.0
/* slice_text.c - what strings say, of slices.h. */
#include "platform/slices.h"

#include "base/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static unsigned hex_of(const char *p)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return value;
}

static size_t put_utf8(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char first[] = { 0, 0xc0, 0xe0, 0xf0 };
    out[0] = (char)(first[more] | code >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/* The \uXXXX at p, and the other half of its pair. Returns how many bytes were read. */
static size_t read_code(const char *p, const char *end, unsigned *code)
{
    *code = hex_of(p + 2);
    if (*code < 0xd800 || *code > 0xdfff)
        return 6;
    if (*code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        unsigned low = hex_of(p + 8);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
            return 12;
        }
    }
    *code = 0xfffd;
    return 6;
}

/* What the escape at p says; returns how many bytes it takes. */
static size_t decode_escape(const char *p, const char *end, char out[4], size_t *out_len)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    unsigned code;
    if (p[1] == 'u') {
        size_t taken = read_code(p, end, &code);
        *out_len = put_utf8(code, out);
        return taken;
    }
    const char *letter = strchr(letters, p[1]);
    out[0] = letter ? meanings[letter - letters] : p[1];
    *out_len = 1;
    return 2;
}

void kc_slice_decode(struct kc_text string, struct kc_buf *out)
{
    const char *p = string.p + 1, *end = string.p + string.len - 1;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        char code[4];
        size_t code_len;
        kc_buf_append(out, p, (size_t)((escape ? escape : end) - p));
        if (!escape)
            return;
        p = escape + decode_escape(escape, end, code, &code_len);
        kc_buf_append(out, code, code_len);
    }
}

bool kc_slice_says(struct kc_text string, struct kc_text plain)
{
    if (!memchr(string.p, '\\', string.len))
        return string.len == plain.len + 2 && memcmp(string.p + 1, plain.p, plain.len) == 0;
    const char *p = string.p + 1, *end = string.p + string.len - 1;
    size_t at = 0;
    while (p < end) {
        char code[4] = { *p };
        size_t len = 1;
        p += *p == '\\' ? decode_escape(p, end, code, &len) : 1;
        if (plain.len - at < len || memcmp(plain.p + at, code, len) != 0)
            return false;
        at += len;
    }
    return at == plain.len;
}

static void print_special(char c, struct kc_buf *out)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *letter = c ? strchr(meanings, c) : NULL;
    if (c == '"' || c == '\\')
        kc_buf_printf(out, "\\%c", c);
    else if (letter)
        kc_buf_printf(out, "\\%c", letters[letter - meanings]);
    else
        kc_buf_printf(out, "\\u%04x", (unsigned char)c);
}

/* How many bytes from p on are text that needs no escape. */
static size_t plain_length(const char *p, size_t left)
{
    size_t len = 0, step;
    while (len < left) {
        unsigned char c = (unsigned char)p[len];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        step = c < 0x80 ? 1 : kc_utf8_length(p + len, left - len);
        if (step == 0)
            break;
        len += step;
    }
    return len;
}

void kc_slice_print_text(struct kc_text plain, struct kc_buf *out)
{
    size_t at = 0;
    kc_buf_puts(out, "\"");
    while (at < plain.len) {
        size_t len = plain_length(plain.p + at, plain.len - at);
        kc_buf_append(out, plain.p + at, len);
        at += len;
        if (at == plain.len)
            break;
        if ((unsigned char)plain.p[at] >= 0x80)
            kc_buf_puts(out, REPLACEMENT);
        else
            print_special(plain.p[at], out);
        at++;
    }
    kc_buf_puts(out, "\"");
}
