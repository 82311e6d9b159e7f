// SPDX-License-Identifier: Apache-2.0
/* test_sailor_link.c - one connection to a real RabbitMQ: what the broker is told, whom we
 * trust, and the words for what went wrong. */
#include "transport/sailor/link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "support/amqp.h"
#include "support/fail.h"
#include "support/rabbit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

#define WAIT_MS 15000

static struct kc_link *link_to(const char *text, int timeout_ms, struct kc_error *err)
{
    struct kc_amqp_uri uri;
    struct kc_link *l = NULL;
    *err = (struct kc_error){ 0 };
    assert_true(kc_amqp_uri_read(&uri, text, err));
    const struct kc_link_conf conf = {
        .uri = &uri, .role = "read", .timeout_ms = timeout_ms, .confirms = true
    };
    if (!kc_link_open(&l, &conf, err))
        assert_null(l);
    kc_amqp_uri_deinit(&uri);
    return l;
}

static struct kc_link *open_link(const char *uri)
{
    struct kc_error err;
    struct kc_link *l = link_to(uri, WAIT_MS, &err);
    if (!l)
        fail_msg("%s", err.text);
    return l;
}

/* In the texts of format, %d is the port. */
static void assert_refused(const char *uri, enum kc_code code, const char *part)
{
    struct kc_error err;
    struct kc_link *l = link_to(uri, WAIT_MS, &err);
    if (l)
        fail_msg("%s was signed in to", uri);
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: '%s' (%s)", uri, err.text, kc_code_name(err.code));
    assert_null(strstr(err.text, "Secret"));
}

static const char *at(const char *format, int port)
{
    static char text[256];
    (void)snprintf(text, sizeof(text), "%.*s%d%s", (int)(strchr(format, '#') - format), format,
                   port, strchr(format, '#') + 1);
    return text;
}

/* --- What the broker is told --- */

static void the_broker_knows_its_name_and_what_it_can(void **state)
{
    (void)state;
    struct kc_link *l = open_link(rabbit->uri);
    char host[128] = "", name[160];
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(name, sizeof(name), "%s-read", host);
    rabbit_wait_connections(rabbit, name, 1, WAIT_MS);
    assert_string_equal(
        rabbit_eval(rabbit,
                    "[C] = rabbit_networking:connections(),"
                    "[{_, P}] = rabbit_networking:connection_info(C, [client_properties]),"
                    "{_, _, Product} = lists:keyfind(<<\"product\">>, 1, P),"
                    "{_, _, Can} = lists:keyfind(<<\"capabilities\">>, 1, P),"
                    "[binary_to_list(Product) |"
                    " lists:sort([binary_to_list(K) || {K, bool, true} <- Can,"
                    " K /= <<\"exchange_exchange_bindings\">>])]."),
        "[\"kafka-component\", \"authentication_failure_close\", \"basic.nack\", "
        "\"connection.blocked\", \"consumer_cancel_notify\", \"publisher_confirms\"]");
    kc_link_close(l, true);
    rabbit_wait_connections(rabbit, name, 0, WAIT_MS);
}

static void small_frames_leave_at_once(void **state)
{
    (void)state;
    struct kc_link *l = open_link(rabbit->uri);
    int is_on = 0;
    socklen_t len = sizeof(is_on);
    assert_int_equal(getsockopt(kc_link_fd(l), IPPROTO_TCP, TCP_NODELAY, &is_on, &len), 0);
    assert_int_equal(is_on, 1);
    kc_link_close(l, true);
}

static void the_smaller_heartbeat_counts(void **state)
{
    (void)state;
    char uri[128];
    struct kc_link *l = open_link(rabbit->uri);
    assert_int_equal(kc_link_heartbeat_ms(l), 30000);
    assert_int_equal(amqp_get_frame_max(kc_link_state(l)), 131072);
    kc_link_close(l, true);
    (void)snprintf(uri, sizeof(uri), "%s/?heartbeat=7&frameMax=4096", rabbit->uri);
    l = open_link(uri);
    assert_int_equal(kc_link_heartbeat_ms(l), 3500);
    assert_int_equal(amqp_get_frame_max(kc_link_state(l)), 4096);
    kc_link_close(l, true);
}

/* --- Signing in --- */

static void another_user_and_vhost_are_taken_from_the_address(void **state)
{
    (void)state;
    struct kc_link *l = open_link(rabbit->alice_uri);
    kc_link_close(l, false);
}

static void a_wrong_password_is_refused_by_name_of_the_user(void **state)
{
    (void)state;
    assert_refused(at("amqp://alice:Secret-wrong@127.0.0.1:#/", rabbit->port), KC_AUTH,
                   "the broker refused to sign user 'alice' in: ACCESS_REFUSED");
}

static void a_vhost_that_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused(at("amqp://127.0.0.1:#/no%2Fsuch", rabbit->port), KC_CONFIG,
                   "vhost 'no/such': NOT_ALLOWED");
    assert_refused(at("amqp://alice:rabbit%3ASecret%2F4e8b@127.0.0.1:#/", rabbit->port),
                   KC_AUTH, "vhost '/': NOT_ALLOWED");
}

/* --- Reaching it --- */

static int listening(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_test("no socket");
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void what_cannot_be_reached_is_named(void **state)
{
    (void)state;
    char wanted[128];
    int port;
    (void)close(listening(&port));
    (void)snprintf(wanted, sizeof(wanted),
                   "AMQP, 127.0.0.1:%d: nothing accepts a connection there", port);
    assert_refused(at("amqp://127.0.0.1:#", port), KC_UNREACHABLE, wanted);
    (void)snprintf(wanted, sizeof(wanted), "AMQP, [::1]:%d: ", port);
    assert_refused(at("amqp://[::1]:#", port), KC_UNREACHABLE, wanted);
    assert_refused("amqp://no-such-host.invalid", KC_UNREACHABLE, "no-such-host.invalid");
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
    (void)state;
    struct kc_error err;
    int port, fd = listening(&port);
    int64_t before = kc_now_ms();
    assert_null(link_to(at("amqp://127.0.0.1:#", port), 500, &err));
    assert_int_equal(err.code, KC_TIMEOUT);
    assert_null(link_to(at("amqps://127.0.0.1:#", port), 500, &err));
    assert_int_equal(err.code, KC_TIMEOUT);
    assert_in_range(kc_now_ms() - before, 900, 15000);
    (void)close(fd);
}

/* --- TLS --- */

static void tls_trusts_the_authorities_of_the_system_only(void **state)
{
    (void)state;
    unsetenv("SSL_CERT_FILE");
    assert_refused(rabbit->tls_uri, KC_UNTRUSTED, "their certificate was not accepted");
    setenv("SSL_CERT_FILE", rabbit->certs.ca, 1);
    kc_link_close(open_link(rabbit->tls_uri), true);
    kc_link_close(open_link(at("amqps://guest:guest@127.0.0.1:#/", rabbit->tls_port)), true);
    unsetenv("SSL_CERT_FILE");
}

static void tls_wants_a_certificate_for_this_host(void **state)
{
    (void)state;
    struct rabbit *other =
        rabbit_start(&(struct rabbit_options){ .server_certificate = "wrong_name" });
    setenv("SSL_CERT_FILE", other->certs.ca, 1);
    assert_refused(at("amqps://guest:guest@127.0.0.1:#/", other->tls_port), KC_UNTRUSTED,
                   "IP address mismatch");
    assert_refused(at("amqps://guest:guest@localhost:#/", other->tls_port), KC_UNTRUSTED,
                   "hostname mismatch");
    unsetenv("SSL_CERT_FILE");
    rabbit_free(other);
}

static void tls_and_plain_ports_are_not_mixed_up_in_silence(void **state)
{
    (void)state;
    assert_refused(at("amqps://127.0.0.1:#", rabbit->port), KC_UNREACHABLE,
                   "the TLS handshake failed: is this a port for TLS?");
    assert_refused(at("amqp://127.0.0.1:#", rabbit->tls_port), KC_UNREACHABLE, "signing in");
}

/* --- Using it --- */

struct interrupter {
    struct kc_link *link;
    pthread_t thread;
};

static void *interrupt_soon(void *arg)
{
    struct interrupter *i = arg;
    usleep(100000);
    kc_link_interrupt(i->link);
    return NULL;
}

static void another_thread_can_end_a_wait(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    amqp_frame_t frame;
    struct interrupter i = { .link = open_link(rabbit->uri) };
    int64_t before = kc_now_ms();
    assert_int_equal(kc_link_frame(i.link, 0, &frame, &err), 0);
    kc_thread_start(&i.thread, "interrupter", interrupt_soon, &i);
    assert_int_equal(kc_link_frame(i.link, WAIT_MS, &frame, &err), -1);
    assert_in_range(kc_now_ms() - before, 90, 5000);
    assert_int_equal(err.code, KC_UNREACHABLE);
    assert_true(strcmp(err.text, "the connection was closed") == 0 ||
                strcmp(err.text, "the connection broke") == 0); /* which is seen first varies */
    pthread_join(i.thread, NULL);
    kc_link_close(i.link, true);
}

static void the_broker_closing_the_connection_is_an_error_with_its_words(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    amqp_frame_t frame;
    struct kc_link *l = open_link(rabbit->uri);
    rabbit_close_connections(rabbit, "-read");
    assert_int_equal(kc_link_frame(l, WAIT_MS, &frame, &err), -1);
    assert_int_equal(err.code, KC_UNREACHABLE);
    assert_int_equal(err.native, 320);
    assert_non_null(
        strstr(err.text, "Connection closed: 320 (CONNECTION-FORCED) with message"));
    kc_link_close(l, true);
}

static void the_broker_closing_the_channel_is_an_error_too(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    amqp_frame_t frame;
    struct kc_link *l = open_link(rabbit->uri);
    amqp_basic_ack(kc_link_state(l), KC_LINK_CHANNEL, 99, 0);
    assert_int_equal(kc_link_frame(l, WAIT_MS, &frame, &err), -1);
    assert_int_equal(err.native, 406);
    assert_string_equal(err.text, "Channel closed: 406 (PRECONDITION-FAILED) with message "
                                  "\"PRECONDITION_FAILED - unknown delivery tag 99\"");
    kc_link_close(l, true);
}

#define link_test(test) cmocka_unit_test_teardown(test, rabbit_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        link_test(the_broker_knows_its_name_and_what_it_can),
        link_test(small_frames_leave_at_once),
        link_test(the_smaller_heartbeat_counts),
        link_test(another_user_and_vhost_are_taken_from_the_address),
        link_test(a_wrong_password_is_refused_by_name_of_the_user),
        link_test(a_vhost_that_is_missing_is_named),
        link_test(what_cannot_be_reached_is_named),
        link_test(a_server_that_says_nothing_is_given_up),
        link_test(tls_trusts_the_authorities_of_the_system_only),
        link_test(tls_wants_a_certificate_for_this_host),
        link_test(tls_and_plain_ports_are_not_mixed_up_in_silence),
        link_test(another_thread_can_end_a_wait),
        link_test(the_broker_closing_the_connection_is_an_error_with_its_words),
        link_test(the_broker_closing_the_channel_is_an_error_too),
    };
    return cmocka_run_group_tests(tests, rabbit_setup, rabbit_teardown);
}
