// SPDX-License-Identifier: Apache-2.0
/* verify.c - the connection doctor and the lists of forms, on the command line. What is printed
 * on stdout is one JSON object, or, of verify on a terminal, a table. */
#include "cli/commands.h"

#include "cli/settings.h"
#include "component/entries.h"
#include "component/model.h"
#include "component/verify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What of a step's fields is looked at. */
struct subject {
    char *topic;
    char *group_id;
};

static const struct kc_field subject_fields[] = {
    { .name = "topic", .type = KC_TEXT, KC_AT(subject, topic) },
    { .name = "groupId", .type = KC_TEXT, KC_AT(subject, group_id) },
    { 0 },
};

/* Any field of any entry point may stand beside them: a step's own settings can be verified as
 * they are. */
static void read_subject(struct subject *s, const struct kc_doc *config,
                         struct kc_faults *faults)
{
    const struct kc_field *tables[8] = { NULL };
    struct kc_faults twice;
    for (size_t i = 0; kc_entries[i] && i < 7; i++)
        tables[i] = kc_entries[i]->fields;
    if (config && !kc_fields_check(tables, config, faults))
        return;
    struct kc_doc *picked = config ? kc_fields_pick(subject_fields, config) : kc_doc_new();
    kc_faults_init(&twice);
    if (!kc_fields_read(subject_fields, s, picked, KC_UNKNOWN_IS_WARNING, &twice))
        kc_faults_add(faults, "/topic", "cannot be read"); /* the check above has said it */
    kc_faults_deinit(&twice);
    kc_doc_free(picked);
}

/* Logs beside an answer that says all of it would only be in the way, unless they are asked
 * for. */
static void be_quiet(const struct kc_options *o)
{
    const char *from_env = getenv("LOG_LEVEL");
    signal(SIGPIPE, SIG_IGN); /* a broken connection is an error of write() */
    if (!o->has_log_level && !(from_env && *from_env))
        kc_log_init(KC_ERROR, STDERR_FILENO);
}

/* False, which is said, where nobody got it. */
static bool print(struct kc_buf *out)
{
    bool ok = fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
    if (!ok)
        fprintf(stderr, "kafka-component: stdout: %s\n", strerror(errno));
    kc_buf_deinit(out);
    return ok;
}

/* There would be nothing to find out. */
static bool has_own_broker(const struct kc_options *o, struct kc_error *err)
{
    if (o->embedded_broker)
        kc_error_set(err, KC_CONFIG, 0, "--embedded-broker belongs to run, serve and demo");
    return o->embedded_broker;
}

int kc_command_verify(const struct kc_options *o)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_settings settings = { .config = NULL };
    struct subject s = { NULL, NULL };
    struct kc_buf out;
    enum kc_level level;
    if (o->words[1]) {
        kc_error_set(&err, KC_CONFIG, 0, "verify takes no words; a topic is --set topic=%s",
                     o->words[1]);
        return kc_usage_error(o, &err);
    }
    if (has_own_broker(o, &err))
        return kc_usage_error(o, &err);
    be_quiet(o);
    kc_faults_init(&faults);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    if (kc_settings_log_level(o, &level, &err) &&
        kc_settings_read(&settings, o, kc_entries, &err))
        read_subject(&s, settings.config, &faults);
    else
        kc_faults_add(&faults, "", "%s", err.text);
    const struct kc_verify_ask ask = { s.topic, s.group_id };
    struct kc_verdict *verdict = kc_verify(settings.credentials, &ask, &faults, KC_VERIFY_MS);
    if (isatty(STDOUT_FILENO)) {
        kc_verdict_show(verdict, &out);
    } else {
        kc_verdict_print(verdict, &out);
        kc_buf_puts(&out, "\n");
    }
    int code = print(&out) ? kc_cause_exit(kc_verdict_cause(verdict)) : EX_IOERR;
    kc_verdict_free(verdict);
    kc_fields_free(subject_fields, &s);
    kc_faults_deinit(&faults);
    kc_settings_deinit(&settings);
    return code;
}

/* --- models --- */

static int fail_model(const struct kc_faults *faults, struct kc_error *err)
{
    (void)kc_faults_none(faults, KC_CONFIG, err);
    fprintf(stderr, "kafka-component: %s\n", err->text);
    return kc_class_exit(kc_code_class(err->code));
}

static bool is_known(const char *name)
{
    for (size_t i = 0; kc_models[i]; i++) {
        if (strcmp(name, kc_models[i]) == 0)
            return true;
    }
    return false;
}

int kc_command_models(const struct kc_options *o)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_settings settings = { .config = NULL };
    struct subject s = { NULL, NULL };
    struct kc_buf out;
    const char *name = o->words[1];
    if (!name || !is_known(name) || o->words[2]) {
        const char *nearest = name ? kc_text_nearest(kc_text(name), kc_models) : NULL;
        kc_error_set(&err, KC_CONFIG, 0, "models of what: topics, groups or partitions?%s%s%s",
                     nearest ? " did you mean '" : "", nearest ? nearest : "",
                     nearest ? "'?" : "");
        return kc_usage_error(o, &err);
    }
    if (has_own_broker(o, &err))
        return kc_usage_error(o, &err);
    be_quiet(o);
    kc_faults_init(&faults);
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    bool ok = kc_settings_read(&settings, o, kc_entries, &err);
    if (ok)
        read_subject(&s, settings.config, &faults);
    ok = ok && faults.count == 0 &&
         kc_model(name, settings.credentials, s.topic, KC_VERIFY_MS, &out, &faults, &err);
    int code = ok ? EX_OK : fail_model(&faults, &err);
    if (ok) {
        kc_buf_puts(&out, "\n");
        code = print(&out) ? code : EX_IOERR;
    }
    kc_buf_deinit(&out);
    kc_fields_free(subject_fields, &s);
    kc_faults_deinit(&faults);
    kc_settings_deinit(&settings);
    return code;
}
