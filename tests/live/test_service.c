// SPDX-License-Identifier: Apache-2.0
/* test_service.c - the platform's one-shot calls: what is posted for each method, on real
 * Kafka, and what becomes of it when the platform does not take it. */
#include "support/component.h"
#include "support/fail.h"
#include "support/secrets.h"
#include "support/stub.h"

#include "platform/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALL_WAIT_MS 40000 /* 10 s for Kafka, and a machine that has other things to do */
#define POST_SECRET                                                                            \
    "post-Secret-55d1" /* the platform's; only its Authorization may have it                   \
                        */

static struct stub *api;

static int start_api(void **state)
{
    (void)state;
    api = stub_start(NULL);
    return 0;
}

static int tidy(void **state)
{
    stub_stop_all(state);
    return live_tidy(state);
}

#define service_test(test) cmocka_unit_test_setup_teardown(test, start_api, tidy)

/* --- calling --- */

/* The text with values put in and " for ': a loan, good for the next few calls. */
static const char *cfg(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *cfg(const char *format, ...)
{
    static char texts[4][2048];
    static unsigned next;
    char *text = texts[next++ % 4];
    va_list args;
    va_start(args, format);
    int n = snprintf(text, sizeof(texts[0]), "ELASTICIO_CFG=");
    vsnprintf(text + n, sizeof(texts[0]) - (size_t)n, format, args);
    va_end(args);
    for (char *c = text; *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return text;
}

static const char *as_alice(const char *password)
{
    return cfg("{'brokers':'%s','securityProtocol':'SASL_PLAINTEXT','mechanism':"
               "'scram-sha-512','username':'%s','password':'%s','_account':'5f3c'}",
               kafka->sasl_plaintext, KAFKA_USER, password);
}

static const char *in_clear(const char *more)
{
    return cfg("{'brokers':'%s','securityProtocol':'PLAINTEXT','mechanism':'none'%s}",
               kafka->plaintext, more);
}

static const char *post_to(const char *path)
{
    static char text[200];
    snprintf(text, sizeof(text),
             "ELASTICIO_POST_RESULT_URL=http://tok%%40en:post-%%53ecret-55d1@127.0.0.1:%d%s",
             stub_port(api), path);
    return text;
}

static bool has_name_of(const char *const list[], const char *setting)
{
    size_t len = strcspn(setting, "=") + 1;
    for (; *list; list++) {
        if (strncmp(*list, setting, len) == 0)
            return true;
    }
    return false;
}

/* A whole call; env comes on top of what the platform always says, or in place of it. */
static void call(const char *method, const char *const env[], int exit_code)
{
    const char *const usual[] = { post_to("/result/77?a=b"),
                                  "ELASTICIO_API_URI=http://127.0.0.1:1",
                                  "ELASTICIO_API_USERNAME=a", "ELASTICIO_API_KEY=k",
                                  "LOG_LEVEL=trace" };
    const char *all[16] = { NULL };
    size_t n = 0;
    for (; env && *env && n < 10; env++)
        all[n++] = *env;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (!has_name_of(all, usual[i]))
            all[n++] = usual[i];
    }
    struct run run = run_component(method ? ARGS("service", method) : ARGS("service"),
                                   &(struct process_options){ .env = all }, "", CALL_WAIT_MS);
    assert_exit(&run, exit_code);
    assert_string_equal(run.err, "");
    assert_null(strstr(run.out, POST_SECRET));
    assert_null(strstr(run.out, "tok"));
    char *lines = strdup(run.out), *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *entry = json_loads(line, 0, NULL); /* the log, as the platform reads it */
        assert_non_null(entry);
        assert_int_equal(event_int(entry, "v"), 0);
        assert_true(event_int(entry, "level") >= 10);
        assert_string_not_equal(event_str(entry, "name"), "kafka-component"); /* as in a step */
        json_decref(entry);
    }
    free(lines);
    run_free(&run);
}

/* What was posted, the caller's. */
static json_t *posted(size_t index)
{
    const struct stub_request *request = stub_wait(api, index, WAIT_MS);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/result/77?a=b");
    assert_string_equal(stub_header(request, "Content-Type"), "application/json");
    assert_string_equal(stub_header(request, "Authorization"),
                        "Basic dG9rQGVuOnBvc3QtU2VjcmV0LTU1ZDE=");
    json_t *body = json_loads(request->body, 0, NULL);
    assert_non_null(body);
    return body;
}

static void assert_posted(const char *body)
{
    assert_int_equal(stub_count(api), 1);
    json_decref(posted(0));
    assert_string_equal(stub_get(api, 0)->body, json(body));
}

static void is_error(const char *method, const char *const env[], const char *words)
{
    size_t before = stub_count(api);
    call(method, env, 0);
    assert_int_equal(stub_count(api), before + 1);
    json_t *body = posted(before);
    assert_event_str(body, "status", "error");
    if (!strstr(event_str(body, "data.message"), words))
        fail_msg("'%s' is not in '%s'", words, event_str(body, "data.message"));
    json_decref(body);
}

static void is_not_verified(const char *config, const char *words)
{
    size_t before = stub_count(api);
    call("verifyCredentials", ARGS(config), 0);
    json_t *body = posted(before);
    assert_event_str(body, "status", "success");
    assert_json(body, "data.verified", "false");
    if (!strstr(event_str(body, "data.reason"), words))
        fail_msg("'%s' is not in '%s'", words, event_str(body, "data.reason"));
    json_decref(body);
}

/* --- verifyCredentials --- */

static void credentials_that_work_are_verified(void **state)
{
    (void)state;
    call("verifyCredentials", ARGS(as_alice(KAFKA_PASSWORD)), 0);
    assert_posted("{'status':'success','data':{'verified':true}}");
}

static void credentials_may_stand_in_an_object_of_their_own(void **state)
{
    (void)state;
    call("verifyCredentials",
         ARGS(cfg("{'credentials':{'brokers':'%s','securityProtocol':'PLAINTEXT',"
                  "'mechanism':'none'},'brokers':'127.0.0.1:1','topic':'cars'}",
                  kafka->plaintext)),
         0);
    assert_posted("{'status':'success','data':{'verified':true}}");
}

static void a_field_that_nobody_knows_does_no_harm(void **state)
{
    (void)state;
    call("verifyCredentials", ARGS(in_clear(",'colour':'red','topic':'cars','batchSize':'x'")),
         0);
    assert_posted("{'status':'success','data':{'verified':true}}");
}

static void what_does_not_work_is_a_reason_that_a_person_can_act_on(void **state)
{
    (void)state;
    secrets_add("wrong-Secret-3311");
    is_not_verified(as_alice("wrong-Secret-3311"), "sign_in_refused");
    is_not_verified(as_alice("wrong-Secret-3311"), "Check `username` and `password`");
    is_not_verified(cfg("{'brokers':'127.0.0.1:1','securityProtocol':'PLAINTEXT',"
                        "'mechanism':'none'}"),
                    "tcp_refused");
    is_not_verified(cfg("{'mechanism':'none'}"), "brokers_missing");
    is_not_verified(cfg("{'brokers':'b:1','mechanism':'sorcery'}"), "mechanism");
}

static void a_flow_names_no_file_of_this_machine(void **state)
{
    (void)state;
    is_not_verified(in_clear(",'caCertificateFile':'/etc/hostname'"),
                    "'credentials/caCertificateFile': names a file of the server");
    is_error("selectModel",
             ARGS("ELASTICIO_ACTION_OR_TRIGGER=consume", "ELASTICIO_GET_MODEL_METHOD=getTopics",
                  in_clear(",'kerberosKeytab':'/etc/krb5.keytab'")),
             "'credentials/kerberosKeytab': names a file of the server");
}

/* --- the other methods --- */

static void topics_groups_and_partitions_can_be_chosen(void **state)
{
    (void)state;
    char label[300];
    const char *topic = witness_new_topic(witness, 3, NULL);
    const char *const topics[] = { "ELASTICIO_ACTION_OR_TRIGGER=consume",
                                   "ELASTICIO_GET_MODEL_METHOD=getTopics", in_clear(""), NULL };
    call("selectModel", topics, 0);
    json_t *body = posted(0);
    assert_event_str(body, "status", "success");
    snprintf(label, sizeof(label), "%s (3 partitions)", topic);
    assert_string_equal(json_string_value(json_object_get(event_at(body, "data"), topic)),
                        label);
    json_decref(body);

    char more[300];
    snprintf(more, sizeof(more), ",'topic':'%s','groupId':'x'", topic);
    call("selectModel",
         ARGS("ELASTICIO_ACTION_OR_TRIGGER=produce", "ELASTICIO_GET_MODEL_METHOD=getPartitions",
              in_clear(more)),
         0);
    body = posted(1);
    assert_int_equal(json_object_size(event_at(body, "data")), 3);
    assert_event_str(body, "data.2", "Partition 2");
    json_decref(body);

    json_decref(consume(topic, "chosen", ARGS("--until", "end"), 0));
    call("selectModel",
         ARGS("ELASTICIO_ACTION_OR_TRIGGER=consume", "ELASTICIO_GET_MODEL_METHOD=groups",
              in_clear("")),
         0);
    body = posted(2);
    assert_non_null(json_object_get(event_at(body, "data"), "chosen"));
    json_decref(body);
}

static void a_list_that_cannot_be_had_is_an_error_result(void **state)
{
    (void)state;
    const char *const consume = "ELASTICIO_ACTION_OR_TRIGGER=consume";
    const char *const get_topics = "ELASTICIO_GET_MODEL_METHOD=getTopics";
    secrets_add("wrong-Secret-3311");
    is_error("selectModel", ARGS(consume, get_topics, as_alice("wrong-Secret-3311")),
             "refused");
    is_error("selectModel",
             ARGS(consume, "ELASTICIO_GET_MODEL_METHOD=getPartitions", in_clear("")),
             "required: whose partitions?");
    is_error("selectModel", ARGS(consume, "ELASTICIO_GET_MODEL_METHOD=getCars", in_clear("")),
             "Method \"getCars\" is not found in \"consume\" action or trigger: there is no "
             "model 'getCars'; there are topics, groups and partitions");
    is_error("selectModel",
             ARGS("ELASTICIO_ACTION_OR_TRIGGER=devour", get_topics, in_clear("")),
             "Trigger or action \"devour\" is not found in component.json! There are consume "
             "and produce");
}

static void metadata_is_that_of_component_json(void **state)
{
    (void)state;
    static const struct {
        const char *env, *at;
    } cases[] = { { "ELASTICIO_ACTION_OR_TRIGGER=produce", "actions.produce.metadata" },
                  { "ELASTICIO_ACTION_OR_TRIGGER=consume", "triggers.consume.metadata" } };
    char path[512];
    snprintf(path, sizeof(path), "%s/component.json", need_env("KC_TEST_ROOT"));
    char *text = read_text_file(path);
    json_t *component = json_loads(text, 0, NULL);
    assert_non_null(component);
    for (size_t i = 0; i < 2; i++) {
        call("getMetaModel", ARGS(cases[i].env, in_clear("")), 0);
        json_t *body = posted(i);
        assert_true(json_equal(event_at(body, "data"), event_at(component, cases[i].at)));
        json_decref(body);
    }
    json_decref(component);
    free(text);
}

/* --- the environment --- */

static void what_the_platform_forgot_is_told_in_its_order(void **state)
{
    (void)state;
    is_error("sing", NULL,
             "Unknown service method \"sing\": there are verifyCredentials, getMetaModel and "
             "selectModel");
    is_error(NULL, NULL, "Unknown service method \"undefined\"");
    is_error("verifyCredentials", NULL, "ELASTICIO_CFG is not provided");
    is_error("verifyCredentials", ARGS("ELASTICIO_API_URI=", "ELASTICIO_CFG={}"),
             "ELASTICIO_API_URI is not provided");
    is_error("verifyCredentials", ARGS("ELASTICIO_API_USERNAME=", "ELASTICIO_CFG={}"),
             "ELASTICIO_API_USERNAME is not provided");
    is_error("verifyCredentials", ARGS("ELASTICIO_API_KEY=", "ELASTICIO_CFG={}"),
             "ELASTICIO_API_KEY is not provided");
    is_error("getMetaModel", ARGS("ELASTICIO_CFG={}"),
             "ELASTICIO_ACTION_OR_TRIGGER is not provided");
    is_error("selectModel", ARGS("ELASTICIO_ACTION_OR_TRIGGER=consume", "ELASTICIO_CFG={}"),
             "ELASTICIO_GET_MODEL_METHOD is not provided");
    is_error("verifyCredentials", ARGS(cfg("{'password':'%s", KAFKA_PASSWORD)),
             "Unable to parse CFG");
}

static void without_an_address_there_is_nobody_to_tell(void **state)
{
    (void)state;
    static const struct {
        const char *url, *words;
    } cases[] = {
        { "ELASTICIO_POST_RESULT_URL=", "ELASTICIO_POST_RESULT_URL is not provided" },
        { "ELASTICIO_POST_RESULT_URL=ftp://tok:" POST_SECRET "@127.0.0.1/", "ELASTICIO_POST" },
        { "ELASTICIO_POST_RESULT_URL=http://tok:%zz" POST_SECRET "@127.0.0.1/", "encoding" },
    };
    for (size_t i = 0; i < 3; i++) {
        struct run run = run_component(ARGS("service", "verifyCredentials"),
                                       &(struct process_options){ .env = ARGS(cases[i].url) },
                                       "", CALL_WAIT_MS);
        assert_exit(&run, 1);
        assert_non_null(strstr(run.out, cases[i].words));
        assert_null(strstr(run.out, POST_SECRET));
        run_free(&run);
    }
}

static void a_method_that_takes_too_long_is_told(void **state)
{
    (void)state;
    static struct kc_service_env env; /* a thread is left behind that looks at it */
    struct kc_error err = { 0 };
    env = (struct kc_service_env){
        .post_result_url = strchr(post_to("/result/77?a=b"), '=') + 1,
        .cfg = strchr(as_alice(KAFKA_PASSWORD), '=') + 1,
        .api_uri = "http://127.0.0.1:1",
        .api_username = "a",
        .api_key = "k",
    };
    if (!kc_service_run("verifyCredentials", &env, 1, &err))
        fail_msg("%s", err.text);
    json_decref(posted(0));
    assert_posted("{'status':'error','data':{'message':'timed out after 1 ms'}}");
}

/* --- the POST --- */

static const char *const wants_metadata[] = { "ELASTICIO_ACTION_OR_TRIGGER=consume",
                                              "ELASTICIO_CFG={}", NULL };

static void any_2xx_is_taken_for_yes(void **state)
{
    (void)state;
    stub_next(api, &(struct stub_answer){ .status = 204 });
    call("getMetaModel", wants_metadata, 0);
    assert_int_equal(stub_count(api), 1);
    stub_next(api, &(struct stub_answer){ .status = 201, .body = "x", .is_endless = true });
    call("getMetaModel", wants_metadata, 0);
    assert_int_equal(stub_count(api), 2);
}

static void the_same_result_is_posted_again_after_a_5xx_or_a_broken_connection(void **state)
{
    (void)state;
    stub_next(api, &(struct stub_answer){ .status = 500, .closes_after = true });
    stub_next(api, &(struct stub_answer){ .closes_first = true });
    int64_t since = now_ms();
    call("getMetaModel", wants_metadata, 0);
    assert_true(now_ms() - since >= 200); /* 100 ms between two */
    size_t count = stub_count(api);
    assert_true(count >= 3);
    for (size_t i = 1; i < count; i++)
        assert_string_equal(stub_get(api, i)->body, stub_get(api, 0)->body);
    assert_non_null(strstr(stub_get(api, 0)->body, "success"));
}

static void it_is_given_up_after_three_tries_or_as_many_as_are_set(void **state)
{
    (void)state;
    stub_always(api, &(struct stub_answer){ .status = 503 });
    call("getMetaModel", wants_metadata, 1);
    assert_int_equal(stub_count(api), 3);
    call("getMetaModel",
         ARGS("ELASTICIO_API_REQUEST_RETRY_ATTEMPTS=5", "ELASTICIO_API_REQUEST_RETRY_DELAY=0",
              wants_metadata[0], wants_metadata[1]),
         1);
    assert_int_equal(stub_count(api), 8);
    call(
        "getMetaModel",
        ARGS("ELASTICIO_API_REQUEST_RETRY_ATTEMPTS=many", wants_metadata[0], wants_metadata[1]),
        1);
    assert_int_equal(stub_count(api), 11);
}

static void a_refusal_is_final(void **state)
{
    (void)state;
    stub_next(api, &(struct stub_answer){ .status = 404, .body = "no" });
    call("getMetaModel", wants_metadata, 1);
    assert_int_equal(stub_count(api), 1);
}

static void a_redirect_is_not_followed(void **state)
{
    (void)state;
    stub_next(api,
              &(struct stub_answer){ .status = 307, .headers = ARGS("Location: /result/78") });
    call("getMetaModel", wants_metadata, 1);
    assert_int_equal(stub_count(api), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        service_test(credentials_that_work_are_verified),
        service_test(credentials_may_stand_in_an_object_of_their_own),
        service_test(a_field_that_nobody_knows_does_no_harm),
        service_test(what_does_not_work_is_a_reason_that_a_person_can_act_on),
        service_test(a_flow_names_no_file_of_this_machine),
        service_test(topics_groups_and_partitions_can_be_chosen),
        service_test(a_list_that_cannot_be_had_is_an_error_result),
        service_test(metadata_is_that_of_component_json),
        service_test(what_the_platform_forgot_is_told_in_its_order),
        service_test(without_an_address_there_is_nobody_to_tell),
        service_test(a_method_that_takes_too_long_is_told),
        service_test(any_2xx_is_taken_for_yes),
        service_test(the_same_result_is_posted_again_after_a_5xx_or_a_broken_connection),
        service_test(it_is_given_up_after_three_tries_or_as_many_as_are_set),
        service_test(a_refusal_is_final),
        service_test(a_redirect_is_not_followed),
    };
    return cmocka_run_group_tests(tests, live_setup, live_teardown);
}
