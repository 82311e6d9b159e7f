// SPDX-License-Identifier: Apache-2.0
#include "runtime/metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* --- text --- */

void kc_metrics_family(struct kc_buf *out, const char *name, const char *type, const char *help)
{
    kc_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_value(struct kc_buf *out, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        kc_buf_printf(out, " %.0f\n", value);
    else
        kc_buf_printf(out, " %.15g\n", value);
}

/* The format knows three escapes. */
static void print_label(struct kc_buf *out, const struct kc_label *label, const char *before)
{
    kc_buf_printf(out, "%s%s=\"", before, label->name);
    for (const char *p = label->value; *p; p++) {
        if (*p == '\n')
            kc_buf_puts(out, "\\n");
        else if (*p == '"' || *p == '\\')
            kc_buf_printf(out, "\\%c", *p);
        else
            kc_buf_append(out, p, 1);
    }
    kc_buf_puts(out, "\"");
}

/* `more` is one label behind the others; NULL: none. */
static void print_labels(struct kc_buf *out, const struct kc_label *labels,
                         const struct kc_label *more)
{
    const char *before = "{";
    for (; labels && labels->name; labels++, before = ",")
        print_label(out, labels, before);
    if (more) {
        print_label(out, more, before);
        before = ",";
    }
    if (*before == ',')
        kc_buf_puts(out, "}");
}

void kc_metrics_sample(struct kc_buf *out, const char *name, const struct kc_label *labels,
                       double value)
{
    kc_buf_puts(out, name);
    print_labels(out, labels, NULL);
    print_value(out, value);
}

/* --- durations --- */

/* Written with as many digits as they have, for they are labels too. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[KC_HISTOGRAM_BOUNDS] = {
    { 500, "0.0005" },  { 1000, "0.001" },  { 2500, "0.0025" }, { 5000, "0.005" },
    { 10000, "0.01" },  { 25000, "0.025" }, { 50000, "0.05" },  { 100000, "0.1" },
    { 250000, "0.25" }, { 500000, "0.5" },  { 1000000, "1" },   { 2500000, "2.5" },
    { 5000000, "5" },   { 10000000, "10" }, { 30000000, "30" },
};

void kc_histogram_add(struct kc_histogram *h, int64_t us)
{
    size_t i = 0;
    while (i < KC_HISTOGRAM_BOUNDS && us > bounds[i].us)
        i++;
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, us > 0 ? (uint64_t)us : 0, memory_order_relaxed);
}

uint64_t kc_histogram_count(const struct kc_histogram *h)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= KC_HISTOGRAM_BOUNDS; i++)
        count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
    return count;
}

/* The count is the sum of the buckets as they are read here: the two must agree. */
void kc_histogram_print(struct kc_buf *out, const char *name, const struct kc_label *labels,
                        const struct kc_histogram *h)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= KC_HISTOGRAM_BOUNDS; i++) {
        const struct kc_label le = { "le",
                                     i < KC_HISTOGRAM_BOUNDS ? bounds[i].seconds : "+Inf" };
        count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        kc_buf_printf(out, "%s_bucket", name);
        print_labels(out, labels, &le);
        print_value(out, (double)count);
    }
    kc_buf_printf(out, "%s_sum", name);
    print_labels(out, labels, NULL);
    print_value(out, (double)atomic_load_explicit(&h->sum_us, memory_order_relaxed) / 1e6);
    kc_buf_printf(out, "%s_count", name);
    print_labels(out, labels, NULL);
    print_value(out, (double)count);
}

/* --- the process --- */

static void print_one(struct kc_buf *out, const char *name, const char *type, const char *help,
                      double value)
{
    kc_metrics_family(out, name, type, help);
    kc_metrics_sample(out, name, NULL, value);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

/* The fields of /proc/self/stat behind the name, which may hold anything. */
struct stat_fields {
    unsigned long long threads, start_ticks, virtual_bytes, resident_pages;
};

static bool read_stat(struct stat_fields *f)
{
    char text[1024] = "";
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *behind = strrchr(text, ')');
    return behind &&
           sscanf(behind,
                  ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                  "%*d %llu %*d %llu %llu %llu",
                  &f->threads, &f->start_ticks, &f->virtual_bytes, &f->resident_pages) == 4;
}

/* Since 1970. Ticks count from the machine's start, which is as long ago as its clock says. */
static double started_s(unsigned long long start_ticks)
{
    struct timespec wall, up;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &up);
    double now = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
    double since_boot = (double)up.tv_sec + (double)up.tv_nsec / 1e9;
    return now - since_boot + (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
}

void kc_metrics_process(struct kc_buf *out)
{
    struct stat_fields f;
    struct rlimit limit;
    print_one(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.",
              cpu_seconds());
    print_one(out, "process_open_fds", "gauge", "Open file descriptors.", (double)open_files());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        print_one(out, "process_max_fds", "gauge", "File descriptors that may be open.",
                  (double)limit.rlim_cur);
    if (!read_stat(&f))
        return;
    print_one(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
              (double)f.virtual_bytes);
    print_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
              (double)f.resident_pages * (double)sysconf(_SC_PAGESIZE));
    print_one(out, "process_threads", "gauge", "Threads.", (double)f.threads);
    print_one(out, "process_start_time_seconds", "gauge", "When it was started, since 1970.",
              started_s(f.start_ticks));
}
