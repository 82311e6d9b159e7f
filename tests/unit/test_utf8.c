// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include "unit/unit.h"

static void every_character_there_is_has_its_length(void **state)
{
    (void)state;
    assert_int_equal(kc_utf8_length("a", 1), 1);
    assert_int_equal(kc_utf8_length("\0", 1), 1);
    assert_int_equal(kc_utf8_length("\xc2\x80", 2), 2);         /* U+0080 */
    assert_int_equal(kc_utf8_length("\xdf\xbf", 2), 2);         /* U+07FF */
    assert_int_equal(kc_utf8_length("\xe0\xa0\x80", 3), 3);     /* U+0800 */
    assert_int_equal(kc_utf8_length("\xed\x9f\xbf", 3), 3);     /* U+D7FF */
    assert_int_equal(kc_utf8_length("\xee\x80\x80", 3), 3);     /* U+E000 */
    assert_int_equal(kc_utf8_length("\xef\xbf\xbf", 3), 3);     /* U+FFFF */
    assert_int_equal(kc_utf8_length("\xf0\x90\x80\x80", 4), 4); /* U+10000 */
    assert_int_equal(kc_utf8_length("\xf4\x8f\xbf\xbf", 4), 4); /* U+10FFFF */
}

static void what_is_no_character_has_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",             /* a continuation without its start */
        "\xc0\xaf",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xed\xbf\xbf",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc3(",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(kc_utf8_length(wrong[i], strlen(wrong[i])), 0);
}

static void a_character_that_is_cut_is_none_and_nothing_behind_it_is_looked_at(void **state)
{
    (void)state;
    assert_int_equal(kc_utf8_length("a", 0), 0);
    assert_int_equal(kc_utf8_length("\xc3\xa9", 1), 0);
    assert_int_equal(kc_utf8_length("\xe2\x82\xac", 2), 0);
    assert_int_equal(kc_utf8_length("\xf0\x9f\x98\x80", 3), 0);
}

static void a_text_is_valid_when_all_of_it_is(void **state)
{
    (void)state;
    assert_true(kc_utf8_is_valid(KC_LIT("")));
    assert_true(kc_utf8_is_valid(KC_NO_TEXT));
    assert_true(kc_utf8_is_valid(KC_LIT("Gr\xc3\xbc\xc3\x9f"
                                        "e \xf0\x9f\x98\x80")));
    assert_true(kc_utf8_is_valid(BYTES("a\0b")));
    assert_false(kc_utf8_is_valid(KC_LIT("ok\xff")));
    assert_false(kc_utf8_is_valid(KC_LIT("cut \xe2\x82")));
}

static void a_text_is_mended_with_question_marks(void **state)
{
    (void)state;
    char cut[] = "Gr\xc3\xbc\xc3", all_wrong[] = "\xff\xfe\x80", good[] = "\xe2\x82\xac";
    kc_utf8_mend(cut);
    assert_string_equal(cut, "Gr\xc3\xbc?");
    kc_utf8_mend(all_wrong);
    assert_string_equal(all_wrong, "???");
    kc_utf8_mend(good);
    assert_string_equal(good, "\xe2\x82\xac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_there_is_has_its_length),
        cmocka_unit_test(what_is_no_character_has_none),
        cmocka_unit_test(a_character_that_is_cut_is_none_and_nothing_behind_it_is_looked_at),
        cmocka_unit_test(a_text_is_valid_when_all_of_it_is),
        cmocka_unit_test(a_text_is_mended_with_question_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
