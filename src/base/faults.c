// SPDX-License-Identifier: Apache-2.0
#include "base/faults.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void kc_faults_init(struct kc_faults *f)
{
    f->count = 0;
    f->dropped = 0;
    f->at = NULL;
}

void kc_faults_deinit(struct kc_faults *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->list[i].pointer);
        free(f->list[i].text);
    }
    kc_faults_init(f);
}

static char *join(const char *at, const char *pointer)
{
    struct kc_buf both;
    kc_buf_init(&both, KC_BUF_UNBOUNDED);
    kc_buf_puts(&both, at);
    kc_buf_puts(&both, pointer);
    return kc_buf_take(&both);
}

void kc_faults_add(struct kc_faults *f, const char *pointer, const char *fmt, ...)
{
    if (f->count == KC_FAULTS_MAX) {
        f->dropped++;
        return;
    }
    char text[KC_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    f->list[f->count].pointer = join(f->at ? f->at : "", pointer);
    f->list[f->count].text = kc_strdup(text);
    f->count++;
}

bool kc_faults_none(const struct kc_faults *f, enum kc_code code, struct kc_error *err)
{
    if (f->count == 0)
        return true;
    struct kc_buf text;
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < f->count; i++) {
        const char *pointer = f->list[i].pointer;
        kc_buf_puts(&text, i ? "; " : "");
        if (code == KC_CONFIG && pointer[0] == '/')
            kc_buf_printf(&text, "field '%s'", pointer + 1);
        else
            kc_buf_puts(&text, pointer[0] ? pointer : "the message");
        kc_buf_printf(&text, ": %s", f->list[i].text);
    }
    if (f->dropped)
        kc_buf_printf(&text, "; and %zu more", f->dropped);
    kc_error_set(err, code, 0, "%.*s", (int)text.len, text.data);
    kc_buf_deinit(&text);
    return false;
}
