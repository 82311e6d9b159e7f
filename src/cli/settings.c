// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include "base/alloc.h"
#include "kafka/credentials.h"
#include "kafka/kerberos.h"
#include "kafka/rotation.h"
#include "runtime/shutdown.h"

#include <stdlib.h>
#include <string.h>

static bool overlay(struct kc_doc *doc, struct kc_doc *over)
{
    if (over)
        kc_doc_overlay(doc, over);
    kc_doc_free(over);
    return over != NULL;
}

static bool add_env(struct kc_doc *doc, const char *name, struct kc_error *err)
{
    const char *value = getenv(name);
    if (!value || !*value || overlay(doc, kc_doc_from_env(value, err)))
        return true;
    kc_error_wrap(err, "environment variable %s", name);
    return false;
}

static bool add_file(struct kc_doc *doc, const char *path, const char *option,
                     struct kc_error *err)
{
    if (!path || overlay(doc, kc_doc_load(path, err)))
        return true;
    kc_error_wrap(err, "%s", option);
    return false;
}

static bool is_field(const struct kc_entry *const *entries, struct kc_text key)
{
    for (; *entries; entries++) {
        if (kc_field_find((*entries)->fields, key))
            return true;
    }
    return false;
}

static bool is_near_a_field(const struct kc_entry *const *entries, struct kc_text key)
{
    for (; *entries; entries++) {
        if (kc_field_nearest((*entries)->fields, key))
            return true;
    }
    return false;
}

/* A name that all tables lack goes to the one with a name near to it, whose reader says so. */
static bool is_meant_for_credentials(const struct kc_entry *const *entries, struct kc_text key)
{
    if (is_field(entries, key))
        return false;
    return kc_field_find(kc_credentials_fields, key) ||
           (kc_field_nearest(kc_credentials_fields, key) && !is_near_a_field(entries, key));
}

static bool add_set(struct kc_settings *s, const struct kc_entry *const *entries,
                    const char *set, struct kc_error *err)
{
    struct kc_text key = { set, strcspn(set, "=") };
    bool is_credential = is_meant_for_credentials(entries, key);
    const struct kc_field *credential =
        is_credential ? kc_field_find(kc_credentials_fields, key) : NULL;
    if (credential && credential->secret) {
        kc_error_set(
            err, KC_CONFIG, 0,
            "--set %s: a secret would stand in the process list; put it into --credentials "
            "FILE or KAFKA_COMPONENT_CREDENTIALS",
            credential->name);
        return false;
    }
    char *name = kc_strndup(key.p, key.len);
    kc_doc_put(is_credential ? s->credentials : s->config, name, set + key.len + 1);
    free(name);
    return true;
}

static bool read_all(struct kc_settings *s, const struct kc_options *o,
                     const struct kc_entry *const *entries, struct kc_error *err)
{
    s->config = kc_doc_new();
    s->credentials = kc_doc_new();
    if (!add_env(s->config, "KAFKA_COMPONENT_CONFIG", err) ||
        !add_env(s->credentials, "KAFKA_COMPONENT_CREDENTIALS", err) ||
        !add_file(s->config, o->config_file, "--config", err))
        return false;
    overlay(s->credentials, kc_doc_take_object(s->config, "credentials"));
    if (!add_file(s->credentials, o->credentials_file, "--credentials", err))
        return false;
    for (size_t i = 0; o->sets[i]; i++) {
        if (!add_set(s, entries, o->sets[i], err))
            return false;
    }
    return true;
}

bool kc_settings_read(struct kc_settings *s, const struct kc_options *o,
                      const struct kc_entry *const *entries, struct kc_error *err)
{
    s->options = o;
    s->entries = entries;
    return read_all(s, o, entries, err) && kc_kerberos_prepare(s->credentials, err);
}

/* --- again --- */

static bool has_credentials_file(const struct kc_options *o)
{
    const char *value = getenv("KAFKA_COMPONENT_CREDENTIALS");
    return o->credentials_file || (value && *value == '@');
}

static struct kc_doc *read_again(void *arg, struct kc_error *err)
{
    const struct kc_settings *first = arg;
    struct kc_settings again = { NULL, NULL, NULL, NULL };
    struct kc_doc *credentials = NULL;
    if (read_all(&again, first->options, first->entries, err)) {
        credentials = again.credentials;
        again.credentials = NULL;
    }
    kc_doc_free(again.config);
    kc_doc_free(again.credentials);
    return credentials;
}

void kc_settings_watch(struct kc_settings *s)
{
    if (s->options->embedded_broker || !has_credentials_file(s->options))
        return;
    kc_rotation_start(s->credentials, read_again, s);
    kc_shutdown_on_reload(kc_rotation_ask, NULL);
}

void kc_settings_deinit(struct kc_settings *s)
{
    kc_rotation_stop();
    kc_kerberos_close();
    kc_doc_free(s->config);
    kc_doc_free(s->credentials);
    *s = (struct kc_settings){ NULL, NULL, NULL, NULL };
}

bool kc_settings_log_level(const struct kc_options *o, enum kc_level *level,
                           struct kc_error *err)
{
    const char *from_env = getenv("LOG_LEVEL");
    *level = o->log_level;
    if (o->has_log_level || !from_env || !*from_env ||
        kc_log_level_parse(kc_text(from_env), level))
        return true;
    *level = o->log_level;
    kc_error_set(err, KC_CONFIG, 0,
                 "LOG_LEVEL is fatal, error, warn, info, debug, trace, or 60 to 10");
    return false;
}

void kc_settings_use_broker(struct kc_settings *s, const char *brokers)
{
    kc_doc_free(s->credentials);
    s->credentials = kc_doc_new();
    kc_doc_put(s->credentials, "brokers", brokers);
    kc_doc_put(s->credentials, "mechanism", "none");
    kc_doc_put(s->credentials, "securityProtocol", "PLAINTEXT");
}
