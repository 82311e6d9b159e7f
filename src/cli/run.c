// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/progress.h"
#include "component/entries.h"
#include "runtime/shutdown.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EMBEDDED_PARTITIONS 4

struct running {
    const struct kc_transport *transport;
    void *self;
};

static void stop(void *arg, int drain_ms)
{
    struct running *r = arg;
    r->transport->stop(r->self, drain_ms);
}

int kc_run_failed(const struct kc_error *err)
{
    kc_log(KC_ERROR, "start_failed", KC_S("code", kc_code_name(err->code)), KC_E(err));
    return kc_class_exit(kc_code_class(err->code));
}

int kc_run(const struct kc_transport *transport, const struct kc_env *env, int drain_ms)
{
    struct kc_error err = { 0 };
    struct running running = { transport, NULL };
    if (!transport->open(&running.self, env, &err))
        return kc_run_failed(&err);
    kc_shutdown_watch(stop, &running, drain_ms);
    kc_progress_start(env->step.tally);
    int code = transport->serve(running.self);
    kc_progress_stop();
    kc_shutdown_ignore();
    transport->close(running.self);
    return code;
}

/* A topic that is to be read has to be there; one that is written comes by itself. */
static bool prepare_topic(struct kc_embedded *broker, const struct kc_options *o,
                          struct kc_error *err)
{
    for (size_t i = 0; o->sets[i]; i++) {
        if (strncmp(o->sets[i], "topic=", 6) == 0)
            return kc_embedded_topic(broker, o->sets[i] + 6, EMBEDDED_PARTITIONS, err);
    }
    return true;
}

bool kc_run_embedded(struct kc_embedded **broker, struct kc_settings *settings,
                     const struct kc_options *o, bool reads, struct kc_error *err)
{
    if (!o->embedded_broker)
        return true;
    if (!kc_embedded_open(broker, err) || (reads && !prepare_topic(*broker, o, err)))
        return false;
    kc_settings_use_broker(settings, kc_embedded_brokers(*broker));
    kc_log(KC_INFO, "embedded_broker", KC_S("brokers", kc_embedded_brokers(*broker)));
    return true;
}

static int run_entry(const struct kc_options *o, const struct kc_entry *entry)
{
    int code;
    struct kc_error err = { 0 };
    struct kc_settings settings = { .config = NULL };
    struct kc_embedded *broker = NULL;
    struct kc_tally tally = { .lag = -1 };
    const struct kc_entry *const entries[] = { entry, NULL };
    if (!kc_settings_read(&settings, o, entries, &err) ||
        !kc_run_embedded(&broker, &settings, o, entry->kind == KC_TRIGGER, &err)) {
        code = kc_run_failed(&err);
    } else {
        const struct kc_env env = {
            .entry = entry,
            .step = { .config = settings.config,
                      .credentials = settings.credentials,
                      .unknown_fields = KC_UNKNOWN_IS_ERROR,
                      .tally = &tally,
                      .is_flood = true,
                      .count_max = o->count,
                      .until_end = o->until_end },
            .in_fd = STDIN_FILENO,
            .out_fd = STDOUT_FILENO,
            .acks_on_stdin = o->acks_on_stdin,
            .body_max = (size_t)o->max_body,
        };
        kc_settings_watch(&settings);
        code = kc_run(&kc_stdio, &env, (int)o->drain_ms);
    }
    kc_embedded_close(broker);
    kc_settings_deinit(&settings);
    return code;
}

int kc_command_run(const struct kc_options *o)
{
    kc_shutdown_block();
    struct kc_error err = { 0 };
    const char *name = o->words[1];
    const struct kc_entry *entry = name ? kc_entry_find(name) : NULL;
    if (!entry) {
        const char *known[] = { kc_produce.name, kc_consume.name, NULL };
        const char *nearest = name ? kc_text_nearest(kc_text(name), known) : NULL;
        if (!name)
            kc_error_set(&err, KC_CONFIG, 0, "run what: produce or consume?");
        else
            kc_error_set(&err, KC_CONFIG, 0, "there is no entry point '%s'; %s%s%s", name,
                         nearest ? "did you mean '" : "there are produce and consume",
                         nearest ? nearest : "", nearest ? "'?" : "");
        return kc_usage_error(o, &err);
    }
    if (entry->kind == KC_ACTION && (o->count || o->until_end || o->acks_on_stdin)) {
        kc_error_set(&err, KC_CONFIG, 0, "--count, --until and --ack belong to consume");
        return kc_usage_error(o, &err);
    }
    return run_entry(o, entry);
}
