// SPDX-License-Identifier: Apache-2.0
/* log.h - what an operator reads: a stable event name and fields.
 *
 *     kc_log(KC_WARN, "delivery_retry", KC_S("topic", topic), KC_I("attempt", n), KC_E(&err));
 *
 * Lines go to stderr: JSON in bunyan's shape, or readable text on a terminal. error: something
 * was lost or a person must act; warn: it failed and we recovered; info: a state changed;
 * debug: one message's journey; trace: what librdkafka says. Bodies and secrets stay out. Any
 * thread. */
#ifndef KC_BASE_LOG_H
#define KC_BASE_LOG_H

#include "base/error.h"
#include "base/text.h"

enum kc_level {
    KC_ERROR,
    KC_WARN,
    KC_INFO,
    KC_DEBUG,
    KC_TRACE
};

struct kc_log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: the number counts */
    size_t len;
    int64_t number;
};

#define KC_S(key, s)       kc_log_text((key), kc_text(s))
#define KC_T(key, t)       kc_log_text((key), (t))
#define KC_I(key, n)       ((struct kc_log_field){ (key), NULL, 0, (int64_t)(n) })
#define KC_E(err)          kc_log_text("error", kc_text((err)->text))

#define kc_log(level, ...) kc_log_write((level), __VA_ARGS__, (struct kc_log_field){ 0 })

struct kc_log_field kc_log_text(const char *key, struct kc_text t);
void kc_log_write(enum kc_level level, const char *event, ...); /* use kc_log() */

/* Before threads start. The destination is a terminal or not: that chooses the format. */
void kc_log_init(enum kc_level level, int fd);
bool kc_log_enabled(enum kc_level level);

/* "error" … "trace"; false when there is no such level. */
bool kc_log_level_parse(struct kc_text name, enum kc_level *level);

/* Where stderr shows a progress line, the log asks for it to be wiped before it writes. */
void kc_log_set_wiper(void (*wipe)(void));

#endif
