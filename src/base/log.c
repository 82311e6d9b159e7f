// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FIELD_MAX_BYTES 4096 /* a longer text is cut: a log is no place for bodies */
#define LINE_MAX_BYTES  131072

static const struct {
    const char *name;
    const char *label;
    int bunyan;
} levels[] = {
    [KC_FATAL] = { "fatal", "FATAL", 60 }, [KC_ERROR] = { "error", "ERROR", 50 },
    [KC_WARN] = { "warn", "WARN ", 40 },   [KC_INFO] = { "info", "INFO ", 30 },
    [KC_DEBUG] = { "debug", "DEBUG", 20 }, [KC_TRACE] = { "trace", "TRACE", 10 },
};

static struct {
    enum kc_level level;
    int fd;
    bool is_terminal;
    char host[256];
    char *platform; /* ",\"key\":\"value\"…"; NULL: lines are not for the platform */
    void (*wipe)(void);
    pthread_mutex_t lock; /* one line at a time */
} sink = { .level = KC_INFO, .fd = STDERR_FILENO, .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local const struct kc_log_context *context;

void kc_log_init(enum kc_level level, int fd)
{
    sink.level = level;
    sink.fd = fd;
    sink.is_terminal = isatty(fd) == 1;
    if (gethostname(sink.host, sizeof(sink.host) - 1) != 0)
        strcpy(sink.host, "localhost");
}

void kc_log_set_wiper(void (*wipe)(void))
{
    pthread_mutex_lock(&sink.lock);
    sink.wipe = wipe;
    pthread_mutex_unlock(&sink.lock);
}

bool kc_log_enabled(enum kc_level level)
{
    return level <= sink.level;
}

/* Of bunyan's number: what is less urgent is not written. */
static bool parse_number(struct kc_text text, enum kc_level *level)
{
    int64_t n;
    if (!kc_text_int(text, levels[KC_TRACE].bunyan, levels[KC_FATAL].bunyan, &n))
        return false;
    *level = KC_TRACE;
    while (levels[*level].bunyan < n)
        --*level;
    return true;
}

bool kc_log_level_parse(struct kc_text name, enum kc_level *level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strlen(levels[i].name) == name.len &&
            strncasecmp(levels[i].name, name.p, name.len) == 0) {
            *level = (enum kc_level)i;
            return true;
        }
    }
    return parse_number(name, level);
}

struct kc_log_field kc_log_text(const char *key, struct kc_text t)
{
    if (!t.p)
        t = KC_LIT("");
    return (struct kc_log_field){ .key = key,
                                  .text = t.p,
                                  .len = t.len < FIELD_MAX_BYTES ? t.len : FIELD_MAX_BYTES };
}

struct kc_log_field kc_log_error(const struct kc_error *err)
{
    struct kc_log_field f = kc_log_text("error", kc_text(err->text));
    f.code = err->code;
    return f;
}

/* Everything that is not printable ASCII or part of well-formed UTF-8 is replaced: a log line
 * is always valid JSON, and a terminal gets no control sequences from a broker's text. */
static void put_text(struct kc_buf *b, const char *text, size_t len, bool as_json)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len;) {
        if (p[i] >= 0x80) {
            size_t n = kc_utf8_length(text + i, len - i);
            kc_buf_append(b, n ? text + i : "?", n ? n : 1);
            i += n ? n : 1;
            continue;
        }
        if (p[i] == '\n')
            kc_buf_puts(b, as_json ? "\\n" : " ");
        else if (p[i] < 0x20 || p[i] == 0x7f)
            kc_buf_puts(b, " ");
        else if (as_json && (p[i] == '"' || p[i] == '\\'))
            kc_buf_printf(b, "\\%c", p[i]);
        else
            kc_buf_append(b, text + i, 1);
        i++;
    }
}

/* As JavaScript's errors are logged; what a stack would begin with is all there is of one. */
static void put_error(struct kc_buf *b, const struct kc_log_field *f)
{
    const char *name = kc_class_name(kc_code_class(f->code));
    kc_buf_puts(b, ",\"err\":{\"message\":\"");
    put_text(b, f->text, f->len, true);
    kc_buf_printf(b, "\",\"name\":\"%s\",\"stack\":\"%s: ", name, name);
    put_text(b, f->text, f->len, true);
    kc_buf_puts(b, "\"}");
}

static void put_field(struct kc_buf *b, const struct kc_log_field *f, bool is_terminal)
{
    if (f->code != KC_NONE && sink.platform && !is_terminal) {
        put_error(b, f);
        return;
    }
    kc_buf_printf(b, is_terminal ? " %s=" : ",\"%s\":", f->key);
    if (!f->text) {
        kc_buf_printf(b, "%lld", (long long)f->number);
        return;
    }
    kc_buf_puts(b, is_terminal ? "" : "\"");
    put_text(b, f->text, f->len, !is_terminal);
    kc_buf_puts(b, is_terminal ? "" : "\"");
}

/* One that every line has: short, so that it leaves room for the line's own. */
static void put_member(struct kc_buf *b, struct kc_log_field f, bool is_terminal)
{
    if (f.len > KC_LOG_MEMBER_MAX)
        f.len = KC_LOG_MEMBER_MAX;
    put_field(b, &f, is_terminal);
}

void kc_log_set_platform(const struct kc_log_field *members)
{
    struct kc_buf b;
    free(sink.platform);
    sink.platform = NULL;
    if (!members)
        return;
    kc_buf_init(&b, LINE_MAX_BYTES / 2);
    for (; members->key; members++)
        put_member(&b, *members, false);
    sink.platform = kc_buf_take(&b);
}

const struct kc_log_context *kc_log_set_context(const struct kc_log_context *c)
{
    const struct kc_log_context *before = context;
    context = c;
    return before;
}

static void put_context(struct kc_buf *b)
{
    if (context && context->thread_id.p)
        put_member(b, KC_T("threadId", context->thread_id), sink.is_terminal);
    if (context && context->message_id.p)
        put_member(b, KC_T("messageId", context->message_id), sink.is_terminal);
    if (context && context->parent_message_id.p)
        put_member(b, KC_T("parentMessageId", context->parent_message_id), sink.is_terminal);
}

static void put_head(struct kc_buf *b, enum kc_level level, const char *event)
{
    char now[KC_ISO_SIZE];
    kc_iso_format(kc_wall_ms(), now);
    if (sink.is_terminal) {
        kc_buf_printf(b, "%.8s %s %s", now + sizeof("2026-01-31"), levels[level].label, event);
        return;
    }
    const char *name = !sink.platform ? "kafka-component" : context ? "component" : "sailor";
    kc_buf_printf(b, "{\"name\":\"%s\",\"hostname\":\"", name);
    put_text(b, sink.host, strlen(sink.host), true);
    kc_buf_printf(b, "\",\"pid\":%d,\"level\":%d,\"time\":\"%s\",\"msg\":\"%s\",\"v\":0",
                  (int)getpid(), levels[level].bunyan, now, event);
    kc_buf_puts(b, sink.platform ? sink.platform : "");
}

static void write_line(const struct kc_buf *line)
{
    pthread_mutex_lock(&sink.lock);
    if (sink.wipe)
        sink.wipe();
    for (size_t done = 0; done < line->len;) {
        ssize_t n = write(sink.fd, line->data + done, line->len - done);
        if (n <= 0)
            break; /* nobody reads the log: nothing else is left to do */
        done += (size_t)n;
    }
    pthread_mutex_unlock(&sink.lock);
}

void kc_log_write(enum kc_level level, const char *event, ...)
{
    if (!kc_log_enabled(level))
        return;
    struct kc_buf line;
    kc_buf_init(&line, LINE_MAX_BYTES);
    put_head(&line, level, event);
    put_context(&line);

    va_list args;
    va_start(args, event);
    for (;;) {
        struct kc_log_field f = va_arg(args, struct kc_log_field);
        if (!f.key)
            break;
        put_field(&line, &f, sink.is_terminal);
    }
    va_end(args);
    kc_buf_puts(&line, sink.is_terminal ? "\n" : "}\n");
    write_line(&line);
    kc_buf_deinit(&line);
}
