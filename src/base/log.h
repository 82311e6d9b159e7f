// SPDX-License-Identifier: Apache-2.0
/* log.h - what an operator reads: a stable event name and fields.
 *
 *     kc_log(KC_WARN, "delivery_retry", KC_S("topic", topic), KC_I("attempt", n), KC_E(&err));
 *
 * Lines go to stderr: JSON in bunyan's shape, or readable text on a terminal. fatal: a step
 * ends by it; error: something was lost or a person must act; warn: it failed and we recovered;
 * info: a state changed; debug: one message's journey; trace: what librdkafka says. Bodies and
 * secrets stay out. Any thread. */
#ifndef KC_BASE_LOG_H
#define KC_BASE_LOG_H

#include "base/error.h"
#include "base/text.h"

enum kc_level {
    KC_FATAL,
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
    enum kc_code code; /* of an error, whose text it is; else KC_NONE */
};

#define KC_S(key, s)       kc_log_text((key), kc_text(s))
#define KC_T(key, t)       kc_log_text((key), (t))
#define KC_I(k, n)         ((struct kc_log_field){ .key = (k), .number = (int64_t)(n) })
#define KC_E(err)          kc_log_error(err)

#define kc_log(level, ...) kc_log_write((level), __VA_ARGS__, (struct kc_log_field){ 0 })

struct kc_log_field kc_log_text(const char *key, struct kc_text t);
struct kc_log_field kc_log_error(const struct kc_error *err);
void kc_log_write(enum kc_level level, const char *event, ...); /* use kc_log() */

/* Before threads start. The destination is a terminal or not: that chooses the format. */
void kc_log_init(enum kc_level level, int fd);
bool kc_log_enabled(enum kc_level level);

/* "fatal" … "trace", or bunyan's number for it, 60 … 10, where one between two is the upper of
 * them; false when there is no such level. */
bool kc_log_level_parse(struct kc_text name, enum kc_level *level);

/* Lines as elastic.io's platform reads them: with these members in each (copied, cut at
 * KC_LOG_MEMBER_MAX bytes; the last has no key), an error as "err": {message, name, stack}, and
 * the name "component" for lines about a message, which is what users of a flow are shown,
 * "sailor" for all others. On a terminal nothing changes. Before threads start; NULL goes back.
 */
#define KC_LOG_MEMBER_MAX 256
void kc_log_set_platform(const struct kc_log_field *members);

/* The message that all lines of this thread are about until the next call; NULL: none.
 * Borrowed until then. What is absent is left out. Returns what stood there before. */
struct kc_log_context {
    struct kc_text thread_id, message_id, parent_message_id;
};
const struct kc_log_context *kc_log_set_context(const struct kc_log_context *context);

/* Where stderr shows a progress line, the log asks for it to be wiped before it writes. */
void kc_log_set_wiper(void (*wipe)(void));

#endif
