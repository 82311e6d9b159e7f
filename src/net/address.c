// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 255 /* a name has no more bytes */

/* A network in the form in which it is compared: the first `bits` of `bytes`. */
struct network {
    bool is_v4;
    unsigned bits;
    unsigned char bytes[16];
};

static const struct network refused[] = {
    { true, 8, { 0 } },                   /* 0.0.0.0/8, this host */
    { true, 16, { 169, 254 } },           /* link-local, most clouds' metadata */
    { true, 4, { 224 } },                 /* multicast */
    { true, 32, { 255, 255, 255, 255 } }, /* broadcast */
    { true, 32, { 100, 100, 100, 200 } }, /* metadata: Alibaba Cloud */
    { true, 32, { 192, 0, 0, 192 } },     /* metadata: Oracle Cloud */
    { true, 32, { 168, 63, 129, 16 } },   /* Azure's wire server */
    { false, 128, { 0 } },                /* ::, this host */
    { false, 10, { 0xfe, 0x80 } },        /* link-local */
    { false, 8, { 0xff } },               /* multicast */
    { false, 32, { 0x20, 0x01 } },        /* Teredo, which hides an IPv4 address */
    { false, 128, { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 } }, /* metadata: AWS */
    { false, 128, { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54 } }, /* metadata: Google Cloud */
};

/* Where IPv6 carries an IPv4 address, and at which byte. */
static const struct {
    struct network network;
    size_t at;
} carriers[] = {
    { { false, 96, { [10] = 0xff, 0xff } }, 12 },                  /* ::ffff:0:0/96, mapped */
    { { false, 96, { 0x00, 0x64, 0xff, 0x9b } }, 12 },             /* 64:ff9b::/96, NAT64 */
    { { false, 96, { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 } }, 12 }, /* … of a network's own */
    { { false, 96, { [8] = 0xff, 0xff } }, 12 }, /* ::ffff:0:0:0/96, translated */
    { { false, 16, { 0x20, 0x02 } }, 2 },        /* 2002::/16, 6to4 */
    { { false, 96, { 0 } }, 12 },                /* ::/96, compatible */
};

static bool is_in(const struct kc_address *a, const struct network *n)
{
    size_t whole = n->bits / 8;
    unsigned rest = n->bits % 8;
    if (a->is_v4 != n->is_v4 || memcmp(a->bytes, n->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ n->bytes[whole]) >> (8 - rest) == 0;
}

/* --- reading addresses --- */

static void set_v4(struct kc_address *out, const void *bytes)
{
    memset(out, 0, sizeof(*out));
    out->is_v4 = true;
    memcpy(out->bytes, bytes, 4);
}

static void set_v6(struct kc_address *out, const struct in6_addr *in)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->bytes, in, 16);
    if (IN6_IS_ADDR_UNSPECIFIED(in) || IN6_IS_ADDR_LOOPBACK(in))
        return; /* these look like carried addresses and are none */
    for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
        if (is_in(out, &carriers[i].network)) {
            set_v4(out, (const unsigned char *)in + carriers[i].at);
            return;
        }
    }
}

bool kc_address_parse(struct kc_text text, struct kc_address *out)
{
    char host[HOST_MAX + 1];
    struct in6_addr v6;
    struct in_addr v4;
    if (text.len >= 2 && text.p[0] == '[' && text.p[text.len - 1] == ']')
        text = (struct kc_text){ text.p + 1, text.len - 2 };
    if (text.len == 0 || text.len > HOST_MAX || memchr(text.p, '\0', text.len))
        return false;
    memcpy(host, text.p, text.len);
    host[text.len] = '\0';

    if (strchr(host, ':')) {
        host[strcspn(host, "%")] = '\0'; /* a zone does not change whose address it is */
        if (inet_pton(AF_INET6, host, &v6) != 1)
            return false;
        set_v6(out, &v6);
        return true;
    }
    if (text.len > 1 && host[text.len - 1] == '.')
        host[text.len - 1] = '\0';
    /* inet_aton() stops at blanks and would take "127.1 and more" */
    if (host[strspn(host, "0123456789abcdefABCDEFxX.")] || inet_aton(host, &v4) == 0)
        return false;
    set_v4(out, &v4);
    return true;
}

bool kc_address_from(const struct sockaddr *socket_address, size_t len, struct kc_address *out)
{
    if (socket_address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, socket_address, sizeof(v4));
        set_v4(out, &v4.sin_addr);
        return true;
    }
    if (socket_address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, socket_address, sizeof(v6));
        set_v6(out, &v6.sin6_addr);
        return true;
    }
    return false;
}

void kc_address_format(const struct kc_address *address, char out[KC_ADDRESS_SIZE])
{
    if (!inet_ntop(address->is_v4 ? AF_INET : AF_INET6, address->bytes, out, KC_ADDRESS_SIZE))
        out[0] = '\0';
}

/* --- the allow list --- */

/* "ADDRESS" or "ADDRESS/BITS"; false when it is neither. */
static bool parse_network(const char *entry, struct network *out)
{
    struct kc_address address;
    const char *slash = strchr(entry, '/');
    int64_t bits;
    size_t len = slash ? (size_t)(slash - entry) : strlen(entry);
    if (!kc_address_parse((struct kc_text){ entry, len }, &address))
        return false;
    bits = address.is_v4 ? 32 : 128;
    if (slash && address.is_v4 && memchr(entry, ':', len))
        return false; /* a network of carried addresses is written as the IPv4 network */
    if (slash && !kc_text_int(kc_text(slash + 1), 0, bits, &bits))
        return false;
    out->is_v4 = address.is_v4;
    out->bits = (unsigned)bits;
    memcpy(out->bytes, address.bytes, sizeof(out->bytes));
    return true;
}

bool kc_address_is_refused(const struct kc_address *address, const char *const *allow)
{
    struct network allowed;
    for (; allow && *allow; allow++) {
        if (parse_network(*allow, &allowed) && is_in(address, &allowed))
            return false;
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (is_in(address, &refused[i]))
            return true;
    }
    return false;
}

bool kc_host_is_allowed(struct kc_text host, const char *const *allow)
{
    if (host.len > 1 && host.p[host.len - 1] == '.')
        host.len--; /* the root's dot: the same name */
    for (; allow && *allow; allow++) {
        if (strlen(*allow) == host.len && strncasecmp(*allow, host.p, host.len) == 0)
            return true;
    }
    return false;
}

bool kc_allow_check(const char *entry, struct kc_error *err)
{
    static const char name[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    struct network network;
    size_t len = strlen(entry);
    if (parse_network(entry, &network))
        return true;
    /* an IPv4 address that is wrong must not pass for a name */
    bool is_name = len > 0 && len <= HOST_MAX && strspn(entry, name) == len &&
                   entry[strspn(entry, "0123456789.")] != '\0';
    if (is_name)
        return true;
    kc_error_set(err, KC_CONFIG, 0,
                 "'%.300s' is not a host name, an address or an address/prefix", entry);
    return false;
}
