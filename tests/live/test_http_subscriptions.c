// SPDX-License-Identifier: Apache-2.0
/* test_http_subscriptions.c - subscriptions as things that are created, seen, paused, deleted,
 * stored and listed in a file, on Apache Kafka. */
#include "support/component.h"
#include "support/fail.h"
#include "support/http.h"
#include "support/serve.h"
#include "support/stub.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SUBSCRIPTIONS "/v1/triggers/consume/subscriptions"
#define SECRET        "whsec_c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM="

static int tidy(void **state)
{
    http_free_all(state);
    stub_stop_all(state);
    return live_tidy(state);
}

/* --- Tools --- */

/* A new folder with a name that ends in a fresh path: a loan until the end. */
static const char *new_folder(void)
{
    static char folders[32][32];
    static size_t count;
    char *folder = folders[count++ % 32];
    snprintf(folder, sizeof(folders[0]), "/tmp/kc-subs-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char paths[8][128];
    static size_t count;
    char *path = paths[count++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file)
        fail_test("cannot open %s", path);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "re");
    if (!file)
        fail_test("cannot open %s", path);
    (void)!fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

/* A subscription as JSON: a loan, good for the next few calls. */
static const char *subscription(const char *id, const char *topic, const char *url,
                                const char *more)
{
    static char texts[8][1024];
    static size_t count;
    char *text = texts[count++ % 8];
    snprintf(
        text, sizeof(texts[0]),
        "{'id':'%s','config':{'topic':'%s','groupId':'group-of-%s','startFrom':'earliest'},"
        "'callbackUrl':'%s'%s}",
        id, topic, topic, url, more);
    return json(text);
}

static struct http_answer *ask_for(struct serve *s, const char *method, const char *path)
{
    char whole[200];
    snprintf(whole, sizeof(whole), SUBSCRIPTIONS "%s", path);
    return strcmp(method, "GET") == 0      ? http_get(s->base, whole, NULL)
           : strcmp(method, "DELETE") == 0 ? http_delete(s->base, whole, NULL)
                                           : http_post(s->base, whole, NULL, "");
}

static struct http_answer *create(struct serve *s, const char *body)
{
    return http_post(s->base, SUBSCRIPTIONS, NULL, body);
}

static void wait_for(struct serve *s, const char *id, const char *member, const char *value)
{
    char path[100];
    int64_t deadline = now_ms() + WAIT_MS;
    snprintf(path, sizeof(path), "/%s", id);
    for (;;) {
        struct http_answer *a = ask_for(s, "GET", path);
        assert_http(a, 200);
        const char *is =
            json_string_value(event_at(a->json, member)); /* may not be there yet */
        bool is_it = is && strcmp(is, value) == 0;
        if (!is_it && now_ms() > deadline)
            fail_msg("%s is not %s: %s", member, value, a->body);
        http_answer_free(a);
        if (is_it)
            return;
        usleep(20000);
    }
}

static void wait_for_lag(struct serve *s, const char *id, int64_t lag)
{
    char path[100];
    int64_t deadline = now_ms() + WAIT_MS;
    snprintf(path, sizeof(path), "/%s", id);
    for (bool is_it = false; !is_it; usleep(20000)) {
        struct http_answer *a = ask_for(s, "GET", path);
        assert_http(a, 200);
        is_it = !json_is_null(event_at(a->json, "lag")) && event_int(a->json, "lag") == lag;
        if (!is_it && now_ms() > deadline)
            fail_msg("the lag is not %lld: %s", (long long)lag, a->body);
        http_answer_free(a);
    }
}

static void write_one(const char *topic, const char *value)
{
    struct witness_record record = witness_text(NULL, value, 0);
    witness_write(witness, topic, &record);
}

static size_t count_of(struct serve *s)
{
    struct http_answer *a = ask_for(s, "GET", "");
    assert_http(a, 200);
    size_t count = json_array_size(event_at(a->json, "subscriptions"));
    http_answer_free(a);
    return count;
}

/* --- By requests --- */

static void one_is_created_seen_paused_resumed_and_deleted(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    const char *body = subscription("a.B_c-1", topic, stub_url(stub, "/hook?token=hidden"), "");
    struct http_answer *a = create(s, body);
    assert_http(a, 201);
    assert_header(a, "Location", SUBSCRIPTIONS "/a.B_c-1");
    assert_event_str(a->json, "id", "a.B_c-1");
    assert_event_str(a->json, "format", "messages");
    assert_event_str(a->json, "source", "request");
    assert_int_equal(event_int(a->json, "timeoutMs"), 30000);
    assert_event_str(a->json, "config.topic", topic);

    assert_http(create(s, body), 200); /* again: it is there */
    assert_problem(create(s, subscription("a.B_c-1", topic, stub_url(stub, "/other"), "")), 409,
                   "conflict");
    assert_int_equal(count_of(s), 1);

    write_one(topic, "one");
    stub_wait(stub, 0, WAIT_MS);
    wait_for(s, "a.B_c-1", "state", "running");
    a = ask_for(s, "GET", "/a.B_c-1");
    int64_t deadline = now_ms() + WAIT_MS;
    while (json_is_null(event_at(a->json, "lag")) ||
           event_int(a->json, "counts.records") == 0 || event_int(a->json, "lag") != 0) {
        assert_true(now_ms() < deadline);
        a = ask_for(s, "GET", "/a.B_c-1");
    }
    assert_int_equal(event_int(a->json, "counts.messages"), 1);
    assert_true(strlen(event_str(a->json, "lastDelivery")) > 0);

    assert_http(ask_for(s, "POST", "/a.B_c-1/pause"), 200);
    wait_for(s, "a.B_c-1", "state", "paused");
    wait_for(s, "a.B_c-1", "reason", "paused by a request");
    write_one(topic, "two");
    usleep(600000);
    assert_int_equal(stub_count(stub), 1);
    assert_http(ask_for(s, "POST", "/a.B_c-1/resume"), 200);
    stub_wait(stub, 1, WAIT_MS);

    assert_http(ask_for(s, "DELETE", "/a.B_c-1"), 204);
    assert_problem(ask_for(s, "GET", "/a.B_c-1"), 404, "not_found");
    assert_problem(ask_for(s, "DELETE", "/a.B_c-1"), 404, "not_found");
    assert_problem(ask_for(s, "POST", "/a.B_c-1/pause"), 404, "not_found");
    assert_int_equal(count_of(s), 0);
    char group[100];
    snprintf(group, sizeof(group), "group-of-%s", topic);
    assert_int_equal(witness_committed(witness, group, topic, 0), 2); /* 204 came after it */
    serve_stop(s, 0, WAIT_MS);
}

static void all_that_is_wrong_is_said_at_once(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct http_answer *a =
        create(s, json("{'id':'a/b','callbackURL':'x','timeoutMs':5,'format':'xml',"
                       "'config':{'topic':'cars','startFrom':'now','batchsize':1},"
                       "'secret':'whsec_!'}"));
    assert_problem(a, 400, "config");
    const char *pointers[] = {
        "/id",     "/callbackURL",    "/callbackUrl",      "/timeoutMs",
        "/format", "/config/groupId", "/config/startFrom", "/config/batchsize",
        "/secret"
    };
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "\"pointer\":\"%s\"", pointers[i]);
        if (!strstr(a->body, text))
            fail_msg("%s is not named: %s", pointers[i], a->body);
    }
    assert_problem(create(s, "{"), 400, "config");
    assert_problem(create(s, "[]"), 400, "config");
    a = create(s, json("{'callbackUrl':'http://127.0.0.1:1/','config':[],"
                       "'credentials':{'brokers':'x','caCertificateFile':'/etc/passwd'}}"));
    assert_problem(a, 400, "config");
    assert_non_null(strstr(a->body, "/credentials/caCertificateFile"));
    assert_int_equal(count_of(s), 0);
    serve_stop(s, 0, WAIT_MS);
}

static void settings_come_from_the_start_the_body_and_the_query(void **state)
{
    (void)state;
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    char set[100], path[300], body[300];
    snprintf(set, sizeof(set), "topic=%s", topic);
    struct serve *s =
        serve_start(ARGS(no_sign_in()), ARGS("--set", set, "--set", "startFrom=earliest",
                                             "--set", "compression=lz4"));
    write_one(topic, "one");
    snprintf(path, sizeof(path), SUBSCRIPTIONS "?groupId=%s",
             witness_fresh_name(witness, "query"));
    snprintf(body, sizeof(body), "{'callbackUrl':'%s','config':{'batchSize':7}}",
             stub_url(stub, "/"));
    struct http_answer *a = http_post(s->base, path, NULL, json(body));
    assert_http(a, 201);
    assert_int_equal(strlen(event_str(a->json, "id")), 36);
    assert_int_equal(event_int(a->json, "config.batchSize"), 7);
    assert_event_str(a->json, "config.topic", topic);
    assert_null(event_at(a->json, "config.compression"));
    stub_wait(stub, 0, WAIT_MS);
    serve_stop(s, 0, WAIT_MS);
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    const char *folder = new_folder();
    struct serve *s =
        serve_start(ARGS(no_sign_in()), ARGS("--state", folder, "--log-level", "debug"));
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    char more[600];
    snprintf(more, sizeof(more),
             ",'secret':'" SECRET "','credentials':{'brokers':'%s','securityProtocol':"
             "'SASL_PLAINTEXT','username':'" KAFKA_USER "','password':'" KAFKA_PASSWORD "'}",
             kafka->sasl_plaintext);
    stub_always(stub, &(struct stub_answer){ .status = 500 });
    const char *body = subscription("s", topic, stub_url(stub, "/hook?token=Hush-72"), more);
    struct http_answer *answers[6] = { create(s, body) };
    assert_http(answers[0], 201);
    write_one(topic, "one");
    stub_wait(stub, 1, WAIT_MS);
    answers[1] = ask_for(s, "GET", "");
    answers[2] = ask_for(s, "GET", "/s");
    answers[3] = create(s, body);
    answers[4] = ask_for(s, "POST", "/s/pause");
    answers[5] = create(s, subscription("s", topic, stub_url(stub, "/?token=Hush-73"), more));
    assert_json(answers[2]->json, "hasSecret", "true");
    assert_json(answers[2]->json, "hasCredentials", "true");
    const char *hidden[] = { KAFKA_PASSWORD, "Hush-7", "c2VjcmV0LXRoYXQ", "brokers" };
    for (size_t h = 0; h < 4; h++) {
        for (size_t i = 0; i < 6; i++) {
            if (strstr(answers[i]->body, hidden[h]) || strstr(answers[i]->head, hidden[h]))
                fail_msg("%s is in answer %zu: %s", hidden[h], i, answers[i]->body);
        }
        if (h < 3)
            assert_null(strstr(serve_log(s), hidden[h]));
    }
    struct stat st;
    assert_int_equal(stat(in_folder(folder, "s.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    serve_stop(s, 0, WAIT_MS);
}

static void credentials_of_requests_can_be_refused(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--no-request-credentials"));
    struct http_answer *a = create(
        s, subscription("c", "cars", "http://127.0.0.1:1/", ",'credentials':{'brokers':'x'}"));
    assert_problem(a, 403, "forbidden");
    serve_stop(s, 0, WAIT_MS);
}

static void link_local_callbacks_are_refused_unless_allowed(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    const char *urls[] = { "http://169.254.169.254/latest/",
                           "http://[fe80::1]/",
                           "http://2852039166/",
                           "ftp://127.0.0.1/",
                           "http://u:p@127.0.0.1/",
                           "file:///etc/passwd",
                           "http://" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct http_answer *a = create(s, subscription("l", "cars", urls[i], ""));
        assert_problem(a, 400, "config");
        assert_non_null(strstr(a->body, "/callbackUrl"));
    }
    serve_stop(s, 0, WAIT_MS);
    s = serve_start(ARGS(no_sign_in()), ARGS("--allow-callback", "169.254.169.254"));
    const char *topic = witness_new_topic(witness, 1, NULL);
    assert_http(create(s, subscription("l", topic, urls[0], "")), 201);
    serve_stop(s, 0, WAIT_MS);
}

static void a_topic_that_is_missing_is_said_and_read_once_it_is_there(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_fresh_name(witness, "late");
    assert_http(create(s, subscription("m", topic, stub_url(stub, "/"), "")), 201);
    wait_for(s, "m", "state", "failing");
    wait_for(s, "m", "lastError.code", "topic_missing");
    witness_create_topic(witness, topic, 1, NULL);
    write_one(topic, "one");
    stub_wait(stub, 0, WAIT_MS * 2);
    wait_for(s, "m", "state", "running");
    serve_stop(s, 0, WAIT_MS);
}

static void a_broker_that_is_down_is_failing_and_nothing_is_known(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct stub *stub = stub_start(NULL);
    struct http_answer *a =
        create(s, subscription("d", "cars", stub_url(stub, "/"),
                               ",'credentials':{'brokers':'127.0.0.1:1','mechanism':'none',"
                               "'securityProtocol':'PLAINTEXT'}"));
    assert_http(a, 201);
    assert_event_str(a->json, "state", "starting");
    wait_for(s, "d", "state", "failing");
    a = ask_for(s, "GET", "/d");
    assert_event_str(a->json, "lastError.code", "unavailable");
    assert_non_null(strstr(a->body, "Connection refused"));
    assert_true(json_is_null(event_at(a->json, "lag")));
    serve_expect_metric(s, "kafka_component_subscription_running{subscription=\"d\"} 0",
                        WAIT_MS);
    serve_stop(s, 0, WAIT_MS);
}

static void a_broker_that_is_back_is_running_again(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    assert_http(create(s, subscription("b", topic, stub_url(stub, "/"), "")), 201);
    wait_for(s, "b", "state", "running");
    kafka_kill(kafka);
    wait_for(s, "b", "state", "failing");
    kafka_restart(kafka);
    wait_for(s, "b", "state", "running");
    write_one(topic, "one");
    stub_wait(stub, 0, WAIT_MS * 2);
    serve_stop(s, 0, WAIT_MS);
}

static void what_is_not_accepted_is_behind(void **state)
{
    (void)state;
    struct serve *s = serve_start(ARGS(no_sign_in()), NULL);
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    stub_always(stub, &(struct stub_answer){ .status = 500 });
    witness_write_numbers(witness, topic, 1, 0, 15);
    assert_http(create(s, subscription("l", topic, stub_url(stub, "/"), "")), 201);
    wait_for(s, "l", "state", "retrying");
    wait_for_lag(s, "l", 15);
    stub_always(stub, &(struct stub_answer){ .status = 204 });
    wait_for_lag(s, "l", 0);
    serve_stop(s, 0, WAIT_MS);
}

/* --- Stored --- */

static void what_was_created_survives_kill_9(void **state)
{
    (void)state;
    const char *folder = new_folder();
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL),
               *other = witness_new_topic(witness, 1, NULL),
               *third = witness_new_topic(witness, 1, NULL);
    assert_http(create(s, subscription("going", topic, stub_url(stub, "/going"),
                                       ",'secret':'" SECRET "','timeoutMs':5000")),
                201);
    assert_http(create(s, subscription("held", other, stub_url(stub, "/held"), "")), 201);
    assert_http(create(s, subscription("gone", third, stub_url(stub, "/gone"), "")), 201);
    assert_http(ask_for(s, "POST", "/held/pause"), 200);
    assert_http(ask_for(s, "DELETE", "/gone"), 204);
    serve_kill(s);
    serve_restart(s);
    assert_int_equal(count_of(s), 2);
    wait_for(s, "held", "state", "paused");
    wait_for(s, "held", "reason", "paused by a request");
    write_one(topic, "one");
    write_one(other, "one");
    const struct stub_request *r = stub_wait(stub, 0, WAIT_MS * 2);
    assert_string_equal(r->path, "/going");
    assert_non_null(stub_header(r, "webhook-signature"));
    assert_http(ask_for(s, "POST", "/held/resume"), 200);
    assert_string_equal(stub_wait(stub, 1, WAIT_MS)->path, "/held");
    serve_kill(s);
    serve_restart(s);
    wait_for(s, "held", "state", "running"); /* the resume was stored too */
    serve_stop(s, 0, WAIT_MS);
}

static void a_pause_by_the_receiver_survives_kill_9(void **state)
{
    (void)state;
    const char *folder = new_folder();
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    stub_always(stub, &(struct stub_answer){ .status = 410 });
    assert_http(create(s, subscription("p", topic, stub_url(stub, "/"), "")), 201);
    write_one(topic, "one");
    wait_for(s, "p", "state", "paused");
    int64_t deadline = now_ms() + WAIT_MS;
    for (bool is_stored = false; !is_stored && now_ms() < deadline; usleep(10000)) {
        char *text = read_file(in_folder(folder, "p.json"));
        is_stored = strstr(text, "answered 410") != NULL;
        free(text);
    }
    serve_kill(s);
    serve_restart(s);
    wait_for(s, "p", "reason", "the receiver answered 410");
    usleep(500000);
    assert_int_equal(stub_count(stub), 1);
    serve_stop(s, 0, WAIT_MS);
}

static void assert_start_fails(const char *const args[], const char *const named[])
{
    struct run run = run_component(args, &(struct process_options){ .env = ARGS(no_sign_in()) },
                                   "", WAIT_MS);
    assert_exit(&run, 78);
    for (size_t i = 0; named[i]; i++) {
        if (!strstr(run.err, named[i]))
            fail_msg("'%s' is not said: %s", named[i], run.err);
    }
    run_free(&run);
}

static void a_second_server_on_the_folder_is_refused(void **state)
{
    (void)state;
    const char *folder = new_folder();
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
    assert_start_fails(ARGS("serve", "--listen", "127.0.0.1:0", "--state", folder),
                       ARGS(folder, "in use by another process"));
    serve_stop(s, 0, WAIT_MS);
    s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder)); /* free again */
    serve_stop(s, 0, WAIT_MS);
}

static void torn_and_foreign_files_are_told_and_left_alone(void **state)
{
    (void)state;
    const struct {
        const char *name, *text;
    } cases[] = {
        { "a.json", "{\"subscription\":\"1\",\"id\":\"a\",\"callb" },
        { "b.json", "" },
        { "c.json", "{\"some\":\"thing\"}" },
        { "d.json", "{\"subscription\":\"9\",\"id\":\"d\",\"callbackUrl\":\"http://a/\","
                    "\"config\":{}}" },
        { "e.json", "{\"subscription\":\"1\",\"id\":\"other\",\"callbackUrl\":\"http://a/\","
                    "\"config\":{}}" },
        { "notes.txt", "mine" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *folder = new_folder(), *path = in_folder(folder, cases[i].name);
        write_file(path, cases[i].text);
        assert_start_fails(ARGS("serve", "--listen", "127.0.0.1:0", "--state", folder),
                           ARGS(path, "left as it is"));
        char *text = read_file(path);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void leftovers_of_a_crash_and_folders_do_not_matter(void **state)
{
    (void)state;
    const char *folder = new_folder();
    write_file(in_folder(folder, ".a.json.tmp"), "{\"subscr");
    assert_int_equal(mkdir(in_folder(folder, "lost+found"), 0700), 0);
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
    assert_int_equal(count_of(s), 0);
    assert_int_not_equal(access(in_folder(folder, ".a.json.tmp"), F_OK), 0);
    serve_stop(s, 0, WAIT_MS);
}

static void what_cannot_be_stored_does_not_happen(void **state)
{
    (void)state;
    const char *folder = new_folder(), *topic = witness_new_topic(witness, 1, NULL);
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--state", folder));
    struct stub *stub = stub_start(NULL);
    assert_http(create(s, subscription("old", topic, stub_url(stub, "/"), "")), 201);
    unlink(in_folder(folder, "old.json"));
    unlink(in_folder(folder, ".lock"));
    assert_int_equal(rmdir(folder), 0); /* nothing can be written there now, by root neither */
    struct http_answer *a = create(s, subscription("n", topic, stub_url(stub, "/n"), ""));
    assert_problem(a, 503, "storage");
    assert_problem(ask_for(s, "GET", "/n"), 404, "not_found");
    assert_problem(ask_for(s, "POST", "/old/pause"), 503, "storage");
    write_one(topic, "one");
    stub_wait(stub, 0, WAIT_MS); /* not paused */
    assert_int_equal(count_of(s), 1);
    serve_stop(s, 0, WAIT_MS);
}

/* --- In the operator's file --- */

static void list_in_file(const char *path, const char *const subscriptions[])
{
    FILE *file = fopen(path, "we");
    if (!file)
        fail_test("cannot open %s", path);
    fputs("[", file);
    for (size_t i = 0; subscriptions[i]; i++)
        fprintf(file, "%s%s", i ? "," : "", subscriptions[i]);
    fputs("]", file);
    assert_int_equal(fclose(file), 0);
}

static void reload(struct serve *s, const char *expected)
{
    size_t before = strlen(serve_log(s));
    process_signal(s->process, SIGHUP);
    int64_t deadline = now_ms() + WAIT_MS;
    while (!strstr(serve_log(s) + before, expected)) {
        if (now_ms() > deadline)
            fail_msg("never logged %s: %s", expected, serve_log(s) + before);
        usleep(20000);
    }
}

static void sighup_adds_changes_and_removes(void **state)
{
    (void)state;
    const char *file = in_folder(new_folder(), "list.json");
    struct stub *stub = stub_start(NULL);
    const char *keep = witness_new_topic(witness, 1, NULL),
               *change = witness_new_topic(witness, 1, NULL),
               *gone = witness_new_topic(witness, 1, NULL),
               *fresh = witness_new_topic(witness, 1, NULL);
    list_in_file(file, ARGS(subscription("keep", keep, stub_url(stub, "/keep"), ""),
                            subscription("change", change, stub_url(stub, "/old"), ""),
                            subscription("gone", gone, stub_url(stub, "/gone"), "")));
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--subscriptions", file));
    assert_int_equal(count_of(s), 3);
    wait_for(s, "keep", "source", "file");
    assert_problem(ask_for(s, "DELETE", "/keep"), 409, "conflict");
    struct http_answer *a = create(s, subscription("keep", keep, stub_url(stub, "/x"), ""));
    assert_problem(a, 409, "conflict");
    assert_non_null(strstr(a->body, "--subscriptions"));
    write_one(change, "one");
    assert_string_equal(stub_wait(stub, 0, WAIT_MS)->path, "/old");

    list_in_file(file, ARGS(subscription("keep", keep, stub_url(stub, "/keep"), ""),
                            subscription("change", change, stub_url(stub, "/new"), ""),
                            subscription("fresh", fresh, stub_url(stub, "/fresh"), "")));
    reload(s, "\"reloaded\"");
    assert_int_equal(count_of(s), 3);
    assert_problem(ask_for(s, "GET", "/gone"), 404, "not_found");
    write_one(change, "two");
    const struct stub_request *r = stub_wait(stub, 1, WAIT_MS * 2);
    assert_string_equal(r->path, "/new"); /* and `one` did not come again: it was committed */
    assert_non_null(strstr(r->body, "\"two\""));
    assert_null(strstr(r->body, "\"one\""));
    write_one(fresh, "three");
    assert_string_equal(stub_wait(stub, 2, WAIT_MS)->path, "/fresh");
    write_one(keep, "four");
    assert_string_equal(stub_wait(stub, 3, WAIT_MS)->path, "/keep");

    assert_http(ask_for(s, "POST", "/keep/pause"), 200);
    wait_for(s, "keep", "state", "paused");
    assert_http(ask_for(s, "POST", "/keep/resume"), 200);
    wait_for(s, "keep", "state", "running");
    serve_stop(s, 0, WAIT_MS);
}

static void a_faulty_file_changes_nothing_and_all_faults_are_logged(void **state)
{
    (void)state;
    const char *file = in_folder(new_folder(), "list.json");
    struct stub *stub = stub_start(NULL);
    const char *topic = witness_new_topic(witness, 1, NULL);
    list_in_file(file, ARGS(subscription("one", topic, stub_url(stub, "/one"), "")));
    struct serve *s = serve_start(ARGS(no_sign_in()), ARGS("--subscriptions", file));
    list_in_file(file, ARGS(json("{'callbackUrl':'ftp://x','config':{'groupId':'g'}}"),
                            json("{'id':'b','format':'xml'}")));
    reload(s, "reload_failed");
    const char *faults[] = { "/0/id",          "/0/callbackUrl", "/0/config/topic",
                             "/1/callbackUrl", "/1/format",      "/1/config/topic" };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        assert_non_null(strstr(serve_log(s), faults[i]));
    assert_null(strstr(serve_log(s), "\"error\":\"\""));
    write_file(file, "[{");
    reload(s, "reload_failed");
    unlink(file);
    reload(s, "reload_failed");
    assert_int_equal(count_of(s), 1);
    write_one(topic, "one");
    stub_wait(stub, 0, WAIT_MS);

    char by_id[1200];
    snprintf(by_id, sizeof(by_id), "{\"one\":%s}",
             subscription("one", topic, stub_url(stub, "/again"), ""));
    write_file(file, by_id); /* an object by ids is fine too */
    reload(s, "\"reloaded\"");
    wait_for(s, "one", "state", "running");
    serve_stop(s, 0, WAIT_MS);
}

static void a_faulty_file_at_the_start_ends_it(void **state)
{
    (void)state;
    const char *file = in_folder(new_folder(), "list.json");
    write_file(file, json("[{'id':'a','callbackUrl':'x'},{'id':'a b'}]"));
    assert_start_fails(ARGS("serve", "--listen", "127.0.0.1:0", "--subscriptions", file),
                       ARGS("0/callbackUrl", "0/config/groupId", "1/id", file));
    unlink(file);
    assert_start_fails(ARGS("serve", "--listen", "127.0.0.1:0", "--subscriptions", file),
                       ARGS(file));
}

#define subscriptions_test(test) cmocka_unit_test_teardown(test, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        subscriptions_test(one_is_created_seen_paused_resumed_and_deleted),
        subscriptions_test(all_that_is_wrong_is_said_at_once),
        subscriptions_test(settings_come_from_the_start_the_body_and_the_query),
        subscriptions_test(secrets_are_never_shown),
        subscriptions_test(credentials_of_requests_can_be_refused),
        subscriptions_test(link_local_callbacks_are_refused_unless_allowed),
        subscriptions_test(a_topic_that_is_missing_is_said_and_read_once_it_is_there),
        subscriptions_test(a_broker_that_is_down_is_failing_and_nothing_is_known),
        subscriptions_test(a_broker_that_is_back_is_running_again),
        subscriptions_test(what_is_not_accepted_is_behind),
        subscriptions_test(what_was_created_survives_kill_9),
        subscriptions_test(a_pause_by_the_receiver_survives_kill_9),
        subscriptions_test(a_second_server_on_the_folder_is_refused),
        subscriptions_test(torn_and_foreign_files_are_told_and_left_alone),
        subscriptions_test(leftovers_of_a_crash_and_folders_do_not_matter),
        subscriptions_test(what_cannot_be_stored_does_not_happen),
        subscriptions_test(sighup_adds_changes_and_removes),
        subscriptions_test(a_faulty_file_changes_nothing_and_all_faults_are_logged),
        subscriptions_test(a_faulty_file_at_the_start_ends_it),
    };
    return cmocka_run_group_tests_name("live/http_subscriptions", tests, live_setup,
                                       live_teardown);
}
