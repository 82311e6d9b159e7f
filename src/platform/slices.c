// SPDX-License-Identifier: Apache-2.0
#include "platform/slices.h"

#include <string.h>

/* What is being scanned: at moves on, and stays where something is wrong. */
struct scan {
    const char *at, *end;
    const char *wrong;
};

static bool fail(struct scan *s, const char *wrong)
{
    s->wrong = wrong;
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* The next byte; 0 at the end. */
static char peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static bool skip_byte(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* --- scalars --- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether among eight bytes is a quote, a backslash or a control character. */
static bool has_special(uint64_t w)
{
    uint64_t quote = w ^ EACH('"'), backslash = w ^ EACH('\\');
    uint64_t found = (quote - EACH(1)) & ~quote;
    found |= (backslash - EACH(1)) & ~backslash;
    found |= (w - EACH(0x20)) & ~w;
    return found & EACH(0x80);
}

static void skip_plain(struct scan *s)
{
    const char *at = s->at;
    for (uint64_t w; s->end - at >= (ptrdiff_t)sizeof(w); at += sizeof(w)) {
        memcpy(&w, at, sizeof(w));
        if (has_special(w))
            break;
    }
    while (at < s->end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    s->at = at;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool skip_escape(struct scan *s)
{
    static const char letters[] = "\"\\/bfnrt";
    s->at++;
    if (s->at == s->end)
        return fail(s, "a string without end");
    if (*s->at != 'u') {
        if (!*s->at || !strchr(letters, *s->at))
            return fail(s, "no such escape");
        s->at++;
        return true;
    }
    for (int i = 1; i <= 4; i++) {
        if (s->end - s->at <= i || !is_hex(s->at[i]))
            return fail(s, "no such escape");
    }
    s->at += 5;
    return true;
}

static bool skip_string(struct scan *s)
{
    s->at++;
    for (;;) {
        skip_plain(s);
        if (s->at == s->end)
            return fail(s, "a string without end");
        if (*s->at == '"')
            break;
        if (*s->at != '\\')
            return fail(s, "a control character in a string");
        if (!skip_escape(s))
            return false;
    }
    s->at++;
    return true;
}

static bool skip_digits(struct scan *s)
{
    const char *first = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > first || fail(s, "a number without digits");
}

static bool skip_number(struct scan *s)
{
    (void)skip_byte(s, '-');
    if (!skip_byte(s, '0') && !skip_digits(s))
        return false;
    if (skip_byte(s, '.') && !skip_digits(s))
        return false;
    if (skip_byte(s, 'e') || skip_byte(s, 'E')) {
        if (!skip_byte(s, '-'))
            (void)skip_byte(s, '+');
        return skip_digits(s);
    }
    return true;
}

static bool skip_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return fail(s, "no JSON value");
    s->at += len;
    return true;
}

static bool skip_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return skip_string(s);
    case 't':
        return skip_word(s, "true");
    case 'f':
        return skip_word(s, "false");
    case 'n':
        return skip_word(s, "null");
    case '-':
        return skip_number(s);
    default:
        if (peek(s) >= '0' && peek(s) <= '9')
            return skip_number(s);
        return fail(s, s->at == s->end ? "a text that ends too early" : "no JSON value");
    }
}

/* --- arrays and objects --- */

static bool skip_name(struct scan *s)
{
    skip_blanks(s);
    if (peek(s) != '"')
        return fail(s, "no name of a member");
    if (!skip_string(s))
        return false;
    skip_blanks(s);
    return skip_byte(s, ':') || fail(s, "no colon");
}

/* Behind a value within `depth` open containers, of which closer[] says how they end: moves to
 * where the next value begins, or behind the last closer. */
static bool go_on(struct scan *s, const char *closers, size_t *depth)
{
    while (*depth > 0) {
        skip_blanks(s);
        char closer = closers[*depth - 1];
        if (skip_byte(s, closer)) {
            --*depth;
            continue;
        }
        if (!skip_byte(s, ','))
            return fail(s, "neither a comma nor the end");
        return closer == ']' || skip_name(s);
    }
    return true;
}

/* A value within `levels` containers. */
static bool skip_value(struct scan *s, size_t levels)
{
    char closers[KC_SLICE_DEPTH_MAX];
    size_t depth = 0;
    do {
        skip_blanks(s);
        char opener = peek(s);
        if (opener != '{' && opener != '[') {
            if (!skip_scalar(s) || !go_on(s, closers, &depth))
                return false;
            continue;
        }
        if (levels + depth == KC_SLICE_DEPTH_MAX)
            return fail(s, "too many levels");
        closers[depth++] = opener == '{' ? '}' : ']';
        s->at++;
        skip_blanks(s);
        if (peek(s) == closers[depth - 1]) {
            if (!go_on(s, closers, &depth))
                return false;
        } else if (opener == '{' && !skip_name(s)) {
            return false;
        }
    } while (depth > 0);
    return true;
}

static void say_why(const char *wrong, size_t at, struct kc_error *err)
{
    kc_error_set(err, KC_INPUT, 0, "not valid JSON: %s at byte %zu", wrong, at + 1);
}

static bool check_size(struct kc_text text, struct kc_error *err)
{
    if (text.len <= KC_SLICE_MAX_BYTES)
        return true;
    kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "a message of %zu bytes is too large", text.len);
    return false;
}

bool kc_slice_value(struct kc_text text, struct kc_text *value, struct kc_error *err)
{
    if (!text.p)
        text = KC_LIT("");
    struct scan s = { text.p, text.p + text.len, NULL };
    if (!check_size(text, err))
        return false;
    skip_blanks(&s);
    const char *start = s.at;
    bool ok = skip_value(&s, 0);
    const char *end = s.at;
    if (ok) {
        skip_blanks(&s);
        ok = s.at == s.end || fail(&s, "more text behind the end");
    }
    if (!ok) {
        say_why(s.wrong, (size_t)(s.at - text.p), err);
        return false;
    }
    *value = (struct kc_text){ start, (size_t)(end - start) };
    return true;
}

/* --- members --- */

void kc_members_walk(struct kc_members *m, struct kc_text object)
{
    if (!object.p)
        object = KC_LIT("");
    *m = (struct kc_members){ .start = object.p, .at = object.p, .end = object.p + object.len };
    if (object.len > KC_SLICE_MAX_BYTES)
        m->wrong = "too much text";
}

/* Up to the next name, or behind the object's end. */
static bool find_member(struct scan *s, struct kc_members *m)
{
    skip_blanks(s);
    if (m->state == KC_MEMBERS_FIRST && !skip_byte(s, '{'))
        return fail(s, s->at == s->end ? "no text" : "no object");
    if (m->state == KC_MEMBERS_FIRST)
        skip_blanks(s);
    if (skip_byte(s, '}')) {
        m->state = KC_MEMBERS_DONE;
        skip_blanks(s);
        return s->at == s->end || fail(s, "more text behind the end");
    }
    if (m->state == KC_MEMBERS_MORE && !skip_byte(s, ','))
        return fail(s, "neither a comma nor the end");
    skip_blanks(s);
    m->state = KC_MEMBERS_MORE;
    return true;
}

static bool read_member(struct scan *s, struct kc_members *m)
{
    const char *start = s->at;
    if (!skip_name(s))
        return false;
    const char *end = s->at - 1;
    while (end[-1] != '"') /* blanks before the colon */
        end--;
    m->name = (struct kc_text){ start, (size_t)(end - start) };
    skip_blanks(s);
    m->value.p = s->at;
    if (!skip_value(s, 1))
        return false;
    m->value.len = (size_t)(s->at - m->value.p);
    return true;
}

bool kc_members_next(struct kc_members *m)
{
    struct scan s = { m->at, m->end, NULL };
    if (m->wrong || m->state == KC_MEMBERS_DONE)
        return false;
    bool ok = find_member(&s, m) && m->state == KC_MEMBERS_MORE && read_member(&s, m);
    m->at = s.at;
    m->wrong = s.wrong;
    return ok;
}

bool kc_members_end(const struct kc_members *m, struct kc_error *err)
{
    if (m->wrong)
        say_why(m->wrong, (size_t)(m->at - m->start), err);
    return !m->wrong;
}

/* --- spans that were checked --- */

bool kc_slice_is_object(struct kc_text value)
{
    return value.len > 0 && *value.p == '{';
}

bool kc_slice_is_string(struct kc_text value)
{
    return value.len > 0 && *value.p == '"';
}

struct kc_text kc_slice_get(struct kc_text object, struct kc_text name)
{
    struct kc_text found = KC_NO_TEXT;
    struct kc_members m;
    if (!kc_slice_is_object(object))
        return found;
    kc_members_walk(&m, object);
    while (kc_members_next(&m)) {
        if (kc_slice_says(m.name, name))
            found = m.value;
    }
    return found;
}
