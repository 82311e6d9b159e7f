// SPDX-License-Identifier: Apache-2.0
/* environment.h - what the platform says to a step in ELASTICIO_… variables, and the operator
 * in few of our own. One thread.
 *
 * Numbers and booleans are read as the platform's own runtime reads them: the leading integer
 * counts, 0 and what is none mean the default; of booleans only "" and "false" are false. */
#ifndef KC_PLATFORM_ENVIRONMENT_H
#define KC_PLATFORM_ENVIRONMENT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum kc_flow_type {
    KC_FLOW_REALTIME, /* also where nothing is said */
    KC_FLOW_ORDINARY,
    KC_FLOW_SAMPLE /* "debug": a sample is retrieved while a flow is designed */
};

/* A header that the operator wants on everything that is published. */
struct kc_extra_header {
    char *name;        /* owned */
    const char *value; /* a loan of the environment */
};

/* Texts are loans of the environment, but for extra_headers. Times in ms, sizes in bytes. */
struct kc_environment {
    const char *flow_id, *exec_id, *step_id, *container_id, *workspace_id, *user_id, *comp_id,
        *function;
    const char *api_uri, *api_username, *api_key;

    /* NULL with hook_shutdown */
    const char *amqp_uri, *listen_messages_on, *publish_messages_to;
    const char *data_routing_key, *error_routing_key, *rebound_routing_key,
        *snapshot_routing_key;
    const char *crypto_iv, *crypto_password;

    int64_t rebound_initial_expiration_ms, rebound_limit;
    const char *component_path; /* "" where nothing is said */
    int prefetch;
    bool startup_required, hook_shutdown;
    int api_retry_attempts, api_retry_delay_ms;
    int data_rate_limit, error_rate_limit, snapshot_rate_limit, rate_interval_ms;
    int publish_retry_delay_ms;
    int64_t publish_retry_attempts; /* 0: endless */
    int publish_max_retry_delay_ms;
    bool persistent_messages; /* by the platform's word or the operator's */
    int64_t outgoing_size_limit;
    bool no_self_passthrough;
    int protocol_version; /* 1: base64; 2 and more: raw */
    bool no_error_replies;
    bool input_is_error;                     /* the step handles errors */
    const char *storage_uri, *storage_token; /* NULL where nothing is said */
    int64_t storage_threshold;
    bool emit_lightweight;
    int reconnect_attempts, reconnect_timeout_ms; /* at the start only */
    enum kc_flow_type flow_type;

    /* The operator's own, KAFKA_COMPONENT_… */
    int64_t broker_lost_ms; /* RabbitMQ is away for so long: the step ends; 0: never */
    int64_t queue_lost_ms;  /* it is there, and our queue is not; never 0, which is the default,
                             * 300000 */
    int64_t message_max_bytes;

    struct kc_extra_header *extra_headers;
    size_t extra_header_count;
};

/* The first mandatory variable that is missing is named as the platform's runtime names it. Of
 * crypto_iv the length is checked too. kc_environment_deinit() is due either way. */
bool kc_environment_read(struct kc_environment *env, struct kc_error *err) KC_MUST_CHECK;
void kc_environment_deinit(struct kc_environment *env);

#endif
