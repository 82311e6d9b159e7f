// SPDX-License-Identifier: Apache-2.0
#include "component/produce_input.h"

#include "base/pointer.h"
#include "component/produce_reading.h"
#include "component/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A record's members; the order is that of the names below. */
enum member {
    KEY,
    VALUE,
    HEADERS,
    PARTITION,
    TIMESTAMP,
    TOPIC,
    KEY_ENCODING,
    VALUE_ENCODING,
    OFFSET,
    TIMESTAMP_TYPE,
    MEMBERS,
};

static const char *const member_names[MEMBERS + 1] = {
    "key",   "value",       "headers",       "partition", "timestamp",
    "topic", "keyEncoding", "valueEncoding", "offset",    "timestampType",
};

static const struct kc_member record_members[] = {
    { "key", "string", false, "Key", "Decides the partition; records without one are spread",
      NULL },
    { "value", "string", true, "Value",
      "Text as it stands; an object, array, number or boolean is written as JSON; null is a "
      "tombstone",
      NULL },
    { "headers", "object", false, "Headers",
      "Name and value; a value is text, null, {\"base64\": …} or an array of those", NULL },
    { "partition", "integer", false, "Partition", "Write to this one, whatever the key", NULL },
    { "timestamp", "integer", false, "Timestamp", "Milliseconds since 1970; now by default",
      NULL },
    { "topic", "string", false, "Topic", "Where the step takes the topic from the message",
      NULL },
    { "keyEncoding", "string", false, "Key encoding", "utf8 (default) or base64", NULL },
    { "valueEncoding", "string", false, "Value encoding", "utf8 (default) or base64", NULL },
    { 0 },
};

const struct kc_member kc_produce_in[] = {
    { "messages", "array", true, "Messages", "The records to write, at least one",
      record_members },
    { 0 },
};

const char *kc_reading_pointer(const struct kc_reading *in, const char *rest,
                               char out[KC_POINTER_MAX])
{
    if (in->at.index < 0)
        snprintf(out, KC_POINTER_MAX, "%s%s%s", in->at.message, in->at.body, rest);
    else
        snprintf(out, KC_POINTER_MAX, "%s%s/messages/%" PRId64 "%s", in->at.message,
                 in->at.body, in->at.index, rest);
    return out;
}

static void fault_unknown(const struct kc_reading *in, struct kc_text name,
                          const char *const *known, const char *else_say)
{
    char part[KC_PART_MAX];
    const char *nearest = kc_text_nearest(name, known);
    if (nearest)
        KC_FAULT(in, kc_pointer_part(name, part, sizeof(part)), "unknown; did you mean '%s'?",
                 nearest);
    else
        KC_FAULT(in, kc_pointer_part(name, part, sizeof(part)), "unknown; %s", else_say);
}

/* --- a record's members --- */

static bool is_base64(const struct kc_reading *in, const struct kc_value *encoding,
                      const char *pointer)
{
    if (!encoding || kc_text_is(kc_value_text(encoding), "utf8"))
        return false;
    if (kc_text_is(kc_value_text(encoding), "base64"))
        return true;
    if (kc_value_type(encoding) != KC_IS_NULL)
        KC_FAULT(in, pointer, "must be utf8 or base64");
    return false;
}

static struct kc_text decode(const struct kc_reading *in, const struct kc_value *v,
                             const char *pointer)
{
    struct kc_text bytes = KC_NO_TEXT;
    if (!kc_value_decode(v, &bytes))
        KC_FAULT(in, pointer, "must be base64 text, as its encoding says");
    return bytes;
}

static struct kc_text as_json(const struct kc_reading *in, const struct kc_value *v)
{
    struct kc_buf buf;
    kc_buf_init(&buf, KC_BUF_UNBOUNDED);
    kc_value_print(v, &buf);
    char *copy = kc_arena_alloc(in->arena, buf.len);
    memcpy(copy, buf.data, buf.len);
    struct kc_text text = { copy, buf.len };
    kc_buf_deinit(&buf);
    return text;
}

static void read_key(const struct kc_reading *in, const struct kc_value *v,
                     const struct kc_value *encoding, struct kc_record *r)
{
    struct kc_text key = KC_NO_TEXT;
    bool encoded = is_base64(in, encoding, "/keyEncoding");
    if (!v || kc_value_type(v) == KC_IS_NULL)
        return;
    if (kc_value_type(v) == KC_IS_ARRAY || kc_value_type(v) == KC_IS_OBJECT)
        KC_FAULT(in, "/key", "must be text (or a number or boolean), this is %s",
                 kc_value_type_name(v));
    else
        key = encoded ? decode(in, v, "/key") : kc_value_text(v);
    r->key = key.p;
    r->key_len = (uint32_t)key.len;
}

static void read_value(const struct kc_reading *in, const struct kc_value *v,
                       const struct kc_value *encoding, struct kc_record *r)
{
    struct kc_text value = KC_NO_TEXT;
    bool encoded = is_base64(in, encoding, "/valueEncoding");
    if (!v) {
        KC_FAULT(in, "/value", "required; null writes a tombstone");
        return;
    }
    if (kc_value_type(v) == KC_IS_NULL)
        return;
    if (encoded)
        value = decode(in, v, "/value");
    else if (kc_value_type(v) == KC_IS_ARRAY || kc_value_type(v) == KC_IS_OBJECT)
        value = as_json(in, v);
    else
        value = kc_value_text(v);
    r->value = value.p;
    r->value_len = (uint32_t)value.len;
}

static void read_numbers(const struct kc_reading *in, const struct kc_value *partition,
                         const struct kc_value *timestamp, struct kc_record *r)
{
    int64_t n;
    if (partition && kc_value_type(partition) != KC_IS_NULL) {
        if (kc_value_int(partition, true, 0, INT32_MAX, &n))
            r->partition = (int32_t)n;
        else
            KC_FAULT(in, "/partition", "must be a whole number from 0 to %d", INT32_MAX);
    }
    if (timestamp && kc_value_type(timestamp) != KC_IS_NULL) {
        if (kc_value_int(timestamp, false, 0, INT64_MAX, &n))
            r->timestamp = n;
        else
            KC_FAULT(in, "/timestamp",
                     "must be milliseconds since 1970, a whole number from 0");
    }
}

static void read_topic(const struct kc_reading *in, const struct kc_value *v, bool was_consumed,
                       struct kc_record *r)
{
    const struct kc_input_rules *rules = in->rules;
    if (was_consumed || !v || kc_value_type(v) == KC_IS_NULL) {
        if (!rules->topic)
            KC_FAULT(in, "/topic", "required, since the step names no topic");
        return;
    }
    struct kc_text name = kc_value_text(v);
    if (kc_value_type(v) != KC_IS_STRING || !kc_topic_is_valid(name))
        KC_FAULT(in, "/topic", KC_TOPIC_RULE);
    else if (rules->topic_from_message)
        r->topic = name.p;
    else if (!kc_text_is(name, rules->topic))
        KC_FAULT(in, "/topic",
                 "'%s' is not the step's topic, '%s'; set topicFromMessage to allow it", name.p,
                 rules->topic);
}

/* --- records and bodies --- */

static enum member find_member(struct kc_text name)
{
    for (int i = 0; i < MEMBERS; i++) {
        if (kc_text_is(name, member_names[i]))
            return (enum member)i;
    }
    return MEMBERS;
}

static bool stands_beside(const struct kc_reading *in, struct kc_text name)
{
    for (const char *const *beside = in->at.index < 0 ? in->beside : NULL; beside && *beside;
         beside++) {
        if (kc_text_is(name, *beside))
            return true;
    }
    return false;
}

static void read_record(const struct kc_reading *in, const struct kc_value *v,
                        struct kc_record *r)
{
    const struct kc_value *members[MEMBERS + 1] = {
        NULL
    }; /* of several with one name the last */
    if (kc_value_type(v) != KC_IS_OBJECT) {
        KC_FAULT(in, "", "must be an object with a value, this is %s", kc_value_type_name(v));
        return;
    }
    const struct kc_value *name = kc_value_first(v);
    for (size_t i = kc_value_count(v); i > 0; i--) {
        enum member m = find_member(kc_value_text(name));
        if (m < MEMBERS)
            members[m] = kc_value_of(name);
        else if (!stands_beside(in, kc_value_text(name)))
            fault_unknown(in, kc_value_text(name), member_names,
                          "a record has key, value, headers, partition, timestamp, topic, "
                          "keyEncoding, valueEncoding");
        name = kc_value_next(kc_value_of(name));
    }

    bool was_consumed = members[OFFSET] != NULL; /* where it was is not where it goes */
    if (members[TIMESTAMP_TYPE] && !was_consumed)
        KC_FAULT(in, "/timestampType", "belongs to a record that was read, beside its offset");
    read_key(in, members[KEY], members[KEY_ENCODING], r);
    read_value(in, members[VALUE], members[VALUE_ENCODING], r);
    if (members[HEADERS])
        kc_read_headers(in, members[HEADERS], r);
    if (members[PARTITION] || members[TIMESTAMP])
        read_numbers(in, was_consumed ? NULL : members[PARTITION], members[TIMESTAMP], r);
    if (members[TOPIC] || !in->rules->topic)
        read_topic(in, members[TOPIC], was_consumed, r);
}

/* {"messages": […]}: the records, or NULL after a fault. */
static const struct kc_value *find_messages(const struct kc_reading *in,
                                            const struct kc_value *body)
{
    static const char *const known[] = { "messages", NULL };
    const struct kc_value *messages = NULL;
    const struct kc_value *name = kc_value_first(body);
    for (size_t i = kc_value_count(body); i > 0; i--) {
        if (kc_text_is(kc_value_text(name), "messages"))
            messages = kc_value_of(name);
        else if (!stands_beside(in, kc_value_text(name)))
            fault_unknown(in, kc_value_text(name), known,
                          "beside messages there is nothing: it belongs into a record");
        name = kc_value_next(kc_value_of(name));
    }
    if (kc_value_type(messages) != KC_IS_ARRAY)
        KC_FAULT(in, "/messages", "must be an array of records, this is %s",
                 kc_value_type_name(messages));
    else if (kc_value_count(messages) == 0)
        KC_FAULT(in, "/messages", "must have at least one record");
    else
        return messages;
    return NULL;
}

static struct kc_batch *read_body(struct kc_reading *in, const struct kc_value *body)
{
    if (kc_value_type(body) != KC_IS_OBJECT) {
        KC_FAULT(in, "", "must be an object, {\"messages\": [{\"value\": …}]}; this is %s",
                 kc_value_type_name(body));
        return NULL;
    }
    if (!kc_value_get(body, "messages") && !kc_value_get(body, "value")) {
        KC_FAULT(in, "/messages", "required; {\"messages\": [{\"key\": …, \"value\": …}]}");
        return NULL;
    }
    if (!kc_value_get(body, "messages")) {
        struct kc_batch *single = kc_batch_new(1);
        read_record(in, body, &single->records[0]);
        return single;
    }
    const struct kc_value *messages = find_messages(in, body);
    if (!messages)
        return NULL;
    struct kc_batch *b = kc_batch_new(kc_value_count(messages));
    const struct kc_value *v = kc_value_first(messages);
    for (size_t i = 0; i < b->count; i++, v = kc_value_next(v)) {
        in->at.index = (int64_t)i;
        read_record(in, v, &b->records[i]);
    }
    return b;
}

struct kc_batch *kc_produce_input(const struct kc_message *m,
                                  const struct kc_input_rules *rules, struct kc_arena *arena,
                                  struct kc_faults *faults)
{
    struct kc_reading in = { rules,
                             arena,
                             faults,
                             { m->at, m->is_bare ? "" : "/body", -1 },
                             m->is_bare ? m->beside : NULL };
    struct kc_batch *b = read_body(&in, m->body);
    if (b && faults->count > 0) {
        kc_batch_free(b);
        return NULL;
    }
    if (b)
        b->topic = rules->topic;
    return b;
}
