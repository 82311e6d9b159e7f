// SPDX-License-Identifier: Apache-2.0
#include "transport/http/metrics.h"

#include "base/alloc.h"
#include "kafka/library.h"
#include "runtime/json.h"
#include "runtime/lags.h"
#include "runtime/metrics.h"
#include "transport/http/metrics_rooms.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is answered with another status is counted as "other". */
static const int statuses[] = { 200, 201, 202, 204, 207, 304, 400, 401, 403, 404,
                                405, 406, 408, 409, 410, 411, 413, 414, 415, 417,
                                421, 422, 429, 431, 500, 501, 502, 503, 504 };
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

#define CODES    (KC_INTERNAL + 1) /* the last of them */

struct of_route {
    _Atomic uint64_t answers[2][STATUSES + 1]; /* by HEAD; by another method */
    struct kc_histogram durations;
};

struct kc_metrics {
    size_t route_count;
    struct of_route *routes; /* the last one: requests without a route */
    _Atomic uint64_t errors[CODES];
    struct kc_tally ways[KC_WAYS];
    struct kc_lags *lags;
};

/* --- counting --- */

static size_t status_index(int status)
{
    size_t i = 0;
    while (i < STATUSES && statuses[i] != status)
        i++;
    return i;
}

void kc_metrics_answered(struct kc_service *s, const struct kc_route *route, const char *method,
                         int status, enum kc_code code, int64_t us)
{
    struct kc_metrics *m = s->metrics;
    struct of_route *r = &m->routes[route ? (size_t)(route - kc_routes) : m->route_count];
    bool is_head = strcmp(method, "HEAD") == 0;
    atomic_fetch_add_explicit(&r->answers[is_head ? 0 : 1][status_index(status)], 1,
                              memory_order_relaxed);
    kc_histogram_add(&r->durations, us);
    if (code != KC_NONE)
        kc_metrics_error(s, code);
}

void kc_metrics_error(struct kc_service *s, enum kc_code code)
{
    atomic_fetch_add_explicit(&s->metrics->errors[code], 1, memory_order_relaxed);
}

_Atomic uint64_t *kc_metrics_errors(struct kc_service *s)
{
    return s->metrics->errors;
}

struct kc_tally *kc_metrics_tally(struct kc_service *s, enum kc_way way)
{
    return way == KC_WAY_PRODUCE ? s->env->step.tally : &s->metrics->ways[way];
}

struct kc_lags *kc_metrics_lags(struct kc_service *s)
{
    return s->metrics->lags;
}

/* --- telling --- */

static const char *way_names[KC_WAYS] = {
    [KC_WAY_PRODUCE] = "produce",
    [KC_WAY_STREAM] = "consume_stream",
    [KC_WAY_POLL] = "consume_poll",
    [KC_WAY_PUSH] = "consume_push",
};

static void print_build(struct kc_buf *out)
{
    char kafka[64] = "";
    (void)sscanf(kc_kafka_library(), "librdkafka %63s", kafka);
    const struct kc_label labels[] = { { "version", KC_VERSION },
                                       { "librdkafka", kafka },
                                       { "libmicrohttpd", MHD_get_version() },
                                       { NULL, NULL } };
    kc_metrics_family(out, "kafka_component_build_info", "gauge",
                      "This program's version and its libraries'.");
    kc_metrics_sample(out, "kafka_component_build_info", labels, 1);
}

static const char *path_of(const struct kc_metrics *m, size_t i)
{
    return i < m->route_count ? kc_routes[i].path : "";
}

static const char *method_of(const struct kc_metrics *m, size_t i)
{
    return i < m->route_count ? kc_routes[i].method : "";
}

static void print_answers(struct kc_buf *out, const struct kc_metrics *m, size_t i)
{
    for (int kind = 0; kind < 2; kind++) {
        for (size_t k = 0; k <= STATUSES; k++) {
            uint64_t count =
                atomic_load_explicit(&m->routes[i].answers[kind][k], memory_order_relaxed);
            char status[8] = "other";
            if (k < STATUSES)
                snprintf(status, sizeof(status), "%d", statuses[k]);
            const struct kc_label labels[] = { { "route", path_of(m, i) },
                                               { "method", kind ? method_of(m, i) : "HEAD" },
                                               { "status", status },
                                               { NULL, NULL } };
            if (count > 0)
                kc_metrics_sample(out, "kafka_component_http_requests_total", labels,
                                  (double)count);
        }
    }
}

static void print_requests(struct kc_buf *out, const struct kc_metrics *m)
{
    kc_metrics_family(out, "kafka_component_http_requests_total", "counter",
                      "Requests that were answered; no route: refused at the door.");
    for (size_t i = 0; i <= m->route_count; i++)
        print_answers(out, m, i);
    kc_metrics_family(out, "kafka_component_http_request_duration_seconds", "histogram",
                      "From a request's headers to the end of its answer; a stream lasts as "
                      "long as it flows.");
    for (size_t i = 0; i <= m->route_count; i++) {
        const struct kc_label labels[] = { { "route", path_of(m, i) },
                                           { "method", method_of(m, i) },
                                           { NULL, NULL } };
        if (kc_histogram_count(&m->routes[i].durations) > 0)
            kc_histogram_print(out, "kafka_component_http_request_duration_seconds", labels,
                               &m->routes[i].durations);
    }
}

static void print_ways(struct kc_buf *out, const char *name, const char *help,
                       const uint64_t values[KC_WAYS])
{
    kc_metrics_family(out, name, "counter", help);
    for (int way = 0; way < KC_WAYS; way++) {
        const struct kc_label labels[] = { { "entry", way_names[way] }, { NULL, NULL } };
        kc_metrics_sample(out, name, labels, (double)values[way]);
    }
}

static void print_records(struct kc_buf *out, struct kc_service *s)
{
    uint64_t records[KC_WAYS], bytes[KC_WAYS];
    for (int way = 0; way < KC_WAYS; way++) {
        const struct kc_tally *tally = kc_metrics_tally(s, (enum kc_way)way);
        records[way] = atomic_load(&tally->records);
        bytes[way] = atomic_load(&tally->bytes);
    }
    kc_metrics_polled(s, &records[KC_WAY_POLL], &bytes[KC_WAY_POLL]);
    print_ways(out, "kafka_component_records_total",
               "Records stored in Kafka (produce), or handed out (consume_*).", records);
    print_ways(out, "kafka_component_record_bytes_total", "Bytes of their keys and values.",
               bytes);
}

static void print_errors(struct kc_buf *out, const struct kc_metrics *m)
{
    kc_metrics_family(out, "kafka_component_errors_total", "counter",
                      "Errors that were told: as a problem, as an event, or of a callback.");
    for (size_t code = 1; code < CODES; code++) {
        const struct kc_label labels[] = {
            { "class", kc_class_name(kc_code_class((enum kc_code)code)) },
            { "code", kc_code_name((enum kc_code)code) },
            { NULL, NULL },
        };
        uint64_t count = atomic_load_explicit(&m->errors[code], memory_order_relaxed);
        kc_metrics_sample(out, "kafka_component_errors_total", labels, (double)count);
    }
}

static void print_gauge(struct kc_buf *out, const char *name, const char *help, double value)
{
    kc_metrics_family(out, name, "gauge", help);
    kc_metrics_sample(out, name, NULL, value);
}

static void print_lag(void *arg, const char *group, const char *topic, const struct kc_lag *lag)
{
    char partition[16];
    snprintf(partition, sizeof(partition), "%d", (int)lag->partition);
    const struct kc_label labels[] = {
        { "group", group }, { "topic", topic }, { "partition", partition }, { NULL, NULL }
    };
    kc_metrics_sample(arg, "kafka_component_consumer_lag", labels,
                      lag->end > lag->position ? (double)(lag->end - lag->position) : 0);
}

void kc_route_metrics(struct kc_service *s, struct kc_exchange *x)
{
    struct kc_buf out;
    kc_buf_init(&out, KC_BUF_UNBOUNDED);
    print_build(&out);
    print_gauge(&out, "kafka_component_http_connections", "Connections that are open.",
                kc_server_connections(s->server));
    print_requests(&out, s->metrics);
    print_records(&out, s);
    print_errors(&out, s->metrics);
    kc_metrics_family(&out, "kafka_component_consumer_lag", "gauge",
                      "Records of a partition that are not accepted yet; of the "
                      "partitions that this server reads as a member of a group.");
    kc_lags_each(s->metrics->lags, print_lag, &out);
    kc_metrics_rooms(s, &out);
    kc_metrics_process(&out);
    kc_exchange_set_header(x, "Cache-Control", "no-store");
    kc_exchange_reply(x, 200, KC_METRICS_MEDIA_TYPE, &out);
}

/* --- life --- */

static bool open_(struct kc_service *s, struct kc_error *err)
{
    (void)err;
    struct kc_metrics *m = kc_new0(struct kc_metrics);
    while (kc_routes[m->route_count].method)
        m->route_count++;
    m->routes = kc_new0_array(struct of_route, m->route_count + 1);
    for (int way = 0; way < KC_WAYS; way++)
        atomic_store(&m->ways[way].lag, -1);
    m->lags = kc_lags_new();
    s->metrics = m;
    return true;
}

static void close_(struct kc_service *s)
{
    if (!s->metrics)
        return;
    kc_lags_free(s->metrics->lags);
    free(s->metrics->routes);
    free(s->metrics);
    s->metrics = NULL;
}

const struct kc_room kc_metrics_room = { open_, NULL, close_ };
