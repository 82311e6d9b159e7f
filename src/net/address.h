// SPDX-License-Identifier: Apache-2.0
/* address.h - which addresses a request from here may go to.
 *
 * URLs to call come from flows and from requests. Loopback and private networks are where
 * receivers live, so those are allowed; what no receiver has is refused, because it answers
 * with a machine's own secrets or reaches more than one machine: link-local addresses, the
 * metadata services of clouds, "this host", multicast and broadcast, in IPv4 and in each form
 * in which IPv6 can carry an IPv4 address.
 *
 * An allow list makes exceptions: a list of texts that ends with NULL (NULL: none), each a host
 * name ("metadata.example"), an address ("169.254.7.1", "fe80::1") or an address and a prefix
 * length ("169.254.7.0/24"). Nothing here looks a name up. Any thread. */
#ifndef KC_NET_ADDRESS_H
#define KC_NET_ADDRESS_H

#include "base/error.h"
#include "base/text.h"

#include <sys/socket.h>

/* An IPv4 or IPv6 address; one that IPv6 only carries for IPv4 is an IPv4 address here. */
struct kc_address {
    bool is_v4;
    unsigned char bytes[16]; /* of IPv4 the first four */
};

/* Reads a literal as resolvers do: dotted, also with fewer parts, decimal, octal or hexadecimal
 * ("2852039166" is 169.254.169.254), IPv6 with or without brackets and zone. False for a name.
 */
bool kc_address_parse(struct kc_text text, struct kc_address *out);

/* False for anything but an IPv4 or IPv6 address. */
bool kc_address_from(const struct sockaddr *socket_address, size_t len, struct kc_address *out);

bool kc_address_is_refused(const struct kc_address *address, const char *const *allow);

#define KC_ADDRESS_SIZE 46 /* what the longest address needs, with its NUL */
void kc_address_format(const struct kc_address *address, char out[KC_ADDRESS_SIZE]);

/* Whether the allow list names this host itself, in any case of letters. */
bool kc_host_is_allowed(struct kc_text host, const char *const *allow);

/* False, and a CONFIG error, when this is not something an allow list may hold. */
bool kc_allow_check(const char *entry, struct kc_error *err) KC_MUST_CHECK;

#endif
