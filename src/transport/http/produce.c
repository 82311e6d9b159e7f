// SPDX-License-Identifier: Apache-2.0
/* produce.c - a body of messages becomes records, and the answer when Kafka has them.
 *
 * Threads    loop    takes the body; finds the step where that needs no reading
 *            desk    reads what may hold settings, finds or opens the step
 *            worker  reads the rest, gives the messages to the entry point
 *            others  the producer's: speak to the outlets; the last one to end answers */
#include "transport/http/produce.h"

#include "base/alloc.h"
#include "component/entries.h"
#include "transport/http/desk.h"
#include "transport/http/envelope.h"
#include "transport/http/metrics.h"
#include "transport/http/post.h"
#include "transport/http/request.h"
#include "transport/http/steps.h"

#include <stdlib.h>
#include <string.h>

#define LOOP_BYTES ((size_t)256 * 1024) /* of a body that the loop looks through */

/* One request. */
struct posted {
    struct kc_job job; /* first: the steps know nothing else */
    struct kc_service *service;
    struct kc_exchange *x;
    struct kc_request request;
    struct kc_http_envelope envelope;
    bool is_read;
};

static struct posted *posted_of(struct kc_job *job)
{
    return (struct posted *)(void *)job;
}

static void posted_free(struct posted *p)
{
    kc_request_deinit(&p->request);
    free(p);
}

/* --- refusing --- */

static void refuse_all(struct posted *p)
{
    kc_tally_error(p->service->env->step.tally);
    kc_request_refuse(&p->request, p->x);
}

static void refuse(struct kc_job *job, const struct kc_error *err)
{
    struct posted *p = posted_of(job);
    kc_tally_error(p->service->env->step.tally);
    kc_exchange_problem(p->x, 0, err, KC_NO_TEXT);
    posted_free(p);
}

/* --- reading --- */

static bool read_body(struct posted *p, struct kc_json_reader *reader)
{
    struct kc_request *r = &p->request;
    if (!kc_request_parse(r, reader))
        return false;
    r->code = KC_INPUT;
    if (!r->root)
        kc_faults_add(&r->faults, "", "required; {\"messages\": [{\"key\": …, \"value\": …}]}");
    p->is_read = r->root && kc_http_envelope_read(&p->envelope, r->root, &r->faults);
    return p->is_read;
}

/* What a step is found by: the query, and the settings in the body, exactly as they came. */
static void print_key(const struct posted *p, struct kc_buf *key)
{
    const char *name, *value;
    for (size_t i = 0; kc_exchange_query(p->x, i, &name, &value); i++)
        kc_buf_printf(key, "%zu %zu %s%s", strlen(name), strlen(value), name, value);
    for (size_t i = 0; p->envelope.has_settings && kc_http_envelope_beside[i]; i++) {
        const struct kc_value *v = kc_value_get(p->request.root, kc_http_envelope_beside[i]);
        if (!v || kc_value_type(v) == KC_IS_NULL)
            continue;
        kc_buf_printf(key, "\n%s ", kc_http_envelope_beside[i]);
        kc_value_print(v, key);
    }
}

static void forget_key(struct kc_buf *key)
{
    if (key->data)
        explicit_bzero(key->data, key->len);
    kc_buf_deinit(key);
}

/* --- on a step's worker --- */

static void on_failed(void *arg, enum kc_code code)
{
    const struct posted *p = arg;
    kc_metrics_error(p->service, code);
}

static void on_answered(void *arg)
{
    struct posted *p = arg;
    kc_opened_done(&p->job);
    posted_free(p);
}

/* Names that were spelled with escapes: the text is not what it was, so it is written anew. */
static void ask_after_all(struct posted *p)
{
    struct kc_buf text;
    static const char padding[KC_JSON_PADDING] = { 0 };
    kc_buf_init(&text, KC_BUF_UNBOUNDED);
    kc_value_print(p->request.root, &text);
    kc_request_deinit(&p->request);
    p->request.text_len = text.len;
    kc_buf_append(&text, padding, sizeof(padding));
    p->request.text = kc_buf_take(&text);
    p->is_read = false;
    kc_opened_done(&p->job);
    p->job.step = NULL;
    kc_desk_ask(p->service->steps, &p->job);
}

static void give(struct posted *p, void *self)
{
    struct kc_post_conf conf = {
        .exchange = p->x,
        .tally = p->service->env->step.tally,
        .failed = on_failed,
        .answered = on_answered,
        .arg = p,
    };
    kc_post_run(&conf, &p->envelope, p->request.text_len, &kc_produce, self);
}

static void run(struct kc_job *job, void *self, struct kc_json_reader *reader)
{
    struct posted *p = posted_of(job);
    bool was_read = p->is_read;
    if (!was_read && !read_body(p, reader)) {
        refuse_all(p);
        on_answered(p);
    } else if (!was_read && p->envelope.has_settings) {
        ask_after_all(p);
    } else {
        give(p, self);
    }
}

/* --- on the desk --- */

static bool read_settings(struct posted *p)
{
    return kc_request_read_settings(&p->request, p->service, p->x, kc_produce.fields, NULL);
}

static struct kc_doc *complete_config(const struct posted *p)
{
    struct kc_doc *config = kc_steps_config(p->service);
    kc_doc_overlay(config, p->request.config);
    return config;
}

/* What the entry point itself would have found. */
static void add_faults(struct kc_request *r, const struct kc_doc *config)
{
    struct kc_faults found;
    kc_faults_init(&found);
    found.at = "/config";
    if (!kc_produce_check(config, KC_UNKNOWN_IS_ERROR, &found))
        kc_request_add_faults(r, &found);
    kc_faults_deinit(&found);
}

static struct kc_opened *open_step(struct posted *p, struct kc_text key, struct kc_error *err)
{
    struct kc_request *r = &p->request;
    bool is_right = read_settings(p);
    struct kc_doc *config = complete_config(p);
    if (!is_right) {
        add_faults(r, config);
        kc_doc_free(config);
        return NULL;
    }
    struct kc_doc *credentials = r->credentials;
    r->credentials = NULL;
    return kc_steps_open(p->service->steps, key, config, credentials, &r->faults, err);
}

/* The messages are wrong: what else is. */
static void read_settings_too(struct posted *p)
{
    struct kc_request *r = &p->request;
    size_t before = r->faults.count + r->faults.dropped;
    enum kc_code code = r->code;
    (void)!read_settings(p);
    struct kc_doc *config = complete_config(p);
    add_faults(r, config);
    kc_doc_free(config);
    if (r->faults.count + r->faults.dropped == before)
        r->code = code;
}

static void read_on_desk(struct kc_job *job, struct kc_service *s)
{
    struct posted *p = posted_of(job);
    struct kc_error err = { 0 };
    struct kc_buf key;
    struct kc_opened *step = NULL;
    kc_buf_init(&key, KC_BUF_UNBOUNDED);
    p->request.reader = kc_json_reader_new();
    if (read_body(p, p->request.reader)) {
        print_key(p, &key);
        step = kc_steps_find(s->steps, kc_buf_peek(&key));
        if (!step)
            step = open_step(p, kc_buf_peek(&key), &err);
    } else if (p->request.root) {
        read_settings_too(p);
    }
    forget_key(&key);
    if (step) {
        kc_opened_push(step, job);
    } else if (p->request.faults.count > 0) {
        refuse_all(p);
        posted_free(p);
    } else {
        refuse(job, &err);
    }
}

/* --- on the loop --- */

/* The step, where the query alone says which. */
static struct kc_opened *find_step(const struct posted *p)
{
    struct kc_buf key;
    kc_buf_init(&key, KC_BUF_UNBOUNDED);
    print_key(p, &key);
    struct kc_opened *step = kc_steps_find(p->service->steps, kc_buf_peek(&key));
    kc_buf_deinit(&key);
    return step;
}

void kc_route_produce(struct kc_service *s, struct kc_exchange *x)
{
    struct posted *p = kc_new0(struct posted);
    struct kc_opened *step = NULL;
    p->job.run = run;
    p->job.read = read_on_desk;
    p->job.refuse = refuse;
    p->service = s;
    p->x = x;
    p->request.text = kc_exchange_take_body(x, &p->request.text_len);
    p->job.bytes = p->request.text_len;
    const struct kc_text body = { p->request.text, p->request.text_len };
    if (body.len <= LOOP_BYTES && !kc_http_envelope_may_have_settings(body))
        step = find_step(p);
    if (step)
        kc_opened_push_later(step, &p->job);
    else
        kc_desk_ask(s->steps, &p->job);
}
