// SPDX-License-Identifier: Apache-2.0
/* settings.h - puts together what a step is told: environment, files, --set. */
#ifndef KC_CLI_SETTINGS_H
#define KC_CLI_SETTINGS_H

#include "cli/options.h"
#include "runtime/entry.h"

struct kc_settings {
    struct kc_doc *config;      /* owned */
    struct kc_doc *credentials; /* owned */
    /* what they were read by; borrowed */
    const struct kc_options *options;
    const struct kc_entry *const *entries;
};

/* For the entry points that are meant, ended by NULL. kc_settings_deinit() is due either way.
 */
bool kc_settings_read(struct kc_settings *s, const struct kc_options *o,
                      const struct kc_entry *const *entries,
                      struct kc_error *err) KC_MUST_CHECK;
void kc_settings_deinit(struct kc_settings *s);

/* Where the credentials stand in a file: reads it again at SIGHUP and when a sign-in that
 * worked before is refused (kafka/rotation.h), until deinit. On the main thread, before any
 * client. */
void kc_settings_watch(struct kc_settings *s);

/* How much is logged, by --log-level or LOG_LEVEL; the usual where neither says so. False where
 * LOG_LEVEL is wrong. */
bool kc_settings_log_level(const struct kc_options *o, enum kc_level *level,
                           struct kc_error *err) KC_MUST_CHECK;

/* Replaces the credentials by those of a broker without sign-in, such as the embedded one. */
void kc_settings_use_broker(struct kc_settings *s, const char *brokers);

#endif
