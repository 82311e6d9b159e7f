// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include "unit/unit.h"

static void assert_encodes(struct kc_text bytes, const char *text)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    assert_true(kc_base64_encode(&b, bytes.p, bytes.len));
    assert_text(kc_buf_peek(&b), text);
    kc_buf_deinit(&b);
}

static void assert_decodes(const char *text, struct kc_text bytes)
{
    char *copy = kc_strdup(text);
    size_t len = 99;
    if (!kc_base64_decode(copy, strlen(text), &len))
        fail_msg("'%s' is base64", text);
    assert_same_bytes((struct kc_text){ copy, len }, bytes);
    free(copy);
}

static void assert_refused(const char *text)
{
    char *copy = kc_strdup(text);
    size_t len;
    if (kc_base64_decode(copy, strlen(text), &len))
        fail_msg("'%s' is not base64", text);
    free(copy);
}

static void the_vectors_of_the_rfc_go_both_ways(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        assert_encodes(kc_text(vectors[i][0]), vectors[i][1]);
        assert_decodes(vectors[i][1], kc_text(vectors[i][0]));
    }
}

static void every_byte_comes_back(void **state)
{
    (void)state;
    char bytes[256 + 2];
    struct kc_buf b;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    for (size_t len = 250; len <= sizeof(bytes); len++) {
        size_t decoded;
        kc_buf_init(&b, KC_BUF_UNBOUNDED);
        kc_base64_encode(&b, bytes, len);
        assert_true(kc_base64_decode(b.data, b.len, &decoded));
        assert_int_equal(decoded, len);
        assert_memory_equal(b.data, bytes, len);
        kc_buf_deinit(&b);
    }
}

static void both_alphabets_are_read_and_padding_may_be_left_out(void **state)
{
    (void)state;
    assert_decodes("+/+/", BYTES("\xfb\xff\xbf"));
    assert_decodes("-_-_", BYTES("\xfb\xff\xbf"));
    assert_decodes("Zg", BYTES("f"));
    assert_decodes("Zm8", BYTES("fo"));
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "=",     "==",     "====",  "Z",        "Zm9vY",
                                         "Zg=",   "Z===",   "Zm9v=", "Zm9v====", "Zg==Zg==",
                                         "Zm 9v", "Zm9v\n", "Zm9v!", "Zm\xff=" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_refused(wrong[i]);
}

static void bits_that_no_encoder_leaves_behind_are_refused(void **state)
{
    (void)state;
    assert_refused("Zh==");
    assert_refused("Zm9=");
    assert_refused("Zh");
    assert_refused("A");
    assert_refused("Zm9vA");
}

static void a_nul_in_the_text_is_refused(void **state)
{
    (void)state;
    char text[] = "Zm\0v";
    size_t len;
    assert_false(kc_base64_decode(text, 4, &len));
}

static void lenient_reading_skips_what_is_no_letter_and_ends_at_the_first_padding(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } rows[] = {
        { "", "" },
        { "Zm9vYmFy", "foobar" },
        { "Zm9v\nYmFy", "foobar" },
        { "Z m9\tv*Ym\xc3\xa4"
          "Fy",
          "foobar" },
        { "YWJj ZGVm", "abcdef" },
        { "Zm9vYg==", "foob" },
        { "Zm9vYg", "foob" },
        { "Zm9vYmE=", "fooba" },
        { "Zm9vYmE", "fooba" },
        { "YQ==YQ==", "a" },
        { "YQ=a", "a" },
        { "=YQ==", "" },
        { "Y", "" },
        { "Zm9vY", "foo" },
        { "YW-_", "ao\xbf" },
        { "YW+/", "ao\xbf" },
        { "not base64!", "\x9e\x8b\x5b\x6a\xc7\xba" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kc_text text = kc_text(rows[i].text);
        char *out = malloc(text.len / 4 * 3 + 3);
        assert_non_null(out);
        size_t len = kc_base64_decode_leniently(text, out);
        assert_text((struct kc_text){ out, len }, rows[i].bytes);
        free(out);
    }
}

static void bytes_are_encoded_where_they_stand(void **state)
{
    (void)state;
    char bytes[100];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        char text[200];
        struct kc_buf b;
        kc_buf_init(&b, KC_BUF_UNBOUNDED);
        assert_true(kc_base64_encode(&b, bytes, len));
        size_t text_len = kc_base64_size(len);
        assert_int_equal(text_len, b.len);
        memcpy(text + text_len - len, bytes, len);
        kc_base64_encode_in_place(text, len);
        assert_same_bytes((struct kc_text){ text, text_len }, kc_buf_peek(&b));
        kc_buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_go_both_ways),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(both_alphabets_are_read_and_padding_may_be_left_out),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(bits_that_no_encoder_leaves_behind_are_refused),
        cmocka_unit_test(a_nul_in_the_text_is_refused),
        cmocka_unit_test(lenient_reading_skips_what_is_no_letter_and_ends_at_the_first_padding),
        cmocka_unit_test(bytes_are_encoded_where_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
