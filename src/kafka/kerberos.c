// SPDX-License-Identifier: Apache-2.0
/* kerberos.c
 *
 * Threads    kc-kerberos   renews the tickets; started when there are some
 *            others        clients that are opened: the first of them waits for kinit
 * Locks      all.lock, never held while kinit runs: is_fetching holds the other clients, which
 *            need the first ticket too
 */
#include "kafka/kerberos.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "kafka/ticket_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MS       10  /* how often it is looked whether kinit is gone */
#define RETRY_MS      500 /* doubled up to … */
#define RETRY_MAX_MS  30000
#define RENEW_MIN_MS  500 /* whatever a ticket's life: not more often */
#define RENEW_MAX_MS  (6 * 3600 * 1000)
#define WAIT_MS       60000
#define CACHE_BYTES   1048576
#define PATH_SIZE     256
#define ENV_MAX       32
#define COMPLAINT_MAX 400

/* One for the process; see the header. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    char *principal, *keytab; /* NULL: there is no keytab */
    char folder[PATH_SIZE];
    bool has_ticket; /* and so a thread */
    bool is_fetching;
    bool is_stopping;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- kinit --- */

/* What kinit needs of our environment: nothing that could hold a secret. */
static void pick_environment(char *env[ENV_MAX])
{
    static const char *const names[] = { "PATH=", "HOME=", "TMPDIR=", "KRB5" };
    static char english[] = "LC_ALL=C"; /* its words decide what kind of error it is */
    size_t n = 0;
    env[n++] = english;
    for (char **e = environ; *e && n < ENV_MAX - 1; e++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strncmp(*e, names[i], strlen(names[i])) == 0) {
                env[n++] = *e;
                break;
            }
        }
    }
    env[n] = NULL;
}

static int spawn(pid_t *pid, char *const argv[], int complaints)
{
    char *env[ENV_MAX];
    pick_environment(env);
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, complaints, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none); /* ours are blocked */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(pid, argv[0], &files, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* Waits for kinit's end, or makes it end. Its exit code, or -1. */
static int wait_for(pid_t pid, int wait_ms)
{
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    int status = 0;
    pid_t gone;
    while ((gone = waitpid(pid, &status, WNOHANG)) == 0 && kc_now_ms() < deadline_ms)
        (void)poll(NULL, 0, STEP_MS);
    if (gone == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return -1;
    }
    return gone == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_any(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strstr(text, *words))
            return true;
    }
    return false;
}

enum kc_code kc_kerberos_code(const char *complaint)
{
    static const char *const absent[] = { "Cannot contact any KDC", "temporarily", "timed out",
                                          NULL };
    static const char *const wrong[] = { "eytab",           "ey table",
                                         "Cannot find KDC", "configuration file",
                                         "alformed",        NULL };
    return has_any(complaint, absent)  ? KC_UNAVAILABLE
           : has_any(complaint, wrong) ? KC_CONFIG
                                       : KC_AUTH;
}

/* "kinit: Client … not found" without its own name and what follows the first line. */
static void read_complaint(int fd, char text[COMPLAINT_MAX])
{
    static const char own[] = "kinit: ";
    ssize_t n =
        read(fd, text, COMPLAINT_MAX - 1); /* kinit is gone: whatever it said is there */
    text[n > 0 ? n : 0] = '\0';
    if (strncmp(text, own, sizeof(own) - 1) == 0)
        memmove(text, text + sizeof(own) - 1, strlen(text) - sizeof(own) + 2);
    text[strcspn(text, "\r\n")] = '\0';
}

/* kinit asks the KDC first, and where that is away says nothing of a keytab that is not there.
 */
static bool has_keytab(struct kc_error *err)
{
    static const char kind[] = "FILE:";
    bool has_kind = strncmp(all.keytab, kind, sizeof(kind) - 1) == 0;
    const char *path = has_kind ? all.keytab + sizeof(kind) - 1 : all.keytab;
    if (access(path, R_OK) == 0)
        return true;
    kc_error_set(err, KC_CONFIG, errno, "the keytab %s: %s", path, strerror(errno));
    return false;
}

static bool run_kinit(const char *cache, int wait_ms, struct kc_error *err)
{
    char name[] = "kinit", k[] = "-k", t[] = "-t", c[] = "-c", dashes[] = "--";
    char target[PATH_SIZE + 32], complaint[COMPLAINT_MAX] = "";
    snprintf(target, sizeof(target), "FILE:%s", cache);
    char *argv[] = { name, k, t, all.keytab, c, target, dashes, all.principal, NULL };
    int ends[2];
    pid_t pid;
    if (!has_keytab(err))
        return false;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        kc_error_set(err, KC_UNAVAILABLE, errno, "kinit: %s", strerror(errno));
        return false;
    }
    int failed = spawn(&pid, argv, ends[1]);
    close(ends[1]);
    int code = failed ? -1 : wait_for(pid, wait_ms);
    if (failed == ENOENT)
        kc_error_set(err, KC_CONFIG, failed,
                     "kinit is not installed; Debian has it in the package krb5-user");
    else if (failed)
        kc_error_set(err, KC_CONFIG, failed, "kinit cannot be run: %s", strerror(failed));
    else if (code < 0)
        kc_error_set(err, KC_UNAVAILABLE, 0, "kinit did not end within %d ms", wait_ms);
    if (code > 0) {
        read_complaint(ends[0], complaint);
        kc_error_set(err, kc_kerberos_code(complaint), 0, "kinit: %s",
                     *complaint ? complaint : "no reason given");
    }
    close(ends[0]);
    return code == 0;
}

/* --- tickets --- */

/* How long to wait before the next ones are due. */
static int renewal_ms(const char *cache)
{
    int64_t start_s, end_s, due_ms = RENEW_MIN_MS;
    char *bytes = kc_alloc0(1, CACHE_BYTES);
    FILE *file = fopen(cache, "re");
    size_t len = file ? fread(bytes, 1, CACHE_BYTES, file) : 0;
    if (file)
        fclose(file);
    if (kc_ticket_times((struct kc_text){ bytes, len }, &start_s, &end_s))
        due_ms = (end_s - start_s) * 1000 / 5 * 4;
    else
        due_ms = RETRY_MAX_MS;
    explicit_bzero(bytes, len); /* session keys */
    free(bytes);
    due_ms = due_ms < RENEW_MAX_MS ? due_ms : RENEW_MAX_MS;
    return (int)(due_ms > RENEW_MIN_MS ? due_ms : RENEW_MIN_MS);
}

/* New tickets are written beside the old ones and take their place at once, so that whoever
 * signs in meanwhile finds either. */
static bool fetch(int wait_ms, int *due_ms, struct kc_error *err)
{
    char fresh[PATH_SIZE + 16], cache[PATH_SIZE + 16];
    snprintf(fresh, sizeof(fresh), "%s/fresh", all.folder);
    snprintf(cache, sizeof(cache), "%s/tickets", all.folder);
    if (!run_kinit(fresh, wait_ms, err)) {
        kc_error_wrap(err, "get Kerberos tickets for '%s'", all.principal);
        return false;
    }
    if (rename(fresh, cache) != 0) {
        kc_error_set(err, KC_CONFIG, errno, "%s: %s", cache, strerror(errno));
        return false;
    }
    *due_ms = renewal_ms(cache);
    kc_log(KC_DEBUG, "tickets_renewed", KC_S("principal", all.principal),
           KC_I("next_ms", *due_ms));
    return true;
}

static void *run(void *arg)
{
    int retry_ms = RETRY_MS, wait_ms = *(int *)arg;
    free(arg);
    int64_t due_ms = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&all.lock);
    while (!all.is_stopping) {
        struct kc_error err = { 0 };
        wait_ms = kc_ms_until(due_ms, WAIT_MS);
        if (wait_ms > 0) {
            kc_cond_wait(&all.changed, &all.lock, wait_ms);
            continue;
        }
        pthread_mutex_unlock(&all.lock);
        if (fetch(KC_KERBEROS_MS, &wait_ms, &err)) {
            retry_ms = RETRY_MS;
        } else {
            kc_log(KC_WARN, "tickets_not_renewed", KC_E(&err));
            wait_ms = retry_ms;
            retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 : RETRY_MAX_MS;
        }
        due_ms = kc_now_ms() + wait_ms;
        pthread_mutex_lock(&all.lock);
    }
    pthread_mutex_unlock(&all.lock);
    return NULL;
}

/* --- begin and end --- */

static bool make_folder(struct kc_error *err)
{
    const char *base = getenv("TMPDIR");
    snprintf(all.folder, sizeof(all.folder), "%s/kafka-component.XXXXXX",
             base && *base == '/' && strlen(base) < PATH_SIZE - 64 ? base : "/tmp");
    char variable[PATH_SIZE + 16];
    if (!mkdtemp(all.folder)) { /* 0700 */
        kc_error_set(err, KC_CONFIG, errno, "a folder for Kerberos tickets: %s: %s", all.folder,
                     strerror(errno));
        all.folder[0] = '\0';
        return false;
    }
    snprintf(variable, sizeof(variable), "FILE:%s/tickets", all.folder);
    return setenv("KRB5CCNAME", variable, 1) == 0;
}

bool kc_kerberos_prepare(const struct kc_doc *credentials, struct kc_error *err)
{
    struct kc_credentials c = { 0 };
    struct kc_faults faults;
    bool ok = true;
    if (!kc_doc_has(credentials, "kerberosKeytab"))
        return true;
    kc_faults_init(&faults);
    if (kc_credentials_read(&c, credentials, KC_UNKNOWN_IS_WARNING, &faults) &&
        c.kerberos_keytab && !all.principal) {
        kc_cond_init(&all.changed);
        all.principal = kc_strdup(c.kerberos_principal);
        all.keytab = kc_strdup(c.kerberos_keytab);
        ok = make_folder(err);
    }
    kc_faults_deinit(&faults);
    kc_credentials_free(&c);
    return ok;
}

static bool is_ours(const struct kc_credentials *c, struct kc_error *err)
{
    if (!all.principal) {
        kc_error_set(err, KC_CONFIG, 0,
                     "a keytab has to stand in the credentials of the start");
        return false;
    }
    if (strcmp(all.principal, c->kerberos_principal) == 0 &&
        strcmp(all.keytab, c->kerberos_keytab) == 0)
        return true;
    kc_error_set(err, KC_CONFIG, 0,
                 "this process signs in to Kerberos as '%s' already, and a process has one "
                 "identity: start another one for '%s'",
                 all.principal, c->kerberos_principal);
    return false;
}

/* needs all.lock, and lets it go meanwhile */
static bool fetch_first(int wait_ms, struct kc_error *err)
{
    int *due_ms = kc_new0(int);
    all.is_fetching = true;
    pthread_mutex_unlock(&all.lock);
    bool ok = fetch(wait_ms, due_ms, err);
    pthread_mutex_lock(&all.lock);
    all.is_fetching = false;
    all.has_ticket = ok;
    pthread_cond_broadcast(&all.changed);
    if (ok)
        kc_thread_start(&all.thread, "kc-kerberos", run, due_ms);
    else
        free(due_ms);
    return ok;
}

bool kc_kerberos_ensure(const struct kc_credentials *c, int wait_ms, struct kc_error *err)
{
    int64_t deadline_ms = kc_now_ms() + wait_ms;
    pthread_mutex_lock(&all.lock);
    bool ok = is_ours(c, err);
    while (ok && all.is_fetching && (wait_ms = kc_ms_until(deadline_ms, WAIT_MS)) > 0)
        kc_cond_wait(&all.changed, &all.lock, wait_ms);
    if (ok && all.is_fetching) {
        kc_error_set(err, KC_UNAVAILABLE, 0, "kinit did not end in time");
        ok = false;
    }
    if (ok && !all.has_ticket)
        ok = fetch_first(kc_ms_until(deadline_ms, WAIT_MS), err);
    pthread_mutex_unlock(&all.lock);
    return ok;
}

static void remove_folder(void)
{
    static const char *const names[] = { "fresh", "tickets" };
    char path[PATH_SIZE + 16];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", all.folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(all.folder);
    all.folder[0] = '\0';
}

void kc_kerberos_close(void)
{
    pthread_mutex_lock(&all.lock);
    bool has_thread = all.has_ticket;
    all.is_stopping = true;
    if (has_thread)
        pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
    if (has_thread)
        pthread_join(all.thread, NULL);
    if (!all.principal)
        return;
    if (all.folder[0])
        remove_folder();
    pthread_cond_destroy(&all.changed);
    free(all.principal);
    free(all.keytab);
    all.principal = all.keytab = NULL;
    all.has_ticket = all.is_stopping = false;
}
