// SPDX-License-Identifier: Apache-2.0
/* consume_conf.h - consume's settings: their table, and what was read by it. */
#ifndef KC_COMPONENT_CONSUME_CONF_H
#define KC_COMPONENT_CONSUME_CONF_H

#include "conf/field.h"
#include "kafka/consumer.h"
#include "runtime/step.h"

struct kc_consume_conf {
    char *topic;
    char *group_id;
    char *group_instance_id;
    char *start_from;
    int key_encoding;
    int value_encoding;
    int isolation;
    int session_timeout_ms;
    int max_in_flight;
    int batch_size;
    int batch_timeout_ms;
};

extern const struct kc_field kc_consume_fields[];

/* Fills conf, which kc_fields_free(kc_consume_fields, …) empties in any case, and *start; what
 * is wrong is added to faults. */
bool kc_consume_conf_read(struct kc_consume_conf *conf, const struct kc_doc *doc,
                          enum kc_unknown unknown, struct kc_start *start,
                          struct kc_faults *faults) KC_MUST_CHECK;

/* Fills conf, and the credentials, from what the step has; both are the caller's to empty in
 * any case. */
bool kc_consume_open_conf(struct kc_consume_conf *conf, struct kc_credentials *credentials,
                          const struct kc_step *step, struct kc_start *start,
                          struct kc_error *err) KC_MUST_CHECK;

#endif
