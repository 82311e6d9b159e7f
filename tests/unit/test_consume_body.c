// SPDX-License-Identifier: Apache-2.0
/* What consume prints of a record, and that produce reads the same record out of it.
 *
 * Only librdkafka can make a message with headers, and without a broker it makes one where a
 * record that was to be written is purged: its delivery report has the headers. */
#include "component/consume_body.h"

#include "component/produce_input.h"
#include "unit/unit.h"

#include <librdkafka/rdkafka.h>

#define HEADERS_MAX 100

struct header_list {
    size_t count;
    struct kc_header list[HEADERS_MAX];
};

/* A producer that knows no broker, and two reports that it gave. */
static struct {
    rd_kafka_t *rk;
    rd_kafka_queue_t *reports;
    rd_kafka_event_t *without_headers, *last;
    void *bare; /* the message without headers */
} source;

/* A report that is the caller's; takes the headers over, which may be NULL. */
static rd_kafka_event_t *report_with(rd_kafka_headers_t *headers)
{
    assert_int_equal(rd_kafka_producev(source.rk, RD_KAFKA_V_TOPIC("t"),
                                       RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_purge(source.rk, RD_KAFKA_PURGE_F_QUEUE);
    rd_kafka_event_t *report = rd_kafka_queue_poll(source.reports, 10000);
    assert_non_null(report);
    return report;
}

static void *message_in(rd_kafka_event_t *report)
{
    union {
        const rd_kafka_message_t *theirs;
        void *ours;
    } message;
    const rd_kafka_message_t *one;
    assert_int_equal(rd_kafka_event_message_array(report, &one, 1), 1);
    message.theirs = one;
    return message.ours;
}

static int setup(void **state)
{
    (void)state;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    source.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    source.reports = rd_kafka_queue_get_main(source.rk);
    source.without_headers = report_with(NULL);
    source.bare = message_in(source.without_headers);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rd_kafka_event_destroy(source.without_headers);
    if (source.last)
        rd_kafka_event_destroy(source.last);
    rd_kafka_queue_destroy(source.reports);
    rd_kafka_destroy(source.rk);
    return 0;
}

static struct kc_fetched record(struct kc_text key, struct kc_text value)
{
    return (struct kc_fetched){
        .topic = "cars",
        .key = key,
        .value = value,
        .offset = 42,
        .timestamp = KC_NO_TIME,
        .partition = 7,
        .native = source.bare,
    };
}

static void add(struct header_list *headers, const char *name, struct kc_text value)
{
    headers->list[headers->count++] = (struct kc_header){ kc_text(name), value };
}

/* A record with these headers, until the next one is asked for. */
static struct kc_fetched record_with(const struct header_list *headers)
{
    struct kc_fetched r = record(KC_NO_TEXT, KC_LIT("v"));
    rd_kafka_headers_t *native = rd_kafka_headers_new(headers->count);
    for (size_t i = 0; i < headers->count; i++) {
        const struct kc_header *h = &headers->list[i];
        rd_kafka_header_add(native, h->name.p, (ssize_t)h->name.len, h->value.p,
                            (ssize_t)h->value.len);
    }
    if (source.last)
        rd_kafka_event_destroy(source.last);
    source.last = report_with(native);
    r.native = message_in(source.last);
    return r;
}

/* The caller's. */
static char *printed(const struct kc_fetched *r, enum kc_encoding key, enum kc_encoding value)
{
    struct kc_body_writer *w = kc_body_writer_new(key, value);
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_body_write(w, r, &out);
    kc_body_writer_free(w);
    return kc_buf_take(&out);
}

static void assert_prints_as(const struct kc_fetched *r, enum kc_encoding key,
                             enum kc_encoding value, const char *wanted)
{
    char *is = printed(r, key, value), *text = json(wanted);
    assert_string_equal(is, text);
    free(is);
    free(text);
}

static void assert_prints(const struct kc_fetched *r, const char *wanted)
{
    assert_prints_as(r, KC_UTF8, KC_UTF8, wanted);
}

/* --- the round trip --- */

static void assert_same_headers(const struct kc_headers *written, const struct kc_fetched *r)
{
    struct kc_header h;
    size_t count = 0;
    for (; kc_fetched_header(r, count, &h); count++) {
        assert_non_null(written);
        assert_in_range(count, 0, written->count - 1);
        assert_same_bytes(written->list[count].name, h.name);
        assert_same_bytes(written->list[count].value, h.value);
    }
    assert_int_equal(written ? written->count : 0, count);
}

/* What consume prints, produce reads back: the same bytes, or with json as given here. */
static void assert_comes_back_as(const struct kc_fetched *r, enum kc_encoding key,
                                 enum kc_encoding value, struct kc_text value_wanted)
{
    struct kc_json_reader *reader = kc_json_reader_new();
    struct kc_message message;
    struct kc_arena arena = { 0 };
    struct kc_faults faults;
    struct kc_error err = { 0 };
    const struct kc_input_rules rules = { "copy", false };
    char *body = printed(r, key, value);
    size_t len = strlen(body);
    body = kc_realloc(body, len + 1 + KC_JSON_PADDING, 1);
    memset(body + len, 0, 1 + KC_JSON_PADDING);
    kc_faults_init(&faults);

    assert_true(kc_message_read(&message, reader, body, len, &err));
    struct kc_batch *b = kc_produce_input(&message, &rules, &arena, &faults);
    if (!kc_faults_none(&faults, KC_INPUT, &err))
        fail_msg("%s", err.text);
    assert_int_equal(b->count, 1);
    const struct kc_record *w = b->records;
    assert_same_bytes((struct kc_text){ w->key, w->key_len }, r->key);
    assert_same_bytes((struct kc_text){ w->value, w->value_len }, value_wanted);
    assert_int_equal(w->timestamp, r->timestamp == KC_NO_TIME ? 0 : r->timestamp);
    assert_int_equal(w->partition, KC_ANY_PARTITION);
    assert_null(w->topic);
    assert_same_headers(w->headers, r);

    kc_batch_free(b);
    kc_faults_deinit(&faults);
    kc_arena_deinit(&arena);
    kc_message_deinit(&message);
    kc_json_reader_free(reader);
}

static void assert_comes_back(const struct kc_fetched *r)
{
    for (int key = KC_UTF8; key <= KC_BASE64; key++) {
        for (int value = KC_UTF8; value <= KC_BASE64; value++)
            assert_comes_back_as(r, (enum kc_encoding)key, (enum kc_encoding)value, r->value);
    }
}

static const struct kc_text odd_bytes[] = {
    { NULL, 0 },
    { "", 0 },
    { "plain", 5 },
    { "null", 4 },
    { "{\"a\":1}", 7 },
    { "a\0b", 3 },
    { "\0", 1 },
    { "\xff", 1 },
    { "ok\xe2\x82", 4 },
    { "\xed\xa0\x80", 3 },
    { "\xc0\x80", 2 },
    { "\xe2\x82\xac \xf0\x9f\x98\x80", 8 },
    { "\"\\/\b\f\n\r\t\x01\x1f\x7f", 11 },
    { "\xef\xbb\xbf", 3 },
    { "\xe2\x80\xa8\xef\xbf\xbf", 6 },
    { "/wAB", 4 },
};

static void keys_and_values_of_every_kind_come_back_as_they_were(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(odd_bytes); k++) {
        for (size_t v = 0; v < COUNT_OF(odd_bytes); v++) {
            struct kc_fetched r = record(odd_bytes[k], odd_bytes[v]);
            assert_comes_back(&r);
        }
    }
}

static void every_single_byte_comes_back(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        struct kc_fetched r = record((struct kc_text){ &c, 1 }, (struct kc_text){ &c, 1 });
        assert_comes_back(&r);
    }
}

static void timestamps_come_back(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_NO_TEXT, KC_LIT("v"));
    static const int64_t times[] = { 0, 1, 1700000000123, INT64_MAX };
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        r.timestamp = times[i];
        assert_comes_back(&r);
    }
}

static void header_values_of_every_kind_come_back(void **state)
{
    (void)state;
    struct header_list headers = { 0 };
    char names[COUNT_OF(odd_bytes)][24];
    for (size_t i = 0; i < COUNT_OF(odd_bytes); i++) {
        snprintf(names[i], sizeof(names[i]), "h%zu", i);
        add(&headers, names[i], odd_bytes[i]);
    }
    struct kc_fetched r = record_with(&headers);
    assert_comes_back(&r);
}

static void repeated_headers_come_back_together_or_apart(void **state)
{
    (void)state;
    static const char *const orders[] = { "aa",   "aaa",  "aab",   "abb",  "aabb", "aba",
                                          "abab", "abba", "aabca", "abcc", "abcb" };
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct header_list headers = { 0 };
        char names[8][2] = { { 0 } };
        for (size_t k = 0; orders[i][k]; k++) {
            names[k][0] = orders[i][k];
            add(&headers, names[k], odd_bytes[k]);
        }
        struct kc_fetched r = record_with(&headers);
        assert_comes_back(&r);
    }
}

static void odd_header_names_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "\xff", "a\xc3(", "base64", "\xe2\x82\xac", "\"\n"
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct header_list headers = { 0 };
        add(&headers, names[i], KC_LIT("1"));
        struct kc_fetched alone = record_with(&headers);
        assert_comes_back(&alone);
        add(&headers, "between", KC_LIT("\xff"));
        add(&headers, names[i], KC_NO_TEXT);
        struct kc_fetched r = record_with(&headers);
        assert_comes_back(&r);
    }
}

static void any_number_of_headers_comes_back(void **state)
{
    (void)state;
    for (size_t count = 30; count <= HEADERS_MAX; count += 1 + count / 34) {
        struct header_list headers = { 0 };
        char names[HEADERS_MAX][24];
        for (size_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof(names[i]), "h%u", (unsigned)(i / 2) % 1000);
            add(&headers, names[i], KC_LIT("x"));
        }
        struct kc_fetched r = record_with(&headers);
        assert_comes_back(&r);
    }
}

/* --- how it is printed --- */

static void a_record_is_printed_in_this_shape(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_LIT("k"), KC_LIT("v"));
    assert_prints(&r, "{'value':'v','key':'k','partition':'7','offset':42,'topic':'cars'}");
    r.timestamp = 1700000000123;
    assert_prints(&r, "{'value':'v','key':'k','partition':'7','offset':42,'topic':'cars',"
                      "'timestamp':1700000000123,'timestampType':'CreateTime'}");
    r.timestamp = 0;
    assert_prints(&r, "{'value':'v','key':'k','partition':'7','offset':42,'topic':'cars',"
                      "'timestamp':0,'timestampType':'CreateTime'}");
    r.timestamp = 1700000000123;
    r.is_append_time = true;
    r.offset = INT64_MAX;
    r.key = KC_NO_TEXT;
    r.value = KC_NO_TEXT;
    assert_prints(&r, "{'value':null,'partition':'7','offset':9223372036854775807,"
                      "'topic':'cars','timestamp':1700000000123,"
                      "'timestampType':'LogAppendTime'}");
}

static void what_is_not_text_is_base64_and_says_so(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_LIT("\xff"), KC_LIT("v"));
    assert_prints(&r, "{'value':'v','key':'/w==','keyEncoding':'base64','partition':'7',"
                      "'offset':42,'topic':'cars'}");
    r = record(KC_LIT("k"), KC_LIT("\xff"));
    assert_prints(&r, "{'value':'/w==','valueEncoding':'base64','key':'k','partition':'7',"
                      "'offset':42,'topic':'cars'}");
}

static void base64_that_was_asked_for_is_given_for_text_too(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_LIT("k"), KC_LIT(""));
    assert_prints_as(&r, KC_BASE64, KC_BASE64,
                     "{'value':'','valueEncoding':'base64','key':'aw==','keyEncoding':'base64',"
                     "'partition':'7','offset':42,'topic':'cars'}");
}

static void headers_are_an_object_where_that_keeps_them(void **state)
{
    (void)state;
    struct header_list headers = { 0 };
    add(&headers, "a", KC_LIT("1"));
    add(&headers, "b", KC_LIT("2"));
    add(&headers, "b", KC_NO_TEXT);
    add(&headers, "c", KC_LIT("\xff"));
    struct kc_fetched r = record_with(&headers);
    assert_prints(&r, "{'value':'v','partition':'7','offset':42,'topic':'cars',"
                      "'headers':{'a':'1','b':['2',null],'c':{'base64':'/w=='}}}");
}

static void headers_are_pairs_where_an_object_would_lose_their_order(void **state)
{
    (void)state;
    struct header_list headers = { 0 };
    add(&headers, "a", KC_LIT("1"));
    add(&headers, "b", KC_LIT("2"));
    add(&headers, "a", KC_NO_TEXT);
    struct kc_fetched r = record_with(&headers);
    assert_prints(&r, "{'value':'v','partition':'7','offset':42,'topic':'cars',"
                      "'headers':[['a','1'],['b','2'],['a',null]]}");
}

/* --- json --- */

#define TAIL "'partition':'7','offset':42,'topic':'cars'}"

static void assert_json_prints(struct kc_text value, const char *wanted)
{
    struct kc_fetched r = record(KC_NO_TEXT, value);
    assert_prints_as(&r, KC_UTF8, KC_JSON, wanted);
}

static void a_value_that_is_json_becomes_part_of_the_message(void **state)
{
    (void)state;
    assert_json_prints(KC_LIT(" { \"a\" : [ 1.10, 1e2 ],\n\"a\" : null } "),
                       "{'value':{'a':[1.10,1e2],'a':null}," TAIL);
    assert_json_prints(KC_LIT("9007199254740993"), "{'value':9007199254740993," TAIL);
    assert_json_prints(KC_LIT("true"), "{'value':true," TAIL);
    assert_json_prints(KC_LIT("[]"), "{'value':[]," TAIL);
}

static void the_text_null_is_no_tombstone(void **state)
{
    (void)state;
    assert_json_prints(KC_LIT("null"), "{'value':'null','valueEncoding':'utf8'," TAIL);
    assert_json_prints(KC_LIT(" null\n"), "{'value':' null\\n','valueEncoding':'utf8'," TAIL);
    assert_json_prints(KC_NO_TEXT, "{'value':null," TAIL);
}

static void a_value_that_is_not_json_says_what_it_is(void **state)
{
    (void)state;
    assert_json_prints(KC_LIT("abc"), "{'value':'abc','valueEncoding':'utf8'," TAIL);
    assert_json_prints(KC_LIT(""), "{'value':'','valueEncoding':'utf8'," TAIL);
    assert_json_prints(KC_LIT("{\"a\":\"\xff\"}"),
                       "{'value':'eyJhIjoi/yJ9','valueEncoding':'base64'," TAIL);
}

static void json_of_every_kind_comes_back_as_json(void **state)
{
    (void)state;
    static const struct kc_text rows[][2] = {
        { { NULL, 0 }, { NULL, 0 } },
        { { "", 0 }, { "", 0 } },
        { { "null", 4 }, { "null", 4 } },
        { { "abc", 3 }, { "abc", 3 } },
        { { "\xff", 1 }, { "\xff", 1 } },
        { { "{}", 2 }, { "{}", 2 } },
        { { "[1e2,-0]", 8 }, { "[1e2,-0]", 8 } },
        { { "false", 5 }, { "false", 5 } },
        { { "1.10", 4 }, { "1.10", 4 } },
        { { "{ \"a\" : 1 }", 11 }, { "{\"a\":1}", 7 } },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kc_fetched r = record(KC_NO_TEXT, rows[i][0]);
        assert_comes_back_as(&r, KC_UTF8, KC_JSON, rows[i][1]);
    }
}

static void json_as_deep_as_we_read_does_not_make_a_message_that_we_refuse(void **state)
{
    (void)state;
    for (size_t depth = 505; depth <= 515; depth++) {
        char *open = repeated("[", depth), *close = repeated("]", depth);
        char *value = kc_alloc0(2 * depth + 1, 1);
        sprintf(value, "%s%s", open, close);
        struct kc_fetched r = record(KC_NO_TEXT, kc_text(value));
        assert_comes_back_as(&r, KC_UTF8, KC_JSON, kc_text(value));
        free(open);
        free(close);
        free(value);
    }
}

/* --- one writer, many records --- */

static void a_writer_remembers_nothing_of_the_record_before(void **state)
{
    (void)state;
    struct kc_body_writer *w = kc_body_writer_new(KC_UTF8, KC_JSON);
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT_OF(odd_bytes); i++) {
            struct kc_fetched r = record(odd_bytes[i], odd_bytes[COUNT_OF(odd_bytes) - 1 - i]);
            char *alone = printed(&r, KC_UTF8, KC_JSON);
            kc_buf_clear(&out);
            kc_body_write(w, &r, &out);
            assert_text(kc_buf_peek(&out), alone);
            free(alone);
        }
    }
    kc_buf_deinit(&out);
    kc_body_writer_free(w);
    kc_body_writer_free(NULL);
}

/* --- as CloudEvents --- */

static void assert_event(const struct kc_fetched *r, enum kc_encoding key,
                         enum kc_encoding value, const char *rest)
{
    static const char common[] =
        "{\"specversion\":\"1.0\",\"id\":\"cars-7-42\",\"source\":\"/kafka/cars/7\","
        "\"type\":\"kafka-component.record.v1\"";
    char *wanted_rest = json(rest);
    struct kc_body_writer *w = kc_body_writer_new(key, value);
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_body_write_event(w, r, &out);
    char *text = kc_buf_take(&out);
    assert_int_equal(strncmp(text, common, strlen(common)), 0);
    assert_string_equal(text + strlen(common), wanted_rest);
    free(text);
    free(wanted_rest);
    kc_body_writer_free(w);
}

#define PLACE ",'kafkatopic':'cars','kafkapartition':7,'kafkaoffset':'42'"

static void an_event_says_what_its_data_is(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_NO_TEXT, KC_LIT("on"));
    assert_event(&r, KC_UTF8, KC_UTF8, PLACE ",'datacontenttype':'text/plain','data':'on'}");
    assert_event(&r, KC_UTF8, KC_BASE64,
                 PLACE ",'datacontenttype':'application/octet-stream','data_base64':'b24='}");
    assert_event(&r, KC_UTF8, KC_JSON, PLACE ",'datacontenttype':'text/plain','data':'on'}");
    r = record(KC_NO_TEXT, KC_LIT("[1, {}]"));
    assert_event(&r, KC_UTF8, KC_JSON,
                 PLACE ",'data':[1,{}],'datacontenttype':'application/json'}");
    r = record(KC_NO_TEXT, BYTES("\xff"));
    assert_event(&r, KC_UTF8, KC_JSON,
                 PLACE ",'datacontenttype':'application/octet-stream','data_base64':'/w=='}");
    r = record(KC_NO_TEXT, KC_NO_TEXT);
    assert_event(&r, KC_UTF8, KC_UTF8, PLACE "}");
    r = record(KC_NO_TEXT, KC_LIT(""));
    assert_event(&r, KC_UTF8, KC_UTF8, PLACE ",'datacontenttype':'text/plain','data':''}");
}

static void an_event_has_a_key_and_a_time_where_it_may(void **state)
{
    (void)state;
    struct kc_fetched r = record(KC_LIT("k"), KC_NO_TEXT);
    r.timestamp = 1700000000123;
    assert_event(&r, KC_UTF8, KC_UTF8,
                 ",'time':'2023-11-14T22:13:20.123Z','partitionkey':'k'" PLACE "}");
    r.timestamp = 253402300800000; /* the year 10000 */
    assert_event(&r, KC_BASE64, KC_UTF8,
                 ",'partitionkey':'aw==','keyencoding':'base64'" PLACE "}");
    const struct kc_text odd[] = { BYTES("a\nb"),
                                   BYTES("\x7f"),
                                   BYTES("\xc2\x80"),
                                   BYTES("\xef\xbf\xbf"),
                                   BYTES("\xf0\x9f\xbf\xbe"),
                                   BYTES("\xef\xb7\x90"),
                                   BYTES("\xff") };
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct kc_body_writer *w = kc_body_writer_new(KC_UTF8, KC_UTF8);
        struct kc_buf out;
        kc_buf_init(&out, KC_BUF_UNBOUNDED);
        r = record(odd[i], KC_NO_TEXT);
        kc_body_write_event(w, &r, &out);
        char *text = kc_buf_take(&out);
        assert_holds(text, "\"keyencoding\":\"base64\"");
        free(text);
        kc_body_writer_free(w);
    }
    r = record(KC_LIT(""), KC_NO_TEXT);
    assert_event(&r, KC_UTF8, KC_UTF8, PLACE "}");
    r = record(BYTES("\xc2\xa0\xef\xbf\xbd"), KC_NO_TEXT); /* at the edge of what may be */
    assert_event(&r, KC_UTF8, KC_UTF8, ",'partitionkey':'\xc2\xa0\xef\xbf\xbd'" PLACE "}");
}

static void headers_that_fit_are_extensions_of_an_event(void **state)
{
    (void)state;
    struct header_list headers = { .count = 0 };
    add(&headers, "traceparent", KC_LIT("00-1"));
    add(&headers, "traceparent", KC_LIT("again"));
    add(&headers, "Upper", KC_LIT("x"));
    add(&headers, "with-dash", KC_LIT("x"));
    add(&headers, "", KC_LIT("x"));
    add(&headers, "abcdefghij0123456789", KC_LIT("20"));
    add(&headers, "abcdefghij01234567890", KC_LIT("21"));
    add(&headers, "bytes", BYTES("\xff"));
    add(&headers, "control", KC_LIT("a\tb"));
    add(&headers, "nothing", KC_NO_TEXT);
    add(&headers, "empty", KC_LIT(""));
    add(&headers, "id", KC_LIT("x"));
    add(&headers, "data", KC_LIT("x"));
    add(&headers, "partitionkey", KC_LIT("x"));
    add(&headers, "kafkaoffset", KC_LIT("x"));
    struct kc_fetched r = record_with(&headers);
    assert_event(&r, KC_UTF8, KC_UTF8,
                 PLACE ",'traceparent':'00-1','abcdefghij0123456789':'20',"
                       "'datacontenttype':'text/plain','data':'v'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_of_every_kind_come_back_as_they_were),
        cmocka_unit_test(every_single_byte_comes_back),
        cmocka_unit_test(timestamps_come_back),
        cmocka_unit_test(header_values_of_every_kind_come_back),
        cmocka_unit_test(repeated_headers_come_back_together_or_apart),
        cmocka_unit_test(odd_header_names_come_back),
        cmocka_unit_test(any_number_of_headers_comes_back),
        cmocka_unit_test(a_record_is_printed_in_this_shape),
        cmocka_unit_test(what_is_not_text_is_base64_and_says_so),
        cmocka_unit_test(base64_that_was_asked_for_is_given_for_text_too),
        cmocka_unit_test(headers_are_an_object_where_that_keeps_them),
        cmocka_unit_test(headers_are_pairs_where_an_object_would_lose_their_order),
        cmocka_unit_test(a_value_that_is_json_becomes_part_of_the_message),
        cmocka_unit_test(the_text_null_is_no_tombstone),
        cmocka_unit_test(a_value_that_is_not_json_says_what_it_is),
        cmocka_unit_test(json_of_every_kind_comes_back_as_json),
        cmocka_unit_test(json_as_deep_as_we_read_does_not_make_a_message_that_we_refuse),
        cmocka_unit_test(a_writer_remembers_nothing_of_the_record_before),
        cmocka_unit_test(an_event_says_what_its_data_is),
        cmocka_unit_test(an_event_has_a_key_and_a_time_where_it_may),
        cmocka_unit_test(headers_that_fit_are_extensions_of_an_event),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
