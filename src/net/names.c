// SPDX-License-Identifier: Apache-2.0
/* names.c
 *
 * Threads    kc-names  one per look-up, detached: it belongs to nobody once it runs
 * Shared     struct look, freed by whoever lets go of it last */
#include "net/names.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_MS 50 /* how soon an instant that was brought forward is seen */

struct look {
    pthread_mutex_t lock;
    pthread_cond_t done;
    char *host;
    char port[8];
    struct addrinfo hints;
    kc_names_look *look;
    struct addrinfo *found; /* needs lock, as what follows */
    int result, system_error;
    bool is_done, is_left;
    int holders;
};

/* Look-ups of the whole process that nobody waits for any more: threads are what is counted. */
static atomic_int left_behind;

int kc_until_left(const struct kc_until *until)
{
    return kc_ms_until(atomic_load(&until->ms), 3600000);
}

static void let_go(struct look *l)
{
    pthread_mutex_lock(&l->lock);
    bool is_last = --l->holders == 0;
    pthread_mutex_unlock(&l->lock);
    if (!is_last)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    free(l->host);
    free(l);
}

static void *run(void *arg)
{
    struct look *l = arg;
    struct addrinfo *found = NULL;
    int result = l->look(l->host, l->port, &l->hints, &found);
    int system_error = errno;
    pthread_mutex_lock(&l->lock);
    l->found = result == 0 ? found : NULL;
    l->result = result;
    l->system_error = system_error;
    l->is_done = true;
    bool was_left = l->is_left;
    pthread_cond_broadcast(&l->done);
    pthread_mutex_unlock(&l->lock);
    let_go(l);
    if (was_left)
        atomic_fetch_sub(&left_behind, 1);
    return NULL;
}

static void leave(struct look *l) /* needs l->lock, which is let go of too */
{
    if (!l->is_done) {
        l->is_left = true;
        atomic_fetch_add(&left_behind, 1);
    }
    pthread_mutex_unlock(&l->lock);
    let_go(l);
}

static void take(struct kc_names *out, const struct addrinfo *found)
{
    out->count = 0;
    for (; found && out->count < KC_NAMES_MAX; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(out->list[0]))
            continue;
        memcpy(&out->list[out->count], found->ai_addr, found->ai_addrlen);
        out->len[out->count++] = found->ai_addrlen;
    }
}

static bool read_result(struct kc_names *out, const struct look *l, struct kc_error *err)
{
    if (l->result == 0) {
        take(out, l->found);
        if (out->count > 0)
            return true;
        kc_error_set(err, KC_UNREACHABLE, 0, "%s has no address", l->host);
    } else if (l->result == EAI_SYSTEM) {
        kc_error_set(err, KC_UNREACHABLE, l->system_error, "%s cannot be looked up: %s",
                     l->host, strerror(l->system_error));
    } else if (l->result == EAI_AGAIN) {
        kc_error_set(err, KC_UNREACHABLE, l->result, "no name server has answered for %s (%s)",
                     l->host, gai_strerror(l->result));
    } else {
        kc_error_set(err, KC_UNREACHABLE, l->result, "there is no host of the name %s (%s)",
                     l->host, gai_strerror(l->result));
    }
    return false;
}

static bool is_literal(struct kc_names *out, const char *host, const char *port, int family)
{
    const struct addrinfo hints = { .ai_family = family,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    take(out, found);
    freeaddrinfo(found);
    return out->count > 0;
}

static struct look *start(const char *host, const char *port, const struct addrinfo *hints,
                          kc_names_look *look)
{
    pthread_t thread;
    struct look *l = kc_new0(struct look);
    pthread_mutex_init(&l->lock, NULL);
    kc_cond_init(&l->done);
    l->host = kc_strdup(host);
    (void)snprintf(l->port, sizeof(l->port), "%s", port);
    l->hints = *hints;
    l->look = look ? look : getaddrinfo;
    l->holders = 2;
    if (!kc_thread_try(&thread, "kc-names", run, l)) {
        l->holders = 1;
        let_go(l);
        return NULL;
    }
    pthread_detach(thread);
    return l;
}

/* Waits for it as long as there is time. The look-up with its lock held, for leave(); NULL
 * where too many hang, or no thread can be had. */
static struct look *look_up(const char *host, const char *port, const struct addrinfo *hints,
                            const struct kc_until *until, kc_names_look *look)
{
    int left;
    if (atomic_load(&left_behind) >= KC_NAMES_LEFT_MAX)
        return NULL;
    struct look *l = start(host, port, hints, look);
    if (!l)
        return NULL;
    pthread_mutex_lock(&l->lock);
    while (!l->is_done && (left = kc_until_left(until)) > 0)
        kc_cond_wait(&l->done, &l->lock, left < SLICE_MS ? left : SLICE_MS);
    return l;
}

bool kc_names_find(struct kc_names *out, const char *host, int port, int family,
                   const struct kc_until *until, kc_names_look *look, struct kc_error *err)
{
    char service[8];
    const struct addrinfo hints = { .ai_family = family,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
    (void)snprintf(service, sizeof(service), "%d", port & 0xffff);
    out->count = 0;
    if (is_literal(out, host, service, family))
        return true;
    struct look *l = look_up(host, service, &hints, until, look);
    if (!l) {
        kc_error_set(err, KC_BUSY, 0,
                     "%d look-ups of names hang already, or there is no thread",
                     KC_NAMES_LEFT_MAX);
        return false;
    }
    bool ok = l->is_done && read_result(out, l, err);
    if (!l->is_done)
        kc_error_set(err, KC_TIMEOUT, 0, "no name server has said in time what %s is", host);
    leave(l);
    return ok;
}

int kc_names_list(const char *host, const char *port, const struct addrinfo *hints,
                  const struct kc_until *until, struct addrinfo **out)
{
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(host, port, &numeric, out) == 0)
        return 0;
    struct look *l = look_up(host, port, hints, until, NULL);
    if (!l)
        return EAI_AGAIN;
    int result = l->is_done ? l->result : EAI_AGAIN, system_error = l->system_error;
    *out = l->found;
    l->found = NULL;
    leave(l);
    errno = system_error;
    return result;
}

void kc_names_show(const struct kc_names *names, char out[KC_NAMES_SHOWN_SIZE])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < names->count; i++) {
        char one[NI_MAXHOST];
        if (getnameinfo((const struct sockaddr *)&names->list[i], names->len[i], one,
                        sizeof(one), NULL, 0, NI_NUMERICHOST) != 0 ||
            len + strlen(one) + 3 > KC_NAMES_SHOWN_SIZE)
            continue;
        len += (size_t)snprintf(out + len, KC_NAMES_SHOWN_SIZE - len, "%s%s", len ? ", " : "",
                                one);
    }
}
