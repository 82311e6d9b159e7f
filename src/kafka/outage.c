// SPDX-License-Identifier: Apache-2.0
/* outage.c - whether any broker answers. librdkafka goes on trying without a word, and says
 * when the last connection went, but not that one is back, nor that none ever came about. So in
 * doubt it is asked for the brokers, now and then. All on the owner's thread. */
#include "kafka/consumer_private.h"

#include "base/clock.h"

#include <string.h>

#define SILENT_MS 5000  /* a shorter outage is not worth a word */
#define OTHER_MS  30000 /* between two words about one outage: brokers take turns */

/* How long one look at the brokers takes at most, and after what time comes the next: nothing
 * is read and no stop is seen meanwhile. Those that are far, and answer behind a fetch that
 * waits, get their time before a word counts, and from then on. */
#define LOOK_MS       200
#define PAUSE_MS      1000
#define LONG_LOOK_MS  2000
#define LONG_PAUSE_MS 5000

enum kc_reach kc_consumer_reach(const struct kc_consumer *c)
{
    if (c->outage.is_told)
        return KC_OUT_OF_REACH;
    return c->outage.has_answered ? KC_REACHED : KC_REACH_UNKNOWN;
}

void kc_outage_over(struct kc_consumer *c)
{
    atomic_store(&c->health.is_down, false);
    kc_health_ok(&c->health);
    c->outage.has_answered = true;
    c->outage.is_told = false;
    c->outage.since_ms = 0;
}

static bool answers(struct kc_consumer *c, int wait_ms)
{
    const rd_kafka_metadata_t *m;
    if (rd_kafka_metadata(c->rk, 0, NULL, &m, wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(m);
    return true;
}

static void tell(struct kc_consumer *c, int64_t now)
{
    struct kc_outage *o = &c->outage;
    struct kc_error err = { 0 };
    kc_error_set(&err, KC_UNAVAILABLE, 0, "no broker answers");
    kc_health_explain(&c->health, &err);
    kc_error_wrap(&err, "read '%s'", c->topic);
    if (o->is_told && (strcmp(o->told.text, err.text) == 0 || now - o->told_ms < OTHER_MS))
        return;
    o->is_told = true;
    o->told_ms = now;
    o->told = err;
    kc_consumer_tell(c, &err, false);
}

void kc_look_for_outage(struct kc_consumer *c)
{
    struct kc_outage *o = &c->outage;
    if (!o->is_watched || (o->has_answered && !atomic_load(&c->health.is_down)))
        return;
    int64_t now = kc_now_ms();
    if (o->since_ms == 0) {
        o->since_ms = now;
        o->look_ms = now + PAUSE_MS;
    }
    if (now < o->look_ms)
        return;
    bool is_long = now - o->since_ms >= SILENT_MS;
    if (answers(c, is_long ? LONG_LOOK_MS : LOOK_MS))
        kc_outage_over(c);
    else if (is_long)
        tell(c, now);
    o->look_ms = kc_now_ms() + (is_long ? LONG_PAUSE_MS : PAUSE_MS);
}
