// SPDX-License-Identifier: Apache-2.0
/* fuzz_sailor.c - what stands in a step's queue is read and handed on as it was written.
 *
 * An input is: a byte that chooses; the rest. 0: bytes of a queue, raw and as base64. 1: a
 * message in the clear, on its way through a step. 2: the input of an error handler.
 * jansson is the witness of what is JSON; where it differs is written down in check_refused().
 */
#include "platform/cipher.h"
#include "platform/envelope.h"
#include "platform/slices.h"

#include "fuzz.h"

/* --- the two that the envelope asks for; there is no storage here --- */

bool kc_storage_put(struct kc_storage *s, struct kc_text json_text, struct kc_buf *id,
                    struct kc_error *err)
{
    (void)s;
    (void)err;
    CHECK(json_text.len > 0);
    return kc_buf_puts(id, "stored");
}

bool kc_storage_get(struct kc_storage *s, struct kc_text id, struct kc_buf *body,
                    struct kc_error *err)
{
    (void)s;
    if (id.len % 2) {
        kc_error_set(err, KC_NOT_FOUND, 0, "there is no such object");
        return false;
    }
    return kc_buf_puts(body, "{\"fetched\":true}");
}

static struct kc_cipher *cipher(void)
{
    struct kc_cipher *c;
    struct kc_error err = { 0 };
    CHECK(kc_cipher_open(&c, "testCryptoPassword", "iv=any16_symbols", &err));
    return c;
}

static struct kc_buf empty(void)
{
    struct kc_buf b;
    kc_buf_init(&b, KC_BUF_UNBOUNDED);
    return b;
}

/* --- 0: bytes --- */

static void check_round_trip(const struct kc_cipher *c, struct kc_text plain)
{
    struct kc_buf raw = empty(), base64 = empty(), again = empty();
    struct kc_error err = { 0 };
    kc_cipher_encrypt(c, plain, &raw);
    CHECK(raw.len == 16 * (plain.len / 16 + 1));
    CHECK(kc_cipher_decrypt(c, kc_buf_peek(&raw), &again, &err));
    CHECK(again.len == plain.len && (!plain.len || !memcmp(again.data, plain.p, plain.len)));
    kc_cipher_encrypt_base64(c, plain, &base64);
    CHECK(base64.len == (raw.len + 2) / 3 * 4);
    kc_buf_clear(&again);
    CHECK(kc_cipher_decrypt_base64(c, kc_buf_peek(&base64), &again, &err));
    CHECK(again.len == plain.len && (!plain.len || !memcmp(again.data, plain.p, plain.len)));
    kc_buf_deinit(&raw);
    kc_buf_deinit(&base64);
    kc_buf_deinit(&again);
}

/* Either an error, or a text that is encrypted to the same bytes again. */
static void check_decrypt(const struct kc_cipher *c, struct kc_text wire, bool is_base64)
{
    struct kc_buf plain = empty(), again = empty();
    struct kc_error err = { 0 };
    bool ok = is_base64 ? kc_cipher_decrypt_base64(c, wire, &plain, &err)
                        : kc_cipher_decrypt(c, wire, &plain, &err);
    CHECK(ok == (err.code == KC_NONE));
    CHECK(ok || (plain.len == 0 && err.code == KC_INPUT));
    if (ok && !is_base64) {
        kc_cipher_encrypt(c, kc_buf_peek(&plain), &again);
        CHECK(is_equal(kc_buf_peek(&again), wire));
    }
    kc_buf_deinit(&plain);
    kc_buf_deinit(&again);
}

static void check_bytes(const struct kc_cipher *c, struct kc_text in)
{
    check_round_trip(c, in);
    check_decrypt(c, in, false);
    check_decrypt(c, in, true);
}

/* --- 1: messages --- */

static json_t *load(struct kc_text t, json_error_t *why)
{
    return json_loadb(t.len ? t.p : "", t.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, why);
}

/* What jansson takes and we do not is too deep, as it goes further than we do, or has a NUL
 * after a number, which it loses: no JSON holds a NUL. */
static void check_refused(struct kc_text text, const struct kc_error *err)
{
    json_error_t why;
    json_t *witness = load(text, &why);
    CHECK(*err->text && err->code == KC_INPUT);
    CHECK_SAY(!json_is_object(witness) || strstr(err->text, "too many levels") ||
                  memchr(text.p, 0, text.len),
              err->text);
    json_decref(witness);
}

/* What we take and jansson does not is no UTF-8, half a surrogate pair, a number beyond its
 * types, a NUL in a name, or deeper than it goes. */
static json_t *witness_of(struct kc_text text)
{
    json_error_t why;
    json_t *witness = load(text, &why);
    if (!witness) {
        enum json_error_code code = json_error_code(&why);
        bool is_surrogate = code == json_error_invalid_syntax && strstr(why.text, "Unicode");
        CHECK_SAY(code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
                      code == json_error_invalid_utf8 || code == json_error_stack_overflow ||
                      is_surrogate,
                  why.text);
    }
    return witness;
}

static void check_member(json_t *witness, const char *name, struct kc_text slice)
{
    json_t *value = json_object_get(witness, name);
    CHECK_SAY(!value == !slice.p, name);
    if (!value)
        return;
    json_error_t why;
    json_t *ours = load(slice, &why);
    CHECK_SAY(ours && json_equal(ours, value), name);
    json_decref(ours);
}

static void check_message(const struct kc_envelope *e, json_t *witness)
{
    struct kc_buf out = empty();
    struct kc_error err = { 0 };
    struct kc_envelope again;
    kc_envelope_print_message(e, KC_LIT("reply"), &out);
    CHECK(kc_envelope_read(&again, kc_buf_peek(&out), &err));
    CHECK(!again.passthrough.p && again.body.p && again.headers.p);
    CHECK(!e->body.p || is_equal(again.body, e->body));
    CHECK(is_equal(again.id, e->id));
    if (witness && kc_slice_is_object(again.headers)) {
        json_error_t why;
        json_t *headers = load(again.headers, &why);
        const char *reply = json_string_value(json_object_get(headers, "reply_to"));
        CHECK(reply && strcmp(reply, "reply") == 0);
        json_decref(headers);
    }
    kc_buf_deinit(&out);
}

/* Every entry that came goes out byte for byte. */
static void check_entries(struct kc_text came, struct kc_text went)
{
    struct kc_members m;
    struct kc_buf name = empty();
    if (!kc_slice_is_object(came))
        return;
    kc_members_walk(&m, came);
    while (kc_members_next(&m)) {
        if (kc_slice_says(m.name, KC_LIT("self")))
            continue;
        kc_buf_clear(&name);
        kc_slice_decode(m.name, &name);
        CHECK(is_equal(kc_slice_get(went, kc_buf_peek(&name)),
                       kc_slice_get(came, kc_buf_peek(&name))));
    }
    kc_buf_deinit(&name);
}

static void check_emitted(const struct kc_envelope *in, const struct kc_envelope_rules *rules)
{
    struct kc_buf out = empty(), key = empty();
    struct kc_error err = { 0 };
    struct kc_envelope again;
    const struct kc_emitted m = { KC_LIT("new\"id"), in->body, in->headers };
    if (!kc_envelope_print(rules, in, KC_LIT("self"), &m, &out, &key, &err)) {
        CHECK(*err.text && out.len == 0);
    } else if (!kc_envelope_read(&again, kc_buf_peek(&out), &err)) {
        /* A body that no entry point takes, and in a passthrough it is deeper still. */
        CHECK_SAY(strstr(err.text, "too many levels"), err.text);
    } else {
        CHECK(kc_slice_says(again.id, m.id));
        CHECK(!again.passthrough.p == (rules->passthrough == KC_PASSTHROUGH_OFF));
        CHECK(rules->is_lightweight || !in->body.p || is_equal(again.body, in->body));
        if (rules->passthrough == KC_PASSTHROUGH_SELF && !rules->is_lightweight &&
            !rules->storage)
            check_entries(in->passthrough, again.passthrough);
    }
    kc_buf_deinit(&out);
    kc_buf_deinit(&key);
}

static void check_fetch(const struct kc_envelope *e, struct kc_storage *storage)
{
    struct kc_envelope fetched = *e;
    struct kc_buf memory = empty();
    struct kc_error err = { 0 };
    bool ok = kc_envelope_fetch_bodies(&fetched, storage, &memory, &err);
    CHECK(ok == (err.code == KC_NONE));
    CHECK(is_equal(fetched.id, e->id));
    CHECK((fetched.text.p == e->text.p) == (memory.len == 0));
    kc_buf_deinit(&memory);
}

static void check_envelope(struct kc_text in)
{
    uint8_t flags = take_byte(&in);
    struct kc_error err = { 0 };
    struct kc_envelope e;
    bool has_bom = in.len >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0;
    char *copy = copy_of(in, 0);
    struct kc_text text = { copy, in.len };
    bool ok = kc_envelope_read(&e, text, &err);
    if (has_bom)
        (void)take(&text, 3);
    if (ok) {
        static int nothing; /* a storage that is asked for nothing */
        struct kc_storage *storage = flags & 1 ? (struct kc_storage *)(void *)&nothing : NULL;
        const struct kc_envelope_rules rules = {
            .passthrough = (enum kc_passthrough)((flags >> 1) % 3),
            .step_id = "self",
            .is_lightweight = flags & 8,
            .storage_threshold = flags >> 4,
            .storage = storage,
        };
        json_t *witness = witness_of(text);
        if (witness) {
            check_member(witness, "id", e.id);
            check_member(witness, "body", e.body);
            check_member(witness, "headers", e.headers);
            check_member(witness, "passthrough", e.passthrough);
        }
        check_message(&e, witness);
        check_emitted(&e, &rules);
        check_fetch(&e, storage);
        json_decref(witness);
    } else {
        check_refused(text, &err);
    }
    free(copy);
}

/* --- 2: the input of an error handler --- */

static void check_error_input(const struct kc_cipher *c, struct kc_text in)
{
    struct kc_buf out = empty(), failure = empty();
    struct kc_error err = { 0 };
    struct kc_envelope e;
    if (kc_envelope_print_error_input(in, KC_NO_TEXT, c, &out, &err))
        CHECK_SAY(kc_envelope_read(&e, kc_buf_peek(&out), &err), err.text);
    else
        CHECK(*err.text);

    /* And as a failure's input: what is made of it is read again, or refused as it was. */
    const struct kc_failure f = { "Error", "boom", NULL };
    kc_error_clear(&err);
    CHECK(kc_failure_print(&f, c, in, 1 + (in.len & 1), &failure, NULL, &err));
    check_json(kc_buf_peek(&failure));
    kc_buf_deinit(&out);
    kc_buf_deinit(&failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kc_text in = { (const char *)data, size };
    struct kc_cipher *c = cipher();
    switch (take_byte(&in) % 3) {
    case 0:
        check_bytes(c, in);
        break;
    case 1:
        check_envelope(in);
        break;
    default:
        check_error_input(c, in);
    }
    kc_cipher_close(c);
    return 0;
}
