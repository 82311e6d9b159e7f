// SPDX-License-Identifier: Apache-2.0
/* What poll refuses before it looks for a broker. */
#include "component/poll.h"
#include "unit/unit.h"

#define CREDENTIALS                                                                            \
    "{'brokers':'127.0.0.1:1','mechanism':'none','securityProtocol':'PLAINTEXT'}"

static const struct kc_poll_ask defaults = { .max_messages = 100,
                                             .max_bytes = 1048576,
                                             .max_wait_ms = 0 };

static struct kc_doc *doc(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *d = kc_doc_parse(kc_text(copy), &err);
    free(copy);
    if (!d)
        fail_msg("%s", err.text);
    return d;
}

/* The call fails with this code and says this; its faults are "POINTER: TEXT" lines. */
static char *refused(struct kc_poll *pool, const char *credentials, const char *config,
                     const struct kc_poll_ask *ask, enum kc_code code, const char *part)
{
    struct kc_poll_answer answer;
    struct kc_faults faults;
    struct kc_error err = { 0 };
    struct kc_buf lines;
    struct kc_doc *c = doc(credentials), *d = doc(config);
    kc_faults_init(&faults);
    kc_buf_init(&lines, KC_BUF_UNBOUNDED);
    assert_false(kc_poll(pool, c, d, ask, &answer, &faults, &err));
    assert_error(&err, code, part);
    assert_int_equal(answer.count, 0);
    assert_null(answer.cursor);
    for (size_t i = 0; i < faults.count; i++)
        kc_buf_printf(&lines, "%s: %s\n", faults.list[i].pointer, faults.list[i].text);
    kc_poll_answer_deinit(&answer);
    kc_faults_deinit(&faults);
    kc_doc_free(c);
    kc_doc_free(d);
    return kc_buf_take(&lines);
}

static void every_wrong_field_is_named_by_its_pointer(void **state)
{
    (void)state;
    struct kc_poll *pool = kc_poll_new();
    struct kc_poll_ask ask = { .max_messages = 0, .max_bytes = 1 << 30, .max_wait_ms = -1 };
    char *lines = refused(pool, "{'mechanism':'none'}",
                          "{'topc':'cars','startFrom':'soon','valueEncoding':'xml'}", &ask,
                          KC_CONFIG, "required");
    assert_holds(lines, "/config/topic: required\n");
    assert_holds(lines, "/config/topc: unknown; did you mean 'topic'?\n");
    assert_holds(lines, "/config/startFrom: must be latest, earliest");
    assert_holds(lines, "/config/valueEncoding: ");
    assert_holds(lines, "/credentials/brokers: required\n");
    assert_holds(lines, "/maxMessages: 0 is below 1\n");
    assert_holds(lines, "/maxBytes: 1073741824 is above 52428800\n");
    assert_holds(lines, "/maxWaitMs: -1 is below 0\n");
    free(lines);
    assert_int_equal(kc_poll_counts(pool).opened, 0);
    kc_poll_free(pool);
}

static void what_is_asked_for_has_defaults(void **state)
{
    (void)state;
    struct kc_poll_ask ask = { .cursor = NULL };
    struct kc_faults faults;
    struct kc_doc *d = doc("{}");
    kc_faults_init(&faults);
    assert_true(kc_fields_read(kc_poll_ask_fields, &ask, d, KC_UNKNOWN_IS_ERROR, &faults));
    assert_null(ask.cursor);
    assert_int_equal(ask.max_messages, 100);
    assert_int_equal(ask.max_bytes, 1024 * 1024);
    assert_int_equal(ask.max_wait_ms, 5000);
    kc_fields_free(kc_poll_ask_fields, &ask);
    kc_faults_deinit(&faults);
    kc_doc_free(d);
}

static void a_broken_cursor_is_refused_without_a_client(void **state)
{
    (void)state;
    struct kc_poll *pool = kc_poll_new();
    char cursor[] = "AQAFBGNhcnMA";
    struct kc_poll_ask ask = defaults;
    ask.cursor = cursor;
    free(refused(pool, CREDENTIALS, "{'topic':'cars'}", &ask, KC_BAD_CURSOR,
                 "start again without a cursor"));
    assert_int_equal(kc_poll_counts(pool).opened, 0);
    assert_int_equal(kc_code_http(KC_BAD_CURSOR), 400);
    kc_poll_free(pool);
}

static void a_streams_cursor_is_not_a_polls(void **state)
{
    (void)state;
    struct kc_poll *pool = kc_poll_new();
    struct kc_poll_ask ask = defaults;
    struct kc_cursor c = { .kind = KC_CURSOR_STREAM,
                           .topic = kc_strdup("cars"),
                           .server = kc_strdup("127.0.0.1:8080"),
                           .group_id = kc_strdup("g") };
    struct kc_error err = { 0 };
    struct kc_buf token;
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    assert_true(kc_cursor_encode(&c, &token, &err));
    ask.cursor = kc_buf_take(&token);
    free(refused(pool, CREDENTIALS, "{'topic':'cars'}", &ask, KC_BAD_CURSOR,
                 "the cursor of a stream"));
    free(ask.cursor);
    kc_cursor_deinit(&c);
    kc_poll_free(pool);
}

static void nothing_is_served_after_a_stop(void **state)
{
    (void)state;
    struct kc_poll *pool = kc_poll_new();
    kc_poll_stop(pool);
    kc_poll_stop(pool);
    free(refused(pool, CREDENTIALS, "{'topic':'cars'}", &defaults, KC_STOPPED, "stopped"));
    kc_poll_free(pool);
    kc_poll_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_field_is_named_by_its_pointer),
        cmocka_unit_test(what_is_asked_for_has_defaults),
        cmocka_unit_test(a_broken_cursor_is_refused_without_a_client),
        cmocka_unit_test(a_streams_cursor_is_not_a_polls),
        cmocka_unit_test(nothing_is_served_after_a_stop),
    };
    return cmocka_run_group_tests_name("unit/poll", tests, NULL, NULL);
}
