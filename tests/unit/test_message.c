// SPDX-License-Identifier: Apache-2.0
#include "runtime/message.h"

#include "unit/unit.h"

#include <pthread.h>

/* Reads the text (with ' for ") into a message that is the caller's to deinit. */
static bool try_read(struct kc_message *m, struct kc_json_reader *r, const char *text,
                     struct kc_error *err)
{
    return kc_message_read(m, r, json(text), strlen(text), err);
}

static struct kc_message read_message(struct kc_json_reader *r, const char *text)
{
    struct kc_message m;
    struct kc_error err = { 0 };
    if (!try_read(&m, r, text, &err))
        fail_msg("%s: %s", text, err.text);
    return m;
}

static int setup(void **state)
{
    *state = kc_json_reader_new();
    return 0;
}

static int teardown(void **state)
{
    kc_json_reader_free(*state);
    return 0;
}

static void a_message_has_its_members(void **state)
{
    struct kc_message m = read_message(
        *state, "{'id':'m1','headers':{'h':1},'body':{'value':'v'},'passthrough':{'p':2},"
                "'attachments':{}}");
    assert_text(kc_value_text(m.id), "m1");
    assert_non_null(kc_value_get(m.headers, "h"));
    assert_non_null(kc_value_get(m.passthrough, "p"));
    assert_text(kc_value_text(kc_value_get(m.body, "value")), "v");
    assert_false(m.is_bare);
    assert_false(m.is_skipped);
    kc_message_deinit(&m);
}

static void an_object_without_a_body_is_the_body(void **state)
{
    struct kc_message m = read_message(*state, "{'headers':{'h':1},'value':'v'}");
    assert_true(m.is_bare);
    assert_text(kc_value_text(kc_value_get(m.body, "value")), "v");
    assert_non_null(kc_value_get(m.body, "headers"));
    assert_null(m.headers);
    kc_message_deinit(&m);
}

static void a_body_that_is_null_is_still_the_body(void **state)
{
    struct kc_message m = read_message(*state, "{'body':null}");
    assert_false(m.is_bare);
    assert_int_equal(kc_value_type(m.body), KC_IS_NULL);
    kc_message_deinit(&m);
}

static void of_our_own_output_data_is_taken_and_the_rest_skipped(void **state)
{
    struct kc_message data =
        read_message(*state, "{'event':'data','inReplyTo':null,'id':'5','headers':{},"
                             "'body':{'value':'v'}}");
    assert_false(data.is_skipped);
    assert_false(data.is_bare);
    kc_message_deinit(&data);
    struct kc_message error = read_message(*state, "{'event':'error','error':{}}");
    assert_true(error.is_skipped);
    kc_message_deinit(&error);
    struct kc_message end = read_message(*state, "{'event':'end','line':3}");
    assert_true(end.is_skipped);
    kc_message_deinit(&end);
}

static void a_byte_order_mark_in_front_is_skipped_once(void **state)
{
    struct kc_message m, twice;
    struct kc_error err = { 0 };
    m = read_message(*state, "\xef\xbb\xbf{'value':'v'}");
    assert_true(m.is_bare);
    kc_message_deinit(&m);
    assert_false(try_read(&twice, *state, "\xef\xbb\xbf\xef\xbb\xbf{}", &err));
    assert_int_equal(err.code, KC_INPUT);
    kc_message_deinit(&twice);
}

static void what_is_no_object_is_refused_by_its_kind(void **state)
{
    static const char *const wrong[][2] = {
        { "[]", "this is an array" },         { "'text'", "this is a string" },
        { "5", "this is a number" },          { "null", "this is null" },
        { "{'a':", "not valid JSON" },        { "", "not valid JSON" },
        { "\xef\xbb\xbf", "not valid JSON" },
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kc_message m;
        struct kc_error err = { 0 };
        assert_false(try_read(&m, *state, wrong[i][0], &err));
        assert_error(&err, KC_INPUT, wrong[i][1]);
        kc_message_deinit(&m); /* the text was the message's all the same */
    }
}

static void of_several_bodies_the_last_counts(void **state)
{
    struct kc_message m = read_message(*state, "{'body':{'value':'a'},'body':{'value':'b'}}");
    assert_text(kc_value_text(kc_value_get(m.body, "value")), "b");
    kc_message_deinit(&m);
}

static void the_text_can_be_taken_over(void **state)
{
    struct kc_message m = read_message(*state, "{'value':'v'}");
    char *text = m.text;
    m.text = NULL;
    kc_message_deinit(&m);
    free(text);
}

/* --- ids --- */

static void an_id_has_the_form_of_a_uuid(void **state)
{
    (void)state;
    char id[KC_ID_SIZE];
    for (int i = 0; i < 1000; i++) {
        kc_message_id(id);
        assert_int_equal(strlen(id), 36);
        for (int k = 0; k < 36; k++) {
            bool is_dash = k == 8 || k == 13 || k == 18 || k == 23;
            assert_int_equal(id[k] == '-', is_dash);
            assert_true(is_dash || strchr("0123456789abcdef", id[k]));
        }
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

#define IDS 20000

static void *make_ids(void *arg)
{
    char(*ids)[KC_ID_SIZE] = arg;
    for (int i = 0; i < IDS; i++)
        kc_message_id(ids[i]);
    return NULL;
}

static void ids_of_several_threads_never_repeat(void **state)
{
    (void)state;
    char(*ids)[KC_ID_SIZE] = kc_alloc0(2 * IDS, KC_ID_SIZE);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, make_ids, &ids[i * IDS]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, 2 * IDS, KC_ID_SIZE, by_text);
    for (int i = 1; i < 2 * IDS; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    free(ids);
}

#define message_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        message_test(a_message_has_its_members),
        message_test(an_object_without_a_body_is_the_body),
        message_test(a_body_that_is_null_is_still_the_body),
        message_test(of_our_own_output_data_is_taken_and_the_rest_skipped),
        message_test(a_byte_order_mark_in_front_is_skipped_once),
        message_test(what_is_no_object_is_refused_by_its_kind),
        message_test(of_several_bodies_the_last_counts),
        message_test(the_text_can_be_taken_over),
        message_test(an_id_has_the_form_of_a_uuid),
        message_test(ids_of_several_threads_never_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
