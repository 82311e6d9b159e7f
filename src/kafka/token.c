// SPDX-License-Identifier: Apache-2.0
/* token.c
 *
 * Threads    source   one per account: asks, waits, gives out
 *            http     the HTTP client's: hands the answer over
 *            others   clients that come and go
 * Locks      all.lock before source.lock; neither is held while the token server is waited for
 */
#include "kafka/token.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "kafka/library.h"
#include "kafka/token_ask.h"
#include "net/digest.h"
#include "net/http.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS       10000
#define RETRY_MS     500 /* doubled up to … */
#define RETRY_MAX_MS 30000
#define WAIT_MS      60000 /* looked around even where nobody said anything */

struct member {
    struct member *next;
    rd_kafka_t *rk;
    struct kc_health *health;
};

struct source {
    struct source *next;
    struct kc_account account;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct member *members;
    struct kc_token token; /* text NULL: none yet */
    int64_t expires_wall_ms;
    bool is_stopping;
    bool is_rotated;  /* the account is another one: ask now */
    bool is_answered; /* what the http thread brought: */
    int status;
    struct kc_error error;
    struct kc_buf body;
};

/* Shared by the whole process: that is what they are for. */
static struct {
    pthread_mutex_t lock;
    struct source *sources;
    struct kc_http *http;
    const char *const *allow;
    bool has_warned; /* once is enough */
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- giving out --- */

/* "a=1, b=2" as name, value, name, value; the array points into text, which is changed. */
static size_t split_extensions(char *text, const char *pairs[2 * KC_EXTENSIONS_MAX])
{
    size_t count = 0;
    for (char *p = text; p && *p && count < 2 * KC_EXTENSIONS_MAX;) {
        size_t len = strcspn(p, ",\r\n");
        char *next = p + len + (p[len] != '\0');
        p[len] = '\0';
        p += strspn(p, " \t");
        char *equals = strchr(p, '=');
        if (equals) {
            *equals = '\0';
            pairs[count++] = p;
            pairs[count++] = equals + 1;
        }
        p = next;
    }
    return count;
}

static void give(struct source *s, const struct member *m) /* needs s->lock */
{
    char why[256];
    const char *pairs[2 * KC_EXTENSIONS_MAX];
    char *extensions = kc_strdup(s->account.extensions);
    size_t count = split_extensions(extensions, pairs);
    kc_health_hide(m->health, KC_SECRET_PASSWORD, s->account.secret);
    kc_health_hide(m->health, KC_SECRET_TOKEN, s->token.text);
    if (s->token.text &&
        rd_kafka_oauthbearer_set_token(m->rk, s->token.text, s->expires_wall_ms, s->account.id,
                                       pairs, count, why, sizeof(why)) != 0) {
        struct kc_error err = { 0 };
        kc_error_set(&err, KC_AUTH, 0, "the token cannot be used: %s", why);
        kc_health_note(m->health, &err);
    }
    free(extensions);
}

static void give_all(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    for (const struct member *m = s->members; m; m = m->next)
        give(s, m);
    pthread_mutex_unlock(&s->lock);
}

static void tell_all(struct source *s, const struct kc_error *err)
{
    pthread_mutex_lock(&s->lock);
    for (const struct member *m = s->members; m; m = m->next)
        kc_health_note(m->health, err);
    pthread_mutex_unlock(&s->lock);
}

/* --- asking --- */

static void on_answer(void *arg, const struct kc_http_answer *answer)
{
    struct source *s = arg;
    pthread_mutex_lock(&s->lock);
    s->is_answered = true;
    s->status = answer->status;
    s->error = answer->error;
    kc_buf_clear(&s->body);
    (void)kc_buf_text(&s->body, answer->body);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool send_question(struct kc_http *http, struct kc_http_request *request, void *arg,
                          struct kc_error *err)
{
    request->timeout_ms = ASK_MS;
    request->done = on_answer;
    request->arg = arg;
    return kc_http_send(http, request, err);
}

/* Waits for the answer, or until we are to stop: then there is an answer too, since the request
 * was cancelled. */
static bool ask_once(struct source *s, bool with_own_ca, struct kc_error *err)
{
    pthread_mutex_lock(&s->lock); /* so that a stop comes before the question or cancels it */
    s->is_answered = false;
    if (s->is_stopping)
        kc_error_set(err, KC_STOPPED, 0, "nobody wants a token any more");
    if (s->is_stopping ||
        !kc_token_ask(all.http, &s->account, with_own_ca, send_question, s, err)) {
        pthread_mutex_unlock(&s->lock);
        return false;
    }
    while (!s->is_answered)
        kc_cond_wait(&s->changed, &s->lock, WAIT_MS);
    if (s->error.code != KC_NONE)
        *err = s->error;
    pthread_mutex_unlock(&s->lock);
    return err->code == KC_NONE;
}

/* The token server's certificate may be signed by the authority that signed the brokers', or by
 * a public one: both are trusted. */
static bool ask(struct source *s, struct kc_token *token, struct kc_error *err)
{
    pthread_mutex_lock(&s->lock);
    bool has_own_ca = s->account.ca || s->account.ca_file;
    pthread_mutex_unlock(&s->lock);
    bool ok = ask_once(s, has_own_ca, err);
    if (!ok && has_own_ca && err->code == KC_UNTRUSTED) {
        struct kc_error first = *err;
        kc_error_clear(err);
        ok = ask_once(s, false, err);
        if (!ok && err->code == KC_UNTRUSTED)
            *err = first;
    }
    pthread_mutex_lock(&s->lock);
    ok = ok && kc_token_take(token, &s->account, s->status, kc_buf_peek(&s->body), err);
    pthread_mutex_unlock(&s->lock);
    if (!ok)
        kc_error_wrap(err, "ask for an access token");
    return ok;
}

/* --- the source's thread --- */

static int jittered(int ms)
{
    uint16_t dice;
    kc_random_bytes(&dice, sizeof(dice));
    return ms / 2 + (int)((int64_t)ms / 2 * dice / UINT16_MAX);
}

static int renew(struct source *s, int *retry_ms)
{
    struct kc_error err = { 0 };
    struct kc_token token;
    if (!ask(s, &token, &err)) {
        int wait_ms = jittered(*retry_ms);
        if (err.code != KC_STOPPED)
            tell_all(s, &err);
        *retry_ms = *retry_ms * 2 < RETRY_MAX_MS ? *retry_ms * 2 : RETRY_MAX_MS;
        return wait_ms;
    }
    pthread_mutex_lock(&s->lock);
    if (s->token.text)
        explicit_bzero(s->token.text, strlen(s->token.text));
    free(s->token.text);
    s->token = token;
    s->expires_wall_ms = kc_wall_ms() + token.life_ms;
    pthread_mutex_unlock(&s->lock);
    give_all(s);
    kc_log(KC_DEBUG, "token_renewed", KC_I("life_ms", token.life_ms));
    *retry_ms = RETRY_MS;
    return (int)(token.life_ms / 5 * 4);
}

static void *run(void *arg)
{
    struct source *s = arg;
    int retry_ms = RETRY_MS;
    int64_t due_ms = kc_now_ms();
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        int wait_ms = s->is_rotated ? 0 : kc_ms_until(due_ms, WAIT_MS);
        s->is_rotated = false;
        if (wait_ms > 0) {
            kc_cond_wait(&s->changed, &s->lock, wait_ms);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        due_ms = renew(s, &retry_ms) + kc_now_ms();
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- sources come and go --- */

void kc_kafka_allow_token_servers(const char *const *allow)
{
    pthread_mutex_lock(&all.lock);
    all.allow = allow;
    pthread_mutex_unlock(&all.lock);
}

const char *const *kc_kafka_allowed_token_servers(void)
{
    pthread_mutex_lock(&all.lock);
    const char *const *allow = all.allow;
    pthread_mutex_unlock(&all.lock);
    return allow;
}

static struct source *source_for(const struct kc_credentials *c) /* needs all.lock */
{
    for (struct source *s = all.sources; s; s = s->next) {
        if (kc_account_is(&s->account, c))
            return s;
    }
    if (kc_token_url_is_clear(c->token_url) && !all.has_warned)
        kc_log(KC_WARN, "token_url_in_clear",
               KC_S("reason", "tokenUrl is http: the client secret goes there in clear"));
    all.has_warned |= kc_token_url_is_clear(c->token_url);
    struct source *s = kc_new0(struct source);
    kc_account_copy(&s->account, c);
    pthread_mutex_init(&s->lock, NULL);
    kc_cond_init(&s->changed);
    kc_buf_init(&s->body, KC_TOKEN_ANSWER_BYTES);
    s->next = all.sources;
    all.sources = s;
    return s;
}

static void source_end(struct source *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    kc_http_cancel(all.http, s);
    pthread_join(s->thread, NULL);
    kc_account_free(&s->account);
    if (s->token.text)
        explicit_bzero(s->token.text, strlen(s->token.text));
    free(s->token.text);
    kc_buf_deinit(&s->body);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool kc_token_join(rd_kafka_t *rk, const struct kc_credentials *c, struct kc_health *health,
                   struct kc_error *err)
{
    pthread_mutex_lock(&all.lock);
    const struct kc_http_conf conf = { .allow = all.allow };
    if (!all.http && !kc_http_open(&all.http, &conf, err)) {
        pthread_mutex_unlock(&all.lock);
        return false;
    }
    struct source *s = source_for(c);
    struct member *m = kc_new0(struct member);
    m->rk = rk;
    m->health = health;
    pthread_mutex_lock(&s->lock);
    bool is_first = !s->members;
    m->next = s->members;
    s->members = m;
    give(s, m);
    pthread_mutex_unlock(&s->lock);
    if (is_first)
        kc_thread_start(&s->thread, "kc-token", run, s);
    pthread_mutex_unlock(&all.lock);
    return true;
}

void kc_token_rotate(const struct kc_credentials *before, const struct kc_credentials *now)
{
    if (now->mechanism != KC_OAUTHBEARER)
        return;
    pthread_mutex_lock(&all.lock);
    for (struct source *s = all.sources; s; s = s->next) {
        if (!kc_account_is(&s->account, before))
            continue;
        pthread_mutex_lock(&s->lock);
        struct kc_account gone = s->account;
        kc_account_copy(&s->account, now);
        s->is_rotated = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
        kc_account_free(&gone);
    }
    pthread_mutex_unlock(&all.lock);
}

/* True when it was a member. */
static bool remove_member(struct source *s, rd_kafka_t *rk)
{
    struct member *gone = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct member **at = &s->members; *at; at = &(*at)->next) {
        if ((*at)->rk == rk) {
            gone = *at;
            *at = gone->next;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    free(gone);
    return gone != NULL;
}

void kc_token_leave(rd_kafka_t *rk)
{
    pthread_mutex_lock(&all.lock);
    for (struct source **at = &all.sources; *at; at = &(*at)->next) {
        struct source *s = *at;
        if (!remove_member(s, rk))
            continue;
        if (!s->members) {
            *at = s->next;
            source_end(s);
        }
        break;
    }
    struct kc_http *unused = all.sources ? NULL : all.http;
    if (unused)
        all.http = NULL;
    kc_http_close(unused);
    pthread_mutex_unlock(&all.lock);
}
