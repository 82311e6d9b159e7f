// SPDX-License-Identifier: Apache-2.0
/* Every rule of what goes into produce: what a body means, and what is said of a wrong one. */
#include "component/produce_input.h"

#include "component/topic.h"
#include "unit/unit.h"

static const struct kc_input_rules cars = { "cars", false };
static const struct kc_input_rules cars_or_other = { "cars", true };
static const struct kc_input_rules any_topic = { NULL, true };

/* A message that was read, and all that its batch borrows. */
struct input {
    struct kc_json_reader *reader;
    struct kc_message message;
    struct kc_arena arena;
    struct kc_faults faults;
    struct kc_batch *batch;
};

static int setup(void **state)
{
    struct input *in = kc_new0(struct input);
    in->reader = kc_json_reader_new();
    kc_faults_init(&in->faults);
    *state = in;
    return 0;
}

static void forget(struct input *in)
{
    kc_batch_free(in->batch);
    in->batch = NULL;
    kc_arena_deinit(&in->arena);
    kc_faults_deinit(&in->faults);
    kc_message_deinit(&in->message);
}

static int teardown(void **state)
{
    struct input *in = *state;
    forget(in);
    kc_json_reader_free(in->reader);
    free(in);
    return 0;
}

static void try_read(struct input *in, const char *text, const struct kc_input_rules *rules)
{
    struct kc_error err = { 0 };
    forget(in);
    if (!kc_message_read(&in->message, in->reader, json(text), strlen(text), &err))
        fail_msg("%s: %s", text, err.text);
    in->batch = kc_produce_input(&in->message, rules, &in->arena, &in->faults);
    assert_int_equal(in->batch == NULL, in->faults.count > 0); /* a batch or faults */
}

static struct kc_record *records_of(struct input *in, const char *text,
                                    const struct kc_input_rules *rules)
{
    struct kc_error err = { 0 };
    try_read(in, text, rules);
    if (!kc_faults_none(&in->faults, KC_INPUT, &err))
        fail_msg("%s: %s", text, err.text);
    return in->batch->records;
}

static struct kc_record *record_of(struct input *in, const char *text)
{
    struct kc_record *records = records_of(in, text, &cars);
    assert_int_equal(in->batch->count, 1);
    return records;
}

/* There is nothing but this fault. */
static void assert_fault_with(struct input *in, const struct kc_input_rules *rules,
                              const char *text, const char *pointer, const char *says)
{
    try_read(in, text, rules);
    if (in->faults.count != 1)
        fail_msg("%zu faults: %s", in->faults.count, text);
    assert_string_equal(in->faults.list[0].pointer, pointer);
    assert_holds(in->faults.list[0].text, says);
}

static void assert_fault(struct input *in, const char *text, const char *pointer,
                         const char *says)
{
    assert_fault_with(in, &cars, text, pointer, says);
}

static void assert_value(struct input *in, const char *text, struct kc_text wanted)
{
    const struct kc_record *r = record_of(in, text);
    assert_same_bytes((struct kc_text){ r->value, r->value_len }, wanted);
}

static void assert_key(struct input *in, const char *text, struct kc_text wanted)
{
    const struct kc_record *r = record_of(in, text);
    assert_same_bytes((struct kc_text){ r->key, r->key_len }, wanted);
}

static void assert_header(const struct kc_record *r, size_t i, const char *name,
                          struct kc_text value)
{
    assert_non_null(r->headers);
    assert_in_range(i, 0, r->headers->count - 1);
    assert_text(r->headers->list[i].name, name);
    assert_same_bytes(r->headers->list[i].value, value);
}

/* --- the body --- */

static void an_array_of_messages_becomes_a_batch_in_its_order(void **state)
{
    const struct kc_record *r = records_of(
        *state, "{'body':{'messages':[{'key':'a','value':'1'},{'value':'2'},{'value':'3'}]}}",
        &cars);
    struct input *in = *state;
    assert_int_equal(in->batch->count, 3);
    assert_string_equal(in->batch->topic, "cars");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r[i].value[0], '1' + (int)i);
        assert_ptr_equal(r[i].batch, in->batch);
        assert_int_equal(r[i].partition, KC_ANY_PARTITION);
        assert_int_equal(r[i].timestamp, 0);
        assert_null(r[i].topic);
        assert_null(r[i].headers);
    }
    assert_null(r[1].key);
}

static void a_body_with_a_value_is_one_record(void **state)
{
    assert_value(*state, "{'body':{'value':'v'}}", KC_LIT("v"));
    assert_value(*state, "{'value':'v'}", KC_LIT("v"));
}

static void pointers_lead_from_the_root_of_what_was_sent(void **state)
{
    assert_fault(*state, "{'body':{'messages':[{'value':1},{'key':'k'}]}}",
                 "/body/messages/1/value", "required");
    assert_fault(*state, "{'messages':[{'value':1},{'key':'k'}]}", "/messages/1/value",
                 "required");
    assert_fault(*state, "{'body':{'value':'v','key':[]}}", "/body/key", "must be text");
    assert_fault(*state, "{'value':'v','key':[]}", "/key", "must be text");
}

static void a_body_that_holds_no_records_is_refused(void **state)
{
    assert_fault(*state, "{'body':null}", "/body", "must be an object");
    assert_fault(*state, "{'body':[]}", "/body", "this is an array");
    assert_fault(*state, "{'body':{}}", "/body/messages", "required");
    assert_fault(*state, "{}", "/messages", "required");
    assert_fault(*state, "{'messages':[]}", "/messages", "at least one");
    assert_fault(*state, "{'messages':{}}", "/messages", "must be an array");
    assert_fault(*state, "{'messages':'x'}", "/messages", "this is a string");
    assert_fault(*state, "{'messages':null}", "/messages", "this is null");
    assert_fault(*state, "{'messages':[null]}", "/messages/0", "must be an object");
    assert_fault(*state, "{'messages':['v']}", "/messages/0", "must be an object");
}

static void beside_messages_there_is_nothing(void **state)
{
    assert_fault(*state, "{'messages':[{'value':1}],'key':'k'}", "/key", "unknown");
    assert_fault(*state, "{'messages':[{'value':1}],'mesages':[]}", "/mesages",
                 "did you mean 'messages'?");
}

static void every_fault_of_a_body_is_told_at_once(void **state)
{
    struct input *in = *state;
    struct kc_error err = { 0 };
    try_read(in, "{'messages':[{'key':{}},{'value':'good'},{'value':1,'partition':-1}]}",
             &cars);
    assert_false(kc_faults_none(&in->faults, KC_INPUT, &err));
    assert_holds(err.text, "/messages/0/key: must be text");
    assert_holds(err.text, "/messages/0/value: required");
    assert_holds(err.text, "/messages/2/partition: must be a whole number");
    assert_int_equal(in->faults.count, 3);
}

static void faults_without_end_are_counted_not_kept(void **state)
{
    struct input *in = *state;
    char *many = repeated("{},", 10000), *text = kc_alloc0(strlen(many) + 100, 1);
    sprintf(text, "{\"messages\":[%s{}]}", many);
    try_read(in, text, &cars);
    assert_int_equal(in->faults.count, KC_FAULTS_MAX);
    assert_int_equal(in->faults.dropped, 10001 - KC_FAULTS_MAX);
    free(text);
    free(many);
}

static void of_a_member_that_comes_twice_the_last_counts(void **state)
{
    assert_value(*state, "{'value':'a','value':'b'}", KC_LIT("b"));
    records_of(*state, "{'messages':[],'messages':[{'value':1}]}", &cars);
    assert_int_equal(((struct input *)*state)->batch->count, 1);
}

static void an_unknown_member_names_the_nearest(void **state)
{
    assert_fault(*state, "{'messages':[{'value':1,'Key':'k'}]}", "/messages/0/Key",
                 "did you mean 'key'?");
    assert_fault(*state, "{'value':1,'valueEncodng':'utf8'}", "/valueEncodng",
                 "did you mean 'valueEncoding'?");
    assert_fault(*state, "{'value':1,'somethingQuiteElse':1}", "/somethingQuiteElse",
                 "a record has key, value");
}

static void a_pointer_escapes_what_json_pointers_escape_and_is_never_endless(void **state)
{
    struct input *in = *state;
    assert_fault(in, "{'value':1,'a/b~c-and-more':1}", "/a~1b~0c-and-more", "unknown");
    char *name = repeated("~", 100000), *text = kc_alloc0(strlen(name) + 100, 1);
    sprintf(text, "{\"value\":1,\"%s\":1}", name);
    try_read(in, text, &cars);
    assert_int_equal(in->faults.count, 1);
    assert_in_range(strlen(in->faults.list[0].pointer), 100, 600);
    free(text);
    free(name);
}

/* --- values --- */

static void a_text_is_written_as_it_stands(void **state)
{
    assert_value(*state, "{'value':''}", BYTES(""));
    assert_value(*state, "{'value':'a\\u0000b'}", BYTES("a\0b"));
    assert_value(*state, "{'value':'\\u20ac \\ud83d\\ude00'}",
                 BYTES("\xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_value(*state, "{'value':'null'}", BYTES("null"));
}

static void null_is_a_tombstone_and_nothing_is_an_error(void **state)
{
    assert_value(*state, "{'value':null}", KC_NO_TEXT);
    assert_fault(*state, "{'messages':[{'key':'k'}]}", "/messages/0/value", "required");
}

static void everything_else_is_written_as_json(void **state)
{
    char *object = json("{'a':[1.10,1e2,-0],'a':null,'b':'\xe2\x82\xac\\n'}");
    assert_value(*state,
                 "{'value': { 'a' : [ 1.10, 1e2, -0 ], 'a' : null, 'b' : '\\u20ac\\n' }}",
                 kc_text(object));
    free(object);
    assert_value(*state, "{'value':[]}", BYTES("[]"));
    assert_value(*state, "{'value':9007199254740993}", BYTES("9007199254740993"));
    assert_value(*state, "{'value':1.50e400}", BYTES("1.50e400"));
    assert_value(*state, "{'value':true}", BYTES("true"));
    assert_value(*state, "{'value':false}", BYTES("false"));
}

static void base64_is_decoded_where_its_encoding_says_so(void **state)
{
    assert_value(*state, "{'value':'/wAB','valueEncoding':'base64'}", BYTES("\xff\x00\x01"));
    assert_value(*state, "{'valueEncoding':'base64','value':''}", BYTES(""));
    assert_value(*state, "{'value':null,'valueEncoding':'base64'}", KC_NO_TEXT);
    assert_value(*state, "{'value':'/wAB','valueEncoding':'utf8'}", BYTES("/wAB"));
    assert_value(*state, "{'value':'/wAB','valueEncoding':null}", BYTES("/wAB"));
    assert_key(*state, "{'value':1,'key':'/wAB','keyEncoding':'base64'}",
               BYTES("\xff\x00\x01"));
}

static void what_is_not_base64_is_refused(void **state)
{
    assert_fault(*state, "{'value':'?','valueEncoding':'base64'}", "/value", "base64");
    assert_fault(*state, "{'value':5,'valueEncoding':'base64'}", "/value", "base64");
    assert_fault(*state, "{'value':{},'valueEncoding':'base64'}", "/value", "base64");
    assert_fault(*state, "{'value':1,'key':'a','keyEncoding':'base64'}", "/key", "base64");
    assert_fault(*state, "{'value':1,'key':true,'keyEncoding':'base64'}", "/key", "base64");
}

static void an_encoding_is_utf8_or_base64(void **state)
{
    assert_fault(*state, "{'value':'v','valueEncoding':'json'}", "/valueEncoding",
                 "must be utf8 or base64");
    assert_fault(*state, "{'value':'v','valueEncoding':64}", "/valueEncoding",
                 "must be utf8 or base64");
    assert_fault(*state, "{'value':'v','keyEncoding':'BASE64'}", "/keyEncoding",
                 "must be utf8 or base64");
}

/* --- keys --- */

static void a_key_is_a_text_a_number_a_boolean_or_none(void **state)
{
    assert_key(*state, "{'value':1,'key':'k'}", BYTES("k"));
    assert_key(*state, "{'value':1,'key':''}", BYTES(""));
    assert_key(*state, "{'value':1,'key':42}", BYTES("42"));
    assert_key(*state, "{'value':1,'key':1.0e2}", BYTES("1.0e2"));
    assert_key(*state, "{'value':1,'key':false}", BYTES("false"));
    assert_key(*state, "{'value':1,'key':null}", KC_NO_TEXT);
    assert_key(*state, "{'value':1}", KC_NO_TEXT);
    assert_key(*state, "{'value':1,'key':'a\\u0000b'}", BYTES("a\0b"));
    assert_fault(*state, "{'value':1,'key':[]}", "/key", "this is an array");
    assert_fault(*state, "{'value':1,'key':{}}", "/key", "this is an object");
}

/* --- partitions and timestamps --- */

static void a_partition_is_a_whole_number_or_its_text(void **state)
{
    assert_int_equal(record_of(*state, "{'value':1,'partition':0}")->partition, 0);
    assert_int_equal(record_of(*state, "{'value':1,'partition':'7'}")->partition, 7);
    assert_int_equal(record_of(*state, "{'value':1,'partition':2147483647}")->partition,
                     INT32_MAX);
    assert_int_equal(record_of(*state, "{'value':1,'partition':null}")->partition,
                     KC_ANY_PARTITION);
    static const char *const wrong[] = {
        "-1",   "2147483648",          "1.5", "1e0", "'x'", "''", "' 1'", "true", "[]",
        "'01'", "99999999999999999999"
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[80];
        snprintf(text, sizeof(text), "{'value':1,'partition':%s}", wrong[i]);
        assert_fault(*state, text, "/partition", "must be a whole number from 0 to 2147483647");
    }
}

static void a_timestamp_is_milliseconds_from_1970_on(void **state)
{
    assert_int_equal(record_of(*state, "{'value':1,'timestamp':1700000000123}")->timestamp,
                     1700000000123);
    assert_int_equal(record_of(*state, "{'value':1,'timestamp':0}")->timestamp, 0);
    assert_true(record_of(*state, "{'value':1,'timestamp':9223372036854775807}")->timestamp ==
                INT64_MAX);
    static const char *const wrong[] = { "-1",           "1.5",  "9223372036854775808",
                                         "'2026-01-31'", "true", "{}" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[80];
        snprintf(text, sizeof(text), "{'value':1,'timestamp':%s}", wrong[i]);
        assert_fault(*state, text, "/timestamp", "must be milliseconds since 1970");
    }
}

/* --- topics --- */

static void a_records_topic_counts_where_the_step_lets_it(void **state)
{
    struct input *in = *state;
    const struct kc_record *r = records_of(
        in, "{'messages':[{'value':1,'topic':'bikes'},{'value':2}]}", &cars_or_other);
    assert_string_equal(r[0].topic, "bikes");
    assert_null(r[1].topic);
    assert_string_equal(in->batch->topic, "cars");
}

static void elsewhere_it_must_be_the_steps(void **state)
{
    assert_null(record_of(*state, "{'value':1,'topic':'cars'}")->topic);
    assert_null(record_of(*state, "{'value':1,'topic':null}")->topic);
    assert_fault(*state, "{'value':1,'topic':'bikes'}", "/topic",
                 "'bikes' is not the step's topic, 'cars'");
}

static void where_the_step_names_none_each_record_must(void **state)
{
    assert_string_equal(records_of(*state, "{'value':1,'topic':'bikes'}", &any_topic)->topic,
                        "bikes");
    assert_fault_with(*state, &any_topic, "{'messages':[{'value':1}]}", "/messages/0/topic",
                      "required");
    assert_fault_with(*state, &any_topic, "{'value':1,'topic':null}", "/topic", "required");
}

static void a_topics_name_keeps_kafkas_rule(void **state)
{
    static const char *const wrong[] = { "''",         "'.'",       "'..'",
                                         "'a/b'",      "'a b'",     "'%2e'",
                                         "'a\\u0000'", "'\\u00e9'", "'cars\\u0000x'",
                                         "5",          "['cars']" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[80];
        snprintf(text, sizeof(text), "{'value':1,'topic':%s}", wrong[i]);
        assert_fault_with(*state, &any_topic, text, "/topic", "a topic's name is");
        assert_fault(*state, text, "/topic", "a topic's name is");
    }
}

static void a_topics_name_has_at_most_249_characters(void **state)
{
    (void)state;
    char *name = repeated("a", 250);
    assert_true(kc_topic_is_valid((struct kc_text){ name, 249 }));
    assert_false(kc_topic_is_valid((struct kc_text){ name, 250 }));
    assert_true(kc_topic_is_valid(KC_LIT("a.b_c-D9")));
    assert_true(kc_topic_is_valid(KC_LIT("...")));
    assert_false(kc_topic_is_valid(KC_LIT("")));
    assert_false(kc_topic_is_valid(KC_NO_TEXT));
    free(name);
}

/* --- headers --- */

static void headers_may_be_an_object(void **state)
{
    const struct kc_record *r =
        record_of(*state, "{'value':1,'headers':{'a':'1','none':null,'empty':'',"
                          "'bytes':{'base64':'/wA='},'many':['x',null,{'base64':'AA=='}],"
                          "'nothing':[]}}");
    assert_int_equal(r->headers->count, 7);
    assert_header(r, 0, "a", BYTES("1"));
    assert_header(r, 1, "none", KC_NO_TEXT);
    assert_header(r, 2, "empty", BYTES(""));
    assert_header(r, 3, "bytes", BYTES("\xff\x00"));
    assert_header(r, 4, "many", BYTES("x"));
    assert_header(r, 5, "many", KC_NO_TEXT);
    assert_header(r, 6, "many", BYTES("\x00"));
}

static void a_name_that_is_typed_twice_in_an_object_is_two_headers(void **state)
{
    const struct kc_record *r = record_of(*state, "{'value':1,'headers':{'a':'1','a':'2'}}");
    assert_int_equal(r->headers->count, 2);
    assert_header(r, 1, "a", BYTES("2"));
}

static void headers_may_be_pairs_where_order_or_names_need_it(void **state)
{
    const struct kc_record *r =
        record_of(*state, "{'value':1,'headers':[['a','1'],['b',null],['a',{'base64':'/w=='}],"
                          "[{'base64':'w/8='},'odd'],['','']]}");
    assert_int_equal(r->headers->count, 5);
    assert_header(r, 0, "a", BYTES("1"));
    assert_header(r, 1, "b", KC_NO_TEXT);
    assert_header(r, 2, "a", BYTES("\xff"));
    assert_header(r, 3, "\xc3\xff", BYTES("odd"));
    assert_header(r, 4, "", BYTES(""));
}

static void no_headers_are_none(void **state)
{
    assert_null(record_of(*state, "{'value':1,'headers':null}")->headers);
    assert_null(record_of(*state, "{'value':1,'headers':{}}")->headers);
    assert_null(record_of(*state, "{'value':1,'headers':[]}")->headers);
    assert_null(record_of(*state, "{'value':1,'headers':{'a':[]}}")->headers);
}

static void headers_of_another_shape_are_refused_where_they_stand(void **state)
{
    static const char *const wrong[][3] = {
        { "'text'", "/headers", "this is a string" },
        { "5", "/headers", "this is a number" },
        { "{'a':5}", "/headers/a", "must be text" },
        { "{'a':true}", "/headers/a", "must be text" },
        { "{'a':{}}", "/headers/a", "must be text" },
        { "{'a':{'base64':'?'}}", "/headers/a", "must be text" },
        { "{'a':{'base64':5}}", "/headers/a", "must be text" },
        { "{'a':{'base64':'','x':1}}", "/headers/a", "must be text" },
        { "{'a/b':[[]]}", "/headers/a~1b/0", "must be text" },
        { "{'a':['x',5]}", "/headers/a/1", "must be text" },
        { "[['a','b'],['c']]", "/headers/1", "must be [name, value]" },
        { "[['a','b','c']]", "/headers/0", "must be [name, value]" },
        { "[[null,'b']]", "/headers/0/0", "must be text" },
        { "[[5,'b']]", "/headers/0/0", "must be text" },
        { "[['a',5]]", "/headers/0/1", "must be text" },
        { "[['a',['b']]]", "/headers/0/1", "must be text" },
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[120], pointer[80];
        snprintf(text, sizeof(text), "{'messages':[{'value':1,'headers':%s}]}", wrong[i][0]);
        snprintf(pointer, sizeof(pointer), "/messages/0%s", wrong[i][1]);
        assert_fault(*state, text, pointer, wrong[i][2]);
    }
}

static void of_a_list_of_texts_each_is_no_pair(void **state)
{
    struct input *in = *state;
    try_read(in, "{'value':1,'headers':['a','b']}", &cars);
    assert_int_equal(in->faults.count, 2);
    assert_string_equal(in->faults.list[0].pointer, "/headers/0");
    assert_string_equal(in->faults.list[1].pointer, "/headers/1");
}

static void a_headers_name_holds_no_nul(void **state)
{
    assert_fault(*state, "{'value':1,'headers':{'a\\u0000b':'x'}}", "/headers", "NUL");
    assert_fault(*state, "{'value':1,'headers':[['a\\u0000b','x']]}", "/headers/0/0", "NUL");
    assert_fault(*state, "{'value':1,'headers':[[{'base64':'AA=='},'x']]}", "/headers/0/0",
                 "NUL");
    assert_header(record_of(*state, "{'value':1,'headers':{'a':'x\\u0000y'}}"), 0, "a",
                  BYTES("x\0y"));
}

/* --- what consume gave --- */

static void where_a_record_was_is_not_where_it_goes(void **state)
{
    const struct kc_record *r = record_of(
        *state,
        "{'value':'v','key':'k','partition':'7','offset':42,'topic':'bikes','timestamp':"
        "1700000000123,'timestampType':'CreateTime','headers':{'a':'1'}}");
    assert_null(r->topic);
    assert_int_equal(r->partition, KC_ANY_PARTITION);
    assert_int_equal(r->timestamp, 1700000000123);
    assert_header(r, 0, "a", BYTES("1"));
}

static void a_consumed_record_needs_a_topic_to_go_to(void **state)
{
    assert_fault_with(*state, &any_topic, "{'value':'v','offset':42,'topic':'bikes'}", "/topic",
                      "required, since the step names no topic");
    assert_null(
        records_of(*state, "{'value':'v','offset':42,'topic':'bikes'}", &cars_or_other)->topic);
}

static void a_timestamp_type_belongs_beside_an_offset(void **state)
{
    assert_fault(*state, "{'value':'v','timestampType':'CreateTime'}", "/timestampType",
                 "beside its offset");
}

static void a_batch_of_consumed_records_maps_straight_into_messages(void **state)
{
    const struct kc_record *r =
        records_of(*state,
                   "{'event':'data','id':'1','headers':{},'body':{'messages':["
                   "{'value':'a','partition':'0','offset':1,'topic':'x'},"
                   "{'value':null,'partition':'0','offset':2,'topic':'x'}]}}",
                   &cars);
    assert_int_equal(((struct input *)*state)->batch->count, 2);
    assert_null(r[1].value);
}

static void texts_lie_where_the_message_was_read(void **state)
{
    struct input *in = *state;
    const struct kc_record *r = record_of(in, "{'value':'plain','key':'k'}");
    assert_true(r->value > in->message.text && r->value < in->message.text + 40);
    assert_true(r->key > in->message.text && r->key < in->message.text + 40);
}

#define input_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        input_test(an_array_of_messages_becomes_a_batch_in_its_order),
        input_test(a_body_with_a_value_is_one_record),
        input_test(pointers_lead_from_the_root_of_what_was_sent),
        input_test(a_body_that_holds_no_records_is_refused),
        input_test(beside_messages_there_is_nothing),
        input_test(every_fault_of_a_body_is_told_at_once),
        input_test(faults_without_end_are_counted_not_kept),
        input_test(of_a_member_that_comes_twice_the_last_counts),
        input_test(an_unknown_member_names_the_nearest),
        input_test(a_pointer_escapes_what_json_pointers_escape_and_is_never_endless),
        input_test(a_text_is_written_as_it_stands),
        input_test(null_is_a_tombstone_and_nothing_is_an_error),
        input_test(everything_else_is_written_as_json),
        input_test(base64_is_decoded_where_its_encoding_says_so),
        input_test(what_is_not_base64_is_refused),
        input_test(an_encoding_is_utf8_or_base64),
        input_test(a_key_is_a_text_a_number_a_boolean_or_none),
        input_test(a_partition_is_a_whole_number_or_its_text),
        input_test(a_timestamp_is_milliseconds_from_1970_on),
        input_test(a_records_topic_counts_where_the_step_lets_it),
        input_test(elsewhere_it_must_be_the_steps),
        input_test(where_the_step_names_none_each_record_must),
        input_test(a_topics_name_keeps_kafkas_rule),
        input_test(a_topics_name_has_at_most_249_characters),
        input_test(headers_may_be_an_object),
        input_test(a_name_that_is_typed_twice_in_an_object_is_two_headers),
        input_test(headers_may_be_pairs_where_order_or_names_need_it),
        input_test(no_headers_are_none),
        input_test(headers_of_another_shape_are_refused_where_they_stand),
        input_test(of_a_list_of_texts_each_is_no_pair),
        input_test(a_headers_name_holds_no_nul),
        input_test(where_a_record_was_is_not_where_it_goes),
        input_test(a_consumed_record_needs_a_topic_to_go_to),
        input_test(a_timestamp_type_belongs_beside_an_offset),
        input_test(a_batch_of_consumed_records_maps_straight_into_messages),
        input_test(texts_lie_where_the_message_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
