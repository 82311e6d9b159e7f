// SPDX-License-Identifier: Apache-2.0
/* test_verify_cli.c - verify and models as a command: what is printed where settings cannot be
 * read, where the answer cannot be written, and what a peer that repeats secrets is quoted
 * with.
 */
#include "support/component.h"
#include "support/event.h"
#include "support/fail.h"
#include "support/secrets.h"
#include "support/stub.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MARKER      "marker/Secret+7c=19"
#define CREDENTIALS "KAFKA_COMPONENT_CREDENTIALS="

static struct run run_with(const char *const env[], const char *const args[])
{
    const char *all[8] = { "KAFKA_COMPONENT_CONFIG", "KAFKA_COMPONENT_CREDENTIALS",
                           "LOG_LEVEL" };
    for (size_t n = 3; env && *env && n < 7; env++, n++)
        all[n] = *env;
    return run_component(args, &(struct process_options){ .env = all }, "{\"value\":1}\n",
                         WAIT_MS);
}

static void holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static json_t *object_of(const struct run *run)
{
    json_t *object = json_loads(run->out, JSON_DISABLE_EOF_CHECK, NULL);
    const char *newline = strchr(run->out, '\n');
    if (!object || !newline || newline[1])
        fail_msg("not one object: %s%s", run->out, run->err);
    return object;
}

/* --- settings --- */

static void is_wrong(const char *const env[], const char *const args[], const char *reason)
{
    struct run run = run_with(env, args);
    assert_exit(&run, 78);
    json_t *object = object_of(&run);
    assert_event_str(object, "code", "config");
    holds(event_str(object, "reason"), reason);
    assert_int_equal(json_array_size(event_at(object, "errors")), 1);
    json_decref(object);
    run_free(&run);
}

static void what_cannot_be_read_is_the_only_fault_of_one_object(void **state)
{
    (void)state;
    is_wrong(NULL, ARGS("verify", "--credentials", "/nonexistent/kafka.json"), "No such file");
    is_wrong(ARGS(CREDENTIALS "/etc/kafka.json"), ARGS("verify"), "named with @ in front");
    is_wrong(ARGS(CREDENTIALS "{"), ARGS("verify"), "not valid JSON");
    is_wrong(ARGS("LOG_LEVEL=loud"), ARGS("verify"), "LOG_LEVEL is fatal, error");
}

static void a_wrong_command_line_is_a_usage_error(void **state)
{
    (void)state;
    const char *const *const wrong[] = {
        (const char *const[]){ "verify", "--log-level", "loud", NULL },
        (const char *const[]){ "verify", "--set", "foo", NULL },
        (const char *const[]){ "verify", "--embedded-broker", NULL },
        (const char *const[]){ "models", "topics", "--embedded-broker", NULL },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct run run = run_with(NULL, wrong[i]);
        assert_exit(&run, 64);
        assert_string_equal(run.out, "");
        holds(run.err, "--help");
        run_free(&run);
    }
}

static void what_is_not_used_and_what_goes_in_clear_are_warnings(void **state)
{
    (void)state;
    struct run run =
        run_with(ARGS(CREDENTIALS "{\"brokers\":\"127.0.0.1:1\",\"mechanism\":\"oauthbearer\","
                                  "\"username\":\"u\",\"password\":\"" MARKER "\","
                                  "\"tokenUrl\":\"http://login.example.com/t\"}"),
                 ARGS("verify"));
    assert_exit(&run, 69);
    json_t *object = object_of(&run);
    holds(event_str(object, "warnings.0.reason"), "tokenUrl: the client secret goes");
    assert_event_str(object, "warnings.0.code", "config");
    json_decref(object);
    run_free(&run);
}

static void a_token_url_in_clear_is_logged_once(void **state)
{
    (void)state;
    struct run run =
        run_with(ARGS(CREDENTIALS "{\"brokers\":\"127.0.0.1:1\",\"mechanism\":\"oauthbearer\","
                                  "\"username\":\"u\",\"password\":\"p\","
                                  "\"tokenUrl\":\"http://kc-test.invalid/t\"}"),
                 ARGS("run", "produce", "--set", "topic=t", "--set", "timeoutMs=1000"));
    const char *first = strstr(run.err, "token_url_in_clear");
    assert_non_null(first);
    assert_null(strstr(first + 1, "token_url_in_clear"));
    run_free(&run);
}

/* "::1:9092" is an address too: what was understood is seen. */
static void an_ipv6_address_is_shown_in_brackets(void **state)
{
    (void)state;
    struct run run = run_with(
        NULL, ARGS("verify", "--set", "brokers=::1 [::1]:2", "--set", "mechanism=none"));
    assert_exit(&run, 69);
    holds(run.out, "[::1]:9092: ");
    holds(run.out, "[::1]:2: ");
    run_free(&run);
}

/* --- stdout --- */

/* The answer is what it is for: where nobody gets it, it has failed. */
static void an_answer_that_cannot_be_written_is_exit_74(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "exec \"$KC_TEST_BINARY\" verify --set brokers=127.0.0.1:1 --set mechanism=none "
        ">/dev/full",
        "exec \"$KC_TEST_BINARY\" verify --set brokers=127.0.0.1:1 --set mechanism=none >&-",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int status = system(lines[i]); // NOLINT(cert-env33-c)
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 74);
    }
}

/* --- a broker that repeats what it was sent --- */

struct parrot {
    int fd, port;
    pthread_t thread;
};

static void put16(struct kc_buf *b, int n)
{
    kc_buf_append(b, (unsigned char[]){ (unsigned char)(n >> 8), (unsigned char)n }, 2);
}

static void put32(struct kc_buf *b, uint32_t n)
{
    put16(b, (int)(n >> 16));
    put16(b, (int)(n & 0xffff));
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Error, and what PLAIN was sent: as it is, and in base64. */
static void put_refusal(struct kc_buf *b, const unsigned char *said, size_t len)
{
    struct kc_buf words;
    kc_buf_init(&words, KC_BUF_UNBOUNDED);
    kc_buf_puts(&words, "no: ");
    for (size_t i = 0; i < len; i++)
        kc_buf_append(&words, said[i] ? (const char *)said + i : " ", 1);
    kc_buf_puts(&words, " Basic ");
    kc_base64_encode(&words, said, len);
    put16(b, 58);
    put16(b, (int)words.len);
    kc_buf_text(b, kc_buf_peek(&words));
    put32(b, 0);
    kc_buf_deinit(&words);
}

static void answer(struct kc_buf *b, const unsigned char *p, size_t len)
{
    static const int keys[][3] = { { 0, 0, 8 },  { 1, 0, 11 }, { 3, 0, 4 },
                                   { 17, 0, 1 }, { 18, 0, 0 }, { 36, 0, 0 } };
    int key = p[0] << 8 | p[1], version = p[2] << 8 | p[3];
    size_t name = (size_t)(p[8] << 8 | p[9]), body = 10 + name;
    put32(b, get32(p + 4));
    if (key == 18) {
        put16(b, version > 0 ? 35 : 0);
        put32(b, sizeof(keys) / sizeof(keys[0]));
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            for (size_t k = 0; k < 3; k++)
                put16(b, keys[i][k]);
        }
    } else if (key == 17) {
        put16(b, 0);
        put32(b, 2);
        put16(b, 5);
        kc_buf_puts(b, "PLAIN");
        put16(b, 11);
        kc_buf_puts(b, "OAUTHBEARER");
    } else if (key == 36 && len > body + 4) {
        put_refusal(b, p + body + 4, len - body - 4);
    }
}

static bool read_all(int fd, unsigned char *to, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, to, len);
        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static void *talk(void *arg)
{
    int fd = *(int *)arg;
    unsigned char head[4], request[4096];
    free(arg);
    while (read_all(fd, head, 4) && get32(head) >= 10 && get32(head) <= sizeof(request) &&
           read_all(fd, request, get32(head))) {
        struct kc_buf out, framed;
        kc_buf_init(&out, KC_BUF_UNBOUNDED);
        kc_buf_init(&framed, KC_BUF_UNBOUNDED);
        answer(&out, request, get32(head));
        put32(&framed, (uint32_t)out.len);
        kc_buf_text(&framed, kc_buf_peek(&out));
        bool ok = send(fd, framed.data, framed.len, MSG_NOSIGNAL) == (ssize_t)framed.len;
        kc_buf_deinit(&out);
        kc_buf_deinit(&framed);
        if (!ok)
            break;
    }
    close(fd);
    return NULL;
}

static void *listen_on(void *arg)
{
    const struct parrot *p = arg;
    for (;;) {
        pthread_t thread;
        int fd = accept(p->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        int *mine = malloc(sizeof(int));
        if (!mine)
            abort();
        *mine = fd;
        if (pthread_create(&thread, NULL, talk, mine) != 0)
            abort();
        pthread_detach(thread); /* it ends when the component hangs up */
    }
}

static void parrot_start(struct parrot *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        fail_test("no socket");
    assert_int_equal(bind(p->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(p->fd, 64), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, listen_on, p), 0);
}

static void parrot_stop(struct parrot *p)
{
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
}

/* The harness looks through all that is printed, at every level. */
static void is_refused(const char *setting, const char *code, const char *words)
{
    struct run run = run_with(ARGS(setting), ARGS("verify", "--log-level", "trace"));
    assert_exit(&run, 77);
    json_t *object = object_of(&run);
    assert_event_str(object, "code", code);
    const char *reason = event_str(object, "reason");
    holds(reason, words);
    assert_null(strstr(reason, "(after"));
    assert_null(strstr(reason, "bootstrap"));
    assert_null(strstr(reason, "://"));
    json_decref(object);
    run_free(&run);
    run = run_with(ARGS(setting),
                   ARGS("run", "produce", "--set", "topic=t", "--log-level", "trace"));
    assert_exit(&run, 77);
    holds(run.err, words);
    holds(run.out, words);
    run_free(&run);
    run = run_with(ARGS(setting), ARGS("run", "consume", "--set", "topic=t", "--set",
                                       "groupId=g", "--log-level", "trace"));
    assert_exit(&run, 77);
    holds(run.err, words);
    run_free(&run);
    run = run_with(ARGS(setting), ARGS("models", "topics", "--log-level", "trace"));
    assert_exit(&run, 77);
    holds(run.err, words);
    run_free(&run);
}

static void a_broker_that_repeats_the_password_is_quoted_without_it(void **state)
{
    (void)state;
    struct parrot parrot;
    char setting[300];
    parrot_start(&parrot);
    secrets_add(MARKER);
    snprintf(setting, sizeof(setting),
             CREDENTIALS "{\"brokers\":\"127.0.0.1:%d\",\"mechanism\":\"plain\","
                         "\"securityProtocol\":\"SASL_PLAINTEXT\",\"username\":\"alice\","
                         "\"password\":\"" MARKER "\"}",
             parrot.port);
    is_refused(setting, "sign_in_refused", "no:  alice *** Basic ");
    parrot_stop(&parrot);
}

/* The header as it came, and what is in it. */
static bool repeat_header(void *arg, const struct stub_request *request,
                          struct stub_answer *reply)
{
    static _Thread_local char body[600];
    const char *header = stub_header(request, "Authorization");
    char pair[200] = "";
    size_t len = 0;
    (void)arg;
    snprintf(pair, sizeof(pair), "%s", header ? header + strlen("Basic ") : "");
    if (!kc_base64_decode(pair, strlen(pair), &len))
        len = 0;
    snprintf(body, sizeof(body), "{\"error\":\"%.*s\",\"error_description\":\"no %s for %s\"}",
             (int)len, pair, header ? header : "", MARKER);
    *reply = (struct stub_answer){ .status = 401, .body = body };
    return true;
}

static void a_token_server_that_repeats_the_secret_is_quoted_without_it(void **state)
{
    (void)state;
    struct parrot parrot;
    char setting[400];
    parrot_start(&parrot);
    secrets_add(MARKER);
    struct stub *tokens = stub_start(&(struct stub_options){ .takes_secrets = true });
    stub_decide(tokens, repeat_header, NULL);
    snprintf(setting, sizeof(setting),
             CREDENTIALS "{\"brokers\":\"127.0.0.1:%d\",\"mechanism\":\"oauthbearer\","
                         "\"securityProtocol\":\"SASL_PLAINTEXT\",\"username\":\"alice\","
                         "\"password\":\"" MARKER "\",\"tokenUrl\":\"%s\"}",
             parrot.port, stub_url(tokens, "/t"));
    is_refused(setting, "token_refused", "alice:***");
    stub_stop(tokens);
    parrot_stop(&parrot);
}

#define cli_test(test) cmocka_unit_test_teardown(test, process_free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cli_test(what_cannot_be_read_is_the_only_fault_of_one_object),
        cli_test(a_wrong_command_line_is_a_usage_error),
        cli_test(what_is_not_used_and_what_goes_in_clear_are_warnings),
        cli_test(a_token_url_in_clear_is_logged_once),
        cli_test(an_ipv6_address_is_shown_in_brackets),
        cli_test(an_answer_that_cannot_be_written_is_exit_74),
        cli_test(a_broker_that_repeats_the_password_is_quoted_without_it),
        cli_test(a_token_server_that_repeats_the_secret_is_quoted_without_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
