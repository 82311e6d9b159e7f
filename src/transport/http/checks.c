// SPDX-License-Identifier: Apache-2.0
/* checks.c
 *
 * Threads    kc-checks  WORKERS of them: one question each, KC_VERIFY_MS at most
 *            kc-broker  asks the start's cluster every EVERY_MS whether it is there
 * Queue      questions that wait, QUEUE_MAX; full: a new one is refused as busy
 * Shutdown   stop() answers what waits, what is asked ends by itself; close() joins */
#include "transport/http/checks.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"
#include "component/model.h"
#include "component/verify.h"
#include "kafka/cluster.h"
#include "kafka/kerberos.h"
#include "transport/http/request.h"

#include <stdlib.h>

#define WORKERS    4
#define QUEUE_MAX  16
#define WAIT_MS    5000  /* for a cluster to answer a question: a person waits at a form */
#define EVERY_MS   10000 /* between two looks at the start's cluster … */
#define TROUBLE_MS 2000  /* … and while it does not answer, or has not yet */
#define LOOK_MS    2000  /* for its answer */

struct check {
    struct check *next;
    struct kc_exchange *x;
    struct kc_request request;
    const struct kc_doc *credentials; /* a loan: the request's or the start's */
    char *model;                      /* NULL: to be verified */
    char *topic, *group_id;           /* NULL: none */
};

struct kc_checks {
    struct kc_service *service;
    pthread_t workers[WORKERS];
    pthread_t watcher;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct check *first, *last; /* needs lock, as what follows */
    size_t waiting;
    bool is_stopping;
    const char *state; /* of the start's cluster */
    enum kc_code code; /* why it is not reachable */
};

static void free_check(struct check *c)
{
    kc_request_deinit(&c->request);
    free(c->model);
    free(c->topic);
    free(c->group_id);
    free(c);
}

/* --- one question; on a worker --- */

static void answer_verify(struct check *c)
{
    const struct kc_verify_ask ask = { c->topic, c->group_id };
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    struct kc_verdict *verdict = kc_verify(c->credentials, &ask, NULL, KC_VERIFY_MS);
    kc_verdict_print(verdict, &out);
    kc_verdict_free(verdict);
    kc_exchange_reply(c->x, 200, "application/json", &out);
}

static void answer_model(struct check *c)
{
    struct kc_error err = { 0 };
    struct kc_faults faults;
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    kc_faults_init(&faults);
    if (kc_model(c->model, c->credentials, c->topic, WAIT_MS, &out, &faults, &err))
        kc_exchange_reply(c->x, 200, "application/json", &out);
    else if (faults.count > 0)
        kc_exchange_refuse(c->x, KC_CONFIG, &faults);
    else
        kc_exchange_problem(c->x, 0, &err, KC_NO_TEXT);
    kc_faults_deinit(&faults);
    kc_buf_deinit(&out);
}

static void answer_stopped(struct check *c)
{
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_STOPPED, 0, "this server is being stopped");
    kc_exchange_problem(c->x, 0, &err, KC_NO_TEXT);
}

/* Waits for one; NULL at the end. */
static struct check *take(struct kc_checks *all)
{
    pthread_mutex_lock(&all->lock);
    while (!all->first && !all->is_stopping)
        pthread_cond_wait(&all->wake, &all->lock);
    struct check *c = all->first;
    if (c) {
        all->first = c->next;
        all->waiting--;
        if (!all->first)
            all->last = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    return c;
}

static void *run_worker(void *arg)
{
    struct kc_checks *all = arg;
    struct check *c;
    while ((c = take(all))) {
        if (atomic_load(&all->service->is_stopping))
            answer_stopped(c);
        else if (c->model)
            answer_model(c);
        else
            answer_verify(c);
        free_check(c);
    }
    return NULL;
}

/* --- routes; on the loop --- */

static void submit(struct kc_checks *all, struct check *c)
{
    struct kc_error err = { 0 };
    pthread_mutex_lock(&all->lock);
    if (all->is_stopping) {
        kc_error_set(&err, KC_STOPPED, 0, "this server is being stopped");
    } else if (all->waiting == QUEUE_MAX) {
        kc_error_set(&err, KC_BUSY, 0, "%d questions to Kafka wait already", QUEUE_MAX);
    } else {
        if (all->last)
            all->last->next = c;
        else
            all->first = c;
        all->last = c;
        all->waiting++;
        pthread_cond_broadcast(&all->wake); /* the watcher waits there too */
    }
    pthread_mutex_unlock(&all->lock);
    if (err.code == KC_NONE)
        return;
    kc_exchange_problem(c->x, 0, &err, KC_NO_TEXT);
    free_check(c);
}

static char *text_of(struct check *c, const char *name)
{
    struct kc_text t = kc_request_text(&c->request, c->x, name);
    return t.len > 0 ? kc_strndup(t.p, t.len) : NULL;
}

/* NULL when it was refused. */
static struct check *read_check(struct kc_service *s, struct kc_exchange *x,
                                const char *const *members)
{
    static const struct kc_field none[] = { { 0 } };
    struct check *c = kc_new0(struct check);
    c->x = x;
    if (!kc_request_read(&c->request, s, x, none, members)) {
        kc_request_refuse(&c->request, x);
        free_check(c);
        return NULL;
    }
    c->credentials = kc_request_credentials(&c->request, s);
    return c;
}

void kc_route_verify(struct kc_service *s, struct kc_exchange *x)
{
    static const char *const members[] = { "topic", "groupId", NULL };
    struct check *c = read_check(s, x, members);
    if (!c)
        return;
    c->topic = text_of(c, "topic");
    c->group_id = text_of(c, "groupId");
    if (c->request.faults.count > 0) {
        kc_request_refuse(&c->request, x);
        free_check(c);
        return;
    }
    submit(s->checks, c);
}

void kc_route_model(struct kc_service *s, struct kc_exchange *x)
{
    static const char *const members[] = { "topic", NULL };
    struct check *c = read_check(s, x, members);
    if (!c)
        return;
    c->topic = text_of(c, "topic");
    if (c->request.faults.count > 0) {
        kc_request_refuse(&c->request, x);
        free_check(c);
        return;
    }
    c->model = kc_strdup(kc_exchange_word(x, 0));
    submit(s->checks, c);
}

/* --- the start's cluster --- */

static void note(struct kc_checks *all, const char *state, enum kc_code code)
{
    pthread_mutex_lock(&all->lock);
    all->state = state;
    all->code = code;
    pthread_mutex_unlock(&all->lock);
}

static void look(struct kc_checks *all, struct kc_cluster *cluster)
{
    int brokers;
    struct kc_error err = { 0 };
    if (kc_cluster_brokers(cluster, LOOK_MS, &brokers, &err))
        note(all, "reachable", KC_NONE);
    else
        note(all, err.code == KC_AUTH ? "refused" : "unreachable", err.code);
}

/* False when it is time to stop. */
static bool pause_between(struct kc_checks *all)
{
    int64_t until_ms;
    pthread_mutex_lock(&all->lock);
    until_ms = kc_now_ms() + (all->code == KC_NONE ? EVERY_MS : TROUBLE_MS);
    while (!all->is_stopping && kc_ms_until(until_ms, EVERY_MS) > 0)
        kc_cond_wait(&all->wake, &all->lock, kc_ms_until(until_ms, EVERY_MS));
    bool goes_on = !all->is_stopping;
    pthread_mutex_unlock(&all->lock);
    return goes_on;
}

static void *run_watcher(void *arg)
{
    struct kc_checks *all = arg;
    struct kc_error err = { 0 };
    struct kc_faults ignored;
    struct kc_credentials credentials = { 0 };
    struct kc_cluster *cluster = NULL;
    kc_faults_init(&ignored);
    if (kc_credentials_read(&credentials, all->service->env->step.credentials,
                            KC_UNKNOWN_IS_WARNING, &ignored) &&
        kc_cluster_open(&cluster, &credentials, KC_KERBEROS_MS, &err)) {
        do
            look(all, cluster);
        while (pause_between(all));
    }
    kc_cluster_close(cluster);
    kc_credentials_free(&credentials);
    kc_faults_deinit(&ignored);
    return NULL;
}

void kc_checks_broker(struct kc_service *s, struct kc_buf *out)
{
    pthread_mutex_lock(&s->checks->lock);
    kc_buf_printf(out, "{\"state\":\"%s\"", s->checks->state);
    if (s->checks->code != KC_NONE)
        kc_buf_printf(out, ",\"code\":\"%s\"", kc_code_name(s->checks->code));
    kc_buf_puts(out, "}");
    pthread_mutex_unlock(&s->checks->lock);
}

/* --- life --- */

static bool has_cluster(const struct kc_checks *all)
{
    return !kc_doc_is_empty(all->service->env->step.credentials);
}

static bool open_(struct kc_service *s, struct kc_error *err)
{
    (void)err;
    struct kc_checks *all = kc_new0(struct kc_checks);
    all->service = s;
    all->state = has_cluster(all) ? "unknown" : "none";
    pthread_mutex_init(&all->lock, NULL);
    kc_cond_init(&all->wake);
    for (size_t i = 0; i < WORKERS; i++)
        kc_thread_start(&all->workers[i], "kc-checks", run_worker, all);
    if (has_cluster(all))
        kc_thread_start(&all->watcher, "kc-broker", run_watcher, all);
    s->checks = all;
    return true;
}

static void stop(struct kc_service *s, int drain_ms)
{
    (void)drain_ms;
    pthread_mutex_lock(&s->checks->lock);
    s->checks->is_stopping = true;
    pthread_cond_broadcast(&s->checks->wake);
    pthread_mutex_unlock(&s->checks->lock);
}

static void close_(struct kc_service *s)
{
    struct kc_checks *all = s->checks;
    if (!all)
        return;
    stop(s, 0);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(all->workers[i], NULL);
    if (has_cluster(all))
        pthread_join(all->watcher, NULL);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
    s->checks = NULL;
}

const struct kc_room kc_checks_room = { open_, stop, close_ };
