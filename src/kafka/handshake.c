// SPDX-License-Identifier: Apache-2.0
#include "kafka/handshake.h"

#include "base/base64.h"
#include "base/buf.h"
#include "net/digest.h"

#include <string.h>

#define API_SASL_HANDSHAKE    17
#define API_VERSIONS          18
#define API_SASL_AUTHENTICATE 36
#define HEAD_BYTES            8             /* a size and our own number back */
#define ANSWER_MAX_BYTES      (1024 * 1024) /* lists of names and numbers are far smaller */
#define API_COUNT_MAX         1000
#define NUMBER                0x6b63

/* --- writing --- */

static void put_16(struct kc_buf *b, int v)
{
    const unsigned char bytes[] = { (unsigned char)(v >> 8 & 0xff), (unsigned char)(v & 0xff) };
    (void)kc_buf_append(b, bytes, sizeof(bytes));
}

static void put_32(struct kc_buf *b, size_t v)
{
    put_16(b, (int)(v >> 16 & 0xffff));
    put_16(b, (int)(v & 0xffff));
}

static void put_text(struct kc_buf *b, const char *s)
{
    size_t len = strlen(s) < INT16_MAX ? strlen(s) : INT16_MAX;
    put_16(b, (int)len);
    (void)kc_buf_append(b, s, len);
}

static bool ask(struct kc_probe *p, int api, int version, const char *client_id,
                const struct kc_buf *body)
{
    struct kc_buf head, all;
    kc_buf_init(&head, KC_BUF_UNBOUNDED);
    kc_buf_init(&all, KC_BUF_UNBOUNDED);
    put_16(&head, api);
    put_16(&head, version);
    put_32(&head, NUMBER);
    put_text(&head, client_id ? client_id : "");
    put_32(&all, head.len + (body ? body->len : 0));
    kc_buf_text(&all, kc_buf_peek(&head));
    if (body)
        kc_buf_text(&all, kc_buf_peek(body));
    bool ok = kc_probe_send(p, kc_buf_peek(&all));
    kc_buf_deinit(&head);
    kc_buf_deinit(&all);
    return ok;
}

/* --- reading --- */

struct reader {
    const unsigned char *at, *end;
    bool is_short; /* something was read that is not there */
};

static size_t take_number(struct reader *r, int bytes)
{
    size_t v = 0;
    if (r->end - r->at < bytes) {
        r->is_short = true;
        return 0;
    }
    while (bytes-- > 0)
        v = v << 8 | *r->at++;
    return v;
}

static int take_16(struct reader *r)
{
    return (int16_t)take_number(r, 2);
}

/* Absent where its length is -1. */
static struct kc_text take_text(struct reader *r)
{
    int len = take_16(r);
    if (len > r->end - r->at) {
        r->is_short = true;
        return KC_NO_TEXT;
    }
    if (len < 0 || r->is_short)
        return KC_NO_TEXT;
    struct kc_text t = { (const char *)r->at, (size_t)len };
    r->at += len;
    return t;
}

/* The answer's body, in memory. False with a fault, or without one when this is not Kafka. */
static bool take_answer(struct kc_probe *p, struct kc_buf *memory, struct reader *r)
{
    unsigned char head[HEAD_BYTES];
    if (!kc_probe_receive(p, head, sizeof(head)))
        return false;
    struct reader h = { head, head + sizeof(head), false };
    size_t size = take_number(&h, 4), number = take_number(&h, 4);
    if (size < 4 || size > ANSWER_MAX_BYTES || number != NUMBER)
        return false;
    char *to = kc_buf_reserve(memory, size);
    if (!to || !kc_probe_receive(p, to, size - 4))
        return false;
    memory->len = size - 4;
    *r = (struct reader){ (const unsigned char *)memory->data,
                          (const unsigned char *)memory->data + memory->len, false };
    return true;
}

/* --- what is asked --- */

bool kc_handshake_kafka(struct kc_probe *p, const char *client_id)
{
    struct kc_buf memory;
    struct reader r;
    kc_buf_init(&memory, ANSWER_MAX_BYTES + HEAD_BYTES);
    bool ok = ask(p, API_VERSIONS, 0, client_id, NULL) && take_answer(p, &memory, &r);
    if (ok) {
        int error = take_16(&r);
        size_t count = take_number(&r, 4);
        ok = !r.is_short && error == 0 && count > 0 && count <= API_COUNT_MAX;
    }
    kc_buf_deinit(&memory);
    return ok;
}

static void append_mechanism(struct kc_offer *offer, struct kc_text name)
{
    size_t used = strlen(offer->list);
    if (used + name.len + 3 > sizeof(offer->list))
        return;
    if (used > 0) {
        memcpy(offer->list + used, ", ", 2);
        used += 2;
    }
    for (size_t i = 0; i < name.len; i++)
        offer->list[used + i] = name.p[i] > ' ' && name.p[i] < 0x7f ? name.p[i] : '?';
    offer->list[used + name.len] = '\0';
}

bool kc_handshake_offer(struct kc_probe *p, const char *client_id, const char *mechanism,
                        struct kc_offer *offer)
{
    struct kc_buf body, memory;
    struct reader r;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_init(&memory, ANSWER_MAX_BYTES + HEAD_BYTES);
    *offer = (struct kc_offer){ 0 };
    put_text(&body, mechanism);
    bool ok = ask(p, API_SASL_HANDSHAKE, 1, client_id, &body) && take_answer(p, &memory, &r);
    if (ok) {
        offer->error = take_16(&r);
        size_t count = take_number(&r, 4);
        for (size_t i = 0; i < count && !r.is_short; i++) {
            struct kc_text name = take_text(&r);
            if (name.len > 0)
                append_mechanism(offer, name);
        }
        ok = !r.is_short;
    }
    kc_buf_deinit(&body);
    kc_buf_deinit(&memory);
    return ok;
}

/* RFC 5802: a comma and an equals sign have to be written otherwise. */
static void put_user(struct kc_buf *b, const char *user)
{
    for (; *user; user++) {
        if (*user == ',')
            (void)kc_buf_puts(b, "=2C");
        else if (*user == '=')
            (void)kc_buf_puts(b, "=3D");
        else
            (void)kc_buf_append(b, user, 1);
    }
}

bool kc_handshake_scram(struct kc_probe *p, const char *client_id, const char *user,
                        bool *is_refused)
{
    unsigned char dice[18];
    struct kc_buf first, body, memory;
    struct reader r;
    kc_buf_init(&first, KC_BUF_UNBOUNDED);
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_init(&memory, ANSWER_MAX_BYTES + HEAD_BYTES);
    kc_random_bytes(dice, sizeof(dice));
    kc_buf_puts(&first, "n,,n=");
    put_user(&first, user);
    kc_buf_puts(&first, ",r=");
    kc_base64_encode(&first, (const char *)dice, sizeof(dice));
    put_32(&body, first.len);
    kc_buf_text(&body, kc_buf_peek(&first));
    bool ok = ask(p, API_SASL_AUTHENTICATE, 0, client_id, &body) && take_answer(p, &memory, &r);
    if (ok) {
        *is_refused = take_16(&r) != 0;
        ok = !r.is_short;
    }
    kc_buf_deinit(&first);
    kc_buf_deinit(&body);
    kc_buf_deinit(&memory);
    return ok;
}
