// SPDX-License-Identifier: Apache-2.0
/* What token servers say: lives within bounds, tokens that can be sent, and no token quoted. */
#include "kafka/token_answer.h"

#include "base/base64.h"
#include "unit/unit.h"

#define NOW_MS 1700000000000

static int64_t life_of(const char *text)
{
    struct kc_token token;
    struct kc_error err = { 0 };
    char *answer = json(text);
    if (!kc_token_read(&token, kc_text(answer), NOW_MS, &err))
        fail_msg("%s: %s", text, err.text);
    free(token.text);
    free(answer);
    return token.life_ms;
}

static void assert_no_token(const char *text, const char *reason)
{
    struct kc_token token;
    struct kc_error err = { 0 };
    char *answer = json(text);
    if (kc_token_read(&token, kc_text(answer), NOW_MS, &err))
        fail_msg("accepted: %s", text);
    assert_error(&err, KC_BAD_ANSWER, reason);
    assert_null(strstr(err.text, "tok1"));
    free(answer);
}

static void a_life_is_a_number_of_seconds_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(life_of("{'access_token':'tok1','expires_in':3600}"), 3600000);
    assert_int_equal(life_of("{'access_token':'tok1','expires_in':'3600'}"), 3600000);
    assert_int_equal(life_of("{'access_token':'tok1','expires_in':59.9}"), 59000);
    assert_int_equal(life_of("{'access_token':'tok1','expires_in':9999999999}"),
                     KC_TOKEN_LIFE_MAX_MS);
    assert_int_equal(life_of("{'access_token':'tok1'}"), 300000);
    assert_int_equal(life_of("{'access_token':'tok1','expires_in':'soon'}"), 300000);
    assert_no_token("{'access_token':'tok1','expires_in':0}", "has expired");
    assert_no_token("{'access_token':'tok1','expires_in':-5}", "has expired");
}

static void a_jwt_says_itself_when_it_ends(void **state)
{
    (void)state;
    char text[256];
    struct kc_buf claims;
    kc_buf_init(&claims, 1024);
    kc_base64_encode(&claims, "{\"exp\":1700000060}", 18);
    kc_buf_append(&claims, "", 1);
    snprintf(text, sizeof(text), "{'access_token':'aaaa.%s.bbbb'}", claims.data);
    assert_int_equal(life_of(text), 60000);
    snprintf(text, sizeof(text), "{'access_token':'aaaa.%s.bbbb','expires_in':7}", claims.data);
    assert_int_equal(life_of(text), 7000); /* what the server says comes first */
    assert_int_equal(life_of("{'access_token':'aaaa.b.bbbb'}"), 300000);
    assert_int_equal(life_of("{'access_token':'aaaa.e30.bbbb'}"), 300000);
    kc_buf_deinit(&claims);
}

static void what_is_no_token_is_refused_and_not_quoted(void **state)
{
    (void)state;
    assert_no_token("", "not JSON with an access_token");
    assert_no_token("<html>tok1</html>", "not JSON with an access_token");
    assert_no_token("['tok1']", "not JSON with an access_token");
    assert_no_token("{'token':'tok1'}", "not JSON with an access_token");
    assert_no_token("{'access_token':null}", "not one that can be sent");
    assert_no_token("{'access_token':''}", "not one that can be sent");
    assert_no_token("{'access_token':'tok1 tok1'}", "not one that can be sent");
    assert_no_token("{'access_token':'tok1\\u0000'}", "not one that can be sent");
    assert_no_token("{'access_token':'tok1\\r\\nX: y'}", "not one that can be sent");
}

static void a_server_that_says_why_is_heard(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *answer =
        json("{'error':'invalid_client','error_description':'no such client in this realm'}");
    kc_error_set(&err, KC_AUTH, 401, "HTTP 401");
    kc_token_explain(kc_text(answer), NULL, &err);
    assert_string_equal(err.text, "HTTP 401: invalid_client: no such client in this realm");
    kc_token_explain(KC_LIT("<html>"), NULL, &err);
    assert_string_equal(err.text, "HTTP 401: invalid_client: no such client in this realm");
    free(answer);
}

/* Some repeat the header that they refuse. */
static void a_server_that_repeats_our_secret_is_not_quoted_with_it(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char text[600], filler[200];
    memset(filler, 'x', sizeof(filler));
    filler[194] = '\0';
    snprintf(text, sizeof(text),
             "{'error':'client:a%%2Fsecret','error_description':'Y2xpZW50OmElMkZzZWNyZXQ='}");
    char *answer = json(text);
    kc_token_explain(kc_text(answer), "a/secret", &err);
    assert_holds(err.text, "client:***");
    assert_lacks(err.text, "mElMkZzZWNyZX");
    free(answer);
    snprintf(text, sizeof(text), "{'error':'%sa/secret'}", filler); /* where it is cut */
    answer = json(text);
    kc_error_clear(&err);
    kc_token_explain(kc_text(answer), "a/secret", &err);
    assert_lacks(err.text, "a/s");
    free(answer);
}

static void forms_are_encoded_byte_by_byte(void **state)
{
    (void)state;
    struct kc_buf out;
    kc_buf_init(&out, 1024);
    kc_form_encode(&out, "a-b._~ +/=&\xc3\xa4");
    kc_buf_append(&out, "", 1);
    assert_string_equal(out.data, "a-b._~%20%2B%2F%3D%26%C3%A4");
    kc_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_is_a_number_of_seconds_within_bounds),
        cmocka_unit_test(a_jwt_says_itself_when_it_ends),
        cmocka_unit_test(what_is_no_token_is_refused_and_not_quoted),
        cmocka_unit_test(a_server_that_says_why_is_heard),
        cmocka_unit_test(a_server_that_repeats_our_secret_is_not_quoted_with_it),
        cmocka_unit_test(forms_are_encoded_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
