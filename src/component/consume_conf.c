// SPDX-License-Identifier: Apache-2.0
#include "component/consume_conf.h"

#include "component/choices.h"
#include "component/entries.h"

const struct kc_field kc_consume_fields[] = {
    { .name = "topic",
      .type = KC_TEXT,
      KC_AT(kc_consume_conf, topic),
      .required = true,
      .label = "Topic",
      .help = "Topic to read." },
    { .name = "groupId",
      .type = KC_TEXT,
      KC_AT(kc_consume_conf, group_id),
      .required = true,
      .kafka = "group.id",
      .label = "Group Id",
      .help =
          "The consumer group: its members share the partitions, and its committed offsets say "
          "where reading goes on." },
    { .name = "groupInstanceId",
      .type = KC_TEXT,
      KC_AT(kc_consume_conf, group_instance_id),
      .kafka = "group.instance.id",
      .label = "Group instance Id",
      .help = "Static membership: a member that comes back under this name within "
              "sessionTimeoutMs gets its partitions back at once." },
    { .name = "startFrom",
      .type = KC_TEXT,
      KC_AT(kc_consume_conf, start_from),
      .fallback = "latest",
      .example = "latest, earliest, 2026-01-31T12:00:00Z, 42",
      .label = "Start from",
      .help = "Where a group without a committed offset begins: latest, earliest, an ISO 8601 "
              "time, or an offset." },
    KC_RECORD_FIELDS(kc_consume_conf),
    { .name = "sessionTimeoutMs",
      .type = KC_INT,
      KC_AT(kc_consume_conf, session_timeout_ms),
      .kafka = "session.timeout.ms",
      .min = 6000,
      .max = 300000,
      .fallback = "10000",
      .label = "Session timeout (ms)",
      .help = "A member that is not heard of for so long loses its partitions to the others; a "
              "heartbeat is sent every third of it." },
    { .name = "maxInFlight",
      .type = KC_INT,
      KC_AT(kc_consume_conf, max_in_flight),
      .min = 1,
      .max = 100000,
      .fallback = "1000",
      .label = "Max in flight",
      .help = "Messages handed out and not yet accepted; when it is reached, reading waits." },
    { .name = "batchSize",
      .type = KC_INT,
      KC_AT(kc_consume_conf, batch_size),
      .min = 1,
      .max = 100000,
      .fallback = "1",
      .label = "Batch size",
      .help = "Above 1, up to so many records of a partition come in one message, "
              "{\"messages\": […]}." },
    { .name = "batchTimeoutMs",
      .type = KC_INT,
      KC_AT(kc_consume_conf, batch_timeout_ms),
      .min = 1,
      .max = 600000,
      .fallback = "1000",
      .label = "Batch timeout (ms)",
      .help = "A batch that is not full by then is handed out as it is." },
    { 0 },
};

bool kc_consume_conf_read(struct kc_consume_conf *conf, const struct kc_doc *doc,
                          enum kc_unknown unknown, struct kc_start *start,
                          struct kc_faults *faults)
{
    size_t before = faults->count + faults->dropped;
    bool ok = kc_fields_read(kc_consume_fields, conf, doc, unknown, faults);
    kc_topic_check(conf->topic, faults);
    kc_start_read(conf->start_from, start, faults);
    return ok && faults->count + faults->dropped == before;
}

bool kc_consume_open_conf(struct kc_consume_conf *conf, struct kc_credentials *credentials,
                          const struct kc_step *step, struct kc_start *start,
                          struct kc_error *err)
{
    struct kc_faults own, *faults = step->faults ? step->faults : &own;
    kc_faults_init(&own);
    faults->at = step->faults ? "/config" : NULL;
    bool ok = kc_consume_conf_read(conf, step->config, step->unknown_fields, start, faults);
    faults->at = step->faults ? "/credentials" : NULL;
    ok &= kc_credentials_read(credentials, step->credentials, step->unknown_fields, faults);
    faults->at = NULL;
    ok &= kc_faults_none(faults, KC_CONFIG, err);
    kc_faults_deinit(&own);
    return ok;
}

bool kc_consume_check(const struct kc_doc *config, enum kc_unknown unknown,
                      struct kc_faults *faults)
{
    struct kc_consume_conf conf = { 0 };
    struct kc_start start;
    bool ok = kc_consume_conf_read(&conf, config, unknown, &start, faults);
    kc_fields_free(kc_consume_fields, &conf);
    return ok;
}
