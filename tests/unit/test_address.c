// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include "net/http.h"

#include "unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct kc_address address(const char *text)
{
    struct kc_address a;
    if (!kc_address_parse(kc_text(text), &a))
        fail_msg("'%s' is an address", text);
    return a;
}

static bool is_refused(const char *text, const char *const *allow)
{
    struct kc_address a = address(text);
    return kc_address_is_refused(&a, allow);
}

static const char *const refused[] = {
    /* link-local, where most clouds keep their metadata; the edges of the network */
    "169.254.169.254",
    "169.254.0.0",
    "169.254.255.255",
    "169.254.170.2",
    /* the same in other words */
    "2852039166",
    "0xA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.16689662",
    "169.254.43518",
    "025177524776",
    "169.254.169.254.",
    "[::ffff:169.254.169.254]",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe", /* a network of their own */
    "2001:0:1::1",          /* Teredo */
    "2002:a9fe:a9fe::1",
    "::ffff:0:169.254.169.254",
    /* the metadata services elsewhere */
    "100.100.100.200",
    "::ffff:100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "[fd00:0ec2:0:0:0:0:0:254]",
    "fd20:ce::254",
    /* this host */
    "0.0.0.0",
    "0",
    "0x0",
    "0.255.255.255",
    "::",
    "[::]",
    "::ffff:0.0.0.0",
    "::ffff:0.1.2.3",
    /* more than one host */
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "4294967295",
    "ff02::1",
    "ffff::",
    "::ffff:224.0.0.1",
    "2002:e000:1::",
    /* link-local again */
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::1%25eth0]",
    "febf:ffff::1",
};

static const char *const taken[] = {
    /* loopback and private networks: where receivers live */
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "fd00::1",
    "fc00::254",
    /* the neighbours of what is refused */
    "169.253.255.255",
    "169.255.0.0",
    "1.0.0.0",
    "223.255.255.255",
    "240.0.0.1",
    "255.255.255.254",
    "100.100.100.199",
    "100.100.100.201",
    "192.0.0.191",
    "192.0.0.193",
    "168.63.129.15",
    "fd00:ec2::253",
    "fd00:ec2::1:254",
    "fec0::1",
    "fe7f:ffff::1",
    "feff::1",
    "::ffff:169.253.0.1",
    "2002:a9fd:ffff::1",
    /* the world */
    "8.8.8.8",
    "93.184.216.34",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2001:db8::1",
};

static void what_no_receiver_has_is_refused_in_each_of_its_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        if (!is_refused(refused[i], NULL))
            fail_msg("%s is to be refused", refused[i]);
    }
}

static void what_a_receiver_may_have_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        if (is_refused(taken[i], NULL))
            fail_msg("%s is to be taken", taken[i]);
    }
}

static void names_and_other_texts_are_no_addresses(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        ".",
        "..",
        "localhost",
        "example.com",
        "1.2.3.4.5",
        "1.2.3.256",
        "256.1",
        "1..2",
        "4294967296",
        "0x1ffffffff",
        "127.0.0.1 ",
        " 127.0.0.1",
        "127.0.0.1\n",
        "127.0.0.1:80",
        "127.0.0.1/8",
        "[127.0.0.1",
        "[]",
        ":",
        ":::",
        "1::2::3",
        "fe80",
        "12345::",
        "::ffff:1.2.3.256",
        "0x",
        "08.1.1.1",
        "a.b",
    };
    struct kc_address a;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (kc_address_parse(kc_text(others[i]), &a))
            fail_msg("'%s' is not an address", others[i]);
    }
    assert_false(kc_address_parse(BYTES("127.0.0.1\0.example.com"), &a));
    assert_false(kc_address_parse(KC_NO_TEXT, &a));
}

static void a_socket_s_address_is_the_one_that_it_stands_for(void **state)
{
    (void)state;
    char text[KC_ADDRESS_SIZE];
    struct kc_address a;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr other = { .sa_family = AF_UNIX };
    assert_int_equal(inet_pton(AF_INET, "169.254.7.1", &v4.sin_addr), 1);
    assert_true(kc_address_from((struct sockaddr *)&v4, sizeof(v4), &a));
    kc_address_format(&a, text);
    assert_string_equal(text, "169.254.7.1");

    assert_int_equal(inet_pton(AF_INET6, "::ffff:169.254.7.1", &v6.sin6_addr), 1);
    assert_true(kc_address_from((struct sockaddr *)&v6, sizeof(v6), &a));
    kc_address_format(&a, text);
    assert_string_equal(text, "169.254.7.1");
    assert_true(kc_address_is_refused(&a, NULL));

    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr), 1);
    assert_true(kc_address_from((struct sockaddr *)&v6, sizeof(v6), &a));
    kc_address_format(&a, text);
    assert_string_equal(text, "2001:db8::7");

    assert_false(kc_address_from(&other, sizeof(other), &a));
    assert_false(kc_address_from((struct sockaddr *)&v4, 4, &a));
    assert_false(kc_address_from((struct sockaddr *)&v6, 8, &a));
}

/* --- the allow list --- */

#define ALLOW(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void the_allow_list_makes_exceptions(void **state)
{
    (void)state;
    assert_false(is_refused("169.254.7.1", ALLOW("169.254.7.1")));
    assert_true(is_refused("169.254.7.2", ALLOW("169.254.7.1")));
    assert_false(is_refused("::ffff:169.254.7.1", ALLOW("169.254.7.1")));
    assert_false(is_refused("169.254.7.1", ALLOW("::ffff:169.254.7.1")));
    assert_false(is_refused("169.254.7.255", ALLOW("hook.example", "169.254.7.0/24")));
    assert_true(is_refused("169.254.8.0", ALLOW("hook.example", "169.254.7.0/24")));
    assert_false(is_refused("169.254.6.0", ALLOW("169.254.7.0/23")));
    assert_false(is_refused("224.0.0.1", ALLOW("0.0.0.0/0")));
    assert_true(is_refused("fe80::1", ALLOW("0.0.0.0/0")));
    assert_false(is_refused("fe80::7", ALLOW("fe80::/64")));
    assert_true(is_refused("fe80:0:0:1::7", ALLOW("fe80::/64")));
    assert_false(is_refused("fd00:ec2::254", ALLOW("[fd00:ec2::254]")));
    assert_true(is_refused("169.254.7.1", ALLOW("hook.example")));
    assert_false(is_refused("::", ALLOW("::/0")));
}

static void a_host_is_allowed_by_its_name(void **state)
{
    (void)state;
    const char *const *allow = ALLOW("169.254.7.1", "Metadata.example");
    assert_true(kc_host_is_allowed(BYTES("metadata.example"), allow));
    assert_true(kc_host_is_allowed(BYTES("METADATA.EXAMPLE."), allow));
    assert_false(kc_host_is_allowed(BYTES("a.metadata.example"), allow));
    assert_false(kc_host_is_allowed(BYTES("metadata.example.org"), allow));
    assert_false(kc_host_is_allowed(BYTES("etadata.example"), allow));
    assert_false(kc_host_is_allowed(BYTES(""), allow));
    assert_false(kc_host_is_allowed(BYTES("metadata.example"), NULL));
}

static void what_an_allow_list_cannot_hold_is_named(void **state)
{
    (void)state;
    static const char *const good[] = { "hook.example",   "hook",      "a_b-c.1", "169.254.7.1",
                                        "169.254.0.0/16", "::1",       "[::1]",   "fe80::/10",
                                        "10.0.0.0/0",     "1.2.3.4/32" };
    static const char *const wrong[] = {
        "",           "http://hook.example", "hook.example:80", "hook.example/path",
        "1.2.3.4/33", "fe80::/129",          "1.2.3.4/",        "1.2.3.4/-1",
        "1.2.3.4/x",  "1.2.3.4.5",           "1.2.3.256",       "*.example",
        "a b",        "::ffff:0:0/96",       "2002::/16",       "[::1]:80"
    };
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!kc_allow_check(good[i], &err))
            fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (kc_allow_check(wrong[i], &err))
            fail_msg("'%s' is to be refused", wrong[i]);
        assert_error(&err, KC_CONFIG, "is not a host name, an address or an address/prefix");
    }
}

/* --- URLs --- */

static void a_url_to_call_has_http_and_a_host(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://localhost",       "https://hook.example/path?query=1#part",
        "HTTP://127.0.0.1:8080/", "https://[::1]:8443/hook",
        "http://10.1.2.3/a%20b",  "https://h\xc3\xb6k.example/",
        "http://hook.example./",
    };
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!kc_http_check_url(good[i], NULL, &err))
            fail_msg("%s: %s", good[i], err.text);
    }
}

static void any_other_url_is_refused_with_its_reason_and_not_shown(void **state)
{
    (void)state;
    static const struct {
        const char *url, *reason;
    } wrong[] = {
        { "", "there is no URL" },
        { NULL, "there is no URL" },
        { "hook.example", "neither http:// nor https://" },
        { "/path", "" },
        { "ftp://hook.example/", "neither http:// nor https://" },
        { "file:///etc/passwd", "neither http:// nor https://" },
        { "gopher://127.0.0.1:9092/x", "neither http:// nor https://" },
        { "javascript:alert(1)", "" },
        { "http://", "" },
        { "http:///", "" },
        { "http://user:hunter2@hook.example/", "a user or password" },
        { "https://hunter2@hook.example/", "a user or password" },
        { "http://hook.example\\@127.0.0.1/", "backslash" },
        { "http://hook.example/a b", "blank" },
        { " http://hook.example/", "blank" },
        { "http://hook.example/\r\nX: y", "control byte" },
        { "http://hook.example/\x7f", "control byte" },
        { "http://hook.example:99999/", "not a URL" },
        { "http://hook.example:port/", "not a URL" },
        { "http://[::1/", "not a URL" },
    };
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (kc_http_check_url(wrong[i].url, NULL, &err))
            fail_msg("'%s' is to be refused", wrong[i].url);
        assert_lacks(err.text, "hunter2");
        assert_error(&err, KC_CONFIG, wrong[i].reason);
    }
}

static void a_url_is_at_most_2048_bytes_long(void **state)
{
    (void)state;
    struct kc_error err = { 0 };
    char *url = repeated("x", KC_URL_MAX + 1);
    memcpy(url, "http://hook.example/", 20);
    assert_false(kc_http_check_url(url, NULL, &err));
    assert_error(&err, KC_CONFIG, "longer than 2048");
    url[KC_URL_MAX] = '\0';
    assert_true(kc_http_check_url(url, NULL, &err));
    free(url);
}

static void a_literal_address_that_is_refused_is_no_url_to_call(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xA9FEA9FE/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://169.254.169.254./",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]:80/",
        "http://%31%36%39.254.169.254/",
        "http://[fe80::1]/",
        "http://[fe80::1%25lo]/",
        "http://0/",
        "http://0.0.0.0:8080/",
        "https://[::]/",
        "http://224.0.0.1/",
        "http://[fd00:ec2::254]/latest/",
        "https://100.100.100.200/",
        "http://192.0.0.192/",
    };
    struct kc_error err = { 0 };
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        if (kc_http_check_url(urls[i], NULL, &err))
            fail_msg("%s is to be refused", urls[i]);
        assert_error(&err, KC_ADDRESS_REFUSED, "are not allowed here");
    }
    assert_true(kc_http_check_url("http://169.254.7.1/", ALLOW("169.254.0.0/16"), &err));
    assert_true(kc_http_check_url("http://2851997441/", ALLOW("169.254.7.1"), &err));
    assert_true(kc_http_check_url("http://[::ffff:169.254.7.1]/", ALLOW("169.254.7.1"), &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_receiver_has_is_refused_in_each_of_its_forms),
        cmocka_unit_test(what_a_receiver_may_have_is_taken),
        cmocka_unit_test(names_and_other_texts_are_no_addresses),
        cmocka_unit_test(a_socket_s_address_is_the_one_that_it_stands_for),
        cmocka_unit_test(the_allow_list_makes_exceptions),
        cmocka_unit_test(a_host_is_allowed_by_its_name),
        cmocka_unit_test(what_an_allow_list_cannot_hold_is_named),
        cmocka_unit_test(a_url_to_call_has_http_and_a_host),
        cmocka_unit_test(any_other_url_is_refused_with_its_reason_and_not_shown),
        cmocka_unit_test(a_url_is_at_most_2048_bytes_long),
        cmocka_unit_test(a_literal_address_that_is_refused_is_no_url_to_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
