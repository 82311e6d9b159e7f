// SPDX-License-Identifier: Apache-2.0
/* test_http_access.c - who gets into `serve`: the API token, the address it listens on, TLS. */
#include "support/certs.h"
#include "support/component.h"
#include "support/fail.h"
#include "support/raw.h"
#include "support/serve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "a-token-of-the-tests-4c1f"

static int tidy(void **state)
{
    raw_free_all(state);
    serve_free_all(state);
    return process_free_all(state);
}

#define access_test(test) cmocka_unit_test_teardown(test, tidy)

/* --- The token --- */

static struct serve *start_with_token(const char *const args[])
{
    return serve_start(ARGS("KAFKA_COMPONENT_API_TOKEN=" TOKEN), args);
}

static void without_the_token_every_way_in_is_closed_but_the_probes(void **state)
{
    (void)state;
    struct serve *s = start_with_token(ARGS("--embedded-broker"));
    static const char *const wrong[] = { "Authorization;",
                                         "Authorization: Bearer",
                                         "Authorization: Bearer ",
                                         "Authorization: Bearer a-token-of-the-tests-4c1",
                                         "Authorization: Bearer " TOKEN "0",
                                         "Authorization: Bearer A-token-of-the-tests-4c1f",
                                         "Authorization: Basic YTpi",
                                         "Authorization: " TOKEN,
                                         "X-Api-Token: " TOKEN };
    char first[2000] = "";
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct http_answer *a = http_get(s->base, "/v1/component", ARGS(wrong[i]));
        assert_problem(a, 401, "unauthorized");
        assert_int_equal(
            strncmp(http_header(a, "WWW-Authenticate"), "Bearer", strlen("Bearer")), 0);
        assert_null(strstr(a->body, TOKEN));
        if (strstr(wrong[i], "Bearer a-")) /* wrong ones are all told the same */
            snprintf(first, sizeof(first), "%s", a->body);
        else if (strstr(wrong[i], "Bearer A-"))
            assert_string_equal(a->body, first);
    }
    assert_problem(http_post(s->base, "/v1/actions/produce", NULL, "{}"), 401, "unauthorized");
    assert_http(http_get(s->base, "/healthz", NULL), 200);
    assert_http(http_get(s->base, "/readyz", NULL), 200);
    assert_null(strstr(serve_log(s), TOKEN));
}

static void the_token_opens_from_the_environment_and_from_a_file(void **state)
{
    (void)state;
    struct serve *s = start_with_token(ARGS("--embedded-broker"));
    assert_http(http_get(s->base, "/v1/component", ARGS("Authorization: Bearer " TOKEN)), 200);
    assert_http(http_get(s->base, "/v1/component", ARGS("authorization: bearer " TOKEN)), 200);

    char path[] = "/tmp/kc-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(write(fd, TOKEN "-2\n", sizeof(TOKEN "-2\n") - 1) > 0);
    close(fd);
    s = start_with_token(ARGS("--embedded-broker", "--api-token-file", path));
    assert_http(http_get(s->base, "/v1/component", ARGS("Authorization: Bearer " TOKEN "-2")),
                200);
    assert_http(http_get(s->base, "/v1/component", ARGS("Authorization: Bearer " TOKEN)), 401);
    unlink(path);
}

/* Who looks at our process finds no token in its environment. */
static void the_token_does_not_stay_in_the_environment(void **state)
{
    (void)state;
    struct serve *s = start_with_token(ARGS("--embedded-broker"));
    char path[64], text[65536];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)process_pid(s->process));
    FILE *file = fopen(path, "r");
    if (!file && errno == EACCES)
        return; /* of a process that lets nobody look but root */
    if (!file)
        fail_test("%s cannot be read", path);
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    assert_true(size > 0);
    assert_null(memmem(text, size, TOKEN, strlen(TOKEN)));
}

static void assert_does_not_start(const char *const env[], const char *const args[], int code,
                                  const char *reason)
{
    struct run run =
        run_component(args, &(struct process_options){ .env = env }, NULL, WAIT_MS);
    assert_exit(&run, code);
    if (!strstr(run.err, reason))
        fail_msg("its reason is not '%s': %s", reason, run.err);
    run_free(&run);
}

static void other_machines_are_let_in_only_with_a_token(void **state)
{
    (void)state;
    static const char *const open[] = { "0.0.0.0:0", ":0", "[::]:0" };
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_does_not_start(NULL, ARGS("serve", "--embedded-broker", "--listen", open[i]), 78,
                              "token");
    assert_does_not_start(ARGS("KAFKA_COMPONENT_API_TOKEN=short"),
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:0"), 78,
                          "token");

    struct serve *s = start_with_token(ARGS("--listen", "0.0.0.0:0", "--embedded-broker"));
    char base[64];
    snprintf(base, sizeof(base), "http://127.0.0.1%s", strrchr(s->address, ':'));
    assert_http(http_get(base, "/healthz", ARGS("Host: kafka.internal.example")), 200);
    assert_http(http_get(base, "/v1/component", NULL), 401);
    assert_http(http_get(base, "/v1/component", ARGS("Authorization: Bearer " TOKEN)), 200);
}

static void the_token_is_not_taken_from_the_command_line(void **state)
{
    (void)state;
    assert_does_not_start(NULL, ARGS("serve", "--embedded-broker", "--api-token", TOKEN), 64,
                          "--api-token");
}

/* --- Addresses --- */

static void an_address_that_cannot_be_had_is_named(void **state)
{
    (void)state;
    struct serve *s = serve_start(NULL, ARGS("--embedded-broker"));
    assert_does_not_start(NULL, ARGS("serve", "--embedded-broker", "--listen", s->address), 78,
                          s->address);
    assert_does_not_start(NULL, ARGS("serve", "--embedded-broker", "--listen", "nowhere"), 78,
                          "nowhere");
    assert_does_not_start(NULL, ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:no"),
                          78, "127.0.0.1:no");
    assert_does_not_start(NULL,
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:99999"), 78,
                          "127.0.0.1:99999");
}

/* --- TLS --- */

static char folder[] = "/tmp/kc-tls-XXXXXX";
static struct certs certs;

static int make_certificates(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    certs_make(&certs, folder);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    struct run run = run_process(ARGS("rm", "-rf", folder), NULL, "", WAIT_MS);
    run_free(&run);
    return 0;
}

static struct http_answer *get_by_tls(struct serve *s, const char *ca, const char *versions)
{
    return http_finish_if_any(
        http_start(&(struct http_request){
            .base = s->base, .path = "/healthz", .ca_path = ca, .tls = versions }),
        WAIT_MS);
}

static void a_certificate_makes_it_https(void **state)
{
    (void)state;
    struct serve *s = serve_start(
        NULL, ARGS("--embedded-broker", "--tls-cert", certs.server, "--tls-key", certs.server));
    assert_int_equal(strncmp(s->base, "https://", 8), 0);
    struct http_answer *a = get_by_tls(s, certs.ca, NULL);
    assert_non_null(a);
    assert_http(a, 200);
    assert_non_null(get_by_tls(s, certs.ca, "1.2"));
    assert_non_null(get_by_tls(s, certs.ca, "1.3"));
    assert_null(get_by_tls(s, certs.ca, "1.1"));
    assert_null(get_by_tls(s, certs.other_ca, NULL)); /* whoever checks us sees who we are */
}

/* Where no answer can be put past the encryption, more of a body is read. */
static void a_body_beyond_the_limit_is_answered_over_tls_too(void **state)
{
    (void)state;
    static char piece[65536];
    struct serve *s =
        serve_start(NULL, ARGS("--embedded-broker", "--set", "topic=cars", "--tls-cert",
                               certs.server, "--tls-key", certs.server, "--max-body", "65536"));
    struct http *h = http_start(&(struct http_request){ .base = s->base,
                                                        .path = "/v1/actions/produce",
                                                        .is_upload = true,
                                                        .ca_path = certs.ca });
    memset(piece, ' ', sizeof(piece));
    for (int i = 0; i < 64; i++) /* 4 MiB */
        http_send(h, piece, sizeof(piece), WAIT_MS);
    http_send_end(h);
    assert_problem(http_finish(h, WAIT_MS), 413, "input_too_large");
}

static void plain_http_on_a_tls_port_gets_nothing_and_disturbs_nobody(void **state)
{
    (void)state;
    struct serve *s =
        serve_start(NULL, ARGS("--embedded-broker", "--tls-cert", certs.server, "--tls-key",
                               certs.server, "--header-timeout-ms", "1000"));
    struct raw *r = raw_open(s->base), *silent = raw_open(s->base);
    raw_say(r, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    raw_expect_close(r, WAIT_MS);
    assert_null(strstr(raw_text(r), "200 OK"));
    raw_expect_close(silent, 7000); /* a handshake that never begins has its time too */
    assert_http(get_by_tls(s, certs.ca, NULL), 200);
}

static void a_certificate_that_cannot_be_used_is_said_at_the_start(void **state)
{
    (void)state;
    assert_does_not_start(NULL,
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:0",
                               "--tls-cert", certs.server),
                          64, "--tls-key");
    assert_does_not_start(NULL,
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:0",
                               "--tls-cert", certs.server, "--tls-key", "/nowhere/key.pem"),
                          78, "/nowhere/key.pem");
    assert_does_not_start(NULL,
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:0",
                               "--tls-cert", certs.server, "--tls-key", certs.ca),
                          78, "--tls-key");
    assert_does_not_start(NULL,
                          ARGS("serve", "--embedded-broker", "--listen", "127.0.0.1:0",
                               "--tls-cert", certs.server, "--tls-key", certs.client),
                          78, "--tls-key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        access_test(without_the_token_every_way_in_is_closed_but_the_probes),
        access_test(the_token_opens_from_the_environment_and_from_a_file),
        access_test(the_token_does_not_stay_in_the_environment),
        access_test(other_machines_are_let_in_only_with_a_token),
        access_test(the_token_is_not_taken_from_the_command_line),
        access_test(an_address_that_cannot_be_had_is_named),
        access_test(a_certificate_makes_it_https),
        access_test(a_body_beyond_the_limit_is_answered_over_tls_too),
        access_test(plain_http_on_a_tls_port_gets_nothing_and_disturbs_nobody),
        access_test(a_certificate_that_cannot_be_used_is_said_at_the_start),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
