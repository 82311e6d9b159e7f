// SPDX-License-Identifier: Apache-2.0
/* test_producers.c - producers that steps share: one for those that sign in alike, closed when
 * nobody used it for a while, and not too many. */
#include "kafka/producers.h"

#include "base/clock.h"
#include "base/log.h"
#include "support/fail.h"
#include "support/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 600000
#define SOON_MS 50

/* How to reach a broker that is not there: opening a client does not wait for one. */
static struct kc_credentials nobody = { .mechanism = KC_NO_SIGN_IN, .security = KC_PLAINTEXT };

static struct kc_producer_conf conf_of(const char *topic)
{
    static char brokers[] = "127.0.0.1:1", client_id[] = "test";
    nobody.brokers = brokers;
    nobody.client_id = client_id;
    return (struct kc_producer_conf){
        .credentials = &nobody, .topic = topic, .compression = "none", .timeout_ms = 1000
    };
}

static struct kc_producer *take(struct kc_producers *pool, const struct kc_producer_conf *conf)
{
    struct kc_producer *p = NULL;
    struct kc_error err = { 0 };
    if (!kc_producers_take(pool, conf, false, &p, &err))
        fail_test("%s", err.text);
    return p;
}

static void wait_for_count(struct kc_producers *pool, size_t count)
{
    int64_t until_ms = kc_now_ms() + MOCK_WAIT_MS;
    while (kc_producers_count(pool) != count && kc_now_ms() < until_ms)
        usleep(1000);
    assert_int_equal(kc_producers_count(pool), count);
}

static void who_signs_in_alike_gets_the_same_one(void **state)
{
    (void)state;
    struct kc_producers *pool = kc_producers_new(8, LONG_MS);
    struct kc_producer_conf a = conf_of("a"), b = conf_of("b");
    struct kc_credentials copy = nobody;
    char brokers[] = "127.0.0.1:1";
    copy.brokers = brokers; /* the same text elsewhere */
    b.credentials = &copy;
    struct kc_producer *one = take(pool, &a), *other = take(pool, &b);
    assert_ptr_equal(one, other);
    assert_int_equal(kc_producers_count(pool), 1);
    memset(brokers, 'x', 3); /* what conf points to is no longer looked at */
    assert_ptr_equal(take(pool, &a), one);
    for (int i = 0; i < 3; i++)
        kc_producers_give(pool, one);
    assert_ptr_equal(take(pool, &a), one); /* it waits for the next */
    kc_producers_give(pool, one);
    kc_producers_free(pool);
}

static void each_difference_needs_another_one(void **state)
{
    (void)state;
    struct kc_producers *pool = kc_producers_new(8, LONG_MS);
    struct kc_producer_conf confs[5];
    struct kc_producer *all[5];
    struct kc_credentials other;
    for (int i = 0; i < 5; i++)
        confs[i] = conf_of(NULL);
    char brokers[] = "127.0.0.1:2";
    other = nobody;
    other.brokers = brokers;
    confs[1].credentials = &other;
    confs[2].compression = "lz4";
    confs[3].timeout_ms = 2000;
    confs[4].is_flood = true;
    for (size_t i = 0; i < 5; i++) {
        all[i] = take(pool, &confs[i]);
        assert_int_equal(kc_producers_count(pool), i + 1);
    }
    for (int i = 0; i < 5; i++)
        kc_producers_give(pool, all[i]);
    kc_producers_give(pool, NULL);
    kc_producers_free(pool);
}

static void one_that_nobody_used_for_a_while_is_closed(void **state)
{
    (void)state;
    struct kc_producers *pool = kc_producers_new(8, SOON_MS);
    struct kc_producer_conf used = conf_of(NULL), unused = conf_of(NULL), kept = conf_of(NULL);
    struct kc_producer *permanent;
    struct kc_error err = { 0 };
    unused.compression = "lz4";
    kept.compression = "zstd";
    struct kc_producer *one = take(pool, &used), *other = take(pool, &unused);
    assert_true(kc_producers_take(pool, &kept, true, &permanent, &err));
    kc_producers_give(pool, other);
    kc_producers_give(pool, permanent);
    wait_for_count(pool, 2);
    int64_t until_ms = kc_now_ms() + 4L * SOON_MS;
    while (kc_now_ms() < until_ms)
        assert_int_equal(kc_producers_count(pool), 2);
    assert_ptr_equal(take(pool, &kept), permanent);
    kc_producers_give(pool, permanent);
    kc_producers_give(pool, one);
    wait_for_count(pool, 1);
    kc_producers_free(pool);
}

static void where_all_are_in_use_there_is_no_more(void **state)
{
    (void)state;
    struct kc_producers *pool = kc_producers_new(2, LONG_MS);
    struct kc_producer_conf confs[3] = { conf_of(NULL), conf_of(NULL), conf_of(NULL) };
    struct kc_producer *none = NULL;
    struct kc_error err = { 0 };
    confs[1].timeout_ms = 2000;
    confs[2].timeout_ms = 3000;
    struct kc_producer *one = take(pool, &confs[0]), *other = take(pool, &confs[1]);
    assert_false(kc_producers_take(pool, &confs[2], false, &none, &err));
    assert_int_equal(err.code, KC_TOO_MANY);
    kc_producers_give(pool, other);
    other = take(pool, &confs[2]); /* the unused one goes early */
    assert_int_equal(kc_producers_count(pool), 2);
    kc_producers_give(pool, one);
    kc_producers_give(pool, other);
    kc_producers_free(pool);
}

static void wrong_settings_leave_nothing_behind(void **state)
{
    (void)state;
    struct kc_producers *pool = kc_producers_new(2, LONG_MS);
    struct kc_producer_conf wrong = conf_of(NULL);
    struct kc_producer *none = NULL;
    struct kc_error err = { 0 };
    wrong.compression = "zip";
    assert_false(kc_producers_take(pool, &wrong, false, &none, &err));
    assert_int_equal(err.code, KC_CONFIG);
    assert_int_equal(kc_producers_count(pool), 0);
    kc_producers_free(pool);
}

/* --- through it --- */

static void done(struct kc_batch *b)
{
    *(atomic_int *)b->arg += 1 + (b->failed > 0 ? 100 : 0);
}

#define SENT 60

/* While a request is on its way, what others send gathers: five requests may be on their way.
 */
static void records_of_different_users_go_out_together(void **state)
{
    (void)state;
    struct mock *m = mock_start("cars", 1);
    char brokers[64];
    snprintf(brokers, sizeof(brokers), "%s", rd_kafka_mock_cluster_bootstraps(m->cluster));
    struct kc_credentials here = nobody;
    here.brokers = brokers;
    struct kc_producer_conf conf = conf_of("cars");
    conf.credentials = &here;
    conf.timeout_ms = MOCK_WAIT_MS;
    struct kc_producers *pool = kc_producers_new(2, LONG_MS);
    struct kc_producer *users[2] = { take(pool, &conf), take(pool, &conf) };
    struct kc_batch *batches[SENT];
    atomic_int count = 0;
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, 100);
    for (int i = 0; i < SENT; i++) {
        batches[i] = kc_batch_new(1);
        batches[i]->topic = "cars";
        batches[i]->done = done;
        batches[i]->arg = &count;
        batches[i]->records[0].value = "a";
        batches[i]->records[0].value_len = 1;
        kc_producer_send(users[i % 2], batches[i]);
    }
    int64_t until_ms = kc_now_ms() + MOCK_WAIT_MS;
    while (atomic_load(&count) < SENT && kc_now_ms() < until_ms)
        usleep(1000);
    assert_int_equal(atomic_load(&count), SENT);
    assert_in_range(mock_count_requests(m, MOCK_PRODUCE), 1, SENT / 4);
    for (int i = 0; i < 2; i++)
        kc_producers_give(pool, users[i]);
    kc_producers_free(pool);
    for (int i = 0; i < SENT; i++)
        kc_batch_free(batches[i]);
}

int main(void)
{
    kc_log_init(KC_ERROR, 2); /* that nobody listens is no news here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_signs_in_alike_gets_the_same_one),
        cmocka_unit_test(each_difference_needs_another_one),
        cmocka_unit_test(one_that_nobody_used_for_a_while_is_closed),
        cmocka_unit_test(where_all_are_in_use_there_is_no_more),
        cmocka_unit_test(wrong_settings_leave_nothing_behind),
        cmocka_unit_test_teardown(records_of_different_users_go_out_together, mock_free_all),
    };
    return cmocka_run_group_tests_name("mock/producers", tests, NULL, NULL);
}
