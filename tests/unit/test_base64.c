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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_go_both_ways),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(both_alphabets_are_read_and_padding_may_be_left_out),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(bits_that_no_encoder_leaves_behind_are_refused),
        cmocka_unit_test(a_nul_in_the_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
