// SPDX-License-Identifier: Apache-2.0
/* sailor.c - runs an entry point as a step of an elastic.io flow, over RabbitMQ.
 *
 * Threads    main          starts, waits for the end, ends
 *            kc-inbox      owns the consuming connection: deliveries, answers, heartbeats
 *            kc-publisher  owns the publishing connection; may block
 *            kc-worker     takes deliveries to the entry point
 *            kc-trigger    a trigger's process(), in a real-time flow
 *            others        the entry point's: they speak through outlets
 * Queues     work       kc-inbox -> kc-worker, what the broker delivers: `prefetch`
 *            publisher  what was emitted and is not confirmed; full: a trigger takes no more
 * Acks       a delivery is answered after everything it led to was confirmed
 * Start      a signal breaks it off, for nothing has come yet
 * Shutdown   stop() ends the consuming; what is here is finished, in time; then nothing is
 *            answered any more, and the broker delivers it to the next one */
#include "transport/sailor/sailor_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "kafka/rotation.h"
#include "net/http.h"
#include "platform/hooks.h"
#include "platform/step_settings.h"
#include "runtime/shutdown.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define REPORT_MS    5000 /* for the confirm of a start that failed */
#define FAIL_MS      5000 /* to end in order after a failure */
#define ANSWER_MS    2000 /* to write the last answers */
#define WAIT_MS      1000
#define STORE_MAX    8 /* records at once where each may wait half a minute for the storage */
#define AROUND_BYTES 1024 /* of a message: its id, the step's, the cipher's padding */
#define COMMIT_MS    1000 /* what a kill brings again: at the default limit 100 messages */

void kc_sailor_changed(struct kc_sailor *s)
{
    if (s->is_waited_for)
        pthread_cond_broadcast(&s->quiet);
}

/* --- stopping --- */

static void stop(void *self, int drain_ms)
{
    struct kc_sailor *s = self;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    s->is_waited_for = true;
    s->is_abandoned |= drain_ms == 0;
    s->stop_ms = drain_ms;
    if (s->self && (s->entry->kind == KC_TRIGGER || drain_ms == 0))
        s->entry->stop(s->self, drain_ms);
    pthread_cond_broadcast(&s->quiet);
    pthread_mutex_unlock(&s->lock);
    if (drain_ms == 0)
        kc_http_stop(s->http); /* who waits for the object storage waits no longer */
    kc_inbox_cancel(s->inbox);
}

void kc_sailor_fail(struct kc_sailor *s)
{
    pthread_mutex_lock(&s->lock);
    s->exit_code = EXIT_FAILURE;
    pthread_mutex_unlock(&s->lock);
    stop(s, FAIL_MS);
}

static void on_delivery(void *arg, struct kc_delivery *d)
{
    kc_sailor_push(arg, d);
}

static void on_lost(void *arg, const struct kc_error *err)
{
    kc_log(KC_ERROR, "queue_lost", KC_E(err));
    kc_sailor_fail(arg);
}

/* --- starting --- */

static struct kc_table *common_headers(const struct kc_environment *env)
{
    const struct {
        const char *name, *value;
    } own[] = {
        { "execId", env->exec_id },           { "taskId", env->flow_id },
        { "workspaceId", env->workspace_id }, { "containerId", env->container_id },
        { "userId", env->user_id },           { "stepId", env->step_id },
        { "compId", env->comp_id },           { "function", env->function },
    };
    struct kc_table *t = kc_table_new();
    for (size_t i = 0; i < env->extra_header_count; i++)
        kc_table_text(t, env->extra_headers[i].name, kc_text(env->extra_headers[i].value));
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        kc_table_text(t, own[i].name, kc_text(own[i].value));
    return t;
}

static bool connect_both(struct kc_sailor *s, struct kc_error *err)
{
    const struct kc_environment *env = s->env;
    const struct kc_publisher_conf out = {
        .uri = &s->uri,
        .exchange = env->publish_messages_to,
        .rate_limits = { [KC_RATE_DATA] = env->data_rate_limit,
                         [KC_RATE_ERROR] = env->error_rate_limit,
                         [KC_RATE_SNAPSHOT] = env->snapshot_rate_limit },
        .rate_interval_ms = env->rate_interval_ms,
        .retry_delay_ms = env->publish_retry_delay_ms,
        .retry_max_delay_ms = env->publish_max_retry_delay_ms,
        .retry_attempts = env->publish_retry_attempts,
        .is_persistent = env->persistent_messages,
        .halt = &s->halt,
    };
    const struct kc_inbox_conf in = {
        .uri = &s->uri,
        .queue = env->listen_messages_on,
        .prefetch = env->prefetch,
        .halt = &s->halt,
        .body_max = (size_t)env->message_max_bytes,
        .lost_ms = (int)(env->queue_lost_ms < INT_MAX ? env->queue_lost_ms : INT_MAX),
        .on_delivery = on_delivery,
        .on_lost = on_lost,
        .arg = s,
    };
    return kc_amqp_uri_read(&s->uri, env->amqp_uri, err) &&
           kc_publisher_open(&s->publisher, &out, env->reconnect_attempts,
                             env->reconnect_timeout_ms, err) &&
           kc_inbox_open(&s->inbox, &in, env->reconnect_attempts, env->reconnect_timeout_ms,
                         err);
}

static const struct kc_entry *find_entry(const struct kc_sailor *s, struct kc_error *err)
{
    for (size_t i = 0; s->conf->sailor->entries[i]; i++) {
        if (strcmp(s->conf->sailor->entries[i]->name, s->env->function) == 0)
            return s->conf->sailor->entries[i];
    }
    kc_error_set(err, KC_CONFIG, 0,
                 "Trigger or action \"%.80s\" is not found in component.json!",
                 s->env->function);
    return NULL;
}

static bool split_settings(struct kc_sailor *s, struct kc_error *err)
{
    struct kc_faults faults;
    kc_faults_init(&faults);
    s->credentials = kc_step_credentials(s->data.config, &faults);
    s->config = kc_step_config(s->data.config, s->entry);
    bool ok = kc_faults_none(&faults, KC_CONFIG, err);
    kc_faults_deinit(&faults);
    return ok;
}

/* How large the body of a message may be so that the message is within the platform's limit:
 * the version's encoding, the id and headers around it, and the body once more where it is
 * passed through. */
static size_t batch_max_bytes(const struct kc_sailor *s)
{
    int64_t max = s->env->outgoing_size_limit;
    if (s->env->protocol_version < 2)
        max = max / 4 * 3;
    max -= AROUND_BYTES;
    if (s->data.is_passthrough && !s->env->no_self_passthrough)
        max /= 2;
    return max > 1 ? (size_t)max : 1;
}

static void describe_step(struct kc_sailor *s)
{
    enum kc_flow_type type = s->env->flow_type;
    s->step = (struct kc_step){
        .config = s->config,
        .credentials = s->credentials,
        .unknown_fields = KC_UNKNOWN_IS_WARNING,
        .tally = &s->tally,
        .until_end = type == KC_FLOW_ORDINARY,
        .from_start = type == KC_FLOW_ORDINARY,
        .is_sample = type == KC_FLOW_SAMPLE,
        .commit_ms = COMMIT_MS,
        .take_max = s->env->emit_lightweight ? STORE_MAX : 0,
        .batch_max_bytes = batch_max_bytes(s),
        .count_max = type == KC_FLOW_SAMPLE ? KC_SAMPLE_RECORDS : 0,
    };
    s->rules = (struct kc_envelope_rules){
        .passthrough = !s->data.is_passthrough       ? KC_PASSTHROUGH_OFF
                       : s->env->no_self_passthrough ? KC_PASSTHROUGH_NO_SELF
                                                     : KC_PASSTHROUGH_SELF,
        .step_id = s->env->step_id,
        .is_lightweight = s->env->emit_lightweight,
        .storage_threshold = s->env->storage_threshold,
        .storage = s->storage,
    };
}

/* Passwords change: the step is read again. */
static struct kc_doc *read_credentials(void *arg, struct kc_error *err)
{
    struct kc_sailor *s = arg;
    struct kc_step_data data = { .config = NULL };
    struct kc_doc *credentials = NULL;
    struct kc_faults faults;
    kc_faults_init(&faults);
    if (kc_api_get_step(&s->api, &data, err))
        credentials = kc_step_credentials(data.config, &faults);
    if (credentials && !kc_faults_none(&faults, KC_CONFIG, err)) {
        kc_doc_free(credentials);
        credentials = NULL;
    }
    kc_step_data_deinit(&data);
    kc_faults_deinit(&faults);
    return credentials;
}

/* A signal while we start: nothing has come yet, so nobody is waited for any more. */
static void stop_start(void *self, int drain_ms)
{
    struct kc_sailor *s = self;
    (void)drain_ms;
    kc_halt_say(&s->halt);
    kc_http_stop(s->http);
}

/* From here on messages come, and a signal waits until serve() can see to them. */
static bool end_of_waiting(struct kc_sailor *s, struct kc_error *err)
{
    kc_shutdown_ignore();
    if (!kc_halt_wait(&s->halt, 0))
        return true;
    kc_error_set(err, KC_STOPPED, 0, "stopped before the first message");
    return false;
}

/* What the platform reads of it stands in the queue of errors too. */
static bool prepare(struct kc_sailor *s, struct kc_error *err)
{
    if (!kc_api_get_step(&s->api, &s->data, err))
        return false;
    s->entry = find_entry(s, err);
    if (!s->entry || !split_settings(s, err))
        return false;
    describe_step(s);
    kc_rotation_start(s->credentials, read_credentials, s);
    if (s->env->startup_required && !kc_hooks_startup(&s->api, err))
        return false;
    if (s->entry->kind == KC_ACTION && !s->entry->open(&s->self, &s->step, err)) {
        s->self = NULL;
        return false;
    }
    kc_thread_start(&s->worker, "kc-worker", kc_sailor_work, s);
    s->has_worker = true;
    return end_of_waiting(s, err) && kc_inbox_start(s->inbox, err);
}

/* --- life --- */

static void end_threads(struct kc_sailor *s)
{
    pthread_mutex_lock(&s->lock);
    s->worker_may_end = true;
    pthread_cond_signal(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    if (s->has_worker)
        pthread_join(s->worker, NULL);
    if (s->has_trigger)
        pthread_join(s->trigger, NULL);
}

static void close_publisher(struct kc_sailor *s)
{
    pthread_mutex_lock(&s->sending);
    struct kc_publisher *p = s->publisher;
    s->publisher = NULL;
    pthread_mutex_unlock(&s->sending);
    kc_publisher_close(p);
}

static void close_(void *self)
{
    struct kc_sailor *s = self;
    if (!s)
        return;
    kc_shutdown_ignore();
    if (s->http)
        stop_start(s, 0); /* what reads the step again need not wait for the platform either */

    end_threads(s); /* they ask the publisher for room */
    close_publisher(s);
    if (s->self)
        s->entry->close(s->self);
    kc_rotation_stop();
    if (!kc_inbox_close(s->inbox, ANSWER_MS))
        kc_log(KC_WARN, "answers_unwritten");
    kc_storage_free(s->storage);
    kc_http_close(s->http);
    kc_cipher_close(s->cipher);
    kc_doc_free(s->config);
    kc_doc_free(s->credentials);
    kc_step_data_deinit(&s->data);
    kc_table_free(s->common);
    kc_amqp_uri_deinit(&s->uri);
    pthread_cond_destroy(&s->wanted);
    pthread_cond_destroy(&s->quiet);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->sending);
    kc_halt_deinit(&s->halt);
    free(s);
}

static struct kc_sailor *new_sailor(const struct kc_env *conf)
{
    struct kc_sailor *s = kc_new0(struct kc_sailor);
    s->conf = conf;
    s->env = conf->sailor->environment;
    s->common = common_headers(s->env);
    s->last_work = &s->work;
    s->tally.lag = -1;
    kc_halt_init(&s->halt);
    pthread_mutex_init(&s->sending, NULL);
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->wanted);
    kc_cond_init(&s->quiet);
    return s;
}

static bool open_(void **self, const struct kc_env *conf, struct kc_error *err)
{
    struct kc_sailor *s = new_sailor(conf);
    const struct kc_environment *env = s->env;
    if (!kc_cipher_open(&s->cipher, env->crypto_password, env->crypto_iv, err) ||
        !kc_http_open(&s->http, &(struct kc_http_conf){ .uses_proxy = true }, err))
        goto fail;
    kc_shutdown_watch_start(stop_start, s);
    if (!connect_both(s, err))
        goto fail;
    s->api = (struct kc_api){ s->http, env, &s->halt };
    s->storage = kc_storage_new(&(struct kc_storage_conf){ .http = s->http,
                                                           .cipher = s->cipher,
                                                           .uri = env->storage_uri,
                                                           .token = env->storage_token,
                                                           .flow_id = env->flow_id,
                                                           .step_id = env->step_id });
    if (!prepare(s, err)) {
        if (!kc_halt_wait(&s->halt, 0))
            kc_emit_startup_error(s, err, REPORT_MS);
        goto fail;
    }
    kc_log(KC_INFO, "Fully initialized and waiting for messages");
    *self = s;
    return true;
fail:
    if (kc_halt_wait(&s->halt, 0)) { /* whatever it led to */
        kc_error_clear(err);
        kc_error_set(err, KC_STOPPED, 0, "stopped during the start");
    }
    close_(s);
    return false;
}

/* Whether everything that came was finished. Needs lock. */
static bool is_finished(const struct kc_sailor *s)
{
    if (s->is_abandoned)
        return s->speaking == 0 && !s->is_working;
    return s->is_stopping && !s->work && !s->is_working && s->jobs == 0;
}

/* Without the broker there is nothing to do but wait: for ever, unless somebody said how long.
 */
static void give_up_broker(struct kc_sailor *s)
{
    int64_t publisher_ms = kc_publisher_down_ms(s->publisher);
    int64_t inbox_ms = kc_inbox_down_ms(s->inbox);
    int64_t down_ms = publisher_ms > inbox_ms ? publisher_ms : inbox_ms;
    if (down_ms < s->env->broker_lost_ms)
        return;
    kc_log(KC_ERROR, "broker_lost", KC_I("afterMs", down_ms),
           KC_I("limitMs", s->env->broker_lost_ms));
    kc_sailor_fail(s);
}

static int serve(void *self)
{
    struct kc_sailor *s = self;
    int64_t end_ms = INT64_MAX;
    pthread_mutex_lock(&s->lock);
    while (!is_finished(s)) {
        kc_cond_wait(&s->quiet, &s->lock, WAIT_MS);
        if (s->env->broker_lost_ms > 0 && !s->is_stopping) {
            pthread_mutex_unlock(&s->lock);
            give_up_broker(s);
            pthread_mutex_lock(&s->lock);
        }
        if (s->exit_code != 0 && end_ms == INT64_MAX)
            end_ms = kc_now_ms() + FAIL_MS;
        if (kc_now_ms() < end_ms || s->is_abandoned)
            continue;
        s->is_abandoned = true;
        if (s->self)
            s->entry->stop(s->self, 0);
    }
    size_t left = s->jobs + s->dropped;
    if (left > 0) {
        kc_log(KC_ERROR, "ended_unfinished", KC_I("messages", left));
        s->exit_code = EXIT_FAILURE;
    }
    int exit_code = s->exit_code;
    pthread_mutex_unlock(&s->lock);
    return exit_code;
}

const struct kc_transport kc_sailor = { "sailor", open_, serve, stop, close_ };
