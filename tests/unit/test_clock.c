// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include "unit/unit.h"

#define NOON INT64_C(1769860800000) /* 2026-01-31T12:00:00Z */

static void assert_is(const char *text, int64_t wall_ms)
{
    int64_t ms = -99;
    if (!kc_iso_parse(kc_text(text), &ms))
        fail_msg("'%s' is a time", text);
    if (ms != wall_ms)
        fail_msg("'%s' is %lld, not %lld", text, (long long)wall_ms, (long long)ms);
}

static void a_time_is_read_with_every_precision(void **state)
{
    (void)state;
    assert_is("2026-01-31", NOON - 12 * 3600000);
    assert_is("2026-01-31T12:00", NOON);
    assert_is("2026-01-31T12:00:00", NOON);
    assert_is("2026-01-31 12:00:00", NOON);
    assert_is("2026-01-31T12:00:00Z", NOON);
    assert_is("2026-01-31T12:00:00.2Z", NOON + 200);
    assert_is("2026-01-31T12:00:00.250Z", NOON + 250);
    assert_is("2026-01-31T12:00:00.250999999Z", NOON + 250);
    assert_is("1970-01-01T00:00:00Z", 0);
}

static void an_offset_counts_and_without_one_it_is_utc(void **state)
{
    (void)state;
    assert_is("2026-01-31T14:00:00+02:00", NOON);
    assert_is("2026-01-31T14:00:00+0200", NOON);
    assert_is("2026-01-31T06:30:00-05:30", NOON);
    assert_is("2026-01-31T12:00:00-00:00", NOON);
}

static void leap_years_are_known(void **state)
{
    (void)state;
    int64_t ms;
    assert_is("2024-02-29", INT64_C(1709164800000));
    assert_is("2000-02-29", INT64_C(951782400000));
    assert_false(kc_iso_parse(KC_LIT("2026-02-29"), &ms));
    assert_false(kc_iso_parse(KC_LIT("2100-02-29"), &ms));
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "now",
        "2026",
        "2026-01",
        "2026-1-31",
        "26-01-31",
        "2026-00-10",
        "2026-13-10",
        "2026-01-00",
        "2026-01-32",
        "2026-02-30",
        "2026-04-31",
        "2026-01-31T",
        "2026-01-31T12",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00ZZ",
        "2026-01-31T12:00:00 Z",
        "2026-01-31T12:00:00+2",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+02:60",
        "2026-01-31Z",
        " 2026-01-31",
        "2026-01-31 ",
        "1769860800000",
        "2026-01-31T12:00:00.000000000000000000000000000000000000Z",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        int64_t ms;
        if (kc_iso_parse(kc_text(wrong[i]), &ms))
            fail_msg("'%s' is no time", wrong[i]);
    }
}

static void a_time_is_written_as_it_can_be_read(void **state)
{
    (void)state;
    char text[KC_ISO_SIZE];
    kc_iso_format(NOON + 7, text);
    assert_string_equal(text, "2026-01-31T12:00:00.007Z");
    assert_is(text, NOON + 7);
}

static void what_is_left_of_a_wait_is_never_negative_and_never_too_long(void **state)
{
    (void)state;
    assert_int_equal(kc_ms_until(kc_now_ms() - 5, 1000), 0);
    assert_int_equal(kc_ms_until(INT64_MAX, 1000), 1000);
    assert_in_range(kc_ms_until(kc_now_ms() + 500, 1000), 1, 500);
}

static void a_deadline_is_a_valid_instant_ahead(void **state)
{
    (void)state;
    for (int wait_ms = 0; wait_ms < 3000; wait_ms += 333) {
        int64_t before = kc_now_ms();
        struct timespec t = kc_deadline(wait_ms);
        assert_in_range(t.tv_nsec, 0, 999999999);
        assert_true((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 >= before + wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_read_with_every_precision),
        cmocka_unit_test(an_offset_counts_and_without_one_it_is_utc),
        cmocka_unit_test(leap_years_are_known),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_time_is_written_as_it_can_be_read),
        cmocka_unit_test(what_is_left_of_a_wait_is_never_negative_and_never_too_long),
        cmocka_unit_test(a_deadline_is_a_valid_instant_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
