// SPDX-License-Identifier: Apache-2.0
/* Where a result goes to: a URL, and what stands in it of a user and a password. */
#include "platform/result.h"

#include "unit/unit.h"

static void assert_target(const char *given, const char *url, const char *authorization)
{
    struct kc_result_target t;
    struct kc_error err = { 0 };
    if (!kc_result_target_read(&t, given, &err))
        fail_msg("%s: %s", given, err.text);
    assert_string_equal(t.url, url);
    assert_text(kc_text(t.authorization), authorization);
    kc_result_target_deinit(&t);
}

static void assert_refused(const char *given, const char *reason)
{
    struct kc_result_target t;
    struct kc_error err = { 0 };
    if (kc_result_target_read(&t, given, &err))
        fail_msg("accepted: %s", given);
    assert_lacks(err.text, "sesame");
    assert_error(&err, KC_CONFIG, reason);
    kc_result_target_deinit(&t);
}

static void a_url_without_a_user_is_called_as_it_is(void **state)
{
    (void)state;
    assert_target("http://api.local:9000/result/77?a=b@c",
                  "http://api.local:9000/result/77?a=b@c", NULL);
    assert_target("https://api.local/me@work", "https://api.local/me@work", NULL);
    assert_target("https://@api.local/", "https://api.local/", NULL);
}

static void user_and_password_become_a_header(void **state)
{
    (void)state;
    assert_target("http://tok%40en:p%3Aw@api.local:9000/result/77",
                  "http://api.local:9000/result/77", "Authorization: Basic dG9rQGVuOnA6dw==");
    assert_target("http://user@api.local/", "http://api.local/",
                  "Authorization: Basic dXNlcjo=");
    assert_target("http://a@b:c:d@[::1]:80/", "http://[::1]:80/",
                  "Authorization: Basic YUBiOmM6ZA==");
}

static void what_can_never_be_called_is_refused_unquoted(void **state)
{
    (void)state;
    assert_refused("http://u:sesame%2@api.local/", "not an encoding");
    assert_refused("http://u:sesame%zz@api.local/", "not an encoding");
    assert_refused("ftp://u:sesame@api.local/", "http");
    assert_refused("u:sesame@api.local", "");
    assert_refused("http://u:sesame@/", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_without_a_user_is_called_as_it_is),
        cmocka_unit_test(user_and_password_become_a_header),
        cmocka_unit_test(what_can_never_be_called_is_refused_unquoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
