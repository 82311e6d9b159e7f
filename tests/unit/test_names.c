// SPDX-License-Identifier: Apache-2.0
/* Names become addresses; a resolver that hangs is left behind. */
#include "net/names.h"

#include "base/clock.h"
#include "unit/unit.h"

#include <pthread.h>

/* Resolvers of the tests' own: nothing leaves this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static bool is_held;
static int done, entered, failed;

static int hangs(const char *host, const char *port, const struct addrinfo *hints,
                 struct addrinfo **out)
{
    (void)host, (void)port, (void)hints, (void)out;
    pthread_mutex_lock(&lock);
    while (is_held)
        pthread_cond_wait(&freed, &lock);
    done++;
    pthread_mutex_unlock(&lock);
    return EAI_NONAME;
}

static void hold(bool value)
{
    pthread_mutex_lock(&lock);
    is_held = value;
    pthread_cond_broadcast(&freed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(int count)
{
    for (int64_t by_ms = kc_now_ms() + 10000; kc_now_ms() < by_ms;) {
        pthread_mutex_lock(&lock);
        bool is_there = done == count;
        pthread_mutex_unlock(&lock);
        if (is_there)
            return;
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    fail_msg("look-ups did not end");
}

static int knows_none(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **out)
{
    (void)host, (void)port, (void)hints, (void)out;
    return EAI_NONAME;
}

static int is_away(const char *host, const char *port, const struct addrinfo *hints,
                   struct addrinfo **out)
{
    (void)host, (void)port, (void)hints, (void)out;
    return EAI_AGAIN;
}

static int knows_one(const char *host, const char *port, const struct addrinfo *hints,
                     struct addrinfo **out)
{
    struct addrinfo numeric = *hints;
    numeric.ai_flags = AI_NUMERICHOST;
    assert_string_equal(host, "b1.example");
    return getaddrinfo("192.0.2.7", port, &numeric, out);
}

static bool find(const char *host, int wait_ms, kc_names_look *look, struct kc_names *names,
                 struct kc_error *err)
{
    struct kc_until until = { .ms = kc_now_ms() + wait_ms };
    return kc_names_find(names, host, 9092, AF_UNSPEC, &until, look, err);
}

static int takes_time(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **out)
{
    pthread_mutex_lock(&lock);
    entered++;
    while (is_held)
        pthread_cond_wait(&freed, &lock);
    pthread_mutex_unlock(&lock);
    return knows_one(host, port, hints, out);
}

static void *find_in_time(void *arg)
{
    struct kc_names names;
    struct kc_error err = { 0 };
    (void)arg;
    if (!find("b1.example", 60000, takes_time, &names, &err)) {
        pthread_mutex_lock(&lock);
        failed++;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void a_literal_needs_nobody(void **state)
{
    (void)state;
    struct kc_names names;
    struct kc_error err = { 0 };
    char shown[KC_NAMES_SHOWN_SIZE];
    assert_true(find("127.0.0.1", 0, hangs, &names, &err));
    kc_names_show(&names, shown);
    assert_string_equal(shown, "127.0.0.1");
    assert_true(find("::1", 0, hangs, &names, &err));
    kc_names_show(&names, shown);
    assert_string_equal(shown, "::1");
}

static void a_name_becomes_its_address(void **state)
{
    (void)state;
    struct kc_names names;
    struct kc_error err = { 0 };
    char shown[KC_NAMES_SHOWN_SIZE];
    assert_true(find("b1.example", 10000, knows_one, &names, &err));
    kc_names_show(&names, shown);
    assert_string_equal(shown, "192.0.2.7");
}

static void who_does_not_know_is_told_from_who_does_not_answer(void **state)
{
    (void)state;
    struct kc_names names;
    struct kc_error err = { 0 };
    assert_false(find("b1.example", 10000, knows_none, &names, &err));
    assert_error(&err, KC_UNREACHABLE, "there is no host of the name b1.example");
    assert_false(find("b1.example", 10000, is_away, &names, &err));
    assert_error(&err, KC_UNREACHABLE, "no name server has answered for b1.example");
}

static void a_resolver_that_hangs_is_left_behind(void **state)
{
    (void)state;
    struct kc_names names;
    struct kc_error err = { 0 };
    int before = done;
    hold(true);
    int64_t since = kc_now_ms();
    assert_false(find("b1.example", 30, hangs, &names, &err));
    assert_error(&err, KC_TIMEOUT, "b1.example");
    assert_in_range(kc_now_ms() - since, 20, 5000);
    assert_int_equal(done, before);
    hold(false);
    wait_for(before + 1); /* and frees what it holds: the sanitizers would say */
}

static void only_so_many_are_left_behind(void **state)
{
    (void)state;
    struct kc_names names;
    struct kc_error err = { 0 };
    int before = done;
    hold(true);
    for (int i = 0; i < KC_NAMES_LEFT_MAX; i++) {
        assert_false(find("b1.example", 0, hangs, &names, &err));
        assert_error(&err, KC_TIMEOUT, "");
    }
    assert_false(find("b1.example", 0, hangs, &names, &err));
    assert_error(&err, KC_BUSY, "hang already");
    hold(false);
    wait_for(before + KC_NAMES_LEFT_MAX);
    bool is_found = false;
    for (int64_t by_ms = kc_now_ms() + 10000; !is_found && kc_now_ms() < by_ms;) {
        kc_error_clear(&err);
        is_found = find("b1.example", 10000, knows_one, &names, &err);
    }
    assert_true(is_found);
}

static void those_that_somebody_waits_for_are_not_counted(void **state)
{
    (void)state;
    pthread_t threads[KC_NAMES_LEFT_MAX + 8];
    entered = failed = 0;
    hold(true);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_in_time, NULL), 0);
    bool are_there = false;
    for (int64_t by_ms = kc_now_ms() + 30000; !are_there && kc_now_ms() < by_ms;) {
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        pthread_mutex_lock(&lock);
        are_there = entered + failed == COUNT_OF(threads);
        pthread_mutex_unlock(&lock);
    }
    hold(false);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(are_there);
    assert_int_equal(failed, 0);
}

static void without_a_thread_nothing_is_found_and_the_process_goes_on(void **state)
{
    (void)state;
    pthread_attr_t usual, huge;
    struct kc_names names;
    struct kc_error err = { 0 };
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    pthread_attr_init(&huge);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 50), 0); /* nobody has it */
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    bool ok = find("b1.example", 10000, knows_one, &names, &err);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&usual);
    pthread_attr_destroy(&huge);
    assert_false(ok);
    assert_error(&err, KC_BUSY, "no thread");
    kc_error_clear(&err);
    assert_true(find("b1.example", 10000, knows_one, &names, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_needs_nobody),
        cmocka_unit_test(a_name_becomes_its_address),
        cmocka_unit_test(who_does_not_know_is_told_from_who_does_not_answer),
        cmocka_unit_test(a_resolver_that_hangs_is_left_behind),
        cmocka_unit_test(only_so_many_are_left_behind),
        cmocka_unit_test(those_that_somebody_waits_for_are_not_counted),
        cmocka_unit_test(without_a_thread_nothing_is_found_and_the_process_goes_on),
    };
    return cmocka_run_group_tests_name("unit/names", tests, NULL, NULL);
}
