// SPDX-License-Identifier: Apache-2.0
/* Subscriptions as they are asked for, and as they are stored. */
#include "transport/webhook/spec.h"

#include "unit/unit.h"

static struct kc_doc *doc_of(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *doc = kc_doc_parse(kc_text(copy), &err);
    if (!doc)
        fail_msg("%s", err.text);
    free(copy);
    return doc;
}

/* Reads it; all faults as one text, which is the caller's. */
static char *read_spec(struct kc_spec *spec, const char *text,
                       const struct kc_spec_rules *rules)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_doc *doc = doc_of(text);
    *spec = (struct kc_spec){ 0 };
    kc_faults_init(&faults);
    bool ok = kc_spec_read(spec, doc, rules, &faults);
    assert_int_equal(ok, faults.count == 0);
    (void)!kc_faults_none(&faults, KC_CONFIG, &err);
    kc_faults_deinit(&faults);
    kc_doc_free(doc);
    return kc_strdup(err.text);
}

static void assert_reads(struct kc_spec *spec, const char *text,
                         const struct kc_spec_rules *rules)
{
    char *said = read_spec(spec, text, rules);
    assert_string_equal(said, "");
    free(said);
}

static void assert_config(const struct kc_spec *spec, const char *wanted)
{
    struct kc_buf out;
    char *text = json(wanted);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_doc_print(spec->config, &out);
    assert_text(kc_buf_peek(&out), text);
    kc_buf_deinit(&out);
    free(text);
}

static const struct kc_spec_rules none = { .start_config = NULL };

#define LEAST "'callbackUrl':'http://127.0.0.1/','config':{'topic':'t','groupId':'g'}"

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct kc_spec spec;
    assert_reads(&spec, "{" LEAST ",'credentials':null,'secret':null}", &none);
    assert_null(spec.id);
    assert_null(spec.secret);
    assert_null(spec.credentials);
    assert_int_equal(spec.format, KC_PUSH_MESSAGES);
    assert_int_equal(spec.timeout_ms, 30000);
    assert_false(spec.is_paused);
    assert_string_equal(kc_spec_media_type(&spec), "application/json");
    assert_config(&spec, "{'batchSize':100,'batchTimeoutMs':100,'groupId':'g','topic':'t'}");
    kc_spec_deinit(&spec);
}

static void the_query_counts_before_the_body_and_that_before_the_start(void **state)
{
    (void)state;
    struct kc_spec spec;
    struct kc_doc *start = doc_of("{'topic':'a','groupId':'a','startFrom':'earliest'}"),
                  *over = doc_of("{'topic':'c'}");
    const struct kc_spec_rules rules = { .start_config = start, .over_config = over };
    assert_reads(&spec,
                 "{'callbackUrl':'http://x/','config':{'topic':'b','groupId':'b',"
                 "'batchSize':1}}",
                 &rules);
    assert_config(&spec, "{'batchSize':1,'batchTimeoutMs':100,'groupId':'b',"
                         "'startFrom':'earliest','topic':'c'}");
    kc_spec_deinit(&spec);
    assert_reads(&spec, "{'callbackUrl':'http://x/'}", &rules);
    kc_spec_deinit(&spec);
    kc_doc_free(start);
    kc_doc_free(over);
}

static void each_wrong_member_is_named_where_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "{}", "field 'callbackUrl': required" },
        { "{}", "field 'config/topic': required" },
        { "{" LEAST ",'id':'a/b'}", "field 'id': must be 1 to 64" },
        { "{" LEAST ",'format':'xml'}",
          "field 'format': must be one of messages, cloudevents" },
        { "{" LEAST ",'timeoutMs':999}", "field 'timeoutMs': 999 is below 1000" },
        { "{" LEAST ",'timeoutMs':120001}", "field 'timeoutMs': 120001 is above 120000" },
        { "{" LEAST ",'secret':'whsec_%'}", "field 'secret': " },
        { "{" LEAST ",'secret':5}", "field 'secret': must be a text" },
        { "{" LEAST ",'id':5}", "field 'id': must be a text" },
        { "{'callbackUrl':7}", "field 'callbackUrl': must be a text" },
        { "{" LEAST ",'callbackurl':1}", "field 'callbackurl': unknown; did you mean" },
        { "{" LEAST ",'paused':true}", "field 'paused': unknown" },
        { "{" LEAST ",'credentials':[]}", "field 'credentials': must be an object" },
        { "{" LEAST ",'credentials':{}}", "field 'credentials/brokers': required" },
        { "{" LEAST ",'credentials':{'brokers':'b','mechanism':'none',"
          "'caCertificateFile':'/f'}}",
          "field 'credentials/caCertificateFile': names a file of the server" },
        { "{'callbackUrl':'http://x/','config':7}", "field 'config': must be an object" },
        { "{'callbackUrl':'http://169.254.169.254/','config':{'topic':'t','groupId':'g'}}",
          "field 'callbackUrl': " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct kc_spec spec;
        char *said = read_spec(&spec, cases[i].text, &none);
        assert_holds(said, cases[i].said);
        free(said);
        kc_spec_deinit(&spec);
    }
}

static void the_operator_may_name_files(void **state)
{
    (void)state;
    struct kc_spec spec;
    const struct kc_spec_rules rules = { .is_from_operator = true };
    char *said = read_spec(&spec,
                           "{" LEAST ",'credentials':{'brokers':'b','mechanism':'none',"
                           "'caCertificateFile':'/no/such/file'}}",
                           &rules);
    assert_lacks(said, "only its operator");
    free(said);
    kc_spec_deinit(&spec);
}

static void it_comes_back_as_it_was_stored(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    struct kc_spec spec, again = { 0 };
    struct kc_buf out;
    assert_reads(&spec,
                 "{" LEAST ",'id':'x','secret':'whsec_c2VjcmV0','format':'cloudevents',"
                 "'timeoutMs':1000,'credentials':{'brokers':'b','mechanism':'none'}}",
                 &none);
    spec.is_paused = true;
    spec.reason = kc_strdup("the receiver answered 400: \"no\"");
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_spec_print(&spec, &out);
    if (!kc_spec_parse(&again, kc_buf_peek(&out), &err))
        fail_msg("%s", err.text);
    assert_true(kc_spec_is_same(&spec, &again));
    assert_true(again.is_paused);
    assert_string_equal(again.reason, spec.reason);
    assert_string_equal(again.secret, spec.secret);
    for (size_t len = 0; len < out.len; len++) { /* torn anywhere */
        struct kc_spec torn = { 0 };
        assert_false(kc_spec_parse(&torn, (struct kc_text){ out.data, len }, &err));
        kc_error_clear(&err);
        kc_spec_deinit(&torn);
    }
    kc_buf_deinit(&out);
    kc_spec_deinit(&spec);
    kc_spec_deinit(&again);
}

static void any_difference_but_a_pause_makes_another_one(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{'callbackUrl':'http://127.0.0.1/2','config':{'topic':'t','groupId':'g'}}",
        "{'callbackUrl':'http://127.0.0.1/','config':{'topic':'u','groupId':'g'}}",
        "{" LEAST ",'secret':'s'}",
        "{" LEAST ",'timeoutMs':1000}",
        "{" LEAST ",'format':'cloudevents'}",
        "{" LEAST ",'credentials':{'brokers':'b','mechanism':'none'}}",
    };
    struct kc_spec one, other;
    assert_reads(&one, "{" LEAST "}", &none);
    one.id = kc_strdup("x");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_reads(&other, others[i], &none);
        other.id = kc_strdup("x");
        assert_false(kc_spec_is_same(&one, &other));
        kc_spec_deinit(&other);
    }
    assert_reads(&other,
                 "{'config':{'groupId':'g','topic':'t'},'timeoutMs':30000,"
                 "'callbackUrl':'http://127.0.0.1/'}",
                 &none);
    other.id = kc_strdup("x");
    other.is_paused = true;
    assert_true(kc_spec_is_same(&one, &other));
    kc_spec_deinit(&other);
    kc_spec_deinit(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(the_query_counts_before_the_body_and_that_before_the_start),
        cmocka_unit_test(each_wrong_member_is_named_where_it_stands),
        cmocka_unit_test(the_operator_may_name_files),
        cmocka_unit_test(it_comes_back_as_it_was_stored),
        cmocka_unit_test(any_difference_but_a_pause_makes_another_one),
    };
    return cmocka_run_group_tests_name("unit/spec", tests, NULL, NULL);
}
