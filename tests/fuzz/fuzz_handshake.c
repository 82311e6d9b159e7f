// SPDX-License-Identifier: Apache-2.0
/* fuzz_handshake.c - whatever a stranger's port answers to Kafka's first words.
 *
 * An input is: which question; the answer, with a length and our number put in front where the
 * first byte is odd. */
#include "kafka/handshake.h"

#include "base/clock.h"

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 16384 /* what a pair of sockets takes without anybody reading */

static void put_in_front(struct kc_buf *out, size_t len)
{
    const unsigned char head[] = {
        0,    0,   (unsigned char)((len + 4) >> 8), (unsigned char)((len + 4) & 0xff), 0, 0,
        0x6b, 0x63
    };
    kc_buf_append(out, head, sizeof(head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text in = { (const char *)data, size < ANSWER_MAX ? size : ANSWER_MAX };
    uint8_t kind = take_byte(&in);
    struct kc_until until = { .ms = kc_now_ms() + 5000 };
    struct kc_probe p = { .until = &until };
    struct kc_offer offer;
    struct kc_buf answer;
    bool is_refused = false;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    p.fd = fds[0];
    kc_buf_init(&answer, KC_BUF_UNBOUNDED);
    if (kind & 1)
        put_in_front(&answer, in.len);
    kc_buf_text(&answer, in);
    CHECK(answer.len == 0 || write(fds[1], answer.data, answer.len) == (ssize_t)answer.len);
    shutdown(fds[1], SHUT_WR);
    switch (kind >> 1 & 3) {
    case 0:
        (void)!kc_handshake_kafka(&p, "me");
        break;
    case 1:
        if (kc_handshake_offer(&p, "me", "PLAIN", &offer)) {
            CHECK(memchr(offer.list, '\0', sizeof(offer.list)));
            for (const char *c = offer.list; *c; c++)
                CHECK(*c >= ' ' && *c < 0x7f);
        }
        break;
    default:
        (void)!kc_handshake_scram(&p, "me", "user", &is_refused);
    }
    kc_buf_deinit(&answer);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
