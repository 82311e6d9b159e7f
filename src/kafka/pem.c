// SPDX-License-Identifier: Apache-2.0
#include "kafka/pem.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE   64 /* letters of base64 */
#define DASHES "-----"

/* "\n", "\r" and "\t" spelled out, once or twice over, become what they stand for, and "\/" a
 * slash, as JSON has it. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        while (from[1] == '\\')
            from++;
        if (from[1] && strchr("nrt", from[1])) {
            *to++ = '\n';
            from++;
        }
    }
    *to = '\0';
}

/* The label of "-----BEGIN label-----" at p; absent where there is none. */
static struct kc_text label_at(const char *p, struct kc_text word)
{
    size_t skip = strlen(DASHES) + word.len;
    if (strncmp(p, DASHES, strlen(DASHES)) != 0 ||
        strncmp(p + strlen(DASHES), word.p, word.len) != 0)
        return KC_NO_TEXT;
    const char *end = strstr(p + skip, DASHES);
    return end ? (struct kc_text){ p + skip, (size_t)(end - p) - skip } : KC_NO_TEXT;
}

static const char *behind(struct kc_text label)
{
    return label.p + label.len + strlen(DASHES);
}

/* What stands between the two labels, word by word: headers such as "DEK-Info: a" get a line
 * each, and all else is base64. */
static void put_body(struct kc_buf *out, const char *p, const char *end)
{
    size_t column = 0;
    bool has_header = false, wants_value = false;
    while (p < end) {
        const char *word = p;
        while (p < end && !isspace((unsigned char)*p))
            p++;
        struct kc_text w = { word, (size_t)(p - word) };
        bool is_header = w.len > 0 && memchr(w.p, ':', w.len);
        if (wants_value || is_header) {
            wants_value = w.len == 0 || (is_header && w.p[w.len - 1] == ':');
            kc_buf_text(out, w);
            kc_buf_puts(out, w.len == 0 ? "" : wants_value ? " " : "\n");
            has_header = true;
        } else if (w.len > 0) {
            kc_buf_puts(out, has_header ? "\n" : "");
            has_header = false;
            for (size_t i = 0; i < w.len; i++, column++) {
                kc_buf_puts(out, column > 0 && column % LINE == 0 ? "\n" : "");
                kc_buf_append(out, w.p + i, 1);
            }
        }
        p += p < end;
    }
    kc_buf_puts(out, column > 0 ? "\n" : "");
}

/* The next pair of labels and what is between them. What stands around the pairs is left out:
 * readers of PEM pass over it. */
static bool put_pair(struct kc_buf *out, const char **text)
{
    const char *p = *text;
    struct kc_text begin = KC_NO_TEXT, end = KC_NO_TEXT;
    for (; *p && !begin.p; p++)
        begin = label_at(p, KC_LIT("BEGIN "));
    if (!begin.p)
        return false;
    for (p = behind(begin); *p && !end.p; p++)
        end = label_at(p, KC_LIT("END "));
    if (!end.p || end.len != begin.len || memcmp(end.p, begin.p, end.len) != 0) {
        kc_buf_clear(out); /* nobody knows what this is */
        return false;
    }
    kc_buf_printf(out, DASHES "BEGIN %.*s" DASHES "\n", (int)begin.len, begin.p);
    put_body(out, behind(begin), end.p - strlen(DASHES "END "));
    kc_buf_printf(out, DASHES "END %.*s" DASHES "\n", (int)end.len, end.p);
    *text = behind(end);
    return true;
}

char *kc_pem_mend(char *pem)
{
    struct kc_buf out;
    if (!pem)
        return NULL;
    char *text = kc_strdup(pem);
    const char *at = text;
    size_t len = strlen(pem);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    (void)kc_buf_reserve(&out, len * 2 + LINE); /* at once: no copy of a key is left behind */
    unescape(text);
    while (put_pair(&out, &at))
        ;
    explicit_bzero(text, len);
    free(text);
    if (out.len == 0) {
        kc_buf_deinit(&out);
        return pem;
    }
    explicit_bzero(pem, len);
    free(pem);
    return kc_buf_take(&out);
}

void kc_pem_check_certificate(const char *pem, const char *pointer, struct kc_faults *faults)
{
    if (pem && !strstr(pem, "-----BEGIN CERTIFICATE-----"))
        kc_faults_add(faults, pointer,
                      "is not a PEM certificate (-----BEGIN CERTIFICATE-----)");
}

void kc_pem_check_key(const char *pem, const char *password, struct kc_faults *faults)
{
    if (!pem)
        return;
    bool is_encrypted = strstr(pem, "ENCRYPTED") != NULL;
    if (!strstr(pem, "PRIVATE KEY-----"))
        kc_faults_add(faults, "/clientKey",
                      "is not a PEM private key (-----BEGIN PRIVATE "
                      "KEY-----)");
    else if (is_encrypted && !password)
        kc_faults_add(faults, "/clientKeyPassword",
                      "required, since the client key is encrypted");
}
