// SPDX-License-Identifier: Apache-2.0
#include "transport/sailor/backlog.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define NEVER        INT64_MAX
#define LOG_AGAIN_MS 60000 /* a refusal that lasts is told once a minute */

struct kc_stall {
    struct kc_stall *next;
    char *routing_key;
    struct kc_publish_list waiting; /* by sequence */
    int under_way;                  /* of those that were waiting here */
    int allowed;                    /* … at once */
    int64_t logged_ms;
};

void kc_backlog_init(struct kc_backlog *b, const struct kc_publisher_conf *conf)
{
    memset(b, 0, sizeof(*b));
    b->delay_ms = conf->retry_delay_ms;
    b->max_delay_ms = conf->retry_max_delay_ms;
    b->reply_patience_ms = conf->reply_patience_ms;
    for (int rate = 0; rate < KC_RATES; rate++)
        kc_limiter_init(&b->limiters[rate], rate == KC_RATE_NONE ? 0 : conf->rate_limits[rate],
                        conf->rate_interval_ms);
}

void kc_backlog_add(struct kc_backlog *b, struct kc_publishing *publishing)
{
    kc_publish_list_push(&b->fresh[publishing->rate], publishing);
}

/* --- Stalled routing keys ----------------------------------------------------------------- */

static struct kc_stall *stall_of(const struct kc_backlog *b, const char *routing_key)
{
    struct kc_stall *s = b->stalls;
    while (s && strcmp(s->routing_key, routing_key) != 0)
        s = s->next;
    return s;
}

/* From now on the messages of this key wait. */
static struct kc_stall *stall_key(struct kc_backlog *b, const char *routing_key)
{
    struct kc_stall *s = stall_of(b, routing_key);
    if (s)
        return s;
    s = kc_new0(struct kc_stall);
    s->routing_key = kc_strdup(routing_key);
    s->next = b->stalls;
    b->stalls = s;
    return s;
}

static void free_stall(struct kc_backlog *b, struct kc_stall *s)
{
    struct kc_stall **at = &b->stalls;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s->routing_key);
    free(s);
}

/* Refusals and what is taken back come nearly in order, so the end is the place to look first.
 */
static void wait_in(struct kc_backlog *b, struct kc_stall *s, struct kc_publishing *publishing)
{
    b->stalls_at_ms = 0;
    publishing->stall = NULL;
    if (!s->waiting.last || s->waiting.last->sequence < publishing->sequence) {
        kc_publish_list_push(&s->waiting, publishing);
        return;
    }
    struct kc_publishing **at = &s->waiting.first;
    while ((*at)->sequence < publishing->sequence)
        at = &(*at)->next;
    publishing->next = *at;
    *at = publishing;
}

static struct kc_publishing *next_stalled(struct kc_backlog *b, int64_t now_ms)
{
    if (now_ms < b->stalls_at_ms)
        return NULL;
    b->stalls_at_ms = NEVER;
    for (struct kc_stall *s = b->stalls; s; s = s->next) {
        struct kc_publishing *first = s->waiting.first;
        if (!first || s->under_way >= s->allowed)
            continue;
        if (first->due_ms <= now_ms) {
            b->stalls_at_ms = 0;
            s->under_way++;
            first->stall = s;
            return kc_publish_list_take(&s->waiting);
        }
        if (first->due_ms < b->stalls_at_ms)
            b->stalls_at_ms = first->due_ms;
    }
    return NULL;
}

static int64_t pause_ms(const struct kc_backlog *b, uint32_t tries)
{
    int64_t pause = b->delay_ms;
    for (uint32_t i = 1; i < tries && pause < b->max_delay_ms; i++)
        pause *= 2;
    return pause < b->max_delay_ms ? pause : b->max_delay_ms;
}

static void log_refusal(struct kc_stall *s, const struct kc_publishing *publishing,
                        int64_t now_ms, const char *reason)
{
    struct kc_text id = kc_table_get_text(publishing->headers, "messageId");
    bool is_due = s->logged_ms == 0 || now_ms - s->logged_ms >= LOG_AGAIN_MS;
    enum kc_level level = !is_due ? KC_DEBUG : publishing->returned_ms ? KC_ERROR : KC_WARN;
    if (is_due)
        s->logged_ms = now_ms;
    kc_log(level, "publish_refused", KC_S("routingKey", publishing->routing_key),
           KC_T("messageId", id), KC_S("error", reason), KC_I("tries", publishing->tries),
           KC_I("retryMs", publishing->due_ms - now_ms));
}

/* Ends the stall if nothing is left of it. */
static void leave(struct kc_backlog *b, struct kc_publishing *publishing, bool is_confirmed)
{
    struct kc_stall *s = publishing->stall;
    publishing->stall = NULL;
    b->stalls_at_ms = 0;
    s->under_way--;
    if (is_confirmed)
        s->allowed++;
    if (s->waiting.first || s->under_way)
        return;
    if (is_confirmed)
        kc_log(KC_INFO, "publish_accepted_again", KC_S("routingKey", s->routing_key));
    free_stall(b, s);
}

/* --- What goes next ----------------------------------------------------------------------- */

static struct kc_publishing *next_fresh(struct kc_backlog *b, int64_t now_ms, int64_t *at_ms)
{
    int best = -1;
    for (int rate = 0; rate < KC_RATES; rate++) {
        if (!b->fresh[rate].first)
            continue;
        int64_t wait_ms = kc_limiter_wait_ms(&b->limiters[rate], now_ms);
        if (wait_ms && now_ms + wait_ms < *at_ms)
            *at_ms = now_ms + wait_ms;
        if (!wait_ms &&
            (best < 0 || b->fresh[rate].first->sequence < b->fresh[best].first->sequence))
            best = rate;
    }
    if (best < 0)
        return NULL;
    kc_limiter_start(&b->limiters[best], now_ms);
    return kc_publish_list_take(&b->fresh[best]);
}

struct kc_publishing *kc_backlog_next(struct kc_backlog *b, int64_t now_ms, int64_t *wait_ms)
{
    for (;;) {
        int64_t at_ms = NEVER;
        struct kc_publishing *next = b->stalls ? next_stalled(b, now_ms) : NULL;
        if (next)
            return next;
        next = kc_publish_list_take(&b->again);
        if (!next)
            next = next_fresh(b, now_ms, &at_ms);
        if (!next) {
            if (b->stalls && b->stalls_at_ms < at_ms)
                at_ms = b->stalls_at_ms;
            *wait_ms = at_ms == NEVER ? -1 : at_ms - now_ms;
            return NULL;
        }
        struct kc_stall *s = b->stalls ? stall_of(b, next->routing_key) : NULL;
        if (!s)
            return next;
        wait_in(b, s, next); /* behind those that were refused */
    }
}

/* --- How it ended ------------------------------------------------------------------------- */

void kc_backlog_answered(struct kc_backlog *b, struct kc_publishing *publishing,
                         bool is_confirmed)
{
    if (publishing->stall)
        leave(b, publishing, is_confirmed);
}

void kc_backlog_refused(struct kc_backlog *b, struct kc_publishing *publishing, int64_t now_ms,
                        const char *reason)
{
    struct kc_stall *s = stall_key(b, publishing->routing_key);
    if (publishing->stall)
        s->under_way--;
    s->allowed = 1;
    publishing->due_ms = now_ms + pause_ms(b, publishing->tries);
    int64_t last_ms = publishing->returned_ms + b->reply_patience_ms;
    if (publishing->is_reply && publishing->returned_ms && publishing->due_ms > last_ms)
        publishing->due_ms = last_ms > now_ms ? last_ms : now_ms;
    wait_in(b, s, publishing);
    log_refusal(s, publishing, now_ms, reason);
}

void kc_backlog_lost(struct kc_backlog *b, struct kc_publish_list *lost)
{
    struct kc_publish_list again = { NULL, NULL };
    struct kc_publishing *publishing;
    while ((publishing = kc_publish_list_take(lost))) {
        struct kc_stall *s = publishing->stall;
        publishing->due_ms = 0;
        if (!s) {
            kc_publish_list_push(&again, publishing);
            continue;
        }
        s->under_way--;
        s->allowed = 1;
        wait_in(b, s, publishing);
    }
    /* What was to be published again already comes later: it had not even been under way. */
    while ((publishing = kc_publish_list_take(&b->again)))
        kc_publish_list_push(&again, publishing);
    b->again = again;
}

struct kc_publishing *kc_backlog_take(struct kc_backlog *b)
{
    struct kc_publishing *publishing = kc_publish_list_take(&b->again);
    for (int rate = 0; !publishing && rate < KC_RATES; rate++)
        publishing = kc_publish_list_take(&b->fresh[rate]);
    while (!publishing && b->stalls) {
        publishing = kc_publish_list_take(&b->stalls->waiting);
        if (!publishing)
            free_stall(b, b->stalls);
    }
    return publishing;
}
