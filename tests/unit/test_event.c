// SPDX-License-Identifier: Apache-2.0
#include "runtime/event.h"

#include "unit/unit.h"

static int setup(void **state)
{
    struct kc_buf *out = kc_new0(struct kc_buf);
    kc_buf_init(out, KC_BUF_UNBOUNDED);
    *state = out;
    return 0;
}

static int teardown(void **state)
{
    kc_buf_deinit(*state);
    free(*state);
    return 0;
}

static void assert_line(struct kc_buf *out, const char *wanted)
{
    char *text = json(wanted);
    assert_text(kc_buf_peek(out), text);
    kc_buf_clear(out);
    free(text);
}

static const struct kc_text nothing = { "", 0 };

static void data_is_one_line(void **state)
{
    const struct kc_data data = { .body = KC_LIT("{\"value\":\"v\"}") };
    kc_event_data(*state, nothing, "5-6", &data);
    assert_line(*state, "{'event':'data','id':'5-6','headers':{},'body':{'value':'v'}}\n");
}

static void what_a_message_brings_stands_in_place_of_what_is_made_for_it(void **state)
{
    const struct kc_data data = { .body = KC_LIT("{}"),
                                  .id = KC_LIT("a\"b"),
                                  .headers = KC_LIT("{\"trace\":\"7\"}") };
    kc_event_data(*state, nothing, "5-6", &data);
    char text[100];
    struct kc_text said = kc_buf_peek(*state);
    snprintf(text, sizeof(text), "%.*s", (int)said.len, said.p);
    assert_string_equal(text, "{\"event\":\"data\",\"id\":\"a\\\"b\","
                              "\"headers\":{\"trace\":\"7\"},\"body\":{}}\n");
}

static void what_is_answered_stands_first(void **state)
{
    struct kc_text first = KC_LIT("\"line\":3,\"inReplyTo\":null,");
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_TOPIC_MISSING, 3, "no \"cars\"\xff");
    const struct kc_data data = { .body = KC_LIT("{}") };
    kc_event_data(*state, first, "5", &data);
    assert_line(*state, "{'event':'data','line':3,'inReplyTo':null,'id':'5','headers':{},"
                        "'body':{}}\n");
    kc_event_end(*state, first);
    assert_line(*state, "{'event':'end','line':3,'inReplyTo':null}\n");
    kc_event_error(*state, first, &err, KC_NO_TEXT);
    assert_line(*state, "{'event':'error','line':3,'inReplyTo':null,'error':{'name':"
                        "'PermanentError','code':'topic_missing','message':'no \\'cars\\'?',"
                        "'retriable':false}}\n");
}

static void an_end_of_everything_says_nothing_else(void **state)
{
    kc_event_end(*state, nothing);
    assert_line(*state, "{'event':'end'}\n");
}

static void an_errors_details_are_added_as_they_are(void **state)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_UNAVAILABLE, 0, "line 1\nline 2");
    kc_error_print(*state, &err, KC_LIT("[{\"pointer\":\"/a\"}]"));
    assert_line(*state, "{'name':'TransientError','code':'unavailable','message':"
                        "'line 1\\nline 2','retriable':true,'details':[{'pointer':'/a'}]}");
}

#define event_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        event_test(data_is_one_line),
        event_test(what_a_message_brings_stands_in_place_of_what_is_made_for_it),
        event_test(what_is_answered_stands_first),
        event_test(an_end_of_everything_says_nothing_else),
        event_test(an_errors_details_are_added_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
