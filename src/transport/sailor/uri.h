// SPDX-License-Identifier: Apache-2.0
/* uri.h - amqp: and amqps: addresses. */
#ifndef KC_TRANSPORT_SAILOR_URI_H
#define KC_TRANSPORT_SAILOR_URI_H

#include "base/error.h"

struct kc_amqp_uri {
    bool is_tls;
    char *host; /* an IPv6 address without brackets */
    int port;
    char *user, *password; /* percent-decoded */
    char *vhost;
    int heartbeat_s; /* -1: what the server proposes */
    int frame_max;   /* 131072 where nothing is said */
    int channel_max; /* 0: no limit of ours */
};

/* CONFIG names what is wrong, without quoting the address. deinit is due either way. */
bool kc_amqp_uri_read(struct kc_amqp_uri *out, const char *uri,
                      struct kc_error *err) KC_MUST_CHECK;
void kc_amqp_uri_deinit(struct kc_amqp_uri *u); /* wipes; zeroed is fine */

#endif
