// SPDX-License-Identifier: Apache-2.0
/* cursor.c
 *
 * A token is base64url of: version, kind, number, topic, for a stream server and group, then
 * the count of partitions and for each how many partitions were left out before it and its
 * offset, and last a CRC-32 of all that. Numbers are varints: seven bits a byte, low ones
 * first, in their shortest form; texts have their length before them. So each cursor has one
 * token, and a token that is read and written again is the same. */
#include "component/cursor.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "component/topic.h"

#include <stdlib.h>
#include <string.h>

#define VERSION        1
#define CRC_BYTES      4
#define TEXT_MAX_BYTES 32767 /* of a group; Kafka keeps no longer one */
#define BINARY_MAX     (KC_CURSOR_MAX_BYTES / 4 * 3)
#define TRY_WITHOUT    "; start again without a cursor"

void kc_cursor_deinit(struct kc_cursor *c)
{
    free(c->topic);
    free(c->server);
    free(c->group_id);
    kc_positions_free(&c->positions);
    *c = (struct kc_cursor){ .kind = KC_CURSOR_POLL };
}

/* CRC-32 as zlib has it, four bits at a time. */
static uint32_t checksum(const char *p, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* --- writing --- */

static void put_number(struct kc_buf *b, uint64_t n)
{
    char bytes[10];
    size_t len = 0;
    for (; n >= 0x80; n >>= 7)
        bytes[len++] = (char)(n | 0x80);
    bytes[len++] = (char)n;
    kc_buf_append(b, bytes, len);
}

static void put_text(struct kc_buf *b, const char *s)
{
    struct kc_text t = s ? kc_text(s) : KC_LIT("");
    put_number(b, t.len);
    kc_buf_text(b, t);
}

static void put_positions(struct kc_buf *b, const struct kc_positions *positions)
{
    int64_t next = 0;
    put_number(b, positions->count);
    for (size_t i = 0; i < positions->count; i++) {
        const struct kc_position *p = &positions->list[i];
        put_number(b, (uint64_t)(p->partition - next));
        put_number(b, (uint64_t)p->offset);
        next = (int64_t)p->partition + 1;
    }
}

static void put_checksum(struct kc_buf *b)
{
    uint32_t crc = b->len ? checksum(b->data, b->len) : 0;
    const char bytes[CRC_BYTES] = { (char)crc, (char)(crc >> 8), (char)(crc >> 16),
                                    (char)(crc >> 24) };
    kc_buf_append(b, bytes, sizeof(bytes));
}

/* Base64 in its other alphabet, without padding. */
static bool put_token(struct kc_buf *out, const struct kc_buf *binary)
{
    size_t before = out->len;
    if (!kc_base64_encode(out, binary->data, binary->len))
        return false;
    while (out->data[out->len - 1] == '=')
        out->len--;
    for (size_t i = before; i < out->len; i++) {
        if (out->data[i] == '+')
            out->data[i] = '-';
        else if (out->data[i] == '/')
            out->data[i] = '_';
    }
    return true;
}

bool kc_cursor_encode(const struct kc_cursor *c, struct kc_buf *out, struct kc_error *err)
{
    struct kc_buf b;
    kc_buf_init(&b, BINARY_MAX);
    put_number(&b, VERSION);
    put_number(&b, c->kind);
    put_number(&b, c->number);
    put_text(&b, c->topic);
    if (c->kind == KC_CURSOR_STREAM) {
        put_text(&b, c->server);
        put_text(&b, c->group_id);
    }
    put_positions(&b, &c->positions);
    put_checksum(&b);
    bool ok = !b.is_full && c->positions.count <= KC_CURSOR_MAX_PARTITIONS;
    if (!ok)
        kc_error_set(err, KC_BAD_CURSOR, 0,
                     "the positions of %zu partitions of '%s' do not fit into a cursor of %d "
                     "bytes; read it as a stream or a subscription",
                     c->positions.count, c->topic, KC_CURSOR_MAX_BYTES);
    ok = ok && put_token(out, &b);
    kc_buf_deinit(&b);
    return ok;
}

/* --- reading --- */

struct input {
    const char *p, *end;
    bool is_bad; /* once something did not fit, nothing does */
};

static uint64_t take_number(struct input *in, uint64_t max)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64 && in->p < in->end; shift += 7) {
        unsigned char byte = (unsigned char)*in->p++;
        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (n > max || (byte == 0 && shift > 0))
            break;
        return n;
    }
    in->is_bad = true;
    return 0;
}

static char *take_text(struct input *in)
{
    size_t len = (size_t)take_number(in, TEXT_MAX_BYTES);
    if (in->is_bad || len > (size_t)(in->end - in->p) || memchr(in->p, '\0', len)) {
        in->is_bad = true;
        return NULL;
    }
    char *text = len ? kc_strndup(in->p, len) : NULL;
    in->p += len;
    return text;
}

static void take_positions(struct input *in, struct kc_positions *positions)
{
    size_t count = (size_t)take_number(in, KC_CURSOR_MAX_PARTITIONS);
    int64_t next = 0;
    for (size_t i = 0; i < count && !in->is_bad; i++) {
        int64_t partition = next + (int64_t)take_number(in, INT32_MAX);
        int64_t offset = (int64_t)take_number(in, INT64_MAX);
        in->is_bad |= partition > INT32_MAX;
        if (!in->is_bad)
            kc_positions_put(positions, (int32_t)partition, offset);
        next = partition + 1;
    }
}

static void take_cursor(struct input *in, struct kc_cursor *c)
{
    c->kind = (enum kc_cursor_kind)take_number(in, KC_CURSOR_STREAM);
    c->number = take_number(in, UINT64_MAX);
    c->topic = take_text(in);
    if (c->kind == KC_CURSOR_STREAM) {
        c->server = take_text(in);
        c->group_id = take_text(in);
    }
    take_positions(in, &c->positions);
    if (!c->topic || !kc_topic_is_valid(kc_text(c->topic)) || in->p != in->end)
        in->is_bad = true;
}

/* Whether a copy of the token decodes to something whole; in is then what its checksum is of.
 */
static bool open_token(char *copy, size_t len, struct input *in)
{
    size_t size;
    if (memchr(copy, '+', len) || memchr(copy, '/', len) || memchr(copy, '=', len) ||
        !kc_base64_decode(copy, len, &size) || size <= CRC_BYTES)
        return false;
    size -= CRC_BYTES;
    uint32_t crc = 0;
    for (size_t i = 0; i < CRC_BYTES; i++)
        crc |= (uint32_t)(unsigned char)copy[size + i] << 8 * i;
    *in = (struct input){ copy, copy + size, false };
    return crc == checksum(copy, size);
}

bool kc_cursor_decode(struct kc_cursor *c, struct kc_text token, struct kc_error *err)
{
    struct input in;
    *c = (struct kc_cursor){ .kind = KC_CURSOR_POLL };
    if (token.len == 0 || token.len > KC_CURSOR_MAX_BYTES) {
        kc_error_set(err, KC_BAD_CURSOR, 0, "a cursor has 1 to %d characters, this one %zu%s",
                     KC_CURSOR_MAX_BYTES, token.len, TRY_WITHOUT);
        return false;
    }
    char *copy = kc_strndup(token.p, token.len);
    bool is_whole = open_token(copy, token.len, &in);
    uint64_t version = is_whole ? take_number(&in, UINT64_MAX) : 0;
    if (is_whole && version == VERSION)
        take_cursor(&in, c);
    bool ok = is_whole && version == VERSION && !in.is_bad;
    free(copy);
    if (ok)
        return true;
    kc_cursor_deinit(c);
    if (is_whole && version != VERSION)
        kc_error_set(err, KC_BAD_CURSOR, 0, "the cursor was made by another version of us%s",
                     TRY_WITHOUT);
    else
        kc_error_set(err, KC_BAD_CURSOR, 0, "the cursor is broken or was cut off%s",
                     TRY_WITHOUT);
    return false;
}

bool kc_cursor_check(const struct kc_cursor *c, enum kc_cursor_kind kind, const char *topic,
                     struct kc_error *err)
{
    static const char *const kinds[] = {
        [KC_CURSOR_POLL] = "poll", [KC_CURSOR_STREAM] = "stream"
    };
    if (c->kind != kind) {
        kc_error_set(err, KC_BAD_CURSOR, 0, "this is the cursor of a %s, not of a %s%s",
                     kinds[c->kind], kinds[kind], TRY_WITHOUT);
        return false;
    }
    if (strcmp(c->topic, topic) != 0) {
        kc_error_set(err, KC_BAD_CURSOR, 0, "the cursor is of topic '%s', not of '%s'%s",
                     c->topic, topic, TRY_WITHOUT);
        return false;
    }
    return true;
}
