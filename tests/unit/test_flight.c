// SPDX-License-Identifier: Apache-2.0
/* test_flight.c - confirms and returns find their messages. */
#include "transport/sailor/flight.h"
#include "unit/unit.h"

static struct kc_flight flight;

static struct kc_publishing *fly(const char *key, const char *id, const char *body)
{
    struct kc_publishing *p = kc_new0(struct kc_publishing);
    p->routing_key = kc_strdup(key);
    p->body = kc_strdup(body);
    p->body_len = strlen(body);
    p->headers = kc_table_new();
    p->is_mandatory = true;
    if (id)
        kc_table_text(p->headers, "messageId", kc_text(id));
    kc_flight_add(&flight, p);
    return p;
}

static void land(struct kc_publishing *p)
{
    free(p->routing_key);
    free(p->body);
    kc_table_free(p->headers);
    free(p);
}

static int setup(void **state)
{
    (void)state;
    kc_flight_init(&flight);
    return 0;
}

static int land_all(void **state)
{
    (void)state;
    struct kc_publish_list left = kc_flight_lost(&flight);
    struct kc_publishing *p;
    while ((p = kc_publish_list_take(&left)))
        land(p);
    return 0;
}

/* The broker returns such a message, its body in frames of so many bytes. */
static bool bring_back(const char *key, const char *id, const char *body, size_t frame_size)
{
    amqp_basic_return_t method = { .reply_code = 312, .routing_key = amqp_cstring_bytes(key) };
    struct kc_table *headers = kc_table_new();
    amqp_basic_properties_t properties = { ._flags = AMQP_BASIC_HEADERS_FLAG };
    kc_table_int(headers, "start", 1);
    if (id)
        kc_table_text(headers, "messageId", kc_text(id));
    properties.headers = *kc_table_native(headers);

    kc_flight_return_begin(&flight, &method);
    bool is_whole = kc_flight_return_header(&flight, &properties, strlen(body));
    kc_table_free(headers); /* what the frames point to is gone by the next */
    for (size_t at = 0; at < strlen(body); at += frame_size) {
        size_t rest = strlen(body) - at, size = rest < frame_size ? rest : frame_size;
        char *copy = kc_strndup(body + at, size);
        assert_false(is_whole);
        is_whole = kc_flight_return_body(&flight, (amqp_bytes_t){ size, copy });
        free(copy);
    }
    return is_whole;
}

static void confirms_come_out_of_step(void **state)
{
    (void)state;
    struct kc_publishing *p[5];
    for (int i = 0; i < 5; i++)
        p[i] = fly("k", "m", "b");
    assert_ptr_equal(kc_flight_take(&flight, 3, false), p[2]);
    assert_null(kc_flight_take(&flight, 3, false)); /* twice */
    assert_ptr_equal(kc_flight_take(&flight, 4, true), p[0]);
    assert_ptr_equal(kc_flight_take(&flight, 4, true), p[1]);
    assert_ptr_equal(kc_flight_take(&flight, 4, true), p[3]);
    assert_null(kc_flight_take(&flight, 4, true));
    assert_int_equal(flight.count, 1);
    assert_ptr_equal(kc_flight_take(&flight, 0, true), p[4]); /* 0: all */
    assert_null(kc_flight_take(&flight, 0, true));
    assert_null(kc_flight_take(&flight, 99, false)); /* never published */
    assert_null(kc_flight_take(&flight, 99, true));
    for (int i = 0; i < 5; i++)
        land(p[i]);
}

static void it_is_full_while_the_oldest_is_not_confirmed(void **state)
{
    (void)state;
    struct kc_publishing *oldest = fly("k", "m", "b");
    uint64_t tag = 2;
    for (; !kc_flight_is_full(&flight); tag++) {
        fly("k", "m", "b");
        land(kc_flight_take(&flight, tag, false));
    }
    assert_int_equal(tag, KC_FLIGHT_RING + 1);
    assert_int_equal(flight.count, 1);
    land(kc_flight_take(&flight, 1, false));
    (void)oldest;
    assert_false(kc_flight_is_full(&flight));
    for (int i = 0; i < KC_FLIGHT_MAX; i++)
        fly("k", "m", "b");
    assert_true(kc_flight_is_full(&flight));
}

static void what_a_lost_channel_leaves_is_in_order(void **state)
{
    (void)state;
    struct kc_publishing *p[4];
    for (int i = 0; i < 4; i++)
        p[i] = fly("k", "m", "b");
    kc_flight_take(&flight, 2, false);
    struct kc_publish_list lost = kc_flight_lost(&flight);
    assert_ptr_equal(kc_publish_list_take(&lost), p[0]);
    assert_ptr_equal(kc_publish_list_take(&lost), p[2]);
    assert_ptr_equal(kc_publish_list_take(&lost), p[3]);
    assert_null(kc_publish_list_take(&lost));
    assert_int_equal(flight.count, 0);

    /* Tags of the next channel begin at 1 again. */
    struct kc_publishing *next = fly("k", "m", "b");
    assert_ptr_equal(kc_flight_take(&flight, 1, false), next);
    land(next);
    for (int i = 0; i < 4; i++)
        land(p[i]);
}

static void a_return_is_known_by_key_id_and_body(void **state)
{
    (void)state;
    struct kc_publishing *other_key = fly("b", "m1", "same body"),
                         *other_id = fly("a", "m2", "same body"),
                         *no_id = fly("a", NULL, "same body"),
                         *longer = fly("a", "m1", "same body!"),
                         *sibling = fly("a", "m1", "same b0dy"),
                         *wanted = fly("a", "m1", "same body"),
                         *twin = fly("a", "m1", "same body");
    for (size_t frame_size = 1; frame_size < 10; frame_size++) {
        assert_true(bring_back("a", "m1", "same body", frame_size));
        assert_ptr_equal(flight.returned, wanted);
        assert_true(wanted->is_returned);
        assert_false(other_key->is_returned || other_id->is_returned || no_id->is_returned ||
                     longer->is_returned || sibling->is_returned || twin->is_returned);

        /* The same once more can only be the twin, and then nobody. */
        assert_true(bring_back("a", "m1", "same body", frame_size));
        assert_true(twin->is_returned);
        assert_true(bring_back("a", "m1", "same body", frame_size));
        assert_null(flight.returned);
        wanted->is_returned = twin->is_returned = false;
    }
    assert_true(bring_back("a", NULL, "same body", 4));
    assert_true(no_id->is_returned);
}

static void what_need_not_be_routed_is_never_returned(void **state)
{
    (void)state;
    struct kc_publishing *rebound = fly("a", "m1", "x"), *data = fly("a", "m1", "x");
    rebound->is_mandatory = false;
    assert_true(bring_back("a", "m1", "x", 10));
    assert_false(rebound->is_returned);
    assert_true(data->is_returned);
}

static void a_return_without_a_body_ends_with_its_header(void **state)
{
    (void)state;
    struct kc_publishing *p = fly("a", "m1", "");
    assert_true(bring_back("a", "m1", "", 1));
    assert_true(p->is_returned);
}

static void a_return_of_something_unknown_marks_nobody(void **state)
{
    (void)state;
    struct kc_publishing *p = fly("a", "m1", "body");
    assert_true(bring_back("a", "m1", "bodz", 2));
    assert_null(flight.returned);
    assert_false(p->is_returned);
    /* Content that belongs to no return. */
    assert_false(kc_flight_return_body(&flight, amqp_cstring_bytes("body")));
}

static void what_leaves_while_it_is_returned_is_not_touched_again(void **state)
{
    (void)state;
    struct kc_publishing *p = fly("a", "m1", "body");
    amqp_basic_return_t method = { .routing_key = amqp_cstring_bytes("a") };
    struct kc_table *headers = kc_table_copy(p->headers);
    amqp_basic_properties_t properties = { ._flags = AMQP_BASIC_HEADERS_FLAG };
    properties.headers = *kc_table_native(headers);
    kc_flight_return_begin(&flight, &method);
    assert_false(kc_flight_return_header(&flight, &properties, 4));
    land(kc_flight_take(&flight, 1, false));
    assert_true(kc_flight_return_body(&flight, amqp_cstring_bytes("body")));
    assert_null(flight.returned);
    kc_table_free(headers);
}

#define flight_test(test) cmocka_unit_test_setup_teardown(test, setup, land_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        flight_test(confirms_come_out_of_step),
        flight_test(it_is_full_while_the_oldest_is_not_confirmed),
        flight_test(what_a_lost_channel_leaves_is_in_order),
        flight_test(a_return_is_known_by_key_id_and_body),
        flight_test(what_need_not_be_routed_is_never_returned),
        flight_test(a_return_without_a_body_ends_with_its_header),
        flight_test(a_return_of_something_unknown_marks_nobody),
        flight_test(what_leaves_while_it_is_returned_is_not_touched_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
