// SPDX-License-Identifier: Apache-2.0
/* test_failure.c - errors on the wire, and the platform's worked examples from the wire to the
 * wire. */
#include "platform/cipher.h"
#include "platform/envelope.h"

#include "unit/unit.h"

#define BOOM_BASE64                                                                            \
    "+PAlXNRj+5HdYNSuw3cyrcwe2/G86AfL5nfMe6TSI1dNkz3kxJXX30D4otEMXimD0oVEIvAMqp8hweyLOMvHFpbf" \
    "8HtYcK9hYeCjQTBOkTU="
#define INPUT_BASE64 "aKX8sUhxINZt0EZ2ZFzO/lovVvYKyxu3KNG/vRZNRjM=" /* {"body":{"n":1}} */

static const struct kc_failure boom = { "Error", "boom", "Error: boom\n    at f" };

static struct kc_cipher *cipher(void)
{
    struct kc_cipher *c = NULL;
    struct kc_error err = { 0 };
    assert_true(kc_cipher_open(&c, "testCryptoPassword", "iv=any16_symbols", &err));
    return c;
}

static struct kc_buf empty(void)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    return b;
}

static void assert_json(struct kc_text is, const char *wanted)
{
    char *text = json(wanted);
    assert_text(is, text);
    free(text);
}

static void assert_failure(const struct kc_failure *f, struct kc_text input, int version,
                           const char *wanted, const char *reply_wanted)
{
    struct kc_cipher *c = cipher();
    struct kc_buf out = empty(), reply = empty();
    struct kc_error err = { 0 };
    assert_true(kc_failure_print(f, c, input, version, &out, &reply, &err));
    assert_json(kc_buf_peek(&out), wanted);
    assert_text(kc_buf_peek(&reply), reply_wanted);
    kc_buf_deinit(&out);
    kc_buf_deinit(&reply);
    kc_cipher_close(c);
}

static void an_error_is_the_same_in_either_version_of_the_protocol(void **state)
{
    (void)state;
    static const char wanted[] = "{'error':'" BOOM_BASE64 "','errorInput':'" INPUT_BASE64 "'}";
    struct kc_cipher *c = cipher();
    struct kc_buf raw = empty();
    kc_cipher_encrypt(c, KC_LIT("{\"body\":{\"n\":1}}"), &raw);
    assert_failure(&boom, KC_LIT(INPUT_BASE64), 1, wanted, BOOM_BASE64);
    assert_failure(&boom, kc_buf_peek(&raw), 2, wanted, BOOM_BASE64);
    kc_buf_deinit(&raw);
    kc_cipher_close(c);
}

static void input_in_base64_is_handed_on_untouched(void **state)
{
    (void)state;
    assert_failure(&boom, KC_LIT(" a\n\"b\xff"), 1,
                   "{'error':'" BOOM_BASE64 "','errorInput':' a\\n\\\"b\xef\xbf\xbd'}",
                   BOOM_BASE64);
}

static void without_input_there_is_no_error_input(void **state)
{
    (void)state;
    assert_failure(&boom, KC_NO_TEXT, 1, "{'error':'" BOOM_BASE64 "'}", BOOM_BASE64);
    assert_failure(&boom, KC_NO_TEXT, 2, "{'error':'" BOOM_BASE64 "'}", BOOM_BASE64);
}

static void assert_error_says(const struct kc_failure *f, const char *wanted)
{
    struct kc_cipher *c = cipher();
    struct kc_buf out = empty(), reply = empty(), plain = empty();
    struct kc_error err = { 0 };
    assert_true(kc_failure_print(f, c, KC_NO_TEXT, 1, &out, &reply, &err));
    assert_true(kc_cipher_decrypt_base64(c, kc_buf_peek(&reply), &plain, &err));
    assert_json(kc_buf_peek(&plain), wanted);
    kc_buf_deinit(&out);
    kc_buf_deinit(&reply);
    kc_buf_deinit(&plain);
    kc_cipher_close(c);
}

static void what_an_error_lacks_is_said_as_the_platform_says_it(void **state)
{
    (void)state;
    assert_error_says(&(struct kc_failure){ 0 },
                      "{'name':'Error','message':'Not Available','stack':'Not Available'}");
    assert_error_says(&(struct kc_failure){ "", "", "" },
                      "{'name':'Error','message':'Not Available','stack':'Not Available'}");
    assert_error_says(&(struct kc_failure){ "InputError", "ä\x01\"", NULL },
                      "{'name':'InputError','message':'ä\\u0001\\\"','stack':'Not Available'}");
}

static void no_reply_is_made_where_nobody_waits_for_one(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher();
    struct kc_buf out = empty();
    struct kc_error err = { 0 };
    assert_true(kc_failure_print(&boom, c, KC_NO_TEXT, 1, &out, NULL, &err));
    kc_buf_deinit(&out);
    kc_buf_init(&out, 40);
    assert_false(kc_failure_print(&boom, c, KC_NO_TEXT, 1, &out, NULL, &err));
    assert_error(&err, KC_INPUT_TOO_LARGE, "40 bytes");
    kc_buf_deinit(&out);
    kc_cipher_close(c);
}

/* --- the step that handles errors --- */

static void assert_handled(const char *wire, const char *headers, const char *wanted)
{
    struct kc_cipher *c = cipher();
    struct kc_buf out = empty();
    struct kc_error err = { 0 };
    char *text = json(wire), *headers_text = headers ? json(headers) : NULL;
    if (!kc_envelope_print_error_input(kc_text(text), kc_text(headers_text), c, &out, &err))
        fail_msg("%s: %s", wire, err.text);
    assert_json(kc_buf_peek(&out), wanted);
    struct kc_envelope e;
    assert_true(kc_envelope_read(&e, kc_buf_peek(&out), &err));
    free(text);
    free(headers_text);
    kc_buf_deinit(&out);
    kc_cipher_close(c);
}

#define BOOM_PLAIN "{'name':'Error','message':'boom','stack':'Error: boom\\n    at f'}"

static void an_error_handler_gets_the_error_and_its_input(void **state)
{
    (void)state;
    assert_handled("{'error':'" BOOM_BASE64 "','errorInput':'" INPUT_BASE64 "'}",
                   "{'messageId':'m'}",
                   "{'body':{'error':" BOOM_PLAIN ",'errorInput':{'body':{'n':1}}},"
                   "'headers':{'messageId':'m'}}");
    assert_handled("{'error':'" BOOM_BASE64 "'}", NULL,
                   "{'body':{'error':" BOOM_PLAIN "},'headers':{}}");
    assert_handled("{'error':'','errorInput':null,'other':[1e400]}", NULL,
                   "{'body':{'error':'','errorInput':null,'other':[1e400]},'headers':{}}");
    assert_handled(
        "{ 'errorInput' : 'aKX8sUhxINZt0EZ2ZFzO\\/lovVvYKyxu3\\r\\nKNG\\/vRZNRjM' } ", "{}",
        "{'body':{'errorInput':{'body':{'n':1}}},'headers':{}}");
    assert_handled("{}", NULL, "{'body':{},'headers':{}}");
}

static void what_an_error_handler_cannot_read_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{'error':'" BOOM_BASE64 "'",
        "{'error':'not base64!'}",
        "{'errorInput':'" INPUT_BASE64 "','error':'YnVkti0G1RRGkx6HZNFCcw=='}",
        "{'error':'aaaaaaaaaaaaaaaaaaaaaa=='}",
    };
    struct kc_cipher *c = cipher();
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kc_buf out = empty();
        struct kc_error err = { 0 };
        char *text = json(wrong[i]);
        if (kc_envelope_print_error_input(kc_text(text), KC_NO_TEXT, c, &out, &err))
            fail_msg("%s", wrong[i]);
        assert_error(&err, KC_INPUT, "");
        free(text);
        kc_buf_deinit(&out);
    }
    struct kc_buf wire = empty(), out = empty(); /* decrypted, but no JSON */
    struct kc_error err = { 0 };
    kc_buf_puts(&wire, "{\"error\":\"");
    kc_cipher_encrypt_base64(c, KC_LIT("{\"a\":1},\"x\":{}"), &wire);
    kc_buf_puts(&wire, "\"}");
    assert_false(kc_envelope_print_error_input(kc_buf_peek(&wire), KC_NO_TEXT, c, &out, &err));
    assert_error(&err, KC_INPUT, "the input of an error handler: not valid JSON");
    kc_buf_deinit(&wire);
    kc_buf_deinit(&out);
    kc_cipher_close(c);
}

/* --- the worked examples, from the wire to the wire --- */

static void example_1_goes_through_letter_by_letter(void **state)
{
    (void)state;
    static const char in[] = "q+TdH5SulJfCLjBxZ5bp5iWl2S5sDncuOJYR4tdbtoyehSSKiE2fr1dZ5ItvTE/"
                             "h2mnS1pypFx5TGRwTwPMRWHf"
                             "vkuesYsiJfKmq2we53QgrNZHSWkGJXZAOKLJUHiaq9J1QMRpvEGzfRW1FBNAEGi1p"
                             "+ajohRBpDHAlsEj3Si5w5d"
                             "PBFVryRt740PzPkLpr";
    static const char wanted[] =
        "q+TdH5SulJfCLjBxZ5bp5iWl2S5sDncuOJYR4tdbtoxe/"
        "ae7x0UFrZEyqvGj00QrXLcaQo+1cZrP4GZzkOrsVGW"
        "8GpbF80DtU3GfOlK6VxGUGYJYSDfVyTKyBUc9JIYTyfSAXC++aXZtAjpapKVnZa+Hkt4r8jto0ZdF2c/"
        "cqLX+Fr"
        "I2VcK8G4CAQ+aT1suoLKSIAXzOeBOTpRS6ThWTeIMxvLiNe4RG3UItiVigCvNkwv1vSulibSt+kYHUT+"
        "Max1VIn"
        "xG/WhFm/WLdzf8gHFFsgdeP6ddjWyN0gWdrbWM=";
    const struct kc_envelope_rules rules = { .passthrough = KC_PASSTHROUGH_SELF,
                                             .step_id = "step_2" };
    const struct kc_emitted emitted = { KC_LIT("3f9d2a10-0000-4000-8000-000000000002"),
                                        KC_LIT("{\"y\":2}"), KC_LIT("{}") };
    struct kc_cipher *c = cipher();
    struct kc_buf plain = empty(), message = empty(), out = empty(), key = empty(),
                  wire = empty();
    struct kc_error err = { 0 };
    struct kc_envelope e;
    assert_true(kc_cipher_decrypt_base64(c, kc_text(in), &plain, &err));
    assert_int_equal(plain.len, 128);
    assert_true(kc_envelope_read(&e, kc_buf_peek(&plain), &err));
    kc_envelope_print_message(&e, KC_NO_TEXT, &message);
    assert_json(kc_buf_peek(&message),
                "{'id':'3f9d2a10-0000-4000-8000-000000000001','body':{'x':1},'headers':{}}");
    assert_true(kc_envelope_print(&rules, &e, KC_LIT("step_1"), &emitted, &out, &key, &err));
    kc_cipher_encrypt_base64(c, kc_buf_peek(&out), &wire);
    assert_text(kc_buf_peek(&wire), wanted);
    assert_int_equal(key.len, 0);
    kc_buf_deinit(&plain);
    kc_buf_deinit(&message);
    kc_buf_deinit(&out);
    kc_buf_deinit(&wire);
    kc_cipher_close(c);
}

/* The largest plain texts that fit into 10485760 bytes on the wire. */
static void sizes_on_the_wire_are_the_platform_s(void **state)
{
    (void)state;
    static const struct {
        size_t plain, raw, base64;
    } rows[] = {
        { 7864319, 7864320, 10485760 },
        { 10485759, 10485760, 13981016 },
        { 10485785, 10485792, 13981056 },
    };
    struct kc_cipher *c = cipher();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = repeated("x", rows[i].plain);
        struct kc_buf raw = empty(), base64 = empty();
        kc_cipher_encrypt(c, (struct kc_text){ text, rows[i].plain }, &raw);
        kc_cipher_encrypt_base64(c, (struct kc_text){ text, rows[i].plain }, &base64);
        assert_int_equal(raw.len, rows[i].raw);
        assert_int_equal(base64.len, rows[i].base64);
        kc_buf_deinit(&raw);
        kc_buf_deinit(&base64);
        free(text);
    }
    kc_cipher_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_the_same_in_either_version_of_the_protocol),
        cmocka_unit_test(input_in_base64_is_handed_on_untouched),
        cmocka_unit_test(without_input_there_is_no_error_input),
        cmocka_unit_test(what_an_error_lacks_is_said_as_the_platform_says_it),
        cmocka_unit_test(no_reply_is_made_where_nobody_waits_for_one),
        cmocka_unit_test(an_error_handler_gets_the_error_and_its_input),
        cmocka_unit_test(what_an_error_handler_cannot_read_is_refused),
        cmocka_unit_test(example_1_goes_through_letter_by_letter),
        cmocka_unit_test(sizes_on_the_wire_are_the_platform_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
