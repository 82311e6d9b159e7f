// SPDX-License-Identifier: Apache-2.0
/* A cursor comes back as it went; what is not whole is refused with a way out. */
#include "component/cursor.h"
#include "unit/unit.h"

#include <ctype.h>

static struct kc_cursor poll_cursor(const char *topic)
{
    return (
        struct kc_cursor){ .kind = KC_CURSOR_POLL, .topic = kc_strdup(topic), .number = 4711 };
}

/* The token, NUL-terminated, and the cursor is gone. */
static char *encoded(struct kc_cursor *c)
{
    struct kc_buf token;
    struct kc_error err = { 0 };
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    if (!kc_cursor_encode(c, &token, &err))
        fail_msg("%s", err.text);
    kc_cursor_deinit(c);
    return kc_buf_take(&token);
}

static char *small_token(void)
{
    struct kc_cursor c = poll_cursor("cars");
    kc_positions_put(&c.positions, 0, 0);
    kc_positions_put(&c.positions, 1, 300);
    kc_positions_put(&c.positions, 7, INT64_MAX);
    return encoded(&c);
}

static void refuse(struct kc_text token, const char *part)
{
    struct kc_cursor c;
    struct kc_error err = { 0 };
    assert_false(kc_cursor_decode(&c, token, &err));
    assert_holds(err.text, "start again without a cursor");
    assert_error(&err, KC_BAD_CURSOR, part);
    assert_null(c.topic);
    kc_cursor_deinit(&c);
}

static void a_poll_cursor_comes_back_as_it_went(void **state)
{
    (void)state;
    struct kc_cursor c;
    struct kc_error err = { 0 };
    char *token = small_token();
    assert_true(kc_cursor_decode(&c, kc_text(token), &err));
    assert_int_equal(c.kind, KC_CURSOR_POLL);
    assert_string_equal(c.topic, "cars");
    assert_int_equal(c.number, 4711);
    assert_null(c.server);
    assert_null(c.group_id);
    assert_int_equal(c.positions.count, 3);
    assert_int_equal(kc_positions_find(&c.positions, 0)->offset, 0);
    assert_int_equal(kc_positions_find(&c.positions, 1)->offset, 300);
    assert_true(kc_positions_find(&c.positions, 7)->offset == INT64_MAX);
    char *again = encoded(&c);
    assert_string_equal(again, token);
    free(again);
    free(token);
}

static void a_stream_cursor_names_its_server_stream_and_group(void **state)
{
    (void)state;
    struct kc_cursor c = { .kind = KC_CURSOR_STREAM,
                           .topic = kc_strdup("cars"),
                           .number = UINT64_MAX,
                           .server = kc_strdup("[::1]:8080"),
                           .group_id = kc_strdup("gruppe ü") };
    struct kc_error err = { 0 };
    char *token = encoded(&c);
    assert_true(kc_cursor_decode(&c, kc_text(token), &err));
    assert_int_equal(c.kind, KC_CURSOR_STREAM);
    assert_string_equal(c.server, "[::1]:8080");
    assert_string_equal(c.group_id, "gruppe ü");
    assert_true(c.number == UINT64_MAX);
    assert_int_equal(c.positions.count, 0);
    kc_cursor_deinit(&c);
    free(token);
}

static void a_token_is_safe_in_urls_and_headers(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 2000; i++) {
        struct kc_cursor c = poll_cursor("cars");
        kc_positions_put(&c.positions, (int32_t)i, i * 7919 * 104729);
        char *token = encoded(&c);
        for (const char *p = token; *p; p++)
            assert_true(isalnum((unsigned char)*p) || *p == '-' || *p == '_');
        free(token);
    }
}

static void what_was_cut_off_is_refused(void **state)
{
    (void)state;
    char *token = small_token();
    for (size_t len = 1; len < strlen(token); len++)
        refuse((struct kc_text){ token, len }, "broken or was cut off");
    refuse(KC_LIT(""), "1 to 65536 characters");
    free(token);
}

static void a_single_wrong_character_is_refused(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\x80";
    char *token = small_token();
    for (size_t i = 0; token[i]; i++) {
        char right = token[i];
        for (const char *wrong = alphabet; *wrong; wrong++) {
            token[i] = *wrong;
            if (*wrong != right)
                refuse(kc_text(token), "cursor");
        }
        token[i] = right;
    }
    free(token);
}

static void two_tokens_behind_each_other_are_none(void **state)
{
    (void)state;
    char *token = small_token(), twice[256];
    snprintf(twice, sizeof(twice), "%s%s", token, token);
    refuse(kc_text(twice), "broken");
    snprintf(twice, sizeof(twice), "%sA", token);
    refuse(kc_text(twice), "broken");
    free(token);
}

/* --- Tokens that are whole but cannot be --- */

static uint32_t crc_of(const unsigned char *p, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* Seals the bytes with a right checksum and makes a token of them. */
static char *sealed(struct kc_text bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char all[256];
    char *token = kc_alloc0(512, 1);
    size_t len = bytes.len, out = 0;
    memcpy(all, bytes.p, len);
    uint32_t crc = crc_of(all, len);
    for (int i = 0; i < 4; i++)
        all[len++] = (unsigned char)(crc >> 8 * i);
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | all[i];
        for (held += 8; held >= 6; held -= 6)
            token[out++] = alphabet[bits >> (held - 6) & 63];
        bits &= (1u << held) - 1;
    }
    if (held)
        token[out] = alphabet[bits << (6 - held) & 63];
    return token;
}

static void refuse_sealed(struct kc_text bytes, const char *part)
{
    char *token = sealed(bytes);
    refuse(kc_text(token), part);
    free(token);
}

static void a_sealed_token_is_one_when_it_says_something_sensible(void **state)
{
    (void)state;
    struct kc_cursor c;
    struct kc_error err = { 0 };
    char *token = sealed(BYTES("\x01\x00\x05\x04"
                               "cars"
                               "\x02\x00\x07\x01\x08"));
    if (!kc_cursor_decode(&c, kc_text(token), &err))
        fail_msg("%s", err.text);
    assert_int_equal(kc_positions_find(&c.positions, 0)->offset, 7);
    assert_int_equal(kc_positions_find(&c.positions, 2)->offset, 8);
    kc_cursor_deinit(&c);
    free(token);
}

static void another_version_is_told_apart_from_a_broken_token(void **state)
{
    (void)state;
    refuse_sealed(BYTES("\x02\x00\x05\x04"
                        "cars"
                        "\x00"),
                  "another version");
}

static void a_forged_token_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct kc_text forged[] = {
        { "", 0 },
        { "\x01", 1 }, /* nothing but a version */
        { "\x01\x02\x05\x04"
          "cars"
          "\x00",
          9 },                         /* no such kind */
        { "\x01\x00\x05\x00\x00", 5 }, /* no topic */
        { "\x01\x00\x05\x04"
          "ca/s"
          "\x00",
          9 }, /* no topic's name */
        { "\x01\x00\x05\x04"
          "ca\0s"
          "\x00",
          9 }, /* a NUL in a text */
        { "\x01\x00\x05\x7f"
          "cars"
          "\x00",
          9 }, /* longer than what is there */
        { "\x01\x00\x05\x04"
          "cars"
          "\x00\x00",
          10 }, /* something behind it */
        { "\x01\x00\x05\x04"
          "cars"
          "\x02\x00\x07",
          11 }, /* fewer than announced */
        { "\x01\x00\x05\x04"
          "cars"
          "\xff\xff\xff\xff\x0f",
          13 }, /* more than are allowed */
        { "\x01\x80\x00\x05\x04"
          "cars"
          "\x00",
          10 }, /* a number in a longer form */
        { "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x04"
          "cars"
          "\x00",
          18 }, /* 65 bits */
        { "\x01\x00\x05\x04"
          "cars"
          "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          20 },
        { "\x01\x00\x05\x04"
          "cars"
          "\x01\xff\xff\xff\xff\x08\x07",
          15 }, /* partition 2^31 */
        { "\x01\x00\x05\x04"
          "cars"
          "\x02\xff\xff\xff\xff\x07\x07\x00\x07",
          17 }, /* one after the last */
    };
    for (size_t i = 0; i < COUNT_OF(forged); i++)
        refuse_sealed(forged[i], "broken");
}

/* --- Limits --- */

static void many_partitions_fit_whatever_their_offsets(void **state)
{
    (void)state;
    struct kc_cursor c = poll_cursor("cars");
    for (int i = 0; i < 4900; i++)
        kc_positions_put(&c.positions, i, INT64_MAX);
    char *token = encoded(&c);
    assert_true(strlen(token) <= KC_CURSOR_MAX_BYTES);
    struct kc_error err = { 0 };
    assert_true(kc_cursor_decode(&c, kc_text(token), &err));
    assert_int_equal(c.positions.count, 4900);
    kc_cursor_deinit(&c);
    free(token);
}

static void more_partitions_than_fit_are_told(void **state)
{
    (void)state;
    struct kc_cursor c = poll_cursor("cars");
    struct kc_error err = { 0 };
    struct kc_buf token;
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    for (int i = 0; i < 50000; i++)
        kc_positions_put(&c.positions, i, 1000);
    assert_false(kc_cursor_encode(&c, &token, &err));
    assert_error(&err, KC_BAD_CURSOR, "50000 partitions of 'cars'");
    assert_int_equal(token.len, 0);
    kc_cursor_deinit(&c);
    kc_buf_deinit(&token);
}

static void a_token_beyond_the_limit_is_not_even_looked_at(void **state)
{
    (void)state;
    char *large = repeated("A", KC_CURSOR_MAX_BYTES + 1);
    refuse(kc_text(large), "this one 65537");
    free(large);
}

/* --- What it is good for --- */

static void a_cursor_of_another_topic_or_kind_is_told(void **state)
{
    (void)state;
    struct kc_cursor c = poll_cursor("cars");
    struct kc_error err = { 0 };
    assert_true(kc_cursor_check(&c, KC_CURSOR_POLL, "cars", &err));
    assert_false(kc_cursor_check(&c, KC_CURSOR_POLL, "bikes", &err));
    assert_error(&err, KC_BAD_CURSOR, "of topic 'cars', not of 'bikes'");
    assert_false(kc_cursor_check(&c, KC_CURSOR_STREAM, "cars", &err));
    assert_error(&err, KC_BAD_CURSOR, "of a poll, not of a stream");
    kc_cursor_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poll_cursor_comes_back_as_it_went),
        cmocka_unit_test(a_stream_cursor_names_its_server_stream_and_group),
        cmocka_unit_test(a_token_is_safe_in_urls_and_headers),
        cmocka_unit_test(what_was_cut_off_is_refused),
        cmocka_unit_test(a_single_wrong_character_is_refused),
        cmocka_unit_test(two_tokens_behind_each_other_are_none),
        cmocka_unit_test(a_sealed_token_is_one_when_it_says_something_sensible),
        cmocka_unit_test(another_version_is_told_apart_from_a_broken_token),
        cmocka_unit_test(a_forged_token_that_makes_no_sense_is_refused),
        cmocka_unit_test(many_partitions_fit_whatever_their_offsets),
        cmocka_unit_test(more_partitions_than_fit_are_told),
        cmocka_unit_test(a_token_beyond_the_limit_is_not_even_looked_at),
        cmocka_unit_test(a_cursor_of_another_topic_or_kind_is_told),
    };
    return cmocka_run_group_tests_name("unit/cursor", tests, NULL, NULL);
}
