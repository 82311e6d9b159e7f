// SPDX-License-Identifier: Apache-2.0
#include "component/model.h"

#include "base/clock.h"
#include "component/topic.h"
#include "kafka/cluster.h"
#include "runtime/json.h"

#include <string.h>

enum model {
    TOPICS,
    GROUPS,
    PARTITIONS,
    MODELS
};

const char *const kc_models[] = { "topics", "groups", "partitions", NULL };

static const char *const spelled_otherwise[] = { "getTopics", "getGroups", "getPartitions" };

static enum model find(const char *name)
{
    for (int i = 0; i < MODELS; i++) {
        if (strcmp(name, kc_models[i]) == 0 || strcmp(name, spelled_otherwise[i]) == 0)
            return (enum model)i;
    }
    return MODELS;
}

static void print_key(const char *value, size_t index, struct kc_buf *out)
{
    kc_buf_puts(out, index ? "," : "");
    kc_json_print_text(value, out);
    kc_buf_puts(out, ":");
}

static void print_label(struct kc_buf *label, struct kc_buf *out)
{
    kc_buf_append(label, "", 1);
    kc_json_print_text(label->data, out);
    kc_buf_clear(label);
}

static void print_listing(const struct kc_listing *listing, struct kc_buf *out)
{
    struct kc_buf label;
    kc_buf_init(&label, KC_BUF_UNBOUNDED);
    kc_buf_puts(out, "{");
    for (size_t i = 0; i < listing->count; i++) {
        const struct kc_listed *l = &listing->list[i];
        print_key(l->name, i, out);
        if (l->word)
            kc_buf_printf(&label, "%s (%s)", l->name, l->word);
        else
            kc_buf_printf(&label, "%s (%d partition%s)", l->name, l->count,
                          l->count == 1 ? "" : "s");
        print_label(&label, out);
    }
    kc_buf_puts(out, "}");
    kc_buf_deinit(&label);
}

static void print_partitions(int count, struct kc_buf *out)
{
    kc_buf_puts(out, "{");
    for (int i = 0; i < count; i++)
        kc_buf_printf(out, "%s\"%d\":\"Partition %d\"", i ? "," : "", i, i);
    kc_buf_puts(out, "}");
}

static bool ask(enum model model, struct kc_cluster *c, const char *topic, int wait_ms,
                struct kc_buf *out, struct kc_error *err)
{
    struct kc_listing listing = { NULL, 0 };
    struct kc_topic_facts facts;
    int brokers;
    bool ok;
    if (model == PARTITIONS) {
        /* the first question tells a refused sign-in at once */
        ok = kc_cluster_brokers(c, wait_ms, &brokers, err) &&
             kc_cluster_topic(c, topic, wait_ms, &facts, err);
        if (ok)
            print_partitions(facts.partitions, out);
        return ok;
    }
    ok = model == TOPICS ? kc_cluster_topics(c, wait_ms, &listing, err)
                         : kc_cluster_groups(c, wait_ms, &listing, err);
    if (ok)
        print_listing(&listing, out);
    kc_listing_deinit(&listing);
    return ok;
}

static int left(int64_t deadline_ms)
{
    int ms = kc_ms_until(deadline_ms, INT32_MAX);
    return ms > 0 ? ms : 1;
}

static void check_topic(enum model model, const char *topic, struct kc_faults *faults)
{
    if (model != PARTITIONS)
        return;
    if (!topic)
        kc_faults_add(faults, "/topic", "required: whose partitions?");
    else if (!kc_topic_is_valid(kc_text(topic)))
        kc_faults_add(faults, "/topic", KC_TOPIC_RULE);
}

bool kc_model(const char *name, const struct kc_doc *credentials, const char *topic,
              int wait_ms, struct kc_buf *out, struct kc_faults *faults, struct kc_error *err)
{
    struct kc_credentials read = { 0 };
    struct kc_cluster *c = NULL;
    enum model model = find(name);
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    if (model == MODELS) {
        kc_error_set(err, KC_NOT_FOUND, 0,
                     "there is no model '%.80s'; there are topics, groups and partitions",
                     name);
        return false;
    }
    faults->at = "/credentials";
    bool ok = kc_credentials_read(&read, credentials, KC_UNKNOWN_IS_ERROR, faults);
    faults->at = NULL;
    check_topic(model, topic, faults);
    ok = ok && faults->count == 0 && kc_cluster_open(&c, &read, wait_ms, err) &&
         ask(model, c, topic, left(deadline_ms), out, err);
    kc_cluster_close(c);
    kc_credentials_free(&read);
    return ok;
}
