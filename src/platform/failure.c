// SPDX-License-Identifier: Apache-2.0
/* failure.c - how errors travel between steps, of envelope.h. */
#include "platform/cipher.h"
#include "platform/envelope.h"
#include "platform/slices.h"

#include "base/base64.h"

#define NOT_AVAILABLE "Not Available"

/* --- out --- */

static void print_member(const char *name, const char *value, const char *fallback,
                         struct kc_buf *out)
{
    kc_buf_puts(out, name);
    kc_slice_print_text(kc_text(value && *value ? value : fallback), out);
}

/* {"name","message","stack"}, encrypted. */
static void print_error(const struct kc_failure *f, const struct kc_cipher *cipher,
                        struct kc_buf *base64)
{
    struct kc_buf plain;
    kc_buf_init(&plain, KC_BUF_UNBOUNDED);
    print_member("{\"name\":", f->name, "Error", &plain);
    print_member(",\"message\":", f->message, NOT_AVAILABLE, &plain);
    print_member(",\"stack\":", f->stack, NOT_AVAILABLE, &plain);
    kc_buf_puts(&plain, "}");
    kc_cipher_encrypt_base64(cipher, kc_buf_peek(&plain), base64);
    kc_buf_deinit(&plain);
}

/* What is encrypted in a queue of version 2 is encrypted so in base64 too: key and IV are the
 * same, so that its bytes are encoded as they stand. */
static void print_input(struct kc_text wire, int version, struct kc_buf *out)
{
    kc_buf_puts(out, ",\"errorInput\":");
    if (version < 2) {
        kc_slice_print_text(wire, out);
        return;
    }
    kc_buf_puts(out, "\"");
    kc_base64_encode(out, wire.p, wire.len);
    kc_buf_puts(out, "\"");
}

bool kc_failure_print(const struct kc_failure *f, const struct kc_cipher *cipher,
                      struct kc_text error_input, int in_version, struct kc_buf *out,
                      struct kc_buf *reply, struct kc_error *err)
{
    struct kc_buf error;
    kc_buf_init(&error, KC_BUF_UNBOUNDED);
    print_error(f, cipher, &error);
    kc_buf_puts(out, "{\"error\":\"");
    kc_buf_text(out, kc_buf_peek(&error));
    kc_buf_puts(out, "\"");
    if (error_input.p)
        print_input(error_input, in_version, out);
    kc_buf_puts(out, "}");
    if (reply)
        kc_buf_text(reply, kc_buf_peek(&error));
    kc_buf_deinit(&error);
    if (!out->is_full && !(reply && reply->is_full))
        return true;
    kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "the error has more than %zu bytes", out->max);
    return false;
}

/* --- in --- */

static bool is_encrypted(const struct kc_members *m)
{
    return m->value.len > 2 && kc_slice_is_string(m->value) &&
           (kc_slice_says(m->name, KC_LIT("error")) ||
            kc_slice_says(m->name, KC_LIT("errorInput")));
}

/* The JSON that a string holds, encrypted. */
static bool print_decrypted(struct kc_text string, const struct kc_cipher *cipher,
                            struct kc_buf *out, struct kc_error *err)
{
    struct kc_buf base64, plain;
    struct kc_text value = KC_NO_TEXT;
    kc_buf_init(&base64, KC_SLICE_MAX_BYTES);
    kc_buf_init(&plain, KC_SLICE_MAX_BYTES);
    kc_slice_decode(string, &base64);
    bool ok = kc_cipher_decrypt_base64(cipher, kc_buf_peek(&base64), &plain, err) &&
              kc_slice_value(kc_buf_peek(&plain), &value, err);
    if (ok)
        kc_buf_text(out, value);
    else
        kc_error_wrap(err, "the input of an error handler");
    kc_buf_deinit(&base64);
    kc_buf_deinit(&plain);
    return ok;
}

bool kc_envelope_print_error_input(struct kc_text wire, struct kc_text amqp_headers,
                                   const struct kc_cipher *cipher, struct kc_buf *out,
                                   struct kc_error *err)
{
    struct kc_members m;
    bool is_first = true;
    kc_buf_puts(out, "{\"body\":{");
    kc_members_walk(&m, wire);
    for (; kc_members_next(&m); is_first = false) {
        if (!is_first)
            kc_buf_puts(out, ",");
        kc_buf_text(out, m.name);
        kc_buf_puts(out, ":");
        if (!is_encrypted(&m))
            kc_buf_text(out, m.value);
        else if (!print_decrypted(m.value, cipher, out, err))
            return false;
    }
    if (!kc_members_end(&m, err))
        return false;
    kc_buf_puts(out, "},\"headers\":");
    kc_buf_text(out, amqp_headers.p ? amqp_headers : KC_LIT("{}"));
    kc_buf_puts(out, "}");
    if (out->is_full)
        kc_error_set(err, KC_INPUT_TOO_LARGE, 0, "the message has more than %zu bytes",
                     out->max);
    return !out->is_full;
}
