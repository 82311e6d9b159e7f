// SPDX-License-Identifier: Apache-2.0
/* test_platform_stub.c - the tests' own platform answers as a step of a flow expects it, and
 * their encryption gives the protocol's published examples. */
#include "support/http.h"
#include "support/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS 30000
#define STEP    "/v1/tasks/flow1/steps/step_2"
#define STATE   "/sailor-support/hooks/task/flow1/startup/data"
/* PLATFORM_USERNAME:PLATFORM_KEY, and PLATFORM_TOKEN */
#define BASIC  ARGS("Authorization: Basic cGxhdGZvcm0tdXNlcjpwbGF0Zm9ybS1LZXktM2MxZA==")
#define BEARER ARGS("Authorization: Bearer platform-Token-77e0")

static struct platform *platform;
static const char *base;

static int start(void **state)
{
    platform = platform_start();
    base = stub_url(platform->stub, "");
    return rabbit_setup(state);
}

static int stop(void **state)
{
    platform_free_all(state);
    return rabbit_teardown(state);
}

static int tidy(void **state)
{
    mq_close_all(state);
    return http_free_all(state);
}

static void a_step_is_told_to_who_signs_in(void **state)
{
    (void)state;
    assert_http(http_get(base, STEP, NULL), 401);
    assert_json(http_get(base, STEP, BASIC)->json, "", "{\"config\":{}}");
    platform_set_step(platform, NULL, "{'config': {'topic': 'all'}}");
    platform_set_step(platform, "step_2", "{'config': {'topic': 'own'}}");
    assert_json(http_get(base, STEP, BASIC)->json, "config.topic", "\"own\"");
    assert_json(http_get(base, "/v1/tasks/flow1/steps/step_3", BASIC)->json, "config.topic",
                "\"all\"");
    assert_int_equal(platform_calls(platform, "GET /v1/tasks"), 4);
    assert_string_equal(platform_last_call(platform, "GET /v1/tasks")->path,
                        "/v1/tasks/flow1/steps/step_3");
}

static void requests_can_be_made_to_fail(void **state)
{
    (void)state;
    platform_fail(platform, "GET /v1/tasks", 2, &(struct stub_answer){ .status = 503 });
    assert_http(http_get(base, STEP, BASIC), 503);
    assert_http(http_get(base, STATE, BASIC), 404);
    assert_http(http_get(base, STEP, BASIC), 503);
    assert_http(http_get(base, STEP, BASIC), 200);
}

static void a_startup_state_is_kept_until_it_is_deleted(void **state)
{
    (void)state;
    assert_http(http_get(base, STATE, BASIC), 404);
    assert_http(http_post(base, STATE, BASIC, "{\"a\":1}"), 201);
    assert_string_equal(platform_state(platform), "{\"a\":1}");
    assert_http(http_post(base, STATE, BASIC, "{\"a\":2}"), 409);
    assert_json(http_get(base, STATE, BASIC)->json, "", "{\"a\":1}");
    assert_http(http_delete(base, STATE, BASIC), 204);
    assert_null(platform_state(platform));
}

static void objects_are_kept(void **state)
{
    (void)state;
    assert_http(http_post(base, "/objects", BASIC, "x"), 401);
    struct http_answer *a = http_post(base, "/objects", BEARER, "bytes");
    assert_http(a, 201);
    assert_json(a->json, "objectId", "\"obj-1\"");
    assert_string_equal(platform_add_object(platform, "\0", 1), "obj-2");
    a = http_get(base, "/objects/obj-1", BEARER);
    assert_string_equal(a->body, "bytes");
    assert_int_equal(http_get(base, "/objects/obj-2", BEARER)->size, 1);
    assert_http(http_get(base, "/objects/obj-3", BEARER), 404);
    size_t len;
    assert_memory_equal(platform_object(platform, "obj-1", &len), "bytes", 5);
    assert_int_equal(platform_object_count(platform), 2);
}

static void the_environment_is_ours_where_we_say_so(void **state)
{
    (void)state;
    const char *const *env = platform_env(
        platform, NULL, NULL,
        ARGS("ELASTICIO_FUNCTION=consume", "ELASTICIO_USER_ID", "LOG_LEVEL=debug"));
    bool has_function = false, has_level = false, removes_user = false;
    for (; *env; env++) {
        has_function |= strcmp(*env, "ELASTICIO_FUNCTION=consume") == 0;
        has_level |= strcmp(*env, "LOG_LEVEL=debug") == 0;
        removes_user |= strcmp(*env, "ELASTICIO_USER_ID") == 0;
        assert_string_not_equal(*env, "ELASTICIO_FUNCTION=produce");
        assert_string_not_equal(*env, "ELASTICIO_USER_ID=user1");
        assert_null(strstr(*env, "AMQP"));
    }
    assert_true(has_function && has_level && removes_user);
}

/* Of the protocol's description: 20.1, 20.2. */
static void messages_are_encrypted_as_the_examples_are(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        { "{}", "YnVkti0G1RRGkx6HZNFCcg==" },
        { "{\"property1\":\"Hello world\"}", "Tr4yMVgk/jAY3bMwHIA5g4FpYR72SnQxIwf+BG4ZmjQ=" },
        { "{\"body\":{\"n\":1}}", "aKX8sUhxINZt0EZ2ZFzO/lovVvYKyxu3KNG/vRZNRjM=" },
        { "\"B2B_L gr\xc3\xb6\xc3\x9f"
          "ere Firmenkunden 25% Rabatt\"",
          "qsIhDNYrTgxiyVLKw03EjSXx9EQvoB47M15hYfmUmkSjvH+xrg1qdbKWokLUYx77" },
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        char *base64 = platform_encrypt_v1(examples[i][0]);
        assert_string_equal(base64, examples[i][1]);
        char *text = platform_decrypt_v1(base64, strlen(base64));
        assert_string_equal(text, examples[i][0]);
        free(base64);
        free(text);
    }
    size_t len;
    unsigned char *bytes =
        platform_seal("password", "0.03091345790184", "{\"property1\":\"Hello world\"}", &len);
    assert_int_equal(len, 32);
    assert_memory_equal(bytes, "\xa6\x05\xf4\xde\x13\x7d\x00\x87\x20\xaa\x21\x87", 12);
    assert_null(platform_unseal(PLATFORM_PASSWORD, PLATFORM_IV, bytes, len));
    free(bytes);
}

static void what_is_sent_can_be_read(void **state)
{
    (void)state;
    struct mq *mq = mq_connect(rabbit->uri);
    struct mq_step step;
    mq_step_declare(mq, &step);
    for (int version = 1; version <= 2; version++) {
        platform_send(mq, &step, "{'body': {'n': 1}}", version,
                      MQ_TABLE(mq_text("messageId", "m1")));
        struct mq_message *m = mq_take(mq, step.input, WAIT_MS);
        assert_json(m->headers, "messageId", "\"m1\"");
        json_t *read = platform_read(m);
        assert_json(read, "", "{\"body\":{\"n\":1}}");
        json_decref(read);
    }
    char *error = platform_encrypt_v1("{\"name\":\"Error\"}"), body[200];
    snprintf(body, sizeof(body), "{\"error\":\"%s\",\"errorInput\":\"%s\"}", error, error);
    mq_publish(mq, &(struct mq_publish){ .key = step.error, .body = body });
    json_t *read = platform_read_error(mq_take(mq, step.error, WAIT_MS));
    assert_json(read, "",
                "{\"error\":{\"name\":\"Error\"},\"errorInput\":{\"name\":\"Error\"}}");
    json_decref(read);
    free(error);
    mq_step_delete(mq, &step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_step_is_told_to_who_signs_in, tidy),
        cmocka_unit_test_teardown(requests_can_be_made_to_fail, tidy),
        cmocka_unit_test_teardown(a_startup_state_is_kept_until_it_is_deleted, tidy),
        cmocka_unit_test_teardown(objects_are_kept, tidy),
        cmocka_unit_test_teardown(the_environment_is_ours_where_we_say_so, tidy),
        cmocka_unit_test_teardown(messages_are_encrypted_as_the_examples_are, tidy),
        cmocka_unit_test_teardown(what_is_sent_can_be_read, tidy),
    };
    return cmocka_run_group_tests_name("live/platform_stub", tests, start, stop);
}
