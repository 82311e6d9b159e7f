// SPDX-License-Identifier: Apache-2.0
/* What a verification says, as JSON and as a table; the page of all codes. */
#include "component/verdict.h"
#include "support/fail.h"
#include "support/process.h"
#include "unit/unit.h"

static char *printed(const struct kc_verdict *v, bool as_table)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    if (as_table)
        kc_verdict_show(v, &out);
    else
        kc_verdict_print(v, &out);
    return kc_buf_take(&out);
}

static void what_went_well_is_verified(void **state)
{
    (void)state;
    struct kc_verdict *v = kc_verdict_new();
    kc_verdict_begin(v, "settings");
    kc_verdict_fine(v, 0, "SSL, %s", "no sign-in");
    kc_verdict_begin(v, "name");
    kc_verdict_fine(v, 12, "%s", "");
    char *json = printed(v, false), *table = printed(v, true);
    assert_string_equal(json,
                        "{\"verified\":true,\"steps\":["
                        "{\"name\":\"settings\",\"ok\":true,\"ms\":0,\"detail\":\"SSL, no "
                        "sign-in\"},{\"name\":\"name\",\"ok\":true,\"ms\":12}]}");
    assert_holds(table, "ok     settings      0 ms SSL, no sign-in\n");
    assert_holds(table, "\nVerified");
    assert_int_equal(kc_cause_exit(kc_verdict_cause(v)), 0);
    free(json);
    free(table);
    kc_verdict_free(v);
}

static void the_first_failure_gives_code_reason_and_remedy(void **state)
{
    (void)state;
    struct kc_verdict *v = kc_verdict_new();
    kc_verdict_begin(v, "tcp");
    kc_verdict_fail(v, 3, KC_CAUSE_TCP_REFUSED, "b\"1:%d: refused", 9092);
    kc_verdict_begin(v, "tls");
    kc_verdict_fail(v, 3, KC_CAUSE_TLS_NAME, "later");
    kc_verdict_warn(v, KC_CAUSE_NAME_UNRESOLVED, "b2: no such host");
    kc_verdict_add_error(v, "/credentials/brokers", "wrong");
    char *json = printed(v, false), *table = printed(v, true);
    assert_holds(json, "{\"verified\":false,\"code\":\"tcp_refused\",\"reason\":\"b\\\"1:9092: "
                       "refused\",\"remedy\":\"Check the port");
    assert_holds(json, ",\"errors\":[{\"pointer\":\"/credentials/brokers\",\"message\":"
                       "\"wrong\"}],\"warnings\":[{\"code\":\"name_unresolved\",\"reason\":"
                       "\"b2: no such host\"}],\"steps\":[{\"name\":\"tcp\",\"ok\":false");
    assert_holds(table, "FAILED tcp ");
    assert_holds(table, "tcp_refused\n");
    assert_int_equal(kc_cause_exit(kc_verdict_cause(v)), 69);
    free(json);
    free(table);
    kc_verdict_free(v);
}

/* A certificate's subject is a stranger's text. */
static void a_table_does_not_steer_the_terminal(void **state)
{
    (void)state;
    struct kc_verdict *v = kc_verdict_new();
    kc_verdict_begin(v, "tls");
    kc_verdict_fail(v, 0, KC_CAUSE_TLS_NAME, "\x1b[2Jmine\x07 %0200d", 7);
    char *table = printed(v, true);
    assert_null(strchr(table, '\x1b'));
    assert_null(strchr(table, '\x07'));
    assert_holds(table, "?[2Jmine?");
    free(table);
    kc_verdict_free(v);
}

static void more_than_fits_is_left_out(void **state)
{
    (void)state;
    struct kc_verdict *v = kc_verdict_new();
    for (int i = 0; i < 200; i++) {
        kc_verdict_begin(v, "name");
        kc_verdict_fine(v, i, "%d", i);
        kc_verdict_warn(v, KC_CAUSE_NAME_UNRESOLVED, "%d", i);
        kc_verdict_add_error(v, "/a", "b");
    }
    char *json = printed(v, false);
    assert_int_equal(kc_verdict_cause(v), KC_CAUSE_VERIFIED);
    free(json);
    kc_verdict_free(v);
}

static char *read_page(void)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/docs/verify.md", need_env("KC_TEST_ROOT"));
    FILE *f = fopen(path, "r"); /* the page that people read */
    if (!f)
        fail_test("%s cannot be read", path);
    char *text = kc_alloc0(65536, 1);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    return text;
}

static void every_code_stands_on_the_page_with_its_meaning_and_remedy(void **state)
{
    (void)state;
    char *page = read_page(), row[1024];
    size_t rows = 0;
    for (int i = 1; i < KC_CAUSE_COUNT; i++) {
        enum kc_cause c = (enum kc_cause)i;
        snprintf(row, sizeof(row), "\n| `%s` | %d | %s | %s |\n", kc_cause_code(c),
                 kc_cause_exit(c), kc_cause_meaning(c), kc_cause_remedy(c));
        assert_holds(page, row);
    }
    static const char *const ends[] = { "` | 69 | ", "` | 77 | ", "` | 78 | " };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        for (const char *at = page; (at = strstr(at, ends[i])); at++)
            rows++;
    }
    assert_int_equal(rows, KC_CAUSE_COUNT - 1); /* and no other */
    free(page);
}

static void every_code_is_one_of_its_own_and_ends_as_it_should(void **state)
{
    (void)state;
    for (int i = 1; i < KC_CAUSE_COUNT; i++) {
        enum kc_cause c = (enum kc_cause)i;
        int code = kc_cause_exit(c);
        assert_true(code == 69 || code == 77 || code == 78);
        assert_true(strlen(kc_cause_meaning(c)) > 10 && strlen(kc_cause_remedy(c)) > 10);
        for (int j = 1; j < i; j++)
            assert_string_not_equal(kc_cause_code(c), kc_cause_code((enum kc_cause)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_went_well_is_verified),
        cmocka_unit_test(the_first_failure_gives_code_reason_and_remedy),
        cmocka_unit_test(a_table_does_not_steer_the_terminal),
        cmocka_unit_test(more_than_fits_is_left_out),
        cmocka_unit_test(every_code_stands_on_the_page_with_its_meaning_and_remedy),
        cmocka_unit_test(every_code_is_one_of_its_own_and_ends_as_it_should),
    };
    return cmocka_run_group_tests_name("unit/verdict", tests, NULL, NULL);
}
