// SPDX-License-Identifier: Apache-2.0
#include "transport/http/metrics_rooms.h"

#include "kafka/producers.h"
#include "runtime/metrics.h"
#include "transport/http/polls.h"
#include "transport/http/steps.h"
#include "transport/http/streams.h"
#include "transport/http/subscriptions.h"

#include <stdio.h>
#include <string.h>

static void print_gauge(struct kc_buf *out, const char *name, const char *help, double value)
{
    kc_metrics_family(out, name, "gauge", help);
    kc_metrics_sample(out, name, NULL, value);
}

/* --- produce --- */

/* Clients are numbered as they are found: whose they are nobody is told. */
struct clients {
    struct kc_buf records, bytes;
    size_t count;
};

static void see_client(void *arg, struct kc_producer *p)
{
    struct clients *all = arg;
    struct kc_producer_queue q = kc_producer_queue(p);
    char number[16];
    snprintf(number, sizeof(number), "%zu", all->count++);
    const struct kc_label labels[] = { { "client", number }, { NULL, NULL } };
    kc_metrics_sample(&all->records, "kafka_component_producer_queue_records", labels,
                      (double)q.records);
    kc_metrics_sample(&all->bytes, "kafka_component_producer_queue_bytes", labels,
                      (double)q.bytes);
}

static void print_producers(struct kc_service *s, struct kc_buf *out)
{
    struct clients all = { .count = 0 };
    kc_buf_init(&all.records, KC_BUF_UNBOUNDED);
    kc_buf_init(&all.bytes, KC_BUF_UNBOUNDED);
    kc_producers_each(kc_steps_producers(s->steps), see_client, &all);
    print_gauge(out, "kafka_component_producer_clients", "Kafka clients that produce shares.",
                (double)all.count);
    kc_metrics_family(out, "kafka_component_producer_queue_records", "gauge",
                      "Records in librdkafka's queue or on the way, by client.");
    kc_buf_text(out, kc_buf_peek(&all.records));
    kc_metrics_family(out, "kafka_component_producer_queue_bytes", "gauge",
                      "Bytes of their keys and values.");
    kc_buf_text(out, kc_buf_peek(&all.bytes));
    kc_buf_deinit(&all.records);
    kc_buf_deinit(&all.bytes);
}

static void print_steps(struct kc_service *s, struct kc_buf *out)
{
    struct kc_steps_measure m;
    kc_steps_measure(s->steps, &m);
    print_gauge(out, "kafka_component_produce_steps", "Settings of produce that are kept open.",
                (double)m.steps);
    print_gauge(out, "kafka_component_produce_waiting", "Requests that wait for their step.",
                (double)m.waiting);
}

/* --- consume --- */

static void print_streams(struct kc_service *s, struct kc_buf *out)
{
    struct kc_streams_figures f;
    kc_streams_measure(s, &f);
    print_gauge(out, "kafka_component_streams", "Streams that are open.", (double)f.open);
    kc_metrics_family(out, "kafka_component_streams_opened_total", "counter",
                      "Streams that were opened.");
    kc_metrics_sample(out, "kafka_component_streams_opened_total", NULL, (double)f.opened);
}

static void print_polls(struct kc_service *s, struct kc_buf *out)
{
    struct kc_polls_figures f;
    kc_polls_measure(s, &f);
    print_gauge(out, "kafka_component_poll_waiting", "Polls that wait for a thread.",
                (double)f.queued);
    print_gauge(out, "kafka_component_poll_running", "Polls that are asking Kafka.",
                (double)f.busy);
    print_gauge(out, "kafka_component_poll_clients", "Kafka clients that polls keep warm.",
                (double)f.clients.clients);
}

void kc_metrics_polled(struct kc_service *s, uint64_t *records, uint64_t *bytes)
{
    struct kc_polls_figures f;
    kc_polls_measure(s, &f);
    *records += f.clients.records;
    *bytes += f.clients.bytes;
}

/* --- subscriptions --- */

enum {
    RUNNING,
    LAG,
    WAITING,
    RETRYING,
    ATTEMPTS,
    FAILURES,
    RECORDS,
    FAMILIES
};

static const struct {
    const char *name, *type, *help;
} families[FAMILIES] = {
    [RUNNING] = { "kafka_component_subscription_running", "gauge",
                  "1 while it delivers, 0 while it is paused or fails." },
    [LAG] = { "kafka_component_subscription_lag", "gauge",
              "Records that are not accepted yet; absent while that is not known." },
    [WAITING] = { "kafka_component_subscription_waiting", "gauge",
                  "Messages that were read and not accepted yet." },
    [RETRYING] = { "kafka_component_subscription_retrying", "gauge",
                   "Partitions whose last attempt failed." },
    [ATTEMPTS] = { "kafka_component_subscription_attempts_total", "counter",
                   "Requests to the callback." },
    [FAILURES] = { "kafka_component_subscription_failures_total", "counter",
                   "Those of them that were not accepted." },
    [RECORDS] = { "kafka_component_subscription_records_total", "counter",
                  "Records that were accepted." },
};

struct subscriptions {
    struct kc_buf samples[FAMILIES];
    size_t count;
};

static void see_subscription(void *arg, const struct kc_spec *spec,
                             const struct kc_subscription_status *status,
                             const struct kc_tally *tally)
{
    struct subscriptions *all = arg;
    const struct kc_delivery_status *d = &status->delivery;
    const struct kc_label labels[] = { { "subscription", spec->id }, { NULL, NULL } };
    const double values[FAMILIES] = {
        [RUNNING] = strcmp(status->state, "running") == 0,
        [LAG] = (double)status->lag,
        [WAITING] = (double)d->waiting,
        [RETRYING] = (double)d->retrying,
        [ATTEMPTS] = (double)d->attempts,
        [FAILURES] = (double)d->failures,
        [RECORDS] = (double)d->records,
    };
    (void)tally;
    all->count++;
    for (int i = 0; i < FAMILIES; i++) {
        if (i != LAG || status->lag >= 0)
            kc_metrics_sample(&all->samples[i], families[i].name, labels, values[i]);
    }
}

static void print_subscriptions(struct kc_service *s, struct kc_buf *out)
{
    struct subscriptions all = { .count = 0 };
    for (int i = 0; i < FAMILIES; i++)
        kc_buf_init(&all.samples[i], KC_BUF_UNBOUNDED);
    kc_subscriptions_each(s->subscriptions, see_subscription, &all);
    print_gauge(out, "kafka_component_subscriptions", "Subscriptions that are there.",
                (double)all.count);
    for (int i = 0; i < FAMILIES; i++) {
        kc_metrics_family(out, families[i].name, families[i].type, families[i].help);
        kc_buf_text(out, kc_buf_peek(&all.samples[i]));
        kc_buf_deinit(&all.samples[i]);
    }
}

void kc_metrics_rooms(struct kc_service *s, struct kc_buf *out)
{
    print_producers(s, out);
    print_steps(s, out);
    print_streams(s, out);
    print_polls(s, out);
    print_subscriptions(s, out);
}
