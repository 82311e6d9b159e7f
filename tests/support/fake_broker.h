// SPDX-License-Identifier: Apache-2.0
/* fake_broker.h - a port that says the first words of Kafka as the test wants them, in the test
 * program itself: what no real broker does on demand. It listens on loopback, without TLS. */
#ifndef TESTS_SUPPORT_FAKE_BROKER_H
#define TESTS_SUPPORT_FAKE_BROKER_H

#include <stdbool.h>

/* Zeroed, it is a broker without sign-in that says of itself where it is. */
struct fake_broker_options {
    int hang_up_ms;         /* closes each connection so long after it came; 0: it talks */
    const char *mechanisms; /* the one on offer; NULL: this listener knows no sign-in */
    bool keeps_metadata;    /* never answers when it is asked for the brokers */
    bool drops_metadata;    /* hangs up then */
    int metadata_max;       /* answers it so many times; 0: always */
    const char *host;       /* where it says that it is; NULL: 127.0.0.1 */
    int port;               /* 0: its own */
    int brokers;            /* itself, and others at the ports after that, so many; 0: 1 */
};

struct fake_broker; /* opaque */

struct fake_broker *fake_broker_start(const struct fake_broker_options *options);
const char *fake_broker_at(const struct fake_broker *b); /* "127.0.0.1:PORT"; a loan */

/* Waits until whoever came has gone. */
void fake_broker_stop(struct fake_broker *b);

#endif
