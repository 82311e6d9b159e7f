// SPDX-License-Identifier: Apache-2.0
/* What poll refuses before it looks for a broker. */
#include "base/clock.h"
#include "component/poll.h"
#include "component/poll_pool.h"
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

/* --- The pool --- */

static struct kc_credentials to(char *brokers)
{
    return (struct kc_credentials){ .brokers = brokers,
                                    .mechanism = KC_NO_SIGN_IN,
                                    .security = KC_PLAINTEXT };
}

static struct kc_pool_client *take(struct kc_pool *pool, const struct kc_credentials *c,
                                   const char *group, const char *isolation)
{
    struct kc_error err = { 0 };
    const struct kc_pool_key key = { c, group, isolation };
    struct kc_pool_client *client = kc_pool_take(pool, &key, NULL, 0, &err);
    if (!client)
        assert_error(&err, KC_BUSY, "busy");
    return client;
}

static size_t open_clients(struct kc_pool *pool)
{
    struct kc_poll_counts counts = { 0 };
    kc_pool_counts(pool, &counts);
    return counts.clients;
}

static void a_client_serves_only_who_has_its_credentials_group_and_isolation(void **state)
{
    (void)state;
    char here[] = "127.0.0.1:1", there[] = "127.0.0.1:2", who[] = "alice";
    struct kc_credentials c = to(here), other = to(there), named = to(here);
    named.client_id = who;
    struct kc_pool *pool = kc_pool_new(60000);
    struct kc_pool_client *first = take(pool, &c, "g", "read_committed");
    kc_pool_give(pool, first, true);
    struct kc_pool_client *differing[] = {
        take(pool, &other, "g", "read_committed"), take(pool, &named, "g", "read_committed"),
        take(pool, &c, "h", "read_committed"),     take(pool, &c, NULL, "read_committed"),
        take(pool, &c, "g", "read_uncommitted"),
    };
    for (size_t i = 0; i < COUNT_OF(differing); i++) {
        assert_non_null(differing[i]);
        assert_ptr_not_equal(differing[i], first);
    }
    assert_ptr_equal(take(pool, &c, "g", "read_committed"), first);
    for (size_t i = 0; i < COUNT_OF(differing); i++)
        kc_pool_give(pool, differing[i], true);
    kc_pool_give(pool, first, true);
    assert_int_equal(open_clients(pool), 6);
    kc_pool_free(pool);
}

static void a_client_that_is_no_good_is_closed_at_once(void **state)
{
    (void)state;
    char here[] = "127.0.0.1:1";
    struct kc_credentials c = to(here);
    struct kc_pool *pool = kc_pool_new(60000);
    kc_pool_give(pool, take(pool, &c, NULL, "read_committed"), false);
    assert_int_equal(open_clients(pool), 0);
    kc_pool_free(pool);
}

static void where_there_is_no_room_the_longest_idle_client_makes_some(void **state)
{
    (void)state;
    char here[] = "127.0.0.1:1", there[] = "127.0.0.1:2";
    struct kc_credentials c = to(here), other = to(there);
    struct kc_pool *pool = kc_pool_new(60000);
    struct kc_pool_client *clients[KC_POLL_CLIENTS_MAX];
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++)
        clients[i] = take(pool, &c, NULL, "read_committed");
    assert_null(take(pool, &other, NULL, "read_committed")); /* all are busy */
    kc_pool_give(pool, clients[7], true);
    struct kc_pool_client *its = take(pool, &other, NULL, "read_committed");
    assert_ptr_equal(its, clients[7]);
    assert_int_equal(open_clients(pool), KC_POLL_CLIENTS_MAX);
    for (size_t i = 0; i < KC_POLL_CLIENTS_MAX; i++)
        kc_pool_give(pool, clients[i], true);
    kc_pool_free(pool);
}

static void an_idle_client_is_closed_after_a_while(void **state)
{
    (void)state;
    char here[] = "127.0.0.1:1";
    struct kc_credentials c = to(here);
    struct kc_pool *pool = kc_pool_new(50);
    struct kc_pool_client *busy = take(pool, &c, "g", "read_committed");
    kc_pool_give(pool, take(pool, &c, NULL, "read_committed"), true);
    for (int64_t end_ms = kc_now_ms() + 10000; open_clients(pool) > 1;) {
        struct timespec pause = { 0, 5000000 };
        assert_true(kc_now_ms() < end_ms);
        nanosleep(&pause, NULL);
    }
    kc_pool_give(pool, busy, true);
    kc_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_field_is_named_by_its_pointer),
        cmocka_unit_test(what_is_asked_for_has_defaults),
        cmocka_unit_test(a_broken_cursor_is_refused_without_a_client),
        cmocka_unit_test(a_streams_cursor_is_not_a_polls),
        cmocka_unit_test(nothing_is_served_after_a_stop),
        cmocka_unit_test(a_client_serves_only_who_has_its_credentials_group_and_isolation),
        cmocka_unit_test(a_client_that_is_no_good_is_closed_at_once),
        cmocka_unit_test(where_there_is_no_room_the_longest_idle_client_makes_some),
        cmocka_unit_test(an_idle_client_is_closed_after_a_while),
    };
    return cmocka_run_group_tests_name("unit/poll", tests, NULL, NULL);
}
