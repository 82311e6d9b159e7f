// SPDX-License-Identifier: Apache-2.0
/* What another repeats of our secrets is taken out, in whatever form it comes. */
#include "kafka/scrub.h"

#include "base/base64.h"
#include "kafka/client.h"
#include "kafka/token_answer.h"
#include "unit/unit.h"

#define SECRET "mark/Se+7c=19 x"

static void assert_scrubbed(const char *said, const char *wanted)
{
    char *text = kc_strdup(said);
    kc_scrub(text, SECRET);
    assert_string_equal(text, wanted);
    free(text);
}

static void a_secret_is_masked_wherever_it_stands(void **state)
{
    (void)state;
    assert_scrubbed("", "");
    assert_scrubbed("all is well", "all is well");
    assert_scrubbed(SECRET, "***");
    assert_scrubbed("no '" SECRET "', not " SECRET "!", "no '***', not ***!");
    assert_scrubbed(SECRET SECRET, "******");
    assert_scrubbed("?p=mark%2FSe%2B7c%3D19%20x&", "?p=***&");
    assert_scrubbed("?p=mark%2fSe%2b7c%3d19%20x&", "?p=***&");
}

/* In base64 some letters at its ends belong to what stands beside it, too. */
static void a_secret_is_masked_in_base64(void **state)
{
    (void)state;
    static const char *const pairs[] = { SECRET, "alice:" SECRET, "al:" SECRET,
                                         "a:" SECRET "\n", "client:mark%2FSe%2B7c%3D19%20x" };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct kc_buf encoded;
        kc_buf_init(&encoded, 1024);
        kc_buf_puts(&encoded, "I got '");
        kc_base64_encode(&encoded, pairs[i], strlen(pairs[i]));
        size_t before = encoded.len;
        kc_buf_append(&encoded, "", 1);
        kc_scrub(encoded.data, SECRET);
        assert_holds(encoded.data, "***");
        assert_in_range(strlen(encoded.data), 1, before - strlen(SECRET));
        kc_buf_deinit(&encoded);
    }
    char text[] = "bWFyay9TZSs3Yz0xOSB4 bWFyay9TZSs3Yz0xOSB4";
    kc_scrub(text, SECRET);
    assert_string_equal(text, "*** ***");
}

/* librdkafka's texts end where its memory does; others are whole. */
static void half_a_secret_at_the_end_of_a_long_text_is_masked_too(void **state)
{
    (void)state;
    char said[600], wanted[600], *filler = repeated("x", 450);
    static const char *const halves[] = { "mark/Se", "bWFyay9TZ", "mark%2F" };
    for (size_t i = 0; i < COUNT_OF(halves); i++) {
        snprintf(said, sizeof(said), "%s %s", filler, halves[i]);
        snprintf(wanted, sizeof(wanted), "%s ***", filler);
        assert_scrubbed(said, wanted);
    }
    assert_scrubbed("the price is a mark", "the price is a mark");
    free(filler);
}

static void what_is_too_short_to_be_looked_for_changes_nothing(void **state)
{
    (void)state;
    char text[] = "a sentence";
    kc_scrub(text, "a");
    kc_scrub(text, "");
    kc_scrub(text, NULL);
    assert_string_equal(text, "a sentence");
}

static void the_secret_in_use_and_the_one_before_are_kept(void **state)
{
    (void)state;
    struct kc_secrets s = { 0 };
    char text[] = "first-1 second-2 third-3 token-4";
    kc_secrets_keep(&s, KC_SECRET_PASSWORD, "first-1");
    kc_secrets_keep(&s, KC_SECRET_PASSWORD, "second-2");
    kc_secrets_keep(&s, KC_SECRET_PASSWORD, "third-3");
    kc_secrets_keep(&s, KC_SECRET_PASSWORD, "third-3");
    kc_secrets_keep(&s, KC_SECRET_PASSWORD, NULL);
    kc_secrets_keep(&s, KC_SECRET_TOKEN, "token-4");
    kc_secrets_scrub(&s, text);
    assert_string_equal(text, "first-1 *** *** ***");
    kc_secrets_deinit(&s);
}

/* An answer to a question with the secret before, asked while there is another one already. */
static void what_is_noted_holds_neither_the_secret_nor_the_one_before(void **state)
{
    (void)state;
    struct kc_health h;
    struct kc_error err = { 0 }, told = { 0 };
    kc_health_init(&h);
    kc_health_hide(&h, KC_SECRET_PASSWORD, "first-1");
    kc_health_hide(&h, KC_SECRET_PASSWORD, "second-2");
    kc_error_set(&err, KC_UNAVAILABLE, 0, "HTTP 401: no 'first-1', not second-2");
    kc_health_note(&h, &err);
    assert_true(kc_health_trouble(&h, &told));
    assert_string_equal(told.text, "HTTP 401: no '***', not ***");
    kc_health_deinit(&h);
}

static void a_refused_sign_in_names_what_it_was_made_with(void **state)
{
    (void)state;
    static const struct kc_property none[] = { { NULL, NULL } };
    static const struct {
        enum kc_mechanism mechanism;
        const char *names;
    } all[] = { { KC_SCRAM_SHA_512, "check username, password and mechanism" },
                { KC_GSSAPI, "check kerberosPrincipal and its tickets" } };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct kc_credentials c = { .security = KC_PLAINTEXT, .mechanism = all[i].mechanism };
        struct kc_health h;
        struct kc_error err = { 0 };
        kc_health_init(&h);
        rd_kafka_conf_t *conf = kc_client_conf(RD_KAFKA_PRODUCER, &c, none, &h, &err);
        assert_non_null(conf);
        kc_health_refused(&h, &err);
        assert_error(&err, KC_AUTH, all[i].names);
        rd_kafka_conf_destroy(conf);
        kc_health_deinit(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_masked_wherever_it_stands),
        cmocka_unit_test(a_secret_is_masked_in_base64),
        cmocka_unit_test(half_a_secret_at_the_end_of_a_long_text_is_masked_too),
        cmocka_unit_test(what_is_too_short_to_be_looked_for_changes_nothing),
        cmocka_unit_test(the_secret_in_use_and_the_one_before_are_kept),
        cmocka_unit_test(what_is_noted_holds_neither_the_secret_nor_the_one_before),
        cmocka_unit_test(a_refused_sign_in_names_what_it_was_made_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
