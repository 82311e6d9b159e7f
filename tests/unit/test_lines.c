// SPDX-License-Identifier: Apache-2.0
#include "transport/lines.h"

#include "unit/unit.h"

/* The lines that come out are written down as "1:text|2:text|3:(too long)|". */
static void take_lines(struct kc_lines *l, bool is_end, struct kc_buf *out)
{
    struct kc_line line;
    while (kc_lines_next(l, is_end, &line)) {
        if (line.is_too_long)
            assert_null(line.text.p);
        kc_buf_printf(out, "%llu:%.*s%s|", (unsigned long long)line.number, (int)line.text.len,
                      line.text.len ? line.text.p : "", line.is_too_long ? "(too long)" : "");
    }
}

static void feed(struct kc_lines *l, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room;
        char *to = kc_lines_room(l, &room);
        assert_true(room > 0);
        size_t n = len < room ? len : room;
        memcpy(to, bytes, n);
        kc_lines_add(l, n);
        bytes += n;
        len -= n;
    }
}

/* The lines of a text that comes in pieces of `step` bytes. */
static char *lines_of(const char *text, size_t max, size_t step)
{
    struct kc_lines l;
    struct kc_buf out;
    kc_lines_init(&l, max);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    for (size_t len = strlen(text), at = 0; at < len; at += step) {
        feed(&l, text + at, len - at < step ? len - at : step);
        take_lines(&l, false, &out);
    }
    take_lines(&l, true, &out);
    kc_lines_deinit(&l);
    return kc_buf_take(&out);
}

static void assert_lines(const char *text, size_t max, const char *wanted)
{
    for (size_t step = 1; step <= strlen(text) + 1; step++) {
        char *is = lines_of(text, max, step);
        assert_string_equal(is, wanted);
        free(is);
    }
}

static void lines_are_the_same_however_they_arrive(void **state)
{
    (void)state;
    assert_lines("one\ntwo\nthree\n", 100, "1:one|2:two|3:three|");
}

static void a_blank_line_is_a_line_and_counts(void **state)
{
    (void)state;
    assert_lines("\n\na\n\n", 100, "1:|2:|3:a|4:|");
}

static void a_carriage_return_is_part_of_its_line(void **state)
{
    (void)state;
    assert_lines("a\r\nb\rc\n", 100, "1:a\r|2:b\rc|");
}

static void what_has_no_newline_at_the_end_is_the_last_line(void **state)
{
    (void)state;
    assert_lines("a\nbc", 100, "1:a|2:bc|");
    assert_lines("abc", 100, "1:abc|");
    assert_lines("", 100, "");
}

static void a_line_may_be_as_long_as_allowed_and_no_longer(void **state)
{
    (void)state;
    assert_lines("12345\n123456\n1234\n", 5, "1:12345|2:(too long)|3:1234|");
    assert_lines("12345", 5, "1:12345|");
    assert_lines("1\n123456", 5, "1:1|2:(too long)|");
    assert_lines("123456789012345678901234567890\na\n", 5, "1:(too long)|2:a|");
}

static void a_line_without_end_is_never_kept(void **state)
{
    (void)state;
    struct kc_lines l;
    struct kc_buf out;
    struct kc_line line;
    char *piece = repeated("x", 60000);
    kc_lines_init(&l, 100000);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    for (int i = 0; i < 1000; i++) {
        feed(&l, piece, 60000);
        assert_false(kc_lines_next(&l, false, &line));
        assert_in_range(l.buf.cap, 1, 1024 * 1024);
    }
    feed(&l, "\nshort\n", 7);
    take_lines(&l, false, &out);
    assert_text(kc_buf_peek(&out), "1:(too long)|2:short|");
    kc_buf_deinit(&out);
    kc_lines_deinit(&l);
    free(piece);
}

static void a_nul_is_part_of_its_line(void **state)
{
    (void)state;
    struct kc_lines l;
    struct kc_line line;
    kc_lines_init(&l, 100);
    feed(&l, "a\0b\n", 4);
    assert_true(kc_lines_next(&l, false, &line));
    assert_same_bytes(line.text, BYTES("a\0b"));
    assert_false(kc_lines_next(&l, true, &line));
    kc_lines_deinit(&l);
}

static void a_line_and_its_neighbours_stay_until_more_room_is_asked_for(void **state)
{
    (void)state;
    struct kc_lines l;
    struct kc_line first, second;
    kc_lines_init(&l, 100);
    feed(&l, "first\nsecond\n", 13);
    assert_true(kc_lines_next(&l, false, &first));
    assert_true(kc_lines_next(&l, false, &second));
    assert_text(first.text, "first");
    assert_text(second.text, "second");
    kc_lines_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_they_arrive),
        cmocka_unit_test(a_blank_line_is_a_line_and_counts),
        cmocka_unit_test(a_carriage_return_is_part_of_its_line),
        cmocka_unit_test(what_has_no_newline_at_the_end_is_the_last_line),
        cmocka_unit_test(a_line_may_be_as_long_as_allowed_and_no_longer),
        cmocka_unit_test(a_line_without_end_is_never_kept),
        cmocka_unit_test(a_nul_is_part_of_its_line),
        cmocka_unit_test(a_line_and_its_neighbours_stay_until_more_room_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
