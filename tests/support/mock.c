// SPDX-License-Identifier: Apache-2.0
#include "mock.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/sync.h"
#include "component/entries.h"
#include "fail.h"
#include "runtime/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What an outlet was told. */
struct mock_answer {
    struct kc_outlet outlet; /* first: callbacks find the rest by it */
    struct mock_step *step;
    json_t *events; /* needs the step's lock, as all below */
    bool is_ended;
    struct mock_answer *next;
};

#define MOCK_BACK_MAX 16

struct given {
    struct mock_handed seen;
    const struct kc_ack *ack;
    uint64_t tag;
    bool is_answered;
};

struct mock_step {
    struct mock *mock;
    const struct kc_entry *entry;
    const struct kc_outlet_ops *ops;
    void *self;
    struct kc_doc *config, *credentials;
    struct kc_tally tally;
    struct kc_json_reader *reader; /* actions */
    struct mock_answer *answers;   /* actions: newest first; a trigger's one and only */
    pthread_t thread;              /* triggers */

    pthread_mutex_t lock;
    pthread_cond_t said;
    bool has_room;                 /* needs lock, as all below */
    bool was_refused;              /* since it has none */
    size_t back_first, back_count; /* to be given back */
    struct given *given;
    size_t given_count, given_room;
    size_t unanswered, peak;
    json_t *errors;
    struct mock_step *next;
};

static struct mock *running; /* the one of this test */

/* --- The cluster --- */

struct mock *mock_start(const char *topic, int partitions)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct mock *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!m->rk)
        fail_test("librdkafka: %s", why);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    assert_non_null(m->cluster);
    rd_kafka_mock_group_initial_rebalance_delay_ms(m->cluster, 0);
    rd_kafka_mock_start_request_tracking(m->cluster);
    if (rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1))
        fail_test("the mock has no topic '%s'", topic);
    m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
    m->witness = witness_open(m->brokers);
    running = m;
    return m;
}

struct mock *mock_on(const char *brokers, struct witness *witness)
{
    struct mock *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->brokers = brokers;
    m->witness = witness;
    running = m;
    return m;
}

int mock_free_all(void **state)
{
    (void)state;
    struct mock *m = running;
    running = NULL;
    if (!m)
        return 0;
    for (struct mock_step *s = m->steps, *next; s; s = next) {
        next = s->next; /* closing takes it out of the list */
        mock_close(s);
    }
    if (m->cluster) {
        witness_close(m->witness);
        rd_kafka_mock_cluster_destroy(m->cluster);
        rd_kafka_destroy(m->rk);
    }
    free(m);
    return 0;
}

void mock_down(struct mock *m)
{
    rd_kafka_mock_broker_set_down(m->cluster, 1);
}

void mock_up(struct mock *m)
{
    rd_kafka_mock_broker_set_up(m->cluster, 1);
}

void mock_far(struct mock *m, int round_trip_ms)
{
    rd_kafka_mock_broker_set_rtt(m->cluster, 1, round_trip_ms);
}

int mock_count_requests(struct mock *m, enum mock_request request)
{
    size_t count;
    int found = 0;
    rd_kafka_mock_request_t **requests = rd_kafka_mock_get_requests(m->cluster, &count);
    for (size_t i = 0; i < count; i++)
        found += rd_kafka_mock_request_api_key(requests[i]) == (int16_t)request;
    rd_kafka_mock_request_destroy_array(requests, count);
    return found;
}

void mock_wait_requests(struct mock *m, enum mock_request request, int count)
{
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    while (mock_count_requests(m, request) < count) {
        if (now_ms() > deadline)
            fail_test("request %d came less than %d times", (int)request, count);
        usleep(10000);
    }
}

/* --- The outlet --- */

static struct mock_answer *answer_of(struct kc_outlet *o)
{
    return (struct mock_answer *)(void *)o;
}

static void say(struct mock_answer *a, json_t *event)
{
    pthread_cond_broadcast(&a->step->said);
    if (a->is_ended) {
        fprintf(stderr, "something was said after the end\n");
        abort(); /* on a thread of the component's: cmocka cannot fail there */
    }
    json_array_append_new(a->events, event);
}

static void note_given(struct mock_step *s, json_t *body, const struct kc_data *data)
{
    if (s->given_count == s->given_room) {
        s->given_room = s->given_room * 2 + 64;
        s->given = kc_realloc(s->given, s->given_room, sizeof(*s->given));
    }
    json_t *messages = json_object_get(body, "messages");
    json_t *first = messages ? json_array_get(messages, 0) : body;
    s->given[s->given_count++] = (struct given){
        .seen = { .body = body,
                  .partition = atoi(json_string_value(json_object_get(first, "partition"))),
                  .offset = json_integer_value(json_object_get(first, "offset")),
                  .records = messages ? json_array_size(messages) : 1,
                  .at_ms = now_ms() },
        .ack = data->ack,
        .tag = data->tag,
    };
    char *places = s->given[s->given_count - 1].seen.places;
    size_t len = 0;
    for (size_t i = 0; data->positions && i < data->positions->count; i++)
        len += (size_t)snprintf(places + len, sizeof(s->given->seen.places) - len, "%d:%lld ",
                                (int)data->positions->list[i].partition,
                                (long long)data->positions->list[i].offset);
    if (++s->unanswered > s->peak)
        s->peak = s->unanswered;
}

static void on_data(struct kc_outlet *o, const struct kc_data *data)
{
    struct mock_answer *a = answer_of(o);
    json_t *body = json_loadb(data->body.p, data->body.len, JSON_REJECT_DUPLICATES, NULL);
    pthread_mutex_lock(&a->step->lock);
    json_t *event = json_pack("{s:s, s:O}", "event", "data", "body", body);
    if (data->id.p)
        json_object_set_new(event, "id", json_stringn(data->id.p, data->id.len));
    say(a, event);
    if (a->step->entry->kind == KC_TRIGGER)
        note_given(a->step, body, data);
    pthread_mutex_unlock(&a->step->lock);
    json_decref(body);
}

static void on_error(struct kc_outlet *o, const struct kc_error *err, struct kc_text details)
{
    struct mock_answer *a = answer_of(o);
    json_t *error =
        json_pack("{s:s, s:s}", "name", kc_code_name(err->code), "message", err->text);
    json_t *list = details.p ? json_loadb(details.p, details.len, 0, NULL) : json_null();
    pthread_mutex_lock(&a->step->lock);
    json_array_append(a->step->errors, error);
    say(a, json_pack("{s:s, s:o, s:o}", "event", "error", "error", error, "details", list));
    pthread_mutex_unlock(&a->step->lock);
}

static void on_end(struct kc_outlet *o)
{
    struct mock_answer *a = answer_of(o);
    pthread_mutex_lock(&a->step->lock);
    say(a, json_pack("{s:s}", "event", "end"));
    a->is_ended = true;
    pthread_mutex_unlock(&a->step->lock);
}

static void give_back(struct mock_step *s)
{
    uint64_t tags[MOCK_BACK_MAX];
    pthread_mutex_lock(&s->lock);
    const size_t count = s->back_count;
    const struct kc_ack *ack = count > 0 ? s->given[s->back_first].ack : NULL;
    for (size_t i = 0; i < count; i++) {
        struct given *g = &s->given[s->back_first + i];
        tags[i] = g->tag;
        s->unanswered -= !g->is_answered;
        g->is_answered = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (!ack)
        return;
    ack->take_back(ack->arg, tags, count);
    pthread_mutex_lock(&s->lock);
    s->back_count = 0;
    pthread_cond_broadcast(&s->said);
    pthread_mutex_unlock(&s->lock);
}

static bool has_room(struct kc_outlet *o, int wait_ms)
{
    struct mock_step *s = answer_of(o)->step;
    give_back(s);
    pthread_mutex_lock(&s->lock);
    if (!s->has_room && wait_ms > 0)
        kc_cond_wait(&s->said, &s->lock, wait_ms);
    bool room = s->has_room;
    s->was_refused = !room;
    pthread_cond_broadcast(&s->said);
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void on_rebound(struct kc_outlet *o, const struct kc_error *err)
{
    struct mock_answer *a = answer_of(o);
    pthread_mutex_lock(&a->step->lock);
    say(a, json_pack("{s:s, s:{s:s, s:s}}", "event", "rebound", "error", "name",
                     kc_code_name(err->code), "message", err->text));
    pthread_mutex_unlock(&a->step->lock);
}

static void on_reply(struct kc_outlet *o, const struct kc_reply *reply)
{
    struct mock_answer *a = answer_of(o);
    json_t *headers = json_loadb(reply->headers.p, reply->headers.len, 0, NULL);
    json_t *body = json_loadb(reply->body.p, reply->body.len, JSON_REJECT_DUPLICATES, NULL);
    pthread_mutex_lock(&a->step->lock);
    say(a, json_pack("{s:s, s:i, s:o, s:o}", "event", "reply", "status", reply->status,
                     "headers", headers, "body", body));
    pthread_mutex_unlock(&a->step->lock);
}

static const struct kc_outlet_ops ops = {
    .data = on_data,
    .error = on_error,
    .end = on_end,
    .has_room = has_room,
};

static const struct kc_outlet_ops flow_ops = {
    .data = on_data,
    .error = on_error,
    .end = on_end,
    .has_room = has_room,
    .rebound = on_rebound,
    .reply = on_reply,
};

static struct mock_answer *new_answer(struct mock_step *s)
{
    struct mock_answer *a = calloc(1, sizeof(*a));
    assert_non_null(a);
    a->outlet.ops = s->ops;
    a->step = s;
    a->events = json_array();
    a->next = s->answers;
    s->answers = a;
    return a;
}

/* --- Opening and closing --- */

static char *with_double_quotes(char *text)
{
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    return text;
}

static struct kc_doc *doc(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct kc_doc *doc(const char *format, ...)
{
    char text[1000];
    struct kc_error err = { 0 };
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct kc_doc *d = kc_doc_parse(kc_text(with_double_quotes(text)), &err);
    if (!d)
        fail_test("%s: %s", err.text, text);
    return d;
}

static struct mock_step *open_step(struct mock *m, const struct kc_entry *entry,
                                   struct kc_step step, const char *settings)
{
    struct kc_error err = { 0 };
    struct mock_step *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    kc_log_init(KC_WARN, STDERR_FILENO);
    s->mock = m;
    s->entry = entry;
    s->ops = &ops;
    s->has_room = true;
    s->errors = json_array();
    s->reader = kc_json_reader_new();
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->said);
    s->config = doc("%s", settings);
    s->credentials = doc("{'brokers': '%s', 'mechanism': 'none', "
                         "'securityProtocol': 'PLAINTEXT'}",
                         m->brokers);
    step.config = s->config;
    step.credentials = s->credentials;
    step.tally = &s->tally;
    if (!entry->open(&s->self, &step, &err))
        fail_test("%s: %s", entry->name, err.text);
    s->next = m->steps;
    m->steps = s;
    return s;
}

struct mock_step *mock_produce(struct mock *m, bool is_flood, const char *settings)
{
    return open_step(m, &kc_produce, (struct kc_step){ .is_flood = is_flood }, settings);
}

struct mock_step *mock_produce_in_flow(struct mock *m, const char *settings)
{
    struct mock_step *s = mock_produce(m, false, settings);
    s->ops = &flow_ops;
    return s;
}

static void *run_trigger(void *arg)
{
    struct mock_step *s = arg;
    s->entry->process(s->self, NULL, &s->answers->outlet);
    return NULL;
}

struct mock_step *mock_consume(struct mock *m, struct mock_ends ends, const char *settings)
{
    struct kc_step step = { .count_max = ends.count_max,
                            .until_end = ends.until_end,
                            .from_start = ends.from_start,
                            .is_sample = ends.is_sample,
                            .tells_outage = ends.tells_outage,
                            .sample_ms = ends.sample_ms,
                            .from = ends.from };
    struct mock_step *s = open_step(m, &kc_consume, step, settings);
    new_answer(s);
    kc_thread_start(&s->thread, "mock-trigger", run_trigger, s);
    return s;
}

void mock_stop(struct mock_step *s, int drain_ms)
{
    s->entry->stop(s->self, drain_ms);
}

void mock_close(struct mock_step *s)
{
    struct mock_step **at = &s->mock->steps;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->self)
        mock_stop(s, 0);
    if (s->entry->kind == KC_TRIGGER)
        pthread_join(s->thread, NULL);
    s->entry->close(s->self);
    while (s->answers) {
        struct mock_answer *a = s->answers;
        s->answers = a->next;
        json_decref(a->events);
        free(a);
    }
    json_decref(s->errors);
    kc_json_reader_free(s->reader);
    kc_doc_free(s->config);
    kc_doc_free(s->credentials);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->said);
    free(s->given);
    free(s);
}

/* --- Waiting; all with the lock held --- */

/* False at the deadline. */
static bool wait_said(struct mock_step *s, int64_t deadline_ms)
{
    int64_t left = deadline_ms - now_ms();
    if (left <= 0)
        return false;
    kc_cond_wait(&s->said, &s->lock, (int)left);
    return true;
}

/* --- Actions --- */

struct mock_answer *mock_send(struct mock_step *s, const char *format, ...)
{
    char *text = NULL;
    struct kc_error err = { 0 };
    struct kc_message message;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert_true(len >= 0);
    text = kc_realloc(text, (size_t)len + KC_JSON_PADDING, 1);
    memset(text + len, 0, KC_JSON_PADDING);
    with_double_quotes(text);
    if (!kc_message_read(&message, s->reader, text, (size_t)len, &err))
        fail_test("%s", err.text);
    struct mock_answer *a = new_answer(s);
    s->entry->process(s->self, &message, &a->outlet);
    kc_message_deinit(&message);
    return a;
}

json_t *mock_answered(struct mock_answer *a, int wait_ms)
{
    struct mock_step *s = a->step;
    int64_t deadline = now_ms() + wait_ms;
    bool in_time = true;
    pthread_mutex_lock(&s->lock);
    while (!a->is_ended && in_time)
        in_time = wait_said(s, deadline);
    bool is_ended = a->is_ended;
    pthread_mutex_unlock(&s->lock);
    if (!is_ended)
        fail_test("no answer within %d ms", wait_ms);
    return a->events;
}

/* --- Triggers --- */

size_t mock_handed_count(struct mock_step *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = s->given_count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

bool mock_hands_out(struct mock_step *s, size_t count, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    bool in_time = true;
    pthread_mutex_lock(&s->lock);
    while (s->given_count < count && in_time)
        in_time = wait_said(s, deadline);
    bool does = s->given_count >= count;
    pthread_mutex_unlock(&s->lock);
    return does;
}

struct mock_handed mock_handed(struct mock_step *s, size_t i)
{
    if (!mock_hands_out(s, i + 1, MOCK_WAIT_MS))
        fail_test("message %zu was not handed out; %zu were", i, mock_handed_count(s));
    pthread_mutex_lock(&s->lock);
    struct mock_handed seen = s->given[i].seen;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

static void answer(struct mock_step *s, size_t i, bool is_accepted)
{
    mock_handed(s, i);
    pthread_mutex_lock(&s->lock);
    struct given given = s->given[i];
    s->unanswered -= !given.is_answered;
    s->given[i].is_answered = true;
    pthread_mutex_unlock(&s->lock);
    if (!given.is_answered)
        given.ack->settle(given.ack->arg, &given.tag, 1, is_accepted);
}

void mock_accept(struct mock_step *s, size_t i)
{
    answer(s, i, true);
}

void mock_refuse(struct mock_step *s, size_t i)
{
    answer(s, i, false);
}

void mock_give_back(struct mock_step *s, size_t i, size_t count)
{
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    bool in_time = true;
    assert_true(count <= MOCK_BACK_MAX && i + count <= mock_handed_count(s));
    pthread_mutex_lock(&s->lock);
    s->back_first = i;
    s->back_count = count;
    while (s->back_count > 0 && in_time)
        in_time = wait_said(s, deadline);
    pthread_mutex_unlock(&s->lock);
    assert_true(in_time);
}

void mock_accept_all(struct mock_step *s)
{
    size_t count = mock_handed_count(s);
    for (size_t i = 0; i < count; i++)
        answer(s, i, true);
}

void mock_accept_until(struct mock_step *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mock_accept(s, i);
}

size_t mock_peak(struct mock_step *s)
{
    pthread_mutex_lock(&s->lock);
    size_t peak = s->peak;
    pthread_mutex_unlock(&s->lock);
    return peak;
}

void mock_set_room(struct mock_step *s, bool room)
{
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    bool in_time = true;
    pthread_mutex_lock(&s->lock);
    s->has_room = room;
    s->was_refused = false;
    pthread_cond_broadcast(&s->said);
    while (!room && !s->was_refused && in_time)
        in_time = wait_said(s, deadline);
    pthread_mutex_unlock(&s->lock);
    if (!in_time)
        fail_test("the step does not ask whether there is room");
}

size_t mock_error_count(struct mock_step *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = json_array_size(s->errors);
    pthread_mutex_unlock(&s->lock);
    return count;
}

json_t *mock_error(struct mock_step *s, size_t i)
{
    int64_t deadline = now_ms() + MOCK_WAIT_MS;
    bool in_time = true;
    pthread_mutex_lock(&s->lock);
    while (json_array_size(s->errors) <= i && in_time)
        in_time = wait_said(s, deadline);
    json_t *error = json_array_get(s->errors, i);
    pthread_mutex_unlock(&s->lock);
    if (!error)
        fail_test("no error number %zu was told", i);
    return error;
}

bool mock_has_ended(struct mock_step *s)
{
    pthread_mutex_lock(&s->lock);
    bool is_ended = s->answers->is_ended;
    pthread_mutex_unlock(&s->lock);
    return is_ended;
}

void mock_wait_end(struct mock_step *s, int wait_ms)
{
    (void)mock_answered(s->answers, wait_ms);
}

uint64_t mock_counted(struct mock_step *s)
{
    return atomic_load(&s->tally.records);
}

enum kc_reach mock_reach(struct mock_step *s)
{
    return (enum kc_reach)atomic_load(&s->tally.reach);
}
