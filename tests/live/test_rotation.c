// SPDX-License-Identifier: Apache-2.0
/* test_rotation.c - passwords and rights that change under load: nothing is lost, what fails is
 * told, and no restart is needed. The broker wants a new sign-in every 10 s. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define REAUTH_MS 10000
#define NEW       "rotated-Secret-2b6e"
#define PATIENCE  (REAUTH_MS + WAIT_MS)

static char file[128]; /* the credentials */

static int start(void **state)
{
    (void)state;
    static const char *const properties[] = { "connections.max.reauth.ms=10000", NULL };
    live_start(&(struct kafka_options){ .has_rights = true, .properties = properties });
    snprintf(file, sizeof(file), "%s/credentials.json", kafka->folder);
    return 0;
}

/* As a mounted secret is changed: a new file takes the place of the old one. */
static void write_file(json_t *members)
{
    char fresh[140];
    json_t *all = json_pack("{s:s, s:s}", "brokers", kafka->sasl_ssl, "caCertificateFile",
                            kafka->certs.ca);
    json_object_update(all, members);
    json_decref(members);
    snprintf(fresh, sizeof(fresh), "%s.fresh", file);
    assert_int_equal(json_dump_file(all, fresh, 0), 0);
    assert_int_equal(rename(fresh, file), 0);
    json_decref(all);
}

static void write_password(const char *user, const char *password)
{
    write_file(json_pack("{s:s, s:s}", "username", user, "password", password));
}

static int fresh(void **state)
{
    (void)state;
    witness_set_password(witness, KAFKA_USER, KAFKA_PASSWORD);
    write_password(KAFKA_USER, KAFKA_PASSWORD);
    return 0;
}

static int tidy(void **state)
{
    http_free_all(state);
    return live_tidy(state);
}

static json_t *event_if_any(struct process *p, int wait_ms)
{
    const char *line = process_line_if_any(p, wait_ms);
    return line ? event_parse(line) : NULL;
}

static struct process *start_entry(const char *entry, const char *topic, const char *more)
{
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    return component_start(ARGS("run", entry, "--credentials", file, "--set", setting, "--set",
                                more, "--log-level", "debug"),
                           NULL);
}

/* Produces one record after the other until stderr has these words; each has to get in. */
static size_t produce_until(struct process *p, const char *words)
{
    int64_t deadline = now_ms() + PATIENCE;
    size_t sent = 0;
    do {
        json_t *answer = ask(p, "{'value':'x'}");
        assert_event_str(answer, "0.body.errorCode", "0");
        json_decref(answer);
        sent++;
        assert_true(now_ms() < deadline);
    } while (!strstr(process_stderr(p), words));
    return sent;
}

static size_t produce_for(struct process *p, int ms)
{
    int64_t end_ms = now_ms() + ms;
    size_t sent = 0;
    for (; now_ms() < end_ms; sent++) {
        json_t *answer = ask(p, "{'value':'x'}");
        assert_event_str(answer, "0.body.errorCode", "0");
        json_decref(answer);
    }
    return sent;
}

static void assert_written(const char *topic, size_t count)
{
    int64_t low, high;
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, count);
}

static void a_password_that_changes_is_read_again_by_produce(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_entry("produce", topic, "timeoutMs=30000");
    size_t sent = produce_for(p, 500);
    witness_set_password(witness, KAFKA_USER, NEW);
    /* until the broker wants a new sign-in and refuses it */
    int64_t deadline = now_ms() + PATIENCE;
    size_t asked = 0, answered = 0;
    while (!strstr(process_stderr(p), "kafka_trouble")) {
        process_say(p, "{\"value\":\"x\"}");
        asked++;
        json_t *event;
        while ((event = event_if_any(p, 20))) {
            answered += strcmp(event_str(event, "event"), "end") == 0;
            assert_string_not_equal(event_str(event, "event"), "error");
            json_decref(event);
        }
        assert_true(now_ms() < deadline);
    }
    write_password(KAFKA_USER, NEW);
    while (answered < asked) {
        json_t *event = event_next(p, WAIT_MS);
        answered += strcmp(event_str(event, "event"), "end") == 0;
        assert_string_not_equal(event_str(event, "event"), "error");
        json_decref(event);
    }
    sent += asked + produce_for(p, 500);
    process_expect_stderr(p, "credentials_renewed", WAIT_MS);
    finish(p, 0);
    assert_written(topic, sent);
}

static void sighup_reads_it_before_anybody_refuses(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_entry("produce", topic, "timeoutMs=30000");
    size_t sent = produce_for(p, 500);
    witness_set_password(witness, KAFKA_USER, NEW);
    write_password(KAFKA_USER, NEW);
    process_signal(p, SIGHUP);
    sent += produce_until(p, "credentials_renewed");
    sent += produce_for(p, REAUTH_MS + 2000);
    assert_null(strstr(process_stderr(p), "kafka_trouble"));
    finish(p, 0);
    assert_written(topic, sent);
}

static void a_file_that_cannot_be_used_changes_nothing(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_entry("produce", topic, "timeoutMs=30000");
    size_t sent = produce_for(p, 200);
    FILE *f = fopen(file, "w");
    if (!f)
        fail_test("%s cannot be written", file);
    fputs("{\"username\":", f);
    fclose(f);
    process_signal(p, SIGHUP);
    sent += produce_until(p, "credentials_not_read");
    write_file(json_pack("{s:s, s:s, s:s}", "username", KAFKA_USER, "password", KAFKA_PASSWORD,
                         "clientId", "other"));
    usleep(1100000); /* it is read once a second at most */
    process_signal(p, SIGHUP);
    sent += produce_until(p, "that takes a restart");
    finish(p, 0);
    assert_written(topic, sent);
}

/* With an unchanged file the refusal is told; when the broker takes the password again, so do
 * we. */
static void a_refusal_is_told_and_gets_over(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    struct process *p = start_entry("produce", topic, "timeoutMs=6000");
    (void)produce_for(p, 200);
    witness_set_password(witness, KAFKA_USER, NEW);
    int64_t deadline = now_ms() + PATIENCE;
    bool is_told = false;
    while (!is_told) {
        json_t *answer = ask(p, "{'value':'x'}"), *errors = events_of(answer, "error");
        if (json_array_size(errors) > 0) {
            const char *text = event_str(errors, "0.error.message");
            if (!strstr(text, "uthentication"))
                fail_msg("the refusal is not named: %s", text);
            is_told = true;
        }
        json_decref(errors);
        json_decref(answer);
        assert_true(now_ms() < deadline);
    }
    witness_set_password(witness, KAFKA_USER, KAFKA_PASSWORD);
    bool is_over = false;
    while (!is_over) {
        json_t *answer = ask(p, "{'value':'x'}"), *errors = events_of(answer, "error");
        is_over = json_array_size(errors) == 0;
        json_decref(errors);
        json_decref(answer);
        assert_true(now_ms() < deadline + WAIT_MS);
    }
    finish(p, 69); /* some were not written */
}

static void consume_goes_on_and_misses_nothing(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char setting[64];
    snprintf(setting, sizeof(setting), "topic=%s", topic);
    struct process *p = component_start(ARGS("run", "consume", "--credentials", file, "--set",
                                             setting, "--set", "groupId=rotating", "--set",
                                             "startFrom=earliest", "--log-level", "debug"),
                                        NULL);
    int64_t deadline = now_ms() + 2 * PATIENCE, written = 0, next = 0;
    bool is_changed = false, is_renewed = false;
    int64_t until_ms = 0;
    while (until_ms == 0 || now_ms() < until_ms || next < written) {
        if (until_ms == 0 || now_ms() < until_ms) {
            char text[32];
            snprintf(text, sizeof(text), "%d", (int)written++);
            struct witness_record record = witness_text(NULL, text, 0);
            witness_write(witness, topic, &record);
        }
        json_t *event = event_if_any(p, 20);
        if (event && strcmp(event_str(event, "event"), "data") == 0) {
            int64_t value = atoll(event_str(event, "body.value"));
            assert_true(value <= next); /* what comes twice has come before */
            next = value == next ? next + 1 : next;
        }
        json_decref(event);
        if (next > 10 && !is_changed)
            witness_set_password(witness, KAFKA_USER, NEW);
        is_changed |= next > 10;
        if (is_changed && !is_renewed && strstr(process_stderr(p), "kafka_trouble")) {
            write_password(KAFKA_USER, NEW);
            is_renewed = true;
        }
        if (is_renewed && until_ms == 0 && strstr(process_stderr(p), "credentials_renewed"))
            until_ms = now_ms() + 2000;
        assert_true(now_ms() < deadline);
    }
    terminate(p, 0);
}

static void serve_goes_on_with_open_clients_and_new_ones(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    char produce[80], poll[140];
    snprintf(produce, sizeof(produce), "/v1/actions/produce?topic=%s", topic);
    snprintf(poll, sizeof(poll),
             "/v1/triggers/consume/poll?topic=%s&startFrom=earliest&maxWaitMs=10000", topic);
    struct serve *s = serve_start(NULL, ARGS("--credentials", file, "--log-level", "debug"));
    assert_http(http_post(s->base, produce, NULL, "{\"value\":\"0\"}"), 200);
    size_t good = 1;
    witness_set_password(witness, KAFKA_USER, NEW);
    int64_t deadline = now_ms() + PATIENCE;
    bool is_refused = false;
    while (!is_refused) {
        struct http *h = http_start(&(struct http_request){
            .base = s->base, .path = produce, .body = "{\"value\":\"x\"}" });
        while (!http_is_over(h) && !is_refused) {
            is_refused = strstr(serve_log(s), "kafka_trouble") != NULL;
            usleep(10000);
            assert_true(now_ms() < deadline);
        }
        if (is_refused)
            write_password(KAFKA_USER, NEW);
        assert_http(http_finish(h, WAIT_MS), 200); /* it has waited */
        good++;
    }
    /* a client that is opened now: with what the file has become */
    struct http_answer *a = http_post(s->base, produce, NULL, "{\"value\":\"y\"}");
    assert_http(a, 200);
    good++;
    serve_expect_log(s, "credentials_renewed", WAIT_MS);
    a = http_post(s->base, poll, NULL, "{}");
    assert_http(a, 200);
    assert_true(json_array_size(json_object_get(a->json, "messages")) > 0);
    assert_written(topic, good);
    serve_stop(s, 0, WAIT_MS);
}

static void a_right_that_is_withdrawn_and_given_back(void **state)
{
    (void)state;
    const char *topic = witness_new_topic(witness, 1, NULL);
    witness_allow_writing(witness, KAFKA_GUEST, topic);
    write_password(KAFKA_GUEST, KAFKA_GUEST_PASSWORD);
    struct process *p = start_entry("produce", topic, "timeoutMs=5000");
    size_t sent = produce_for(p, 300);
    witness_forbid_writing(witness, KAFKA_GUEST, topic);
    int64_t deadline = now_ms() + WAIT_MS;
    int64_t low, high;
    for (int phase = 0; phase < 2;) {
        json_t *answer = ask(p, "{'value':'x'}"), *errors = events_of(answer, "error");
        bool is_refused = json_array_size(errors) > 0;
        if (is_refused)
            assert_event_str(errors, "0.error.code", "forbidden");
        sent += !is_refused;
        if (phase == 0 && is_refused) {
            phase = 1;
            witness_allow_writing(witness, KAFKA_GUEST, topic);
        } else if (phase == 1 && !is_refused) {
            phase = 2;
        }
        json_decref(errors);
        json_decref(answer);
        assert_true(now_ms() < deadline);
    }
    sent += produce_for(p, 300);
    finish(p, 65);
    witness_watermarks(witness, topic, 0, &low, &high);
    assert_int_equal(high, sent);
}

#define rotation_test(test) cmocka_unit_test_setup_teardown(test, fresh, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rotation_test(a_password_that_changes_is_read_again_by_produce),
        rotation_test(sighup_reads_it_before_anybody_refuses),
        rotation_test(a_file_that_cannot_be_used_changes_nothing),
        rotation_test(a_refusal_is_told_and_gets_over),
        rotation_test(consume_goes_on_and_misses_nothing),
        rotation_test(serve_goes_on_with_open_clients_and_new_ones),
        rotation_test(a_right_that_is_withdrawn_and_given_back),
    };
    return cmocka_run_group_tests_name("live/rotation", tests, start, live_teardown);
}
