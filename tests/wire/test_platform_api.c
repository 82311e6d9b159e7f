// SPDX-License-Identifier: Apache-2.0
/* test_platform_api.c - the platform's REST interface and its object storage, against a server
 * that answers as it is told to. */
#include "support/fail.h"
#include "support/process.h"
#include "support/stub.h"

#include "base/log.h"
#include "net/http.h"
#include "platform/api.h"
#include "platform/cipher.h"
#include "platform/hooks.h"
#include "platform/storage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS       15000
#define STEP_PATH     "/v1/tasks/flow1/steps/step_2"
#define STATE_PATH    "/sailor-support/hooks/task/flow1/startup/data"
#define API_KEY       "sesame-and-more"
#define BASIC         "dXNlckBob3N0OnNlc2FtZS1hbmQtbW9yZQ==" /* user@host:sesame-and-more */
#define TOKEN         "storage.sesame.token"
#define SEALED_OBJECT "4ebe32315824fe3018ddb3301c8039838169611ef64a74312307fe046e199a34"
#define OBJECT        "{\"property1\":\"Hello world\"}"

/* --- One stub, one client, one environment for each test --- */

static struct stub *stub;
static struct kc_http *client;
static struct kc_environment env;
static struct kc_api api;
static struct kc_step_data step;
static struct kc_cipher *cipher;
static struct kc_storage *storage;
static struct kc_error err;
static struct kc_buf text;

static const char *const storage_env[] = { "REQUEST_MAX_RETRY", "REQUEST_TIMEOUT" };

static void open_storage(const char *uri, const char *token)
{
    kc_storage_free(storage);
    storage = kc_storage_new(&(struct kc_storage_conf){ .http = client,
                                                        .cipher = cipher,
                                                        .uri = uri,
                                                        .token = token,
                                                        .flow_id = "flow1",
                                                        .step_id = "step_2" });
}

static int set_up(void **state)
{
    (void)state;
    kc_error_clear(&err);
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    step = (struct kc_step_data){ 0 };
    for (size_t i = 0; i < 2; i++)
        unsetenv(storage_env[i]);
    if (!kc_http_open(&client, &(struct kc_http_conf){ 0 }, &err) ||
        !kc_cipher_open(&cipher, "testCryptoPassword", "iv=any16_symbols", &err))
        fail_test("%s", err.text);
    stub = stub_start(NULL);
    env = (struct kc_environment){ .flow_id = "flow1",
                                   .step_id = "step_2",
                                   .function = "produce",
                                   .api_uri = stub_url(stub, ""),
                                   .api_username = "user@host",
                                   .api_key = API_KEY,
                                   .api_retry_attempts = 3,
                                   .api_retry_delay_ms = 100 };
    api = (struct kc_api){ client, &env, NULL };
    open_storage(stub_url(stub, "/store"), TOKEN);
    return 0;
}

static int tear_down(void **state)
{
    kc_storage_free(storage);
    storage = NULL;
    kc_cipher_close(cipher);
    kc_http_close(client);
    kc_step_data_deinit(&step);
    kc_buf_deinit(&text);
    return stub_stop_all(state);
}

/* --- What came --- */

static void assert_count(size_t count)
{
    if (stub_count(stub) != count)
        fail_test("%zu requests in place of %zu; %s", stub_count(stub), count, err.text);
}

static void assert_request(size_t index, const char *method, const char *path)
{
    const struct stub_request *r = stub_wait(stub, index, WAIT_MS);
    assert_string_equal(r->method, method);
    assert_string_equal(r->path, path);
}

static void assert_header(size_t index, const char *name, const char *value)
{
    const char *got = stub_header(stub_wait(stub, index, WAIT_MS), name);
    if (!value && got)
        fail_test("there is a %s: %s", name, got);
    if (value && !got)
        fail_test("there is no %s", name);
    if (value)
        assert_string_equal(got, value);
}

/* Between the answer to one request and the next one. */
static void assert_pause(size_t index, int64_t least_ms, int64_t most_ms)
{
    int64_t ms = stub_wait(stub, index + 1, WAIT_MS)->began_ms - stub_get(stub, index)->at_ms;
    if (ms < least_ms || ms > most_ms)
        fail_test("%d ms after request %zu", (int)ms, index);
}

/* Where the one before was not answered: its time ran from when it was sent, not from when it
 * was here. */
static void assert_came(size_t index, int64_t began_ms, int64_t least_ms, int64_t most_ms)
{
    int64_t ms = stub_wait(stub, index, WAIT_MS)->began_ms - began_ms;
    if (ms < least_ms || ms > most_ms)
        fail_test("request %d came after %d ms", (int)index, (int)ms);
}

static void assert_failed(bool ok, enum kc_code code, const char *said)
{
    assert_false(ok);
    if (err.code != code || !strstr(err.text, said))
        fail_test("wanted %s '%s', got %s '%s'", kc_code_name(code), said,
                  kc_code_name(err.code), err.text);
    if (strstr(err.text, "sesame") || strstr(err.text, BASIC))
        fail_test("a secret in '%s'", err.text);
}

static void assert_text(const char *wanted)
{
    kc_buf_append(&text, "", 1);
    assert_string_equal(text.data, wanted);
}

/* --- The step --- */

static bool get_step(void)
{
    kc_step_data_deinit(&step);
    kc_error_clear(&err);
    return kc_api_get_step(&api, &step, &err);
}

static void get_step_of(const char *answer)
{
    stub_next(stub, &(struct stub_answer){ .body = answer });
    if (!get_step())
        fail_test("%s: %s", answer, err.text);
}

static void answer_with(int count, int status, const char *body)
{
    for (int i = 0; i < count; i++)
        stub_next(stub, &(struct stub_answer){ .status = status, .body = body });
}

static void the_step_is_asked_for_as_the_platform_expects(void **state)
{
    (void)state;
    env.api_uri = stub_url(stub, "///");
    get_step_of("{}");
    assert_count(1);
    assert_request(0, "GET", STEP_PATH);
    assert_header(0, "Authorization", "Basic " BASIC);
    assert_header(0, "Accept", "application/json, text/plain, */*");
    assert_header(0, "Connection", "Keep-Alive");
    assert_header(0, "Content-Type", NULL);
    env.api_uri = stub_url(stub, "/base");
    get_step_of("{}");
    assert_request(1, "GET", "/base" STEP_PATH);
}

static void a_step_has_config_snapshot_and_passthrough(void **state)
{
    (void)state;
    get_step_of("{\"id\":\"step_2\",\"config\":{\"topic\":\"cars\",\"_account\":\"77\"},"
                "\"snapshot\":{\"n\":12345678901234567890.10},\"is_passthrough\":true}");
    kc_doc_print(step.config, &text);
    assert_text("{\"_account\":\"77\",\"topic\":\"cars\"}");
    assert_string_equal(step.snapshot, "{\"n\":12345678901234567890.10}");
    assert_true(step.is_passthrough);
}

static void what_a_step_lacks_is_empty(void **state)
{
    (void)state;
    static const char *const answers[] = { "{}", "{\"config\":null,\"snapshot\":null,"
                                                 "\"is_passthrough\":null}" };
    for (size_t i = 0; i < 2; i++) {
        get_step_of(answers[i]);
        assert_true(kc_doc_is_empty(step.config));
        assert_string_equal(step.snapshot, "{}");
        assert_false(step.is_passthrough);
    }
}

static void passthrough_is_on_only_where_it_is_true(void **state)
{
    (void)state;
    static const char *const answers[] = { "{\"is_passthrough\":\"true\"}",
                                           "{\"is_passthrough\":1}",
                                           "{\"is_passthrough\":false}",
                                           "{\"is_passthrough\":[true]}" };
    for (size_t i = 0; i < 4; i++) {
        get_step_of(answers[i]);
        assert_false(step.is_passthrough);
    }
}

static void what_is_no_step_is_an_error_that_does_not_quote_it(void **state)
{
    (void)state;
    static const struct {
        const char *body, *said;
    } answers[] = {
        { "", "without a step" },
        { "null", "null in place of a step" },
        { "[\"sesame\"]", "an array in place of a step" },
        { "\"sesame\"", "a string in place of a step" },
        { "{\"config\":{\"password\":\"sesame}}", "not valid JSON" },
        { "<html>sesame</html>", "not valid JSON" },
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        stub_next(stub, &(struct stub_answer){ .body = answers[i].body });
        assert_failed(get_step(), KC_BAD_ANSWER, answers[i].said);
        assert_true(kc_doc_is_empty(step.config));
        assert_count(i + 1);
    }
    stub_next(stub, &(struct stub_answer){ .body = "{\"config\":[\"sesame\"]}" });
    assert_failed(get_step(), KC_CONFIG, "the step's config: must be a JSON object");
}

static void three_tries_a_second_apart_and_the_error_is_what_the_server_said(void **state)
{
    (void)state;
    env.api_retry_attempts = 7; /* not for this call */
    answer_with(3, 500, "{ \"error\":\n  \"out of\\nroom\", \"n\": 1.50 }");
    answer_with(1, 200, "{}");
    assert_failed(get_step(), KC_BAD_ANSWER, "{\"error\":\"out of\\nroom\",\"n\":1.50}");
    assert_string_equal(err.text, "{\"error\":\"out of\\nroom\",\"n\":1.50}");
    assert_int_equal(err.native, 500);
    assert_count(3);
    assert_pause(0, 990, 6000);
    assert_pause(1, 990, 6000);
}

static void a_step_that_comes_at_the_third_try_is_fine(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .status = 503, .closes_after = true });
    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    get_step_of("{\"is_passthrough\":true}");
    assert_true(step.is_passthrough);
    assert_int_equal(err.code, KC_NONE);
    assert_pause(0, 990, 6000);
    assert_pause(1, 990, 6000);
    assert_header(2, "Authorization", "Basic " BASIC);
}

static void an_answer_that_breaks_off_is_tried_again(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .body = "{\"config\":{}}", .cut_after = 5 });
    get_step_of("{}");
    assert_count(2);
}

static void no_answer_in_15_s_is_tried_again(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .never_answers = true });
    int64_t began = now_ms();
    get_step_of("{}");
    assert_count(2);
    assert_came(1, began, 15990, 22000);
}

static void any_other_status_is_final(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum kc_code code;
    } statuses[] = { { 400, KC_BAD_ANSWER }, { 401, KC_UNAUTHORIZED }, { 403, KC_FORBIDDEN },
                     { 404, KC_NOT_FOUND },  { 429, KC_BAD_ANSWER },   { 304, KC_BAD_ANSWER } };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        answer_with(1, statuses[i].status, NULL);
        assert_failed(get_step(), statuses[i].code, "HTTP");
        assert_int_equal(err.native, statuses[i].status);
        assert_count(i + 1);
    }
    answer_with(1, 404, "{\"error\":\"no such step\"}");
    assert_failed(get_step(), KC_NOT_FOUND, "{\"error\":\"no such step\"}");
}

static void what_a_server_says_is_bounded_and_has_no_control_bytes(void **state)
{
    (void)state;
    char *page = calloc(1, 200001);
    assert_non_null(page);
    memset(page, 'x', 200000);
    page[1] = '\n', page[2] = '\x1b', page[3] = '\xff';
    answer_with(1, 400, page);
    assert_failed(get_step(), KC_BAD_ANSWER, "x  ?xxxx");
    assert_int_equal(strlen(err.text), 768);
    free(page);
}

static void a_server_that_repeats_our_credentials_is_not_quoted_with_them(void **state)
{
    (void)state;
    answer_with(1, 401, "{\"sent\":\"Basic " BASIC "\",\"key\":\"" API_KEY "\"}");
    assert_failed(get_step(), KC_UNAUTHORIZED, "{\"sent\":\"Basic ***\",\"key\":\"***\"}");
    answer_with(1, 401, "no " API_KEY ", " API_KEY " is right");
    assert_failed(get_step(), KC_UNAUTHORIZED, "no ***, *** is right");
}

static void an_address_that_must_not_be_called_is_not_tried_again(void **state)
{
    (void)state;
    int64_t began = now_ms();
    env.api_uri = "http://169.254.169.254";
    assert_failed(get_step(), KC_ADDRESS_REFUSED, "169.254.169.254");
    assert_true(now_ms() - began < 1900); /* two pauses of a second */
}

/* --- Redirects --- */

static void redirect_to(struct stub *from, int status, const char *url)
{
    char location[300];
    snprintf(location, sizeof(location), "Location: %s", url);
    stub_next(from, &(struct stub_answer){ .status = status, .headers = ARGS(location) });
}

static void five_redirects_are_followed(void **state)
{
    (void)state;
    static const int statuses[] = { 301, 302, 303, 307, 308 };
    for (size_t i = 0; i < 5; i++)
        redirect_to(stub, statuses[i], i % 2 ? stub_url(stub, "/further") : "/here?a=b");
    get_step_of("{\"is_passthrough\":true}");
    assert_true(step.is_passthrough);
    assert_count(6);
    assert_request(1, "GET", "/here?a=b");
    assert_request(2, "GET", "/further");
    for (size_t i = 0; i < 6; i++)
        assert_header(i, "Authorization", "Basic " BASIC);
}

static void a_sixth_redirect_is_not(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        redirect_to(stub, 302, "/again");
    assert_failed(get_step(), KC_BAD_ANSWER, "HTTP 302: a redirect is not followed");
    assert_count(6);
}

static void a_redirect_that_leads_nowhere_is_not_followed(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .status = 302 });
    assert_failed(get_step(), KC_BAD_ANSWER, "HTTP 302: a redirect is not followed");
    redirect_to(stub, 302, "ftp://127.0.0.1/sesame");
    assert_failed(get_step(), KC_CONFIG, "neither http:// nor https://");
    redirect_to(stub, 302, "http://169.254.169.254/sesame");
    assert_failed(get_step(), KC_ADDRESS_REFUSED, "169.254.169.254");
    assert_count(3);
}

static void credentials_go_to_no_other_server_and_do_not_come_back(void **state)
{
    (void)state;
    struct stub *other = stub_start(NULL);
    redirect_to(stub, 307, stub_url(other, "/there"));
    redirect_to(other, 307, stub_url(stub, "/back"));
    get_step_of("{\"is_passthrough\":true}");
    assert_true(step.is_passthrough);
    const struct stub_request *there = stub_wait(other, 0, WAIT_MS);
    assert_null(stub_header(there, "Authorization"));
    assert_string_equal(stub_header(there, "Accept"), "application/json, text/plain, */*");
    assert_header(0, "Authorization", "Basic " BASIC);
    assert_request(1, "GET", "/back");
    assert_header(1, "Authorization", NULL);
}

static void who_may_see_the_same_credentials(void **state)
{
    (void)state;
    static const struct {
        bool shares;
        const char *from, *to;
    } cases[] = {
        { true, "http://a.test/x", "http://A.test:80/y" },
        { true, "https://a.test/x", "https://a.test:443/y" },
        { true, "http://a.test:8080/x", "http://a.test:8080/" },
        { true, "http://a.test/x", "https://a.test/x" },
        { false, "https://a.test/x", "http://a.test/x" },
        { false, "http://a.test:8080/x", "https://a.test/x" },
        { false, "http://a.test:8080/x", "https://a.test:8080/x" },
        { false, "http://a.test/x", "https://a.test:8443/x" },
        { false, "http://a.test/x", "http://a.test:81/x" },
        { false, "http://a.test/x", "http://b.a.test/x" },
        { false, "http://a.test/x", "https://a.testing/x" },
        { false, "http://a.test/x", "http://user@a.test/x" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (kc_http_shares_credentials(cases[i].from, cases[i].to) != cases[i].shares)
            fail_test("%s and %s", cases[i].from, cases[i].to);
    }
}

/* --- The startup hook's state --- */

static bool put_state(void)
{
    kc_error_clear(&err);
    return kc_api_put_startup_state(&api, KC_LIT("{\"a\":1}"), &err);
}

static void a_state_is_posted_where_the_platform_expects_it(void **state)
{
    (void)state;
    env.api_uri = stub_url(stub, "/");
    answer_with(1, 201, "{}");
    assert_true(put_state());
    assert_count(1);
    assert_request(0, "POST", "/" STATE_PATH); /* the slash stays */
    assert_header(0, "Authorization", "Basic " BASIC);
    assert_header(0, "Content-Type", "application/json");
    assert_header(0, "Connection", "Keep-Alive");
    assert_string_equal(stub_get(stub, 0)->body, "{\"a\":1}");
}

static void an_old_state_makes_way(void **state)
{
    (void)state;
    answer_with(1, 409, "{\"error\":\"there is one\"}");
    answer_with(1, 204, NULL);
    answer_with(1, 200, NULL);
    assert_true(put_state());
    assert_int_equal(err.code, KC_NONE);
    assert_count(3);
    assert_request(0, "POST", STATE_PATH);
    assert_request(1, "DELETE", STATE_PATH);
    assert_request(2, "POST", STATE_PATH);
    assert_string_equal(stub_get(stub, 1)->body, "");
    assert_string_equal(stub_get(stub, 2)->body, "{\"a\":1}");
}

static void a_second_conflict_is_an_error(void **state)
{
    (void)state;
    answer_with(1, 409, NULL);
    answer_with(1, 204, NULL);
    answer_with(1, 409, "{\"error\":\"there is one\"}");
    assert_failed(put_state(), KC_CONFLICT, "there is one");
    assert_count(3);
}

static void an_old_state_that_stays_is_an_error(void **state)
{
    (void)state;
    answer_with(1, 409, NULL);
    answer_with(1, 403, "{\"error\":\"not yours\"}");
    assert_failed(put_state(), KC_FORBIDDEN, "not yours");
    assert_count(2);
}

static void a_refused_state_says_why(void **state)
{
    (void)state;
    answer_with(1, 404, "{\"error\":\"no flow with key " API_KEY "\",\"b\":2}");
    assert_failed(put_state(), KC_NOT_FOUND, "no flow with key ***");
    assert_string_equal(err.text, "no flow with key ***");
    assert_int_equal(err.native, 404);
    assert_count(1);
    answer_with(1, 400, "{\"b\": 2}");
    assert_failed(put_state(), KC_BAD_ANSWER, "{\"b\":2}");
    redirect_to(stub, 307, "/elsewhere");
    assert_failed(put_state(), KC_BAD_ANSWER, "a redirect is not followed");
    assert_count(3);
}

static void tries_and_pauses_of_the_state_are_the_environment_s(void **state)
{
    (void)state;
    env.api_retry_attempts = 4;
    env.api_retry_delay_ms = 250;
    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    answer_with(3, 502, NULL);
    assert_failed(put_state(), KC_BAD_ANSWER, "HTTP 502");
    assert_count(4);
    for (size_t i = 0; i < 3; i++)
        assert_pause(i, 240, 3000);
    env.api_retry_attempts = -1; /* one at least */
    answer_with(1, 500, NULL);
    assert_failed(put_state(), KC_BAD_ANSWER, "HTTP 500");
    assert_count(5);
}

static void a_state_comes_back_as_it_was(void **state)
{
    (void)state;
    answer_with(1, 200, "{\"a\" : 1.0}");
    assert_true(kc_api_get_startup_state(&api, &text, &err));
    assert_request(0, "GET", STATE_PATH);
    assert_text("{\"a\" : 1.0}");
    answer_with(1, 404, "{\"error\":\"none\"}");
    assert_failed(kc_api_get_startup_state(&api, &text, &err), KC_NOT_FOUND, "none");
}

/* --- Hooks --- */

static const char *logged(bool (*hook)(const struct kc_api *, struct kc_error *), bool *ok)
{
    static char lines[4096];
    char path[] = "/tmp/kc-hooks-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    kc_log_init(KC_WARN, fd);
    *ok = hook(&api, &err);
    kc_log_init(KC_WARN, STDERR_FILENO);
    ssize_t len = pread(fd, lines, sizeof(lines) - 1, 0);
    assert_true(len >= 0);
    lines[len] = '\0';
    close(fd);
    unlink(path);
    return lines;
}

static void assert_one_line(const char *lines, const char *part)
{
    const char *end = strchr(lines, '\n');
    if (!end || end[1] || !strstr(lines, part))
        fail_test("logged: %s", lines);
}

static void a_start_leaves_an_empty_state_and_says_that_there_is_no_hook(void **state)
{
    (void)state;
    bool ok;
    answer_with(1, 409, NULL);
    const char *lines = logged(kc_hooks_startup, &ok);
    assert_true(ok);
    assert_count(3);
    assert_string_equal(stub_get(stub, 2)->body, "{}");
    assert_one_line(lines, "\"hook_missing\"");
    assert_one_line(lines, "\"level\":40");
    assert_one_line(lines, "\"hook\":\"startup\",\"function\":\"produce\"");
}

static void a_start_that_fails_says_at_what(void **state)
{
    (void)state;
    answer_with(1, 400, "{\"error\":\"why\"}");
    assert_failed(kc_hooks_startup(&api, &err), KC_BAD_ANSWER,
                  "put the startup hook's state: why");
}

static void a_shutdown_sees_step_and_state_and_deletes_the_state(void **state)
{
    (void)state;
    bool ok;
    answer_with(1, 200, "{\"config\":{\"broken\":\"settings\"}}");
    answer_with(1, 200, "{}");
    const char *lines = logged(kc_hooks_shutdown, &ok);
    assert_true(ok);
    assert_count(3);
    assert_request(0, "GET", STEP_PATH);
    assert_request(1, "GET", STATE_PATH);
    assert_request(2, "DELETE", STATE_PATH);
    assert_one_line(lines, "\"hook\":\"shutdown\"");
}

static void a_shutdown_that_fails_goes_no_further(void **state)
{
    (void)state;
    answer_with(1, 404, "no step");
    assert_failed(kc_hooks_shutdown(&api, &err), KC_NOT_FOUND, "get the step: no step");
    assert_count(1);
    kc_error_clear(&err);
    answer_with(1, 200, "{}");
    answer_with(1, 404, "{\"error\":\"no state\"}");
    assert_failed(kc_hooks_shutdown(&api, &err), KC_NOT_FOUND,
                  "get the startup hook's state: no state");
    assert_count(3);
    kc_error_clear(&err);
    answer_with(2, 200, "{}");
    answer_with(1, 403, "{\"error\":\"it stays\"}");
    assert_failed(kc_hooks_shutdown(&api, &err), KC_FORBIDDEN,
                  "delete the startup hook's state: it stays");
}

/* --- The object storage --- */

static struct stub_answer sealed_object(void)
{
    static char bytes[sizeof(SEALED_OBJECT) / 2];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        char digits[3] = { SEALED_OBJECT[2 * i], SEALED_OBJECT[2 * i + 1], '\0' };
        bytes[i] = (char)strtol(digits, NULL, 16);
    }
    return (struct stub_answer){ .body = bytes, .body_len = sizeof(bytes) };
}

static bool put(void)
{
    kc_error_clear(&err);
    return kc_storage_put(storage, KC_LIT(OBJECT), &text, &err);
}

static bool get(const char *id)
{
    kc_error_clear(&err);
    return kc_storage_get(storage, kc_text(id), &text, &err);
}

static void an_object_is_stored_encrypted(void **state)
{
    (void)state;
    const struct stub_answer sealed = sealed_object();
    answer_with(1, 201, "{\"objectId\":\"obj-1\",\"md5\":\"x\"}");
    if (!put())
        fail_test("%s", err.text);
    assert_text("obj-1");
    assert_count(1);
    assert_request(0, "POST", "/store/objects");
    assert_header(0, "Authorization", "Bearer " TOKEN);
    assert_header(0, "Content-Type", "application/json");
    assert_header(0, "x-request-id", "f:flow1;s:step_2;m:");
    assert_int_equal(stub_get(stub, 0)->body_len, sealed.body_len);
    assert_memory_equal(stub_get(stub, 0)->body, sealed.body, sealed.body_len);
}

static void an_object_is_fetched_and_decrypted(void **state)
{
    (void)state;
    const struct stub_answer sealed = sealed_object();
    stub_next(stub, &sealed);
    kc_buf_puts(&text, "before:");
    if (!get("0e5c7f5e-6b70-4d3e-9f7b-3f2f1c1f8c11"))
        fail_test("%s", err.text);
    assert_text("before:" OBJECT);
    assert_request(0, "GET", "/store/objects/0e5c7f5e-6b70-4d3e-9f7b-3f2f1c1f8c11");
    assert_header(0, "Authorization", "Bearer " TOKEN);
    assert_header(0, "Content-Type", NULL);
    assert_header(0, "x-request-id", "f:flow1;s:step_2;m:");
}

static void an_id_leads_nowhere_else(void **state)
{
    (void)state;
    char longest[300];
    const struct stub_answer sealed = sealed_object();
    stub_always(stub, &sealed);
    assert_true(get("../../admin?a=b#c%2f d"));
    assert_request(0, "GET", "/store/objects/..%2F..%2Fadmin%3Fa%3Db%23c%252f%20d");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    const char *const wrong[] = { "", ".", "..", longest };
    for (size_t i = 0; i < 4; i++)
        assert_failed(get(wrong[i]), KC_INPUT, "cannot be an object's id");
    assert_count(1);
}

static void the_storage_is_tried_three_times_with_growing_pauses(void **state)
{
    (void)state;
    stub_next(stub, &(struct stub_answer){ .closes_first = true });
    answer_with(2, 500, "sealed with " TOKEN);
    answer_with(1, 200, "{\"objectId\":\"obj-1\"}");
    assert_failed(put(), KC_BAD_ANSWER, "sealed with ***");
    assert_int_equal(err.native, 500);
    assert_count(3);
    assert_pause(0, 95, 3000); /* 100 and a fifth */
    assert_pause(1, 195, 3000);
}

static void another_status_of_the_storage_is_final(void **state)
{
    (void)state;
    answer_with(1, 404, "gone");
    assert_failed(get("obj-1"), KC_NOT_FOUND, "gone");
    redirect_to(stub, 302, "/elsewhere");
    assert_failed(get("obj-1"), KC_BAD_ANSWER, "HTTP 302: a redirect is not followed");
    answer_with(1, 413, NULL);
    assert_failed(put(), KC_BAD_ANSWER, "HTTP 413");
    assert_count(3);
}

static void the_number_of_tries_is_the_environment_s(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t tries;
    } cases[] = { { "0", 1 }, { "4", 5 }, { "5", 3 }, { "-1", 3 }, { "", 3 }, { "x", 3 } };
    stub_always(stub, &(struct stub_answer){ .status = 503 });
    for (size_t i = 0, total = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("REQUEST_MAX_RETRY", cases[i].value, 1);
        open_storage(stub_url(stub, "/store"), TOKEN);
        assert_failed(get("obj-1"), KC_BAD_ANSWER, "HTTP 503");
        total += cases[i].tries;
        assert_count(total);
    }
}

static void how_long_is_waited_is_the_environment_s(void **state)
{
    (void)state;
    setenv("REQUEST_TIMEOUT", "500", 1);
    open_storage(stub_url(stub, "/store"), TOKEN);
    stub_always(stub, &(struct stub_answer){ .never_answers = true });
    int64_t began = now_ms();
    assert_failed(get("obj-1"), KC_TIMEOUT, "GET ");
    (void)stub_wait(stub, 2, WAIT_MS); /* it may be read later than it is given up */
    assert_count(3);
    assert_came(1, began, 590, 5000);
    assert_came(2, began, 590 + 690, 9000);
}

static void without_a_storage_it_is_said_what_is_missing(void **state)
{
    (void)state;
    open_storage(NULL, NULL);
    assert_failed(put(), KC_CONFIG, "ELASTICIO_OBJECT_STORAGE_URI is missing");
    open_storage(stub_url(stub, ""), NULL);
    assert_failed(get("obj-1"), KC_CONFIG, "ELASTICIO_OBJECT_STORAGE_TOKEN is missing");
    assert_count(0);
}

static void what_a_storage_must_not_answer_is_an_error(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "", "{}", "[]", "sesame", "{\"objectId\":7}", "{\"objectId\":\"\"}"
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answer_with(1, 201, answers[i]);
        assert_failed(put(), KC_BAD_ANSWER, "without an objectId");
        assert_count(i + 1);
    }
    answer_with(1, 200, "fifteen bytes..");
    assert_failed(get("obj-1"), KC_INPUT, "");
    assert_int_equal(text.len, 0);
}

#define a_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        a_test(the_step_is_asked_for_as_the_platform_expects),
        a_test(a_step_has_config_snapshot_and_passthrough),
        a_test(what_a_step_lacks_is_empty),
        a_test(passthrough_is_on_only_where_it_is_true),
        a_test(what_is_no_step_is_an_error_that_does_not_quote_it),
        a_test(three_tries_a_second_apart_and_the_error_is_what_the_server_said),
        a_test(a_step_that_comes_at_the_third_try_is_fine),
        a_test(an_answer_that_breaks_off_is_tried_again),
        a_test(no_answer_in_15_s_is_tried_again),
        a_test(any_other_status_is_final),
        a_test(what_a_server_says_is_bounded_and_has_no_control_bytes),
        a_test(a_server_that_repeats_our_credentials_is_not_quoted_with_them),
        a_test(an_address_that_must_not_be_called_is_not_tried_again),
        a_test(five_redirects_are_followed),
        a_test(a_sixth_redirect_is_not),
        a_test(a_redirect_that_leads_nowhere_is_not_followed),
        a_test(credentials_go_to_no_other_server_and_do_not_come_back),
        a_test(who_may_see_the_same_credentials),
        a_test(a_state_is_posted_where_the_platform_expects_it),
        a_test(an_old_state_makes_way),
        a_test(a_second_conflict_is_an_error),
        a_test(an_old_state_that_stays_is_an_error),
        a_test(a_refused_state_says_why),
        a_test(tries_and_pauses_of_the_state_are_the_environment_s),
        a_test(a_state_comes_back_as_it_was),
        a_test(a_start_leaves_an_empty_state_and_says_that_there_is_no_hook),
        a_test(a_start_that_fails_says_at_what),
        a_test(a_shutdown_sees_step_and_state_and_deletes_the_state),
        a_test(a_shutdown_that_fails_goes_no_further),
        a_test(an_object_is_stored_encrypted),
        a_test(an_object_is_fetched_and_decrypted),
        a_test(an_id_leads_nowhere_else),
        a_test(the_storage_is_tried_three_times_with_growing_pauses),
        a_test(another_status_of_the_storage_is_final),
        a_test(the_number_of_tries_is_the_environment_s),
        a_test(how_long_is_waited_is_the_environment_s),
        a_test(without_a_storage_it_is_said_what_is_missing),
        a_test(what_a_storage_must_not_answer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
