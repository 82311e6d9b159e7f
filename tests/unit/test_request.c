// SPDX-License-Identifier: Apache-2.0
/* Settings, credentials and options of a request over HTTP: where they may stand, and how what
 * is wrong with them is told. The exchange is a stand-in. */
#include "transport/http/request.h"
#include "unit/unit.h"

struct kc_exchange {
    const char *body; /* with ' for " */
    const char *names[8], *values[8];
    enum kc_code refused; /* 0: not refused */
};

bool kc_exchange_query(const struct kc_exchange *x, size_t i, const char **name,
                       const char **value)
{
    if (i >= COUNT_OF(x->names) || !x->names[i])
        return false;
    *name = x->names[i];
    *value = x->values[i];
    return true;
}

char *kc_exchange_take_body(struct kc_exchange *x, size_t *len)
{
    *len = x->body ? strlen(x->body) : 0;
    return json(x->body ? x->body : "");
}

void kc_exchange_refuse(struct kc_exchange *x, enum kc_code code,
                        const struct kc_faults *faults)
{
    assert_true(faults->count > 0);
    x->refused = code;
}

struct step_conf {
    char *topic;
    int timeout_ms;
    char *file;
};

static const struct kc_field fields[] = {
    { .name = "topic", .type = KC_TEXT, KC_AT(step_conf, topic) },
    { .name = "timeoutMs",
      .type = KC_INT,
      KC_AT(step_conf, timeout_ms),
      .min = 1000,
      .max = 9000,
      .fallback = "3000" },
    { .name = "certFile", .type = KC_TEXT, KC_AT(step_conf, file), .operator_only = true },
    { 0 },
};

static const char *const members[] = { "cursor", "maxMessages", NULL };

struct fixture {
    struct kc_http_options http;
    struct kc_env env;
    struct kc_service service;
    struct kc_doc *config, *credentials;
    struct kc_request request;
    struct kc_exchange x;
};

static struct kc_doc *doc(const char *text)
{
    struct kc_error err = { 0 };
    char *copy = json(text);
    struct kc_doc *d = kc_doc_parse(kc_text(copy), &err);
    assert_non_null(d);
    free(copy);
    return d;
}

static int setup(void **state)
{
    struct fixture *f = kc_new0(struct fixture);
    f->config = doc("{'topic': 'start', 'groupId': 'of another entry point'}");
    f->credentials = doc("{'brokers': 'start:9092', 'username': 'u', 'password': 'p'}");
    f->env.http = &f->http;
    f->env.step.config = f->config;
    f->env.step.credentials = f->credentials;
    f->service.env = &f->env;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    kc_request_deinit(&f->request);
    kc_doc_free(f->config);
    kc_doc_free(f->credentials);
    free(f);
    return 0;
}

static bool read_request(struct fixture *f, const char *body)
{
    f->x.body = body;
    return kc_request_read(&f->request, &f->service, &f->x, fields, members);
}

static void assert_fault(const struct fixture *f, size_t i, const char *pointer,
                         const char *text)
{
    assert_true(i < f->request.faults.count);
    assert_string_equal(f->request.faults.list[i].pointer, pointer);
    assert_string_equal(f->request.faults.list[i].text, text);
}

/* The topic and time-out that count in the end. */
static void assert_conf(const struct fixture *f, const char *topic, int timeout_ms)
{
    struct step_conf conf = { 0 };
    struct kc_faults faults;
    kc_faults_init(&faults);
    assert_true(kc_fields_read(fields, &conf, f->request.config, KC_UNKNOWN_IS_ERROR, &faults));
    assert_string_equal(conf.topic, topic);
    assert_int_equal(conf.timeout_ms, timeout_ms);
    kc_fields_free(fields, &conf);
}

static void what_a_request_leaves_out_comes_from_the_start(void **state)
{
    struct fixture *f = *state;
    assert_true(read_request(f, NULL));
    assert_null(f->request.root);
    assert_conf(f, "start", 3000);
    assert_ptr_equal(kc_request_credentials(&f->request, &f->service), f->credentials);
}

static void the_body_wins_over_the_start_and_the_query_over_the_body(void **state)
{
    struct fixture *f = *state;
    f->x.names[0] = "timeoutMs";
    f->x.values[0] = "5000";
    assert_true(read_request(f, "{'config': {'topic': 'body', 'timeoutMs': 4000}}"));
    assert_conf(f, "body", 5000);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    struct fixture *f = *state;
    assert_true(read_request(f, "\xef\xbb\xbf{'config': {'topic': 'body'}}"));
    assert_conf(f, "body", 3000);
}

static void a_body_that_is_no_json_is_a_bad_request(void **state)
{
    struct fixture *f = *state;
    assert_false(read_request(f, "{'config': "));
    kc_request_refuse(&f->request, &f->x);
    assert_int_equal(f->x.refused, KC_BAD_REQUEST);
}

static void a_body_that_is_no_object_is_wrong_input(void **state)
{
    struct fixture *f = *state;
    assert_false(read_request(f, "[1]"));
    assert_fault(f, 0, "", "must be a JSON object, this is an array");
    kc_request_refuse(&f->request, &f->x);
    assert_int_equal(f->x.refused, KC_INPUT);
}

static void all_that_is_wrong_is_told_at_once_by_pointers(void **state)
{
    struct fixture *f = *state;
    f->x.names[0] = "timeoutMs";
    f->x.values[0] = "soon";
    assert_false(read_request(f, "{'cursr': 1, 'a/b~c': 2, 'config': {'topik': 1, "
                                 "'timeoutMs': 5}, 'credentials': {'brokers': ''}}"));
    assert_fault(f, 0, "/cursr", "unknown; did you mean 'cursor'?");
    assert_fault(f, 1, "/a~1b~0c", "unknown");
    assert_int_equal(f->request.code, KC_CONFIG);
    bool has_topik = false, has_time = false, has_brokers = false, has_query = false;
    for (size_t i = 0; i < f->request.faults.count; i++) {
        const struct kc_fault *fault = &f->request.faults.list[i];
        has_topik |= strcmp(fault->pointer, "/config/topik") == 0;
        has_time |= strcmp(fault->pointer, "/config/timeoutMs") == 0;
        has_brokers |= strcmp(fault->pointer, "/credentials/brokers") == 0;
        has_query |= fault->pointer[0] == '\0' && strstr(fault->text, "'timeoutMs'");
    }
    assert_true(has_topik && has_time && has_brokers && has_query);
}

static void settings_that_are_no_objects_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(read_request(f, "{'config': [], 'credentials': 'secret'}"));
    assert_fault(f, 0, "/config", "must be an object");
    assert_fault(f, 1, "/credentials", "must be an object");
}

static void null_stands_for_what_is_left_out(void **state)
{
    struct fixture *f = *state;
    assert_true(read_request(f, "{'config': null, 'credentials': null}"));
    assert_null(f->request.credentials);
    assert_conf(f, "start", 3000);
}

static void two_values_of_one_name_are_a_fault_that_does_not_quote_them(void **state)
{
    struct fixture *f = *state;
    assert_false(read_request(f, "{'credentials': {'password': 'one', 'password': 'two'}}"));
    assert_string_equal(f->request.faults.list[0].pointer, "/credentials");
    assert_null(strstr(f->request.faults.list[0].text, "two"));
}

static void credentials_are_a_requests_own_or_the_starts_and_never_mixed(void **state)
{
    struct fixture *f = *state;
    assert_true(read_request(f, "{'credentials': {'brokers': 'b', 'mechanism': 'none'}}"));
    assert_ptr_equal(kc_request_credentials(&f->request, &f->service), f->request.credentials);
    assert_false(kc_doc_has(f->request.credentials, "password"));
    assert_false(kc_doc_has(f->request.credentials, "username"));
}

static void a_credential_in_the_query_is_refused(void **state)
{
    struct fixture *f = *state;
    f->x.names[0] = "password";
    f->x.values[0] = "hush";
    assert_false(read_request(f, NULL));
    assert_non_null(strstr(f->request.faults.list[0].text, "'password'"));
    assert_null(strstr(f->request.faults.list[0].text, "hush"));
}

static void files_are_the_operators(void **state)
{
    struct fixture *f = *state;
    f->x.names[0] = "certFile";
    f->x.values[0] = "/x";
    assert_false(read_request(f, "{'config': {'certFile': '/x'}, 'credentials': {'brokers': "
                                 "'b', 'mechanism': 'none', 'caCertificateFile': '/x'}}"));
    assert_string_equal(f->request.faults.list[0].pointer, "/config/certFile");
    assert_string_equal(f->request.faults.list[1].pointer, "/credentials/caCertificateFile");
    assert_non_null(strstr(f->request.faults.list[2].text, "'certFile'"));
}

static void an_operator_may_refuse_credentials(void **state)
{
    struct fixture *f = *state;
    f->http.no_request_credentials = true;
    assert_false(read_request(f, "{'credentials': {'brokers': 'b'}}"));
    assert_string_equal(f->request.faults.list[0].pointer, "/credentials");
    kc_request_refuse(&f->request, &f->x);
    assert_int_equal(f->x.refused, KC_FORBIDDEN);
}

static void options_stand_in_the_body_or_in_the_query_which_wins(void **state)
{
    struct fixture *f = *state;
    assert_true(read_request(f, "{'cursor': 'c', 'maxMessages': 7}"));
    assert_int_equal(kc_request_int(&f->request, &f->x, "maxMessages", 1, 10, 5), 7);
    assert_text(kc_request_text(&f->request, &f->x, "cursor"), "c");
    f->x.names[0] = "maxMessages";
    f->x.values[0] = "9";
    assert_int_equal(kc_request_int(&f->request, &f->x, "maxMessages", 1, 10, 5), 9);
    assert_int_equal(kc_request_int(&f->request, &f->x, "absent", 1, 10, 5), 5);
    assert_text(kc_request_text(&f->request, &f->x, "absent"), NULL);
    assert_int_equal(f->request.faults.count, 0);
}

static void options_out_of_range_or_of_another_type_are_faults(void **state)
{
    struct fixture *f = *state;
    f->x.names[0] = "cursor";
    f->x.values[0] = "x";
    assert_true(read_request(f, "{'maxMessages': 11, 'cursor': 1}"));
    (void)kc_request_int(&f->request, &f->x, "maxMessages", 1, 10, 5);
    assert_fault(f, 0, "/maxMessages", "must be a whole number from 1 to 10");
    (void)kc_request_int(&f->request, &f->x, "cursor", 1, 10, 5);
    assert_fault(f, 1, "", "query parameter 'cursor': must be a whole number from 1 to 10");
    f->x.names[0] = NULL;
    (void)kc_request_text(&f->request, &f->x, "cursor");
    assert_fault(f, 2, "/cursor", "must be a text");
}

#define request_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        request_test(what_a_request_leaves_out_comes_from_the_start),
        request_test(the_body_wins_over_the_start_and_the_query_over_the_body),
        request_test(a_byte_order_mark_is_passed_over),
        request_test(a_body_that_is_no_json_is_a_bad_request),
        request_test(a_body_that_is_no_object_is_wrong_input),
        request_test(all_that_is_wrong_is_told_at_once_by_pointers),
        request_test(settings_that_are_no_objects_are_refused),
        request_test(null_stands_for_what_is_left_out),
        request_test(two_values_of_one_name_are_a_fault_that_does_not_quote_them),
        request_test(credentials_are_a_requests_own_or_the_starts_and_never_mixed),
        request_test(a_credential_in_the_query_is_refused),
        request_test(files_are_the_operators),
        request_test(an_operator_may_refuse_credentials),
        request_test(options_stand_in_the_body_or_in_the_query_which_wins),
        request_test(options_out_of_range_or_of_another_type_are_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
