// SPDX-License-Identifier: Apache-2.0
/* A cache as kinit writes it, and everything shorter than that. */
#include "kafka/ticket_cache.h"
#include "unit/unit.h"

static void put(struct kc_buf *out, uint64_t n, int size)
{
    for (int i = size - 1; i >= 0; i--)
        kc_buf_append(out, &(unsigned char){ (unsigned char)(n >> (8 * i)) }, 1);
}

static void put_text(struct kc_buf *out, const char *text)
{
    put(out, (uint32_t)strlen(text), 4);
    kc_buf_puts(out, text);
}

static void put_principal(struct kc_buf *out, const char *first, const char *second)
{
    put(out, 1, 4);
    put(out, second ? 2 : 1, 4);
    put_text(out, "KC.TEST");
    put_text(out, first);
    if (second)
        put_text(out, second);
}

static void put_ticket(struct kc_buf *out, const char *service, uint32_t from, uint32_t until)
{
    put_principal(out, "alice", NULL);
    put_principal(out, service, "KC.TEST");
    put(out, 18, 2);
    put_text(out, "0123456789abcdef");
    put(out, 1000, 4);
    put(out, from, 4);
    put(out, until, 4);
    put(out, 0, 4);
    put(out, 0, 1 + 4);
    put(out, 1, 4); /* an address */
    put(out, 2, 2);
    put_text(out, "\177\1\1\1");
    put(out, 0, 4);
    put_text(out, "the ticket");
    put_text(out, "");
}

static void print_cache(struct kc_buf *out, const char *service, uint32_t from, uint32_t until)
{
    kc_buf_init(out, KC_BUF_UNBOUNDED);
    put(out, 0x0504, 2);
    put(out, 12, 2);
    kc_buf_puts(out, "tags tags ta");
    put_principal(out, "alice", NULL);
    put_ticket(out, "krb5_ccache_conf_data", 0, 0);
    put_ticket(out, service, from, until);
}

static void the_ticket_granting_tickets_times_are_found(void **state)
{
    (void)state;
    struct kc_buf cache;
    int64_t start_s, end_s;
    print_cache(&cache, "krbtgt", 2000, 3000000000u);
    assert_true(kc_ticket_times(kc_buf_peek(&cache), &start_s, &end_s));
    assert_int_equal(start_s, 2000);
    assert_int_equal(end_s, 3000000000);
    kc_buf_deinit(&cache);
    print_cache(&cache, "krbtgt", 0, 5000);
    assert_true(kc_ticket_times(kc_buf_peek(&cache), &start_s, &end_s));
    assert_int_equal(start_s, 1000); /* when it was given */
    kc_buf_deinit(&cache);
}

static void what_holds_none_is_refused(void **state)
{
    (void)state;
    struct kc_buf cache;
    int64_t start_s, end_s;
    print_cache(&cache, "kafka", 2000, 3000);
    assert_false(kc_ticket_times(kc_buf_peek(&cache), &start_s, &end_s));
    kc_buf_deinit(&cache);
    print_cache(&cache, "krbtgt", 3000, 2000);
    assert_false(kc_ticket_times(kc_buf_peek(&cache), &start_s, &end_s));
    kc_buf_deinit(&cache);
    assert_false(kc_ticket_times(KC_NO_TEXT, &start_s, &end_s));
}

static void a_file_that_breaks_off_is_refused(void **state)
{
    (void)state;
    struct kc_buf cache;
    int64_t start_s, end_s;
    print_cache(&cache, "krbtgt", 2000, 3000);
    for (size_t len = 0; len < cache.len; len++) {
        char *part = kc_alloc0(1, len + 1); /* of its own, so that a sanitizer sees */
        memcpy(part, cache.data, len);
        assert_false(kc_ticket_times((struct kc_text){ part, len }, &start_s, &end_s));
        free(part);
    }
    kc_buf_deinit(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ticket_granting_tickets_times_are_found),
        cmocka_unit_test(what_holds_none_is_refused),
        cmocka_unit_test(a_file_that_breaks_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
