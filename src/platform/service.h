// SPDX-License-Identifier: Apache-2.0
/* service.h - elastic.io's one-shot calls: the platform starts a process for one method (are
 * these credentials good, what can be chosen in this field, how do messages look), and takes
 * the result by a POST.
 *
 * What goes wrong with the method is a result too, and told to the platform. Only where the
 * result cannot be handed over has the process failed. One thread. */
#ifndef KC_PLATFORM_SERVICE_H
#define KC_PLATFORM_SERVICE_H

#include "base/buf.h"
#include "base/error.h"

#define KC_SERVICE_WAIT_MS 25000 /* for a method; the platform waits little longer */

/* What the platform says in ELASTICIO_…; loans of the environment, NULL where it says nothing.
 */
struct kc_service_env {
    const char *post_result_url;
    const char *cfg; /* secrets are in it */
    const char *api_uri, *api_username, *api_key;
    const char *action_or_trigger;
    const char *get_model_method;
    const char *retry_attempts, *retry_delay;
};

void kc_service_env_read(struct kc_service_env *env);

/* The methods, ended by NULL. */
extern const char *const kc_service_methods[];

/* Appends the result of a method (NULL: none was named), {"status":"success","data":…} or
 * {"status":"error","data":{"message":…}}. Waits for Kafka: some 20 s at most. */
void kc_service_answer(const char *method, const struct kc_service_env *env,
                       struct kc_buf *out);

/* Answers and posts the answer; where there is none after wait_ms, that it is late. False and
 * err when the platform did not get a result. In the case of a late one a thread is left behind
 * that still waits: the process is to end. */
bool kc_service_run(const char *method, const struct kc_service_env *env, int wait_ms,
                    struct kc_error *err) KC_MUST_CHECK;

#endif
