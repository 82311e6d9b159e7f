// SPDX-License-Identifier: Apache-2.0
#include "platform/cipher.h"

#include "unit/unit.h"

#include <pthread.h>

#define A "testCryptoPassword", "iv=any16_symbols"
#define B "password", "0.03091345790184"

struct vector {
    const char *password, *iv, *plain, *base64, *hex;
};

static const struct vector vectors[] = {
    { A, "{}", "YnVkti0G1RRGkx6HZNFCcg==", "627564b62d06d51446931e8764d14272" },
    { A, "{\"property1\":\"Hello world\"}", "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ=",
      "4ebe32315824fe3018ddb3301c8039838169611ef64a74312307fe046e199a34" },
    { A, "{\"body\":{\"n\":1}}", /* one block: then a block of padding follows */
      "aKX8sUhxINZt0EZ2ZFzO/lovVvYKyxu3KNG/vRZNRjM=",
      "68a5fcb1487120d66dd04676645ccefe5a2f56f60acb1bb728d1bfbd164d4633" },
    { A, "\"B2B_L größere Firmenkunden 25% Rabatt\"",
      "qsIhDNYrTgxiyVLKw03EjSXx9EQvoB47M15hYfmUmkSjvH+xrg1qdbKWokLUYx77",
      "aac2210cd62b4e0c62c952cac34dc48d25f1f4442fa01e3b335e6161f9949a44a3bc7fb1ae0d6a75b296a242"
      "d4631efb" },
    { A,
      "{\"id\":\"11111111-2222-4333-8444-555555555555\",\"body\":{\"topic\":\"t\",\"value\":"
      "\"ü€😀\"},\"headers\":{}}",
      "hA46fROMM1eWu3DhiLabAevIf/+rmoSD66BmCLbIYLzjtWPr8/UGY+ETMilyrY1XIi3oTpMrEICULGVpSiYV9rWK"
      "P6yIhHHhEb7jVdiatbuycvbJgE5iK8hpUUPVJ3H9FkQOKIO13TCjsGNqSNAsGg==",
      "840e3a7d138c335796bb70e188b69b01ebc87fffab9a8483eba06608b6c860bce3b563ebf3f50663e1133229"
      "72ad8d57222de84e932b1080942c65694a2615f6b58a3fac888471e111bee355d89ab5bbb272f6c9804e622b"
      "c8695143d52771fd16440e2883b5dd30a3b0636a48d02c1a" },
    { A, "{\"name\":\"Error\",\"message\":\"boom\",\"stack\":\"Error: boom\\n    at f\"}",
      "+PAlXNRj+5HdYNSuw3cyrcwe2/G86AfL5nfMe6TSI1dNkz3kxJXX30D4otEMXimD0oVEIvAMqp8hweyLOMvHFpbf"
      "8HtYcK9hYeCjQTBOkTU=",
      "f8f0255cd463fb91dd60d4aec37732adcc1edbf1bce807cbe677cc7ba4d223574d933de4c495d7df40f8a2d1"
      "0c5e2983d2854422f00caa9f21c1ec8b38cbc71696dff07b5870af6161e0a341304e9135" },
    { A, "{\"statusCode\":200,\"body\":\"Ok\",\"headers\":{\"content-type\":\"text/plain\"}}",
      "WJdJ8/DYmfLEd+fjsUVTom1xWoAMWXT8WhQYppoJRue88BF2D05dGLP6jSVJU6is4z+WHvfwoNx/pi4bQUlvH5LE"
      "zmWYjK2Kyf0v9WYuDRk=",
      "589749f3f0d899f2c477e7e3b14553a26d715a800c5974fc5a1418a69a0946e7bcf011760f4e5d18b3fa8d25"
      "4953a8ace33f961ef7f0a0dc7fa62e1b41496f1f92c4ce65988cad8ac9fd2ff5662e0d19" },
    { B, "{\"property1\":\"Hello world\"}", "pgX03hN9AIcgqiGHuzW27VI7lBOJnNjFESK3iDE4pTE=",
      "a605f4de137d008720aa2187bb35b6ed523b9413899cd8c51122b7883138a531" },
};

static struct kc_cipher *cipher(const char *password, const char *iv)
{
    struct kc_cipher *c = NULL;
    struct kc_error err = { 0 };
    assert_true(kc_cipher_open(&c, password, iv, &err));
    return c;
}

static struct kc_buf empty(void)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    return b;
}

static struct kc_buf bytes_of(const char *hex)
{
    struct kc_buf b = empty();
    for (; *hex; hex += 2) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        char c = (char)byte;
        kc_buf_append(&b, &c, 1);
    }
    return b;
}

static void the_vectors_of_the_platform_are_encrypted_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct kc_cipher *c = cipher(v->password, v->iv);
        struct kc_buf raw = empty(), text = empty(), wanted = bytes_of(v->hex);
        kc_cipher_encrypt(c, kc_text(v->plain), &raw);
        assert_same_bytes(kc_buf_peek(&raw), kc_buf_peek(&wanted));
        kc_cipher_encrypt_base64(c, kc_text(v->plain), &text);
        assert_text(kc_buf_peek(&text), v->base64);
        kc_buf_deinit(&raw);
        kc_buf_deinit(&text);
        kc_buf_deinit(&wanted);
        kc_cipher_close(c);
    }
}

static void the_vectors_of_the_platform_are_decrypted_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct kc_error err = { 0 };
        struct kc_cipher *c = cipher(v->password, v->iv);
        struct kc_buf raw = bytes_of(v->hex), plain = empty();
        assert_true(kc_cipher_decrypt(c, kc_buf_peek(&raw), &plain, &err));
        assert_text(kc_buf_peek(&plain), v->plain);
        kc_buf_clear(&plain);
        assert_true(kc_cipher_decrypt_base64(c, kc_text(v->base64), &plain, &err));
        assert_text(kc_buf_peek(&plain), v->plain);
        kc_buf_deinit(&raw);
        kc_buf_deinit(&plain);
        kc_cipher_close(c);
    }
}

static void every_length_comes_back_and_is_as_long_as_the_platform_says(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher(A);
    char text[100];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)i;
    for (size_t len = 0; len <= sizeof(text); len++) {
        struct kc_error err = { 0 };
        struct kc_buf raw = empty(), base64 = empty(), plain = empty();
        kc_cipher_encrypt(c, (struct kc_text){ text, len }, &raw);
        assert_int_equal(raw.len, 16 * (len / 16 + 1));
        kc_cipher_encrypt_base64(c, (struct kc_text){ text, len }, &base64);
        assert_int_equal(base64.len, 4 * ((raw.len + 2) / 3));
        assert_true(kc_cipher_decrypt(c, kc_buf_peek(&raw), &plain, &err));
        assert_true(kc_cipher_decrypt_base64(c, kc_buf_peek(&base64), &plain, &err));
        assert_int_equal(plain.len, 2 * len);
        if (len) {
            assert_memory_equal(plain.data, text, len);
            assert_memory_equal(plain.data + len, text, len);
        }
        kc_buf_deinit(&raw);
        kc_buf_deinit(&base64);
        kc_buf_deinit(&plain);
    }
    kc_cipher_close(c);
}

static void base64_may_have_line_breaks_the_other_alphabet_and_no_padding(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ=",
        "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ",
        "Tr4yMVgk_jAY3bMwHIA5g4FpYR72SnQxIwf-BG4ZmjQ",
        "Tr4yMVgk/jAY3bMwHIA5\r\ng4FpYR72SnQxIwf+BG4Z\r\nmjQ=\r\n",
        " T\tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ=",
        "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ====",
        "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ=Tr4y",
    };
    struct kc_cipher *c = cipher(A);
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        struct kc_error err = { 0 };
        struct kc_buf plain = empty();
        if (!kc_cipher_decrypt_base64(c, kc_text(spellings[i]), &plain, &err))
            fail_msg("'%s': %s", spellings[i], err.text);
        assert_text(kc_buf_peek(&plain), "{\"property1\":\"Hello world\"}");
        kc_buf_deinit(&plain);
    }
    kc_cipher_close(c);
}

static void assert_refused(const struct kc_cipher *c, struct kc_text wire, bool is_base64,
                           const char *why)
{
    struct kc_error err = { 0 };
    struct kc_buf plain = empty();
    kc_buf_puts(&plain, "before");
    bool ok = is_base64 ? kc_cipher_decrypt_base64(c, wire, &plain, &err)
                        : kc_cipher_decrypt(c, wire, &plain, &err);
    if (ok)
        fail_msg("'%.*s' is not to be read", (int)wire.len, wire.p);
    assert_error(&err, KC_INPUT, why);
    assert_text(kc_buf_peek(&plain), "before"); /* nothing was added */
    kc_buf_deinit(&plain);
}

static void what_is_not_encrypted_so_is_refused(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher(A), *other = cipher("other", "iv=any16_symbols");
    struct kc_buf wire = bytes_of(vectors[1].hex);
    assert_refused(c, kc_text("not base64!"), true, "no multiple of 16");
    assert_refused(c, kc_text("123456789012345"), false, "15 bytes are no multiple of 16");
    assert_refused(c, KC_LIT(""), false, "it is empty");
    assert_refused(c, KC_LIT(""), true, "it is empty");
    assert_refused(c, KC_LIT("===="), true, "it is empty");
    assert_refused(c, kc_text(vectors[1].base64), false, "44 bytes are no multiple of 16");
    assert_refused(c, kc_text("0123456789abcdef"), false, "wrong padding");
    assert_refused(other, kc_buf_peek(&wire), false, "wrong padding");
    assert_refused(c, (struct kc_text){ wire.data, 16 }, false, "wrong padding");
    kc_buf_deinit(&wire);
    kc_cipher_close(c);
    kc_cipher_close(other);
}

static void every_byte_of_the_padding_counts(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher(A);
    struct kc_error err = { 0 };
    for (int at = 0; at < 15; at++) { /* 15 bytes of padding; one of them is spoilt */
        struct kc_buf raw = empty(), plain = empty();
        kc_cipher_encrypt(c, KC_LIT("0123456789abcdef!"), &raw);
        /* In CBC a bit of the block before is a bit of this one. */
        raw.data[1 + at] = (char)(raw.data[1 + at] ^ 0x20);
        assert_false(kc_cipher_decrypt(c, kc_buf_peek(&raw), &plain, &err));
        assert_error(&err, KC_INPUT, "wrong padding");
        kc_buf_deinit(&raw);
        kc_buf_deinit(&plain);
    }
    kc_cipher_close(c);
}

static void an_iv_of_another_length_is_refused_at_the_start(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "15_characters_x", "seventeen_bytes_x",
                                         "ü5_characters_x_" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kc_cipher *c;
        struct kc_error err = { 0 };
        assert_false(kc_cipher_open(&c, "password", wrong[i], &err));
        assert_null(c);
        assert_error(&err, KC_CONFIG, "it must have 16");
    }
    kc_cipher_close(cipher("p", "ü4_characters_x")); /* bytes count, not characters */
}

static void a_full_buffer_stays_as_it_is(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher(A);
    struct kc_error err = { 0 };
    struct kc_buf small, raw = bytes_of(vectors[1].hex);
    kc_buf_init(&small, 31);
    kc_cipher_encrypt(c, kc_text(vectors[1].plain), &small);
    assert_true(small.is_full && small.len == 0);
    kc_buf_clear(&small);
    assert_false(kc_cipher_decrypt(c, kc_buf_peek(&raw), &small, &err));
    assert_error(&err, KC_INPUT_TOO_LARGE, "32 bytes");
    kc_buf_deinit(&small);
    kc_buf_deinit(&raw);
    kc_cipher_close(c);
}

static void *go_both_ways(void *arg)
{
    const struct kc_cipher *c = arg;
    struct kc_error err = { 0 };
    uintptr_t wrong = 0;
    for (int i = 0; i < 500; i++) {
        const struct vector *v = &vectors[i % 7];
        struct kc_buf text = empty(), plain = empty();
        kc_cipher_encrypt_base64(c, kc_text(v->plain), &text);
        if (!kc_text_is(kc_buf_peek(&text), v->base64) ||
            !kc_cipher_decrypt_base64(c, kc_buf_peek(&text), &plain, &err) ||
            !kc_text_is(kc_buf_peek(&plain), v->plain))
            wrong++;
        kc_buf_deinit(&text);
        kc_buf_deinit(&plain);
    }
    return (void *)wrong;
}

static void many_threads_use_one_cipher(void **state)
{
    (void)state;
    struct kc_cipher *c = cipher(A);
    pthread_t threads[12];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, go_both_ways, c), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    kc_cipher_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_platform_are_encrypted_so),
        cmocka_unit_test(the_vectors_of_the_platform_are_decrypted_so),
        cmocka_unit_test(every_length_comes_back_and_is_as_long_as_the_platform_says),
        cmocka_unit_test(base64_may_have_line_breaks_the_other_alphabet_and_no_padding),
        cmocka_unit_test(what_is_not_encrypted_so_is_refused),
        cmocka_unit_test(every_byte_of_the_padding_counts),
        cmocka_unit_test(an_iv_of_another_length_is_refused_at_the_start),
        cmocka_unit_test(a_full_buffer_stays_as_it_is),
        cmocka_unit_test(many_threads_use_one_cipher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
