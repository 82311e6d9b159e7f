// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
    const char *name;
    enum kc_class class;
    int http;
    bool retriable;
    const char *sentence;
} codes[] = {
#define X(code, name, class, http, retriable, sentence)                                        \
    [KC_##code] = { name, KC_CLASS_##class, http, retriable, sentence },
    KC_ERROR_CODES(X)
#undef X
};

static const struct {
    const char *name;
    int exit_code;
} classes[] = {
    [KC_CLASS_NONE] = { "NoError", EX_OK },
    [KC_CLASS_CONFIG] = { "ConfigError", EX_CONFIG },
    [KC_CLASS_INPUT] = { "InputError", EX_DATAERR },
    [KC_CLASS_AUTH] = { "AuthError", EX_NOPERM },
    [KC_CLASS_TRANSIENT] = { "TransientError", EX_UNAVAILABLE },
    [KC_CLASS_PERMANENT] = { "PermanentError", EX_DATAERR },
    [KC_CLASS_INTERNAL] = { "InternalError", EX_SOFTWARE },
};

void kc_error_set(struct kc_error *err, enum kc_code code, int native, const char *fmt, ...)
{
    assert(code != KC_NONE);
    if (err->code != KC_NONE)
        return;
    err->code = code;
    err->native = native;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
}

void kc_error_wrap(struct kc_error *err, const char *fmt, ...)
{
    char context[KC_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    int wanted = vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    if (wanted <= 0)
        return;

    size_t cause_len = strlen(err->text);
    size_t context_len =
        (size_t)wanted < sizeof(context) ? (size_t)wanted : sizeof(context) - 1;
    size_t room = sizeof(err->text) - 1 - cause_len;
    if (room < sizeof(": "))
        return;
    if (context_len > room - 2)
        context_len = room - 2;
    memmove(err->text + context_len + 2, err->text, cause_len + 1);
    memcpy(err->text, context, context_len);
    memcpy(err->text + context_len, ": ", 2);
}

void kc_error_clear(struct kc_error *err)
{
    err->code = KC_NONE;
    err->native = 0;
    err->text[0] = '\0';
}

const char *kc_code_name(enum kc_code code)
{
    return codes[code].name;
}

const char *kc_code_sentence(enum kc_code code)
{
    return codes[code].sentence;
}

enum kc_class kc_code_class(enum kc_code code)
{
    return codes[code].class;
}

const char *kc_class_name(enum kc_class c)
{
    return classes[c].name;
}

int kc_code_http(enum kc_code code)
{
    return codes[code].http;
}

bool kc_code_retriable(enum kc_code code)
{
    return codes[code].retriable;
}

int kc_class_exit(enum kc_class c)
{
    return classes[c].exit_code;
}
