// SPDX-License-Identifier: Apache-2.0
#include "component/produce_answer.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

const struct kc_member kc_produce_out[] = {
    { "topicName", "string", true, "Topic", "The topic that was written to", NULL },
    { "partition", "string", true, "Partition", "Its partition", NULL },
    { "errorCode", "string", true, "Error code", "Kafka's; \"0\" when all is well", NULL },
    { "baseOffset", "string", true, "Base offset",
      "Offset of the first record of this call in that partition", NULL },
    { "logAppendTime", "string", true, "Log append time",
      "The broker's time in ms where the topic stamps on append, else \"-1\"", NULL },
    { "logStartOffset", "string", true, "Log start offset",
      "The first offset that can be read from that partition", NULL },
    { "errorName", "string", false, "Error name", "Of failed records: librdkafka's name",
      NULL },
    { "errorMessage", "string", false, "Error message", "Of failed records: in words", NULL },
    { "indexes", "array", false, "Indexes", "Which records of the call failed so, from 0",
      NULL },
    { "stored", "string", false, "Stored", "Of failed records: no, or maybe", NULL },
    { 0 },
};

/* The texts that the writer borrows until its document is finished. */
struct numbers {
    char text[5][KC_INT_SIZE];
};

static void add_row(struct kc_json_writer *w, const struct kc_written *row, int code,
                    struct numbers *numbers)
{
    kc_json_text(w, KC_LIT("topicName"), kc_text(row->topic));
    kc_json_text(w, KC_LIT("partition"), kc_int_text(row->partition, numbers->text[0]));
    kc_json_text(w, KC_LIT("errorCode"), kc_int_text(code, numbers->text[1]));
    kc_json_text(w, KC_LIT("baseOffset"), kc_int_text(row->base_offset, numbers->text[2]));
    kc_json_text(w, KC_LIT("logAppendTime"), kc_int_text(row->append_time, numbers->text[3]));
    kc_json_text(w, KC_LIT("logStartOffset"), kc_int_text(row->log_start, numbers->text[4]));
}

/* --- failed records --- */

/* Records that failed in the same place in the same way. */
struct group {
    const struct kc_record *sample;
    size_t *indexes;
    size_t count;
};

static bool belongs(const struct group *g, const struct kc_record *r)
{
    return g->sample->error == r->error && g->sample->stored == r->stored &&
           g->sample->partition == r->partition &&
           strcmp(kc_record_topic(g->sample), kc_record_topic(r)) == 0;
}

static struct group *group_failures(const struct kc_batch *b, size_t *count)
{
    struct group *groups = NULL;
    *count = 0;
    for (size_t i = 0; i < b->count && b->failed > 0; i++) {
        const struct kc_record *r = &b->records[i];
        if (!r->error)
            continue;
        size_t g = 0;
        while (g < *count && !belongs(&groups[g], r))
            g++;
        if (g == *count) {
            groups = kc_realloc(groups, ++*count, sizeof(*groups));
            groups[g] = (struct group){ .sample = r };
        }
        if ((groups[g].count & (groups[g].count + 1)) == 0) /* room for 1, 3, 7, … was filled */
            groups[g].indexes = kc_realloc(groups[g].indexes, groups[g].count * 2 + 1,
                                           sizeof(*groups[g].indexes));
        groups[g].indexes[groups[g].count++] = i;
    }
    return groups;
}

static void add_group(struct kc_json_writer *w, const struct group *g, struct numbers *numbers)
{
    const struct kc_record *r = g->sample;
    const struct kc_written row = { kc_record_topic(r), r->partition, KC_NO_OFFSET, KC_NO_TIME,
                                    KC_NO_OFFSET };
    add_row(w, &row, kc_record_code(r), numbers);
    kc_json_text(w, KC_LIT("errorName"), kc_text(kc_record_code_name(r)));
    kc_json_text(w, KC_LIT("errorMessage"), kc_text(kc_record_code_text(r)));
    kc_json_array(w, KC_LIT("indexes"));
    for (size_t i = 0; i < g->count; i++)
        kc_json_int(w, KC_NO_TEXT, (int64_t)g->indexes[i]);
    kc_json_end(w);
    kc_json_text(w, KC_LIT("stored"),
                 r->stored == KC_NOT_STORED ? KC_LIT("no") : KC_LIT("maybe"));
}

/* --- the answer --- */

/* What is said to the outlet, and all of it once more to whoever waits for a reply. */
struct speech {
    struct kc_outlet *outlet;
    bool is_replying;
    struct kc_buf reply; /* {"messages":[… */
};

static void add_to_reply(struct kc_buf *reply, const struct kc_data *data)
{
    kc_buf_puts(reply, reply->len ? ",{\"id\":\"" : "{\"messages\":[{\"id\":\"");
    kc_buf_text(reply, data->id);
    kc_buf_puts(reply, "\",\"headers\":{},\"body\":");
    kc_buf_text(reply, data->body);
    kc_buf_puts(reply, "}");
}

static void say(struct speech *s, struct kc_text body, bool is_failure)
{
    char id[KC_ID_SIZE];
    struct kc_data data = { .body = body, .is_failure = is_failure };
    if (s->is_replying) { /* the same message has the same id in both */
        kc_message_id(id);
        data.id = kc_text(id);
        add_to_reply(&s->reply, &data);
    }
    kc_outlet_data(s->outlet, &data);
}

static void say_reply(struct speech *s)
{
    kc_buf_puts(&s->reply, "],\"errors\":[]}");
    const struct kc_reply reply = {
        .status = 200,
        .body = kc_buf_peek(&s->reply),
        .headers = KC_LIT("{\"content-type\":\"application/json\"}"),
    };
    s->outlet->ops->reply(s->outlet, &reply);
}

/* What is written is ours and ASCII but for topic names, which were checked: it cannot fail. */
static void finish(struct kc_json_writer *w, struct kc_buf *out)
{
    if (!kc_json_finish(w, out))
        abort();
}

static void say_individually(const struct kc_batch *b, const struct group *groups,
                             size_t group_count, struct kc_json_writer *w,
                             struct speech *speech)
{
    struct numbers numbers;
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    for (size_t i = 0; i < b->written.count + group_count; i++) {
        kc_buf_clear(&body);
        kc_json_begin(w);
        if (i < b->written.count)
            add_row(w, &b->written.list[i], 0, &numbers);
        else
            add_group(w, &groups[i - b->written.count], &numbers);
        finish(w, &body);
        say(speech, kc_buf_peek(&body), i >= b->written.count);
    }
    kc_buf_deinit(&body);
}

/* Appends what `individual` says one by one, as the elements of an array. */
static void print_list(const struct kc_batch *b, const struct group *groups, size_t group_count,
                       bool only_failed, struct kc_json_writer *w, struct kc_buf *out)
{
    struct numbers numbers;
    kc_buf_puts(out, "[");
    for (size_t i = only_failed ? b->written.count : 0; i < b->written.count + group_count;
         i++) {
        if (out->data[out->len - 1] != '[')
            kc_buf_puts(out, ",");
        kc_json_begin(w);
        if (i < b->written.count)
            add_row(w, &b->written.list[i], 0, &numbers);
        else
            add_group(w, &groups[i - b->written.count], &numbers);
        finish(w, out);
    }
    kc_buf_puts(out, "]");
}

static void say_as_one(const struct kc_batch *b, const struct group *groups, size_t group_count,
                       struct kc_json_writer *w, struct speech *speech)
{
    struct kc_buf body;
    kc_buf_init(&body, KC_BUF_UNBOUNDED);
    kc_buf_puts(&body, "{\"results\":");
    print_list(b, groups, group_count, false, w, &body);
    kc_buf_puts(&body, "}");
    say(speech, kc_buf_peek(&body), b->written.count == 0);
    kc_buf_deinit(&body);
}

static void explain(const struct kc_batch *b, const struct group *first, struct kc_error *err)
{
    kc_producer_explain(b->producer, first->sample, err);
    if (b->count > 1)
        kc_error_wrap(err, "%zu of %zu records failed", b->failed, b->count);
    kc_error_wrap(err, "write to '%s'", kc_record_topic(first->sample));
}

static void say_error(const struct kc_batch *b, const struct group *groups, size_t group_count,
                      struct kc_json_writer *w, struct kc_outlet *outlet)
{
    struct kc_error err = { 0 };
    struct kc_buf details;
    explain(b, &groups[0], &err);
    kc_buf_init(&details, KC_BUF_UNBOUNDED);
    print_list(b, groups, group_count, true, w, &details);
    kc_outlet_error(outlet, &err, kc_buf_peek(&details));
    kc_buf_deinit(&details);
}

static void free_groups(struct group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(groups[i].indexes);
    free(groups);
}

void kc_produce_answer(const struct kc_batch *b, bool as_one_message, struct kc_json_writer *w,
                       struct kc_outlet *outlet)
{
    size_t group_count;
    struct group *groups = group_failures(b, &group_count);
    struct speech speech = { .outlet = outlet,
                             .is_replying = outlet->ops->reply && group_count == 0 };
    kc_buf_init(&speech.reply, KC_BUF_UNBOUNDED);
    if (as_one_message)
        say_as_one(b, groups, group_count, w, &speech);
    else
        say_individually(b, groups, group_count, w, &speech);
    if (group_count > 0)
        say_error(b, groups, group_count, w, outlet);
    else if (speech.is_replying)
        say_reply(&speech);
    kc_buf_deinit(&speech.reply);
    free_groups(groups, group_count);
}

/* --- trying again --- */

static bool is_transient(const struct kc_batch *b, const struct group *g)
{
    struct kc_error err = { 0 };
    if (g->sample->stored != KC_NOT_STORED)
        return false;
    kc_producer_explain(b->producer, g->sample, &err);
    return kc_code_class(err.code) == KC_CLASS_TRANSIENT;
}

bool kc_produce_may_come_again(const struct kc_batch *b, struct kc_error *err)
{
    if (b->failed == 0 || b->failed < b->count)
        return false;
    size_t group_count, transient = 0;
    struct group *groups = group_failures(b, &group_count);
    while (transient < group_count && is_transient(b, &groups[transient]))
        transient++;
    if (transient == group_count)
        explain(b, &groups[0], err);
    free_groups(groups, group_count);
    return transient == group_count;
}
