// SPDX-License-Identifier: Apache-2.0
/* rotation.c
 *
 * Threads    kc-rotation   reads the credentials, and gives new ones out
 *            others        clients that come and go, and tell how they are received
 * Locks      all.lock; not held while the file is read or token.c is told. librdkafka's
 *            rd_kafka_sasl_set_credentials() is called under it, and calls nobody back.
 */
#include "kafka/rotation_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "kafka/token.h"

#include <stdlib.h>
#include <string.h>

#define PACE_MS  1000  /* not more often, however many are refused */
#define WATCH_MS 40000 /* after a refusal: librdkafka says the same one again after 30 s */
#define WAIT_MS  60000

struct member {
    struct member *next;
    rd_kafka_t *rk;
    struct kc_health *health;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    kc_rotation_read *read;
    void *arg;
    struct kc_doc *doc;               /* as last read; the thread's own */
    struct kc_credentials first;      /* what everybody else goes by */
    struct kc_credentials now;        /* what it has become */
    struct member *members;           /* clients that have the first */
    char trouble[KC_ERROR_TEXT_SIZE]; /* why it cannot be read; the thread's own */
    int64_t watch_until_ms;
    bool has_thread, was_accepted, is_asked, is_stopping;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- clients --- */

static bool is_first(const struct kc_credentials *c) /* needs all.lock */
{
    return all.has_thread && kc_fields_equal(kc_credentials_fields, c, &all.first);
}

void kc_rotation_current(const struct kc_credentials *c, struct kc_credentials *now)
{
    pthread_mutex_lock(&all.lock);
    kc_fields_copy(kc_credentials_fields, now, is_first(c) ? &all.now : c, sizeof(*now));
    pthread_mutex_unlock(&all.lock);
}

static bool has_password(const struct kc_credentials *c)
{
    return c->mechanism == KC_PLAIN || c->mechanism == KC_SCRAM_SHA_256 ||
           c->mechanism == KC_SCRAM_SHA_512;
}

static void give(const struct member *m) /* needs all.lock */
{
    if (!has_password(&all.now) || !all.now.username || !all.now.password)
        return; /* a token's secret is token.c's */
    kc_health_hide(m->health, KC_SECRET_PASSWORD, all.now.password);
    rd_kafka_error_t *failed =
        rd_kafka_sasl_set_credentials(m->rk, all.now.username, all.now.password);
    if (failed) {
        kc_log(KC_WARN, "credentials_not_given", KC_S("reason", rd_kafka_error_string(failed)));
        rd_kafka_error_destroy(failed);
    }
}

void kc_rotation_join(rd_kafka_t *rk, const struct kc_credentials *c, struct kc_health *health)
{
    pthread_mutex_lock(&all.lock);
    if (is_first(c)) {
        struct member *m = kc_new0(struct member);
        *m = (struct member){ all.members, rk, health };
        all.members = m;
        give(m); /* they may have changed since kc_rotation_current() */
    }
    pthread_mutex_unlock(&all.lock);
}

void kc_rotation_leave(rd_kafka_t *rk)
{
    struct member *gone = NULL;
    pthread_mutex_lock(&all.lock);
    for (struct member **at = &all.members; *at; at = &(*at)->next) {
        if ((*at)->rk == rk) {
            gone = *at;
            *at = gone->next;
            break;
        }
    }
    pthread_mutex_unlock(&all.lock);
    free(gone);
}

static bool is_member(const struct kc_health *health) /* needs all.lock */
{
    for (const struct member *m = all.members; m; m = m->next) {
        if (m->health == health)
            return true;
    }
    return false;
}

bool kc_rotation_refused(const struct kc_health *health)
{
    pthread_mutex_lock(&all.lock);
    bool may_heal = all.was_accepted && is_member(health);
    if (may_heal) {
        all.watch_until_ms = kc_now_ms() + WATCH_MS;
        pthread_cond_broadcast(&all.changed);
    }
    pthread_mutex_unlock(&all.lock);
    return may_heal;
}

void kc_rotation_accepted(const struct kc_health *health)
{
    pthread_mutex_lock(&all.lock);
    all.was_accepted = all.was_accepted || is_member(health);
    pthread_mutex_unlock(&all.lock);
}

/* --- new ones --- */

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether all but who we are is as it was. */
static bool is_same_else(const struct kc_credentials *fresh)
{
    struct kc_credentials mixed = *fresh; /* a loan */
    mixed.username = all.first.username;
    mixed.password = all.first.password;
    return kc_fields_equal(kc_credentials_fields, &mixed, &all.first);
}

/* Takes fresh over. */
static void apply(struct kc_credentials *fresh)
{
    size_t count = 0;
    pthread_mutex_lock(&all.lock);
    struct kc_credentials before = all.now;
    all.now = *fresh;
    for (const struct member *m = all.members; m; m = m->next, count++)
        give(m);
    pthread_mutex_unlock(&all.lock);
    kc_token_rotate(&before, fresh);
    kc_credentials_free(&before);
    kc_log(KC_INFO, "credentials_renewed", KC_I("clients", (int64_t)count));
}

static void read_fresh(struct kc_credentials *fresh, struct kc_error *err)
{
    struct kc_faults faults;
    kc_faults_init(&faults);
    (void)!kc_credentials_read(fresh, all.doc, KC_UNKNOWN_IS_ERROR, &faults);
    (void)!kc_faults_none(&faults, KC_CONFIG, err);
    kc_faults_deinit(&faults);
}

/* The document has changed. */
static void take(void)
{
    struct kc_error err = { 0 };
    struct kc_credentials fresh = { 0 };
    read_fresh(&fresh, &err);
    if (err.code != KC_NONE) {
        kc_log(KC_WARN, "credentials_not_taken", KC_E(&err));
    } else if (!is_same_else(&fresh)) {
        kc_error_set(&err, KC_CONFIG, 0,
                     "more than username and password has changed: that takes a restart");
        kc_log(KC_WARN, "credentials_not_taken", KC_E(&err));
    } else if (!same(fresh.username, all.now.username) ||
               !same(fresh.password, all.now.password)) {
        apply(&fresh);
        return;
    }
    kc_credentials_free(&fresh);
}

static void read_again(void)
{
    struct kc_error err = { 0 };
    struct kc_doc *doc = all.read(all.arg, &err);
    if (!doc) { /* half written, perhaps: said once */
        if (strcmp(all.trouble, err.text) != 0)
            kc_log(KC_WARN, "credentials_not_read", KC_E(&err));
        memcpy(all.trouble, err.text, sizeof(all.trouble));
        return;
    }
    all.trouble[0] = '\0';
    bool is_news = !kc_doc_is_equal(doc, all.doc);
    kc_doc_free(all.doc);
    all.doc = doc;
    if (is_news)
        take();
}

static void *run(void *arg)
{
    (void)arg;
    int64_t due_ms = kc_now_ms();
    pthread_mutex_lock(&all.lock);
    while (!all.is_stopping) {
        bool is_wanted = all.is_asked || kc_now_ms() < all.watch_until_ms;
        int wait_ms = is_wanted ? kc_ms_until(due_ms, PACE_MS) : WAIT_MS;
        if (wait_ms > 0) {
            kc_cond_wait(&all.changed, &all.lock, wait_ms);
            continue;
        }
        all.is_asked = false;
        pthread_mutex_unlock(&all.lock);
        read_again();
        due_ms = kc_now_ms() + PACE_MS;
        pthread_mutex_lock(&all.lock);
    }
    pthread_mutex_unlock(&all.lock);
    return NULL;
}

/* --- begin and end --- */

void kc_rotation_start(const struct kc_doc *credentials, kc_rotation_read *read, void *arg)
{
    struct kc_error err = { 0 };
    if (kc_doc_is_empty(credentials))
        return;
    all.doc = kc_doc_new();
    kc_doc_overlay(all.doc, credentials);
    read_fresh(&all.first, &err);
    if (err.code != KC_NONE) { /* whoever uses them says so */
        kc_credentials_free(&all.first);
        kc_doc_free(all.doc);
        all.doc = NULL;
        return;
    }
    kc_fields_copy(kc_credentials_fields, &all.now, &all.first, sizeof(all.now));
    all.read = read;
    all.arg = arg;
    all.has_thread = true;
    kc_cond_init(&all.changed);
    kc_thread_start(&all.thread, "kc-rotation", run, NULL);
}

void kc_rotation_ask(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&all.lock);
    all.is_asked = true;
    if (all.has_thread)
        pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
}

void kc_rotation_stop(void)
{
    if (!all.has_thread)
        return;
    pthread_mutex_lock(&all.lock);
    all.is_stopping = true;
    pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
    pthread_join(all.thread, NULL);
    pthread_cond_destroy(&all.changed);
    kc_credentials_free(&all.first);
    kc_credentials_free(&all.now);
    kc_doc_free(all.doc);
    all.doc = NULL;
    all.has_thread = all.is_stopping = all.is_asked = all.was_accepted = false;
    all.watch_until_ms = 0;
}
