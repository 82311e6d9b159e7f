// SPDX-License-Identifier: Apache-2.0
#include "runtime/message.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char BOM[] = "\xef\xbb\xbf";

static bool read_value(struct kc_message *m, const struct kc_value *root, struct kc_error *err)
{
    if (kc_value_type(root) != KC_IS_OBJECT) {
        kc_error_set(err, KC_INPUT, 0, "a message is a JSON object, this is %s",
                     kc_value_type_name(root));
        return false;
    }

    const struct kc_value *event = NULL;
    const struct kc_value *key = kc_value_first(root);
    for (size_t i = kc_value_count(root); i > 0; i--) {
        struct kc_text name = kc_value_text(key);
        const struct kc_value *value = kc_value_of(key);
        if (kc_text_is(name, "body"))
            m->body = value;
        else if (kc_text_is(name, "id"))
            m->id = value;
        else if (kc_text_is(name, "headers"))
            m->headers = value;
        else if (kc_text_is(name, "passthrough"))
            m->passthrough = value;
        else if (kc_text_is(name, "event"))
            event = value;
        key = kc_value_next(value);
    }
    if (event) {
        struct kc_text kind = kc_value_text(event);
        m->is_skipped = kc_text_is(kind, "end") || kc_text_is(kind, "error");
    }
    if (!m->body) { /* then its members are the body's own */
        m->body = root;
        m->is_bare = true;
        m->headers = m->passthrough = NULL;
    }
    return true;
}

bool kc_message_read(struct kc_message *m, struct kc_json_reader *reader, char *text,
                     size_t len, struct kc_error *err)
{
    *m = (struct kc_message){ .text = text, .text_len = len, .at = "" };
    size_t skip = len >= 3 && memcmp(text, BOM, 3) == 0 ? 3 : 0;
    const struct kc_value *root = kc_json_read(reader, text + skip, len - skip, err);
    return root && read_value(m, root, err);
}

bool kc_message_of(struct kc_message *m, const struct kc_value *root, size_t text_len,
                   struct kc_error *err)
{
    *m = (struct kc_message){ .text_len = text_len, .at = "" };
    return read_value(m, root, err);
}

void kc_message_deinit(struct kc_message *m)
{
    free(m->text);
    *m = (struct kc_message){ 0 };
}

/* splitmix64: passes the usual tests, and ids need to be distinct, not secret. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t process_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t s = atomic_load_explicit(&seed, memory_order_relaxed);
    if (s)
        return s;
    uint64_t fresh;
    if (getrandom(&fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh))
        abort(); /* a kernel without randomness could give two replicas the same ids */
    fresh |= 1;
    return atomic_compare_exchange_strong(&seed, &s, fresh) ? fresh : s;
}

void kc_message_id(char out[KC_ID_SIZE])
{
    static _Atomic uint64_t counter;
    static const char hex[] = "0123456789abcdef";
    uint64_t seed = process_seed();
    uint64_t n = atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);
    uint64_t half[2] = { mix(seed + n * UINT64_C(0x9e3779b97f4a7c15)), mix(seed) ^ n };
    half[0] = (half[0] & ~UINT64_C(0xf000)) | 0x4000;                 /* version 4 */
    half[1] = (half[1] & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62); /* variant */
    char *p = out;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        *p++ = hex[half[i / 16] >> (60 - i % 16 * 4) & 15];
    }
    *p = '\0';
}
