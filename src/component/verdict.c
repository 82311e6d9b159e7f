// SPDX-License-Identifier: Apache-2.0
#include "component/verdict.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "runtime/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX    16
#define WARNINGS_MAX 64
#define ERRORS_MAX   64
#define WIDTH        92 /* of the table */
#define COLUMN       26 /* where its texts begin */

static const struct cause {
    const char *code;
    int exit_code;
    const char *meaning, *remedy;
} causes[] = {
#define X(cause, code, exit_code, meaning, remedy)                                             \
    [KC_CAUSE_##cause] = { code, exit_code, meaning, remedy },
    KC_CAUSES(X)
#undef X
};

struct step {
    const char *name; /* a literal */
    char *detail;     /* owned; NULL */
    int64_t ms;
    bool is_over, is_fine;
};

struct warning {
    enum kc_cause cause;
    char *text;
};

struct place {
    char *pointer, *message;
};

struct kc_verdict {
    struct step steps[STEPS_MAX];
    size_t step_count;
    int64_t begun_ms;
    enum kc_cause cause;
    char *reason; /* owned; NULL */
    struct warning warnings[WARNINGS_MAX];
    size_t warning_count;
    struct place errors[ERRORS_MAX];
    size_t error_count;
};

const char *kc_cause_code(enum kc_cause cause)
{
    return causes[cause].code;
}

const char *kc_cause_meaning(enum kc_cause cause)
{
    return causes[cause].meaning;
}

const char *kc_cause_remedy(enum kc_cause cause)
{
    return causes[cause].remedy;
}

int kc_cause_exit(enum kc_cause cause)
{
    return causes[cause].exit_code;
}

struct kc_verdict *kc_verdict_new(void)
{
    return kc_new0(struct kc_verdict);
}

void kc_verdict_free(struct kc_verdict *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->step_count; i++)
        free(v->steps[i].detail);
    for (size_t i = 0; i < v->warning_count; i++)
        free(v->warnings[i].text);
    for (size_t i = 0; i < v->error_count; i++) {
        free(v->errors[i].pointer);
        free(v->errors[i].message);
    }
    free(v->reason);
    free(v);
}

/* --- steps --- */

__attribute__((format(printf, 1, 0))) static char *print(const char *fmt, va_list args)
{
    char text[KC_ERROR_TEXT_SIZE];
    vsnprintf(text, sizeof(text), fmt, args);
    return text[0] ? kc_strdup(text) : NULL;
}

void kc_verdict_begin(struct kc_verdict *v, const char *name)
{
    if (v->step_count < STEPS_MAX)
        v->steps[v->step_count++] = (struct step){ .name = name };
    v->begun_ms = kc_now_ms();
}

static void finish(struct kc_verdict *v, int64_t ms, bool is_fine, char *detail)
{
    struct step *s = &v->steps[v->step_count - 1];
    free(s->detail);
    s->detail = detail;
    s->ms = ms >= 0 ? ms : kc_now_ms() - v->begun_ms;
    s->is_over = true;
    s->is_fine = is_fine;
}

void kc_verdict_fine(struct kc_verdict *v, int64_t ms, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    finish(v, ms, true, print(fmt, args));
    va_end(args);
}

void kc_verdict_fail(struct kc_verdict *v, int64_t ms, enum kc_cause cause, const char *fmt,
                     ...)
{
    va_list args;
    va_start(args, fmt);
    char *reason = print(fmt, args);
    va_end(args);
    finish(v, ms, false, kc_strdup(reason));
    if (v->cause != KC_CAUSE_VERIFIED) {
        free(reason);
        return;
    }
    v->cause = cause;
    v->reason = reason;
}

void kc_verdict_add_error(struct kc_verdict *v, const char *pointer, const char *message)
{
    if (v->error_count < ERRORS_MAX)
        v->errors[v->error_count++] = (struct place){ kc_strdup(pointer), kc_strdup(message) };
}

void kc_verdict_warn(struct kc_verdict *v, enum kc_cause cause, const char *fmt, ...)
{
    if (v->warning_count == WARNINGS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    char *text = print(fmt, args);
    va_end(args);
    v->warnings[v->warning_count++] = (struct warning){ cause, text };
}

enum kc_cause kc_verdict_cause(const struct kc_verdict *v)
{
    return v->cause;
}

const char *kc_verdict_reason(const struct kc_verdict *v)
{
    return v->reason ? v->reason : "";
}

/* --- as JSON --- */

static void put_text(struct kc_buf *out, const char *key, const char *text)
{
    kc_buf_printf(out, ",\"%s\":", key);
    kc_json_print_text(text ? text : "", out);
}

static void put_errors(const struct kc_verdict *v, struct kc_buf *out)
{
    if (v->error_count == 0)
        return;
    kc_buf_puts(out, ",\"errors\":[");
    for (size_t i = 0; i < v->error_count; i++) {
        kc_buf_puts(out, i ? ",{\"pointer\":" : "{\"pointer\":");
        kc_json_print_text(v->errors[i].pointer, out);
        put_text(out, "message", v->errors[i].message);
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "]");
}

static void put_warnings(const struct kc_verdict *v, struct kc_buf *out)
{
    if (v->warning_count == 0)
        return;
    kc_buf_puts(out, ",\"warnings\":[");
    for (size_t i = 0; i < v->warning_count; i++) {
        kc_buf_printf(out, "%s{\"code\":\"%s\"", i ? "," : "",
                      causes[v->warnings[i].cause].code);
        put_text(out, "reason", v->warnings[i].text);
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "]");
}

static void put_steps(const struct kc_verdict *v, struct kc_buf *out)
{
    kc_buf_puts(out, ",\"steps\":[");
    for (size_t i = 0; i < v->step_count; i++) {
        const struct step *s = &v->steps[i];
        kc_buf_printf(out, "%s{\"name\":\"%s\",\"ok\":%s,\"ms\":%lld", i ? "," : "", s->name,
                      s->is_fine ? "true" : "false", (long long)s->ms);
        if (s->detail)
            put_text(out, "detail", s->detail);
        kc_buf_puts(out, "}");
    }
    kc_buf_puts(out, "]");
}

void kc_verdict_print(const struct kc_verdict *v, struct kc_buf *out)
{
    bool is_verified = v->cause == KC_CAUSE_VERIFIED;
    kc_buf_printf(out, "{\"verified\":%s", is_verified ? "true" : "false");
    if (!is_verified) {
        put_text(out, "code", causes[v->cause].code);
        put_text(out, "reason", kc_verdict_reason(v));
        put_text(out, "remedy", causes[v->cause].remedy);
    }
    put_errors(v, out);
    put_warnings(v, out);
    put_steps(v, out);
    kc_buf_puts(out, "}");
}

/* --- as a table --- */

/* Wraps the text between COLUMN and WIDTH; what could steer a terminal is not let through. */
static void show_text(struct kc_buf *out, const char *text)
{
    int at = COLUMN;
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (at > COLUMN && at + len > WIDTH) {
            kc_buf_printf(out, "\n%*s", COLUMN, "");
            at = COLUMN;
        }
        for (int i = 0; i < len; i++) {
            bool is_control = (unsigned char)text[i] < ' ' || text[i] == 0x7f;
            kc_buf_append(out, is_control ? "?" : text + i, 1);
        }
        at += len + 1;
        text += len;
        text += strspn(text, " \n");
        if (*text)
            kc_buf_puts(out, " ");
    }
    kc_buf_puts(out, "\n");
}

static void show_row(struct kc_buf *out, const char *name, const char *text)
{
    kc_buf_printf(out, "%-*s", COLUMN, name);
    show_text(out, text ? text : "");
}

void kc_verdict_show(const struct kc_verdict *v, struct kc_buf *out)
{
    for (size_t i = 0; i < v->step_count; i++) {
        char name[64];
        const struct step *s = &v->steps[i];
        (void)snprintf(name, sizeof(name), "%-7s%-9s%6lld ms", s->is_fine ? "ok" : "FAILED",
                       s->name, (long long)s->ms);
        show_row(out, name, s->detail);
    }
    for (size_t i = 0; i < v->warning_count; i++)
        show_row(out, "warning", v->warnings[i].text);
    kc_buf_puts(out, "\n");
    if (v->cause == KC_CAUSE_VERIFIED) {
        kc_buf_puts(out, "Verified: everything that was asked for works.\n");
        return;
    }
    show_row(out, "Not verified", causes[v->cause].meaning);
    show_row(out, "Code", causes[v->cause].code);
    show_row(out, "What to do", causes[v->cause].remedy);
}
