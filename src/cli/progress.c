// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define QUIET_MS 1000
#define EVERY_MS 500
#define WIPE     "\r\033[K"

static struct {
    const struct kc_tally *tally;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_running; /* needs lock */
} line = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void put(const char *text, int len)
{
    if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0) {
        /* a terminal that is gone needs no progress */
    }
}

static void wipe(void)
{
    put(WIPE, sizeof(WIPE) - 1);
}

static int print_bytes(char *out, size_t size, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    size_t u = 0;
    while (bytes >= 1000 && u + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1000;
        u++;
    }
    return snprintf(out, size, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void show(uint64_t records, double per_second)
{
    char text[256], bytes[32], lag[48] = "";
    int64_t behind = atomic_load(&line.tally->lag);
    print_bytes(bytes, sizeof(bytes), (double)atomic_load(&line.tally->bytes));
    if (behind >= 0)
        snprintf(lag, sizeof(lag), ", lag %" PRId64, behind);
    int len = snprintf(text, sizeof(text),
                       WIPE "%" PRIu64 " records, %s, %.0f/s, %" PRIu64 " errors%s", records,
                       bytes, per_second, atomic_load(&line.tally->errors), lag);
    put(text, len);
}

static void *run(void *arg)
{
    (void)arg;
    int64_t started_ms = kc_now_ms(), last_ms = started_ms;
    uint64_t last_records = 0;
    pthread_mutex_lock(&line.lock);
    while (line.is_running) {
        kc_cond_wait(&line.wake, &line.lock, EVERY_MS);
        int64_t now = kc_now_ms();
        uint64_t records = atomic_load(&line.tally->records);
        if (line.is_running && now - started_ms >= QUIET_MS && now > last_ms)
            show(records, (double)(records - last_records) * 1000 / (double)(now - last_ms));
        last_ms = now;
        last_records = records;
    }
    pthread_mutex_unlock(&line.lock);
    return NULL;
}

void kc_progress_start(const struct kc_tally *tally)
{
    if (isatty(STDERR_FILENO) != 1 || isatty(STDOUT_FILENO) == 1)
        return;
    line.tally = tally;
    line.is_running = true;
    kc_cond_init(&line.wake);
    kc_log_set_wiper(wipe);
    kc_thread_start(&line.thread, "kc-progress", run, NULL);
}

void kc_progress_stop(void)
{
    pthread_mutex_lock(&line.lock);
    bool was_running = line.is_running;
    line.is_running = false;
    if (was_running)
        pthread_cond_signal(&line.wake);
    pthread_mutex_unlock(&line.lock);
    if (!was_running)
        return;
    pthread_join(line.thread, NULL);
    kc_log_set_wiper(NULL);
    wipe();
}
