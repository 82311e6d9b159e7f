// SPDX-License-Identifier: Apache-2.0
/* fuzz_lines.c - the same lines with the same numbers, however the stream is split.
 *
 * An input is: the longest line that is allowed; how many sizes of chunks follow; the sizes,
 * which are used in turn; the stream. */
#include "transport/lines.h"

#include "fuzz.h"

/* What is left of the stream, cut the plain way. */
static bool expect_next(struct kc_text *rest, size_t max, struct kc_line *line)
{
    const char *newline = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;
    if (rest->len == 0)
        return false;
    line->text = take(rest, newline ? (size_t)(newline - rest->p) : rest->len);
    (void)take(rest, newline != NULL);
    line->number++;
    line->is_too_long = line->text.len > max;
    if (line->is_too_long)
        line->text = KC_NO_TEXT;
    return true;
}

static void check_lines(struct kc_lines *l, bool is_end, struct kc_text *rest,
                        struct kc_line *expected)
{
    struct kc_line line;
    while (kc_lines_next(l, is_end, &line)) {
        CHECK(expect_next(rest, l->max, expected));
        CHECK(line.number == expected->number && line.is_too_long == expected->is_too_long);
        CHECK(is_equal(line.text, expected->text));
    }
}

static void run(struct kc_text stream, size_t max, struct kc_text sizes)
{
    struct kc_lines lines;
    struct kc_text rest = stream;
    struct kc_line expected = { .number = 0 };
    size_t room, turn = 0;
    kc_lines_init(&lines, max);
    do {
        size_t wanted = sizes.len ? (uint8_t)sizes.p[turn++ % sizes.len] : stream.len;
        char *to = kc_lines_room(&lines, &room);
        CHECK(to && room > 0);
        if (turn > 1 && turn % sizes.len == 0 && wanted == 0)
            wanted = 1; /* sizes of nothing but 0 would never end */
        struct kc_text chunk = take(&stream, wanted < room ? wanted : room);
        if (chunk.len)
            memcpy(to, chunk.p, chunk.len);
        kc_lines_add(&lines, chunk.len);
        check_lines(&lines, false, &rest, &expected);
    } while (stream.len);
    (void)kc_lines_room(&lines, &room);
    check_lines(&lines, true, &rest, &expected);
    CHECK(rest.len == 0);
    kc_lines_deinit(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text in = { (const char *)data, size };
    size_t max = take_byte(&in);
    struct kc_text sizes = take(&in, take_byte(&in));
    run(in, max, sizes);
    run(in, max, KC_NO_TEXT);
    run(in, max, KC_LIT("\1"));
    return 0;
}
