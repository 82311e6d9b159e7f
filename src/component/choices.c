// SPDX-License-Identifier: Apache-2.0
#include "component/choices.h"

#include "base/clock.h"
#include "component/topic.h"

const struct kc_choice kc_key_encodings[] = {
    [KC_UTF8] = { "utf8", "UTF-8 text", "none" },
    [KC_BASE64] = { "base64", "Base64", NULL },
    { 0 },
};

const struct kc_choice kc_value_encodings[] = {
    [KC_UTF8] = { "utf8", "UTF-8 text", "none" },
    [KC_BASE64] = { "base64", "Base64", NULL },
    [KC_JSON] = { "json", "JSON", NULL },
    { 0 },
};

const struct kc_choice kc_isolations[] = {
    { "read_committed", "Committed records only", NULL },
    { "read_uncommitted", "All records", NULL },
    { 0 },
};

void kc_topic_check(const char *topic, struct kc_faults *faults)
{
    if (topic && !kc_topic_is_valid(kc_text(topic)))
        kc_faults_add(faults, "/topic", KC_TOPIC_RULE);
}

void kc_start_read(const char *text, struct kc_start *start, struct kc_faults *faults)
{
    struct kc_text t = kc_text(text);
    if (!text)
        return;
    if (kc_text_is(t, "latest"))
        start->kind = KC_START_LATEST;
    else if (kc_text_is(t, "earliest"))
        start->kind = KC_START_EARLIEST;
    else if (kc_text_int(t, 0, INT64_MAX, &start->value))
        start->kind = KC_START_OFFSET;
    else if (kc_iso_parse(t, &start->value) && start->value >= 0)
        start->kind = KC_START_TIME;
    else
        kc_faults_add(
            faults, "/startFrom",
            "must be latest, earliest, an ISO 8601 time (2026-01-31T12:00:00Z), or an offset");
}
