// SPDX-License-Identifier: Apache-2.0
/* fuzz_cursor.c - a token that is taken is the one that the cursor it holds is written as.
 *
 * The first byte says what the rest is: a token as it comes from outside, or the bytes below a
 * token, which are given a right checksum here, for chance would never find one; or a cursor's
 * own contents. */
#include "component/cursor.h"

#include "base/base64.h"

#include "fuzz.h"

static void check_texts(const struct kc_cursor *c)
{
    CHECK(c->topic && strlen(c->topic) > 0);
    CHECK(c->kind == KC_CURSOR_STREAM || (!c->server && !c->group_id));
    for (size_t i = 0; i < c->positions.count; i++) {
        const struct kc_position *p = &c->positions.list[i];
        CHECK(p->offset >= 0 && p->partition >= 0);
        CHECK(i == 0 || p->partition > c->positions.list[i - 1].partition);
    }
}

/* Whether it was taken; then it must come back as it is. */
static bool run_token(struct kc_text token)
{
    struct kc_cursor c;
    struct kc_error err = { 0 };
    struct kc_buf again;
    char *copy = copy_of(token, 0);
    bool ok = kc_cursor_decode(&c, (struct kc_text){ copy, token.len }, &err);
    CHECK(ok == (err.code == KC_NONE));
    if (ok) {
        kc_buf_init(&again, KC_BUF_UNBOUNDED);
        check_texts(&c);
        CHECK_SAY(kc_cursor_encode(&c, &again, &err), err.text);
        CHECK(is_equal(kc_buf_peek(&again), token));
        kc_buf_deinit(&again);
    }
    kc_cursor_deinit(&c);
    free(copy);
    return ok;
}

static uint32_t crc_of(struct kc_text t)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < t.len; i++) {
        crc ^= (unsigned char)t.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void run_sealed(struct kc_text bytes)
{
    struct kc_buf all, token;
    uint32_t crc = crc_of(bytes);
    kc_buf_init(&all, KC_BUF_UNBOUNDED);
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    kc_buf_text(&all, bytes);
    for (int i = 0; i < 4; i++) {
        char byte = (char)(crc >> 8 * i);
        kc_buf_append(&all, &byte, 1);
    }
    kc_base64_encode(&token, all.data, all.len);
    while (token.len && token.data[token.len - 1] == '=')
        token.len--;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];
        token.data[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    run_token(kc_buf_peek(&token));
    kc_buf_deinit(&all);
    kc_buf_deinit(&token);
}

static uint64_t take_number(struct kc_text *in)
{
    uint64_t n = 0;
    for (int i = take_byte(in) % 9; i > 0; i--)
        n = n << 8 | take_byte(in);
    return n;
}

static char *take_name(struct kc_text *in)
{
    char *name = copy_of(take(in, take_byte(in)), 1);
    if (*name)
        return name;
    free(name);
    return NULL;
}

/* Every cursor with a topic's name comes back. */
static void run_contents(struct kc_text in)
{
    struct kc_cursor c = { .kind = take_byte(&in) % 2 ? KC_CURSOR_STREAM : KC_CURSOR_POLL };
    struct kc_error err = { 0 };
    struct kc_buf token;
    c.topic = kc_strdup("cars.in_stock-7");
    c.number = take_number(&in);
    if (c.kind == KC_CURSOR_STREAM) {
        c.server = take_name(&in);
        c.group_id = take_name(&in);
    }
    while (in.len)
        kc_positions_put(&c.positions, (int32_t)(take_number(&in) & INT32_MAX),
                         (int64_t)(take_number(&in) & INT64_MAX));
    kc_buf_init(&token, KC_BUF_UNBOUNDED);
    if (kc_cursor_encode(&c, &token, &err))
        CHECK(run_token(kc_buf_peek(&token)));
    else
        CHECK(err.code == KC_BAD_CURSOR && token.len == 0);
    kc_buf_deinit(&token);
    kc_cursor_deinit(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text in = { (const char *)data, size };
    switch (take_byte(&in) % 3) {
    case 0:
        run_token(in);
        break;
    case 1:
        run_sealed(in);
        break;
    default:
        run_contents(in);
    }
    return 0;
}
