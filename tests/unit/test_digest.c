// SPDX-License-Identifier: Apache-2.0
#include "net/digest.h"

#include "unit/unit.h"

static void assert_digest(struct kc_digest is, const char *hex)
{
    char text[KC_DIGEST_BYTES * 2 + 1];
    for (size_t i = 0; i < KC_DIGEST_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", is.bytes[i]);
    assert_string_equal(text, hex);
}

static void sha256_gives_the_vectors_of_its_standard(void **state)
{
    (void)state;
    assert_digest(kc_sha256(BYTES("")),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(kc_sha256(KC_NO_TEXT),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(kc_sha256(BYTES("abc")),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    (void)state;
    char *long_key = repeated("\xaa", 131);
    assert_digest(kc_hmac_sha256(BYTES("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                                       "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
                                 BYTES("Hi There")),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_digest(kc_hmac_sha256(BYTES("Jefe"), BYTES("what do ya want for nothing?")),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_digest(
        kc_hmac_sha256((struct kc_text){ long_key, 131 },
                       BYTES("Test Using Larger Than Block-Size Key - Hash Key First")),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    free(long_key);
}

static void an_hmac_of_nothing_with_no_key_is_one_too(void **state)
{
    (void)state;
    assert_digest(kc_hmac_sha256(KC_NO_TEXT, KC_NO_TEXT),
                  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_secret_is_itself_and_nothing_else(void **state)
{
    (void)state;
    assert_true(kc_secret_is(BYTES("token"), BYTES("token")));
    assert_true(kc_secret_is(BYTES("to\0ken"), BYTES("to\0ken")));
    assert_true(kc_secret_is(BYTES(""), KC_NO_TEXT));
    assert_false(kc_secret_is(BYTES("tokem"), BYTES("token")));
    assert_false(kc_secret_is(BYTES("Token"), BYTES("token")));
    assert_false(kc_secret_is(BYTES("toke"), BYTES("token")));
    assert_false(kc_secret_is(BYTES("token2"), BYTES("token")));
    assert_false(kc_secret_is(BYTES("to\0kem"), BYTES("to\0ken")));
    assert_false(kc_secret_is(BYTES(""), BYTES("token")));
    assert_false(kc_secret_is(KC_NO_TEXT, BYTES("token")));
}

static void random_bytes_are_others_each_time(void **state)
{
    (void)state;
    unsigned char a[32] = { 0 }, b[32] = { 0 };
    static const unsigned char zeroes[32];
    kc_random_bytes(a, sizeof(a));
    kc_random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zeroes, sizeof(a));
    assert_memory_not_equal(b, zeroes, sizeof(a));
}

/* --- Standard Webhooks --- */

static void assert_signature(struct kc_text secret, struct kc_text body, const char *wanted)
{
    char signature[KC_WEBHOOK_SIGNATURE_SIZE];
    struct kc_error err = { 0 };
    if (!kc_webhook_sign(secret, BYTES("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, body,
                         signature, &err))
        fail_msg("%s", err.text);
    assert_string_equal(signature, wanted);
}

static void a_webhook_is_signed_as_the_libraries_of_the_specification_do(void **state)
{
    (void)state;
    /* the vector in the tests of Standard Webhooks' own libraries */
    assert_signature(BYTES("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                     BYTES("{\"test\": 2432232314}"),
                     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void a_secret_without_the_prefix_is_its_bytes(void **state)
{
    (void)state;
    /* "secret" in base64 is c2VjcmV0 */
    char plain[KC_WEBHOOK_SIGNATURE_SIZE], encoded[KC_WEBHOOK_SIGNATURE_SIZE];
    struct kc_error err = { 0 };
    assert_true(kc_webhook_sign(BYTES("secret"), BYTES("id"), 1, BYTES("{}"), plain, &err));
    assert_true(
        kc_webhook_sign(BYTES("whsec_c2VjcmV0"), BYTES("id"), 1, BYTES("{}"), encoded, &err));
    assert_string_equal(plain, encoded);
    assert_true(kc_webhook_sign(BYTES("c2VjcmV0"), BYTES("id"), 1, BYTES("{}"), encoded, &err));
    assert_string_not_equal(plain, encoded);
}

static void id_time_and_body_are_all_signed(void **state)
{
    (void)state;
    char first[KC_WEBHOOK_SIGNATURE_SIZE], other[KC_WEBHOOK_SIGNATURE_SIZE];
    struct kc_error err = { 0 };
    const struct {
        struct kc_text id;
        int64_t timestamp_s;
        struct kc_text body;
    } others[] = {
        { BYTES("idx"), 1, BYTES("{}") },
        { BYTES("id"), 2, BYTES("{}") },
        { BYTES("id"), 1, BYTES("{ }") },
        { BYTES("id"), 1, KC_NO_TEXT },
    };
    assert_true(kc_webhook_sign(BYTES("s"), BYTES("id"), 1, BYTES("{}"), first, &err));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_true(kc_webhook_sign(BYTES("s"), others[i].id, others[i].timestamp_s,
                                    others[i].body, other, &err));
        assert_string_not_equal(first, other);
    }
}

static void a_secret_without_a_key_in_it_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",        "whsec_",  "whsec_not base64",
                                         "whsec_a", "whsec_=", "whsec_====" };
    char signature[KC_WEBHOOK_SIGNATURE_SIZE];
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(kc_webhook_secret_check(kc_text(wrong[i]), &err));
        assert_lacks(err.text, "not base64");
        assert_error(&err, KC_CONFIG, "the secret");
        assert_false(
            kc_webhook_sign(kc_text(wrong[i]), BYTES("id"), 1, BYTES("{}"), signature, &err));
        assert_error(&err, KC_CONFIG, "the secret");
    }
    assert_true(kc_webhook_secret_check(BYTES("whsec_c2VjcmV0"), &err));
    assert_true(kc_webhook_secret_check(BYTES("secret"), &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_vectors_of_its_standard),
        cmocka_unit_test(hmac_gives_the_vectors_of_rfc_4231),
        cmocka_unit_test(an_hmac_of_nothing_with_no_key_is_one_too),
        cmocka_unit_test(a_secret_is_itself_and_nothing_else),
        cmocka_unit_test(random_bytes_are_others_each_time),
        cmocka_unit_test(a_webhook_is_signed_as_the_libraries_of_the_specification_do),
        cmocka_unit_test(a_secret_without_the_prefix_is_its_bytes),
        cmocka_unit_test(id_time_and_body_are_all_signed),
        cmocka_unit_test(a_secret_without_a_key_in_it_is_refused_and_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
