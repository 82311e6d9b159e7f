// SPDX-License-Identifier: Apache-2.0
/* The first words of Kafka's protocol, over a pair of sockets: what is asked, and what of an
 * answer is believed. */
#include "kafka/handshake.h"

#include "base/clock.h"
#include "support/fail.h"
#include "unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

/* A probe whose peer has said this and hung up; what was asked is in `asked` afterwards. */
struct talk {
    struct kc_probe probe;
    struct kc_until until;
    int peer;
    char asked[512];
    size_t asked_len;
};

static void begin(struct talk *t, const char *answer, size_t len)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        fail_test("no sockets");
    *t = (struct talk){ .peer = fds[1] };
    atomic_init(&t->until.ms, kc_now_ms() + 5000);
    t->probe = (struct kc_probe){ .fd = fds[0], .until = &t->until };
    t->probe.stage = KC_PROBE_OPEN;
    assert_int_equal(write(t->peer, answer, len), len);
    shutdown(t->peer, SHUT_WR);
}

static void end(struct talk *t)
{
    ssize_t n = read(t->peer, t->asked, sizeof(t->asked));
    t->asked_len = n > 0 ? (size_t)n : 0;
    close(t->peer);
    close(t->probe.fd);
}

#define HEAD(size) "\0\0\0" size "\0\0\x6b\x63" /* a length, and our number back */

static bool is_kafka(const char *answer, size_t len)
{
    struct talk t;
    begin(&t, answer, len);
    bool ok = kc_handshake_kafka(&t.probe, "me");
    end(&t);
    assert_same_bytes((struct kc_text){ t.asked, t.asked_len },
                      BYTES("\0\0\0\x0c\0\x12\0\0\0\0\x6b\x63\0\x02me"));
    return ok;
}

#define IS_KAFKA(answer) is_kafka(answer, sizeof(answer) - 1)

static void kafka_is_who_answers_with_versions(void **state)
{
    (void)state;
    assert_true(IS_KAFKA(HEAD("\x10") "\0\0\0\0\0\1\0\x12\0\0\0\4"));
    assert_false(IS_KAFKA(HEAD("\x10") "\0\x23\0\0\0\1\0\x12\0\0\0\4")); /* an error */
    assert_false(IS_KAFKA(HEAD("\x0a") "\0\0\0\0\0\0"));                 /* knows nothing */
    assert_false(IS_KAFKA(HEAD("\x06") "\0\0"));                         /* ends too soon */
    assert_false(IS_KAFKA("\0\0\0\x10\0\0\0\x01\0\0\0\0\0\1\0\x12\0\0\0\4"));
    assert_false(IS_KAFKA("HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_false(IS_KAFKA("\x7f\xff\xff\xff\0\0\x6b\x63")); /* two gigabytes are to come */
    assert_false(IS_KAFKA("\0\0\0\0\0\0\x6b\x63"));
    assert_false(IS_KAFKA(""));
}

static bool offers(const char *answer, size_t len, struct kc_offer *offer)
{
    struct talk t;
    begin(&t, answer, len);
    bool ok = kc_handshake_offer(&t.probe, "me", "PLAIN", offer);
    end(&t);
    assert_same_bytes((struct kc_text){ t.asked, t.asked_len },
                      BYTES("\0\0\0\x13\0\x11\0\1\0\0\x6b\x63\0\x02me\0\5PLAIN"));
    return ok;
}

#define OFFERS(answer, offer) offers(answer, sizeof(answer) - 1, offer)

static void mechanisms_on_offer_are_listed(void **state)
{
    (void)state;
    struct kc_offer offer;
    assert_true(OFFERS(HEAD("\x14") "\0\x21\0\0\0\2\0\5PLAIN\0\1\x1b", &offer));
    assert_int_equal(offer.error, 33);
    assert_string_equal(offer.list, "PLAIN, ?"); /* nothing that steers a terminal */
    assert_true(OFFERS(HEAD("\x0a") "\0\x22\0\0\0\0", &offer));
    assert_int_equal(offer.error, KC_ILLEGAL_SASL_STATE);
    assert_string_equal(offer.list, "");
}

static void an_offer_that_lies_about_its_length_is_none(void **state)
{
    (void)state;
    struct kc_offer offer;
    assert_false(OFFERS(HEAD("\x0a") "\0\0\0\0\0\2", &offer));          /* two, but none */
    assert_false(OFFERS(HEAD("\x0f") "\0\0\0\0\0\1\0\x7fPLA", &offer)); /* a long one */
    assert_false(OFFERS(HEAD("\x0a") "\0\0\x7f\xff\xff\xff", &offer));  /* two billion */
    assert_true(OFFERS(HEAD("\x0c") "\0\0\0\0\0\1\xff\xff", &offer));   /* an absent name */
    assert_string_equal(offer.list, "");
}

static void the_first_message_of_scram_is_as_the_rfc_has_it(void **state)
{
    (void)state;
    struct talk t;
    bool is_refused = false;
    static const char no[] = HEAD("\x0c") "\0\x3a\xff\xff\0\0\0\0";
    begin(&t, no, sizeof(no) - 1);
    assert_true(kc_handshake_scram(&t.probe, "me", "a,b=c", &is_refused));
    end(&t);
    assert_true(is_refused);
    t.asked[t.asked_len] = '\0';
    assert_holds(t.asked + 20, "n,,n=a=2Cb=3Dc,r=");
    static const char yes[] = HEAD("\x0c") "\0\0\xff\xff\0\0\0\0";
    begin(&t, yes, sizeof(yes) - 1);
    assert_true(kc_handshake_scram(&t.probe, "me", "a", &is_refused));
    assert_false(is_refused);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafka_is_who_answers_with_versions),
        cmocka_unit_test(mechanisms_on_offer_are_listed),
        cmocka_unit_test(an_offer_that_lies_about_its_length_is_none),
        cmocka_unit_test(the_first_message_of_scram_is_as_the_rfc_has_it),
    };
    return cmocka_run_group_tests_name("unit/handshake", tests, NULL, NULL);
}
