// SPDX-License-Identifier: Apache-2.0
/* Numbers about ourselves: the text that Prometheus reads, durations, lag. */
#include "runtime/metrics.h"

#include "runtime/lags.h"
#include "runtime/tally.h"
#include "unit/unit.h"

#include <time.h>

static char *taken(struct kc_buf *out)
{
    return kc_buf_take(out);
}

static struct kc_buf empty(void)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    return out;
}

static void a_family_says_what_it_is_before_its_samples(void **state)
{
    (void)state;
    struct kc_buf out = empty();
    const struct kc_label labels[] = { { "topic", "cars" },
                                       { "partition", "3" },
                                       { NULL, NULL } };
    kc_metrics_family(&out, "kc_lag", "gauge", "Records behind.");
    kc_metrics_sample(&out, "kc_lag", labels, 12);
    kc_metrics_sample(&out, "kc_lag", NULL, 0.25);
    char *text = taken(&out);
    assert_string_equal(text, "# HELP kc_lag Records behind.\n# TYPE kc_lag gauge\n"
                              "kc_lag{topic=\"cars\",partition=\"3\"} 12\nkc_lag 0.25\n");
    free(text);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    struct kc_buf out = empty();
    const struct kc_label labels[] = { { "group", "a\"b\\c\nd" }, { NULL, NULL } };
    kc_metrics_sample(&out, "m", labels, 1);
    char *text = taken(&out);
    assert_string_equal(text, "m{group=\"a\\\"b\\\\c\\nd\"} 1\n");
    free(text);
}

static void large_numbers_and_times_keep_their_digits(void **state)
{
    (void)state;
    struct kc_buf out = empty();
    kc_metrics_sample(&out, "a", NULL, 123456789012345.0);
    kc_metrics_sample(&out, "b", NULL, 1795248261.5);
    char *text = taken(&out);
    assert_string_equal(text, "a 123456789012345\nb 1795248261.5\n");
    free(text);
}

static void a_duration_counts_in_every_bucket_that_it_fits_in(void **state)
{
    (void)state;
    struct kc_histogram h = { .sum_us = 0 };
    struct kc_buf out = empty();
    const struct kc_label labels[] = { { "route", "/x" }, { NULL, NULL } };
    kc_histogram_add(&h, 500);        /* on a bound: within it */
    kc_histogram_add(&h, 1200);       /* 0.0025 */
    kc_histogram_add(&h, 3600000000); /* beyond all */
    assert_int_equal(kc_histogram_count(&h), 3);
    kc_histogram_print(&out, "d", labels, &h);
    char *text = taken(&out);
    assert_holds(text, "d_bucket{route=\"/x\",le=\"0.0005\"} 1\n");
    assert_holds(text, "d_bucket{route=\"/x\",le=\"0.001\"} 1\n");
    assert_holds(text, "d_bucket{route=\"/x\",le=\"0.0025\"} 2\n");
    assert_holds(text, "d_bucket{route=\"/x\",le=\"30\"} 2\n");
    assert_holds(text, "d_bucket{route=\"/x\",le=\"+Inf\"} 3\n");
    assert_holds(text, "d_sum{route=\"/x\"} 3600.0017\n");
    assert_holds(text, "d_count{route=\"/x\"} 3\n");
    free(text);
}

/* The number behind a name that begins a line. */
static double value_of(const char *text, const char *name)
{
    char line[128];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("no %s in:\n%s", name, text);
    return at ? strtod(at + strlen(line), NULL) : 0;
}

static void the_process_tells_what_it_uses(void **state)
{
    (void)state;
    struct kc_buf out = empty();
    kc_metrics_process(&out);
    char *text = taken(&out);
    assert_true(value_of(text, "process_open_fds") >= 3);
    assert_true(value_of(text, "process_max_fds") >= 3);
    assert_true(value_of(text, "process_threads") >= 1);
    assert_true(value_of(text, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(text, "process_virtual_memory_bytes") > 100000);
    assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
    double age_s = (double)time(NULL) - value_of(text, "process_start_time_seconds");
    assert_true(age_s > -2 && age_s < 600);
    free(text);
}

/* --- lag --- */

struct seen {
    char text[512];
};

static void see(void *arg, const char *group, const char *topic, const struct kc_lag *lag)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);
    snprintf(s->text + len, sizeof(s->text) - len, "%s/%s/%d:%lld ", group, topic,
             (int)lag->partition, (long long)(lag->end - lag->position));
}

static void assert_lags(struct kc_lags *l, const char *wanted)
{
    struct seen s = { "" };
    kc_lags_each(l, see, &s);
    assert_string_equal(s.text, wanted);
}

static void a_consumer_shows_its_partitions_until_it_takes_them_out(void **state)
{
    (void)state;
    struct kc_lags *l = kc_lags_new();
    int a, b;
    kc_lags_put(l, &a, "g", "cars", (struct kc_lag[]){ { 0, 5, 9 }, { 1, 7, 7 } }, 2);
    kc_lags_put(l, &b, "h", "cars", (struct kc_lag[]){ { 0, 1, 9 } }, 1);
    assert_lags(l, "h/cars/0:8 g/cars/0:4 g/cars/1:0 ");
    kc_lags_put(l, &a, "g", "cars", (struct kc_lag[]){ { 0, 9, 9 } }, 1);
    assert_lags(l, "g/cars/0:0 h/cars/0:8 ");
    kc_lags_put(l, &a, "g", "cars", NULL, 0);
    kc_lags_put(l, &b, "h", "cars", NULL, 0);
    assert_lags(l, "");
    kc_lags_free(l);
}

static void a_partition_that_changes_hands_is_shown_once(void **state)
{
    (void)state;
    struct kc_lags *l = kc_lags_new();
    int a, b;
    kc_lags_put(l, &a, "g", "cars", (struct kc_lag[]){ { 0, 5, 9 }, { 1, 6, 9 } }, 2);
    kc_lags_put(l, &b, "g", "cars", (struct kc_lag[]){ { 1, 8, 9 } }, 1);
    assert_lags(l, "g/cars/1:1 g/cars/0:4 ");
    kc_lags_put(l, &a, NULL, "cars", (struct kc_lag[]){ { 1, 0, 1 } }, 1); /* no group */
    assert_lags(l, "/cars/1:1 g/cars/1:1 ");
    kc_lags_free(l);
}

static void what_is_beyond_the_limit_is_not_kept(void **state)
{
    (void)state;
    struct kc_lags *l = kc_lags_new();
    struct kc_lag *many = kc_new0_array(struct kc_lag, 10001);
    for (int i = 0; i < 10001; i++)
        many[i].partition = i;
    struct seen s = { "" };
    kc_lags_put(l, &s, "g", "cars", many, 10001);
    kc_lags_put(l, l, "h", "cars", many, 1);
    kc_lags_put(l, &s, "g", "cars", NULL, 0);
    assert_lags(l, "");
    kc_lags_put(NULL, &s, "g", "cars", many, 1); /* nobody wants to know */
    free(many);
    kc_lags_free(l);
}

/* --- tallies --- */

static void a_tally_counts_towards_its_total_and_by_code(void **state)
{
    (void)state;
    _Atomic uint64_t codes[64] = { 0 };
    struct kc_tally total = { 0 };
    struct kc_tally t = { .total = &total, .by_code = codes };
    kc_tally_add(&t, 2, 30);
    kc_tally_fail(&t, KC_TIMEOUT);
    assert_int_equal(atomic_load(&total.records), 2);
    assert_int_equal(atomic_load(&total.bytes), 30);
    assert_int_equal(atomic_load(&codes[KC_TIMEOUT]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_says_what_it_is_before_its_samples),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(large_numbers_and_times_keep_their_digits),
        cmocka_unit_test(a_duration_counts_in_every_bucket_that_it_fits_in),
        cmocka_unit_test(the_process_tells_what_it_uses),
        cmocka_unit_test(a_consumer_shows_its_partitions_until_it_takes_them_out),
        cmocka_unit_test(a_partition_that_changes_hands_is_shown_once),
        cmocka_unit_test(what_is_beyond_the_limit_is_not_kept),
        cmocka_unit_test(a_tally_counts_towards_its_total_and_by_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
