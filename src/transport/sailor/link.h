// SPDX-License-Identifier: Apache-2.0
/* link.h - one connection to RabbitMQ with one channel: address, TLS, login, capabilities,
 * TCP_NODELAY, heartbeats, and words for what went wrong.
 *
 * A link belongs to one thread, but for kc_link_interrupt(). After an error it is of no use any
 * more but to be closed. */
#ifndef KC_TRANSPORT_SAILOR_LINK_H
#define KC_TRANSPORT_SAILOR_LINK_H

#include "base/error.h"
#include "base/sync.h"
#include "transport/sailor/uri.h"

#include "transport/sailor/amqp.h"

#define KC_LINK_CHANNEL 1

struct kc_link; /* opaque */

struct kc_link_conf {
    const struct kc_amqp_uri *uri;
    const char *role; /* "read", "write": the connection is named HOSTNAME-ROLE */
    int timeout_ms;   /* of connecting and signing in as a whole */
    bool confirms;    /* the channel answers what is published */
};

/* UNREACHABLE, UNTRUSTED, AUTH (login refused), TIMEOUT, CONFIG. */
bool kc_link_open(struct kc_link **out, const struct kc_link_conf *conf,
                  struct kc_error *err) KC_MUST_CHECK;

/* Between two tries of a first connection: logs and clears err, and waits. False, with err
 * STOPPED, where the halt is said, which may be NULL. */
bool kc_link_wait_to_retry(const char *role, int wait_ms, struct kc_halt *halt,
                           struct kc_error *err) KC_MUST_CHECK;

void kc_link_close(struct kc_link *l, bool politely); /* politely waits a second at most */

amqp_connection_state_t kc_link_state(struct kc_link *l);
int kc_link_fd(const struct kc_link *l);
int kc_link_heartbeat_ms(const struct kc_link *l); /* something is to be said this often */

/* Shuts the socket down, so that a call of the owner's that waits in it fails. Any thread,
 * while the link is open. */
void kc_link_interrupt(struct kc_link *l);

/* The next frame, waiting up to wait_ms (0: only what is here); heartbeats are answered and
 * sent meanwhile. 1: *frame is one, 0: none came, -1: the link is broken and err says how; that
 * is also what the broker's closing of the connection or the channel comes to.
 * Memory of earlier frames is given back by kc_link_release(), once nobody needs it. */
int kc_link_frame(struct kc_link *l, int wait_ms, amqp_frame_t *frame, struct kc_error *err);
void kc_link_release(struct kc_link *l);

/* What a reply of rabbitmq-c or a close method means: code and text, such as
 * "Operation failed: BasicConsume; 404 (NOT-FOUND) …". what is the platform's word for the
 * operation. False when the reply was normal. */
bool kc_link_failed(struct kc_link *l, const char *what, amqp_rpc_reply_t reply,
                    struct kc_error *err);

/* The same for calls that give a status (amqp_basic_publish() and the like): false when it was
 * AMQP_STATUS_OK. what may be NULL. */
bool kc_link_broke(struct kc_link *l, const char *what, int status, struct kc_error *err);

#endif
